/*
 * differential.c - usher against bare xmlsec with the pinned key, on genuine, hostile and mutated Responses.
 *
 * Whenever bare xmlsec accepts and usher refuses, the reason must be one of the rules in the table below, each with its
 * section of the threat model; when usher accepts, bare xmlsec must accept too. Bare xmlsec runs in a process of its
 * own, as its examples call it: usher changes the lists and loaders of the library for its whole process.
 *
 * USHER_DIFFERENTIAL is the number of mutations of each base document (400); the seed is fixed, so a failure can be
 * had again.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <sys/wait.h>

#include <libxml/parser.h>
#include <xmlsec/app.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/xmltree.h>

#include "base/secret.h"
#include "lab/claims.h"
#include "lab/tricks.h"
#include "saml/check.h"
#include "saml/recheck.h"
#include "tests/fuzz/saml_key.h"
#include "tests/unit/lab/lab_keys.h"

#define NOW 1795000000

/* Why usher refuses what bare xmlsec accepts. */
static const struct {
    enum err_code code;
    const char *rule;
} rules[] = {
    {ERR_XML_SIZE, "limits before work"},
    {ERR_XML_ENCODING, "UTF-8 only, no NUL, no control characters"},
    {ERR_XML_DOCTYPE, "no DOCTYPE"},
    {ERR_XML_PI, "no processing instruction"},
    {ERR_XML_LIMIT, "limits before work"},
    {ERR_XML_SYNTAX, "what libxml2 only warns of is refused too"},
    {ERR_XML_ID, "every ID is unique, called ID, an NCName"},
    {ERR_RESPONSE_SHAPE, "walk, never search: one Response, one Assertion in its place"},
    {ERR_STATUS, "a Response that reports a failure signs nobody in"},
    {ERR_SIGNATURE_MISSING, "a signature of something else does not count"},
    {ERR_SIGNATURE_SHAPE, "one form of Signature, which covers its parent"},
    {ERR_TRANSFORM, "enveloped-signature and exclusive canonicalization, nothing else"},
    {ERR_ALGORITHM, "algorithms from a list"},
    {ERR_KEY_WEAK, "keys of 2048 bits"},
};

/* --- bare xmlsec, in a child ----------------------------------------------------------------------------------------
 */

static xmlSecKey *bare_keys[8];
static size_t nbare_keys;

static void silent(void *ctx, const char *msg, ...)
{
    (void)ctx;
    (void)msg;
}

/* As in xmlsec's own examples: the first Signature, a key of the caller's, every attribute called ID is one. */
static bool bare_accepts(const char *xml, size_t n)
{
    static const xmlChar id[] = "ID";
    const xmlChar *ids[] = {id, NULL};
    xmlDoc *doc = xmlReadMemory(xml, (int)n, NULL, NULL, XML_PARSE_NONET);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlNode *signature = root ? xmlSecFindNode(root, xmlSecNodeSignature, xmlSecDSigNs) : NULL;
    bool ok = false;

    if (signature)
        xmlSecAddIDs(doc, root, ids);
    for (size_t i = 0; signature && !ok && i < nbare_keys; i++) {
        xmlSecDSigCtx *ctx = xmlSecDSigCtxCreate(NULL);

        ctx->signKey = xmlSecKeyDuplicate(bare_keys[i]);
        ctx->enabledReferenceUris = xmlSecTransformUriTypeSameDocument | xmlSecTransformUriTypeEmpty;
        ok = xmlSecDSigCtxVerify(ctx, signature) == 0 && ctx->status == xmlSecDSigStatusSucceeded;
        xmlSecDSigCtxDestroy(ctx);
    }
    xmlFreeDoc(doc);
    return ok;
}

static struct {
    pid_t pid;
    FILE *in, *out;
} bare;

/* Each document is its length and its octets; each answer one octet. */
static void bare_serve(FILE *in, FILE *out)
{
    size_t n;

    while (fread(&n, sizeof n, 1, in) == 1) {
        char *xml = malloc(n + 1);

        if (!xml || fread(xml, 1, n, in) != n)
            _exit(2);
        (void)fputc(bare_accepts(xml, n) ? '+' : '-', out);
        (void)fflush(out);
        free(xml);
    }
    _exit(0);
}

