# site.sh - everything that takes part in a login, with real parts: nginx with the recipe of docs/nginx/, usher behind it on
# plain loopback, an application that echoes, and SimpleSAMLphp as identity provider on another site. Source common.sh first.
#
#   site_missing             prints what this machine lacks, or nothing
#   site_start               starts all of it but usher, and writes $E2E_DIR/usher.yaml
#   site_usher [BINARY]      starts usher, or stops the one that runs and starts another in its place, with the same store
#   site_checks FILE.js      runs the checks with what they need to know in the environment
#   site_sane                stops usher; fails if a sanitizer it was built with complained
#
# Sets CERTS, LOGIN, NGINX_PORT, USHER_PORT, AUTH_PORT, USHER_PID. The accounts with a password have $SITE_PASSWORD.
. "$E2E_LIB/nginx.sh"
. "$E2E_LIB/ssp.sh"
. "$E2E_LIB/usher.sh"

SITE_PASSWORD="correct horse battery staple"

site_missing() {
	for site_tool in node certutil curl; do
		command -v $site_tool > /dev/null || { echo "$site_tool is not installed"; return; }
	done
	[ -x /usr/sbin/nginx ] || command -v nginx > /dev/null || { echo "nginx is not installed"; return; }
	ssp_available || { echo "simplesamlphp or php is not installed"; return; }
	(cd "$E2E_LIB" && node -p 'require("./browser.js").unavailable() || ""')
}

site_start() {
	CERTS=$E2E_DIR/certs
	"$E2E_ROOT/certs/mkdev.sh" "$CERTS" || bail "no certificates"
	nginx_port
	LOGIN=https://login.usher.test:$NGINX_PORT
	# fixed, so that nginx finds the next usher where the last one was
	USHER_PORT=$(free_port) AUTH_PORT=$(free_port)
	ssp_start "$LOGIN/saml/metadata" "$LOGIN/saml/acs" "https://idp.other.test:$NGINX_PORT/simplesamlphp/" ||
		bail "SimpleSAMLphp did not start"
	cat > "$E2E_DIR/usher.yaml" <<-YAML
		listen: 127.0.0.1:$USHER_PORT
		auth_listen: 127.0.0.1:$AUTH_PORT
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
		  - { account: admin@usher.test, kind: fallback, owner: it, reason: break-glass, network: 127.0.0.0/8 }
		default: deny
		apps:
		  - { host: "wiki.usher.test:$NGINX_PORT", name: Wiki, allow: { groups: [staff] }, send_groups: [admins] }
		  - { host: "crm.usher.test:$NGINX_PORT", name: CRM }
	YAML
	for site_who in room-4@usher.test admin@usher.test; do
		echo "$SITE_PASSWORD" | "$USHER" account add -c "$E2E_DIR/usher.yaml" "$site_who" > /dev/null ||
			bail "no account $site_who"
	done
	"$E2E_LIB/echo.js" "$E2E_DIR/app" > "$E2E_DIR/app.out" 2>&1 &
	e2e_started $!
	wait_for "the application" test -s "$E2E_DIR/app" || bail "the application did not start"
	nginx_start "$CERTS" "127.0.0.1:$USHER_PORT" "127.0.0.1:$AUTH_PORT" "127.0.0.1:$(cat "$E2E_DIR/app")" \
		"127.0.0.1:$SSP_PORT" || bail "nginx did not start"
}

site_usher() {
	site_stop_usher
	site_real=$USHER
	USHER=${1:-$USHER}
	usher_start "$E2E_DIR/usher.yaml"
	USHER=$site_real
}

site_stop_usher() {
	[ -z "${USHER_PID:-}" ] || e2e_stop "$USHER_PID"
	USHER_PID=
}

# What a sanitizer found in usher, its end included.
site_sane() {
	site_stop_usher
	! grep -E 'Sanitizer|runtime error:' "$E2E_DIR/usher.log" | sed 's/^/# usher: /' | grep .
}

site_checks() {
	E2E_DIR=$E2E_DIR CERTS=$CERTS NGINX_PORT=$NGINX_PORT USHER_PORT=$USHER_PORT USHER=$USHER SITE_PASSWORD=$SITE_PASSWORD \
		node "$E2E_LIB/$1" || {
		site_rc=$?
		tail -20 "$E2E_DIR/usher.log" | sed 's/^/# usher: /'
		tail -5 "$NGINX_DIR/error.log" | sed 's/^/# nginx: /'
		return $site_rc
	}
}
