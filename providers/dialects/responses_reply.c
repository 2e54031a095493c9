/*
 * The response object: what it repeats of the request, what came of it; whole answers.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"
#include "providers/reasoning.h"
#include "providers/write.h"

void *responses_encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct responses_encoder *e = arena_zalloc(c->arena, sizeof(*e));

    e->c = *c;
    e->reply = reply;
    e->is_streaming = true;
    e->out.reply = reply;
    e->out.arena = c->arena;
    return e;
}

/* --- what is repeated --- */

static void text_or_null(struct buf *out, const char *key, struct str escaped)
{
    write_key(out, key);
    if (escaped.len > 0)
        write_text(out, escaped);
    else
        write_null(out);
}

static void raw_or(struct buf *out, const char *key, struct str raw, struct str otherwise)
{
    write_member_raw(out, key, raw.len > 0 ? raw : otherwise);
}

static struct str find_extra(const struct chat *chat, struct str name)
{
    for (const struct chat_extra *x = chat->extras; x != NULL; x = x->next) {
        if (str_eq(x->name, name))
            return x->raw;
    }
    return STR_NONE;
}

static void put_tools(const struct chat *chat, struct buf *out)
{
    write_key(out, "tools");
    write_open(out, '[');
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        if (chat->from == DIALECT_RESPONSES)
            write_raw(out, t->raw);
    }
    write_close(out, ']');
}

static void put_choice(const struct chat *chat, struct buf *out)
{
    static const char *const words[] = {
        [CHOICE_UNSET] = "auto",
        [CHOICE_AUTO] = "auto",
        [CHOICE_NONE] = "none",
        [CHOICE_REQUIRED] = "required",
    };
    struct str raw = find_extra(chat, STR("tool_choice"));

    if (raw.len > 0) {
        write_member_raw(out, "tool_choice", raw);
    } else if (chat->tool_choice != CHOICE_NAMED) {
        write_member_cstr(out, "tool_choice", words[chat->tool_choice]);
    } else {
        write_key(out, "tool_choice");
        write_open(out, '{');
        write_member_cstr(
            out, "type", responses_freeform(chat, chat->tool_name) != NULL ? "custom" : "function");
        write_member_text(out, "name", chat->tool_name);
        write_close(out, '}');
    }
}

static void put_reasoning(const struct chat *chat, struct buf *out)
{
    const char *effort = reasoning_name(chat->reasoning.effort);

    write_key(out, "reasoning");
    write_open(out, '{');
    text_or_null(out, "effort", str_of(effort));
    text_or_null(out, "summary", chat->reasoning.summary);
    write_close(out, '}');
}

static void put_echo(const struct chat_reply *reply, struct buf *out)
{
    const struct chat *chat = reply->chat;
    struct str max_tool_calls = find_extra(chat, STR("max_tool_calls"));

    write_key(out, "model");
    write_plain(out, reply->model);
    text_or_null(out, "instructions", responses_instructions(chat));
    write_key(out, "max_output_tokens");
    if (chat->max_tokens > 0)
        write_u64(out, chat->max_tokens);
    else
        write_null(out);
    raw_or(out, "max_tool_calls", max_tool_calls, STR("null"));
    raw_or(out, "metadata", chat->metadata, STR("{}"));
    write_member_bool(out, "parallel_tool_calls", chat->parallel_tools != NO);
    write_member_raw(out, "previous_response_id", STR("null"));
    write_text_if(out, "prompt_cache_key", chat->cache_key);
    put_reasoning(chat, out);
    write_member_cstr(out, "service_tier", "default");
    write_member_bool(out, "store", false);
    raw_or(out, "temperature", chat->temperature, STR("1.0"));
    write_key(out, "text");
    if (chat->format == FORMAT_UNSET && chat->verbosity.len == 0)
        write_raw(out, STR("{\"format\":{\"type\":\"text\"}}"));
    else
        responses_put_text(out, chat, true);
    put_choice(chat, out);
    put_tools(chat, out);
    raw_or(out, "top_logprobs", chat->top_logprobs, STR("0"));
    raw_or(out, "top_p", chat->top_p, STR("1.0"));
    write_member_cstr(out, "truncation", "disabled");
    text_or_null(out, "user", chat->user);
}

/* A line end in a client's JSON stands between values, and would end an event's line. */
static void one_line(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n' || p[i] == '\r')
            p[i] = ' ';
    }
}

