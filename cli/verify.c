/*
 * verify.c - `usher verify`: judges one Response file with the same code and the same worker as the daemon.
 *
 * Nothing of an identity reaches standard output unless the verdict is "accepted" (or the signature alone was asked
 * for).
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "cli/judge_options.h"
#include "cli/replay.h"
#include "cli/report.h"
#include "cli/worker.h"

#define INPUT_MAX (8 * 1024 * 1024) /* 1 MiB of XML as base64 in a percent-encoded form, with room */

struct options {
    struct judge_options judge;
};

static const struct cli_option options[] = {
    JUDGE_OPTION_ROWS(struct options, judge, "RFC 3339, seconds, or 'issued': judge at the signed IssueInstant",
                      "text|json"),
};

struct job {
    struct options o;
    struct judge_setup setup;
    struct report report;
    bool json;
};

/* Collects every complaint about the command line, so that all missing options are named at once. */
static bool check_required(const struct cli_command *c, const struct judge_options *o, bool issuer_known)
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

/* The worker finds the signed bytes, this process checks and reads them. */
static int judge_signature(const struct job *j, struct slice xml, struct arena *a, struct saml_verdict *v,
                           struct err *e)
{
    const struct judge_setup *s = &j->setup;
    const struct saml_trust *one = &s->trusts[0];
    struct saml_signed *found = arena_alloc(a, sizeof *found); /* the verdict borrows from it */
    struct trusts *trusts = trusts_borrow(&one, 1);
    struct worker *w = NULL;
    int rc = -1;

    if (!found || !trusts)
        (void)err_set(e, ERR_MEMORY, "no memory for a verdict");
    else if (cli_worker_open(&w, e) == 0 && cli_worker_judge(w, trusts, &s->keys, xml, a, found, e) == 0)
        rc = saml_judge_signed_only(found, one, &s->keys, s->allow, a, v, e);
    worker_free(w);
    trusts_unref(trusts);
    return rc;
}

static int judge(struct job *j, struct slice content, struct arena *a, struct saml_verdict *v, struct err *e)
{
    const struct judge_options *o = &j->o.judge;
    const struct saml_trust *trust = &j->setup.trusts[0];
    struct slice xml;

    if (judge_check_issuer(o, trust, e) != 0 || saml_unwrap_file(content, a, &xml, e) != 0 ||
        judge_signature(j, xml, a, v, e) != 0)
        return -1;
    if (o->signature_only || j->setup.now_is_issued)
        j->setup.expect.now = v->assertion.issue_instant;
    if (!o->signature_only && saml_judge_conditions(&j->setup.expect, v, e) != 0)
        return -1;
    if (!o->signature_only && o->replay)
        return replay_remember(o->replay, v->assertion.issuer, v->assertion.id, v->valid_until, e);
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
    j->report.allow = j->setup.allow;
    j->report.now_is_issued = j->setup.now_is_issued;
    j->report.signature_only = j->o.judge.signature_only;
    if (e.code != ERR_NONE || judge(j, buf_slice(&content), &a, &verdict, &e) != 0) {
        if (e.code == ERR_IO || err_class_of(e.code) == ERR_CLASS_BUG) { /* nothing was judged */
            rc = cli_fail(c, &e);
            goto out;
        }
        report_refused(j->json, &e);
        rc = CLI_REFUSED;
        goto out;
    }
    j->report.now = j->setup.expect.now;
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
    rc = cli_parse(c, argc, argv, &j->o, &operands);
    if (rc >= 0)
        goto out;
    rc = CLI_FAILED;
    if (operands != 1) {
        (void)cli_usage_error(c, "one FILE is wanted ('-' for standard input), %d given", operands);
        goto out;
    }
    if (judge_setup_init(&j->setup, &j->o.judge, false, &e) != 0) {
        rc = cli_fail(c, &e);
        goto out;
    }
    if (!check_required(c, &j->o.judge, j->o.judge.issuer || j->setup.trusts[0].issuer)) {
        fprintf(stderr, "Try 'usher %s --help'.\n", c->name);
        goto out;
    }
    j->json = j->o.judge.format && strcmp(j->o.judge.format, "json") == 0;
    rc = run_job(c, j, argv[0]);
out:
    judge_setup_free(&j->setup);
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
