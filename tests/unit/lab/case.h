/*
 * case.h - the rows of tests/cases/saml/: reads them, makes the document of each, and says what to judge it by. What
 * judges it is in case_judge.h. The language is described in tests/cases/saml/README.md.
 */
#ifndef USHER_TESTS_UNIT_LAB_CASE_H
#define USHER_TESTS_UNIT_LAB_CASE_H

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encode.h"
#include "lab/edit.h"
#include "saml/judge.h"
#include "tests/unit/lab/case_keys.h"

#define CASE_LINES_MAX 48
#define CASE_ROWS_MAX 2048
#define CASE_NOW 1795521630 /* 2026-11-24T12:00:30Z */
#define CASE_ARENA_MAX (64 * 1024 * 1024)

/* Which part of the verifier judges the row: the whole of it, or one layer alone. */
enum case_layer {
    CASE_WHOLE = 0, /* saml_judge() */
    CASE_WIRE,      /* what a browser sends: form body or base64, then the whole */
    CASE_UNWRAP,    /* the first half of that: what the browser sends, as XML */
    CASE_ISSUER,    /* the whole, the trust chosen by Issuer */
    CASE_PRESCAN,   /* the look before libxml2 */
    CASE_WORKER,    /* signatures only, as in usher-worker */
    CASE_ROUTER,    /* everything behind the worker: it has said the following */
    CASE_KEY,       /* the router unwraps the key that the worker names */
    CASE_RECHECK,   /* the first part of that */
    CASE_READER     /* strict reader and conditions, over bytes that nobody has verified */
};

struct case_row {
    char name[64], rule[32], base[32];
    const char *file;
    unsigned line;
    bool accepted;
    char expected[128]; /* name of the error code, or who it is */
    char *lines[CASE_LINES_MAX];
    size_t nlines;

    /* ready to be judged */
    struct arena a;
    enum case_layer layer;
    struct slice input; /* document, form body or base64 */
    struct saml_signed said;
    struct saml_sp_keys keys; /* of the service provider */
    struct saml_trust trust[3];
    size_t ntrust;
    bool router_strict; /* the exceptions are the worker's; the router has none */
    struct saml_expect x;
    const char *domains[4];
};

struct case_rows {
    struct case_row *v;
    size_t n;
    char *files[32];
    size_t nfiles;
};

/*
 * A copy that ends where the memory ends: who reads one octet too far dies of it, in every build. It is never freed;
 * a row lives as long as the program.
 */
static inline struct slice case_guarded(struct slice s)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (s.n + page - 1) / page * page;
    char *p = mmap(NULL, n + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return (struct slice){NULL, 0};
    if (s.n)
        memcpy(p + n - s.n, s.p, s.n);
    (void)mprotect(p + n, page, PROT_NONE);
    return slice_make(p + n - s.n, s.n);
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

static inline char *case_read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    char *data = NULL;
    long n;

    if (!f)
        return NULL;
    (void)fseek(f, 0, SEEK_END);
    n = ftell(f);
    rewind(f);
    data = malloc((size_t)n + 1);
    if (data && fread(data, 1, (size_t)n, f) == (size_t)n)
        data[n] = '\0';
    (void)fclose(f);
    *ret_n = (size_t)n;
    return data;
}

/* "NAME  [RULE]  BASE -> EXPECTED" */
static inline int case_read_head(struct case_row *r, const char *line, struct err *e)
{
    char arrow[128], who[128] = "";
    const char *to = strstr(line, " -> ");

    if (!to || sscanf(line, "%63s [%31[^]]] %31s", r->name, r->rule, r->base) != 3 ||
        sscanf(to + 4, "%127s %127[^\n]", arrow, who) < 1)
        return err_set(e, ERR_USAGE, "%s:%u: NAME [RULE] BASE -> EXPECTED", r->file, r->line);
    r->accepted = strcmp(arrow, "ok") == 0;
    (void)snprintf(r->expected, sizeof r->expected, "%s", !r->accepted ? arrow : who[0] ? who : "ada@usher.test");
    if (!r->accepted && (err_by_name(arrow) == ERR_NONE || who[0]))
        return err_set(e, ERR_USAGE, "%s:%u: '%s' is no error code", r->file, r->line, arrow);
    return 0;
}

static inline int case_read_rows(struct case_rows *rows, const char *file, char *text, struct err *e)
{
    struct case_row *r = NULL;
    unsigned number = 0;
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        bool indented = line[0] == ' ';

        number++;
        line += strspn(line, " ");
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (!indented) {
            if (rows->n == CASE_ROWS_MAX)
                return err_set(e, ERR_USAGE, "%s:%u: too many rows", file, number);
            r = &rows->v[rows->n++];
            r->file = file;
            r->line = number;
            if (case_read_head(r, line, e) != 0)
                return -1;
            for (size_t i = 0; i + 1 < rows->n; i++) {
                if (strcmp(rows->v[i].name, r->name) == 0)
                    return err_set(e, ERR_USAGE, "%s:%u: '%s' is there twice", file, number, r->name);
            }
        } else if (!r || r->nlines == CASE_LINES_MAX) {
            return err_set(e, ERR_USAGE, "%s:%u: a line without a row, or too many of them", file, number);
        } else {
            r->lines[r->nlines++] = strdup(line);
        }
    }
    return 0;
}

