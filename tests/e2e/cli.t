#!/bin/sh
# cli.t - the command line as a contract: exit codes, what goes to which stream, configuration errors, accounts and grants.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

run() { # COMMAND...: rc, $E2E_DIR/out, $E2E_DIR/err
	rc=0
	"$@" >"$E2E_DIR/out" 2>"$E2E_DIR/err" </dev/null || rc=$?
}
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/c" || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/c/idp.pem" https://idp.other.test/sso

# --- the command as a whole -------------------------------------------------------------------------------------------
run "$USHER" --help
is "--help: exit 0" $rc 0
for c in serve config verify audit explain metadata 'account add' 'bypass grant' 'session revoke' 'log show'; do
	has "--help names $c" "$E2E_DIR/out" "$c"
	run_help=$("$USHER" $c --help) || :
	ok "$c --help has an example" sh -c 'printf %s "$1" | grep -q "^example:"' - "$run_help"
	"$USHER" --help >"$E2E_DIR/out"
done
hasnt "--help does not name what is not built" "$E2E_DIR/out" probe
run "$USHER" probe
is "an unknown command: exit 2" $rc 2
has "an unknown command says so" "$E2E_DIR/err" "unknown command 'probe'"
run "$USHER" account
is "half a command: exit 2" $rc 2
has "half a command lists the rest" "$E2E_DIR/err" "usher account add"

# --- verify -------------------------------------------------------------------------------------------------------------
SP=https://login.usher.test/saml/metadata
ACS=https://login.usher.test/saml/acs
"$USHER_LAB" mint --key "$E2E_DIR/c/idp.key" --cert "$E2E_DIR/c/idp.pem" --issuer https://idp.other.test/ --audience $SP --acs $ACS \
	--request-id id1 --name-id ada@usher.test --email ada@usher.test --now 2030-01-01T00:00:00Z >"$E2E_DIR/r.xml"
