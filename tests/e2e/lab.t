#!/bin/sh
# lab.t - `usher-lab mint` and `usher-lab idp` from outside: what the command line makes is accepted or refused by
# `usher verify` as --help promises, and the identity provider starts, answers and stops.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

ISSUER=https://idp.other.test/
SP=https://login.usher.test
ACS=https://login.usher.test/saml/acs
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/c" || bail "no certificates"
key="--key $E2E_DIR/c/idp.key --cert $E2E_DIR/c/idp.pem"
who="--issuer $ISSUER --audience $SP --acs $ACS --request-id id1 --name-id ada@usher.test --email ada@usher.test"

verify() {
	rc=0
	"$USHER" verify --trust "$E2E_DIR/c/idp.pem" --issuer "$ISSUER" --audience "$SP" --acs "$ACS" --request-id id1 \
		--email-domain usher.test "$@" > "$E2E_DIR/out" 2> "$E2E_DIR/err" || rc=$?
}
mint() {
	"$USHER_LAB" mint $key "$@" > "$E2E_DIR/response"
}

# --- mint --------------------------------------------------------------------------------------------------------------
for sign in assertion response both; do
	mint $who --sign $sign
	verify "$E2E_DIR/response"
	is "signed $sign: accepted" "$rc" 0
done
mint $who --base64 --display-name 'Zoë & Co' --group g1 --group g2 --attribute urn:x=a=b
verify "$E2E_DIR/response"
is "as base64: accepted" "$rc" 0
has "display name" "$E2E_DIR/out" 'Zoë & Co'
has "an attribute whose value holds =" "$E2E_DIR/out" a=b
mint $who --now 2030-01-01T00:00:00Z --valid 60
verify --now 2030-01-01T00:00:30Z "$E2E_DIR/response"
is "at another time: accepted then" "$rc" 0
verify --now 2030-01-01T00:02:00Z "$E2E_DIR/response"
is "and not after its --valid" "$rc $(grep -o assertion-expired "$E2E_DIR/err")" "1 assertion-expired"

"$USHER_LAB" mint --help > "$E2E_DIR/help"
sed -n '/^tricks/,/^$/s/^  \([a-z0-9-]*\)  *\([a-z0-9-]*\) .*/\1 \2/p' "$E2E_DIR/help" > "$E2E_DIR/tricks"
ok "--help lists the tricks" [ "$(wc -l < "$E2E_DIR/tricks")" -ge 13 ]
while read -r trick code; do
	mint $who --trick "$trick"
	verify "$E2E_DIR/response"
	is "trick $trick" "$rc $(sed -n 's/^refused: \([a-z0-9-]*\):.*/\1/p' "$E2E_DIR/err")" "1 $code"
done < "$E2E_DIR/tricks"

# --- encryption: for the certificate at hand; the key is not given here ----------------------------------------------------
refused() {
	verify "$E2E_DIR/response"
	is "$1" "$rc $(sed -n 's/^refused: \([a-z0-9-]*\):.*/\1/p' "$E2E_DIR/err")" "1 $2"
}
for sign in assertion response both; do
	mint $who --sign $sign --encrypt "$E2E_DIR/c/idp.pem"
	refused "encrypted, signed $sign, and no key" decryption-key-missing
	is "and nothing of it is in clear" "$(grep -c 'ada@usher.test' "$E2E_DIR/response")" 0
done
mint $who --encrypt-id "$E2E_DIR/c/idp.pem" --cipher aes128-gcm --transport rsa-oaep --oaep-digest sha256 \
	--oaep-mgf sha256 --oaep-label l --key-place referenced
refused "an encrypted NameID and no key" decryption-key-missing
has "with a RetrievalMethod" "$E2E_DIR/response" RetrievalMethod
has "and the digest" "$E2E_DIR/response" xmlenc#sha256
has "and the mask" "$E2E_DIR/response" mgf1sha256
mint $who --encrypt "$E2E_DIR/c/idp.pem" --encrypt-trick thousand-keys
refused "encrypt trick thousand-keys" response-shape
sed -n '/^encrypt tricks/,/^$/s/^  \([a-z0-9-]*\)  *\([a-z0-9-]*\) .*/\1 \2/p' "$E2E_DIR/help" > "$E2E_DIR/encrypt-tricks"
ok "--help lists the encrypt tricks" [ "$(wc -l < "$E2E_DIR/encrypt-tricks")" -ge 20 ]

