/*
 * base_conf.c - YAML text through the document reader and an option table of every type. Refused without a problem, or
 * accepted with one, is a bug; so is a value that is not the same after printing and reading it again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 leaks a buffer when a quoted scalar runs into the end of the text. Leaks of ours still count. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static void must(int ok)
{
    if (!ok)
        abort();
}

struct settings {
    const char *name, *site, *domain;
    struct listen_addr listen;
    bool strict;
    int door;
    int64_t count, life, until;
    struct email owner;
    struct conf_strings groups, domains;
    struct conf_netblocks networks;
};

static const char *const doors[] = {"deny", "sso", "password", NULL};
#define F(field) offsetof(struct settings, field)
static const struct conf_option options[] = {
    {"name", CONF_T_STRING, F(name), 0, NULL, NULL, 0, 0, ""},
    {"site", CONF_T_URL, F(site), 0, NULL, NULL, 0, 0, ""},
    {"domain", CONF_T_DOMAIN, F(domain), 0, NULL, NULL, 0, 0, ""},
    {"listen", CONF_T_LISTEN, F(listen), 0, NULL, NULL, 0, 0, ""},
    {"strict", CONF_T_BOOL, F(strict), 0, NULL, NULL, 0, 0, ""},
    {"door", CONF_T_ENUM, F(door), 0, NULL, doors, 0, 0, ""},
    {"count", CONF_T_NUMBER, F(count), 0, NULL, NULL, -10, 10, ""},
    {"life", CONF_T_DURATION, F(life), 0, NULL, NULL, 0, 0, ""},
    {"until", CONF_T_TIME, F(until), 0, NULL, NULL, 0, 0, ""},
    {"owner", CONF_T_EMAIL, F(owner), 0, NULL, NULL, 0, 0, ""},
    {"groups", CONF_T_STRINGS, F(groups), 0, NULL, NULL, 0, 0, ""},
    {"domains", CONF_T_DOMAINS, F(domains), 0, NULL, NULL, 0, 0, ""},
    {"networks", CONF_T_NETBLOCKS, F(networks), 0, NULL, NULL, 0, 0, ""},
    {"smtp", CONF_T_UNSUPPORTED, 0, 0, NULL, NULL, 0, 0, ""},
};
static const struct conf_table table = {"", "", options, sizeof options / sizeof *options};

/* Every node has a place, and every key leads to its value. */
static void walk(const struct conf_node *n)
{
    must(conf_where(n)[0] != '\0' && conf_dir(n)[0] == '/');
    for (size_t i = 0; i < conf_count(n); i++) {
        if (conf_kind(n) == CONF_MAP)
            must(conf_get(n, conf_text(conf_key(n, i))) == conf_item(n, i));
        walk(conf_item(n, i));
    }
}

static bool read(struct slice text, struct arena *a, struct buf *printed, struct conf_problems *p)
{
    struct conf_doc *d = conf_parse("f", text, p);
    struct settings s = {0};
    bool ok = false;

    must((d == NULL) == (conf_errors(p) > 0));
    if (d) {
        walk(conf_root(d));
        ok = conf_read_map(conf_root(d), &table, &s, a, p);
        must(ok == (conf_errors(p) == 0));
    }
    if (ok)
        conf_print_map(&table, &s, 0, printed);
    conf_free(d);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_problems *p = conf_problems_new();
    struct buf once, twice, out;
    struct arena a;

    arena_init(&a, 8 << 20);
    buf_init(&once, 8 << 20);
    buf_init(&twice, 8 << 20);
    buf_init(&out, 8 << 20);
    if (read(slice_make(data, size), &a, &once, p)) {
        must(read(buf_slice(&once), &a, &twice, p));
        must(slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    conf_problems_print(p, &out);
    for (size_t i = 0; i < out.len; i++)
        must(out.data[i] == '\n' || (out.data[i] >= 0x20 && out.data[i] < 0x7f));
    buf_free(&out);
    buf_free(&twice);
    buf_free(&once);
    arena_free(&a);
    conf_problems_free(p);
    return 0;
}
