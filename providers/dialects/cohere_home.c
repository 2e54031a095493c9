/*
 * cohere_home - errors, what passes when both sides speak Cohere's, and the table: cohere.h.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"
#include "providers/peek.h"
#include "providers/write.h"

#define MESSAGE_MAX 1000

/* --- errors: an object with a message; the status says which exception its SDK raises --- */

static void decode_error(const struct chat_codec *c, int status, struct str body,
                         struct chat_error *out)
{
    struct json_error ignored;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &ignored);
    struct str message = text_member(root, "message");
    struct str detail = text_member(root, "detail");

    if (root == NULL) /* a load balancer's page, or a text */
        message = text_escape(c->arena, (struct str){body.p, min_u64(body.len, MESSAGE_MAX)});
    if (message.len == 0)
        message = detail;
    if (message.len == 0)
        message = text_member(json_get(root, "error"), "message");
    *out = (struct chat_error){
        .kind = chat_error_kind_of(status),
        .status = status,
        .message = message.len > 0 ? message : STR("the provider gave no reason"),
    };
    if (status == 498) /* a token that must not be said */
        out->status = 400;
    if (status == 499) /* it gave up on us */
        out->kind = ERROR_UPSTREAM;
    if (out->status < 400 || status == 499)
        out->status = chat_error_status(out->kind);
}

static void encode_error(const struct chat_error *err, struct str request_id, struct buf *out)
{
    write_open(out, '{');
    write_key(out, "id");
    write_plain(out, request_id);
    write_member_text(out, "message", err->message);
    write_close(out, '}');
}

/* A stream ends with a message-end that has an error in it. */
static void encode_error_event(const struct chat_error *err, struct str request_id, struct buf *out)
{
    (void)request_id;
    write_event_begin(out, "message-end");
    write_open(out, '{');
    write_member_cstr(out, "type", "message-end");
    write_key(out, "delta");
    write_open(out, '{');
    write_member_text(out, "error", err->message);
    write_member_cstr(out, "finish_reason", err->kind == ERROR_TIMEOUT ? "TIMEOUT" : "ERROR");
    write_close(out, '}');
    write_close(out, '}');
    write_event_end(out);
    buf_cstr(out, "data: [DONE]\n\n");
}

/* --- at home --- */

static bool read_usage(struct str object, struct chat_usage *usage)
{
    struct chat_usage u = {.known = false};
    bool is_billed = false;
    bool has_billed = false;
    struct str key;
    size_t at = 0;
    uint64_t n;

    while (peek_key(object, &at, &key)) {
        if (str_eq(key, STR("billed_units")) || str_eq(key, STR("tokens"))) {
            is_billed = key.len > sizeof("tokens") - 1;
            continue;
        }
        if (!peek_number(object, at, &n))
            continue;
        if (str_eq(key, STR("cached_tokens")))
            u.cached = n;
        else if (str_eq(key, STR("search_units")))
            u.searches = n;
        if (has_billed && !is_billed)
            continue; /* what is billed is told already */
        if (str_eq(key, STR("input_tokens")))
            u.input = n;
        else if (str_eq(key, STR("output_tokens")))
            u.output = n;
        else
            continue;
        u.known = true;
        has_billed = is_billed && str_eq(key, STR("output_tokens"));
    }
    u.cached = min_u64(u.cached, u.input);
    if (u.known)
        *usage = u;
    return u.known;
}

static void look_answer(struct str body, struct chat_usage *usage)
{
    struct str object;
    size_t end = body.len;

    while (peek_last(body, "usage", &end, &object)) {
        if (read_usage(object, usage))
            return;
    }
}

static struct str type_of(struct str data)
{
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("type")))
            return peek_text(data, at);
    }
    return STR_NONE;
}

static uint64_t content_of(struct str data)
{
    uint64_t n = 0;
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("text")) || str_eq(key, STR("thinking")) ||
            str_eq(key, STR("arguments")) || str_eq(key, STR("tool_plan")))
            n += peek_text(data, at).len;
    }
    return n;
}

static void look_end(struct str data, struct chat_seen *seen, struct chat_usage *usage)
{
    struct str key;
    size_t at = 0;

    seen->is_done = seen->is_finish = true;
    look_answer(data, usage);
    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("finish_reason")))
            seen->is_error = seen->is_error || str_eq(peek_text(data, at), STR("ERROR")) ||
                             str_eq(peek_text(data, at), STR("TIMEOUT"));
    }
}

static void look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                       struct chat_usage *usage)
{
    struct str type = frame->name.len > 0 ? frame->name : type_of(frame->data);

    *seen = (struct chat_seen){.is_done = str_eq(frame->data, STR("[DONE]"))};
    if (str_eq(type, STR("message-end")))
        look_end(frame->data, seen, usage);
    else if (str_ends(type, STR("-delta")) || str_eq(type, STR("tool-call-start")))
        seen->content_bytes = content_of(frame->data);
}

static bool is_preamble(const struct chat_frame *frame)
{
    struct str type = frame->name.len > 0 ? frame->name : type_of(frame->data);

    if (str_eq(type, STR("content-start")))
        return content_of(frame->data) == 0;
    return str_eq(type, STR("message-start")) || str_eq(type, STR("debug"));
}

const struct dialect dialect_cohere = {
    .id = DIALECT_COHERE,
    .name = "cohere",
    .stream_type = "text/event-stream",
    .decode_request = cohere_decode_request,
    .encode_request = cohere_encode_request,
    .decoder = cohere_decoder,
    .decode_frame = cohere_decode_frame,
    .decode_end = cohere_decode_end,
    .decode_answer = cohere_decode_answer,
    .decode_error = decode_error,
    .encoder = cohere_encoder,
    .encode_event = cohere_encode_event,
    .encode_answer = cohere_encode_answer,
    .encode_error = encode_error,
    .encode_error_event = encode_error_event,
    .look_frame = look_frame,
    .is_preamble = is_preamble,
    .look_answer = look_answer,
};
