/*
 * content - a stream's first real content, and whether it comes fast enough.
 *
 * Runs in:  worker.   Reads: nothing shared.   Writes: nothing shared.
 * What only announces an answer (a role, message_start, response.created, pings) waits in the
 * request's buffers until the first text, thinking, tool call or end comes; until then an attempt
 * that says it failed, breaks off or goes silent can be followed by another one, and the client sees
 * nothing of it. It waits no longer than CONTENT_HOLD_MS and takes no more than CONTENT_HOLD_MAX: then
 * it goes out, and later trouble ends the stream with an error event. Where the model has a
 * throughput floor, one timer looks once per period; a chunk costs a counter.
 * Does not: send (relay.c), say what is safe to try again (outcome.c), choose where (course.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_CONTENT_H
#define WORKER_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/chat.h"
#include "server/worker/loop.h"

struct chat_event;
struct chat_frame;
struct chat_seen;
struct request;

#define CONTENT_HOLD_MAX 262144 /* response.created repeats the request's instructions and tools */
#define CONTENT_HOLD_MS 15000   /* proxies and people take a minute of nothing for an end */

struct content {
    struct timer timer;
    uint64_t head_ms; /* monotonic: the stream's head came */
    bool is_timed;    /* the timer runs */
    bool is_held;     /* nothing has come yet but announcements */
    bool has_error;   /* ... and then an error, before any content: `error` says which */
    struct chat_error error;
};

/* A good head has come: its body may have to wait. */
void content_begin(struct request *r);
/* At home: a frame passes that was looked at. Cheap once content has come. */
void content_frame(struct request *r, const struct chat_frame *frame, const struct chat_seen *seen);
/* Abroad: an event that is no error. */
void content_event(struct request *r, const struct chat_event *e);
/* Bytes were taken in. Must what is in the buffers still wait? */
bool content_waits(struct request *r);
/* The attempt is over, or nobody listens any more: nothing waits. */
void content_end(struct request *r);
/* What the attempt said of its failure; NULL: nothing. */
const struct chat_error *content_error(const struct request *r);

#endif
