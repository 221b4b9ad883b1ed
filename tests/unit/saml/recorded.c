/*
 * Recorded Responses of real identity providers, recorded attacks, and metadata, from the folder USHER_RECORDED: a row
 * of its manifest.tsv is a test here. Not part of the repository, because the recordings are other people's.
 *
 * recorded-refused.tsv: the code with which each `refuse` row must be refused, so that none is refused for its SHA-1
 * alone. recorded-stricter.tsv: `accept` rows that a rule of ours refuses all the same, and why that is right.
 */
#include <dirent.h>

#include "base/clock.h"
#include "saml/judge.h"
#include "saml/metadata.h"
#include "tests/unit/unit.h"

#define RESPONSES_MIN 80
#define METADATA_MIN 26
#define ROWS_MAX 512
#define NOTES_MAX 64

enum column {
    FILE_,
    PRODUCT,
    SOURCE,
    LICENCE,
    KIND,
    EXPECT,
    ALLOW,
    AT,
    ISSUER,
    ACS,
    AUDIENCE,
    REQUEST,
    SUBJECT,
    TRUST,
    DECRYPT_KEY,
    WHY,
    COLUMNS
};

struct row {
    struct slice col[COLUMNS];
    char name[400];
};
struct note { /* of our own two lists */
    struct slice file, about, code;
    bool used;
};
struct notes {
    struct note v[NOTES_MAX];
    size_t n;
};

static const char *dir;
static struct row rows[ROWS_MAX];
static size_t nrows;
static struct notes refused, stricter;
static char *texts[3]; /* of the three lists; rows and notes point into them */

static bool is(const struct row *r, enum column c, const char *text)
{
    return slice_is(r->col[c], text);
}

/* "-" means none. */
static struct slice value(const struct row *r, enum column c)
{
    return is(r, c, "-") ? (struct slice){NULL, 0} : r->col[c];
}

static bool holds(struct slice text, struct slice part)
{
    return memmem(text.p, text.n, part.p, part.n) != NULL;
}

/* The code written down for this row, or NULL. */
static const char *noted(struct notes *notes, const struct row *r)
{
    static char code[64];

    for (size_t i = 0; i < notes->n; i++) {
        struct note *n = &notes->v[i];

        if (!slice_eq(n->file, r->col[FILE_]) || !holds(r->col[WHY], n->about))
            continue;
        n->used = true;
        assert_true(str_copy(code, sizeof code, n->code));
        if (err_by_name(code) == ERR_NONE)
            fail_msg("no error code '%s'", code);
        return code;
    }
    return NULL;
}

/*
 * Responses
 */

static unsigned allowed(const struct row *r)
{
    struct slice rest = value(r, ALLOW), part;
    unsigned allow = 0;

    while (slice_split(&rest, ',', &part)) {
        unsigned one = saml_allow_by_name(part);

        assert_int_not_equal(one, 0);
        allow |= one;
    }
    return allow;
}

static void expectation(const struct row *r, struct saml_expect *x)
{
    struct err e = ERR_INIT;
    /* some rows that are refused for their shape leave parameters out */
    struct slice none = SLICE("urn:none");

    *x = (struct saml_expect){
        .issuer = value(r, ISSUER).p ? r->col[ISSUER] : none,
        .acs = value(r, ACS).p ? r->col[ACS] : none,
        .audience = value(r, AUDIENCE).p ? r->col[AUDIENCE] : none,
        .request_id = value(r, REQUEST),
        .unsolicited = !value(r, REQUEST).p,
        .email_from = SLICE("nameid"),
    };
    assert_ok(time_parse(r->col[AT], &x->now, &e), &e);
}

/* A file of the folder, of at most 1 MiB. */
static struct slice load(struct slice name, struct arena *a)
{
    char path[300];
    size_t n;
    char *data;
    struct slice s;

    assert_true(str_copy(path, sizeof path, name));
    data = unit_read_file(dir, path, &n);
    s = arena_slice(a, slice_make(data, n));
    free(data);
    assert_non_null(s.p);
    return s;
}

