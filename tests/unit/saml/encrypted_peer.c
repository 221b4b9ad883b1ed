/* What xmlsec1 encrypts for us, we decrypt: where the Response is signed and where the Assertion is. */
#include "tests/unit/saml/encrypt_rig.h"

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
            sign_printf("<x:EncryptedData xmlns:x=\"" ENCRYPT_XENC "\" Type=\"" ENCRYPT_XENC "Element\"><x:EncryptionMethod Algorithm=\"%s\"/>"
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_xmlsec)};

    return cmocka_run_group_tests_name("saml/encrypted_peer", tests, rig_setup, rig_teardown);
}
