#!/bin/sh
# logout.t - signing out, from outside: the button and what the identity provider says to it, LogoutRequests by redirect and
# by form, signed and not, and every refusal. usher-lab idp is the other side; what it would never send is made in
# lib/logout.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

command -v node >/dev/null || skip_all "node is not installed"
LOGIN=https://login.usher.test
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" || bail "no certificates"
cat > "$E2E_DIR/people.yaml" <<YAML
people:
  - { name: ada@usher.test, email: ada@usher.test, object_id: oid-ada, display_name: Ada Lovelace }
  - { name: bob@usher.test, email: bob@usher.test, object_id: oid-bob, display_name: Bob }
YAML
"$USHER_LAB" idp --listen 127.0.0.1:0 --port-file "$E2E_DIR/port" --key "$E2E_DIR/certs/idp.key" --cert "$E2E_DIR/certs/idp.pem" \
	--people "$E2E_DIR/people.yaml" --acs-allowed "$LOGIN/saml/acs" --auto --slo "$LOGIN/saml/slo" >"$E2E_DIR/idp.out" 2>&1 &
e2e_started $!
wait_for "usher-lab idp" test -s "$E2E_DIR/port" || bail "usher-lab idp did not start: $(cat "$E2E_DIR/idp.out")"
IDP_PORT=$(cat "$E2E_DIR/port")
curl -sf "http://127.0.0.1:$IDP_PORT/metadata" > "$E2E_DIR/lab.xml" || bail "no metadata"
usher_metadata "$E2E_DIR/silent.xml" https://silent.other.test/ "$E2E_DIR/certs/idp.pem" https://silent.other.test/sso
usher_metadata "$E2E_DIR/poster.xml" https://poster.other.test/ "$E2E_DIR/certs/idp.pem" https://poster.other.test/sso https://poster.other.test/slo
sed -i "/SingleLogoutService/s|HTTP-Redirect' |HTTP-POST' ResponseLocation='https://poster.other.test/answers' |" "$E2E_DIR/poster.xml"
cat > "$E2E_DIR/usher.yaml" <<YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: $LOGIN
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
idps:
  lab: { profile: entra, metadata: lab.xml, domains: [usher.test] }
  silent: { profile: entra, metadata: silent.xml, domains: [silent.test] }
  poster: { profile: entra, metadata: poster.xml, domains: [poster.test] }
domains:
  usher.test: { sso: required, idp: lab, new_users: jit }
  silent.test: { sso: required, idp: silent, new_users: jit }
  poster.test: { sso: required, idp: poster, new_users: jit }
  local.test: { sso: "off" }
default: deny
apps:
  - { host: wiki.usher.test }
  - { host: crm.usher.test }
YAML
echo "correct horse battery staple" | "$USHER" account add -c "$E2E_DIR/usher.yaml" on@local.test >/dev/null || bail "no account"
usher_start "$E2E_DIR/usher.yaml"
E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_PORT=$USHER_PORT AUTH_PORT=$AUTH_PORT IDP_PORT=$IDP_PORT node "$E2E_LIB/logout.js"
