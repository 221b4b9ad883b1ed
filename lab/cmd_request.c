/* cmd_request.c - `usher-lab authnrequest`: starts a login by hand, for scripts. */
#include "lab/lab.h"

#include "base/clock.h"
#include "saml/request.h"

#define URL_OUT_MAX (16 * 1024)

struct options {
    const char *sso, *entity_id, *acs, *id, *relay_state, *login_hint;
};

/* clang-format off */
static const struct lab_option options[] = {
    {"sso", LAB_STRING, offsetof(struct options, sso), "URL", "sign-on service of the identity provider (HTTP-Redirect)"},
    {"entity-id", LAB_STRING, offsetof(struct options, entity_id), "ID", "of the service provider"},
    {"acs", LAB_STRING, offsetof(struct options, acs), "URL", "where the Response is to be posted"},
    {"id", LAB_STRING, offsetof(struct options, id), "ID", "ID of the request; random unless given"},
    {"relay-state", LAB_STRING, offsetof(struct options, relay_state), "TEXT", "handle that comes back, at most 80 bytes"},
    {"login-hint", LAB_STRING, offsetof(struct options, login_hint), "ADDRESS", "who wants to sign in"},
};
/* clang-format on */

static int run(const struct lab_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct err e = ERR_INIT;
    char id[SAML_REQUEST_ID_SIZE];
    struct saml_request request;
    struct buf url;
    int rc = lab_parse(self, argc, argv, &o);

    if (rc != -1)
        return rc;
    if (!o.sso || !o.entity_id || !o.acs)
        return lab_usage_error(self, "--sso, --entity-id and --acs are required");
    saml_request_id(id);
    request = (struct saml_request){
        .sso_url = o.sso,
        .entity_id = o.entity_id,
        .acs_url = o.acs,
        .id = o.id ? o.id : id,
        .relay_state = o.relay_state,
        .login_hint = o.login_hint,
        .now = clock_now(),
    };
    buf_init(&url, URL_OUT_MAX);
    if (saml_request_redirect(&request, &url, &e) != 0) {
        rc = lab_fail(self, &e);
    } else {
        printf("%s\n%s\n", request.id, buf_cstr(&url));
        rc = LAB_OK;
    }
    buf_free(&url);
    return rc;
}

const struct lab_command lab_request = {
    .name = "authnrequest",
    .summary = "print the ID of an AuthnRequest, then the URL that carries it",
    .example = "  usher-lab authnrequest --sso https://idp.other.test/sso --entity-id https://login.usher.test \\\n"
               "      --acs https://login.usher.test/saml/acs --login-hint ada@usher.test",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
