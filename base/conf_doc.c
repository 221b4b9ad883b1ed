/* conf_doc.c - documents of conf.h: files, includes, joining, duplicate keys, looking things up. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf_impl.h"

#define FILE_MAX_BYTES (64U << 20)
#define DOC_MAX_BYTES ((size_t)2 << 30)
#define INCLUDE_DEPTH_MAX 8

static bool read_file_into(struct conf_doc *d, const char *path, const struct conf_node *from, unsigned depth,
                           struct conf_problems *p);

/* --- problems with a place ----------------------------------------------------------------------------------- */

static struct conf_place place_of(const struct conf_node *n)
{
    if (!n)
        return (struct conf_place){.file = ""};
    return (struct conf_place){n->file->name, n->line, n->col};
}

void conf_problem(struct conf_problems *p, enum conf_level level, const struct conf_node *where, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    conf_problem_add(p, level, place_of(where), text);
}

void conf_problem_err(struct conf_problems *p, const struct conf_node *where, struct err *e)
{
    conf_problem(p, CONF_ERROR, where, "%s%s%s%s%s%s [%s]", e->msg, e->found[0] ? "; found '" : "", e->found,
                 e->found[0] ? "'" : "", e->expected[0] ? "; expected " : "", e->expected, err_name(e->code));
    err_clear(e);
}

void conf_file_problem(struct conf_problems *p, const struct conf_file *f, int line, int col, const char *text)
{
    conf_problem_add(p, CONF_ERROR, (struct conf_place){f->name, line, col}, text);
}

/* --- building ------------------------------------------------------------------------------------------------ */

static struct conf_node **grow_array(struct arena *a, struct conf_node **v, size_t n, size_t cap)
{
    struct conf_node **bigger = arena_array(a, cap, sizeof(*bigger));

    if (bigger && n)
        memcpy(bigger, v, n * sizeof(*v));
    return bigger;
}

bool conf_push(struct arena *a, struct conf_node *to, struct conf_node *key, struct conf_node *item)
{
    if (to->n == to->cap) {
        size_t cap = to->cap ? to->cap * 2 : 4;
        struct conf_node **items = grow_array(a, to->items, to->n, cap);
        struct conf_node **keys = to->kind == CONF_MAP ? grow_array(a, to->keys, to->n, cap) : NULL;

        if (!items || (to->kind == CONF_MAP && !keys))
            return false;
        to->items = items;
        to->keys = keys;
        to->cap = cap;
    }
    to->items[to->n] = item;
    if (to->kind == CONF_MAP)
        to->keys[to->n] = key;
    to->n++;
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct conf_node *const *x = a, *const *y = b;
    int r = strcmp((*x)->text, (*y)->text);

    return r ? r : ((*x)->index > (*y)->index) - ((*x)->index < (*y)->index);
}

/* Sorts the keys of every map for conf_get() and reports those that come twice. */
static bool finish(struct conf_doc *d, struct conf_node *n, struct conf_problems *p)
{
    if (n->kind == CONF_MAP && n->n) {
        n->sorted = grow_array(&d->arena, n->keys, n->n, n->n);
        if (!n->sorted)
            return false;
        for (size_t i = 0; i < n->n; i++)
            n->keys[i]->index = i;
        qsort(n->sorted, n->n, sizeof(*n->sorted), by_text);
        for (size_t i = 1; i < n->n; i++) {
            if (strcmp(n->sorted[i]->text, n->sorted[i - 1]->text) == 0)
                conf_problem(p, CONF_ERROR, n->sorted[i], "key '%s' is given twice, before at %s", n->sorted[i]->text,
                             n->sorted[i - 1]->where);
        }
    }
    for (size_t i = 0; i < n->n; i++) {
        if (!finish(d, n->items[i], p))
            return false;
    }
    return true;
}

/* --- files and includes -------------------------------------------------------------------------------------- */

static struct conf_file *file_new(struct conf_doc *d, const char *name)
{
    struct conf_file *f = arena_alloc(&d->arena, sizeof *f);

    if (!f)
        return NULL;
    f->name = arena_strdup(&d->arena, name);
    f->dir = "/";
    f->next = d->files;
    d->files = f;
    return f->name ? f : NULL;
}

/* The directory of `path`, made absolute but with its symbolic links kept. */
static const char *absolute_dir(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    char cwd[PATH_MAX];

    if (path[0] == '/')
        return n ? arena_strndup(a, path, n) : "/";
    if (!getcwd(cwd, sizeof cwd))
        return NULL;
    return n ? arena_printf(a, "%s/%.*s", strcmp(cwd, "/") == 0 ? "" : cwd, (int)n, path) : arena_strdup(a, cwd);
}

