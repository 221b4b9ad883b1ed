/* conf_table.c - option tables of conf.h: reading by type. Printing is in conf_print.c. */
#include <stdio.h>

#include "base/clock.h"
#include "base/conf.h"

#define LIST_MAX 100000

/* One conversion in hand. */
struct value {
    const struct conf_option *opt;
    const char *dir; /* what a relative path starts from */
    struct arena *a;
};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "configuration value");
}

static int copy_text(const struct value *v, struct slice text, const char **ret, struct err *e)
{
    *ret = arena_strndup(v->a, text.p, text.n);
    return *ret ? 0 : no_memory(e);
}

static int read_path(const struct value *v, struct slice text, const char **ret, struct err *e)
{
    if (text.n == 0)
        return err_set(e, ERR_CONFIG, "an empty path");
    if (text.p[0] == '/')
        return copy_text(v, text, ret, e);
    *ret = arena_printf(v->a, "%s/%.*s", strcmp(v->dir, "/") == 0 ? "" : v->dir, SLICE_ARG(text));
    return *ret ? 0 : no_memory(e);
}

static int read_url(const struct value *v, struct slice text, const char **ret, struct err *e)
{
    struct url u;

    if (url_parse(text, &u, e) != 0)
        return -1;
    return copy_text(v, text, ret, e);
}

static int read_domain(const struct value *v, struct slice text, const char **ret, struct err *e)
{
    char domain[DOMAIN_MAX + 1];

    if (domain_parse(text, false, domain, e) != 0)
        return -1;
    return copy_text(v, slice_of(domain), ret, e);
}

static int read_bool(struct slice text, bool *ret, struct err *e)
{
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (slice_is_nocase(text, yes[i]) || slice_is_nocase(text, no[i])) {
            *ret = slice_is_nocase(text, yes[i]);
            return 0;
        }
    }
    return err_set(e, ERR_CONFIG, "'%.*s' is neither yes nor no", SLICE_ARG(text));
}

static int read_enum(const struct value *v, struct slice text, int *ret, struct err *e)
{
    const char *near = str_suggest(text, v->opt->values);
    char all[160];
    size_t n = 0;

    for (int i = 0; v->opt->values[i]; i++) {
        if (slice_is(text, v->opt->values[i])) {
            *ret = i;
            return 0;
        }
        if (n < sizeof all)
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", v->opt->values[i]);
    }
    if (near)
        return err_set(e, ERR_CONFIG, "'%.*s' is not one of %s; did you mean '%s'?", SLICE_ARG(text), all, near);
    return err_set(e, ERR_CONFIG, "'%.*s' is not one of %s", SLICE_ARG(text), all);
}

static int check_range(const struct conf_option *opt, int64_t v, const char *unit, struct err *e)
{
    int64_t max = opt->min == 0 && opt->max == 0 ? INT64_MAX : opt->max;

    if (v >= opt->min && v <= max)
        return 0;
    if (max == INT64_MAX)
        return err_set(e, ERR_CONFIG, "%lld is less than %lld%s", (long long)v, (long long)opt->min, unit);
    return err_set(e, ERR_CONFIG, "%lld is not between %lld and %lld%s", (long long)v, (long long)opt->min,
                   (long long)max, unit);
}

static int read_number(const struct value *v, struct slice text, int64_t *ret, struct err *e)
{
    bool minus = text.n > 1 && text.p[0] == '-';
    uint64_t digits;
    int64_t n;

    if (!str_to_u64(minus ? slice_make(text.p + 1, text.n - 1) : text, INT64_MAX, &digits))
        return err_set(e, ERR_CONFIG, "'%.*s' is not a whole number", SLICE_ARG(text));
    n = minus ? -(int64_t)digits : (int64_t)digits;
    if (check_range(v->opt, n, "", e) != 0)
        return -1;
    *ret = n;
    return 0;
}

static int read_duration(const struct value *v, struct slice text, int64_t *ret, struct err *e)
{
    int64_t sec;

    if (duration_parse(text, &sec, e) != 0 || check_range(v->opt, sec, " seconds", e) != 0)
        return -1;
    *ret = sec;
    return 0;
}

