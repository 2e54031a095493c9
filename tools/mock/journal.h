/*
 * journal - what the mock received, for tests to look at (GET /requests).
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * The last JOURNAL_ENTRIES requests, at most JOURNAL_BYTES of heads and bodies together: the oldest
 * go first. Credentials are kept only by their last four characters.
 * Does not: keep more than JOURNAL_BODY_MAX of one body (its SHA-256 covers all of it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_JOURNAL_H
#define MOCK_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

#define JOURNAL_ENTRIES 1000
#define JOURNAL_BYTES (32u << 20)
#define JOURNAL_BODY_MAX 65536u

struct http1_request;

enum journal_outcome {
    JOURNAL_OPEN,     /* being answered, or hanging */
    JOURNAL_ANSWERED, /* to the last byte */
    JOURNAL_CUT,      /* broken off by the mock, as the model asked */
    JOURNAL_GONE      /* the client went away first */
};

/* Returns the entry's number, for journal_end. */
uint64_t journal_add(const struct http1_request *req, uint64_t connection);
/* `dialect`: static. */
void journal_dialect(uint64_t number, const char *dialect);
void journal_model(uint64_t number, struct str model);
void journal_end(uint64_t number, enum journal_outcome outcome);
/* {"data":[...],"total":N}: oldest first; `total` counts since the start or the last clearing. */
void journal_format(struct buf *out);
void journal_clear(void);

#endif
