/* judge.c - see judge.h. */
#include "saml/judge.h"

#include "base/encode.h"
#include "base/form.h"

/*
 * The order is the security argument: nothing of the signed bytes is looked at before recheck has proven them, and
 * nothing else is ever read. With two signatures the Response's bytes hold the Assertion too and are read; the
 * Assertion's own bytes must then be of that same Assertion.
 */
static int read_signed(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow, struct arena *a,
                       struct saml_verdict *ret, struct err *e)
{
    struct saml_response none;
    struct saml_assertion *inner;

    ret->signed_parts = *s;
    if (saml_recheck(s, trust, allow, ret->signers, e) != 0 ||
        saml_read(s->sig[0].element, s->sig[0].what, a, &ret->response, &ret->assertion, e) != 0)
        return -1;
    if (s->nsig < 2)
        return 0;
    inner = arena_alloc(a, sizeof *inner);
    if (!inner)
        return err_set(e, ERR_MEMORY, "no memory for the assertion");
    if (saml_read(s->sig[1].element, s->sig[1].what, a, &none, inner, e) != 0)
        return -1;
    if (!slice_eq(inner->id, ret->assertion.id) || !slice_eq(inner->issuer, ret->assertion.issuer))
        return err_set(e, ERR_RECHECK, "the signed Assertion is not the one in the signed Response");
    return 0;
}

/* A refused message leaves no identity behind that a caller could use by mistake. */
static int refuse(struct saml_verdict *ret)
{
    *ret = (struct saml_verdict){0};
    return -1;
}

int saml_judge_signed(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow,
                      const struct saml_expect *x, struct arena *a, struct saml_verdict *ret, struct err *e)
{
    *ret = (struct saml_verdict){0};
    if (read_signed(s, trust, allow, a, ret, e) != 0)
        return refuse(ret);
    return saml_judge_conditions(x, ret, e);
}

int saml_judge_signed_only(const struct saml_signed *s, const struct saml_trust *trust, const struct saml_sp_keys *keys,
                           unsigned allow, struct arena *a, struct saml_verdict *ret, struct err *e)
{
    (void)keys;
    *ret = (struct saml_verdict){0};
    return read_signed(s, trust, allow, a, ret, e) != 0 ? refuse(ret) : 0;
}

int saml_judge_conditions(const struct saml_expect *x, struct saml_verdict *v, struct err *e)
{
    if (v->signed_parts.nsig == 0)
        return err_set(e, ERR_INTERNAL, "conditions of an assertion whose signature was not judged");
    if (saml_check(&v->assertion, &v->response, &v->signed_parts.outer, x, &v->valid_until, e) != 0 ||
        saml_email(&v->assertion, x, &v->has_email, &v->email, e) != 0)
        return refuse(v);
    return 0;
}

int saml_judge(struct slice xml, const struct saml_trust *trust, unsigned allow, const struct saml_expect *x,
               struct arena *a, struct saml_verdict *ret, struct err *e)
{
    struct saml_signed s;

    *ret = (struct saml_verdict){0};
    return saml_verify(xml, trust, allow, a, &s, e) != 0 ? -1 : saml_judge_signed(&s, trust, allow, x, a, ret, e);
}

int saml_judge_signature_only(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                              struct saml_verdict *ret, struct err *e)
{
    struct saml_signed s;

    *ret = (struct saml_verdict){0};
    if (saml_verify(xml, trust, allow, a, &s, e) != 0)
        return -1;
    return read_signed(&s, trust, allow, a, ret, e) != 0 ? refuse(ret) : 0;
}

/*
 * Files
 */

/* Every octet of the base64 text percent-encoded, and the other fields of the form. */
#define FILE_MAX (4 * (size_t)SAML_XML_MAX + 64 * 1024)

static int too_large(struct err *e)
{
    return err_set(e, ERR_XML_SIZE, "the message is empty or larger than %d bytes", SAML_XML_MAX);
}

static int unwrap_base64(struct slice text, struct arena *a, struct slice *ret, struct err *e)
{
    struct buf out;
    int rc = -1;

    if (slice_trim(text).n == 0)
        return too_large(e);
    buf_init(&out, text.n + 3); /* what base64_decode() asks for, and more than it can write */
    if (base64_decode(text, &out, e) != 0)
        goto out;
    if (out.len > SAML_XML_MAX) {
        (void)too_large(e);
        goto out;
    }
    *ret = arena_slice(a, buf_slice(&out));
    rc = ret->p ? 0 : err_set(e, ERR_MEMORY, "no memory for %zu bytes", out.len);
out:
    buf_free(&out);
    return rc;
}

static int unwrap_form(struct slice text, struct arena *a, struct slice *ret, struct err *e)
{
    struct form form;
    struct slice value;

    if (form_parse(text, a, &form, e) != 0)
        return -1;
    value = form_get(&form, "SAMLResponse");
    return value.p ? unwrap_base64(value, a, ret, e) : err_set(e, ERR_FORM, "no SAMLResponse in the form");
}

int saml_unwrap_file(struct slice content, struct arena *a, struct slice *ret_xml, struct err *e)
{
    struct slice text = slice_trim(content);

    if (text.n == 0 || text.n > FILE_MAX)
        return too_large(e);
    if (slice_starts(text, SLICE("\xef\xbb\xbf")) || text.p[0] == '<') {
        if (content.n > SAML_XML_MAX)
            return too_large(e);
        *ret_xml = arena_slice(a, content);
        return ret_xml->p ? 0 : err_set(e, ERR_MEMORY, "no memory for %zu bytes", content.n);
    }
    /* '&' is not of the base64 alphabet, and base64 of XML cannot begin with an S */
    if (slice_starts(text, SLICE("SAMLResponse=")) || slice_find(text, '&') >= 0)
        return unwrap_form(text, a, ret_xml, e);
    return unwrap_base64(text, a, ret_xml, e);
}
