#include "server/master/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* A key that asks for a password cannot be served unattended. */
static int no_password(char *out, int room, int writing, void *ctx)
{
    (void)out;
    (void)room;
    (void)writing;
    (void)ctx;
    return -1;
}

int tls_check(struct str certificate, struct str key, const char *certificate_path,
              const char *key_path, struct error *err)
{
    BIO *cert_bio = BIO_new_mem_buf(certificate.p, (int)certificate.len);
    BIO *key_bio = BIO_new_mem_buf(key.p, (int)key.len);
    X509 *cert = NULL;
    EVP_PKEY *private = NULL;
    int rc = -1;

    must(cert_bio != NULL && key_bio != NULL);
    cert = PEM_read_bio_X509(cert_bio, NULL, no_password, NULL);
    private = PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL);
    if (cert == NULL)
        error_set(err, "%s: must be a certificate in PEM", certificate_path);
    else if (private == NULL)
        error_set(err, "%s: must be a private key in PEM, without a password", key_path);
    else if (X509_check_private_key(cert, private) != 1)
        error_set(err, "%s does not belong to the certificate %s", key_path, certificate_path);
    else
        rc = 0;
    EVP_PKEY_free(private);
    X509_free(cert);
    (void)BIO_free(key_bio);
    (void)BIO_free(cert_bio);
    ERR_clear_error();
    return rc;
}
