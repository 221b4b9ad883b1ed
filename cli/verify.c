/*
 * verify.c - `usher verify`: judges one Response file with the same code and the same worker as the daemon.
 *
 * Nothing of an identity reaches standard output unless the verdict is "accepted" (or the signature alone was asked
 * for).
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/replay.h"
#include "cli/report.h"
#include "cli/worker.h"
#include "saml/judge.h"

#define INPUT_MAX (8 * 1024 * 1024) /* 1 MiB of XML as base64 in a percent-encoded form, with room */
#define TRUST_FILE_MAX (16 * 1024 * 1024)

struct options {
    struct cli_list trust, decrypt_key, email_domain, allow;
    const char *issuer, *acs, *audience, *request_id, *now, *skew, *email_from, *replay, *format;
    bool unsolicited, signature_only;
};

/* clang-format off */
static const struct cli_option options[] = {
    {"trust", 0, CLI_LIST, offsetof(struct options, trust), "FILE", "IdP metadata, or PEM with one or more certificates"},
    {"issuer", 0, CLI_STRING, offsetof(struct options, issuer), "ID", "the IdP's entity ID; needed when trust is PEM"},
    {"acs", 0, CLI_STRING, offsetof(struct options, acs), "URL", "this assertion consumer service (Entra: Reply URL)"},
    {"audience", 0, CLI_STRING, offsetof(struct options, audience), "ID", "this service provider (Entra: Identifier)"},
    {"request-id", 0, CLI_STRING, offsetof(struct options, request_id), "ID", "ID of the AuthnRequest that is answered"},
    {"unsolicited", 0, CLI_FLAG, offsetof(struct options, unsolicited), NULL, "no request was sent: InResponseTo must be absent"},
    {"now", 0, CLI_STRING, offsetof(struct options, now), "TIME", "RFC 3339, seconds, or 'issued': judge at the signed IssueInstant"},
    {"skew", 0, CLI_STRING, offsetof(struct options, skew), "SECONDS", "clock allowance, 0 to 300; 60 unless given"},
    {"decrypt-key", 0, CLI_LIST, offsetof(struct options, decrypt_key), "FILE", "PEM private key of the service provider; for encrypted assertions"},
    {"email-from", 0, CLI_STRING, offsetof(struct options, email_from), "SOURCE", "'nameid' or an attribute name; Entra's emailaddress claim unless given"},
    {"email-domain", 0, CLI_LIST, offsetof(struct options, email_domain), "DOMAIN", "a domain this IdP may speak for"},
    {"replay", 0, CLI_STRING, offsetof(struct options, replay), "FILE", "remember accepted assertion IDs here, refuse one seen before"},
    {"allow", 0, CLI_LIST, offsetof(struct options, allow), "NAME", "a named exception: sha1, rsa1024, rsa15"},
    {"signature-only", 0, CLI_FLAG, offsetof(struct options, signature_only), NULL, "check signatures, no conditions"},
    {"format", 0, CLI_STRING, offsetof(struct options, format), "text|json", "text unless given"},
};
/* clang-format on */

struct job {
    struct options o;
    struct saml_trust trust;
    struct saml_sp_keys keys;
    struct saml_expect expect;
    struct report report;
    char domains[CLI_LIST_MAX][DOMAIN_MAX + 1];
    const char *domain_list[CLI_LIST_MAX];
    unsigned allow;
    bool json;
};

/* Collects every complaint about the command line, so that all missing options are named at once. */
static bool check_required(const struct cli_command *c, const struct options *o, bool issuer_known)
{
    bool ok = true;

#define NEED(condition, what)                                        \
    do {                                                             \
        if (!(condition)) {                                          \
            fprintf(stderr, "usher %s: usage: %s\n", c->name, what); \
            ok = false;                                              \
        }                                                            \
    } while (0)
    NEED(o->trust.n > 0, "--trust is missing: whose signature is to be believed");
    if (!o->signature_only) {
        NEED(o->acs, "--acs is missing: the URL the Response was posted to");
        NEED(o->audience, "--audience is missing: the entity ID of the service provider");
        NEED(o->request_id || o->unsolicited, "--request-id ID or --unsolicited is missing");
        NEED(o->trust.n == 0 || issuer_known,
             "--issuer is missing: trust in PEM form does not name the identity provider");
    }
    NEED(!o->request_id || !o->unsolicited, "--request-id and --unsolicited exclude each other");
    NEED(!o->format || strcmp(o->format, "text") == 0 || strcmp(o->format, "json") == 0, "--format is text or json");
#undef NEED
    return ok;
}

