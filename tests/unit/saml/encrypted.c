/*
 * Encrypted assertions and names, through everything that reads them: the worker where the Response is not signed, the
 * router where it is. Shapes and algorithms are given to both, which have to agree.
 */
#include "tests/unit/saml/encrypt.h"

#include <ctype.h>

#include "saml/judge.h"

static EVP_PKEY *idp, *attacker, *sp, *other;
static struct saml_trust trust;
static struct saml_sp_keys sp_keys, other_keys, both_keys;

/* --- the rig -------------------------------------------------------------------------------------------------------
 */

static int judge_with(const char *xml, const struct saml_sp_keys *keys, unsigned allow, struct saml_verdict *v,
                      struct arena *a, struct err *e)
{
    arena_init(a, SAML_ARENA_MAX);
    return saml_judge_signature_only(slice_of(xml), &trust, keys, allow, a, v, e);
}

/* The verdict; what is accepted must be about Ada. Frees `xml`. */
static int judge_keys(char *xml, const struct saml_sp_keys *keys, unsigned allow, struct err *e)
{
    struct saml_verdict v;
    struct arena a;
    int rc = judge_with(xml, keys, allow, &v, &a, e);

    if (rc == 0)
        assert_true(slice_is(v.assertion.name_id, "ada@contoso.com"));
    else
        assert_null(v.assertion.name_id.p);
    arena_free(&a);
    free(xml);
    return rc;
}

static int judge(char *xml, struct err *e)
{
    return judge_keys(xml, &sp_keys, 0, e);
}

/* An encrypted plaintext of any kind in a Response; `around`: the Response is signed. */
static char *response_with(const char *plaintext, const struct encrypt_options *o, bool around)
{
    struct sign_response r = sign_defaults(idp);
    char *encrypted = encrypt_element("EncryptedAssertion", plaintext, o), *xml, *out;

    r.sign_assertion = false;
    xml = sign_unsigned(&r);
    out = encrypt_splice(xml, "<Assertion ", "</Assertion>", encrypted);
    free(xml);
    free(encrypted);
    if (around) {
        xml = sign_element(out, r.response_id, &r.sign);
        free(out);
        out = xml;
    }
    return out;
}

static char *signed_assertion(void)
{
    struct sign_response r = sign_defaults(idp);
    char *xml = sign_make(&r), *text = encrypt_assertion_of(xml);

    free(xml);
    return text;
}

/* The default encrypted Response with one replacement in what is encrypted, signed around it afterwards or not. */
static char *edited(const struct encrypt_options *o, const char *from, const char *to, bool around)
{
    struct sign_response r = sign_defaults(idp);
    char *xml = encrypt_response(&r, o), *out = sign_replace(xml, from, to);

    free(xml);
    if (around) {
        xml = sign_element(out, r.response_id, &r.sign);
        free(out);
        out = xml;
    }
    return out;
}

/* --- what is accepted ----------------------------------------------------------------------------------------------
 */

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

/* --- namespaces from outside ---------------------------------------------------------------------------------------
 */

#define NS_SAML " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""

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

/* --- shapes and algorithms, for both readers -----------------------------------------------------------------------
 */

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
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue><!-- -->", "CipherValue is not plain text"},
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue><e:Other/>", "CipherValue is not plain text"},
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue>*", "not base64"},
        {ENCRYPT_BESIDE, "<e:CipherValue>", "<e:CipherValue/><e:CipherValue>", "CipherValue holds 0 octets"},
        {ENCRYPT_INSIDE, "<e:OAEPparams>", "<e:OAEPparams>*", "OAEPparams is not base64"},
        {ENCRYPT_INSIDE, "<e:OAEPparams>", "<e:OAEPparams/><e:OAEPparams>", "OAEPparams holds 0 octets"},
        {ENCRYPT_INSIDE, "</e:OAEPparams>", "</e:OAEPparams><e:OAEPparams>bA==</e:OAEPparams>", "OAEPparams does not"},
        {ENCRYPT_INSIDE, "<d:DigestMethod",
         "<x:DigestMethod xmlns:x=\"" SIGN_DSIG "\" Algorithm=\"" SIGN_DSIG "sha1\"/><d:DigestMethod",
         "DigestMethod does not belong"},
        {ENCRYPT_INSIDE, "Algorithm=\"" SIGN_DSIG "sha1\"/>", "Algorithm=\"" SIGN_DSIG "sha1\"><d:O/></d:DigestMethod>",
         ""},
        {ENCRYPT_INSIDE, "<m:MGF",
         "<x:MGF xmlns:x=\"" ENCRYPT_XENC11 "\" Algorithm=\"" ENCRYPT_XENC11 "mgf1sha1\"/><m:MGF",
         "MGF does not belong"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refused_by_both(&rows[i], "response-shape", "assertion-unreadable");
    }
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

/* --- one answer ----------------------------------------------------------------------------------------------------
 */

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

/* --- within a signed Response --------------------------------------------------------------------------------------
 */

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

