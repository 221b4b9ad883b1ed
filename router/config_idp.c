/* config_idp.c - the identity providers of the configuration: options, metadata files, exceptions. */
#include "router/config_impl.h"

#include "base/clock.h"
#include "router/profile.h"
#include "saml/check.h"
#include "saml/metadata.h"

#define MINUTE 60
#define DAY 86400
#define REFRESH_DEFAULT (6 * 3600)
#define SIGNER_FILE_MAX (64 * 1024)

/* clang-format off */
#define O(field) offsetof(struct config_idp, field)
static const struct conf_option idp_options[] = {
    {"profile", CONF_T_ENUM, O(profile), 0, "generic", profile_names, 0, 0, "The product: defaults for the claim options below, and what is checked besides. With `adfs`, `okta`, `google` and `keycloak` subject_from must be given, as none of them sends an immutable identifier on its own."},
    {"metadata", CONF_T_STRING, O(metadata), CONF_REQUIRED, NULL, NULL, 0, 0, "The IdP's metadata: a file, or an https URL that is fetched and refreshed (Entra: the App Federation Metadata Url, with its `?appid=`)."},
    {"refresh", CONF_T_DURATION, O(refresh), 0, NULL, NULL, 5 * MINUTE, 7 * DAY, "From one fetch of the metadata URL to the next, `6h` unless given; with jitter, and earlier when a signature is by an unknown key."},
    {"metadata_private", CONF_T_BOOL, O(metadata_private), 0, "no", NULL, 0, 0, "Whether the metadata URL may lead to a private, loopback or link-local address."},
    {"metadata_ca", CONF_T_PATH, O(metadata_ca), 0, NULL, NULL, 0, 0, "PEM file of the certificate authority behind the metadata URL; the system's unless given."},
    {"metadata_signer", CONF_T_PATH, O(metadata_signer), 0, NULL, NULL, 0, 0, "PEM file with certificates or public keys: metadata from the URL counts only if it is signed by one of them. Whoever put a file there vouches for it."},
    {"metadata_valid_until", CONF_T_BOOL, O(metadata_valid_until), 0, "no", NULL, 0, 0, "Whether metadata needs a validUntil that has not passed."},
    {"domains", CONF_T_DOMAINS, O(domains), CONF_REQUIRED, NULL, NULL, 0, 0, "The only e-mail domains this IdP may speak for."},
    {"email_from", CONF_T_STRING, O(email_from), 0, NULL, NULL, 0, 0, "The one source of the e-mail: an attribute name or `nameid`. Entra and ADFS: the emailaddress claim, never the UPN; Keycloak: its X500 email; Shibboleth: mail; otherwise `nameid`."},
    {"subject_from", CONF_T_STRING, O(subject_from), 0, NULL, NULL, 0, 0, "The immutable identifier that is the key of an account: an attribute name or `nameid`. Entra: its objectidentifier claim; Shibboleth: subject-id; generic: `nameid`, with a warning."},
    {"name_from", CONF_T_STRING, O(name_from), 0, NULL, NULL, 0, 0, "Attribute with the display name. Entra: its displayname claim; ADFS: CommonName; Shibboleth: displayName by its OID; otherwise `displayName`."},
    {"groups_from", CONF_T_STRING, O(groups_from), 0, NULL, NULL, 0, 0, "Attribute with the groups. Entra: its groups claim; ADFS: Group; Keycloak: `Role`; Shibboleth: eduPersonEntitlement; otherwise `groups`."},
    {"groups_overage_from", CONF_T_STRING, O(groups_overage_from), 0, NULL, NULL, 0, 0, "Attribute whose presence says that not all groups fit: they count as unknown, never as none. Entra: groups.link."},
    {"tenant", CONF_T_STRING, O(tenant), 0, NULL, NULL, 0, 0, "Entra's tenant ID, which the signed tenantid claim must be. That of the IdP's entity ID unless given."},
    {"guest_domains", CONF_T_DOMAINS, O(guest_domains), 0, NULL, NULL, 0, 0, "Entra: those of `domains` that guests of the tenant (#EXT#, or authenticated elsewhere) may have an address in. Guests are refused unless given."},
    {"whr", CONF_T_STRING, O(whr), 0, NULL, NULL, 0, 0, "Entra's home realm hint: a federated domain of the tenant, or `address` for the domain of the typed address. Not sent unless given."},
    {"sign_requests", CONF_T_BOOL, O(sign_requests), 0, "no", NULL, 0, 0, "Whether AuthnRequests and logout messages are signed (RSA-SHA256) with the first of sp_keys. Entra: for *Require verification certificates*; upload that certificate there."},
    {"logout_issuer", CONF_T_STRING, O(logout_issuer), 0, NULL, NULL, 0, 0, "A second issuer that logout messages may have. Entra: `https://login.microsoftonline.com/TENANT/`."},
    {"skew", CONF_T_DURATION, O(skew), 0, "60s", NULL, 0, SAML_SKEW_MAX, "Clock allowance."},
    {"entity_id", CONF_T_STRING, O(entity_id), 0, NULL, NULL, 0, 0, "This service's entity ID towards this IdP, if not the general one."},
    {"allow", CONF_T_NODE, O(allow_node), 0, NULL, NULL, 0, 0, "Exceptions to the accepted algorithms, each with an end: a list of `{ name: sha1, until: 2027-01-31 }`."},
};
#undef O
#define O(field) offsetof(struct config_exception, field)
static const struct conf_option exception_options[] = {
    {"name", CONF_T_STRING, O(name), CONF_REQUIRED, NULL, NULL, 0, 0, "`sha1` in a signature or digest, `rsa1024`: RSA keys of 1024 to 2047 bits, `rsa15`: RSA 1.5 key transport. As `--allow` of `usher verify`."},
    {"until", CONF_T_TIME, O(until), CONF_REQUIRED, NULL, NULL, 0, 0, "Not in force from then on: `2027-01-31` ends with the 30th, UTC. At most 400 days ahead."},
};
#undef O
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof *(a))
static const struct conf_table idp_table = {"idps.NAME", "One identity provider.", idp_options, COUNT(idp_options)};
static const struct conf_table exception_table = {"idps.NAME.allow[]",
                                                  "One exception. Those in force are listed at every start.",
                                                  exception_options, COUNT(exception_options)};

