/* reader.c - see reader.h. */
#include "saml/reader.h"

#include "base/clock.h"
#include "saml/encrypted.h"
#include "saml/names.h"

int reader_open(const struct reader_source *s, struct arena *a, struct reader **ret, struct err *e)
{
    struct reader *r = arena_alloc(a, sizeof *r);

    if (!r)
        return err_set(e, ERR_MEMORY, "no memory for the reader");
    r->a = a;
    r->keys = s->keys;
    r->allow = s->allow;
    if (token_init(&r->t, s->xml, s->flags, s->code, a, e) != 0)
        return -1;
    do { /* of a document: comments and white space */
        if (reader_next(r, e) != 0)
            return -1;
    } while (r->tok.kind != TOKEN_START && r->tok.kind != TOKEN_EOF);
    *ret = r;
    return 0;
}

int reader_place(const struct reader *r, struct err *e, int rc)
{
    char path[100];

    token_path(&r->t, path, sizeof path);
    (void)err_at(e, "%s", path);
    return rc;
}

/*
 * Moving about
 */

int reader_next(struct reader *r, struct err *e)
{
    return token_next(&r->t, &r->tok, e);
}

bool reader_is(const struct reader *r, const char *ns, const char *local)
{
    return r->tok.kind == TOKEN_START && token_is(&r->tok, ns, local);
}

int reader_child(struct reader *r, struct err *e)
{
    do {
        if (reader_next(r, e) != 0)
            return -1;
        if (r->tok.kind == TOKEN_CDATA || (r->tok.kind == TOKEN_TEXT && slice_trim(r->tok.text).n > 0))
            return reader_refuse(r, e, "text between elements");
    } while (r->tok.kind != TOKEN_START && r->tok.kind != TOKEN_STOP);
    return 0;
}

int reader_skip(struct reader *r, struct err *e)
{
    size_t depth = r->t.depth;

    while (r->t.depth >= depth) {
        if (reader_next(r, e) != 0)
            return -1;
        if (reader_is(r, SAML_NS_ASSERTION, "Assertion") || reader_is(r, SAML_NS_ASSERTION, "EncryptedAssertion"))
            return reader_refuse(r, e, "an assertion inside another element");
    }
    return 0;
}

int reader_skip_child(struct reader *r, struct err *e)
{
    return reader_skip(r, e) != 0 ? -1 : reader_child(r, e);
}

int reader_stop(struct reader *r, const char *parent, struct err *e)
{
    if (r->tok.kind == TOKEN_STOP)
        return 0;
    return reader_refuse(r, e, "%.*s does not belong in %s, or not here, or not again", SLICE_ARG(r->tok.local),
                         parent);
}

/*
 * Values
 */

int reader_plain_text(struct reader *r, struct slice *ret, struct err *e)
{
    size_t depth = r->t.depth, pieces = 0;

    *ret = SLICE("");
    for (;;) {
        if (reader_next(r, e) != 0)
            return -1;
        if (r->t.depth < depth)
            break;
        if (reader_is(r, SAML_NS_ASSERTION, "Assertion") || reader_is(r, SAML_NS_ASSERTION, "EncryptedAssertion"))
            return reader_refuse(r, e, "an assertion inside another element");
        pieces++;
        *ret = r->tok.kind == TOKEN_TEXT || r->tok.kind == TOKEN_CDATA ? r->tok.text : (struct slice){NULL, 0};
    }
    if (pieces > 1)
        *ret = (struct slice){NULL, 0};
    return 0;
}

int reader_text(struct reader *r, const char *what, struct slice *ret, struct err *e)
{
    if (reader_plain_text(r, ret, e) != 0)
        return -1;
    if (!ret->p)
        return reader_refuse(r, e, "%s is not plain text: split by a comment, CDATA section or element", what);
    *ret = slice_trim(*ret);
    return ret->n > 0 ? 0 : reader_refuse(r, e, "%s is empty", what);
}

int reader_attr(struct reader *r, const char *name, struct slice *ret, struct err *e)
{
    *ret = token_attr(&r->tok, name);
    return ret->n > 0 ? 0 : reader_refuse(r, e, "the attribute %s is missing or empty", name);
}

int reader_time(struct reader *r, const char *name, int64_t *ret, struct err *e)
{
    struct slice text = token_attr(&r->tok, name);
    struct err why = ERR_INIT;
    char found[64];

    *ret = 0;
    if (!text.p)
        return 0;
    if (time_parse(text, ret, &why) == 0 && *ret > 0)
        return 0;
    *ret = 0;
    str_cut(found, sizeof found, text);
    return reader_place(r, e,
                        err_mismatch(e, r->t.code, found, "UTC, YYYY-MM-DDThh:mm:ss[.f]Z", "bad time in %s", name));
}

void *reader_room(struct reader *r, void *old, size_t n, size_t size, struct err *e)
{
    void *p;

    if (n > 0 && (n & (n - 1)) != 0)
        return old;
    p = arena_array(r->a, n ? 2 * n : 1, size);
    if (!p)
        (void)err_set(e, ERR_MEMORY, "no memory for the assertion");
    else if (n)
        memcpy(p, old, n * size);
    return p;
}

/*
 * Encryption
 */

/*
 * No oracle here: these bytes are signed, so that the ciphertext is the identity provider's own and nobody can send
 * variants of it. What opens is read like everything else, with errors that say what is wrong. A wrong key gives noise
 * with AES-CBC, and noise is ERR_DECRYPT: an administrator would look for a fault in the assertion otherwise.
 */
int reader_decrypt(struct reader *r, const char *ns, const char *local, struct reader **ret, struct err *e)
{
    const struct encrypted_parts *parts;
    struct reader_source source = {.code = r->t.code, .keys = r->keys, .allow = r->allow};
    struct encrypted x;
    struct reader *inner;

    if (encrypted_from_tokens(&r->t, &r->tok, r->a, &parts, e) != 0 ||
        encrypted_judge(parts, r->allow, r->t.code, r->a, &x, e) != 0 ||
        encrypted_open(&x, r->keys, r->allow, r->a, &source.xml, e) != 0)
        return reader_place(r, e, -1);
    if (reader_open(&source, r->a, &inner, e) != 0)
        return e->code == ERR_MEMORY ? -1 : reader_place(r, e, saml_decrypt_refused(e));
    if (!reader_is(inner, ns, local))
        return reader_place(r, e, saml_decrypt_refused(e));
    *ret = inner;
    return 0;
}

static int read_name(struct reader *r, struct reader_name *ret, struct err *e)
{
    ret->format = token_attr(&r->tok, "Format");
    ret->qualifier = token_attr(&r->tok, "NameQualifier");
    ret->sp_qualifier = token_attr(&r->tok, "SPNameQualifier");
    return reader_text(r, "NameID", &ret->value, e);
}

int reader_name(struct reader *r, struct reader_name *ret, struct err *e)
{
    struct reader *inner;

    if (!reader_is(r, SAML_NS_ASSERTION, "EncryptedID"))
        return read_name(r, ret, e);
    if (reader_decrypt(r, SAML_NS_ASSERTION, "NameID", &inner, e) != 0)
        return -1;
    return read_name(inner, ret, e) != 0 || reader_next(inner, e) != 0 ? -1 : 0; /* nothing but the end follows */
}
