/* cmd_idp.c - `usher-lab idp`: runs the test identity provider until SIGTERM or SIGINT. */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <event2/event.h>

#include "lab/idp.h"

#define ARENA_MAX (4 * 1024 * 1024)
#define BACKLOG 128
#define DRAIN_MS 2000

struct options {
    const char *listen, *public_url, *entity_id, *key, *cert, *people, *port_file, *slo, *slo_answer;
    struct lab_list acs_allowed;
    bool acs_any, auto_sign_in, slo_unsigned;
};

/* clang-format off */
static const struct lab_option options[] = {
    {"listen", LAB_STRING, offsetof(struct options, listen), "HOST:PORT", "address for plain HTTP; port 0: any free one"},
    {"public-url", LAB_STRING, offsetof(struct options, public_url), "URL", "where browsers see it; http://HOST:PORT unless given"},
    {"entity-id", LAB_STRING, offsetof(struct options, entity_id), "ID", "PUBLIC-URL/metadata unless given"},
    {"key", LAB_STRING, offsetof(struct options, key), "FILE", "private key that signs (PEM, mode 600)"},
    {"cert", LAB_STRING, offsetof(struct options, cert), "FILE", "its certificate (PEM)"},
    {"people", LAB_STRING, offsetof(struct options, people), "FILE", "who can sign in (YAML, see below)"},
    {"acs-allowed", LAB_LIST, offsetof(struct options, acs_allowed), "URL", "assertion consumer service to post to"},
    {"acs-any", LAB_FLAG, offsetof(struct options, acs_any), NULL, "post to whatever URL a request names"},
    {"auto", LAB_FLAG, offsetof(struct options, auto_sign_in), NULL, "a login_hint that names somebody signs them in at once"},
    {"slo", LAB_STRING, offsetof(struct options, slo), "URL", "single logout: where its messages go at the service provider"},
    {"slo-answer", LAB_STRING, offsetof(struct options, slo_answer), "ANSWER", "to LogoutRequests: success (unless given), partial, refused"},
    {"slo-unsigned", LAB_FLAG, offsetof(struct options, slo_unsigned), NULL, "these answers are not signed"},
    {"port-file", LAB_STRING, offsetof(struct options, port_file), "FILE", "write the port here once it listens"},
};
/* clang-format on */

static void notes(FILE *out)
{
    fputs("people file:\n"
          "  people:\n"
          "    - name: ada@usher.test            # user principal name, becomes NameID\n"
          "      email: ada@usher.test           # left out: no e-mail claim\n"
          "      object_id: 6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a01\n"
          "      display_name: Ada Lovelace\n"
          "      groups: [staff]\n"
          "    - { name: mallory@usher.test, object_id: m1, trick: expired }   # tricks: usher-lab mint --help\n",
          out);
}

/* All that lives as long as the provider runs. */
struct server {
    struct event_base *base;
    struct http_server *http;
    struct http_acceptor *acceptor;
    struct event *on_term, *on_int;
    uint16_t port;
};

static void stopped(void *arg)
{
    struct server *s = arg;

    (void)event_base_loopexit(s->base, NULL);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    struct server *s = arg;

    (void)sig;
    (void)what;
    http_acceptor_free(s->acceptor);
    s->acceptor = NULL;
    http_server_drain(s->http, DRAIN_MS, stopped, s);
}

static void report(const struct http_report *r, void *arg)
{
    (void)arg;
    err_print(stderr, "usher-lab idp", r->err);
}

static void server_free(struct server *s)
{
    if (s->on_term)
        event_free(s->on_term);
    if (s->on_int)
        event_free(s->on_int);
    http_acceptor_free(s->acceptor);
    http_server_free(s->http);
    if (s->base)
        event_base_free(s->base);
}

static int server_start(struct server *s, struct idp *idp, const char *listen, struct err *e)
{
    struct http_server_options o;
    struct listen_addr addr;
    int fd;

    if (listen_addr_parse(slice_of(listen), &addr, e) != 0)
        return err_wrap(e, "--listen");
    s->base = event_base_new();
    if (!s->base)
        return err_set(e, ERR_MEMORY, "no event loop");
    http_server_options_init(&o);
    o.handle = idp_handle;
    o.report = report;
    o.arg = idp;
    if (http_server_new(s->base, &o, &s->http, e) != 0 ||
        http_acceptor_new(s->base, &s->http, 1, &s->acceptor, e) != 0 ||
        http_listen(&addr, BACKLOG, &fd, &s->port, e) != 0 || http_acceptor_add(s->acceptor, fd, 0, e) != 0)
        return -1;
    s->on_term = evsignal_new(s->base, SIGTERM, on_signal, s);
    s->on_int = evsignal_new(s->base, SIGINT, on_signal, s);
    if (!s->on_term || !s->on_int || event_add(s->on_term, NULL) != 0 || event_add(s->on_int, NULL) != 0)
        return err_set(e, ERR_MEMORY, "no signal events");
    return 0;
}

