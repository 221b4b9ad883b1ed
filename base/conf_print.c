/* conf_print.c - option tables of conf.h: the effective configuration, and the reference in docs/config.md. */
#include <stdio.h>

#include "base/clock.h"
#include "base/conf.h"

/* Plain only where the text cannot be taken for YAML syntax. (What type another reader would see does not matter.) */
static bool plain_is_safe(const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || text[n - 1] == ':' || (!ascii_is_alnum(text[0]) && text[0] != '/'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!ascii_is_alnum(text[i]) && !strchr("._/@+=-:", text[i]))
            return false;
    }
    return true;
}

/* Code points that a YAML reader may take for a line break, or that cannot be seen. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

void conf_print_scalar(const char *text, struct buf *out)
{
    struct slice rest = slice_of(text);

    if (plain_is_safe(text)) {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '"');
    while (rest.n) {
        struct slice from = rest;
        uint32_t c = str_next_code_point(&rest);

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (needs_escape(c))
            buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
        else
            buf_add(out, from.p, from.n - rest.n);
    }
    buf_add_char(out, '"');
}

static void print_duration(int64_t sec, struct buf *out)
{
    static const struct {
        int64_t sec;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (units[i].sec > 1 && (sec == 0 || sec % units[i].sec != 0))
        i++;
    buf_printf(out, "%lld%c", (long long)(sec / units[i].sec), units[i].unit);
}

static void print_listen(const struct listen_addr *l, struct buf *out)
{
    char ip[48], text[160];

    netaddr_format(&l->ip, ip);
    if (l->is_unix)
        (void)snprintf(text, sizeof text, "unix:%s", l->path);
    else
        (void)snprintf(text, sizeof text, l->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, l->port);
    conf_print_scalar(text, out);
}

static void print_strings(const struct conf_strings *list, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        buf_add_str(out, i ? ", " : "");
        conf_print_scalar(list->v[i], out);
    }
    buf_add_char(out, ']');
}

static void print_netblocks(const struct conf_netblocks *list, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        char ip[48], text[64];

        netaddr_format(&list->v[i].base, ip);
        (void)snprintf(text, sizeof text, "%s/%u", ip, list->v[i].bits);
        buf_add_str(out, i ? ", " : "");
        conf_print_scalar(text, out);
    }
    buf_add_char(out, ']');
}

/* Absent and without a default: there is no way to write it. */
static bool is_unset(const struct conf_option *opt, const void *field)
{
    switch (opt->type) {
    case CONF_T_STRING:
    case CONF_T_PATH:
    case CONF_T_URL:
    case CONF_T_DOMAIN: return *(const char *const *)field == NULL;
    case CONF_T_LISTEN: {
        const struct listen_addr *l = field;

        return !l->is_unix && l->ip.family == 0;
    }
    case CONF_T_NUMBER:
    case CONF_T_DURATION: return *(const int64_t *)field == 0 && (opt->min > 0 || opt->max < 0);
    case CONF_T_TIME: return *(const int64_t *)field == 0;
    case CONF_T_EMAIL: return ((const struct email *)field)->text[0] == '\0';
    case CONF_T_STRINGS:
    case CONF_T_PATHS:
    case CONF_T_DOMAINS: return ((const struct conf_strings *)field)->n == 0 && !opt->def;
    case CONF_T_NETBLOCKS: return ((const struct conf_netblocks *)field)->n == 0 && !opt->def;
    case CONF_T_BOOL:
    case CONF_T_ENUM: return false;
    case CONF_T_NODE:
    case CONF_T_UNSUPPORTED: break;
    }
    return true;
}

