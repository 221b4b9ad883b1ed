/*
 * audit_source.h - where `usher audit` looks: files, standard input, folders with all that is in them.
 *
 * A folder is read in the order of its names, so that two runs over the same files report in the same order. Below a
 * folder only regular files are opened, never through a link: nothing is read twice, no device or pipe is waited for.
 * What is named itself is opened whatever it is, also a pipe. Files are read in pieces and never mapped: a log that is
 * being rotated may shrink meanwhile.
 */
#ifndef USHER_CLI_AUDIT_SOURCE_H
#define USHER_CLI_AUDIT_SOURCE_H

#include <signal.h>

#include "cli/audit_text.h"

#define AUDIT_FOLDER_DEPTH 100

struct audit_place {
    const char *file; /* as it was named; "-" is standard input. Valid during the call */
    uint64_t line, offset;
    const char *path; /* in JSON: "log.entries[3].request.postData.text"; "" elsewhere */
    int64_t entry;    /* in a HAR; -1 elsewhere */
};

struct audit_source {
    /* For each message. Not 0 ends the search. */
    int (*found)(void *arg, const struct audit_found *f, const struct audit_place *place);
    /* Something could not be read, or not as what it seems to be. `missed`: messages may have been passed over. */
    void (*notice)(void *arg, const char *file, const char *text, bool missed);
    /* Asked between pieces: true ends the search. */
    bool (*stop)(void *arg);
    void *arg;
    const sigset_t *waiting; /* the signal mask while it waits for more input; NULL: as it is */
    /* counted here */
    uint64_t files, files_without, bytes, skipped; /* skipped: links, devices, pipes in folders */
};

/* Searches one operand of the command line. 0; what found() returned; -1 with ERR_MEMORY. What cannot be read is a
 * notice. */
int audit_source_run(struct audit_source *s, const char *path, struct err *e);

#endif
