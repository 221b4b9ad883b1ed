#!/bin/sh
# audit.t - `usher audit`: every kind of source and the place of what is in it, the three formats, hostile files, flat
# memory over 10,000 documents, an interrupt.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

IDP=https://idp.other.test/
SP=https://login.usher.test/saml/metadata
ACS=https://login.usher.test/saml/acs
T=$E2E_DIR/in
mkdir "$T"
cd "$T" || bail "no folder"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/c" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" $IDP "$E2E_DIR/c/idp.pem" https://idp.other.test/sso

mint() { # OPTIONS...
	"$USHER_LAB" mint --key "$E2E_DIR/c/idp.key" --cert "$E2E_DIR/c/idp.pem" --issuer $IDP --audience $SP --acs $ACS \
		--name-id ada@usher.test --email ada@usher.test "$@"
}
run() { # COMMAND...: rc, $E2E_DIR/out, $E2E_DIR/err
	rc=0
	"$@" >"$E2E_DIR/out" 2>"$E2E_DIR/err" </dev/null || rc=$?
}
audit() {
	run "$USHER" audit --trust "$E2E_DIR/idp.xml" "$@"
}
# q FILTER: of the JSON lines in out, one result a line
q() {
	jq -r "$1" "$E2E_DIR/out"
}
urlencode() {
	jq -rRs @uri
}
# what was found: "place signature" of each document
places() {
	q '"\(.place.file):\(.place.line):\(.place.offset) \(.place.form) \(.message.kind) \(.signature)"'
}

# --- sources ----------------------------------------------------------------------------------------------------------
mint --request-id id1 >a.xml
mint --request-id id2 | base64 >b.b64
mint --request-id id3 | base64 -w0 | urlencode >value
printf 'RelayState=x&SAMLResponse=%s' "$(cat value)" >c.form
"$USHER_LAB" authnrequest --sso https://idp.other.test/sso --entity-id $SP --acs $ACS | sed -n 2p >url
printf '10.0.0.1 - - [01/Jan/2026] "GET / HTTP/1.1" 200 -\n10.0.0.2 - - "GET %s HTTP/1.1" 302 -\n' "$(sed 's,^https://[^/]*,,' url)" >access.log
printf '<html>\n<form action="x">\n<input type="hidden" name="SAMLResponse" value="%s"/></form>' "$(mint | base64 -w0 | sed 's/+/\&#43;/g')" >page.html
{
	printf 'POST /saml/acs HTTP/1.1\r\nHost: login.usher.test\r\n\r\nSAMLResponse=%s\r\n' "$(mint | base64 -w0 | urlencode)"
	printf 'decoded: '
	mint
	printf 'end\n'
} >dump.txt
jq -n --rawfile url url --arg form "SAMLResponse=$(mint --id har1 | base64 -w0 | urlencode)" --rawfile page page.html '
	{log: {version: "1.2", entries: [
		{request: {url: ($url | rtrimstr("\n"))}, response: {content: {text: ($page | @base64), encoding: "base64"}}},
		{request: {postData: {text: $form, params: [{name: "SAMLResponse", value: ($form | ltrimstr("SAMLResponse="))}]}}}]}}' >har.har
rm value url

