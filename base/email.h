/*
 * email.h - the one reading of an e-mail address, and of a domain.
 *
 * Local parts are ASCII ([A-Za-z0-9.!#$&'*+/=?^_{}~-], 1 to 64 octets, no leading, trailing or double dot), domains
 * become IDNA A-labels in lower case (1 to 63 octets a label, at least two labels, 253 in all). Anything else is
 * refused, never repaired: no comments, quotes, lists, `mailto:`, percent routes. For matching, the local part is
 * folded to lower case too.
 */
#ifndef USHER_BASE_EMAIL_H
#define USHER_BASE_EMAIL_H

#include "base/err.h"
#include "base/str.h"

#define EMAIL_LOCAL_MAX 64
#define DOMAIN_MAX 253
#define EMAIL_MAX 254 /* RFC 5321 4.5.3.1.3, as a whole */

struct email {
    char text[EMAIL_MAX + 1]; /* local part as given, '@', A-label domain: what is shown and sent */
    char key[EMAIL_MAX + 1];  /* all lower case: what is compared and stored as key */
    char domain[DOMAIN_MAX + 1];
    char local[EMAIL_LOCAL_MAX + 1]; /* lower case */
};

/* Surrounding white space is not removed. ERR_EMAIL. `ret` is written only on success. */
int email_parse(struct slice text, struct email *ret, struct err *e);
/* A host or domain name to its lower-case A-label form; a single label ("localhost") only if `single_label`. ERR_EMAIL.
 */
int domain_parse(struct slice text, bool single_label, char ret[DOMAIN_MAX + 1], struct err *e);
/* `host` is `domain` or below it, by whole labels. Both in A-label form. */
bool domain_covers(const char *domain, const char *host);

#endif