v() {
	run "$USHER" verify --trust "$E2E_DIR/idp.xml" --acs $ACS --audience $SP --request-id id1 --now 2030-01-01T00:00:10Z "$@"
}
v "$E2E_DIR/r.xml"
is "accepted: exit 0" $rc 0
has "accepted says so" "$E2E_DIR/out" accepted
has "and who it is" "$E2E_DIR/out" ada@usher.test
is "and nothing on standard error" "$(wc -c <"$E2E_DIR/err")" 0
run "$USHER" verify "$E2E_DIR/r.xml"
is "missing options: exit 2" $rc 2
for o in --trust --acs --audience --request-id; do has "names $o" "$E2E_DIR/err" "$o"; done
run "$USHER" verify --trust "$E2E_DIR/c/idp.pem" --acs $ACS --audience $SP --unsolicited "$E2E_DIR/r.xml"
is "PEM trust without --issuer: exit 2" $rc 2
has "names --issuer" "$E2E_DIR/err" "--issuer is missing"
v --unsolicited "$E2E_DIR/r.xml"
is "--request-id and --unsolicited: exit 2" $rc 2
v "$E2E_DIR/none.xml"
is "an unreadable file: exit 2" $rc 2
v --trust "$E2E_DIR/r.xml" "$E2E_DIR/r.xml"
is "bad trust: exit 2" $rc 2
v --skew 301 "$E2E_DIR/r.xml"
is "too much skew: exit 2" $rc 2
v --allow md5 "$E2E_DIR/r.xml"
is "an unknown exception: exit 2" $rc 2
v --audience https://other.test "$E2E_DIR/r.xml"
is "an option twice: exit 2" $rc 2
run "$USHER" verify --trust "$E2E_DIR/idp.xml" --acs $ACS --audience https://other.test --request-id id1 --now 2030-01-01T00:00:10Z "$E2E_DIR/r.xml"
is "refused: exit 1" $rc 1
is "refused: nothing of an identity on standard output" "$(wc -c <"$E2E_DIR/out")" 0
has "refused: code" "$E2E_DIR/err" audience-mismatch
has "refused: found" "$E2E_DIR/err" "found:    $SP"
has "refused: expected" "$E2E_DIR/err" "expected: https://other.test"
v --issuer https://somebody.else/ "$E2E_DIR/r.xml"
is "metadata of another issuer: exit 1" "$rc $(grep -c issuer-mismatch "$E2E_DIR/err")" "1 1"
run "$USHER" verify --format json --help
is "--help wins" $rc 0
run "$USHER" verify --signature-only --trust "$E2E_DIR/idp.xml" "$E2E_DIR/r.xml"
is "--signature-only: exit 0" $rc 0
hasnt "--signature-only never says accepted" "$E2E_DIR/out" accepted
run "$USHER" verify --trust "$E2E_DIR/idp.xml" --acs $ACS --audience $SP --request-id id1 --now issued "$E2E_DIR/r.xml"
is "--now issued: exit 0" $rc 0
has "--now issued is labelled" "$E2E_DIR/out" "the signed IssueInstant"
v --email-domain other.test "$E2E_DIR/r.xml"
is "--email-domain: refused" "$rc $(grep -c email-domain-not-owned "$E2E_DIR/err")" "1 1"
v --email-from urn:none "$E2E_DIR/r.xml"
is "a missing e-mail without --email-domain: accepted" $rc 0
ok "a missing e-mail prints as -" grep -q '^ *e-mail  *-$' "$E2E_DIR/out"
v --email-from urn:none --email-domain usher.test "$E2E_DIR/r.xml"
is "a missing e-mail with --email-domain: refused" "$rc $(grep -c email-missing "$E2E_DIR/err")" "1 1"
v --replay "$E2E_DIR/seen" "$E2E_DIR/r.xml"
is "--replay: first time" $rc 0
v --replay "$E2E_DIR/seen" "$E2E_DIR/r.xml"
is "--replay: second time" "$rc $(grep -c assertion-replayed "$E2E_DIR/err")" "1 1"
echo junk >"$E2E_DIR/seen"
v --replay "$E2E_DIR/seen" "$E2E_DIR/r.xml"
is "--replay: a file that is none is not believed" $rc 2
base64 "$E2E_DIR/r.xml" >"$E2E_DIR/r.b64"
v "$E2E_DIR/r.b64"
is "base64: accepted" $rc 0
printf 'RelayState=x&SAMLResponse=%s' "$(base64 -w0 "$E2E_DIR/r.xml" | sed 's/+/%2B/g; s/\//%2F/g; s/=/%3D/g')" >"$E2E_DIR/r.form"
v "$E2E_DIR/r.form"
is "form body: accepted" $rc 0
rc=0
"$USHER" verify --trust "$E2E_DIR/idp.xml" --acs $ACS --audience $SP --request-id id1 --now 1893456010 --format json - <"$E2E_DIR/r.xml" >"$E2E_DIR/out" || rc=$?
is "standard input, seconds, JSON: accepted" $rc 0
is "JSON: e-mail" "$(node -p "JSON.parse(require('fs').readFileSync('$E2E_DIR/out')).email")" ada@usher.test
run "$USHER" verify --trust "$E2E_DIR/idp.xml" --acs $ACS --audience $SP --request-id id2 --format json "$E2E_DIR/r.xml"
is "JSON refused: the code alone on standard output" "$(cat "$E2E_DIR/out" | tr -d ' \n')" '{"verdict":"refused","error":"'"$(sed -n 's/^refused: \([a-z-]*\):.*/\1/p' "$E2E_DIR/err")"'"}'

# --- configuration ------------------------------------------------------------------------------------------------------
cat >"$E2E_DIR/usher.yaml" <<YAML
public_url: https://login.usher.test
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
idps:
  entra: { profile: entra, metadata: idp.xml, domains: [usher.test] }
domains:
  usher.test: { sso: required, idp: entra, new_users: jit }
apps: [{ host: wiki.usher.test }]
YAML
run "$USHER" config -c "$E2E_DIR/usher.yaml" --check
is "a sound configuration: exit 0" "$rc $(cat "$E2E_DIR/err")" "0 "
run "$USHER" config -c "$E2E_DIR/usher.yaml"
has "the effective configuration has defaults" "$E2E_DIR/out" "session_idle: 8h"
cp "$E2E_DIR/out" "$E2E_DIR/effective.yaml"
run "$USHER" config -c "$E2E_DIR/effective.yaml"
is "and reads back as itself" "$rc $(diff "$E2E_DIR/out" "$E2E_DIR/effective.yaml" | wc -l)" "0 0"
cat >"$E2E_DIR/bad.yaml" <<YAML
lisen: 127.0.0.1:1
public_url: http://login.usher.test/path
store: postgresql://x
key_dir: keys
session_idle: soon
smtp: { host: x }
idps:
  entra: { profile: entr, metadata: none.xml, domains: [] }
domains:
  usher.test: { sso: required, idp: entra }
  wrong.test: { sso: required, idp: entr }
YAML
run "$USHER" config -c "$E2E_DIR/bad.yaml" --check
is "errors: exit 1" $rc 1
while read -r place text; do
	has "$place $text" "$E2E_DIR/err" "bad.yaml:$place: error: "
	has "$text" "$E2E_DIR/err" "$text"
