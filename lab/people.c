/* people.c - see people.h. */
#include "lab/people.h"

#include "saml/check.h"

#define CLAIM_IDP "http://schemas.microsoft.com/identity/claims/identityprovider"
#define CLAIM_METHODS "http://schemas.microsoft.com/claims/authnmethodsreferences"
#define METHOD_PASSWORD "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password"

struct file {
    const char *tenant;
    const struct conf_node *people;
};

/* clang-format off */
static const struct conf_option file_options[] = {
    {.name = "tenant", .type = CONF_T_STRING, .offset = offsetof(struct file, tenant), .def = "5f3c7f3e-9a4e-4a60-b0a5-6a0a0f1f0001", .help = "value of the tenantid claim"},
    {.name = "people", .type = CONF_T_NODE, .offset = offsetof(struct file, people), .flags = CONF_REQUIRED, .help = "list of people"},
};
static const struct conf_option person_options[] = {
    {.name = "name", .type = CONF_T_STRING, .offset = offsetof(struct person, name), .flags = CONF_REQUIRED, .help = "user principal name"},
    {.name = "email", .type = CONF_T_STRING, .offset = offsetof(struct person, email), .help = "emailaddress claim; left out: none"},
    {.name = "object_id", .type = CONF_T_STRING, .offset = offsetof(struct person, object_id), .flags = CONF_REQUIRED, .help = "objectidentifier claim"},
    {.name = "display_name", .type = CONF_T_STRING, .offset = offsetof(struct person, display_name), .help = "displayname claim"},
    {.name = "groups", .type = CONF_T_STRINGS, .offset = offsetof(struct person, groups), .help = "values of the groups claim"},
    {.name = "trick", .type = CONF_T_STRING, .offset = offsetof(struct person, trick_name), .help = "spoils every Response for this person (usher-lab mint --help lists tricks)"},
};
/* clang-format on */
static const struct conf_table file_table = {
    .section = "", .options = file_options, .n = sizeof file_options / sizeof *file_options};
static const struct conf_table person_table = {
    .section = "people[]", .options = person_options, .n = sizeof person_options / sizeof *person_options};

static void read_person(const struct conf_node *n, const struct people *before, struct person *ret, struct arena *a,
                        struct conf_problems *p)
{
    if (conf_kind(n) != CONF_MAP) {
        conf_problem(p, CONF_ERROR, n, "a person is a mapping with name and object_id");
        return;
    }
    if (!conf_read_map(n, &person_table, ret, a, p))
        return;
    if (people_find(before, slice_of(ret->name)))
        conf_problem(p, CONF_ERROR, n, "the name '%s' is taken", ret->name);
    if (!ret->trick_name)
        return;
    ret->trick = trick_find(ret->trick_name);
    if (!ret->trick)
        conf_problem(p, CONF_ERROR, conf_get(n, "trick"), "trick '%s' is unknown", ret->trick_name);
}

bool people_read(const struct conf_doc *d, struct arena *a, struct people *ret, struct conf_problems *p)
{
    size_t errors = conf_errors(p);
    struct file file = {0};
    struct person *v;
    size_t n;

    if (!conf_read_map(conf_root(d), &file_table, &file, a, p))
        return false;
    if (conf_kind(file.people) != CONF_SEQ || conf_count(file.people) == 0) {
        conf_problem(p, CONF_ERROR, file.people, "people must be a list of at least one person");
        return false;
    }
    n = conf_count(file.people);
    v = arena_array(a, n, sizeof *v);
    if (!v) {
        conf_problem(p, CONF_ERROR, file.people, "no memory for %zu people", n);
        return false;
    }
    *ret = (struct people){.tenant = file.tenant, .v = v};
    for (size_t i = 0; i < n; i++) {
        read_person(conf_item(file.people, i), ret, &v[i], a, p);
        if (conf_errors(p) == errors) /* a half-read person has no name to compare with */
            ret->n++;
    }
    return conf_errors(p) == errors;
}

bool people_load(const char *path, struct arena *a, struct people *ret, struct conf_problems *p)
{
    struct conf_doc *d = conf_load(path, p);
    bool ok = d && people_read(d, a, ret, p);

    conf_free(d);
    return ok;
}

const struct person *people_find(const struct people *p, struct slice name_or_email)
{
    if (name_or_email.n == 0)
        return NULL;
    for (size_t i = 0; i < p->n; i++) {
        if (slice_is_nocase(name_or_email, p->v[i].name))
            return &p->v[i];
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].email && slice_is_nocase(name_or_email, p->v[i].email))
            return &p->v[i];
    }
    return NULL;
}

int person_claims(const struct person *who, const struct people *p, const char *issuer, struct claims *c, struct err *e)
{
    if (claims_add(c, SAML_CLAIM_TENANT_ID, p->tenant, e) != 0 ||
        claims_add(c, SAML_CLAIM_OBJECT_ID, who->object_id, e) != 0 ||
        claims_add(c, SAML_CLAIM_DISPLAY_NAME, who->display_name, e) != 0 || claims_add(c, CLAIM_IDP, issuer, e) != 0 ||
        claims_add(c, CLAIM_METHODS, METHOD_PASSWORD, e) != 0 || claims_add(c, CLAIM_UPN, who->name, e) != 0 ||
        claims_add(c, SAML_CLAIM_EMAIL, who->email, e) != 0)
        return -1;
    for (size_t i = 0; i < who->groups.n; i++) {
        if (claims_add(c, SAML_CLAIM_GROUPS, who->groups.v[i], e) != 0)
            return -1;
    }
    return 0;
}
