/*
 * sse - split a byte stream into server-sent events, whatever the chunks' borders.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * Wire: WHATWG HTML, section "Server-sent events"; line ends CR, LF, CRLF; a leading BOM is
 * skipped. Events are handed out as raw byte ranges too, so that a relay can pass or withhold them
 * untouched; together they are the stream. A CR at the end of what is at hand may be half of a
 * CRLF, so it waits for the byte behind it. Does not: do I/O; keep more than SSE_EVENT_MAX of an
 * unfinished event.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_SSE_H
#define PROVIDERS_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define SSE_EVENT_MAX (8u << 20) /* an image in base64 comes as one event */

struct sse_event {
    struct str name; /* "event:" field, empty when none */
    struct str data; /* "data:" lines joined by LF; points into `raw` when there is only one */
    struct str raw;  /* all bytes of the event with its closing blank line */
};

struct sse {
    struct buf partial; /* of the event under way */
    struct buf joined;  /* data of several lines */
    size_t line;        /* where the unfinished line of `partial` begins */
    size_t scanned;     /* bytes of `partial` that hold no further line end */
    bool bom_done;
};

#define SSE_INIT                                                                                   \
    {                                                                                              \
        BUF_INIT, BUF_INIT, 0, 0, false                                                            \
    }

void sse_fini(struct sse *s);
void sse_reset(struct sse *s); /* for another stream; keeps the memory */
/*
 * Take bytes in; call fn for each event that is complete, in order. Spans are valid during the
 * call. When the bytes at hand hold whole events and nothing is pending, no byte is copied. -1: an
 * event grew past SSE_EVENT_MAX.
 */
typedef void sse_event_fn(void *ctx, const struct sse_event *event);
BF_MUST_CHECK int sse_feed(struct sse *s, struct str bytes, sse_event_fn *fn, void *ctx);
/* What is left of an unfinished event at the stream's end. */
struct str sse_rest(const struct sse *s);

#endif
