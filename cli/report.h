/*
 * report.h - prints a verdict: text for people, or JSON whose keys are a contract (docs/verify-json.md).
 */
#ifndef USHER_CLI_REPORT_H
#define USHER_CLI_REPORT_H

#include "saml/judge.h"

struct report {
    int64_t now;
    bool now_is_issued;  /* judged at the signed IssueInstant; said so in the output */
    bool signature_only; /* then the output never says "accepted" */
    unsigned allow;
};

/* To standard output. False if it could not be written: then the caller must not exit with 0. */
bool report_accepted(const struct report *r, bool json, const struct saml_verdict *v);
/* Code, found and expected to standard error; with JSON a {"verdict", "error"} object to standard output, without
 * values. */
void report_refused(bool json, const struct err *e);

#endif
