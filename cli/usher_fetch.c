/*
 * usher_fetch.c - the process that fetches one document over https; see router/fetch.h.
 *
 * It is linked from base and libcurl alone and has nothing worth taking: no key, no store, an empty environment. Where
 * an address leads is decided on the socket that is opened, after every redirect and every answer of the name server,
 * so that neither can send it into the private network.
 *
 * Standard input, to its end: lines of a word, a blank and a value.
 *     url https://idp.example.com/metadata     required, once
 *     max 16777216                             octets of the body
 *     timeout 30000                            milliseconds in all
 *     private 1                                private addresses are fine; 0 unless given
 *     ca /etc/usher/ca.pem                     in place of the system's certificate authorities
 * Standard output: "ok LENGTH\n" and the body, or "failed WHY\n", or "limit WHY\n". Exit 0 if one of them was written.
 */
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/url.h"

#define REQUEST_MAX (8 * 1024)
#define BODY_MAX (64 * 1024 * 1024)
#define TIMEOUT_MAX 600000
#define REDIRECTS_MAX 3
#define HEADERS_MAX (64 * 1024) /* octets of all header lines of all answers */

struct fetch {
    char url[URL_MAX + 1], ca[4096];
    uint64_t max, timeout_ms;
    bool allow_private;
    struct buf body;
    size_t header_bytes;
    bool too_large, headers_too_large;
    char refused[64]; /* the address that was not connected to */
};

/* --- the request ------------------------------------------------------------------------------------------------- */

static bool read_line(struct fetch *f, struct slice line)
{
    struct slice value = line, word;

    if (!slice_split(&value, ' ', &word) || !value.p || value.n == 0)
        return false;
    if (slice_is(word, "url"))
        return f->url[0] == '\0' && str_copy(f->url, sizeof f->url, value);
    if (slice_is(word, "ca"))
        return f->ca[0] == '\0' && str_copy(f->ca, sizeof f->ca, value);
    if (slice_is(word, "max"))
        return str_to_u64(value, BODY_MAX, &f->max);
    if (slice_is(word, "timeout"))
        return str_to_u64(value, TIMEOUT_MAX, &f->timeout_ms);
    if (slice_is(word, "private")) {
        f->allow_private = slice_is(value, "1");
        return slice_is(value, "0") || f->allow_private;
    }
    return false;
}

static bool read_request(struct fetch *f)
{
    char text[REQUEST_MAX];
    size_t n = 0;
    ssize_t got;
    struct slice rest, line;

    while (n < sizeof text &&
           ((got = read(STDIN_FILENO, text + n, sizeof text - n)) > 0 || (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    rest = slice_make(text, n);
    while (slice_split(&rest, '\n', &line)) {
        if (line.n && !read_line(f, line))
            return false;
    }
    return n < sizeof text && f->url[0] != '\0' && f->max > 0 && f->timeout_ms > 0;
}

/* --- where it may lead ------------------------------------------------------------------------------------------- */

/*
 * Not on the public internet, by the registries of special-purpose addresses (RFC 6890 and after). Of IPv6 only global
 * unicast (2000::/3) is public, without what tunnels or documents; NAT64 (RFC 6052) is as public as the IPv4 address
 * in it.
 */
static bool is_private(const struct netaddr *a)
{
    static const char *const blocks[] = {
        "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
        "2001::/23",     "2001:db8::/32",   "2002::/16",      "3fff::/20",
    };
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    struct netaddr inner = {.family = 4};
    struct err e = ERR_INIT;
    struct netblock b;

    if (a->family == 6 && memcmp(a->addr, nat64, sizeof nat64) == 0) {
        memcpy(inner.addr, a->addr + 12, 4);
        return is_private(&inner);
    }
    if (a->family == 6 && (a->addr[0] & 0xe0) != 0x20)
        return true;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (netblock_parse(slice_of(blocks[i]), &b, &e) != 0 || netblock_contains(&b, a))
            return true;
    }
    return a->family != 4 && a->family != 6;
}

/* An IPv4 address in the clothes of IPv6 is nothing that a name server has a reason to give. */
static bool is_mapped(const struct sockaddr *sa)
{
    const struct sockaddr_in6 *in6 = (const void *)sa;

    return sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct fetch *f = arg;
    struct netaddr a;

    if (purpose != CURLSOCKTYPE_IPCXN || (to->family != AF_INET && to->family != AF_INET6))
        return CURL_SOCKET_BAD;
    netaddr_from_sockaddr(&to->addr, &a);
    if (!f->allow_private && (is_mapped(&to->addr) || is_private(&a))) {
        netaddr_format(&a, f->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;

    buf_add(&f->body, data, size * n);
    if (!buf_failed(&f->body))
        return size * n;
    f->too_large = true;
    return 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;

    (void)data;
    f->header_bytes += size * n;
    f->headers_too_large = f->header_bytes > HEADERS_MAX;
    return f->headers_too_large ? 0 : size * n;
}

static void set_up(CURL *c, struct fetch *f, char *message)
{
#define SET(option, value) (void)curl_easy_setopt(c, (option), (value))
    SET(CURLOPT_URL, f->url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL); /* nothing that would have to be unpacked */
    SET(CURLOPT_USERAGENT, "usher");
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (f->ca[0]) {
        SET(CURLOPT_CAINFO, f->ca);
        SET(CURLOPT_CAPATH, NULL); /* it alone */
    }
    SET(CURLOPT_TIMEOUT_MS, (long)f->timeout_ms);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->max);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, f);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, f);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, f);
    SET(CURLOPT_ERRORBUFFER, message);
#undef SET
}