audit --format jsonl .
is "sources: exit 0" $rc 0
is "everything is found once, in the order of names, and in its place" "$(places)" "./a.xml:1:0 xml Response valid
./access.log:2:$(grep -bo 'SAMLRequest' access.log | cut -d: -f1) redirect AuthnRequest unsigned
./b.b64:1:0 base64 Response valid
./c.form:1:13 form Response valid
./dump.txt:4:51 form Response valid
./dump.txt:5:$(($(grep -bo 'decoded: ' dump.txt | cut -d: -f1) + 9)) xml Response valid
./har.har:$(grep -n '"url"' har.har | cut -d: -f1):$(($(grep -bo '"url"' har.har | cut -d: -f1) + 7)) redirect AuthnRequest unsigned
./har.har:$(grep -n '"text"' har.har | head -1 | cut -d: -f1):$(($(grep -bo '"text"' har.har | head -1 | cut -d: -f1) + 8)) html Response valid
./har.har:$(grep -n '"text": "SAML' har.har | cut -d: -f1):$(($(grep -bo '"text": "SAML' har.har | cut -d: -f1) + 8)) form Response valid
./page.html:3:$(grep -bo '<input' page.html | cut -d: -f1) html Response valid"
is "a signature in a query string is seen and not judged" "$(printf 'GET /?SAMLRequest=%s&SigAlg=x&Signature=eA%%3D%%3D' \
	"$(sed -n 's/.*SAMLRequest=\([^& ]*\).*/\1/p' access.log)" | "$USHER" audit --trust "$E2E_DIR/idp.xml" --format jsonl - 2>/dev/null |
	jq -r '"\(.place.query_signed) \(.signature) \(.finding)"')" "true not-judged false"
is "HAR entries and paths" "$(q 'select(.place.entry != null) | "\(.place.entry) \(.place.path)"')" "0 log.entries[0].request.url
0 log.entries[0].response.content.text
1 log.entries[1].request.postData.text"
is "documents are numbered" "$(q .document | tr '\n' ' ')" "1 2 3 4 5 6 7 8 9 10 "
rc=0
"$USHER" audit --trust "$E2E_DIR/idp.xml" --format jsonl - <a.xml >"$E2E_DIR/out" 2>"$E2E_DIR/err" || rc=$?
is "standard input" "$rc $(places)" "0 -:1:0 xml Response valid"
mkfifo "$E2E_DIR/fifo"
cat a.xml >"$E2E_DIR/fifo" &
audit --format jsonl "$E2E_DIR/fifo"
is "a pipe that is named" "$rc $(q .signature)" "0 valid"
wait

# --- verdicts ---------------------------------------------------------------------------------------------------------
mkdir "$E2E_DIR/bad"
cd "$E2E_DIR/bad" || bail "no folder"
for trick in unsigned foreign-key tampered sha1; do mint --trick $trick >$trick.xml; done
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mallory -keyout "$E2E_DIR/m.key" -out "$E2E_DIR/m.pem" 2>/dev/null
"$USHER_LAB" mint --key "$E2E_DIR/m.key" --cert "$E2E_DIR/m.pem" --issuer $IDP --audience $SP --acs $ACS --name-id x >self.xml
printf 'SAMLResponse=%s' "$(base64 -w0 self.xml | head -c 1001)" >undecodable.form
mint --id twice >t1.xml
cp t1.xml t2.xml
audit --format jsonl .
is "findings: exit 1" $rc 1
is "verdict, code, resemblance" "$(q '"\(.place.file) \(.signature) \(.error.code) \(.resembles|join(","))"')" "./foreign-key.xml invalid signature-invalid 
./self.xml untrusted signature-invalid key-substitution
./sha1.xml refused algorithm-not-allowed sha1-downgrade
./t1.xml valid null 
./t2.xml valid null replay
./tampered.xml invalid signature-invalid changed-after-signing
./undecodable.form refused bad-encoding 
./unsigned.xml unsigned signature-missing signature-stripped"
is "the second of two says which was the first" "$(q 'select(.first_seen) | "\(.document) \(.first_seen)"')" "5 4"
is "whose certificate it shows" "$(q 'select(.place.file == "./self.xml") | .claims[0].key | "\(.certificate_subject) \(.pinned) \(.bits)"')" "CN=mallory false 2048"
is "nothing of an identity" "$(grep -c ada@usher.test "$E2E_DIR/out")" 0
audit --format jsonl --allow sha1 sha1.xml
is "--allow sha1: valid, and said" "$rc $(q '"\(.signature) \(.resembles[0])"')" "0 valid sha1-downgrade"
run "$USHER" audit --format jsonl "$T/a.xml"
is "without --trust nothing passes" "$rc $(q .signature)" "1 untrusted"
run "$USHER" audit "$T/a.xml"
has "and the table says what that is worth" "$E2E_DIR/out" "self-signed claim, proves nothing"

