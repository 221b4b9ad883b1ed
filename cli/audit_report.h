/*
 * audit_report.h - prints what an audit finds, one document after the other: a table for people, JSON Lines or SARIF
 * 2.1.0 for programs. The fields are a contract: docs/audit.md. Nothing of an identity is among them.
 */
#ifndef USHER_CLI_AUDIT_REPORT_H
#define USHER_CLI_AUDIT_REPORT_H

#include "cli/audit_judge.h"

enum audit_format { AUDIT_TABLE = 0, AUDIT_JSON_LINES, AUDIT_SARIF };

struct audit_report {
    enum audit_format format;
    bool any_trust;
    /* private */
    struct table *table;
    unsigned rows;
    bool any_result;
};

/* False if memory is out. */
bool audit_report_begin(struct audit_report *p);
void audit_report_document(struct audit_report *p, const struct audit_document *d, const struct audit_result *r);
/* `complete`: all that was named was searched. */
void audit_report_end(struct audit_report *p, bool complete);

/* For audit_report.c: audit_sarif.c. */
void audit_sarif_begin(void);
void audit_sarif_document(struct audit_report *p, const struct audit_document *d, const struct audit_result *r);
void audit_sarif_end(bool complete);
/* "file:line (path)", escaped for a terminal. */
void audit_place(struct buf *out, const struct audit_document *d);
/* Text of any octets as JSON: what is no UTF-8 is escaped. */
struct json_t;
struct json_t *audit_json_text(struct slice s);

#endif
