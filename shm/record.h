/*
 * record - a request's usage record: msgpack, one per request, never dropped.
 *
 * Runs in:  worker (encodes), aggregator and admin (decode).   The door to msgpack.
 * A map with small integer keys (enum record_field in record.c), so that a later version adds
 * fields and an earlier reader skips them; absent means zero or empty. What LMDB `log` stores is
 * this encoding. Does not: carry prompts, answers or secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_RECORD_H
#define SHM_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"

#define RECORD_VERSION 1
#define RECORD_TEXT_MAX 256 /* a longer name or model is cut when it is encoded */
/* Four of each: a provider in a key, key, team, customer, provider, target, two patterns of models. */
#define RECORD_BOOKINGS_MAX 32
#define RECORD_ATTEMPTS_MAX 8

struct usage_tokens {
    uint64_t input;     /* all prompt tokens, cached ones included */
    uint64_t output;    /* all completion tokens, reasoning included */
    uint64_t cached;    /* part of input read from the provider's cache */
    uint64_t reasoning; /* part of output */
};

/* What prices may also depend on; not summed up by day. */
struct usage_details {
    uint64_t written_5m, written_1h; /* parts of input written into the provider's cache */
    uint64_t audio_in, audio_out;    /* parts of input and output */
    uint64_t tool_input;             /* part of input: what a provider's own tools added */
    uint64_t searches;               /* uses of a provider's tools that are billed by number */
};

/* An account's window that the cost was booked to. */
struct booking {
    uint64_t account; /* struct account.id */
    uint32_t window;  /* its number */
};

/* One call to a provider. */
struct record_attempt {
    struct str provider, provider_key, model; /* cut to RECORD_TRAIL_TEXT_MAX when encoded */
    uint64_t begun_us;                        /* from the request's beginning */
    uint64_t first_byte_us, total_us;         /* from begun_us */
    uint32_t reason;                          /* enum sample_outcome: why it ended */
    uint32_t status;                          /* of the provider; 0: no answer */
    uint32_t flags;                           /* RECORD_ATTEMPT_* */
};
#define RECORD_ATTEMPT_HEDGE 1u /* made beside another one, which was slow */

/* Of the request that a shadow is a copy of. */
struct record_primary {
    uint8_t id[16];             /* all zero: there is none */
    struct str provider, model; /* of its last attempt; cut when they are encoded */
    uint32_t status;            /* told to its client, or why its answer broke off */
    uint32_t flags; /* RECORD_UNPRICED, RECORD_ESTIMATED, RECORD_NO_USAGE of its record */
    uint64_t first_byte_us, total_us; /* of its last attempt */
    uint64_t tokens_in, tokens_out;
    uint64_t cost_nanousd;
};

struct record {
    uint8_t id[16];                /* UUIDv7, as in x-bf-request-id */
    uint64_t begun_ms;             /* real time */
    uint64_t key_id;               /* virtual key; 0: none was used */
    uint64_t team_id, customer_id; /* whom it belonged to; 0: nobody */
    struct str key_name;
    struct str provider; /* of the last attempt; empty: none was made */
    struct str provider_key;
    struct str model;    /* upstream name of the last attempt, or what was asked for */
    struct str asked;    /* as the client wrote it, when it differs */
    struct str endpoint; /* "chat.completions", "embeddings", ... */
    struct str fail;     /* name of struct fail, or empty */
    uint32_t status;     /* answered to the client; 499 when it had gone */
    uint32_t upstream_status;
    uint32_t attempts;
    uint32_t flags; /* RECORD_* */
    uint32_t slot;
    uint32_t row; /* route of the last attempt, UINT32_MAX: none */
    struct usage_tokens tokens;
    struct usage_details details;
    uint64_t first_byte_us; /* request begun .. first byte handed to the client */
    uint64_t total_us;
    uint64_t bytes_in, bytes_out;
    uint64_t cost_nanousd;         /* what is booked; 0 with RECORD_UNPRICED: not known */
    uint32_t service;              /* enum price_service */
    struct record_primary primary; /* RECORD_SHADOW; then n_bookings is 0 */
    uint32_t n_bookings;
    uint32_t n_trail;
    /* What is beyond their numbers is never looked at. */
    struct record_attempt trail[RECORD_ATTEMPTS_MAX]; /* in order */
    struct booking bookings[RECORD_BOOKINGS_MAX];     /* budgets only */
};
#define RECORD_STREAM 1u    /* answered as a stream */
#define RECORD_ESTIMATED 2u /* tokens were counted or estimated, not told */
#define RECORD_CLIENT_GONE 4u
#define RECORD_NO_USAGE 8u  /* nothing is known of the tokens */
#define RECORD_UNPRICED 16u /* the price book does not know the model */
#define RECORD_CRASHED 32u  /* written for a worker that died: what had been streamed */
#define RECORD_HEDGE 64u    /* of a second call beside another one, or of the one it outran */
#define RECORD_SHADOW 128u  /* of a copy that no client hears of; key_id is SHADOW_KEY_ID */

/* What copies cost is nobody's: it is booked under a key that nobody holds. */
#define SHADOW_KEY_ID UINT64_MAX
#define SHADOW_KEY_NAME "(shadow)"

/* Bytes written, or 0 when `room` is too small (OUTBOX_RECORD_MAX always is enough). */
size_t record_encode(const struct record *r, void *out, size_t room);
/* 0, or -1 when it is not a sound record. Texts point into `in`. */
BF_MUST_CHECK int record_decode(const void *in, size_t len, struct record *out);

#endif