/* --issuer picks from an aggregate; metadata of one entity is that entity's, whatever is expected: see check_issuer().
 */
static int add_trust(struct saml_trust *t, struct slice content, const char *issuer, struct err *e)
{
    struct err single = ERR_INIT;

    if (saml_trust_add_file(t, content, NULL, &single) == 0)
        return 0;
    if (issuer && single.code == ERR_METADATA)
        return saml_trust_add_file(t, content, issuer, e);
    *e = single;
    return -1;
}

static int load_trust(struct job *j, struct err *e)
{
    for (size_t i = 0; i < j->o.trust.n; i++) {
        struct buf content;
        int r;

        buf_init(&content, TRUST_FILE_MAX);
        r = cli_read_file(j->o.trust.v[i], &content, e);
        if (r == 0)
            r = add_trust(&j->trust, buf_slice(&content), j->o.issuer, e);
        buf_free(&content);
        if (r != 0)
            return err_wrap(e, "--trust %s", j->o.trust.v[i]);
    }
    return 0;
}

static int parse_lists(struct job *j, struct err *e)
{
    const struct options *o = &j->o;

    for (size_t i = 0; i < o->allow.n; i++) {
        unsigned flag = saml_allow_by_name(slice_of(o->allow.v[i]));

        if (!flag)
            return err_set(e, ERR_USAGE, "--allow '%s' is unknown; sha1, rsa1024 or rsa15", o->allow.v[i]);
        j->allow |= flag;
    }
    for (size_t i = 0; i < o->email_domain.n; i++) {
        if (domain_parse(slice_of(o->email_domain.v[i]), false, j->domains[i], e) != 0)
            return err_wrap(e, "--email-domain %s", o->email_domain.v[i]);
        j->domain_list[i] = j->domains[i];
    }
    for (size_t i = 0; i < o->decrypt_key.n; i++) {
        struct buf key;
        int r;

        buf_init(&key, 1024 * 1024);
        r = cli_read_file(o->decrypt_key.v[i], &key, e);
        if (r == 0)
            r = saml_sp_keys_add_pem(&j->keys, buf_slice(&key), false, e);
        buf_free_secret(&key);
        if (r != 0)
            return err_wrap(e, "--decrypt-key %s", o->decrypt_key.v[i]);
    }
    return 0;
}

static int parse_times(struct job *j, struct err *e)
{
    const struct options *o = &j->o;
    uint64_t skew = SAML_SKEW_DEFAULT;

    j->expect.now = clock_now();
    j->report.now_is_issued = o->now && strcmp(o->now, "issued") == 0;
    if (o->now && !j->report.now_is_issued && time_parse_lenient(slice_of(o->now), &j->expect.now, e) != 0)
        return err_wrap(e, "--now");
    if (o->skew && !str_to_u64(slice_of(o->skew), SAML_SKEW_MAX, &skew))
        return err_set(e, ERR_USAGE, "--skew '%s': a number of seconds from 0 to %d", o->skew, SAML_SKEW_MAX);
    j->expect.skew = (int64_t)skew;
    return 0;
}

static void fill_expect(struct job *j)
{
    struct saml_expect *x = &j->expect;

    x->issuer = slice_of(j->o.issuer ? j->o.issuer : j->trust.issuer);
    x->acs = slice_of(j->o.acs);
    x->audience = slice_of(j->o.audience);
    x->request_id = slice_of(j->o.request_id);
    x->unsolicited = j->o.unsolicited;
    x->email_from = slice_of(j->o.email_from ? j->o.email_from : SAML_CLAIM_EMAIL);
    x->email_domains = j->domain_list;
    x->nemail_domains = j->o.email_domain.n;
}

/* Keys count for the entity whose metadata names them, and for no other. */
static int check_issuer(const struct job *j, struct err *e)
{
    if (j->o.issuer && j->trust.issuer && strcmp(j->o.issuer, j->trust.issuer) != 0)
        return err_mismatch(e, ERR_ISSUER, j->trust.issuer, j->o.issuer,
                            "the metadata is of another issuer than --issuer");
    return 0;
}

