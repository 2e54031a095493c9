/*
 * eventstream - AWS event stream framing (application/vnd.amazon.eventstream), both ways.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Wire, from AWS's own description ("Amazon event stream encoding"), all numbers big-endian: total
 * length, headers' length, CRC of these eight bytes, headers, payload, CRC of all before it. A
 * header is the length of its name in a byte, the name, its type in a byte, its value. Messages
 * are handed out whole, wherever chunks end; together with eventstream_rest they are the stream.
 * Does not: do I/O; look into payloads; keep more than EVENTSTREAM_MAX of an unfinished message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_EVENTSTREAM_H
#define PROVIDERS_EVENTSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define EVENTSTREAM_MAX (8u << 20) /* as much as an event of sse.h may be */
#define EVENTSTREAM_TYPE "application/vnd.amazon.eventstream"

struct eventstream_message {
    struct str type;    /* :event-type, :exception-type or :error-code; empty: none */
    struct str payload; /* of an error without one: its :error-message */
    struct str raw;     /* all bytes of the message */
    bool is_exception;  /* :message-type is exception or error */
};

struct eventstream {
    struct buf partial; /* of the message under way */
};

#define EVENTSTREAM_INIT                                                                           \
    {                                                                                              \
        BUF_INIT                                                                                   \
    }

void eventstream_fini(struct eventstream *s);
void eventstream_reset(struct eventstream *s); /* for another stream; keeps the memory */
/*
 * Take bytes in; call fn for each message that is complete, in order. Spans are valid during the
 * call. When the bytes at hand hold whole messages and nothing is pending, no byte is copied. -1: a
 * wrong CRC, a length or header that cannot be, a message past EVENTSTREAM_MAX; what was handed out
 * before stands.
 */
typedef void eventstream_fn(void *ctx, const struct eventstream_message *m);
BF_MUST_CHECK int eventstream_feed(struct eventstream *s, struct str bytes, eventstream_fn *fn,
                                   void *ctx);
/* What is left of an unfinished message at the stream's end. */
struct str eventstream_rest(const struct eventstream *s);

/*
 * A message whose payload is one JSON object, without a copy: begin writes the headers and '{', the
 * caller the members (write.h), end '}' and the lengths and CRCs. `at` is what begin returned.
 */
size_t eventstream_begin(struct buf *b, bool is_exception, const char *type);
void eventstream_end(struct buf *b, size_t at);
/* A message with this payload, whatever it is. */
void eventstream_put(struct buf *b, const char *type, struct str payload);

#endif
