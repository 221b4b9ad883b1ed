#!/bin/sh
# demo.t - `make demo` as it is, on a free port: what its page says about the four sample people holds in a browser, over plain
# HTTP on *.localhost, and stopping it stops everything. The checks in the browser are in lib/demo.js.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"

command -v node > /dev/null || skip_all "node is not installed"
reason=$(cd "$E2E_LIB" && node -p 'require("./browser.js").unavailable() || ""')
[ -z "$reason" ] || skip_all "$reason"

DEMO=$E2E_DIR/demo
demo() {
	DEMO_PORT=$1 "$E2E_ROOT/tests/tools/demo.sh" "$(dirname "$USHER")" "$DEMO" > "$E2E_DIR/out" 2>&1 &
	demo_pid=$!
	e2e_started $demo_pid
	wait_for "the demo" test -e "$DEMO/ready" || {
		sed 's/^/# /' "$E2E_DIR/out"
		bail "the demo did not start"
	}
	. "$DEMO/ready"
}
gone() {
	for pid; do
		! e2e_alive "$pid" || return 1
	done
}

demo 0
ok "a second one in the same folder is refused" sh -c "! '$E2E_ROOT/tests/tools/demo.sh' '$(dirname "$USHER")' '$DEMO' 2>/dev/null"
ok "an option must not cost somebody a folder" sh -c "! '$E2E_ROOT/tests/tools/demo.sh' '$(dirname "$USHER")' '$E2E_DIR' 2>/dev/null"
for who in ada@example.com room-4@example.com guest@example.org max@example.com "$password" "http://wiki.localhost:$port/"; do
	has "it prints $who" "$E2E_DIR/out" "$who"
done
DEMO_PORT=$port DEMO_PASSWORD=$password node "$E2E_LIB/demo.js" > "$E2E_DIR/browser" || sed 's/^\(not ok\|#\)/# \1/; s/^/# /' "$E2E_DIR/browser"
ok "in a browser: $(grep -c '^ok' "$E2E_DIR/browser") checks" sh -c "grep -q '^1\.\.[1-9]' '$E2E_DIR/browser' && ! grep -q '^not ok' '$E2E_DIR/browser'"

# --- stopping --------------------------------------------------------------------------------------------------------------
kill -TERM $demo_pid
wait $demo_pid
is "stopped: exit status" $? 0
ok "nothing of it is left" gone $pids
has "usher stopped in order" "$DEMO/usher.log" "info stopped"

# --- again, where the port is taken, and a part that dies ---------------------------------------------------------------------
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die; $| = 1;
	print $s->sockport, "\n"; sleep 120' > "$E2E_DIR/taken" &
e2e_started $!
wait_for "the other program" test -s "$E2E_DIR/taken"
demo "$(cat "$E2E_DIR/taken")"
ok "a taken port: another is used" [ "$port" != "$(cat "$E2E_DIR/taken")" ]
has "and it says so" "$E2E_DIR/out" "port $(cat "$E2E_DIR/taken") is taken, using $port"
kill -KILL "${pids%% *}"
status=0
wait $demo_pid || status=$?
is "a part dies: so does the demo" $status 1
has "and names it" "$E2E_DIR/out" "idp ended by itself"
ok "nothing of it is left" gone $pids
done_testing
