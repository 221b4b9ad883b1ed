#!/bin/sh
# kill.t - usher is killed (SIGKILL) again and again while people log in, and started again on the same store: whoever was
# told that they are signed in stays signed in, and no assertion counts twice. The clients, the killing and the checks are in
# tests/long/kill.js.
#
# USHER_KILLS: how often, 10 unless given; `make check-long` says 200. USHER_SEED: of the random times, for another run like one before
# (the seed is printed; scheduling still differs).
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

for tool in node sqlite3; do
	command -v $tool > /dev/null || skip_all "$tool is not installed"
done
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" login.usher.test || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/certs/idp.pem" https://idp.other.test/sso
PORT=$(free_port) AUTH_PORT=$(free_port)
cat > "$E2E_DIR/usher.yaml" <<YAML
listen: 127.0.0.1:$PORT
auth_listen: 127.0.0.1:$AUTH_PORT
public_url: https://login.usher.test
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
idps:
  entra: { profile: entra, metadata: idp.xml, domains: [usher.test] }
domains:
  usher.test: { sso: required, idp: entra, new_users: jit }
  local.test: { sso: "off" }
default: deny
YAML
for n in 0 1 2 3; do
	echo "correct horse battery staple" | "$USHER" account add -c "$E2E_DIR/usher.yaml" "p$n@local.test" > /dev/null || bail "no account p$n"
done
E2E_DIR=$E2E_DIR USHER=$USHER USHER_LAB=$USHER_LAB USHER_PORT=$PORT node "$E2E_ROOT/tests/long/kill.js"
