/* encrypted.c - see encrypted.h. Sections are those of "XML Encryption Syntax and Processing 1.1". */
#include "saml/encrypted.h"

#include <openssl/crypto.h>

#include "base/encode.h"
#include "saml/names.h"
#include "saml/trust.h"
#include "saml/xmlchar.h"

#define TYPE_ELEMENT SAML_NS_XENC "Element"
#define TYPE_KEY SAML_NS_XENC "EncryptedKey"

/*
 * Algorithms, by exact URI
 */

struct uri {
    const char *uri;
    int value;
};

static const struct uri contents[] = {
    {SAML_NS_XENC "aes128-cbc", SAML_AES128_CBC},       {SAML_NS_XENC "aes192-cbc", SAML_AES192_CBC},
    {SAML_NS_XENC "aes256-cbc", SAML_AES256_CBC},       {SAML_NS_XENC11 "aes128-gcm", SAML_AES128_GCM},
    {SAML_NS_XENC11 "aes192-gcm", SAML_AES192_GCM},     {SAML_NS_XENC11 "aes256-gcm", SAML_AES256_GCM},
    {SAML_NS_XENC "tripledes-cbc", SAML_TRIPLEDES_CBC}, {NULL, 0},
};
static const struct uri hashes[] = {
    {SAML_NS_DSIG "sha1", SAML_HASH_SHA1},
    {SAML_NS_XENC "sha256", SAML_HASH_SHA256},
    {SAML_NS_XENC "sha384", SAML_HASH_SHA384},                           /* xmlenc 1.1, 5.8.3 */
    {"http://www.w3.org/2001/04/xmldsig-more#sha384", SAML_HASH_SHA384}, /* RFC 9231, 2.1.3 */
    {SAML_NS_XENC "sha512", SAML_HASH_SHA512},
    {NULL, 0},
};
static const struct uri mgfs[] = {
    {SAML_NS_XENC11 "mgf1sha1", SAML_HASH_SHA1},
    {SAML_NS_XENC11 "mgf1sha256", SAML_HASH_SHA256},
    {SAML_NS_XENC11 "mgf1sha384", SAML_HASH_SHA384},
    {SAML_NS_XENC11 "mgf1sha512", SAML_HASH_SHA512},
    {NULL, 0},
};

/* 0 if it is not listed. */
static int find(const struct uri *list, struct slice uri)
{
    for (; list->uri; list++) {
        if (slice_is(uri, list->uri))
            return list->value;
    }
    return 0;
}

static int not_accepted(struct slice uri, const char *what, const char *expected, struct err *e)
{
    char found[160];

    str_cut(found, sizeof found, uri);
    return err_mismatch(e, ERR_ALGORITHM, uri.p ? found : "(none)", expected, "%s is not accepted", what);
}

/*
 * The list, read from left to right
 */

struct cursor {
    const struct encrypted_part *v;
    size_t n, at;
    unsigned allow;
    enum err_code code;
    struct arena *a;
    struct encrypted *ret;
    struct slice data_id;       /* of EncryptedData */
    struct slice key_id;        /* of EncryptedKey */
    struct slice retrieval_uri; /* of a RetrievalMethod */
    struct slice reference_uri; /* of a DataReference */
};

static bool is(const struct encrypted_part *p, const char *ns, const char *local)
{
    return slice_is(p->local, local) && slice_is(p->ns, ns);
}

/* The element that comes next, if it is of this depth and name. */
static const struct encrypted_part *peek(const struct cursor *c, unsigned depth, const char *ns, const char *local)
{
    const struct encrypted_part *p = &c->v[c->at];

    return c->at < c->n && p->depth == depth && is(p, ns, local) ? p : NULL;
}

/* Past the element at the cursor and what is in it. */
static void pass(struct cursor *c)
{
    unsigned depth = c->v[c->at].depth;

    do
        c->at++;
    while (c->at < c->n && c->v[c->at].depth > depth);
}

/* Enters an element that has to be there and to hold nothing but elements. */
static int enter(struct cursor *c, unsigned depth, const char *ns, const char *local, const struct encrypted_part **ret,
                 struct err *e)
{
    const struct encrypted_part *p = peek(c, depth, ns, local);

    if (!p)
        return err_set(e, c->code, "%s is not where it belongs among what is encrypted", local);
    if (!p->only_elements)
        return err_set(e, c->code, "text in %s", local);
    c->at++;
    if (ret)
        *ret = p;
    return 0;
}

