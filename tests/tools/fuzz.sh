#!/bin/sh
# fuzz.sh DIR SECONDS [NAME=SECONDS]...: runs every fuzzer in DIR that long from its committed corpus. New inputs go to a temporary
# folder.
set -eu
dir=$1 seconds=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0
for fuzzer in "$dir"/*; do
    [ -x "$fuzzer" ] || continue
    case $fuzzer in *.d) continue ;; esac
    name=$(basename "$fuzzer")
    time=$seconds
    for own in "$@"; do
        [ "${own%%=*}" != "$name" ] || time=${own#*=}
    done
    mkdir -p "$work/$name"
    if ! "$fuzzer" -max_total_time="$time" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="$work/$name-" "$work/$name" "tests/corpus/$name" >"$work/$name.log" 2>&1; then
        cat "$work/$name.log"
        cp "$work/$name-"* . 2>/dev/null || :
        echo "$name FAILED" >&2
        exit 1
    fi
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs in $time s, no finding"
    ran=$((ran + 1))
done
[ "$ran" -gt 0 ]
