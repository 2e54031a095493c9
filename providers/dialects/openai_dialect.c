/*
 * The OpenAI chat-completions dialect's table, and what is seen in passing at home.
 */
#include "providers/dialects/openai.h"
#include "providers/dialects/openai_wire.h"

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    struct openai_decode d = {.c = c, .chat = out, .err = err};

    return openai_decode(&d, url, body);
}

static void take_usage(const struct openai_usage *u, struct chat_usage *out)
{
    if (!u->known)
        return;
    *out = (struct chat_usage){
        .known = true,
        .input = u->input,
        .output = u->output,
        .cached = min_u64(u->cached, u->input),
        .written_5m = min_u64(u->written, u->input - min_u64(u->cached, u->input)),
        .reasoning = min_u64(u->reasoning, u->output),
    };
}

void openai_look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                       struct chat_usage *usage)
{
    struct openai_event event;
    struct openai_usage u = {.known = false};

    openai_event(frame->data, &event, &u);
    *seen = (struct chat_seen){.is_usage_only = event.is_usage_only,
                               .is_done = event.is_done,
                               .is_finish = event.is_finish,
                               .is_error = event.is_error,
                               .content_bytes = event.content_bytes};
    take_usage(&u, usage);
}

bool openai_is_preamble(const struct chat_frame *frame)
{
    return openai_is_empty(frame->data);
}

void openai_look_answer(struct str body, struct chat_usage *usage)
{
    struct openai_usage u = {.known = false};

    openai_usage(body, &u);
    take_usage(&u, usage);
}

const struct dialect dialect_openai = {
    .id = DIALECT_OPENAI,
    .name = "openai",
    .stream_type = "text/event-stream",
    .decode_request = decode_request,
    .encode_request = openai_encode_request,
    .decoder = openai_decoder_create,
    .decode_frame = openai_decode_frame,
    .decode_end = openai_decode_end,
    .decode_answer = openai_decode_answer,
    .decode_error = openai_decode_error,
    .encoder = openai_chat_encoder,
    .encode_event = openai_encode_event,
    .encode_answer = openai_encode_answer,
    .encode_error = openai_encode_error,
    .encode_error_event = openai_encode_error_event,
    .look_frame = openai_look_frame,
    .is_preamble = openai_is_preamble,
    .look_answer = openai_look_answer,
};