/* --- names ---------------------------------------------------------------------------------------------------------
 */

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

/* --- the two rounds of the worker ----------------------------------------------------------------------------------
 */

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
    assert_err(saml_peek_issuer(slice_of("<x/>"), &a, &rq.xml, &e), &e, "response-shape");
    free(xml);
    arena_free(&a);
}

/* --- what xmlsec encrypts ------------------------------------------------------------------------------------------
 */

static void write_file(const char *dir, const char *name, const char *text)
{
    char *path = sign_printf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static void by_xmlsec(void **state)
{
    static const struct {
        const char *cipher, *session, *transport;
        unsigned allow;
    } rows[] = {
        {ENCRYPT_XENC "aes128-cbc", "aes-128", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC "aes192-cbc", "aes-192", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC "aes256-cbc", "aes-256", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC11 "aes128-gcm", "aes-128", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC11 "aes256-gcm", "aes-256", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC "tripledes-cbc", "des-192", "rsa-1_5", SAML_ALLOW_RSA15},
    };
    char dir[] = "/tmp/usher-encrypted-XXXXXX", *pem = sign_public_pem(sp), *assertion = signed_assertion();

    (void)state;
    if (system("xmlsec1 --version >/dev/null 2>&1") != 0) {
        free(pem);
        free(assertion);
        skip();
    }
    assert_non_null(mkdtemp(dir));
    write_file(dir, "sp.pem", pem);
    write_file(dir, "assertion.xml", assertion);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sign_response r = sign_defaults(idp);
        char *tmpl =
            sign_printf("<x:EncryptedData" X " Type=\"" ENCRYPT_XENC "Element\"><x:EncryptionMethod Algorithm=\"%s\"/>"
                        "<KeyInfo xmlns=\"" SIGN_DSIG "\"><x:EncryptedKey><x:EncryptionMethod Algorithm=\"" ENCRYPT_XENC
                        "%s\"/><x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedKey></KeyInfo>"
                        "<x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedData>",
                        rows[i].cipher, rows[i].transport);
        char *command = sign_printf("cd %s && xmlsec1 --encrypt --pubkey-pem sp.pem --session-key %s --xml-data "
                                    "assertion.xml --output out.xml template.xml",
                                    dir, rows[i].session);
        char *out, *body, *encrypted, *plain, *xml;
        struct err e = ERR_INIT;

        write_file(dir, "template.xml", tmpl);
        if (system(command) != 0)
            fail_msg("xmlsec1 failed: %s", command);
        out = unit_read_file(dir, "out.xml", NULL);
        body = strstr(out, "<x:EncryptedData");
        assert_non_null(body);
        encrypted = sign_printf("<EncryptedAssertion" NS_SAML ">%s</EncryptedAssertion>", body);
        plain = sign_unsigned(&r);
        xml = encrypt_splice(plain, "<Assertion ", "</Assertion>", encrypted);
        assert_ok(judge_keys(strdup(xml), &sp_keys, rows[i].allow, &e), &e);
        assert_ok(judge_keys(sign_element(xml, r.response_id, &r.sign), &sp_keys, rows[i].allow, &e), &e);
        free(xml);
        free(plain);
        free(encrypted);
        free(out);
        free(command);
        free(tmpl);
    }
    {
        char *command = sign_printf("rm -r %s", dir);

        assert_int_equal(system(command), 0);
        free(command);
    }
    free(pem);
    free(assertion);
}

/* --- set-up --------------------------------------------------------------------------------------------------------
 */

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    idp = sign_rsa(2048);
    attacker = sign_rsa(2048);
    sp = sign_rsa(2048);
    other = sign_rsa(2048);
    saml_trust_init(&trust);
    sign_trust(&trust, idp);
    encrypt_sp_key(&sp_keys, sp);
    encrypt_sp_key(&other_keys, other);
    encrypt_sp_key(&both_keys, other);
    encrypt_sp_key(&both_keys, sp);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    saml_sp_keys_free(&sp_keys);
    saml_sp_keys_free(&other_keys);
    saml_sp_keys_free(&both_keys);
    saml_trust_free(&trust);
    EVP_PKEY_free(idp);
    EVP_PKEY_free(attacker);
    EVP_PKEY_free(sp);
    EVP_PKEY_free(other);
    saml_cleanup();
    return 0;
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
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(algorithms),
        cmocka_unit_test(also_good),
        cmocka_unit_test(one_answer),
        cmocka_unit_test(wrong_signatures),
        cmocka_unit_test(padding),
        cmocka_unit_test(every_octet),
        cmocka_unit_test(short_tags),
        cmocka_unit_test(wrong_keys),
        cmocka_unit_test(signed_around),
        cmocka_unit_test(swapped),
        cmocka_unit_test(encrypted_names),
        cmocka_unit_test(encrypted_name_details),
        cmocka_unit_test(two_rounds),
        cmocka_unit_test(by_xmlsec),
    };

    return cmocka_run_group_tests_name("saml/encrypted", tests, setup, teardown);
}
