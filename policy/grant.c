/* grant.c - see grant.h. */
#include <stdlib.h>

#include "policy/compiled.h"

#define ARENA_MAX ((size_t)4 << 30)
#define NETWORKS_MAX 64

struct grant_list {
    struct policy_grant *first;
};

bool policy_grant_in_time(const struct policy_grant *g, int64_t now)
{
    return now >= g->from && (g->until == 0 || now < g->until);
}

bool policy_grant_times_meet(const struct policy_grant *a, const struct policy_grant *b)
{
    return (a->until == 0 || b->from < a->until) && (b->until == 0 || a->from < b->until);
}

bool policy_networks_contain(const struct conf_netblocks *networks, const struct netaddr *a)
{
    for (size_t i = 0; i < networks->n; i++) {
        if (netblock_contains(&networks->v[i], a))
            return true;
    }
    return false;
}

/* --- checking ---------------------------------------------------------------------------------------------------- */

static bool is_blank(const char *text)
{
    return !text || slice_trim(slice_of(text)).n == 0;
}

int policy_grant_sound(const struct policy_grant *g, struct err *e)
{
    if (is_blank(g->owner))
        return err_set(e, ERR_GRANT, "a grant needs an owner: who answers for it");
    if (is_blank(g->reason))
        return err_set(e, ERR_GRANT, "a grant needs a reason");
    if (g->from < 0 || g->until < 0)
        return err_set(e, ERR_GRANT, "a grant cannot begin or end before 1970");
    if (g->until != 0 && g->until <= g->from)
        return err_set(e, ERR_GRANT, "the grant ends before it begins");
    return 0;
}

static enum grant_kind kind_of(const char *text)
{
    if (text && strcmp(text, "outside") == 0)
        return GRANT_OUTSIDE;
    return text && strcmp(text, "fallback") == 0 ? GRANT_FALLBACK : GRANT_NONE;
}

static int read_networks(const char *text, struct netblock *v, size_t *ret_n, struct err *e)
{
    struct slice rest = slice_of(text ? text : ""), part;
    size_t n = 0;

    while (slice_split(&rest, ' ', &part)) {
        if (part.n == 0)
            continue;
        if (n == NETWORKS_MAX)
            return err_set(e, ERR_GRANT, "a grant has at most %d networks", NETWORKS_MAX);
        if (netblock_parse(part, &v[n], e) != 0) {
            char found[64];

            str_cut(found, sizeof found, part);
            err_clear(e);
            return err_mismatch(e, ERR_GRANT, found, "10.0.0.0/8, 2001:db8::/32 or one address", "not a network");
        }
        n++;
    }
    *ret_n = n;
    return 0;
}

/* What stands in a row; borrows from it and from the two buffers. On failure `ret` holds what could be read. */
struct reading {
    struct policy_grant grant;
    char account[EMAIL_MAX + 1];
    struct netblock networks[NETWORKS_MAX];
};

static int read_row(const struct policy_grant_text *t, struct reading *ret, struct err *e)
{
    struct policy_grant *g = &ret->grant;
    bool pattern;

    *g = (struct policy_grant){.id = t->id,
                               .kind = kind_of(t->kind),
                               .owner = t->owner ? t->owner : "",
                               .reason = t->reason ? t->reason : "",
                               .from = t->from,
                               .until = t->until,
                               .networks.v = ret->networks};
    if (policy_account_parse(slice_of(t->account ? t->account : ""), ret->account, &pattern, e) != 0) {
        struct err why = *e;

        err_clear(e);
        return err_mismatch(e, ERR_GRANT, why.found, why.expected, "the account of a grant: %s", why.msg);
    }
    g->account = ret->account;
    if (pattern)
        g->pattern = policy_pattern_of(ret->account);
    if (g->kind == GRANT_NONE)
        return err_mismatch(e, ERR_GRANT, t->kind ? t->kind : "", "outside or fallback", "unknown kind of grant");
    if (t->condition && t->condition[0] != '\0')
        return err_mismatch(e, ERR_NOT_SUPPORTED, t->condition, "no condition",
                            "grants with `while` are not built yet in this version");
    if (policy_grant_sound(g, e) != 0)
        return -1;
    return read_networks(t->networks, ret->networks, &g->networks.n, e);
}

