/* audit_source.c - see audit_source.h. */
#include "cli/audit_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/audit_json.h"

#define PIECE (64 * 1024)

/* One file while it is read. */
struct reading {
    struct audit_source *s;
    const char *file;
    uint64_t found;
    struct audit_json json;
    struct audit_text text;
    bool is_json, started;
};

/* --- one file ---------------------------------------------------------------------------------------------------- */

static int found_in_json(void *arg, const struct audit_found *f, const char *path, int64_t entry)
{
    struct reading *r = arg;
    struct audit_place place = {r->file, f->line, f->offset, path, entry};

    r->found++;
    return r->s->found(r->s->arg, f, &place);
}

static int found_in_text(void *arg, const struct audit_found *f)
{
    return found_in_json(arg, f, "", -1);
}

/* The first octet that is no white space tells; a log whose lines begin with '[' fails as JSON at once. */
static bool looks_like_json(struct slice s)
{
    if (slice_starts(s, SLICE("\xef\xbb\xbf")))
        s = slice_make(s.p + 3, s.n - 3);
    s = slice_trim(s);
    return s.n > 0 && (s.p[0] == '{' || s.p[0] == '[');
}

static bool has_name_of_json(const char *file)
{
    return slice_ends(slice_of(file), SLICE(".har")) || slice_ends(slice_of(file), SLICE(".json"));
}

/* From here on it is read as text. Half a string that was under way is looked at for itself. */
static int leave_json(struct reading *r)
{
    char text[80];
    bool whole;

    r->is_json = false;
    if (has_name_of_json(r->file)) {
        (void)snprintf(text, sizeof text, "not JSON from line %llu on: read as text", (unsigned long long)r->json.line);
        r->s->notice(r->s->arg, r->file, text, false);
    }
    audit_text_begin(&r->text, r->json.line, r->json.offset);
    r->text.cut = r->json.offset > 0; /* the rest of a file is no whole message */
    return audit_json_end(&r->json, &whole);
}

static int feed(struct reading *r, const char *p, size_t n)
{
    int rc;

    if (!r->started) {
        size_t bom = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

        r->started = true;
        r->is_json = looks_like_json(slice_make(p, n));
        if (r->is_json) {
            r->json.offset = bom;
            p += bom;
            n -= bom;
        }
    }
    if (r->is_json) {
        size_t used = 0;

        rc = audit_json_feed(&r->json, p, n, &used);
        if (rc != 0 || used == n)
            return rc;
        p += used;
        n -= used;
        rc = leave_json(r);
        if (rc != 0)
            return rc;
    }
    return audit_text_feed(&r->text, p, n);
}

static int finish(struct reading *r)
{
    bool whole = true;
    int rc;

    if (!r->is_json)
        return audit_text_end(&r->text);
    rc = audit_json_end(&r->json, &whole);
    if (!whole)
        r->s->notice(r->s->arg, r->file, "the JSON is cut off at its end", false);
    return rc;
}

/* A signal comes while it waits or not at all: it cannot slip in between looking for one and reading. */
static ssize_t read_piece(const struct reading *r, int fd, char *piece)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (r->s->waiting && ppoll(&p, 1, NULL, r->s->waiting) < 0)
        return -1;
    return r->s->stop(r->s->arg) ? 0 : read(fd, piece, PIECE);
}

static int read_all(struct reading *r, int fd)
{
    char piece[PIECE];

    for (;;) {
        ssize_t n = read_piece(r, fd, piece);
        int rc;

        if (n < 0 && errno == EINTR && r->s->stop(r->s->arg))
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r->s->notice(r->s->arg, r->file, strerror(errno), true);
            n = 0;
        }
        if (n == 0)
            return r->s->stop(r->s->arg) ? 0 : finish(r);
        r->s->bytes += (uint64_t)n;
        rc = feed(r, piece, (size_t)n);
        if (rc != 0)
            return rc;
    }
}

