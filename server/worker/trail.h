/*
 * trail - what was tried for a request, in order: which route, what came of it, how long it took.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * attempt.c adds an entry when a call is sent and notes its end. The trail is told to the client
 * (x-bf-attempts) and to the log (the usage record). Names of provider keys are no secrets.
 * Does not: decide whether to try again (outcome.c, retry.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_TRAIL_H
#define WORKER_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/str.h"
#include "shm/published.h"
#include "shm/sample.h"

struct attempt;
struct record;
struct request;

#define TRAIL_NONE UINT32_MAX
#define TRAIL_NAME_MAX 64 /* of each name in the header: proxies take lines of 8 KiB */

struct trail_entry {
    struct str provider, provider_key, model; /* arena */
    const char *text;                         /* of the reason: static */
    uint64_t begun_us;                        /* from the request's beginning */
    uint64_t first_byte_us, total_us;         /* from begun_us; 0: none, still under way */
    uint32_t row;
    enum sample_outcome reason; /* 0: still under way */
    int status;                 /* of the provider; 0: no answer */
    bool is_hedge;
};

struct trail {
    struct trail_entry entries[ATTEMPTS_MAX];
    uint32_t n;
};

/* An attempt is sent now: its number in the trail, TRAIL_NONE when that is full. */
uint32_t trail_add(struct request *r, const struct attempt *a, bool is_hedge);
/* ... and has ended, at end_us (monotonic). Harmless for TRAIL_NONE, and for one that was noted. */
void trail_note(struct trail *t, uint32_t which, const struct attempt *a,
                enum sample_outcome reason, uint64_t end_us);
/* Put the entries from number `from` on into a record, whose attempts there are none of yet. */
void trail_record(const struct request *r, uint32_t from, struct record *rec);
/*
 * For x-bf-attempts: how many, and what came of each where there is something to tell: more than
 * one was made, or the only one failed. What is under way is told as it stands.
 */
struct str trail_text(struct request *r);

#endif
