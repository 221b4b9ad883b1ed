/* Unit tests of saml/logout.h: the POST binding by way of the worker, encrypted names, and a worker that lies. */
#include "tests/unit/saml/logout_rig.h"

/* --- the POST binding -------------------------------------------------------------------------------------------- */

/* The worker's half, then the router's. */
static int judge_post(const char *xml, const struct saml_sp_keys *keys, unsigned allow, struct saml_logout *l,
                      struct err *e)
{
    const struct saml_trust *one = &trust;
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = slice_of(xml), .trusts = &one, .ntrusts = 1};
    struct saml_signed s;

    if (saml_verify_message(&rq, &arena, &s, e) != 0)
        return -1;
    return saml_logout_signed(&s, &trust, allow, keys, &arena, l, e);
}

static int posted(const char *xml, struct saml_logout *l, struct err *e)
{
    return judge_post(xml, NULL, 0, l, e);
}

static char *signed_xml(const char *xml, const char *id, EVP_PKEY *key)
{
    struct sign_options o = {.key = key};

    return sign_element(xml, id, &o);
}

static void signed_post(void **state)
{
    struct err e = ERR_INIT;
    struct saml_logout l;
    char *xml = signed_xml(GOOD, "_r1", pinned);

    (void)state;
    assert_ok(posted(xml, &l, &e), &e);
    assert_true(l.is_signed);
    assert_true(slice_is(l.name_id, "ada@example.com"));
    assert_int_equal(l.nsession_index, 2);
    free(xml);
    xml = signed_xml(RESPONSE, "_a1", curve);
    assert_ok(posted(xml, &l, &e), &e);
    assert_true(l.is_signed && l.is_response);
    free(xml);
}

static void plain_post(void **state)
{
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(posted("<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- c -->" GOOD, &l, &e), &e);
    assert_false(l.is_signed);
    assert_true(slice_is(l.name_id, "ada@example.com"));
    assert_ok(posted(RESPONSE, &l, &e), &e);
    assert_true(l.is_response && !l.is_signed);
}

static void refused_posts(void **state)
{
    char *good = signed_xml(GOOD, "_r1", pinned), *foreign = signed_xml(GOOD, "_r1", other), *text;
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_err(posted(foreign, &l, &e), &e, "signature-invalid");
    text = sign_replace(good, "ada@example.com", "bob@example.com");
    assert_err(posted(text, &l, &e), &e, "signature-invalid");
    free(text);
    /* the Signature in another place counts for nothing, so it must not be there */
    text = sign_replace(good, "<Issuer>" ISSUER "</Issuer>", "<Issuer>" ISSUER "</Issuer><samlp:Extensions/>");
    assert_err(posted(text, &l, &e), &e, "signature-shape");
    free(text);
    text = sign_printf(HEAD ADA "<samlp:Extensions>%s</samlp:Extensions>" TAIL, good);
    assert_err(posted(text, &l, &e), &e, "xml-id");
    free(text);
    assert_err(posted(HEAD "<samlp:Extensions><Assertion/></samlp:Extensions>" ADA TAIL, &l, &e), &e, "response-shape");
    assert_err(posted(HEAD "<samlp:Extensions><x ID=\"_r1\"/></samlp:Extensions>" ADA TAIL, &l, &e), &e, "xml-id");
    assert_err(posted("<samlp:LogoutRequest " NS AT "><Issuer>i</Issuer>" ADA TAIL, &l, &e), &e, "xml-id");
    assert_err(posted("<samlp:Response " NS " ID=\"_r1\"" AT "/>", &l, &e), &e, "logout-invalid");
    assert_err(posted(REQUEST "<Issuer>a<b/></Issuer>" ADA TAIL, &l, &e), &e, "logout-invalid");
    assert_err(posted("<!DOCTYPE x>" GOOD, &l, &e), &e, "xml-doctype");
    assert_err(posted(HEAD TAIL, &l, &e), &e, "logout-invalid");
    free(good);
    free(foreign);
}

/* --- an encrypted name ------------------------------------------------------------------------------------------- */

/* A LogoutRequest with EncryptedID around `plaintext`, signed in the way of each binding, and judged. */
static int judge_encrypted(const char *plaintext, const struct encrypt_options *o, bool by_post,
                           const struct saml_sp_keys *keys, unsigned allow, struct saml_logout *l, struct err *e)
{
    char *name = encrypt_element("EncryptedID", plaintext, o);
    char *xml = sign_printf(HEAD "%s<samlp:SessionIndex>_s1</samlp:SessionIndex>" TAIL, name), *text;
    int rc;

    if (by_post) {
        text = signed_xml(xml, "_r1", pinned);
        rc = judge_post(text, keys, allow, l, e);
    } else {
        text = with_signature(parameter("SAMLRequest", xml), pinned, RSA256);
        rc = saml_logout_redirect(slice_of(text), &trust, allow, keys, &arena, l, e);
    }
    free(text);
    free(xml);
    free(name);
    return rc;
}

