#!/bin/bash
# demo.sh - the whole of usher on one machine, to click through: nginx in front of a sample application, usher, and a
# test identity provider. Runs in the foreground; Ctrl-C stops everything.
#
#   tests/tools/demo.sh BUILD [DIR]        what `make demo` runs; DIR is BUILD/demo unless given, and begins afresh each time
#   DEMO_PORT=9000 make demo               another port than 8480; 0: any free one
#
# Everything is plain HTTP on *.localhost: browsers resolve these names to this machine without /etc/hosts, count them as
# secure contexts (so that Secure and __Host- cookies work without a certificate), and as different sites. It listens on
# the loopback address only.
#
# Bash rather than sh for `wait -n`, which ends on a child's end and on a signal, whichever comes first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/tools/demo
[ $# -ge 1 ] || { echo "usage: tests/tools/demo.sh BUILD [DIR]" >&2; exit 2; }
build=$(cd "$1" && pwd)
dir=${2:-$build/demo}
default_port=8480

fail() {
	echo "demo: $*" >&2
	exit 1
}

nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || fail "nginx is not installed (Debian: nginx-light)"
[ -x "$build/usher" ] && [ -x "$build/usher-worker" ] && [ -x "$build/usher-lab" ] ||
	fail "usher, usher-worker and usher-lab are not in $build (run make)"

# --- a fresh folder, ours alone ------------------------------------------------------------------------------------------
# Only what an earlier demo made is removed, and never under one that runs.
if [ -e "$dir" ] && [ ! -f "$dir/made-by-demo" ] && [ -n "$(ls -A "$dir")" ]; then
	fail "$dir is there and was not made by the demo; give another folder as second argument"
fi
umask 077
mkdir -p "$dir"
exec 9< "$dir"
flock -n 9 || fail "another demo runs in $dir"
find "$dir" -mindepth 1 -delete
dir=$(cd "$dir" && pwd)
: > "$dir/made-by-demo"
mkdir "$dir/tmp"

# --- starting and stopping -------------------------------------------------------------------------------------------------
names=() pids=()

stop() {
	trap '' INT TERM HUP
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do # nginx first: nobody meets a half-stopped demo
		kill -TERM "${pids[i]}" 2>/dev/null || :
		wait "${pids[i]}" 2>/dev/null || :
	done
	rm -f "$dir/ready" "$dir/app.sock"
}
trap stop EXIT
trap 'echo; echo "stopping"; exit 0' INT TERM HUP

# start NAME COMMAND...: output goes to NAME.out, log to NAME.log
start() {
	local name=$1
	shift
	"$@" > "$dir/$name.out" 2> "$dir/$name.log" < /dev/null 9<&- &
	names+=("$name") pids+=($!)
}

# wait_for COMMAND...: until it succeeds, while the process started last lives, for at most 20 seconds
wait_for() {
	local name=${names[-1]} pid=${pids[-1]}
	for ((i = 0; i < 400; i++)); do
		"$@" 2>/dev/null && return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	tail -n 20 "$dir/$name.out" "$dir/$name.log" >&2
	fail "$name did not start"
}

# can_listen PORT: prints a port of the loopback address that is free, this one if not 0
can_listen() {
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => shift, ReuseAddr => 1) or exit 1;
		print $s->sockport' "$1"
}
answers() {
	(exec 3<> "/dev/tcp/127.0.0.1/$1")
}

wanted=${DEMO_PORT:-$default_port}
port=$(can_listen "$wanted") || {
	port=$(can_listen 0)
	echo "port $wanted is taken, using $port (DEMO_PORT=... picks another)"
}
login=http://login.localhost:$port wiki=http://wiki.localhost:$port idp=http://idp.localhost:$port

# --- keys, people, configuration --------------------------------------------------------------------------------------------
"$root/certs/mkdev.sh" "$dir/certs" login.usher.test
password=$(openssl rand -hex 8 | sed 's/..../&-/g; s/-$//')