/* Nothing of this depth may follow. */
static int leave(const struct cursor *c, unsigned depth, const char *parent, struct err *e)
{
    if (c->at < c->n && c->v[c->at].depth >= depth)
        return err_set(e, c->code, "%.*s does not belong in %s, or not here, or not again",
                       SLICE_ARG(c->v[c->at].local), parent);
    return 0;
}

/* Enters an element and leaves it: there is nothing in it. */
static int empty(struct cursor *c, unsigned depth, const char *ns, const char *local, const struct encrypted_part **ret,
                 struct err *e)
{
    return enter(c, depth, ns, local, ret, e) != 0 ? -1 : leave(c, depth + 1, local, e);
}

/* The octets of an element's base64 text. */
static int octets(struct cursor *c, unsigned depth, const char *local, size_t max, struct slice *ret, struct err *e)
{
    const struct encrypted_part *p = peek(c, depth, SAML_NS_XENC, local);
    struct err why = ERR_INIT;
    struct buf b;
    int rc = 0;

    if (!p || !p->text.p)
        return err_set(e, c->code, p ? "%s is not plain text" : "%s is missing", local);
    c->at++;
    buf_init(&b, p->text.n + 3); /* what base64_decode() asks for, and more than it can write */
    if (base64_decode(p->text, &b, &why) != 0)
        rc = err_set(e, c->code, "%s is not base64", local);
    else if (b.len == 0 || b.len > max)
        rc = err_set(e, c->code, "%s holds %zu octets; 1 to %zu are accepted", local, b.len, max);
    else if ((*ret = arena_slice(c->a, buf_slice(&b))).p == NULL)
        rc = err_set(e, ERR_MEMORY, "no memory for %zu octets", b.len);
    buf_free(&b);
    return rc;
}

static int cipher_data(struct cursor *c, unsigned depth, size_t max, struct slice *ret, struct err *e)
{
    if (enter(c, depth, SAML_NS_XENC, "CipherData", NULL, e) != 0)
        return -1;
    if (peek(c, depth + 1, SAML_NS_XENC, "CipherReference"))
        return err_set(e, c->code, "a CipherReference: nothing is ever fetched");
    return octets(c, depth + 1, "CipherValue", max, ret, e) != 0 ? -1 : leave(c, depth + 1, "CipherData", e);
}

/* Key transport (5.5): rsa-oaep-mgf1p always has MGF1 with SHA-1, whatever DigestMethod says. */
static int key_method(struct cursor *c, unsigned depth, struct err *e)
{
    struct saml_wrapped_key *w = &c->ret->key;
    const struct encrypted_part *method, *p;
    bool digest_seen = false, mgf_seen = false, oaep11;

    if (enter(c, depth, SAML_NS_XENC, "EncryptionMethod", &method, e) != 0)
        return -1;
    w->digest = w->mgf = SAML_HASH_SHA1;
    if (slice_is(method->algorithm, SAML_NS_XENC "rsa-1_5")) {
        if (!(c->allow & SAML_ALLOW_RSA15))
            return not_accepted(method->algorithm, "key transport", "RSA-OAEP (or the exception rsa15)", e);
        w->transport = SAML_TRANSPORT_RSA15;
        return leave(c, depth + 1, "EncryptionMethod", e);
    }
    oaep11 = slice_is(method->algorithm, SAML_NS_XENC11 "rsa-oaep");
    if (!oaep11 && !slice_is(method->algorithm, SAML_NS_XENC "rsa-oaep-mgf1p"))
        return not_accepted(method->algorithm, "key transport", "RSA-OAEP", e);
    w->transport = SAML_TRANSPORT_OAEP;
    for (;;) {
        if (!digest_seen && peek(c, depth + 1, SAML_NS_DSIG, "DigestMethod")) {
            digest_seen = true;
            if (empty(c, depth + 1, SAML_NS_DSIG, "DigestMethod", &p, e) != 0)
                return -1;
            w->digest = (enum saml_hash)find(hashes, p->algorithm);
            if (!w->digest)
                return not_accepted(p->algorithm, "the digest of RSA-OAEP", "SHA-1, SHA-256, SHA-384, SHA-512", e);
        } else if (oaep11 && !mgf_seen && peek(c, depth + 1, SAML_NS_XENC11, "MGF")) {
            mgf_seen = true;
            if (empty(c, depth + 1, SAML_NS_XENC11, "MGF", &p, e) != 0)
                return -1;
            w->mgf = (enum saml_hash)find(mgfs, p->algorithm);
            if (!w->mgf)
                return not_accepted(p->algorithm, "the mask of RSA-OAEP", "MGF1 with SHA-1 to SHA-512", e);
        } else if (!w->label.p && peek(c, depth + 1, SAML_NS_XENC, "OAEPparams")) {
            if (octets(c, depth + 1, "OAEPparams", SAML_LABEL_MAX, &w->label, e) != 0)
                return -1;
        } else {
            return leave(c, depth + 1, "EncryptionMethod", e);
        }
    }
}

