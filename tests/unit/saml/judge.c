/* The whole verdict over Responses signed by the test signer, and the flip test. */
#include "saml/judge.h"

#include "saml/verify.h"
#include "tests/unit/saml/sign.h"

static EVP_PKEY *key;
static struct saml_trust trust;

static int set_up(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    key = sign_rsa(2048);
    saml_trust_init(&trust);
    sign_trust(&trust, key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    saml_trust_free(&trust);
    EVP_PKEY_free(key);
    saml_cleanup();
    return 0;
}

/* What the service provider of sign_defaults() expects. */
static struct saml_expect expectation(void)
{
    static const char *const domains[] = {"contoso.com"};

    return (struct saml_expect){
        .issuer = SLICE("https://sts.windows.net/11111111-2222-3333-4444-555555555555/"),
        .acs = SLICE("https://login.example.com/saml/acs"),
        .audience = SLICE("https://login.example.com"),
        .request_id = SLICE("id0123456789abcdef0123456789abcdef"),
        .now = SIGN_NOW,
        .skew = SAML_SKEW_DEFAULT,
        .email_from = SLICE(SAML_CLAIM_EMAIL),
        .email_domains = domains,
        .nemail_domains = 1,
    };
}

/* Nothing of an identity is left in a refused verdict. */
static void assert_empty(const struct saml_verdict *v)
{
    assert_int_equal(v->signed_parts.nsig, 0);
    assert_null(v->response.id.p);
    assert_null(v->assertion.id.p);
    assert_null(v->assertion.name_id.p);
    assert_int_equal(v->assertion.nattributes, 0);
    assert_false(v->has_email);
    assert_string_equal(v->email.text, "");
}

/* Judges what `r` makes; the verdict points into `a`. */
static int judge(const struct sign_response *r, struct arena *a, struct saml_verdict *v, struct err *e)
{
    struct saml_expect x = expectation();
    char *xml = sign_make(r);
    int rc = saml_judge(slice_of(xml), &trust, NULL, 0, &x, a, v, e);

    free(xml);
    return rc;
}

static void refused(const struct sign_response *r, const char *code)
{
    struct err e = ERR_INIT;
    struct saml_verdict v;
    struct arena a;

    arena_init(&a, SAML_ARENA_MAX);
    if (judge(r, &a, &v, &e) == 0)
        fail_msg("accepted, not refused as %s", code);
    if (strcmp(err_name(e.code), code) != 0)
        fail_msg("refused as %s (%s), not %s", err_name(e.code), e.msg, code);
    assert_empty(&v);
    arena_free(&a);
}

static void accepted(void **state)
{
    (void)state;
    for (int signing = 1; signing <= 3; signing++) {
        struct sign_response r = sign_defaults(key);
        struct err e = ERR_INIT;
        struct saml_verdict v;
        struct arena a;

        arena_init(&a, SAML_ARENA_MAX);
        r.sign_assertion = (signing & 1) != 0;
        r.sign_response = (signing & 2) != 0;
        assert_ok(judge(&r, &a, &v, &e), &e);
        assert_int_equal(v.signed_parts.nsig, signing == 3 ? 2 : 1);
        assert_ptr_equal(v.signers[0].key, &trust.keys[0]);
        assert_string_equal(v.signers[0].method, "rsa-sha256");
        assert_true(slice_is(v.assertion.id, r.assertion_id));
        assert_true(slice_is(v.assertion.name_id, "ada@contoso.com"));
        assert_true(slice_is(saml_attribute_single(&v.assertion, SLICE(SAML_CLAIM_DISPLAY_NAME)), "Ada Lovelace"));
        assert_int_equal(v.response.id.p != NULL, r.sign_response);
        assert_true(v.has_email);
        assert_string_equal(v.email.key, "ada@contoso.com");
        assert_int_equal(v.valid_until, SIGN_NOW + 3600 + SAML_SKEW_DEFAULT - 1);
        arena_free(&a);
    }
}

/* One refusal of each stage comes through with its own code and leaves nothing. */
static void stages(void **state)
{
    struct sign_response r;

    (void)state;
    r = sign_defaults(key);
    r.sign_assertion = false;
    refused(&r, "signature-missing");
    r = sign_defaults(key);
    r.name_id = NULL;
    refused(&r, "assertion-unreadable");
    r = sign_defaults(key);
    r.audience = "https://other.example.com";
    refused(&r, "audience-mismatch");
    r = sign_defaults(key);
    r.recipient = "https://other.example.com/acs";
    refused(&r, "recipient-mismatch");
    r = sign_defaults(key);
    r.not_on_or_after = SIGN_NOW - SAML_SKEW_DEFAULT;
    refused(&r, "assertion-expired");
    r = sign_defaults(key);
    r.attributes[3].value = "ada@other.example";
    refused(&r, "email-domain-not-owned");
}

/* Signed names that a careless reader would take for others. */
static void names(void **state)
{
    struct err e = ERR_INIT;
    struct sign_response r = sign_defaults(key);
    struct saml_verdict v;
    struct arena a;

    (void)state;
    /* canonicalization drops the comment: the value is the whole text, never its first half */
    arena_init(&a, SAML_ARENA_MAX);
    r.name_id = "ada@contoso.com<!-- -->.evil.example";
    assert_ok(judge(&r, &a, &v, &e), &e);
    assert_true(slice_is(v.assertion.name_id, "ada@contoso.com.evil.example"));
    arena_free(&a);

    r = sign_defaults(key);
    r.name_id = "ada@contoso.com<b xmlns=\"urn:x\"/>";
    refused(&r, "assertion-unreadable");
    r = sign_defaults(key); /* a NameID of another namespace before ours */
    r.name_id = "x</NameID><NameID xmlns=\"urn:x\">ada@contoso.com";
    refused(&r, "assertion-unreadable");
    r = sign_defaults(key); /* the e-mail attribute a second time */
    r.attributes[4] = r.attributes[3];
    refused(&r, "email-missing");
}

/* The signed parts of two logins, both genuine, do not make a third. */
static void mixed_logins(void **state)
{
    struct sign_response r = sign_defaults(key);
    struct saml_expect x = expectation();
    struct saml_signed first, second;
    struct saml_verdict v;
    struct err e = ERR_INIT;
    struct arena a;
    char *one, *two;

    (void)state;
    arena_init(&a, SAML_ARENA_MAX);
    r.sign_response = true;
    one = sign_make(&r);
    r.assertion_id = "_other";
    two = sign_make(&r);
    assert_ok(saml_verify(slice_of(one), &trust, 0, &a, &first, &e), &e);
    assert_ok(saml_verify(slice_of(two), &trust, 0, &a, &second, &e), &e);
    assert_ok(saml_judge_signed(&first, &trust, NULL, 0, &x, &a, &v, &e), &e);
    first.sig[1] = second.sig[1];
    assert_err(saml_judge_signed(&first, &trust, NULL, 0, &x, &a, &v, &e), &e, "recheck-failed");
    assert_empty(&v);
    free(one);
    free(two);
    arena_free(&a);
}

/* A worker that returns bytes nobody signed is found out. */
static void lying_worker(void **state)
{
    struct sign_response r = sign_defaults(key);
    struct saml_expect x = expectation();
    struct saml_signed s;
    struct saml_verdict v;
    struct err e = ERR_INIT;
    struct arena a;
    char *xml = sign_make(&r), *forged;

    (void)state;
    arena_init(&a, SAML_ARENA_MAX);
    assert_ok(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e);
    forged = arena_strndup(&a, s.sig[0].element.p, s.sig[0].element.n);
    memcpy(strstr(forged, "ada@contoso.com"), "eve", 3);
    s.sig[0].element.p = forged;
    assert_err(saml_judge_signed(&s, &trust, NULL, 0, &x, &a, &v, &e), &e, "recheck-failed");
    assert_empty(&v);
    free(xml);
    arena_free(&a);
}

static void signature_only(void **state)
{
    struct sign_response r = sign_defaults(key);
    struct saml_verdict v;
    struct err e = ERR_INIT;
    struct arena a;
    char *xml;

    (void)state;
    arena_init(&a, SAML_ARENA_MAX);
    r.not_on_or_after = SIGN_NOW - 86400;
    r.audience = "https://other.example.com";
    xml = sign_make(&r);
    assert_ok(saml_judge_signature_only(slice_of(xml), &trust, NULL, 0, &a, &v, &e), &e);
    assert_true(slice_is(v.assertion.name_id, "ada@contoso.com"));
    assert_false(v.has_email);
    memcpy(strstr(xml, "ada@"), "eve", 3);
    assert_err(saml_judge_signature_only(slice_of(xml), &trust, NULL, 0, &a, &v, &e), &e, "signature-invalid");
    assert_empty(&v);
    free(xml);
    r = sign_defaults(key);
    r.name_id = NULL;
    xml = sign_make(&r);
    assert_err(saml_judge_signature_only(slice_of(xml), &trust, NULL, 0, &a, &v, &e), &e, "assertion-unreadable");
    assert_empty(&v);
    free(xml);
    arena_free(&a);
}

/*
 * The flip test
 */

/* Same text, and absent only if it was absent. */
static void assert_same_text(struct slice a, struct slice b)
{
    if (!slice_eq(a, b) || (a.p == NULL) != (b.p == NULL))
        fail_msg("accepted with '%.*s', not '%.*s'", (int)a.n, a.p ? a.p : "", (int)b.n, b.p ? b.p : "");
}

static void assert_same_signatures(const struct saml_verdict *v, const struct saml_verdict *genuine)
{
    assert_int_equal(v->signed_parts.nsig, genuine->signed_parts.nsig);
    for (size_t i = 0; i < v->signed_parts.nsig; i++) {
        const struct saml_signature *s = &v->signed_parts.sig[i], *gs = &genuine->signed_parts.sig[i];

        assert_int_equal(s->what, gs->what);
        assert_same_text(s->signed_info, gs->signed_info);
        assert_same_text(s->signature_value, gs->signature_value);
        assert_same_text(s->element, gs->element);
        assert_ptr_equal(v->signers[i].key, genuine->signers[i].key);
        assert_string_equal(v->signers[i].method, genuine->signers[i].method);
        assert_string_equal(v->signers[i].digest, genuine->signers[i].digest);
    }
}

static void assert_same_response(const struct saml_response *r, const struct saml_response *genuine)
{
    assert_same_text(r->id, genuine->id);
    assert_same_text(r->issuer, genuine->issuer);
    assert_same_text(r->destination, genuine->destination);
    assert_same_text(r->in_response_to, genuine->in_response_to);
    assert_int_equal(r->issue_instant, genuine->issue_instant);
}

static void assert_same_subject(const struct saml_assertion *as, const struct saml_assertion *genuine)
{
    assert_same_text(as->name_id, genuine->name_id);
    assert_same_text(as->name_id_format, genuine->name_id_format);
    assert_same_text(as->name_qualifier, genuine->name_qualifier);
    assert_same_text(as->sp_name_qualifier, genuine->sp_name_qualifier);
    assert_int_equal(as->nconfirmations, genuine->nconfirmations);
    for (size_t i = 0; i < as->nconfirmations; i++) {
        const struct saml_confirmation *c = &as->confirmations[i], *gc = &genuine->confirmations[i];

        assert_int_equal(c->bearer, gc->bearer);
        assert_same_text(c->recipient, gc->recipient);
        assert_same_text(c->in_response_to, gc->in_response_to);
        assert_int_equal(c->not_before, gc->not_before);
        assert_int_equal(c->not_on_or_after, gc->not_on_or_after);
    }
}

static void assert_same_conditions(const struct saml_assertion *as, const struct saml_assertion *genuine)
{
    assert_int_equal(as->has_conditions, genuine->has_conditions);
    assert_int_equal(as->not_before, genuine->not_before);
    assert_int_equal(as->not_on_or_after, genuine->not_on_or_after);
    assert_int_equal(as->unknown_condition, genuine->unknown_condition);
    assert_int_equal(as->one_time_use, genuine->one_time_use);
    assert_int_equal(as->nrestrictions, genuine->nrestrictions);
    for (size_t i = 0; i < as->nrestrictions; i++) {
        assert_int_equal(as->restrictions[i].n, genuine->restrictions[i].n);
        for (size_t k = 0; k < as->restrictions[i].n; k++)
            assert_same_text(as->restrictions[i].audiences[k], genuine->restrictions[i].audiences[k]);
    }
}

static void assert_same_statements(const struct saml_assertion *as, const struct saml_assertion *genuine)
{
    assert_int_equal(as->has_authn_statement, genuine->has_authn_statement);
    assert_int_equal(as->authn_instant, genuine->authn_instant);
    assert_int_equal(as->session_not_on_or_after, genuine->session_not_on_or_after);
    assert_same_text(as->session_index, genuine->session_index);
    assert_same_text(as->authn_context, genuine->authn_context);
    assert_int_equal(as->nattributes, genuine->nattributes);
    for (size_t i = 0; i < as->nattributes; i++) {
        const struct saml_attribute *at = &as->attributes[i], *gat = &genuine->attributes[i];

        assert_same_text(at->name, gat->name);
        assert_same_text(at->name_format, gat->name_format);
        assert_same_text(at->friendly_name, gat->friendly_name);
        assert_int_equal(at->nvalues, gat->nvalues);
        for (size_t k = 0; k < at->nvalues; k++)
            assert_same_text(at->values[k], gat->values[k]);
    }
}

/* Everything a caller could use is the same: every field but the unsigned text around the assertion (`outer`). A new
 * field in one of these structs belongs here too. */
static void assert_same(const struct saml_verdict *v, const struct saml_verdict *genuine)
{
    assert_same_signatures(v, genuine);
    assert_same_response(&v->response, &genuine->response);
    assert_same_text(v->assertion.id, genuine->assertion.id);
    assert_same_text(v->assertion.issuer, genuine->assertion.issuer);
    assert_int_equal(v->assertion.issue_instant, genuine->assertion.issue_instant);
    assert_same_subject(&v->assertion, &genuine->assertion);
    assert_same_conditions(&v->assertion, &genuine->assertion);
    assert_same_statements(&v->assertion, &genuine->assertion);
    assert_int_equal(v->has_email, genuine->has_email);
    assert_string_equal(v->email.text, genuine->email.text);
    assert_string_equal(v->email.key, genuine->email.key);
    assert_string_equal(v->email.domain, genuine->email.domain);
    assert_string_equal(v->email.local, genuine->email.local);
    assert_int_equal(v->valid_until, genuine->valid_until);
}

/* A Response with more than one of what may be there more than once, and the attributes that Entra leaves out. */
static struct sign_response full_response(void)
{
    struct sign_response r = sign_defaults(key);

    r.name_id_format =
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\" NameQualifier=\"idp\" SPNameQualifier=\"sp";
    r.audience = "https://login.example.com</Audience><Audience>urn:b</Audience></AudienceRestriction>"
                 "<AudienceRestriction><Audience>urn:c</Audience><Audience>https://login.example.com";
    r.attributes[4].name = "groups\" NameFormat=\"urn:f\" FriendlyName=\"Groups";
    r.attributes[4].value = "one</AttributeValue><AttributeValue>two";
    r.sign.key_info = "<KeyInfo><KeyName>idp</KeyName></KeyInfo>";
    return r;
}

static bool within(size_t at, const char *xml, const char *from, const char *to)
{
    const char *start = strstr(xml, from), *end = start ? strstr(start, to) : NULL;

    return end && at >= (size_t)(start - xml) && at < (size_t)(end - xml) + strlen(to);
}

/*
 * Every octet of a genuine Response is changed in three ways: the lowest bit, the bit that changes letter case and the
 * bit that makes it no ASCII. Each result is refused, or comes to exactly the same verdict; and that only where the
 * octet stands in what nobody believes: KeyInfo, and the start tag and Issuer of a Response that is not itself signed.
 */
static void flip_all(const struct sign_response *r, size_t passed_min, size_t passed_max)
{
    static const unsigned char masks[] = {0x01, 0x20, 0x80};
    struct saml_expect x = expectation();
    struct saml_verdict genuine, v;
    struct err e = ERR_INIT;
    struct arena kept, a;
    size_t n, passed = 0;
    char *xml = sign_make(r), *original = strdup(xml);

    assert_non_null(original);
    arena_init(&kept, SAML_ARENA_MAX);
    arena_init(&a, SAML_ARENA_MAX);
    n = strlen(xml);
    assert_ok(saml_judge(slice_make(original, n), &trust, NULL, 0, &x, &kept, &genuine, &e), &e);
    assert_int_equal(genuine.signed_parts.nsig, r->sign_response ? 2 : 1);
    assert_true(slice_is(genuine.assertion.sp_name_qualifier, "sp"));
    assert_int_equal(genuine.assertion.nrestrictions, 2);
    assert_int_equal(genuine.assertion.restrictions[1].n, 2);
    assert_true(slice_is(genuine.assertion.attributes[4].friendly_name, "Groups"));
    assert_int_equal(genuine.assertion.attributes[4].nvalues, 2);

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof masks; k++) {
            xml[i] = (char)((unsigned char)original[i] ^ masks[k]);
            if (saml_judge(slice_make(xml, n), &trust, NULL, 0, &x, &a, &v, &e) == 0) {
                assert_same(&v, &genuine);
                if (!within(i, original, "<KeyInfo>", "</KeyInfo>") &&
                    (r->sign_response || !within(i, original, "<samlp:Response", "<samlp:Status>")))
                    fail_msg("octet %zu ^ 0x%02x accepted: %.40s", i, masks[k], original + i);
                passed++;
            } else {
                assert_empty(&v);
            }
            xml[i] = original[i];
            err_clear(&e);
            arena_free(&a);
        }
    }
    if (passed < passed_min || passed > passed_max)
        fail_msg("%zu changes passed", passed);
    free(xml);
    free(original);
    arena_free(&kept);
}

