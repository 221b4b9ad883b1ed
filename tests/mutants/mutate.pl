#!/usr/bin/perl
# mutate.pl OUT FILE... - rewrites C sources so that every single check can be switched to "pass" at run time.
#
# Nothing in the sources has to know about it: each FILE is written again under OUT, line by line the same, with its
# checks numbered and wrapped (mutant.h), and OUT/sites.c names them. A check is
#
#   if (A || B) <refuses>           A and B, each of them: the mutant takes it for false and goes on below
#   return A && B ? 0 : <refuses>   A and B, each of them: the mutant takes it for true
#   return A || B ? <refuses> : 0   likewise, taken for false
#   if (A && B) ... else <refuses>  likewise, taken for true
#   return A && B;                  in a bool function: each of them, taken for true
#   if (A && B) <succeeds>          each of them, taken for true; <succeeds> is `x = true`, `return true`, `return 0`
#   return f(x);                    in a function that gives 0 for success: what f found is forgotten
#   <refuses>                       alone at the end of a function, in a case or an else: does nothing and gives 0
#
# and <refuses> is a call that raises an error (err_set() and every function or macro that can do nothing else, found
# here), `return -1`, `return false`, `return NULL`, `return ENUM_CONSTANT`, `goto out`, `continue`.
#
# That a function passes on what another has found is no check of its own: the checks of the other one stand for it. It
# is one where the other is a small helper that decides by what it is given, and is called in several places ("must be
# this text", "must end here"): then each place is a check, and its mutant forgets the error.
#
# It reads the house style (clang-format, function brace at the start of a line) and stops on what it cannot read.
use strict;
use warnings;

my ($out, @files) = @ARGV;
die "usage: mutate.pl OUT FILE...\n" unless @files;

my (@sites, %file_text, %file_mask, %file_functions, %local_refusers);
my %refusers = map { $_ => 1 } qw(err_set err_mismatch err_wrap err_at err_set_at err_mismatch_at);

sub slurp { my $f = shift; local $/; open my $h, '<', $f or die "$f: $!\n"; my $t = <$h>; close $h; return $t; }

