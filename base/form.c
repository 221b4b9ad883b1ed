/* form.c - see form.h. */
#include "base/form.h"

/*
 * Decodes into the arena. The result is never longer than the text. Messages carry no field content: it may be a
 * password.
 */
static int decode(struct slice text, struct arena *a, struct slice *ret, struct err *e)
{
    char *out = arena_alloc(a, text.n + 1), *to = out;

    if (!out)
        return err_set(e, ERR_LIMIT, "a form field of %zu octets does not fit the memory of a request", text.n);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c <= ' ' || c >= 0x7f)
            return err_set(e, ERR_FORM, "octet 0x%02x in a form field must be escaped", (unsigned char)c);
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int hi = text.n - i > 2 ? ascii_hex_value(text.p[i + 1]) : -1;
            int lo = text.n - i > 2 ? ascii_hex_value(text.p[i + 2]) : -1;

            if (hi < 0 || lo < 0)
                return err_set(e, ERR_FORM, "%% without two hex digits in a form field");
            c = (char)(hi << 4 | lo);
            i += 2;
            if (c == '\0')
                return err_set(e, ERR_FORM, "NUL in a form field");
        }
        *to++ = c;
    }
    *to = '\0';
    *ret = slice_make(out, (size_t)(to - out));
    if (!str_is_utf8(*ret))
        return err_set(e, ERR_FORM, "a form field is not UTF-8");
    return 0;
}

int form_parse(struct slice text, struct arena *a, struct form *ret, struct err *e)
{
    struct slice rest = text, piece;
    struct form out;

    out.n = 0;
    while (text.n > 0 && slice_split(&rest, '&', &piece)) {
        struct form_field *field = &out.fields[out.n];
        ptrdiff_t equals = slice_find(piece, '=');
        size_t name_n = equals < 0 ? piece.n : (size_t)equals;
        size_t value_at = equals < 0 ? piece.n : name_n + 1;

        if (out.n == FORM_FIELDS_MAX)
            return err_set(e, ERR_FORM, "more than %d form fields", FORM_FIELDS_MAX);
        if (name_n == 0)
            return err_set(e, ERR_FORM, "form field %zu has no name", out.n + 1);
        if (decode(slice_make(piece.p, name_n), a, &field->name, e) != 0 ||
            decode(slice_make(piece.p + value_at, piece.n - value_at), a, &field->value, e) != 0)
            return err_wrap(e, "form field %zu", out.n + 1);
        if (form_get(&out, field->name.p).p)
            return err_set(e, ERR_FORM, "form field %zu repeats the name of another", out.n + 1);
        out.n++;
    }
    *ret = out;
    return 0;
}

struct slice form_get(const struct form *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (slice_is(f->fields[i].name, name))
            return f->fields[i].value;
    }
    return (struct slice){NULL, 0};
}
