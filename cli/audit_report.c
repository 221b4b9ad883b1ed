/* audit_report.c - see audit_report.h. */
#include "cli/audit_report.h"

#include <inttypes.h>

#include "base/encode.h"
#include "cli/audit_attack.h"
#include "cli/json.h"
#include "cli/table.h"

#define ROWS 256 /* of the table, kept for the width of its columns */

void audit_place(struct buf *out, const struct audit_document *d)
{
    cli_text(out, slice_of(d->file));
    buf_printf(out, ":%" PRIu64, d->line);
    if (d->path[0]) {
        buf_add_str(out, " (");
        cli_text(out, slice_of(d->path));
        buf_add_char(out, ')');
    }
}

json_t *audit_json_text(struct slice s)
{
    struct buf text;
    json_t *t = json_stringn(s.p, s.n);

    if (t)
        return t;
    buf_init(&text, 65536);
    cli_text(&text, s);
    t = js(buf_slice(&text));
    buf_free(&text);
    return t;
}

/* --- table ------------------------------------------------------------------------------------------------------- */

static const char *element_name(enum saml_element what)
{
    return what == SAML_RESPONSE ? "Response" : "Assertion";
}

static void text_key(struct buf *out, const struct audit_key *k)
{
    char hex[65];

    hex_encode(hex, k->sha256, sizeof k->sha256);
    buf_printf(out, "%.16s%s%s%s%s", hex, k->subject[0] ? " " : "", k->subject, k->expired ? ", expired" : "",
               k->weak ? ", weak" : "");
}

/* Of what has verified, or, said so, of what the document claims. */
static void text_keys(struct buf *out, const struct audit_result *r)
{
    for (size_t i = 0; i < r->nsigned; i++) {
        buf_add_str(out, i ? "; " : "");
        text_key(out, &r->signed_by[i].key);
    }
    for (size_t i = 0; i < r->in.nsignatures && r->nsigned == 0; i++) {
        buf_add_str(out, i ? "; " : "claimed: ");
        if (r->claimed[i].known)
            text_key(out, &r->claimed[i]);
        else
            buf_add_str(out, "no certificate");
    }
    if (out->len == 0)
        buf_add_char(out, '-');
}

static void text_signature(struct buf *out, const struct audit_report *p, const struct audit_result *r)
{
    if (r->verdict == AUDIT_UNTRUSTED && !p->any_trust) {
        buf_add_str(out, "untrusted: self-signed claim, proves nothing");
        return;
    }
    buf_add_str(out, audit_verdict_name(r->verdict));
    for (size_t i = 0; i < r->nsigned; i++)
        buf_printf(out, "%s%s", i ? ", " : ": ", element_name(r->signed_by[i].what));
    if (r->why.code != ERR_NONE && r->verdict != AUDIT_UNSIGNED)
        buf_printf(out, " (%s)", err_name(r->why.code));
}

static const char *text_conditions(const struct audit_result *r)
{
    switch (r->conditions) {
    case AUDIT_CONDITIONS_NONE: return "-";
    case AUDIT_CONDITIONS_REFUSED: return err_name(r->conditions_why.code);
    case AUDIT_CONDITIONS_MET: return "met";
    }
    return "-";
}

static void text_attacks(struct buf *out, const struct audit_result *r)
{
    for (size_t i = 0; i < audit_attacks_n; i++) {
        if (r->attacks >> i & 1)
            buf_printf(out, "%s%s", out->len ? ", " : "", audit_attacks[i].name);
    }
    if (r->first)
        buf_printf(out, " of #%" PRIu64, r->first);
    if (out->len == 0)
        buf_add_char(out, '-');
}

static void table_document(struct audit_report *p, const struct audit_document *d, const struct audit_result *r)
{
    struct buf place, signature, keys, attacks, kind, issuer;
    struct slice from = r->in.issuer.n ? r->in.issuer : r->in.assertion_issuer;
    struct buf *all[] = {&place, &signature, &keys, &attacks, &kind, &issuer};
    char number[24];

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_init(all[i], 65536);
    (void)snprintf(number, sizeof number, "%" PRIu64, d->number);
    audit_place(&place, d);
    text_signature(&signature, p, r);
    text_keys(&keys, r);
    text_attacks(&attacks, r);
    buf_add_slice(&kind, r->inspected ? r->in.root : SLICE("-"));
    buf_add_slice(&issuer, from.n ? from : SLICE("-"));
    table_row(p->table, number, buf_cstr(&place), buf_cstr(&kind), buf_cstr(&issuer), buf_cstr(&signature),
              buf_cstr(&keys), text_conditions(r), buf_cstr(&attacks), NULL);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_free(all[i]);
    if (++p->rows % ROWS == 0)
        table_flush(p->table);
}

/* --- JSON Lines -------------------------------------------------------------------------------------------------- */

static json_t *js_key(const struct audit_key *k)
{
    char key[65], cert[65];
    static const unsigned char none[32];

    if (!k->known)
        return json_null();
    hex_encode(key, k->sha256, sizeof k->sha256);
    hex_encode(cert, k->cert, sizeof k->cert);
    return json_pack("{s:s, s:o, s:s, s:o, s:b, s:b, s:b, s:s, s:i}", "key_sha256", key, "certificate_sha256",
                     memcmp(k->cert, none, sizeof none) ? json_string(cert) : json_null(), "certificate_subject",
                     k->subject, "certificate_not_after", js_time(k->not_after), "pinned", k->pinned, "expired",
                     k->expired, "weak", k->weak, "type", k->rsa ? "RSA" : "EC", "bits", (int)k->bits);
}

