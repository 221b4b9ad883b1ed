/*
 * audit.c - `usher audit`: judges every SAML message in files, folders, captures and logs.
 *
 * The main thread searches and prints, in the order of what it finds; the threads of audit_pool judge, each by a
 * usher-worker. Standard output
 * holds the report alone; what could not be read, progress and, but for the table, the summary go to standard error.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/audit_attack.h"
#include "cli/audit_pool.h"
#include "cli/audit_report.h"
#include "cli/audit_seen.h"
#include "cli/replay.h"

#define PROGRESS_MS 200

struct options {
    struct judge_options judge;
};

static const struct cli_option options[] = {
    JUDGE_OPTION_ROWS(struct options, judge,
                      "RFC 3339, seconds, or 'issued' (as unless given): each at its IssueInstant", "text|jsonl|sarif"),
};

struct audit {
    const struct cli_command *command;
    struct options o;
    struct judge_setup setup;
    struct audit_report report;
    struct audit_source source;
    struct audit_seen seen;
    struct audit_pool *pool;
    uint64_t found, printed, verdicts[AUDIT_VALID + 1], conditions_refused, resembling, findings;
    int64_t progress_at;
    bool progress, progress_shown, missed;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

/* --- progress ---------------------------------------------------------------------------------------------------- */

static void clear_progress(struct audit *a)
{
    if (a->progress_shown)
        (void)fputs("\r\033[K", stderr);
    a->progress_shown = false;
}

static void show_progress(struct audit *a)
{
    int64_t now = a->progress ? clock_mono_ms() : 0;

    if (!a->progress || now - a->progress_at < PROGRESS_MS)
        return;
    a->progress_at = now;
    a->progress_shown = true;
    fprintf(stderr, "\r\033[K%" PRIu64 " files, %" PRIu64 " MiB, %" PRIu64 " documents, %" PRIu64 " findings",
            a->source.files, a->source.bytes >> 20, a->found, a->findings);
    (void)fflush(stderr);
}

/* --- from search to report --------------------------------------------------------------------------------------- */

static bool stop(void *arg)
{
    show_progress(arg);
    return interrupted || ferror(stdout);
}

static void notice(void *arg, const char *file, const char *text, bool missed)
{
    struct audit *a = arg;
    struct buf name;

    buf_init(&name, 65536);
    cli_text(&name, slice_of(file));
    clear_progress(a);
    fprintf(stderr, "usher audit: %s: %s\n", buf_cstr(&name), text);
    buf_free(&name);
    a->missed = a->missed || missed;
}

/* Of the redirect binding: a parameter of this name. */
static bool has_signature(struct slice query)
{
    struct slice part;

    while (slice_split(&query, '&', &part)) {
        if (slice_starts(part, SLICE("Signature=")))
            return true;
    }
    return false;
}

/* Into the ring; the copy is what travels. */
static int found(void *arg, const struct audit_found *f, const struct audit_place *place)
{
    struct audit *a = arg;
    struct audit_document *d = calloc(1, sizeof *d);

    if (!d || !(d->file = strdup(place->file)))
        goto fail;
    d->number = ++a->found;
    d->line = place->line;
    d->offset = place->offset;
    d->entry = place->entry;
    d->form = f->form;
    (void)str_copy(d->path, sizeof d->path, slice_of(place->path));
    d->query_signed = has_signature(f->query);
    buf_init(&d->xml, SAML_XML_MAX);
    if (f->why)
        d->undecodable = *f->why;
    else if (f->xml.n > SAML_XML_MAX)
        (void)err_set(&d->undecodable, ERR_XML_SIZE, "%zu octets, more than %d", f->xml.n, SAML_XML_MAX);
    else
        buf_add_slice(&d->xml, f->xml);
    if (buf_failed(&d->xml))
        goto fail;
    audit_pool_add(a->pool, d);
    show_progress(a);
    return stop(a);
fail:
    audit_document_free(d);
    return -1;
}

/*
 * One that comes again, in the order in which documents were found. A page that is about to post one is not its
 * delivery. Unsigned names will do: who sends a copy of an assertion seldom changes them.
 */
