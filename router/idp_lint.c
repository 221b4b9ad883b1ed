/* idp_lint.c - see idp_lint.h. */
#include "router/idp_lint.h"

#include "router/profile.h"
#include "saml/check.h"

#define DAY 86400
#define SOON (30 * (int64_t)DAY)
#define ENTITY_ID_MAX 1024 /* SAML core 8.3.6 */

#define CLAIMS "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

struct lint {
    const struct config *config;
    const struct config_idp *idp;
    int64_t now;
    struct conf_problems *p;
};

/* Where an option is written; the whole block if it is not. */
static const struct conf_node *at(const struct lint *l, const char *option)
{
    const struct conf_node *n = conf_get(l->idp->node, option);

    return n ? n : l->idp->node;
}

#define WARN(l, option, ...) conf_problem((l)->p, CONF_WARNING, at((l), (option)), __VA_ARGS__)
#define FAULT(l, option, ...) conf_problem((l)->p, CONF_ERROR, at((l), (option)), __VA_ARGS__)

static bool is_one_of(const char *text, const char *const *list)
{
    for (size_t i = 0; list[i]; i++) {
        if (slice_is_nocase(slice_of(text), list[i]))
            return true;
    }
    return false;
}

static long long days(int64_t seconds)
{
    return (long long)(seconds / DAY);
}

/*
 * For every product
 */

/* What people are renamed by, and what is given to the next one. */
static void lint_subject(const struct lint *l)
{
    static const char *const mutable_names[] = {"email",
                                                "mail",
                                                "emailaddress",
                                                "username",
                                                "login",
                                                "uid",
                                                "upn",
                                                "userprincipalname",
                                                "name",
                                                "displayname",
                                                SAML_CLAIM_EMAIL,
                                                SAML_CLAIM_DISPLAY_NAME,
                                                CLAIMS "name",
                                                CLAIMS "upn",
                                                "urn:oid:1.2.840.113549.1.9.1",      /* X500 email */
                                                "urn:oid:0.9.2342.19200300.100.1.1", /* uid */
                                                "urn:oid:0.9.2342.19200300.100.1.3", /* mail */
                                                "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",  /* eduPersonPrincipalName */
                                                NULL};
    const struct config_idp *idp = l->idp;
    bool entra = idp->profile == PROFILE_ENTRA;

    if (!idp->subject_from || !conf_get(idp->node, "subject_from"))
        return;
    if (is_one_of(idp->subject_from, mutable_names))
        conf_problem(l->p, entra ? CONF_ERROR : CONF_WARNING, at(l, "subject_from"),
                     "subject_from: '%s' can change, and can be given to somebody else, who then has the account%s",
                     idp->subject_from, entra ? "; leave it out: the objectidentifier claim is the key" : "");
    else if (strcmp(idp->subject_from, "nameid") == 0 && entra)
        WARN(l, "subject_from",
             "subject_from: Entra's NameID is the user principal name unless changed there, and can be given to "
             "somebody else; leave it out: the objectidentifier claim is the key");
    else if (strcmp(idp->subject_from, "nameid") == 0 && idp->email_from && strcmp(idp->email_from, "nameid") == 0)
        WARN(l, "subject_from",
             "subject_from and email_from are both the NameID: an address can change, and can be given to somebody "
             "else, who then has the account. Let the IdP send an identifier of its own as an attribute");
}

static void lint_keys(const struct lint *l)
{
    const struct saml_trust *t = &l->idp->trust;
    unsigned least = config_idp_allow(l->idp, l->now) & SAML_ALLOW_RSA1024 ? 1024 : 2048;

    for (size_t i = 0; i < t->nkeys; i++) {
        const struct saml_key *key = &t->keys[i];

        if (key->type == SAML_KEY_RSA && key->bits < least)
            WARN(l, "metadata",
                 "the key of '%s' has %u bits: what it signs is refused (key-too-weak); ask for a new one, "
                 "or allow rsa1024 until a date",
                 key->subject, key->bits);
        if (key->not_after == 0)
            continue;
        if (key->not_after <= l->now)
            WARN(l, "metadata", "certificate '%s' has expired; its key still counts, as it is pinned%s", key->subject,
                 l->idp->profile == PROFILE_ENTRA && t->nkeys == 1
                     ? ". Entra goes over to a newer certificate by itself, or signs nothing (AADSTS50003): save the "
                       "metadata anew"
                     : "");
        else if (key->not_after - l->now <= SOON)
            WARN(l, "metadata", "certificate '%s' expires in %lld days: the IdP will sign with another key%s",
                 key->subject, days(key->not_after - l->now),
                 l->idp->metadata_is_url ? "" : "; save its metadata anew then (otherwise: signature-invalid)");
    }
}

