/*
 * conf.h - YAML configuration through libfyaml, as a strict subset, with a place on every value and all problems
 * collected.
 *
 * Every scalar is text until a caller gives it a type: no Norway problem, no octal. Anchors, aliases, tags, merge keys,
 * duplicate keys and a second document are errors. `include: FILE` or `include: [FILE, ...]` at the top level merges
 * other files (relative to the including one, depth 8, each file once; a top-level mapping or sequence given in several
 * files is joined, the including file's entries first, then those of its includes in order; a scalar given twice is an
 * error). Syntax errors stop at the first; everything after parsing is reported together. Only conf.c knows libfyaml.
 * Configuration is trusted input; never feed network data to it.
 */
#ifndef USHER_BASE_CONF_H
#define USHER_BASE_CONF_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/email.h"
#include "base/err.h"
#include "base/url.h"

/* All problems found in one reading, in order of discovery. */
enum conf_level { CONF_ERROR, CONF_WARNING };
struct conf_problems;
struct conf_problems *conf_problems_new(void); /* NULL if memory is out */
void conf_problems_free(struct conf_problems *p);
size_t conf_errors(const struct conf_problems *p);
size_t conf_warnings(const struct conf_problems *p);
/* "usher.yaml:12:5: error: unknown key 'idp'; did you mean 'idps'?" one a line, sorted by file and place. */
void conf_problems_print(const struct conf_problems *p, struct buf *out);
/* 0, or ERR_CONFIG with the number of errors and the place of the first if there is one. */
int conf_check(const struct conf_problems *p, struct err *e);

enum conf_kind { CONF_SCALAR, CONF_MAP, CONF_SEQ };
struct conf_node; /* belongs to its conf_doc */
struct conf_doc;

/* NULL with problems recorded (and none lost) if the file cannot be read or is not in the subset. */
struct conf_doc *conf_load(const char *path, struct conf_problems *p);
/* The same for text in memory; `name` stands for the file. For tests and fuzzing; includes are refused. */
struct conf_doc *conf_parse(const char *name, struct slice text, struct conf_problems *p);
void conf_free(struct conf_doc *d);
const struct conf_node *conf_root(const struct conf_doc *d); /* always a CONF_MAP; may be empty */

enum conf_kind conf_kind(const struct conf_node *n);
/* "usher.yaml:12:5"; lives as long as the document. */
const char *conf_where(const struct conf_node *n);
/* Scalar text ("" for another kind; also for an empty value). NUL-free. */
const char *conf_text(const struct conf_node *n);
/* Nothing was written behind the key ("store:"); a quoted empty text is not that. */
bool conf_is_blank(const struct conf_node *n);
/* The absolute directory of the file in which `n` stands: what relative paths start from. */
const char *conf_dir(const struct conf_node *n);
size_t conf_count(const struct conf_node *n);                           /* entries of a map or sequence */
const struct conf_node *conf_item(const struct conf_node *n, size_t i); /* value i of a map or sequence */
const struct conf_node *conf_key(const struct conf_node *n, size_t i);  /* key i of a map, a scalar with a place */
const struct conf_node *conf_get(const struct conf_node *map, const char *key); /* NULL if absent */

/* `where` NULL: a problem without a place. The text is stored as printable ASCII. */
void conf_problem(struct conf_problems *p, enum conf_level level, const struct conf_node *where, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Records e's message, with found, expected and the error's name, at `where`, and clears e. */
void conf_problem_err(struct conf_problems *p, const struct conf_node *where, struct err *e);

/*
 * Option tables: one row per option feeds the parser, `usher config` and docs/config.md. A table describes one mapping.
 */
enum conf_type {
    CONF_T_STRING,     /* const char *; may be empty if quoted */
    CONF_T_PATH,       /* const char *; relative to the file it stands in, made absolute */
    CONF_T_URL,        /* const char *; http or https, kept as written */
    CONF_T_LISTEN,     /* struct listen_addr */
    CONF_T_BOOL,       /* bool: yes/no, true/false, on/off */
    CONF_T_ENUM,       /* int: index into `values` */
    CONF_T_NUMBER,     /* int64_t within min..max */
    CONF_T_DURATION,   /* int64_t seconds within min..max */
    CONF_T_TIME,       /* int64_t seconds since 1970 */
    CONF_T_EMAIL,      /* struct email */
    CONF_T_DOMAIN,     /* const char *, A-label */
    CONF_T_STRINGS,    /* struct conf_strings; a single scalar counts as one entry */
    CONF_T_PATHS,      /* struct conf_strings of absolute paths, as CONF_T_PATH */
    CONF_T_DOMAINS,    /* struct conf_strings of A-labels */
    CONF_T_NETBLOCKS,  /* struct conf_netblocks */
    CONF_T_NODE,       /* const struct conf_node *: read by the caller (maps of maps, rules) */
    CONF_T_UNSUPPORTED /* part of the design, not built yet: giving it is an error "not-supported" */
};
struct conf_strings {
    const char *const *v;
    size_t n;
};
struct conf_netblocks {
    const struct netblock *v;
    size_t n;
};
#define CONF_REQUIRED 1U
struct conf_option {
    const char *name;
    enum conf_type type;
    size_t offset; /* of the field in the struct that the table fills */
    unsigned flags;
    const char *def;           /* default as it would be written ("[a, b]" for a list); NULL: zeroed field */
    const char *const *values; /* CONF_T_ENUM: NULL-terminated */
    int64_t min, max;          /* CONF_T_NUMBER, CONF_T_DURATION; both 0: anything from 0 up */
    const char *help;          /* one sentence for docs and `usher config` */
};
struct conf_table {
    const char *section; /* "", "idps.NAME", "apps[]": for docs */
    const char *help;
    const struct conf_option *options;
    size_t n;
};

/*
 * Fills `out` (zeroed by the caller) from `map`, or with defaults where an option is absent. Unknown keys (with a
 * suggestion), wrong kinds, bad values and missing required options are recorded. Pointers are copied into `a`, so that
 * they outlive the document, but for CONF_T_NODE. Returns false if anything was recorded as error.
 */
bool conf_read_map(const struct conf_node *map, const struct conf_table *t, void *out, struct arena *a,
                   struct conf_problems *p);
/* One value by type: for callers that walk nodes themselves. `opt->offset` is ignored, `out` points at the field. */
bool conf_read_value(const struct conf_node *n, const struct conf_option *opt, void *out, struct arena *a,
                     struct conf_problems *p);
/* Prints the struct back as YAML lines "name: value", two spaces per indent level. What is not set and has no default
 * is left out; CONF_T_NODE is left to the caller. conf_read_map() reads it back to the same values. */
void conf_print_map(const struct conf_table *t, const void *in, unsigned indent, struct buf *out);
/* `text` as a YAML scalar: plain where that is safe, else quoted. For callers that print their own CONF_T_NODE. */
void conf_print_scalar(const char *text, struct buf *out);
/* One Markdown table of the options, for docs/config.md. */
void conf_print_docs(const struct conf_table *t, struct buf *out);

#endif
