/*
 * What a stranger can learn by sending variants of somebody's ciphertext, or plaintexts of his own: with AES-CBC one
 * answer, to the last octet of every text; with GCM the same until the tag is right.
 */
#include "tests/unit/saml/encrypt_rig.h"

/* --- one answer -------------------------------------------------------------------------------------------------- */

/* The very same refusal, to the last octet of every text. */
static void assert_the_answer(const struct err *e)
{
    static struct err first;

    if (first.code == ERR_NONE)
        first = *e;
    assert_string_equal(err_name(e->code), "decryption-failed");
    assert_memory_equal(e->msg, first.msg, sizeof first.msg);
    assert_memory_equal(e->found, first.found, sizeof first.found);
    assert_memory_equal(e->expected, first.expected, sizeof first.expected);
    assert_memory_equal(e->at, first.at, sizeof first.at);
    assert_ptr_equal(e->func, first.func);
    assert_int_equal(e->line, first.line);
}

#define A_OPEN \
    "<Assertion" NS_SAML " ID=\"_p\" IssueInstant=\"2026-11-24T10:00:00Z\" Version=\"2.0\"><Issuer>urn:i</Issuer>"
#define A_BODY "<Subject><NameID>eve@contoso.com</NameID></Subject></Assertion>"

/* Plaintexts that anybody can encrypt for us: what GCM may say, CBC may not. `%s`: a genuinely signed Assertion. */
static const struct {
    const char *plaintext, *gcm;
} plaintexts[] = {
    {A_OPEN A_BODY, "signature-missing"},
    {A_OPEN "<Signature xmlns=\"" SIGN_DSIG "\"/>" A_BODY, "signature-shape"},
    {"%s%s", "xml-syntax"},                             /* two roots */
    {"<R>%s</R>", "response-shape"},                    /* another root */
    {"%s<!-- -->", "response-shape"},                   /* more than an element */
    {"<!-- -->%s", "decryption-failed"},                /* the same, before it */
    {"<?xml version=\"1.0\"?>%s", "decryption-failed"}, /* a document */
    {"<!DOCTYPE a>%s", "decryption-failed"},            /* a DOCTYPE at the front */
    {"<a/><!DOCTYPE a>%s", "xml-doctype"},              /* and elsewhere */
    {"</EncryptedAssertion>%s", "decryption-failed"},   /* closes what it stands in */
    {"%s</a:EncryptedAssertion><a:EncryptedAssertion>", "xml-syntax"},
    {"text %s", "decryption-failed"},
    {"%s text", "xml-syntax"},
    {"", "decryption-failed"},
    {" ", "decryption-failed"},
    {"<", "decryption-failed"},
    {"<Assertion", "xml-syntax"},
    {"<Assertion xmlns='", "xml-syntax"},
    {"<Assertion" NS_SAML "/>", "response-shape"},
    {"<Assertion/>", "response-shape"},
    {"<a:Assertion Version=\"2.0\"/>", "xml-id"}, /* its prefix is from outside */
    {"<b:Assertion/>", "xml-syntax"},
    {A_OPEN "\xff" A_BODY, "xml-encoding"},
    {A_OPEN "&a;" A_BODY, "xml-syntax"},
    {A_OPEN "<Advice>%s</Advice>" A_BODY, "response-shape"}, /* wrapped */
    {A_OPEN "<Object ID=\"_p\"/>" A_BODY, "xml-id"},
};

static void one_answer(void **state)
{
    struct encrypt_options cbc = encrypt_defaults(sp), gcm = encrypt_defaults(sp);
    char *genuine = signed_assertion();
    struct err e = ERR_INIT;

    (void)state;
    gcm.cipher = "aes256-gcm";
    for (size_t i = 0; i < sizeof plaintexts / sizeof *plaintexts; i++) {
        struct buf b;

        buf_init(&b, 1 << 20);
        for (const char *p = plaintexts[i].plaintext; *p; p++) {
            if (p[0] == '%' && p[1] == 's') {
                buf_add_str(&b, genuine);
                p++;
            } else {
                buf_add_char(&b, *p);
            }
        }
        err_clear(&e);
        assert_int_equal(judge(response_with(buf_cstr(&b), &cbc, false), &e), -1);
        assert_the_answer(&e);
        err_clear(&e);
        assert_int_equal(judge(response_with(buf_cstr(&b), &gcm, false), &e), -1);
        if (strcmp(err_name(e.code), plaintexts[i].gcm) != 0)
            fail_msg("%s: %s (%s), not %s", plaintexts[i].plaintext, err_name(e.code), e.msg, plaintexts[i].gcm);
        buf_free(&b);
    }
    err_clear(&e);
    assert_ok(judge(response_with(genuine, &cbc, false), &e), &e);
    assert_ok(judge(response_with(genuine, &gcm, false), &e), &e);
    free(genuine);
}