done <<'LIST'
1:1 did you mean 'listen'
2:13 https
3:8 not-supported
5:15 session_idle
6:7 not-supported
8:21 did you mean 'entra'
8:37 none.xml
8:56 at least one domain
11:37 did you mean 'entra'
LIST
{ cat "$E2E_DIR/usher.yaml"; echo 'rules: [{ name: r, when: { email: a@usher.test }, door: password }]'; } >"$E2E_DIR/rule.yaml"
run "$USHER" config -c "$E2E_DIR/rule.yaml" --check
is "a rule that opens the password door where SSO is required: exit 1" $rc 1
has "the grant to create is printed" "$E2E_DIR/err" "account: 'a@usher.test', kind: outside"
run "$USHER" serve -c "$E2E_DIR/bad.yaml"
is "serve with a broken configuration: exit 2" $rc 2
run "$USHER" serve -c "$E2E_DIR/none.yaml"
is "serve without a file: exit 2" $rc 2

# --- accounts and grants ---------------------------------------------------------------------------------------------------
U="-c $E2E_DIR/usher.yaml"
run sh -c "echo 'a long enough password' | $USHER account add $U room@usher.test --kind room"
is "account add" $rc 0
run sh -c "echo 'a long enough password' | $USHER account add $U ROOM@usher.test"
is "the same address again" "$rc $(grep -c account-exists "$E2E_DIR/err")" "2 1"
run sh -c "echo short | $USHER account add $U short@usher.test"
is "a weak password" "$rc $(grep -c password-not-acceptable "$E2E_DIR/err")" "2 1"
run "$USHER" account list $U --format json
is "account list" "$(node -p "JSON.parse(require('fs').readFileSync('$E2E_DIR/out')).rows.map(r => r.email).join()")" room@usher.test
run "$USHER" account list $U --format csv
is "an unknown format: exit 2" $rc 2
run "$USHER" session list $U surplus
is "a surplus operand: exit 2" $rc 2
run "$USHER" account disable $U none@usher.test
is "an unknown account" "$rc $(grep -c account-not-found "$E2E_DIR/err")" "2 1"
run "$USHER" bypass grant $U room@usher.test
is "a grant needs kind, owner and reason" "$rc $(grep -c missing "$E2E_DIR/err")" "2 3"
run "$USHER" bypass grant $U room@usher.test --kind sideways --owner o --reason r
is "an unknown kind" "$rc $(grep -c grant-invalid "$E2E_DIR/err")" "2 1"
run "$USHER" explain $U room@usher.test
has "before the grant: SSO" "$E2E_DIR/out" "sent to: sso entra"
run "$USHER" bypass grant $U room@usher.test --kind outside --owner facilities --reason display --until 2100-01-01
is "bypass grant" $rc 0
run "$USHER" explain $U room@usher.test
has "with the grant: password" "$E2E_DIR/out" "sent to: password"
run "$USHER" bypass list $U
has "bypass list" "$E2E_DIR/out" "in force"
run "$USHER" bypass revoke $U 1
is "bypass revoke" $rc 0
run "$USHER" bypass revoke $U 1
is "bypass revoke twice" "$rc $(grep -c grant-invalid "$E2E_DIR/err")" "2 1"
run "$USHER" explain $U room@usher.test --at 2031-01-01 --from 10.1.2.3 --group staff
has "after it: SSO" "$E2E_DIR/out" "sent to: sso entra"
run "$USHER" session revoke $U --account room@usher.test
is "nothing to revoke: exit 1" $rc 1
run "$USHER" log show $U nosuchnumber
is "no such event: exit 1" $rc 1
run "$USHER" metadata $U
has "metadata" "$E2E_DIR/out" 'entityID="https://login.usher.test/saml/metadata"'
printf 'not a database, but long enough to look like a file' >"$E2E_DIR/usher2.db"
chmod 600 "$E2E_DIR/usher2.db"
sed "s/usher.db/usher2.db/" "$E2E_DIR/usher.yaml" >"$E2E_DIR/usher2.yaml"
run "$USHER" account list -c "$E2E_DIR/usher2.yaml"
is "a store that is none" "$rc $(grep -c store-error "$E2E_DIR/err")" "2 1"
sqlite3 "$E2E_DIR/usher.db" "UPDATE migrations SET number = number + 100 WHERE number = (SELECT max(number) FROM migrations)" 2>"$E2E_DIR/sql" || sed 's/^/# /' "$E2E_DIR/sql"
run "$USHER" account list $U
is "a store of a newer version" "$rc $(grep -c store-version "$E2E_DIR/err")" "2 1"
done_testing