static int put(const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, data, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

/* What the other side or libcurl said is escaped: it becomes a log line. */
static int answer(const char *word, const char *why)
{
    char text[400], line[440];
    int n;

    (void)str_escape(text, sizeof text, why, strlen(why));
    n = snprintf(line, sizeof line, "%s %s\n", word, text);
    return put(line, (size_t)n);
}

static int report(CURL *c, const struct fetch *f, CURLcode rc, const char *message)
{
    char text[512];
    long status = 0;

    if (f->too_large || rc == CURLE_FILESIZE_EXCEEDED) {
        (void)snprintf(text, sizeof text, "the document has more than %llu octets", (unsigned long long)f->max);
        return answer("limit", text);
    }
    if (f->headers_too_large)
        return answer("limit", "the header of the answer is too large");
    if (rc != CURLE_OK && f->refused[0]) {
        (void)snprintf(text, sizeof text, "%s is a private address", f->refused);
        return answer("failed", text);
    }
    if (rc != CURLE_OK)
        return answer("failed", message[0] ? message : curl_easy_strerror(rc));
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        (void)snprintf(text, sizeof text, "the server answered with status %ld", status);
        return answer("failed", text);
    }
    (void)snprintf(text, sizeof text, "ok %zu\n", f->body.len);
    return put(text, strlen(text)) == 0 ? put(buf_cstr(&f->body), f->body.len) : -1;
}

/* --- what the process may do ------------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static bool limit_to(int resource, rlim_t value)
{
    const struct rlimit r = {value, value};

    return setrlimit(resource, &r) == 0;
}

/* The environment goes as well: proxies, key log files and resolver options are set there. */
static bool restrict_process(const struct fetch *f)
{
#ifndef SANITIZED /* they reserve terabytes */
    if (!limit_to(RLIMIT_AS, (rlim_t)512 << 20))
        return false;
#endif
    return clearenv() == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           limit_to(RLIMIT_CORE, 0) && limit_to(RLIMIT_FSIZE, 0) && limit_to(RLIMIT_NOFILE, 64) &&
           limit_to(RLIMIT_CPU, f->timeout_ms / 1000 + 5);
}

int main(void)
{
    struct fetch f = {.max = 0};
    char message[CURL_ERROR_SIZE] = "";
    struct err e = ERR_INIT;
    struct url parsed;
    CURL *c = NULL;
    int rc;

    if (!read_request(&f)) {
        fprintf(stderr, "usher-fetch: not a request; usher runs this program, people do not\n");
        return 2;
    }
    if (url_parse(slice_of(f.url), &parsed, &e) != 0 || !parsed.https) {
        rc = answer("failed", e.code == ERR_NONE ? "the URL is not https" : e.msg);
        return rc == 0 ? 0 : 2;
    }
    if (!restrict_process(&f) || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c = curl_easy_init())) {
        rc = answer("failed", "usher-fetch cannot be set up");
        return rc == 0 ? 0 : 2;
    }
    buf_init(&f.body, f.max);
    set_up(c, &f, message);
    rc = report(c, &f, curl_easy_perform(c), message);
    /* nothing is freed: libcurl would wait for a name server that does not answer, however short the timeout */
    _exit(rc == 0 ? 0 : 2);
}
