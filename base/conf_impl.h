/* conf_impl.h - what the conf*.c files share, and nobody else includes. */
#ifndef USHER_BASE_CONF_IMPL_H
#define USHER_BASE_CONF_IMPL_H

#include <sys/types.h>

#include "base/conf.h"

struct conf_place {
    const char *file; /* "" if there is none */
    int line, col;    /* from 1; line 0: the file as a whole */
};

/* conf_problem.c: copies everything. */
void conf_problem_add(struct conf_problems *p, enum conf_level level, struct conf_place place, const char *text);

struct conf_file {
    const char *name; /* as given or included, for messages */
    const char *dir;  /* absolute */
    dev_t dev;
    ino_t ino;
    bool open; /* it is being read: including it again is a cycle */
    bool in_memory;
    struct conf_file *next;
};

struct conf_node {
    enum conf_kind kind;
    bool blank;
    int line, col;
    const struct conf_file *file;
    const char *where;
    const char *text; /* CONF_SCALAR */
    size_t n, cap;    /* entries of a map or sequence */
    struct conf_node **items, **keys;
    struct conf_node **sorted; /* keys by text, then by place of entry; only once the map is complete */
    size_t index;              /* of a key: its entry in the map */
};

struct conf_doc {
    struct arena arena;
    struct conf_node *root;
    struct conf_file *files;
};

/* conf_doc.c: false if memory is out. `key` is NULL for a sequence. */
bool conf_push(struct arena *a, struct conf_node *to, struct conf_node *key, struct conf_node *item);
/* conf_doc.c: a problem of a place in a file, or (line 0) of the file as a whole. */
void conf_file_problem(struct conf_problems *p, const struct conf_file *f, int line, int col, const char *text);

/*
 * conf.c: reads one file's text into nodes of the document. *ret is the top-level mapping, or NULL if the text holds
 * nothing. Duplicate keys are not looked for yet. False with a problem recorded.
 */
bool conf_read_text(struct conf_doc *d, struct conf_file *file, struct slice text, struct conf_node **ret,
                    struct conf_problems *p);

#endif
