/*
 * mutant.h - what mutate.pl puts around the checks of the sources it rewrites.
 *
 * One check at a time is switched to "pass": mutant_selected is its number. Every check that had something to refuse is
 * noted in mutant_fired, so that only the rows that reach a check have to be judged again without it.
 */
#ifndef USHER_TESTS_MUTANT_H
#define USHER_TESTS_MUTANT_H

#include <stdbool.h>

#include "base/err.h"

struct mutant_site {
    const char *file, *function;
    const char *text; /* of the check, white space squeezed; " #2" behind a second one of the same text */
    int line;
};
extern const struct mutant_site mutant_sites[];
extern const unsigned mutant_sites_n;

#define MUTANT_NONE (~0U)
extern unsigned mutant_selected;
extern unsigned char *mutant_fired; /* mutant_sites_n of them; NULL: nobody wants to know */
extern unsigned mutant_last;        /* of those that stand before a refusal, the one that fired last */
extern unsigned mutant_explains;    /* what mutant_last was when the last error was raised */

#undef err_set
#undef err_mismatch
#define err_set(e, code, ...) (mutant_raises(e), err_set_at((e), (code), __FILE__, __func__, __LINE__, __VA_ARGS__))
#define err_mismatch(e, code, found, expected, ...) \
    (mutant_raises(e), err_mismatch_at((e), (code), __FILE__, __func__, __LINE__, (found), (expected), __VA_ARGS__))

static inline void mutant_raises(const struct err *e)
{
    if (e->code == ERR_NONE)
        mutant_explains = mutant_last;
}

static inline bool mutant_hit(unsigned site)
{
    if (mutant_fired)
        mutant_fired[site] = 1;
    return site == mutant_selected;
}

static inline bool mutant_refusal(unsigned site)
{
    mutant_last = site;
    return mutant_hit(site);
}

/* A condition under which the program refuses, one without which it does, and one without which a predicate says no. */
#define MUTANT_REFUSES(site, condition) ((condition) ? !mutant_refusal(site) : false)
#define MUTANT_NEEDS(site, condition) ((condition) ? true : mutant_refusal(site))
#define MUTANT_PASSES(site, condition) ((condition) ? true : mutant_hit(site))
/* A helper has refused: its error is forgotten too, so that what refuses later says why. `e` is the house's name. */
#define MUTANT_FORGETS(site, condition) ((condition) ? mutant_refusal(site) ? (err_clear(e), false) : true : false)
#define MUTANT_RESULT(site, ...) ((__VA_ARGS__) == 0 ? 0 : mutant_refusal(site) ? (err_clear(e), 0) : -1)
/* A call that does nothing but refuse. */
#define MUTANT_CALL(site, ...) (mutant_refusal(site) ? 0 : (__VA_ARGS__))

#endif
