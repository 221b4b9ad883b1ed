/*
 * log.h - one line per event on standard error, as key=value pairs, for journald or a file.
 *
 * Values are escaped and cut, so that nobody can forge a line. No password, token, cookie or assertion is ever logged.
 * Only router/ and cli/ log; the folders below return errors.
 */
#ifndef USHER_ROUTER_LOG_H
#define USHER_ROUTER_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Lines below this level are dropped; INFO at first. */
void log_set_level(enum log_level level);

/* log_line(LOG_LEVEL_INFO, "ready", "listen", text, "loops", n, NULL): pairs of const char *; a pair with a NULL value
 * is left out. */
#define log_line(level, ...) log_values((level), __VA_ARGS__, (const char *)NULL)
void log_values(enum log_level level, const char *event, ...) __attribute__((sentinel));
/* As above with error name, message, found, expected, and for bugs the source line. */
void log_err(enum log_level level, const char *event, const struct err *e);
/* The level for an error's class: persons and peers INFO, busy and administrators WARNING, bugs ERROR. */
enum log_level log_level_for(enum err_code code);

#endif
