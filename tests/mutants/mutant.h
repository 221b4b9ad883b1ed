/*
 * mutant.h - what mutate.pl puts around the checks of the sources it rewrites.
 *
 * One check at a time is switched to "pass": mutant_selected is its number. Every check that had something to refuse is
 * noted in mutant_fired, so that only the rows that reach a check have to be judged again without it.
 */
#ifndef USHER_TESTS_MUTANT_H
#define USHER_TESTS_MUTANT_H

#include <stdbool.h>

struct mutant_site {
    const char *file, *function;
    const char *text; /* of the check, white space squeezed; " #2" behind a second one of the same text */
    int line;
    bool forgets; /* what another function found; not a check of its own */
};
extern const struct mutant_site mutant_sites[];
extern const unsigned mutant_sites_n;

#define MUTANT_NONE (~0U)
extern unsigned mutant_selected;
extern unsigned char *mutant_fired; /* mutant_sites_n of them; NULL: nobody wants to know */

static inline bool mutant_hit(unsigned site)
{
    if (mutant_fired)
        mutant_fired[site] = 1;
    return site == mutant_selected;
}

/* A condition under which the program refuses, and one without which it does. */
#define MUTANT_REFUSES(site, condition) ((condition) ? !mutant_hit(site) : false)
#define MUTANT_PASSES(site, condition) ((condition) ? true : mutant_hit(site))
/* The result of a function that gives 0 for success, and a call that does nothing but refuse. */
#define MUTANT_RESULT(site, ...) ((__VA_ARGS__) == 0 ? 0 : mutant_hit(site) ? 0 : -1)
#define MUTANT_CALL(site, ...) (mutant_hit(site) ? 0 : (__VA_ARGS__))

#endif
