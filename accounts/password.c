/* password.c - see password.h. libsodium computes; what a stored hash may cost is decided here, before it does. */
#include "accounts/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

/* What is compared if there is nothing to compare with: our parameters, random salt and result, so no password fits. */
#define DUMMY_HASH "$argon2id$v=19$m=19456,t=2,p=1$4br/smliX/5CjQCVh9g0Og$+GeGIjuDeaxGkn0GNp7ay8zx8TnG2zOCAuqmnfUWJw0"
#define SALT_MIN 8
#define RESULT_MIN 16

static _Atomic uint64_t hashes_done;

uint64_t password_hashes_done(void)
{
    return atomic_load(&hashes_done);
}

int password_acceptable(struct slice password, struct err *e)
{
    if (password.n < PASSWORD_MIN_BYTES || password.n > PASSWORD_MAX_BYTES)
        return err_set(e, ERR_PASSWORD_WEAK, "a password of %zu bytes; it must have %d to %d", password.n,
                       PASSWORD_MIN_BYTES, PASSWORD_MAX_BYTES);
    if (!str_is_utf8(password) || slice_find(password, '\0') >= 0)
        return err_set(e, ERR_PASSWORD_WEAK, "the password is not UTF-8 text");
    return 0;
}

int password_hash(struct slice password, char ret[STORE_HASH_MAX + 1], struct err *e)
{
    _Static_assert(crypto_pwhash_STRBYTES <= STORE_HASH_MAX + 1, "a hash fits its field");

    if (password_acceptable(password, e) != 0)
        return -1;
    atomic_fetch_add(&hashes_done, 1);
    if (crypto_pwhash_str_alg(ret, password.p, password.n, PASSWORD_PASSES, (size_t)PASSWORD_MEMORY_KIB * 1024,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(e, ERR_MEMORY, "hashing a password takes %d KiB", PASSWORD_MEMORY_KIB);
    return 0;
}

/* --- stored hashes ----------------------------------------------------------------------------------------------- */

/* "NAME=NUMBER" off the front up to `end`; no leading zero, 1 to max. */
static bool take_number(struct slice *rest, const char *name, char end, uint32_t max, uint32_t *ret)
{
    struct slice part;
    uint64_t v;

    if (!slice_split(rest, end, &part) || !slice_starts(part, slice_of(name)))
        return false;
    part = slice_make(part.p + strlen(name), part.n - strlen(name));
    if (part.n == 0 || part.p[0] == '0' || !str_to_u64(part, max, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* Base64 without padding that decodes to `min` bytes or more. */
static bool is_base64(struct slice s, size_t min)
{
    unsigned char raw[STORE_HASH_MAX];
    size_t n = 0;

    return sodium_base642bin(raw, sizeof raw, s.p, s.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) ==
               0 &&
           n >= min;
}

bool password_hash_read(const char *hash, struct password_params *ret)
{
    static const char prefix[] = "$argon2id$v=19$";
    struct slice rest = slice_of(hash), salt;
    struct password_params p;

    if (rest.n > STORE_HASH_MAX - 1 || !slice_starts(rest, SLICE(prefix)))
        return false;
    rest = slice_make(rest.p + sizeof prefix - 1, rest.n - (sizeof prefix - 1));
    if (!take_number(&rest, "m=", ',', PASSWORD_MEMORY_KIB_LIMIT, &p.memory_kib) ||
        !take_number(&rest, "t=", ',', PASSWORD_PASSES_LIMIT, &p.passes) ||
        !take_number(&rest, "p=", '$', PASSWORD_LANES_LIMIT, &p.lanes) || !slice_split(&rest, '$', &salt) || !rest.p)
        return false;
    /* RFC 9106 3.1: memory is at least 8 KiB for each lane */
    if (p.memory_kib < 8 * p.lanes || !is_base64(salt, SALT_MIN) || !is_base64(rest, RESULT_MIN))
        return false;
    *ret = p;
    return true;
}

bool password_needs_rehash(const char *hash)
{
    struct password_params p;

    return !password_hash_read(hash, &p) || p.memory_kib != PASSWORD_MEMORY_KIB || p.passes != PASSWORD_PASSES ||
           p.lanes != 1;
}

/* One hash computation. `hash` is readable. ERR_MEMORY if it could not be done: that is not a wrong password. */
static int verify(const char *hash, struct slice password, bool *ret_fits, struct err *e)
{
    char text[crypto_pwhash_STRBYTES] = {0};

    (void)str_copy(text, sizeof text, slice_of(hash));
    atomic_fetch_add(&hashes_done, 1);
    errno = 0;
    *ret_fits = crypto_pwhash_str_verify(text, password.p, password.n) == 0;
    if (!*ret_fits && errno != EINVAL) /* libsodium's word for "computed, and different" */
        return err_set(e, ERR_MEMORY, "a password hash could not be computed");
    return 0;
}

/* --- the password door ------------------------------------------------------------------------------------------- */

int password_check(struct store *s, const struct email *who, struct slice password, struct account *ret, struct err *e)
{
    struct password_params params;
    struct account a;
    bool found, has_hash, fits;

    if (store_account_by_email(s, who->key, &a, &found, e) != 0)
        return -1;
    has_hash = found && password_hash_read(a.password_hash, &params);
    if (password.n > PASSWORD_MAX_BYTES) { /* nobody's; hashed up to the limit, so that length is no lever either */
        password.n = PASSWORD_MAX_BYTES;
        has_hash = false;
    }
    if (verify(has_hash ? a.password_hash : DUMMY_HASH, password, &fits, e) != 0)
        return -1;
    fits = fits && has_hash; /* nobody has a password for the dummy; nobody shall need to believe that */
    if (!found)
        return err_set(e, ERR_ACCOUNT_UNKNOWN, "there is no account %s", who->key);
    if (a.disabled)
        return err_set(e, ERR_ACCOUNT_DISABLED, "the account %s is disabled", who->key);
    if (a.password_hash[0] == '\0')
        return err_set(e, ERR_ACCOUNT_UNKNOWN, "the account %s has no password", who->key);
    if (!fits)
        return err_set(e, ERR_PASSWORD, "the password of %s is wrong", who->key);
    *ret = a;
    return 0;
}
