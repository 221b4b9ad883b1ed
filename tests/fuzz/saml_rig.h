/* saml_rig.h - what the harnesses of saml/ share: the test keys of saml_key.h, ready for use. */
#ifndef USHER_TESTS_FUZZ_SAML_RIG_H
#define USHER_TESTS_FUZZ_SAML_RIG_H

#include <stdint.h>
#include <stdlib.h>

#include "saml/judge.h"
#include "tests/fuzz/saml_key.h"

#define RIG_ISSUER "https://idp.example/"
#define RIG_ACS "https://sp.example/acs"
#define RIG_AUDIENCE "https://sp.example"
#define RIG_NOW 1767225600 /* 2026-01-01T00:00:00Z: when the corpora were made */
#define RIG_ALLOW_ALL (SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024 | SAML_ALLOW_RSA15)

static inline void must(bool ok)
{
    if (!ok)
        abort();
}

/* A refusal is one that the input is to blame for. */
static inline void must_blame_input(const struct err *e)
{
    must(e->code != ERR_NONE && e->code != ERR_INTERNAL && e->msg[0]);
}

/* Every public key, under one issuer. */
static inline struct saml_trust *rig_trust(void)
{
    static struct saml_trust trust;
    struct err e = ERR_INIT;

    if (trust.nkeys == 0) {
        must(saml_init(&e) == 0 && saml_trust_add_pem(&trust, SLICE(SAML_FUZZ_KEY SAML_FUZZ_KEYS), &e) == 0);
        trust.issuer = strdup(RIG_ISSUER);
        must(trust.issuer);
    }
    return &trust;
}

/* This service provider's key. */
static inline const struct saml_sp_keys *rig_sp_keys(void)
{
    static struct saml_sp_keys keys;
    struct err e = ERR_INIT;

    if (keys.n == 0)
        must(saml_sp_keys_add_pem(&keys, SLICE(SAML_FUZZ_PRIVATE SAML_FUZZ_CERTIFICATE), true, &e) == 0);
    return &keys;
}

/*
 * What an input asks for by its first octet: which exceptions are allowed, and what is expected. Without any of them
 * it is the answer to the request "id1", with the e-mail in the NameID.
 */
#define RIG_UNSOLICITED 8U
#define RIG_CLAIM 16U  /* the e-mail is an attribute */
#define RIG_DOMAIN 32U /* the identity provider speaks for contoso.com alone */

static inline struct saml_expect rig_expect(unsigned flags)
{
    static const char *const domains[] = {"contoso.com"};

    return (struct saml_expect){.issuer = SLICE(RIG_ISSUER),
                                .acs = SLICE(RIG_ACS),
                                .audience = SLICE(RIG_AUDIENCE),
                                .request_id = SLICE("id1"),
                                .unsolicited = flags & RIG_UNSOLICITED,
                                .now = RIG_NOW,
                                .skew = SAML_SKEW_DEFAULT,
                                .email_from = flags & RIG_CLAIM ? SLICE(SAML_CLAIM_EMAIL) : SLICE("nameid"),
                                .email_domains = domains,
                                .nemail_domains = flags & RIG_DOMAIN ? 1 : 0};
}

/* What every caller relies on: an accepted verdict says who it is and who signed that, a refused one says nothing. */
static inline void rig_check_verdict(int rc, const struct saml_verdict *v, const struct saml_expect *x,
                                     const struct err *e)
{
    if (rc != 0) {
        must_blame_input(e);
        must(v->signed_parts.nsig == 0 && !v->assertion.name_id.p && !v->has_email && !v->signers[0].key);
        return;
    }
    must(v->signed_parts.nsig >= 1 && v->signed_parts.nsig <= 2 && v->signers[0].key);
    must(v->assertion.name_id.n > 0 && v->assertion.id.n > 0 && v->assertion.nattributes <= SAML_ATTRIBUTES_MAX);
    must(slice_eq(slice_trim(v->assertion.issuer), x->issuer) && v->valid_until >= x->now - x->skew);
    must(v->has_email || x->nemail_domains == 0);
    must(!v->has_email || x->nemail_domains == 0 || strcmp(v->email.domain, x->email_domains[0]) == 0);
}

#endif
