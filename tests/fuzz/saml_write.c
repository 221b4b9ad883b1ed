/*
 * Fuzzes what is written for others by reading it again: AuthnRequest and logout messages, by redirect and by POST,
 * signed and not. What was put in must come out, by the ways of the other side: saml_request_read(), the worker and
 * saml_logout_signed(), saml_logout_redirect().
 *
 * The first octet: what is signed, and whether the logout message is a response; then one field a line, empty: left
 * out. In the order of struct fields below.
 */
#include "base/encode.h"
#include "base/form.h"
#include "saml/logout.h"
#include "saml/token.h"
#include "saml/xmlchar.h"
#include "tests/fuzz/saml_rig.h"

#define SIGNED 1U
#define RESPONSE 2U
#define ROOM (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fields {
    const char *id, *issuer, *url, *relay_state, *login_hint, *whr, *name_id, *format, *qualifier, *session_index,
        *in_response_to, *substatus;
};
#define NFIELDS (sizeof(struct fields) / sizeof(char *))

/* Text that XML can hold, for that is where all of it comes from; of control characters none but what an XML reader
 * leaves as it is. */
static bool is_text(struct slice s)
{
    if (!str_is_utf8(s))
        return false;
    for (size_t at = 0; at < s.n;) {
        uint32_t c = xmlchar_next(s, &at);

        if (!xmlchar_valid(c) || (c < ' ' && c != '\n'))
            return false;
    }
    return true;
}

static void split(char *text, struct fields *f)
{
    const char **field = &f->id;

    for (size_t i = 0; i < NFIELDS; i++) {
        field[i] = text && *text && *text != '\n' ? text : NULL;
        text = text ? strchr(text, '\n') : NULL;
        if (text)
            *text++ = '\0';
    }
}

static bool same(struct slice found, const char *written)
{
    return slice_eq(slice_trim(found), slice_trim(slice_of(written)));
}

/* The query of a URL that began with `url`. */
static struct slice query_of(const struct buf *out, const char *url)
{
    const char *at = memmem(out->data + strlen(url), out->len - strlen(url), "SAML", 4);

    must(slice_starts(buf_slice(out), slice_of(url)) && at);
    return slice_make(at, (size_t)(out->data + out->len - at));
}

static void request(const struct fields *f, bool is_signed, struct arena *a)
{
    struct saml_request r = {.sso_url = f->url,
                             .entity_id = f->issuer,
                             .acs_url = RIG_ACS,
                             .id = f->id,
                             .relay_state = f->relay_state,
                             .login_hint = f->login_hint,
                             .whr = f->whr,
                             .sign = is_signed ? &rig_sp_keys()->v[0] : NULL,
                             .now = RIG_NOW};
    struct err e = ERR_INIT;
    struct saml_request_in in;
    struct form form;
    struct buf url;

    buf_init(&url, ROOM);
    if (saml_request_redirect(&r, &url, &e) == 0) {
        must(form_parse(query_of(&url, f->url), a, &form, &e) == 0);
        must(saml_request_read(form_get(&form, "SAMLRequest"), a, &in, &e) == 0);
        must(same(in.id, f->id) && same(in.issuer, f->issuer) && same(in.destination, f->url));
        must(same(in.acs_url, RIG_ACS) && in.issue_instant == RIG_NOW);
        must(slice_eq(form_get(&form, "RelayState"), slice_of(f->relay_state)));
        must(slice_eq(form_get(&form, "login_hint"), slice_of(f->login_hint)));
        must(slice_eq(form_get(&form, "whr"), slice_of(f->whr)));
        must(is_signed == (form_get(&form, "Signature").n > 0) && is_signed == (form_get(&form, "SigAlg").n > 0));
    } else {
        must(e.code == ERR_LIMIT || (e.code == ERR_METADATA && !f->url));
    }
    buf_free(&url);
}

static void compare(const struct saml_logout *l, const struct saml_logout_out *o, bool is_signed)
{
    const struct saml_logout_expect x = {.issuer = l->issuer,
                                         .destination = slice_of(o->destination),
                                         .in_response_to = slice_of(o->in_response_to),
                                         .now = RIG_NOW + SAML_LOGOUT_AGE_MAX,
                                         .skew = 60};
    struct err e = ERR_INIT;

    must(l->is_signed == is_signed && l->is_response == (o->in_response_to != NULL));
    must(same(l->id, o->id) && same(l->issuer, o->issuer) && same(l->destination, o->destination));
    if (l->is_response) {
        must(slice_is(l->status_code, SAML_STATUS_PREFIX "Success") && same(l->in_response_to, o->in_response_to));
    } else {
        must(same(l->name_id, o->name_id) && same(l->name_id_format, o->name_id_format));
        must(same(l->name_qualifier, o->name_qualifier) && l->nsession_index == (o->session_index != NULL));
        must(!o->session_index || same(l->session_index[0], o->session_index));
    }
    must(saml_logout_check(l, &x, &e) == 0); /* our own message, in time and to the right place */
}