/* EncryptedKey (3.5.1). Whose key it is wrapped with is not asked: all of ours are tried. */
static int encrypted_key(struct cursor *c, unsigned depth, struct err *e)
{
    const struct encrypted_part *key, *reference;

    if (enter(c, depth, SAML_NS_XENC, "EncryptedKey", &key, e) != 0 || key_method(c, depth + 1, e) != 0)
        return -1;
    c->key_id = key->id;
    if (peek(c, depth + 1, SAML_NS_DSIG, "KeyInfo"))
        pass(c);
    if (cipher_data(c, depth + 1, SAML_WRAPPED_MAX, &c->ret->key.cipher, e) != 0)
        return -1;
    if (peek(c, depth + 1, SAML_NS_XENC, "ReferenceList")) {
        if (enter(c, depth + 1, SAML_NS_XENC, "ReferenceList", NULL, e) != 0 ||
            empty(c, depth + 2, SAML_NS_XENC, "DataReference", &reference, e) != 0 ||
            leave(c, depth + 2, "ReferenceList", e) != 0)
            return -1;
        c->reference_uri = reference->uri.p ? reference->uri : SLICE("");
    }
    if (peek(c, depth + 1, SAML_NS_XENC, "CarriedKeyName"))
        pass(c);
    return leave(c, depth + 1, "EncryptedKey", e);
}

/* KeyInfo of EncryptedData: the key itself, a reference to the one beside, a name that says nothing to us. */
static int key_info(struct cursor *c, unsigned depth, struct err *e)
{
    const struct encrypted_part *p;

    if (enter(c, depth, SAML_NS_DSIG, "KeyInfo", NULL, e) != 0)
        return -1;
    if (peek(c, depth + 1, SAML_NS_DSIG, "KeyName"))
        pass(c);
    if (peek(c, depth + 1, SAML_NS_DSIG, "RetrievalMethod")) {
        if (empty(c, depth + 1, SAML_NS_DSIG, "RetrievalMethod", &p, e) != 0)
            return -1;
        if (p->type.p && !slice_is(p->type, TYPE_KEY))
            return err_set(e, c->code, "a RetrievalMethod of something else than an EncryptedKey");
        c->retrieval_uri = p->uri.p ? p->uri : SLICE("");
    } else if (peek(c, depth + 1, SAML_NS_XENC, "EncryptedKey")) {
        if (encrypted_key(c, depth + 1, e) != 0)
            return -1;
    }
    return leave(c, depth + 1, "KeyInfo", e);
}

/* EncryptedData (3.4). */
static int encrypted_data(struct cursor *c, unsigned depth, struct err *e)
{
    const struct encrypted_part *data, *method;

    if (enter(c, depth, SAML_NS_XENC, "EncryptedData", &data, e) != 0 ||
        empty(c, depth + 1, SAML_NS_XENC, "EncryptionMethod", &method, e) != 0)
        return -1;
    /* core 2.3.4: "The Type attribute SHOULD be present and, if present, MUST contain a value of ...xmlenc#Element" */
    if (data->type.p && !slice_is(data->type, TYPE_ELEMENT))
        return err_set(e, c->code, "EncryptedData holds something else than an element");
    c->data_id = data->id;
    c->ret->key.content = (enum saml_cipher)find(contents, method->algorithm);
    if (c->ret->key.content == SAML_CIPHER_NONE ||
        (c->ret->key.content == SAML_TRIPLEDES_CBC && !(c->allow & SAML_ALLOW_RSA15)))
        return not_accepted(method->algorithm, "the cipher", "AES in GCM or CBC mode", e);
    if (peek(c, depth + 1, SAML_NS_DSIG, "KeyInfo") && key_info(c, depth + 1, e) != 0)
        return -1;
    if (cipher_data(c, depth + 1, SIZE_MAX, &c->ret->content, e) != 0)
        return -1;
    return leave(c, depth + 1, "EncryptedData", e);
}

/* '#' and the Id; a reference that is not there is fine. */
static bool agrees(struct slice uri, struct slice id)
{
    return !uri.p || (id.n > 0 && uri.n == id.n + 1 && uri.p[0] == '#' && memcmp(uri.p + 1, id.p, id.n) == 0);
}