# --- conditions -------------------------------------------------------------------------------------------------------
audit --format jsonl --acs $ACS --audience $SP "$T/a.xml"
is "conditions are met at the time of issue, by any request" "$rc $(q '"\(.conditions) \(.conditions_error)"')" "0 met null"
is "judged at its IssueInstant" "$(q .judged_at)" "$(sed -n 's/.*<samlp:Response[^>]*IssueInstant="\([^".]*\).*/\1/p;q' "$T/a.xml" | sed 's/Z*$/Z/')"
audit --format jsonl --acs $ACS --audience https://other.test "$T/a.xml"
is "another audience: no signature finding" "$rc $(q '"\(.signature) \(.conditions) \(.conditions_error.code) \(.resembles[0])"')" \
	"0 valid refused audience-mismatch token-of-another-service"
audit --format jsonl --acs $ACS --audience $SP --request-id id9 "$T/a.xml"
is "another request" "$(q .conditions_error.code)" in-response-to-mismatch
audit --format jsonl --acs $ACS --audience $SP --now 2035-01-01T00:00:00Z "$T/a.xml"
is "another time" "$(q .conditions_error.code)" assertion-expired
audit --format jsonl --acs $ACS --audience $SP --replay "$E2E_DIR/seen" "$T/a.xml"
is "--replay: the first time" "$(q .conditions)" met
audit --format jsonl --acs $ACS --audience $SP --replay "$E2E_DIR/seen" "$T/a.xml"
is "--replay: the second time" "$(q '"\(.conditions_error.code) \(.resembles[0])"')" "assertion-replayed replay"
audit --format jsonl --acs $ACS --audience $SP --signature-only "$T/a.xml"
is "--signature-only" "$(q .conditions)" null

# --- the command line -------------------------------------------------------------------------------------------------
run "$USHER" audit
is "no PATH: exit 2" $rc 2
audit --acs $ACS "$T/a.xml"
is "half of the conditions: exit 2" $rc 2
has "and what is missing" "$E2E_DIR/err" "--acs and --audience belong together"
run "$USHER" audit --trust "$E2E_DIR/c/idp.pem" --acs $ACS --audience $SP "$T/a.xml"
is "PEM without --issuer: exit 2" "$rc $(grep -c -- '--issuer is missing' "$E2E_DIR/err")" "2 1"
audit --format xml "$T/a.xml"
is "an unknown format: exit 2" $rc 2
audit --request-id x "$T/a.xml"
is "a condition alone: exit 2" $rc 2
audit "$T/none" "$T/a.xml"
is "what cannot be read: exit 2" "$rc $(grep -c 'none: No such file' "$E2E_DIR/err")" "2 1"
has "and the rest is judged" "$E2E_DIR/out" "valid: Assertion"
audit "$T/none" self.xml
is "a finding counts more" $rc 1
usher_metadata "$E2E_DIR/m.xml" https://m.test/ "$E2E_DIR/m.pem" https://m.test/sso
audit --trust "$E2E_DIR/m.xml" --format jsonl "$T/a.xml" self.xml
is "two identity providers: each has its own keys" "$(q .signature | tr '\n' ' ')" "valid untrusted "

# --- encrypted documents ------------------------------------------------------------------------------------------------
mkdir "$E2E_DIR/enc"
cd "$E2E_DIR/enc" || bail "no folder"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=sp -keyout "$E2E_DIR/sp.key" -out "$E2E_DIR/sp.pem" 2>/dev/null
mint --encrypt "$E2E_DIR/sp.pem" --id in1 >inside.xml
mint --encrypt "$E2E_DIR/sp.pem" --id in2 --sign response >response.xml
mint --encrypt "$E2E_DIR/sp.pem" --encrypt-trick noise-key >noise.xml
mint --encrypt "$E2E_DIR/sp.pem" --trick foreign-key >foreign.xml
audit --decrypt-key "$E2E_DIR/sp.key" --format jsonl .
is "encrypted, with the key: what is signed in it is judged" "$rc $(q '"\(.place.file) \(.signature) \(.error.code)"' | tr '\n' ' ')" \
	"1 ./foreign.xml refused decryption-failed ./inside.xml valid null ./noise.xml refused decryption-failed ./response.xml valid null "
audit --decrypt-key "$E2E_DIR/m.key" --decrypt-key "$E2E_DIR/sp.key" --acs $ACS --audience $SP --format jsonl inside.xml response.xml
is "conditions of what was encrypted" "$rc $(q .conditions | tr '\n' ' ')" "0 met met "
audit --format jsonl inside.xml
is "without a key it is a finding" "$rc $(q '"\(.signature) \(.error.code)"')" "1 refused decryption-key-missing"
audit --decrypt-key "$E2E_DIR/m.key" --format jsonl inside.xml
is "with another key too" "$rc $(q .signature)" "1 refused"

# --- workers ------------------------------------------------------------------------------------------------------------
mkdir "$E2E_DIR/bin"
cp "$USHER" "$E2E_DIR/bin/usher"
run "$E2E_DIR/bin/usher" audit --trust "$E2E_DIR/idp.xml" --format jsonl "$T/a.xml"
is "without a worker nothing is judged" "$rc $(cat "$E2E_DIR/out")" "2 "
has "and it is said" "$E2E_DIR/err" worker-failed
cp "$E2E_BUILD/bad-worker" "$E2E_DIR/bin/usher-worker"
mkdir "$E2E_DIR/deadly"
cd "$E2E_DIR/deadly" || bail "no folder"
for i in 1 2 3 4 5 6 7 8; do mint --id good$i >$i.xml; done
for mode in abort socket type; do sed "s|</samlp:Status>|&<!--bad:$mode;-->|" 3.xml >3-$mode.xml; done
run "$E2E_DIR/bin/usher" audit --trust "$E2E_DIR/idp.xml" --format jsonl .
is "who ends the worker is one finding each, and the audit goes on" "$rc $(q '"\(.place.file) \(.signature) \(.error.code)"' | tr '\n' ' ')" \
	"1 ./1.xml valid null ./2.xml valid null ./3-abort.xml refused worker-failed ./3-socket.xml refused worker-failed ./3-type.xml refused worker-failed ./3.xml valid null ./4.xml valid null ./5.xml valid null ./6.xml valid null ./7.xml valid null ./8.xml valid null "
cd "$E2E_DIR/bad" || bail "no folder"

# --- table ------------------------------------------------------------------------------------------------------------
cp "$T/a.xml" "$(printf 'ev\033[2Jil\n.xml')"
audit .
is "table: one line each" "$(grep -c '^ *[0-9]* ev\|^ *[0-9]* \./' "$E2E_DIR/out")" 9
has "control characters of a file name are shown as such" "$E2E_DIR/out" 'ev\x1b[2Jil\x0a.xml'
ok "and none reaches the terminal" sh -c '! LC_ALL=C grep -q "$(printf "\033")" "$1"' - "$E2E_DIR/out"
has "summary" "$E2E_DIR/out" "9 documents in 9 files"
has "findings are counted" "$E2E_DIR/out" "6 findings"
rm ./ev*

# --- SARIF ------------------------------------------------------------------------------------------------------------
audit --format sarif "$T" .
is "SARIF: exit 1" $rc 1
ok "it is JSON" sh -c 'jq -e . "$1" >/dev/null' - "$E2E_DIR/out"
is "version and schema" "$(q '"\(.version) \(."$schema")"')" "2.1.0 https://json.schemastore.org/sarif-2.1.0.json"
is "every rule is declared once" "$(q '[.runs[0].tool.driver.rules[].id] | length == (unique | length)')" true
is "every result has a declared rule" "$(q '.runs[0] | ([.results[].ruleId] | unique) - [.tool.driver.rules[].id] | length')" 0
is "every result has what the schema asks for" "$(q '[.runs[0].results[] | select(
	(.message.text | type) == "string" and (.level | IN("error", "warning", "note")) and (.locations | length) == 1 and
	(.locations[0].physicalLocation.artifactLocation.uri | test("^[A-Za-z0-9._~%/:-]+$")) and
	.locations[0].physicalLocation.region.startLine >= 1 and .locations[0].physicalLocation.region.byteOffset >= 0)] |
	length' | sed 's/^/n/')" "n$(q '.runs[0].results | length')"
