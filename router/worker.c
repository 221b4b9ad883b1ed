/*
 * worker.c - see worker.h: the queue before one usher-worker, and what happens when it does not behave.
 *
 * A request is in one of two lists: `waiting`, or `flight` once its frame is in `out`. Answers come in the order of
 * `flight`. A process that is to be replaced is killed first; the rest happens when its end of the socket pair reads as
 * closed (on_end), in whatever way it got there.
 */
#include "router/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "router/log.h"
#include "router/worker_impl.h"
#include "router/worker_process.h"

#define CHUNK ((size_t)256 * 1024)
/* What one process is given before it answers. More would not be faster, and all of it has to wait when it dies. */
#define FLIGHT_MAX 32
#define FLIGHT_OCTETS ((size_t)256 * 1024)
/* A start that fails for want of processes or memory may do better in a moment; commands must not wait for ever. */
#define START_TRIES 3
/* Bounds what deaths cost (a start is some 20 ms of CPU) and how long others wait for whoever sends the deadly ones. */
#define DELAY_MAX_MS 250
#define START_MS 1000   /* what a new process may take before it begins with its first document */
#define CALM_SECONDS 10 /* without a death, and the next one is the first again */

struct list {
    struct worker_request *head, **tail;
    size_t n, octets;
};

struct worker {
    struct event_base *base;
    bool owns_base, closing;
    struct worker_options o;
    char *path;
    struct worker_process process;
    struct event *readable, *writable; /* of the process; NULL: there is none */
    struct event *deadline, *restart, *pump;
    struct list waiting, flight;
    struct buf in, out;
    uint64_t last_id;
    uint64_t serial;       /* of the table that the process has; 0: none */
    bool fresh;            /* the process was started for one document and ends after it */
    bool used;             /* the process has answered something */
    const char *condemned; /* the process was killed, for this reason; what it still says does not count */
    unsigned deaths, start_failures, idle_deaths; /* in a row; the last without having been given anything */
    int64_t last_death;
    /* for worker_stats(), from any thread */
    atomic_uint_fast64_t judged, restarts, deadlines;
    atomic_size_t in_flight;
    atomic_int pid;
};

static void pump(struct worker *w);

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void list_init(struct list *l)
{
    *l = (struct list){.tail = &l->head};
}

static void list_add(struct list *l, struct worker_request *r)
{
    r->next = NULL;
    *l->tail = r;
    l->tail = &r->next;
    l->n++;
    l->octets += r->judge.xml.n;
}

static struct worker_request *list_take(struct list *l)
{
    struct worker_request *r = l->head;

    l->head = r->next;
    if (!l->head)
        l->tail = &l->head;
    l->n--;
    l->octets -= r->judge.xml.n;
    return r;
}

/* All of `back` behind all of `front`; the result is in `back`. */
static void list_put_before(struct list *front, struct list *back)
{
    if (!front->head)
        return;
    *front->tail = back->head;
    if (!back->head)
        back->tail = front->tail;
    back->head = front->head;
    back->n += front->n;
    back->octets += front->octets;
    list_init(front);
}

static void refuse(struct worker *w, struct worker_request *r, const struct err *why)
{
    w->in_flight--;
    r->done(r, (struct slice){NULL, 0}, why);
}