static void lint_metadata(const struct lint *l)
{
    const struct saml_trust *t = &l->idp->trust;
    struct err e = ERR_INIT;
    struct url sso;

    if (!l->idp->metadata_is_url && !l->idp->metadata_valid_until && t->valid_until != 0 && t->valid_until <= l->now)
        WARN(l, "metadata", "the saved metadata is past its validUntil by %lld days: save it anew, or give its URL",
             days(l->now - t->valid_until));
    if (t->sso_redirect && url_parse(slice_of(t->sso_redirect), &sso, &e) == 0 && !sso.https)
        WARN(l, "metadata", "the sign-on URL is http: %s", t->sso_redirect);
    if (t->want_signed_requests && !l->idp->sign_requests)
        WARN(l, "sign_requests",
             "the metadata wants signed requests (WantAuthnRequestsSigned): set sign_requests and sp_keys%s",
             l->idp->profile == PROFILE_ENTRA ? " (AADSTS76021)" : "");
}

static void lint_exceptions(const struct lint *l)
{
    const struct config_idp *idp = l->idp;

    for (size_t i = 0; i < idp->nexceptions; i++) {
        const struct config_exception *x = &idp->exceptions[i];
        int64_t left = x->until - l->now;

        if (left > 0 && left <= SOON)
            conf_problem(l->p, CONF_WARNING, x->node,
                         "the exception '%s' ends in %lld days; from then on such logins are refused (%s)", x->name,
                         days(left), x->allow == SAML_ALLOW_RSA1024 ? "key-too-weak" : "algorithm-not-allowed");
        if (left > 0 && x->allow == SAML_ALLOW_RSA15 && l->config->sp_key_files.n == 0)
            conf_problem(l->p, CONF_WARNING, x->node,
                         "the exception 'rsa15' is about decryption, and there is no key to decrypt with (sp_keys)");
        if (left > 0 && x->allow == SAML_ALLOW_SHA1 && idp->profile == PROFILE_ENTRA)
            conf_problem(l->p, CONF_WARNING, x->node,
                         "Entra signs with SHA-256 by default: set Signing Algorithm there, and remove the exception");
    }
}

/* Ours towards this identity provider: the Issuer of requests, the Audience of assertions. */
static void lint_entity_id(const struct lint *l)
{
    bool own = conf_get(l->idp->node, "entity_id") != NULL, entra = l->idp->profile == PROFILE_ENTRA;
    const struct conf_node *where = own ? at(l, "entity_id") : conf_get(conf_root(l->config->doc), "entity_id");
    struct slice id = slice_of(l->idp->entity_id);
    bool blank = false;

    if (!id.p || !where) /* made of public_url: sound */
        return;
    for (size_t i = 0; i < id.n; i++)
        blank |= id.p[i] == ' ' || id.p[i] == '\t' || id.p[i] == '\n' || id.p[i] == '\r';
    if (id.n == 0 || blank || id.n > ENTITY_ID_MAX)
        conf_problem(l->p, CONF_ERROR, where,
                     "entity_id '%s' is empty, holds a blank, or has more than %d characters: it must be, octet by "
                     "octet, what the IdP has%s",
                     l->idp->entity_id, ENTITY_ID_MAX, entra ? " as Identifier (Entity ID) (AADSTS700016)" : "");
    else if (entra && slice_find(id, ':') <= 0)
        conf_problem(l->p, CONF_WARNING, where,
                     "entity_id '%s' is not a URI: Entra knows none under that Identifier (AADSTS700016), or puts "
                     "'spn:' before it in the assertion (audience-mismatch)",
                     l->idp->entity_id);
}