static size_t count(const struct encrypted_parts *parts, const char *local)
{
    size_t n = 0;

    for (size_t i = 0; i < parts->n; i++)
        n += slice_is(parts->v[i].local, local);
    return n;
}

int encrypted_judge(const struct encrypted_parts *parts, unsigned allow, enum err_code code, struct arena *a,
                    struct encrypted *ret, struct err *e)
{
    struct cursor c = {.v = parts->v, .n = parts->n, .at = 1, .allow = allow, .code = code, .a = a, .ret = ret};
    bool beside;

    *ret = (struct encrypted){.parts = parts};
    /* also where nothing below would look, within KeyInfo: several private-key operations for one message are work that
     * a stranger must not order */
    if (count(parts, "Assertion") != 0)
        return err_set(e, code, "an assertion in clear within what is encrypted");
    if (count(parts, "EncryptedData") != 1 || count(parts, "EncryptedKey") != 1)
        return err_set(e, code, "not exactly one EncryptedData and one EncryptedKey");
    if (!parts->v[0].only_elements)
        return err_set(e, code, "text beside what is encrypted");
    if (encrypted_data(&c, 1, e) != 0)
        return -1;
    beside = !ret->key.cipher.p;
    if ((beside && encrypted_key(&c, 1, e) != 0) || leave(&c, 1, "what is encrypted", e) != 0)
        return -1;
    if ((c.retrieval_uri.p && !beside) || !agrees(c.retrieval_uri, c.key_id) || !agrees(c.reference_uri, c.data_id))
        return err_set(e, code, "EncryptedData and EncryptedKey do not refer to each other");
    return 0;
}

/*
 * Listing from tokens
 */

/* What is known so far of an element that is still open. */
struct open_part {
    struct encrypted_part *part;
    size_t pieces; /* of content: text, sections, comments, elements */
};

static void add_content(struct open_part *o, const struct token *tok)
{
    bool text = tok->kind == TOKEN_TEXT || tok->kind == TOKEN_CDATA;

    o->part->text = text && o->pieces == 0 ? tok->text : (struct slice){NULL, 0};
    if (tok->kind == TOKEN_CDATA || (text && slice_trim(tok->text).n > 0))
        o->part->only_elements = false;
    o->pieces++;
}

static struct encrypted_part *add_part(struct encrypted_parts *parts, const struct token *tok, unsigned depth)
{
    struct encrypted_part *p = &parts->v[parts->n++];

    *p = (struct encrypted_part){.depth = depth,
                                 .ns = tok->ns,
                                 .local = tok->local,
                                 .algorithm = token_attr(tok, "Algorithm"),
                                 .type = token_attr(tok, "Type"),
                                 .id = token_attr(tok, "Id"),
                                 .uri = token_attr(tok, "URI"),
                                 .text = SLICE(""),
                                 .only_elements = true};
    return p;
}

int encrypted_from_tokens(struct tokenizer *t, const struct token *start, struct arena *a,
                          const struct encrypted_parts **ret, struct err *e)
{
    struct encrypted_parts *parts = arena_alloc(a, sizeof *parts);
    struct open_part open[ENCRYPTED_DEPTH_MAX];
    struct token tok = *start;
    unsigned depth = 0;

    if (!parts)
        return err_set(e, ERR_MEMORY, "no memory for what is encrypted");
    parts->nscope = t->nbindings;
    memcpy(parts->scope, t->bindings, parts->nscope * sizeof parts->scope[0]);
    open[0] = (struct open_part){add_part(parts, &tok, 0), 0};
    for (;;) {
        if (token_next(t, &tok, e) != 0)
            return -1;
        if (tok.kind == TOKEN_STOP) {
            if (depth-- == 0)
                break;
            continue;
        }
        add_content(&open[depth], &tok);
        if (tok.kind != TOKEN_START)
            continue;
        if (++depth == ENCRYPTED_DEPTH_MAX || parts->n == ENCRYPTED_PARTS_MAX)
            return err_set(e, t->code, "more elements than encryption has use for");
        open[depth] = (struct open_part){add_part(parts, &tok, depth), 0};
    }
    *ret = parts;
    return 0;
}

/*
 * The plaintext as a document
 */

static size_t skip_space(struct slice s, size_t at)
{
    while (at < s.n && xmlchar_space(s.p[at]))
        at++;
    return at;
}