/* Complete or not there: whoever polls for it never reads half a number. */
static int write_port(const char *path, uint16_t port, struct err *e)
{
    char temporary[4096];
    FILE *f;

    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return err_set(e, ERR_IO, "%s: name too long", path);
    f = fopen(temporary, "we");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", temporary, strerror(errno));
    if (fprintf(f, "%u\n", port) < 0 || fclose(f) != 0 || rename(temporary, path) != 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

/* Fills in the two URLs that depend on the port. */
static int name_self(const struct options *o, const struct server *s, struct arena *a, struct idp *idp, struct err *e)
{
    struct listen_addr addr;
    struct url url;
    char host[48];

    idp->public_url = o->public_url;
    if (!idp->public_url) {
        if (listen_addr_parse(slice_of(o->listen), &addr, e) != 0)
            return -1;
        if (addr.is_unix)
            return err_set(e, ERR_USAGE, "--public-url is needed with a Unix socket");
        netaddr_format(&addr.ip, host);
        idp->public_url = arena_printf(a, addr.ip.family == 6 ? "http://[%s]:%u" : "http://%s:%u", host, s->port);
    } else if (url_parse(slice_of(o->public_url), &url, e) != 0) {
        return err_wrap(e, "--public-url");
    } else if (url.has_query || url.path.n != 1 || slice_ends(slice_of(o->public_url), SLICE("/"))) {
        return err_mismatch(e, ERR_USAGE, o->public_url, "https://idp.other.test",
                            "--public-url is an origin: no path, no slash at the end");
    }
    idp->entity_id = o->entity_id ? o->entity_id : arena_printf(a, "%s/metadata", idp->public_url);
    return idp->public_url && idp->entity_id ? 0 : err_set(e, ERR_MEMORY, "no memory");
}

static int serve(const struct options *o, struct arena *a, const struct people *people, struct err *e)
{
    struct server s = {0};
    struct mint_key *key = NULL;
    struct idp idp = {
        .people = people,
        .acs_allowed = o->acs_allowed.v,
        .n_acs_allowed = o->acs_allowed.n,
        .acs_any = o->acs_any,
        .sign_in_at_once = o->auto_sign_in,
        .slo_url = o->slo,
        .slo_answer = o->slo_answer,
        .slo_unsigned = o->slo_unsigned,
    };
    int r = -1;

    if (mint_key_load(o->key, o->cert, &key, e) != 0)
        return -1;
    idp.key = key;
    if (server_start(&s, &idp, o->listen, e) != 0 || name_self(o, &s, a, &idp, e) != 0)
        goto out;
    if (o->port_file && write_port(o->port_file, s.port, e) != 0)
        goto out;
    printf("usher-lab idp: %s is ready on port %u; it posts to %s\n", idp.public_url, s.port,
           o->acs_any ? "any URL that a request names" : "the given URLs only");
    (void)fflush(stdout);
    r = event_base_dispatch(s.base) < 0 ? err_set(e, ERR_INTERNAL, "the event loop failed") : 0;
out:
    server_free(&s);
    mint_key_free(key);
    return r;
}

static bool load_people(const char *path, struct arena *a, struct people *ret)
{
    struct conf_problems *problems = conf_problems_new();
    struct buf text;
    bool ok = problems && people_load(path, a, ret, problems);

    buf_init(&text, 1024 * 1024);
    if (problems)
        conf_problems_print(problems, &text);
    fputs(buf_cstr(&text), stderr);
    buf_free(&text);
    conf_problems_free(problems);
    return ok;
}

static bool known_answer(const char *name)
{
    for (size_t i = 0; idp_slo_answers[i]; i++) {
        if (strcmp(idp_slo_answers[i], name) == 0)
            return true;
    }
    return false;
}

static int run(const struct lab_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct people people = {0};
    struct err e = ERR_INIT;
    struct arena a;
    struct url url;
    int rc = lab_parse(self, argc, argv, &o);

    if (rc != -1)
        return rc;
    if (!o.listen || !o.key || !o.cert || !o.people)
        return lab_usage_error(self, "--listen, --key, --cert and --people are required");
    if (o.acs_allowed.n == 0 && !o.acs_any)
        return lab_usage_error(self, "one of --acs-allowed URL and --acs-any is required");
    if (o.slo_answer && !known_answer(o.slo_answer))
        return lab_usage_error(self, "--slo-answer is success, partial or refused, not '%s'", o.slo_answer);
    if (o.slo && url_parse(slice_of(o.slo), &url, &e) != 0)
        return lab_usage_error(self, "--slo '%s' is not a URL: %s", o.slo, e.msg);
    arena_init(&a, ARENA_MAX);
    if (!load_people(o.people, &a, &people))
        rc = LAB_FAILED;
    else
        rc = serve(&o, &a, &people, &e) == 0 ? LAB_OK : lab_fail(self, &e);
    arena_free(&a);
    return rc;
}

const struct lab_command lab_idp = {
    .name = "idp",
    .summary = "run a test identity provider",
    .example =
        "  certs/mkdev.sh /tmp/c\n"
        "  usher-lab idp --listen 127.0.0.1:8090 --key /tmp/c/idp.key --cert /tmp/c/idp.pem --people people.yaml \\\n"
        "      --acs-allowed https://login.usher.test/saml/acs",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .notes = notes,
    .run = run,
};
