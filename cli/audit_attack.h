/*
 * audit_attack.h - which known attack a document resembles: one table, from the refusal, the inspection and the verdict
 * to a name.
 *
 * A resemblance, no accusation: honest products do some of these things, and a new attack may look like none of them.
 * Names are those of the literature where there is one (XSW1 to XSW8: "On Breaking SAML", USENIX Security 2012).
 */
#ifndef USHER_CLI_AUDIT_ATTACK_H
#define USHER_CLI_AUDIT_ATTACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct audit_result;

struct attack_facts;

/* A row holds if any of its traits is there, if its code is that of the refusal, or if its question is answered by yes.
 */
struct audit_attack {
    const char *name; /* stable: "xsw-3" */
    unsigned traits;  /* SAML_TRAIT_* */
    enum err_code code;
    bool (*is)(const struct attack_facts *f);
    const char *text; /* one sentence for people */
};
extern const struct audit_attack audit_attacks[];
extern const size_t audit_attacks_n; /* at most 64 */

/* Bits by index. `xml` is what was judged; `any_trust`: keys were pinned. AUDIT_ATTACK_REPLAY is not among them: that
 * is seen only when documents are put in order. */
uint64_t audit_attacks_of(const struct audit_result *r, struct slice xml, bool any_trust);
/* The bit of the row "replay". */
uint64_t audit_attack_replay(void);

#endif