static inline int case_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every *.case of the folder, in the order of their names. */
static inline int case_rows_read(struct case_rows *rows, const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int r = 0;

    rows->v = calloc(CASE_ROWS_MAX, sizeof *rows->v);
    if (!d || !rows->v) {
        if (d)
            (void)closedir(d);
        return err_set(e, ERR_IO, "%s: no rows", dir);
    }
    while ((entry = readdir(d)) && rows->nfiles < 32) {
        size_t n = strlen(entry->d_name);

        if (n > 5 && strcmp(entry->d_name + n - 5, ".case") == 0)
            rows->files[rows->nfiles++] = strdup(entry->d_name);
    }
    (void)closedir(d);
    qsort(rows->files, rows->nfiles, sizeof *rows->files, case_by_name);
    for (size_t i = 0; i < rows->nfiles && r == 0; i++) {
        char path[4096];
        size_t n;
        char *text;

        (void)snprintf(path, sizeof path, "%s/%s", dir, rows->files[i]);
        text = case_read_file(path, &n);
        r = text ? case_read_rows(rows, rows->files[i], text, e) : err_set(e, ERR_IO, "%s: unreadable", path);
        free(text);
    }
    return r;
}

static inline void case_rows_free(struct case_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct case_row *r = &rows->v[i];

        for (size_t k = 0; k < r->nlines; k++)
            free(r->lines[k]);
        for (size_t k = 0; k < 3; k++)
            saml_trust_free(&r->trust[k]);
        saml_sp_keys_free(&r->keys);
        arena_free(&r->a);
    }
    for (size_t i = 0; i < rows->nfiles; i++)
        free(rows->files[i]);
    free(rows->v);
}

/* --- making ---------------------------------------------------------------------------------------------------------
 */

