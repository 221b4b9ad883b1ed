# audit.pl N MINTED OUT ERR COMMAND... - the counting of audit.t: writes N messages, made of those in the folder MINTED, to the
# standard input of an audit, and prints "name value" lines about the process and its workers: peaks of resident memory in KiB (after a
# tenth, after all), CPU ticks of each worker. They are read while the audit still waits for more.
use strict;
use warnings;
use MIME::Base64;
use Time::HiRes qw(sleep time);

my ($n, $minted, $out, $err, @command) = @ARGV;
my @parts;
for my $file (sort glob "$minted/*.xml") {
	open my $f, '<', $file or die "$file: $!";
	local $/;
	my $xml = <$f>;
	my ($response) = $xml =~ /:Response[^>]* ID="([^"]+)"/ or die "$file: no Response";
	my ($assertion) = $xml =~ /[<:]Assertion[^>]* ID="([^"]+)"/ or die "$file: no Assertion";
	push @parts, [$xml, $response, $assertion];
}
die "nothing in $minted" unless @parts;

# Each message has an ID of its own. The Response is not signed, so every first stays valid; every second has an assertion with an ID
# of its own as well: to be remembered, and forged.
sub message {
	my ($i) = @_;
	my ($xml, $response, $assertion) = @{$parts[($i >> 1) % @parts]};
	$xml =~ s/ ID="\Q$response\E"/ ID="_r$i"/ or die 'no ID';
	$xml =~ s/\Q$assertion\E/_a$i/g if $i & 1;
	(my $text = encode_base64($xml, '')) =~ s/([+\/=])/sprintf '%%%02X', ord $1/ge;
	return "SAMLResponse=$text\n";
}

sub slurp {
	open my $f, '<', $_[0] or return '';
	local $/;
	return scalar <$f> // '';
}
sub peak { slurp("/proc/$_[0]/status") =~ /VmHWM:\s+(\d+)/ or die "process $_[0] is gone"; return $1 }
sub ticks { slurp("/proc/$_[0]/stat") =~ /\) (.*)/ or die "process $_[0] is gone"; my @f = split ' ', $1; return $f[11] + $f[12] }
sub children { return map { split ' ', slurp($_) } glob "/proc/$_[0]/task/*/children" }
sub largest { my ($max) = sort { $b <=> $a } map { peak($_) } @_; return $max }

pipe my $r, my $w or die "pipe: $!";
my $pid = fork // die "fork: $!";
if (!$pid) {
	close $w;
	open STDIN, '<&', $r or die $!;
	open STDOUT, '>', $out or die $!;
	open STDERR, '>', $err or die $!;
	exec @command or die "$command[0]: $!";
}
close $r;
$SIG{PIPE} = sub { die "the audit ended\n" };

# What is in the pipe and under way is not printed yet; all but a few hundred are, when so many lines are there.
sub wait_for_lines {
	my ($want) = @_;
	my $have = 0;
	open my $f, '<', $out or die "$out: $!";
	for (my $t = time; time - $t < 600;) {
		while (sysread $f, my $buf, 1 << 20) { $have += ($buf =~ tr/\n//) }
		return if $have >= $want;
		sleep 0.05;
		die "the audit ended\n" unless kill 0, $pid;
	}
	die "only $have lines, $want wanted\n";
}

my $began = time;
my (@front, @workers);
for my $i (0 .. $n - 1) {
	my $text = message($i);
	for (my $at = 0; $at < length $text;) { $at += syswrite($w, $text, length($text) - $at, $at) // die "write: $!" }
	next unless $i + 1 == int($n / 10) || $i + 1 == $n;
	wait_for_lines($i + 1 - 400);
	my @pids = children($pid);
	push @front, peak($pid);
	push @workers, largest(@pids);
}
my @pids = children($pid);
my @ticks = map { ticks($_) } @pids;
my ($most) = sort { $b <=> $a } @ticks;
print "command ", ticks($pid), "\n";
print "front @front\nlargest @workers\nticks @ticks\n";
print "workers ", scalar @pids, "\nbusy ", scalar(grep { $_ * 10 > $most } @ticks), "\n";
chomp(my $cores = `nproc`);
print "cores $cores\n";
close $w;
waitpid $pid, 0;
print "exit ", $? >> 8, "\n";
printf "seconds %.1f\n", time - $began;
