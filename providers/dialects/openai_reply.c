/*
 * Events as chunks of a chat-completions stream: a delta in, a chunk out.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"
#include "providers/write.h"

#define PIECE_MAX (8u << 20) /* of a signature or a free-form input; more is cut off */

/* --- small parts that whole answers share --- */

const char *openai_finish_name(const struct chat *chat, enum chat_stop stop, bool has_refusal)
{
    switch (stop) {
    case STOP_LENGTH:
    case STOP_CONTEXT:
        return "length";
    case STOP_TOOL:
        return chat->is_functions ? "function_call" : "tool_calls";
    case STOP_FILTER:
        return "content_filter";
    case STOP_REFUSAL: /* OpenAI's own refusals stop like an answer */
        return has_refusal ? "stop" : "content_filter";
    default:
        return "stop";
    }
}

void openai_put_usage(struct buf *out, const struct chat_usage *u)
{
    write_open(out, '{');
    write_member_u64(out, "prompt_tokens", u->input);
    write_member_u64(out, "completion_tokens", u->output);
    write_member_u64(out, "total_tokens", u->input + u->output);
    write_key(out, "prompt_tokens_details");
    write_open(out, '{');
    write_member_u64(out, "cached_tokens", u->cached);
    write_member_u64(out, "audio_tokens", u->audio_in);
    if (u->written_5m + u->written_1h > 0)
        write_member_u64(out, "cache_write_tokens", u->written_5m + u->written_1h);
    write_close(out, '}');
    write_key(out, "completion_tokens_details");
    write_open(out, '{');
    write_member_u64(out, "reasoning_tokens", u->reasoning);
    write_member_u64(out, "audio_tokens", u->audio_out);
    write_close(out, '}');
    write_close(out, '}');
}

bool openai_is_freeform(const struct chat *chat, struct str name)
{
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        if (t->is_freeform && str_eq(t->name, name))
            return true;
    }
    return false;
}

struct str openai_freeform_input(const struct chat_codec *c, struct str arguments_text)
{
    struct json_error why;
    struct str plain = text_plain(c->scratch, arguments_text);
    const struct json *input = json_get(json_parse_raw(c->json, c->scratch, plain, &why), "input");

    return input != NULL && input->type == JSON_STRING ? text_inside(input) : arguments_text;
}

/* Without line ends: for streams. */
static void put_raw_line(struct buf *out, struct str raw)
{
    size_t start = out->len;

    buf_str(out, raw);
    /* outside strings they are blanks, and inside they are escaped */
    for (size_t i = start; i < out->len; i++) {
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
    }
}

void openai_put_citation(struct buf *out, const struct chat_citation *c, uint64_t index)
{
    write_open(out, '{');
    write_member_u64(out, "index", index); /* the SDK's accumulator wants it in every list */
    write_member_cstr(out, "type", "url_citation");
    write_key(out, "url_citation");
    write_open(out, '{');
    write_member_text(out, "url", c->url);
    write_member_text(out, "title", c->title);
    write_member_u64(out, "start_index", c->start > 0 ? (uint64_t)c->start : 0);
    write_member_u64(out, "end_index", c->end > 0 ? (uint64_t)c->end : 0);
    write_text_if(out, "content", c->text);
    write_close(out, '}');
    write_close(out, '}');
}

/* --- chunks --- */

struct openai_encoder *openai_encoder_create(const struct chat_codec *c,
                                             const struct chat_reply *reply, bool is_completion)
{
    struct openai_encoder *x = arena_zalloc(c->arena, sizeof(*x));
    struct buf head = BUF_IN(c->arena); /* printf would cost as much as the rest of an answer */

    x->c = *c;
    x->reply = reply;
    buf_cstr(&head, is_completion ? "{\"id\":\"cmpl-" : "{\"id\":\"chatcmpl-");
    buf_str(&head, reply->id);
    buf_char(&head, '"');
    write_member_cstr(&head, "object",
                      is_completion   ? "text_completion"
                      : reply->stream ? "chat.completion.chunk"
                                      : "chat.completion");
    write_member_u64(&head, "created", reply->created_s);
    write_member_text(&head, "model", text_escape(c->arena, reply->model));
    write_key(&head, "choices");
    write_open(&head, '[');
    x->head = buf_view(&head);
    return x;
}

void *openai_chat_encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    return openai_encoder_create(c, reply, false);
}

