#!/bin/sh
# fetch-ssp-response.sh - signs somebody in at SimpleSAMLphp with curl alone and prints the form value SAMLResponse.
#
#   fetch-ssp-response.sh URL USER PASSWORD
#
# URL carries the AuthnRequest (HTTP-Redirect): second line of `usher-lab authnrequest`. CURL_OPTIONS is passed to curl.
set -eu

[ $# -eq 3 ] || { echo "usage: fetch-ssp-response.sh URL USER PASSWORD" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/usher-fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fetch() {
	# shellcheck disable=SC2086
	curl -sS --fail-with-body --max-time 30 -L -c "$work/jar" -b "$work/jar" ${CURL_OPTIONS:-} "$@"
}

fail() {
	echo "fetch-ssp-response.sh: $1" >&2
	sed -n '/<pre\|<h[12]\|<p>/p' "$2" | sed 's/<[^>]*>//g' | head -20 >&2
	exit 1
}

# The value of a hidden field; SimpleSAMLphp writes one <input> a line or several, name before value.
hidden() {
	tr '\n' ' ' < "$2" | sed -n "s/.*<input[^>]* name=\"$1\" value=\"\\([^\"]*\\)\".*/\\1/p" | sed 's/&amp;/\&/g'
}

fetch -o "$work/login.html" -w '%{url_effective}' "$1" > "$work/url" || fail "no login page" "$work/login.html"
state=$(hidden AuthState "$work/login.html")
[ -n "$state" ] || fail "the page has no AuthState" "$work/login.html"
fetch -o "$work/post.html" --data-urlencode "username=$2" --data-urlencode "password=$3" \
	--data-urlencode "AuthState=$state" "$(sed 's/?.*//' "$work/url")" || fail "the login was refused" "$work/post.html"
response=$(hidden SAMLResponse "$work/post.html")
[ -n "$response" ] || fail "the page has no SAMLResponse" "$work/post.html"
printf '%s\n' "$response"
