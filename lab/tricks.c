/* tricks.c - see tricks.h. */
#include "lab/tricks.h"

#include "lab/edit.h"
#include "saml/check.h"

#define ATTRIBUTES_MAX 64
#define ELSEWHERE "elsewhere.invalid" /* a domain nobody owns (RFC 6761) */
#define DAY (24 * 3600)

static void shift(struct mint_response *m, int64_t seconds)
{
    m->issued += seconds;
    m->not_before += seconds;
    m->not_on_or_after += seconds;
    m->confirm_until += seconds;
    m->authn_instant += seconds;
    if (m->session_not_on_or_after)
        m->session_not_on_or_after += seconds;
}

static void expired(struct mint_response *m)
{
    shift(m, -2 * DAY);
}

static void not_yet_valid(struct mint_response *m)
{
    shift(m, 2 * DAY);
}

static void wrong_audience(struct mint_response *m)
{
    m->audience = "https://" ELSEWHERE "/entity";
}

static void wrong_recipient(struct mint_response *m)
{
    m->recipient = "https://" ELSEWHERE "/saml/acs";
}

static void wrong_destination(struct mint_response *m)
{
    m->destination = "https://" ELSEWHERE "/saml/acs";
}

static void wrong_issuer(struct mint_response *m)
{
    m->issuer = "https://" ELSEWHERE "/idp";
}

static void wrong_request(struct mint_response *m)
{
    m->in_response_to = "id0123456789abcdef0123456789abcdef";
}

static void sign_nothing(struct mint_response *m)
{
    m->sign = MINT_SIGN_NOTHING;
}

static void sign_assertion(struct mint_response *m)
{
    m->sign = MINT_SIGN_ASSERTION;
}

static void sign_response(struct mint_response *m)
{
    m->sign = MINT_SIGN_RESPONSE;
}

static void sha1(struct mint_response *m)
{
    m->algorithm = "rsa-sha1";
}

/* A forged key is always RSA. */
static void rsa_sha256(struct mint_response *m)
{
    m->algorithm = "rsa-sha256";
}

/* clang-format off */
const struct trick tricks[] = {
    {.name = "expired", .expected = "assertion-expired", .help = "every time lies two days back", .before = expired},
    {.name = "not-yet-valid", .expected = "not-yet-valid", .help = "every time lies two days ahead", .before = not_yet_valid},
    {.name = "wrong-audience", .expected = "audience-mismatch", .help = "meant for another service provider", .before = wrong_audience},
    {.name = "wrong-recipient", .expected = "recipient-mismatch", .help = "confirmation addressed to another URL", .before = wrong_recipient},
    {.name = "wrong-destination", .expected = "destination-mismatch", .help = "Response addressed to another URL", .before = wrong_destination},
    {.name = "wrong-issuer", .expected = "issuer-mismatch", .help = "the right key, but another issuer", .before = wrong_issuer},
    {.name = "wrong-request", .expected = "in-response-to-mismatch", .help = "answers a request nobody sent", .before = wrong_request},
    {.name = "other-domain", .expected = "email-domain-not-owned", .help = "the e-mail is in " ELSEWHERE, .email_elsewhere = true},
    {.name = "no-email", .expected = "email-missing", .help = "the e-mail claim is left out", .email_removed = true},
    {.name = "unsigned", .expected = "signature-missing", .help = "no signature at all", .before = sign_nothing},
    {.name = "foreign-key", .expected = "signature-invalid", .help = "signed by a new key that shows the trusted certificate", .before = rsa_sha256, .forge_key = true},
    {.name = "tampered", .expected = "signature-invalid", .help = "the NameID is changed after signing", .tamper = true},
    {.name = "sha1", .expected = "algorithm-not-allowed", .help = "signed with rsa-sha1 by the right key", .before = sha1},
    {.name = "xsw-1", .expected = "xml-id", .help = "signature wrapping: the signed Response inside the Signature of a forged one", .before = sign_response, .edit = "wrap 1"},
    {.name = "xsw-2", .expected = "response-shape", .help = "... before that Signature", .before = sign_response, .edit = "wrap 2"},
    {.name = "xsw-3", .expected = "response-shape", .help = "a forged Assertion before the signed one", .before = sign_assertion, .edit = "wrap 3"},
    {.name = "xsw-4", .expected = "response-shape", .help = "... around it", .before = sign_assertion, .edit = "wrap 4"},
    {.name = "xsw-5", .expected = "response-shape", .help = "the Signature in the forged one, the signed one behind it", .before = sign_assertion, .edit = "wrap 5"},
    {.name = "xsw-6", .expected = "response-shape", .help = "the signed one in the Signature of the forged one", .before = sign_assertion, .edit = "wrap 6"},
    {.name = "xsw-7", .expected = "response-shape", .help = "the forged one in Extensions, under the same ID", .before = sign_assertion, .edit = "wrap 7"},
    {.name = "xsw-8", .expected = "response-shape", .help = "the signed one in an Object of the Signature", .before = sign_assertion, .edit = "wrap 8"},
    {.name = "xsw-9", .expected = "signature-shape", .help = "a second SignedInfo", .before = sign_assertion, .edit = "wrap 9"},
    {.name = "hidden-assertion", .expected = "response-shape", .help = "a forged Assertion in Status", .edit = "evil last in Status"},
    {.name = "signature-moved", .expected = "signature-shape", .help = "the Assertion's Signature moved to the Response", .before = sign_assertion, .edit = "move Assertion/Signature after Issuer"},
    {.name = "external-dtd", .expected = "xml-doctype", .help = "a DOCTYPE that names an external entity", .edit = "prepend '<!DOCTYPE x [<!ENTITY e SYSTEM \"http://127.0.0.1:9/\">]>'"},
    {.name = "xpath", .expected = "transform-not-allowed", .help = "an XPath transform", .edit = "insert '<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>true()</XPath></Transform>' after Transform"},
    {.name = "external-reference", .expected = "signature-shape", .help = "a Reference to another document", .edit = "set URI of Reference to 'http://127.0.0.1:9/'"},
    {.name = "empty-digest", .expected = "signature-invalid", .help = "the digest of nothing", .edit = "text of DigestValue is '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"},
    {.name = "md5", .expected = "algorithm-not-allowed", .help = "says that it is signed with rsa-md5", .edit = "set Algorithm of SignatureMethod to '{more}rsa-md5'"},
    {.name = "cut", .expected = "xml-syntax", .help = "the end is missing", .edit = "cut 10"},
};
/* clang-format on */
const size_t tricks_n = sizeof tricks / sizeof *tricks;