/* Takes the descriptor. */
static int search_file(struct audit_source *s, const char *file, int fd, struct err *e)
{
    struct reading *r = calloc(1, sizeof *r);
    int rc;

    if (!r) {
        (void)close(fd);
        return err_set(e, ERR_MEMORY, "%s: no memory", file);
    }
    r->s = s;
    r->file = file;
    audit_json_init(&r->json, found_in_json, r);
    audit_text_init(&r->text, found_in_text, r);
    rc = read_all(r, fd);
    s->files++;
    s->files_without += r->found == 0;
    audit_json_free(&r->json);
    audit_text_free(&r->text);
    free(r);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    return rc < 0 ? err_set(e, ERR_MEMORY, "%s: no memory", file) : rc;
}

/* --- folders ----------------------------------------------------------------------------------------------------- */

struct names {
    char **v;
    size_t n, room;
};

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
}

static bool names_add(struct names *names, const char *name)
{
    if (names->n == names->room) {
        size_t room = names->room ? 2 * names->room : 64;
        char **v = reallocarray(names->v, room, sizeof *v);

        if (!v)
            return false;
        names->v = v;
        names->room = room;
    }
    names->v[names->n] = strdup(name);
    return names->v[names->n] && ++names->n;
}

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

static int list(DIR *dir, struct names *ret, struct err *e)
{
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !names_add(ret, entry->d_name))
            return err_set(e, ERR_MEMORY, "no memory for the names in a folder");
    }
    if (ret->n > 1)
        qsort(ret->v, ret->n, sizeof *ret->v, by_name);
    return 0;
}

static int search_folder(struct audit_source *s, const char *path, int fd, unsigned depth, struct err *e);

static int search_entry(struct audit_source *s, const char *folder, int folder_fd, const char *name, unsigned depth,
                        struct err *e)
{
    char *path = NULL;
    struct stat st;
    int fd = -1, r = -1;

    if (asprintf(&path, "%s%s%s", folder, slice_ends(slice_of(folder), SLICE("/")) ? "" : "/", name) < 0)
        return err_set(e, ERR_MEMORY, "no memory for a path");
    r = 0;
    if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        s->skipped++;
        goto out;
    }
    /* it may have been replaced since: a link is refused, a pipe does not block, and what was opened is looked at again
     */
    fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        s->notice(s->arg, path, strerror(errno), true);
    } else if (S_ISDIR(st.st_mode)) {
        r = search_folder(s, path, fd, depth + 1, e);
        fd = -1;
    } else if (S_ISREG(st.st_mode)) {
        r = search_file(s, path, fd, e);
        fd = -1;
    } else {
        s->skipped++;
    }
out:
    if (fd >= 0)
        (void)close(fd);
    free(path);
    return r;
}

/* Takes the descriptor. */
static int search_folder(struct audit_source *s, const char *path, int fd, unsigned depth, struct err *e)
{
    struct names names = {NULL, 0, 0};
    DIR *dir = NULL;
    int r = 0;

    if (depth > AUDIT_FOLDER_DEPTH) {
        s->notice(s->arg, path, "folders this deep are not searched", true);
        (void)close(fd);
        return 0;
    }
    dir = fdopendir(fd);
    if (!dir) {
        s->notice(s->arg, path, strerror(errno), true);
        (void)close(fd);
        return 0;
    }
    r = list(dir, &names, e);
    for (size_t i = 0; i < names.n && r == 0 && !s->stop(s->arg); i++)
        r = search_entry(s, path, dirfd(dir), names.v[i], depth, e);
    names_free(&names);
    (void)closedir(dir);
    return r;
}

int audit_source_run(struct audit_source *s, const char *path, struct err *e)
{
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || fstat(fd, &st) != 0) {
        s->notice(s->arg, path, strerror(errno), true);
        if (fd > STDIN_FILENO)
            (void)close(fd);
        return 0;
    }
    return S_ISDIR(st.st_mode) && fd != STDIN_FILENO ? search_folder(s, path, fd, 0, e) : search_file(s, path, fd, e);
}
