#!/bin/sh
# encrypted.t - encrypted assertions and names, end to end: a running usher with two keys (a rollover), the four layouts, GCM and CBC,
# and what must be refused - which looks the same whatever went wrong. `usher verify --decrypt-key` on the same messages.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

command -v node > /dev/null || skip_all "node is not installed"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/certs/idp.pem" https://idp.other.test/sso
# sp1 is in use, sp2 was before it, sp3 is somebody else's
for k in sp1 sp2 sp3; do
	openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=$k" -days 30 -keyout "$E2E_DIR/$k.key" -out "$E2E_DIR/$k.crt" 2> "$E2E_DIR/openssl" ||
		bail "no key: $(cat "$E2E_DIR/openssl")"
	chmod 600 "$E2E_DIR/$k.key"
	(umask 077 && cat "$E2E_DIR/$k.key" "$E2E_DIR/$k.crt" > "$E2E_DIR/$k.pem")
done
config() { # NAME SP_KEYS ALLOW
	cat > "$E2E_DIR/$1.yaml" <<- YAML
		listen: 127.0.0.1:0
		auth_listen: 127.0.0.1:0
		public_url: https://login.usher.test
		store: sqlite:$E2E_DIR/$1.db
		key_dir: $E2E_DIR/$1.keys
		loops: 1
		$2
		idps:
		  entra: { profile: entra, metadata: idp.xml, domains: [usher.test]$3 }
		domains:
		  usher.test: { sso: required, idp: entra, new_users: jit }
		default: deny
	YAML
}
next_month=$(date -u -d '+30 days' +%Y-%m-%d)
config usher "sp_keys: [sp1.pem, sp2.pem]" ""
config without "" ""
config old "sp_keys: [sp1.pem]" ", allow: [{ name: rsa15, until: $next_month }]"

"$USHER" metadata -c "$E2E_DIR/usher.yaml" > "$E2E_DIR/sp.xml" || bail "no metadata"
# what is offered for encryption is the key in use; the one before it still decrypts
offered=$(tr -d ' \n' < "$E2E_DIR/sp.xml" | sed 's/<md:KeyDescriptor/\n&/g' | grep 'use="encryption"')
for k in sp1:1 sp2:0; do
	certificate=$(openssl x509 -in "$E2E_DIR/${k%:*}.crt" -outform DER | base64 -w0)
	is "the certificate of ${k%:*} is offered for encryption ${k#*:} times" "$(printf %s "$offered" | grep -cF "$certificate")" ${k#*:}
done
is "usher refuses a key file that others can read" "$(chmod 644 "$E2E_DIR/sp1.pem"
	"$USHER" config --check -c "$E2E_DIR/usher.yaml" 2>&1 | grep -c bad-key-file
	chmod 600 "$E2E_DIR/sp1.pem")" 1

mint() {
	"$USHER_LAB" mint --key "$E2E_DIR/certs/idp.key" --cert "$E2E_DIR/certs/idp.pem" --issuer https://idp.other.test/ \
		--audience https://login.usher.test/saml/metadata --acs https://login.usher.test/saml/acs --name-id ada@usher.test \
		--email ada@usher.test --object-id oid-ada --request-id id1 "$@"
}
# verify CASE WANT-STATUS WANT-CODE FILE OPTIONS...
verify() {
	name=$1 status=$2 code=$3 file=$4
	shift 4
	"$USHER" verify --trust "$E2E_DIR/idp.xml" --acs https://login.usher.test/saml/acs --audience https://login.usher.test/saml/metadata \
		--request-id id1 "$@" "$file" > "$E2E_DIR/out" 2> "$E2E_DIR/err"
	is "verify, $name: exit $status" $? "$status"
	if [ "$status" -eq 0 ]; then
		has "verify, $name: who it is" "$E2E_DIR/out" ada@usher.test
	else
		has "verify, $name: $code" "$E2E_DIR/err" "$code"
		is "verify, $name: nothing of an identity" "$(cat "$E2E_DIR/out")" ""
	fi
}
mint --encrypt "$E2E_DIR/sp2.crt" > "$E2E_DIR/assertion.xml" || bail "nothing was minted"
mint --encrypt "$E2E_DIR/sp1.crt" --cipher aes128-gcm --sign response > "$E2E_DIR/response.xml" || bail "nothing was minted"
mint --encrypt-id "$E2E_DIR/sp1.crt" > "$E2E_DIR/id.xml" || bail "nothing was minted"
verify "the key" 0 "" "$E2E_DIR/assertion.xml" --decrypt-key "$E2E_DIR/sp2.key"
verify "one of two keys" 0 "" "$E2E_DIR/assertion.xml" --decrypt-key "$E2E_DIR/sp1.key" --decrypt-key "$E2E_DIR/sp2.key"
verify "in a signed Response" 0 "" "$E2E_DIR/response.xml" --decrypt-key "$E2E_DIR/sp1.key"
verify "a name" 0 "" "$E2E_DIR/id.xml" --decrypt-key "$E2E_DIR/sp1.key"
verify "another key" 1 decryption-failed "$E2E_DIR/assertion.xml" --decrypt-key "$E2E_DIR/sp3.key"
verify "another key, signed Response" 1 decryption-failed "$E2E_DIR/response.xml" --decrypt-key "$E2E_DIR/sp3.key"
verify "no key" 1 decryption-key-missing "$E2E_DIR/assertion.xml"
verify "no key for the name" 1 decryption-key-missing "$E2E_DIR/id.xml"
verify "no private key in the file" 2 bad-key-file "$E2E_DIR/assertion.xml" --decrypt-key "$E2E_DIR/sp1.crt"

for part in usher without old; do
	usher_start "$E2E_DIR/$part.yaml"
	E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_PORT=$USHER_PORT PART=$part node "$E2E_LIB/encrypted.js" > "$E2E_DIR/js" ||
		grep -q '^not ok' "$E2E_DIR/js" || bail "encrypted.js: $(cat "$E2E_DIR/js")"
	grep '^ok\|^not ok' "$E2E_DIR/js" > "$E2E_DIR/lines" || bail "no check of $part: $(cat "$E2E_DIR/js")"
	while IFS= read -r line; do
		ok "$part: ${line#*- }" [ "${line%%ok *}" = "" ]
	done < "$E2E_DIR/lines"
	e2e_stop $USHER_PID
done
done_testing
