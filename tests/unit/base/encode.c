/* Unit tests of base/encode.h: strict decoders, round trips, bounded inflation. */
#include "tests/unit/unit.h"

#include "base/encode.h"

struct row {
    const char *text, *plain;
};

static void base64_round_trips(void **state)
{
    static const struct row rfc4648[] = {{"", ""},
                                         {"Zg==", "f"},
                                         {"Zm8=", "fo"},
                                         {"Zm9v", "foo"},
                                         {"Zm9vYg==", "foob"},
                                         {"Zm9vYmE=", "fooba"},
                                         {"Zm9vYmFy", "foobar"}};
    struct err e = ERR_INIT;
    struct buf out, back;

    (void)state;
    buf_init(&out, 10000);
    buf_init(&back, 10000);
    for (size_t i = 0; i < sizeof rfc4648 / sizeof *rfc4648; i++) {
        buf_reset(&out);
        buf_reset(&back);
        base64_encode(&out, rfc4648[i].plain, strlen(rfc4648[i].plain));
        assert_string_equal(buf_cstr(&out), rfc4648[i].text);
        assert_ok(base64_decode(buf_slice(&out), &back, &e), &e);
        assert_string_equal(buf_cstr(&back), rfc4648[i].plain);
    }
    for (size_t n = 0; n < 200; n++) {
        unsigned char data[200];

        for (size_t i = 0; i < n; i++)
            data[i] = (unsigned char)(i * 37 + n * 11);
        buf_reset(&out);
        buf_reset(&back);
        base64_encode(&out, data, n);
        assert_ok(base64_decode(buf_slice(&out), &back, &e), &e);
        assert_int_equal(back.len, n);
        assert_memory_equal(buf_cstr(&back), data, n);
        buf_reset(&out);
        buf_reset(&back);
        base64url_encode(&out, data, n);
        assert_null(strpbrk(buf_cstr(&out), "+/="));
        assert_ok(base64url_decode(buf_slice(&out), &back, &e), &e);
        assert_int_equal(back.len, n);
        assert_memory_equal(buf_cstr(&back), data, n);
    }
    buf_free(&out);
    buf_free(&back);
}

/* One character after the other, as RFC 4648 is read aloud; -1: not base64. */
static int slow_base64(const char *text, size_t n, bool url, unsigned char *dst)
{
    const char *alphabet = url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, nbits = 0, pads = 0, digits = 0;
    int out = 0;

    for (size_t i = 0; i < n; i++) {
        const char *hit = text[i] ? strchr(alphabet, text[i]) : NULL;

        if (!url && text[i] && strchr(" \t\r\n", text[i]))
            continue;
        if (!url && text[i] == '=') {
            pads++;
            continue;
        }
        if (!hit || pads)
            return -1;
        digits++;
        bits = (bits << 6 | (unsigned)(hit - alphabet)) & 0xffff;
        nbits += 6;
        if (nbits >= 8) {
            nbits -= 8;
            dst[out++] = (unsigned char)(bits >> nbits);
        }
    }
    if (digits % 4 == 1 || (bits & ((1U << nbits) - 1)) != 0 || pads != (url ? 0 : (4 - digits % 4) % 4))
        return -1;
    return out;
}

/* Decoding in groups of four has no reading of its own, wherever something else than the alphabet stands. */
static void base64_groups_read_like_single_characters(void **state)
{
    static const char parts[] = "AAAABCDWXYZabwxyz0189+/+/-_== \n*";
    uint32_t seed = 4648;
    int good = 0;

    (void)state;
    for (int round = 0; round < 60000; round++) {
        unsigned char expected[64];
        char text[40];
        size_t n = 0, max;
        struct err e = ERR_INIT;
        struct buf out;

        seed = seed * 1664525 + 1013904223;
        max = (seed >> 16) % 24;
        for (; n < max; n++) {
            seed = seed * 1664525 + 1013904223;
            /* mostly of the alphabet, so that many are good */
            text[n] = parts[(seed >> 16) % (seed >> 28 ? 19 : sizeof parts - 1)];
        }
        for (; n % 4 != 0 && round % 2; n++)
            text[n] = '=';
        buf_init(&out, 100);
        for (int url = 0; url < 2; url++) {
            int want = slow_base64(text, n, url, expected);
            int got =
                url ? base64url_decode(slice_make(text, n), &out, &e) : base64_decode(slice_make(text, n), &out, &e);

            assert_int_equal(got, want < 0 ? -1 : 0);
            if (got == 0) {
                assert_int_equal(out.len, want);
                assert_memory_equal(buf_cstr(&out), expected, out.len);
                good++;
            } else {
                assert_string_equal(err_name(e.code), "bad-encoding");
                err_clear(&e);
            }
            buf_reset(&out);
        }
        buf_free(&out);
    }
    assert_true(good > 5000);
}