static struct openai_encoder_choice *choice_of(struct openai_encoder *x, uint32_t n)
{
    must(n < CHOICES_MAX);
    if (x->choices[n] == NULL)
        x->choices[n] = arena_zalloc(x->c.arena, sizeof(*x->choices[n]));
    return x->choices[n];
}

/* Up to inside the delta's object. The first chunk of a choice says who speaks. */
static void begin(struct openai_encoder *x, uint32_t n, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, n);

    buf_reserve(out, x->head.len + 128);
    write_event_begin(out, NULL);
    buf_str(out, x->head);
    buf_cstr(out, "{\"index\":");
    buf_u64(out, n);
    buf_cstr(out, ",\"delta\":{");
    if (!ch->has_role)
        buf_cstr(out, "\"role\":\"assistant\"");
    ch->has_role = true;
}

static void end(struct buf *out)
{
    buf_cstr(out, "},\"logprobs\":null,\"finish_reason\":null}]}");
    write_event_end(out);
}

static void put_delta(struct openai_encoder *x, uint32_t n, const char *key, struct str text,
                      struct buf *out)
{
    begin(x, n, out);
    write_member_text(out, key, text);
    end(out);
}

static void keep(struct openai_encoder *x, struct arena_text *p, struct str text)
{
    if (text.len > PIECE_MAX || p->len + text.len > PIECE_MAX)
        return;
    arena_append(x->c.arena, p, text);
}

/* --- tool calls --- */

/* Up to inside the call's object. */
static void begin_call(struct openai_encoder *x, uint32_t n, struct buf *out)
{
    begin(x, n, out);
    write_key(out, "tool_calls");
    buf_cstr(out, "[{\"index\":");
    buf_u64(out, choice_of(x, n)->calls - 1);
}

static void end_call(struct buf *out)
{
    buf_cstr(out, "}]");
    end(out);
}

static void on_call(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, e->choice);

    ch->calls++;
    ch->is_freeform = openai_is_freeform(x->reply->chat, e->name);
    if (x->reply->chat->is_functions) {
        if (ch->calls > 1) /* the old way has room for one */
            return;
        begin(x, e->choice, out);
        write_key(out, "function_call");
        write_open(out, '{');
    } else {
        begin_call(x, e->choice, out);
        write_member_text(out, "id", e->id);
        write_member_cstr(out, "type", ch->is_freeform ? "custom" : "function");
        write_key(out, ch->is_freeform ? "custom" : "function");
        write_open(out, '{');
    }
    write_member_text(out, "name", e->name);
    write_member_cstr(out, ch->is_freeform ? "input" : "arguments", "");
    write_close(out, '}');
    if (x->reply->chat->is_functions)
        end(out);
    else
        end_call(out);
}

/* What must come back with the call goes out with its first arguments, as event.h has it. The SDK
 * wants a function in each delta of a call. */
static void put_call_text(struct openai_encoder *x, uint32_t n, struct str text, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, n);

    if (x->reply->chat->is_functions) {
        if (ch->calls > 1)
            return;
        begin(x, n, out);
        write_key(out, "function_call");
        buf_cstr(out, "{\"arguments\":\"");
        buf_str(out, text);
        buf_cstr(out, "\"}");
        end(out);
        return;
    }
    begin_call(x, n, out);
    if (ch->signature.len > 0)
        write_member_text(out, "bf_signature",
                          text_wrap(x->c.scratch, arena_text_view(&ch->signature), ch->signer));
    ch->signature.len = 0;
    buf_cstr(out,
             ch->is_freeform ? ",\"custom\":{\"input\":\"" : ",\"function\":{\"arguments\":\"");
    buf_str(out, text);
    buf_cstr(out, "\"}");
    end_call(out);
}

/* --- thinking --- */

/* What must come back as it is, in a delta of its own, with the characters that it is for. */
static void put_signature(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, e->choice);

    if (ch->signature.len == 0)
        return;
    begin(x, e->choice, out);
    write_key(out, "bf_thinking");
    openai_put_thought(out, ch->thoughts++, e->block_kind,
                       (struct openai_span){ch->thought_start, ch->thought_end},
                       text_wrap(x->c.scratch, arena_text_view(&ch->signature), ch->signer));
    end(out);
}

void openai_put_thought(struct buf *out, uint64_t index, enum chat_block_kind kind,
                        struct openai_span span, struct str wrapped)
{
    write_open(out, '[');
    openai_put_thought_entry(out, index, kind, span, wrapped);
    write_close(out, ']');
}

