/*
 * people.h - the directory of the test identity provider: a YAML file of people (base/conf.h).
 *
 *   tenant: 5f3c7f3e-9a4e-4a60-b0a5-6a0a0f1f0001
 *   people:
 *     - name: ada@usher.test            # user principal name
 *       email: ada@usher.test           # left out: no e-mail claim, as with an Entra account that has no mailbox
 *       object_id: 6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a01
 *       display_name: Ada Lovelace
 *       groups: [staff]
 *     - { name: mallory@usher.test, object_id: m1, trick: expired }
 */
#ifndef USHER_LAB_PEOPLE_H
#define USHER_LAB_PEOPLE_H

#include "base/arena.h"
#include "base/conf.h"
#include "lab/claims.h"
#include "lab/tricks.h"

struct person {
    const char *name, *email, *object_id, *display_name;
    struct conf_strings groups;
    const char *trick_name;
    const struct trick *trick; /* NULL: none */
};
struct people {
    const char *tenant;
    const struct person *v;
    size_t n;
};

/*
 * Reads the file into `a`. All problems are recorded in `p`; returns false if there was an error. People need a name,
 * each its own, and an object_id.
 */
bool people_load(const char *path, struct arena *a, struct people *ret, struct conf_problems *p);
bool people_read(const struct conf_doc *d, struct arena *a, struct people *ret, struct conf_problems *p);
/* By name or e-mail, ASCII case folded. NULL if there is none. */
const struct person *people_find(const struct people *p, struct slice name_or_email);
/* Adds the claims that Entra would send. */
int person_claims(const struct person *who, const struct people *p, const char *issuer, struct claims *c,
                  struct err *e);

#endif
