/* Keys of identity providers: which document comes into force, which waits, which keys count, and when what is due. */
#include "router/idp_keys.h"

#include <unistd.h>

#include "router/idp_document.h"
#include "router/log.h"
#include "tests/unit/accounts/fixture.h"
#include "tests/unit/saml/sign.h"

#define URL "https://idp.example/metadata"
#define HOUR 3600

enum { KEYS = 4 };
static EVP_PKEY *pkeys[KEYS];
static char *certs[KEYS]; /* base64 DER, one line */

struct rig {
    struct fixture *f;
    struct store *store;
    struct config config;
    struct config_idp idps[2];
    struct idp_keys *keys;
};

/* Metadata of entity `id` with the keys whose digits stand in `keys`; `life` are attributes of the entity. */
static char *document(const char *id, const char *keys, const char *life)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 20);
    buf_printf(&b,
               "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"%s\" %s><IDPSSODescriptor"
               " protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">",
               id, life);
    for (; *keys; keys++)
        buf_printf(&b,
                   "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" SIGN_DSIG
                   "\"><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
                   certs[*keys - '0']);
    buf_add_str(&b, "<SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\""
                    " Location=\"https://idp.example/sso\"/></IDPSSODescriptor></EntityDescriptor>");
    text = strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

static int group_setup(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR + 1); /* alarms are expected here */
    for (size_t i = 0; i < KEYS; i++) {
        unsigned char *der = NULL;
        X509 *cert;
        int n;

        pkeys[i] = sign_ec("P-256");
        cert = sign_cert(pkeys[i], "idp", 0, 86400);
        n = i2d_X509(cert, &der);
        certs[i] = sign_base64(der, (size_t)n);
        OPENSSL_free(der);
        X509_free(cert);
    }
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        EVP_PKEY_free(pkeys[i]);
        free(certs[i]);
    }
    return 0;
}

static void open_keys(struct rig *r)
{
    struct err e = ERR_INIT;

    idp_keys_free(r->keys);
    r->keys = NULL;
    assert_ok(idp_keys_new(&r->config, r->store, &r->keys, &e), &e);
}

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct err e = ERR_INIT;
    char *xml;

    assert_non_null(r);
    assert_int_equal(fixture_setup((void **)&r->f), 0);
    r->store = fixture_store(r->f);
    r->idps[0] = (struct config_idp){.name = "entra", .metadata = URL, .metadata_is_url = true, .refresh = 6 * HOUR};
    r->idps[1] = (struct config_idp){.name = "file", .metadata = "idp.xml", .allow = SAML_ALLOW_SHA1};
    saml_trust_init(&r->idps[1].trust);
    xml = document("urn:file", "3", "");
    assert_ok(saml_trust_add_file(&r->idps[1].trust, slice_of(xml), NULL, &e), &e);
    free(xml);
    r->config.idps = r->idps;
    r->config.nidps = 2;
    open_keys(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    void *f = r->f;

    idp_keys_free(r->keys);
    store_close(r->store);
    saml_trust_free(&r->idps[1].trust);
    (void)fixture_teardown(&f);
    free(r);
    return 0;
}
#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int take_xml(struct rig *r, const char *id, const char *keys, const char *life, int64_t now, struct err *e)
{
    char *xml = document(id, keys, life);
    int rc = idp_keys_take(r->keys, 0, slice_of(xml), now, e);

    free(xml);
    return rc;
}

static void take(struct rig *r, const char *keys, int64_t now)
{
    struct err e = ERR_INIT;

    assert_ok(take_xml(r, "urn:idp", keys, "", now, &e), &e);
}

/* The digits of the keys that count now for one identity provider, in ascending order. */
static const char *counting(struct rig *r, size_t idp)
{
    static char text[KEYS + 1];
    struct trusts *t = idp_keys_current(r->keys);
    const struct saml_trust *trust = trusts_get(t, idp);
    size_t n = 0;

    for (int k = 0; k < KEYS; k++) {
        for (size_t i = 0; i < trust->nkeys; i++) {
            if (EVP_PKEY_eq(trust->keys[i].pkey, pkeys[k]) == 1)
                text[n++] = (char)('0' + k);
        }
    }
    text[n] = '\0';
    trusts_unref(t);
    return text;
}

static void name_of(size_t key, unsigned char sha256[STORE_KEY_BYTES])
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    char *pem = sign_public_pem(pkeys[key]);

    saml_trust_init(&t);
    assert_ok(saml_trust_add_pem(&t, slice_of(pem), &e), &e);
    memcpy(sha256, t.keys[0].sha256, STORE_KEY_BYTES);
    saml_trust_free(&t);
    free(pem);
}

