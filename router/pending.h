/*
 * pending.h - the pending login: what usher remembers of an AuthnRequest, sealed into a cookie of the browser that
 * started it.
 *
 * Starting a login writes nothing on the server. The cookie's name holds a hash of the request ID, so that several tabs
 * can each have one (at most PENDING_MAX; the oldest are dropped); its value is sealed with that name as associated
 * data. It is SameSite=None because the answer comes as a cross-site POST. Once the login is accepted, the cookie is
 * replaced by one that names the session it opened: the same Response again from this browser (Back, double click)
 * leads onward and does nothing.
 */
#ifndef USHER_ROUTER_PENDING_H
#define USHER_ROUTER_PENDING_H

#include "base/arena.h"
#include "base/secret.h"
#include "router/target.h"
#include "saml/request.h"

#define PENDING_MAX 4
#define PENDING_SECONDS (15 * 60)
#define PENDING_COOKIE_SIZE 48 /* "__Host-usher-p-" + 24 hex digits + NUL, rounded */
#define PENDING_PLAIN_MAX (TARGET_PLAIN_MAX + 512)
#define PENDING_PREFIX "__Host-usher-p-"

struct pending {
    char request_id[SAML_REQUEST_ID_SIZE];
    const char *idp; /* name in the configuration */
    struct target to;
    const char *email; /* as typed; for the log and the login hint only */
    int64_t started;
    int64_t session_id; /* that this login opened; 0: none yet */
};

void pending_cookie_name(struct slice request_id, char dst[PENDING_COOKIE_SIZE]);
/* Appends the sealed cookie value. ERR_LIMIT, ERR_MEMORY. */
int pending_seal(const struct keyring *k, const struct pending *p, struct buf *out, struct err *e);
/* Text of the result lives in `a`. ERR_SEAL if broken or older than PENDING_SECONDS, or of another request ID than its
 * name. */
int pending_open(const struct keyring *k, const char *cookie_name, struct slice value, int64_t now, struct arena *a,
                 struct pending *ret, struct err *e);

#endif
