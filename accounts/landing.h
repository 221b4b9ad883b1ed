/*
 * landing.h - how a session on the login host opens one on an application's host.
 *
 *   https://APP/.usher/start    landing_start(): nonce into a __Host- cookie of APP, challenge into the redirect
 *   https://LOGIN/...           landing_issue(): a sealed token for (session, APP, challenge), 60 s
 *   https://APP/.usher/land?t=  landing_redeem(): exactly once, and only in the browser that holds the nonce
 *
 * The token is sealed, so issuing writes nothing. It is spent by the unique key of the session token that redeeming
 * writes: once, whichever thread or process of however many takes it.
 */
#ifndef USHER_ACCOUNTS_LANDING_H
#define USHER_ACCOUNTS_LANDING_H

#include "accounts/session.h"

#define LANDING_LIFETIME_SEC 60
#define LANDING_NONCE_SIZE 33     /* base64url of 24 random bytes, and NUL */
#define LANDING_CHALLENGE_SIZE 44 /* base64url of SHA-256(nonce), and NUL */
#define LANDING_TOKEN_MAX 512     /* a longer one is none */

void landing_start(char ret_nonce[LANDING_NONCE_SIZE], char ret_challenge[LANDING_CHALLENGE_SIZE]);
/* The challenge of a nonce that this browser holds already, so that several tabs can be on their way with one cookie.
 * -1 if it does not look like a nonce: then start anew. */
int landing_challenge(struct slice nonce, char ret_challenge[LANDING_CHALLENGE_SIZE]);
/* Appends the token to `out`. `challenge` comes from the query: ERR_LAND if it is not one. */
int landing_issue(const struct keyring *keys, int64_t session_id, const char *host, struct slice challenge, int64_t now,
                  struct buf *out, struct err *e);
/*
 * Blocks (one write). ERR_LAND: spent, older than 60 s, for another host, another browser's, or not sealed by us.
 * ERR_SESSION_NONE: the session ended meanwhile. On success the host's own session token, and who it is.
 */
int landing_redeem(const struct keyring *keys, struct session_table *t, struct store *s, struct slice token,
                   const char *host, struct slice nonce, int64_t now, char ret_token[SESSION_TOKEN_SIZE],
                   struct session_view *ret, struct err *e);

#endif
