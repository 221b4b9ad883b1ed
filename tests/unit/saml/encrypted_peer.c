/* What xmlsec1 encrypts for us, we decrypt: where the Response is signed and where the Assertion is. */
#include "tests/unit/saml/encrypt_rig.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/usher-encrypted-XXXXXX";

static char *path_of(const char *name)
{
    return sign_printf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text)
{
    char *path = path_of(name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(path);
}

/* Exit code, 127 if there is no such program. */
static int run(char *const argv[])
{
    int status = 0;
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
        return 127;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* xmlsec1's EncryptedData of the file assertion.xml for the key in sp.pem. */
static char *encrypted_by_xmlsec(const char *cipher, const char *session, const char *transport)
{
    char *tmpl = sign_printf("<x:EncryptedData xmlns:x=\"" ENCRYPT_XENC "\" Type=\"" ENCRYPT_XENC
                             "Element\"><x:EncryptionMethod Algorithm=\"%s\"/><KeyInfo xmlns=\"" SIGN_DSIG
                             "\"><x:EncryptedKey><x:EncryptionMethod Algorithm=\"" ENCRYPT_XENC
                             "%s\"/><x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedKey></KeyInfo>"
                             "<x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedData>",
                             cipher, transport);
    char *key = path_of("sp.pem"), *data = path_of("assertion.xml"), *out = path_of("out.xml"),
         *in = path_of("template.xml");
    char *session_copy = sign_printf("%s", session), *text, *body, *element;
    char *const argv[] = {(char[]){"xmlsec1"},
                          (char[]){"--encrypt"},
                          (char[]){"--pubkey-pem"},
                          key,
                          (char[]){"--session-key"},
                          session_copy,
                          (char[]){"--xml-data"},
                          data,
                          (char[]){"--output"},
                          out,
                          in,
                          NULL};

    write_file("template.xml", tmpl);
    if (run(argv) != 0)
        fail_msg("xmlsec1 does not encrypt with %s, %s", cipher, transport);
    text = unit_read_file(dir, "out.xml", NULL);
    body = strstr(text, "<x:EncryptedData");
    assert_non_null(body);
    element = sign_printf("<EncryptedAssertion" NS_SAML ">%s</EncryptedAssertion>", body);
    free(text);
    free(session_copy);
    free(key);
    free(data);
    free(out);
    free(in);
    free(tmpl);
    return element;
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
        {ENCRYPT_XENC11 "aes192-gcm", "aes-192", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC11 "aes256-gcm", "aes-256", "rsa-oaep-mgf1p", 0},
        {ENCRYPT_XENC "tripledes-cbc", "des-192", "rsa-1_5", SAML_ALLOW_RSA15},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sign_response r = sign_defaults(idp);
        char *encrypted = encrypted_by_xmlsec(rows[i].cipher, rows[i].session, rows[i].transport);
        char *plain = sign_unsigned(&r), *xml = encrypt_splice(plain, "<Assertion ", "</Assertion>", encrypted);
        struct err e = ERR_INIT;

        assert_ok(judge_keys(sign_element(xml, r.response_id, &r.sign), &sp_keys, rows[i].allow, &e), &e);
        assert_ok(judge_keys(xml, &sp_keys, rows[i].allow, &e), &e);
        free(plain);
        free(encrypted);
    }
}

static int set_up(void **state)
{
    char *pem, *assertion;

    assert_int_equal(rig_setup(state), 0);
    assert_non_null(mkdtemp(dir));
    pem = sign_public_pem(sp);
    assertion = signed_assertion();
    write_file("sp.pem", pem);
    write_file("assertion.xml", assertion);
    free(pem);
    free(assertion);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"sp.pem", "assertion.xml", "template.xml", "out.xml"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_of(names[i]);

        (void)unlink(path);
        free(path);
    }
    assert_int_equal(rmdir(dir), 0);
    return rig_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_xmlsec)};
    char *const argv[] = {(char[]){"xmlsec1"}, (char[]){"--version"}, NULL};

    if (run(argv) == 127) {
        if (getenv("USHER_NO_SKIP")) /* `make check` has installed everything */
            return 1;
        printf("1..0 # SKIP there is no xmlsec1\n");
        return 0;
    }
    return cmocka_run_group_tests_name("saml/encrypted_peer", tests, set_up, tear_down);
}
