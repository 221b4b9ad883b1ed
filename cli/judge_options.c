/* judge_options.c - see judge_options.h. */
#include "cli/judge_options.h"

#include "base/clock.h"

#define TRUST_FILE_MAX (16 * 1024 * 1024)

/* --issuer picks from an aggregate; metadata of one entity is that entity's, whatever is expected: see
 * judge_check_issuer(). */
static int add_trust(struct saml_trust *t, struct slice content, const char *issuer, struct err *e)
{
    struct err single = ERR_INIT;

    if (saml_trust_add_file(t, content, NULL, &single) == 0)
        return 0;
    if (issuer && single.code == ERR_METADATA)
        return saml_trust_add_file(t, content, issuer, e);
    *e = single;
    return -1;
}

static bool same_issuer(const struct saml_trust *a, const struct saml_trust *b)
{
    return a->issuer && b->issuer ? strcmp(a->issuer, b->issuer) == 0 : !a->issuer && !b->issuer;
}

/* What the file holds is of an issuer that has a trust already, or of a new one. */
static int add_to_its_own(struct judge_setup *s, struct slice content, const char *issuer, struct err *e)
{
    struct saml_trust t;
    size_t i = 0;

    saml_trust_init(&t);
    if (add_trust(&t, content, issuer, e) != 0) {
        saml_trust_free(&t);
        return -1;
    }
    while (i < s->ntrusts && !same_issuer(&s->trusts[i], &t))
        i++;
    if (i < s->ntrusts) {
        saml_trust_free(&t);
        return add_trust(&s->trusts[i], content, issuer, e);
    }
    s->trusts[s->ntrusts++] = t; /* transferred */
    return 0;
}

static int load_trust(struct judge_setup *s, const struct judge_options *o, bool several, struct err *e)
{
    for (size_t i = 0; i < o->trust.n; i++) {
        struct buf content;
        int r;

        buf_init(&content, TRUST_FILE_MAX);
        r = cli_read_file(o->trust.v[i], &content, e);
        if (r == 0 && several)
            r = add_to_its_own(s, buf_slice(&content), o->issuer, e);
        else if (r == 0)
            r = add_trust(&s->trusts[0], buf_slice(&content), o->issuer, e);
        buf_free(&content);
        if (r != 0)
            return err_wrap(e, "--trust %s", o->trust.v[i]);
    }
    if (!several)
        s->ntrusts = o->trust.n > 0;
    for (size_t i = 0; i < s->ntrusts; i++)
        s->trusts[i].allow = s->allow;
    return 0;
}

static int parse_lists(struct judge_setup *s, const struct judge_options *o, struct err *e)
{
    for (size_t i = 0; i < o->allow.n; i++) {
        unsigned flag = saml_allow_by_name(slice_of(o->allow.v[i]));

        if (!flag)
            return err_set(e, ERR_USAGE, "--allow '%s' is unknown; sha1, rsa1024 or rsa15", o->allow.v[i]);
        s->allow |= flag;
    }
    for (size_t i = 0; i < o->email_domain.n; i++) {
        if (domain_parse(slice_of(o->email_domain.v[i]), false, s->domains[i], e) != 0)
            return err_wrap(e, "--email-domain %s", o->email_domain.v[i]);
        s->domain_list[i] = s->domains[i];
    }
    for (size_t i = 0; i < o->decrypt_key.n; i++) {
        struct buf key;
        int r;

        buf_init(&key, 1024 * 1024);
        r = cli_read_file(o->decrypt_key.v[i], &key, e);
        if (r == 0)
            r = saml_sp_keys_add_pem(&s->keys, buf_slice(&key), false, e);
        buf_free_secret(&key);
        if (r != 0)
            return err_wrap(e, "--decrypt-key %s", o->decrypt_key.v[i]);
    }
    return 0;
}

static int parse_times(struct judge_setup *s, const struct judge_options *o, struct err *e)
{
    uint64_t skew = SAML_SKEW_DEFAULT;

    s->expect.now = clock_now();
    s->now_is_issued = o->now && strcmp(o->now, "issued") == 0;
    if (o->now && !s->now_is_issued && time_parse_lenient(slice_of(o->now), &s->expect.now, e) != 0)
        return err_wrap(e, "--now");
    if (o->skew && !str_to_u64(slice_of(o->skew), SAML_SKEW_MAX, &skew))
        return err_set(e, ERR_USAGE, "--skew '%s': a number of seconds from 0 to %d", o->skew, SAML_SKEW_MAX);
    s->expect.skew = (int64_t)skew;
    return 0;
}

int judge_setup_init(struct judge_setup *s, const struct judge_options *o, bool several, struct err *e)
{
    struct saml_expect *x = &s->expect;

    if (parse_lists(s, o, e) != 0 || load_trust(s, o, several, e) != 0 || parse_times(s, o, e) != 0)
        return -1;
    x->issuer = slice_of(o->issuer ? o->issuer : s->trusts[0].issuer);
    x->acs = slice_of(o->acs);
    x->audience = slice_of(o->audience);
    x->request_id = slice_of(o->request_id);
    x->unsolicited = o->unsolicited;
    x->email_from = slice_of(o->email_from ? o->email_from : SAML_CLAIM_EMAIL);
    x->email_domains = s->domain_list;
    x->nemail_domains = o->email_domain.n;
    return 0;
}

void judge_setup_free(struct judge_setup *s)
{
    for (size_t i = 0; i < CLI_LIST_MAX; i++)
        saml_trust_free(&s->trusts[i]);
    saml_sp_keys_free(&s->keys);
}

int judge_check_issuer(const struct judge_options *o, const struct saml_trust *t, struct err *e)
{
    if (o->issuer && t->issuer && strcmp(o->issuer, t->issuer) != 0)
        return err_mismatch(e, ERR_ISSUER, t->issuer, o->issuer, "the metadata is of another issuer than --issuer");
    return 0;
}
