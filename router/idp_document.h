/*
 * idp_document.h - one metadata document: how it comes here, what it says, and what it means for the one in force.
 *
 * fetch (usher-fetch) -> canonical form, signature if one is asked for (a fresh usher-worker, then recheck) -> strict
 * reader. The first document from a configured URL is taken on the word of TLS alone (trust on first use), unless a
 * metadata_signer is configured. After that, only keys that are known already can vouch for new ones.
 */
#ifndef USHER_ROUTER_IDP_DOCUMENT_H
#define USHER_ROUTER_IDP_DOCUMENT_H

#include <stdatomic.h>

#include "accounts/store.h"
#include "router/config.h"

/* Every key that the store has a row for. */
struct idp_key_list {
    struct idp_key *v;
    size_t n;
};
int idp_key_list_load(struct store *s, const char *idp, struct idp_key_list *ret, struct err *e);
void idp_key_list_free(struct idp_key_list *l);
const struct idp_key *idp_key_list_find(const struct idp_key_list *l, const unsigned char sha256[STORE_KEY_BYTES]);
bool idp_key_is_distrusted(const struct idp_key_list *l, const unsigned char sha256[STORE_KEY_BYTES]);

/* Fetches from the configured URL. Blocks, until it is `cancelled` (may be NULL). ERR_FETCH, ERR_LIMIT. */
int idp_document_fetch(const struct config_idp *idp, const atomic_bool *cancelled, struct arena *a, struct slice *ret,
                       struct err *e);
/*
 * The bytes to read and to keep, from a worker process of its own that ends with it: what strangers may have done to
 * the workers of logins must not reach the keys. With a metadata_signer these are the signed bytes, checked here again.
 * Blocks. ERR_XML_*, ERR_METADATA, ERR_SIGNATURE_MISSING, ERR_SIGNATURE, ERR_WORKER...
 */
int idp_document_canonical(const struct config_idp *idp, struct slice xml, struct arena *a, struct slice *ret,
                           struct err *e);
/*
 * What it says, by this identity provider's options. ERR_METADATA also: no HTTP-Redirect sign-on service; with
 * metadata_valid_until, none in it or past. Free `ret` after 0.
 */
int idp_document_read(const struct config_idp *idp, struct slice document, int64_t now, struct saml_trust *ret,
                      struct err *e);

enum idp_verdict {
    IDP_VERDICT_WAIT = 0, /* another entity, or no key in common that counts: an administrator decides */
    IDP_VERDICT_FIRST,    /* there is none in force from this URL */
    IDP_VERDICT_SAME,     /* the same keys, whatever else has changed */
    IDP_VERDICT_CHANGED   /* other keys; at least one that was in force vouches for them */
};
/* `stored`: the row of the store, and what stands in its document, empty if that cannot be read; `found`: what
 * idp_document_read() gave for the new one. */
enum idp_verdict idp_document_judge(const struct config_idp *idp, const struct idp_metadata *stored,
                                    const struct saml_trust *in_force, const struct idp_key_list *known,
                                    const struct saml_trust *found);
/* Both hold the same keys. */
bool idp_same_keys(const struct saml_trust *a, const struct saml_trust *b);
bool idp_has_key(const struct saml_trust *t, const unsigned char sha256[STORE_KEY_BYTES]);

#endif
