/*
 * audit_judge.h - who looks into hostile XML for `usher audit`, and what is known of one document afterwards.
 *
 * struct audit_judge is what one thread of the audit has: calls that wait for their answer. The answers are bytes that
 * were rechecked with the pinned keys (judge.h), wherever libxml2 and xmlsec ran.
 */
#ifndef USHER_CLI_AUDIT_JUDGE_H
#define USHER_CLI_AUDIT_JUDGE_H

#include "cli/audit_json.h"
#include "cli/audit_source.h"
#include "cli/judge_options.h"
#include "saml/inspect.h"

struct audit_judge {
    int (*inspect)(struct audit_judge *j, struct slice xml, struct arena *a, struct saml_inspection *ret,
                   struct err *e);
    /* Signatures and reading, no conditions: saml_judge_signature_only(). `trust->allow` holds. `serial`: keys that
     * another judgement by this judge had under the same number are the same. */
    int (*judge)(struct audit_judge *j, struct slice xml, const struct saml_trust *trust, uint64_t serial,
                 struct arena *a, struct saml_verdict *ret, struct err *e);
    void (*free)(struct audit_judge *j);
};

/* In this process: for tests. `s` outlives it. */
int audit_judge_in_process(const struct judge_setup *s, struct audit_judge **ret, struct err *e);

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

/* One thread's. */
struct audit_examiner {
    const struct judge_setup *setup;
    bool with_conditions, any_trust;
    struct audit_judge *judge;
    /* the key that documents bring along is mostly the same: kept from one to the next */
    struct saml_trust brought;
    uint64_t brought_serial;
    unsigned char brought_sha256[32];
};
void audit_examiner_free(struct audit_examiner *x);
/* Fills `ret`, which is zeroed; audit_result_free() in any case. Nothing can fail: what goes wrong is the verdict. */
void audit_examine(struct audit_examiner *x, const struct audit_document *d, struct audit_result *ret);
void audit_result_free(struct audit_result *r);

#endif