static void print_value(const struct conf_option *opt, const void *field, struct buf *out)
{
    char time[TIME_TEXT_SIZE];

    switch (opt->type) {
    case CONF_T_STRING:
    case CONF_T_PATH:
    case CONF_T_URL:
    case CONF_T_DOMAIN: conf_print_scalar(*(const char *const *)field, out); break;
    case CONF_T_LISTEN: print_listen(field, out); break;
    case CONF_T_BOOL: buf_add_str(out, *(const bool *)field ? "yes" : "no"); break;
    case CONF_T_ENUM: conf_print_scalar(opt->values[*(const int *)field], out); break;
    case CONF_T_NUMBER: buf_printf(out, "%lld", (long long)*(const int64_t *)field); break;
    case CONF_T_DURATION: print_duration(*(const int64_t *)field, out); break;
    case CONF_T_TIME:
        time_format(*(const int64_t *)field, time);
        buf_add_str(out, time);
        break;
    case CONF_T_EMAIL: conf_print_scalar(((const struct email *)field)->text, out); break;
    case CONF_T_STRINGS:
    case CONF_T_PATHS:
    case CONF_T_DOMAINS: print_strings(field, out); break;
    case CONF_T_NETBLOCKS: print_netblocks(field, out); break;
    case CONF_T_NODE:
    case CONF_T_UNSUPPORTED: break;
    }
}

void conf_print_map(const struct conf_table *t, const void *in, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_option *opt = &t->options[i];
        const void *field = (const char *)in + opt->offset;

        if (is_unset(opt, field))
            continue;
        buf_printf(out, "%*s%s: ", (int)indent * 2, "", opt->name);
        print_value(opt, field, out);
        buf_add_char(out, '\n');
    }
}

static const char *type_text(enum conf_type type)
{
    switch (type) {
    case CONF_T_STRING: return "text";
    case CONF_T_PATH: return "path";
    case CONF_T_URL: return "URL";
    case CONF_T_LISTEN: return "address:port or unix:path";
    case CONF_T_BOOL: return "yes or no";
    case CONF_T_ENUM: return "";
    case CONF_T_NUMBER: return "number";
    case CONF_T_DURATION: return "duration";
    case CONF_T_TIME: return "time";
    case CONF_T_EMAIL: return "e-mail address";
    case CONF_T_DOMAIN: return "domain";
    case CONF_T_STRINGS: return "list of text";
    case CONF_T_PATHS: return "list of paths";
    case CONF_T_DOMAINS: return "list of domains";
    case CONF_T_NETBLOCKS: return "list of networks";
    case CONF_T_NODE: return "section";
    case CONF_T_UNSUPPORTED: return "not built yet";
    }
    return "";
}

/* A bar would end the table cell. */
static void print_cell(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, *text == '\n' ? ' ' : *text);
    }
}

static void print_type_cell(const struct conf_option *opt, struct buf *out)
{
    buf_add_str(out, type_text(opt->type));
    for (size_t k = 0; opt->type == CONF_T_ENUM && opt->values[k]; k++)
        buf_printf(out, "%s`%s`", k ? ", " : "", opt->values[k]);
    if (opt->type != CONF_T_NUMBER && opt->type != CONF_T_DURATION)
        return;
    if (opt->min == 0 && opt->max == 0)
        return;
    buf_add_str(out, ", ");
    for (int k = 0; k < 2; k++) {
        if (opt->type == CONF_T_NUMBER)
            buf_printf(out, "%lld", (long long)(k ? opt->max : opt->min));
        else
            print_duration(k ? opt->max : opt->min, out);
        buf_add_str(out, k ? "" : " to ");
    }
}

void conf_print_docs(const struct conf_table *t, struct buf *out)
{
    if (t->section[0])
        buf_printf(out, "### `%s`\n\n", t->section);
    if (t->help && t->help[0])
        buf_printf(out, "%s\n\n", t->help);
    buf_add_str(out, "| option | value | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_option *opt = &t->options[i];

        buf_printf(out, "| `%s` | ", opt->name);
        print_type_cell(opt, out);
        buf_add_str(out, " | ");
        if (opt->flags & CONF_REQUIRED)
            buf_add_str(out, "required");
        else if (opt->def)
            buf_printf(out, "`%s`", opt->def);
        buf_add_str(out, " | ");
        print_cell(opt->help, out);
        buf_add_str(out, " |\n");
    }
    buf_add_char(out, '\n');
}