cp "$here/people.yaml" "$dir/people.yaml"
sed -e "s|@LOGIN@|$login|g" -e "s|@WIKI@|${wiki#http://}|g" -e "s|@DIR@|$dir|g" "$here/usher.yaml.in" > "$dir/usher.yaml"
. "$root/tests/e2e/lib/usher.sh"
usher_metadata "$dir/idp.xml" "$idp/metadata" "$dir/certs/idp.pem" "$idp/sso" "$idp/slo"

cd "$dir"
{
	"$build/usher" config -c usher.yaml --check &&
	"$build/usher" account add -c usher.yaml room-4@example.com --kind room --name 'Meeting room 4' <<< "$password" &&
	"$build/usher" account add -c usher.yaml max@example.com --name 'Max Leaver' --no-password &&
	"$build/usher" account disable -c usher.yaml max@example.com
} > accounts.out 2>&1 || {
	cat accounts.out >&2
	fail "no accounts"
}

# --- identity provider, usher, nginx -----------------------------------------------------------------------------------------
start idp "$build/usher-lab" idp --listen 127.0.0.1:0 --port-file idp.port --public-url "$idp" --key certs/idp.key --cert certs/idp.pem \
	--people people.yaml --acs-allowed "$login/saml/acs" --slo "$login/saml/slo"
wait_for test -s idp.port

start usher "$build/usher" serve -c usher.yaml
wait_for grep -q '^usher: ready' usher.out
usher_port=$(sed -n 's/^usher: ready on [^ ]*:\([0-9]*\), auth on .*/\1/p' usher.out)
auth_port=$(sed -n 's/^usher: ready on .*, auth on [^ ]*:\([0-9]*\)$/\1/p' usher.out)

# The snippets of docs/nginx/, as an administrator would use them.
for snippet in usher-http usher-login usher-app usher-protect; do
	sed -e "s|server 127.0.0.1:8080;|server 127.0.0.1:$usher_port;|" -e "s|server 127.0.0.1:8081;|server 127.0.0.1:$auth_port;|" \
		"$root/docs/nginx/$snippet.conf" > "$snippet.conf"
done
# root's workers would become www-data and not get into this folder
user=$([ "$(id -u)" -ne 0 ] || echo 'user root;')
sed "s|@LOGIN@|$login|g" "$here/page.html" > index.html
sed -e "s|@USER@|$user|" -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|g" -e "s|@IDP@|127.0.0.1:$(cat idp.port)|g" "$here/nginx.conf.in" > nginx.conf
start nginx "$nginx" -p "$dir" -c nginx.conf -e nginx.log
wait_for answers "$port"

# --- ready ----------------------------------------------------------------------------------------------------------------------
# for scripts; complete once it is there
printf '%s\n' "port=$port" "password=$password" "pids=\"${pids[*]}\"" > ready.tmp
mv ready.tmp ready
short=${dir#"$root/"}
cat <<TEXT

  Open       $wiki/

  Sign in as              to see
  ada@example.com         single sign-on: pick Ada at the test identity provider
  room-4@example.com      an exception in the same box, password $password
  guest@example.org       an unknown domain: refused
  max@example.com         a disabled account: the identity provider knows Max (pick him), usher refuses

  A refusal shows a number; what was behind it:
      ${build#"$root/"}/usher log show -c $short/usher.yaml NUMBER
  Which door an address gets, and why:
      ${build#"$root/"}/usher explain -c $short/usher.yaml room-4@example.com

  From another machine: ssh -L $port:127.0.0.1:$port THIS-MACHINE, then open the same address there.
  Configuration and logs: $short/   Ctrl-C stops everything.

TEXT

# Nothing of this ends by itself: whatever does is a fault.
wait -n "${pids[@]}" || :
for i in "${!pids[@]}"; do
	kill -0 "${pids[i]}" 2>/dev/null || { tail -n 20 "${names[i]}.log" >&2; fail "${names[i]} ended by itself"; }
done