/* Names for algorithms, good and bad. */
static const struct edit_word case_algorithms[] = {
    {"rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"},
    {"rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"},
    {"rsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"},
    {"rsa-sha224", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224"},
    {"rsa-sha1", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
    {"rsa-md5", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"},
    {"rsa-ripemd160", "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160"},
    {"ecdsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"},
    {"ecdsa-sha224", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha224"},
    {"ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"},
    {"ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"},
    {"ecdsa-sha512", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"},
    {"hmac-sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"},
    {"hmac-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"},
    {"sha256", "http://www.w3.org/2001/04/xmlenc#sha256"},
    {"sha384", "http://www.w3.org/2001/04/xmldsig-more#sha384"},
    {"sha512", "http://www.w3.org/2001/04/xmlenc#sha512"},
    {"sha224", "http://www.w3.org/2001/04/xmldsig-more#sha224"},
    {"sha1", "http://www.w3.org/2000/09/xmldsig#sha1"},
    {"md5", "http://www.w3.org/2001/04/xmldsig-more#md5"},
    {"ripemd160", "http://www.w3.org/2001/04/xmlenc#ripemd160"},
};

struct case_making {
    struct case_row *r;
    struct buf doc;
    struct buf beside; /* a second document, for what the worker may mix in */
    struct case_key *key, *response_key, *shown;
    const char *method, *digest;
    struct buf hmac;
    bool is_signed, is_base64, is_verified, keys_given;
    struct edit_word words[64];
    size_t nwords;
    struct err *e;
};

static inline bool case_word(const char **rest, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*rest, word, n) != 0 || ((*rest)[n] != ' ' && (*rest)[n] != '\0'))
        return false;
    *rest += n + ((*rest)[n] == ' ');
    return true;
}

static inline int case_bad_line(const struct case_making *mk, const char *line)
{
    return err_set(mk->e, ERR_USAGE, "unknown line: %s", line);
}

static inline const char *case_algorithm(const struct case_making *mk, const char *name)
{
    for (size_t i = 0; i < sizeof case_algorithms / sizeof *case_algorithms; i++) {
        if (strcmp(case_algorithms[i].name, name) == 0)
            return case_algorithms[i].text;
    }
    (void)err_set(mk->e, ERR_USAGE, "unknown algorithm: %s", name);
    return NULL;
}

/* The algorithms, what signs, and {cert-KEY}, {modulus-KEY} of the line. */
static inline int case_words(struct case_making *mk, const char *line)
{
    static const char *const kinds[] = {"{cert-", "{modulus-"};

    mk->nwords = sizeof case_algorithms / sizeof *case_algorithms;
    memcpy(mk->words, case_algorithms, sizeof case_algorithms);
    mk->words[mk->nwords++] = (struct edit_word){"method", mk->method};
    mk->words[mk->nwords++] = (struct edit_word){"digest", mk->digest};
    mk->words[mk->nwords++] = (struct edit_word){"cert", mint_key_cert(mk->shown->mint)};
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = line; (at = strstr(at, kinds[i])) != NULL; at++) {
            const char *name = at + strlen(kinds[i]);
            size_t n = strcspn(name, "}");
            struct case_key *k = case_key_find(slice_make(name, n), mk->e);

            if (!k || mk->nwords == 64)
                return -1;
            mk->words[mk->nwords++] = (struct edit_word){arena_strndup(&mk->r->a, at + 1, n + strlen(kinds[i]) - 1),
                                                         i ? case_key_modulus(k) : mint_key_cert(k->mint)};
        }
    }
    return 0;
}

static inline int case_edit(struct case_making *mk, struct buf *doc, const char *line)
{
    return case_words(mk, line) != 0 ? -1 : edit_apply(doc, slice_of(line), mk->words, mk->nwords, mk->e);
}

/* The string at the end of a line, expanded, in the row's arena. */
static inline int case_string(struct case_making *mk, const char *text, struct slice *ret)
{
    size_t n = strlen(text);
    struct buf out;
    int result = -1;

    buf_init(&out, EDIT_DOCUMENT_MAX);
    if (n < 2 || text[0] != '"' || text[n - 1] != '"')
        (void)err_set(mk->e, ERR_USAGE, "a string was expected: %s", text);
    else if (case_words(mk, text) == 0 &&
             edit_expand(slice_make(text + 1, n - 2), mk->words, mk->nwords, &out, mk->e) == 0) {
        *ret = arena_slice(&mk->r->a, buf_slice(&out));
        result = ret->p ? 0 : err_set(mk->e, ERR_MEMORY, "no memory");
    }
    buf_free(&out);
    return result;
}

static inline int case_load_base(struct case_making *mk, const char *dir)
{
    char path[4096], name[32], *text;
    const char *variant = strchr(mk->r->base, '-');
    size_t n;
    bool response, assertion;

    (void)snprintf(name, sizeof name, "%.*s", variant ? (int)(variant - mk->r->base) : 31, mk->r->base);
    (void)snprintf(path, sizeof path, "%s/base/%s.xml", dir, name);
    text = case_read_file(path, &n);
    if (!text)
        return err_set(mk->e, ERR_IO, "%s: no such base document", path);
    while (n && text[n - 1] == '\n')
        n--;
    buf_add(&mk->doc, text, n);
    free(text);
    if (!variant)
        return 0;
    response = strcmp(variant, "-response") == 0 || strcmp(variant, "-both") == 0;
    assertion = strcmp(variant, "-assertion") == 0 || strcmp(variant, "-both") == 0;
    if (!assertion && case_edit(mk, &mk->doc, "remove Assertion/Signature") != 0)
        return -1;
    return response ? 0 : case_edit(mk, &mk->doc, "remove Response/Signature");
}

static inline int case_sign_line(struct case_making *mk, const char *line)
{
    const char *rest = line;
    struct slice secret;
    bool response = case_word(&rest, "response");

    if (case_word(&rest, "with")) {
        struct case_key *k = case_key_find(slice_of(rest), mk->e);

        if (!k)
            return -1;
        mk->response_key = k;
        if (response)
            return 0;
        mk->key = mk->shown = k;
        mk->method = case_algorithm(mk, k->method);
        return 0;
    }
    if (case_word(&rest, "showing"))
        return (mk->shown = case_key_find(slice_of(rest), mk->e)) ? 0 : -1;
    if (case_word(&rest, "method"))
        return (mk->method = case_algorithm(mk, rest)) ? 0 : -1;
    if (case_word(&rest, "digest"))
        return (mk->digest = case_algorithm(mk, rest)) ? 0 : -1;
    if (case_word(&rest, "secret")) {
        if (case_string(mk, rest, &secret) != 0)
            return -1;
        buf_add_slice(&mk->hmac, secret);
        return 0;
    }
    return case_bad_line(mk, line);
}

static inline struct mint_signers case_signers(const struct case_making *mk)
{
    return (struct mint_signers){mk->response_key->mint, mk->key->mint, buf_slice(&mk->hmac)};
}

/* What the templates leave to the `sign` lines. The base documents have it; a row may have changed that. */
static inline void case_fill_templates(struct case_making *mk)
{
    const char *const fill[][2] = {
        {"{method}", mk->method}, {"{digest}", mk->digest}, {"{cert}", mint_key_cert(mk->shown->mint)}};

    for (size_t i = 0; i < 3; i++) {
        const char *hit;

        while ((hit = memmem(mk->doc.data, mk->doc.len, fill[i][0], strlen(fill[i][0]))) != NULL) {
            size_t at = (size_t)(hit - mk->doc.data);

            edit_splice(&mk->doc, at, at + strlen(fill[i][0]), slice_of(fill[i][1]));
        }
    }
}

static inline int case_fill(struct case_making *mk, const struct mint_signers *with)
{
    struct buf filled;
    int result;

    case_fill_templates(mk);
    buf_init(&filled, EDIT_DOCUMENT_MAX);
    result = mint_fill(buf_slice(&mk->doc), with, &filled, mk->e);
    if (result == 0)
        edit_splice(&mk->doc, 0, mk->doc.len, buf_slice(&filled));
    buf_free(&filled);
    return result;
}

/* The Assertion, not yet the Response around it. */
static inline int case_sign_inner(struct case_making *mk)
{
    struct mint_signers with = case_signers(mk);

    with.response = NULL;
    return case_fill(mk, &with);
}

/* Done once, before the first line that needs a signed document. */
static inline int case_sign(struct case_making *mk)
{
    struct mint_signers with = case_signers(mk);

    if (mk->is_signed)
        return 0;
    mk->is_signed = true;
    case_fill_templates(mk);
    buf_add_slice(&mk->beside, buf_slice(&mk->doc));
    return case_fill(mk, &with);
}

static inline int case_redigest(struct case_making *mk)
{
    struct mint_signers with = case_signers(mk);
    struct buf out;
    int result;

    buf_init(&out, EDIT_DOCUMENT_MAX);
    result = mint_redigest(buf_slice(&mk->doc), &with, &out, mk->e);
    if (result == 0)
        edit_splice(&mk->doc, 0, mk->doc.len, buf_slice(&out));
    buf_free(&out);
    return result;
}

#include "tests/unit/lab/case_encrypt.h"
#include "tests/unit/lab/case_given.h"

static inline int case_line(struct case_making *mk, const char *line)
{
    const char *rest = line;

    if (case_word(&rest, "given"))
        return case_given(mk, rest);
    if (case_word(&rest, "sign"))
        return mk->is_signed ? err_set(mk->e, ERR_USAGE, "it is signed already") : case_sign_line(mk, rest);
    if (case_word(&rest, "before")) {
        if (mk->is_signed)
            return err_set(mk->e, ERR_USAGE, "it is signed already");
        if (strcmp(rest, "sign Assertion") == 0)
            return case_sign_inner(mk);
        return case_word(&rest, "encrypt") ? case_encrypt(mk, rest) : case_edit(mk, &mk->doc, rest);
    }
    if (case_word(&rest, "at"))
        return case_at(mk, rest);
    if (case_sign(mk) != 0)
        return -1;
    if (case_word(&rest, "after")) {
        if (case_word(&rest, "encrypt"))
            return case_encrypt(mk, rest);
        return case_word(&rest, "redigest") ? case_redigest(mk) : case_edit(mk, &mk->doc, rest);
    }
    if (case_word(&rest, "value"))
        return case_value(mk, rest);
    if (case_word(&rest, "beside"))
        return case_edit(mk, &mk->beside, rest);
    return case_worker_line(mk, rest);
}

/* Makes the row's input. ERR_USAGE and the like for rows that cannot be made. */
static inline int case_make(struct case_row *r, const char *dir, struct err *e)
{
    struct case_making mk = {.r = r, .e = e};
    int result = -1;

    arena_init(&r->a, CASE_ARENA_MAX);
    buf_init(&mk.doc, EDIT_DOCUMENT_MAX);
    buf_init(&mk.hmac, 65536);
    buf_init(&mk.beside, EDIT_DOCUMENT_MAX);
    mk.key = mk.response_key = mk.shown = case_key_find(SLICE("idp"), e);
    if (!mk.key)
        return -1;
    mk.method = case_algorithm(&mk, "rsa-sha256");
    mk.digest = case_algorithm(&mk, "sha256");
    case_given_defaults(r);
    if (case_load_base(&mk, dir) != 0)
        goto out;
    for (size_t i = 0; i < r->nlines; i++) {
        if (case_line(&mk, r->lines[i]) != 0) {
            (void)err_wrap(e, "line '%s'", r->lines[i]);
            goto out;
        }
    }
    if (case_sign(&mk) == 0 && case_given_done(&mk) == 0)
        result = 0;
out:
    if (result != 0)
        (void)err_wrap(e, "%s:%u: %s", r->file, r->line, r->name);
    buf_free(&mk.doc);
    buf_free(&mk.hmac);
    buf_free(&mk.beside);
    return result;
}

#endif
