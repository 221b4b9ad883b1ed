/* accounts_token.c - session and landing tokens that were not made with our key never pass, and never reach the store
 * (there is none here: reaching it would crash). */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "accounts/landing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static struct keyring *new_keys(void)
{
    char dir[] = "/tmp/usher-fuzz-XXXXXX", path[64];
    struct keyring *keys = NULL;
    struct err e = ERR_INIT;

    must(secret_init(&e) == 0 && mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/keys", dir);
    must(keyring_load(path, true, &keys, &e) == 0);
    (void)unlink(path);
    (void)rmdir(dir);
    return keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keyring *keys;
    static struct session_table *table;
    static struct session_view view;
    struct slice text = slice_make(data, size);
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    char token[SESSION_TOKEN_SIZE];
    struct err e = ERR_INIT;
    struct buf out;

    if (!keys) {
        keys = new_keys();
        table = session_table_new(64);
        must(table != NULL);
    }
    must(!session_token_read(keys, text, hash));
    must(session_check(table, keys, text, "a.example", 1, &view) == SESSION_REFUSED);
    must(landing_redeem(keys, table, NULL, text, "a.example", SLICE("nonce"), 1, token, &view, &e) == -1);
    must(e.code == ERR_LAND);
    err_clear(&e);
    buf_init(&out, LANDING_TOKEN_MAX);
    if (landing_issue(keys, 1, "a.example", text, 1, &out, &e) == 0)
        must(text.n == LANDING_CHALLENGE_SIZE - 1 && out.len > 0);
    else
        must(e.code == ERR_LAND && out.len == 0);
    buf_free(&out);
    return 0;
}