int policy_grant_check(const struct policy_grant_text *t, char ret_account[EMAIL_MAX + 1], struct err *e)
{
    struct reading r;

    if (read_row(t, &r, e) != 0)
        return -1;
    if (ret_account)
        memcpy(ret_account, r.account, sizeof r.account);
    return 0;
}

/* --- the index --------------------------------------------------------------------------------------------------- */

struct policy_grants *policy_grants_new(void)
{
    struct policy_grants *set = calloc(1, sizeof *set);

    if (set)
        arena_init(&set->arena, ARENA_MAX);
    return set;
}

void policy_grants_free(struct policy_grants *set)
{
    if (!set)
        return;
    policy_table_clear(&set->exact);
    policy_table_clear(&set->patterns);
    free(set->all);
    arena_free(&set->arena);
    free(set);
}

size_t policy_grants_count(const struct policy_grants *set)
{
    return set->n;
}

static int remember(struct policy_grants *set, struct policy_grant *g, struct err *e)
{
    if (set->n == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 8;
        const struct policy_grant **all = reallocarray(set->all, capacity, sizeof(*all));

        if (!all)
            return err_set(e, ERR_MEMORY, "%zu grants", capacity);
        set->all = all;
        set->capacity = capacity;
    }
    g->index = set->n;
    set->all[set->n++] = g;
    return 0;
}

static int link_in(struct policy_grants *set, struct policy_table *index, const char *key, struct policy_grant *g,
                   struct err *e)
{
    struct grant_list *list = policy_table_get(index, slice_of(key), NULL);

    if (list) {
        g->next = list->first->next;
        list->first->next = g;
        return 0;
    }
    list = arena_alloc(&set->arena, sizeof *list);
    if (!list)
        return err_set(e, ERR_MEMORY, "%zu grants", set->n);
    list->first = g;
    return policy_table_put(index, key, list, e);
}

int policy_grants_insert(struct policy_grants *set, const struct policy_grant *from, struct err *e)
{
    struct arena *a = &set->arena;
    struct policy_grant *g = arena_alloc(a, sizeof *g);
    struct netblock *networks = arena_array(a, from->networks.n, sizeof *networks);

    if (!g || !networks)
        return err_set(e, ERR_MEMORY, "%zu grants", set->n);
    *g = *from;
    g->next = NULL;
    g->account = arena_strdup(a, from->account);
    g->owner = arena_strdup(a, from->owner);
    g->reason = arena_strdup(a, from->reason);
    if (from->networks.n)
        memcpy(networks, from->networks.v, from->networks.n * sizeof *networks);
    g->networks.v = networks;
    if (!g->account || !g->owner || !g->reason || (from->where && !(g->where = arena_strdup(a, from->where))))
        return err_set(e, ERR_MEMORY, "%zu grants", set->n);
    if (remember(set, g, e) != 0)
        return -1;
    if (!from->pattern.text)
        return link_in(set, &set->exact, g->account, g, e);
    g->pattern = policy_pattern_of(g->account);
    return link_in(set, &set->patterns, g->pattern.domain, g, e);
}

int policy_grants_add(struct policy_grants *set, const struct policy_grant_text *t, struct err *e)
{
    struct err memory = ERR_INIT;
    struct reading r;

    if (read_row(t, &r, e) == 0)
        return policy_grants_insert(set, &r.grant, e);
    if (!r.grant.account || r.grant.kind == GRANT_FALLBACK)
        return -1;
    /* It may have meant an account that lives outside; as nobody's grant the account would be open to an assertion. */
    r.grant.kind = GRANT_OUTSIDE;
    r.grant.unsound = true;
    if (r.grant.from < 0 || r.grant.until < 0 || (r.grant.until != 0 && r.grant.until <= r.grant.from))
        r.grant.from = r.grant.until = 0;
    if (policy_grants_insert(set, &r.grant, &memory) != 0)
        *e = memory;
    return -1;
}

static const struct policy_grant *first_of(const struct policy_table *index, const char *key, struct policy_work *work)
{
    const struct grant_list *list = policy_table_get(index, slice_of(key), work);

    return list ? list->first : NULL;
}

const struct policy_grant *policy_grants_exact(const struct policy_grants *set, const char *account,
                                               struct policy_work *work)
{
    return first_of(&set->exact, account, work);
}

const struct policy_grant *policy_grants_patterns(const struct policy_grants *set, const char *domain,
                                                  struct policy_work *work)
{
    return first_of(&set->patterns, domain, work);
}