static void look_for_replay(struct audit *a, const struct audit_document *d, struct audit_result *r)
{
    struct slice id = r->nsigned ? r->signed_id : r->in.assertion_id,
                 issuer = r->nsigned ? r->signed_issuer : r->in.assertion_issuer;
    const char *file = a->o.judge.replay;

    if (d->form == AUDIT_HTML || id.n == 0)
        return;
    r->first = audit_seen_add(&a->seen, issuer, id, d->number);
    if (file && r->conditions == AUDIT_CONDITIONS_MET &&
        replay_remember(file, issuer, id, r->valid_until, &r->conditions_why) != 0) {
        r->conditions = AUDIT_CONDITIONS_REFUSED;
        if (r->conditions_why.code != ERR_REPLAY)
            notice(a, file, r->conditions_why.msg, true);
    }
    if (r->first || r->conditions_why.code == ERR_REPLAY)
        r->attacks |= audit_attack_replay();
}

static void done(void *arg, const struct audit_document *d, struct audit_result *r)
{
    struct audit *a = arg;

    look_for_replay(a, d, r);
    a->printed++;
    a->verdicts[r->verdict]++;
    a->findings += r->finding;
    a->conditions_refused += r->conditions == AUDIT_CONDITIONS_REFUSED;
    a->resembling += r->attacks != 0;
    clear_progress(a);
    audit_report_document(&a->report, d, r);
}

/* --- the run ----------------------------------------------------------------------------------------------------- */

static void summary(const struct audit *a)
{
    FILE *out = a->report.format == AUDIT_TABLE ? stdout : stderr;

    fprintf(out, "%s%" PRIu64 " documents in %" PRIu64 " files",
            a->report.format == AUDIT_TABLE && a->printed ? "\n" : "", a->printed, a->source.files);
    if (a->source.files_without)
        fprintf(out, " (%" PRIu64 " without any)", a->source.files_without);
    fprintf(out, "\nsignatures:");
    for (int v = AUDIT_VALID; v >= 0; v--)
        fprintf(out, " %" PRIu64 " %s%s", a->verdicts[v], audit_verdict_name((enum audit_verdict)v), v ? "," : "\n");
    fprintf(out, "%" PRIu64 " findings, %" PRIu64 " resemble a known attack", a->findings, a->resembling);
    if (a->conditions_refused)
        fprintf(out, ", conditions of %" PRIu64 " refused", a->conditions_refused);
    (void)fputc('\n', out);
    if (!a->report.any_trust)
        fprintf(out, "no --trust was given: no signature can be proven, and each counts as a finding\n");
    if (a->seen.full)
        fprintf(out, "not every assertion was remembered: a replay may have been missed\n");
    if (a->source.skipped)
        fprintf(out, "%" PRIu64 " links, devices or pipes in folders were passed over\n", a->source.skipped);
}

static size_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return n > 0 ? (size_t)n : 1;
}

static int search(struct audit *a, int npaths, char **paths, struct err *e)
{
    struct sigaction act = {.sa_handler = on_interrupt}, before;
    sigset_t interrupt, mask;
    int r = 0;

    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &interrupt, &mask); /* but while audit_source waits */
    (void)sigaction(SIGINT, &act, &before);
    a->source.waiting = &mask;
    for (int i = 0; i < npaths && r == 0 && !stop(a); i++)
        r = audit_source_run(&a->source, paths[i], e);
    if (r >= 0)
        audit_pool_drain(a->pool);
    (void)sigaction(SIGINT, &before, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return r < 0 ? -1 : 0;
}

