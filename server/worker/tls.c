/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "server/base/alloc.h"
#include "server/worker/tls.h"

struct listener_tls {
    SSL_CTX *ctx;
    bool has_http2;
};

static const unsigned char both_protocols[] = "\x02h2\x08http/1.1";
static const unsigned char only_http1[] = "\x08http/1.1";

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *ctx)
{
    const struct listener_tls *tls = ctx;
    const unsigned char *ours = tls->has_http2 ? both_protocols : only_http1;
    unsigned int n = tls->has_http2 ? sizeof(both_protocols) - 1 : sizeof(only_http1) - 1;
    unsigned char *chosen = NULL;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, ours, n, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int refuse(struct error *err, const struct inherit_listener *l, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    return error_set(err, "%s: %s%s%s", l->address, what, reason != NULL ? ": " : "",
                     reason != NULL ? reason : "");
}

static int use_certificate(SSL_CTX *ctx, const struct inherit_listener *l, struct error *err)
{
    BIO *bio = BIO_new_mem_buf(l->certificate_pem, (int)l->certificate_len);
    X509 *leaf = bio != NULL ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    X509 *ca;
    int rc = -1;

    if (leaf == NULL) {
        refuse(err, l, "the certificate file holds no PEM certificate");
        goto out;
    }
    if (SSL_CTX_use_certificate(ctx, leaf) != 1) {
        refuse(err, l, "the certificate cannot be used");
        goto out;
    }
    while ((ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(ctx, ca) != 1) {
            X509_free(ca);
            refuse(err, l, "the certificate's chain cannot be used");
            goto out;
        }
    }
    ERR_clear_error(); /* the last read failed because nothing was left */
    rc = 0;
out:
    X509_free(leaf);
    BIO_free(bio);
    return rc;
}

static int use_key(SSL_CTX *ctx, const struct inherit_listener *l, struct error *err)
{
    BIO *bio = BIO_new_mem_buf(l->key_pem, (int)l->key_len);
    /* An empty passphrase, or OpenSSL asks on the terminal. */
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
    int rc = -1;

    if (key == NULL)
        refuse(err, l, "the key file holds no PEM private key without a passphrase");
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        refuse(err, l, "the private key does not belong to the certificate");
    else
        rc = 0;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return rc;
}

struct listener_tls *tls_create(const struct inherit_listener *l, struct error *err)
{
    struct listener_tls *tls = xcalloc(1, sizeof(*tls));

    ERR_clear_error();
    tls->has_http2 = true;
    tls->ctx = SSL_CTX_new(TLS_server_method());
    if (tls->ctx == NULL) {
        refuse(err, l, "OpenSSL cannot start");
        goto fail;
    }
    SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                      SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF); /* tickets do it */
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls->ctx, on_alpn, tls);
    if (use_certificate(tls->ctx, l, err) != 0 || use_key(tls->ctx, l, err) != 0)
        goto fail;
    return tls;
fail:
    tls_free(tls);
    return NULL;
}

void tls_free(struct listener_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

void tls_offer_http2(struct listener_tls *tls, bool on)
{
    tls->has_http2 = on;
}

struct ssl_ctx_st *tls_context(struct listener_tls *tls)
{
    return tls->ctx;
}
