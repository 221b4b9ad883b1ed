#!/bin/sh
# mutant.sh - builds an usher with one place changed, without touching the sources or the build tree's own files.
#
#   mutant.sh BUILD-TREE SOURCE.c SED-EXPRESSION OUT
#
# The source is copied with the substitution, which must change exactly one line; compiled with the flags that `make` would
# use in that build tree (build, build/asan, ...); and linked with the tree's archives, whose own object the linker then
# does not take. OUT is the binary; OUT.c and OUT.o stay beside it, and
# usher-worker, which usher starts from its own folder.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
tree=$1 source=$2 expression=$3 out=$4

fail() {
	echo "mutant.sh: $source: $*" >&2
	exit 1
}

sed -e "$expression" "$root/$source" > "$out.c"
changed=$(diff "$root/$source" "$out.c" | grep -c '^>' || :)
[ "$changed" -eq 1 ] || fail "'$expression' changed $changed lines, not one"

# recipe TARGET SOURCE: the command by which make would build TARGET if SOURCE were new
case $(basename "$tree") in
clang | asan | asan-clang | tsan) variant=$(basename "$tree") build=$(dirname "$tree") ;;
*) variant=release build=$tree ;;
esac
recipe() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -C "$root" --no-print-directory -n V=1 BUILD="$build" \
		VARIANT="$variant" -W "$2" "$1" | sed -e :a -e '/\\$/N; s/\\\n//; ta' | grep -F -- " -o $1 " | tail -1
}

object=$tree/obj/${source%.c}.o
compile=$(recipe "$object" "$source")
link=$(recipe "$tree/usher" cli/main.c)
[ -n "$compile" ] && [ -n "$link" ] || fail "make names no command for $object and $tree/usher"
cd "$root"
eval "${compile%% -c -o *} -Wno-error -MF $out.d -c -o $out.o $out.c"
# ahead of the archives, so that what it defines is not looked for there
eval "$(printf '%s\n' "$link" | sed -e "s| -o $tree/usher | -o $out $out.o |")"
[ -x "$out" ] || fail "no binary"
cp --remove-destination "$tree/usher-worker" "$(dirname "$out")/usher-worker" # the last one may still run
