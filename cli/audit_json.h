/*
 * audit_json.h - finds SAML messages in JSON: HAR captures of a browser, logs with one object a line, anything else.
 *
 * A push parser: every string that is a value goes, decoded, through audit_text as a stream of its own, so that a
 * capture of any size costs no more memory than one window. Strict (RFC 8259): at the first octet that is not JSON it
 * stops and says where, and the caller goes on with the rest as text. In a HAR the same message stands in several
 * places of an entry (postData.text and postData.params; url and queryString); only the first is reported.
 */
#ifndef USHER_CLI_AUDIT_JSON_H
#define USHER_CLI_AUDIT_JSON_H

#include "cli/audit_text.h"

#define AUDIT_JSON_DEPTH 64
#define AUDIT_JSON_KEY_SIZE 40
#define AUDIT_JSON_PATH_SIZE 512

struct audit_json_level {
    bool array;
    uint64_t index;                /* of the element in an array */
    char key[AUDIT_JSON_KEY_SIZE]; /* of the member in an object, cut to size */
};

struct audit_json {
    /* Called for each message; `entry`: its HAR entry, else -1. `path`: "log.entries[3].request.postData.text". */
    int (*found)(void *arg, const struct audit_found *f, const char *path, int64_t entry);
    void *arg;
    uint64_t line, offset; /* where it has come to: of the octet it does not understand */
    /* private */
    struct audit_text text;
    struct audit_json_level stack[AUDIT_JSON_DEPTH];
    size_t depth;
    int state;
    bool is_key;
    size_t key_len;
    unsigned code, digits, high; /* of \uXXXX; the first half of a pair */
    char literal[8];
    size_t literal_len, literal_at;
    unsigned char seen[16][32]; /* SHA-256 of what was found in this entry */
    size_t nseen;
};

void audit_json_init(struct audit_json *j,
                     int (*found)(void *arg, const struct audit_found *f, const char *path, int64_t entry), void *arg);
void audit_json_free(struct audit_json *j);
/* *ret_used < n: the octet there is not JSON; 0. Otherwise 0, what found() returned, or -1 if memory is out. */
int audit_json_feed(struct audit_json *j, const char *p, size_t n, size_t *ret_used);
/* At the end of the input: *ret_whole, whether nothing is left open. What a string that was cut holds is looked at. */
int audit_json_end(struct audit_json *j, bool *ret_whole);

#endif
