/* pattern.c - see pattern.h. */
#include "policy/pattern.h"

int policy_account_parse(struct slice text, char ret_key[EMAIL_MAX + 1], bool *ret_pattern, struct err *e)
{
    struct email who;
    size_t stars = 0;

    for (size_t i = 0; i < text.n; i++)
        stars += text.p[i] == '*';
    if (stars > 1) {
        char found[EMAIL_MAX + 1];

        str_cut(found, sizeof found, text);
        return err_mismatch(e, ERR_EMAIL, found, "one * at most, in the part before the @", "not an account");
    }
    /* the grammar of addresses has * as a character of the local part: what passes with it passes with any in its place
     */
    if (email_parse(text, &who, e) != 0)
        return -1;
    memcpy(ret_key, who.key, sizeof who.key);
    *ret_pattern = stars == 1;
    return 0;
}

struct policy_pattern policy_pattern_of(const char *key)
{
    const char *star = strchr(key, '*'), *at = strchr(key, '@');

    return (struct policy_pattern){.text = key,
                                   .prefix = slice_make(key, (size_t)(star - key)),
                                   .suffix = slice_make(star + 1, (size_t)(at - star - 1)),
                                   .domain = at + 1};
}

static bool local_matches(const struct policy_pattern *p, struct slice local)
{
    return local.n >= p->prefix.n + p->suffix.n && slice_starts(local, p->prefix) && slice_ends(local, p->suffix);
}

bool policy_pattern_matches(const struct policy_pattern *p, const struct email *who)
{
    return strcmp(p->domain, who->domain) == 0 && local_matches(p, slice_of(who->local));
}

bool policy_pattern_matches_key(const struct policy_pattern *p, const char *key)
{
    const char *at = strchr(key, '@');

    return strcmp(p->domain, at + 1) == 0 && local_matches(p, slice_make(key, (size_t)(at - key)));
}

bool policy_pattern_covers(const struct policy_pattern *wide, const struct policy_pattern *narrow)
{
    return strcmp(wide->domain, narrow->domain) == 0 && slice_starts(narrow->prefix, wide->prefix) &&
           slice_ends(narrow->suffix, wide->suffix);
}

bool policy_pattern_overlaps(const struct policy_pattern *a, const struct policy_pattern *b)
{
    /* the longer prefix and the longer suffix together make an address that both match */
    return strcmp(a->domain, b->domain) == 0 &&
           (slice_starts(a->prefix, b->prefix) || slice_starts(b->prefix, a->prefix)) &&
           (slice_ends(a->suffix, b->suffix) || slice_ends(b->suffix, a->suffix));
}