is "rules of the findings" "$(q '[.runs[0].results[] | select(.level == "error") | .ruleId] | unique | join(" ")')" \
	"algorithm-not-allowed attack/changed-after-signing attack/key-substitution attack/sha1-downgrade attack/signature-stripped bad-encoding signature-invalid signature-missing untrusted-key"
is "relative paths stay as they are" "$(q '.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri' | cut -c1-2)" "./"
audit --format sarif "$E2E_DIR/bad/self.xml"
is "an absolute path is a file URI" "$(q '.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri' | cut -c1-8)" "file:///"
is "complete" "$(q '.runs[0].invocations[0].executionSuccessful')" true

# --- hostile files ----------------------------------------------------------------------------------------------------
mkdir "$E2E_DIR/hostile"
cd "$E2E_DIR/hostile" || bail "no folder"
cp "$T/a.xml" a.xml
ln -s . loop
ln -s /dev/zero zero
mkfifo pipe
truncate -s 1G sparse
cat "$T/a.xml" >>sparse
head -c 3000000 /dev/urandom >binary
{
	head -c 20000000 /dev/zero | tr '\0' x
	printf ' SAMLResponse=%s' "$(base64 -w0 a.xml | urlencode)"
} >line
d=deep
i=0
while [ $i -lt 150 ]; do
	mkdir $d && cd $d || bail "no folder"
	d=d i=$((i + 1))
