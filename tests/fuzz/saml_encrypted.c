/*
 * Fuzzes saml/encrypted.h: an EncryptedAssertion is listed once from libxml2's tree and once from the tokenizer's
 * tokens. What both can parse both must judge alike, to the last field: two readers that understand one message
 * differently are an attack. The first octet says which exceptions are allowed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "saml/dom.h"
#include "saml/encrypted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    bool listed;
    int rc;
    struct encrypted x;
    struct err e;
};

static void from_tree(struct slice xml, unsigned allow, struct arena *a, struct outcome *o)
{
    const struct encrypted_parts *parts;
    struct _xmlDoc *doc = NULL;

    if (dom_parse(xml, &prescan_message, &doc, &o->e) != 0)
        return;
    if (encrypted_from_tree(dom_root(doc), ERR_READ, a, &parts, &o->e) == 0) {
        o->listed = true;
        o->rc = encrypted_judge(parts, allow, ERR_READ, a, &o->x, &o->e);
        o->x.parts = NULL; /* goes with the tree */
    }
    dom_free(doc);
}

static void from_tokens(struct slice xml, unsigned allow, struct arena *a, struct outcome *o)
{
    const struct encrypted_parts *parts;
    struct tokenizer *t = arena_alloc(a, sizeof *t);
    struct token tok;

    if (!t || token_init(t, xml, 0, ERR_READ, a, &o->e) != 0 || token_next(t, &tok, &o->e) != 0 ||
        encrypted_from_tokens(t, &tok, a, &parts, &o->e) != 0 || token_next(t, &tok, &o->e) != 0)
        return;
    o->listed = true;
    o->rc = encrypted_judge(parts, allow, ERR_READ, a, &o->x, &o->e);
}

static bool same(const struct encrypted *a, const struct encrypted *b)
{
    return a->key.transport == b->key.transport && a->key.digest == b->key.digest && a->key.mgf == b->key.mgf &&
           a->key.content == b->key.content && slice_eq(a->key.label, b->key.label) &&
           slice_eq(a->key.cipher, b->key.cipher) && slice_eq(a->content, b->content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome tree = {.e = ERR_INIT}, tokens = {.e = ERR_INIT};
    struct err e = ERR_INIT;
    struct slice xml, text;
    struct arena a;

    if (saml_init(&e) != 0)
        abort();
    if (size == 0)
        return 0;
    xml = slice_make(data + 1, size - 1);
    arena_init(&a, 16 * size + 256 * 1024);
    from_tree(xml, data[0] & SAML_ALLOW_RSA15, &a, &tree);
    from_tokens(xml, data[0] & SAML_ALLOW_RSA15, &a, &tokens);
    if (tree.listed && tokens.listed &&
        (tree.rc != tokens.rc || tree.e.code != tokens.e.code || (tree.rc == 0 && !same(&tree.x, &tokens.x))))
        abort();
    if (tokens.listed && tokens.rc == 0) {
        /* what is said to be found is within what can be unwrapped, and any text is a document or refused */
        if (tokens.x.key.cipher.n == 0 || tokens.x.key.cipher.n > SAML_WRAPPED_MAX || tokens.x.content.n == 0 ||
            saml_cipher_key_size(tokens.x.key.content) == 0)
            abort();
        if (encrypted_document(&tokens.x, xml, &a, &text, &e) == 0 && (text.n < 2 || text.p[0] != '<'))
            abort();
    }
    arena_free(&a);
    return 0;
}
