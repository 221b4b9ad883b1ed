# nginx.sh - an nginx of our own in front, with TLS by the development CA, on one free port. Source common.sh first.
#
#   nginx_port                                   picks NGINX_PORT, for configurations that must name it
#   nginx_start CERTS USHER AUTH APP IDP         folder of certs/mkdev.sh; HOST:PORT of each part, "-" for none
#
# Serves login, wiki and crm.usher.test and idp.other.test. Sets NGINX_PID; logs are in $E2E_DIR/nginx/. Works as root
# and as anybody.

nginx_port() {
	NGINX_PORT=$(free_port)
}

nginx_start() {
	NGINX_DIR=$E2E_DIR/nginx
	nginx_bin=$(command -v nginx || echo /usr/sbin/nginx)
	nginx_user=
	[ "$(id -u)" -ne 0 ] || nginx_user="user root;" # else the workers could not reach our temporary folder
	mkdir -p "$NGINX_DIR/tmp"
	[ -n "${NGINX_PORT:-}" ] || nginx_port
	# nothing listens on port 1: what is not there answers 502
	nginx_usher=$2 nginx_auth=$3 nginx_app=$4 nginx_idp=$5
	for nginx_part in usher auth app idp; do
		eval "[ \"\$nginx_$nginx_part\" != - ] || nginx_$nginx_part=127.0.0.1:1"
	done
	for nginx_file in usher-http usher-login usher-app usher-protect; do
		sed -e "s|server 127.0.0.1:8080;|server $nginx_usher;|" -e "s|server 127.0.0.1:8081;|server $nginx_auth;|" \
			"$E2E_ROOT/docs/nginx/$nginx_file.conf" > "$NGINX_DIR/$nginx_file.conf"
	done
	sed -e "s|@USER@|$nginx_user|" -e "s|@DIR@|$NGINX_DIR|g" -e "s|@PORT@|$NGINX_PORT|g" -e "s|@CERTS@|$1|g" \
		-e "s|@APP@|$nginx_app|g" -e "s|@IDP@|$nginx_idp|g" "$E2E_LIB/nginx.conf.in" > "$NGINX_DIR/nginx.conf"
	setsid "$nginx_bin" -p "$NGINX_DIR" -c "$NGINX_DIR/nginx.conf" -e "$NGINX_DIR/error.log" > "$NGINX_DIR/out" 2>&1 &
	NGINX_PID=$!
	e2e_started "$NGINX_PID"
	wait_for nginx curl -s -o /dev/null --cacert "$1/ca.pem" --resolve "login.usher.test:$NGINX_PORT:127.0.0.1" \
		"https://login.usher.test:$NGINX_PORT/" || {
		sed 's/^/# /' "$NGINX_DIR/out" "$NGINX_DIR/error.log" | tail -20 >&2
		return 1
	}
}

# web CERTS CURL-ARGUMENTS...: curl that knows our hosts and CA
web() {
	web_certs=$1
	shift
	curl -sS --max-time 20 --cacert "$web_certs/ca.pem" --resolve "login.usher.test:$NGINX_PORT:127.0.0.1" \
		--resolve "wiki.usher.test:$NGINX_PORT:127.0.0.1" --resolve "crm.usher.test:$NGINX_PORT:127.0.0.1" \
		--resolve "idp.other.test:$NGINX_PORT:127.0.0.1" "$@"
}
