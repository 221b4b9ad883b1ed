/* base_encode.c - the first octet picks a decoder. What a strict decoder accepts, the encoder writes back. */
#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* The text without white space. */
static void squeeze(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!memchr(" \t\r\n", text.p[i], 4))
            buf_add_char(out, text.p[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = size ? slice_make(data + 1, size - 1) : slice_make("", 0);
    struct err e = ERR_INIT;
    struct buf out, back, wanted;

    buf_init(&out, 1 << 16);
    buf_init(&back, 1 << 18);
    buf_init(&wanted, 1 << 18);
    switch (size ? data[0] % 4 : 0) {
    case 0:
        if (base64_decode(text, &out, &e) == 0) {
            squeeze(text, &wanted);
            base64_encode(&back, out.data, out.len);
            must(slice_eq(buf_slice(&back), buf_slice(&wanted)));
        }
        break;
    case 1:
        if (base64url_decode(text, &out, &e) == 0) {
            base64url_encode(&back, out.data, out.len);
            must(slice_eq(buf_slice(&back), text));
        }
        break;
    case 2:
        if (percent_decode(text, false, &out, &e) == 0) {
            percent_encode(&wanted, buf_slice(&out));
            must(percent_decode(buf_slice(&wanted), true, &back, &e) == 0);
            must(slice_eq(buf_slice(&back), buf_slice(&out)));
        }
        html_escape(&wanted, text);
        header_encode(&wanted, text);
        break;
    default:
        if (inflate_raw(text, &out, &e) == 0) {
            must(deflate_raw(buf_slice(&out), &wanted, &e) == 0 && inflate_raw(buf_slice(&wanted), &back, &e) == 0);
            must(slice_eq(buf_slice(&back), buf_slice(&out)));
        }
    }
    buf_free(&wanted);
    buf_free(&back);
    buf_free(&out);
    return 0;
}
