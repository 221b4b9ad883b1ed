/* idp.c - `usher idp list|test|refresh|approve|distrust`. A running daemon notices within a second. */
#include "cli/open.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "cli/table.h"
#include "router/idp_document.h"
#include "router/idp_keys.h"
#include "router/log.h"
#include "saml/metadata.h"

#define DAY 86400
#define KEY_DIGITS 16 /* of a key's name, in tables */
#define PREFIX_MIN 8  /* digits that distrust insists on */

struct options {
    const char *config, *format, *reason;
};

/* --- what is known of one identity provider -------------------------------------------------------------------------
 */

/* Everything that the configuration and the store say; free with view_free(). */
struct view {
    const struct config_idp *idp;
    struct arena arena;
    struct idp_metadata stored;
    struct idp_key_list rows;
    struct saml_trust announced, waiting; /* distrusted keys included */
};

static void view_free(struct view *v)
{
    saml_trust_free(&v->announced);
    saml_trust_free(&v->waiting);
    idp_key_list_free(&v->rows);
    arena_free(&v->arena);
}

static int view_load(const struct config_idp *idp, struct store *s, struct view *v, struct err *e)
{
    struct err why = ERR_INIT;
    bool found;

    *v = (struct view){.idp = idp};
    arena_init(&v->arena, 2 * STORE_DOCUMENT_MAX + 65536);
    if (store_idp_metadata(s, idp->name, &v->arena, &v->stored, &found, e) != 0 ||
        idp_key_list_load(s, idp->name, &v->rows, e) != 0)
        goto fail;
    if (!idp->metadata_is_url) {
        if (saml_trust_copy(&v->announced, &idp->trust, e) != 0)
            goto fail;
        return 0;
    }
    /* what came from a URL that is not configured any more does not count, as in the daemon */
    if (strcmp(v->stored.url, idp->metadata) != 0)
        return 0;
    if (v->stored.document.p && saml_metadata_read(v->stored.document, NULL, &v->announced, &why) != 0)
        saml_trust_free(&v->announced);
    err_clear(&why);
    if (v->stored.pending.p && saml_metadata_read(v->stored.pending, NULL, &v->waiting, &why) != 0)
        saml_trust_free(&v->waiting);
    return 0;
fail:
    view_free(v);
    return -1;
}

static bool is_expired(const struct view *v)
{
    return v->idp->metadata_valid_until && v->announced.issuer && v->announced.valid_until <= clock_now();
}

static const char *key_state(const struct view *v, const struct idp_key *row, bool announced, bool waiting)
{
    if (row && row->distrusted_at)
        return "distrusted";
    if (announced)
        return is_expired(v) ? "expired" : row && row->first_used ? "in use" : "not used yet";
    return waiting ? "pending" : "removed";
}

/* --- list ------------------------------------------------------------------------------------------------------------
 */

static void show_time(int64_t t, const char *none, char dst[TIME_TEXT_SIZE])
{
    if (t)
        time_format(t, dst);
    else
        (void)snprintf(dst, TIME_TEXT_SIZE, "%s", none);
}

static void show_days(int64_t from, int64_t to, char dst[24])
{
    if (from && to)
        (void)snprintf(dst, 24, "%lld", (long long)((to - from - (to < from ? DAY - 1 : 0)) / DAY));
    else
        (void)snprintf(dst, 24, "-");
}

/* How the metadata is, in a few words. */
static void show_metadata(const struct view *v, char *dst, size_t size)
{
    char when[TIME_TEXT_SIZE];

    if (!v->idp->metadata_is_url) {
        (void)snprintf(dst, size, "%s", is_expired(v) ? "file, past its validUntil" : "file");
        return;
    }
    show_time(v->announced.issuer ? v->stored.fetched : 0, "never", when);
    (void)snprintf(dst, size, "fetched %s%s%s%s", when, is_expired(v) ? ", past its validUntil" : "",
                   v->stored.failures ? ", then failed: " : "", v->stored.failures ? v->stored.error : "");
}