static long events(struct rig *r, const char *kind)
{
    char sql[128];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM events WHERE idp = 'entra' AND kind = '%s'", kind);
    return fixture_sql(r->f, sql);
}

static struct idp_metadata stored(struct rig *r)
{
    struct idp_metadata m;
    struct err e = ERR_INIT;
    struct arena a;
    bool found;

    arena_init(&a, 1 << 24);
    assert_ok(store_idp_metadata(r->store, "entra", &a, &m, &found, &e), &e);
    arena_free(&a);
    m.document.n = m.pending.n = 0; /* gone with the arena; p still says whether there was one */
    return m;
}

static void first_and_overlap(void **state)
{
    struct rig *r = *state;
    struct trusts *before, *after;

    assert_string_equal(counting(r, 0), "");
    assert_string_equal(counting(r, 1), "3");
    take(r, "0", NOW);
    assert_string_equal(counting(r, 0), "0");
    assert_int_equal(events(r, "idp.keys-first"), 1);
    before = idp_keys_current(r->keys);
    assert_string_equal(trusts_get(before, 0)->issuer, "urn:idp");
    assert_string_equal(trusts_get(before, 0)->sso_redirect, "https://idp.example/sso");
    assert_int_equal(trusts_get(before, 1)->allow, SAML_ALLOW_SHA1);
    /* the new key is announced beside the old one, then the old one goes */
    take(r, "01", NOW + 1);
    assert_string_equal(counting(r, 0), "01");
    take(r, "1", NOW + 2);
    assert_string_equal(counting(r, 0), "1");
    assert_int_equal(events(r, "idp.keys-changed"), 2);
    take(r, "1", NOW + 3);
    assert_int_equal(events(r, "idp.keys-changed"), 2);
    /* who is in the middle of a login keeps the table that it began with */
    assert_int_equal(trusts_get(before, 0)->nkeys, 1);
    after = idp_keys_current(r->keys);
    assert_true(trusts_serial(after) != trusts_serial(before));
    trusts_unref(before);
    trusts_unref(after);
    /* a restart needs no network */
    open_keys(r);
    assert_string_equal(counting(r, 0), "1");
    assert_false(stored(r).pending.p);
}

static void disjoint_waits(void **state)
{
    struct rig *r = *state;
    struct err e = ERR_INIT;

    assert_err(idp_keys_approve(r->keys, 0, "test", NOW, &e), &e, "metadata-invalid");
    take(r, "01", NOW);
    take(r, "2", NOW + 1);
    assert_string_equal(counting(r, 0), "01");
    assert_true(stored(r).pending.p);
    assert_int_equal(events(r, "idp.keys-pending"), 1);
    take(r, "2", NOW + 2); /* fetched again: one event is enough */
    assert_int_equal(events(r, "idp.keys-pending"), 1);
    take(r, "23", NOW + 3); /* something else waits now */
    assert_int_equal(events(r, "idp.keys-pending"), 2);
    assert_int_equal(stored(r).pending_since, NOW + 1);
    open_keys(r);
    assert_string_equal(counting(r, 0), "01");
    assert_ok(idp_keys_approve(r->keys, 0, "test", NOW + 4, &e), &e);
    assert_string_equal(counting(r, 0), "23");
    assert_int_equal(events(r, "idp.keys-approved"), 1);
    assert_false(stored(r).pending.p);
    assert_err(idp_keys_approve(r->keys, 0, "test", NOW + 5, &e), &e, "metadata-invalid");
    /* what waited is withdrawn when the identity provider goes back to a known key */
    take(r, "0", NOW + 6);
    assert_true(stored(r).pending.p);
    take(r, "2", NOW + 7);
    assert_false(stored(r).pending.p);
    assert_string_equal(counting(r, 0), "2");
}

static void entity_ids(void **state)
{
    struct rig *r = *state;
    struct err e = ERR_INIT;

    take(r, "0", NOW);
    /* the same key, but somebody else */
    assert_ok(take_xml(r, "urn:else", "0", "", NOW + 1, &e), &e);
    assert_true(stored(r).pending.p);
    assert_string_equal(counting(r, 0), "0");
    /* never the entity ID of another identity provider, not even by approval */
    assert_err(take_xml(r, "urn:file", "0", "", NOW + 2, &e), &e, "metadata-invalid");
    assert_err(take_xml(r, "urn:idp", "", "", NOW + 2, &e), &e, "metadata-invalid");
    /* another URL in the configuration starts afresh, and what came from the old one does not count meanwhile */
    r->idps[0].metadata = "https://idp.example/other";
    open_keys(r);
    assert_string_equal(counting(r, 0), "");
    assert_err(idp_keys_approve(r->keys, 0, "test", NOW + 3, &e), &e, "metadata-invalid");
    take(r, "2", NOW + 4);
    assert_string_equal(counting(r, 0), "2");
    assert_int_equal(events(r, "idp.keys-first"), 2);
}

