/* trace.c - see trace.h; the recording half is in compiled.h. */
#include <stdarg.h>

#include "policy/compiled.h"

#define CONDITIONS_MAX 4 /* no step has more */
#define LIST_SHOWN 8
#define SAYS_MAX 512

struct policy_step *policy_trace_step(struct policy_tracer *t, enum policy_step_kind kind, const char *name,
                                      const char *where)
{
    struct policy_step *step = t && !t->full ? arena_alloc(t->a, sizeof *step) : NULL;

    if (!t)
        return NULL;
    if (!step) {
        t->full = true;
        return NULL;
    }
    step->kind = kind;
    step->name = arena_strdup(t->a, name);
    step->where = arena_strdup(t->a, where ? where : "");
    step->says = "";
    if (!step->name || !step->where) {
        t->full = true;
        return NULL;
    }
    if (t->last)
        t->last->next = step;
    else
        t->first = step;
    t->last = step;
    return step;
}

void policy_trace_says(struct policy_tracer *t, struct policy_step *step, const char *fmt, ...)
{
    char text[SAYS_MAX];
    const char *copy;
    va_list ap;

    if (!step)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    copy = arena_strdup(t->a, text);
    if (copy)
        step->says = copy;
    else
        t->full = true;
}

void policy_trace_condition(struct policy_tracer *t, struct policy_step *step, struct policy_condition c)
{
    if (!step)
        return;
    if (!step->conditions)
        step->conditions = arena_array(t->a, CONDITIONS_MAX, sizeof *step->conditions);
    if (!step->conditions || !c.wanted || step->nconditions == CONDITIONS_MAX) {
        t->full = true;
        return;
    }
    step->conditions[step->nconditions++] = c;
}

const char *policy_trace_strings(struct policy_tracer *t, const struct conf_strings *v)
{
    const char *text = "";

    if (!t)
        return text;
    for (size_t i = 0; text && i < v->n && i < LIST_SHOWN; i++)
        text = arena_printf(t->a, "%s%s%s", text, i ? ", " : "", v->v[i]);
    if (text && v->n > LIST_SHOWN)
        text = arena_printf(t->a, "%s and %zu more", text, v->n - LIST_SHOWN);
    return text;
}

const char *policy_trace_networks(struct policy_tracer *t, const struct conf_netblocks *v)
{
    const char *text = "";

    if (!t)
        return text;
    for (size_t i = 0; text && i < v->n && i < LIST_SHOWN; i++) {
        char address[48];

        netaddr_format(&v->v[i].base, address);
        text = arena_printf(t->a, "%s%s%s/%u", text, i ? ", " : "", address, v->v[i].bits);
    }
    if (text && v->n > LIST_SHOWN)
        text = arena_printf(t->a, "%s and %zu more", text, v->n - LIST_SHOWN);
    return text;
}

/* --- printing ---------------------------------------------------------------------------------------------------- */

static const char *answer_text(enum policy_answer a)
{
    return a == ANSWER_YES ? "yes" : a == ANSWER_UNKNOWN ? "unknown" : "no";
}

static void print_subject(const struct policy_step *s, struct buf *out)
{
    static const char *const kinds[] = {[STEP_RULE] = "rule",
                                        [STEP_GRANT] = "grant",
                                        [STEP_DOMAIN] = "domain",
                                        [STEP_DEFAULT] = "default",
                                        [STEP_INVARIANT] = "always"};

    buf_printf(out, "%s %-8s", s->decided ? "*" : " ", kinds[s->kind]);
    if (s->name[0])
        buf_printf(out, s->kind == STEP_RULE ? " '%s'" : " %s", s->name);
    if (s->where[0])
        buf_printf(out, " (%s)", s->where);
}

static const char *verdict_text(const struct policy_step *s)
{
    if (s->kind != STEP_RULE && s->kind != STEP_GRANT)
        return "";
    return s->answer == ANSWER_YES       ? "matches: "
           : s->answer == ANSWER_UNKNOWN ? "may match: at most "
                                         : "does not match";
}

void policy_trace_print(const struct policy_decision *d, struct buf *out)
{
    for (const struct policy_step *s = d->trace; s; s = s->next) {
        print_subject(s, out);
        buf_printf(out, ": %s%s\n", verdict_text(s),
                   s->answer != ANSWER_NO || (s->kind != STEP_RULE && s->kind != STEP_GRANT) ? s->says : "");
        for (size_t i = 0; i < s->nconditions; i++) {
            const struct policy_condition *c = &s->conditions[i];

            buf_printf(out, "      %s %s: %s%s%s\n", c->name, c->wanted, answer_text(c->answer), c->why[0] ? ", " : "",
                       c->why);
        }
    }
    buf_printf(out, "=> %s%s%s", policy_door_name(d->door), d->idp ? " " : "", d->idp ? d->idp : "");
    if (d->because)
        buf_printf(out, ", because of %s", d->because);
    if (d->otherwise)
        buf_printf(out, "; otherwise %s", d->otherwise);
    buf_add_char(out, '\n');
}