struct judged {
    struct arena a;
    struct saml_trust trust;
    struct saml_sp_keys keys;
    struct saml_expect x;
    struct saml_verdict verdict;
    struct err e;
    int rc;
};

static void judge(const struct row *r, struct slice trust, bool with_key, unsigned allow, int64_t skew,
                  struct judged *j)
{
    arena_init(&j->a, 2 * SAML_ARENA_MAX);
    j->e = (struct err)ERR_INIT;
    saml_trust_init(&j->trust);
    j->keys = (struct saml_sp_keys){.n = 0};
    if (with_key && value(r, DECRYPT_KEY).p)
        assert_ok(saml_sp_keys_add_pem(&j->keys, load(r->col[DECRYPT_KEY], &j->a), false, &j->e), &j->e);
    expectation(r, &j->x);
    j->x.skew = skew;
    assert_ok(saml_trust_add_file(&j->trust, load(trust, &j->a), NULL, &j->e), &j->e);
    j->rc = saml_judge(load(r->col[FILE_], &j->a), &j->trust, &j->keys, allow, &j->x, &j->a, &j->verdict, &j->e);
}

static void judged_free(struct judged *j)
{
    saml_trust_free(&j->trust);
    saml_sp_keys_free(&j->keys);
    arena_free(&j->a);
}

static void must_refuse_with(const struct row *r, struct slice trust, bool with_key, unsigned allow, const char *code)
{
    struct judged j;

    judge(r, trust, with_key, allow, SAML_SKEW_DEFAULT, &j);
    if (j.rc == 0)
        fail_msg("accepted, not refused as %s", code);
    if (strcmp(err_name(j.e.code), code) != 0)
        fail_msg("refused as %s (%s), not %s", err_name(j.e.code), j.e.msg, code);
    assert_null(j.verdict.assertion.name_id.p);
    judged_free(&j);
}

static void must_refuse(const struct row *r, struct slice trust, unsigned allow, const char *code)
{
    must_refuse_with(r, trust, true, allow, code);
}

/* NAMEID, or NAMEID (email ADDRESS), where some attribute holds the address alone. */
static void assert_subject(const struct row *r, const struct judged *j)
{
    static const char mark[] = " (email ";
    struct slice want = r->col[SUBJECT], mail;
    const struct saml_assertion *as = &j->verdict.assertion;
    const char *hit = memmem(want.p, want.n, mark, strlen(mark));

    if (!hit) {
        assert_true(slice_eq(as->name_id, want));
        return;
    }
    mail = slice_make(hit + strlen(mark), want.n - (size_t)(hit - want.p) - strlen(mark) - 1);
    assert_true(slice_eq(as->name_id, slice_make(want.p, (size_t)(hit - want.p))));
    for (size_t i = 0; i < as->nattributes; i++) {
        struct saml_expect x = j->x;
        struct err e = ERR_INIT;
        struct email email;
        bool present;

        if (!slice_eq(saml_attribute_single(as, as->attributes[i].name), mail))
            continue;
        x.email_from = as->attributes[i].name;
        assert_ok(saml_email(as, &x, &present, &email, &e), &e);
        assert_true(present);
        assert_true(slice_is_nocase(mail, email.key));
        return;
    }
    fail_msg("no attribute holds %.*s", SLICE_ARG(mail));
}

/* Signed only within what AES-CBC encrypts: which of its signature's faults it has is not told. */
static bool is_silent(const struct row *r)
{
    return value(r, DECRYPT_KEY).p && holds(r->col[WHY], SLICE("signed: Assertion ")) &&
           holds(r->col[WHY], SLICE("-cbc;"));
}

/* The code with which a row that needs this exception is refused without it. */
static const char *code_without(const struct row *r, unsigned exception)
{
    if (exception != SAML_ALLOW_RSA15 && is_silent(r))
        return "decryption-failed";
    return exception == SAML_ALLOW_RSA1024 ? "key-too-weak" : "algorithm-not-allowed";
}

