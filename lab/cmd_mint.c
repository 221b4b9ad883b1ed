/* cmd_mint.c - `usher-lab mint`: prints one signed Response. */
#include "lab/lab.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "lab/claims.h"
#include "lab/encrypt.h"
#include "lab/tricks.h"
#include "saml/check.h"

#define ARENA_MAX (8 * 1024 * 1024)
#define VALID_MAX (365 * 86400)

struct options {
    const char *key, *cert, *issuer, *audience, *acs, *recipient, *destination, *request_id;
    const char *id, *name_id, *name_id_format, *email, *upn, *object_id, *tenant, *display_name;
    const char *now, *valid, *session_index, *session_valid, *sign, *algorithm, *trick;
    const char *encrypt, *encrypt_id, *cipher, *transport, *oaep_digest, *oaep_mgf, *oaep_label, *key_place;
    const char *encrypt_trick;
    struct lab_list group, attribute;
    bool base64, apart;
};

/* clang-format off */
static const struct lab_option options[] = {
    {"key", LAB_STRING, offsetof(struct options, key), "FILE", "private key that signs (PEM, mode 600)"},
    {"cert", LAB_STRING, offsetof(struct options, cert), "FILE", "certificate to show in KeyInfo (PEM)"},
    {"issuer", LAB_STRING, offsetof(struct options, issuer), "ID", "entity ID of the identity provider"},
    {"audience", LAB_STRING, offsetof(struct options, audience), "ID", "entity ID of the service provider"},
    {"acs", LAB_STRING, offsetof(struct options, acs), "URL", "assertion consumer service: recipient and destination"},
    {"recipient", LAB_STRING, offsetof(struct options, recipient), "URL", "another recipient than --acs"},
    {"destination", LAB_STRING, offsetof(struct options, destination), "URL", "another destination than --acs"},
    {"request-id", LAB_STRING, offsetof(struct options, request_id), "ID", "request that is answered; without it: unsolicited"},
    {"id", LAB_STRING, offsetof(struct options, id), "ID", "ID of the assertion; random unless given"},
    {"name-id", LAB_STRING, offsetof(struct options, name_id), "TEXT", "NameID"},
    {"name-id-format", LAB_STRING, offsetof(struct options, name_id_format), "URI", "emailAddress unless given"},
    {"email", LAB_STRING, offsetof(struct options, email), "ADDRESS", "claim emailaddress"},
    {"upn", LAB_STRING, offsetof(struct options, upn), "NAME", "claim name (Entra: user principal name)"},
    {"object-id", LAB_STRING, offsetof(struct options, object_id), "ID", "claim objectidentifier"},
    {"tenant", LAB_STRING, offsetof(struct options, tenant), "ID", "claim tenantid"},
    {"display-name", LAB_STRING, offsetof(struct options, display_name), "TEXT", "claim displayname"},
    {"group", LAB_LIST, offsetof(struct options, group), "ID", "one value of the claim groups"},
    {"attribute", LAB_LIST, offsetof(struct options, attribute), "NAME=VALUE", "any other claim, by its whole name"},
    {"now", LAB_STRING, offsetof(struct options, now), "TIME", "RFC 3339 or seconds; the clock unless given"},
    {"valid", LAB_STRING, offsetof(struct options, valid), "SECONDS", "from --now to the end of validity; 3600 unless given"},
    {"session-index", LAB_STRING, offsetof(struct options, session_index), "TEXT", "the assertion's ID unless given"},
    {"session-valid", LAB_STRING, offsetof(struct options, session_valid), "SECONDS", "from --now to SessionNotOnOrAfter"},
    {"sign", LAB_STRING, offsetof(struct options, sign), "WHAT", "assertion (as Entra), response, both or nothing"},
    {"algorithm", LAB_STRING, offsetof(struct options, algorithm), "NAME", "rsa-sha256 unless given"},
    {"trick", LAB_STRING, offsetof(struct options, trick), "NAME", "spoil it in one way, see below"},
    {"encrypt", LAB_STRING, offsetof(struct options, encrypt), "CERT", "encrypt the Assertion for this certificate"},
    {"encrypt-id", LAB_STRING, offsetof(struct options, encrypt_id), "CERT", "encrypt the NameID for this certificate"},
    {"cipher", LAB_STRING, offsetof(struct options, cipher), "NAME", "aes256-cbc (as Entra), aes128-gcm ..., tripledes-cbc"},
    {"transport", LAB_STRING, offsetof(struct options, transport), "NAME", "rsa-oaep-mgf1p (as Entra), rsa-oaep or rsa-1_5"},
    {"oaep-digest", LAB_STRING, offsetof(struct options, oaep_digest), "NAME", "sha1 (without saying so), sha256, sha384, sha512"},
    {"oaep-mgf", LAB_STRING, offsetof(struct options, oaep_mgf), "NAME", "the same for the mask of rsa-oaep"},
    {"oaep-label", LAB_STRING, offsetof(struct options, oaep_label), "TEXT", "OAEPparams"},
    {"key-place", LAB_STRING, offsetof(struct options, key_place), "WHERE", "EncryptedKey: inside (as Entra), beside, referenced (as Okta)"},
    {"encrypt-trick", LAB_STRING, offsetof(struct options, encrypt_trick), "NAME", "encrypt wrongly in one way, see below"},
    {"one-value-each", LAB_FLAG, offsetof(struct options, apart), NULL, "an Attribute of its own for every value of a claim"},
    {"base64", LAB_FLAG, offsetof(struct options, base64), NULL, "print the form value SAMLResponse instead of XML"},
};
/* clang-format on */

