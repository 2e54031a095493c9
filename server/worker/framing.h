/*
 * framing - where an HTTP/1 answer begins and ends in a provider's bytes.
 *
 * Runs in:  worker (upstream_plain.c), unit tests, fuzzers.   Reads, writes: nothing shared.
 * Bytes in, events out: the lines of its head, the pieces of its body, its end. Pieces point into
 * what came in; only a line that is cut by two reads is put together here. Stricter than curl:
 * control bytes, lengths that differ and transfer codings other than one `chunked` are nonsense;
 * lines that are no header (folded, a blank before the colon) are dropped, and nothing follows on
 * such a connection: what two readers could understand differently is not passed on.
 * Does not: do I/O, know what headers mean except those that say where the body ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_FRAMING_H
#define WORKER_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

#define FRAMING_HEAD_MAX 65536      /* of an answer, and of its trailers; real ones: below 4 KiB */
#define FRAMING_LINES_MAX 256       /* headers, and trailers */
#define FRAMING_CHUNK_LINE_MAX 1024 /* a chunk's size with its extension; nobody sends any */
#define FRAMING_INTERIM_MAX 16      /* 1xx answers before the real one */

enum framing_event {
    FRAMING_MORE, /* all of the input is used; more must come */
    FRAMING_LINE, /* the status line or a header, without its end; valid until the next call */
    FRAMING_HEAD, /* the head is complete */
    FRAMING_BODY, /* bytes of the body, never empty */
    FRAMING_END,  /* the answer is whole; what is left of the input does not belong to it */
    FRAMING_BAD,  /* `why` says what is wrong */
};

struct framing {        /* zeroed is "never used" */
    struct buf partial; /* a line whose end has not come */
    uint64_t left;      /* of the body with a length, or of the chunk */
    const char *why;    /* static */
    uint32_t bytes;     /* of this head, or of these trailers */
    uint16_t n_lines;
    uint16_t status;
    uint8_t n_interim;
    uint8_t state;
    uint8_t minor;
    bool asked_head, is_given; /* for HEAD; `partial` was given out */
    bool has_length, is_chunked, says_close, is_odd;
};

/* The answer to a new request. Keeps what memory it has. */
void framing_begin(struct framing *f, bool asked_head);
void framing_fini(struct framing *f);
/* The next event in *in, which is moved past it; LINE and BODY come with their bytes. */
enum framing_event framing_next(struct framing *f, struct str *in, struct str *piece);
/* The peer has closed: END when that is how this answer ends, BAD when it is cut. */
enum framing_event framing_eof(struct framing *f);
bool framing_is_whole(const struct framing *f);
/* Of a whole answer: may another request follow on its connection? */
bool framing_is_reusable(const struct framing *f);

#endif
