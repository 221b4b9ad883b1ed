/* tls.c - the server over TLS, with a certificate made here; the client is OpenSSL over a bufferevent. */
#include "tests/unit/http/rig.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

struct files {
    char dir[32], cert[48], key[48];
};

static void write_pem(const char *path, mode_t mode, X509 *cert, EVP_PKEY *key)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    FILE *f = fdopen(fd, "w");

    assert_non_null(f);
    assert_int_equal(cert ? PEM_write_X509(f, cert) : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
}

static EVP_PKEY *make_certificate(const struct files *f)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    assert_non_null(key);
    assert_non_null(cert);
    assert_int_equal(X509_set_version(cert, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                                (const unsigned char *)"a.example", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    write_pem(f->cert, 0644, cert, NULL);
    write_pem(f->key, 0600, NULL, key);
    X509_free(cert);
    return key;
}

static void files_make(struct files *f)
{
    struct err e = ERR_INIT;

    assert_ok(secret_init(&e), &e);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/usher-tls-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->cert, sizeof f->cert, "%s/cert.pem", f->dir);
    (void)snprintf(f->key, sizeof f->key, "%s/key.pem", f->dir);
    EVP_PKEY_free(make_certificate(f));
}

static void files_remove(struct files *f)
{
    assert_int_equal(unlink(f->cert), 0);
    assert_int_equal(unlink(f->key), 0);
    assert_int_equal(rmdir(f->dir), 0);
}

static void short_head(struct rig *r, unsigned head_ms)
{
    struct http_server_options o;

    rig_options(r, &o);
    o.head_ms = head_ms;
    rig_start(r, &o);
}

/* `alpn` in wire format, or NULL. */
static void tls_client_open(struct rig *r, struct client *c, SSL_CTX *ctx, const char *alpn, SSL **ret_ssl)
{
    SSL *ssl = SSL_new(ctx);

    assert_non_null(ssl);
    if (alpn)
        assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    *c = (struct client){0};
    buf_init(&c->in, 32 << 20);
    c->bev = bufferevent_openssl_socket_new(r->base, client_socket(r), ssl, BUFFEREVENT_SSL_CONNECTING,
                                            BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(c->bev);
    bufferevent_setcb(c->bev, client_read, NULL, client_event, c);
    assert_int_equal(bufferevent_enable(c->bev, EV_READ | EV_WRITE), 0);
    *ret_ssl = ssl;
}

static void requests_over_tls(void **state)
{
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    struct ssl_ctx_st *ctx = NULL;
    struct rig r = {0};
    struct files f;
    struct client c, plain;
    struct err e = ERR_INIT;
    SSL *ssl;

    (void)state;
    files_make(&f);
    assert_non_null(client_ctx);
    assert_ok(http_tls_load(f.cert, f.key, &ctx, &e), &e);
    assert_true((SSL_CTX_get_options(ctx) & SSL_OP_CLEANSE_PLAINTEXT) != 0);
    short_head(&r, 3000);
    http_server_set_tls(r.server, 3, ctx);
    http_tls_free(ctx); /* the server has its own reference */

    tls_client_open(&r, &c, client_ctx, "\x02h2\x08http/1.1", &ssl);
    client_send(&c, "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /big HTTP/1.1\r\n" HOST
                    "\r\nGET /query?last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    rig_wait(&r, c.closed);
    assert_true(client_has(&c, "hello"));
    assert_true(c.in.len > 16 << 20);
    assert_string_equal(c.in.data + c.in.len - 4, "last");
    assert_true(SSL_version(ssl) >= TLS1_2_VERSION);
    assert_true((SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0); /* close_notify came */
    client_close(&c);

    /* answered later; and refused, with the refusal readable */
    tls_client_open(&r, &c, client_ctx, NULL, &ssl);
    client_send(&c, "GET /later HTTP/1.1\r\n" HOST "\r\nGET //evil HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 1);
    http_respond(http_request_by_handle(r.server, r.handles[0]), 200, NULL, 0, SLICE("later"));
    rig_wait(&r, c.closed);
    assert_true(client_has(&c, "later"));
    assert_true(client_has(&c, "400 Bad Request"));
    assert_true((SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
    client_close(&c);

    /* only a protocol we do not speak */
    tls_client_open(&r, &c, client_ctx, "\x02h2", &ssl);
    rig_wait(&r, c.closed);
    client_close(&c);
    rig_wait(&r, rig_counters(&r).refused[HTTP_REFUSED_TLS] == 1);
    assert_string_equal(r.last_error, "tls-handshake");

    /* plain HTTP on the TLS port */
    client_open(&r, &plain);
    client_send(&plain, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, plain.closed);
    assert_false(client_has(&plain, "hello"));
    client_close(&plain);
    rig_wait(&r, rig_counters(&r).refused[HTTP_REFUSED_TLS] == 2);
    assert_string_equal(r.last_event, "tls");

    /* an old protocol */
    assert_int_equal(SSL_CTX_set_max_proto_version(client_ctx, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(client_ctx, TLS1_1_VERSION), 1);
    SSL_CTX_set_security_level(client_ctx, 0);
    tls_client_open(&r, &c, client_ctx, NULL, &ssl);
    rig_wait(&r, c.closed);
    client_close(&c);
    rig_wait(&r, rig_counters(&r).refused[HTTP_REFUSED_TLS] == 3);

    /* without TLS again */
    http_server_set_tls(r.server, 3, NULL);
    client_open(&r, &plain);
    client_send(&plain, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&plain, "hello"));
    client_close(&plain);
    SSL_CTX_free(client_ctx);
    files_remove(&f);
    rig_stop(&r);
}

static void a_slow_handshake_is_cut(void **state)
{
    struct ssl_ctx_st *ctx = NULL;
    struct rig r = {0};
    struct files f;
    struct client c;
    struct err e = ERR_INIT;

    (void)state;
    files_make(&f);
    assert_ok(http_tls_load(f.cert, f.key, &ctx, &e), &e);
    short_head(&r, 150);
    http_server_set_tls(r.server, 3, ctx);
    http_tls_free(ctx);
    client_open(&r, &c);
    assert_int_equal(bufferevent_write(c.bev, "\x16\x03\x01", 3), 0);
    rig_wait(&r, c.closed);
    assert_int_equal(c.in.len, 0);
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_TIMEOUT], 1);
    client_close(&c);
    files_remove(&f);
    rig_stop(&r);
}

static void bad_files_are_named(void **state)
{
    struct ssl_ctx_st *ctx = NULL;
    struct files f, other;
    struct err e = ERR_INIT;

    (void)state;
    files_make(&f);
    files_make(&other);
    assert_err(http_tls_load("/nonexistent", f.key, &ctx, &e), &e, "tls-setup");
    assert_err(http_tls_load(f.key, f.key, &ctx, &e), &e, "tls-setup");
    assert_err(http_tls_load(f.cert, "/nonexistent", &ctx, &e), &e, "bad-key-file");
    assert_int_equal(http_tls_load(f.cert, other.key, &ctx, &e), -1);
    assert_non_null(strstr(e.msg, other.key)); /* the key of another certificate */
    assert_string_equal(err_name(e.code), "tls-setup");
    err_clear(&e);
    assert_int_equal(chmod(f.key, 0644), 0);
    assert_err(http_tls_load(f.cert, f.key, &ctx, &e), &e, "bad-key-file");
    assert_null(ctx);
    assert_int_equal(ERR_peek_error(), 0);
    files_remove(&f);
    files_remove(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_over_tls),
        cmocka_unit_test(a_slow_handshake_is_cut),
        cmocka_unit_test(bad_files_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
