/*
 * landing.c - see landing.h.
 *
 * What is sealed: id (16 random bytes), challenge (32 bytes), session and expiry (8 bytes each, big-endian), host.
 */
#include "accounts/landing.h"

#include <sodium.h>
#include <string.h>

#include "base/encode.h"

#define PURPOSE "landing"
#define CHALLENGE_BYTES crypto_hash_sha256_BYTES
#define NONCE_BYTES 24

enum {
    AT_ID = 0,
    AT_CHALLENGE = AT_ID + STORE_LANDING_BYTES,
    AT_SESSION = AT_CHALLENGE + CHALLENGE_BYTES,
    AT_EXPIRES = AT_SESSION + 8,
    AT_HOST = AT_EXPIRES + 8
};

static void put_u64(char *to, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        to[i] = (char)(v >> (56 - 8 * i));
}

static uint64_t get_u64(const char *from)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)from[i];
    return v;
}

/* The challenge is of the text of the nonce, so that there is nothing to decode at redemption. */
static void challenge_of(struct slice nonce, unsigned char ret[CHALLENGE_BYTES])
{
    (void)crypto_hash_sha256(ret, (const unsigned char *)nonce.p, nonce.n);
}

int landing_challenge(struct slice nonce, char ret_challenge[LANDING_CHALLENGE_SIZE])
{
    unsigned char challenge[CHALLENGE_BYTES];

    if (nonce.n != LANDING_NONCE_SIZE - 1)
        return -1;
    challenge_of(nonce, challenge);
    (void)sodium_bin2base64(ret_challenge, LANDING_CHALLENGE_SIZE, challenge, sizeof challenge,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return 0;
}

void landing_start(char ret_nonce[LANDING_NONCE_SIZE], char ret_challenge[LANDING_CHALLENGE_SIZE])
{
    unsigned char raw[NONCE_BYTES];

    secret_random(raw, sizeof raw);
    (void)sodium_bin2base64(ret_nonce, LANDING_NONCE_SIZE, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)landing_challenge(slice_make(ret_nonce, LANDING_NONCE_SIZE - 1), ret_challenge);
}

int landing_issue(const struct keyring *keys, int64_t session_id, const char *host, struct slice challenge, int64_t now,
                  struct buf *out, struct err *e)
{
    char plain[AT_HOST + DOMAIN_MAX];
    size_t n = 0, host_n = strlen(host);

    if (challenge.n != LANDING_CHALLENGE_SIZE - 1 ||
        sodium_base642bin((unsigned char *)plain + AT_CHALLENGE, CHALLENGE_BYTES, challenge.p, challenge.n, NULL, &n,
                          NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        n != CHALLENGE_BYTES)
        return err_set(e, ERR_LAND, "the landing was started without a challenge of ours");
    if (host_n > DOMAIN_MAX)
        return err_set(e, ERR_LIMIT, "host name longer than %d octets", DOMAIN_MAX);
    secret_random(plain + AT_ID, STORE_LANDING_BYTES);
    put_u64(plain + AT_SESSION, (uint64_t)session_id);
    put_u64(plain + AT_EXPIRES, (uint64_t)(now + LANDING_LIFETIME_SEC));
    memcpy(plain + AT_HOST, host, host_n);
    return keyring_seal(keys, PURPOSE, slice_make(plain, AT_HOST + host_n), out, e);
}

/* Opens the token and checks everything but whether it was spent. */
static int open_token(const struct keyring *keys, struct slice token, const char *host, struct slice nonce, int64_t now,
                      char plain[AT_HOST + DOMAIN_MAX], struct err *e)
{
    unsigned char challenge[CHALLENGE_BYTES];
    struct err why = ERR_INIT;
    struct buf b;
    int r = -1;

    buf_init(&b, LANDING_TOKEN_MAX);
    if (token.n > LANDING_TOKEN_MAX || keyring_open(keys, PURPOSE, token, &b, &why) != 0 || b.len < AT_HOST ||
        b.len > AT_HOST + DOMAIN_MAX) {
        (void)err_set(e, ERR_LAND, "the landing token was not sealed by us, or was changed");
        goto out;
    }
    memcpy(plain, b.data, b.len);
    if (now >= (int64_t)get_u64(plain + AT_EXPIRES)) {
        (void)err_set(e, ERR_LAND, "the landing token is older than %d s", LANDING_LIFETIME_SEC);
        goto out;
    }
    if (!slice_is(slice_make(plain + AT_HOST, b.len - AT_HOST), host)) {
        (void)err_set(e, ERR_LAND, "the landing token is for another host than %s", host);
        goto out;
    }
    challenge_of(nonce, challenge);
    if (!mem_equal_ct(challenge, plain + AT_CHALLENGE, sizeof challenge)) {
        (void)err_set(e, ERR_LAND, "the landing was started in another browser");
        goto out;
    }
    r = 0;
out:
    buf_free_secret(&b);
    return r;
}

int landing_redeem(const struct keyring *keys, struct session_table *t, struct store *s, struct slice token,
                   const char *host, struct slice nonce, int64_t now, char ret_token[SESSION_TOKEN_SIZE],
                   struct session_view *ret, struct err *e)
{
    char plain[AT_HOST + DOMAIN_MAX], text[SESSION_TOKEN_SIZE];
    struct session_token_row own;
    struct session_row row;
    int64_t session_id, changes;

    if (open_token(keys, token, host, nonce, now, plain, e) != 0)
        return -1;
    session_id = (int64_t)get_u64(plain + AT_SESSION);
    session_token_make(keys, text, own.hash);
    if (!str_copy(own.host, sizeof own.host, slice_of(host)))
        return err_set(e, ERR_LIMIT, "host name longer than %d octets", DOMAIN_MAX);
    if (store_session_add_token(s, session_id, &own, (const unsigned char *)plain + AT_ID,
                                session_table_last_seen(t, session_id), now, &row, &changes, e) != 0)
        return -1;
    session_table_put(t, own.hash, host, &row, changes);
    session_view_of_row(ret, &row);
    memcpy(ret_token, text, sizeof text);
    return 0;
}
