/*
 * invoke_titan - InvokeModel with the bodies of Amazon Titan Text: invoke.h.
 */
#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/dialects/invoke.h"
#include "providers/event.h"
#include "providers/eventstream.h"
#include "providers/write.h"

struct encoder {
    struct arena *scratch;
    struct str id; /* ours */
    struct chat_usage usage;
    enum chat_stop stop;
};

/* --- requests --- */

static int read_max(const struct bedrock_in *in, const struct json *v, const char *path)
{
    if (!json_u64(v, &in->chat->max_tokens))
        return bedrock_wrong(in, path, "must be a whole number");
    return 0;
}

static int read_config(const struct bedrock_in *in, const struct json *v, const char *path)
{
    static const struct bedrock_member members[] = {
        {"maxTokenCount", read_max},
        {"temperature", bedrock_read_temperature},
        {"topP", bedrock_read_top_p},
        {"stopSequences", bedrock_read_stops},
    };

    return bedrock_read_members(in, v, path, members, ARRAY_LEN(members));
}

static int read_text(const struct bedrock_in *in, const struct json *v, const char *path)
{
    struct chat_message *m = chat_add_message(in->c, in->chat, ROLE_USER);

    chat_add_block(in->c, m, BLOCK_TEXT)->text = text_inside(v);
    return bedrock_want(in, v, JSON_STRING, path);
}

static int decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    static const struct bedrock_member members[] = {
        {"inputText", read_text},
        {"textGenerationConfig", read_config},
    };
    const struct bedrock_in in = {c, out, err};
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);

    *out = (struct chat){
        .from = DIALECT_BEDROCK,
        .model = url->model,
        .stream = url->stream,
        .include_usage = true,
        .reasoning.budget = BUDGET_UNSET,
    };
    if (root == NULL)
        return chat_invalid(c, err, NULL, "The body is not valid JSON: %s at byte %zu", fault.text,
                            fault.offset);
    if (bedrock_read_members(&in, root, "", members, ARRAY_LEN(members)) != 0)
        return -1;
    if (out->messages == NULL)
        return bedrock_wrong(&in, "inputText", "is required");
    return 0;
}

/* --- answers --- */

static void *encoder_of(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct encoder *e = arena_zalloc(c->arena, sizeof(*e));

    e->scratch = c->scratch;
    e->id = reply->id;
    return e;
}

static const char *reason_of(enum chat_stop stop)
{
    switch (stop) {
    case STOP_LENGTH:
    case STOP_CONTEXT:
        return "LENGTH";
    case STOP_SEQUENCE:
        return "STOP_CRITERIA_MET";
    case STOP_FILTER:
    case STOP_REFUSAL:
        return "CONTENT_FILTERED";
    default:
        return "FINISHED";
    }
}

static bool is_text(enum chat_block_kind kind)
{
    return kind == BLOCK_TEXT || kind == BLOCK_REFUSAL;
}

static void put_piece(struct encoder *e, struct str text, bool is_last, struct buf *out)
{
    size_t at = out->len;

    buf_char(out, '{'); /* what stands before it is of another message */
    write_member_text(out, "outputText", text);
    write_member_u64(out, "index", 0);
    if (is_last) {
        write_member_u64(out, "totalOutputTextTokenCount", e->usage.output);
        write_member_cstr(out, "completionReason", reason_of(e->stop));
        write_member_u64(out, "inputTextTokenCount", e->usage.input);
        invoke_write_metrics(out, &e->usage);
    } else {
        write_member_raw(out, "totalOutputTextTokenCount", STR("null"));
        write_member_raw(out, "completionReason", STR("null"));
        write_member_raw(out, "inputTextTokenCount", STR("null"));
    }
    write_close(out, '}');
    invoke_chunk(out, at, e->scratch);
}

static void encode_event(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct encoder *e = encoder;

    if (ev->kind == EVENT_USAGE)
        e->usage = *ev->usage;
    else if (ev->kind == EVENT_ERROR)
        bedrock_encode_error_event(ev->error, e->id, out);
    else if (ev->kind == EVENT_END)
        put_piece(e, STR(""), true, out);
    else if (ev->choice == 0 && ev->kind == EVENT_STOP)
        e->stop = ev->stop;
    else if (ev->choice == 0 && ev->kind == EVENT_DELTA && is_text(ev->block_kind))
        put_piece(e, ev->text, false, out);
}

static void encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out)
{
    static const struct chat_choice_answer none = {.stop = STOP_END};
    const struct chat_choice_answer *choice = answer->n_choices > 0 ? answer->choices : &none;
    const struct encoder *e = encoder;

    if (answer->has_error) {
        bedrock_encode_error(&answer->error, e->id, out);
        return;
    }
    write_open(out, '{');
    write_member_u64(out, "inputTextTokenCount", answer->usage.input);
    write_key(out, "results");
    write_open(out, '[');
    write_open(out, '{');
    write_member_u64(out, "tokenCount", answer->usage.output);
    write_key(out, "outputText");
    buf_char(out, '"');
    for (const struct chat_block *b = choice->blocks; b != NULL; b = b->next) {
        if (is_text(b->kind))
            buf_str(out, b->text);
        else
            loss_drop(loss, b->kind == BLOCK_TOOL_CALL ? STR("tool_calls")
                            : b->kind == BLOCK_OTHER   ? STR("content")
                                                       : STR("thinking"));
    }
    buf_char(out, '"');
    write_member_cstr(out, "completionReason", reason_of(choice->stop));
    write_close(out, '}');
    write_close(out, ']');
    write_close(out, '}');
}

const struct dialect dialect_invoke_titan = {
    .id = DIALECT_BEDROCK,
    .name = "invoke-titan",
    .decode_request = decode_request,
    .encoder = encoder_of,
    .encode_event = encode_event,
    .encode_answer = encode_answer,
    BEDROCK_SHARED,
};
