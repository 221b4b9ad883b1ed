/* secret.c - see secret.h. libsodium does the work. */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"

#define KEY_BYTES 32
#define KEYS_MAX 2
#define KEY_FILE_MAX 4096

struct key {
    unsigned char seal[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    unsigned char tag[KEY_BYTES];
};

struct keyring {
    struct key keys[KEYS_MAX]; /* current first */
    size_t n;
};

int secret_init(struct err *e)
{
    if (sodium_init() < 0)
        return err_set(e, ERR_INTERNAL, "libsodium could not be initialised");
    return 0;
}

void secret_random(void *dst, size_t n)
{
    randombytes_buf(dst, n);
}

void secret_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

int secret_read_file(const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    int r = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = 0;
    char *to;

    if (fd < 0)
        return err_set(e, ERR_KEY_FILE, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)err_set(e, ERR_KEY_FILE, "%s: not a regular file", path);
        goto out;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        (void)err_set(e, ERR_KEY_FILE, "%s: others can read or change it (mode %04o); chmod 600 it", path,
                      (unsigned)(st.st_mode & 07777));
        goto out;
    }
    to = st.st_size > 0 ? buf_room(out, (size_t)st.st_size) : NULL;
    if (!to) {
        (void)err_set(e, ERR_KEY_FILE, "%s: empty, or larger than %zu bytes", path, out->max);
        goto out;
    }
    n = read(fd, to, (size_t)st.st_size);
    if (n != st.st_size) {
        (void)err_set(e, ERR_KEY_FILE, "%s: could not be read whole", path);
        goto out;
    }
    out->len += (size_t)n;
    r = 0;
out:
    (void)close(fd);
    return r;
}

/* Writes a new key to a temporary file and links it into place, so that two starting instances agree on one key. */
static int create_file(const char *path, struct err *e)
{
    unsigned char key[KEY_BYTES];
    struct buf text;
    char tmp[4096], suffix[17];
    unsigned char random[8];
    int fd = -1, r = -1;

    buf_init(&text, 128);
    secret_random(key, sizeof key);
    base64_encode(&text, key, sizeof key);
    buf_add_char(&text, '\n');
    secret_random(random, sizeof random); /* not the process id: in a container it is the same after a crash */
    hex_encode(suffix, random, sizeof random);
    if (snprintf(tmp, sizeof tmp, "%s.new.%s", path, suffix) >= (int)sizeof tmp) {
        (void)err_set(e, ERR_KEY_FILE, "%s: path too long", path);
        goto out;
    }
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) != 0) {
        (void)err_set(e, ERR_KEY_FILE, "%s: %s", tmp, strerror(errno));
        goto out;
    }
    if (link(tmp, path) != 0 && errno != EEXIST) {
        (void)err_set(e, ERR_KEY_FILE, "%s: %s", path, strerror(errno));
        goto out;
    }
    r = 0;
out:
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(tmp);
    }
    secret_wipe(key, sizeof key);
    buf_free_secret(&text);
    return r;
}

static void derive(struct key *to, const unsigned char master[KEY_BYTES])
{
    crypto_kdf_derive_from_key(to->seal, sizeof to->seal, 1, "ushrseal", master);
    crypto_kdf_derive_from_key(to->tag, sizeof to->tag, 2, "ushrtag_", master);
}

static int parse(struct slice text, const char *path, struct keyring *k, struct err *e)
{
    struct slice line;

    while (slice_split(&text, '\n', &line)) {
        struct buf key;
        bool ok;

        line = slice_trim(line);
        if (line.n == 0)
            continue;
        buf_init(&key, 64);
        ok = k->n < KEYS_MAX && base64_decode(line, &key, e) == 0 && key.len == KEY_BYTES;
        if (ok)
            derive(&k->keys[k->n++], (const unsigned char *)key.data);
        buf_free_secret(&key);
        if (!ok) {
            err_clear(e);
            return err_set(e, ERR_KEY_FILE, "%s: expected one or two lines of 32 bytes in base64", path);
        }
    }
    if (k->n == 0)
        return err_set(e, ERR_KEY_FILE, "%s: no key in it", path);
    return 0;
}

