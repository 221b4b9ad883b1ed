#!/bin/sh
# browser-smoke.t - nginx, an application, the test identity provider and a browser, without usher: TLS by the development
# CA, real sites, the identity provider's pages, and how SameSite behaves on the way back from it. The checks are in
# lib/browser-smoke.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/nginx.sh"

for tool in node certutil; do
	command -v $tool > /dev/null || skip_all "$tool is not installed"
done
reason=$(cd "$E2E_LIB" && node -p 'require("./browser.js").unavailable() || ""')
[ -z "$reason" ] || skip_all "$reason"

CERTS=$E2E_DIR/certs
"$E2E_ROOT/certs/mkdev.sh" "$CERTS" || bail "no certificates"
cat > "$E2E_DIR/people.yaml" <<'YAML'
people:
  - name: ada@usher.test
    email: ada@usher.test
    object_id: 6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a01
    display_name: Ada Lovelace
    groups: [staff, admins]
  - { name: "zoe@usher.test", email: "zoe@usher.test", object_id: z1, display_name: "Zoë O'Brien & <Co>" }
  - { name: mallory@usher.test, email: mallory@usher.test, object_id: m1, trick: other-domain }
YAML

# start NAME COMMAND...: COMMAND writes its port to $E2E_DIR/NAME; sets $started to its address
start() {
	name=$1
	shift
	"$@" > "$E2E_DIR/$name.out" 2>&1 &
	e2e_started $!
	wait_for "$name" test -s "$E2E_DIR/$name" || {
		sed 's/^/# /' "$E2E_DIR/$name.out"
		bail "$name did not start"
	}
	started=127.0.0.1:$(cat "$E2E_DIR/$name")
}
start app "$E2E_LIB/echo.js" "$E2E_DIR/app"; app=$started
start auth "$E2E_LIB/echo.js" "$E2E_DIR/auth" --auth; auth=$started
start main "$E2E_LIB/echo.js" "$E2E_DIR/main"; main=$started
nginx_port
ACS=https://login.usher.test:$NGINX_PORT/saml/acs
IDP=https://idp.other.test:$NGINX_PORT
start idp "$USHER_LAB" idp --listen 127.0.0.1:0 --port-file "$E2E_DIR/idp" --public-url "$IDP" --key "$CERTS/idp.key" \
	--cert "$CERTS/idp.pem" --people "$E2E_DIR/people.yaml" --acs-allowed "$ACS"
nginx_start "$CERTS" "$main" "$auth" "$app" "$started" || bail "nginx did not start"

E2E_DIR=$E2E_DIR CERTS=$CERTS NGINX_PORT=$NGINX_PORT USHER_LAB=$USHER_LAB USHER=$USHER node "$E2E_LIB/browser-smoke.js"