static void list_key(struct table *t, const struct view *v, const unsigned char *sha256, const struct saml_key *key,
                     bool announced, bool waiting)
{
    const struct idp_key *row = idp_key_list_find(&v->rows, sha256);
    int64_t now = clock_now(), not_after = key ? key->not_after : row ? row->not_after : 0;
    char hex[2 * STORE_KEY_BYTES + 1], left[24], age[24], first[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE], metadata[800];

    hex_encode(hex, sha256, STORE_KEY_BYTES);
    hex[KEY_DIGITS] = '\0';
    show_days(now, not_after, left);
    show_days(row ? row->first_seen : 0, now, age);
    show_time(row ? row->first_used : 0, "-", first);
    show_time(row ? row->last_used : 0, "-", last);
    show_metadata(v, metadata, sizeof metadata);
    table_row(t, v->idp->name, hex, key_state(v, row, announced, waiting), left, age, first, last, metadata,
              row && row->reason[0] ? row->reason : "-",
              key   ? key->subject
              : row ? row->subject
                    : "-",
              NULL);
}

static void list_idp(struct table *t, const struct view *v)
{
    char metadata[800];

    for (size_t i = 0; i < v->announced.nkeys; i++)
        list_key(t, v, v->announced.keys[i].sha256, &v->announced.keys[i], true, false);
    for (size_t i = 0; i < v->waiting.nkeys; i++) {
        if (!idp_has_key(&v->announced, v->waiting.keys[i].sha256))
            list_key(t, v, v->waiting.keys[i].sha256, &v->waiting.keys[i], false, true);
    }
    for (size_t i = 0; i < v->rows.n; i++) {
        if (!idp_has_key(&v->announced, v->rows.v[i].sha256) && !idp_has_key(&v->waiting, v->rows.v[i].sha256))
            list_key(t, v, v->rows.v[i].sha256, NULL, false, false);
    }
    if (v->announced.nkeys + v->waiting.nkeys + v->rows.n == 0) {
        show_metadata(v, metadata, sizeof metadata);
        table_row(t, v->idp->name, "-", "no key", "-", "-", "-", "-", metadata, "-", "-", NULL);
    }
}

static int fill(const void *options, const struct config *config, struct store *s, struct table *t, struct err *e)
{
    (void)options;
    for (size_t i = 0; i < config->nidps; i++) {
        struct view v;

        if (view_load(&config->idps[i], s, &v, e) != 0)
            return -1;
        list_idp(t, &v);
        view_free(&v);
    }
    return 0;
}

static int run_list(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands)
        return cli_usage_error(c, "'%s' is not expected", argv[0]);
    return open_table(c, o.config,
                      table_new(o.format, "IDP", "KEY", "STATE", "DAYS-LEFT", "AGE-DAYS", "FIRST-USED", "LAST-USED",
                                "METADATA", "REASON", "SUBJECT", NULL),
                      fill, &o);
}

static const struct cli_option list_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"format", 0, CLI_STRING, offsetof(struct options, format), "text|json", "text unless given"},
};
const struct cli_command cli_idp_list = {
    .name = "idp list",
    .arguments = "",
    .summary = "List the identity providers' signing keys.",
    .notes =
        "STATE is `in use`, `not used yet` (announced), `pending` (waits for approval), `distrusted`, `removed` or\n"
        "`expired` (with the metadata). DAYS-LEFT is of the certificate, whose end warns and refuses nothing.",
    .example = "usher idp list -c usher.yaml",
    .options = list_options,
    .noptions = sizeof list_options / sizeof *list_options,
    .run = run_list,
};

/* --- what the others share -------------------------------------------------------------------------------------------
 */

struct session {
    struct config *config;
    struct store *store;
    size_t idp;
};

static void session_close(struct session *s)
{
    open_close(s->store, s->config);
}

/* -1 to go on, or the exit code: then nothing is open. `want` operands, the first of which is the name. */
static int session_open(const struct cli_command *c, int argc, char **argv, struct options *o, int want,
                        struct session *s)
{
    const struct config_idp *idp;
    int operands, rc = cli_parse(c, argc, argv, o, &operands);