static void distrusted(void **state)
{
    struct rig *r = *state;
    unsigned char sha[STORE_KEY_BYTES];
    struct err e = ERR_INIT;
    size_t ended;

    take(r, "01", NOW);
    name_of(0, sha);
    assert_ok(store_idp_distrust(r->store, "entra", sha, "stolen", NOW, NULL, &ended, &e), &e);
    assert_string_equal(counting(r, 0), "01"); /* until the next tick */
    assert_ok(idp_keys_reload(r->keys, &e), &e);
    assert_string_equal(counting(r, 0), "1");
    take(r, "012", NOW + 1); /* still announced */
    assert_string_equal(counting(r, 0), "12");
    /* it vouches for nobody */
    name_of(1, sha);
    assert_ok(store_idp_distrust(r->store, "entra", sha, "stolen too", NOW, NULL, &ended, &e), &e);
    name_of(2, sha);
    assert_ok(store_idp_distrust(r->store, "entra", sha, "and this", NOW, NULL, &ended, &e), &e);
    take(r, "03", NOW + 2);
    assert_true(stored(r).pending.p);
    assert_string_equal(counting(r, 0), "");
    assert_ok(idp_keys_approve(r->keys, 0, "test", NOW + 3, &e), &e);
    assert_string_equal(counting(r, 0), "3");
    /* the same for a file, whose key of the same name is another matter */
    assert_string_equal(counting(r, 1), "3");
    name_of(3, sha);
    assert_ok(store_idp_distrust(r->store, "file", sha, "stolen", NOW, NULL, &ended, &e), &e);
    assert_ok(idp_keys_reload(r->keys, &e), &e);
    assert_string_equal(counting(r, 1), "");
    assert_string_equal(counting(r, 0), "3");
    open_keys(r);
    assert_string_equal(counting(r, 1), "");
}

static void valid_until(void **state)
{
    struct rig *r = *state;
    struct err e = ERR_INIT;

    /* without the option it means nothing */
    assert_ok(take_xml(r, "urn:idp", "0", "validUntil=\"2001-01-01T00:00:00Z\"", NOW, &e), &e);
    assert_string_equal(counting(r, 0), "0");
    r->idps[0].metadata_valid_until = true;
    open_keys(r);
    assert_string_equal(counting(r, 0), "");
    assert_err(take_xml(r, "urn:idp", "0", "", NOW, &e), &e, "metadata-invalid");
    assert_err(take_xml(r, "urn:idp", "0", "validUntil=\"2001-01-01T00:00:00Z\"", NOW, &e), &e, "metadata-invalid");
    /* 2027-01-15T08:00:00Z is NOW */
    assert_ok(take_xml(r, "urn:idp", "0", "validUntil=\"2027-01-15T09:00:00Z\"", NOW, &e), &e);
    assert_string_equal(counting(r, 0), "0");
    assert_true(stored(r).next <= NOW + 1980); /* half of what is left, and a tenth */
    /* nothing newer comes: the last good one stays until its own end */
    assert_err(take_xml(r, "urn:idp", "0", "", NOW + 5, &e), &e, "metadata-invalid");
    assert_string_equal(counting(r, 0), "0");
    clock_freeze(NOW + HOUR - 1);
    assert_ok(idp_keys_reload(r->keys, &e), &e);
    assert_string_equal(counting(r, 0), "0");
    clock_freeze(NOW + HOUR);
    assert_true(idp_keys_is_due(r->keys, NOW + HOUR));
    assert_ok(idp_keys_reload(r->keys, &e), &e);
    assert_string_equal(counting(r, 0), "");
}

static void schedule(void **state)
{
    struct rig *r = *state;
    struct err e = ERR_INIT;
    bool differ = false;
    int64_t first = 0;

    assert_true(idp_keys_is_due(r->keys, NOW));
    for (int i = 0; i < 20; i++) {
        int64_t next;

        take(r, "0", NOW);
        next = stored(r).next - NOW;
        assert_in_range(next, 6 * HOUR * 9 / 10, 6 * HOUR * 11 / 10);
        differ = differ || (first && next != first);
        first = next;
    }
    assert_true(differ);
    assert_ok(take_xml(r, "urn:idp", "0", "cacheDuration=\"PT1H\"", NOW, &e), &e);
    assert_in_range(stored(r).next - NOW, HOUR * 9 / 10, HOUR * 11 / 10);
    assert_ok(take_xml(r, "urn:idp", "0", "cacheDuration=\"PT1S\"", NOW, &e), &e);
    assert_in_range(stored(r).next - NOW, 270, 330);
    take(r, "0", NOW);
    /* a file is never due, nor can it be fetched */
    assert_err(idp_keys_refresh(r->keys, 1, NOW, &e), &e, "usage");
}