static void base64_takes_white_space(void **state)
{
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_ok(base64_decode(SLICE(" Zm9v\r\nYg\t=\n=\r\n"), &out, &e), &e);
    assert_string_equal(buf_cstr(&out), "foob");
    buf_free(&out);
}

static void base64_is_strict(void **state)
{
    static const char *const bad[] = {"Z",    "Zg",    "Zg=",    "Zg===",    "Zg==Zg==", "Z===",     "====",
                                      "=",    "Zm8",   "Zm8==",  "Zm9v=",    "Zh==",     "Zm9=",     "Zm-v",
                                      "Zm_v", "Zm9v!", "Z m@9v", "Zm9v\x80", "Zm9v\x0b", "Zm9vYQ=x", "Zg=\xa0="};
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (base64_decode(slice_of(bad[i]), &out, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_string_equal(err_name(e.code), "bad-encoding");
        assert_int_equal(out.len, 0);
        err_clear(&e);
    }
    assert_err(base64_decode(slice_make("Zm9v\0", 5), &out, &e), &e, "bad-encoding");
    buf_free(&out);
}

static void base64url_is_strict(void **state)
{
    static const char *const bad[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v ", " Zm9v", "Zm9v\n", "Zm9vY"};
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (base64url_decode(slice_of(bad[i]), &out, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_string_equal(err_name(e.code), "bad-encoding");
        err_clear(&e);
    }
    assert_ok(base64url_decode(SLICE("-_-_"), &out, &e), &e);
    assert_memory_equal(buf_cstr(&out), "\xfb\xff\xbf", 3);
    buf_free(&out);
}

/* Each of the 256 octets in the last place of a group, against the definition. */
static void base64_alphabets_are_exact(void **state)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (int c = 0; c < 256; c++) {
        char text[4] = {'A', 'A', 'A', (char)c};
        const char *hit = c ? strchr(plain, c) : NULL;
        bool url = c == '-' || c == '_' || (hit && c != '+' && c != '/');

        buf_reset(&out);
        err_clear(&e);
        /* "AAA=" is complete base64; white space leaves "AAA" without its padding */
        assert_int_equal(base64_decode(slice_make(text, 4), &out, &e) == 0, hit != NULL || c == '=');
        if (hit)
            assert_int_equal((unsigned char)buf_cstr(&out)[2], hit - plain);
        buf_reset(&out);
        err_clear(&e);
        assert_int_equal(base64url_decode(slice_make(text, 4), &out, &e) == 0, url);
    }
    buf_free(&out);
}

static void decoding_is_bounded(void **state)
{
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, 8);
    assert_err(base64_decode(SLICE("Zm9vYmFyZm9vYmFy"), &out, &e), &e, "limit-exceeded");
    buf_reset(&out);
    assert_err(percent_decode(SLICE("123456789"), false, &out, &e), &e, "limit-exceeded");
    buf_free(&out);
}

static void hex(void **state)
{
    char text[9];

    (void)state;
    hex_encode(text, "\x00\xff\x1a\xb0", 4);
    assert_string_equal(text, "00ff1ab0");
    hex_encode(text, "", 0);
    assert_string_equal(text, "");
}

static void percent(void **state)
{
    static const char *const bad[] = {"%", "%4", "%zz", "%4g", "a%", "a%2", "%%20", "%+1"};
    struct err e = ERR_INIT;
    struct buf out, back;
    char all[256];

    (void)state;
    buf_init(&out, 10000);
    buf_init(&back, 10000);
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    percent_encode(&out, slice_make(all, 256));
    for (size_t i = 0; i < out.len; i++)
        assert_true(ascii_is_alnum(out.data[i]) || strchr("-._~%", out.data[i]));
    assert_ok(percent_decode(buf_slice(&out), true, &back, &e), &e);
    assert_int_equal(back.len, 256);
    assert_memory_equal(buf_cstr(&back), all, 256);
    buf_reset(&out);
    percent_encode(&out, SLICE("a b+c%d/~-._"));
    assert_string_equal(buf_cstr(&out), "a%20b%2Bc%25d%2F~-._");
    buf_reset(&back);
    assert_ok(percent_decode(SLICE("a+%2b%2B"), true, &back, &e), &e);
    assert_string_equal(buf_cstr(&back), "a ++");
    buf_reset(&back);
    assert_ok(percent_decode(SLICE("a+%2b"), false, &back, &e), &e);
    assert_string_equal(buf_cstr(&back), "a++");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(percent_decode(slice_of(bad[i]), true, &back, &e), &e, "bad-encoding");
    buf_free(&out);
    buf_free(&back);
}

static void headers_hold_printable_ascii(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    header_encode(&out, SLICE("Ann Lee <a@b> 100%\r\nX: y\x7f\xc3\xa4\t"));
    assert_string_equal(buf_cstr(&out), "Ann Lee <a@b> 100%25%0D%0AX: y%7F%C3%A4%09");
    buf_free(&out);
}

static void html(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    html_escape(&out, SLICE("<a href=\"x\" b='y'>&amp;\t\r\n\x01\x7f\xc3\xa4"));
    assert_string_equal(buf_cstr(&out),
                        "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;\t\r\n\xef\xbf\xbd\xef\xbf\xbd"
                        "\xc3\xa4");
    buf_reset(&out);
    html_escape(&out, slice_make("a\0b", 3));
    assert_string_equal(buf_cstr(&out), "a\xef\xbf\xbd"
                                        "b");
    buf_free(&out);
}

static void deflate_round_trips(void **state)
{
    struct err e = ERR_INIT;
    struct buf text, small, back;

    (void)state;
    buf_init(&text, 100000);
    buf_init(&small, 100000);
    buf_init(&back, 100000);
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "<samlp:AuthnRequest ID=\"_%d\"/>", i);
    assert_ok(deflate_raw(buf_slice(&text), &small, &e), &e);
    assert_true(small.len < text.len / 4);
    assert_ok(inflate_raw(buf_slice(&small), &back, &e), &e);
    assert_int_equal(back.len, text.len);
    assert_memory_equal(buf_cstr(&back), buf_cstr(&text), text.len);
    buf_reset(&small);
    buf_reset(&back);
    assert_ok(deflate_raw(SLICE(""), &small, &e), &e);
    assert_ok(inflate_raw(buf_slice(&small), &back, &e), &e);
    assert_int_equal(back.len, 0);
    buf_free(&text);
    buf_free(&small);
    buf_free(&back);
}

