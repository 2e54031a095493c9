/*
 * crypto - hashes, random bytes and ids; the door to libcrypto.
 *
 * Runs in:  every process and tool.   Reads: the kernel's random source.   Writes: nothing shared.
 * Does not: set up TLS, sign requests (providers/auth does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

#define SHA256_BYTES 32
#define UUID_TEXT_LEN 36

void crypto_sha256(struct str in, uint8_t out[SHA256_BYTES]);
/* Of what the parts make together. */
void crypto_sha256_parts(const struct str *parts, size_t n, uint8_t out[SHA256_BYTES]);
/* HMAC (RFC 2104) with SHA-256 of what the parts make together. */
void crypto_hmac(struct str key, const struct str *parts, size_t n, uint8_t out[SHA256_BYTES]);
/*
 * RS256 (RFC 7518): RSASSA-PKCS1-v1_5 with SHA-256, with a private key in PEM, which is not kept.
 * -1: it is no RSA key, or larger than 4096 bits.
 */
#define RS256_BYTES_MAX 512
int crypto_rs256(struct str pem, struct str text, uint8_t out[RS256_BYTES_MAX], size_t *out_len);
void crypto_random(void *out, size_t len); /* dies when the kernel has none */
/* out gets 2 * len characters and a NUL. */
void crypto_hex(const uint8_t *in, size_t len, char *out);
/* Exactly 2 * len hexadecimal digits, else -1. */
int crypto_unhex(struct str hex, uint8_t *out, size_t len);
/* Without telling by its time where they differ. */
bool crypto_equal(const void *a, const void *b, size_t len);
void crypto_wipe(void *p, size_t len); /* not optimised away */

/*
 * A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits from a per-process generator
 * that is seeded from the kernel, and seeded anew in a forked child.
 */
void crypto_uuid(uint64_t real_ms, uint8_t out[16]);
void crypto_uuid_format(const uint8_t uuid[16], char out[UUID_TEXT_LEN + 1]);
/* Characters of URL-safe base64, `len` of them and a NUL, from the kernel's random source. */
void crypto_token(char *out, size_t len);

#endif