static void must_accept(const struct row *r, struct slice trust)
{
    const unsigned allow = allowed(r);
    struct judged j;

    judge(r, trust, true, allow, 0, &j);
    if (j.rc != 0) {
        err_print(stderr, r->name, &j.e);
        fail();
    }
    assert_subject(r, &j);
    judged_free(&j);

    for (unsigned one = 1; one <= SAML_ALLOW_RSA15; one <<= 1) {
        if (!(allow & one))
            continue;
        must_refuse(r, trust, allow & ~one, code_without(r, one));
    }
    if (value(r, DECRYPT_KEY).p)
        must_refuse_with(r, trust, false, allow, "decryption-key-missing");
}

static void response(void **state)
{
    const struct row *r = *state;
    const unsigned all = SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024 | SAML_ALLOW_RSA15;
    struct slice rest = r->col[TRUST], trust;

    while (slice_split(&rest, ',', &trust)) {
        if (is(r, EXPECT, "refuse")) {
            const char *code = noted(&refused, r);

            if (!code)
                fail_msg("recorded-refused.tsv does not have this row");
            must_refuse(r, trust, all, code);
        } else {
            const char *code = noted(&stricter, r);

            if (code)
                must_refuse(r, trust, all, code);
            else
                must_accept(r, trust);
        }
    }
}

/*
 * Metadata
 */

/* The next entityID="..." of the text, as XML has it. */
static bool next_entity(struct slice *rest, char id[256])
{
    static const char mark[] = "entityID=";
    const char *hit = memmem(rest->p, rest->n, mark, strlen(mark)), *end;
    struct slice after;

    if (!hit)
        return false;
    after = slice_make(hit + strlen(mark) + 1, rest->n - (size_t)(hit - rest->p) - strlen(mark) - 1);
    end = memchr(after.p, hit[strlen(mark)], after.n);
    assert_non_null(end);
    assert_true(str_copy(id, 256, slice_make(after.p, (size_t)(end - after.p))));
    *rest = slice_make(end, after.n - (size_t)(end - after.p));
    return true;
}

/* "3 entities, 2 usable IdP signing certificates": the number before `what`. */
static size_t counted(const struct row *r, const char *what)
{
    const char *hit = memmem(r->col[WHY].p, r->col[WHY].n, what, strlen(what)), *from;

    assert_non_null(hit);
    for (from = hit; from > r->col[WHY].p && ascii_is_digit(from[-1]);)
        from--;
    return (size_t)strtoul(from, NULL, 10);
}

static void metadata(void **state)
{
    const struct row *r = *state;
    struct slice xml, rest;
    struct arena a;
    size_t keys = 0, idps = 0;
    char id[256];

    arena_init(&a, 1 << 24);
    xml = rest = load(r->col[FILE_], &a);
    while (next_entity(&rest, id)) {
        struct err e = ERR_INIT;
        struct saml_trust t;

        saml_trust_init(&t);
        if (saml_metadata_read(xml, id, &t, &e) == 0) {
            assert_string_equal(t.issuer, id);
            assert_true(t.nkeys > 0);
            keys += t.nkeys;
            idps++;
        } else {
            assert_string_equal(err_name(e.code), "metadata-invalid");
        }
        saml_trust_free(&t);
    }
    /* the manifest counts certificates, a trust holds each key once: one file has one certificate twice */
    assert_int_equal(keys + (is(r, FILE_, "metadata/multi-signing.xml") ? 1 : 0),
                     counted(r, " usable IdP signing certificates"));
    assert_int_equal(idps > 0, is(r, EXPECT, "accept"));
    if (idps == 1) { /* then it needs no choosing */
        struct err e = ERR_INIT;
        struct saml_trust t;

        saml_trust_init(&t);
        assert_ok(saml_metadata_read(xml, NULL, &t, &e), &e);
        assert_true(slice_is(r->col[ISSUER], t.issuer));
        saml_trust_free(&t);
    }
    arena_free(&a);
}