    if (rc >= 0)
        return rc;
    if (operands != want)
        return cli_usage_error(c, "wanted: %s", c->arguments);
    log_set_level(LOG_LEVEL_ERROR); /* this command says itself what happened */
    s->store = open_both(c, o->config, &s->config);
    if (s->store) {
        idp = config_idp(s->config, argv[0]);
        if (idp) {
            s->idp = (size_t)(idp - s->config->idps);
            return -1;
        }
        fprintf(stderr, "usher %s: there is no idps.%s in the configuration\n", c->name, argv[0]);
    }
    session_close(s);
    return CLI_FAILED;
}

static void print_keys(const char *what, const struct saml_trust *t, const struct saml_trust *except)
{
    for (size_t i = 0; i < t->nkeys; i++) {
        const struct saml_key *k = &t->keys[i];
        char hex[2 * STORE_KEY_BYTES + 1], until[TIME_TEXT_SIZE];

        if (except && idp_has_key(except, k->sha256))
            continue;
        hex_encode(hex, k->sha256, STORE_KEY_BYTES);
        show_time(k->not_after, "-", until);
        printf("%s %s %s %u, certificate until %s, %s\n", what, hex, k->type == SAML_KEY_RSA ? "RSA" : "EC", k->bits,
               until, k->subject[0] ? k->subject : "-");
    }
}

/* --- test ------------------------------------------------------------------------------------------------------------
 */

static const char *verdict_text(enum idp_verdict v)
{
    switch (v) {
    case IDP_VERDICT_FIRST: return "would be the first from this URL, taken on the word of TLS";
    case IDP_VERDICT_SAME: return "the keys in force";
    case IDP_VERDICT_CHANGED: return "would replace the keys in force, as they have one in common";
    case IDP_VERDICT_WAIT: break;
    }
    return "would wait for `usher idp approve`: another entity, or no key in common with those in force";
}

static int test_document(const struct cli_command *c, const struct session *s, struct slice document)
{
    const struct config_idp *idp = &s->config->idps[s->idp];
    enum idp_verdict verdict;
    struct err e = ERR_INIT;
    struct saml_trust found;
    struct view v;

    if (idp_document_read(idp, document, clock_now(), &found, &e) != 0) {
        (void)cli_fail(c, &e);
        return CLI_REFUSED;
    }
    if (view_load(idp, s->store, &v, &e) != 0) {
        saml_trust_free(&found);
        return cli_fail(c, &e);
    }
    verdict = idp_document_judge(idp, &v.stored, &v.announced, &v.rows, &found);
    printf("entity   %s\nsign-on  %s\nlogout   %s\n", found.issuer, found.sso_redirect,
           found.slo_redirect ? found.slo_redirect
           : found.slo_post   ? found.slo_post
                              : "-");
    print_keys("key     ", &found, NULL);
    print_keys("gone    ", &v.announced, &found);
    printf("verdict  %s\n", verdict_text(verdict));
    view_free(&v);
    saml_trust_free(&found);
    return verdict == IDP_VERDICT_WAIT ? CLI_REFUSED : CLI_OK;
}

static int run_test(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct session s;
    struct slice fetched, document;
    struct err e = ERR_INIT;
    struct arena a;
    int rc = session_open(c, argc, argv, &o, 1, &s);

    if (rc >= 0)
        return rc;
    arena_init(&a, 8 * (size_t)STORE_DOCUMENT_MAX);
    if (!s.config->idps[s.idp].metadata_is_url) { /* reading it was part of reading the configuration */
        printf("entity   %s\nsign-on  %s\n", s.config->idps[s.idp].trust.issuer,
               s.config->idps[s.idp].trust.sso_redirect);
        print_keys("key     ", &s.config->idps[s.idp].trust, NULL);
        rc = CLI_OK;
    } else if (idp_document_fetch(&s.config->idps[s.idp], NULL, &a, &fetched, &e) != 0) {
        rc = cli_fail(c, &e);
    } else if (idp_document_canonical(&s.config->idps[s.idp], fetched, &a, &document, &e) != 0) {
        (void)cli_fail(c, &e);
        rc = err_class_of(e.code) == ERR_CLASS_BUG ? CLI_FAILED : CLI_REFUSED;
    } else {
        rc = test_document(c, &s, document);
    }
    arena_free(&a);
    session_close(&s);
    return rc;
}