done
cp "$T/a.xml" a.xml
cd "$E2E_DIR/hostile" || bail "no folder"
printf '{"log": {"entries": [{"request": {"postData": {"text": "SAMLResponse=%s"}}},}]}} SAMLResponse=%s' \
	"$(base64 -w0 a.xml | urlencode)" "$(base64 -w0 a.xml | urlencode)" >bad.har
printf '{"log": {"entries": [{"a": "SAMLResponse=%s' "$(base64 -w0 a.xml | urlencode)" >cut.har
printf 'GET /sso?SAMLRequest=%s\n' "$(perl -MIO::Compress::RawDeflate=rawdeflate -MMIME::Base64 -e '
	my $in = "<" . "a" x 67108864; rawdeflate \$in => \my $out; print encode_base64($out, "")' | urlencode)" >deflate.log
{
	printf '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"><!--'
	head -c 4000000 /dev/zero | tr '\0' x
	printf -- '--></samlp:Response>'
} >large.xml
printf '[2026-01-01 10:00] SAMLResponse=%s' "$(base64 -w0 a.xml | urlencode)" >bracket.log
audit --format jsonl .
is "hostile files: exit 1" $rc 1
is "what is in them is found all the same" "$(places)" "./a.xml:1:0 xml Response valid
./bad.har:1:$(grep -bo '"SAMLResponse' bad.har | head -1 | cut -d: -f1) form Response valid
./bad.har:1:$(grep -bo ' SAMLResponse' bad.har | sed -n 's/:.*//p' | awk '{print $1 + 1}') form Response valid
./bracket.log:1:19 form Response valid
./cut.har:1:$(grep -bo '"SAMLResponse' cut.har | cut -d: -f1) form Response valid
./deflate.log:1:9 form null refused
./large.xml:1:0 xml null refused
./line:1:20000001 form Response valid
./sparse:1:1073741824 xml Response valid"
is "what inflates without end, and what is too long" "$(q 'select(.finding) | "\(.error.code) \(.resembles[0])"' | tr '\n' ' ')" \
	"limit-exceeded resource-exhaustion xml-too-large resource-exhaustion "
