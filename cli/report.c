/* report.c - see report.h. */
#include "cli/report.h"

#include "base/encode.h"
#include "cli/cli.h"
#include "cli/json.h"

#define OUTPUT_MAX (32 * 1024 * 1024)

static void row(struct buf *out, const char *label, struct slice value)
{
    buf_printf(out, "  %-14s ", label);
    if (value.p)
        cli_text(out, value);
    else
        buf_add_str(out, "-");
    buf_add_char(out, '\n');
}

static void row_time(struct buf *out, const char *label, int64_t t, const char *note)
{
    char text[TIME_TEXT_SIZE];

    time_format(t, text);
    buf_printf(out, "  %-14s %s%s\n", label, t ? text : "-", note);
}

static const char *element_name(enum saml_element what)
{
    return what == SAML_RESPONSE ? "Response" : "Assertion";
}

static void rows_signers(struct buf *out, const struct saml_verdict *v, int64_t now)
{
    for (size_t i = 0; i < v->signed_parts.nsig; i++) {
        const struct saml_signer *s = &v->signers[i];
        char hex[65];

        hex_encode(hex, s->key->sha256, sizeof s->key->sha256);
        buf_printf(out, "  %-14s %s, %s with %s, key sha256:%s", "signed", element_name(v->signed_parts.sig[i].what),
                   s->method, s->digest, hex);
        if (s->key->subject[0])
            buf_printf(out, " (%s)", s->key->subject);
        if (s->key->not_after && s->key->not_after < now)
            buf_add_str(out, " - warning: the certificate has expired");
        buf_add_char(out, '\n');
    }
}

static void rows_attributes(struct buf *out, const struct saml_assertion *as)
{
    if (as->nattributes)
        buf_add_str(out, "  attributes\n");
    for (size_t i = 0; i < as->nattributes; i++) {
        const struct saml_attribute *at = &as->attributes[i];

        for (size_t k = 0; k < at->nvalues; k++) {
            buf_add_str(out, "    ");
            cli_text(out, at->name);
            buf_add_str(out, " = ");
            if (at->values[k].p)
                cli_text(out, at->values[k]);
            else
                buf_add_str(out, "(not plain text)");
            buf_add_char(out, '\n');
        }
    }
}

static void print_text(const struct report *r, const struct saml_verdict *v, struct buf *out)
{
    const struct saml_assertion *as = &v->assertion;
    char allowed[64];

    buf_printf(out, "%s%s%s\n", cli_colour() ? "\033[1;32m" : "", r->signature_only ? "signature valid" : "accepted",
               cli_colour() ? "\033[0m" : "");
    if (r->signature_only)
        buf_add_str(out, "  conditions were not checked (--signature-only)\n");
    row(out, "NameID", as->name_id);
    row(out, "format", as->name_id_format);
    row(out, "e-mail", v->has_email ? slice_of(v->email.text) : (struct slice){NULL, 0});
    row(out, "issuer", as->issuer);
    row(out, "assertion", as->id);
    row(out, "session index", as->session_index);
    row_time(out, "issued", as->issue_instant, "");
    if (!r->signature_only) {
        row_time(out, "judged at", r->now, r->now_is_issued ? " (the signed IssueInstant)" : "");
        row_time(out, "usable until", v->valid_until, "");
    }
    row_time(out, "session ends", as->session_not_on_or_after, "");
    rows_signers(out, v, r->now);
    if (r->allow) {
        saml_allow_print(r->allow, allowed, sizeof allowed);
        row(out, "allowed", slice_of(allowed));
    }
    rows_attributes(out, as);
}

static json_t *json_signers(const struct saml_verdict *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->signed_parts.nsig; i++) {
        const struct saml_signer *s = &v->signers[i];
        char hex[65];

        hex_encode(hex, s->key->sha256, sizeof s->key->sha256);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "element",
                                              element_name(v->signed_parts.sig[i].what), "method", s->method, "digest",
                                              s->digest, "key_sha256", hex, "certificate_subject", s->key->subject,
                                              "certificate_not_after", js_time(s->key->not_after)));
    }
    return list;
}

/* A list of pairs, not an object: names may repeat, and order is the document's. */
static json_t *json_attributes(const struct saml_assertion *as)
{
    json_t *list = json_array();

    for (size_t i = 0; i < as->nattributes; i++) {
        json_t *values = json_array();

        for (size_t k = 0; k < as->attributes[i].nvalues; k++)
            json_array_append_new(values, js(as->attributes[i].values[k]));
        json_array_append_new(list, json_pack("{s:o, s:o}", "name", js(as->attributes[i].name), "values", values));
    }
    return list;
}

static json_t *json_allowed(unsigned allow)
{
    static const char *const names[] = {"sha1", "rsa1024", "rsa15"};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (allow & saml_allow_by_name(slice_of(names[i])))
            json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

static json_t *json_verdict(const struct report *r, const struct saml_verdict *v)
{
    const struct saml_assertion *as = &v->assertion;

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "verdict",
                     r->signature_only ? "signature-valid" : "accepted", "name_id", js(as->name_id), "name_id_format",
                     js(as->name_id_format), "email", v->has_email ? json_string(v->email.text) : json_null(), "issuer",
                     js(as->issuer), "assertion_id", js(as->id), "session_index", js(as->session_index), "issued",
                     js_time(as->issue_instant), "judged_at", r->signature_only ? json_null() : js_time(r->now),
                     "judged_at_is_issue_instant", r->now_is_issued && !r->signature_only, "usable_until",
                     r->signature_only ? json_null() : js_time(v->valid_until), "session_ends",
                     js_time(as->session_not_on_or_after), "signed", json_signers(v), "allowed", json_allowed(r->allow),
                     "attributes", json_attributes(as));
}

bool report_accepted(const struct report *r, bool json, const struct saml_verdict *v)
{
    struct buf out;

    if (json) {
        json_t *root = json_verdict(r, v);

        bool printed = root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') == '\n';

        json_decref(root);
        return printed;
    }
    buf_init(&out, OUTPUT_MAX);
    print_text(r, v, &out);
    (void)fputs(buf_cstr(&out), stdout);
    if (buf_failed(&out))
        (void)fputs("  (output cut at 32 MiB)\n", stdout);
    buf_free(&out);
    return true;
}

void report_refused(bool json, const struct err *e)
{
    err_print(stderr, "refused", e);
    if (json)
        printf("{\"verdict\": \"refused\", \"error\": \"%s\"}\n", err_name(e->code));
}