static void encrypted_name(void **state)
{
    static const char name[] = "<s:NameID xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\" Format=\"urn:f\" "
                               "NameQualifier=\"q\" SPNameQualifier=\"s\"> ada@example.com </s:NameID>";
    struct encrypt_options o = encrypt_defaults(other);
    struct saml_sp_keys ours = {.n = 0}, rollover = {.n = 0}, none = {.n = 0}, wrong = {.n = 0};
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    encrypt_sp_key(&ours, other);
    encrypt_sp_key(&wrong, pinned);
    encrypt_sp_key(&rollover, pinned);
    encrypt_sp_key(&rollover, other);
    for (int by_post = 0; by_post < 2; by_post++) {
        for (int gcm = 0; gcm < 2; gcm++) {
            o.cipher = gcm ? "aes128-gcm" : "aes256-cbc";
            assert_ok(judge_encrypted(name, &o, by_post, &ours, 0, &l, &e), &e);
            assert_true(l.is_signed);
            assert_true(slice_is(l.name_id, "ada@example.com"));
            assert_true(slice_is(l.name_id_format, "urn:f"));
            assert_true(slice_is(l.name_qualifier, "q"));
            assert_true(slice_is(l.sp_name_qualifier, "s"));
            assert_int_equal(l.nsession_index, 1);
            assert_ok(judge_encrypted(name, &o, by_post, &rollover, 0, &l, &e), &e);
            assert_err(judge_encrypted(name, &o, by_post, &wrong, 0, &l, &e), &e, "decryption-failed");
            assert_err(judge_encrypted(name, &o, by_post, &none, 0, &l, &e), &e, "decryption-key-missing");
            assert_err(judge_encrypted(name, &o, by_post, NULL, 0, &l, &e), &e, "decryption-key-missing");
            assert_err(judge_encrypted("<z:NameID xmlns:z=\"urn:z\">ada</z:NameID>", &o, by_post, &ours, 0, &l, &e), &e,
                       "decryption-failed");
            assert_err(judge_encrypted("ada", &o, by_post, &ours, 0, &l, &e), &e, "decryption-failed");
            assert_err(judge_encrypted("<a:NameID>a<!-- -->b</a:NameID>", &o, by_post, &ours, 0, &l, &e), &e,
                       "logout-invalid");
        }
        o.transport = "rsa-1_5";
        assert_err(judge_encrypted(name, &o, by_post, &ours, 0, &l, &e), &e, "algorithm-not-allowed");
        assert_ok(judge_encrypted(name, &o, by_post, &ours, SAML_ALLOW_RSA15, &l, &e), &e);
        o.transport = "rsa-oaep-mgf1p";
    }
    saml_sp_keys_free(&ours);
    saml_sp_keys_free(&wrong);
    saml_sp_keys_free(&rollover);
}

/* Anybody can send any ciphertext in a message that nobody signs: it is not decrypted, whatever it is. */
static void encrypted_and_unsigned(void **state)
{
    static const char *const names[] = {ADA, "ada", "<NameID"};
    struct encrypt_options o = encrypt_defaults(other);
    struct saml_sp_keys ours = {.n = 0};
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    encrypt_sp_key(&ours, other);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = encrypt_element("EncryptedID", names[i], &o), *xml = sign_printf(HEAD "%s" TAIL, name);
        char *query = parameter("SAMLRequest", xml);

        assert_err(saml_logout_redirect(slice_of(query), &trust, 0, &ours, &arena, &l, &e), &e, "signature-missing");
        assert_err(judge_post(xml, &ours, 0, &l, &e), &e, "signature-missing");
        free(query);
        free(xml);
        free(name);
    }
    saml_sp_keys_free(&ours);
}

/* By the Issuer that stands there, among several; and by nothing if there is none. */
static void chosen_by_issuer(void **state)
{
    char elsewhere[] = "https://other.example.com/", here[] = ISSUER;
    struct saml_trust strange = {.issuer = elsewhere}, named = trust;
    const struct saml_trust *two[] = {&strange, &named};
    char *xml = signed_xml(GOOD, "_r1", pinned), *nobody = signed_xml(REQUEST ADA TAIL, "_r1", pinned);
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = slice_of(xml), .trusts = two, .ntrusts = 2, .by_issuer = true};
    struct saml_signed s;
    struct err e = ERR_INIT;

    (void)state;
    assert_err(saml_verify_message(&rq, &arena, &s, &e), &e, "issuer-mismatch");
    named.issuer = here;
    assert_ok(saml_verify_message(&rq, &arena, &s, &e), &e);
    assert_int_equal(s.trust, 1);
    assert_int_equal(s.nsig, 1);
    rq.xml = slice_of(nobody);
    assert_err(saml_verify_message(&rq, &arena, &s, &e), &e, "issuer-mismatch");
    rq.by_issuer = false;
    assert_err(saml_verify_message(&rq, &arena, &s, &e), &e, "internal-error");
    free(xml);
    free(nobody);
}