static void notes(FILE *out)
{
    fprintf(out, "algorithms:");
    for (const char *const *name = mint_algorithms(); *name; name++)
        fprintf(out, " %s", *name);
    fprintf(out, "\n\ntricks (usher must refuse each with the error behind it):\n");
    for (size_t i = 0; i < tricks_n; i++)
        fprintf(out, "  %-18s %-24s %s\n", tricks[i].name, tricks[i].expected, tricks[i].help);
    fprintf(out, "\nencrypt tricks (the same, with --encrypt):\n");
    for (size_t i = 0; i < mint_encrypt_tricks_n; i++)
        fprintf(out, "  %-18s %-24s %s\n", mint_encrypt_tricks[i].name, mint_encrypt_tricks[i].expected,
                mint_encrypt_tricks[i].help);
}

static int parse_seconds(const char *option, const char *text, uint64_t *ret, struct err *e)
{
    if (text && !str_to_u64(slice_of(text), VALID_MAX, ret))
        return err_set(e, ERR_USAGE, "--%s '%s': a number of seconds, at most %d", option, text, VALID_MAX);
    return 0;
}

static int parse_times(const struct options *o, struct mint_response *m, struct err *e)
{
    int64_t now = clock_now();
    uint64_t valid = 3600, session = 0;

    if (o->now && time_parse_lenient(slice_of(o->now), &now, e) != 0)
        return err_wrap(e, "--now");
    if (parse_seconds("valid", o->valid, &valid, e) != 0 ||
        parse_seconds("session-valid", o->session_valid, &session, e) != 0)
        return -1;
    mint_response_init(m, now);
    mint_response_valid_for(m, (int64_t)valid);
    if (o->session_valid)
        m->session_not_on_or_after = now + (int64_t)session;
    return 0;
}

static int parse_sign(const char *text, unsigned *ret, struct err *e)
{
    static const char *const names[] = {
        [MINT_SIGN_NOTHING] = "nothing",
        [MINT_SIGN_ASSERTION] = "assertion",
        [MINT_SIGN_RESPONSE] = "response",
        [MINT_SIGN_BOTH] = "both",
    };

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = i;
            return 0;
        }
    }
    return err_set(e, ERR_USAGE, "--sign '%s': assertion, response, both or nothing", text);
}

static int parse_key_place(const char *text, enum mint_key_place *ret, struct err *e)
{
    static const char *const names[] = {
        [MINT_KEY_INSIDE] = "inside", [MINT_KEY_BESIDE] = "beside", [MINT_KEY_REFERENCED] = "referenced"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum mint_key_place)i;
            return 0;
        }
    }
    return err_set(e, ERR_USAGE, "--key-place '%s': inside, beside or referenced", text);
}

/* One of --encrypt and --encrypt-id, and the options that both obey. */
static int parse_encrypt(const struct options *o, const char *cert_file, struct mint_recipient **to,
                         struct mint_encrypt *x, struct err *e)
{
    if (mint_recipient_load(cert_file, to, e) != 0)
        return -1;
    mint_encrypt_init(x, *to);
    if (o->cipher)
        x->cipher = o->cipher;
    if (o->transport)
        x->transport = o->transport;
    x->digest = o->oaep_digest;
    x->mgf = o->oaep_mgf;
    x->label = o->oaep_label;
    return o->key_place ? parse_key_place(o->key_place, &x->place, e) : 0;
}

/* What is encrypted for whom. */
struct encryption {
    struct mint_recipient *for_id, *for_assertion;
    struct mint_encrypt id, assertion;
};

static int encryption_init(const struct options *o, struct encryption *x, struct mint_response *m, struct err *e)
{
    if (o->encrypt_id) {
        if (parse_encrypt(o, o->encrypt_id, &x->for_id, &x->id, e) != 0)
            return -1;
        m->encrypt_id = &x->id;
    }
    if (o->encrypt) {
        if (parse_encrypt(o, o->encrypt, &x->for_assertion, &x->assertion, e) != 0)
            return -1;
        m->encrypt_assertion = &x->assertion;
    }
    if (!o->encrypt_trick)
        return 0;
    x->assertion.trick = mint_encrypt_trick_find(o->encrypt_trick);
    if (!o->encrypt || !x->assertion.trick)
        return err_set(e, ERR_USAGE, "--encrypt-trick '%s': needs --encrypt and a name that --help lists",
                       o->encrypt_trick);
    return 0;
}