/* Where an option is written; the whole block if it is not. */
static const struct conf_node *at(const struct config_idp *idp, const char *option)
{
    const struct conf_node *n = conf_get(idp->node, option);

    return n ? n : idp->node;
}

/*
 * Metadata
 */

/* A path becomes absolute, a URL must be https: whoever can change metadata on its way decides who signs in. */
static void find_metadata(struct config *c, struct config_idp *idp, struct conf_problems *p)
{
    const struct conf_node *where = at(idp, "metadata");
    struct err e = ERR_INIT;
    struct url url;

    if (!strstr(idp->metadata, "://")) {
        if (idp->metadata[0] != '/')
            idp->metadata = arena_printf(&c->arena, "%s/%s", conf_dir(where), idp->metadata);
    } else if (url_parse(slice_of(idp->metadata), &url, &e) != 0) {
        idp->metadata_is_url = true;
        (void)err_wrap(&e, "metadata");
        conf_problem_err(p, where, &e);
    } else {
        idp->metadata_is_url = true;
        if (!url.https)
            conf_problem(p, CONF_ERROR, where, "metadata over http can be changed by whoever is on the way: use https");
    }
    if (idp->metadata_is_url && idp->refresh == 0)
        idp->refresh = REFRESH_DEFAULT;
    if (!idp->metadata_is_url) {
        if (idp->refresh != 0)
            conf_problem(p, CONF_ERROR, at(idp, "refresh"), "refresh is for a metadata URL; a file is read at start");
        if (idp->metadata_private)
            conf_problem(p, CONF_ERROR, at(idp, "metadata_private"), "metadata_private is for a metadata URL");
        if (idp->metadata_ca)
            conf_problem(p, CONF_ERROR, at(idp, "metadata_ca"), "metadata_ca is for a metadata URL");
        if (idp->metadata_signer)
            conf_problem(p, CONF_ERROR, at(idp, "metadata_signer"),
                         "metadata_signer is for a metadata URL: whoever put the file there vouches for it");
    }
}

