/* verify.c - see verify.h: the order of things; the parts are in prescan.c, dom.c, locate.c, dsig.c and encrypted.c. */
#include "saml/verify.h"

#include "saml/dom.h"
#include "saml/encrypted.h"

static bool initialised;

int saml_init(struct err *e)
{
    if (initialised)
        return 0;
    if (dom_init(e) != 0 || dsig_init(e) != 0)
        return -1;
    initialised = true;
    return 0;
}

void saml_cleanup(void)
{
    if (!initialised)
        return;
    dsig_cleanup();
    dom_cleanup();
    initialised = false;
}

/* The document is about to go. Absent stays absent. */
static int copy_outer(const struct saml_outer *outer, struct arena *a, struct saml_outer *ret, struct err *e)
{
    struct saml_outer o = *outer;
    struct slice *parts[] = {&o.issuer, &o.destination, &o.in_response_to, &o.status_code};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i]->p) {
            *parts[i] = arena_slice(a, *parts[i]);
            if (!parts[i]->p)
                return err_set(e, ERR_MEMORY, "no room for the Response's fields");
        }
    }
    *ret = o;
    return 0;
}

int verify_choose_trust(const struct saml_verify_request *rq, struct slice issuer, size_t *ret, struct err *e)
{
    char found[160];

    *ret = 0;
    if (!rq->by_issuer)
        return rq->ntrusts == 1 ? 0 : err_set(e, ERR_INTERNAL, "%zu trusts and no rule to choose by", rq->ntrusts);
    issuer = slice_trim(issuer);
    for (size_t i = 0; issuer.n && i < rq->ntrusts; i++) {
        if (rq->trusts[i]->issuer && slice_is(issuer, rq->trusts[i]->issuer)) {
            *ret = i;
            return 0;
        }
    }
    str_cut(found, sizeof found, issuer);
    return err_mismatch(e, ERR_ISSUER, issuer.n ? found : NULL, "the entity ID of a configured identity provider",
                        "no identity provider of this name");
}

/* A Response may leave its Issuer out (core 3.2.2); the Assertion in clear has one. */
static struct slice issuer_of(const struct located *l)
{
    struct slice issuer = l->outer.issuer;
    const struct _xmlNode *first = !issuer.p && l->assertion ? dom_first(l->assertion) : NULL;

    if (dom_is(first, SAML_NS_ASSERTION, "Issuer") && !dom_text(first, &issuer))
        issuer = (struct slice){NULL, 0};
    return issuer;
}

static int missing(struct err *e)
{
    return err_set(e, ERR_SIGNATURE_MISSING, "neither the Response nor the Assertion is signed");
}

static int verify_clear(const struct located *l, const struct saml_trust *trust, struct arena *a, struct saml_signed *s,
                        struct err *e)
{
    if (!l->response_signature && !l->assertion_signature)
        return missing(e);
    /* every signature that is present must hold, also one that would not be needed */
    if (l->response_signature && dsig_verify(l->response_signature, l->response, SAML_RESPONSE, trust, trust->allow, a,
                                             &s->sig[s->nsig++], e) != 0)
        return -1;
    if (l->assertion_signature && dsig_verify(l->assertion_signature, l->assertion, SAML_ASSERTION, trust, trust->allow,
                                              a, &s->sig[s->nsig++], e) != 0)
        return -1;
    return 0;
}

/* The plaintext is a document of its own with the same limits; nothing of it ever comes into the other one. */
static int verify_plaintext(struct slice text, const struct saml_trust *trust, struct arena *a, struct saml_signed *s,
                            struct err *e)
{
    struct _xmlDoc *doc = NULL;
    struct located l;
    int rc = -1;

    if (dom_parse(text, &prescan_message, &doc, e) != 0)
        return -1;
    if (locate_assertion(doc, &l, e) != 0)
        goto out;
    /* anybody can encrypt for a service provider: its certificate is public */
    if (!l.assertion_signature)
        (void)missing(e);
    else if (dsig_verify(l.assertion_signature, l.assertion, SAML_ASSERTION, trust, trust->allow, a, &s->sig[0], e) ==
             0)
        rc = 0;
out:
    dom_free(doc);
    return rc;
}