static void echo(struct responses_encoder *e, struct buf *out)
{
    size_t start;

    if (e->echo.len > 0) {
        write_raw(out, e->echo);
        return;
    }
    buf_char(out, ',');
    start = out->len;
    put_echo(e->reply, out);
    /* the first key found a comma before it and put none */
    one_line(out->data + start, out->len - start);
    e->echo = arena_str(e->c.arena, (struct str){out->data + start, out->len - start});
}

/* --- what came of it --- */

static const char *incomplete_reason(enum chat_stop stop)
{
    switch (stop) {
    case STOP_LENGTH:
    case STOP_CONTEXT:
        return "max_output_tokens";
    case STOP_FILTER:
        return "content_filter";
    default:
        return NULL;
    }
}

static void put_status(const struct responses_encoder *e, bool is_over, struct buf *out)
{
    const char *reason = is_over ? incomplete_reason(e->stop) : NULL;
    bool is_failed = is_over && (e->has_error || e->stop == STOP_ERROR);

    write_member_cstr(out, "status",
                      is_failed        ? "failed"
                      : !is_over       ? "in_progress"
                      : reason != NULL ? "incomplete"
                                       : "completed");
    write_key(out, "error");
    if (is_failed) {
        write_open(out, '{');
        write_member_text(out, "code",
                          e->has_error ? responses_error_code(&e->error) : STR("server_error"));
        write_member_text(out, "message",
                          e->has_error ? e->error.message
                                       : STR("the provider stopped with an error"));
        write_close(out, '}');
    } else {
        write_null(out);
    }
    write_key(out, "incomplete_details");
    if (reason != NULL && !is_failed) {
        write_open(out, '{');
        write_member_cstr(out, "reason", reason);
        write_close(out, '}');
    } else {
        write_null(out);
    }
}

static void put_usage(const struct chat_usage *u, struct buf *out)
{
    write_key(out, "usage");
    if (!u->known) {
        write_null(out);
        return;
    }
    write_open(out, '{');
    write_member_u64(out, "input_tokens", u->input);
    write_key(out, "input_tokens_details");
    write_open(out, '{');
    write_member_u64(out, "cached_tokens", u->cached);
    write_member_u64(out, "cache_write_tokens", u->written_5m + u->written_1h);
    write_close(out, '}');
    write_member_u64(out, "output_tokens", u->output);
    write_key(out, "output_tokens_details");
    write_open(out, '{');
    write_member_u64(out, "reasoning_tokens", u->reasoning);
    write_close(out, '}');
    write_member_u64(out, "total_tokens", u->input + u->output);
    write_close(out, '}');
}

void responses_put_response(struct responses_encoder *e, bool is_over, struct buf *out)
{
    write_open(out, '{');
    write_key(out, "id");
    buf_cstr(out, "\"resp_");
    buf_str(out, e->reply->id);
    buf_char(out, '"');
    write_member_cstr(out, "object", "response");
    write_member_u64(out, "created_at", e->reply->created_s);
    put_status(e, is_over, out);
    write_member_bool(out, "background", false);
    echo(e, out);
    write_key(out, "output");
    write_open(out, '[');
    if (is_over)
        buf_add(out, e->out.items.data, e->out.items.len);
    write_close(out, ']');
    if (is_over) {
        put_usage(&e->usage, out);
    } else {
        write_key(out, "usage");
        write_null(out);
    }
    write_close(out, '}');
}

/* --- whole answers --- */

struct replay {
    struct responses_encoder *encoder;
    struct buf *out;
};

static void on_event(void *ctx, const struct chat_event *event)
{
    struct replay *r = ctx;

    responses_encode_event(r->encoder, event, r->out);
}

void responses_encode_answer(void *encoder, const struct chat_answer *answer,
                             struct chat_loss *loss, struct buf *out)
{
    struct responses_encoder *e = encoder;
    struct replay r = {e, out};
    struct chat_answer first = *answer;

    e->is_streaming = false;
    e->loss = loss;
    if (answer->n_choices > 1)
        loss_drop(loss, STR("n"));
    first.n_choices = (uint32_t)min_u64(answer->n_choices, 1);
    if (first.n_choices > 0 && first.choices[0].logprobs.len > 2)
        e->probs = first.choices[0].logprobs;
    fold_replay(&first, &(struct chat_sink){on_event, &r});
    e->usage = answer->usage;
    responses_put_response(e, true, out);
}
