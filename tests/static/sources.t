#!/bin/sh
# Checks of the sources themselves, each as one test.
b=$(dirname "$(dirname "$0")")
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
case $b in /*) ;; *) b=$PWD/$b ;; esac
n=0
check() { # NAME COMMAND...
    name=$1
    shift
    n=$((n + 1))
    if out=$("$@" 2>&1); then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        printf '%s\n' "$out" | sed 's/^/# /'
    fi
}
check 'folders include only what the ladder allows' tests/tools/check-includes.sh
check 'every error code is raised and expected by a test' tests/tools/check-errors.sh
check 'lint' tests/tools/lint.sh
check 'the checks above catch what they are for' tests/tools/selftest.sh
check 'format' make -s format-check
check 'generated documents are current' tests/tools/docs.sh --check "$b" docs
check 'no private key outside test vectors' sh -c '! git grep -lI -e "-----BEGIN [A-Z ]*PRIVATE KEY-----" -- . ":!tests/" | grep .'
for corpus in "$b"/asan/replay/*; do
    [ -x "$corpus" ] || continue
    case $corpus in *.d) continue ;; esac
    check "corpus $(basename "$corpus") replayed under sanitizers" "$corpus" "tests/corpus/$(basename "$corpus")"
done
echo "1..$n"