static void bare_start(const struct slice *pems, size_t npems)
{
    int to[2], from[2];

    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    bare.pid = fork();
    assert_true(bare.pid >= 0);
    if (bare.pid == 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        xmlInitParser();
        xmlSetGenericErrorFunc(NULL, silent);
        if (xmlSecInit() < 0 || xmlSecOpenSSLAppInit(NULL) < 0 || xmlSecOpenSSLInit() < 0)
            _exit(3);
        xmlSecErrorsDefaultCallbackEnableOutput(0);
        for (size_t i = 0; i < npems; i++) {
            bare_keys[i] = xmlSecCryptoAppKeyLoadMemory(
                (const xmlSecByte *)pems[i].p, (xmlSecSize)pems[i].n,
                slice_find(pems[i], 'C') == 11 ? xmlSecKeyDataFormatCertPem : xmlSecKeyDataFormatPem, NULL, NULL, NULL);
            if (!bare_keys[i])
                _exit(4);
            nbare_keys++;
        }
        bare_serve(fdopen(to[0], "r"), fdopen(from[1], "w"));
    }
    (void)close(to[0]);
    (void)close(from[1]);
    bare.in = fdopen(to[1], "w");
    bare.out = fdopen(from[0], "r");
    assert_non_null(bare.in);
    assert_non_null(bare.out);
}

static bool ask_bare(struct slice xml)
{
    int answer;

    assert_int_equal(fwrite(&xml.n, sizeof xml.n, 1, bare.in), 1);
    assert_int_equal(fwrite(xml.p, 1, xml.n, bare.in), xml.n);
    assert_int_equal(fflush(bare.in), 0);
    answer = fgetc(bare.out);
    assert_true(answer == '+' || answer == '-');
    return answer == '+';
}

/* --- the comparison
 * --------------------------------------------------------------------------------------------------- */

static struct saml_trust trust;
static struct {
    size_t both, neither, by_rule[sizeof rules / sizeof *rules];
} count;

static void show(const char *what, struct slice xml, const struct err *e)
{
    fprintf(stderr, "%s: usher says %s: %s\n%.*s\n", what, err_name(e->code), e->msg,
            (int)(xml.n < 8000 ? xml.n : 8000), xml.p);
}

static size_t signatures_in(struct slice xml)
{
    size_t n = 0;

    for (const char *p = xml.p; (p = memmem(p, (size_t)(xml.p + xml.n - p), "SignatureValue>", 15)) != NULL; p += 15)
        n++;
    return n / 2;
}

static void compare(const char *what, struct slice xml)
{
    struct saml_signer signers[2];
    struct saml_signed s;
    struct err e = ERR_INIT;
    struct arena a;
    bool ours, theirs = ask_bare(xml);

    arena_init(&a, 16 * xml.n + 256 * 1024);
    ours = saml_verify(xml, &trust, 0, &a, &s, &e) == 0;
    if (ours && saml_recheck(&s, &trust, 0, signers, &e) != 0) {
        show(what, xml, &e);
        fail_msg("%s: the worker's half accepts what the router's half refuses", what);
    }
    arena_free(&a);
    if (ours == theirs) {
        ours ? count.both++ : count.neither++;
        return;
    }
    if (ours) {
        show(what, xml, &e);
        fail_msg("%s: usher accepts what bare xmlsec refuses", what);
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].code == e.code) {
            count.by_rule[i]++;
            return;
        }
    }
    /* bare xmlsec looks at the first Signature only; all that are present must hold */
    if (e.code == ERR_SIGNATURE && signatures_in(xml) > 1)
        return;
    show(what, xml, &e);
    fail_msg("%s: bare xmlsec accepts, and no rule says why usher does not", what);
}

/* --- documents
 * -------------------------------------------------------------------------------------------------------- */

static struct lab_keys rsa, p256;

