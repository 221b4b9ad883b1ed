/*
 * cli_audit.c - fuzzes the search of `usher audit`: text and JSON, fed whole and in pieces, which must find the same.
 *
 * What is found must lie in the input: its offset and its line are counted again here.
 */
#include <stdint.h>
#include <stdlib.h>

#include "cli/audit_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
    struct slice in;
    uint64_t n, octets, places;
    bool json;
};

static void must(int ok)
{
    if (!ok)
        abort();
}

static int found_json(void *arg, const struct audit_found *f, const char *path, int64_t entry)
{
    struct tally *t = arg;
    uint64_t line = 1;

    must(f->offset < t->in.n || t->in.n == 0);
    for (size_t i = 0; i < f->offset; i++)
        line += t->in.p[i] == '\n';
    must(line == f->line);
    must(f->why ? f->xml.n == 0 : f->xml.n > 0);
    must(entry < 0 || path[0]);
    t->n++;
    t->places += f->offset * 31 + f->form;
    for (size_t i = 0; i < f->xml.n; i++)
        t->octets += (unsigned char)f->xml.p[i];
    for (size_t i = 0; i < f->query.n; i++)
        t->octets += (unsigned char)f->query.p[i];
    return 0;
}

static int found_text(void *arg, const struct audit_found *f)
{
    return found_json(arg, f, "", -1);
}

static void text(struct slice in, size_t piece, struct tally *t)
{
    struct audit_text search;

    *t = (struct tally){.in = in};
    audit_text_init(&search, found_text, t);
    for (size_t at = 0; at < in.n; at += piece)
        must(audit_text_feed(&search, in.p + at, in.n - at < piece ? in.n - at : piece) == 0);
    must(audit_text_end(&search) == 0);
    audit_text_free(&search);
}

static size_t json(struct slice in, size_t piece, struct tally *t)
{
    static struct audit_json search;
    size_t at = 0, used = 0;
    bool whole;

    *t = (struct tally){.in = in, .json = true};
    audit_json_init(&search, found_json, t);
    while (at < in.n) {
        size_t n = in.n - at < piece ? in.n - at : piece;

        must(audit_json_feed(&search, in.p + at, n, &used) == 0 && used <= n);
        at += used;
        if (used < n)
            break;
    }
    must(audit_json_end(&search, &whole) == 0);
    audit_json_free(&search);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    struct tally a, b;
    size_t used;

    text(in, size + 1, &a);
    text(in, 3, &b);
    must(a.n == b.n && a.octets == b.octets && a.places == b.places);
    used = json(in, size + 1, &a);
    must(json(in, 3, &b) == used);
    must(a.n == b.n && a.octets == b.octets && a.places == b.places);
    return 0;
}
