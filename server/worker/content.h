/*
 * content - an answer's first real content: nothing of it goes out before.
 *
 * Runs in:  worker.   Reads: nothing shared.   Writes: nothing shared.
 * What only announces an answer (a role, message_start, response.created, pings) waits in the
 * request's buffers until the first text, thinking, tool call or end comes; until then an attempt
 * that says it failed, breaks off or goes silent can be followed by another one, and the client sees
 * nothing of it. It waits no longer than CONTENT_HOLD_MS and takes no more than CONTENT_HOLD_MAX: then
 * it goes out, and later trouble ends the stream with an error event. Where a model has a list of
 * fallbacks for prompts that are too long, or that a filter refuses, refusals are read when they are
 * whole, and so are answers that end before their first word. A chunk costs a branch.
 * Does not: send (relay.c), say what is safe to try again (outcome.c), choose where (course.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_CONTENT_H
#define WORKER_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/cause.h"
#include "server/worker/loop.h"

struct chat_event;
struct chat_frame;
struct chat_seen;
struct request;

#define CONTENT_HOLD_MAX 262144 /* response.created repeats the request's instructions and tools */
#define CONTENT_HOLD_MS 15000   /* proxies and people take a minute of nothing for an end */

struct content {
    struct timer timer;
    uint64_t head_ms;       /* monotonic: the stream's head came */
    bool is_timed;          /* the timer runs */
    bool is_held;           /* nothing has come yet but announcements */
    bool is_whole;          /* ... or it is no stream: wanted whole, to be looked at */
    bool is_judged;         /* a refusal: wanted whole, likewise */
    bool is_filtered;       /* the model has a list for what a filter refuses */
    bool is_diverted;       /* the course has gone on to a list ... */
    struct str name;        /* ... from this name */
    bool has_error;         /* an error came before any content: `error` says which */
    enum error_cause cause; /* of an end before any content */
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
/*
 * The attempt has come to its end, well or not. True: it was refused for a cause that the model has a
 * list for, and the course has gone on to it.
 */
bool content_diverts(struct request *r);
/* The attempt is over, or nobody listens any more: nothing waits. */
void content_end(struct request *r);
/* What the attempt said of its failure; NULL: nothing. */
const struct chat_error *content_error(const struct request *r);

#endif