static void refuse_all(struct worker *w, struct list *l, const struct err *why)
{
    struct list all;

    list_init(&all);
    list_put_before(l, &all);
    while (all.head)
        refuse(w, list_take(&all), why);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static int64_t seconds(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec;
}

static void set_timer(struct event *timer, unsigned ms)
{
    const struct timeval after = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

    (void)event_add(timer, &after);
}

/* The first replacement comes at once, then 1, 2, 4... ms later. */
static void start_later(struct worker *w)
{
    unsigned delay = 0;

    if (w->deaths > 1)
        delay = w->deaths > 10 ? DELAY_MAX_MS : 1U << (w->deaths - 2);
    set_timer(w->restart, delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS);
}

static void count_death(struct worker *w)
{
    int64_t now = seconds();

    if (now - w->last_death > CALM_SECONDS)
        w->deaths = 0;
    w->last_death = now;
    w->deaths++;
}

static void condemn(struct worker *w, const char *why)
{
    if (!w->condemned)
        w->condemned = why;
    (void)event_del(w->deadline);
    (void)event_del(w->writable);
    worker_process_kill(&w->process);
}

/* The process is gone: what it had is tried again, or was what it died of. */
static void on_end(struct worker *w)
{
    struct err why = ERR_INIT;
    char how[96];
    bool expected = w->fresh && w->condemned && w->flight.n == 0;

    event_free(w->readable);
    event_free(w->writable);
    w->readable = w->writable = NULL;
    (void)event_del(w->deadline);
    worker_process_reap(&w->process, how, sizeof how);
    w->pid = 0;
    buf_free(&w->in);
    buf_free(&w->out);
    w->restarts++;
    w->serial = 0;
    w->fresh = false;
    w->idle_deaths = w->used || w->flight.n ? 0 : w->idle_deaths + 1;
    if (!expected)
        count_death(w);
    (void)err_set(&why, ERR_WORKER, "the verification worker failed: %s", w->condemned ? w->condemned : how);
    w->condemned = NULL;
    if (w->o.log && !expected)
        log_line(LOG_LEVEL_WARNING, "worker.ended", "message", why.msg);
    if (w->flight.n == 1 && !w->used) {
        refuse(w, list_take(&w->flight), &why);
    } else { /* whichever of these it was, or one that was answered before it did its harm */
        for (struct worker_request *r = w->flight.head; r; r = r->next)
            r->tried = true;
        list_put_before(&w->flight, &w->waiting);
    }
    start_later(w);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* A reply that this request can have. *ret_refused: it is a refusal, in `why`. False: nonsense. */
static bool is_answer(struct worker_request *r, const struct wire_frame *f, bool *ret_refused, struct err *why)
{
    struct saml_inspection inspection;
    struct saml_signed s;
    struct err e = ERR_INIT;

    *ret_refused = f->type == WIRE_REFUSED;
    if (f->id != r->id || f->payload.n > wire_reply_max(r->judge.xml.n))
        return false;
    if (f->type == WIRE_REFUSED)
        return wire_get_refused(f->payload, &r->refused_by, why, &e) == 0;
    if (r->inspect)
        return f->type == WIRE_INSPECTED && wire_get_inspected(f->payload, NULL, &inspection, &e) == 0;
    if (f->type != WIRE_SIGNED || wire_get_signed(f->payload, &s, &e) != 0)
        return false;
    if (r->judge.trust == WIRE_NO_TRUST)
        return s.trust == 0;
    return s.trust < trusts_count(r->trusts) && (r->judge.trust < 0 || s.trust == (size_t)r->judge.trust);
}

static void take_answer(struct worker *w, const struct wire_frame *f, bool refused, const struct err *why)
{
    struct worker_request *r = list_take(&w->flight);

    w->judged++;
    w->used = true;
    (void)event_del(w->deadline);
    if (w->flight.head)
        set_timer(w->deadline, w->o.deadline_ms);
    if (w->fresh)
        condemn(w, "it was started for one document");
    if (refused) {
        refuse(w, r, why);
    } else {
        w->in_flight--;
        r->done(r, f->payload, NULL);
    }
}

static void take_answers(struct worker *w)
{
    struct slice rest = buf_slice(&w->in);
    struct wire_frame f;
    size_t used = 0;
    int r = 0;

    for (;;) {
        struct err why = ERR_INIT, e = ERR_INIT;
        struct worker_request *head = w->flight.head;
        bool refused = false;

        if (w->condemned)
            return;
        if (rest.n && !head) {
            condemn(w, "it spoke without being asked");
            return;
        }
        r = wire_next(rest, &f, &used, &e);
        if (r < 0 || (r == 0 && head && rest.n > WIRE_HEADER_SIZE + wire_reply_max(head->judge.xml.n)) ||
            (r == 1 && !is_answer(head, &f, &refused, &why))) {
            condemn(w, "it gave an answer that is none");
            return;
        }
        if (r == 0)
            break;
        take_answer(w, &f, refused, &why);
        rest = slice_make(rest.p + used, rest.n - used);
    }
    if (rest.n == 0 && w->in.cap > 4 * CHUNK) {
        buf_free(&w->in);
    } else if (w->in.data) {
        memmove(w->in.data, rest.p, rest.n);
        w->in.len = rest.n;
    }
    pump(w);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    char *room;
    ssize_t n;

    (void)what;
    if (w->condemned)
        buf_reset(&w->in);
    room = buf_room(&w->in, CHUNK);
    if (!room) {
        condemn(w, "there was no memory for its answer");
        buf_free(&w->in);
        return;
    }
    n = read(fd, room, CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_end(w);
        return;
    }
    w->in.len += (size_t)n;
    if (!w->condemned)
        take_answers(w);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    ssize_t n = 0;

    (void)what;
    if (w->condemned)
        return;
    if (w->out.len > 0)
        n = send(fd, w->out.data, w->out.len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) { /* its end will be read */
        (void)event_del(w->writable);
        return;
    }
    if (n > 0)
        w->out.len -= (size_t)n;
    if (w->out.len > 0) {
        if (n > 0)
            memmove(w->out.data, w->out.data + n, w->out.len);
        (void)event_add(w->writable, NULL);
        return;
    }
    (void)event_del(w->writable);
    if (w->out.cap > 4 * CHUNK)
        buf_free(&w->out);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;

    (void)fd;
    (void)what;
    w->deadlines++;
    condemn(w, "it took too long for a document");
}

static int start(struct worker *w, struct err *e)
{
    if (worker_process_start(&w->o, &w->process, e) != 0)
        return -1;
    w->pid = w->process.pid;
    w->readable = event_new(w->base, w->process.fd, EV_READ | EV_PERSIST, on_readable, w);
    w->writable = event_new(w->base, w->process.fd, EV_WRITE | EV_PERSIST, on_writable, w);
    if (w->readable && w->writable && event_add(w->readable, NULL) == 0)
        return 0;
    if (w->readable)
        event_free(w->readable);
    if (w->writable)
        event_free(w->writable);
    w->readable = w->writable = NULL;
    worker_process_kill(&w->process);
    worker_process_reap(&w->process, (char[8]){0}, 8);
    w->pid = 0;
    return err_set(e, ERR_MEMORY, "no memory for the worker");
}

/* True if there is a process. Otherwise it is tried again in a moment, or nobody waits any more. */
static bool have_process(struct worker *w)
{
    struct err e = ERR_INIT;

    if (w->readable)
        return true;
    if (start(w, &e) == 0) {
        w->start_failures = 0;
        w->used = false;
        return true;
    }
    if (w->o.log)
        log_err(LOG_LEVEL_ERROR, "worker.start", &e);
    count_death(w);
    if (++w->start_failures < START_TRIES) {
        start_later(w);
    } else {
        w->start_failures = 0;
        refuse_all(w, &w->waiting, &e);
    }
    return false;
}

/* May the next that waits go out now? Who was in a process that died goes alone. */
static bool has_turn(const struct worker *w)
{
    const struct worker_request *next = w->waiting.head, *first = w->flight.head;

    if (!next)
        return false;
    if (!first)
        return true;
    return !first->tried && !next->tried && w->flight.n < FLIGHT_MAX &&
           w->flight.octets + next->judge.xml.n <= FLIGHT_OCTETS;
}

/* False: it can never be sent. */
static bool put_request(struct worker *w, const struct worker_request *r)
{
    size_t before = w->out.len;
    bool table = r->trusts && trusts_serial(r->trusts) != w->serial;

    if (table)
        wire_put_trusts(&w->out, trusts_all(r->trusts), trusts_count(r->trusts));
    if (r->inspect)
        wire_put_inspect(&w->out, r->id, r->judge.xml);
    else
        wire_put_judge(&w->out, r->id, &r->judge);
    if (buf_failed(&w->out)) {
        w->out.len = before;
        w->out.failed = false;
        return false;
    }
    if (table)
        w->serial = trusts_serial(r->trusts);
    return true;
}

static void pump(struct worker *w)
{
    struct err e = ERR_INIT;

    if (w->closing || w->condemned || evtimer_pending(w->restart, NULL))
        return;
    if (w->o.standby && w->idle_deaths < START_TRIES && !have_process(w))
        return;
    while (has_turn(w)) {
        struct worker_request *r;

        if (!have_process(w))
            return;
        if (w->waiting.head->fresh && w->used) {
            condemn(w, "a new one is wanted");
            return;
        }
        r = list_take(&w->waiting);
        if (!put_request(w, r)) {
            (void)err_set(&e, ERR_LIMIT, "no room to hand %zu octets to the verification worker", r->judge.xml.n);
            refuse(w, r, &e);
            continue;
        }
        w->fresh = r->fresh;
        list_add(&w->flight, r);
        if (w->flight.n == 1)
            set_timer(w->deadline, w->o.deadline_ms + (w->used ? 0 : START_MS));
    }
    if (w->out.len > 0 && !evtimer_pending(w->writable, NULL))
        on_writable(w->process.fd, 0, w);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

int worker_submit(struct worker *w, struct worker_request *r, struct err *e)
{
    size_t n = w->waiting.n + w->flight.n, octets = w->waiting.octets + w->flight.octets;
    struct list first;

    r->refused_by = SAML_TRUSTS_MAX;
    if (w->closing)
        return err_set(e, ERR_WORKER, "usher is stopping");
    if (n >= w->o.queue_max || (n > 0 && octets + r->judge.xml.n > w->o.bytes_max))
        return err_set(e, ERR_BUSY, "%zu documents wait to be verified", n);
    if (!r->inspect && r->judge.trust != WIRE_NO_TRUST &&
        (!r->trusts || (r->judge.trust >= 0 && (size_t)r->judge.trust >= trusts_count(r->trusts))))
        return err_set(e, ERR_INTERNAL, "a document to be judged by keys that are not there");
    r->id = ++w->last_id;
    r->tried = r->fresh;
    if (r->fresh) {
        list_init(&first);
        list_add(&first, r);
        list_put_before(&first, &w->waiting);
        if (w->readable)
            condemn(w, "its answer did not hold");
    } else {
        list_add(&w->waiting, r);
    }
    w->in_flight++;
    /* at the end of this turn of the loop: what else comes in it goes out in the same write */
    event_active(w->pump, EV_TIMEOUT, 0);
    return 0;
}

/* --- new and free ------------------------------------------------------------------------------------------------- */

void worker_options_init(struct worker_options *o)
{
    *o = (struct worker_options){.deadline_ms = 2000,
                                 .queue_max = 256,
                                 .bytes_max = (size_t)64 << 20,
                                 .memory_max = (size_t)512 << 20,
                                 .cpu = -1};
}

int worker_new(struct event_base *base, const struct worker_options *o, struct worker **ret, struct err *e)
{
    struct worker *w = calloc(1, sizeof *w);
    char path[4096];

    if (!w)
        return err_set(e, ERR_MEMORY, "worker");
    w->base = base;
    w->o = *o;
    w->process.fd = -1;
    w->last_death = -CALM_SECONDS;
    list_init(&w->waiting);
    list_init(&w->flight);
    buf_init(&w->in, WIRE_HEADER_SIZE + WIRE_PAYLOAD_MAX + CHUNK);
    buf_init(&w->out, 2 * (WIRE_HEADER_SIZE + (size_t)WIRE_PAYLOAD_MAX));
    if (!o->path && worker_path(path, sizeof path, e) != 0) {
        worker_free(w);
        return -1;
    }
    w->path = strdup(o->path ? o->path : path);
    w->o.path = w->path;
    w->deadline = evtimer_new(base, on_deadline, w);
    w->restart = evtimer_new(base, on_pump, w);
    w->pump = event_new(base, -1, 0, on_pump, w);
    if (!w->path || !w->deadline || !w->restart || !w->pump) {
        worker_free(w);
        return err_set(e, ERR_MEMORY, "worker");
    }
    *ret = w;
    return 0;
}

static void forget_event(struct event *ev)
{
    if (ev)
        event_free(ev);
}

void worker_free(struct worker *w)
{
    struct err why = ERR_INIT;

    if (!w)
        return;
    w->closing = true;
    forget_event(w->readable);
    forget_event(w->writable);
    forget_event(w->deadline);
    forget_event(w->restart);
    forget_event(w->pump);
    worker_process_kill(&w->process);
    worker_process_reap(&w->process, (char[8]){0}, 8);
    (void)err_set(&why, ERR_WORKER, "usher is stopping");
    worker_give_up(w, &why);
    buf_free(&w->in);
    buf_free(&w->out);
    if (w->owns_base)
        event_base_free(w->base);
    free(w->path);
    free(w);
}

void worker_stats(const struct worker *w, struct worker_stats *ret)
{
    *ret = (struct worker_stats){.judged = w->judged,
                                 .restarts = w->restarts,
                                 .deadlines = w->deadlines,
                                 .in_flight = w->in_flight,
                                 .pid = w->pid};
}

/* --- worker_impl.h ------------------------------------------------------------------------------------------------ */

struct event_base *worker_base(struct worker *w)
{
    return w->base;
}

void worker_own_base(struct worker *w)
{
    w->owns_base = true;
}

const char *worker_program(const struct worker *w)
{
    return w->path;
}

void worker_give_up(struct worker *w, const struct err *why)
{
    refuse_all(w, &w->flight, why);
    refuse_all(w, &w->waiting, why);
}