# usage TEXT NAME COMMAND...: exit 2, TEXT on stderr
usage() {
	text=$1 name=$2
	shift 2
	rc=0
	"$USHER_LAB" "$@" > "$E2E_DIR/out" 2> "$E2E_DIR/err" || rc=$?
	is "$name: exit 2" "$rc $(wc -c < "$E2E_DIR/out")" "2 0"
	has "$name: says so" "$E2E_DIR/err" "$text"
}
usage "are required" "missing options" mint
usage "did you mean '--issuer'" "a slip" mint --isuer x
usage "needs a value" "an option without its value" mint --issuer
usage "takes no value" "a flag with a value" mint --base64=yes
usage "given twice" "an option twice" mint --issuer a --issuer b
usage "is not an option" "an operand" mint file
usage "trick 'none' is unknown" "an unknown trick" mint $key $who --trick none
usage "needs --encrypt" "an encrypt trick alone" mint $key $who --encrypt-trick closes
usage "needs --encrypt" "an unknown encrypt trick" mint $key $who --encrypt "$E2E_DIR/c/idp.pem" --encrypt-trick none
usage "inside, beside or referenced" "an unknown place" mint $key $who --encrypt "$E2E_DIR/c/idp.pem" --key-place there
usage "cipher 'rot13' is unknown" "an unknown cipher" mint $key $who --encrypt "$E2E_DIR/c/idp.pem" --cipher rot13
usage "trust-unusable" "a missing certificate" mint $key $who --encrypt-id "$E2E_DIR/none"
usage "bad-key-file" "a missing key" mint --key "$E2E_DIR/none" --cert "$E2E_DIR/c/idp.pem" $who
cp "$E2E_DIR/c/idp.key" "$E2E_DIR/open.key"
chmod 644 "$E2E_DIR/open.key"
usage "chmod 600" "a key that others can read" mint --key "$E2E_DIR/open.key" --cert "$E2E_DIR/c/idp.pem" $who
usage "unknown command" "an unknown command" frobnicate
usage "--acs-allowed" "an identity provider without ACS" idp --listen 127.0.0.1:0 $key --people "$E2E_DIR/people.yaml"
usage "success, partial or refused" "an unknown logout answer" idp --listen 127.0.0.1:0 $key --people "$E2E_DIR/people.yaml" --acs-any \
	--slo https://sp.test/slo --slo-answer maybe
usage "is not a URL" "a logout address that is a script" idp --listen 127.0.0.1:0 $key --people "$E2E_DIR/people.yaml" --acs-any --slo 'javascript:x'
usage "No such file" "no people file" idp --listen 127.0.0.1:0 $key --people "$E2E_DIR/none.yaml" --acs-any
for command in mint idp authnrequest; do
	"$USHER_LAB" $command --help > "$E2E_DIR/help"
	has "$command --help has an example" "$E2E_DIR/help" "  usher-lab $command"
done

# --- idp ---------------------------------------------------------------------------------------------------------------
cat > "$E2E_DIR/people.yaml" <<-'YAML'
	people:
	  - { name: ada@usher.test, email: ada@usher.test, object_id: o1 }
YAML
"$USHER_LAB" idp --listen 127.0.0.1:0 --port-file "$E2E_DIR/port" $key --people "$E2E_DIR/people.yaml" --acs-any --auto \
	> "$E2E_DIR/idp.out" 2>&1 &
pid=$!
e2e_started $pid
wait_for "usher-lab idp" test -s "$E2E_DIR/port" || bail "usher-lab idp did not start: $(cat "$E2E_DIR/idp.out")"
idp=http://127.0.0.1:$(cat "$E2E_DIR/port")
has "says where it is" "$E2E_DIR/idp.out" "$idp"
has "says that it posts anywhere" "$E2E_DIR/idp.out" "any URL"
curl -sf "$idp/metadata" > "$E2E_DIR/metadata"

"$USHER_LAB" authnrequest --sso "$idp/sso" --entity-id "$SP" --acs "$ACS" --id id1 --login-hint ADA@usher.test > "$E2E_DIR/request"
curl -sf "$(sed -n 2p "$E2E_DIR/request")" | sed -n 's/.*name="SAMLResponse" value="\([^"]*\)".*/\1/p' > "$E2E_DIR/response"
rc=0
"$USHER" verify --trust "$E2E_DIR/metadata" --audience "$SP" --acs "$ACS" --request-id id1 "$E2E_DIR/response" \
	> "$E2E_DIR/out" 2> "$E2E_DIR/err" || rc=$?