/* The end of a run without white space, '/', '=' and '>'. */
static size_t skip_name(struct slice s, size_t at)
{
    while (at < s.n && !xmlchar_space(s.p[at]) && s.p[at] != '/' && s.p[at] != '=' && s.p[at] != '>')
        at++;
    return at;
}

/*
 * Whether the start tag at the front declares this prefix itself; `at` is behind its name. A tag that is not
 * well-formed gets whatever answer: the parser refuses it.
 */
static bool declares(struct slice tag, size_t at, struct slice prefix)
{
    for (;;) {
        struct slice name;
        const char *end;

        at = skip_space(tag, at);
        name = slice_make(tag.p + at, skip_name(tag, at) - at);
        if (name.n == 0)
            return false;
        if (prefix.n == 0 ? slice_is(name, "xmlns")
                          : name.n == prefix.n + 6 && memcmp(name.p, "xmlns:", 6) == 0 &&
                                memcmp(name.p + 6, prefix.p, prefix.n) == 0)
            return true;
        at = skip_space(tag, at + name.n);
        if (at == tag.n || tag.p[at] != '=')
            return false;
        at = skip_space(tag, at + 1);
        if (at == tag.n || (tag.p[at] != '"' && tag.p[at] != '\''))
            return false;
        end = memchr(tag.p + at + 1, tag.p[at], tag.n - at - 1);
        if (!end)
            return false;
        at = (size_t)(end - tag.p) + 1;
    }
}

/* As attribute value it is the same text. Other names exist on paper only, and libxml2 keeps their references as text.
 */
static bool is_plain(struct slice uri)
{
    for (size_t i = 0; i < uri.n; i++) {
        if ((unsigned char)uri.p[i] < 0x20 || uri.p[i] == '&' || uri.p[i] == '<' || uri.p[i] == '"')
            return false;
    }
    return uri.n > 0;
}

/*
 * Binding i of the scope, unless it is overridden further in, is nothing to declare, or is used nowhere: its prefix
 * does not occur (in a name, or in the PrefixList of a Signature).
 */
static bool is_needed(const struct encrypted_parts *parts, size_t i, struct slice text)
{
    const struct token_binding *b = &parts->scope[i];

    if (!is_plain(b->uri) || slice_is(b->prefix, "xml"))
        return false;
    for (size_t k = i + 1; k < parts->nscope; k++) {
        if (slice_eq(parts->scope[k].prefix, b->prefix))
            return false;
    }
    return b->prefix.n == 0 || memmem(text.p, text.n, b->prefix.p, b->prefix.n) != NULL;
}

int encrypted_document(const struct encrypted *x, struct slice plaintext, struct arena *a, struct slice *ret,
                       struct err *e)
{
    struct slice text = slice_trim(plaintext);
    size_t name_end = text.n > 1 && text.p[0] == '<' ? skip_name(text, 1) : 0;
    struct buf b;
    int rc;

    /* a comment, a declaration, text: the plaintext takes the place of one element and is one element */
    if (name_end < 2 || text.p[1] == '!' || text.p[1] == '?')
        return saml_decrypt_refused(e);
    buf_init(&b, text.n + 16 * 1024);
    buf_add(&b, text.p, name_end);
    for (size_t i = 0; i < x->parts->nscope; i++) {
        const struct token_binding *ns = &x->parts->scope[i];

        if (!is_needed(x->parts, i, text) || declares(text, name_end, ns->prefix))
            continue;
        buf_printf(&b, ns->prefix.n ? " xmlns:%.*s=\"" : " xmlns%.*s=\"", SLICE_ARG(ns->prefix));
        buf_add_slice(&b, ns->uri);
        buf_add_char(&b, '"');
    }
    buf_add(&b, text.p + name_end, text.n - name_end);
    if (buf_failed(&b) || (*ret = arena_slice(a, buf_slice(&b))).p == NULL)
        rc = err_set(e, ERR_MEMORY, "no memory for the plaintext");
    else
        rc = 0;
    buf_free_secret(&b);
    return rc;
}

int encrypted_open(const struct encrypted *x, const struct saml_sp_keys *keys, unsigned allow, struct arena *a,
                   struct slice *ret, struct err *e)
{
    unsigned char key[SAML_CONTENT_KEY_MAX];
    struct slice plaintext;
    int rc = -1;

    if (saml_unwrap_key(keys, allow, &x->key, key, e) != 0)
        return -1;
    if (saml_decrypt_content(x->key.content, key, x->content, a, &plaintext, e) == 0)
        rc = encrypted_document(x, plaintext, a, ret, e);
    OPENSSL_cleanse(key, sizeof key);
    return rc;
}
