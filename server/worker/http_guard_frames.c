/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/base/base.h"
#include "server/worker/http_guard.h"

#define FRAME_HEAD 9
#define FLAG_END_STREAM 0x1u

enum frame_type {
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PRIORITY,
    FRAME_RST_STREAM,
    FRAME_SETTINGS,
    FRAME_PUSH_PROMISE,
    FRAME_PING,
    FRAME_GOAWAY,
    FRAME_WINDOW_UPDATE,
    FRAME_CONTINUATION,
};

struct frame {
    uint32_t len, id;
    uint8_t type, flags;
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static struct frame frame_read(const char *bytes)
{
    const uint8_t *p = (const uint8_t *)bytes;

    return (struct frame){
        .len = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
        .type = p[3],
        .flags = p[4],
        .id = (uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8],
    };
}

static void count_anew(struct http_guard_frames *f, uint64_t now_ms)
{
    if (f->second == now_ms / 1000)
        return;
    f->second = now_ms / 1000;
    f->streams = f->resets = f->aborts = f->controls = 0;
}

static struct http_guard_stream *find_open(struct http_guard_frames *f, uint32_t id)
{
    for (uint32_t i = 0; i < f->n_open; i++)
        if (f->open[i].id == id)
            return &f->open[i];
    return NULL;
}

static void body_ended(struct http_guard_frames *f, uint32_t id)
{
    struct http_guard_stream *s = find_open(f, id);

    if (s == NULL)
        return;
    f->held -= s->bytes;
    *s = f->open[--f->n_open];
}

static bool headers_frame(struct http_guard_frames *f, const struct http_guard_limits *limits,
                          struct frame frame, uint64_t now_ms, const char **why)
{
    f->continuations = 0;
    if (frame.id <= f->newest) { /* trailers; h2o refuses what is not */
        if ((frame.flags & FLAG_END_STREAM) != 0)
            body_ended(f, frame.id);
        return true;
    }
    f->newest = frame.id;
    if (++f->streams > limits->streams_per_s) {
        *why = "too many new streams a second";
        return false;
    }
    if ((frame.flags & FLAG_END_STREAM) != 0)
        return true;
    if (f->n_open == GUARD_OPEN_MAX) {
        *why = "too many unfinished request bodies";
        return false;
    }
    f->open[f->n_open++] = (struct http_guard_stream){.id = frame.id, .since_ms = now_ms};
    return true;
}

static void data_frame(struct http_guard_frames *f, struct frame frame)
{
    struct http_guard_stream *s = find_open(f, frame.id);

    if (s != NULL) {
        s->bytes += frame.len;
        f->held += frame.len;
    }
    if ((frame.flags & FLAG_END_STREAM) != 0)
        body_ended(f, frame.id);
    else if (frame.len == 0)
        f->controls++;
}

static bool one_frame(struct http_guard_frames *f, const struct http_guard_limits *limits,
                      struct frame frame, uint64_t now_ms, const char **why)
{
    switch (frame.type) {
    case FRAME_DATA:
        data_frame(f, frame);
        break;
    case FRAME_HEADERS:
        if (!headers_frame(f, limits, frame, now_ms, why))
            return false;
        break;
    case FRAME_RST_STREAM:
        body_ended(f, frame.id);
        if (++f->resets > limits->resets_max) {
            *why = "too many reset streams a second";
            return false;
        }
        break;
    case FRAME_CONTINUATION:
        if (++f->continuations > GUARD_CONTINUATIONS_MAX) {
            *why = "too many CONTINUATION frames";
            return false;
        }
        break;
    case FRAME_WINDOW_UPDATE: /* cheap for h2o, and many of them are normal */
        break;
    default:
        f->controls++;
    }
    if (f->controls > GUARD_CONTROLS_MAX) {
        *why = "too many control frames a second";
        return false;
    }
    return true;
}

enum http_guard_result http_guard_frames(struct http_guard_frames *f,
                                         const struct http_guard_limits *limits, struct str bytes,
                                         uint64_t now_ms, const char **why)
{
    count_anew(f, now_ms);
    if (!f->has_preface) {
        if (bytes.len < sizeof(preface) - 1) {
            if (f->partial_ms == 0)
                f->partial_ms = now_ms;
            return GUARD_MORE;
        }
        f->has_preface = true;
        bytes = str_skip(bytes, sizeof(preface) - 1);
        f->partial_ms = 0;
    }
    while (bytes.len >= FRAME_HEAD) {
        struct frame frame = frame_read(bytes.p);

        if (bytes.len < FRAME_HEAD + (size_t)frame.len)
            break;
        if (!one_frame(f, limits, frame, now_ms, why))
            return GUARD_BAD;
        bytes = str_skip(bytes, FRAME_HEAD + (size_t)frame.len);
        f->partial_ms = 0;
    }
    if (bytes.len == 0)
        f->partial_ms = 0;
    else if (f->partial_ms == 0)
        f->partial_ms = now_ms;
    return GUARD_OK;
}

enum http_guard_result http_guard_abort(struct http_guard_frames *f,
                                        const struct http_guard_limits *limits, uint64_t now_ms)
{
    count_anew(f, now_ms);
    return ++f->aborts > limits->resets_max ? GUARD_BAD : GUARD_OK;
}

bool http_guard_is_late(const struct http_guard_frames *f, const struct http_guard_limits *limits,
                        uint64_t now_ms)
{
    if (f->partial_ms != 0 && now_ms - f->partial_ms >= limits->header_ms)
        return true;
    for (uint32_t i = 0; i < f->n_open; i++)
        if (now_ms - f->open[i].since_ms >= limits->body_ms)
            return true;
    return false;
}
