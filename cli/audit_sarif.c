/*
 * audit_sarif.c - the SARIF 2.1.0 printer of audit_report.h.
 *
 * Written as a stream, one result a line, since a log of a hundred thousand documents does not fit in memory twice. The
 * rules are known beforehand: refusals by error code, attacks by name.
 */
#include "cli/audit_report.h"

#include <inttypes.h>

#include <openssl/sha.h>

#include "base/encode.h"
#include "cli/audit_attack.h"
#include "cli/cli.h"
#include "cli/json.h"

static void print(json_t *j)
{
    if (j)
        (void)json_dumpf(j, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(j);
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *id, *text;
} own_rules[] = {
    {"untrusted-key",
     "The signature holds with the key that the message brings along, and with no trusted one. Whoever "
     "makes a key can make such a message."},
    {"no-key", "There is no trusted key to judge the signature with, and the message brings none along."},
    {"key-expired", "The certificate of the signing key had expired."},
};

static void print_rule(const char *id, const char *text, bool first)
{
    (void)fputs(first ? "\n" : ",\n", stdout);
    print(json_pack("{s:s, s:{s:s}}", "id", id, "fullDescription", "text", text));
}

/* Codes that a document can be refused with. */
static bool is_rule(enum err_code code)
{
    return (code >= ERR_XML_SIZE && code <= ERR_LOGOUT) || code == ERR_ENCODING || code == ERR_LIMIT ||
           code == ERR_MEMORY || code == ERR_INTERNAL || code == ERR_WIRE || code == ERR_WORKER;
}

void audit_sarif_begin(void)
{
    bool first = true;
    char id[64];

    (void)fputs("{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{"
                "\"tool\":{\"driver\":{\"name\":\"usher audit\",\"version\":\"" USHER_VERSION "\",\"rules\":[",
                stdout);
    for (int code = 1; code < ERR_CODE_COUNT; code++) {
        if (is_rule((enum err_code)code)) {
            print_rule(err_name((enum err_code)code), err_admin_text((enum err_code)code), first);
            first = false;
        }
    }
    for (size_t i = 0; i < sizeof own_rules / sizeof *own_rules; i++)
        print_rule(own_rules[i].id, own_rules[i].text, false);
    for (size_t i = 0; i < audit_attacks_n; i++) {
        (void)snprintf(id, sizeof id, "attack/%s", audit_attacks[i].name);
        print_rule(id, audit_attacks[i].text, false);
    }
    (void)fputs("\n]}},\"results\":[", stdout);
}

void audit_sarif_end(bool complete)
{
    printf("\n],\"invocations\":[{\"executionSuccessful\":%s}]}]}\n", complete ? "true" : "false");
}

/* --- results ----------------------------------------------------------------------------------------------------- */

/* A file name as a relative reference, or file: if it is absolute. */
static void print_uri(const char *file, struct buf *out)
{
    struct slice rest = slice_of(strcmp(file, "-") == 0 ? "stdin" : file), part;
    bool first = true;

    if (file[0] == '/')
        buf_add_str(out, "file://");
    while (slice_split(&rest, '/', &part)) {
        if (!first)
            buf_add_char(out, '/');
        first = false;
        percent_encode(out, part);
    }
}

static json_t *location(const struct audit_document *d)
{
    struct buf uri;
    json_t *l;

    buf_init(&uri, 65536);
    print_uri(d->file, &uri);
    l = json_pack("{s:{s:{s:s}, s:{s:I, s:I}}}", "physicalLocation", "artifactLocation", "uri", buf_cstr(&uri),
                  "region", "startLine", (json_int_t)d->line, "byteOffset", (json_int_t)d->offset);
    if (l && d->path[0])
        (void)json_object_set_new(l, "logicalLocations",
                                  json_pack("[{s:o}]", "fullyQualifiedName", audit_json_text(slice_of(d->path))));
    buf_free(&uri);
    return l;
}

static void result(struct audit_report *p, const struct audit_document *d, const char *rule, const char *level,
                   const char *text)
{
    unsigned char sha256[32];
    char hex[65];

    (void)SHA256((const unsigned char *)buf_cstr(&d->xml), d->xml.len, sha256);
    hex_encode(hex, sha256, sizeof sha256);
    (void)fputs(p->any_result ? ",\n" : "\n", stdout);
    p->any_result = true;
    print(json_pack("{s:s, s:s, s:{s:o}, s:[o], s:{s:s}, s:{s:I}}", "ruleId", rule, "level", level, "message", "text",
                    audit_json_text(slice_of(text)), "locations", location(d), "partialFingerprints",
                    "messageSha256/v1", hex, "properties", "document", (json_int_t)d->number));
}

static void describe(const struct audit_result *r, const struct err *e, struct buf *out)
{
    buf_add_slice(out, r->inspected ? r->in.root : SLICE("document"));
    if (r->in.issuer.n || r->in.assertion_issuer.n) {
        buf_add_str(out, " of ");
        cli_text(out, r->in.issuer.n ? r->in.issuer : r->in.assertion_issuer);
    }
    if (e && e->code != ERR_NONE) {
        buf_printf(out, ": %s%s%s", e->at, e->at[0] ? ": " : "", e->msg);
        if (e->found[0])
            buf_printf(out, "; found: %s", e->found);
        if (e->expected[0])
            buf_printf(out, "; expected: %s", e->expected);
    }
}

static const char *signature_rule(const struct audit_result *r)
{
    if (r->verdict == AUDIT_UNTRUSTED)
        return "untrusted-key";
    return r->verdict == AUDIT_NOT_JUDGED ? "no-key" : err_name(r->why.code);
}

void audit_sarif_document(struct audit_report *p, const struct audit_document *d, const struct audit_result *r)
{
    struct buf text;
    char rule[64];

    buf_init(&text, 65536);
    describe(r, &r->why, &text);
    if (r->finding)
        result(p, d, signature_rule(r), "error", buf_cstr(&text));
    for (size_t i = 0; i < audit_attacks_n; i++) {
        if (!(r->attacks >> i & 1))
            continue;
        (void)snprintf(rule, sizeof rule, "attack/%s", audit_attacks[i].name);
        result(p, d, rule, r->finding ? "error" : "warning", audit_attacks[i].text);
    }
    if (r->conditions == AUDIT_CONDITIONS_REFUSED) {
        buf_reset(&text);
        describe(r, &r->conditions_why, &text);
        result(p, d, err_name(r->conditions_why.code), "warning", buf_cstr(&text));
    }
    for (size_t i = 0; i < r->nsigned; i++) {
        if (r->signed_by[i].key.expired) {
            buf_reset(&text);
            buf_printf(&text, "The certificate %s of the signing key had expired.", r->signed_by[i].key.subject);
            result(p, d, "key-expired", "note", buf_cstr(&text));
            break;
        }
    }
    buf_free(&text);
}