/* Text to the field, for every type that is one scalar. */
static int read_scalar(const struct value *v, struct slice text, void *out, struct err *e)
{
    switch (v->opt->type) {
    case CONF_T_STRING: return copy_text(v, text, out, e);
    case CONF_T_PATH: return read_path(v, text, out, e);
    case CONF_T_URL: return read_url(v, text, out, e);
    case CONF_T_DOMAIN: return read_domain(v, text, out, e);
    case CONF_T_LISTEN: return listen_addr_parse(text, out, e);
    case CONF_T_BOOL: return read_bool(text, out, e);
    case CONF_T_ENUM: return read_enum(v, text, out, e);
    case CONF_T_NUMBER: return read_number(v, text, out, e);
    case CONF_T_DURATION: return read_duration(v, text, out, e);
    case CONF_T_TIME: return time_parse_lenient(text, out, e);
    case CONF_T_EMAIL: return email_parse(text, out, e);
    case CONF_T_STRINGS:
    case CONF_T_PATHS:
    case CONF_T_DOMAINS:
    case CONF_T_NETBLOCKS:
    case CONF_T_NODE:
    case CONF_T_UNSUPPORTED: break;
    }
    return err_set(e, ERR_INTERNAL, "option '%s' has no scalar type", v->opt->name);
}

static bool is_list(enum conf_type type)
{
    return type == CONF_T_STRINGS || type == CONF_T_PATHS || type == CONF_T_DOMAINS || type == CONF_T_NETBLOCKS;
}

/* A list while it is filled: arrays of `max` entries in the arena, of the one kind that the type needs. */
struct list {
    const char **texts;
    struct netblock *blocks;
    size_t n;
};

static int list_start(const struct value *v, size_t max, struct list *l, struct err *e)
{
    *l = (struct list){.n = 0};
    if (max > LIST_MAX)
        return err_set(e, ERR_LIMIT, "more than %d entries", LIST_MAX);
    if (v->opt->type == CONF_T_NETBLOCKS)
        l->blocks = arena_array(v->a, max, sizeof *l->blocks);
    else
        l->texts = arena_array(v->a, max, sizeof(*l->texts));
    return l->blocks || l->texts ? 0 : no_memory(e);
}

static int list_add(const struct value *v, struct slice text, struct list *l, struct err *e)
{
    int r = v->opt->type == CONF_T_NETBLOCKS ? netblock_parse(text, &l->blocks[l->n], e)
            : v->opt->type == CONF_T_DOMAINS ? read_domain(v, text, &l->texts[l->n], e)
            : v->opt->type == CONF_T_PATHS   ? read_path(v, text, &l->texts[l->n], e)
                                             : copy_text(v, text, &l->texts[l->n], e);

    if (r == 0)
        l->n++;
    return r;
}

static void list_end(const struct value *v, const struct list *l, void *out)
{
    if (v->opt->type == CONF_T_NETBLOCKS)
        *(struct conf_netblocks *)out = (struct conf_netblocks){l->blocks, l->n};
    else
        *(struct conf_strings *)out = (struct conf_strings){l->texts, l->n};
}

/* "[a, b]" or "a", as the tables of options have it; there is no quoting. */
static int read_default_list(const struct value *v, void *out, struct err *e)
{
    struct slice rest = slice_of(v->opt->def), part;
    struct list l;

    if (rest.n >= 2 && rest.p[0] == '[' && rest.p[rest.n - 1] == ']')
        rest = slice_trim(slice_make(rest.p + 1, rest.n - 2));
    if (list_start(v, rest.n + 1, &l, e) != 0)
        return -1;
    while (rest.n > 0 && slice_split(&rest, ',', &part)) {
        if (list_add(v, slice_trim(part), &l, e) != 0)
            return -1;
    }
    list_end(v, &l, out);
    return 0;
}

/* Every entry is looked at: all problems are reported. */
static bool read_list(const struct value *v, const struct conf_node *n, void *out, struct conf_problems *p)
{
    bool ok = true, single = conf_kind(n) == CONF_SCALAR;
    size_t count = single ? 1 : conf_count(n);
    struct err e = ERR_INIT;
    struct list l;

    if (list_start(v, count, &l, &e) != 0) {
        conf_problem_err(p, n, &e);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct conf_node *item = single ? n : conf_item(n, i);

        if (conf_kind(item) != CONF_SCALAR || conf_is_blank(item)) {
            conf_problem(p, CONF_ERROR, item, "%s: an entry must be a single value", v->opt->name);
            ok = false;
        } else if (list_add(v, slice_of(conf_text(item)), &l, &e) != 0) {
            (void)err_wrap(&e, "%s", v->opt->name);
            conf_problem_err(p, item, &e);
            ok = false;
        }
    }
    if (ok)
        list_end(v, &l, out);
    return ok;
}

