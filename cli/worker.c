/* worker.c - see worker.h. */
#include "cli/worker.h"

#include "base/secret.h"

#define DEADLINE_MS 20000 /* nobody else waits; a machine may be busy with other things */

void cli_worker_options(struct worker_options *o)
{
    worker_options_init(o);
    o->deadline_ms = DEADLINE_MS;
}

int cli_worker_open(struct worker **ret, struct err *e)
{
    struct worker_options o;

    cli_worker_options(&o);
    return worker_open_blocking(&o, ret, e);
}

static int ask(struct worker *w, struct trusts *trusts, int trust, struct slice content_key, struct slice xml,
               struct arena *a, struct saml_signed *ret, struct err *e)
{
    struct worker_request r = {.judge = {SAML_MESSAGE_RESPONSE, trust, content_key, xml}, .trusts = trusts};
    struct slice reply;

    return worker_call(NULL, w, &r, a, &reply, e) != 0 ? -1 : wire_get_signed(reply, ret, e);
}

int cli_worker_judge(struct worker *w, struct trusts *trusts, const struct saml_sp_keys *keys, struct slice xml,
                     struct arena *a, struct saml_signed *ret, struct err *e)
{
    int trust = trusts_count(trusts) == 1 ? 0 : WIRE_BY_ISSUER, rc;
    unsigned char key[SAML_CONTENT_KEY_MAX];
    const struct saml_trust *t;

    if (ask(w, trusts, trust, SLICE(""), xml, a, ret, e) != 0)
        return -1;
    if (!ret->wrapped.cipher.p)
        return 0;
    t = trusts_get(trusts, ret->trust);
    if (!t)
        return err_set(e, ERR_RECHECK, "signed by an identity provider that is not there");
    if (saml_unwrap_key(keys, t->allow, &ret->wrapped, key, e) != 0)
        return -1;
    rc = ask(w, trusts, (int)ret->trust, slice_make(key, saml_cipher_key_size(ret->wrapped.content)), xml, a, ret, e);
    secret_wipe(key, sizeof key);
    if (rc == 0 && ret->wrapped.cipher.p)
        return err_set(e, ERR_RECHECK, "the worker wants a key that it has");
    return rc;
}