/* A genuine signature by somebody else, and a genuine one with changed text. */
static void wrong_signatures(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    char *genuine = signed_assertion(), *changed = sign_replace(genuine, "ada@contoso.com", "eve@contoso.com");
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(judge(response_with(changed, &o, false), &e), -1);
    assert_the_answer(&e);
    err_clear(&e);
    r.sign.key = attacker;
    assert_int_equal(judge(encrypt_response(&r, &o), &e), -1);
    assert_the_answer(&e);
    err_clear(&e);
    o.cipher = "aes128-gcm";
    assert_err(judge(response_with(changed, &o, false), &e), &e, "signature-invalid");
    assert_err(judge(encrypt_response(&r, &o), &e), &e, "signature-invalid");
    free(genuine);
    free(changed);
}

/* Every value of the last octet but the right one. */
static void padding(void **state)
{
    char *genuine = signed_assertion();
    struct err e = ERR_INIT;
    int right = 16 - (int)(strlen(genuine) % 16), accepted = 0;

    (void)state;
    for (int last = 0; last < 256; last++) {
        struct encrypt_options o = encrypt_defaults(sp);

        o.last = last;
        err_clear(&e);
        if (judge(response_with(genuine, &o, false), &e) == 0) {
            assert_int_equal(last, right);
            accepted++;
        } else {
            assert_the_answer(&e);
        }
    }
    assert_int_equal(accepted, 1);
    free(genuine);
}

/* The text of the n-th CipherValue as octets; where it begins and ends in `xml`. */
static size_t cipher_value(const char *xml, int n, size_t *ret_from, size_t *ret_to, unsigned char *dst, size_t max)
{
    const char *from = xml, *to;
    struct err e = ERR_INIT;
    struct buf b;
    size_t size;

    for (int i = 0; i <= n; i++) {
        from = strstr(from, "CipherValue>");
        assert_non_null(from);
        from += strlen("CipherValue>");
        if (i < n) { /* past its end tag */
            from = strstr(from, "CipherValue>");
            assert_non_null(from);
            from += strlen("CipherValue>");
        }
    }
    to = strchr(from, '<');
    buf_init(&b, max + 3);
    assert_ok(base64_decode(slice_make(from, (size_t)(to - from)), &b, &e), &e);
    assert_true(b.len <= max);
    memcpy(dst, b.data, b.len);
    size = b.len;
    buf_free(&b);
    *ret_from = (size_t)(from - xml);
    *ret_to = (size_t)(to - xml);
    return size;
}

/*
 * One bit of every octet that a stranger can change: of the wrapped key and of the content, both modes. A changed bit
 * within the Signature's KeyInfo would not be refused, but it takes the block before it along.
 */
static void every_octet(void **state)
{
    static const char *const ciphers[] = {"aes256-cbc", "aes256-gcm"};
    static unsigned char octets[8192];
    struct sign_response r = sign_defaults(idp);
    struct err e = ERR_INIT;

    (void)state;
    memset(r.attributes, 0, sizeof r.attributes);
    r.attributes[0] = (struct sign_attribute){"a", "b"};
    for (size_t c = 0; c < 2; c++) {
        struct encrypt_options o = encrypt_defaults(sp);
        char *xml;

        o.cipher = ciphers[c];
        xml = encrypt_response(&r, &o);
        for (int value = 0; value < 2; value++) {
            size_t from, to, n = cipher_value(xml, value, &from, &to, octets, sizeof octets);

            for (size_t i = 0; i < n; i++) {
                char *text;

                /* in the middle of a long text one octet is like another */
                if (value == 1 && i > 96 && i + 96 < n && i % 11 != 0)
                    continue;
                octets[i] ^= (unsigned char)(1U << (i % 8));
                text = sign_base64(octets, n);
                octets[i] ^= (unsigned char)(1U << (i % 8));
                err_clear(&e);
                if (judge(sign_printf("%.*s%s%s", (int)from, xml, text, xml + to), &e) == 0)
                    fail_msg("%s: octet %zu of CipherValue %d changed and accepted", ciphers[c], i, value);
                assert_the_answer(&e);
                free(text);
            }
        }
        err_clear(&e);
        assert_ok(judge(xml, &e), &e);
    }
}

