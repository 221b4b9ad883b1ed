/* log.c - see log.h. */
#include "router/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LINE_MAX_BYTES 8192
#define VALUE_MAX 2048

static atomic_int least = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&least, (int)level);
}

enum log_level log_level_for(enum err_code code)
{
    switch (err_class_of(code)) {
    case ERR_CLASS_BUSY:
    case ERR_CLASS_ADMIN: return LOG_LEVEL_WARNING;
    case ERR_CLASS_BUG: return LOG_LEVEL_ERROR;
    case ERR_CLASS_NONE:
    case ERR_CLASS_PERSON:
    case ERR_CLASS_PEER: break;
    }
    return LOG_LEVEL_INFO;
}

/* Bare if it cannot be mistaken for anything else, else in double quotes. */
static void add_value(struct buf *line, const char *value)
{
    char text[VALUE_MAX];
    bool plain;

    str_escape(text, sizeof text, value, strlen(value));
    plain = text[0] && !text[strcspn(text, " \"=")];
    if (plain) {
        buf_add_str(line, text);
        return;
    }
    buf_add_char(line, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            buf_add_str(line, "\\x22");
        else
            buf_add_char(line, *p);
    }
    buf_add_char(line, '"');
}

static void begin(struct buf *line, enum log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char now[TIME_TEXT_SIZE];

    buf_init(line, LINE_MAX_BYTES);
    time_format(clock_now(), now);
    buf_printf(line, "%s %s %s", now, names[level], event);
}

static void add_pair(struct buf *line, const char *key, const char *value)
{
    if (!value)
        return;
    buf_printf(line, " %s=", key);
    add_value(line, value);
}

/* One write per line, so that lines of threads do not mix. */
static void end(struct buf *line)
{
    size_t done = 0;

    if (buf_failed(line)) { /* cut, but still one line */
        line->failed = false;
        line->len = line->len < LINE_MAX_BYTES - 8 ? line->len : LINE_MAX_BYTES - 8;
        buf_add_str(line, "...");
    }
    buf_add_char(line, '\n');
    while (done < line->len) {
        ssize_t n = write(STDERR_FILENO, line->data + done, line->len - done);

        if (n <= 0)
            break;
        done += (size_t)n;
    }
    buf_free(line);
}

void log_values(enum log_level level, const char *event, ...)
{
    struct buf line;
    va_list ap;
    const char *key;

    if ((int)level < atomic_load(&least))
        return;
    begin(&line, level, event);
    va_start(ap, event);
    while ((key = va_arg(ap, const char *)) != NULL)
        add_pair(&line, key, va_arg(ap, const char *));
    va_end(ap);
    end(&line);
}

void log_err(enum log_level level, const char *event, const struct err *e)
{
    struct buf line;

    if ((int)level < atomic_load(&least))
        return;
    begin(&line, level, event);
    add_pair(&line, "error", err_name(e->code));
    add_pair(&line, "message", e->msg);
    add_pair(&line, "at", e->at[0] ? e->at : NULL);
    add_pair(&line, "found", e->found[0] ? e->found : NULL);
    add_pair(&line, "expected", e->expected[0] ? e->expected : NULL);
    if (err_class_of(e->code) == ERR_CLASS_BUG && e->file)
        buf_printf(&line, " source=%s:%d", e->file, e->line);
    end(&line);
}
