/* options.c - see cli.h. Written by hand on purpose small: one table prints the help and parses, which getopt_long
 * cannot. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(const struct cli_command *c)
{
    printf("usage: usher %s%s%s%s\n\n%s\n", c->name, c->noptions ? " [options]" : "", c->arguments[0] ? " " : "",
           c->arguments, c->summary);
    if (c->noptions)
        printf("\noptions:\n");
    for (size_t i = 0; i < c->noptions; i++) {
        const struct cli_option *o = &c->options[i];
        char left[64];

        (void)snprintf(left, sizeof left, "%c%c%s--%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                       o->letter ? ", " : "  ", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %-30s %s%s\n", left, o->help, o->kind == CLI_LIST ? " (repeatable)" : "");
    }
    if (c->notes)
        printf("\n%s\n", c->notes);
    printf("\nexample:\n  %s\n", c->example);
}

int cli_usage_error(const struct cli_command *c, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "usher %s: usage: ", c->name);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry 'usher %s --help'.\n", c->name);
    return CLI_FAILED;
}

int cli_fail(const struct cli_command *c, const struct err *e)
{
    char prefix[80];

    (void)snprintf(prefix, sizeof prefix, "usher %s", c->name);
    err_print(stderr, prefix, e);
    return CLI_FAILED;
}

static const struct cli_option *find(const struct cli_command *c, struct slice name, char letter)
{
    for (size_t i = 0; i < c->noptions; i++) {
        const struct cli_option *o = &c->options[i];

        if (letter ? o->letter == letter : slice_is(name, o->name))
            return o;
    }
    return NULL;
}

static int unknown_option(const struct cli_command *c, const char *arg)
{
    const char *names[CLI_LIST_MAX + 1];
    const char *close;
    size_t n = 0;

    for (; n < c->noptions && n < CLI_LIST_MAX; n++)
        names[n] = c->options[n].name;
    names[n] = NULL;
    close = str_suggest(slice_of(arg + strspn(arg, "-")), names);
    if (close)
        return cli_usage_error(c, "unknown option '%s'; did you mean '--%s'?", arg, close);
    return cli_usage_error(c, "unknown option '%s'", arg);
}

static int store(const struct cli_command *c, const struct cli_option *o, const char *value, void *opts)
{
    char *field = (char *)opts + o->offset;

    switch (o->kind) {
    case CLI_FLAG: *(bool *)(void *)field = true; return -1;
    case CLI_STRING:
        if (*(const char **)(void *)field)
            return cli_usage_error(c, "--%s is given twice", o->name);
        *(const char **)(void *)field = value;
        return -1;
    case CLI_LIST: {
        struct cli_list *list = (struct cli_list *)(void *)field;

        if (list->n == CLI_LIST_MAX)
            return cli_usage_error(c, "--%s is given more than %d times", o->name, CLI_LIST_MAX);
        list->v[list->n++] = value;
        return -1;
    }
    }
    return CLI_FAILED;
}

int cli_parse(const struct cli_command *c, int argc, char **argv, void *opts, int *ret_operands)
{
    int operands = 0;
    bool only_operands = false;

    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i], *equals, *value = NULL;
        const struct cli_option *o;
        int rc;

        if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            argv[operands++] = argv[i];
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_operands = true;
            continue;
        }
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            print_help(c);
            return CLI_OK;
        }
        equals = arg[1] == '-' ? strchr(arg, '=') : NULL;
        if (arg[1] == '-')
            o = find(c, slice_make(arg + 2, equals ? (size_t)(equals - arg) - 2 : strlen(arg) - 2), 0);
        else
            o = arg[2] == '\0' ? find(c, slice_of(""), arg[1]) : NULL;
        if (!o)
            return unknown_option(c, arg);
        if (o->kind == CLI_FLAG && equals)
            return cli_usage_error(c, "--%s takes no value", o->name);
        if (o->kind != CLI_FLAG) {
            value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
            if (!value)
                return cli_usage_error(c, "--%s wants %s", o->name, o->arg);
        }
        rc = store(c, o, value, opts);
        if (rc >= 0)
            return rc;
    }
    *ret_operands = operands;
    return -1;
}

int cli_read_file(const char *path, struct buf *out, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int r = -1;

    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
            break;
        }
        if (n == 0) {
            r = 0;
            break;
        }
        buf_add(out, chunk, (size_t)n);
        if (buf_failed(out)) {
            (void)err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, out->max);
            break;
        }
    }
    if (!is_stdin)
        (void)close(fd);
    return r;
}

/* Octets of the UTF-8 sequence at s if it may be shown as it is, else 0. */
static size_t showable(struct slice s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    const unsigned char *p = (const unsigned char *)s.p;

    if (n > s.n || !str_is_utf8(slice_make(s.p, n)))
        return 0;
    if (n == 1)
        return c >= 0x20 && c != 0x7f ? 1 : 0;
    if (n == 2 && c == 0xc2 && p[1] < 0xa0) /* C1 controls */
        return 0;
    /* U+200B..U+200F, U+2028..U+202E, U+2060..U+206F, U+FEFF: invisible or reordering */
    if (n == 3 && c == 0xe2 &&
        ((p[1] == 0x80 && ((p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
         (p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf)))
        return 0;
    if (n == 3 && c == 0xef && p[1] == 0xbb && p[2] == 0xbf)
        return 0;
    return n;
}

void cli_text(struct buf *out, struct slice s)
{
    while (s.n > 0) {
        size_t n = showable(s);

        if (n == 0) {
            buf_printf(out, "\\x%02x", (unsigned char)s.p[0]);
            n = 1;
        } else {
            buf_add(out, s.p, n);
        }
        s = slice_make(s.p + n, s.n - n);
    }
}

bool cli_colour(void)
{
    const char *no = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (!no || !no[0]);
}