/* usher-fetch is not beside this program, so every fetch fails: what is left of it is the bookkeeping. */
static void failing(void **state)
{
    struct rig *r = *state;
    struct err e = ERR_INIT;
    int64_t now = NOW, wait = 60;

    take(r, "0", NOW);
    for (int i = 0; i < 12; i++, now++) {
        struct idp_metadata m;

        assert_err(idp_keys_refresh(r->keys, 0, now, &e), &e, "fetch-failed");
        m = stored(r);
        assert_int_equal(m.failures, i + 1);
        assert_non_null(strstr(m.error, "fetch-failed: idps.entra: "));
        assert_in_range(m.next - now, wait * 9 / 10, wait * 11 / 10);
        assert_int_equal(m.fetched, NOW);
        wait = 2 * wait < 6 * HOUR ? 2 * wait : 6 * HOUR;
    }
    assert_string_equal(counting(r, 0), "0");
    take(r, "0", now);
    assert_int_equal(stored(r).failures, 0);
    assert_string_equal(stored(r).error, "");
}

static void due(void **state)
{
    struct rig *r = *state;
    struct idp_key_list l;
    struct err e = ERR_INIT;

    /* the first time: keys of files get rows, and the URL without a document is fetched */
    idp_keys_refresh_due(r->keys, NOW);
    assert_int_equal(stored(r).failures, 1);
    assert_ok(idp_key_list_load(r->store, "file", &l, &e), &e);
    assert_int_equal(l.n, 1);
    idp_key_list_free(&l);
    assert_false(idp_keys_is_due(r->keys, NOW));
    idp_keys_refresh_due(r->keys, NOW + 30);
    assert_int_equal(stored(r).failures, 1);
    /* a restart does not begin with a fetch either */
    open_keys(r);
    idp_keys_refresh_due(r->keys, NOW + 31);
    assert_int_equal(stored(r).failures, 1);
    idp_keys_refresh_due(r->keys, NOW + 66);
    assert_int_equal(stored(r).failures, 2);

    /* a signature by no known key: once in five minutes */
    take(r, "0", NOW + 70);
    idp_keys_unknown_key(r->keys, 0, NOW + 71);
    idp_keys_unknown_key(r->keys, 1, NOW + 71);
    idp_keys_unknown_key(r->keys, 99, NOW + 71);
    assert_true(idp_keys_is_due(r->keys, NOW + 71));
    idp_keys_refresh_due(r->keys, NOW + 71);
    assert_int_equal(stored(r).failures, 1);
    idp_keys_unknown_key(r->keys, 0, NOW + 72);
    assert_false(idp_keys_is_due(r->keys, NOW + 72));
    idp_keys_unknown_key(r->keys, 0, NOW + 371);
    assert_true(idp_keys_is_due(r->keys, NOW + 371));
}

static void uses(void **state)
{
    struct rig *r = *state;
    struct idp_key_list l;
    unsigned char sha[STORE_KEY_BYTES];
    const struct idp_key *k;
    struct err e = ERR_INIT;

    take(r, "01", NOW);
    name_of(0, sha);
    idp_keys_used(r->keys, 0, sha, NOW + 10);
    idp_keys_used(r->keys, 0, sha, NOW + 20);
    idp_keys_used(r->keys, 7, sha, NOW + 20);
    assert_ok(idp_keys_flush(r->keys, &e), &e);
    assert_ok(idp_keys_flush(r->keys, &e), &e);
    assert_ok(idp_key_list_load(r->store, "entra", &l, &e), &e);
    assert_int_equal(l.n, 2);
    k = idp_key_list_find(&l, sha);
    assert_non_null(k);
    assert_int_equal(k->first_used, NOW + 10);
    assert_int_equal(k->last_used, NOW + 20);
    name_of(1, sha);
    assert_int_equal(idp_key_list_find(&l, sha)->last_used, 0);
    assert_false(idp_key_is_distrusted(&l, sha));
    name_of(2, sha);
    assert_null(idp_key_list_find(&l, sha));
    idp_key_list_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(first_and_overlap),
        rig_test(disjoint_waits),
        rig_test(entity_ids),
        rig_test(distrusted),
        rig_test(valid_until),
        rig_test(schedule),
        rig_test(failing),
        rig_test(due),
        rig_test(uses),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