int keyring_load(const char *path, bool create, struct keyring **ret, struct err *e)
{
    struct keyring *k = NULL;
    struct buf text;
    int r = -1;

    buf_init(&text, KEY_FILE_MAX);
    if (create && access(path, F_OK) != 0 && errno == ENOENT && create_file(path, e) != 0)
        goto out;
    if (secret_read_file(path, &text, e) != 0)
        goto out;
    k = calloc(1, sizeof *k);
    if (!k) {
        (void)err_set(e, ERR_MEMORY, "key ring");
        goto out;
    }
    if (parse(buf_slice(&text), path, k, e) != 0)
        goto out;
    *ret = k;
    k = NULL; /* transferred */
    r = 0;
out:
    keyring_free(k);
    buf_free_secret(&text);
    return r;
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    secret_wipe(k, sizeof *k);
    free(k);
}

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define MAC_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

int keyring_seal(const struct keyring *k, const char *purpose, struct slice plain, struct buf *out, struct err *e)
{
    unsigned char *raw;
    unsigned long long n = 0;

    raw = malloc(NONCE_BYTES + plain.n + MAC_BYTES);
    if (!raw)
        return err_set(e, ERR_MEMORY, "sealing");
    secret_random(raw, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(raw + NONCE_BYTES, &n, (const unsigned char *)plain.p, plain.n,
                                                     (const unsigned char *)purpose, strlen(purpose), NULL, raw,
                                                     k->keys[0].seal);
    base64url_encode(out, raw, NONCE_BYTES + (size_t)n);
    free(raw);
    if (buf_failed(out))
        return err_set(e, ERR_LIMIT, "sealed text does not fit %zu bytes", out->max);
    return 0;
}

int keyring_open(const struct keyring *k, const char *purpose, struct slice sealed, struct buf *out, struct err *e)
{
    struct buf raw;
    int r = -1;
    char *to;

    buf_init(&raw, sealed.n + 8);
    if (base64url_decode(sealed, &raw, e) != 0 || raw.len < NONCE_BYTES + MAC_BYTES)
        goto broken;
    to = buf_room(out, raw.len - NONCE_BYTES - MAC_BYTES);
    if (!to)
        goto broken;
    for (size_t i = 0; i < k->n && r != 0; i++) {
        unsigned long long n = 0;

        r = crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)to, &n, NULL, (const unsigned char *)raw.data + NONCE_BYTES, raw.len - NONCE_BYTES,
            (const unsigned char *)purpose, strlen(purpose), (const unsigned char *)raw.data, k->keys[i].seal);
        if (r == 0)
            out->len += (size_t)n;
    }
broken:
    buf_free_secret(&raw);
    if (r == 0)
        return 0;
    err_clear(e);
    return err_set(e, ERR_SEAL, "sealed value for '%s' was not made with a current key, or was changed", purpose);
}

static void tag_with(const struct key *key, const char *purpose, struct slice data,
                     unsigned char tag[KEYRING_TAG_BYTES])
{
    crypto_generichash_state st;

    crypto_generichash_init(&st, key->tag, sizeof key->tag, KEYRING_TAG_BYTES);
    crypto_generichash_update(&st, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&st, (const unsigned char *)data.p, data.n);
    crypto_generichash_final(&st, tag, KEYRING_TAG_BYTES);
}

void keyring_tag(const struct keyring *k, const char *purpose, struct slice data, unsigned char tag[KEYRING_TAG_BYTES])
{
    tag_with(&k->keys[0], purpose, data, tag);
}

bool keyring_tag_ok(const struct keyring *k, const char *purpose, struct slice data,
                    const unsigned char tag[KEYRING_TAG_BYTES])
{
    bool ok = false;

    for (size_t i = 0; i < k->n; i++) {
        unsigned char mine[KEYRING_TAG_BYTES];

        tag_with(&k->keys[i], purpose, data, mine);
        ok |= mem_equal_ct(mine, tag, sizeof mine);
    }
    return ok;
}
