#!/bin/sh
# ssp-verify.t - a live Response of SimpleSAMLphp through `usher verify`: accepted as it is, refused with each parameter
# wrong and with single bytes flipped. USHER and USHER_LAB name the binaries.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/ssp.sh"

ssp_available || skip_all "simplesamlphp or php is not installed"

SP=https://login.usher.test
ACS=https://login.usher.test/saml/acs
EMAIL_CLAIM=http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress
ssp_start "$SP" "$ACS" || bail "SimpleSAMLphp did not start"

"$USHER_LAB" authnrequest --sso "$SSP_SSO" --entity-id "$SP" --acs "$ACS" > "$E2E_DIR/request" || bail "no AuthnRequest"
ID=$(sed -n 1p "$E2E_DIR/request")
RESPONSE=$E2E_DIR/response.b64
"$E2E_LIB/fetch-ssp-response.sh" "$(sed -n 2p "$E2E_DIR/request")" zoe zoe-secret > "$RESPONSE" || bail "no Response"
base64 -d "$RESPONSE" > "$E2E_DIR/response.xml" || bail "SAMLResponse is not base64"
printf 'RelayState=x&SAMLResponse=%s' "$(tr -d '\n' < "$RESPONSE" | sed 's/+/%2B/g; s/=/%3D/g; s,/,%2F,g')" > "$E2E_DIR/response.form"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout "$E2E_DIR/other.key" -out "$E2E_DIR/other.pem" 2>/dev/null

# verify OPTIONS...: leaves $rc and the files out and err
verify() {
	rc=0
	"$USHER" verify "$@" > "$E2E_DIR/out" 2> "$E2E_DIR/err" || rc=$?
}

accepted() {
	name=$1
	shift
	verify "$@"
	is "$name" "$rc" 0 || sed 's/^/#   /' "$E2E_DIR/err"
}

# refused CODE NAME OPTIONS...: exit 1, the code on stderr, nothing on stdout
refused() {
	code=$1 name=$2
	shift 2
	verify "$@"
	is "$name: exit 1" "$rc" 1
	has "$name: $code" "$E2E_DIR/err" "$code"
	is "$name: nothing on stdout" "$(cat "$E2E_DIR/out")" ""
}

# unable TEXT NAME OPTIONS...: exit 2, TEXT on stderr, nothing on stdout
unable() {
	text=$1 name=$2
	shift 2
	verify "$@"
	is "$name: exit 2" "$rc" 2
	has "$name: says so" "$E2E_DIR/err" "$text"
	is "$name: nothing on stdout" "$(cat "$E2E_DIR/out")" ""
}

# what most calls have in common
base="--acs $ACS --audience $SP"

# --- accepted, in every form -----------------------------------------------------------------------------------------
for form in b64 xml form; do
	accepted "accepted as $form, trust by metadata" --trust "$SSP_METADATA" $base --request-id "$ID" "$E2E_DIR/response.$form"
	has "$form: e-mail" "$E2E_DIR/out" zoe@usher.test
	has "$form: display name in UTF-8" "$E2E_DIR/out" "Zoë O'Brien & <Co>"
done
accepted "accepted, trust by certificate" --trust "$SSP_CERT" --issuer "$SSP_ENTITY" $base --request-id "$ID" "$RESPONSE"
accepted "accepted, an unrelated certificate beside the right one" --trust "$E2E_DIR/other.pem" --trust "$SSP_CERT" \
	--issuer "$SSP_ENTITY" $base --request-id "$ID" "$RESPONSE"
accepted "accepted from standard input" --trust "$SSP_METADATA" $base --request-id "$ID" - < "$RESPONSE"
accepted "accepted, the e-mail is in an owned domain" --trust "$SSP_METADATA" $base --request-id "$ID" \
	--email-from "$EMAIL_CLAIM" --email-domain usher.test "$RESPONSE"
accepted "accepted as JSON" --trust "$SSP_METADATA" $base --request-id "$ID" --format json "$RESPONSE"
is "JSON is JSON" "$(jq -r type "$E2E_DIR/out")" object

# --- one parameter wrong -------------------------------------------------------------------------------------------
trust="--trust $SSP_METADATA"
refused audience-mismatch "wrong audience" $trust --acs "$ACS" --audience "$SP/" --request-id "$ID" "$RESPONSE"
# the signed Response names it too, and comes first; tests/unit/lab/mint.c has the recipient alone
refused destination-mismatch "wrong ACS" $trust --acs "$ACS/" --audience "$SP" --request-id "$ID" "$RESPONSE"
refused in-response-to-mismatch "wrong request ID" $trust $base --request-id id0 "$RESPONSE"
refused in-response-to-mismatch "nothing was requested" $trust $base --unsolicited "$RESPONSE"
refused issuer-mismatch "wrong issuer" --trust "$SSP_CERT" --issuer "${SSP_ENTITY}x" $base --request-id "$ID" "$RESPONSE"
refused signature-invalid "other certificate" --trust "$E2E_DIR/other.pem" --issuer "$SSP_ENTITY" $base \
	--request-id "$ID" "$RESPONSE"
