#!/bin/sh
# metadata.t - metadata from a URL: fetched, refreshed, rolled over, approved, distrusted; and what usher-fetch refuses. The
# checks and the server they fetch from are in lib/metadata.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

command -v node >/dev/null || skip_all "node is not installed"
command -v xmlsec1 >/dev/null || skip_all "xmlsec1 is not installed"
# make NAME SAN: a key and a certificate that is its own authority
make() {
	openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -subj "/CN=$1" -addext "subjectAltName=$2" \
		-keyout "$E2E_DIR/$1.key" -out "$E2E_DIR/$1.pem" 2>"$E2E_DIR/openssl.log" || bail "no certificate: $(cat "$E2E_DIR/openssl.log")"
}
make server IP:127.0.0.1
make elsewhere IP:127.0.0.1
for key in a b c d signer; do make $key DNS:idp.test; done
E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_FETCH=${USHER%usher}usher-fetch node "$E2E_LIB/metadata.js"