static void mint(const struct trick *t, const struct lab_keys *k, const char *algorithm, unsigned sign, struct buf *out)
{
    struct claims claims;
    struct mint_response m;
    struct err e = ERR_INIT;
    struct arena a;

    arena_init(&a, 1024 * 1024);
    claims_init(&claims, &a);
    assert_ok(claims_add(&claims, SAML_CLAIM_EMAIL, "ada@usher.test", &e), &e);
    mint_response_init(&m, NOW);
    m.issuer = "https://idp.other.test/";
    m.audience = "https://login.usher.test";
    m.recipient = m.destination = "https://login.usher.test/saml/acs";
    m.in_response_to = "id00112233445566778899aabbccddeeff";
    m.name_id = "ada@usher.test";
    m.algorithm = algorithm;
    m.sign = sign;
    claims_use(&claims, &m);
    assert_ok(trick_mint(t, &m, k->key, out, &e), &e);
    arena_free(&a);
}

static int setup(void **state)
{
    struct err e = ERR_INIT;
    char *pem[2];
    size_t n[2];
    struct slice pems[3];

    (void)state;
    lab_keys_make(&rsa, "RSA");
    lab_keys_make(&p256, "P-256");
    pem[0] = unit_read_file(rsa.dir, "cert", &n[0]);
    pem[1] = unit_read_file(p256.dir, "cert", &n[1]);
    pems[0] = slice_make(pem[0], n[0]);
    pems[1] = slice_make(pem[1], n[1]);
    pems[2] = SLICE(SAML_FUZZ_KEY);
    bare_start(pems, 3);
    assert_ok(secret_init(&e), &e);
    assert_ok(saml_init(&e), &e);
    saml_trust_init(&trust);
    for (size_t i = 0; i < 3; i++)
        assert_ok(saml_trust_add_pem(&trust, pems[i], &e), &e);
    free(pem[0]);
    free(pem[1]);
    return 0;
}

static int teardown(void **state)
{
    int status = 0;

    (void)state;
    (void)fclose(bare.in);
    (void)fclose(bare.out);
    assert_int_equal(waitpid(bare.pid, &status, 0), bare.pid);
    assert_int_equal(status, 0);
    saml_trust_free(&trust);
    lab_keys_free(&rsa);
    lab_keys_free(&p256);
    return 0;
}

/* Both accept the genuine ones, or nothing below means anything. */
static void test_genuine(void **state)
{
    static const char *const algorithms[] = {"rsa-sha256", "rsa-sha384", "rsa-sha512", "ecdsa-sha256"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned sign = MINT_SIGN_ASSERTION; sign <= MINT_SIGN_BOTH; sign++) {
            size_t before = count.both;
            struct buf xml;

            buf_init(&xml, MINT_XML_MAX);
            mint(NULL, i == 3 ? &p256 : &rsa, algorithms[i], sign, &xml);
            compare(algorithms[i], buf_slice(&xml));
            assert_int_equal(count.both, before + 1);
            buf_free(&xml);
        }
    }
}

static void test_tricks(void **state)
{
    (void)state;
    for (size_t i = 0; i < tricks_n; i++) {
        struct buf xml;

        buf_init(&xml, MINT_XML_MAX);
        mint(&tricks[i], &rsa, "rsa-sha256", MINT_SIGN_ASSERTION, &xml);
        compare(tricks[i].name, buf_slice(&xml));
        buf_free(&xml);
    }
}

static void test_corpus(void **state)
{
    static const char *const dirs[] = {"tests/corpus/saml_verify", "tests/corpus/saml_prescan"};
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        DIR *d = opendir(dirs[i]);
        struct dirent *entry;

        assert_non_null(d);
        while ((entry = readdir(d)) != NULL) {
            char *xml;
            size_t size;

            if (entry->d_name[0] == '.')
                continue;
            xml = unit_read_file(dirs[i], entry->d_name, &size);
            compare(entry->d_name, slice_make(xml, size));
            free(xml);
            n++;
        }
        (void)closedir(d);
    }
    assert_true(n > 20);
}

/* --- mutations
 * -------------------------------------------------------------------------------------------------------- */

static uint64_t seed = 20260101;

static size_t pick(size_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (size_t)(seed >> 33) % below;
}

/* The end of the tag that begins at `at`; n if there is none. */
static size_t tag_end(const char *xml, size_t n, size_t at)
{
    const char *end = memchr(xml + at, '>', n - at);

    return end ? (size_t)(end - xml) + 1 : n;
}