static void load_signer(struct config_idp *idp, struct conf_problems *p)
{
    struct err e = ERR_INIT;
    struct buf pem;

    if (!idp->metadata_signer)
        return;
    buf_init(&pem, SIGNER_FILE_MAX);
    if (config_read_file(idp->metadata_signer, &pem, &e) != 0 ||
        saml_trust_add_pem(&idp->signer, buf_slice(&pem), &e) != 0)
        conf_problem_err(p, at(idp, "metadata_signer"), &e);
    buf_free(&pem);
}

/* The metadata must name the entity, a signing key and a redirect sign-on URL: without one of them no login can work.
 */
static void load_metadata(struct config_idp *idp, int64_t now, struct conf_problems *p)
{
    const struct conf_node *where = at(idp, "metadata");
    struct err e = ERR_INIT;
    struct buf content;

    buf_init(&content, SAML_METADATA_MAX);
    if (config_read_file(idp->metadata, &content, &e) != 0 ||
        saml_trust_add_file(&idp->trust, buf_slice(&content), NULL, &e) != 0)
        conf_problem_err(p, where, &e);
    else if (!idp->trust.issuer)
        conf_problem(p, CONF_ERROR, where,
                     "'%s' is a certificate; metadata is needed, which names the IdP and its sign-on URL",
                     idp->metadata);
    else if (!idp->trust.sso_redirect)
        conf_problem(p, CONF_ERROR, where, "the metadata offers no SingleSignOnService with HTTP-Redirect");
    else if (idp->metadata_valid_until && idp->trust.valid_until <= now)
        conf_problem(p, CONF_ERROR, where, "metadata_valid_until: the metadata %s",
                     idp->trust.valid_until ? "is past its validUntil; save it anew" : "has no validUntil");
    buf_free(&content);
}

/*
 * Exceptions
 */

static bool read_exception(struct config *c, struct config_idp *idp, const struct conf_node *n, int64_t now,
                           struct config_exception *ret, struct conf_problems *p)
{
    const struct conf_node *name, *until;

    ret->node = n;
    if (!conf_read_map(n, &exception_table, ret, &c->arena, p))
        return false;
    name = conf_get(n, "name");
    until = conf_get(n, "until");
    ret->allow = saml_allow_by_name(slice_of(ret->name));
    if (ret->allow == 0) {
        conf_problem(p, CONF_ERROR, name, "'%s' is not one of sha1, rsa1024, rsa15", ret->name);
        return false;
    }
    for (size_t i = 0; i < idp->nexceptions; i++) {
        if (idp->exceptions[i].allow == ret->allow) {
            conf_problem(p, CONF_ERROR, name, "the exception '%s' is given twice", ret->name);
            return false;
        }
    }
    if (ret->until > now + (int64_t)CONFIG_EXCEPTION_DAYS_MAX * DAY) {
        conf_problem(p, CONF_ERROR, until, "an exception ends within %d days; renew it when it does",
                     CONFIG_EXCEPTION_DAYS_MAX);
        return false;
    }
    if (ret->until <= now)
        conf_problem(p, CONF_WARNING, until, "the exception '%s' has ended and is not in force: remove it", ret->name);
    return true;
}

static void read_exceptions(struct config *c, struct config_idp *idp, int64_t now, struct conf_problems *p)
{
    const struct conf_node *n = idp->allow_node;

    if (!n)
        return;
    if (conf_kind(n) != CONF_SEQ) {
        conf_problem(p, CONF_ERROR, n, "allow is a list of { name: sha1, until: DATE }: every exception has an end");
        return;
    }
    for (size_t i = 0; i < conf_count(n); i++) {
        struct config_exception x = {.allow = 0};

        /* no more than there are names, as none can be there twice */
        if (read_exception(c, idp, conf_item(n, i), now, &x, p) && idp->nexceptions < CONFIG_EXCEPTIONS_MAX)
            idp->exceptions[idp->nexceptions++] = x;
    }
    idp->allow = config_idp_allow(idp, now);
}

unsigned config_idp_allow(const struct config_idp *idp, int64_t now)
{
    unsigned allow = 0;

    for (size_t i = 0; i < idp->nexceptions; i++) {
        if (now < idp->exceptions[i].until)
            allow |= idp->exceptions[i].allow;
    }
    return allow;
}

