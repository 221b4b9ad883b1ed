# usher.sh - starting `usher serve` in tests; sourced after common.sh.

# usher_metadata FILE ENTITY CERT SSO-URL [SLO-URL]: identity provider metadata around one certificate.
usher_metadata() {
	# not inside the here-document: shells differ in what they make of quotes there
	usher_slo=${5:+"<SingleLogoutService Binding='urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect' Location='$5'/>"}
	cat >"$1" <<-XML
		<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="$2">
		<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
		<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
		$(sed '/-----/d' "$3")
		</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
		$usher_slo
		<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="$4"/>
		</IDPSSODescriptor></EntityDescriptor>
	XML
}

# usher_start CONFIG [LOG]: starts it and sets USHER_PID, USHER_PORT, AUTH_PORT from the line it prints when it is ready.
usher_start() {
	usher_log=${2:-$E2E_DIR/usher.log}
	: >"$E2E_DIR/usher.ready"
	"$USHER" serve -c "$1" --log-level debug >"$E2E_DIR/usher.ready" 2>>"$usher_log" &
	USHER_PID=$!
	e2e_started $USHER_PID
	wait_for "usher" grep -q '^usher: ready' "$E2E_DIR/usher.ready" || {
		tail -5 "$usher_log" | sed 's/^/# /'
		bail "usher did not start"
	}
	USHER_PORT=$(sed -n 's/^usher: ready on [^ ]*:\([0-9]*\), auth on .*/\1/p' "$E2E_DIR/usher.ready")
	AUTH_PORT=$(sed -n 's/^usher: ready on .*, auth on [^ ]*:\([0-9]*\)$/\1/p' "$E2E_DIR/usher.ready")
}
