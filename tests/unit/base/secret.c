/* Unit tests of base/secret.h: key files, sealing, tags, rotation. Keys are made at run time. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/secret.h"

struct fixture {
    char dir[64];
    char path[128];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = ERR_INIT;

    assert_ok(secret_init(&e), &e);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/usher-secret-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%s/key", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)unlink(f->path);
    (void)rmdir(f->dir); /* fails if a temporary file was left behind: see keys_are_created */
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *text, mode_t mode)
{
    FILE *out = fopen(f->path, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(f->path, mode), 0);
}

/* One line of a key file. */
static void new_key(char line[64])
{
    unsigned char key[32];
    struct buf text;

    secret_random(key, sizeof key);
    buf_init(&text, 60);
    base64_encode(&text, key, sizeof key);
    (void)snprintf(line, 64, "%s\n", buf_cstr(&text));
    buf_free(&text);
}

static struct keyring *must_load(const struct fixture *f, bool create)
{
    struct err e = ERR_INIT;
    struct keyring *k = NULL;

    assert_ok(keyring_load(f->path, create, &k, &e), &e);
    return k;
}

static void keys_are_created(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct keyring *k = NULL, *again;
    struct buf sealed, plain;
    struct stat st;

    assert_err(keyring_load(f->path, false, &k, &e), &e, "bad-key-file");
    k = must_load(f, true);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_nlink, 1);
    again = must_load(f, true); /* the same file, not a new key */
    buf_init(&sealed, 1000);
    buf_init(&plain, 1000);
    assert_ok(keyring_seal(k, "p", SLICE("text"), &sealed, &e), &e);
    assert_ok(keyring_open(again, "p", buf_slice(&sealed), &plain, &e), &e);
    assert_string_equal(buf_cstr(&plain), "text");
    buf_free(&sealed);
    buf_free(&plain);
    keyring_free(k);
    keyring_free(again);
    keyring_free(NULL);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(rmdir(f->dir), 0);
}

static void key_files_must_be_private_and_well_formed(void **state)
{
    static const char *const bad[] = {"", "\n", "short\n", "AAAA\n", "not base64 at all !!!\n"};
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct keyring *k = NULL;
    char one[64], two[64], three[64], text[300];

    new_key(one);
    new_key(two);
    new_key(three);
    put(f, one, 0644);
    assert_int_equal(keyring_load(f->path, false, &k, &e), -1);
    assert_non_null(strstr(e.msg, "chmod 600"));
    assert_null(strstr(e.msg, "0600"));
    err_clear(&e);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        put(f, one, 0600 | bit);
        assert_err(keyring_load(f->path, true, &k, &e), &e, "bad-key-file");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(f, bad[i], 0600);
        assert_err(keyring_load(f->path, true, &k, &e), &e, "bad-key-file");
    }
    (void)snprintf(text, sizeof text, "%s%s%s", one, two, three);
    put(f, text, 0600);
    assert_err(keyring_load(f->path, false, &k, &e), &e, "bad-key-file");
    assert_null(k);
    (void)snprintf(text, sizeof text, "\n%s\n %s\n", one, two);
    put(f, text, 0400);
    k = must_load(f, false);
    keyring_free(k);
    k = NULL;
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_err(keyring_load(f->path, true, &k, &e), &e, "bad-key-file");
    assert_int_equal(rmdir(f->path), 0);
    assert_int_equal(mkfifo(f->path, 0600), 0); /* must not wait for a writer */
    assert_err(keyring_load(f->path, true, &k, &e), &e, "bad-key-file");
}

static void messages_never_show_a_key(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct keyring *k = NULL;
    char line[64];

    new_key(line);
    line[43] = '!';
    put(f, line, 0600);
    line[8] = '\0';
    assert_int_equal(keyring_load(f->path, false, &k, &e), -1);
    assert_null(strstr(e.msg, line));
    assert_string_equal(e.found, "");
}

static void sealed_values_open_with_the_right_key_and_purpose(void **state)
{
    struct fixture *f = *state;
    struct keyring *k = must_load(f, true);
    struct err e = ERR_INIT;
    struct buf sealed, other, plain;

    buf_init(&sealed, 4000);
    buf_init(&other, 4000);
    buf_init(&plain, 4000);
    assert_ok(keyring_seal(k, "cookie-a", slice_make("a\0b", 3), &sealed, &e), &e);
    assert_ok(keyring_seal(k, "cookie-a", slice_make("a\0b", 3), &other, &e), &e);
    assert_string_not_equal(buf_cstr(&sealed), buf_cstr(&other)); /* a nonce each */
    assert_ok(keyring_open(k, "cookie-a", buf_slice(&sealed), &plain, &e), &e);
    assert_int_equal(plain.len, 3);
    assert_memory_equal(buf_cstr(&plain), "a\0b", 3);
    buf_reset(&plain);
    assert_err(keyring_open(k, "cookie-b", buf_slice(&sealed), &plain, &e), &e, "seal-broken");
    assert_err(keyring_open(k, "cookie-", buf_slice(&sealed), &plain, &e), &e, "seal-broken");
    assert_err(keyring_open(k, "", buf_slice(&sealed), &plain, &e), &e, "seal-broken");
    assert_int_equal(plain.len, 0);
    buf_reset(&sealed);
    assert_ok(keyring_seal(k, "p", SLICE(""), &sealed, &e), &e);
    assert_ok(keyring_open(k, "p", buf_slice(&sealed), &plain, &e), &e);
    assert_int_equal(plain.len, 0);
    buf_free(&sealed);
    buf_init(&sealed, 10);
    assert_err(keyring_seal(k, "p", SLICE("text"), &sealed, &e), &e, "limit-exceeded");
    buf_free(&sealed);
    buf_free(&other);
    buf_free(&plain);
    keyring_free(k);
}

