#!/bin/sh
# slow.t - part of `make check-long`: hundreds of clients that send and read as slowly as they can, for USHER_SOAK_SECONDS (90 unless
# given), beside honest ones. The checks are in slow.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/usher.sh"

command -v node > /dev/null || skip_all "node is not installed"
"$E2E_ROOT/certs/mkdev.sh" "$E2E_DIR/certs" login.usher.test || bail "no certificates"
usher_metadata "$E2E_DIR/idp.xml" https://idp.other.test/ "$E2E_DIR/certs/idp.pem" https://idp.other.test/sso
cat > "$E2E_DIR/usher.yaml" <<YAML
listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: https://login.usher.test
store: sqlite:$E2E_DIR/usher.db
key_dir: $E2E_DIR/keys
idps:
  entra: { profile: entra, metadata: idp.xml, domains: [usher.test] }
domains:
  usher.test: { sso: required, idp: entra, new_users: jit }
apps:
  - host: wiki.usher.test
YAML
usher_start "$E2E_DIR/usher.yaml"
USHER_PORT=$USHER_PORT AUTH_PORT=$AUTH_PORT USHER_PID=$USHER_PID node "$(dirname "$(readlink -f "$0")")/slow.js"
