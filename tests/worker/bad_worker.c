/*
 * bad_worker.c - usher-worker as somebody who took it over would have it: the real one, until a document says what it
 * is to do. Tests put it in the place of usher-worker; the real sandbox is around it.
 *
 * A document that holds "bad:MODE" makes it: abort, crash, exit, loop, allocate without end, call open() or socket();
 * answer with what it found in another document (other), with that document's signature over another element (swap),
 * with another identity in the signed bytes (forge), with bytes of its own (garbage), as unsigned (plain), for another
 * identity provider (trust), with the wish for the key of another message (unwrap); or break the protocol: id, type,
 * half a frame, a frame too many, a length of 4 GiB.
 * "takeover": it answers every document from then on with `other`.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "saml/verify.h"

static int bad_verify_message(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret,
                              struct err *e);
static ssize_t bad_write(int fd, const void *data, size_t n);

#define saml_verify_message bad_verify_message
#define write bad_write
#include "cli/usher_worker.c"
#undef saml_verify_message
#undef write

static const char *frame_mode = "";
static bool taken_over;
/* What the last honest document had in it. */
static struct saml_signed kept;
static struct arena kept_bytes;

static bool says(struct slice xml, const char *mode)
{
    char text[64];

    (void)snprintf(text, sizeof text, "bad:%s;", mode);
    return memmem(xml.p, xml.n, text, strlen(text)) != NULL;
}

static void keep(const struct saml_signed *s)
{
    if (kept.nsig)
        return;
    arena_init(&kept_bytes, 1024 * 1024);
    kept = *s;
    for (size_t i = 0; i < s->nsig; i++) {
        kept.sig[i].signed_info = arena_slice(&kept_bytes, s->sig[i].signed_info);
        kept.sig[i].signature_value = arena_slice(&kept_bytes, s->sig[i].signature_value);
        kept.sig[i].element = arena_slice(&kept_bytes, s->sig[i].element);
    }
    kept.outer = (struct saml_outer){.issuer = {NULL, 0}};
}

static void misbehave(struct slice xml)
{
    if (says(xml, "abort"))
        abort();
    if (says(xml, "crash"))
        (void)raise(SIGSEGV);
    if (says(xml, "exit"))
        _exit(0);
    if (says(xml, "open"))
        (void)open("/etc/passwd", O_RDONLY);
    if (says(xml, "socket"))
        (void)socket(AF_INET, SOCK_STREAM, 0);
    while (says(xml, "loop"))
        __asm__ volatile("");
    while (says(xml, "allocate")) {
        char *p = malloc(1024 * 1024);

        if (p)
            memset(p, 1, 1024 * 1024);
    }
}

/* The address in the element, changed to one of the same length. */
static struct slice forge(struct arena *a, struct slice element)
{
    struct slice s = arena_slice(a, element);
    char *p = (char *)(uintptr_t)s.p, *at;

    for (size_t i = 0; i + 1 < s.n; i++) {
        at = p + i;
        if (*at == '@' && i > 0)
            at[-1] = at[-1] == 'x' ? 'y' : 'x';
    }
    return s;
}

static bool lie(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret)
{
    struct err e = ERR_INIT;
    struct saml_signed s;

    if (taken_over || says(rq->xml, "takeover") || says(rq->xml, "other")) {
        taken_over = taken_over || says(rq->xml, "takeover");
        *ret = kept;
        return kept.nsig > 0;
    }
    if (says(rq->xml, "garbage")) {
        *ret = (struct saml_signed){
            .nsig = 1, .sig = {{SAML_ASSERTION, SLICE("<SignedInfo/>"), SLICE("\1\2\3"), SLICE("<Assertion/>")}}};
        return true;
    }
    if (!says(rq->xml, "swap") && !says(rq->xml, "forge") && !says(rq->xml, "plain") && !says(rq->xml, "trust") &&
        !says(rq->xml, "unwrap"))
        return false;
    if (saml_verify_message(rq, a, &s, &e) != 0)
        return false;
    if (says(rq->xml, "swap") && kept.nsig)
        s.sig[0].element = kept.sig[0].element;
    if (says(rq->xml, "forge"))
        s.sig[0].element = forge(a, s.sig[0].element);
    if (says(rq->xml, "plain"))
        s = (struct saml_signed){.plain_what = SAML_RESPONSE, .plain = s.sig[0].element, .trust = s.trust};
    if (says(rq->xml, "unwrap")) { /* a key that was seen in somebody else's message */
        s.nsig = 0;
        s.wrapped = (struct saml_wrapped_key){.transport = SAML_TRANSPORT_OAEP,
                                              .digest = SAML_HASH_SHA1,
                                              .mgf = SAML_HASH_SHA1,
                                              .content = SAML_AES256_GCM,
                                              .cipher = SLICE("the encrypted key of another message")};
    }
    if (says(rq->xml, "trust"))
        s.trust = 63;
    *ret = s;
    return true;
}

static int bad_verify_message(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret,
                              struct err *e)
{
    static const char *const modes[] = {"id", "type", "half", "twice", "length"};
    int rc;

    misbehave(rq->xml);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (says(rq->xml, modes[i]))
            frame_mode = modes[i];
    }
    if (lie(rq, a, ret))
        return 0;
    rc = saml_verify_message(rq, a, ret, e);
    if (rc == 0 && ret->nsig)
        keep(ret);
    return rc;
}

static ssize_t bad_write(int fd, const void *data, size_t n)
{
    char *frame = malloc(n);
    const char *mode = frame_mode;
    size_t send = n;

    if (!frame)
        abort();
    memcpy(frame, data, n);
    frame_mode = "";
    if (strcmp(mode, "id") == 0)
        frame[8] ^= 1;
    else if (strcmp(mode, "type") == 0)
        frame[4] = WIRE_INSPECTED;
    else if (strcmp(mode, "length") == 0)
        memset(frame, 0xff, 4);
    else if (strcmp(mode, "half") == 0)
        send = WIRE_HEADER_SIZE + 4; /* of the first in the batch, whichever that is */
    for (size_t at = 0; at < send;) {
        ssize_t done = write(fd, frame + at, send - at);

        if (done <= 0)
            _exit(1);
        at += (size_t)done;
    }
    if (strcmp(mode, "twice") == 0)
        (void)!write(fd, frame, n);
    free(frame);
    return (ssize_t)n;
}
