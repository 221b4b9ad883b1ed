/* recheck.c - see recheck.h. No libxml2, no xmlsec: the tokenizer that also reads the assertion, and OpenSSL. */
#include "saml/recheck.h"

#include <openssl/err.h>

#include "base/encode.h"
#include "saml/algorithm.h"
#include "saml/names.h"
#include "saml/token.h"

/* Decoded text of a SignedInfo and of one start tag; far less than this in practice. */
#define SCRATCH_MAX (2 * (size_t)SAML_XML_MAX)

/* What SignedInfo says. */
struct info {
    struct slice method, uri, digest_method;
    unsigned char digest_value[SAML_DIGEST_MAX];
    size_t digest_size;
};

/* --- reading SignedInfo ------------------------------------------------------------------------------------------ */

static int unexpected(const struct tokenizer *t, struct err *e)
{
    char path[120];

    token_path(t, path, sizeof path);
    (void)err_set(e, ERR_RECHECK, "unexpected content of SignedInfo");
    return err_at(e, "%s", path);
}

/* The next tag; white space before it is passed over, anything else is not SignedInfo of the accepted form. */
static int next_tag(struct tokenizer *t, struct token *tok, struct err *e)
{
    do {
        if (token_next(t, tok, e) != 0)
            return -1;
    } while (tok->kind == TOKEN_TEXT && slice_trim(tok->text).n == 0);
    if (tok->kind != TOKEN_START && tok->kind != TOKEN_STOP)
        return unexpected(t, e);
    return 0;
}

/* A start tag of XML-DSig that has this attribute and no other (NULL: none). */
static int open_tag(struct tokenizer *t, const char *local, const char *attribute, struct slice *ret, struct err *e)
{
    struct token tok;
    struct slice value = {NULL, 0};

    if (next_tag(t, &tok, e) != 0)
        return -1;
    if (attribute)
        value = token_attr(&tok, attribute);
    if (tok.kind != TOKEN_START || !token_is(&tok, SAML_NS_DSIG, local) || tok.nattrs != (attribute ? 1 : 0) ||
        (attribute && !value.p))
        return unexpected(t, e);
    if (ret)
        *ret = value;
    return 0;
}

static int close_tag(struct tokenizer *t, struct err *e)
{
    struct token tok;

    if (next_tag(t, &tok, e) != 0)
        return -1;
    return tok.kind == TOKEN_STOP ? 0 : unexpected(t, e);
}

/* An element of exclusive c14n, which may hold InclusiveNamespaces. */
static int read_exc_c14n(struct tokenizer *t, const char *local, struct err *e)
{
    struct token tok;
    struct slice uri;

    if (open_tag(t, local, "Algorithm", &uri, e) != 0)
        return -1;
    if (!is_exc_c14n(uri))
        return err_set(e, ERR_RECHECK, "%s is not exclusive canonicalization", local);
    if (next_tag(t, &tok, e) != 0)
        return -1;
    if (tok.kind == TOKEN_STOP)
        return 0;
    if (!token_is(&tok, SAML_NS_EXC_C14N, "InclusiveNamespaces") || tok.nattrs != 1 ||
        !token_attr(&tok, "PrefixList").p || !is_short_prefix_list(token_attr(&tok, "PrefixList")))
        return unexpected(t, e);
    return close_tag(t, e) != 0 || close_tag(t, e) != 0 ? -1 : 0;
}

static int read_empty(struct tokenizer *t, const char *local, struct slice *ret_algorithm, struct err *e)
{
    return open_tag(t, local, "Algorithm", ret_algorithm, e) != 0 || close_tag(t, e) != 0 ? -1 : 0;
}

static int read_digest_value(struct tokenizer *t, struct info *ret, struct err *e)
{
    struct err why = ERR_INIT;
    struct token tok;
    struct buf b;

    if (open_tag(t, "DigestValue", NULL, NULL, e) != 0 || token_next(t, &tok, e) != 0)
        return -1;
    if (tok.kind != TOKEN_TEXT && tok.kind != TOKEN_CDATA)
        return unexpected(t, e);
    buf_init(&b, 1024);
    if (base64_decode(tok.text, &b, &why) != 0 || b.len > sizeof ret->digest_value) {
        buf_free(&b);
        return err_set(e, ERR_RECHECK, "DigestValue is not a digest in base64");
    }
    memcpy(ret->digest_value, buf_cstr(&b), b.len);
    ret->digest_size = b.len;
    buf_free(&b);
    return close_tag(t, e);
}

static int read_reference(struct tokenizer *t, struct info *ret, struct err *e)
{
    struct slice enveloped;

    if (open_tag(t, "Reference", "URI", &ret->uri, e) != 0 || open_tag(t, "Transforms", NULL, NULL, e) != 0 ||
        read_empty(t, "Transform", &enveloped, e) != 0)
        return -1;
    if (!slice_is(enveloped, SAML_ALG_ENVELOPED))
        return err_set(e, ERR_RECHECK, "the first transform is not enveloped-signature");
    if (read_exc_c14n(t, "Transform", e) != 0 || close_tag(t, e) != 0 ||
        read_empty(t, "DigestMethod", &ret->digest_method, e) != 0 || read_digest_value(t, ret, e) != 0)
        return -1;
    return close_tag(t, e);
}

