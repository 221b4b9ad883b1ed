/*
 * Encrypted assertions and names, through everything that reads them: the worker where the Response is not signed, the
 * router where it is. Shapes and algorithms are given to both, which have to agree.
 */
#include "tests/unit/saml/encrypt_rig.h"

/* --- what is accepted -------------------------------------------------------------------------------------------- */

static void layouts(void **state)
{
    static const char *const ciphers[] = {"aes128-cbc", "aes192-cbc", "aes256-cbc",
                                          "aes128-gcm", "aes192-gcm", "aes256-gcm"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 6 * 3 * 3; i++) {
        struct sign_response r = sign_defaults(idp);
        struct encrypt_options o = encrypt_defaults(sp);
        struct saml_verdict v;
        struct arena a;
        char *xml;

        o.cipher = ciphers[i % 6];
        o.place = (enum encrypt_place)(i / 6 % 3);
        r.sign_assertion = i / 18 != 1;
        r.sign_response = i / 18 != 0;
        xml = encrypt_response(&r, &o);
        assert_ok(judge_with(xml, &sp_keys, 0, &v, &a, &e), &e);
        assert_true(slice_is(v.assertion.name_id, "ada@contoso.com"));
        assert_int_equal(v.assertion.nattributes, 4);
        assert_int_equal(v.signed_parts.nsig, 1);
        assert_int_equal(v.signed_parts.sig[0].what, r.sign_response ? SAML_RESPONSE : SAML_ASSERTION);
        assert_true(slice_is(v.signed_parts.outer.destination, r.destination));
        arena_free(&a);
        free(xml);
    }
}

/* The conditions are those of the decrypted assertion. */
static void conditions(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    struct saml_expect x = {.issuer = slice_of(r.issuer),
                            .acs = slice_of(r.recipient),
                            .audience = slice_of(r.audience),
                            .request_id = slice_of(r.in_response_to),
                            .now = SIGN_NOW,
                            .skew = SAML_SKEW_DEFAULT,
                            .email_from = SLICE("nameid")};
    struct saml_verdict v;
    struct err e = ERR_INIT;
    struct arena a;
    char *xml = encrypt_response(&r, &o);

    (void)state;
    arena_init(&a, SAML_ARENA_MAX);
    assert_ok(saml_judge(slice_of(xml), &trust, &sp_keys, 0, &x, &a, &v, &e), &e);
    assert_string_equal(v.email.key, "ada@contoso.com");
    x.audience = SLICE("https://other.example.com");
    assert_err(saml_judge(slice_of(xml), &trust, &sp_keys, 0, &x, &a, &v, &e), &e, "audience-mismatch");
    free(xml);
    arena_free(&a);
}

static void transports(void **state)
{
    static const char *const hashes[] = {NULL, "SHA1", "SHA256", "SHA384", "SHA512"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 5 * 5 * 2 * 2; i++) {
        struct sign_response r = sign_defaults(idp);
        struct encrypt_options o = encrypt_defaults(sp);

        r.sign_response = i / 50 != 0;
        o.digest = hashes[i % 5];
        o.label = i / 25 % 2 ? "label" : NULL;
        if (i / 5 % 5 > 0) { /* its own mask needs the newer name */
            o.transport = "rsa-oaep";
            o.mgf = hashes[i / 5 % 5];
        }
        assert_ok(judge(encrypt_response(&r, &o), &e), &e);
    }
}

static void two_keys(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options to_sp = encrypt_defaults(sp), to_other = encrypt_defaults(other);
    struct err e = ERR_INIT;

    (void)state;
    for (int around = 0; around < 2; around++) {
        r.sign_response = around;
        assert_ok(judge_keys(encrypt_response(&r, &to_sp), &both_keys, 0, &e), &e);
        assert_ok(judge_keys(encrypt_response(&r, &to_other), &both_keys, 0, &e), &e);
        assert_err(judge_keys(encrypt_response(&r, &to_sp), &other_keys, 0, &e), &e, "decryption-failed");
    }
}

