/* open.c - see open.h. */
#include "cli/open.h"

#include <jansson.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/table.h"

struct config *open_config(const struct cli_command *c, const char *path, bool warnings)
{
    struct conf_problems *p;
    struct config *config = NULL;
    struct buf text;

    if (!path) {
        (void)cli_usage_error(c, "-c FILE is missing: the configuration");
        return NULL;
    }
    p = conf_problems_new();
    if (!p)
        return NULL;
    config = config_load(path, p);
    buf_init(&text, 1024 * 1024);
    conf_problems_print(p, &text);
    if (!config || warnings) /* else whoever lists accounts would read the same warnings each time */
        (void)fputs(buf_cstr(&text), stderr);
    if (!config)
        fprintf(stderr, "usher %s: %zu problem%s in the configuration\n", c->name, conf_errors(p),
                conf_errors(p) == 1 ? "" : "s");
    buf_free(&text);
    conf_problems_free(p);
    return config;
}

struct store *open_both(const struct cli_command *c, const char *path, struct config **ret_config)
{
    struct store *s = NULL;
    struct err e = ERR_INIT;

    *ret_config = open_config(c, path, false);
    if (*ret_config && store_open((*ret_config)->store, &s, &e) != 0)
        (void)cli_fail(c, &e);
    return s;
}

void open_close(struct store *s, struct config *config)
{
    store_close(s);
    config_free(config);
}

int open_table(const struct cli_command *c, const char *path, struct table *t,
               int (*fill)(const void *options, const struct config *config, struct store *s, struct table *t,
                           struct err *e),
               const void *options)
{
    struct config *config = NULL;
    struct store *s;
    struct err e = ERR_INIT;
    int rc = CLI_FAILED;

    if (!t)
        return cli_usage_error(c, "--format is text or json");
    s = open_both(c, path, &config);
    if (s && fill(options, config, s, t, &e) == 0) {
        table_print(t);
        rc = CLI_OK;
    } else if (s) {
        (void)cli_fail(c, &e);
    }
    table_free(t);
    open_close(s, config);
    return rc;
}

const char *open_operator(void)
{
    static char name[64];
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw = getpwuid(getuid());

    if (sudo && sudo[0])
        (void)snprintf(name, sizeof name, "%.60s", sudo);
    else if (pw)
        (void)snprintf(name, sizeof name, "%.60s", pw->pw_name);
    else
        (void)snprintf(name, sizeof name, "uid %lu", (unsigned long)getuid());
    return name;
}

void open_event(struct event *ret, const char *kind, const char *email, const char *detail)
{
    json_t *o = json_pack("{s:s, s:s*}", "by", open_operator(), "detail", detail);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    *ret = (struct event){.at = clock_now()};
    (void)str_copy(ret->kind, sizeof ret->kind, slice_of(kind));
    if (email)
        (void)str_copy(ret->email, sizeof ret->email, slice_of(email));
    if (text)
        (void)str_copy(ret->detail, sizeof ret->detail, slice_of(text));
    free(text);
    json_decref(o);
}
