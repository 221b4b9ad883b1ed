/* tls.c - TLS for listeners that end it themselves; usually the reverse proxy does. */
#include "router/http/conn.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/secret.h"

/* The newest of OpenSSL's complaints; the queue is empty afterwards. */
static const char *complaint(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return text ? text : "unknown";
}

/* A key behind a passphrase must not make the daemon ask for it. */
static int no_passphrase(char *buf, int size, int rwflag, void *u)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)u;
    return -1;
}

/* http/1.1 or nothing: a client that speaks only other protocols must not be answered in this one (ALPACA). */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                       unsigned in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *hit;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&hit, out_n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = hit;
    return SSL_TLSEXT_ERR_OK;
}

static int key_use(SSL_CTX *ctx, const char *key_file, struct err *e)
{
    struct buf pem;
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    int r = -1;

    buf_init(&pem, 64 * 1024);
    if (secret_read_file(key_file, &pem, e) != 0)
        goto out;
    bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    if (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        (void)err_set(e, ERR_TLS, "%s: %s", key_file, complaint());
        goto out;
    }
    r = 0;
out:
    EVP_PKEY_free(key);
    BIO_free(bio);
    buf_free_secret(&pem);
    return r;
}

int http_tls_load(const char *cert_file, const char *key_file, struct ssl_ctx_st **ret, struct err *e)
{
    static const unsigned char session_context[] = "usher";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx)
        return err_set(e, ERR_TLS, "no TLS context: %s", complaint());
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_CLEANSE_PLAINTEXT); /* passwords pass through its buffers */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);        /* idle connections hold no record buffers */
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1) != 1 ||
        SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        (void)err_set(e, ERR_TLS, "%s: %s", cert_file, complaint());
        goto fail;
    }
    if (key_use(ctx, key_file, e) != 0)
        goto fail;
    *ret = ctx;
    return 0;
fail:
    SSL_CTX_free(ctx);
    return -1;
}

void http_tls_free(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}
