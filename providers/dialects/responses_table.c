/*
 * The Responses dialect as a table, and what is read of its answers in passing.
 */
#include "providers/dialects/openai.h"
#include "providers/dialects/responses.h"
#include "providers/peek.h"

static void put_usage(const struct openai_usage *from, struct chat_usage *out)
{
    if (!from->known)
        return;
    *out = (struct chat_usage){
        .known = true,
        .input = from->input,
        .output = from->output,
        .cached = from->cached,
        .reasoning = from->reasoning,
    };
}

static void look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                       struct chat_usage *usage)
{
    struct openai_usage told = {.known = false};
    struct openai_event event;

    openai_event(frame->data, &event, &told);
    put_usage(&told, usage);
    *seen = (struct chat_seen){
        .is_done = event.is_done || event.is_finish || event.is_error,
        .is_finish = event.is_finish,
        .is_error = event.is_error,
        .content_bytes = event.content_bytes,
    };
}

static struct str type_at(struct str data)
{
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("type")))
            return peek_text(data, at);
    }
    return STR_NONE;
}

/* An item that will get text or thinking; a call of a tool says something by itself. */
static bool is_announced(struct str data)
{
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("item"))) {
            struct str type = type_at(str_skip(data, min_u64(at, data.len)));

            return str_eq(type, STR("message")) || str_eq(type, STR("reasoning"));
        }
    }
    return false;
}

static bool is_preamble(const struct chat_frame *frame)
{
    static const struct str types[] = {
        {"response.created", 16},
        {"response.queued", 15},
        {"response.in_progress", 20},
        {"response.content_part.added", 27},
        {"response.reasoning_summary_part.added", 37},
        {"keepalive", 9},
    };
    struct str type = frame->name.len > 0 ? frame->name : type_at(frame->data);

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eq(type, types[i]))
            return true;
    }
    return str_eq(type, STR("response.output_item.added")) && is_announced(frame->data);
}

static void look_answer(struct str body, struct chat_usage *usage)
{
    struct openai_usage told = {.known = false};

    openai_usage(body, &told);
    put_usage(&told, usage);
}

const struct dialect dialect_responses = {
    .id = DIALECT_RESPONSES,
    .name = "responses",
    .stream_type = "text/event-stream; charset=utf-8",
    .decode_request = responses_decode_request,
    .encode_request = responses_encode_request,
    .decoder = responses_decoder,
    .decode_frame = responses_decode_frame,
    .decode_end = responses_decode_end,
    .decode_answer = responses_decode_answer,
    .decode_error = responses_decode_error,
    .encoder = responses_encoder,
    .encode_event = responses_encode_event,
    .encode_answer = responses_encode_answer,
    .encode_error = responses_encode_error,
    .encode_error_event = responses_encode_error_event,
    .look_frame = look_frame,
    .is_preamble = is_preamble,
    .look_answer = look_answer,
};