void openai_put_thought_entry(struct buf *out, uint64_t index, enum chat_block_kind kind,
                              struct openai_span span, struct str wrapped)
{
    write_open(out, '{');
    write_member_u64(out, "index", index);
    if (kind == BLOCK_REDACTED) {
        write_member_cstr(out, "type", "redacted");
        write_member_text(out, "data", wrapped);
    } else {
        write_member_cstr(out, "type", "thinking");
        write_member_u64(out, "start", span.start);
        write_member_u64(out, "end", span.end);
        write_member_text(out, "signature", wrapped);
    }
    write_close(out, '}');
}

/* --- events --- */

static void on_block_start(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, e->choice);

    ch->signature.len = 0;
    ch->input.len = 0;
    ch->thought_start = ch->thought_end;
    if (e->block_kind == BLOCK_TOOL_CALL)
        on_call(x, e, out);
}

static void on_delta(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, e->choice);

    switch (e->block_kind) {
    case BLOCK_TEXT:
        put_delta(x, e->choice, "content", e->text, out);
        break;
    case BLOCK_THINKING:
        ch->thought_end += openai_characters(e->text);
        put_delta(x, e->choice, "reasoning_content", e->text, out);
        break;
    case BLOCK_REFUSAL:
        ch->has_refusal = true;
        put_delta(x, e->choice, "refusal", e->text, out);
        break;
    case BLOCK_TOOL_CALL:
        if (ch->is_freeform) /* its text is inside these arguments */
            keep(x, &ch->input, e->text);
        else
            put_call_text(x, e->choice, e->text, out);
        break;
    default:
        break;
    }
}

static void on_block_stop(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder_choice *ch = choice_of(x, e->choice);

    if (e->block_kind != BLOCK_TOOL_CALL)
        put_signature(x, e, out);
    else if (ch->is_freeform)
        put_call_text(x, e->choice, openai_freeform_input(&x->c, arena_text_view(&ch->input)), out);
    else if (ch->signature.len > 0) /* a call without arguments */
        put_call_text(x, e->choice, STR_NONE, out);
}

static void on_citation(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    if (e->citation->url.len == 0) /* of a document: the dialect has none */
        return;
    begin(x, e->choice, out);
    write_key(out, "annotations");
    write_open(out, '[');
    openai_put_citation(out, e->citation, choice_of(x, e->choice)->citations++);
    write_close(out, ']');
    end(out);
}

static void on_logprobs(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    begin(x, e->choice, out);
    buf_cstr(out, "},\"logprobs\":{\"content\":");
    put_raw_line(out, e->raw);
    buf_cstr(out, ",\"refusal\":null},\"finish_reason\":null}]}");
    write_event_end(out);
}

static void on_stop(struct openai_encoder *x, const struct chat_event *e, struct buf *out)
{
    begin(x, e->choice, out);
    buf_cstr(out, "},\"logprobs\":null,\"finish_reason\":\"");
    buf_cstr(out,
             openai_finish_name(x->reply->chat, e->stop, choice_of(x, e->choice)->has_refusal));
    buf_cstr(out, "\"}]}");
    write_event_end(out);
}

void openai_put_end(const struct openai_encoder *x, struct buf *out)
{
    if (x->reply->chat->include_usage && x->usage.known) {
        write_event_begin(out, NULL);
        buf_str(out, x->head);
        buf_cstr(out, "],\"usage\":");
        openai_put_usage(out, &x->usage);
        buf_char(out, '}');
        write_event_end(out);
    }
    buf_cstr(out, "data: [DONE]\n\n");
}

void openai_encode_event(void *encoder, const struct chat_event *e, struct buf *out)
{
    struct openai_encoder *x = encoder;

    switch (e->kind) {
    case EVENT_START:
        put_delta(x, 0, "content", STR_NONE, out);
        break;
    case EVENT_BLOCK_START:
        on_block_start(x, e, out);
        break;
    case EVENT_DELTA:
        on_delta(x, e, out);
        break;
    case EVENT_SIGNATURE:
        keep(x, &choice_of(x, e->choice)->signature, e->text);
        choice_of(x, e->choice)->signer = e->signer;
        break;
    case EVENT_CITATION:
        on_citation(x, e, out);
        break;
    case EVENT_LOGPROBS:
        on_logprobs(x, e, out);
        break;
    case EVENT_BLOCK_STOP:
        on_block_stop(x, e, out);
        break;
    case EVENT_STOP:
        on_stop(x, e, out);
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
    }
}
