#!/bin/sh
# nginx-recipe.t - the snippets of docs/nginx/ in a real nginx, with stubs for usher and the application: who gets through,
# what the application sees, and what a client cannot smuggle past.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/nginx.sh"

command -v node > /dev/null || skip_all "node is not installed"
[ -x /usr/sbin/nginx ] || command -v nginx > /dev/null || skip_all "nginx is not installed"

CERTS=$E2E_DIR/certs
"$E2E_ROOT/certs/mkdev.sh" "$CERTS" || bail "no certificates"

# stub NAME [OPTION]: starts echo.js and sets $stub to its address
stub() {
	"$E2E_LIB/echo.js" "$E2E_DIR/$1" ${2:-} > "$E2E_DIR/$1.out" 2>&1 &
	e2e_started $!
	wait_for "$1" test -s "$E2E_DIR/$1" || bail "$1 did not start"
	stub=127.0.0.1:$(cat "$E2E_DIR/$1")
}
stub app; app=$stub
stub auth --auth; auth=$stub
stub main; main=$stub # stands for usher's main listener and shows what reaches it
nginx_start "$CERTS" "$main" "$auth" "$app" - || bail "nginx did not start"
WIKI=https://wiki.usher.test:$NGINX_PORT CRM=https://crm.usher.test:$NGINX_PORT LOGIN=https://login.usher.test:$NGINX_PORT

# get CURL-ARGUMENTS...: leaves $status, the files head and body
get() {
	status=$(web "$CERTS" -o "$E2E_DIR/body" -D "$E2E_DIR/head" -w '%{http_code}' "$@")
}
field() {
	jq -r "$1" "$E2E_DIR/body"
}
location() {
	tr -d '\r' < "$E2E_DIR/head" | sed -n 's/^location: //Ip'
}

# --- signed in ---------------------------------------------------------------------------------------------------------
get -b '__Host-usher=ada' "$WIKI/json/page?a=1&b=%2F"
is "signed in: passes" "$status" 200
is "the application sees the path as sent" "$(field .url)" '/json/page?a=1&b=%2F'
is "Remote-User" "$(field '.headers["remote-user"]|join("|")')" ada@usher.test
is "Remote-Email" "$(field '.headers["remote-email"]|join("|")')" ada@usher.test
is "Remote-Name" "$(field '.headers["remote-name"]|join("|")')" "Ada Lovelace"
is "Remote-Groups" "$(field '.headers["remote-groups"]|join("|")')" staff,admins
is "Host" "$(field '.headers.host|join("|")')" "wiki.usher.test:$NGINX_PORT"
is "the only cookie was usher's: none is sent" "$(field '.headers.cookie')" null

# --- forged headers --------------------------------------------------------------------------------------------------------
get -b '__Host-usher=ada' -H 'Remote-User: root' -H 'remote-user: root2' -H 'Remote-Groups: wheel' -H 'Remote-Name: x' \
	-H 'Remote_User: root3' -H 'X-Forwarded-For: 6.6.6.6' -H 'X-Forwarded-Host: evil.test' "$WIKI/json"
is "forged Remote-User: replaced" "$(field '.headers["remote-user"]|join("|")')" ada@usher.test
is "forged Remote-Groups: replaced" "$(field '.headers["remote-groups"]|join("|")')" staff,admins
is "Remote_User: dropped" "$(field '.headers["remote_user"]')" null
is "X-Forwarded-For: replaced" "$(field '.headers["x-forwarded-for"]|join("|")')" 127.0.0.1
is "X-Forwarded-Host: replaced" "$(field '.headers["x-forwarded-host"]|join("|")')" "wiki.usher.test:$NGINX_PORT"
hasnt "nothing of the forgery arrives" "$E2E_DIR/body" root

# --- cookies -----------------------------------------------------------------------------------------------------------------
cookie_case() {
	get -H "Cookie: $1" "$WIKI/json"
	is "cookies '$1'" "$status $(field '.headers.cookie|if . then join("|") else "none" end')" "200 $2"
}
cookie_case '__Host-usher=ada; theme=dark' 'theme=dark'
cookie_case 'theme=dark; __Host-usher=ada' 'theme=dark;'
cookie_case 'a=1; __Host-usher=ada; b=2' 'a=1; b=2'
cookie_case 'a=1; __Host-usher=ada; __Host-usher-n=q; b=2; __Host-usher-l=r; c=3' 'a=1; b=2; c=3'
cookie_case 'my__Host-usher=1; __Host-usher=ada' none
cookie_case 'a=1; __Host-usher=ada; __Host-usher-1=x; __Host-usher-2=x; __Host-usher-3=x; __Host-usher-4=x; __Host-usher-5=x; __Host-usher-6=x' none
# HTTP/2 lets a client split its cookies into several headers
get --http2 -H 'Cookie: a=1' -H 'Cookie: __Host-usher=ada' "$WIKI/json"
is "split cookies" "$status $(field '.headers.cookie|join("|")')" '200 a=1;'

