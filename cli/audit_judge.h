/*
 * audit_judge.h - what `usher audit` makes of one document.
 *
 * An examiner has a usher-worker of its own and keeps several documents under way in it. The worker alone parses them
 * and decodes the certificates in them; here are bytes that were rechecked (saml_judge_signed_only()), and descriptions
 * that prove nothing.
 */
#ifndef USHER_CLI_AUDIT_JUDGE_H
#define USHER_CLI_AUDIT_JUDGE_H

#include "cli/audit_json.h"
#include "cli/audit_source.h"
#include "cli/judge_options.h"
#include "router/worker.h"
#include "saml/decrypt.h"
#include "saml/inspect.h"

/* A message and where it stood; owned. */
struct audit_document {
    uint64_t number; /* in the order they were found, from 1 */
    char *file, path[AUDIT_JSON_PATH_SIZE];
    uint64_t line, offset;
    int64_t entry;
    enum audit_form form;
    struct buf xml;
    bool query_signed;      /* redirect binding: there is a Signature in its query string, which is not judged */
    struct err undecodable; /* code set: there is no xml */
};
void audit_document_free(struct audit_document *d);

/* Zero is no. */
enum audit_verdict {
    AUDIT_REFUSED = 0, /* before any key was tried, or it could not be read after */
    AUDIT_UNSIGNED,
    AUDIT_INVALID,    /* no key verifies it */
    AUDIT_UNTRUSTED,  /* the key that it brings along verifies it, no pinned one: proves nothing */
    AUDIT_NOT_JUDGED, /* not a message whose signature an identity provider owes; or a refusal without assertion */
    AUDIT_VALID       /* every signature in it verifies by a pinned key */
};
const char *audit_verdict_name(enum audit_verdict v); /* "refused", "unsigned", ..., "not-judged", "valid" */

enum audit_conditions { AUDIT_CONDITIONS_NONE = 0, AUDIT_CONDITIONS_REFUSED, AUDIT_CONDITIONS_MET };

/* A key as a certificate in KeyInfo or a verified signature shows it. */
struct audit_key {
    bool known;               /* else there is no certificate, or none that can be read */
    unsigned char cert[32];   /* SHA-256 of the certificate; zero for a pinned key without one */
    unsigned char sha256[32]; /* of SubjectPublicKeyInfo */
    char subject[160];
    int64_t not_after;
    unsigned bits;
    bool rsa, pinned, expired, weak;
};
struct audit_signer {
    enum saml_element what;
    const char *method, *digest; /* static text */
    struct audit_key key;
};

struct audit_result {
    struct arena a; /* of everything below */
    bool inspected;
    struct saml_inspection in;
    struct audit_key claimed[SAML_INSPECT_SIGNATURES_MAX]; /* of in.signatures: unverified */

    enum audit_verdict verdict;
    struct err why; /* why not valid; code set unless valid */
    bool owes;      /* a message that counts only if signed */
    struct audit_signer signed_by[2];
    size_t nsigned;                        /* valid, untrusted */
    struct slice signed_issuer, signed_id; /* of the assertion in the verified bytes */
    int64_t issued, valid_until;

    enum audit_conditions conditions;
    struct err conditions_why;
    int64_t judged_at; /* 0: no conditions were judged */

    uint64_t attacks; /* bits by index in audit_attacks[] */
    uint64_t first;   /* number of the document with the same assertion; 0: none */
    bool finding;     /* of the signature: exit code 1 */
};

struct audit_examiner;

/* One document on its way; zeroed, and filled up to `arg`. */
struct audit_examination {
    struct audit_document *document; /* stays until `done` */
    struct audit_result result;      /* audit_result_free() in any case */
    /* Once, by audit_examine() or audit_examiner_wait(), with the result: nothing can fail, what goes wrong is the
     * verdict. The examination may be gone when it returns. */
    void (*done)(struct audit_examination *n);
    void *arg;
    /* private to audit_judge.c */
    struct audit_examiner *x;
    struct worker_request ask;
    struct trusts *brought; /* the keys that it brings along; NULL: none */
    struct trusts *by;      /* what it is being judged by; one of the examiner's, or `brought` */
    struct saml_signed *found;
    unsigned char content_key[SAML_CONTENT_KEY_MAX];
};

struct audit_examiner_options {
    const struct judge_setup *setup; /* outlives the examiner */
    bool with_conditions;
    const char *worker; /* path of usher-worker; NULL: beside this program */
};

/* To be used by one thread at a time. ERR_WORKER, ERR_MEMORY. */
int audit_examiner_new(const struct audit_examiner_options *o, struct audit_examiner **ret, struct err *e);
/* Ends the worker; what is under way is done with ERR_WORKER. Accepts NULL. */
void audit_examiner_free(struct audit_examiner *x);
/* Starts the worker and sees that it can judge. ERR_WORKER. */
int audit_examiner_check(struct audit_examiner *x, struct err *e);
/* Begins with a document. */
void audit_examine(struct audit_examiner *x, struct audit_examination *n);
/* Workers that ended so far, and were replaced. */
uint64_t audit_examiner_restarts(const struct audit_examiner *x);
size_t audit_examiner_under_way(const struct audit_examiner *x);
/* Waits until something happens to the documents under way. */
void audit_examiner_wait(struct audit_examiner *x);
void audit_result_free(struct audit_result *r);

#endif
