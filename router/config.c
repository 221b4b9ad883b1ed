/* config.c - see config.h. */
#include "router/config_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/secret.h"
#include "router/idp_lint.h"
#include "saml/sp_metadata.h"
#include "saml/verify.h"

#define ARENA_MAX (64 * 1024 * 1024)
#define SP_KEY_FILE_MAX (64 * 1024)
#define SP_KEYS_MAX 2 /* the key in use, and the one before or after it */
#define DAY 86400

/* clang-format off */
#define O(field) offsetof(struct config, field)
static const struct conf_option main_options[] = {
    {"listen", CONF_T_LISTEN, O(listen), 0, "127.0.0.1:8080", NULL, 0, 0, "Address for browsers, usually behind a reverse proxy: HOST:PORT or unix:PATH."},
    {"auth_listen", CONF_T_LISTEN, O(auth_listen), 0, "127.0.0.1:8081", NULL, 0, 0, "Address where the reverse proxy asks `/auth`: loopback or a Unix socket, never public."},
    {"public_url", CONF_T_URL, O(public_url), CONF_REQUIRED, NULL, NULL, 0, 0, "The login host as browsers see it, an origin without a path. https, but for localhost."},
    {"entity_id", CONF_T_STRING, O(entity_id), 0, NULL, NULL, 0, 0, "This service provider's entity ID (Entra: Identifier). `public_url` + `/saml/metadata` unless given."},
    {"store", CONF_T_STRING, O(store), CONF_REQUIRED, NULL, NULL, 0, 0, "`sqlite:PATH`; a relative path starts at this file. The folder must exist."},
    {"key_dir", CONF_T_PATH, O(key_dir), CONF_REQUIRED, NULL, NULL, 0, 0, "Folder of the key ring (`seal.key`), shared by instances; created with a new key at first start, mode 700."},
    {"tls_cert", CONF_T_PATH, O(tls_cert), 0, NULL, NULL, 0, 0, "PEM certificate chain for `listen`; together with tls_key. Usually the reverse proxy ends TLS."},
    {"tls_key", CONF_T_PATH, O(tls_key), 0, NULL, NULL, 0, 0, "PEM private key, readable by its owner only."},
    {"trusted_proxies", CONF_T_NETBLOCKS, O(trusted_proxies), 0, "127.0.0.0/8, ::1", NULL, 0, 0, "Networks whose X-Forwarded-For is believed on `listen`."},
    {"session_idle", CONF_T_DURATION, O(session_idle), 0, "8h", NULL, 60, 90 * DAY, "A session ends after this long without a request."},
    {"session_max", CONF_T_DURATION, O(session_max), 0, "16h", NULL, 60, 365 * DAY, "A session ends this long after sign-in, whatever happens; SessionNotOnOrAfter can end it earlier."},
    {"events_keep", CONF_T_DURATION, O(events_keep), 0, "400d", NULL, DAY, 3650 * DAY, "Events older than this are removed."},
    {"max_connections", CONF_T_NUMBER, O(max_connections), 0, "10000", NULL, 16, 1000000, "Open connections in all."},
    {"max_connections_per_address", CONF_T_NUMBER, O(max_connections_per_address), 0, "256", NULL, 1, 1000000, "Open connections of one IPv4 address or IPv6 /64; trusted proxies are exempt."},
    {"message_max", CONF_T_NUMBER, O(message_max), 0, "1048576", NULL, 65536, SAML_XML_MAX, "Octets that a SAML message may have as XML; a longer one is refused before it is parsed. An Entra assertion with 150 groups has some 16,000."},
    {"loops", CONF_T_NUMBER, O(loops), 0, "0", NULL, 0, 64, "Event loops; 0: one per core."},
    {"idps", CONF_T_NODE, O(idps_node), 0, NULL, NULL, 0, 0, "Identity providers, by a name of yours."},
    {"domains", CONF_T_NODE, O(domains_node), 0, NULL, NULL, 0, 0, "E-mail domains and how their people sign in."},
    {"grants", CONF_T_NODE, O(grants_node), 0, NULL, NULL, 0, 0, "Exceptions; more live in the store (`usher bypass grant`)."},
    {"rules", CONF_T_NODE, O(rules_node), 0, NULL, NULL, 0, 0, "Ordered rules, first match wins, before grants and domains."},
    {"default", CONF_T_NODE, O(default_node), 0, NULL, NULL, 0, 0, "The door for an address nothing else speaks for."},
    {"apps", CONF_T_NODE, O(apps_node), 0, NULL, NULL, 0, 0, "Applications behind the reverse proxy."},
    {"smtp", CONF_T_UNSUPPORTED, 0, 0, NULL, NULL, 0, 0, "Mail for administrators."},
    {"sp_keys", CONF_T_PATHS, O(sp_key_files), 0, NULL, NULL, 0, 0, "At most two PEM files, readable by their owner only, each with a private RSA key and its certificate: the first signs (`sign_requests`), all decrypt, so that a new key can be announced before the old one goes."},
    {"evidence_dir", CONF_T_UNSUPPORTED, 0, 0, NULL, NULL, 0, 0, "Where evidence of accepted logins is kept."},
};
#undef O
#define O(field) offsetof(struct config_app, field)
static const struct conf_option app_options[] = {
    {"host", CONF_T_STRING, O(host), CONF_REQUIRED, NULL, NULL, 0, 0, "The application's host as browsers see it, with `:PORT` if it is not that of public_url's scheme."},
    {"name", CONF_T_STRING, O(name), 0, NULL, NULL, 0, 0, "For people; the host unless given."},
    {"allow", CONF_T_NODE, O(allow_node), 0, NULL, NULL, 0, 0, "Who may use it: `groups` (any of them) and `door` (`sso` or `password`). Everybody signed in unless given."},
    {"send_groups", CONF_T_STRINGS, O(send_groups), 0, NULL, NULL, 0, 0, "Groups sent in Remote-Groups besides those of `allow`; no others are."},
};
#undef O
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof *(a))
static const struct conf_table main_table = {"", "The file as a whole.", main_options, COUNT(main_options)};
static const struct conf_table app_table = {"apps[]", "One application.", app_options, COUNT(app_options)};

