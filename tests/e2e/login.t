#!/bin/sh
# login.t - both doors from outside, without a browser: every step of a login, and every refusal with its page, status and
# exactly one event. The checks are in lib/login.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

command -v node >/dev/null || skip_all "node is not installed"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/certs/idp.pem" https://idp.other.test/sso
usher_metadata "$E2E_DIR/plain.xml" https://plain.other.test/ "$E2E_DIR/certs/idp.pem" https://plain.other.test/sso
cat > "$E2E_DIR/usher.yaml" <<YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: https://login.usher.test
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
idps:
  entra:
    profile: entra
    metadata: idp.xml
    domains: [usher.test, optional.test]
  plain:
    metadata: plain.xml
    domains: [plain.test]
    email_from: mail
domains:
  plain.test: { sso: required, idp: plain, new_users: jit }
  usher.test: { sso: required, idp: entra, new_users: jit }
  optional.test: { sso: optional, idp: entra }
  local.test: { sso: "off" }
grants:
  - { account: room-4@usher.test, kind: outside, owner: facilities, reason: shared display }
  - { account: admin@usher.test, kind: fallback, owner: it, reason: break-glass, network: 127.0.0.0/8 }
rules:
  - { name: leavers, when: { group: leavers }, door: deny }
default: deny
apps:
  - { host: wiki.usher.test, allow: { groups: [staff] }, send_groups: [admins] }
  - { host: crm.usher.test }
  - { host: vault.usher.test, allow: { door: sso } }
YAML
for who in room-4@usher.test admin@usher.test off@local.test on@local.test alice@usher.test; do
	echo "correct horse battery staple" | "$USHER" account add -c "$E2E_DIR/usher.yaml" "$who" >/dev/null || bail "no account $who"
done
"$USHER" account disable -c "$E2E_DIR/usher.yaml" off@local.test >/dev/null
usher_start "$E2E_DIR/usher.yaml"
E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_PORT=$USHER_PORT AUTH_PORT=$AUTH_PORT USHER_PID=$USHER_PID node "$E2E_LIB/login.js"
