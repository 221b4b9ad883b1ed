#!/bin/sh
# browser-login.t - the whole picture with real parts: Chromium, nginx with the recipe of docs/deploy-nginx.md, usher, and
# SimpleSAMLphp as identity provider on another site. What only a browser can show: cookies across sites, self-posting
# forms, Back, tabs, logging somebody else in. The checks are in lib/browser-login.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/nginx.sh"
. "$E2E_LIB/ssp.sh"
. "$E2E_LIB/usher.sh"

for tool in node certutil; do
	command -v $tool > /dev/null || skip_all "$tool is not installed"
done
ssp_available || skip_all "simplesamlphp or php is not installed"
reason=$(cd "$E2E_LIB" && node -p 'require("./browser.js").unavailable() || ""')
[ -z "$reason" ] || skip_all "$reason"

CERTS=$E2E_DIR/certs
"$E2E_ROOT/certs/mkdev.sh" "$CERTS" || bail "no certificates"
nginx_port
LOGIN=https://login.usher.test:$NGINX_PORT
ssp_start "$LOGIN/saml/metadata" "$LOGIN/saml/acs" "https://idp.other.test:$NGINX_PORT/simplesamlphp/" ||
	bail "SimpleSAMLphp did not start"
cat > "$E2E_DIR/usher.yaml" <<YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: $LOGIN
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
idps:
  company:
    profile: entra
    metadata: $SSP_METADATA
    domains: [usher.test]
domains:
  usher.test: { sso: required, idp: company, new_users: jit }
grants:
  - { account: room-4@usher.test, kind: outside, owner: facilities, reason: shared display }
default: deny
apps:
  - { host: "wiki.usher.test:$NGINX_PORT", name: Wiki, allow: { groups: [staff] }, send_groups: [admins] }
  - { host: "crm.usher.test:$NGINX_PORT", name: CRM }
YAML
echo "correct horse battery staple" | "$USHER" account add -c "$E2E_DIR/usher.yaml" room-4@usher.test > /dev/null ||
	bail "no account"
usher_start "$E2E_DIR/usher.yaml"
"$E2E_LIB/echo.js" "$E2E_DIR/app" > "$E2E_DIR/app.out" 2>&1 &
e2e_started $!
wait_for "the application" test -s "$E2E_DIR/app" || bail "the application did not start"
nginx_start "$CERTS" "127.0.0.1:$USHER_PORT" "127.0.0.1:$AUTH_PORT" "127.0.0.1:$(cat "$E2E_DIR/app")" "127.0.0.1:$SSP_PORT" ||
	bail "nginx did not start"

E2E_DIR=$E2E_DIR CERTS=$CERTS NGINX_PORT=$NGINX_PORT USHER=$USHER node "$E2E_LIB/browser-login.js" || {
	rc=$?
	tail -20 "$E2E_DIR/usher.log" | sed 's/^/# usher: /'
	tail -5 "$NGINX_DIR/error.log" | sed 's/^/# nginx: /'
	exit $rc
}
