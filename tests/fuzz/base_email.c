/* base_email.c - whatever email_parse() accepts is in normal form: parsing its output changes nothing. */
#include <stdint.h>
#include <stdlib.h>

#include "base/email.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct err e = ERR_INIT;
    struct email m, again;
    char domain[DOMAIN_MAX + 1], twice[DOMAIN_MAX + 1];

    if (email_parse(text, &m, &e) == 0) {
        must(strlen(m.text) <= EMAIL_MAX && strlen(m.text) <= size * 20);
        must(email_parse(slice_of(m.key), &again, &e) == 0);
        must(strcmp(again.key, m.key) == 0 && strcmp(again.text, m.key) == 0);
        must(strcmp(again.domain, m.domain) == 0 && domain_covers(m.domain, again.domain));
    } else {
        must(e.code == ERR_EMAIL);
    }
    err_clear(&e);
    if (domain_parse(text, true, domain, &e) == 0) {
        must(domain_parse(slice_of(domain), true, twice, &e) == 0 && strcmp(domain, twice) == 0);
        for (const char *c = domain; *c; c++)
            must(*c == '.' || *c == '-' || ascii_is_digit(*c) || (*c >= 'a' && *c <= 'z'));
    }
    return 0;
}
