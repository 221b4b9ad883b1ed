/* session_token.c - session tokens as text, and views of rows: the parts of session.h that need no table. */
#include <sodium.h>
#include <string.h>

#include "accounts/session.h"

#define TAG_PURPOSE "session"

void session_token_make(const struct keyring *keys, char ret_token[SESSION_TOKEN_SIZE],
                        unsigned char ret_hash[STORE_TOKEN_HASH_BYTES])
{
    unsigned char raw[SESSION_TOKEN_BYTES];

    secret_random(raw, SESSION_TOKEN_RANDOM);
    keyring_tag(keys, TAG_PURPOSE, slice_make(raw, SESSION_TOKEN_RANDOM), raw + SESSION_TOKEN_RANDOM);
    (void)crypto_hash_sha256(ret_hash, raw, sizeof raw);
    (void)sodium_bin2base64(ret_token, SESSION_TOKEN_SIZE, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    secret_wipe(raw, sizeof raw);
}

/* libsodium's decoder works in constant time and refuses trailing bits, so a token has one spelling. */
bool session_token_read(const struct keyring *keys, struct slice token, unsigned char ret_hash[STORE_TOKEN_HASH_BYTES])
{
    unsigned char raw[SESSION_TOKEN_BYTES];
    size_t n = 0;

    if (token.n != SESSION_TOKEN_SIZE - 1 ||
        sodium_base642bin(raw, sizeof raw, token.p, token.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        n != sizeof raw)
        return false;
    if (!keyring_tag_ok(keys, TAG_PURPOSE, slice_make(raw, SESSION_TOKEN_RANDOM), raw + SESSION_TOKEN_RANDOM))
        return false;
    (void)crypto_hash_sha256(ret_hash, raw, sizeof raw);
    return true;
}

void session_view_of_row(struct session_view *ret, const struct session_row *row)
{
    ret->id = row->id;
    ret->account_id = row->account_id;
    memcpy(ret->email, row->email, sizeof ret->email);
    memcpy(ret->name, row->name, sizeof ret->name);
    memcpy(ret->door, row->door, sizeof ret->door);
    memcpy(ret->idp, row->idp, sizeof ret->idp);
    memcpy(ret->subject, row->subject, sizeof ret->subject);
    ret->created = row->created;
    ret->absolute_end = row->absolute_end;
    ret->groups_n = strlen(row->groups);
    memcpy(ret->groups, row->groups, ret->groups_n + 1);
}