void config_print_exceptions(const struct config *c, int64_t now, struct buf *out)
{
    char until[TIME_TEXT_SIZE];

    for (size_t i = 0; i < c->nidps; i++) {
        for (size_t k = 0; k < c->idps[i].nexceptions; k++) {
            const struct config_exception *x = &c->idps[i].exceptions[k];

            if (now >= x->until)
                continue;
            time_format(x->until, until);
            buf_printf(out, "exception %s of idps.%s ends %s (in %lld days)\n", x->name, c->idps[i].name, until,
                       (long long)((x->until - now) / DAY));
        }
    }
}

/* What cannot be seen from here: whether Entra has the same texts. */
void config_print_registration(const struct config *c, struct buf *out)
{
    for (size_t i = 0; i < c->nidps; i++) {
        const struct config_idp *idp = &c->idps[i];

        if (idp->profile != PROFILE_ENTRA)
            continue;
        buf_printf(out,
                   "idps.%s: Entra must have, octet by octet, the Identifier (Entity ID) %s (otherwise AADSTS700016), "
                   "and the Reply URL %s (otherwise AADSTS50011)\n",
                   idp->name, idp->entity_id, c->acs_url);
        if (idp->sign_requests)
            buf_printf(out, "idps.%s: Entra must have the certificate in %s as verification certificate\n", idp->name,
                       c->sp_key_files.v[0]);
    }
}

/*
 * One identity provider
 */

static bool is_among(const struct conf_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->v[i], text) == 0)
            return true;
    }
    return false;
}

static void check_entra_options(struct config *c, struct config_idp *idp, struct conf_problems *p)
{
    char domain[DOMAIN_MAX + 1];
    struct err e = ERR_INIT;

    if (idp->profile != PROFILE_ENTRA) {
        static const char *const only[] = {"tenant", "guest_domains", "whr"};

        for (size_t i = 0; i < COUNT(only); i++) {
            if (conf_get(idp->node, only[i]))
                conf_problem(p, CONF_ERROR, at(idp, only[i]), "%s is for profile: entra", only[i]);
        }
        return;
    }
    if (idp->tenant && !profile_is_guid(slice_of(idp->tenant)))
        conf_problem(p, CONF_ERROR, at(idp, "tenant"), "'%s' is not a tenant ID (8-4-4-4-12 hexadecimal digits)",
                     idp->tenant);
    for (size_t i = 0; i < idp->guest_domains.n; i++) {
        if (!is_among(&idp->domains, idp->guest_domains.v[i]))
            conf_problem(p, CONF_ERROR, at(idp, "guest_domains"),
                         "%s is not in domains: the IdP may not speak for it at all", idp->guest_domains.v[i]);
    }
    if (!idp->whr || strcmp(idp->whr, "address") == 0)
        return;
    if (domain_parse(slice_of(idp->whr), false, domain, &e) != 0) {
        (void)err_wrap(&e, "whr is a domain, or `address`");
        conf_problem_err(p, at(idp, "whr"), &e);
    } else {
        idp->whr = arena_strdup(&c->arena, domain);
    }
}

/* The account key is a decision of security: who has it is that person. */
static void check_subject(const struct config_idp *idp, struct conf_problems *p)
{
    if (idp->subject_from)
        return;
    if (idp->profile == PROFILE_GENERIC)
        conf_problem(p, CONF_WARNING, idp->node,
                     "subject_from is not given: accounts are keyed by NameID, which must then "
                     "be persistent and never given to somebody else (an e-mail address is neither)");
    else if (!profile_get((enum idp_profile)idp->profile)->subject_from)
        conf_problem(p, CONF_ERROR, idp->node,
                     "subject_from is missing: profile %s sends no immutable identifier on its own. Name the attribute "
                     "that you set up for it, or nameid if that is persistent and never given to somebody else",
                     profile_names[idp->profile]);
}