static void inflate_is_strict_and_bounded(void **state)
{
    struct err e = ERR_INIT;
    struct buf bomb, small, out;
    char *zeros;

    (void)state;
    buf_init(&bomb, 8 << 20);
    buf_init(&small, 8 << 20); /* deflate_raw() wants room for its worst case */
    buf_init(&out, 1 << 16);
    zeros = buf_room(&bomb, 4 << 20);
    assert_non_null(zeros);
    memset(zeros, 0, 4 << 20);
    bomb.len = 4 << 20;
    assert_ok(deflate_raw(buf_slice(&bomb), &small, &e), &e);
    assert_true(small.len < 8192);
    assert_err(inflate_raw(buf_slice(&small), &out, &e), &e, "limit-exceeded");
    assert_int_equal(out.len, 0);
    /* exactly as large as the maximum passes, one more does not */
    buf_reset(&small);
    assert_ok(deflate_raw(slice_make(zeros, 1 << 16), &small, &e), &e);
    assert_ok(inflate_raw(buf_slice(&small), &out, &e), &e);
    assert_int_equal(out.len, 1 << 16);
    buf_reset(&small);
    buf_free(&out);
    assert_ok(deflate_raw(slice_make(zeros, (1 << 16) + 1), &small, &e), &e);
    assert_err(inflate_raw(buf_slice(&small), &out, &e), &e, "limit-exceeded");
    /* trailing octets, a cut, and what is no deflate */
    buf_reset(&small);
    assert_ok(deflate_raw(SLICE("<samlp:AuthnRequest/>"), &small, &e), &e);
    buf_add_char(&small, 'x');
    buf_reset(&out);
    assert_err(inflate_raw(buf_slice(&small), &out, &e), &e, "bad-encoding");
    buf_reset(&out);
    assert_err(inflate_raw(slice_make(small.data, small.len - 3), &out, &e), &e, "bad-encoding");
    buf_reset(&out);
    assert_err(inflate_raw(SLICE("\x78\x9c\xff\xff"), &out, &e), &e, "bad-encoding");
    buf_reset(&out);
    assert_err(inflate_raw(SLICE(""), &out, &e), &e, "bad-encoding");
    buf_free(&bomb);
    buf_free(&small);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_round_trips),
        cmocka_unit_test(base64_groups_read_like_single_characters),
        cmocka_unit_test(base64_takes_white_space),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64url_is_strict),
        cmocka_unit_test(base64_alphabets_are_exact),
        cmocka_unit_test(decoding_is_bounded),
        cmocka_unit_test(hex),
        cmocka_unit_test(percent),
        cmocka_unit_test(headers_hold_printable_ascii),
        cmocka_unit_test(html),
        cmocka_unit_test(deflate_round_trips),
        cmocka_unit_test(inflate_is_strict_and_bounded),
    };

    return cmocka_run_group_tests_name("base/encode", tests, NULL, NULL);
}