const struct trick *trick_find(const char *name)
{
    for (size_t i = 0; i < tricks_n; i++) {
        if (strcmp(tricks[i].name, name) == 0)
            return &tricks[i];
    }
    return NULL;
}

/* Copies the attributes, the e-mail claim moved to another domain or left out. Returns how many there are. */
static size_t change_email(const struct trick *t, const struct mint_response *m, struct mint_attribute *to,
                           const char *const *elsewhere)
{
    size_t n = 0;

    for (size_t i = 0; i < m->nattributes; i++) {
        bool email = strcmp(m->attributes[i].name, SAML_CLAIM_EMAIL) == 0;

        if (email && t->email_removed)
            continue;
        to[n] = m->attributes[i];
        if (email && t->email_elsewhere) {
            to[n].values = elsewhere;
            to[n].nvalues = 1;
        }
        n++;
    }
    return n;
}

/* What an attacker on the way would do: the first text inside NameID becomes somebody else. */
static int tamper(struct slice signed_xml, struct buf *out, struct err *e)
{
    const char *name_id = memmem(signed_xml.p, signed_xml.n, "<NameID", 7);
    const char *end = name_id ? memchr(name_id, '>', signed_xml.n - (size_t)(name_id - signed_xml.p)) : NULL;
    size_t head = end ? (size_t)(end + 1 - signed_xml.p) : 0;

    if (!end || end[-1] == '/')
        return err_set(e, ERR_USAGE, "there is no NameID to tamper with");
    buf_add(out, signed_xml.p, head);
    buf_add_str(out, "admin-");
    buf_add(out, signed_xml.p + head, signed_xml.n - head);
    return buf_failed(out) ? err_set(e, ERR_LIMIT, "the Response does not fit %zu bytes", out->max) : 0;
}

static int edit(const char *line, struct buf *xml, struct buf *out, struct err *e)
{
    if (edit_apply(xml, slice_of(line), NULL, 0, e) != 0)
        return -1;
    buf_add_slice(out, buf_slice(xml));
    return buf_failed(out) ? err_set(e, ERR_LIMIT, "the Response does not fit %zu bytes", out->max) : 0;
}

int trick_mint(const struct trick *t, const struct mint_response *m, const struct mint_key *k, struct buf *out,
               struct err *e)
{
    static const char *const elsewhere[] = {"mallory@" ELSEWHERE};
    struct mint_attribute attributes[ATTRIBUTES_MAX];
    struct mint_response changed = *m;
    struct mint_key *forged = NULL;
    struct buf xml;
    int r = -1;

    if (!t)
        return mint_response(m, k, out, e);
    if (m->nattributes > ATTRIBUTES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d attributes", ATTRIBUTES_MAX);
    buf_init(&xml, MINT_XML_MAX);
    changed.nattributes = change_email(t, m, attributes, elsewhere);
    changed.attributes = attributes;
    if (t->before)
        t->before(&changed);
    if (t->forge_key && mint_key_forge(k, &forged, e) != 0)
        goto out;
    if (mint_response(&changed, forged ? forged : k, t->tamper || t->edit ? &xml : out, e) != 0)
        goto out;
    r = t->tamper ? tamper(buf_slice(&xml), out, e) : t->edit ? edit(t->edit, &xml, out, e) : 0;
out:
    mint_key_free(forged);
    buf_free(&xml);
    return r;
}
