#!/bin/sh
# check-errors.sh [ROOT] - every code of base/err.def is raised in the sources and expected by a test.
#
# Raised: ERR_SYMBOL in a .c file of the program's folders, outside comments, and not merely compared (== != case).
# Expected: the stable name as a whole word in a file under tests/; in C and JavaScript it must stand in a string.
# tests/tools/errors-pending.txt names codes that may still be missing, one a line, # for comments; a name that is no
# longer missing must leave the list. Exit 1 on any finding.
set -u
LC_ALL=C
export LC_ALL
root=${1:-$(dirname "$0")/../..}
cd "$root" || exit 2

table=base/err.def
pending=tests/tools/errors-pending.txt
if [ ! -r "$table" ]; then
    echo "check-errors: $root/$table is missing" >&2
    exit 1
fi
[ -r "$pending" ] || pending=/dev/null
sources=
for folder in base saml policy accounts provisioning router cli; do
    [ -d "$folder" ] && sources="$sources $(find "$folder" -type f -name '*.c' | sort | tr '\n' ' ')"
done
tests=$(find tests \( -path tests/tools -o -path tests/corpus -o -name node_modules \) -prune -o \
    -type f \( -name '*.c' -o -name '*.h' -o -name '*.sh' -o -name '*.py' -o -name '*.pl' -o -name '*.js' -o -name '*.mjs' \
    -o -name '*.t' -o -name '*.tsv' -o -name '*.case' -o -name '*.yaml' -o -name '*.json' -o -name '*.txt' \) \
    -print 2>/dev/null | sort | tr '\n' ' ')

# shellcheck disable=SC2086 # source files have no spaces in their names
awk '
FNR == 1 { in_comment = 0 }
stage == "table" && /^ERR\(/ {
    split($0, part, /[(,"]/)
    symbol = part[2]
    name = $0
    sub(/^[^"]*"/, "", name)
    sub(/".*/, "", name)
    if (name in symbol_of) {
        printf "%s:%d: the name %s is used twice\n", FILENAME, FNR, name
        findings++
    }
    order[++rows] = name
    symbol_of[name] = symbol
    line_of[name] = FNR
    next
}
stage == "pending" {
    sub(/#.*/, "")
    if (NF)
        pending[$1] = FNR
    next
}
stage == "sources" {
    code = strip($0)
    gsub(/[=!]=[ \t]*ERR_[A-Z0-9_]+/, "", code)
    gsub(/case[ \t]+ERR_[A-Z0-9_]+/, "", code)
    while (match(code, /(^|[^A-Za-z0-9_])ERR_[A-Z0-9_]+/)) {
        word = substr(code, RSTART, RLENGTH)
        sub(/^.*ERR_/, "", word)
        raised[word] = 1
        code = substr(code, RSTART + RLENGTH)
    }
    next
}
stage == "tests" {
    text = FILENAME ~ /\.([ch]|js|mjs)$/ ? strings($0) : $0
    n = split(text, word_list, /[^a-z0-9-]+/)
    for (i = 1; i <= n; i++)
        expected[word_list[i]] = 1
}
# The line without comments and strings.
function strip(line,    out) {
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!match(line, /\*\//))
                return out
            line = substr(line, RSTART + 2)
            in_comment = 0
        } else if (match(line, /"([^"\\]|\\.)*"|\/\*|\/\//)) {
            out = out substr(line, 1, RSTART - 1)
            token = substr(line, RSTART, 2)
            line = substr(line, RSTART + RLENGTH)
            if (token == "//")
                return out
            in_comment = token == "/*"
        } else {
            return out line
        }
    }
    return out
}
# Only the string literals of the line. Escapes would glue to the words, so they go.
function strings(line,    out, s) {
    out = ""
    while (match(line, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047|`[^`]*`/)) {
        s = substr(line, RSTART, RLENGTH)
        gsub(/\\./, " ", s)
        out = out " " s
        line = substr(line, RSTART + RLENGTH)
    }
    return out
}
function finding(name, what) {
    printf "base/err.def:%d: %s %s\n", line_of[name], name, what
    findings++
}
END {
    for (i = 1; i <= rows; i++) {
        name = order[i]
        is_raised = symbol_of[name] in raised
        is_expected = name in expected
        if (name in pending) {
            if (is_raised && is_expected)
                finding(name, "is raised and tested now: take it off tests/tools/errors-pending.txt")
            else
                waiting++
            delete pending[name]
            continue
        }
        if (!is_raised)
            finding(name, "is raised nowhere (ERR_" symbol_of[name] ")")
        if (!is_expected)
            finding(name, "is expected by no test")
    }
    for (name in pending) {
        printf "tests/tools/errors-pending.txt:%d: %s is not a code\n", pending[name], name
        findings++
    }
    printf "check-errors: %d codes, %d pending, %d findings\n", rows, waiting, findings
    exit rows == 0 || findings > 0
}' stage=table "$table" stage=pending "$pending" stage=sources $sources stage=tests $tests
