/* accounts_hash.c - whatever password_hash_read() accepts costs no more than the limits say, and libsodium reads it the
 * same way. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>

#include "accounts/password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[crypto_pwhash_STRBYTES] = {0};
    struct password_params p;
    char *hash = malloc(size + 1);

    must(hash != NULL);
    if (size)
        memcpy(hash, data, size);
    hash[size] = '\0';
    if (password_hash_read(hash, &p)) {
        must(p.memory_kib >= 8 && p.memory_kib <= PASSWORD_MEMORY_KIB_LIMIT);
        must(p.passes >= 1 && p.passes <= PASSWORD_PASSES_LIMIT);
        must(p.lanes >= 1 && p.lanes <= PASSWORD_LANES_LIMIT && p.memory_kib >= 8 * p.lanes);
        must(strlen(hash) < sizeof text);
        strcpy(text, hash);
        /* -1 is "cannot be read"; 1 is "other parameters" */
        must(crypto_pwhash_str_needs_rehash(text, p.passes, (size_t)p.memory_kib * 1024) == 0);
    } else {
        must(password_needs_rehash(hash));
    }
    free(hash);
    return 0;
}
