/*
 * relay - the answer's way from the provider to the client.
 *
 * Runs in:  worker.   Reads: published (limits).   Writes: its slot (streams open).
 * Streams are handed on per upstream read. A JSON answer is held until it is whole (up to
 * RELAY_HOLD_MAX), so that it goes out in one write and its usage is settled first. Nothing of a stream goes to
 * the client before its first real content (content.h), so that until then another
 * attempt can be made. At most relay_max_bytes wait for a slow client: past that the upstream is
 * paused until half of it is gone. Does not: parse answers (watch.c looks for usage in passing).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_RELAY_H
#define WORKER_RELAY_H

#include "providers/eventstream.h"
#include "providers/sse.h"
#include "server/base/buf.h"
#include "server/worker/request.h"

#define RELAY_HOLD_MAX 65536
#define RELAY_HOLD_MS 20    /* an answer of unknown length is held no longer than this */
#define RELAY_DISCARD_MS 50 /* wait so long for the end of an answer nobody wants */
#define RELAY_TAIL_MAX 65536

struct relay_buffers {
    struct relay_buffers *next; /* in the pool */
    struct sse sse;
    struct eventstream eventstream;
    struct buf body;    /* a translated request */
    struct buf held;    /* a provider's whole answer, to be translated */
    struct buf out;     /* waiting for the client */
    struct buf sending; /* handed to http_send */
    struct buf tail;    /* of a JSON answer that did not fit: its usage stands there */
};

extern const struct upstream_ops relay_ops;

/* Take the request's buffers from the pool, if it has none yet. */
void relay_take(struct request *r);
/* The request may send no more than what it has; with what is left the answer ends. */
void relay_end(struct request *r);
/* End a stream that has begun with an error event. */
void relay_break(struct request *r, struct str event);
/* Break an answer off that has begun and is no stream. */
void relay_abort(struct request *r);
/* From http.c: the client took what was sent. */
void relay_writable(struct request *r);
/* The client has gone and the call goes on: what waits for it is dropped, what comes is only looked
 * at. */
void relay_unheard(struct request *r);
/*
 * Nothing of the attempt will go to the client. Its end is waited for for a moment, because then the
 * connection can be used again.
 */
void relay_give_up(struct request *r);
/* Of an error's bytes, `new_bytes` of which came last: our own key in them is covered. */
void relay_cover_key(const struct request *r, struct buf *b, size_t new_bytes);
/* What an attempt left behind, of which nothing has gone out: the next one begins anew. */
void relay_forget(struct request *r);
/* What the client gets for the status of the upstream. */
int relay_status(const struct request *r);
/* What an attempt that ends now, whole or cut, says of its route. */
enum sample_outcome relay_outcome(const struct request *r);
/* The buffers go back to the pool. */
void relay_release(struct request *r);

/* --- relay_out.c --- */

/* At most so many bytes wait for the client. */
uint64_t relay_max(const struct request *r);
/* Hand over what waits, if the client is ready and it is not the answer's end. */
void relay_flush(struct request *r);

/* --- head.c --- */

/* Keep what the client will need of the upstream's head. */
void head_keep(struct request *r, const struct upstream_head *head);
/* A header's value must not carry control bytes, whatever a client called its model. */
struct str head_printable(struct str s);
/* Start the client's answer with it; content_length < 0: unknown. */
void head_send(struct request *r, int64_t content_length);

/* --- watch.c: usage in passing --- */

/* Does the request make a model work? What is only fetched again (a stored response, a batch) was booked
 * when it was made. */
bool watch_is_work(const struct request *r);
/* Bytes of an event stream: what the client shall get is added to `out`. -1: an event is too long
 * to be judged. */
BF_MUST_CHECK int watch_stream(struct request *r, struct str bytes);
void watch_stream_end(struct request *r);
/* Bytes of a JSON answer that leave before it is whole. */
void watch_tail(struct request *r, struct str bytes);
/* The answer is whole: `held` is all of it, or what has not left yet. */
void watch_body_end(struct request *r, struct str held);

#endif
