/*
 * outbox - usage records that are not yet safe in LMDB: the journal of a worker, in its slot.
 *
 * Runs in:  worker (appends, sends), aggregator (reads what it missed), master (nothing).   Region:
 * live. settle appends a record before the answer's last byte is handed over; the worker sends it
 * over its record pipe in batches; the aggregator commits it and publishes its number
 * (weights_stored); only then the outbox forgets it. So a record survives kill -9 of the worker
 * (the slot keeps it), of the aggregator (it starts by reading every outbox past what it had
 * stored) and both at once. Numbers have no gaps, so what comes twice is dropped and what is
 * missing is fetched from here.
 *
 * Records lie in chunks. A chunk whose records are all stored is free, and the lowest free chunk is
 * taken next, so that under steady load the same few pages are used again and again. Does not:
 * block, allocate, grow. Full: outbox_put fails and the caller counts a fault.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_OUTBOX_H
#define SHM_OUTBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"

#define OUTBOX_CHUNK_BYTES 32768u
#define OUTBOX_CHUNKS                                                                              \
    4096u /* 128 MiB a slot: a minute without an aggregator at ~10,000 requests/s */
#define OUTBOX_RECORD_MAX 3840u /* an encoded record; with its head it must fit PIPE_BUF */

/* Before each record, here and on the pipe. */
struct outbox_head {
    uint32_t magic; /* OUTBOX_MAGIC: a reader that lost its place notices */
    uint32_t len;   /* of the record behind it */
    uint64_t seq;   /* 1, 2, 3, ... per slot */
};
#define OUTBOX_MAGIC 0x42465231u
static_assert(sizeof(struct outbox_head) == 16, "layout 1");
static_assert(sizeof(struct outbox_head) + OUTBOX_RECORD_MAX <= 4096, "fits PIPE_BUF");

struct outbox_chunk {      /* of the queue, not of the memory: `at` says where its bytes are */
    _Atomic uint32_t at;   /* memory chunk */
    _Atomic uint32_t used; /* bytes; released after the record's bytes */
    _Atomic uint64_t first_seq;
};

struct outbox {
    _Alignas(CACHE_LINE) _Atomic uint64_t next_seq; /* of the next record */
    _Atomic uint64_t head, tail;                    /* queue positions: newest + 1, oldest */
    _Atomic uint64_t taken[OUTBOX_CHUNKS / 64];     /* memory chunks in the queue; writer only */
    struct outbox_chunk queue[OUTBOX_CHUNKS];       /* by position % OUTBOX_CHUNKS */
    _Alignas(4096) uint8_t bytes[OUTBOX_CHUNKS][OUTBOX_CHUNK_BYTES];
};

/* --- worker: the one writer --- */

/* Heals what a killed predecessor left half done. Called once, when the slot is taken. */
void outbox_open(struct outbox *o);
/* Number of the record, or 0 when it is full or the record too long. `stored`: weights_stored(). */
uint64_t outbox_put(struct outbox *o, const void *record, uint32_t len, uint64_t stored);
/* Forget what is stored; also called by outbox_put when it needs room. */
void outbox_trim(struct outbox *o, uint64_t stored);
uint64_t outbox_last(const struct outbox *o); /* number of the newest record; 0: none ever */

/* --- any reader (the aggregator; the worker for sending) --- */

/*
 * Copy whole records (heads included), beginning with number `from`, to `out`. Returns the bytes
 * and in *next the number to go on with. 0 when there are none. Records at or below
 * weights_stored() may be gone: `from` must be above it. What a dying worker garbled is left out,
 * and the numbers then jump: the reader sees it in the heads and counts it.
 */
size_t outbox_read(const struct outbox *o, uint64_t from, void *out, size_t room, uint64_t *next);

#endif
