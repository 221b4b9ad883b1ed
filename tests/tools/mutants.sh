#!/bin/sh
# mutants.sh DIR - `make check-mutants`: DIR/mutants over all checks of the verifier, report in DIR/report.txt. Before that, that
# the machinery finds what it is there to find: mutate.pl wraps every kind of check, and the program fails on a check that
# nobody notices, an exemption that is noticed, one without a check and one without a reason.
set -u
LC_ALL=C
export LC_ALL
dir=${1:?the directory of the mutants}
tools=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "mutants.sh: $1" >&2
    [ -f "$tmp/out" ] && sed 's/^/  /' "$tmp/out" >&2
    exit 1
}

# --- mutate.pl --------------------------------------------------------------------------------------------------------
mkdir "$tmp/in" || exit 2
cat >"$tmp/in/x.c" <<'END'
static int refuse(struct err *e)
{
    return err_set(e, ERR_READ, "no (%s)", "never");
}

static int must_be(int a, struct err *e)
{
    return a == 1 ? 0 : refuse(e);
}

static bool is_good(int a)
{
    if (a < 0 || a > 9)
        return false;
    return a != 5 && a != 6;
}

static int asks(int a, struct err *e)
{
    return must_be(a, e);
}

int judge(int a, int b, struct err *e)
{
    if (a == 3 /* || never */ || f("||", b))
        return refuse(e);
    if (must_be(a, e) != 0 || asks(b, e) != 0)
        return -1;
    if (b == 4) {
        log("four");
        return err_set(e, ERR_READ, "four");
    }
    if (is_good(a) && b)
        return 0;
    else
        err_set(e, ERR_READ, "else");
    switch (b) {
    case 7: return refuse(e);
    default: break;
    }
    if (b == 8)
        a = 1;
    return a > b ? -1 : 0;
}
END
cat >"$tmp/expected" <<'END'
    return MUTANT_NEEDS(0, a == 1) ? 0 : refuse(e);
    if (MUTANT_REFUSES(1, a < 0) || MUTANT_REFUSES(2, a > 9))
    return MUTANT_PASSES(3, a != 5) && MUTANT_PASSES(4, a != 6);
    return MUTANT_RESULT(5, must_be(a, e));
    if (MUTANT_REFUSES(6, a == 3) /* || never */ || MUTANT_REFUSES(7, f("||", b)))
    if (MUTANT_FORGETS(8, must_be(a, e) != 0) || asks(b, e) != 0)
    if (MUTANT_REFUSES(9, b == 4)) {
    if (MUTANT_NEEDS(10, is_good(a)) && MUTANT_NEEDS(11, b))
    case 7: return MUTANT_CALL(12, refuse(e));
    return MUTANT_REFUSES(13, a > b) ? -1 : 0;
END
(cd "$tmp/in" && perl "$tools/../mutants/mutate.pl" "$tmp/src" x.c) || fail 'mutate.pl does not read its own sample'
grep MUTANT_ "$tmp/src/x.c" >"$tmp/got"
diff "$tmp/expected" "$tmp/got" >"$tmp/out" || fail 'mutate.pl wraps other checks than it should'
printf 'int f(void)\n{\n    if (x\n        return 1;\n}\n' >"$tmp/in/y.c"
(cd "$tmp/in" && perl "$tools/../mutants/mutate.pl" "$tmp/src" y.c) >"$tmp/out" 2>&1 && fail 'mutate.pl passes over what it cannot read'

# --- the program, on one small source -------------------------------------------------------------------------------------
one=base/form.c
# fails EXEMPT-FILE TEXT: it says so
fails() {
    "$dir/mutants" "$tmp/report" "$1" $one >"$tmp/out" 2>&1 && fail "the mutants of $one pass, and should not: $2"
    grep -q "$2" "$tmp/out" || fail "the mutants of $one do not say: $2"
}
grep -v "^$one " tests/mutants/exempt.txt >"$tmp/exempt"
fails "$tmp/exempt" 'no row notices that this check is off: lo < 0'
{ cat tests/mutants/exempt.txt; printf '%s form_parse: name_n == 0\n  a reason\n' $one; } >"$tmp/exempt"
fails "$tmp/exempt" 'form_parse: name_n == 0 is noticed by a row'
{ cat tests/mutants/exempt.txt; printf '%s form_parse: nothing\n  a reason\n' $one; } >"$tmp/exempt"
fails "$tmp/exempt" 'form_parse: nothing names no check'
{ cat tests/mutants/exempt.txt; printf '\n%s decode: nothing\n' $one; } >"$tmp/exempt"
fails "$tmp/exempt" 'decode: nothing has no reason'

# --- and on all -------------------------------------------------------------------------------------------------------------
"$dir/mutants" "$dir/report.txt"