/*
 * Reading the lists
 */

/* Cuts one line of tab-separated text; false at the end. Lines that begin with '#' are passed over. */
static bool next_line(struct slice *text, struct slice *cols, size_t n)
{
    struct slice line;

    do {
        if (!slice_split(text, '\n', &line) || line.n == 0)
            return false;
    } while (line.p[0] == '#');
    for (size_t i = 0; i < n; i++) {
        if (!slice_split(&line, '\t', &cols[i]))
            fail_msg("a line with fewer than %zu columns", n);
    }
    return true;
}

static void read_notes(const char *name, char **ret_text, struct notes *notes)
{
    struct slice text, cols[3];

    *ret_text = unit_read_file("tests/unit/saml", name, NULL);
    text = slice_of(*ret_text);
    while (next_line(&text, cols, 3)) {
        assert_true(notes->n < NOTES_MAX);
        notes->v[notes->n++] = (struct note){cols[0], cols[1], cols[2], false};
    }
}

static void read_manifest(void)
{
    struct slice text, cols[COLUMNS];

    texts[0] = unit_read_file(dir, "manifest.tsv", NULL);
    text = slice_of(texts[0]);
    assert_true(next_line(&text, cols, COLUMNS)); /* the header */
    while (next_line(&text, cols, COLUMNS)) {
        struct row *r = &rows[nrows++];

        assert_true(nrows < ROWS_MAX);
        memcpy(r->col, cols, sizeof cols);
        (void)snprintf(r->name, sizeof r->name, "%.*s %.*s: %.150s", SLICE_ARG(cols[EXPECT]), SLICE_ARG(cols[FILE_]),
                       cols[WHY].p);
        if (strchr(r->name, '\n'))
            *strchr(r->name, '\n') = '\0';
    }
}

static size_t count(const char *kind)
{
    size_t n = 0;

    for (size_t i = 0; i < nrows; i++)
        n += is(&rows[i], KIND, kind) ? 1 : 0;
    return n;
}

static void enough_rows(void **state)
{
    (void)state;
    assert_true(count("response") >= RESPONSES_MIN);
    assert_true(count("metadata") >= METADATA_MIN);
    assert_int_equal(count("response") + count("metadata"), nrows);
}

/* A note without a row would hide that the row is gone. */
static void notes_used(void **state)
{
    (void)state;
    for (size_t i = 0; i < refused.n; i++) {
        if (!refused.v[i].used)
            fail_msg("recorded-refused.tsv: no row for %.*s", SLICE_ARG(refused.v[i].file));
    }
    for (size_t i = 0; i < stricter.n; i++) {
        if (!stricter.v[i].used)
            fail_msg("recorded-stricter.tsv: no row for %.*s", SLICE_ARG(stricter.v[i].file));
    }
}

int main(void)
{
    static struct CMUnitTest tests[ROWS_MAX + 2];
    struct err e = ERR_INIT;
    size_t n = 0;
    DIR *d;
    int rc;

    dir = getenv("USHER_RECORDED");
    d = dir ? opendir(dir) : NULL;
    if (!d) {
        printf("1..0 # SKIP USHER_RECORDED does not name a folder with recorded Responses\n");
        return 0;
    }
    (void)closedir(d);
    read_manifest();
    read_notes("recorded-refused.tsv", &texts[1], &refused);
    read_notes("recorded-stricter.tsv", &texts[2], &stricter);
    if (saml_init(&e) != 0) {
        err_print(stderr, "saml_init", &e);
        return 1;
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(enough_rows);
    for (size_t i = 0; i < nrows; i++)
        tests[n++] = (struct CMUnitTest){rows[i].name, is(&rows[i], KIND, "metadata") ? metadata : response, NULL, NULL,
                                         &rows[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(notes_used);
    rc = _cmocka_run_group_tests("recorded", tests, n, NULL, NULL);
    saml_cleanup();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    return rc;
}