static void every_changed_octet_is_seen(void **state)
{
    struct fixture *f = *state;
    struct keyring *k = must_load(f, true);
    struct err e = ERR_INIT;
    struct buf sealed, plain;

    buf_init(&sealed, 4000);
    buf_init(&plain, 4000);
    assert_ok(keyring_seal(k, "p", SLICE("the pending login"), &sealed, &e), &e);
    for (size_t i = 0; i < sealed.len; i++) {
        char was = sealed.data[i];

        sealed.data[i] = was == 'A' ? 'B' : 'A';
        buf_reset(&plain);
        assert_err(keyring_open(k, "p", buf_slice(&sealed), &plain, &e), &e, "seal-broken");
        assert_int_equal(plain.len, 0);
        sealed.data[i] = was;
    }
    for (size_t n = 0; n < sealed.len; n++)
        assert_err(keyring_open(k, "p", slice_make(sealed.data, n), &plain, &e), &e, "seal-broken");
    buf_add_char(&sealed, 'A');
    assert_err(keyring_open(k, "p", buf_slice(&sealed), &plain, &e), &e, "seal-broken");
    sealed.data[sealed.len - 1] = '=';
    assert_err(keyring_open(k, "p", buf_slice(&sealed), &plain, &e), &e, "seal-broken");
    buf_free(&sealed);
    buf_free(&plain);
    keyring_free(k);
}

static void keys_rotate(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    struct keyring *old, *both, *new_only;
    char first[64], second[64], text[200];
    unsigned char old_tag[KEYRING_TAG_BYTES], new_tag[KEYRING_TAG_BYTES];
    struct buf from_old, from_both, plain;

    buf_init(&from_old, 1000);
    buf_init(&from_both, 1000);
    buf_init(&plain, 1000);
    new_key(first);
    new_key(second);
    put(f, first, 0600);
    old = must_load(f, false);
    (void)snprintf(text, sizeof text, "%s%s", second, first);
    put(f, text, 0600);
    both = must_load(f, false);
    put(f, second, 0600);
    new_only = must_load(f, false);
    assert_ok(keyring_seal(old, "p", SLICE("x"), &from_old, &e), &e);
    assert_ok(keyring_seal(both, "p", SLICE("x"), &from_both, &e), &e);
    assert_ok(keyring_open(both, "p", buf_slice(&from_old), &plain, &e), &e);
    assert_ok(keyring_open(new_only, "p", buf_slice(&from_both), &plain, &e), &e);
    assert_string_equal(buf_cstr(&plain), "xx");
    assert_err(keyring_open(new_only, "p", buf_slice(&from_old), &plain, &e), &e, "seal-broken");
    assert_err(keyring_open(old, "p", buf_slice(&from_both), &plain, &e), &e, "seal-broken");
    keyring_tag(old, "p", SLICE("data"), old_tag);
    keyring_tag(both, "p", SLICE("data"), new_tag);
    assert_memory_not_equal(old_tag, new_tag, sizeof old_tag);
    assert_true(keyring_tag_ok(both, "p", SLICE("data"), old_tag));
    assert_true(keyring_tag_ok(both, "p", SLICE("data"), new_tag));
    assert_true(keyring_tag_ok(new_only, "p", SLICE("data"), new_tag));
    assert_false(keyring_tag_ok(new_only, "p", SLICE("data"), old_tag));
    buf_free(&from_old);
    buf_free(&from_both);
    buf_free(&plain);
    keyring_free(old);
    keyring_free(both);
    keyring_free(new_only);
}

static void tags_depend_on_purpose_and_data(void **state)
{
    struct fixture *f = *state;
    struct keyring *k = must_load(f, true);
    unsigned char tag[KEYRING_TAG_BYTES];

    keyring_tag(k, "ab", SLICE("cd"), tag);
    assert_true(keyring_tag_ok(k, "ab", SLICE("cd"), tag));
    assert_false(keyring_tag_ok(k, "abc", SLICE("d"), tag)); /* the boundary counts */
    assert_false(keyring_tag_ok(k, "ab", SLICE("ce"), tag));
    assert_false(keyring_tag_ok(k, "a", SLICE("bcd"), tag));
    for (size_t i = 0; i < sizeof tag; i++) {
        tag[i] ^= 1;
        assert_false(keyring_tag_ok(k, "ab", SLICE("cd"), tag));
        tag[i] ^= 1;
    }
    keyring_free(k);
}

static void wiping_and_randomness(void **state)
{
    unsigned char a[32] = {0}, b[32] = {0}, zero[32] = {0};

    (void)state;
    secret_random(a, sizeof a);
    secret_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    secret_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_created, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_files_must_be_private_and_well_formed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_never_show_a_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sealed_values_open_with_the_right_key_and_purpose, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_octet_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_rotate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tags_depend_on_purpose_and_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wiping_and_randomness, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