refused assertion-expired "judged tomorrow" $trust $base --request-id "$ID" --now "$(date -u -d +1day +%Y-%m-%dT%H:%M:%SZ)" \
	"$RESPONSE"
refused not-yet-valid "judged yesterday" $trust $base --request-id "$ID" --now "$(date -u -d -1day +%s)" "$RESPONSE"
refused email-domain-not-owned "not the domain of this IdP" $trust $base --request-id "$ID" --email-domain example.org \
	"$RESPONSE"
refused email-missing "no such e-mail source" $trust $base --request-id "$ID" --email-from urn:nothing \
	--email-domain usher.test "$RESPONSE"

# --- one byte flipped ----------------------------------------------------------------------------------------------
# flip NAME PERL: changes the XML by an expression on $_ that must change it
flip() {
	perl -0777 -e 'my $x = $_ = <STDIN>; eval $ARGV[0]; die $@ if $@; exit 1 if $_ eq $x; print' "$2" \
		< "$E2E_DIR/response.xml" > "$E2E_DIR/flipped.xml" || bail "flip '$1' changed nothing"
	refused "${3:-signature-invalid}" "flipped: $1" $trust $base --request-id "$ID" "$E2E_DIR/flipped.xml"
}
flip "a letter of the NameID" 's/(NameID [^>]*>)z/$1y/'
flip "a letter of the e-mail claim" 's/(emailaddress"[^>]*><[^>]*>)z/$1y/'
flip "the end of validity" 's/(<saml:Conditions [^>]*NotOnOrAfter=")2/${1}3/'
flip "InResponseTo of the Response" 's/(<samlp:Response [^>]*InResponseTo="id)(.)/$1.($2 eq "a" ? "b" : "a")/e'
flip "a digest" 's/(DigestValue>)(.)/$1.($2 eq "A" ? "B" : "A")/e'
flip "a signature value" 's/(SignatureValue>)(.)/$1.($2 eq "A" ? "B" : "A")/e'
flip "the assertion's signature value" 's/(.*SignatureValue>)([A-Za-z0-9+\/])(?=.*<\/ds:SignatureValue>)/$1.($2 eq "A" ? "B" : "A")/se'
flip "white space in SignedInfo" 's/(<ds:SignedInfo>)/$1 /'

# --- used twice ----------------------------------------------------------------------------------------------------
accepted "first use" $trust $base --request-id "$ID" --replay "$E2E_DIR/seen" "$RESPONSE"
refused assertion-replayed "second use" $trust $base --request-id "$ID" --replay "$E2E_DIR/seen" "$RESPONSE"

# --- could not run ---------------------------------------------------------------------------------------------------
unable --audience "no audience given" $trust --acs "$ACS" --request-id "$ID" "$RESPONSE"
unable --acs "no ACS given" $trust --audience "$SP" --request-id "$ID" "$RESPONSE"
unable --request-id "no request ID given" $trust $base "$RESPONSE"
unable --issuer "no issuer beside a certificate" --trust "$SSP_CERT" $base --request-id "$ID" "$RESPONSE"
unable --trust "no trust given" --issuer "$SSP_ENTITY" $base --request-id "$ID" "$RESPONSE"
unable "$E2E_DIR/absent" "no such file" $trust $base --request-id "$ID" "$E2E_DIR/absent"
unable trust-unusable "trust is not a certificate" --trust "$RESPONSE" --issuer "$SSP_ENTITY" $base --request-id "$ID" "$RESPONSE"

# --- a second login has other IDs and signatures ------------------------------------------------------------------------
"$USHER_LAB" authnrequest --sso "$SSP_SSO" --entity-id "$SP" --acs "$ACS" > "$E2E_DIR/request2"
"$E2E_LIB/fetch-ssp-response.sh" "$(sed -n 2p "$E2E_DIR/request2")" ada ada-secret > "$E2E_DIR/second.b64" || bail "no Response"
refused in-response-to-mismatch "a Response to somebody else's request" $trust $base --request-id "$ID" "$E2E_DIR/second.b64"
accepted "the same to its own request, not stopped by the replay memory" $trust $base \
	--request-id "$(sed -n 1p "$E2E_DIR/request2")" --replay "$E2E_DIR/seen" "$E2E_DIR/second.b64"

done_testing