# --- not signed in -----------------------------------------------------------------------------------------------------------
get "$WIKI/deep/page?x=1&y=2"
is "not signed in: redirected" "$status" 302
is "to this host's own start, with the way back" "$(location)" \
	"https://wiki.usher.test:$NGINX_PORT/.usher/start?rd=%2Fdeep%2Fpage%3Fx%3D1%26y%3D2"
has "the redirect is not cached" "$E2E_DIR/head" no-store
get -H 'Sec-Fetch-Mode: cors' "$WIKI/json"
is "a script's request gets 401" "$status" 401
is "and no Location" "$(location)" ""
get -H 'Sec-Fetch-Mode: navigate' "$WIKI/"
is "a navigation is redirected" "$status" 302
get -b '__Host-usher=denied' "$WIKI/"
is "not allowed: 403" "$status" 403
get -X POST -d secret=1 "$WIKI/form"
is "a POST without a session does not reach the application" "$status" 302
hasnt "its body does not reach usher's auth listener" "$E2E_DIR/auth.log" secret

# --- which application is asked about ------------------------------------------------------------------------------------------
: > "$E2E_DIR/auth.log"
get -b '__Host-usher=ada' -H "Host: wiki.usher.test:$NGINX_PORT" --request-target "https://crm.usher.test:$NGINX_PORT/json" \
	--http1.1 "$WIKI/json"
is "host in the request line against Host: usher is asked about the one that answers" \
	"$(jq -r '.headers["x-forwarded-host"][0]' "$E2E_DIR/auth.log") $(field '.headers.host[0]')" \
	"crm.usher.test:$NGINX_PORT crm.usher.test:$NGINX_PORT"
: > "$E2E_DIR/auth.log"
get -b '__Host-usher=ada' -H 'X-Forwarded-Host: wiki.usher.test' -H 'X-Original-URL: https://wiki.usher.test/' \
	-H 'X-Original-Host: wiki.usher.test' -H 'X-Original-URI: /x' -H 'X-Forwarded-Uri: /y' "$CRM/json/1"
is "forged forwarding headers do not change the question" "$(jq -rc \
	'[.url,.method]+([.headers["x-forwarded-host","x-forwarded-uri","x-original-url","x-original-uri","x-original-host","host"]]|flatten)' \
	"$E2E_DIR/auth.log")" \
	"[\"/auth\",\"GET\",\"crm.usher.test:$NGINX_PORT\",\"/json/1\",null,null,null,\"crm.usher.test:$NGINX_PORT\"]"
get -b '__Host-usher=ada' "$WIKI/.usher/internal/auth"
is "the internal location is not for clients" "$status" 404

# --- usher's own pages -------------------------------------------------------------------------------------------------------
get -H 'X-Forwarded-For: 6.6.6.6' -b '__Host-usher-n=nonce' "$WIKI/.usher/start?rd=%2F"
is "/.usher/ passes without a session" "$status" 200
has "and keeps its cookies" "$E2E_DIR/body" __Host-usher-n=nonce
hasnt "X-Forwarded-For is ours there" "$E2E_DIR/body" 6.6.6.6
get --path-as-is "$WIKI/.usher/../json"
is "/.usher/../ is not a way around" "$status" 302
get --path-as-is "$WIKI/%2eusher/../json"
is "nor is it encoded" "$status" 302
get "$WIKI/.usherx"
is "nor is a longer name" "$status" 302
get -H 'X-Forwarded-Host: evil.test' "$LOGIN/json"
is "the login host reaches usher" "$status $(field '.headers.host|join("|")') $(field '.headers["x-forwarded-host"]|join("|")')" \
	"200 login.usher.test:$NGINX_PORT login.usher.test:$NGINX_PORT"
get -H 'Host: other.test' "$LOGIN/"
is "an unknown host gets 421" "$status" 421

# --- the page that describes it ----------------------------------------------------------------------------------------------
# its server blocks, with our paths and ports, are a configuration that nginx takes
{
	echo "pid $E2E_DIR/doc.pid; error_log $E2E_DIR/doc.log; events {} http { access_log off;"
	sed -n '/^```nginx/,/^```$/p' "$E2E_ROOT/docs/deploy-nginx.md" | sed -e '/^```/d' -e "s|/etc/nginx/usher/|$NGINX_DIR/|" \
		-e "s#/etc/ssl/[a-z.]*\.\(pem\|key\);#$CERTS/login.usher.test.\1;#" \
		-e "s|listen 443|listen 127.0.0.1:$NGINX_PORT|" -e "s|listen 80|listen 127.0.0.1:$(free_port)|"
	echo "}"
} > "$E2E_DIR/doc.conf"
has "docs/deploy-nginx.md has server blocks" "$E2E_DIR/doc.conf" "server_name wiki.example.com;"
ok "nginx takes them" "$nginx_bin" -t -q -p "$E2E_DIR" -c "$E2E_DIR/doc.conf" -e "$E2E_DIR/doc.log"

# --- usher is down: closed ---------------------------------------------------------------------------------------------------
e2e_stop "$NGINX_PID"
nginx_start "$CERTS" - - "$app" - || bail "nginx did not start again"
get -b '__Host-usher=ada' "$WIKI/json"
is "without usher nobody gets through" "$status" 500

done_testing
