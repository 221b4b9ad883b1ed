#!/bin/sh
# selftest.sh - proves that check-includes.sh, check-errors.sh and lint.sh find what they are there to find: each gets a
# small clean tree, which must pass, and one tree per planted mistake, which must fail with the right line. TAP.
set -u
LC_ALL=C
export LC_ALL
tools=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
n=0
failed=0

# put FILE < text
put() {
    mkdir -p "$(dirname "$tmp/tree/$1")"
    cat >"$tmp/tree/$1"
}

# A tree that all three scripts like.
fresh() {
    rm -rf "$tmp/tree"
    for folder in base saml policy accounts router router/http lab; do
        mkdir -p "$tmp/tree/$folder"
    done
    echo base/ | put base/.may_include
    printf 'base/\nsaml/\n' | put saml/.may_include
    printf 'base/\npolicy/\n' | put policy/.may_include
    printf 'base/\npolicy/\naccounts/\n' | put accounts/.may_include
    printf 'base/\nrouter/http/\n' | put router/http/.may_include
    printf 'base/\nsaml/\nrouter/\nrouter/http/\n' | put router/.may_include
    printf 'base/\nsaml/\nlab/\n' | put lab/.may_include
    printf '#include <stdio.h>\n#include "base/err.h"\n/* strcpy( and sprintf( in a comment */\nstatic const char *a = "atoi(x) // no";\nint f(void) { return err_set(e, ERR_IO, a); }\n' | put base/err.c
    printf '#include "base/err.def"\n' | put base/err.h
    printf 'ERR(IO, "io-error", ADMIN, 500, "x", "y")\n' | put base/err.def
    printf '#include <libfyaml.h>\n' | put base/conf.c
    printf '#include <libxml/parser.h>\n#include <xmlsec/xmlsec.h>\n#include "base/err.h"\n' | put saml/verify.c
    printf '#include <sqlite3.h>\n' | put accounts/store_sqlite.c
    printf '#include <event2/event.h>\n#include "router/http/http.h"\n' | put router/main.c
    printf '#include <event2/event.h>\n#include "base/err.h"\n' | put router/http/http.c
    printf '#include <libxml/parser.h>\n#include <event2/event.h>\n' | put lab/main.c
    printf 'void t(void) { assert_err(f(), &e, "io-error"); }\n' | put tests/unit/base/err.c
}

# result OK? NAME
result() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        failed=$((failed + 1))
        echo "not ok $n - $2"
        sed 's/^/# /' "$tmp/out"
    fi
}

# passes SCRIPT NAME: exit 0 and a summary without findings
passes() {
    sh "$tools/$1" "$tmp/tree" >"$tmp/out" 2>&1 && grep -q '[, ]0 findings$' "$tmp/out"
    result $? "$1: $2"
}

# catches SCRIPT NAME LINE: exit 1, and a finding that starts with LINE
catches() {
    sh "$tools/$1" "$tmp/tree" >"$tmp/out" 2>&1
    if [ $? -eq 1 ] && awk -v start="$3" 'index($0, start) == 1 { hit = 1 } END { exit !hit }' "$tmp/out"; then
        result 0 "$1: $2"
    else
        result 1 "$1: $2"
    fi
}

# --- check-includes.sh
fresh
passes check-includes.sh "a clean tree"
echo '#include "saml/read.h"' | put policy/rule.c
catches check-includes.sh "policy must not see saml" 'policy/rule.c:1: "saml/read.h"'
fresh
echo '#include "router/main.h"' | put router/http/conn.h
catches check-includes.sh "router/http must not see router" 'router/http/conn.h:1: "router/main.h"'
fresh
printf '\n#  include "router/http/http.h"\n' | put base/up.c
catches check-includes.sh "base must not see router/http, spaces or not" 'base/up.c:2: "router/http/http.h"'
fresh
echo '#include "err.h"' | put base/bare.c
catches check-includes.sh "a header without its folder" 'base/bare.c:1: "err.h"'
fresh
echo '#include "../saml/read.h"' | put policy/dots.c
catches check-includes.sh "a header by way of .." 'policy/dots.c:1: "../saml/read.h"'
fresh
mkdir -p "$tmp/tree/new"
echo 'int x;' | put new/x.c
catches check-includes.sh "a folder without .may_include" 'new/x.c:1: no .may_include'
for row in saml/x.c:event2/event.h base/x.h:event2/util.h saml/x.h:libxml/tree.h lab/x.h:xmlsec/xmlsec.h \
    router/x.c:libxml/parser.h accounts/x.c:sqlite3.h accounts/store.h:sqlite3.h accounts/x.c:libpq-fe.h \
    router/x.c:sqlite3.h base/conf_table.c:libfyaml.h saml/conf.c:libfyaml.h; do
    fresh
    echo "#include <${row#*:}>" | put "${row%%:*}"
    catches check-includes.sh "<${row#*:}> in ${row%%:*}" "${row%%:*}:1: <${row#*:}> is not allowed"
done
fresh
printf '#include <libxml/tree.h>\n' | put saml/compat_xml.h
printf '#include "saml/compat_xml.h"\n' | put saml/dom.c
passes check-includes.sh "the compat header in saml/*.c"
for file in saml/dom.h lab/x.c router/x.c; do
    echo '#include "saml/compat_xml.h"' | put $file
    catches check-includes.sh "the compat header in $file" "$file:1: the compat header"
    rm "$tmp/tree/$file"