/* What a worker that strangers took over may return. */
static void lying_worker(void **state)
{
    const struct saml_trust *one = &trust;
    char *xml = signed_xml(GOOD, "_r1", pinned);
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = slice_of(xml), .trusts = &one, .ntrusts = 1};
    struct saml_signed good, s;
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(saml_verify_message(&rq, &arena, &good, &e), &e);
#define LIE(change, code)                                                              \
    do {                                                                               \
        s = good;                                                                      \
        change;                                                                        \
        assert_err(saml_logout_signed(&s, &trust, 0, NULL, &arena, &l, &e), &e, code); \
    } while (0)
    LIE(s.sig[0].element = SLICE(GOOD), "recheck-failed");
    LIE(s.sig[0].what = SAML_LOGOUT_RESPONSE, "recheck-failed");
    LIE(s.sig[0].what = SAML_RESPONSE, "recheck-failed");
    LIE(s.sig[0].what = SAML_METADATA, "recheck-failed");
    LIE(s.sig[0].signature_value = SLICE(""), "signature-invalid");
    LIE((s.sig[1] = s.sig[0], s.nsig = 2), "recheck-failed");
    LIE((s.nsig = 0, s.plain_what = SAML_NOTHING), "recheck-failed");
    LIE((s.nsig = 0, s.plain_what = SAML_LOGOUT_RESPONSE, s.plain = SLICE(GOOD)), "recheck-failed");
    LIE((s.nsig = 0, s.plain_what = SAML_LOGOUT_REQUEST, s.plain = SLICE("")), "logout-invalid");
#undef LIE
    /* it may say that nothing was signed, and that is then what it is worth */
    s = (struct saml_signed){.plain_what = SAML_LOGOUT_REQUEST, .plain = SLICE(GOOD)};
    assert_ok(saml_logout_signed(&s, &trust, 0, NULL, &arena, &l, &e), &e);
    assert_false(l.is_signed);
    free(xml);
}

/* What is written for a form holds for xmlsec, and for the reader of this folder. */
static void written_post(void **state)
{
    static const char *const names[] = {"ada@example.com", "<a> & \"b\" 'c'\r\n\td \xC3\xAB"};
    struct saml_sp_key key = {.pkey = pinned, .certificate = SLICE("not looked at")};
    struct saml_logout_out request = {.id = "id1",
                                      .issuer = ISSUER,
                                      .destination = SLO "?a=1&b=\"<>\t",
                                      .issue_instant = NOW,
                                      .name_id_format = "urn:f",
                                      .session_index = "_s>1"};
    struct saml_logout_out response = {.id = "id2",
                                       .issuer = ISSUER,
                                       .destination = SLO,
                                       .issue_instant = NOW,
                                       .in_response_to = "id1",
                                       .status = "Success",
                                       .substatus = "PartialLogout"};
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct buf text, xml;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_init(&xml, 1 << 20);
    for (size_t i = 0; i < 6; i++) {
        struct saml_logout_out o = i < 4 ? request : response;

        buf_reset(&text);
        buf_reset(&xml);
        o.name_id = names[i / 2 % 2];
        o.sign = i % 2 ? &key : NULL;
        assert_ok(saml_logout_write_post(&o, &text, &e), &e);
        assert_ok(base64_decode(buf_slice(&text), &xml, &e), &e);
        assert_ok(posted(buf_cstr(&xml), &l, &e), &e);
        assert_int_equal(l.is_signed, i % 2);
        assert_int_equal(l.is_response, i >= 4);
        assert_true(slice_is(l.destination, o.destination));
        if (!l.is_response) {
            assert_true(slice_is(l.name_id, o.name_id));
            assert_true(slice_is(l.session_index[0], "_s>1"));
        } else {
            assert_true(slice_is(l.sub_status, SAML_STATUS_PREFIX "PartialLogout"));
            assert_ok(saml_logout_check(&l, &x, &e), &e);
        }
    }
    key.pkey = other;
    response.sign = &key;
    buf_reset(&text);
    buf_reset(&xml);
    assert_ok(saml_logout_write_post(&response, &text, &e), &e);
    assert_ok(base64_decode(buf_slice(&text), &xml, &e), &e);
    assert_err(posted(buf_cstr(&xml), &l, &e), &e, "signature-invalid");
    buf_free(&text);
    buf_free(&xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signed_post),
                                       cmocka_unit_test(plain_post),
                                       cmocka_unit_test(refused_posts),
                                       cmocka_unit_test(encrypted_name),
                                       cmocka_unit_test(encrypted_and_unsigned),
                                       cmocka_unit_test(chosen_by_issuer),
                                       cmocka_unit_test(lying_worker),
                                       cmocka_unit_test(written_post)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