int config_read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    char chunk[16384];
    size_t n;
    int r = 0;

    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(out, chunk, n);
    if (ferror(f))
        r = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    else if (buf_failed(out))
        r = err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, out->max);
    (void)fclose(f);
    return r;
}

static bool is_localhost(const char *host)
{
    return strcmp(host, "localhost") == 0 || slice_ends(slice_of(host), SLICE(".localhost")) ||
           strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0;
}

/* The default port of a scheme is left out, as browsers do. */
static bool is_standard_port(bool https, uint16_t port)
{
    return port == 0 || port == (https ? 443 : 80);
}

static char *origin_of(struct config *c, const struct url *u)
{
    bool v6 = strchr(u->host, ':') != NULL;
    char port[8] = "";

    if (!is_standard_port(u->https, u->port))
        (void)snprintf(port, sizeof port, ":%u", u->port);
    return arena_printf(&c->arena, "%s://%s%s%s%s", u->https ? "https" : "http", v6 ? "[" : "", u->host, v6 ? "]" : "",
                        port);
}

static void check_public_url(struct config *c, struct conf_problems *p)
{
    const struct conf_node *where = conf_get(conf_root(c->doc), "public_url");
    struct err e = ERR_INIT;
    char *origin;

    if (url_parse(slice_of(c->public_url), &c->public_parsed, &e) != 0) {
        conf_problem_err(p, where, &e);
        return;
    }
    if (!slice_is(c->public_parsed.path, "/") || c->public_parsed.has_query)
        conf_problem(p, CONF_ERROR, where, "public_url is an origin: scheme, host and port, without a path");
    if (!c->public_parsed.https && !is_localhost(c->public_parsed.host))
        conf_problem(p, CONF_ERROR, where, "public_url must be https (browsers drop usher's cookies over http)");
    origin = origin_of(c, &c->public_parsed); /* as browsers write it in Origin, whatever case and port were typed */
    c->public_url = origin;
    c->acs_url = arena_printf(&c->arena, "%s/saml/acs", origin);
    c->slo_url = arena_printf(&c->arena, "%s/saml/slo", origin);
    if (!c->entity_id)
        c->entity_id = arena_printf(&c->arena, "%s/saml/metadata", origin);
}

