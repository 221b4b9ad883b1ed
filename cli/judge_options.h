/*
 * judge_options.h - whose signatures count and what is expected: the options that `verify` and `audit` share, and what
 * becomes of them.
 */
#ifndef USHER_CLI_JUDGE_OPTIONS_H
#define USHER_CLI_JUDGE_OPTIONS_H

#include "cli/cli.h"
#include "saml/judge.h"

struct judge_options {
    struct cli_list trust, decrypt_key, email_domain, allow;
    const char *issuer, *acs, *audience, *request_id, *now, *skew, *email_from, *replay, *format;
    bool unsolicited, signature_only;
};

/* Rows of an option table; `type` is the command's option struct and `field` its struct judge_options. */
/* clang-format off */
#define JUDGE_OPTION_ROWS(type, field, now_help, format_arg) \
    {"trust", 0, CLI_LIST, offsetof(type, field.trust), "FILE", "IdP metadata, or PEM with one or more certificates"}, \
    {"issuer", 0, CLI_STRING, offsetof(type, field.issuer), "ID", "the IdP's entity ID; needed when trust is PEM"}, \
    {"acs", 0, CLI_STRING, offsetof(type, field.acs), "URL", "this assertion consumer service (Entra: Reply URL)"}, \
    {"audience", 0, CLI_STRING, offsetof(type, field.audience), "ID", "this service provider (Entra: Identifier)"}, \
    {"request-id", 0, CLI_STRING, offsetof(type, field.request_id), "ID", "ID of the AuthnRequest that is answered"}, \
    {"unsolicited", 0, CLI_FLAG, offsetof(type, field.unsolicited), NULL, "no request was sent: InResponseTo must be absent"}, \
    {"now", 0, CLI_STRING, offsetof(type, field.now), "TIME", now_help}, \
    {"skew", 0, CLI_STRING, offsetof(type, field.skew), "SECONDS", "clock allowance, 0 to 300; 60 unless given"}, \
    {"decrypt-key", 0, CLI_LIST, offsetof(type, field.decrypt_key), "FILE", "PEM private key for what is encrypted; may be given several times"}, \
    {"email-from", 0, CLI_STRING, offsetof(type, field.email_from), "SOURCE", "'nameid' or an attribute name; Entra's emailaddress claim unless given"}, \
    {"email-domain", 0, CLI_LIST, offsetof(type, field.email_domain), "DOMAIN", "a domain this IdP may speak for"}, \
    {"replay", 0, CLI_STRING, offsetof(type, field.replay), "FILE", "remember accepted assertion IDs here, refuse one seen before"}, \
    {"allow", 0, CLI_LIST, offsetof(type, field.allow), "NAME", "a named exception: sha1, rsa1024, rsa15"}, \
    {"signature-only", 0, CLI_FLAG, offsetof(type, field.signature_only), NULL, "check signatures, no conditions"}, \
    {"format", 0, CLI_STRING, offsetof(type, field.format), format_arg, "text unless given"}
/* clang-format on */

struct judge_setup {
    struct saml_trust trusts[CLI_LIST_MAX]; /* each with the exceptions of --allow */
    size_t ntrusts;
    struct saml_expect expect; /* `issuer` is --issuer, or what the only trust names; `now` unless now_is_issued */
    bool now_is_issued;
    unsigned allow;
    struct saml_sp_keys keys; /* --decrypt-key */
    char domains[CLI_LIST_MAX][DOMAIN_MAX + 1];
    const char *domain_list[CLI_LIST_MAX];
};

/*
 * Reads the files and values that are named; `s` is zeroed, borrows from `o`, and is freed in any case. Unless
 * `several` all trust is of one identity provider and ends up in trusts[0]; otherwise metadata of each issuer has a
 * trust of its own. ERR_USAGE, ERR_IO, ERR_LIMIT, ERR_TIME, ERR_EMAIL, ERR_METADATA, ERR_TRUST.
 */
int judge_setup_init(struct judge_setup *s, const struct judge_options *o, bool several, struct err *e);
void judge_setup_free(struct judge_setup *s);

/* Keys count for the entity whose metadata names them, and for no other. ERR_ISSUER. */
int judge_check_issuer(const struct judge_options *o, const struct saml_trust *t, struct err *e);

#endif
