/*
 * sigv4 - AWS Signature Version 4 of one request.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * Wire, from AWS's "Create a signed AWS API request", for services other than S3: the path is
 * normalised and each of its segments encoded once more than it stands on the wire. Checked against
 * the published test suite. Pure: the time is passed in.
 * Does not: fetch credentials, sign for S3, sign in the query string.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AUTH_SIGV4_H
#define AUTH_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/str.h"

#define SIGV4_DATE_LEN 16 /* 20150830T123600Z */

/*
 * Who signs, and for what. The signing key changes once a day; it is kept here with what it was
 * derived from, so that a request costs one HMAC instead of five. Zeroed is a good start; set the
 * strings before each call, they are only read during it.
 */
struct sigv4_signer {
    struct str access_key, secret_key;
    struct str session_token; /* empty: none */
    struct str region, service;

    struct buf text; /* scratch */
    uint8_t key[SHA256_BYTES];
    uint8_t key_of[SHA256_BYTES]; /* hash of secret, date, region, service */
    bool has_key;
};
void sigv4_fini(struct sigv4_signer *s); /* wipes */

struct sigv4_header {
    struct str name, value;
};

struct sigv4_request {
    struct str method;
    struct str path;  /* as on the wire; empty: "/" */
    struct str query; /* without '?' */
    /* All are signed. `host` must be one; x-amz-date and x-amz-security-token are put in here. */
    const struct sigv4_header *headers;
    size_t n_headers;
    const struct str *body; /* parts */
    size_t n_body;
};

struct sigv4_signature {
    char date[SIGV4_DATE_LEN + 1]; /* x-amz-date */
    struct str authorization;      /* in the arena */
};

/* To be sent: authorization, x-amz-date and, when there is one, x-amz-security-token. */
void sigv4_sign(struct sigv4_signer *s, const struct sigv4_request *req, uint64_t now_s,
                struct arena *a, struct sigv4_signature *out);

/* The canonical request alone, into s->text: tests compare it with the published one. */
void sigv4_canonical(struct sigv4_signer *s, const struct sigv4_request *req, uint64_t now_s,
                     struct arena *a);

#endif