/* In order: the first signs. */
static void read_sp_keys(struct config *c, struct conf_problems *p)
{
    const struct conf_node *where = conf_get(conf_root(c->doc), "sp_keys");
    struct err e = ERR_INIT;
    struct buf pem;

    if (c->sp_key_files.n > SP_KEYS_MAX)
        conf_problem(p, CONF_ERROR, where, "sp_keys: at most %d keys", SP_KEYS_MAX);
    for (size_t i = 0; i < c->sp_key_files.n && i < SP_KEYS_MAX; i++) {
        buf_init(&pem, SP_KEY_FILE_MAX);
        if (secret_read_file(c->sp_key_files.v[i], &pem, &e) != 0 ||
            saml_sp_keys_add_pem(&c->sp_keys, buf_slice(&pem), true, &e) != 0) {
            (void)err_wrap(&e, "sp_keys: %s", c->sp_key_files.v[i]);
            conf_problem_err(p, conf_kind(where) == CONF_SEQ ? conf_item(where, i) : where, &e);
        }
        buf_free_secret(&pem);
    }
}

static void check_app_host(struct config *c, struct config_app *app, struct conf_problems *p)
{
    const struct conf_node *where = conf_get(app->node, "host");
    char host[256], *normal;
    struct err e = ERR_INIT;
    uint16_t port;

    if (url_parse_authority(slice_of(app->host), host, &port, &e) != 0) {
        conf_problem_err(p, where, &e);
        return;
    }
    normal = !is_standard_port(c->public_parsed.https, port) ? arena_printf(&c->arena, "%s:%u", host, port)
                                                             : arena_strdup(&c->arena, host);
    app->host = normal;
    if (!app->name)
        app->name = app->host;
    if (strcmp(host, c->public_parsed.host) == 0)
        conf_problem(p, CONF_ERROR, where, "is the login host itself; an application needs a host of its own");
    for (struct config_app *other = c->apps; other < app; other++) {
        size_t n = strlen(host);

        /* cookies know no ports: two applications on one name would read each other's sessions */
        if (strncmp(other->host, host, n) == 0 && (other->host[n] == '\0' || other->host[n] == ':'))
            conf_problem(p, CONF_ERROR, where,
                         "there is an application on this host name already; cookies do not tell ports apart");
    }
}

static bool read_apps(struct config *c, struct conf_problems *p)
{
    const struct conf_node *n = c->apps_node;

    if (!n)
        return true;
    if (conf_kind(n) != CONF_SEQ || conf_count(n) > CONFIG_APPS_MAX) {
        conf_problem(p, CONF_ERROR, n, "apps is a list of at most %d entries: - host: ...", CONFIG_APPS_MAX);
        return false;
    }
    c->apps = arena_array(&c->arena, conf_count(n), sizeof *c->apps);
    if (!c->apps)
        return false;
    for (size_t i = 0; i < conf_count(n); i++) {
        struct config_app *app = &c->apps[c->napps];

        app->node = conf_item(n, i);
        if (!conf_read_map(app->node, &app_table, app, &c->arena, p))
            continue;
        c->napps++;
        check_app_host(c, app, p);
        if (app->allow_node)
            (void)policy_app_read(app->allow_node, &app->allow, &c->arena, p);
    }
    return true;
}

/* The folder that a path stands in must be there: said now, and not at the first login. */
static void check_folder(const char *path, const struct conf_node *where, struct conf_problems *p)
{
    const char *slash = strrchr(path, '/');
    char dir[4096];
    struct stat st;

    if (!slash || slash == path || !str_copy(dir, sizeof dir, slice_make(path, (size_t)(slash - path))))
        return;
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        conf_problem(p, CONF_ERROR, where, "the folder %s is not there", dir);
}

static bool is_loopback(const struct netaddr *a)
{
    static const struct netaddr v6 = {.family = 6, .addr = {[15] = 1}};

    return a->family == 4 ? a->addr[0] == 127 : memcmp(a, &v6, sizeof v6) == 0;
}