/* The tag cut, to lengths that other implementations once took; the text cut with it. */
static void short_tags(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct err e = ERR_INIT;

    (void)state;
    for (size_t tag = 0; tag < 16; tag++) {
        struct encrypt_options o = encrypt_defaults(sp);

        o.cipher = "aes256-gcm";
        o.tag = tag;
        err_clear(&e);
        assert_int_equal(judge(encrypt_response(&r, &o), &e), -1);
        assert_the_answer(&e);
    }
}

/* The other mode with the same key (Jager, Paterson, Somorovsky 2013), a key of another length, the wrong private key.
 */
static void wrong_keys(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    struct err e = ERR_INIT;

    (void)state;
    o.cipher = "aes256-gcm";
    assert_int_equal(judge(edited(&o, ENCRYPT_XENC11 "aes256-gcm", ENCRYPT_XENC "aes256-cbc", false), &e), -1);
    assert_the_answer(&e);
    for (int gcm = 0; gcm < 2; gcm++) {
        o = encrypt_defaults(sp);
        o.cipher = gcm ? "aes256-gcm" : "aes256-cbc";
        err_clear(&e);
        assert_int_equal(judge_keys(encrypt_response(&r, &o), &other_keys, 0, &e), -1);
        assert_the_answer(&e);
        o.key_cut = 16;
        err_clear(&e);
        assert_int_equal(judge(encrypt_response(&r, &o), &e), -1);
        assert_the_answer(&e);
    }
}

/* --- within a signed Response ------------------------------------------------------------------------------------ */

/* The ciphertext is the identity provider's own, so that what is wrong with the assertion may be said. */
static void signed_around(void **state)
{
    static const struct {
        const char *plaintext, *code;
    } rows[] = {
        {A_OPEN "<Subject><NameID>ada@contoso.com</NameID></Subject></Assertion>", NULL},
        {A_OPEN "</Assertion>", "assertion-unreadable"},
        {A_OPEN A_BODY "<Assertion/>", "assertion-unreadable"},
        {A_OPEN A_BODY " x", "assertion-unreadable"},
        {"<Assertion" NS_SAML "/>", "assertion-unreadable"},
        {"<Assertion/>", "decryption-failed"},
        {"<NameID" NS_SAML ">ada@contoso.com</NameID>", "decryption-failed"},
        {"<!DOCTYPE a><a/>", "decryption-failed"},
        {"\xff", "decryption-failed"},
        {"", "decryption-failed"},
    };
    struct encrypt_options o = encrypt_defaults(sp);
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].code)
            assert_ok(judge(response_with(rows[i].plaintext, &o, true), &e), &e);
        else
            assert_err(judge(response_with(rows[i].plaintext, &o, true), &e), &e, rows[i].code);
    }
}

/* One EncryptedAssertion signed, another put in its place; one taken away, one added. */
static void swapped(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    char *genuine = signed_assertion(), *one, *two, *xml, *encrypted;
    struct err e = ERR_INIT;

    (void)state;
    r.sign_response = true;
    one = encrypt_response(&r, &o);
    encrypted = encrypt_element("EncryptedAssertion", genuine, &o);
    two = encrypt_splice(one, "<a:EncryptedAssertion", "</a:EncryptedAssertion>", encrypted);
    assert_err(judge(two, &e), &e, "signature-invalid");
    xml = sign_replace(one, "</samlp:Response>", encrypted);
    two = sign_printf("%s</samlp:Response>", xml);
    assert_err(judge(two, &e), &e, "response-shape"); /* two of them */
    free(xml);
    xml = sign_replace(one, "</samlp:Response>", genuine);
    two = sign_printf("%s</samlp:Response>", xml);
    assert_err(judge(two, &e), &e, "response-shape"); /* one in clear */
    free(xml);
    free(encrypted);
    free(one);
    free(genuine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answer),    cmocka_unit_test(wrong_signatures), cmocka_unit_test(padding),
        cmocka_unit_test(every_octet),   cmocka_unit_test(short_tags),       cmocka_unit_test(wrong_keys),
        cmocka_unit_test(signed_around), cmocka_unit_test(swapped),
    };

    return cmocka_run_group_tests_name("saml/oracle", tests, rig_setup, rig_teardown);
}
