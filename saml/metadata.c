/*
 * metadata.c - reading an identity provider's metadata; see metadata.h. Sections are those of "Metadata for the
 * OASIS SAML V2.0".
 *
 * prescan() bounds the document and turns it into UTF-8, the strict tokenizer reads it once from front to back: no tree
 * is built, so an aggregate of a whole federation costs no more memory than itself.
 */
#include "saml/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/url.h"
#include "saml/names.h"
#include "saml/prescan.h"
#include "saml/token.h"

#define CERTIFICATE_MAX (64 * 1024) /* DER octets of one certificate */

struct reader {
    struct tokenizer t;
    struct saml_trust *trust;
    const char *entity; /* NULL: whichever there is */
    size_t hits;        /* entities of that name with an IDPSSODescriptor for SAML 2.0 */
    size_t usable;      /* certificates of the first of them */
    char id[200];       /* its entityID, cut */
    struct slice entity_id;
    int64_t valid_until, cache_duration; /* of the elements around it and of its roles: the strictest */
};

/*
 * Times
 */

/* XML Schema 2, 3.2.6: PnYnMnDTnHnMnS. Calendar units are taken as 365 and 30 days. 0 if it is none, or not positive.
 */
static int64_t read_duration(struct slice s)
{
    static const struct {
        char unit;
        bool time;
        int64_t seconds;
    } units[] = {{'Y', false, 365 * 86400}, {'M', false, 30 * 86400}, {'D', false, 86400},
                 {'H', true, 3600},         {'M', true, 60},          {'S', true, 1}};
    int64_t sum = 0;
    size_t unit = 0;
    bool time = false;

    if (s.n < 3 || s.p[0] != 'P')
        return 0;
    for (size_t i = 1; i < s.n; i++) {
        uint64_t value;
        size_t from = i;

        if (s.p[i] == 'T' && !time) {
            time = true;
            continue;
        }
        while (i < s.n && ascii_is_digit(s.p[i]))
            i++;
        if (!str_to_u64(slice_make(s.p + from, i - from), 1000000, &value))
            return 0;
        if (i < s.n && s.p[i] == '.' && time) /* fractions of a second are cut off */
            while (++i < s.n && ascii_is_digit(s.p[i]))
                ;
        while (unit < sizeof units / sizeof *units &&
               (i == s.n || units[unit].unit != s.p[i] || units[unit].time != time))
            unit++;
        if (unit == sizeof units / sizeof *units)
            return 0;
        sum += (int64_t)value * units[unit++].seconds;
    }
    return sum;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* What an element says about its own life. A validUntil that is no time has passed: whoever insists on one must not
 * take a document whose end nobody can tell. */
static void read_life(const struct token *tok, int64_t *valid_until, int64_t *cache_duration)
{
    struct slice until = token_attr(tok, "validUntil");
    struct err why = ERR_INIT;
    int64_t at;

    if (until.p)
        *valid_until = earlier(*valid_until, time_parse(slice_trim(until), &at, &why) == 0 && at > 0 ? at : 1);
    *cache_duration = earlier(*cache_duration, read_duration(slice_trim(token_attr(tok, "cacheDuration"))));
}

/*
 * Elements
 */

/*
 * The next child of the element that is open: true at its start tag, false when the element is over. Text, comments and
 * instructions between children mean nothing in metadata. 0, or -1 with e.
 */
static int next_child(struct reader *r, struct token *tok, bool *ret_child, struct err *e)
{
    do {
        if (token_next(&r->t, tok, e) != 0)
            return -1;
    } while (tok->kind != TOKEN_START && tok->kind != TOKEN_STOP);
    *ret_child = tok->kind == TOKEN_START;
    return 0;
}

/* Reads to the end of the element that is open. Its content, if that is one text or one CDATA section and nothing else;
 * {NULL, 0} otherwise. */
static int read_text(struct reader *r, struct slice *ret, struct err *e)
{
    struct token tok;
    size_t depth = r->t.depth, n = 0;

    *ret = (struct slice){NULL, 0};
    for (;;) {
        if (token_next(&r->t, &tok, e) != 0)
            return -1;
        if (tok.kind == TOKEN_STOP && r->t.depth < depth)
            break;
        n++;
        *ret = tok.kind == TOKEN_TEXT || tok.kind == TOKEN_CDATA ? tok.text : (struct slice){NULL, 0};
    }
    if (n != 1)
        *ret = (struct slice){NULL, 0};
    return 0;
}

/* Calls `read` for each child of the element that is open with this name and leaves it; the others are skipped. */
static int each_child(struct reader *r, const char *ns, const char *local,
                      int (*read)(struct reader *r, const struct token *tok, struct err *e), struct err *e)
{
    struct token tok;
    bool child;

    for (;;) {
        if (next_child(r, &tok, &child, e) != 0)
            return -1;
        if (!child)
            return 0;
        if ((token_is(&tok, ns, local) ? read(r, &tok, e) : token_skip(&r->t, e)) != 0)
            return -1;
    }
}

/*
 * Keys
 */

/*
 * One ds:X509Certificate. An unusable one is passed over, whatever is wrong with it: the identity provider may list a
 * DSA key beside the one it uses.
 */
static int read_certificate(struct reader *r, const struct token *tok, struct err *e)
{
    struct err why = ERR_INIT;
    struct slice text;
    struct buf der;
    int rc = 0;

    (void)tok;
    if (read_text(r, &text, e) != 0)
        return -1;
    buf_init(&der, CERTIFICATE_MAX);
    if (!text.p || base64_decode(text, &der, &why) != 0)
        goto out;
    if (saml_trust_add_cert(r->trust, buf_slice(&der), &why) == 0) {
        r->usable++;
    } else if (why.code != ERR_TRUST) { /* too many, or no memory: not the certificate's fault */
        *e = why;
        rc = -1;
    }
out:
    buf_free(&der);
    return rc;
}

static int read_x509_data(struct reader *r, const struct token *tok, struct err *e)
{
    (void)tok;
    return each_child(r, SAML_NS_DSIG, "X509Certificate", read_certificate, e);
}

static int read_key_info(struct reader *r, const struct token *tok, struct err *e)
{
    (void)tok;
    return each_child(r, SAML_NS_DSIG, "X509Data", read_x509_data, e);
}

/* 2.4.1.1: a KeyDescriptor without `use` is for signing and encryption alike. */
static int read_key(struct reader *r, const struct token *tok, struct err *e)
{
    struct slice use = token_attr(tok, "use");

    if (use.p && !slice_is(use, "signing"))
        return token_skip(&r->t, e);
    return each_child(r, SAML_NS_DSIG, "KeyInfo", read_key_info, e);
}

/*
 * Addresses
 */

/* *dst = a copy of s, unless it is set. */
static int set_text(char **dst, struct slice s, struct err *e)
{
    if (*dst)
        return 0;
    *dst = strndup(s.n ? s.p : "", s.n);
    return *dst ? 0 : err_set(e, ERR_MEMORY, "no memory for %zu bytes", s.n);
}

/* One that a browser must not be sent to counts as none. */
static bool is_address(struct slice location)
{
    struct err why = ERR_INIT;
    struct url url;

    return url_parse(location, &url, &why) == 0;
}

/* The first address for each binding that we use. */
static int read_service(struct reader *r, const struct token *tok, struct err *e)
{
    struct saml_trust *t = r->trust;
    struct slice binding = token_attr(tok, "Binding"), location = token_attr(tok, "Location");
    struct slice response = token_attr(tok, "ResponseLocation");
    bool logout = slice_is(tok->local, "SingleLogoutService"), redirect = slice_is(binding, SAML_BINDING_REDIRECT);
    char **place, **response_place = NULL;

    if (!redirect && !(logout && slice_is(binding, SAML_BINDING_POST)))
        return token_skip(&r->t, e);
    place = !logout ? &t->sso_redirect : redirect ? &t->slo_redirect : &t->slo_post;
    if (logout)
        response_place = redirect ? &t->slo_redirect_response : &t->slo_post_response;
    /* an address that a browser must not be sent to makes the whole service count as none */
    if (!*place && is_address(location) && (!response.p || is_address(response))) {
        if (set_text(place, location, e) != 0 ||
            (response_place && response.p && set_text(response_place, response, e) != 0))
            return -1;
    }
    return token_skip(&r->t, e);
}

/*
 * Roles and entities
 */

/* 2.4.1: protocolSupportEnumeration is a list of URIs separated by white space. */
static bool speaks_saml2(const struct token *role)
{
    struct slice list = token_attr(role, "protocolSupportEnumeration");

    while (list.n > 0) {
        size_t n = 0;

        list = slice_trim(list);
        while (n < list.n && !strchr(" \t\r\n", list.p[n]))
            n++;
        if (slice_is(slice_make(list.p, n), SAML_NS_PROTOCOL))
            return true;
        list = slice_make(list.p + n, list.n - n);
    }
    return false;
}

/* xs:boolean */
static bool is_true(struct slice s)
{
    s = slice_trim(s);
    return slice_is(s, "true") || slice_is(s, "1");
}

/* The identity provider is found: who it is, before anything of it is kept. */
static int check_entity(struct reader *r, struct err *e)
{
    str_cut(r->id, sizeof r->id, r->entity_id);
    if (r->entity_id.n == 0)
        return err_set(e, ERR_METADATA, "the entity has no entityID");
    if (memchr(r->entity_id.p, '\0', r->entity_id.n))
        return err_set(e, ERR_METADATA, "the entityID holds NUL");
    if (r->trust->issuer && !slice_is(r->entity_id, r->trust->issuer))
        return err_mismatch(e, ERR_METADATA, r->id, r->trust->issuer, "metadata of two identity providers");
    return set_text(&r->trust->issuer, r->entity_id, e);
}

static int read_role(struct reader *r, const struct token *role, struct err *e)
{
    struct token tok;
    bool child;

    read_life(role, &r->valid_until, &r->cache_duration);
    r->trust->want_signed_requests |= is_true(token_attr(role, "WantAuthnRequestsSigned"));
    for (;;) {
        int rc;

        if (next_child(r, &tok, &child, e) != 0)
            return -1;
        if (!child)
            return 0;
        if (token_is(&tok, SAML_NS_METADATA, "KeyDescriptor"))
            rc = read_key(r, &tok, e);
        else if (token_is(&tok, SAML_NS_METADATA, "SingleSignOnService") ||
                 token_is(&tok, SAML_NS_METADATA, "SingleLogoutService"))
            rc = read_service(r, &tok, e);
        else
            rc = token_skip(&r->t, e);
        if (rc != 0)
            return -1;
    }
}

/* `valid_until` and `cache_duration`: of the elements around it. Of a second one that would do only the fact is kept.
 */
static int read_entity(struct reader *r, const struct token *entity, int64_t valid_until, int64_t cache_duration,
                       struct err *e)
{
    struct slice id = token_attr(entity, "entityID");
    bool wanted = !r->entity || slice_is(id, r->entity), first = r->hits == 0, hit = false, child;
    struct token tok;

    if (!wanted)
        return token_skip(&r->t, e);
    read_life(entity, &valid_until, &cache_duration);
    for (;;) {
        if (next_child(r, &tok, &child, e) != 0)
            return -1;
        if (!child)
            return 0;
        if (!token_is(&tok, SAML_NS_METADATA, "IDPSSODescriptor") || !speaks_saml2(&tok)) {
            if (token_skip(&r->t, e) != 0)
                return -1;
            continue;
        }
        if (!hit) {
            hit = true;
            r->hits++;
        }
        if (!first) {
            if (token_skip(&r->t, e) != 0)
                return -1;
            continue;
        }
        if (r->entity_id.n == 0) {
            r->entity_id = id;
            r->valid_until = valid_until;
            r->cache_duration = cache_duration;
        }
        if (check_entity(r, e) != 0 || read_role(r, &tok, e) != 0)
            return -1;
    }
}

/* EntitiesDescriptor (2.3.1) holds more of its kind; the tokenizer bounds the depth, and so the recursion. */
static int read_any(struct reader *r, const struct token *tok, int64_t valid_until, int64_t cache_duration,
                    struct err *e)
{
    struct token child;
    bool more;

    if (token_is(tok, SAML_NS_METADATA, "EntityDescriptor"))
        return read_entity(r, tok, valid_until, cache_duration, e);
    if (!token_is(tok, SAML_NS_METADATA, "EntitiesDescriptor"))
        return token_skip(&r->t, e);
    read_life(tok, &valid_until, &cache_duration);
    for (;;) {
        if (next_child(r, &child, &more, e) != 0)
            return -1;
        if (!more)
            return 0;
        if (read_any(r, &child, valid_until, cache_duration, e) != 0)
            return -1;
    }
}

static int read_document(struct reader *r, struct err *e)
{
    struct token tok;

    do {
        if (token_next(&r->t, &tok, e) != 0)
            return -1;
    } while (tok.kind != TOKEN_START);
    if (read_any(r, &tok, 0, 0, e) != 0)
        return -1;
    do { /* what stands behind the root must be in order as well */
        if (token_next(&r->t, &tok, e) != 0)
            return -1;
    } while (tok.kind != TOKEN_EOF);
    if (r->hits == 0)
        return err_mismatch(e, ERR_METADATA, NULL, r->entity, "no entity with an IDPSSODescriptor for SAML 2.0");
    if (r->hits > 1)
        return err_mismatch(e, ERR_METADATA, NULL, r->entity,
                            r->entity ? "the entity is there %zu times"
                                      : "%zu identity providers: one must be chosen by its entity ID",
                            r->hits);
    if (r->usable == 0)
        return err_mismatch(e, ERR_METADATA, r->id, NULL, "no usable signing certificate");
    r->trust->valid_until = earlier(r->trust->valid_until, r->valid_until);
    r->trust->cache_duration = earlier(r->trust->cache_duration, r->cache_duration);
    return 0;
}

int saml_metadata_read(struct slice xml, const char *entity, struct saml_trust *t, struct err *e)
{
    struct reader *r = calloc(1, sizeof *r); /* a tokenizer is large for the stack of a pool thread */
    struct slice text;
    struct arena a;
    struct buf scratch;
    int rc = -1;

    if (!r)
        return err_set(e, ERR_MEMORY, "metadata");
    arena_init(&a, 4 * SAML_METADATA_MAX + 65536);
    buf_init(&scratch, 0); /* prescan() sets it up */
    r->trust = t;
    r->entity = entity;
    if (prescan(xml, &prescan_metadata, &scratch, &text, e) == 0 &&
        token_init(&r->t, text, TOKEN_DOCUMENT | TOKEN_METADATA, ERR_METADATA, &a, e) == 0)
        rc = read_document(r, e);
    buf_free(&scratch);
    arena_free(&a);
    free(r);
    return rc;
}