static size_t random_tag(const char *xml, size_t n)
{
    size_t from = pick(n);
    const char *at = memchr(xml + from, '<', n - from);

    return at ? (size_t)(at - xml) : 0;
}

static const char *const pieces[] = {
    "<!-- -->",
    "<x/>",
    "&#65;",
    "<![CDATA[a]]>",
    " ID=\"x\"",
    " xmlns:x=\"u:x\"",
    " xml:id=\"x\"",
    "<?x?>",
    "\n",
    "&amp;",
    " Id=\"y\"",
    "<saml:NameID>eve@usher.test</saml:NameID>",
    "=",
    "\r",
    "\xc3\xa9",
    "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>",
};

/* One change of the kinds that wrapping and truncation are made of; the result is in `out`. */
static void mutate(struct slice xml, struct buf *out)
{
    const char *piece = pieces[pick(sizeof pieces / sizeof *pieces)];
    size_t a = random_tag(xml.p, xml.n), b = random_tag(xml.p, xml.n), at = pick(xml.n);
    size_t from = a < b ? a : b, to = tag_end(xml.p, xml.n, a < b ? b : a);

    switch (pick(6)) {
    case 0: /* one octet */
        buf_add(out, xml.p, xml.n);
        out->data[at] = (char)(out->data[at] ^ (1 << pick(7)));
        break;
    case 1: /* something inserted, between tags or anywhere */
        at = pick(2) ? a : at;
        buf_add(out, xml.p, at);
        buf_add_str(out, piece);
        buf_add(out, xml.p + at, xml.n - at);
        break;
    case 2: /* something inserted into a tag */
        at = tag_end(xml.p, xml.n, a) - 1;
        buf_add(out, xml.p, at);
        buf_add_str(out, piece);
        buf_add(out, xml.p + at, xml.n - at);
        break;
    case 3: /* a range twice */
        buf_add(out, xml.p, to);
        buf_add(out, xml.p + from, xml.n - from);
        break;
    case 4: /* a range gone */
        buf_add(out, xml.p, from);
        buf_add(out, xml.p + to, xml.n - to);
        break;
    default: /* a range elsewhere */
        buf_add(out, xml.p + from, to - from);
        buf_add(out, xml.p, from);
        buf_add(out, xml.p + to, xml.n - to);
        break;
    }
}

static void test_mutations(void **state)
{
    const char *asked = getenv("USHER_DIFFERENTIAL");
    size_t rounds = asked ? strtoul(asked, NULL, 10) : 400;

    (void)state;
    for (unsigned sign = MINT_SIGN_ASSERTION; sign <= MINT_SIGN_BOTH; sign++) {
        struct buf base;

        buf_init(&base, MINT_XML_MAX);
        mint(NULL, &p256, "ecdsa-sha256", sign, &base);
        for (size_t i = 0; i < rounds; i++) {
            struct buf xml;

            buf_init(&xml, 2 * MINT_XML_MAX);
            mutate(buf_slice(&base), &xml);
            if (pick(3) == 0) { /* twice */
                struct buf again;

                buf_init(&again, 4 * MINT_XML_MAX);
                mutate(buf_slice(&xml), &again);
                compare("mutation of a mutation", buf_slice(&again));
                buf_free(&again);
            } else {
                compare("mutation", buf_slice(&xml));
            }
            buf_free(&xml);
        }
        buf_free(&base);
    }
}

/* The comparison has met what it is for: all three outcomes, and several rules. */
static void test_met(void **state)
{
    size_t met = 0;

    (void)state;
    print_message("# both accept %zu, both refuse %zu\n", count.both, count.neither);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        print_message("# only bare xmlsec accepts %zu: %s (%s)\n", count.by_rule[i], rules[i].rule,
                      err_name(rules[i].code));
        met += count.by_rule[i] > 0;
    }
    assert_true(count.both >= 12);
    assert_true(count.neither > 0);
    assert_true(met >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genuine),   cmocka_unit_test(test_tricks), cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_mutations), cmocka_unit_test(test_met),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
