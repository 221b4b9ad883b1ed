/*
 * audit_text.h - finds SAML messages in text of any kind: logs, form bodies, HTML, dumps of HTTP, or one message alone.
 *
 * A stream is pushed in pieces of any size; memory is one window, whatever the stream's length and however long its
 * lines are. What is recognised is documented in docs/audit.md. Nothing is judged here, and what only resembles a
 * message (a picture in base64) is passed over in silence; a message that names itself and cannot be decoded is
 * reported with the reason.
 */
#ifndef USHER_CLI_AUDIT_TEXT_H
#define USHER_CLI_AUDIT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* How the message stood there. */
enum audit_form {
    AUDIT_XML = 0,
    AUDIT_BASE64,
    AUDIT_FORM,     /* SAMLResponse= or SAMLRequest= with base64 of XML: HTTP-POST binding */
    AUDIT_REDIRECT, /* the same with deflate: HTTP-Redirect binding */
    AUDIT_HTML      /* <input name="SAMLResponse" value="...">: on its way to be posted */
};
const char *audit_form_name(enum audit_form f); /* "xml", "base64", "form", "redirect", "html" */

struct audit_found {
    enum audit_form form;
    uint64_t line, offset; /* of its first octet in the stream; lines count from 1 */
    struct slice xml;      /* valid during the call */
    struct slice query;    /* redirect: the whole query string, raw; else n == 0 */
    const struct err *why; /* NULL, or why it cannot be decoded; xml is empty then */
};

struct audit_text {
    /* Called for each message; not 0 ends the search, which then returns it. */
    int (*found)(void *arg, const struct audit_found *f);
    void *arg;
    bool fixed; /* the stream stands in one place of another: all that is found is at its beginning */
    /* private */
    struct buf window, xml, scratch;
    size_t scanned;   /* octets at the window's front that were looked at: context */
    uint64_t offset;  /* of the window's first octet */
    uint64_t line;    /* at `counted` */
    size_t counted;   /* octets of the window whose line ends are counted */
    uint64_t wasted;  /* octets looked at for messages that were none */
    bool cut, nested; /* the front of the stream has left the window; the stream came out of base64 */
};

void audit_text_init(struct audit_text *t, int (*found)(void *arg, const struct audit_found *f), void *arg);
void audit_text_free(struct audit_text *t);
/* Starts a stream that begins at this place. */
void audit_text_begin(struct audit_text *t, uint64_t line, uint64_t offset);
/* 0, what found() returned, or -1 if memory is out. */
int audit_text_feed(struct audit_text *t, const char *p, size_t n);
int audit_text_end(struct audit_text *t);

#endif
