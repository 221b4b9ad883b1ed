#!/bin/sh
# run.sh BUILD [--write] - what usher costs, as ratios to something measured in the same run: absolute times on a shared machine
# say little. Each ratio is the median over rounds in which the two took turns; behind it the quartiles. --write: into
# docs/bench.md as well.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] || { echo "usage: tests/bench/run.sh BUILD [--write]" >&2; exit 2; }
build=$(cd "$1" && pwd)
write=${2:-}
here=$root/tests/bench
for tool in node wrk php; do
	command -v $tool > /dev/null || { echo "bench: $tool is not installed" >&2; exit 2; }
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/usher-bench.XXXXXX")
pids=
finish() {
	for pid in $pids; do
		kill -TERM "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# wait_for COMMAND...: for at most 10 seconds
wait_for() {
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { echo "bench: not ready: $*" >&2; exit 1; }
		sleep 0.05
	done
}
section() {
	printf '\n%s\n' "$1" | tee -a "$dir/report" >&2
}
# rows: NAME<tab>MEDIAN<tab>Q1<tab>Q3 on standard input
rows() {
	awk -F '\t' 'NF == 4 { printf "  %-62s %6.2f   (%.2f - %.2f)\n", $1, $2, $3, $4; n++ } END { exit n == 0 }' "$dir/rows" | tee -a "$dir/report" >&2
}

"$root/certs/mkdev.sh" "$dir/certs" login.usher.test
. "$root/tests/e2e/lib/usher.sh"

# --- verification ----------------------------------------------------------------------------------------------------------
login=https://login.usher.test
tenant=5f3c7f3e-9a4e-4a60-b0a5-6a0a0f1f0001
issuer=https://sts.windows.net/$tenant/
request=id0123456789abcdef0123456789abcdef
soap=http://schemas.xmlsoap.org/ws/2005/05/identity/claims
microsoft=http://schemas.microsoft.com
"$build/usher-lab" mint --key "$dir/certs/idp.key" --cert "$dir/certs/idp.pem" --issuer "$issuer" --audience "$login/saml/metadata" \
	--acs "$login/saml/acs" --request-id "$request" --name-id ada.lovelace@usher.test --email ada.lovelace@usher.test \
	--upn ada.lovelace@usher.test --object-id 6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a01 --tenant "$tenant" --display-name 'Ada Lovelace' \
	--attribute "$soap/givenname=Ada" --attribute "$soap/surname=Lovelace" \
	--attribute "$microsoft/identity/claims/identityprovider=$issuer" \
	--attribute "$microsoft/claims/authnmethodsreferences=$microsoft/ws/2008/06/identity/authenticationmethod/password" \
	--group 6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a11 --group 6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a12 > "$dir/response.xml"
section "Judging a Response: as Entra sends it, $(wc -c < "$dir/response.xml") bytes, RSA-2048, CPU time"
"$build/bench/verify" 40 "$dir/response.xml" "$dir/certs/idp.pem" "$issuer" "$login/saml/acs" "$login/saml/metadata" "$request" \
	php "$here/peer.php" "$dir/response.xml" "$dir/certs/idp.pem" "$issuer" "$login/saml/acs" "$login/saml/metadata" > "$dir/rows"
rows
section "The same with usher-worker between, both processes on one core"
ln -sf ../usher-worker "$build/bench/usher-worker" # where a program of this folder looks for it
"$build/bench/worker" 40 "$dir/response.xml" "$dir/certs/idp.pem" "$issuer" "$login/saml/acs" "$login/saml/metadata" "$request" > "$dir/rows"
rows
section "By size, from 5 KB to the largest message, and past it"
"$build/bench/growth" 20 > "$dir/rows"
rows

# --- session checks ----------------------------------------------------------------------------------------------------------
usher_metadata "$dir/idp.xml" "$issuer" "$dir/certs/idp.pem" https://idp.other.test/sso
cat > "$dir/usher.yaml" <<YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: $login
store: sqlite:$dir/usher.db
key_dir: $dir/keys
loops: 1
idps:
  entra: { profile: entra, metadata: idp.xml, domains: [usher.test] }
domains:
  local.test: { sso: "off" }
apps:
  - host: wiki.usher.test
YAML
echo "correct horse battery staple" | "$build/usher" account add -c "$dir/usher.yaml" --name 'Ada Lovelace' ada@local.test > /dev/null
"$build/usher" serve -c "$dir/usher.yaml" > "$dir/ready" 2> "$dir/usher.log" &
usher_pid=$!
pids="$usher_pid $pids"
"$build/bench/hello" "$dir/hello.port" &
hello_pid=$!
pids="$hello_pid $pids"
wait_for grep -q '^usher: ready' "$dir/ready"
wait_for test -s "$dir/hello.port"
usher_port=$(sed -n 's/^usher: ready on [^ ]*:\([0-9]*\), auth on .*/\1/p' "$dir/ready")
auth_port=$(sed -n 's/^usher: ready on .*, auth on [^ ]*:\([0-9]*\)$/\1/p' "$dir/ready")
cookie=$(node "$here/session.js" "$usher_port" "$login" wiki.usher.test ada@local.test "correct horse battery staple")

# load PORT PID FILE: one slice with wrk; appends "CPU-ticks-per-request requests-per-second" to FILE
load() {
	before=$(awk '{ print $14 + $15 }' "/proc/$2/stat")
	wrk -t 1 -c 32 -d 1s -H "Host: auth" -H "X-Forwarded-Host: wiki.usher.test" -H "X-Forwarded-Uri: /page?x=1" \
		-H "X-Forwarded-For: 192.0.2.1" -H "Cookie: __Host-usher=$cookie" "http://127.0.0.1:$1/auth" > "$dir/wrk"
	after=$(awk '{ print $14 + $15 }' "/proc/$2/stat")
	if grep -q 'Non-2xx\|Socket errors' "$dir/wrk"; then
		cat "$dir/wrk" >&2
		exit 1
	fi
	awk -v ticks=$((after - before)) '/requests in/ { n = $1 } /Requests\/sec/ { rate = $2 } END { if (!n) exit 1; print ticks / n, rate }' "$dir/wrk" >> "$3"
}
# ratio NAME FIELD FILE-A FILE-B: a row from pairs of lines
ratio() {
	paste -d ' ' "$3" "$4" | awk -v f="$2" '{ print $f / $(f + 2) }' | sort -n |
		awk -v name="$1" '{ v[NR] = $1 } END { printf "%s\t%s\t%s\t%s\n", name, v[int(NR / 2) + 1], v[int(NR / 4) + 1], v[int(NR * 3 / 4) + 1] }'
}
section "Session checks: /auth with a valid session against a bare libevent server that answers anything (wrk, 32 connections, one loop each)"
: > "$dir/a"
: > "$dir/b"
load "$auth_port" "$usher_pid" "$dir/warm"
load "$(cat "$dir/hello.port")" "$hello_pid" "$dir/warm"
for _ in 1 2 3 4 5 6 7 8 9; do
	load "$auth_port" "$usher_pid" "$dir/a"
	load "$(cat "$dir/hello.port")" "$hello_pid" "$dir/b"
done
{
	ratio "CPU per check / per hello" 1 "$dir/a" "$dir/b"
	ratio "checks per second / hellos per second" 2 "$dir/a" "$dir/b"
} > "$dir/rows"
rows

# --- policy -------------------------------------------------------------------------------------------------------------------
section "One decision (route, then authorize) by number of domains and of grants, CPU time"
"$build/bench/policy" 30 > "$dir/rows"
rows

if [ "$write" = --write ]; then
	{
		cat <<-TEXT
			# What usher costs

			Written by \`tests/bench/run.sh\` (\`make bench\`), $(date -u +%Y-%m-%d), on $(nproc) cores of a shared machine. Every number is a ratio of two
			things measured in turns in the same run: the median over all rounds, in brackets the quartiles.

			- *floor*: SHA-256 of the canonical element and of SignedInfo and one RSA-2048 verification, all contexts ready
			- *bare xmlsec*: libxml2 parses, xmlsec verifies, public key ready; no check of SAML
			- *saml_verify*: the worker's half: prescan, the same two libraries as usher sets them up, the walk and the form of the Signature
			- *saml_judge*: that, every signature proven a second time over the returned bytes, reading from the signed bytes, all conditions
			- *SimpleSAMLphp*: its own validation of the whole Response, in one PHP process, classes loaded. Of the complete SAML
			  implementations measured for this project it was the fastest, with OpenSAML beside it; OpenSAML is not measured here
			- *the largest*: a little less than SAML_XML_MAX octets; what is longer is refused before it is parsed

			\`\`\`
		TEXT
		sed 1d "$dir/report"
		echo '```'
	} > "$root/docs/bench.md"
	echo "written: docs/bench.md" >&2
fi