is "a login_hint signs in at once; trust by metadata accepts" "$rc" 0
has "as the person hinted at" "$E2E_DIR/out" ada@usher.test

# http STATUS NAME CURL-ARGUMENTS...
http() {
	is "$2" "$(shift 2; curl -s -o "$E2E_DIR/body" -w '%{http_code}' "$@")" "$1"
}
request=$(sed -n '2s/.*SAMLRequest=\([^&]*\).*/\1/p' "$E2E_DIR/request")
http 400 "no SAMLRequest" "$idp/sso"
http 400 "SAMLRequest is not base64" "$idp/sso?SAMLRequest=%21"
http 400 "SAMLRequest twice" "$idp/sso?SAMLRequest=$request&SAMLRequest=$request"
http 400 "nobody of this name" -d "SAMLRequest=$request&person=nobody" "$idp/sso/login"
http 404 "no such page" "$idp/other"
http 404 "no single logout unless asked for" "$idp/slo"
http 404 "nor a page that starts one" "$idp/logout"
http 404 "GET of the POST page" "$idp/sso/login"
http 200 "home page" "$idp/"
"$USHER_LAB" authnrequest --sso "$idp/sso" --entity-id x --acs 'javascript:alert(1)' > "$E2E_DIR/script"
http 400 "an ACS that is a script, even with --acs-any" "$(sed -n 2p "$E2E_DIR/script")"
kill -TERM $pid
wait $pid && rc=0 || rc=$?
is "stops on SIGTERM with exit 0" "$rc" 0

# --- single logout; with usher: logout.t ---------------------------------------------------------------------------------
"$USHER_LAB" idp --listen 127.0.0.1:0 --port-file "$E2E_DIR/port2" $key --people "$E2E_DIR/people.yaml" --acs-any \
	--slo https://sp.test/slo --slo-answer partial --slo-unsigned > "$E2E_DIR/idp2.out" 2>&1 &
e2e_started $!
wait_for "usher-lab idp" test -s "$E2E_DIR/port2" || bail "usher-lab idp did not start: $(cat "$E2E_DIR/idp2.out")"
idp=http://127.0.0.1:$(cat "$E2E_DIR/port2")
location() {
	curl -s -o "$E2E_DIR/body" -w '%{redirect_url}' "$1"
}
http 200 "whom to sign out" "$idp/logout"
has "Ada, for one" "$E2E_DIR/body" 'value="ada@usher.test"'
http 400 "nobody of this name" "$idp/logout?person=nobody"
http 400 "neither request nor answer" "$idp/slo"
location "$idp/logout?person=ada@usher.test&unsigned=1" > "$E2E_DIR/sent"
has "a LogoutRequest by redirect" "$E2E_DIR/sent" 'https://sp.test/slo?SAMLRequest='
hasnt "unsigned" "$E2E_DIR/sent" 'Signature='
location "$idp/logout?person=ada@usher.test" > "$E2E_DIR/sent"
has "signed" "$E2E_DIR/sent" '&Signature='
location "$idp/slo?$(sed 's/^[^?]*.//' "$E2E_DIR/sent")" > "$E2E_DIR/answer"
has "one that it gets is answered, RelayState and all" "$E2E_DIR/answer" 'https://sp.test/slo?SAMLResponse='
has "RelayState too" "$E2E_DIR/answer" '&RelayState=from-the-lab'
hasnt "--slo-unsigned" "$E2E_DIR/answer" 'Signature='
http 200 "an answer is shown" "$idp/slo?$(sed 's/^[^?]*.//' "$E2E_DIR/answer")"
has "as --slo-answer has it" "$E2E_DIR/body" 'status:PartialLogout'
http 200 "a LogoutRequest by form" "$idp/logout?person=ada@usher.test&binding=post"
has "to the service provider" "$E2E_DIR/body" 'action="https://sp.test/slo"'
sed -n 's/.*name="SAMLRequest" value="\([^"]*\)".*/\1/p' "$E2E_DIR/body" | base64 -d > "$E2E_DIR/posted"
ok "which xmlsec verifies" xmlsec1 --verify --pubkey-cert-pem "$E2E_DIR/c/idp.pem" --enabled-key-data rsa \
	--id-attr:ID urn:oasis:names:tc:SAML:2.0:protocol:LogoutRequest "$E2E_DIR/posted" 2> /dev/null

done_testing