static int audit(struct audit *a, int npaths, char **paths)
{
    struct audit_pool_options o = {.threads = cores(), .done = done, .arg = a};
    struct err e = ERR_INIT;
    bool complete;

    o.examiner.setup = &a->setup;
    o.examiner.with_conditions = a->o.judge.acs && !a->o.judge.signature_only;
    a->source.found = found;
    a->source.notice = notice;
    a->source.stop = stop;
    a->source.arg = a;
    a->report.any_trust = a->setup.ntrusts > 0;
    a->progress = isatty(STDERR_FILENO) == 1;
    if (audit_pool_new(&o, &a->pool, &e) != 0)
        return cli_fail(a->command, &e);
    if (!audit_report_begin(&a->report))
        return cli_usage_error(a->command, "no memory for the table");
    if (search(a, npaths, paths, &e) != 0) {
        (void)cli_fail(a->command, &e);
        a->missed = true;
    }
    complete = !interrupted && !a->missed && !ferror(stdout);
    clear_progress(a);
    audit_report_end(&a->report, complete);
    summary(a);
    if (interrupted)
        fprintf(stderr, "usher audit: interrupted: not everything was searched\n");
    return a->findings ? CLI_REFUSED : complete ? CLI_OK : CLI_FAILED;
}

/* --- the command line -------------------------------------------------------------------------------------------- */

static bool parse_format(const char *text, enum audit_format *ret)
{
    *ret = AUDIT_TABLE;
    if (!text || strcmp(text, "text") == 0)
        return true;
    *ret = strcmp(text, "jsonl") == 0 ? AUDIT_JSON_LINES : AUDIT_SARIF;
    return *ret == AUDIT_JSON_LINES || strcmp(text, "sarif") == 0;
}

static const char *contradiction(const struct judge_options *o, const struct judge_setup *s)
{
    bool conditions = o->acs && !o->signature_only;

    if (!o->acs != !o->audience)
        return "--acs and --audience belong together: conditions are judged with both or not at all";
    if (o->request_id && o->unsolicited)
        return "--request-id and --unsolicited exclude each other";
    if ((o->request_id || o->unsolicited || o->replay || o->email_domain.n) && !conditions)
        return "--request-id, --unsolicited, --replay and --email-domain are conditions: they need --acs and "
               "--audience";
    if (conditions && s->ntrusts == 0)
        return "--trust is missing: conditions of an assertion that nobody vouches for mean nothing";
    for (size_t i = 0; i < s->ntrusts; i++) {
        if (conditions && !s->trusts[i].issuer && !o->issuer)
            return "--issuer is missing: trust in PEM form does not name the identity provider";
    }
    return NULL;
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct audit *a = calloc(1, sizeof *a);
    struct err e = ERR_INIT;
    const char *wrong;
    int operands = 0, rc;

    if (!a)
        return CLI_FAILED;
    a->command = c;
    rc = cli_parse(c, argc, argv, &a->o, &operands);
    if (rc >= 0)
        goto out;
    rc = CLI_FAILED;
    if (operands < 1) {
        (void)cli_usage_error(c, "a PATH is wanted: files, folders, '-' for standard input");
        goto out;
    }
    if (!parse_format(a->o.judge.format, &a->report.format)) {
        (void)cli_usage_error(c, "--format is text, jsonl or sarif");
        goto out;
    }
    if (!a->o.judge.now)
        a->o.judge.now = "issued";
    if (judge_setup_init(&a->setup, &a->o.judge, true, &e) != 0) {
        rc = cli_fail(c, &e);
        goto out;
    }
    wrong = contradiction(&a->o.judge, &a->setup);
    rc = wrong ? cli_usage_error(c, "%s", wrong) : audit(a, operands, argv);
out:
    audit_pool_free(a->pool);
    audit_seen_free(&a->seen);
    judge_setup_free(&a->setup);
    free(a);
    return rc;
}

const struct cli_command cli_audit = {
    .name = "audit",
    .arguments = "PATH...",
    .summary = "Judge every SAML message in files, folders, HAR captures and logs",
    .notes =
        "PATH: a file, a folder with all that is in it, or '-' for standard input. Found in them are XML, base64,\n"
        "form bodies, redirect URLs, HTML forms and HAR entries; see docs/audit.md.\n"
        "Conditions are judged if --acs and --audience are given, any request will do unless one is named.\n"
        "exit 0 no signature finding, 1 any, 2 could not run or not all could be read.",
    .example = "usher audit --trust idp-metadata.xml login.har /var/log/nginx/",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
