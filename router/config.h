/*
 * config.h - the effective configuration of one usher: the YAML file read through option tables into one immutable
 * struct.
 *
 * Read once, checked whole, then only read: threads share it. docs/config.md and `usher config` are printed from the
 * same tables. Policy (domains, grants, rules, default) is read by policy/, which keeps the places of every rule.
 */
#ifndef USHER_ROUTER_CONFIG_H
#define USHER_ROUTER_CONFIG_H

#include "base/conf.h"
#include "policy/policy.h"
#include "saml/decrypt.h"
#include "saml/trust.h"

#define CONFIG_IDPS_MAX 64
#define CONFIG_APPS_MAX 256

#define CONFIG_EXCEPTIONS_MAX 3       /* each name once */
#define CONFIG_EXCEPTION_DAYS_MAX 400 /* an exception is renewed by somebody who looks at it again */

/* One named exception: until then SHA-1, RSA-1024 or RSA 1.5 is accepted from this identity provider. */
struct config_exception {
    const char *name; /* of saml_allow_by_name() */
    unsigned allow;   /* one SAML_ALLOW_* */
    int64_t until;    /* not in force from then on */
    const struct conf_node *node;
};

struct config_idp {
    const char *name;
    int profile;          /* enum idp_profile, see profile.h */
    const char *metadata; /* file, or URL if metadata_is_url */
    bool metadata_is_url;
    int64_t refresh;         /* seconds from one fetch of the URL to the next, before jitter */
    bool metadata_private;   /* the URL may lead to a private address */
    const char *metadata_ca; /* PEM file of the CA behind the URL; NULL: the system's */
    const char
        *metadata_signer;      /* PEM file: the metadata must be signed by one of its keys; URL only. NULL: need not */
    struct saml_trust signer;  /* those keys */
    bool metadata_valid_until; /* metadata past its validUntil, or without one, is refused */
    struct config_exception exceptions[CONFIG_EXCEPTIONS_MAX];
    size_t nexceptions;
    unsigned allow;            /* SAML_ALLOW_* of those that had not ended at start, for saml_trust.allow: the worker
                                  has no clock. The router asks config_idp_allow() for each message. */
    const char *tenant;        /* Entra: the tenant ID that must stand in its claim; NULL: that of the entity ID */
    const char *logout_issuer; /* a second issuer accepted in logout messages; NULL: none */
    bool sign_requests;        /* AuthnRequests and logout messages are signed with the first of sp_keys */
    const char *whr;           /* Entra's home realm: a domain, or "address": that of the address; NULL: not sent */
    struct conf_strings guest_domains; /* those of `domains` that guests of the directory may use */
    const char *entity_id;             /* of this service towards this IdP; NULL: the general one */
    const char *email_from;            /* "nameid" or an attribute name */
    const char *subject_from;          /* the immutable identifier: "nameid" or an attribute name */
    const char *name_from;             /* display name attribute */
    const char *groups_from;
    const char
        *groups_overage_from;    /* the attribute whose presence means "more groups than fit": unknown, never none */
    struct conf_strings domains; /* the e-mail domains this IdP may speak for */
    int64_t skew;
    struct saml_trust trust;            /* of a metadata file, as it was at start; see idp_keys.h */
    const struct conf_node *allow_node; /* the exceptions as written */
    const struct conf_node *node;
};

struct config_app {
    const char *host;                /* "wiki.example.com" or with a port that is not the scheme's */
    const char *name;                /* for pages; the host unless given */
    struct conf_strings send_groups; /* sent to the application besides allow.groups */
    const struct conf_node *allow_node;
    struct policy_app allow;
    const struct conf_node *node;
};

struct config {
    struct listen_addr listen, auth_listen;
    const char *public_url; /* origin only: no path, no trailing slash */
    struct url public_parsed;
    const char *entity_id;
    const char *acs_url; /* public_url + /saml/acs */
    const char *store;
    const char *key_dir;
    const char *tls_cert, *tls_key; /* both or none */
    struct conf_netblocks trusted_proxies;
    int64_t session_idle, session_max; /* seconds */
    int64_t events_keep;               /* seconds */
    int64_t max_connections, max_connections_per_address;
    int64_t message_max;              /* octets of XML of a SAML message */
    int64_t loops;                    /* event loops; 0: one per core */
    struct conf_strings sp_key_files; /* PEM: private key and certificate; the first signs, all decrypt */
    struct saml_sp_keys sp_keys;
    const char *slo_url; /* public_url + /saml/slo */
    const struct conf_node *idps_node, *apps_node;
    const struct conf_node *domains_node, *grants_node, *rules_node, *default_node;
    struct config_idp *idps;
    size_t nidps;
    struct config_app *apps;
    size_t napps;
    struct policy *policy;

    struct arena arena; /* owns all text above */
    struct conf_doc *doc;
};

/*
 * Reads and checks everything: syntax, types, references between sections, metadata files. All problems are recorded in
 * `p`. NULL if there is any error. Free with config_free().
 */
struct config *config_load(const char *path, struct conf_problems *p);
void config_free(struct config *c);

/* By name; NULL if there is none. */
const struct config_idp *config_idp(const struct config *c, const char *name);
/* The exceptions in force for this identity provider at `now`: SAML_ALLOW_*. */
unsigned config_idp_allow(const struct config_idp *idp, int64_t now);
/* "exception sha1 of idps.acme ends 2027-01-31T00:00:00Z (in 67 days)", one line for each in force; said at every
 * start. */
void config_print_exceptions(const struct config *c, int64_t now, struct buf *out);
/* What Entra must have been told, a line each: for `usher config --check`. */
void config_print_registration(const struct config *c, struct buf *out);
/* By host (lower case) and port; 0 stands for the default port of public_url's scheme. NULL if there is none. */
const struct config_app *config_app(const struct config *c, const char *host, uint16_t port);

/* This service provider's metadata, as `usher metadata` prints it and /saml/metadata serves it. */
void config_sp_metadata(const struct config *c, struct buf *out);
/* The effective configuration as YAML, defaults included. */
void config_print(const struct config *c, struct buf *out);
/* docs/config.md. */
void config_print_docs(struct buf *out);

#endif