/* Reads a regular file or a pipe (process substitution). */
static bool read_octets(struct conf_file *f, const char *path, struct buf *out, struct conf_problems *p)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    char chunk[16384];
    ssize_t n = -1;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        f->dev = st.st_dev;
        f->ino = st.st_ino;
        if (S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH))
            conf_problem_add(p, CONF_WARNING, (struct conf_place){.file = f->name},
                             "everybody on this machine may change this file; chmod o-w it");
        while ((n = read(fd, chunk, sizeof chunk)) > 0)
            buf_add(out, chunk, (size_t)n);
    }
    if (n != 0)
        conf_file_problem(p, f, 0, 0, strerror(errno));
    else if (buf_failed(out))
        conf_file_problem(p, f, 0, 0, "larger than 64 MiB, or out of memory");
    if (fd >= 0)
        (void)close(fd);
    return n == 0 && !buf_failed(out);
}

static bool included_before(const struct conf_doc *d, const struct conf_file *f, const struct conf_node *from,
                            struct conf_problems *p)
{
    for (const struct conf_file *other = d->files; other; other = other->next) {
        if (other == f || other->dev != f->dev || other->ino != f->ino)
            continue;
        conf_problem(p, CONF_ERROR, from, other->open ? "'%s' includes itself" : "'%s' is included twice", f->name);
        return true;
    }
    return false;
}

static bool include_one(struct conf_doc *d, const struct conf_node *n, unsigned depth, struct conf_problems *p)
{
    char path[PATH_MAX];

    if (n->kind != CONF_SCALAR || n->text[0] == '\0') {
        conf_problem(p, CONF_ERROR, n, "include is a file name or a list of them");
        return false;
    }
    if (n->file->in_memory) {
        conf_problem(p, CONF_ERROR, n, "include works in files only");
        return false;
    }
    if (depth >= INCLUDE_DEPTH_MAX) {
        conf_problem(p, CONF_ERROR, n, "includes are nested deeper than %d", INCLUDE_DEPTH_MAX);
        return false;
    }
    if (snprintf(path, sizeof path, "%s%s%s", n->text[0] == '/' ? "" : n->file->dir, n->text[0] == '/' ? "" : "/",
                 n->text) >= (int)sizeof path) {
        conf_problem(p, CONF_ERROR, n, "the path is too long");
        return false;
    }
    return read_file_into(d, path, n, depth + 1, p);
}

/* Every include of one file, also behind one that failed: all problems are reported. */
static bool include_all(struct conf_doc *d, const struct conf_node *n, unsigned depth, struct conf_problems *p)
{
    bool ok = true;

    if (n->kind != CONF_SEQ)
        return include_one(d, n, depth, p);
    for (size_t i = 0; i < n->n; i++)
        ok &= include_one(d, n->items[i], depth, p);
    return ok;
}

/* Puts one top-level entry of a file into the document; `before` is how many came from other files. */
static bool join_entry(struct conf_doc *d, size_t before, struct conf_node *key, struct conf_node *item,
                       struct conf_problems *p)
{
    struct conf_node *root = d->root, *old;
    size_t at = 0;

    while (at < before && strcmp(root->keys[at]->text, key->text) != 0)
        at++;
    if (at == before)
        return conf_push(&d->arena, root, key, item);
    old = root->items[at];
    if (old->kind != item->kind || item->kind == CONF_SCALAR) {
        conf_problem(p, CONF_ERROR, key, "'%s' is given in another file already, at %s, and cannot be joined with it",
                     key->text, root->keys[at]->where);
        return true;
    }
    for (size_t i = 0; i < item->n; i++) {
        if (!conf_push(&d->arena, old, item->kind == CONF_MAP ? item->keys[i] : NULL, item->items[i]))
            return false;
    }
    return true;
}

/* Joins the top level of one file, then what it includes. */
static bool join(struct conf_doc *d, struct conf_node *top, unsigned depth, struct conf_problems *p)
{
    size_t before = d->root->n;
    bool ok = true;

    for (size_t i = 0; i < top->n; i++) {
        if (strcmp(top->keys[i]->text, "include") != 0 && !join_entry(d, before, top->keys[i], top->items[i], p)) {
            conf_file_problem(p, top->file, 0, 0, "out of memory");
            return false;
        }
    }
    for (size_t i = 0; i < top->n; i++) {
        if (strcmp(top->keys[i]->text, "include") == 0)
            ok &= include_all(d, top->items[i], depth, p);
    }
    return ok;
}

