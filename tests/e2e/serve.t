#!/bin/sh
# serve.t - the daemon as a process: start, ready line, TLS, Unix socket, a taken port, broken keys, graceful stop without a leak.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/c" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/c/idp.pem" https://idp.other.test/sso
config() { # NAME LISTEN [LINE]...
	file=$E2E_DIR/$1.yaml
	cat >"$file" <<-YAML
		listen: $2
		auth_listen: unix:$E2E_DIR/$1.sock
		public_url: https://login.usher.test
		store: sqlite:$E2E_DIR/$1.db
		key_dir: $E2E_DIR/keys
		idps: { entra: { profile: entra, metadata: idp.xml, domains: [usher.test] } }
		domains: { usher.test: { sso: required, idp: entra, new_users: jit } }
		apps: [{ host: wiki.usher.test }]
	YAML
	shift 2
	for line in "$@"; do echo "$line" >>"$file"; done
}
fails() { # NAME CODE CONFIG: does not start, and says why
	rc=0
	timeout 20 "$USHER" serve -c "$E2E_DIR/$3.yaml" >"$E2E_DIR/out" 2>"$E2E_DIR/err" || rc=$?
	is "$1: exit 2" $rc 2
	has "$1: says why" "$E2E_DIR/err" "$2"
}

config plain 127.0.0.1:0
usher_start "$E2E_DIR/plain.yaml"
is "healthz" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$USHER_PORT/healthz")" 200
is "auth on its Unix socket" "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$E2E_DIR/plain.sock" -H 'X-Forwarded-Host: wiki.usher.test' http://x/auth)" 401
is "whoever reaches the socket's folder may connect" "$(stat -c %a "$E2E_DIR/plain.sock")" 666
is "auth is not on the main listener" "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: login.usher.test' "http://127.0.0.1:$USHER_PORT/auth")" 404
is "login pages are not on the auth listener" "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$E2E_DIR/plain.sock" http://login.usher.test/login)" 404
is "the key ring is readable by its owner only" "$(stat -c %a "$E2E_DIR/keys/seal.key")" 600
is "the store as well" "$(stat -c %a "$E2E_DIR/plain.db")" 600
curl -s -D "$E2E_DIR/head" -o "$E2E_DIR/page" -H 'Host: login.usher.test' "http://127.0.0.1:$USHER_PORT/login"
for h in "Content-Security-Policy: default-src 'none'" 'X-Content-Type-Options: nosniff' 'X-Frame-Options: DENY' 'Cache-Control: no-store' 'Strict-Transport-Security: max-age'; do
	has "the login page has $h" "$E2E_DIR/head" "$h"
done
hasnt "no inline script" "$E2E_DIR/page" '<script'
hasnt "no inline style" "$E2E_DIR/page" 'style='
config taken "127.0.0.1:$USHER_PORT"
fails "a port that is taken" listen-failed taken
first=$USHER_PID
kill -HUP "$first"
wait_for "SIGHUP" grep -q 'restart instead' "$E2E_DIR/usher.log"
is "SIGHUP does not end it" "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$USHER_PORT/healthz")" 200
kill -TERM "$first"
rc=0
wait "$first" || rc=$?
ok "and its socket is gone" [ ! -e "$E2E_DIR/plain.sock" ]
is "SIGTERM: graceful, exit 0 (and no leak where a sanitizer looks)" $rc 0
has "and says so" "$E2E_DIR/usher.log" "stopped"
hasnt "no sanitizer report" "$E2E_DIR/usher.log" "ERROR: "

config tls 127.0.0.1:0 "tls_cert: $E2E_DIR/c/login.usher.test.pem" "tls_key: $E2E_DIR/c/login.usher.test.key"
usher_start "$E2E_DIR/tls.yaml"
is "TLS with our own certificate" "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$E2E_DIR/c/ca.pem" --resolve "login.usher.test:$USHER_PORT:127.0.0.1" "https://login.usher.test:$USHER_PORT/healthz")" 200
is "TLS 1.1 is refused" "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$E2E_DIR/c/ca.pem" --tls-max 1.1 --resolve "login.usher.test:$USHER_PORT:127.0.0.1" "https://login.usher.test:$USHER_PORT/healthz")" 000
rc=0
kill -INT "$USHER_PID"
wait "$USHER_PID" || rc=$?
is "SIGINT: graceful as well" $rc 0

config half 127.0.0.1:0 "tls_cert: $E2E_DIR/c/login.usher.test.pem"
fails "half of TLS" "go together" half
chmod 644 "$E2E_DIR/keys/seal.key"
config keys 127.0.0.1:0
fails "a key ring that others can read" "chmod 600" keys
chmod 600 "$E2E_DIR/keys/seal.key"
echo nonsense >"$E2E_DIR/keys/seal.key"
fails "a key ring that is none" bad-key-file keys
done_testing