# The same text with comments, strings, character constants and preprocessor lines blanked, newlines kept.
sub mask {
    my $t = shift;
    $t =~ s{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|^\#(?:[^\n\\]|\\.|\\\n)*)}
           {my $s = $1; my $q = $s =~ /^["']/ ? '1' : ' '; $s =~ s/[^\n]/$q/g; $s}gemsx;
    return $t;
}

# Every function: name, type, and where its body is.
sub functions {
    my ($file, $m) = @_;
    my @f;
    while ($m =~ /^([A-Za-z_][^\n;{}]*\n(?:[ ]+[^\n;{}]*\n)*)\{\n(.*?)^\}$/msg) {
        my ($head, $body, $at) = ($1, $2, $-[2]);
        (my $h = $head) =~ s/__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)//g;
        my ($type, $name) = $h =~ /^([^(]*?)(\w+)\s*\(/ or next;
        push @f, {name => $name, takes_err => ($h =~ /struct err \*e\)/ ? 1 : 0), type => $type, static => ($h =~ /^static/ ? 1 : 0), from => $at, to => $at + length $body};
    }
    return @f;
}

my ($file, $m, $src);    # of the file at hand
sub where { my $p = shift; my $n = 1 + (substr($src, 0, $p) =~ tr/\n//); return "$file:$n"; }

# Position behind the bracket that closes the one at $p.
sub closing {
    my $p = shift;
    my $depth = 0;
    for (; $p < length $m; $p++) {
        my $c = substr($m, $p, 1);
        $depth++ if $c =~ /[(\[{]/;
        if ($c =~ /[)\]}]/ && --$depth == 0) { return $p + 1; }
    }
    die where($p), ": a bracket does not close\n";
}

sub skip { my $p = shift; pos($m) = $p; $m =~ /\G\s*/g; return pos $m; }

# One statement from $p: {kind, from, to, ...}.
sub statement {
    my $p = skip(shift);
    my $rest = substr($m, $p, 80);
    if ($rest =~ /^\{/) {
        my $to = closing($p);
        my @list;
        for (my $q = skip($p + 1); $q < $to - 1; $q = skip($q)) {
            push @list, statement($q);
            $q = $list[-1]{to};
        }
        return {kind => 'block', from => $p, to => $to, list => \@list};
    }
    if ($rest =~ /^(if|for|while|switch)\b\s*/) {
        my ($kind, $open) = ($1, $p + length $&);
        my $close = closing($open);
        my $body = statement($close);
        my %s = (kind => $kind, from => $p, cond => [$open + 1, $close - 1], then => $body, to => $body->{to});
        if ($kind eq 'if' && substr($m, my $q = skip($body->{to}), 5) =~ /^else\b/) {
            $s{else} = statement($q + 4);
            $s{to} = $s{else}{to};
        }
        return \%s;
    }
    if ($rest =~ /^do\b/) {
        my $body = statement($p + 2);
        my $to = index($m, ';', closing(index($m, '(', $body->{to}))) + 1;
        return {kind => 'do', from => $p, then => $body, to => $to};
    }
    if ($rest =~ /^(?:case\b[^:]*|default|[a-z]\w*)\s*:(?!:)/) {
        return {kind => 'label', from => $p, to => $p + length $&};
    }
    my $q = $p;
    while (substr($m, $q, 1) ne ';') {
        $q = substr($m, $q, 1) =~ /[(\[{]/ ? closing($q) : $q + 1;
        die where($p), ": a statement does not end\n" if $q >= length $m;
    }
    return {kind => 'simple', from => $p, to => $q + 1};
}

# Splits [from, to) at a top-level operator: list of [from, to].
sub split_at {
    my ($from, $to, $operator) = @_;
    my (@parts, $start);
    $start = $from;
    for (my $p = $from; $p < $to;) {
        if (substr($m, $p, length $operator) eq $operator) {
            push @parts, [$start, $p];
            $p += length $operator;
            $start = $p;
        } else {
            $p = substr($m, $p, 1) =~ /[(\[{]/ ? closing($p) : $p + 1;
        }
    }
    push @parts, [$start, $to];
    for my $part (@parts) {
        $part->[0]++ while substr($m, $part->[0], 1) =~ /\s/;
        $part->[1]-- while substr($m, $part->[1] - 1, 1) =~ /\s/;
    }
    return @parts;
}

# $type: of the function, if the text is what it returns.
sub refusing_text {
    my ($text, $type) = @_;
    return 1 if $text =~ /^\s*-1\s*$/;
    if ($type) {
        return 1 if $text =~ /^\s*(?:false|NULL|\(struct slice\)\{NULL, 0\}|[A-Z][A-Z0-9_]*[A-Z])\s*$/;
        return 1 if $text =~ /^\s*0\s*$/ && $type =~ /\b(?:uint32_t|size_t)\s*$/;
    }
    while ($text =~ /\b([A-Za-z_]\w*)\s*\(/g) {
        return 1 if $refusers{$1} || $local_refusers{$file}{$1};
    }
    return 0;
}

# The three parts of a conditional expression in [from, to), or nothing.
sub ternary {
    my ($from, $to) = @_;
    return if split_at($from, $to, ',') > 1; # several declarations
    my ($cond, @rest) = split_at($from, $to, '?');
    return unless @rest == 1;
    my @branches = split_at($rest[0][0], $rest[0][1], ':');
    return @branches == 2 ? ($cond, @branches) : ();
}

# Where the value of a simple statement is: behind `return` (then with the function's type), or behind its first `=`.
sub value_of {
    my ($s, $type) = @_;
    my $t = substr($m, $s->{from}, $s->{to} - 1 - $s->{from});
    return ($s->{from} + length $&, $s->{to} - 1, $type) if $t =~ /^return\b\s*/;
    return ($s->{from} + length $&, $s->{to} - 1, '') if $t =~ /^[\w \*\->.\[\]]+=(?!=)\s*/;
    return ($s->{from}, $s->{to} - 1, '');
}

sub refuses {
    my ($s, $type) = @_;
    if ($s->{kind} eq 'block') {
        my @direct = grep { $_->{kind} eq 'simple' } @{$s->{list}};
        return 0 unless @direct;
        my $last = $s->{list}[-1];
        return 1 if $last->{kind} eq 'simple' && refuses($last, $type) && substr($m, $last->{from}, 8) ne 'continue';
        for my $d (@direct) {
            my $t = substr($m, $d->{from}, $d->{to} - $d->{from});
            return 1 if $t =~ /^\(void\)/ && refuses($d, $type);
        }
        return 0;
    }
    return 0 unless $s->{kind} eq 'simple';
    my $t = substr($m, $s->{from}, $s->{to} - $s->{from});
    return 1 if $t =~ /^(?:goto out|continue);/;
    my ($from, $to, $of) = value_of($s, $type);
    if (my (undef, $a, $b) = ternary($from, $to)) {
        return refusing_text(substr($m, $a->[0], $a->[1] - $a->[0]), $of) &&
               refusing_text(substr($m, $b->[0], $b->[1] - $b->[0]), $of);
    }
    my $value = substr($m, $from, $to - $from);
    return $t =~ /^return\b/ || $value !~ /^-1$/ ? refusing_text($value, $of) : 0;
}

# --- sites --------------------------------------------------------------------------------------------------------

my (@inserts, $function, %checking, %local_checking, %helper, %local_helper);

sub is_checking { my $f = shift; return $checking{$f} || $local_checking{$file}{$f}; }
sub is_helper { my $f = shift; return $helper{$f} || $local_helper{$file}{$f}; }

# The functions of the program whose result is passed on: f(x) != 0, or all of the text.
sub passed_on {
    my $text = shift;
    my @names;
    while ($text =~ /\b([A-Za-z_]\w*)(\((?:[^()]++|(?2))*\))(?= != 0|\s*$)/g) {
        push @names, $1;
    }
    return grep { is_checking($_) } @names;
}

sub add_site {
    my ($from, $to, $how) = @_;
    (my $text = substr($src, $from, $to - $from)) =~ s/\s+/ /g;
    if ($how eq 'MUTANT_REFUSES' || $how eq 'MUTANT_RESULT') {
        my @others = passed_on($text);
        return if @others && grep { !is_helper($_) } @others;
        return if $how eq 'MUTANT_RESULT' && !@others;
        $how = 'MUTANT_FORGETS' if @others && $how eq 'MUTANT_REFUSES' && $function->{takes_err};
    }
    my $n = @sites;
    push @sites, {file => $file, function => $function->{name}, text => $text, line => 1 + (substr($src, 0, $from) =~ tr/\n//)};
    push @inserts, [$from, "$how($n, "], [$to, ')'];
}

sub conditions {
    my ($range, $operator, $how) = @_;
    my $other = $operator eq '||' ? '&&' : '||';
    my $whole = split_at(@$range, '?') > 1 || ($operator eq '&&' && split_at(@$range, $other) > 1);
    add_site(@$_, $how) for $whole ? $range : split_at(@$range, $operator);
}

# `x = true;`, `return true;`, `return 0;` of a function that gives 0 for success, or a block that ends so.
sub succeeds {
    my ($s, $type) = @_;
    return @{$s->{list}} && succeeds($s->{list}[-1], $type) if $s->{kind} eq 'block';
    return 0 unless $s->{kind} eq 'simple';
    my $t = substr($m, $s->{from}, $s->{to} - $s->{from});
    return $t =~ /^(?:return true|\*?\w+ = true);$/ || ($t eq 'return 0;' && $type =~ /\bint\s*$/);
}

# A refusal that no condition of this function stands before; one that follows such a one belongs to it.
sub unconditional {
    my ($s, $before) = @_;
    my $t = substr($m, $s->{from}, $s->{to} - $s->{from});
    while ($t =~ /\b([A-Za-z_]\w*)\s*\(/g) {
        my ($name, $at) = ($1, $s->{from} + $-[1]);
        next unless $refusers{$name} || $local_refusers{$file}{$name};
        my $to = closing(index($m, '(', $at));
        if ($before && defined $before->{site}) {
            $s->{site} = $before->{site};
            push @inserts, [$at, "MUTANT_CALL($s->{site}, "], [$to, ')'];
        } elsif ($name !~ /^(?:err_wrap|err_at|dom_at|at_place)$/) { # these add words to a refusal
            $s->{site} = @sites;
            add_site($at, $to, 'MUTANT_CALL');
        }
        return;
    }
}

sub walk {
    my ($s, $before) = @_;
    my $type = $function->{type};
    if ($s->{kind} eq 'block') {
        my $last;
        for my $inner (@{$s->{list}}) {
            walk($inner, $last);
            $last = $inner;
        }
    } elsif ($s->{kind} eq 'if') {
        if (refuses($s->{then}, $type)) {
            conditions($s->{cond}, '||', 'MUTANT_REFUSES');
            walk($s->{else}) if $s->{else} && !refuses($s->{else}, $type);
            return;
        }
        walk($s->{then});
        if ($s->{else} && refuses($s->{else}, $type)) {
            conditions($s->{cond}, '&&', 'MUTANT_NEEDS');
        } elsif (succeeds($s->{then}, $type)) {
            conditions($s->{cond}, '&&', 'MUTANT_PASSES');
        }
        walk($s->{else}) if $s->{else} && !refuses($s->{else}, $type);
    } elsif ($s->{then}) {
        walk($s->{then});
    } elsif ($s->{kind} eq 'simple') {
        my ($from, $to, $of) = value_of($s, $type);
        if (my ($cond, $a, $b) = ternary($from, $to)) {
            my @r = map { refusing_text(substr($m, $_->[0], $_->[1] - $_->[0]), $of) } $a, $b;
            conditions($cond, '||', 'MUTANT_REFUSES') if $r[0] && !$r[1];
            conditions($cond, '&&', 'MUTANT_NEEDS') if $r[1] && !$r[0];
            return;
        }
        my $t = substr($m, $s->{from}, $s->{to} - $s->{from});
        my @or = split_at($from, $to, '||');
        if ($type =~ /\bbool\s*$/ && $t =~ /^return\b/ && @or == 1 &&
            substr($m, $from, $to - $from) =~ /&&|[=!<>]=|[<>]/) {
            conditions([$from, $to], '&&', 'MUTANT_PASSES');
        } elsif (refuses($s, $type)) {
            unconditional($s, $before);
        } elsif ($type =~ /\bint\s*$/ && $t =~ /^return \w+\(/ && closing(index($m, '(', $from)) == $to) {
            add_site($from, $to, 'MUTANT_RESULT');
        }
    }
}

# --- reading everything, then rewriting it --------------------------------------------------------------------------

for my $f (@files) {
    $file_text{$f} = slurp($f);
    $file_mask{$f} = mask($file_text{$f});
    $file_functions{$f} = [functions($f, $file_mask{$f})];
    while ($file_text{$f} =~ /^#define (\w+)\(((?:[^\n\\]|\\.|\\\n)*)/mg) {
        my ($name, $body) = ($1, $2);
        $local_refusers{$f}{$name} = 1 if $body =~ /\berr_(?:set|mismatch)\(/;
    }
}
$refusers{dom_refuse} = 1; # of dom.h

# A function that can do nothing but refuse is one more way to refuse. New ones may make others so.
for (my $found = 1; $found;) {
    $found = 0;
    for my $f (@files) {
        ($file, $m, $src) = ($f, $file_mask{$f}, $file_text{$f});
        for my $fn (@{$file_functions{$f}}) {
            next if $refusers{$fn->{name}} || $local_refusers{$f}{$fn->{name}};
            next unless $fn->{type} =~ /\bint\s*$/;
            my $body = substr($m, $fn->{from}, $fn->{to} - $fn->{from});
            my @returns = map { s/^\s+//r } $body =~ /\breturn\b([^;]*);/g;
            next unless @returns && !grep { s/(\((?:[^()]++|(?1))*\))/()/gr =~ /\?/ || !refusing_text($_, $fn->{type}) } @returns;
            $local_refusers{$f}{$fn->{name}} = 1;
            $refusers{$fn->{name}} = 1 unless $fn->{static};
            $found = 1;
        }
    }
}

# Functions that may refuse, and the small ones among them that ask no other and are called in several places.
my $everything = join "\n", map { $file_mask{$_} } @files;
for my $f (@files) {
    for my $fn (@{$file_functions{$f}}) {
        my $body = substr($file_mask{$f}, $fn->{from}, $fn->{to} - $fn->{from});
        next if $refusers{$fn->{name}} || $local_refusers{$f}{$fn->{name}} || $fn->{type} !~ /\bint\s*$/;
        next unless $body =~ /\breturn\b[^;]*(?:-1|\()|\bgoto out\b/; # it cannot fail
        $local_checking{$f}{$fn->{name}} = 1;
        $checking{$fn->{name}} = 1 unless $fn->{static};
    }
}
for my $f (@files) {
    $file = $f;
    for my $fn (@{$file_functions{$f}}) {
        next unless $local_checking{$f}{$fn->{name}};
        my $body = substr($file_mask{$f}, $fn->{from}, $fn->{to} - $fn->{from});
        my @calls = grep { is_checking($_) } $body =~ /\b([A-Za-z_]\w*)\s*\(/g;
        my $times = () = ($fn->{static} ? $file_mask{$f} : $everything) =~ /\b\Q$fn->{name}\E\(/g;
        next if @calls || $times < 3; # itself, and two calls
        $local_helper{$f}{$fn->{name}} = 1;
        $helper{$fn->{name}} = 1 unless $fn->{static};
    }
}

for my $f (@files) {
    ($file, $m, $src) = ($f, $file_mask{$f}, $file_text{$f});
    @inserts = ();
    for my $fn (@{$file_functions{$f}}) {
        next if $refusers{$fn->{name}} || $local_refusers{$f}{$fn->{name}};
        $function = $fn;
        my $last;
        for (my $p = skip($fn->{from}); $p < $fn->{to}; $p = skip($last->{to})) {
            my $s = statement($p);
            walk($s, $last);
            $last = $s;
        }
    }
    my $t = $src;
    my $i = 0;
    for my $insert (sort { $b->[0] <=> $a->[0] || $b->[2] <=> $a->[2] } map { [@$_, $i++] } @inserts) {
        substr($t, $insert->[0], 0) = $insert->[1];
    }
    (my $dir = "$out/$f") =~ s{/[^/]*$}{};
    system('mkdir', '-p', $dir) == 0 or die "$dir: cannot be made\n";
    open my $h, '>', "$out/$f" or die "$out/$f: $!\n";
    print $h "#line 1 \"$f\"\n$t";
    close $h or die "$out/$f: $!\n";
}

open my $h, '>', "$out/sites.c" or die "$out/sites.c: $!\n";
print $h "#include \"tests/mutants/mutant.h\"\n\nconst struct mutant_site mutant_sites[] = {\n";
my %seen;
for my $s (@sites) {
    my $key = "$s->{file} $s->{function} $s->{text}";
    $s->{text} .= " #$seen{$key}" if ++$seen{$key} > 1;
    (my $text = $s->{text}) =~ s/(["\\])/\\$1/g;
    print $h "    {\"$s->{file}\", \"$s->{function}\", \"$text\", $s->{line}},\n";
}
printf $h "};\nconst unsigned mutant_sites_n = %d;\n", scalar @sites;
close $h or die "$out/sites.c: $!\n";
