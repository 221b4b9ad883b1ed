#!/bin/sh
# lint.sh [ROOT] - mistakes that a pattern can see. Prints "file:line: what" per finding; exit 1 if there is any, or if
# nothing was checked.
#
#   banned functions   no bounds (strcpy, sprintf, gets), no error (atoi), locale or global state (strtol, strtok,
#                      localtime, gmtime, strptime), a shell (system, popen), not random (rand), unbounded stack (alloca);
#                      not looked for in tests/unit/.
#                      Tests, whose input is their own and which run under sanitizers, may copy, convert and popen
#   libxml2 options    XML_PARSE_NOENT, XML_PARSE_HUGE, XML_PARSE_RECOVER
#   comments           //, and TODO, FIXME, XXX without an issue number (#12)
#   text               more than 800 lines, trailing white space, tabs in C
set -u
LC_ALL=C
export LC_ALL
root=${1:-$(dirname "$0")/../..}
cd "$root" || exit 2

files=$(find . \( -name .git -o -name 'build*' -o -name node_modules -o -path ./tests/corpus \) -prune -o -type f \
    \( -name '*.c' -o -name '*.h' -o -name '*.def' -o -name '*.sh' -o -name Makefile \) -print | sed 's|^\./||' | sort)
if [ -z "$files" ]; then
    echo "lint: no source file found under $root" >&2
    exit 1
fi

# shellcheck disable=SC2086 # source files have no spaces in their names
awk '
BEGIN {
    start = "(^|[^A-Za-z0-9_])("
    everywhere = "sprintf|vsprintf|strtok|gets|system|rand|srand|localtime|gmtime|strptime|alloca"
    not_in_program = "strcpy|stpcpy|strcat|atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|popen"
    banned_in_tests = start everywhere ")[ \t]*\\("
    banned_in_program = start everywhere "|" not_in_program ")[ \t]*\\("
    max_lines = 800
}
function finding(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what
    findings++
}
# The line without comments, strings and character constants; `//` is reported on the way.
function strip(line,    out, token) {
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!match(line, /\*\//))
                return out
            line = substr(line, RSTART + 2)
            in_comment = 0
        } else if (match(line, /"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047|\/\*|\/\//)) {
            out = out substr(line, 1, RSTART - 1)
            token = substr(line, RSTART, 2)
            line = substr(line, RSTART + RLENGTH)
            if (token == "//") {
                finding("// comment: use /* */")
                return out
            }
            in_comment = token == "/*"
        } else {
            return out line
        }
    }
    return out
}
FNR == 1 {
    checked++
    in_comment = 0
    is_test = FILENAME ~ /^tests\// # fixed texts into fixed buffers
    is_c = FILENAME ~ /\.(c|h|def)$/
    is_self = FILENAME ~ /(^|\/)tests\/tools\/(lint|selftest)\.sh$/
}
FNR == max_lines + 1 { finding("more than " max_lines " lines: split the file") }
/[ \t\r]$/ { finding("trailing white space") }
!is_self && /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ && !/#[0-9]/ {
    finding("TODO, FIXME or XXX without an issue number")
}
is_c {
    if (/\t/)
        finding("tab")
    code = strip($0)
    if (match(code, is_test ? banned_in_tests : banned_in_program)) {
        word = substr(code, RSTART, RLENGTH)
        gsub(/[^A-Za-z]/, "", word)
        finding(word "() is banned")
    }
    if (match(code, /XML_PARSE_(NOENT|HUGE|RECOVER)/))
        finding(substr(code, RSTART, RLENGTH) " is banned")
}
END {
    printf "lint: %d files, %d findings\n", checked, findings
    exit checked == 0 || findings > 0
}' $files