has "a capture that is no JSON is said to be none" "$E2E_DIR/err" "bad.har: not JSON from line 1 on: read as text"
has "one that is cut too" "$E2E_DIR/err" "cut.har: the JSON is cut off at its end"
is "and a log is none and need not be" "$(grep -c bracket.log "$E2E_DIR/err")" 0
has "folders too deep are named" "$E2E_DIR/err" "folders this deep are not searched"
has "links, devices and pipes are passed over" "$E2E_DIR/err" "3 links, devices or pipes"
rm deflate.log large.xml
audit .
is "hostile files: without a finding not all was searched" $rc 2
rm -rf deep sparse line

# --- many documents ---------------------------------------------------------------------------------------------------
i=0
while [ $i -lt 10 ]; do
	printf 'SAMLResponse=%s\n' "$(mint | base64 -w0 | urlencode)"
	i=$((i + 1))
done >"$E2E_DIR/ten"
# Under AddressSanitizer freed memory stays with the process for a while: there, fewer, and no look at its size.
case $E2E_BUILD in
*/asan*) n=1000 ;;
*) n=10000 ;;
esac
# Writes the ten over and over; prints the resident KiB after a fifth of them and after all, while the audit still waits
# for more.
cat >"$E2E_DIR/feed.pl" <<'PERL'
my ($ten, $n, $out, @command) = @ARGV;
open my $f, '<', $ten or die;
my $text = join '', <$f>;
pipe my $r, my $w or die;
my $pid = fork // die;
if (!$pid) {
	close $w;
	open STDIN, '<&', $r or die;
	open STDOUT, '>', $out or die;
	exec @command or die;
}
close $r;
sub resident { open my $s, '<', "/proc/$pid/status" or die; (join '', <$s>) =~ /VmRSS:\s+(\d+)/ or die; print "$1\n" }
for my $i (1 .. $n / 10) {
	for (my $at = 0; $at < length $text;) { $at += syswrite($w, $text, length($text) - $at, $at) // die }
	resident() if $i == $n / 20; # by then the window is full
}
resident();
close $w;
waitpid $pid, 0;
print $? >> 8, "\n";
PERL
perl "$E2E_DIR/feed.pl" "$E2E_DIR/ten" $n "$E2E_DIR/out" "$USHER" audit --trust "$E2E_DIR/idp.xml" --format jsonl - >"$E2E_DIR/sizes" 2>"$E2E_DIR/err"
is "$n documents: exit 0" "$(sed -n 3p "$E2E_DIR/sizes")" 0
is "each is judged, in order" "$(q '"\(.document) \(.signature)"' | awk '$1 != NR || $2 != "valid" { bad++ } END { print NR, bad + 0 }')" "$n 0"
is "each but the first ten is a replay" "$(grep -c '"resembles":\["replay"\]' "$E2E_DIR/out")" $((n - 10))
is "the last is on the last line" "$(q .place.line | tail -1)" $n
[ $n -lt 10000 ] || ok "memory is flat: $(sed -n 1p "$E2E_DIR/sizes") KiB, then $(sed -n 2p "$E2E_DIR/sizes") KiB" \
	[ "$(sed -n 2p "$E2E_DIR/sizes")" -lt $(($(sed -n 1p "$E2E_DIR/sizes") * 3 / 2)) ] # half of the documents would not fit

# --- an interrupt -----------------------------------------------------------------------------------------------------
"$USHER" audit --trust "$E2E_DIR/idp.xml" --format sarif "$E2E_DIR/bad/self.xml" "$E2E_DIR/fifo" "$T/a.xml" >"$E2E_DIR/out" 2>"$E2E_DIR/err" &
pid=$!
e2e_started $pid
exec 9>"$E2E_DIR/fifo" # goes on once the audit has opened it
kill -INT $pid
rc=0
wait $pid || rc=$?
exec 9>&-
is "interrupt: what was found before counts" $rc 1
has "interrupt: it is said" "$E2E_DIR/err" "interrupted: not everything was searched"
is "interrupt: the report is whole, and says that it is not complete" \
	"$(q '.runs[0] | "\(.invocations[0].executionSuccessful) \([.results[].ruleId] | join(" "))"')" "false untrusted-key attack/key-substitution"

done_testing