/* Entra signs logout messages with another issuer than assertions. */
static void default_logout_issuer(struct config *c, struct config_idp *idp)
{
    char tenant[PROFILE_TENANT_SIZE];
    const char *t = idp->tenant;

    if (!t && idp->trust.issuer && profile_entra_tenant(slice_of(idp->trust.issuer), tenant))
        t = tenant;
    if (idp->profile == PROFILE_ENTRA && !idp->logout_issuer && t)
        idp->logout_issuer = arena_printf(&c->arena, "https://login.microsoftonline.com/%s/", t);
}

static void read_idp(struct config *c, struct config_idp *idp, int64_t now, struct conf_problems *p)
{
    (void)conf_read_map(idp->node, &idp_table, idp, &c->arena, p);
    if (!idp->metadata || conf_kind(idp->node) != CONF_MAP)
        return;
    find_metadata(c, idp, p);
    load_signer(idp, p);
    read_exceptions(c, idp, now, p);
    idp->trust.allow = idp->allow;
    check_entra_options(c, idp, p);
    check_subject(idp, p);
    profile_defaults(idp);
    if (idp->domains.n == 0 && conf_get(idp->node, "domains")) /* an empty list must not read as "no limit" */
        conf_problem(p, CONF_ERROR, at(idp, "domains"), "needs at least one domain");
    if (!idp->metadata_is_url)
        load_metadata(idp, now, p);
    default_logout_issuer(c, idp);
}

void config_idps_read(struct config *c, struct conf_problems *p)
{
    const struct conf_node *n = c->idps_node;
    int64_t now = clock_now();

    if (!n)
        return;
    if (conf_kind(n) != CONF_MAP || conf_count(n) > CONFIG_IDPS_MAX) {
        conf_problem(p, CONF_ERROR, n, "idps is a mapping of at most %d entries: NAME: { ... }", CONFIG_IDPS_MAX);
        return;
    }
    c->idps = arena_array(&c->arena, conf_count(n), sizeof *c->idps);
    if (!c->idps) {
        conf_problem(p, CONF_ERROR, n, "no memory for %zu identity providers", conf_count(n));
        return;
    }
    for (size_t i = 0; i < conf_count(n); i++) {
        struct config_idp *idp = &c->idps[c->nidps];

        idp->node = conf_item(n, i);
        idp->name = arena_strdup(&c->arena, conf_text(conf_key(n, i)));
        saml_trust_init(&idp->trust);
        saml_trust_init(&idp->signer);
        c->nidps++;
        read_idp(c, idp, now, p);
        for (size_t k = 0; idp->trust.issuer && k + 1 < c->nidps; k++) {
            if (c->idps[k].trust.issuer && strcmp(c->idps[k].trust.issuer, idp->trust.issuer) == 0)
                conf_problem(p, CONF_ERROR, conf_key(n, i), "has the same entity ID as idps.%s", c->idps[k].name);
        }
    }
}

void config_idps_finish(struct config *c, struct conf_problems *p)
{
    for (size_t i = 0; i < c->nidps; i++) {
        struct config_idp *idp = &c->idps[i];

        if (!idp->entity_id)
            idp->entity_id = c->entity_id;
        if (idp->sign_requests && c->sp_key_files.n == 0)
            conf_problem(p, CONF_ERROR, at(idp, "sign_requests"), "sign_requests needs a key: sp_keys is not given");
    }
}

void config_idps_free(struct config *c)
{
    for (size_t i = 0; i < c->nidps; i++) {
        saml_trust_free(&c->idps[i].trust);
        saml_trust_free(&c->idps[i].signer);
    }
}

void config_idps_print(const struct config *c, struct buf *out)
{
    if (c->nidps)
        buf_add_str(out, "idps:\n");
    for (size_t i = 0; i < c->nidps; i++) {
        const struct config_idp *idp = &c->idps[i];

        buf_printf(out, "  %s:\n", idp->name);
        conf_print_map(&idp_table, idp, 2, out);
        if (idp->nexceptions)
            buf_add_str(out, "    allow:\n");
        for (size_t k = 0; k < idp->nexceptions; k++) {
            buf_add_str(out, "      -\n");
            conf_print_map(&exception_table, &idp->exceptions[k], 4, out);
        }
    }
}

void config_idps_print_docs(struct buf *out)
{
    conf_print_docs(&idp_table, out);
    conf_print_docs(&exception_table, out);
}
