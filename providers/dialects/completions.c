/*
 * The legacy completions endpoint: a prompt becomes a chat of one message, and the chat's text comes
 * back as a text completion. The rest is the chat dialect's.
 */
#include "providers/chat_text.h"
#include "providers/dialects/openai_wire.h"
#include "providers/write.h"

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    struct openai_decode d = {.c = c, .chat = out, .err = err, .is_completion = true};

    return openai_decode(&d, url, body);
}

static void *encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    return openai_encoder_create(c, reply, true);
}

/* A chunk of one choice; `finish` NULL: not over. */
static void put_chunk(const struct openai_encoder *x, uint32_t choice, struct str text,
                      const char *finish, struct buf *out)
{
    write_event_begin(out, NULL);
    buf_str(out, x->head);
    buf_cstr(out, "{\"text\":\"");
    buf_str(out, text);
    buf_cstr(out, "\",\"index\":");
    buf_u64(out, choice);
    buf_cstr(out, ",\"logprobs\":null,\"finish_reason\":");
    if (finish != NULL)
        write_cstr(out, finish);
    else
        write_null(out);
    buf_cstr(out, "}]}");
    write_event_end(out);
}

/* It has no word for tools, and its type allows no other than these three. */
static const char *finish_name(enum chat_stop stop)
{
    if (stop == STOP_LENGTH || stop == STOP_CONTEXT)
        return "length";
    return stop == STOP_FILTER || stop == STOP_REFUSAL ? "content_filter" : "stop";
}

static void encode_event(void *state, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder *x = state;

    switch (e->kind) {
    case EVENT_DELTA:
        if (e->block_kind == BLOCK_TEXT || e->block_kind == BLOCK_REFUSAL)
            put_chunk(x, e->choice, e->text, NULL, out);
        break;
    case EVENT_STOP:
        put_chunk(x, e->choice, STR_NONE, finish_name(e->stop), out);
        break;
    case EVENT_USAGE:
        x->usage = *e->usage;
        break;
    case EVENT_END:
        openai_put_end(x, out);
        break;
    case EVENT_ERROR:
        openai_encode_error_event(e->error, STR_NONE, out);
        break;
    default:
        break;
    }
}

static void put_choice(const struct chat_choice_answer *ch, uint32_t index, struct chat_loss *loss,
                       struct buf *out)
{
    write_open(out, '{');
    write_key(out, "text");
    buf_char(out, '"');
    for (const struct chat_block *b = ch->blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_TEXT || b->kind == BLOCK_REFUSAL)
            buf_str(out, b->text);
        else
            loss_drop(loss, b->kind == BLOCK_TOOL_CALL ? STR("tool_calls")
                            : b->kind == BLOCK_OTHER   ? STR("content")
                                                       : STR("thinking"));
    }
    buf_char(out, '"');
    write_member_u64(out, "index", index);
    write_key(out, "logprobs");
    write_null(out);
    write_member_cstr(out, "finish_reason", finish_name(ch->stop));
    write_close(out, '}');
}

static void encode_answer(void *state, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out)
{
    const struct openai_encoder *x = state;

    if (answer->has_error) {
        openai_encode_error(&answer->error, STR_NONE, out);
        return;
    }
    buf_str(out, x->head);
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        if (answer->choices[i].seen)
            put_choice(&answer->choices[i], i, loss, out);
    }
    write_close(out, ']');
    if (answer->usage.known) {
        write_key(out, "usage");
        openai_put_usage(out, &answer->usage);
    }
    write_close(out, '}');
}

const struct dialect dialect_completions = {
    .id = DIALECT_OPENAI,
    .name = "completions",
    .stream_type = "text/event-stream",
    .decode_request = decode_request,
    .encode_request = openai_encode_request,
    .decoder = openai_decoder_create,
    .decode_frame = openai_decode_frame,
    .decode_end = openai_decode_end,
    .decode_answer = openai_decode_answer,
    .decode_error = openai_decode_error,
    .encoder = encoder,
    .encode_event = encode_event,
    .encode_answer = encode_answer,
    .encode_error = openai_encode_error,
    .encode_error_event = openai_encode_error_event,
    .look_frame = openai_look_frame,
    .is_preamble = openai_is_preamble,
    .look_answer = openai_look_answer,
};