static int decrypt_and_verify(const struct encrypted *x, struct slice content_key, const struct saml_trust *trust,
                              struct arena *a, struct saml_signed *s, struct err *e)
{
    struct slice plaintext, text;

    if (content_key.n != saml_cipher_key_size(x->key.content))
        return saml_decrypt_refused(e);
    if (saml_decrypt_content(x->key.content, (const unsigned char *)content_key.p, x->content, a, &plaintext, e) != 0 ||
        encrypted_document(x, plaintext, a, &text, e) != 0 || verify_plaintext(text, trust, a, s, e) != 0)
        return -1;
    s->nsig = 1;
    return 0;
}

/*
 * An encrypted assertion in a Response that is not signed: a stranger may have changed every octet of it, and may send
 * it in a thousand variants. What he learns from the answers must not tell him about the plaintext (Jager and
 * Somorovsky 2011). AES-CBC decrypts whatever it is given, so everything from the unwrapped key to the signature has
 * one answer: a wrong key, padding, characters, syntax, element and signature, even memory. With GCM a wrong tag has
 * that answer too. Where the tag is right, whoever made this ciphertext knew the content key, so that it is his own
 * text that a more telling error tells him about; and an administrator needs to hear which key or element is wrong. The
 * same key used with the other mode (GCM sent as CBC) falls under the first rule: the mode that decrypts is the one
 * that decides.
 */
static int verify_encrypted(const struct located *l, struct slice content_key, const struct saml_trust *trust,
                            struct arena *a, struct saml_signed *s, struct err *e)
{
    const struct encrypted_parts *parts;
    struct encrypted x;

    if (encrypted_from_tree(l->encrypted, ERR_RESPONSE_SHAPE, a, &parts, e) != 0 ||
        encrypted_judge(parts, trust->allow, ERR_RESPONSE_SHAPE, a, &x, e) != 0)
        return dom_at(l->encrypted, e);
    if (content_key.n == 0) {
        s->wrapped = x.key;
        return 0;
    }
    if (decrypt_and_verify(&x, content_key, trust, a, s, e) == 0)
        return 0;
    return saml_cipher_authentic(x.key.content) ? -1 : saml_decrypt_refused(e);
}

/* Within a signed Response the router decrypts by itself, from signed bytes. */
static int verify_located(const struct located *l, const struct saml_verify_request *rq, struct arena *a,
                          struct saml_signed *s, struct err *e)
{
    const struct saml_trust *trust = rq->trusts[s->trust];

    if (copy_outer(&l->outer, a, &s->outer, e) != 0)
        return -1;
    return l->encrypted && !l->response_signature ? verify_encrypted(l, rq->content_key, trust, a, s, e)
                                                  : verify_clear(l, trust, a, s, e);
}

int saml_verify_message(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e)
{
    struct saml_signed s = {.nsig = 0};
    struct located l;
    struct _xmlDoc *doc = NULL;
    int result = -1;

    ret->trust = SAML_TRUSTS_MAX;
    if (!initialised)
        return err_set(e, ERR_INTERNAL, "saml_init() was not called");
    if (rq->message == SAML_MESSAGE_METADATA)
        return verify_metadata(rq, a, ret, e);
    if (rq->message == SAML_MESSAGE_LOGOUT)
        return verify_logout(rq, a, ret, e);
    if (rq->message != SAML_MESSAGE_RESPONSE)
        return err_set(e, ERR_INTERNAL, "a message of unknown kind");
    if (dom_parse(rq->xml, &prescan_message, &doc, e) != 0)
        return -1;
    if (locate(doc, &l, e) == 0 && verify_choose_trust(rq, issuer_of(&l), &s.trust, e) == 0) {
        ret->trust = s.trust;
        result = verify_located(&l, rq, a, &s, e);
    }
    if (result == 0)
        *ret = s;
    dom_free(doc);
    return result;
}

int saml_verify(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                struct saml_signed *ret, struct err *e)
{
    struct saml_trust with = *trust;
    const struct saml_trust *one = &with;
    struct saml_verify_request rq = {.message = SAML_MESSAGE_RESPONSE, .xml = xml, .trusts = &one, .ntrusts = 1};

    with.allow = allow;
    return saml_verify_message(&rq, a, ret, e);
}
