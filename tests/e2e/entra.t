#!/bin/sh
# entra.t - Entra's profile through the running daemon: what is sent to it (hints, signature), what its claims must hold (tenant,
# guests, group overage), and exceptions that are in force or have ended. The checks are in lib/entra.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

command -v node >/dev/null || skip_all "node is not installed"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" || bail "no certificates"
TENANT=11111111-2222-3333-4444-555555555555
OTHER=99999999-2222-3333-4444-555555555555
usher_metadata "$E2E_DIR/idp.xml" https://sts.windows.net/$TENANT/ "$E2E_DIR/certs/idp.pem" https://login.microsoftonline.com/$TENANT/saml2
usher_metadata "$E2E_DIR/old.xml" https://sts.windows.net/$OTHER/ "$E2E_DIR/certs/idp.pem" https://login.microsoftonline.com/$OTHER/saml2
usher_metadata "$E2E_DIR/sha1.xml" https://idp.other.test/ "$E2E_DIR/certs/idp.pem" https://idp.other.test/sso
# a key of ours, made here
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=usher -days 400 -keyout "$E2E_DIR/sp.key" -out "$E2E_DIR/sp.crt" 2>/dev/null || bail "no key"
(umask 077 && cat "$E2E_DIR/sp.key" "$E2E_DIR/sp.crt" >"$E2E_DIR/sp.pem")
cat >"$E2E_DIR/usher.yaml" <<YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: https://login.usher.test
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
sp_keys: sp.pem
idps:
  entra:
    profile: entra
    metadata: idp.xml
    domains: [usher.test, partner.test]
    guest_domains: [partner.test]
    sign_requests: yes
    whr: address
  old:
    profile: entra
    metadata: old.xml
    domains: [old.test]
    allow: [{ name: sha1, until: $(date -u -d yesterday +%Y-%m-%d) }]
  allowed:
    metadata: sha1.xml
    subject_from: id
    domains: [allowed.test]
    allow: [{ name: sha1, until: $(date -u -d '+100 days' +%Y-%m-%d) }]
domains:
  usher.test: { sso: required, idp: entra, new_users: jit }
  partner.test: { sso: required, idp: entra, new_users: jit }
  old.test: { sso: required, idp: old, new_users: jit }
  allowed.test: { sso: required, idp: allowed, new_users: jit }
rules:
  - { name: leavers, when: { group: leavers }, door: deny }
default: deny
apps:
  - { host: wiki.usher.test, allow: { groups: [staff] } }
YAML
"$USHER" config -c "$E2E_DIR/usher.yaml" --check >"$E2E_DIR/check" 2>&1 || bail "$(cat "$E2E_DIR/check")"
usher_start "$E2E_DIR/usher.yaml"
E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_PORT=$USHER_PORT TENANT=$TENANT OTHER=$OTHER node "$E2E_LIB/entra.js"
