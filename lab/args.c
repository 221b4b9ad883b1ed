/* args.c - option parsing and help of lab.h. */
#include "lab/lab.h"

#include <stdarg.h>
#include <string.h>

void lab_help(const struct lab_command *c, FILE *out)
{
    fprintf(out, "usage: usher-lab %s [options]\n\n%s\n\noptions:\n", c->name, c->summary);
    for (size_t i = 0; i < c->noptions; i++) {
        const struct lab_option *o = &c->options[i];
        int n = fprintf(out, "  --%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");

        fprintf(out, "%*s%s%s\n", n < 28 ? 28 - n : 2, "", o->help, o->kind == LAB_LIST ? " (may be repeated)" : "");
    }
    if (c->notes) {
        fputc('\n', out);
        c->notes(out);
    }
    fprintf(out, "\nexample:\n%s\n", c->example);
}

int lab_usage_error(const struct lab_command *c, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "usher-lab %s: usage: ", c->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n'usher-lab %s --help' shows options and an example.\n", c->name);
    return LAB_FAILED;
}

int lab_fail(const struct lab_command *c, const struct err *e)
{
    fprintf(stderr, "usher-lab ");
    err_print(stderr, c->name, e);
    return LAB_FAILED;
}

static const struct lab_option *find_option(const struct lab_command *c, struct slice name)
{
    for (size_t i = 0; i < c->noptions; i++) {
        if (slice_is(name, c->options[i].name))
            return &c->options[i];
    }
    return NULL;
}

static const char *suggest(const struct lab_command *c, struct slice name)
{
    const char *names[LAB_LIST_MAX + 1] = {NULL};

    for (size_t i = 0; i < c->noptions && i < LAB_LIST_MAX; i++)
        names[i] = c->options[i].name;
    return str_suggest(name, names);
}

/* Stores one value. Returns -1 to go on, else the exit code. */
static int store(const struct lab_command *c, const struct lab_option *o, const char *value, void *opts)
{
    void *field = (char *)opts + o->offset;

    if (o->kind == LAB_FLAG) {
        *(bool *)field = true;
    } else if (o->kind == LAB_STRING) {
        const char **s = field;

        if (*s)
            return lab_usage_error(c, "--%s is given twice", o->name);
        *s = value;
    } else {
        struct lab_list *l = field;

        if (l->n == LAB_LIST_MAX)
            return lab_usage_error(c, "--%s is given more than %d times", o->name, LAB_LIST_MAX);
        l->v[l->n++] = value;
    }
    return -1;
}

int lab_parse(const struct lab_command *c, int argc, char **argv, void *opts)
{
    for (int i = 0; i < argc; i++) {
        struct slice rest = slice_of(argv[i]), name;
        const struct lab_option *o;
        const char *value = NULL;
        int rc;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            lab_help(c, stdout);
            return LAB_OK;
        }
        if (!slice_starts(rest, SLICE("--")))
            return lab_usage_error(c, "'%s' is not an option", argv[i]);
        rest = slice_make(rest.p + 2, rest.n - 2);
        (void)slice_split(&rest, '=', &name);
        o = find_option(c, name);
        if (!o) {
            const char *near = suggest(c, name);

            return lab_usage_error(c, "'--%.*s' is unknown%s%s%s", SLICE_ARG(name), near ? "; did you mean '--" : "",
                                   near ? near : "", near ? "'?" : "");
        }
        if (rest.p) /* there was a '='; the value runs to the end of the word */
            value = rest.p;
        else if (o->arg && ++i < argc)
            value = argv[i];
        if (o->arg ? !value : value != NULL)
            return lab_usage_error(c, "--%s %s", o->name, o->arg ? "needs a value" : "takes no value");
        rc = store(c, o, value, opts);
        if (rc != -1)
            return rc;
    }
    return -1;
}
