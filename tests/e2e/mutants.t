#!/bin/sh
# mutants.t - shows that the checks of cookies can fail: ushers with one line changed, each of which a login through a real
# browser, or the byte check of Set-Cookie that login.t uses, must tell from the real one.
. "$(dirname "$(readlink -f "$0")")/lib/common.sh"
. "$E2E_LIB/site.sh"

missing=$(site_missing)
[ -z "$missing" ] || skip_all "$missing"
for tool in gcc make; do
	command -v $tool > /dev/null || skip_all "$tool is not installed"
done
site_start

# mutant NAME SOURCE SED-EXPRESSION: builds it and sets $mutant
mutant() {
	mutant=$E2E_DIR/$1
	"$E2E_LIB/mutant.sh" "$E2E_BUILD" "$2" "$3" "$mutant" > "$mutant.out" 2>&1 || {
		sed 's/^/# /' "$mutant.out"
		bail "the mutant '$1' was not built"
	}
}

# outcome [BINARY]: one login through it, into $E2E_DIR/outcome
outcome() {
	site_usher "$@"
	site_checks mutant-login.js > "$E2E_DIR/outcome" || { sed 's/^/# /' "$E2E_DIR/outcome"; bail "no outcome"; }
}
came() {
	sed -n "s/^$1: //p" "$E2E_DIR/outcome"
}

outcome
ok "usher itself: nothing for a sanitizer to say" site_sane
is "usher itself: the pending cookie fits" "$(came cookie)" fits
is "usher itself: the login arrives" "$(came login)" arrived
is "usher itself: one application's session is refused at the other" "$(came thief)" refused

# The answer of the identity provider is a cross-site POST: a Lax cookie stays at home.
mutant lax router/flow.c 's/\(reply_cookie(x, name, buf_cstr(&value), HTTP_SAME_SITE_\)NONE/\1LAX/'
outcome "$mutant"
is "pending cookie SameSite=Lax: the browser shows it" "$(came login)" no-matching-cookie
is "pending cookie SameSite=Lax: the byte check shows it" "$(came cookie)" \
	"differs: httponly,max-age=900,path=/,samesite=lax,secure"

# Without the attribute a browser sends the cookie for two minutes, so that every quick test in one passes.
mutant unsaid router/http/cookie.c \
	's/"%s=%\.\*s; Path=\/; HttpOnly; SameSite=%s"/site == HTTP_SAME_SITE_NONE ? "%s=%.*s; Path=\/; HttpOnly" : &/'
outcome "$mutant"
is "pending cookie without SameSite: the browser does not show it" "$(came login)" arrived
is "pending cookie without SameSite: the byte check does" "$(came cookie)" "differs: httponly,max-age=900,path=/,secure"

# A session token counts on its own host only.
mutant anyhost accounts/session_table.c 's/strcmp(k->host, host) != 0 || //'
outcome "$mutant"
is "a session not bound to its host: the browser shows it" "$(came thief)" "let in"

# and the machinery: what changes nothing, or too much, is no mutant
ok "a substitution that fits nowhere is refused" sh -c '! "$@" 2> /dev/null' - \
	"$E2E_LIB/mutant.sh" "$E2E_BUILD" router/flow.c 's/no such text//' "$E2E_DIR/none"
ok "a substitution that fits in two places is refused" sh -c '! "$@" 2> /dev/null' - \
	"$E2E_LIB/mutant.sh" "$E2E_BUILD" router/flow.c 's/struct/ struct/' "$E2E_DIR/many"

done_testing