static const struct cli_option name_options[] = {OPEN_CONFIG_OPTION(struct options)};
const struct cli_command cli_idp_test = {
    .name = "idp test",
    .arguments = "NAME",
    .summary = "Fetch and read an identity provider's metadata, and store nothing.",
    .notes = "exit 0: it would be in force; 1: it would be refused, or wait for approval; 2: it could not be fetched.",
    .example = "usher idp test -c usher.yaml entra",
    .options = name_options,
    .noptions = 1,
    .run = run_test,
};

/* --- refresh, approve ------------------------------------------------------------------------------------------------
 */

/* The keys in force and what waits, as the store has them now. */
static int print_state(const struct cli_command *c, const struct session *s)
{
    struct err e = ERR_INIT;
    struct view v;
    int rc = CLI_OK;

    if (view_load(&s->config->idps[s->idp], s->store, &v, &e) != 0)
        return cli_fail(c, &e);
    for (size_t i = v.announced.nkeys; i-- > 0;) {
        if (idp_key_is_distrusted(&v.rows, v.announced.keys[i].sha256))
            saml_trust_drop_key(&v.announced, i);
    }
    print_keys("in force", &v.announced, NULL);
    if (v.waiting.issuer) {
        print_keys("pending ", &v.waiting, NULL);
        printf("no key in common with those in force, or another entity (%s): `usher idp approve` takes it\n",
               v.waiting.issuer);
        rc = CLI_REFUSED;
    }
    view_free(&v);
    return rc;
}

static int run_refresh(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct idp_keys *keys = NULL;
    struct session s;
    struct err e = ERR_INIT;
    int rc = session_open(c, argc, argv, &o, 1, &s);

    if (rc >= 0)
        return rc;
    if (idp_keys_new(s.config, s.store, &keys, &e) != 0 || idp_keys_refresh(keys, s.idp, clock_now(), &e) != 0)
        rc = cli_fail(c, &e);
    else
        rc = print_state(c, &s);
    idp_keys_free(keys);
    session_close(&s);
    return rc;
}

const struct cli_command cli_idp_refresh = {
    .name = "idp refresh",
    .arguments = "NAME",
    .summary = "Fetch an identity provider's metadata now.",
    .notes = "exit 0: it is in force; 1: it waits for approval; 2: it could not be fetched, or is refused.",
    .example = "usher idp refresh -c usher.yaml entra",
    .options = name_options,
    .noptions = 1,
    .run = run_refresh,
};

static int run_approve(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct idp_keys *keys = NULL;
    struct session s;
    struct err e = ERR_INIT;
    int rc = session_open(c, argc, argv, &o, 1, &s);

    if (rc >= 0)
        return rc;
    if (idp_keys_new(s.config, s.store, &keys, &e) != 0 ||
        idp_keys_approve(keys, s.idp, open_operator(), clock_now(), &e) != 0)
        rc = cli_fail(c, &e);
    else
        rc = print_state(c, &s);
    idp_keys_free(keys);
    session_close(&s);
    return rc;
}

const struct cli_command cli_idp_approve = {
    .name = "idp approve",
    .arguments = "NAME",
    .summary = "Take the metadata that waits, although no known key vouches for it.",
    .notes = "Compare its keys with the identity provider's own page first: `usher idp list` names them.",
    .example = "usher idp approve -c usher.yaml entra",
    .options = name_options,
    .noptions = 1,
    .run = run_approve,
};

/* --- distrust --------------------------------------------------------------------------------------------------------
 */

struct matches {
    char prefix[2 * STORE_KEY_BYTES + 1];
    unsigned char sha256[STORE_KEY_BYTES];
    size_t n;
};

static void match(struct matches *m, const unsigned char sha256[STORE_KEY_BYTES])
{
    char hex[2 * STORE_KEY_BYTES + 1];

    hex_encode(hex, sha256, STORE_KEY_BYTES);
    if (strncmp(hex, m->prefix, strlen(m->prefix)) != 0 ||
        (m->n > 0 && memcmp(m->sha256, sha256, STORE_KEY_BYTES) == 0))
        return;
    memcpy(m->sha256, sha256, STORE_KEY_BYTES);
    m->n++;
}