static void flips(void **state)
{
    struct sign_response r = full_response();

    (void)state;
    flip_all(&r, 7, 200);
    r.sign_response = true;
    flip_all(&r, 6, 6); /* the three letters in the KeyName of the outer Signature, by the two masks that keep ASCII */
}

/*
 * Files
 */

static int unwrap(struct slice content, struct buf *out, struct err *e)
{
    struct slice xml;
    struct arena a;
    int rc;

    arena_init(&a, SAML_ARENA_MAX);
    buf_reset(out);
    rc = saml_unwrap_file(content, &a, &xml, e);
    if (rc == 0)
        buf_add_slice(out, xml);
    arena_free(&a);
    return rc;
}

static void unwrapping(void **state)
{
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, SAML_XML_MAX + 16);
    assert_ok(unwrap(SLICE("<a/>\n"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), "<a/>\n");
    assert_ok(unwrap(SLICE(" \n<a/>"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), " \n<a/>"); /* as it is: prescan judges it */
    assert_ok(unwrap(SLICE("\xef\xbb\xbf<a/>"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), "\xef\xbb\xbf<a/>");
    assert_ok(unwrap(SLICE("PGE+eDw\nvYT4=\r\n"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), "<a>x</a>");
    assert_ok(unwrap(SLICE("SAMLResponse=PGE%2BeDwvYT4%3D&RelayState=x\n"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), "<a>x</a>");
    assert_ok(unwrap(SLICE("RelayState=x&SAMLResponse=PGE%2BeDwvYT4%3D"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), "<a>x</a>");

    assert_err(unwrap(SLICE(""), &out, &e), &e, "xml-too-large");
    assert_err(unwrap(SLICE(" \n"), &out, &e), &e, "xml-too-large");
    assert_err(unwrap(SLICE("SAMLResponse="), &out, &e), &e, "xml-too-large");
    assert_err(unwrap(SLICE("PGE+eDw"), &out, &e), &e, "bad-encoding");
    assert_err(unwrap(SLICE("PGE-eDwvYT4="), &out, &e), &e, "bad-encoding"); /* the URL alphabet */
    assert_err(unwrap(SLICE("PGEvPg==PGEvPg=="), &out, &e), &e, "bad-encoding");
    assert_err(unwrap(SLICE("ab=2"), &out, &e), &e, "bad-encoding");
    assert_err(unwrap(SLICE("\xff\xfe<\0a\0"), &out, &e), &e, "bad-encoding");
    assert_err(unwrap(SLICE("a=1&b=2"), &out, &e), &e, "bad-form");
    assert_err(unwrap(SLICE("SAMLResponse=PGEvPg%3D%3D&SAMLResponse=PGIvPg%3D%3D"), &out, &e), &e, "bad-form");
    assert_err(unwrap(SLICE("SAMLResponse=%"), &out, &e), &e, "bad-form");
    buf_free(&out);
}

/* XML at the limit passes in each of the three wrappings, one octet more does not. */
static void unwrapping_limits(void **state)
{
    struct err e = ERR_INIT;
    struct buf text, out;
    char *xml = malloc(SAML_XML_MAX + 1);

    (void)state;
    assert_non_null(xml);
    memset(xml, '<', SAML_XML_MAX + 1);
    buf_init(&text, 8 * (size_t)SAML_XML_MAX);
    buf_init(&out, SAML_XML_MAX + 16);
    for (size_t n = SAML_XML_MAX; n <= SAML_XML_MAX + 1; n++) {
        struct slice wrapped[3] = {slice_make(xml, n)};
        struct buf form;

        buf_reset(&text);
        base64_encode(&text, xml, n);
        wrapped[1] = buf_slice(&text);
        buf_init(&form, 8 * (size_t)SAML_XML_MAX);
        buf_add_str(&form, "SAMLResponse=");
        percent_encode(&form, buf_slice(&text));
        wrapped[2] = buf_slice(&form);
        for (size_t k = 0; k < 3; k++) {
            if (n <= SAML_XML_MAX) {
                assert_ok(unwrap(wrapped[k], &out, &e), &e);
                assert_int_equal(out.len, n);
            } else {
                assert_err(unwrap(wrapped[k], &out, &e), &e, "xml-too-large");
            }
        }
        buf_free(&form);
    }
    buf_reset(&text);
    for (size_t i = 0; i < 5 * (size_t)SAML_XML_MAX; i++)
        buf_add_char(&text, 'P');
    assert_err(unwrap(buf_slice(&text), &out, &e), &e, "xml-too-large");
    buf_free(&text);
    buf_free(&out);
    free(xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),     cmocka_unit_test(stages),       cmocka_unit_test(names),
        cmocka_unit_test(mixed_logins), cmocka_unit_test(lying_worker), cmocka_unit_test(signature_only),
        cmocka_unit_test(flips),        cmocka_unit_test(unwrapping),   cmocka_unit_test(unwrapping_limits),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
