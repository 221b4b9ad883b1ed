/* case_encrypt.h - the lines of a row that encrypt an element for the service provider; part of case.h. */
#ifndef USHER_TESTS_UNIT_LAB_CASE_ENCRYPT_H
#define USHER_TESTS_UNIT_LAB_CASE_ENCRYPT_H

#include "lab/encrypt.h"
#include "lab/xmltext.h"

/* The private keys to decrypt with, by their names. */
static inline int case_decrypt_with(struct case_making *mk, const char *names)
{
    struct slice rest = slice_of(names), name;

    mk->keys_given = true;
    while (slice_split(&rest, ' ', &name)) {
        struct case_key *k = case_key_find(name, mk->e);
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem = NULL;
        long n = 0;
        int rc = -1;

        if (k && bio && PEM_write_bio_PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
            (n = BIO_get_mem_data(bio, &pem)) > 0)
            rc = saml_sp_keys_add_pem(&mk->r->keys, slice_make(pem, (size_t)n), false, mk->e);
        BIO_free(bio);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* The next word of `*rest`, in the row's arena. */
static inline const char *case_next_word(struct case_making *mk, const char **rest)
{
    size_t n = strcspn(*rest, " ");
    const char *word = arena_strndup(&mk->r->a, *rest, n);

    *rest += n + ((*rest)[n] == ' ');
    return word;
}

/* A string in double quotes without any in it, expanded. */
static inline const char *case_next_string(struct case_making *mk, const char **rest)
{
    const char *end = (*rest)[0] == '"' ? strchr(*rest + 1, '"') : NULL;
    struct slice text = {NULL, 0};
    char *copy;

    if (!end) {
        (void)err_set(mk->e, ERR_USAGE, "a string was expected: %s", *rest);
        return NULL;
    }
    copy = arena_strndup(&mk->r->a, *rest, (size_t)(end + 1 - *rest));
    *rest = end + 1 + (end[1] == ' ');
    return case_string(mk, copy, &text) == 0 ? arena_strndup(&mk->r->a, text.p, text.n) : NULL;
}

struct case_encryption {
    struct mint_encrypt x;
    struct mint_encrypt_trick trick;
    const char *name;
    struct case_key *to;
};

/* as NAME, for KEY, cipher X, transport X, digest X, mask X, label X, key beside, key referenced, trick NAME, between
 * "X" and "Y". */
static inline int case_encrypt_option(struct case_making *mk, struct case_encryption *c, const char **rest)
{
    const struct mint_encrypt_trick *known;
    const struct {
        const char *name, **place;
    } words[] = {{"as", &c->name},         {"cipher", &c->x.cipher}, {"transport", &c->x.transport},
                 {"digest", &c->x.digest}, {"mask", &c->x.mgf},      {"label", &c->x.label}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (case_word(rest, words[i].name)) {
            *words[i].place = case_next_word(mk, rest);
            return 0;
        }
    }
    if (case_word(rest, "for"))
        return (c->to = case_key_find(slice_of(case_next_word(mk, rest)), mk->e)) ? 0 : -1;
    if (case_word(rest, "key beside")) {
        c->x.place = MINT_KEY_BESIDE;
        return 0;
    }
    if (case_word(rest, "key referenced")) {
        c->x.place = MINT_KEY_REFERENCED;
        return 0;
    }
    if (case_word(rest, "trick")) {
        known = mint_encrypt_trick_find(case_next_word(mk, rest));
        if (known)
            c->trick = *known;
        return known ? 0 : err_set(mk->e, ERR_USAGE, "no such trick");
    }
    if (case_word(rest, "between")) {
        c->trick.before = case_next_string(mk, rest);
        return case_word(rest, "and") && (c->trick.after = case_next_string(mk, rest)) ? 0 : case_bad_line(mk, *rest);
    }
    return case_bad_line(mk, *rest);
}

/* ELEMENT and options: an encrypted element in the place of the one in clear. */
static inline int case_encrypt(struct case_making *mk, const char *rest)
{
    const char *path = case_next_word(mk, &rest);
    struct case_encryption c = {.name = "EncryptedAssertion", .to = case_key_find(SLICE("sp"), mk->e)};
    struct mint_recipient *to = NULL;
    struct xmltext el;
    struct buf out;
    int result = -1;

    if (!c.to || (!mk->keys_given && case_decrypt_with(mk, "sp") != 0))
        return -1;
    mint_encrypt_init(&c.x, NULL);
    while (rest[0]) {
        if (case_encrypt_option(mk, &c, &rest) != 0)
            return -1;
    }
    case_fill_templates(mk);
    buf_init(&out, EDIT_DOCUMENT_MAX);
    if (!xmltext_find(buf_slice(&mk->doc), slice_of(path), &el))
        (void)err_set(mk->e, ERR_USAGE, "there is no element '%s'", path);
    else if (mint_recipient_of(c.to->pkey, &to, mk->e) == 0) {
        c.x.to = to;
        c.x.trick = &c.trick;
        result = mint_encrypt(&c.x, c.name, slice_make(mk->doc.data + el.from, el.to - el.from), &out, mk->e);
    }
    if (result == 0)
        edit_splice(&mk->doc, el.from, el.to, buf_slice(&out));
    mint_recipient_free(to);
    buf_free(&out);
    return result;
}

#endif