/* The worker finds the signed bytes, this process checks and reads them. */
static int judge_signature(struct job *j, struct slice xml, struct arena *a, struct saml_verdict *v, struct err *e)
{
    const struct saml_trust *one = &j->trust;
    struct saml_signed *found = arena_alloc(a, sizeof *found); /* the verdict borrows from it */
    struct trusts *trusts = NULL;
    struct worker *w = NULL;
    int rc = -1;

    j->trust.allow = j->allow;
    trusts = trusts_borrow(&one, 1);
    if (!found || !trusts)
        (void)err_set(e, ERR_MEMORY, "no memory for a verdict");
    else if (cli_worker_open(&w, e) == 0 && cli_worker_judge(w, trusts, &j->keys, xml, a, found, e) == 0)
        rc = saml_judge_signed_only(found, &j->trust, &j->keys, j->allow, a, v, e);
    worker_free(w);
    trusts_unref(trusts);
    return rc;
}

static int judge(struct job *j, struct slice content, struct arena *a, struct saml_verdict *v, struct err *e)
{
    struct slice xml;

    if (check_issuer(j, e) != 0 || saml_unwrap_file(content, a, &xml, e) != 0 || judge_signature(j, xml, a, v, e) != 0)
        return -1;
    if (j->o.signature_only || j->report.now_is_issued)
        j->expect.now = v->assertion.issue_instant;
    if (!j->o.signature_only && saml_judge_conditions(&j->expect, v, e) != 0)
        return -1;
    if (!j->o.signature_only && j->o.replay)
        return replay_remember(j->o.replay, v->assertion.issuer, v->assertion.id, v->valid_until, e);
    return 0;
}

static int run_job(const struct cli_command *c, struct job *j, const char *file)
{
    struct err e = ERR_INIT;
    struct saml_verdict verdict = {0};
    struct arena a;
    struct buf content;
    int rc = CLI_FAILED;

    arena_init(&a, 2 * SAML_ARENA_MAX);
    buf_init(&content, INPUT_MAX);
    if (cli_read_file(file, &content, &e) != 0 && e.code == ERR_IO) {
        rc = cli_fail(c, &e);
        goto out;
    }
    j->report.allow = j->allow;
    j->report.signature_only = j->o.signature_only;
    if (e.code != ERR_NONE || judge(j, buf_slice(&content), &a, &verdict, &e) != 0) {
        if (e.code == ERR_IO || err_class_of(e.code) == ERR_CLASS_BUG) { /* nothing was judged */
            rc = cli_fail(c, &e);
            goto out;
        }
        report_refused(j->json, &e);
        rc = CLI_REFUSED;
        goto out;
    }
    j->report.now = j->expect.now;
    rc = report_accepted(&j->report, j->json, &verdict) ? CLI_OK : CLI_FAILED;
out:
    buf_free(&content);
    arena_free(&a);
    return rc;
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct job *j = calloc(1, sizeof *j);
    struct err e = ERR_INIT;
    int operands = 0, rc;

    if (!j)
        return CLI_FAILED;
    saml_trust_init(&j->trust);
    rc = cli_parse(c, argc, argv, &j->o, &operands);
    if (rc >= 0)
        goto out;
    rc = CLI_FAILED;
    if (operands != 1) {
        (void)cli_usage_error(c, "one FILE is wanted ('-' for standard input), %d given", operands);
        goto out;
    }
    if (load_trust(j, &e) != 0 || parse_lists(j, &e) != 0 || parse_times(j, &e) != 0) {
        rc = cli_fail(c, &e);
        goto out;
    }
    if (!check_required(c, &j->o, j->o.issuer || j->trust.issuer)) {
        fprintf(stderr, "Try 'usher %s --help'.\n", c->name);
        goto out;
    }
    j->json = j->o.format && strcmp(j->o.format, "json") == 0;
    fill_expect(j);
    rc = run_job(c, j, argv[0]);
out:
    saml_trust_free(&j->trust);
    saml_sp_keys_free(&j->keys);
    free(j);
    return rc;
}

const struct cli_command cli_verify = {
    .name = "verify",
    .arguments = "FILE|-",
    .summary = "Judge a SAML Response: who signed what, and is it for us, now?",
    .notes = "FILE holds XML, base64, or a form body with SAMLResponse=.\n"
             "--acs, --audience, one of --request-id and --unsolicited, and --issuer for PEM trust are required,\n"
             "unless --signature-only. exit 0 accepted, 1 refused (reason on standard error), 2 could not run.",
    .example = "usher verify --trust idp-metadata.xml --acs https://login.example.com/saml/acs \\\n"
               "    --audience https://login.example.com/saml/metadata --request-id id4f0c... response.xml",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
