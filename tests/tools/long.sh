#!/bin/sh
# long.sh BUILD - `make check-long`: what takes too long for every `make check`. Kills under load, a soak of slow clients, an audit of
# many documents, usher against bare xmlsec, fuzzing and what its corpora reach. The output is also written to docs/check-long.md,
# whatever it says.
#
# USHER_KILLS (200), USHER_FUZZ_SECONDS for each fuzzer (60), USHER_SOAK_SECONDS (90), USHER_AUDIT_DOCUMENTS (100000),
# USHER_DIFFERENTIAL (100000)
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -eq 1 ] || { echo "usage: tests/tools/long.sh BUILD" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
cd "$root" || exit 2
USHER=$build/usher USHER_LAB=$build/usher-lab
USHER_KILLS=${USHER_KILLS:-200} USHER_FUZZ_SECONDS=${USHER_FUZZ_SECONDS:-60} USHER_SOAK_SECONDS=${USHER_SOAK_SECONDS:-90}
USHER_AUDIT_DOCUMENTS=${USHER_AUDIT_DOCUMENTS:-100000} USHER_DIFFERENTIAL=${USHER_DIFFERENTIAL:-100000}
export USHER USHER_LAB USHER_KILLS USHER_FUZZ_SECONDS USHER_SOAK_SECONDS USHER_AUDIT_DOCUMENTS USHER_DIFFERENTIAL

# as it was when this began
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || commit="$commit and what was not committed then"

report=$(mktemp)
trap 'rm -f "$report" "$report.out" "$report.rc"' EXIT
trap 'exit 1' HUP INT TERM
failed=

# part TITLE COMMAND...
part() {
	title=$1
	shift
	echo "== $title"
	began=$(date +%s)
	{ "$@" 2>&1; echo $? > "$report.rc"; } | tee "$report.out"
	verdict=passed
	# a test script that was skipped has shown nothing here
	if [ "$(cat "$report.rc")" -ne 0 ] || grep -q '^not ok\|^Bail out\|# SKIP' "$report.out"; then
		verdict=FAILED failed="$failed, $title"
	fi
	{
		printf '\n## %s: %s\n\n```\n' "$title" "$verdict"
		cat "$report.out"
		printf '```\n\n%s s\n' $(($(date +%s) - began))
	} >> "$report"
}

part "$USHER_KILLS kills while people log in" tests/e2e/kill.t
part "Slow clients for $USHER_SOAK_SECONDS seconds" tests/long/slow.t
part "An audit of $USHER_AUDIT_DOCUMENTS documents" tests/long/audit.t
part "usher against bare xmlsec, $USHER_DIFFERENTIAL mutations of each document" "$build/unit/lab/differential"
part "Lines of saml/ that the corpora reach" ${MAKE:-make} -s -j2 BUILD="$build" coverage
if ${MAKE:-make} -s -j2 VARIANT=fuzz BUILD="$build" fuzzers; then
	part "Every fuzzer for $USHER_FUZZ_SECONDS seconds" tests/tools/fuzz.sh "$build/fuzz/fuzz" "$USHER_FUZZ_SECONDS"
else
	part "Fuzzers" false
fi

summary="all parts passed"
[ -z "$failed" ] || summary="FAILED: ${failed#, }"
{
	cat <<-TEXT
		# The last \`make check-long\`

		Written by \`tests/tools/long.sh\`, $(date -u +%Y-%m-%d), Debian $(cat /etc/debian_version), $(nproc) cores, $(uname -m), at commit
		$commit: **$summary**.
	TEXT
	cat "$report"
} > docs/check-long.md
echo "== $summary (docs/check-long.md)"
[ -z "$failed" ]
