/* html.c - see html.h. Nothing in Debian renders templates for C; the pages are few, so a format of one directive is
 * enough. */
#include "router/html.h"

#include <stdarg.h>

#include "base/encode.h"

void html_add_values(struct buf *out, const char *format, ...)
{
    va_list ap;
    const char *p = format, *hole;

    va_start(ap, format);
    while ((hole = strstr(p, "{}")) != NULL) {
        const char *value = va_arg(ap, const char *);

        buf_add(out, p, (size_t)(hole - p));
        if (!value) { /* the sentinel came early; what follows it must not be read */
            out->failed = true;
            break;
        }
        html_escape(out, slice_of(value));
        p = hole + 2;
    }
    if (!hole) {
        buf_add_str(out, p);
        if (va_arg(ap, const char *) != NULL)
            out->failed = true;
    }
    va_end(ap);
}
