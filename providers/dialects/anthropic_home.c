/*
 * anthropic_home - same dialect in and out: what is looked at in passing, and bodies for the clouds
 * that host Claude.
 */
#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/peek.h"
#include "providers/write.h"

const struct dialect dialect_anthropic = {
    .id = DIALECT_ANTHROPIC,
    .name = "anthropic",
    .stream_type = "text/event-stream; charset=utf-8",
    .decode_request = anthropic_decode_request,
    .encode_request = anthropic_encode_request,
    .decoder = anthropic_decoder,
    .decode_frame = anthropic_decode_frame,
    .decode_end = anthropic_decode_end,
    .decode_answer = anthropic_decode_answer,
    .decode_error = anthropic_decode_error,
    .encoder = anthropic_encoder,
    .encode_event = anthropic_encode_event,
    .encode_answer = anthropic_encode_answer,
    .encode_error = anthropic_encode_error,
    .encode_error_event = anthropic_encode_error_event,
    .look_frame = anthropic_look_frame,
    .is_preamble = anthropic_is_preamble,
    .look_answer = anthropic_look_answer,
};

/* --- usage --- */

/* Figures of a usage object by their depth: those of `iterations` are repeated in the sums. */
static bool read_usage(struct str object, struct anthropic_usage *u)
{
    struct str key = STR_NONE;
    unsigned depth = 0;
    bool is_known = u->known;
    uint64_t n;

    u->known = false;
    for (size_t i = 0; i < object.len; i++) {
        char ch = object.p[i];

        if (ch == '"') {
            size_t end = peek_string(object, i + 1);

            key = (struct str){object.p + i + 1, end - i - 1};
            i = end;
        } else if (ch == '{' || ch == '[') {
            depth++;
        } else if (ch == '}' || ch == ']') {
            depth--;
        } else if (str_is_digit(ch) && peek_number(object, i, &n)) {
            anthropic_usage_put(u, key, depth, n);
            while (i + 1 < object.len && str_is_digit(object.p[i + 1]))
                i++;
        }
    }
    if (u->known)
        return true;
    u->known = is_known;
    return false;
}

static void update_usage(struct str object, struct chat_usage *usage)
{
    struct anthropic_usage u = anthropic_usage_of(usage);

    if (read_usage(object, &u))
        anthropic_usage_to(&u, usage);
}

void anthropic_look_answer(struct str body, struct chat_usage *usage)
{
    struct chat_usage found = {.known = false};
    struct str object;
    size_t end = body.len;

    while (!found.known && peek_last(body, "usage", &end, &object))
        update_usage(object, &found);
    if (found.known)
        *usage = found;
}

/* --- frames --- */

static void look_delta(struct str data, struct chat_seen *seen)
{
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("text")) || str_eq(key, STR("thinking")) ||
            str_eq(key, STR("partial_json")))
            seen->content_bytes += peek_text(data, at).len;
    }
}

static void look_message(struct str data, struct chat_seen *seen, struct chat_usage *usage)
{
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("stop_reason")))
            seen->is_finish = seen->is_finish || (at < data.len && data.p[at] == '"');
        else if (str_eq(key, STR("usage")))
            update_usage(peek_object(data, at), usage);
    }
}

/* What a frame without a name says it is: its first `type`. */
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

void anthropic_look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                          struct chat_usage *usage)
{
    struct str type = frame->name.len > 0 ? frame->name : type_of(frame->data);

    *seen = (struct chat_seen){.is_done = false};
    if (str_eq(type, STR("content_block_delta")))
        look_delta(frame->data, seen);
    else if (str_eq(type, STR("message_start")) || str_eq(type, STR("message_delta")))
        look_message(frame->data, seen, usage);
    else if (str_eq(type, STR("message_stop")))
        seen->is_done = true;
    else if (str_eq(type, STR("error")))
        seen->is_error = true;
}

/* Text or thinking that has not begun; a tool's call says something by itself. */
static bool is_empty_block(struct str data)
{
    bool is_known = false;
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("content_block"))) {
            struct str type = type_of(str_skip(data, min_u64(at, data.len)));

            is_known = str_eq(type, STR("text")) || str_eq(type, STR("thinking"));
        } else if ((str_eq(key, STR("text")) || str_eq(key, STR("thinking"))) &&
                   !peek_is_nothing(data, at)) {
            return false;
        }
    }
    return is_known;
}

bool anthropic_is_preamble(const struct chat_frame *frame)
{
    struct str type = frame->name.len > 0 ? frame->name : type_of(frame->data);

    if (str_eq(type, STR("content_block_start")))
        return is_empty_block(frame->data);
    return str_eq(type, STR("message_start")) || str_eq(type, STR("ping"));
}

/* --- counts --- */

bool anthropic_count_read(struct str body, uint64_t *tokens)
{
    struct str key;
    size_t at = 0;

    while (peek_key(body, &at, &key)) {
        if (str_eq(key, STR("input_tokens")))
            return peek_number(body, at, tokens);
    }
    return false;
}

void anthropic_count_write(uint64_t tokens, struct buf *out)
{
    write_open(out, '{');
    write_member_u64(out, "input_tokens", tokens);
    write_close(out, '}');
}

/* --- hosted --- */

struct hosting {
    const struct chat_codec *c;
    uint32_t quirk;
    struct buf *out;
};

static bool on_member(void *ctx, const struct json_member *m)
{
    struct hosting *h = ctx;
    struct str key = text_plain(h->c->scratch, m->key);

    if (str_eq(key, STR("model")) || str_eq(key, STR("anthropic_version")) ||
        (h->quirk == QUIRK_INVOKE && str_eq(key, STR("stream"))))
        return true;
    write_text(h->out, m->key);
    buf_char(h->out, ':');
    buf_str(h->out, m->raw);
    return true;
}

int anthropic_host(const struct chat_codec *c, struct str body, uint32_t quirk, struct buf *out,
                   struct json_error *err)
{
    struct hosting h = {c, quirk, out};
    size_t start = out->len;

    write_open(out, '{');
    write_member_cstr(out, "anthropic_version",
                      quirk == QUIRK_INVOKE ? ANTHROPIC_BEDROCK_VERSION : ANTHROPIC_VERTEX_VERSION);
    if (json_scan(c->json, body, on_member, &h, err) != 0) {
        out->len = start; /* what was written is not wanted */
        return -1;
    }
    write_close(out, '}');
    return 0;
}

struct unhosting {
    const struct chat_codec *c;
    bool has_model, has_stream; /* written already */
    struct buf *out;
};

static bool on_hosted_member(void *ctx, const struct json_member *m)
{
    struct unhosting *u = ctx;
    struct str key = text_plain(u->c->scratch, m->key);

    if (str_eq(key, STR("anthropic_version")) || (u->has_model && str_eq(key, STR("model"))) ||
        (u->has_stream && str_eq(key, STR("stream"))))
        return true;
    write_text(u->out, m->key);
    buf_char(u->out, ':');
    buf_str(u->out, m->raw);
    return true;
}

int anthropic_unhost(const struct chat_codec *c, struct str body, struct str model, bool stream,
                     struct buf *out, struct json_error *err)
{
    struct unhosting u = {c, model.len > 0, stream, out};

    write_open(out, '{');
    if (model.len > 0) {
        write_key(out, "model");
        write_plain(out, model);
    }
    if (stream)
        write_member_bool(out, "stream", true);
    if (json_scan(c->json, body, on_hosted_member, &u, err) != 0)
        return -1;
    write_close(out, '}');
    return 0;
}