done
rm -rf "$tmp/tree"
mkdir "$tmp/tree"
catches check-includes.sh "an empty tree" 'check-includes: no source file'

# --- check-errors.sh
fresh
passes check-errors.sh "a clean tree"
printf 'ERR(IO, "io-error", A, 1, "x", "y")\nERR(IO_MORE, "io-error-more", A, 1, "x", "y")\n' | put base/err.def
catches check-errors.sh "a code that nobody raises" 'base/err.def:2: io-error-more is raised nowhere (ERR_IO_MORE)'
catches check-errors.sh "a code that no test expects" 'base/err.def:2: io-error-more is expected by no test'
printf '# later\nio-error-more\n' | put tests/tools/errors-pending.txt
sh "$tools/check-errors.sh" "$tmp/tree" >"$tmp/out" 2>&1
grep -q '1 pending, 0 findings$' "$tmp/out"
result $? "check-errors.sh: a pending code may be missing"
printf 'int g(void) { return err_set(e, ERR_IO_MORE, ""); }\n' | put base/more.c
printf 'void t(void) { assert_err(g(), &e, "io-error-more"); }\n' | put tests/unit/base/more.c
catches check-errors.sh "a pending code that is not missing" 'base/err.def:2: io-error-more is raised and tested now'
rm "$tmp/tree/tests/tools/errors-pending.txt"
passes check-errors.sh "both codes, raised and tested"
printf 'int g(void) { return e->code == ERR_IO_MORE; } /* ERR_IO_MORE */\n' | put base/more.c
catches check-errors.sh "compared or commented is not raised" 'base/err.def:2: io-error-more is raised nowhere'
printf 'int g(void) { return err_set(e, ERR_IO_MORE, ""); }\n' | put base/more.c
printf 'void t(void) { f(); /* io-error-more */ }\n' | put tests/unit/base/more.c
catches check-errors.sh "commented is not expected" 'base/err.def:2: io-error-more is expected by no test'
printf 'case 1 io-error-more\n' | put tests/cases/x.case
passes check-errors.sh "a name in a case file counts"
rm "$tmp/tree/tests/cases/x.case"
printf 'const io-error-more = f();\n' | put tests/e2e/x.js
catches check-errors.sh "a name outside strings in JavaScript" 'base/err.def:2: io-error-more is expected by no test'
printf "refused(r, 'io-error-more');\n" | put tests/e2e/x.js
passes check-errors.sh "a name in a JavaScript string"
echo no-such-code | put tests/tools/errors-pending.txt
catches check-errors.sh "a pending name that is no code" 'tests/tools/errors-pending.txt:1: no-such-code is not a code'
fresh
printf 'ERR(IO, "io-error", A, 1, "x", "y")\nERR(IO, "io-error", A, 1, "x", "y")\n' | put base/err.def
catches check-errors.sh "a name twice" 'base/err.def:2: the name io-error is used twice'
: | put base/err.def
catches check-errors.sh "an empty table" 'check-errors: 0 codes'

# --- lint.sh
fresh
passes lint.sh "a clean tree"
for call in strcpy strcat sprintf vsprintf strtok gets atoi atol strtol system popen rand localtime gmtime strptime alloca; do
    fresh
    printf 'int x;\nint y = %s (a);\n' "$call" | put base/x.c
    catches lint.sh "$call()" "base/x.c:2: $call() is banned"
done
fresh
printf 'int y = strcpy(a) + popen(b);\n' | put tests/unit/x.c
passes lint.sh "tests may use strcpy() and popen()"
printf 'int y = sprintf(a);\n' | put tests/unit/x.c
catches lint.sh "tests may not use sprintf()" 'tests/unit/x.c:1: sprintf() is banned'
fresh
printf 'int a = snprintf(x) + my_rand(y) + gmtime_r(z) + strtok_r(q) + vsnprintf(r);\n' | put base/x.c
passes lint.sh "their harmless cousins"
for option in NOENT HUGE RECOVER; do
    fresh
    echo "int o = XML_PARSE_$option | 1;" | put saml/x.c
    catches lint.sh "XML_PARSE_$option" "saml/x.c:1: XML_PARSE_$option is banned"
done
fresh
printf 'const char *u = "http://x"; /* a // b */\n/* http://y\n   http://z */\n' | put base/x.c
passes lint.sh "// in strings and comments"
printf 'int x; // y\n' | put base/x.c
catches lint.sh "// comment" 'base/x.c:1: // comment'
for word in TODO FIXME XXX; do
    printf '/* %s: later */\n' "$word" | put base/x.c
    catches lint.sh "$word" 'base/x.c:1: TODO, FIXME or XXX without'
done
printf '/* TODO #12: later */ char t[] = "XXXXXX";\n' | put base/x.c
passes lint.sh "TODO with an issue, XXXXXX"
printf 'int x; \n' | put base/x.c
catches lint.sh "trailing white space" 'base/x.c:1: trailing white space'
printf '\tint x;\n' | put base/x.c
catches lint.sh "tab" 'base/x.c:1: tab'
awk 'BEGIN { for (i = 0; i < 800; i++) print "int x;" }' | put base/x.c
passes lint.sh "800 lines"
echo 'int x;' >>"$tmp/tree/base/x.c"
catches lint.sh "801 lines" 'base/x.c:801: more than 800 lines'
rm -rf "$tmp/tree"
mkdir "$tmp/tree"
catches lint.sh "an empty tree" 'lint: no source file'

echo "1..$n"
[ "$failed" = 0 ]
