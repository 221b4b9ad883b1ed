/* replay.c - see replay.h. */
#include "cli/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/encode.h"

#define FILE_MAX (64 * 1024 * 1024)
#define KEY_HEX 64

static int make_key(struct slice issuer, struct slice id, char hex[KEY_HEX + 1], struct err *e)
{
    unsigned char md[32];
    struct buf text;
    int r = 0;

    buf_init(&text, issuer.n + id.n + 1);
    buf_add_slice(&text, issuer);
    buf_add_char(&text, '\0');
    buf_add_slice(&text, id);
    if (buf_failed(&text) || !EVP_Digest(text.data, text.len, md, NULL, EVP_sha256(), NULL))
        r = err_set(e, ERR_MEMORY, "digest of the assertion ID");
    buf_free(&text);
    hex_encode(hex, md, sizeof md);
    return r;
}

static int read_all(int fd, const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    size_t done = 0;
    char *to;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "--replay %s: not a regular file", path);
    to = buf_room(out, (size_t)st.st_size);
    if (!to)
        return err_set(e, ERR_IO, "--replay %s: larger than %d bytes", path, FILE_MAX);
    while (done < (size_t)st.st_size) {
        ssize_t n = pread(fd, to + done, (size_t)st.st_size - done, (off_t)done);

        if (n <= 0)
            return err_set(e, ERR_IO, "--replay %s: %s", path, n < 0 ? strerror(errno) : "file shrank");
        done += (size_t)n;
    }
    out->len += done;
    return 0;
}

/* A line that is not ours means a wrong file or a damaged one: refusing is safer than forgetting. */
static int look_up(struct slice text, const char *path, const char *key, struct err *e)
{
    struct slice line;
    size_t number = 0;

    if (text.n > 0 && text.p[text.n - 1] != '\n')
        return err_set(e, ERR_IO, "--replay %s: its last line is cut off", path);
    while (slice_split(&text, '\n', &line)) {
        uint64_t until;

        number++;
        if (line.n == 0 && !text.p)
            break;
        if (line.n < KEY_HEX + 2 || line.p[KEY_HEX] != ' ' ||
            !str_to_u64(slice_make(line.p + KEY_HEX + 1, line.n - KEY_HEX - 1), INT64_MAX, &until))
            return err_set(e, ERR_IO, "--replay %s: line %zu is not of a replay memory", path, number);
        if (memcmp(line.p, key, KEY_HEX) == 0)
            return err_set(e, ERR_REPLAY, "this assertion was accepted before");
    }
    return 0;
}

int replay_remember(const char *path, struct slice issuer, struct slice id, int64_t valid_until, struct err *e)
{
    char key[KEY_HEX + 1], line[KEY_HEX + 32];
    struct buf text;
    int r = -1, n, fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(e, ERR_IO, "--replay %s: %s", path, strerror(errno));
    buf_init(&text, FILE_MAX);
    if (flock(fd, LOCK_EX) != 0) {
        (void)err_set(e, ERR_IO, "--replay %s: %s", path, strerror(errno));
        goto out;
    }
    if (make_key(issuer, id, key, e) != 0 || read_all(fd, path, &text, e) != 0 ||
        look_up(buf_slice(&text), path, key, e) != 0)
        goto out;
    n = snprintf(line, sizeof line, "%s %lld\n", key, (long long)(valid_until < 0 ? 0 : valid_until));
    if (write(fd, line, (size_t)n) != n || fsync(fd) != 0) {
        (void)err_set(e, ERR_IO, "--replay %s: %s", path, strerror(errno));
        goto out;
    }
    r = 0;
out:
    buf_free(&text);
    (void)close(fd);
    return r;
}
