# ssp.sh - Debian's SimpleSAMLphp as a real identity provider on PHP's built-in server. Source common.sh first.
#
#   ssp_start SP-ENTITY SP-ACS [PUBLIC-URL]        single logout: beside the ACS, .../saml/slo
#
# PUBLIC-URL is where browsers see it if a proxy stands in front ("https://idp.other.test:8443/simplesamlphp/"). Sets
#   SSP_PORT     of 127.0.0.1, plain HTTP       SSP_URL       its base, with a slash at the end
#   SSP_ENTITY   entity ID                      SSP_SSO       sign-on URL (HTTP-Redirect)
#   SSP_CERT     signing certificate (PEM)      SSP_METADATA  a file with its metadata
#   SSP_PID      also in $E2E_DIR/ssp/pid
# The people are in ssp/authsources.php.

SSP_SHARE=/usr/share/simplesamlphp

ssp_available() {
	[ -f "$SSP_SHARE/www/saml2/idp/SSOService.php" ] && command -v php >/dev/null
}

ssp_start() {
	SSP_DIR=$E2E_DIR/ssp
	SSP_SP_ENTITY=$1 SSP_SP_ACS=$2
	mkdir -p "$SSP_DIR/cert" "$SSP_DIR/log" "$SSP_DIR/data" "$SSP_DIR/tmp" "$SSP_DIR/sessions" "$SSP_DIR/htdocs"
	ln -sfn "$SSP_SHARE/www" "$SSP_DIR/htdocs/simplesamlphp"
	openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -subj '/CN=SimpleSAMLphp under test' \
		-keyout "$SSP_DIR/cert/idp.key" -out "$SSP_DIR/cert/idp.pem" 2>"$SSP_DIR/log/openssl" || return 1
	SSP_CERT=$SSP_DIR/cert/idp.pem
	SSP_SECRET=$(openssl rand -hex 16)
	SSP_PORT=$(free_port)
	SSP_URL=${3:-http://127.0.0.1:$SSP_PORT/simplesamlphp/}
	SSP_ENTITY=${SSP_URL}saml2/idp/metadata.php
	SSP_SSO=${SSP_URL}saml2/idp/SSOService.php
	SSP_METADATA=$SSP_DIR/metadata.xml

	# Several workers, as a browser keeps idle connections; a process group of its own, so that none outlives it.
	SIMPLESAMLPHP_CONFIG_DIR=$E2E_LIB/ssp PHP_CLI_SERVER_WORKERS=4 SSP_DIR=$SSP_DIR SSP_URL=$SSP_URL SSP_SECRET=$SSP_SECRET \
		SSP_ENTITY=$SSP_ENTITY SSP_SP_ENTITY=$SSP_SP_ENTITY SSP_SP_ACS=$SSP_SP_ACS SSP_SP_SLO=${SSP_SP_ACS%/acs}/slo \
		setsid php -d display_errors=stderr -d session.gc_probability=0 -S "127.0.0.1:$SSP_PORT" -t "$SSP_DIR/htdocs" \
		>"$SSP_DIR/log/php" 2>&1 &
	SSP_PID=$!
	e2e_started "$SSP_PID"
	echo "$SSP_PID" > "$SSP_DIR/pid"
	wait_for SimpleSAMLphp curl -sf -o "$SSP_METADATA" "http://127.0.0.1:$SSP_PORT/simplesamlphp/saml2/idp/metadata.php" || {
		sed 's/^/# /' "$SSP_DIR/log/php" | tail -20 >&2
		return 1
	}
}

ssp_stop() {
	e2e_stop "$SSP_PID"
}