/* Both at once, and each alone; without the exception each is refused by name. */
static void old_algorithms(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        r.sign_response = i / 3;
        o.transport = i % 3 == 1 ? "rsa-oaep-mgf1p" : "rsa-1_5";
        o.cipher = i % 3 == 2 ? "aes256-cbc" : "tripledes-cbc";
        assert_ok(judge_keys(encrypt_response(&r, &o), &sp_keys, SAML_ALLOW_RSA15, &e), &e);
        assert_err(judge_keys(encrypt_response(&r, &o), &sp_keys, 0, &e), &e, "algorithm-not-allowed");
        assert_err(judge_keys(encrypt_response(&r, &o), &other_keys, SAML_ALLOW_RSA15, &e), &e, "decryption-failed");
    }
}

static void no_keys(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    const struct saml_sp_keys none = {.n = 0};
    struct err e = ERR_INIT;

    (void)state;
    for (int around = 0; around < 2; around++) {
        r.sign_response = around;
        assert_err(judge_keys(encrypt_response(&r, &o), NULL, 0, &e), &e, "decryption-key-missing");
        assert_err(judge_keys(encrypt_response(&r, &o), &none, 0, &e), &e, "decryption-key-missing");
    }
}

/* --- namespaces from outside ------------------------------------------------------------------------------------- */

