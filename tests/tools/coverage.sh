#!/bin/sh
# coverage.sh DIR FOLDER PERCENT: replays every committed corpus through the programs of DIR (VARIANT=cov) and prints the lines of
# FOLDER/*.c that were reached. Exit 1 below PERCENT in all.
set -eu
[ $# -eq 3 ] || { echo "usage: tests/tools/coverage.sh DIR FOLDER PERCENT" >&2; exit 2; }
dir=$1 folder=$2 want=$3
version=$(clang -dumpversion | cut -d. -f1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=
for program in "$dir"/*; do
    case $program in *.d) continue ;; esac
    name=$(basename "$program")
    LLVM_PROFILE_FILE="$work/$name.raw" "$program" "tests/corpus/$name" > /dev/null
    objects="$objects -object $program"
done
[ -n "$objects" ] || { echo "coverage.sh: no program in $dir" >&2; exit 1; }
# what no program has linked counts too
for object in "$(dirname "$dir")/obj/$folder"/*.o; do
    objects="$objects -object $object"
done
"llvm-profdata-$version" merge -sparse -o "$work/all" "$work"/*.raw
# shellcheck disable=SC2086 # a list of options; the sources were compiled as ./FOLDER/FILE.c
"llvm-cov-$version" export -summary-only -instr-profile "$work/all" $objects |
    jq -r --arg folder "$folder" --argjson want "$want" '
        [.data[0].files[] | select(.filename | test("(^|/)" + $folder + "/[^/]*[.]c$"))
         | {name: (.filename | sub(".*/" + $folder + "/"; $folder + "/")), lines: .summary.lines}] | sort_by(.lines.percent)
        | (.[] | "\(.lines.percent * 10 | floor / 10) %\t\(.lines.covered)/\(.lines.count)\t\(.name)"),
          ((map(.lines.covered) | add) * 100 / (map(.lines.count) | add)
           | "\(. * 10 | floor / 10) % of \($folder)/ by the corpora, \($want) wanted" + if . < $want then "\nFAILED" else "" end)' |
    tee "$work/report"
[ "$(tail -n 1 "$work/report")" != FAILED ]