/* Which key the prefix names. A whole name may be of a key that was never seen here. */
static int find_key(const struct view *v, const char *prefix, unsigned char ret[STORE_KEY_BYTES], struct err *e)
{
    struct matches m = {.n = 0};
    size_t n = strlen(prefix);

    if (n < PREFIX_MIN || n > 2 * STORE_KEY_BYTES)
        return err_set(e, ERR_USAGE, "a key is named by %d to %d hexadecimal digits", PREFIX_MIN, 2 * STORE_KEY_BYTES);
    for (size_t i = 0; i < n; i++) {
        m.prefix[i] = ascii_lower(prefix[i]);
        if (ascii_hex_value(m.prefix[i]) < 0)
            return err_set(e, ERR_USAGE, "'%s' is not hexadecimal", prefix);
    }
    for (size_t i = 0; i < v->announced.nkeys; i++)
        match(&m, v->announced.keys[i].sha256);
    for (size_t i = 0; i < v->waiting.nkeys; i++)
        match(&m, v->waiting.keys[i].sha256);
    for (size_t i = 0; i < v->rows.n; i++)
        match(&m, v->rows.v[i].sha256);
    if (m.n > 1)
        return err_set(e, ERR_USAGE, "'%s' names more than one key; give more digits", prefix);
    if (m.n == 0 && n < 2 * STORE_KEY_BYTES)
        return err_set(e, ERR_USAGE, "no known key of idps.%s begins with '%s'; see `usher idp list`", v->idp->name,
                       prefix);
    for (size_t i = 0; m.n == 0 && i < STORE_KEY_BYTES; i++)
        m.sha256[i] = (unsigned char)(ascii_hex_value(m.prefix[2 * i]) << 4 | ascii_hex_value(m.prefix[2 * i + 1]));
    memcpy(ret, m.sha256, STORE_KEY_BYTES);
    return 0;
}

static int distrust(const struct cli_command *c, const struct session *s, const char *prefix, const char *reason)
{
    const struct config_idp *idp = &s->config->idps[s->idp];
    unsigned char sha256[STORE_KEY_BYTES];
    char hex[2 * STORE_KEY_BYTES + 1], detail[512];
    struct err e = ERR_INIT;
    struct event ev;
    struct view v;
    size_t ended = 0;
    int rc;

    if (view_load(idp, s->store, &v, &e) != 0)
        return cli_fail(c, &e);
    rc = find_key(&v, prefix, sha256, &e);
    view_free(&v);
    if (rc != 0)
        return cli_fail(c, &e);
    hex_encode(hex, sha256, sizeof sha256);
    (void)snprintf(detail, sizeof detail, "%s: %.300s", hex, reason);
    open_event(&ev, "idp.key-distrusted", NULL, detail);
    (void)str_copy(ev.idp, sizeof ev.idp, slice_of(idp->name));
    if (store_idp_distrust(s->store, idp->name, sha256, reason, clock_now(), &ev, &ended, &e) != 0)
        return cli_fail(c, &e);
    printf("key %s of %s never counts again; %zu session%s ended\n", hex, idp->name, ended, ended == 1 ? "" : "s");
    return CLI_OK;
}

static int run_distrust(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct session s;
    int rc = session_open(c, argc, argv, &o, 2, &s);

    if (rc >= 0)
        return rc;
    rc = o.reason && o.reason[0] ? distrust(c, &s, argv[1], o.reason)
                                 : cli_usage_error(c, "--reason is missing: why nobody must believe this key again");
    session_close(&s);
    return rc;
}

static const struct cli_option distrust_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"reason", 0, CLI_STRING, offsetof(struct options, reason), "TEXT", "why; kept, and shown by `idp list`"},
};
const struct cli_command cli_idp_distrust = {
    .name = "idp distrust",
    .arguments = "NAME KEY-PREFIX",
    .summary = "Never believe a signing key again, and end the sessions that it opened.",
    .notes = "KEY-PREFIX: the first digits of the key as `idp list` shows it, at least 8. There is no way back: the\n"
             "identity provider needs a new key.",
    .example = "usher idp distrust -c usher.yaml entra 5be11c09d2 --reason 'stolen, incident 4711'",
    .options = distrust_options,
    .noptions = sizeof distrust_options / sizeof *distrust_options,
    .run = run_distrust,
};