static void logout_redirect(const struct saml_logout_out *o, struct arena *a)
{
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct slice issuer;
    struct buf url;

    buf_init(&url, ROOM);
    if (saml_logout_write_redirect(o, &url, &e) == 0) {
        must(saml_logout_redirect(query_of(&url, o->destination), rig_trust(), 0, NULL, a, &l, &e) == 0);
        must(saml_logout_peek(query_of(&url, o->destination), a, &issuer, &e) == 0 && slice_eq(issuer, l.issuer));
        must(slice_eq(l.relay_state, slice_of(o->relay_state)));
        compare(&l, o, o->sign != NULL);
    } else {
        must(e.code == ERR_LIMIT);
    }
    buf_free(&url);
}

static void logout_post(const struct saml_logout_out *o, struct arena *a)
{
    const struct saml_trust *trust = rig_trust();
    struct saml_verify_request rq = {.message = SAML_MESSAGE_LOGOUT, .trusts = &trust, .ntrusts = 1};
    struct err e = ERR_INIT;
    struct buf text, xml;
    struct saml_signed s;
    struct saml_logout l;
    struct slice issuer;

    buf_init(&text, ROOM);
    buf_init(&xml, ROOM);
    if (saml_logout_write_post(o, &text, &e) == 0) {
        must(base64_decode(buf_slice(&text), &xml, &e) == 0);
        rq.xml = buf_slice(&xml);
        if (saml_verify_message(&rq, a, &s, &e) == 0) {
            must(s.nsig == (o->sign ? 1 : 0) && saml_logout_signed(&s, trust, 0, NULL, a, &l, &e) == 0);
            must(saml_logout_peek_xml(rq.xml, a, &issuer, &e) == 0 && slice_eq(issuer, l.issuer));
            compare(&l, o, o->sign != NULL);
        } else {
            must(e.code == ERR_XML_LIMIT); /* an attribute longer than anybody's */
        }
    } else {
        must(e.code == ERR_LIMIT);
    }
    buf_free(&xml);
    buf_free(&text);
}

/* The fields that always come from elsewhere than a stranger: an ID is an NCName, a URL is one that was configured. */
static bool usable(const struct fields *f)
{
    return token_is_ncname(slice_of(f->id)) && slice_trim(slice_of(f->issuer)).n > 0 &&
           (!f->url || (slice_starts(slice_of(f->url), SLICE("https://")) && slice_find(slice_of(f->url), ' ') < 0 &&
                        slice_find(slice_of(f->url), '#') < 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fields f;
    struct arena a;
    char *text;

    if (size < 1 || size > 16384 || !is_text(slice_make(data + 1, size - 1)))
        return 0;
    text = strndup((const char *)data + 1, size - 1);
    must(text != NULL);
    split(text, &f);
    arena_init(&a, 64 * (size_t)ROOM);
    if (usable(&f)) {
        struct saml_logout_out o = {.id = f.id,
                                    .issuer = f.issuer,
                                    .destination = f.url,
                                    .issue_instant = RIG_NOW,
                                    .name_id = f.name_id,
                                    .name_id_format = f.format,
                                    .name_qualifier = f.qualifier,
                                    .session_index = f.session_index,
                                    .in_response_to = data[0] & RESPONSE ? f.in_response_to : NULL,
                                    .status = "Success",
                                    .substatus = f.substatus ? "PartialLogout" : NULL,
                                    .relay_state = f.relay_state,
                                    .sign = data[0] & SIGNED ? &rig_sp_keys()->v[0] : NULL};

        request(&f, data[0] & SIGNED, &a);
        if (f.url && slice_trim(slice_of(f.name_id)).n > 0 &&
            (!o.session_index || slice_trim(slice_of(o.session_index)).n > 0)) {
            logout_redirect(&o, &a);
            logout_post(&o, &a);
        }
    }
    arena_free(&a);
    free(text);
    return 0;
}
