/* The one-shot calls of OpenSSL 3 fetch the algorithm anew each time, which costs more than hashing
 * a key does; its old interface does not, and is there for as long as 3.x is. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "server/base/crypto.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "server/base/base.h"

#define POOL_BYTES 2560 /* 256 ids a system call */
#define UUID_RANDOM_BYTES 10

/* Random bytes for ids, fetched ahead. Per thread, so that no lock is needed. */
static _Thread_local struct {
    uint8_t bytes[POOL_BYTES];
    size_t left;
} pool;
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static void add_parts(SHA256_CTX *ctx, const struct str *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        must(parts[i].len == 0 || SHA256_Update(ctx, parts[i].p, parts[i].len) == 1);
}

void crypto_sha256(struct str in, uint8_t out[SHA256_BYTES])
{
    crypto_sha256_parts(&in, 1, out);
}

void crypto_sha256_parts(const struct str *parts, size_t n, uint8_t out[SHA256_BYTES])
{
    SHA256_CTX ctx;

    must(SHA256_Init(&ctx) == 1);
    add_parts(&ctx, parts, n);
    must(SHA256_Final(out, &ctx) == 1);
    OPENSSL_cleanse(&ctx, sizeof(ctx)); /* it holds the end of what was hashed: a key, mostly */
}

void crypto_hmac(struct str key, const struct str *parts, size_t n, uint8_t out[SHA256_BYTES])
{
    uint8_t pad[SHA256_CBLOCK] = {0};
    uint8_t inner[SHA256_BYTES];
    SHA256_CTX ctx;

    if (key.len > sizeof(pad))
        crypto_sha256(key, pad);
    else if (key.len > 0)
        memcpy(pad, key.p, key.len);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    must(SHA256_Init(&ctx) == 1 && SHA256_Update(&ctx, pad, sizeof(pad)) == 1);
    add_parts(&ctx, parts, n);
    must(SHA256_Final(inner, &ctx) == 1);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    must(SHA256_Init(&ctx) == 1 && SHA256_Update(&ctx, pad, sizeof(pad)) == 1);
    must(SHA256_Update(&ctx, inner, sizeof(inner)) == 1);
    must(SHA256_Final(out, &ctx) == 1);
    OPENSSL_cleanse(&ctx, sizeof(ctx));
    OPENSSL_cleanse(pad, sizeof(pad));
}

/* Nobody is there to type a passphrase; without this OpenSSL would ask on the terminal. */
static int no_passphrase(char *out, int room, int is_write, void *ctx)
{
    (void)out, (void)room, (void)is_write, (void)ctx;
    return -1;
}

int crypto_rs256(struct str pem, struct str text, uint8_t out[RS256_BYTES_MAX], size_t *out_len)
{
    BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.len) : NULL;
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = -1;

    *out_len = RS256_BYTES_MAX;
    if (key != NULL && ctx != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
        EVP_PKEY_get_size(key) <= RS256_BYTES_MAX &&
        EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(ctx, out, out_len, (const uint8_t *)text.p, text.len) == 1)
        rc = 0;
    ERR_clear_error(); /* what went wrong is told by our caller */
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key); /* wipes it */
    BIO_free(bio);
    return rc;
}

void crypto_random(void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        must(n > 0);
        p += n;
        len -= (size_t)n;
    }
}

void crypto_hex(const uint8_t *in, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

int crypto_unhex(struct str hex, uint8_t *out, size_t len)
{
    if (hex.len != 2 * len)
        return -1;
    for (size_t i = 0; i < hex.len; i++) {
        if (str_hex_digit(hex.p[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(str_hex_digit(hex.p[2 * i]) << 4 | str_hex_digit(hex.p[2 * i + 1]));
    return 0;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}

/* A child must not hand out the ids that its parent hands out. */
static void on_fork_child(void)
{
    pool.left = 0;
}

static void pool_start(void)
{
    must(pthread_atfork(NULL, NULL, on_fork_child) == 0);
}

void crypto_uuid(uint64_t real_ms, uint8_t out[16])
{
    if (pool.left < UUID_RANDOM_BYTES) {
        must(pthread_once(&pool_once, pool_start) == 0);
        crypto_random(pool.bytes, sizeof(pool.bytes));
        pool.left = sizeof(pool.bytes);
    }
    pool.left -= UUID_RANDOM_BYTES;
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(real_ms >> (40 - 8 * i));
    memcpy(out + 6, pool.bytes + pool.left, UUID_RANDOM_BYTES);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x70); /* version 7 */
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
}

void crypto_uuid_format(const uint8_t uuid[16], char out[UUID_TEXT_LEN + 1])
{
    static const uint8_t group_bytes[] = {4, 2, 2, 2, 6};
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(group_bytes); i++) {
        if (i > 0)
            *out++ = '-';
        crypto_hex(uuid + at, group_bytes[i], out);
        at += group_bytes[i];
        out += 2 * (size_t)group_bytes[i];
    }
}

void crypto_token(char *out, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    crypto_random(out, len);
    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[(uint8_t)out[i] & 63];
    out[len] = '\0';
}