static void check_rest(struct config *c, struct conf_problems *p)
{
    const struct conf_node *root = conf_root(c->doc);

    if (!c->tls_cert != !c->tls_key)
        conf_problem(p, CONF_ERROR, conf_get(root, c->tls_cert ? "tls_cert" : "tls_key"),
                     "tls_cert and tls_key go together");
    if (c->store && strncmp(c->store, "sqlite:", 7) != 0)
        conf_problem(p, CONF_ERROR, conf_get(root, "store"), "not-supported: store is sqlite:PATH in this version");
    if (c->store && strncmp(c->store, "sqlite:", 7) == 0 && c->store[7] != '/' && c->store[7] != ':')
        c->store = arena_printf(&c->arena, "sqlite:%s/%s", conf_dir(conf_get(root, "store")), c->store + 7);
    if (c->store && strncmp(c->store, "sqlite:/", 8) == 0)
        check_folder(c->store + 7, conf_get(root, "store"), p);
    if (c->key_dir)
        check_folder(c->key_dir, conf_get(root, "key_dir"), p);
    if (!c->auth_listen.is_unix && !is_loopback(&c->auth_listen.ip))
        conf_problem(p, CONF_WARNING, conf_get(root, "auth_listen"),
                     "is not a loopback address: whoever reaches it can claim any client address and application");
    if (c->auth_listen.is_unix
            ? c->listen.is_unix && strcmp(c->auth_listen.path, c->listen.path) == 0
            : c->auth_listen.port != 0 && !c->listen.is_unix && c->auth_listen.port == c->listen.port &&
                  memcmp(&c->auth_listen.ip, &c->listen.ip, sizeof c->listen.ip) == 0)
        conf_problem(p, CONF_ERROR, conf_get(root, "auth_listen"), "is the same address as listen");
    if (c->session_max != 0 && c->session_max < c->session_idle)
        conf_problem(p, CONF_WARNING, conf_get(root, "session_max"),
                     "is shorter than session_idle, which then never counts");
}

static void read_policy(struct config *c, struct conf_problems *p)
{
    struct policy_idp *idps = arena_array(&c->arena, c->nidps ? c->nidps : 1, sizeof *idps);

    if (!idps)
        return;
    for (size_t i = 0; i < c->nidps; i++)
        idps[i] = (struct policy_idp){
            .name = c->idps[i].name, .domains = c->idps[i].domains.v, .ndomains = c->idps[i].domains.n};
    c->policy = policy_read(conf_root(c->doc), idps, c->nidps, p);
    if (c->policy)
        policy_lint(c->policy, clock_now(), p);
}

struct config *config_load(const char *path, struct conf_problems *p)
{
    struct config *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    arena_init(&c->arena, ARENA_MAX);
    c->doc = conf_load(path, p);
    if (c->doc) {
        /* on with whatever is sound, so that all problems are seen at once */
        (void)conf_read_map(conf_root(c->doc), &main_table, c, &c->arena, p);
        config_idps_read(c, p);
        read_sp_keys(c, p);
        if (c->public_url)
            check_public_url(c, p);
        config_idps_finish(c, p);
        idp_lint(c, clock_now(), p);
        (void)read_apps(c, p);
        check_rest(c, p);
        read_policy(c, p);
    }
    if (!c->doc || conf_errors(p) > 0) {
        config_free(c);
        return NULL;
    }
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    config_idps_free(c);
    saml_sp_keys_free(&c->sp_keys);
    policy_free(c->policy);
    conf_free(c->doc);
    arena_free(&c->arena);
    free(c);
}

const struct config_idp *config_idp(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nidps; i++) {
        if (strcmp(c->idps[i].name, name) == 0)
            return &c->idps[i];
    }
    return NULL;
}

const struct config_app *config_app(const struct config *c, const char *host, uint16_t port)
{
    char with_port[256 + 8];
    uint16_t standard = c->public_parsed.https ? 443 : 80;

    (void)snprintf(with_port, sizeof with_port, "%s:%u", host, port);
    for (size_t i = 0; i < c->napps; i++) {
        if (strcmp(c->apps[i].host, with_port) == 0 ||
            ((port == 0 || port == standard) && strcmp(c->apps[i].host, host) == 0))
            return &c->apps[i];
    }
    return NULL;
}

void config_sp_metadata(const struct config *c, struct buf *out)
{
    struct saml_sp_metadata m = {
        .entity_id = c->entity_id, .acs_url = c->acs_url, .slo_url = c->slo_url, .keys = &c->sp_keys};

    m.requests_signed = c->nidps > 0;
    for (size_t i = 0; i < c->nidps; i++)
        m.requests_signed = m.requests_signed && c->idps[i].sign_requests;
    saml_sp_metadata_write(&m, out);
}

void config_print(const struct config *c, struct buf *out)
{
    conf_print_map(&main_table, c, 0, out);
    config_idps_print(c, out);
    policy_print(c->policy, out);
    if (c->napps)
        buf_add_str(out, "apps:\n");
    for (size_t i = 0; i < c->napps; i++) {
        buf_add_str(out, "  -\n");
        conf_print_map(&app_table, &c->apps[i], 2, out);
        policy_app_print(&c->apps[i].allow, 2, out);
    }
}

void config_print_docs(struct buf *out)
{
    conf_print_docs(&main_table, out);
    config_idps_print_docs(out);
    policy_print_docs(out);
    conf_print_docs(&app_table, out);
}