static int read_signed_info(struct slice xml, struct arena *a, struct info *ret, struct err *e)
{
    struct tokenizer t;
    struct token tok;

    if (token_init(&t, xml, 0, ERR_RECHECK, a, e) != 0 || open_tag(&t, "SignedInfo", NULL, NULL, e) != 0 ||
        read_exc_c14n(&t, "CanonicalizationMethod", e) != 0 ||
        read_empty(&t, "SignatureMethod", &ret->method, e) != 0 || read_reference(&t, ret, e) != 0 ||
        close_tag(&t, e) != 0 || token_next(&t, &tok, e) != 0)
        return -1;
    return tok.kind == TOKEN_EOF ? 0 : unexpected(&t, e);
}

/* The start tag of an element that `what` names. */
static bool is_root(const struct token *tok, enum saml_element what)
{
    switch (what) {
    case SAML_RESPONSE: return token_is(tok, SAML_NS_PROTOCOL, "Response");
    case SAML_ASSERTION: return token_is(tok, SAML_NS_ASSERTION, "Assertion");
    case SAML_LOGOUT_REQUEST: return token_is(tok, SAML_NS_PROTOCOL, "LogoutRequest");
    case SAML_LOGOUT_RESPONSE: return token_is(tok, SAML_NS_PROTOCOL, "LogoutResponse");
    case SAML_NOTHING:
    case SAML_METADATA: break;
    }
    return false;
}

/* The root of the signed bytes is the element that `what` names, and its ID is the one the Reference names. */
static int check_root(const struct saml_signature *s, struct slice uri, struct arena *a, struct err *e)
{
    struct tokenizer t;
    struct token tok;
    struct slice id;

    if (token_init(&t, s->element, 0, ERR_RECHECK, a, e) != 0 || token_next(&t, &tok, e) != 0)
        return -1;
    if (tok.kind != TOKEN_START || !is_root(&tok, s->what))
        return err_set(e, ERR_RECHECK, "the signed bytes are not the element they are said to be");
    id = token_attr(&tok, "ID");
    if (!token_is_ncname(id) || uri.n < 2 || uri.p[0] != '#' || !slice_eq(slice_make(uri.p + 1, uri.n - 1), id))
        return err_set(e, ERR_RECHECK, "the Reference is not to the ID of the signed bytes");
    return 0;
}

/* --- cryptography ------------------------------------------------------------------------------------------------ */

static int check_digest(const struct info *info, const struct digest_algorithm *alg, struct slice element,
                        struct err *e)
{
    unsigned char digest[SAML_DIGEST_MAX];

    if (!digest_compute(alg, element, digest))
        return err_set(e, ERR_INTERNAL, "OpenSSL cannot compute %s", alg->name);
    if (info->digest_size != alg->size || !mem_equal_ct(digest, info->digest_value, alg->size))
        return err_set(e, ERR_RECHECK, "the digest of the returned bytes is not the signed one");
    return 0;
}

static int recheck_one(const struct saml_signature *s, const struct saml_trust *trust, unsigned allow, struct arena *a,
                       struct saml_signer *ret, struct err *e)
{
    const struct signature_algorithm *method = NULL;
    const struct digest_algorithm *digest = NULL;
    struct info info = {.digest_size = 0};

    if (s->element.n == 0 || s->signed_info.n == 0)
        return err_set(e, ERR_RECHECK, "nothing was signed");
    if (read_signed_info(s->signed_info, a, &info, e) != 0 ||
        signature_algorithm_find(info.method, allow, &method, e) != 0 ||
        digest_algorithm_find(info.digest_method, allow, &digest, e) != 0 || check_root(s, info.uri, a, e) != 0 ||
        check_digest(&info, digest, s->element, e) != 0)
        return -1;
    for (size_t i = 0; i < trust->nkeys; i++) {
        const struct saml_key *key = &trust->keys[i];

        if (key_fits(key, method, allow) == KEY_FIT_OK &&
            key_verifies(key, method, s->signature_value, s->signed_info)) {
            *ret = (struct saml_signer){.key = key, .method = method->name, .digest = digest->name};
            return 0;
        }
    }
    return no_key_verifies(trust, method, allow, e);
}

int saml_recheck(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow, struct saml_signer ret[2],
                 struct err *e)
{
    struct saml_signer signers[2] = {{.key = NULL}};
    struct arena scratch;
    int result = -1;

    arena_init(&scratch, SCRATCH_MAX);
    if (s->nsig < 1 || s->nsig > 2) {
        (void)err_set(e, ERR_RECHECK, "%zu signatures", s->nsig);
        goto out;
    }
    for (size_t i = 0; i < s->nsig; i++) {
        enum saml_element what = s->sig[i].what;
        bool alone = what == SAML_LOGOUT_REQUEST || what == SAML_LOGOUT_RESPONSE;

        /* two: the Response, then its Assertion */
        if (what != SAML_ASSERTION && (what != SAML_RESPONSE || i != 0) && (!alone || s->nsig != 1)) {
            (void)err_set(e, ERR_RECHECK, "signature %zu is of something else", i + 1);
            goto out;
        }
        if (s->nsig == 2 && i == 0 && what != SAML_RESPONSE) {
            (void)err_set(e, ERR_RECHECK, "two signatures, and the first is not the Response's");
            goto out;
        }
        if (recheck_one(&s->sig[i], trust, allow, &scratch, &signers[i], e) != 0)
            goto out;
    }
    memcpy(ret, signers, sizeof signers);
    result = 0;
out:
    arena_free(&scratch);
    ERR_clear_error();
    return result;
}