static void lint_sp_keys(const struct lint *l)
{
    const struct saml_sp_keys *keys = &l->config->sp_keys;
    int64_t end = keys->n ? keys->v[0].not_after : 0;

    if (l->idp->sign_requests && end != 0 && end - l->now <= SOON)
        WARN(l, "sign_requests",
             "the certificate of the first of sp_keys %s: put a new one in front, and give it to %s%s",
             end <= l->now ? "has expired" : "expires within 30 days", l->idp->name,
             l->idp->profile == PROFILE_ENTRA ? " as verification certificate (AADSTS76021)" : "");
}

/*
 * Entra
 */

/*
 * A sign-on URL under a name that is reserved for tests (RFC 6761), or of this machine, is no Entra: a stand-in cannot
 * answer with its errors.
 */
static bool is_stand_in(const struct config_idp *idp)
{
    const char *text = idp->metadata_is_url ? idp->metadata : idp->trust.sso_redirect;
    struct err e = ERR_INIT;
    struct slice host;
    struct url u;

    if (!text || url_parse(slice_of(text), &u, &e) != 0)
        return false;
    host = slice_of(u.host);
    return slice_is(host, "localhost") || slice_ends(host, SLICE(".localhost")) || slice_ends(host, SLICE(".test")) ||
           slice_starts(host, SLICE("127.")) || slice_is(host, "::1");
}

static bool is_microsoft(const struct url *u)
{
    static const char *const hosts[] = {"login.microsoftonline.com", "login.microsoftonline.us",
                                        "login.partner.microsoftonline.cn", "login.windows.net", NULL};

    return is_one_of(u->host, hosts);
}

/* The first segment of the path. */
static struct slice first_segment(const struct url *u)
{
    struct slice rest = slice_make(u->path.p + 1, u->path.n - 1), segment;

    return slice_split(&rest, '/', &segment) ? segment : (struct slice){"", 0};
}

/* Not of one tenant: its entity ID is a template, and everybody's directory may sign in. */
static bool is_everybodys(struct slice tenant)
{
    return slice_is_nocase(tenant, "common") || slice_is_nocase(tenant, "organizations") ||
           slice_is_nocase(tenant, "consumers");
}

static bool has_app_id(const struct url *u)
{
    struct slice rest = u->query, field;

    while (u->has_query && slice_split(&rest, '&', &field)) {
        ptrdiff_t equals = slice_find(field, '=');

        if (equals > 0 && slice_is_nocase(slice_make(field.p, (size_t)equals), "appid") &&
            profile_is_guid(slice_make(field.p + equals + 1, field.n - (size_t)equals - 1)))
            return true;
    }
    return false;
}

static void lint_entra_url(const struct lint *l)
{
    struct err e = ERR_INIT;
    struct slice tenant;
    struct url u;

    if (!l->idp->metadata_is_url || url_parse(slice_of(l->idp->metadata), &u, &e) != 0 || !is_microsoft(&u))
        return;
    tenant = first_segment(&u);
    if (is_everybodys(tenant))
        FAULT(l, "metadata",
              "'%.*s' is not a tenant: its entity ID is the template https://sts.windows.net/{tenant}/, which no "
              "assertion has (issuer-mismatch, AADSTS50194); use the App Federation Metadata Url of your application",
              SLICE_ARG(tenant));
    else if (l->idp->tenant && profile_is_guid(tenant) && !slice_is_nocase(tenant, l->idp->tenant))
        FAULT(l, "tenant", "tenant is not the one of the metadata URL, %.*s (tenant-mismatch)", SLICE_ARG(tenant));
    if (!has_app_id(&u))
        WARN(l, "metadata",
             "the metadata URL has no ?appid=APPLICATION-ID: it lists the tenant's keys, not that of your application "
             "(signature-invalid); use its App Federation Metadata Url");
}

