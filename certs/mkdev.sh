#!/bin/sh
# mkdev.sh - makes throw-away keys and certificates for development and tests, with the openssl command alone.
#
#   certs/mkdev.sh DIR [HOST...]
#
# DIR gets a CA (ca.pem), one TLS key and certificate for every host name, and the signing key of a test identity
# provider (idp.key, idp.pem). What is there already is kept, so that a second run is cheap and changes nothing; remove
# DIR to start afresh. Private keys are readable by their owner only. None of it belongs in a repository or in production.
set -eu

usage() {
	echo "usage: certs/mkdev.sh DIR [HOST...]" >&2
	echo "example: certs/mkdev.sh build/certs    # then: build/certs/ca.pem, build/certs/login.usher.test.{key,pem}, ..." >&2
	exit 2
}

[ $# -ge 1 ] || usage
case $1 in -*|'') usage ;; esac
dir=$1
shift
[ $# -gt 0 ] || set -- login.usher.test idp.other.test wiki.usher.test crm.usher.test

umask 077
mkdir -p "$dir"
work=$(mktemp -d "$dir/.mkdev.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Our own configuration: the system's openssl.cnf would add extensions of its own.
cat > "$work/cnf" <<-'CNF'
	[req]
	distinguished_name = dn
	[dn]
	[ca]
	basicConstraints = critical,CA:TRUE,pathlen:0
	keyUsage = critical,keyCertSign
	subjectKeyIdentifier = hash
	# whatever else this CA is made to sign, a browser that trusts it believes it about *.test only
	nameConstraints = critical,permitted;DNS:test
	[tls]
	basicConstraints = critical,CA:FALSE
	keyUsage = critical,digitalSignature
	extendedKeyUsage = serverAuth
	subjectAltName = ${ENV::HOST}
	[idp]
	basicConstraints = critical,CA:FALSE
	keyUsage = critical,digitalSignature
CNF

# make NAME SUBJECT EXTENSIONS DAYS KEY-ARGUMENTS...: NAME.key and NAME.pem, moved into place only when both are whole.
make() {
	name=$1 subject=$2 extensions=$3 days=$4
	shift 4
	if [ -s "$dir/$name.key" ] && [ -s "$dir/$name.pem" ]; then
		return 0
	fi
	openssl req -x509 -config "$work/cnf" -extensions "$extensions" -subj "$subject" -days "$days" -sha256 -nodes \
		"$@" -keyout "$work/key" -out "$work/pem" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
	chmod 600 "$work/key" "$work/pem"
	mv "$work/key" "$dir/$name.key"
	mv "$work/pem" "$dir/$name.pem"
}

HOST=DNS:unused
export HOST
make ca "/O=usher development/CN=usher throw-away CA" ca 90 -newkey ec -pkeyopt ec_paramgen_curve:P-256
for host; do
	case $host in
	*[!a-z0-9.-]*|.*|-*) echo "certs/mkdev.sh: '$host' is not a lower-case host name" >&2; exit 2 ;;
	*.test) ;;
	*) echo "certs/mkdev.sh: '$host' is outside .test, which is all this CA may speak for" >&2; exit 2 ;;
	esac
	HOST=DNS:$host
	make "$host" "/O=usher development/CN=$host" tls 90 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-CA "$dir/ca.pem" -CAkey "$dir/ca.key"
done
# As Entra makes them: RSA, self-signed, three years.
make idp "/CN=usher test identity provider" idp 1095 -newkey rsa:2048