/* Reads `path` and what it includes into the root of the document. `from` is the include, NULL for the first file. */
static bool read_file_into(struct conf_doc *d, const char *path, const struct conf_node *from, unsigned depth,
                           struct conf_problems *p)
{
    struct conf_file *f = file_new(d, path);
    struct conf_node *top = NULL;
    struct buf octets;
    bool ok = false;

    buf_init(&octets, FILE_MAX_BYTES);
    if (!f || !(f->dir = absolute_dir(&d->arena, path))) {
        conf_problem(p, CONF_ERROR, from, "%s: its directory is unknown, or out of memory", path);
        goto out;
    }
    f->open = true;
    if (!read_octets(f, path, &octets, p) || (from && included_before(d, f, from, p)))
        goto out;
    if (!conf_read_text(d, f, buf_slice(&octets), &top, p))
        goto out;
    if (!from)
        d->root->file = f;
    ok = !top || join(d, top, depth, p);
out:
    if (f)
        f->open = false;
    buf_free(&octets);
    return ok;
}

static struct conf_doc *doc_new(const char *name, struct conf_problems *p)
{
    struct conf_doc *d = calloc(1, sizeof *d);

    if (d) {
        arena_init(&d->arena, DOC_MAX_BYTES);
        d->root = arena_alloc(&d->arena, sizeof *d->root);
    }
    if (!d || !d->root || !(d->root->where = arena_printf(&d->arena, "%s:1:1", name))) {
        conf_problem(p, CONF_ERROR, NULL, "%s: out of memory", name);
        conf_free(d);
        return NULL;
    }
    d->root->kind = CONF_MAP;
    d->root->text = "";
    d->root->line = d->root->col = 1;
    return d;
}

/* The last step of both ways in: `ok` is whether reading went well so far. */
static struct conf_doc *doc_done(struct conf_doc *d, bool ok, size_t errors_before, struct conf_problems *p)
{
    if (ok && !finish(d, d->root, p))
        conf_problem(p, CONF_ERROR, NULL, "out of memory");
    if (ok && conf_errors(p) == errors_before)
        return d;
    conf_free(d);
    return NULL;
}

struct conf_doc *conf_load(const char *path, struct conf_problems *p)
{
    size_t errors_before = conf_errors(p);
    struct conf_doc *d = doc_new(path, p);

    return d ? doc_done(d, read_file_into(d, path, NULL, 1, p), errors_before, p) : NULL;
}

struct conf_doc *conf_parse(const char *name, struct slice text, struct conf_problems *p)
{
    size_t errors_before = conf_errors(p);
    struct conf_doc *d = doc_new(name, p);
    struct conf_file *f = d ? file_new(d, name) : NULL;
    struct conf_node *top = NULL;
    bool ok = false;

    if (!d)
        return NULL;
    if (f)
        f->in_memory = true;
    if (f && (f->dir = absolute_dir(&d->arena, name)) != NULL)
        ok = conf_read_text(d, f, text, &top, p);
    else
        conf_problem(p, CONF_ERROR, NULL, "%s: its directory is unknown, or out of memory", name);
    d->root->file = f;
    if (ok && top)
        ok = join(d, top, 1, p);
    return doc_done(d, ok, errors_before, p);
}

void conf_free(struct conf_doc *d)
{
    if (!d)
        return;
    arena_free(&d->arena);
    free(d);
}

/* --- looking at nodes ---------------------------------------------------------------------------------------- */

const struct conf_node *conf_root(const struct conf_doc *d)
{
    return d->root;
}

enum conf_kind conf_kind(const struct conf_node *n)
{
    return n->kind;
}

const char *conf_where(const struct conf_node *n)
{
    return n->where;
}

const char *conf_text(const struct conf_node *n)
{
    return n->text;
}

bool conf_is_blank(const struct conf_node *n)
{
    return n->blank;
}

const char *conf_dir(const struct conf_node *n)
{
    return n->file->dir;
}

size_t conf_count(const struct conf_node *n)
{
    return n->n;
}

const struct conf_node *conf_item(const struct conf_node *n, size_t i)
{
    return i < n->n ? n->items[i] : NULL;
}

const struct conf_node *conf_key(const struct conf_node *n, size_t i)
{
    return i < n->n && n->kind == CONF_MAP ? n->keys[i] : NULL;
}

const struct conf_node *conf_get(const struct conf_node *map, const char *key)
{
    size_t low = 0, high = map->sorted ? map->n : 0;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int r = strcmp(map->sorted[mid]->text, key);

        if (r == 0)
            return map->items[map->sorted[mid]->index];
        if (r < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