static void encryption_free(struct encryption *x)
{
    mint_recipient_free(x->for_id);
    mint_recipient_free(x->for_assertion);
}

static int add_claims(const struct options *o, struct claims *c, struct err *e)
{
    c->apart = o->apart;
    if (claims_add(c, SAML_CLAIM_TENANT_ID, o->tenant, e) != 0 ||
        claims_add(c, SAML_CLAIM_OBJECT_ID, o->object_id, e) != 0 || claims_add(c, CLAIM_UPN, o->upn, e) != 0 ||
        claims_add(c, SAML_CLAIM_DISPLAY_NAME, o->display_name, e) != 0 ||
        claims_add(c, SAML_CLAIM_EMAIL, o->email, e) != 0)
        return -1;
    for (size_t i = 0; i < o->group.n; i++) {
        if (claims_add(c, SAML_CLAIM_GROUPS, o->group.v[i], e) != 0)
            return -1;
    }
    for (size_t i = 0; i < o->attribute.n; i++) {
        const char *text = o->attribute.v[i], *equals = strchr(text, '=');
        const char *name = equals ? arena_strndup(c->a, text, (size_t)(equals - text)) : NULL;

        if (!equals || equals == text)
            return err_set(e, ERR_USAGE, "--attribute '%s': NAME=VALUE", text);
        if (!name)
            return err_set(e, ERR_MEMORY, "no memory for claims");
        if (claims_add(c, name, equals + 1, e) != 0)
            return -1;
    }
    return 0;
}

static int mint(const struct options *o, struct arena *a, struct buf *out, struct err *e)
{
    const struct trick *trick = o->trick ? trick_find(o->trick) : NULL;
    struct claims claims;
    struct mint_response m;
    struct encryption encryption = {.for_id = NULL};
    struct mint_key *key = NULL;
    int r = -1;

    if (o->trick && !trick)
        return err_set(e, ERR_USAGE, "--trick '%s' is unknown; --help lists them", o->trick);
    claims_init(&claims, a);
    if (parse_times(o, &m, e) != 0 || add_claims(o, &claims, e) != 0)
        return -1;
    if (o->sign && parse_sign(o->sign, &m.sign, e) != 0)
        return -1;
    m.assertion_id = o->id;
    m.issuer = o->issuer;
    m.audience = o->audience;
    m.recipient = o->recipient ? o->recipient : o->acs;
    m.destination = o->destination ? o->destination : o->acs;
    m.in_response_to = o->request_id;
    m.name_id = o->name_id;
    m.session_index = o->session_index;
    if (o->name_id_format)
        m.name_id_format = o->name_id_format;
    if (o->algorithm)
        m.algorithm = o->algorithm;
    claims_use(&claims, &m);
    if (encryption_init(o, &encryption, &m, e) != 0 || mint_key_load(o->key, o->cert, &key, e) != 0)
        goto out;
    r = trick_mint(trick, &m, key, out, e);
out:
    mint_key_free(key);
    encryption_free(&encryption);
    return r;
}

static int run(const struct lab_command *self, int argc, char **argv)
{
    struct options o = {0};
    struct err e = ERR_INIT;
    struct arena a;
    struct buf xml, text;
    int rc = lab_parse(self, argc, argv, &o);

    if (rc != -1)
        return rc;
    if (!o.key || !o.cert || !o.issuer || !o.audience || !o.acs || !o.name_id)
        return lab_usage_error(self, "--key, --cert, --issuer, --audience, --acs and --name-id are required");
    arena_init(&a, ARENA_MAX);
    buf_init(&xml, MINT_XML_MAX);
    buf_init(&text, 2 * MINT_XML_MAX);
    if (mint(&o, &a, &xml, &e) != 0) {
        rc = lab_fail(self, &e);
        goto out;
    }
    if (o.base64)
        base64_encode(&text, xml.data, xml.len);
    (void)fwrite(o.base64 ? buf_cstr(&text) : xml.data, 1, o.base64 ? text.len : xml.len, stdout);
    (void)fputc('\n', stdout); /* main() looks at the stream once */
    rc = LAB_OK;
out:
    buf_free(&text);
    buf_free(&xml);
    arena_free(&a);
    return rc;
}

const struct lab_command lab_mint = {
    .name = "mint",
    .summary = "make a signed SAML Response, good or spoilt in one way",
    .example = "  certs/mkdev.sh /tmp/c\n"
               "  usher-lab mint --key /tmp/c/idp.key --cert /tmp/c/idp.pem --issuer https://idp.other.test/ \\\n"
               "      --audience https://login.usher.test --acs https://login.usher.test/saml/acs \\\n"
               "      --request-id id1 --name-id ada@usher.test --email ada@usher.test > response.xml\n"
               "  usher verify --trust /tmp/c/idp.pem --issuer https://idp.other.test/ --request-id id1 \\\n"
               "      --audience https://login.usher.test --acs https://login.usher.test/saml/acs response.xml",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .notes = notes,
    .run = run,
};