static void lint_entra_issuer(const struct lint *l)
{
    const char *issuer = l->idp->trust.issuer;
    char tenant[PROFILE_TENANT_SIZE];

    if (!issuer)
        return;
    if (strchr(issuer, '{'))
        FAULT(l, "metadata",
              "the IdP's entity ID is a template, '%s', which no assertion has (issuer-mismatch, AADSTS50194): this is "
              "metadata of /common or /organizations; save that of your application",
              issuer);
    else if (!profile_entra_tenant(slice_of(issuer), tenant))
        WARN(l, "metadata",
             "the IdP's entity ID, '%s', is not https://sts.windows.net/TENANT/: %s, or this is another "
             "product's metadata (issuer-mismatch)",
             issuer,
             l->idp->tenant ? "tenant stands for it"
                            : "no tenant is known to compare with, unless the option tenant is given");
    else if (l->idp->tenant && !slice_is_nocase(slice_of(tenant), l->idp->tenant))
        FAULT(l, "tenant", "tenant is not the one of the IdP's entity ID, %s (tenant-mismatch)", tenant);
}

static void lint_entra_sso(const struct lint *l)
{
    struct err e = ERR_INIT;
    struct url u;

    if (l->idp->trust.sso_redirect && url_parse(slice_of(l->idp->trust.sso_redirect), &u, &e) == 0 &&
        is_everybodys(first_segment(&u)) && !strchr(l->idp->trust.issuer ? l->idp->trust.issuer : "", '{'))
        FAULT(l, "metadata", "the sign-on URL is not of one tenant: %s (AADSTS50194)", l->idp->trust.sso_redirect);
}

static void lint_entra_reply_url(const struct lint *l)
{
    if (l->config->acs_url && !l->config->public_parsed.https)
        conf_problem(l->p, CONF_WARNING, conf_get(conf_root(l->config->doc), "public_url"),
                     "Entra takes an https Reply URL only, and %s is none (AADSTS50011)", l->config->acs_url);
}

static void lint_entra_claims(const struct lint *l)
{
    static const char *const names[] = {"nameid", CLAIMS "name", CLAIMS "upn", "upn", "name", NULL};
    const struct config_idp *idp = l->idp;

    if (idp->email_from && is_one_of(idp->email_from, names))
        WARN(l, "email_from",
             "email_from: '%s' is the user principal name, which is not the mail address (guests: "
             "alice_partner.org#EXT#@...; email-missing, email-domain-not-owned); leave it out: the emailaddress claim "
             "is it",
             idp->email_from);
    if (idp->groups_overage_from && idp->groups_overage_from[0] == '\0')
        FAULT(l, "groups_overage_from",
              "groups_overage_from is empty: past 150 groups Entra sends none, and nobody would be kept out by one");
}

static void lint_entra_domains(const struct lint *l)
{
    for (size_t i = 0; i < l->idp->domains.n; i++) {
        if (domain_covers("onmicrosoft.com", l->idp->domains.v[i]))
            WARN(l, "domains",
                 "%s: addresses of a tenant's initial domain are user principal names, those of guests among them, and "
                 "rarely anybody's mail; list the domains of your addresses",
                 l->idp->domains.v[i]);
    }
}

static void lint_entra(const struct lint *l)
{
    lint_entra_url(l);
    lint_entra_issuer(l);
    lint_entra_sso(l);
    lint_entra_reply_url(l);
}

void idp_lint(const struct config *c, int64_t now, struct conf_problems *p)
{
    for (size_t i = 0; i < c->nidps; i++) {
        struct lint l = {.config = c, .idp = &c->idps[i], .now = now, .p = p};

        if (!l.idp->metadata) /* said already */
            continue;
        lint_subject(&l);
        lint_keys(&l);
        lint_metadata(&l);
        lint_exceptions(&l);
        lint_entity_id(&l);
        lint_sp_keys(&l);
        if (l.idp->profile != PROFILE_ENTRA)
            continue;
        lint_entra_claims(&l);
        lint_entra_domains(&l);
        if (!is_stand_in(l.idp))
            lint_entra(&l);
    }
}
