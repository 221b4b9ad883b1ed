/*
 * secret.h - random bytes, wiping, and the key ring that seals what usher hands to browsers.
 *
 * The key ring is a file of one or two 32-byte keys in base64, one a line: the current key, then the previous one
 * during a rotation. It is shared by instances and survives restarts. From each key two are derived: one seals, one
 * tags.
 */
#ifndef USHER_BASE_SECRET_H
#define USHER_BASE_SECRET_H

#include "base/buf.h"
#include "base/err.h"

/* Must be called once before anything else here; 0, or -1 with ERR_INTERNAL. */
int secret_init(struct err *e);
void secret_random(void *dst, size_t n);
void secret_wipe(void *p, size_t n);

/* Reads a file that only its owner may read into `out` (secret: free with buf_free_secret). ERR_KEY_FILE. */
int secret_read_file(const char *path, struct buf *out, struct err *e);

struct keyring; /* immutable after loading, so threads may share it */

/* Loads `path`; if it does not exist and `create`, writes it with a new random key (mode 600, atomically).
 * ERR_KEY_FILE. */
int keyring_load(const char *path, bool create, struct keyring **ret, struct err *e);
void keyring_free(struct keyring *k);

/*
 * XChaCha20-Poly1305 with a random nonce; `purpose` (for a cookie: its name) is bound as associated data. Appends
 * base64url text to `out`.
 */
int keyring_seal(const struct keyring *k, const char *purpose, struct slice plain, struct buf *out, struct err *e);
/* Tries the current key, then the previous. ERR_SEAL if neither fits or the text is malformed. */
int keyring_open(const struct keyring *k, const char *purpose, struct slice sealed, struct buf *out, struct err *e);

#define KEYRING_TAG_BYTES 16
/* A keyed tag (BLAKE2b) with the current key. */
void keyring_tag(const struct keyring *k, const char *purpose, struct slice data, unsigned char tag[KEYRING_TAG_BYTES]);
/* True if the tag fits with any key of the ring; constant time. */
bool keyring_tag_ok(const struct keyring *k, const char *purpose, struct slice data,
                    const unsigned char tag[KEYRING_TAG_BYTES]);

#endif