static void inherited_namespaces(void **state)
{
    static const char prefixed[] =
        "<s:Assertion ID=\"_i\" IssueInstant=\"2026-11-24T10:00:00Z\" Version=\"2.0\"><s:Issuer>urn:i</s:Issuer>"
        "<s:Subject><s:NameID>ada@contoso.com</s:NameID></s:Subject></s:Assertion>";
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    struct err e = ERR_INIT;

    (void)state;
    for (int around = 0; around < 2; around++) {
        r.sign_response = around;
        r.sign_assertion = true;
        o = encrypt_defaults(sp);
        o.inherits = NS_SAML; /* what the signature was made with is outside now */
        o.outside = NS_SAML;
        /* in signed bytes it is not there: exclusive canonicalization leaves out what nothing uses, so that it is not
         * signed and anybody could change it */
        if (around)
            assert_err(judge(encrypt_response(&r, &o), &e), &e, "decryption-failed");
        else
            assert_ok(judge(encrypt_response(&r, &o), &e), &e);
        o.outside = NULL; /* nobody says it */
        assert_err(judge(encrypt_response(&r, &o), &e), &e, "decryption-failed");
        o.inherits = NULL; /* the plaintext's own declaration counts, not the one outside */
        o.outside = " xmlns=\"urn:other\" xmlns:s=\"urn:a?b&amp;c\" xmlns:ds=\"urn:d\"";
        assert_ok(judge(encrypt_response(&r, &o), &e), &e);
    }
    /* a prefix that EncryptedAssertion uses itself is there */
    o = encrypt_defaults(sp);
    assert_err(judge(response_with(prefixed, &o, true), &e), &e, "decryption-failed");
    {
        char *text =
            sign_replace(prefixed, "<s:Assertion", "<a:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
        char *ends = sign_replace(text, "</s:Assertion>", "</a:Assertion>");

        assert_ok(judge(response_with(ends, &o, true), &e), &e);
        free(text);
        free(ends);
    }
}

/* --- shapes and algorithms, for both readers --------------------------------------------------------------------- */

#define X " xmlns:x=\"" ENCRYPT_XENC "\""
#define A_KEY "<x:EncryptedKey" X "/>"

struct shape {
    enum encrypt_place place;
    const char *from, *to;
    const char *about; /* in the message */
};

static void refused_by_both(const struct shape *s, const char *worker_code, const char *router_code)
{
    struct encrypt_options o = encrypt_defaults(sp);

    o.place = s->place;
    o.transport = strstr(s->from, "rsa-oaep\"") ? "rsa-oaep" : "rsa-oaep-mgf1p";
    if (strstr(s->from, "DigestMethod") || strstr(s->from, "OAEPparams")) {
        o.digest = "SHA1";
        o.label = "l";
    }
    if (strstr(s->from, "MGF")) {
        o.transport = "rsa-oaep";
        o.mgf = "SHA1";
    }
    for (int around = 0; around < 2; around++) {
        const char *code = around ? router_code : worker_code;
        struct err e = ERR_INIT;

        if (judge(edited(&o, s->from, s->to, around), &e) == 0)
            fail_msg("accepted (%d): %s -> %s", around, s->from, s->to);
        if (strcmp(err_name(e.code), code) != 0 || !strstr(e.msg, s->about))
            fail_msg("%s -> %s (%d): %s: %s", s->from, s->to, around, err_name(e.code), e.msg);
    }
}

static void shapes(void **state)
{
    static const struct shape rows[] = {
        /* the number of keys */
        {ENCRYPT_INSIDE, "</i:KeyInfo>", A_KEY "</i:KeyInfo>", "exactly one"},
        {ENCRYPT_INSIDE, "</a:EncryptedAssertion>", A_KEY "</a:EncryptedAssertion>", "exactly one"},
        {ENCRYPT_BESIDE, "</a:EncryptedAssertion>", A_KEY "</a:EncryptedAssertion>", "exactly one"},
        {ENCRYPT_INSIDE, "</e:EncryptionMethod><e:CipherData>",
         "</e:EncryptionMethod><i:KeyInfo>" A_KEY "</i:KeyInfo><e:CipherData>", "exactly one"},
        /* what is never fetched */
        {ENCRYPT_INSIDE, "</e:EncryptionMethod><e:CipherData><e:CipherValue>",
         "</e:EncryptionMethod><e:CipherData><e:CipherReference URI=\"http://127.0.0.1/\"/><e:CipherValue>",
         "CipherReference"},
        {ENCRYPT_REFERENCE, "URI=\"#_k\"/>", "URI=\"#_d\"/>", "refer to each other"},
        {ENCRYPT_REFERENCE, "URI=\"#_k\"/>", "URI=\"http://127.0.0.1/k\"/>", "refer to each other"},
        {ENCRYPT_REFERENCE, "URI=\"#_k\"/>", "URI=\"\"/>", "refer to each other"},
        {ENCRYPT_REFERENCE, "URI=\"#_k\"/>", "/>", "refer to each other"},
        {ENCRYPT_REFERENCE, "URI=\"#_k\"/>", "URI=\"#_k\"><i:Transforms/></i:RetrievalMethod>", "Transforms"},
        {ENCRYPT_REFERENCE, "Type=\"" ENCRYPT_XENC "EncryptedKey\"", "Type=\"" SIGN_DSIG "rawX509Certificate\"",
         "RetrievalMethod"},
        {ENCRYPT_REFERENCE, "<e:DataReference URI=\"#_d\"/>", "<e:DataReference URI=\"#_k\"/>", "refer to each other"},
        {ENCRYPT_REFERENCE, "<e:DataReference URI=\"#_d\"/>", "<e:DataReference/>", "refer to each other"},
        {ENCRYPT_REFERENCE, "<e:DataReference URI=\"#_d\"/>", "<e:KeyReference URI=\"#_d\"/>", "DataReference"},
        {ENCRYPT_REFERENCE, "<e:DataReference URI=\"#_d\"/>",
         "<e:DataReference URI=\"#_d\"/><e:DataReference URI=\"#_d\"/>", "DataReference"},
        {ENCRYPT_REFERENCE, " Id=\"_k\"", "", "refer to each other"},
        {ENCRYPT_INSIDE, "<i:KeyInfo xmlns:i=\"" SIGN_DSIG "\">",
         "<i:KeyInfo xmlns:i=\"" SIGN_DSIG "\"><i:RetrievalMethod URI=\"#_k\"/>", "EncryptedKey does not belong"},
        /* order, and what does not belong */
        {ENCRYPT_BESIDE, "<e:EncryptedData", "<x:Other" X "/><e:EncryptedData", "EncryptedData is not where"},
        {ENCRYPT_BESIDE, "</a:EncryptedAssertion>", "<x:Other" X "/></a:EncryptedAssertion>", "Other does not belong"},
        {ENCRYPT_BESIDE, "</e:CipherData></e:EncryptedData>", "</e:CipherData><e:Other/></e:EncryptedData>",
         "Other does not belong"},
        {ENCRYPT_BESIDE, "</e:CipherValue></e:CipherData></e:EncryptedKey>",
         "</e:CipherValue><e:CipherValue/></e:CipherData></e:EncryptedKey>", "CipherValue does not belong"},
        {ENCRYPT_BESIDE, "</e:CipherData></e:EncryptedKey>", "</e:CipherData><e:Other/></e:EncryptedKey>",
         "Other does not belong"},
        {ENCRYPT_BESIDE, "<e:EncryptionMethod Algorithm=\"" ENCRYPT_XENC "aes256-cbc\"/>", "",
         "EncryptionMethod is not"},
        {ENCRYPT_BESIDE, "aes256-cbc\"/>", "aes256-cbc\"><e:KeySize>256</e:KeySize></e:EncryptionMethod>", "KeySize"},
        {ENCRYPT_BESIDE, "Type=\"" ENCRYPT_XENC "Element\"", "Type=\"" ENCRYPT_XENC "Content\"",
         "else than an element"},
        {ENCRYPT_BESIDE, "<e:EncryptedData ", "text<e:EncryptedData ", "text beside"},
        {ENCRYPT_BESIDE, "<e:CipherData>", "<e:CipherData>text", "text in CipherData"},
        {ENCRYPT_BESIDE, "<e:CipherData>", "<e:CipherData><![CDATA[x]]>", "text in CipherData"},
        {ENCRYPT_INSIDE, "<i:KeyInfo xmlns:i=\"" SIGN_DSIG "\">", "<i:KeyInfo xmlns:i=\"" SIGN_DSIG "\"><i:X509Data/>",
         "X509Data does not belong"},
        /* values */
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue><e:Other/>", "CipherValue is not plain text"},
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue>*", "not base64"},
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue/><e:CipherValue>", "CipherValue holds 0 octets"},
        {ENCRYPT_INSIDE, "<e:OAEPparams>", "<e:OAEPparams>*", "OAEPparams is not base64"},
        {ENCRYPT_INSIDE, "<e:OAEPparams>", "<e:OAEPparams/><e:OAEPparams>", "OAEPparams holds 0 octets"},
        {ENCRYPT_INSIDE, "</e:OAEPparams>", "</e:OAEPparams><e:OAEPparams>bA==</e:OAEPparams>", "OAEPparams does not"},
        {ENCRYPT_INSIDE, "<d:DigestMethod",
         "<x:DigestMethod xmlns:x=\"" SIGN_DSIG "\" Algorithm=\"" SIGN_DSIG "sha1\"/><d:DigestMethod",
         "DigestMethod does not belong"},
        {ENCRYPT_INSIDE, "<d:DigestMethod xmlns:d=\"" SIGN_DSIG "\" Algorithm=\"" SIGN_DSIG "sha1\"/>",
         "<d:DigestMethod xmlns:d=\"" SIGN_DSIG "\" Algorithm=\"" SIGN_DSIG "sha1\"><d:O/></d:DigestMethod>",
         "O does not belong"},
        {ENCRYPT_INSIDE, "<m:MGF",
         "<x:MGF xmlns:x=\"" ENCRYPT_XENC11 "\" Algorithm=\"" ENCRYPT_XENC11 "mgf1sha1\"/><m:MGF",
         "MGF does not belong"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refused_by_both(&rows[i], "response-shape", "assertion-unreadable");
    }
}

/* The router never sees a comment: canonicalization leaves it out. */
static void comments(void **state)
{
    struct encrypt_options o = encrypt_defaults(sp);
    struct err e = ERR_INIT;

    (void)state;
    assert_err(judge(edited(&o, "<e:CipherValue>", "<e:CipherValue><!-- -->", false), &e), &e, "response-shape");
    assert_ok(judge(edited(&o, "<e:CipherValue>", "<e:CipherValue><!-- -->", true), &e), &e);
}

/* As many as there may be, and many more. */
static void work_is_bounded(void **state)
{
    struct encrypt_options o = encrypt_defaults(sp);
    struct err e = ERR_INIT;
    struct buf b;
    char *deep = sign_printf("%s", "<i:X/>"), *more;

    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_add_str(&b, A_KEY);
    buf_add_str(&b, "</a:EncryptedAssertion>");
    assert_err(judge(edited(&o, "</a:EncryptedAssertion>", buf_cstr(&b), false), &e), &e, "response-shape");
    assert_err(judge(edited(&o, "</a:EncryptedAssertion>", buf_cstr(&b), true), &e), &e, "assertion-unreadable");
    buf_free(&b);
    for (int i = 0; i < 14; i++) {
        more = sign_printf("<i:X>%s</i:X>", deep);
        free(deep);
        deep = more;
    }
    more = sign_printf("</e:EncryptionMethod><i:KeyInfo>%s</i:KeyInfo><e:CipherData>", deep);
    assert_err(judge(edited(&o, "</e:EncryptionMethod><e:CipherData>", more, false), &e), &e, "response-shape");
    assert_err(judge(edited(&o, "</e:EncryptionMethod><e:CipherData>", more, true), &e), &e, "assertion-unreadable");
    free(more);
    free(deep);
}

static void algorithms(void **state)
{
    static const struct shape rows[] = {
        {ENCRYPT_INSIDE, ENCRYPT_XENC "aes256-cbc", ENCRYPT_XENC "tripledes-cbc", "the cipher"},
        {ENCRYPT_INSIDE, ENCRYPT_XENC "aes256-cbc", ENCRYPT_XENC "aes256-gcm", "the cipher"},
        {ENCRYPT_INSIDE, ENCRYPT_XENC "aes256-cbc", ENCRYPT_XENC "kw-aes256", "the cipher"},
        {ENCRYPT_INSIDE, ENCRYPT_XENC "aes256-cbc", "", "the cipher"},
        {ENCRYPT_INSIDE, ENCRYPT_XENC "rsa-oaep-mgf1p", ENCRYPT_XENC "rsa-1_5", "key transport"},
        {ENCRYPT_INSIDE, ENCRYPT_XENC "rsa-oaep-mgf1p", ENCRYPT_XENC "kw-aes256", "key transport"},
        {ENCRYPT_INSIDE, "Algorithm=\"" ENCRYPT_XENC "rsa-oaep-mgf1p\"", "", "key transport"},
        {ENCRYPT_INSIDE, "<d:DigestMethod xmlns:d=\"" SIGN_DSIG "\" Algorithm=\"" SIGN_DSIG "sha1\"/>",
         "<d:DigestMethod xmlns:d=\"" SIGN_DSIG "\" Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#md5\"/>",
         "digest"},
        {ENCRYPT_INSIDE, "<m:MGF xmlns:m=\"" ENCRYPT_XENC11 "\" Algorithm=\"" ENCRYPT_XENC11 "mgf1sha1\"/>",
         "<m:MGF xmlns:m=\"" ENCRYPT_XENC11 "\" Algorithm=\"" ENCRYPT_XENC11 "mgf1sha224\"/>", "mask"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused_by_both(&rows[i], "algorithm-not-allowed", "algorithm-not-allowed");
}

/* Not wrong: what products write, or might. */
static void also_good(void **state)
{
    static const struct shape rows[] = {
        {ENCRYPT_INSIDE, "<e:EncryptedKey", "<i:KeyName>sp</i:KeyName><e:EncryptedKey", NULL},
        {ENCRYPT_INSIDE, "<e:EncryptedKey", "\n <!-- key --> <e:EncryptedKey Recipient=\"urn:x\"", NULL},
        {ENCRYPT_INSIDE, "</e:EncryptionMethod><e:CipherData>",
         "</e:EncryptionMethod><i:KeyInfo><i:X509Data><i:X509IssuerSerial/></i:X509Data></i:KeyInfo><e:CipherData>",
         NULL},
        {ENCRYPT_INSIDE, "<e:CipherValue>", "<e:CipherValue>\r\n &#13;\t", NULL},
        {ENCRYPT_BESIDE, "</e:EncryptedKey>", "<e:CarriedKeyName>k</e:CarriedKeyName></e:EncryptedKey>", NULL},
        {ENCRYPT_BESIDE, " Type=\"" ENCRYPT_XENC "Element\"", " MimeType=\"text/xml\"", NULL},
        {ENCRYPT_REFERENCE, " Type=\"" ENCRYPT_XENC "EncryptedKey\"", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const struct shape *s = &rows[i / 2];
        struct encrypt_options o = encrypt_defaults(sp);
        struct err e = ERR_INIT;

        o.place = s->place;
        assert_ok(judge(edited(&o, s->from, s->to, i % 2), &e), &e);
    }
}

/* --- names ------------------------------------------------------------------------------------------------------- */

/* The default Response with an EncryptedID of this plaintext in place of the NameID. */
static char *with_encrypted_id(const struct sign_response *r, const char *plaintext, const struct encrypt_options *o)
{
    struct sign_response plain = *r;
    char *id = encrypt_element("EncryptedID", plaintext, o), *xml, *text;

    plain.sign_assertion = plain.sign_response = false;
    xml = sign_make(&plain);
    text = encrypt_splice(xml, "<NameID", "</NameID>", id);
    free(id);
    free(xml);
    for (int i = 0; i < 2; i++) {
        if (i == 0 ? r->sign_assertion : r->sign_response) {
            xml = sign_element(text, i == 0 ? r->assertion_id : r->response_id, &r->sign);
            free(text);
            text = xml;
        }
    }
    return text;
}

#define A_NAME "<NameID" NS_SAML " Format=\"f\" NameQualifier=\"q\" SPNameQualifier=\"s\">ada@contoso.com</NameID>"

static void encrypted_names(void **state)
{
    static const struct {
        const char *plaintext, *code;
    } rows[] = {
        {A_NAME, NULL},
        {" " A_NAME "\n", NULL},
        {"<a:NameID>ada@contoso.com</a:NameID>", NULL}, /* the prefix of EncryptedID */
        {A_NAME A_NAME, "assertion-unreadable"},
        {"<NameID" NS_SAML ">ada@<!-- -->contoso.com</NameID>", "assertion-unreadable"},
        {"<NameID" NS_SAML "/>", "assertion-unreadable"},
        {"<NameID>ada@contoso.com</NameID>", NULL}, /* the default namespace of the Assertion */
        {"<b:NameID>ada@contoso.com</b:NameID>", "decryption-failed"},
        {"<BaseID" NS_SAML "/>", "decryption-failed"},
        {"<Assertion" NS_SAML "/>", "decryption-failed"},
        {"ada@contoso.com", "decryption-failed"},
    };
    struct encrypt_options o = encrypt_defaults(sp);

    (void)state;
    for (size_t i = 0; i < 3 * sizeof rows / sizeof *rows; i++) {
        struct sign_response r = sign_defaults(idp);
        const char *plaintext = rows[i / 3].plaintext, *code = rows[i / 3].code;
        struct err e = ERR_INIT;

        r.sign_assertion = i % 3 != 1;
        r.sign_response = i % 3 != 0;
        if (!code)
            assert_ok(judge(with_encrypted_id(&r, plaintext, &o), &e), &e);
        else
            assert_err(judge(with_encrypted_id(&r, plaintext, &o), &e), &e, code);
    }
}

static void encrypted_name_details(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    struct saml_verdict v;
    struct err e = ERR_INIT;
    struct arena a;
    char *xml = with_encrypted_id(&r, A_NAME, &o), *assertion, *twice;

    (void)state;
    assert_ok(judge_with(xml, &sp_keys, 0, &v, &a, &e), &e);
    assert_true(slice_is(v.assertion.name_id_format, "f"));
    assert_true(slice_is(v.assertion.name_qualifier, "q"));
    assert_true(slice_is(v.assertion.sp_name_qualifier, "s"));
    arena_free(&a);
    /* encrypted twice: the name within the assertion */
    assertion = encrypt_assertion_of(xml);
    twice = response_with(assertion, &o, false);
    assert_ok(judge(twice, &e), &e);
    twice = response_with(assertion, &o, true);
    assert_ok(judge(twice, &e), &e);
    free(assertion);
    assert_err(judge_keys(xml, NULL, 0, &e), &e, "decryption-key-missing");
    assert_err(judge_keys(with_encrypted_id(&r, A_NAME, &o), &other_keys, 0, &e), &e, "decryption-failed");
    o.transport = "rsa-1_5";
    assert_err(judge(with_encrypted_id(&r, A_NAME, &o), &e), &e, "algorithm-not-allowed");
    assert_ok(judge_keys(with_encrypted_id(&r, A_NAME, &o), &sp_keys, SAML_ALLOW_RSA15, &e), &e);
}

/* --- the two rounds of the worker -------------------------------------------------------------------------------- */

static void two_rounds(void **state)
{
    struct sign_response r = sign_defaults(idp);
    struct encrypt_options o = encrypt_defaults(sp);
    const struct saml_trust *one = &trust;
    struct saml_verify_request rq = {.message = SAML_MESSAGE_RESPONSE, .trusts = &one, .ntrusts = 1};
    unsigned char key[SAML_CONTENT_KEY_MAX];
    struct saml_signed s, second;
    struct saml_signer signers[2];
    struct err e = ERR_INIT;
    struct arena a;
    char *xml;

    (void)state;
    arena_init(&a, SAML_ARENA_MAX);
    o.transport = "rsa-oaep";
    o.digest = "SHA256";
    o.mgf = "SHA512";
    o.label = "usher";
    o.cipher = "aes128-gcm";
    xml = encrypt_response(&r, &o);
    rq.xml = slice_of(xml);
    assert_ok(saml_verify_message(&rq, &a, &s, &e), &e);
    assert_int_equal(s.nsig, 0);
    assert_int_equal(s.wrapped.transport, SAML_TRANSPORT_OAEP);
    assert_int_equal(s.wrapped.digest, SAML_HASH_SHA256);
    assert_int_equal(s.wrapped.mgf, SAML_HASH_SHA512);
    assert_int_equal(s.wrapped.content, SAML_AES128_GCM);
    assert_true(slice_is(s.wrapped.label, "usher"));
    assert_int_equal(s.wrapped.cipher.n, 256);
    assert_true(slice_is(s.outer.issuer, r.issuer));
    assert_err(saml_recheck(&s, &trust, 0, signers, &e), &e, "recheck-failed"); /* nothing is proven yet */
    assert_ok(saml_unwrap_key(&sp_keys, 0, &s.wrapped, key, &e), &e);
    rq.content_key = slice_make(key, 16);
    assert_ok(saml_verify_message(&rq, &a, &second, &e), &e);
    assert_int_equal(second.nsig, 1);
    assert_null(second.wrapped.cipher.p);
    assert_ok(saml_recheck(&second, &trust, 0, signers, &e), &e);
    rq.content_key.n = 15;
    assert_err(saml_verify_message(&rq, &a, &second, &e), &e, "decryption-failed");
    rq.content_key.n = 32;
    assert_err(saml_verify_message(&rq, &a, &second, &e), &e, "decryption-failed");
    key[0] ^= 1;
    rq.content_key.n = 16;
    assert_err(saml_verify_message(&rq, &a, &second, &e), &e, "decryption-failed");
    free(xml);
    /* the Web SSO profile wants an Issuer where the assertion is encrypted (4.1.4.2): the trust is chosen by it */
    r.issuer = "urn:idp";
    xml = encrypt_response(&r, &o);
    memcpy(strstr(xml, "urn:idp"), "       ", 7);
    rq.xml = slice_of(xml);
    rq.by_issuer = true;
    assert_err(saml_verify_message(&rq, &a, &s, &e), &e, "issuer-mismatch");
    free(xml);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts),
        cmocka_unit_test(conditions),
        cmocka_unit_test(transports),
        cmocka_unit_test(two_keys),
        cmocka_unit_test(old_algorithms),
        cmocka_unit_test(no_keys),
        cmocka_unit_test(inherited_namespaces),
        cmocka_unit_test(shapes),
        cmocka_unit_test(comments),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(algorithms),
        cmocka_unit_test(also_good),
        cmocka_unit_test(encrypted_names),
        cmocka_unit_test(encrypted_name_details),
        cmocka_unit_test(two_rounds),
    };

    return cmocka_run_group_tests_name("saml/encrypted", tests, rig_setup, rig_teardown);
}
