/*
 * judge.h - the whole verdict: bytes + trust + expectations + clock in, struct out. The one entry for router, cli and
 * tests.
 *
 * saml_verify() -> saml_recheck() -> saml_read() -> saml_check() -> saml_email(). With the worker process, only the
 * first step moves: saml_judge_signed() is the router's half.
 */
#ifndef USHER_SAML_JUDGE_H
#define USHER_SAML_JUDGE_H

#include "saml/check.h"
#include "saml/recheck.h"

struct saml_verdict {
    struct saml_signed signed_parts;
    struct saml_signer signers[2];
    struct saml_response response;
    struct saml_assertion assertion;
    bool has_email;
    struct email email;
    int64_t valid_until;
};

/* Arena for one verdict. */
#define SAML_ARENA_MAX (16 * (size_t)SAML_XML_MAX)

/* A refused message leaves an empty verdict: nothing of an identity can be used by mistake. */
int saml_judge(struct slice xml, const struct saml_trust *trust, unsigned allow, const struct saml_expect *x,
               struct arena *a, struct saml_verdict *ret, struct err *e);
/* From what the worker returned onward. The verdict borrows from `s`, which must outlive it. */
int saml_judge_signed(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow,
                      const struct saml_expect *x, struct arena *a, struct saml_verdict *ret, struct err *e);
/* As saml_judge_signed() without conditions: signatures and reading only. `keys`: for what is encrypted in signed
 * bytes. */
int saml_judge_signed_only(const struct saml_signed *s, const struct saml_trust *trust, const struct saml_sp_keys *keys,
                           unsigned allow, struct arena *a, struct saml_verdict *ret, struct err *e);
/* As saml_judge() without conditions: signatures and reading only (`usher verify --signature-only`). */
int saml_judge_signature_only(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                              struct saml_verdict *ret, struct err *e);

/*
 * The rest of the verdict for one that saml_judge_signature_only() gave: for a caller that learns from the signed bytes
 * which request is answered. A refused verdict is emptied.
 */
int saml_judge_conditions(const struct saml_expect *x, struct saml_verdict *v, struct err *e);

/*
 * What an administrator may have in a file, as XML bytes: XML as it is, base64 text, or a form body with SAMLResponse=.
 * The result points into `a`. ERR_ENCODING, ERR_FORM, ERR_XML_SIZE.
 */
int saml_unwrap_file(struct slice content, struct arena *a, struct slice *ret_xml, struct err *e);

#endif
