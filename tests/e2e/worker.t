#!/bin/sh
# worker.t - usher with a worker that was taken over: build/bad-worker in the place of usher-worker does what a document tells
# it to (tests/worker/bad_worker.c): it dies, loops, allocates, breaks the protocol, lies. Whatever it does, nobody gets in who
# should not, nobody else's login is lost, and the next document is judged correctly. Also: no worker, no start.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

command -v node > /dev/null || skip_all "node is not installed"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/certs/idp.pem" https://idp.other.test/sso
cat > "$E2E_DIR/usher.yaml" << YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: https://login.usher.test
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
loops: 1
idps:
  entra: { profile: entra, metadata: idp.xml, domains: [usher.test] }
domains:
  usher.test: { sso: required, idp: entra, new_users: jit }
default: deny
YAML

# --- without a worker ---------------------------------------------------------------------------------------------------
mkdir "$E2E_DIR/bin"
cp "$USHER" "$E2E_DIR/bin/usher"
mint() {
	"$USHER_LAB" mint --key "$E2E_DIR/certs/idp.key" --cert "$E2E_DIR/certs/idp.pem" --issuer https://idp.other.test/ \
		--audience https://login.usher.test/saml/metadata --acs https://login.usher.test/saml/acs --name-id ada@usher.test \
		--email ada@usher.test --object-id oid-ada "$@"
}
mint --request-id id1 > "$E2E_DIR/good.xml"
# try CASE: both commands that need a worker fail to run and say so.
try() {
	"$E2E_DIR/bin/usher" serve -c "$E2E_DIR/usher.yaml" > "$E2E_DIR/out" 2> "$E2E_DIR/err"
	is "$1: serve does not start" $? 2
	has "$1: and says why" "$E2E_DIR/err" worker-failed
	hasnt "$1: nor claims to be ready" "$E2E_DIR/out" ready
	"$E2E_DIR/bin/usher" verify --signature-only --trust "$E2E_DIR/idp.xml" "$E2E_DIR/good.xml" > "$E2E_DIR/out" 2> "$E2E_DIR/err"
	is "$1: verify could not run" $? 2
	has "$1: verify says why" "$E2E_DIR/err" worker-failed
	is "$1: nothing on standard output" "$(cat "$E2E_DIR/out")" ""
}
try "no usher-worker"
cp "$E2E_BUILD/usher-worker" "$E2E_DIR/bin/usher-worker"
chmod -x "$E2E_DIR/bin/usher-worker"
try "usher-worker is not executable"
rm "$E2E_DIR/bin/usher-worker"
cp /bin/true "$E2E_DIR/bin/usher-worker"
try "usher-worker is another program"

"$E2E_BUILD/usher-worker" > /dev/null 2> "$E2E_DIR/err"
is "usher-worker alone could not run" $? 2
has "and says who starts it" "$E2E_DIR/err" "usher starts it"
"$E2E_BUILD/usher-worker" 536870912 < /dev/null > "$E2E_DIR/out"
is "usher-worker ends when nobody asks" $? 0
is "without a word" "$(cat "$E2E_DIR/out")" ""
printf 'GET / HTTP/1.1\r\n\r\n' | "$E2E_BUILD/usher-worker" 536870912 > "$E2E_DIR/out"
is "a malformed frame ends it" $? 1
is "without an answer" "$(cat "$E2E_DIR/out")" ""

# --- with one that was taken over -----------------------------------------------------------------------------------------
rm "$E2E_DIR/bin/usher-worker"
cp "$E2E_BUILD/bad-worker" "$E2E_DIR/bin/usher-worker"
# verify CODE MODE WHAT: usher verify of a document that makes its worker do this.
verify() {
	sed "s|</samlp:Status>|&<!--bad:$2;-->|" "$E2E_DIR/good.xml" > "$E2E_DIR/evil.xml"
	grep -q "bad:$2;" "$E2E_DIR/evil.xml" || bail "no place for the order"
	"$E2E_DIR/bin/usher" verify --signature-only --trust "$E2E_DIR/idp.xml" "$E2E_DIR/evil.xml" > "$E2E_DIR/out" 2> "$E2E_DIR/err"
	is "verify, $2: exit" $? "$1"
	has "verify, $2: $3" "$E2E_DIR/err" "$3"
	is "verify, $2: nothing of an identity" "$(cat "$E2E_DIR/out")" ""
}
for mode in abort crash exit socket id type length; do
	verify 2 $mode worker-failed
done
for mode in forge garbage plain; do
	verify 1 $mode recheck-failed
done

# Every document of the corpora goes through the real sandbox: none of them makes it end.
rm "$E2E_DIR/bin/usher-worker"
cp "$E2E_BUILD/usher-worker" "$E2E_DIR/bin/usher-worker"
for folder in saml_verify saml_prescan; do
	ended=
	for file in "$E2E_ROOT/tests/corpus/$folder"/*; do
		"$E2E_DIR/bin/usher" verify --signature-only --trust "$E2E_DIR/idp.xml" "$file" > /dev/null 2> "$E2E_DIR/err"
		[ $? -ne 2 ] || ended="$ended ${file##*/}: $(head -1 "$E2E_DIR/err")"
	done
	is "the corpus $folder ends no worker" "$ended" ""
done
rm "$E2E_DIR/bin/usher-worker"
cp "$E2E_BUILD/bad-worker" "$E2E_DIR/bin/usher-worker"

case $E2E_BUILD in
*asan*) limits= ;; # its worker may open files, and has no limit of memory
*) limits='open allocate' ;;
esac
USHER=$E2E_DIR/bin/usher
usher_start "$E2E_DIR/usher.yaml"
E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_PORT=$USHER_PORT USHER_PID=$USHER_PID E2E_COUNT=$e2e_count \
	MODES="abort crash exit socket loop id type half length trust $limits" node "$E2E_LIB/worker.js" || e2e_failed=1
