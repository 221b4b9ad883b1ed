#!/bin/sh
# check-includes.sh [ROOT] - the folder ladder and the third-party walls.
#
# A source file may include ("...") only headers of folders that the nearest .may_include above it lists. Some
# third-party headers (<...>) belong to few files; saml/compat_xml.h stands for libxml2's and xmlsec's in saml/*.c. Everything outside tests/ and build trees is checked; a folder with
# sources and without a .may_include is a finding. Prints "file:line: what" per finding; exit 1 if there is any, or if
# nothing was checked.
set -u
LC_ALL=C
export LC_ALL
root=${1:-$(dirname "$0")/../..}
cd "$root" || exit 2

files=$(find . \( -name .git -o -name 'build*' -o -name node_modules -o -path ./tests \) -prune -o \
    -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) -print | sed 's|^\./||' | sort)
if [ -z "$files" ]; then
    echo "check-includes: no source file found under $root" >&2
    exit 1
fi

# shellcheck disable=SC2086 # source files have no spaces in their names
awk '
function folder(path) { return match(path, /.*\//) ? substr(path, 1, RLENGTH) : "" }
# The nearest folder upward that has a .may_include; its list goes to may[]. "" if there is none.
function ladder(dir,    up, line, n) {
    for (up = dir; up != ""; up = folder(substr(up, 1, length(up) - 1))) {
        if (up in known)
            return up
        n = 0
        while ((getline line < (up ".may_include")) > 0) {
            sub(/[ \t]*(#.*)?$/, "", line)
            if (line != "") {
                may[up, line] = 1
                n++
            }
        }
        close(up ".may_include")
        if (n) {
            known[up] = 1
            return up
        }
    }
    return ""
}
function finding(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what
    findings++
}
function wall(header, pattern, allowed) {
    if (header ~ pattern && FILENAME !~ allowed)
        finding("<" header "> is not allowed in this file")
}
FNR == 1 {
    checked++
    dir = folder(FILENAME)
    rung = ladder(dir)
    if (rung == "")
        finding("no .may_include in this folder or above it")
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    header = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
    quoted = substr(header, 1, 1) == "\""
    header = substr(header, 2)
    sub(/[>"].*/, "", header)
    includes++
    if (header == "saml/compat_xml.h" && FILENAME !~ "^saml/[^/]*\\.c$")
        finding("the compat header is for saml/*.c alone")
    if (quoted && rung != "" && !((rung, folder(header)) in may))
        finding("\"" header "\": " rung ".may_include does not list " (folder(header) == "" ? "headers without a folder" : folder(header)))
    wall(header, "^(event2/|event\\.h$|evhttp\\.h$|evutil\\.h$|evdns\\.h$)", "^(router|lab)/")
    wall(header, "^(libxml/|libxml2/|xmlsec/|xmlsec1/|libxslt/)", "^(saml/compat_xml\\.h|(saml|lab)/.*\\.c)$")
    wall(header, "^(sqlite3(ext)?\\.h$|libpq-fe\\.h$|libpq/|postgresql/)", "^accounts/store_[^/]*\\.c$")
    wall(header, "^libfyaml", "^base/conf\\.c$")
}
END {
    printf "check-includes: %d files, %d includes, %d findings\n", checked, includes, findings
    exit checked == 0 || includes == 0 || findings > 0
}' $files