static json_t *js_signed(const struct audit_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->nsigned; i++) {
        const struct audit_signer *s = &r->signed_by[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "element", element_name(s->what), "method",
                                              s->method, "digest", s->digest, "key", js_key(&s->key)));
    }
    return list;
}

static json_t *js_claims(const struct audit_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->in.nsignatures; i++) {
        const struct saml_inspected_signature *s = &r->in.signatures[i];

        json_array_append_new(list, json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "in", js(s->path), "reference",
                                              js(s->uri), "covers_parent", s->covers_parent, "method", js(s->method),
                                              "digest", js(s->digest), "key", js_key(&r->claimed[i])));
    }
    return list;
}

/* What nobody has vouched for, where that is known. */
static json_t *js_unsigned(const struct audit_result *r)
{
    json_t *list;

    if (!r->inspected || (r->nsigned == 0 && r->verdict != AUDIT_UNSIGNED))
        return json_null();
    list = json_array();
    if (r->nsigned == 0 || r->signed_by[0].what != SAML_RESPONSE)
        json_array_append_new(list, js(r->in.root));
    if (r->nsigned == 0 && r->in.assertions && !slice_is(r->in.root, "Assertion"))
        json_array_append_new(list, json_string("Assertion"));
    return list;
}

static json_t *js_error(const struct err *e)
{
    if (e->code == ERR_NONE)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "code", err_name(e->code), "message", e->msg, "at", e->at, "found",
                     e->found, "expected", e->expected);
}

static json_t *js_attacks(const struct audit_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < audit_attacks_n; i++) {
        if (r->attacks >> i & 1)
            json_array_append_new(list, json_string(audit_attacks[i].name));
    }
    return list;
}

static json_t *js_place(const struct audit_document *d)
{
    return json_pack("{s:o, s:I, s:I, s:o, s:o, s:s, s:o}", "file", audit_json_text(slice_of(d->file)), "line",
                     (json_int_t)d->line, "offset", (json_int_t)d->offset, "entry",
                     d->entry >= 0 ? json_integer(d->entry) : json_null(), "path",
                     d->path[0] ? audit_json_text(slice_of(d->path)) : json_null(), "form", audit_form_name(d->form),
                     "query_signed", d->form == AUDIT_REDIRECT ? json_boolean(d->query_signed) : json_null());
}

static json_t *js_message(const struct audit_result *r)
{
    const struct saml_inspection *in = &r->in;

    if (!r->inspected)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:i}", "kind", js(in->root), "id",
                     js(in->id), "issuer", js(in->issuer), "issued", js(in->issue_instant), "destination",
                     js(in->destination), "in_response_to", js(in->in_response_to), "status", js(in->status_code),
                     "assertion_id", js(in->assertion_id), "assertion_issuer", js(in->assertion_issuer), "assertions",
                     (int)in->assertions, "encrypted_assertions", (int)in->encrypted_assertions, "signatures",
                     (int)in->signatures_in_all);
}

static void print_line(const struct audit_document *d, const struct audit_result *r)
{
    static const char *const conditions[] = {
        [AUDIT_CONDITIONS_NONE] = NULL, [AUDIT_CONDITIONS_REFUSED] = "refused", [AUDIT_CONDITIONS_MET] = "met"};
    json_t *root = json_pack("{s:I, s:o, s:o, s:s, s:o, s:b, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o}", "document",
                             (json_int_t)d->number, "place", js_place(d), "message", js_message(r), "signature",
                             audit_verdict_name(r->verdict), "error", js_error(&r->why), "finding", r->finding,
                             "signed", js_signed(r), "claims", js_claims(r), "unsigned", js_unsigned(r), "conditions",
                             conditions[r->conditions], "conditions_error", js_error(&r->conditions_why), "judged_at",
                             js_time(r->judged_at), "resembles", js_attacks(r), "first_seen",
                             r->first ? json_integer((json_int_t)r->first) : json_null());

    if (root)
        (void)json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    (void)putchar('\n');
    json_decref(root);
}

/* --- interface --------------------------------------------------------------------------------------------------- */

bool audit_report_begin(struct audit_report *p)
{
    if (p->format == AUDIT_SARIF)
        audit_sarif_begin();
    if (p->format != AUDIT_TABLE)
        return true;
    p->table = table_new(NULL, "#", "PLACE", "KIND", "ISSUER", "SIGNATURE", "KEY", "CONDITIONS", "RESEMBLES", NULL);
    return p->table != NULL;
}

void audit_report_document(struct audit_report *p, const struct audit_document *d, const struct audit_result *r)
{
    switch (p->format) {
    case AUDIT_TABLE: table_document(p, d, r); return;
    case AUDIT_JSON_LINES: print_line(d, r); return;
    case AUDIT_SARIF: audit_sarif_document(p, d, r); return;
    }
}

void audit_report_end(struct audit_report *p, bool complete)
{
    if (p->format == AUDIT_SARIF)
        audit_sarif_end(complete);
    if (p->table)
        table_flush(p->table);
    table_free(p->table);
    p->table = NULL;
}
