# common.sh - what every shell test sources: TAP lines, a temporary folder, free ports, bounded waiting, stopping by pid.
#
#   . "$(dirname "$(readlink -f "$0")")/lib/common.sh"
#
# USHER and USHER_LAB name the binaries. Unless given, they are those of the build tree the test was called in:
# build/asan/e2e/x.t uses build/asan/usher, tests/e2e/x.t uses build/usher. E2E_DIR is a temporary folder of this test.
# Whatever e2e_started is told about is stopped at exit, in reverse order, by process id.

E2E_LIB=$(dirname "$(readlink -f "$0")")/lib
E2E_ROOT=$(cd "$E2E_LIB/../../.." && pwd)
E2E_BUILD=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$E2E_BUILD/usher" ] || E2E_BUILD=$E2E_ROOT/build
USHER=${USHER:-$E2E_BUILD/usher}
USHER_LAB=${USHER_LAB:-$E2E_BUILD/usher-lab}

E2E_DIR=$(mktemp -d "${TMPDIR:-/tmp}/usher-e2e.XXXXXX")
e2e_pids=
e2e_count=0
e2e_failed=0

e2e_exit() {
	e2e_status=$?
	trap - EXIT
	for e2e_pid in $e2e_pids; do
		e2e_stop "$e2e_pid"
	done
	if [ -n "${E2E_KEEP:-}" ]; then
		echo "# kept: $E2E_DIR"
	else
		rm -rf "$E2E_DIR"
	fi
	[ "$e2e_failed" -eq 0 ] || [ "$e2e_status" -ne 0 ] || e2e_status=1
	exit "$e2e_status"
}
trap e2e_exit EXIT
trap 'exit 1' HUP INT TERM

# e2e_started PID: stop this process, or the process group it leads, at exit.
e2e_started() {
	e2e_pids="$1 $e2e_pids"
}

# e2e_stop PID: TERM to the process group it leads, or to it alone; KILL to what is left after five seconds.
e2e_stop() {
	kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null || return 0
	e2e_tries=0
	while e2e_alive "$1" && [ "$e2e_tries" -lt 100 ]; do
		e2e_tries=$((e2e_tries + 1))
		sleep 0.05
	done
	kill -KILL "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

# A zombie answers to kill -0 as well, until its parent looks.
e2e_alive() {
	[ -r "/proc/$1/stat" ] && ! grep -q "^[0-9]* ([^)]*) Z" "/proc/$1/stat" 2>/dev/null
}

# free_port: a TCP port of 127.0.0.1 that was free a moment ago.
free_port() {
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

# wait_for WHAT COMMAND...: runs COMMAND until it succeeds, for at most 20 seconds.
wait_for() {
	e2e_what=$1
	shift
	e2e_tries=0
	until "$@" >/dev/null 2>&1; do
		e2e_tries=$((e2e_tries + 1))
		if [ "$e2e_tries" -gt 400 ]; then
			echo "# $e2e_what did not come up" >&2
			return 1
		fi
		sleep 0.05
	done
}

# --- TAP ---------------------------------------------------------------------------------------------------------------

# ok NAME COMMAND...: passes if COMMAND succeeds.
ok() {
	e2e_name=$1
	shift
	e2e_count=$((e2e_count + 1))
	if "$@"; then
		echo "ok $e2e_count - $e2e_name"
	else
		e2e_failed=$((e2e_failed + 1))
		echo "not ok $e2e_count - $e2e_name"
		echo "# not ok $e2e_count - $e2e_name" >&2 # prove shows that
		return 1
	fi
}

# is NAME FOUND EXPECTED
is() {
	ok "$1" [ "$2" = "$3" ] || {
		printf '%s\n' "found: $2" "expected: $3" | sed 's/^/#   /' >&2
		return 1
	}
}

# has NAME FILE TEXT: FILE holds TEXT. hasnt: it does not.
has() {
	ok "$1" grep -qF -- "$3" "$2" || {
		echo "#   '$3' is not in:"
		sed 's/^/#   | /' "$2" | head -20
		return 1
	}
}
hasnt() {
	ok "$1" e2e_lacks "$2" "$3" || {
		echo "#   '$3' is in:"
		sed 's/^/#   | /' "$2" | head -20
		return 1
	}
}
e2e_lacks() {
	[ -f "$1" ] && ! grep -qF -- "$2" "$1"
}

bail() {
	echo "Bail out! $*"
	exit 1
}

# skip_all REASON: for what this machine cannot run.
# `make check` has installed everything and sets USHER_NO_SKIP: there, it is a failure.
skip_all() {
	[ -z "${USHER_NO_SKIP:-}" ] || bail "would skip: $*"
	echo "1..0 # SKIP $*"
	exit 0
}

# done_testing: prints the plan. A test that ends without it has failed: prove sees no plan.
done_testing() {
	echo "1..$e2e_count"
	[ "$e2e_failed" -eq 0 ]
}
