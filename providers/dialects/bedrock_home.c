/*
 * bedrock_home - what passes when both sides speak Converse, and the table: bedrock.h.
 */
#include <string.h>

#include "providers/dialects/bedrock.h"
#include "providers/dialects/invoke.h"
#include "providers/eventstream.h"
#include "providers/peek.h"

/* The hour's part of "cacheDetails":[{"ttl":"1h","inputTokens":5}], stepped over. */
static uint64_t hour_of(struct str object, size_t *at)
{
    const char *end = memchr(object.p + *at, ']', object.len - *at);
    struct str list = {object.p, end != NULL ? (size_t)(end - object.p) : object.len};
    bool is_hour = false;
    uint64_t total = 0;
    uint64_t tokens = 0;
    struct str key;

    while (peek_key(list, at, &key)) {
        if (str_eq(key, STR("ttl"))) {
            is_hour = str_eq(peek_text(list, *at), STR("1h"));
            total += is_hour ? tokens : 0; /* told ahead of its ttl */
            tokens = 0;
        } else if (str_eq(key, STR("inputTokens")) && peek_number(list, *at, &tokens) && is_hour) {
            total += tokens;
            tokens = 0;
            is_hour = false;
        }
    }
    *at = list.len;
    return total;
}

static bool read_usage(struct str object, struct chat_usage *usage)
{
    struct chat_usage u = {.known = false};
    uint64_t written = 0;
    struct str key;
    size_t at = 0;
    uint64_t n;

    while (peek_key(object, &at, &key)) {
        if (str_eq(key, STR("cacheDetails"))) {
            u.written_1h = hour_of(object, &at);
        } else if (!peek_number(object, at, &n)) {
            continue;
        } else if (str_eq(key, STR("inputTokens"))) {
            u.input = n;
            u.known = true;
        } else if (str_eq(key, STR("outputTokens"))) {
            u.output = n;
            u.known = true;
        } else if (str_eq(key, STR("cacheReadInputTokens"))) {
            u.cached = n;
        } else if (str_eq(key, STR("cacheWriteInputTokens"))) {
            written = n;
        }
    }
    u.written_1h = min_u64(u.written_1h, written);
    u.written_5m = written - u.written_1h;
    u.input += u.cached + written;
    if (u.known)
        *usage = u;
    return u.known;
}

void bedrock_look_answer(struct str body, struct chat_usage *usage)
{
    size_t end = body.len;
    struct str object;

    /* a tool may have an argument of that name */
    while (peek_last(body, "usage", &end, &object)) {
        if (read_usage(object, usage))
            return;
    }
    invoke_look_answer(body, usage); /* the answer of a model's own vendor */
}

static uint64_t content_of(struct str data)
{
    uint64_t n = 0;
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("text")) || str_eq(key, STR("input")) ||
            str_eq(key, STR("signature")) || str_eq(key, STR("redactedContent")))
            n += peek_text(data, at).len;
    }
    return n;
}

void bedrock_look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                        struct chat_usage *usage)
{
    *seen = (struct chat_seen){.is_error = frame->is_exception};
    if (frame->is_exception)
        return;
    if (str_eq(frame->name, STR("contentBlockDelta"))) {
        seen->content_bytes = content_of(frame->data);
    } else if (str_eq(frame->name, STR("chunk"))) {
        invoke_look_chunk(frame->data, seen, usage);
    } else if (str_eq(frame->name, STR("messageStop"))) {
        seen->is_finish = true;
    } else if (str_eq(frame->name, STR("metadata"))) {
        seen->is_done = true;
        bedrock_look_answer(frame->data, usage);
    }
}

static bool has_key(struct str data, struct str name)
{
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, name))
            return true;
    }
    return false;
}

bool bedrock_is_preamble(const struct chat_frame *frame)
{
    if (str_eq(frame->name, STR("contentBlockStart")))
        return !has_key(frame->data, STR("toolUse"));
    if (str_eq(frame->name, STR("contentBlockDelta")))
        return content_of(frame->data) == 0 && !has_key(frame->data, STR("citation"));
    if (str_eq(frame->name, STR("chunk")))
        return invoke_is_preamble(frame->data);
    return str_eq(frame->name, STR("messageStart"));
}

const struct dialect dialect_bedrock = {
    .id = DIALECT_BEDROCK,
    .name = "bedrock",
    .decode_request = bedrock_decode_request,
    .encoder = bedrock_encoder,
    .encode_event = bedrock_encode_event,
    .encode_answer = bedrock_encode_answer,
    BEDROCK_SHARED,
};