bool conf_read_value(const struct conf_node *n, const struct conf_option *opt, void *out, struct arena *a,
                     struct conf_problems *p)
{
    struct value v = {opt, conf_dir(n), a};
    struct err e = ERR_INIT;

    if (opt->type == CONF_T_UNSUPPORTED) {
        (void)err_set(&e, ERR_NOT_SUPPORTED, "option '%s' is not built yet in this version", opt->name);
        conf_problem_err(p, n, &e);
        return false;
    }
    if (opt->type == CONF_T_NODE) {
        *(const struct conf_node **)out = n;
        return true;
    }
    if (conf_is_blank(n)) {
        conf_problem(p, CONF_ERROR, n, "%s: no value is given", opt->name);
        return false;
    }
    if (is_list(opt->type) && conf_kind(n) != CONF_MAP)
        return read_list(&v, n, out, p);
    if (conf_kind(n) != CONF_SCALAR) {
        conf_problem(p, CONF_ERROR, n, "%s: %s, not a %s", opt->name,
                     is_list(opt->type) ? "expected a list or a single value" : "expected a single value",
                     conf_kind(n) == CONF_MAP ? "mapping" : "list");
        return false;
    }
    if (read_scalar(&v, slice_of(conf_text(n)), out, &e) != 0) {
        (void)err_wrap(&e, "%s", opt->name);
        conf_problem_err(p, n, &e);
        return false;
    }
    return true;
}

static bool read_default(const struct conf_node *map, const struct conf_option *opt, void *out, struct arena *a,
                         struct conf_problems *p)
{
    struct value v = {opt, conf_dir(map), a};
    struct err e = ERR_INIT;

    if (!opt->def || opt->type == CONF_T_NODE || opt->type == CONF_T_UNSUPPORTED)
        return true;
    if ((is_list(opt->type) ? read_default_list(&v, out, &e) : read_scalar(&v, slice_of(opt->def), out, &e)) == 0)
        return true;
    (void)err_wrap(&e, "the built-in default of '%s'", opt->name);
    conf_problem_err(p, map, &e);
    return false;
}

/* Every key must be in the table. */
static bool check_keys(const struct conf_node *map, const struct conf_table *t, struct arena *a,
                       struct conf_problems *p)
{
    const char **names = arena_array(a, t->n + 1, sizeof(*names));
    bool ok = true;

    if (!names) {
        conf_problem(p, CONF_ERROR, map, "out of memory");
        return false;
    }
    for (size_t i = 0; i < t->n; i++)
        names[i] = t->options[i].name;
    for (size_t i = 0; i < conf_count(map); i++) {
        const struct conf_node *key = conf_key(map, i);
        const char *near;
        size_t k = 0;

        while (k < t->n && strcmp(names[k], conf_text(key)) != 0)
            k++;
        if (k < t->n)
            continue;
        near = str_suggest(slice_of(conf_text(key)), names);
        conf_problem(p, CONF_ERROR, key, "unknown key '%s'%s%s%s", conf_text(key), near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
        ok = false;
    }
    return ok;
}

bool conf_read_map(const struct conf_node *map, const struct conf_table *t, void *out, struct arena *a,
                   struct conf_problems *p)
{
    bool ok;

    if (conf_kind(map) != CONF_MAP) {
        conf_problem(p, CONF_ERROR, map, "%s%sexpected a mapping (name: value)", t->section, t->section[0] ? ": " : "");
        return false;
    }
    ok = check_keys(map, t, a, p);
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_option *opt = &t->options[i];
        const struct conf_node *n = conf_get(map, opt->name);
        char *field = (char *)out + opt->offset;

        if (n) {
            ok &= conf_read_value(n, opt, field, a, p);
        } else if (opt->flags & CONF_REQUIRED) {
            conf_problem(p, CONF_ERROR, map, "required option '%s' is missing: %s", opt->name, opt->help);
            ok = false;
        } else {
            ok &= read_default(map, opt, field, a, p);
        }
    }
    return ok;
}
