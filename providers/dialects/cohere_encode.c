/*
 * cohere_encode - a v2 chat request from the neutral form: cohere.h.
 */
#include <stdlib.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"
#include "providers/reasoning.h"
#include "providers/write.h"

/* --- numbers --- */

/* As it stood, or the nearest that Cohere takes. */
static void write_within(struct cohere_out *o, const char *key, struct str raw, const char *min,
                         const char *max)
{
    char text[64];
    size_t n = min_u64(raw.len, sizeof(text) - 1);
    double value;

    if (raw.len == 0)
        return;
    memcpy(text, raw.p, n);
    text[n] = '\0';
    value = strtod(text, NULL);
    if (value < strtod(min, NULL))
        raw = str_of(min);
    else if (max != NULL && value > strtod(max, NULL))
        raw = str_of(max);
    else
        return write_member_raw(o->b, key, raw);
    write_member_raw(o->b, key, raw);
    loss_change(o->loss, strcmp(key, "p") == 0   ? STR("top_p")
                         : strcmp(key, "k") == 0 ? STR("top_k")
                                                 : str_of(key));
}

static void write_stops(struct cohere_out *o)
{
    size_t n = 0;

    if (o->chat->stops == NULL)
        return;
    write_key(o->b, "stop_sequences");
    write_open(o->b, '[');
    for (const struct chat_text_list *s = o->chat->stops; s != NULL; s = s->next) {
        if (n++ < COHERE_STOPS_MAX)
            write_text(o->b, s->text);
    }
    write_close(o->b, ']');
    if (n > COHERE_STOPS_MAX)
        loss_change(o->loss, STR("stop"));
}

static void write_sampling(struct cohere_out *o)
{
    const struct chat *chat = o->chat;
    uint64_t max = chat->max_tokens;

    if (o->target->max_output > 0 && max > o->target->max_output) {
        loss_change(o->loss, STR("max_tokens"));
        max = o->target->max_output;
    }
    if (max > 0)
        write_member_u64(o->b, "max_tokens", max);
    write_stops(o);
    write_within(o, "temperature", chat->temperature, "0", NULL);
    write_within(o, "p", chat->top_p, "0.01", "0.99");
    write_within(o, "k", chat->top_k, "0", "500");
    write_within(o, "frequency_penalty", chat->frequency_penalty, "0", "1");
    write_within(o, "presence_penalty", chat->presence_penalty, "0", "1");
    write_raw_if(o->b, "seed", chat->seed);
    if (chat->logprobs != UNSET)
        write_member_bool(o->b, "logprobs", chat->logprobs == YES);
}

/* --- thinking --- */

bool cohere_can_think(const struct cohere_out *o)
{
    uint32_t flags = o->target->model_flags;

    return (flags & MODEL_KNOWN) == 0 || (flags & MODEL_REASONING) != 0;
}

static void write_thinking(struct cohere_out *o)
{
    const struct chat_reasoning *r = &o->chat->reasoning;
    int64_t budget;

    if (!reasoning_is_set(r))
        return;
    budget = reasoning_budget(r, o->chat->max_tokens);
    if (r->summary.len > 0)
        loss_drop(o->loss, STR("reasoning.summary"));
    if (!cohere_can_think(o)) {
        if (budget != 0)
            loss_drop(o->loss, STR("reasoning"));
        return;
    }
    if (r->budget > 0 && budget != r->budget)
        loss_change(o->loss, STR("thinking.budget_tokens"));
    if (r->show == NO && budget != 0)
        loss_drop(o->loss, STR("thinking.display"));
    write_key(o->b, "thinking");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", budget == 0 ? "disabled" : "enabled");
    if (budget > 0)
        write_member_u64(o->b, "token_budget", (uint64_t)budget);
    write_close(o->b, '}');
}

/* --- tools --- */

/* A client that names a tool gets that one alone, and the model has to take it. */
static bool is_offered(const struct cohere_out *o, const struct chat_tool *t)
{
    return t->builtin == BUILTIN_NONE &&
           (o->chat->tool_choice != CHOICE_NAMED || str_eq(t->name, o->chat->tool_name));
}

static void write_tool(struct cohere_out *o, const struct chat_tool *t)
{
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", "function");
    write_key(o->b, "function");
    write_open(o->b, '{');
    write_member_text(o->b, "name", t->name);
    write_text_if(o->b, "description", t->description);
    write_member_raw(o->b, "parameters",
                     t->schema.len > 0 ? t->schema
                                       : STR("{\"type\":\"object\",\"properties\":{}}"));
    write_close(o->b, '}');
    write_close(o->b, '}');
}

static void drop_builtin(struct cohere_out *o, const struct chat_tool *t)
{
    loss_drop(o->loss, arena_concat(o->c->arena, (struct str[]){STR("tools."), t->name}, 2));
}

/* Strict for all tools or for none. */
static void write_strict(struct cohere_out *o)
{
    size_t n = 0, strict = 0, said = 0;

    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (!is_offered(o, t))
            continue;
        n++;
        strict += t->strict == YES;
        said += t->strict != UNSET;
    }
    if (said == 0)
        return;
    if (strict > 0 && strict < n)
        loss_change(o->loss, STR("tools.strict"));
    write_member_bool(o->b, "strict_tools", strict == n);
}

static bool write_tools(struct cohere_out *o)
{
    size_t n = 0, functions = 0;

    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        n += is_offered(o, t);
        functions += t->builtin == BUILTIN_NONE;
        if (t->builtin != BUILTIN_NONE)
            drop_builtin(o, t);
    }
    if (o->chat->parallel_tools == NO)
        loss_drop(o->loss, STR("parallel_tool_calls"));
    if (n == 0)
        return false;
    write_key(o->b, "tools");
    write_open(o->b, '[');
    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (is_offered(o, t))
            write_tool(o, t);
    }
    write_close(o->b, ']');
    write_strict(o);
    if (o->chat->tool_choice == CHOICE_NAMED)
        loss_change(o->loss, STR("tool_choice"));
    if (n < functions)
        loss_change(o->loss, STR("tools")); /* the others are not offered */
    if (o->chat->tool_choice == CHOICE_REQUIRED || o->chat->tool_choice == CHOICE_NAMED)
        write_member_cstr(o->b, "tool_choice", "REQUIRED");
    else if (o->chat->tool_choice == CHOICE_NONE)
        write_member_cstr(o->b, "tool_choice", "NONE");
    return true;
}

/* --- what is answered --- */

static void write_format(struct cohere_out *o, bool has_tools)
{
    enum chat_format format = o->chat->format;

    if (format == FORMAT_UNSET)
        return;
    /* Cohere refuses it beside tools */
    if (format == FORMAT_GRAMMAR || (has_tools && format != FORMAT_TEXT)) {
        loss_drop(o->loss, STR("response_format"));
        return;
    }
    write_key(o->b, "response_format");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", format == FORMAT_TEXT ? "text" : "json_object");
    if (format == FORMAT_SCHEMA)
        write_member_raw(o->b, "json_schema", o->chat->format_schema);
    write_close(o->b, '}');
    if (format == FORMAT_SCHEMA && o->chat->format_strict == NO)
        loss_change(o->loss, STR("response_format.strict"));
}

/* --- the rest --- */

static void write_extras(struct cohere_out *o)
{
    for (const struct chat_extra *x = o->chat->extras; x != NULL; x = x->next) {
        if (o->chat->from != DIALECT_COHERE || x->raw.len == 0) {
            loss_drop(o->loss, x->name);
            continue;
        }
        write_key(o->b, arena_cstr(o->c->arena, text_escape(o->c->arena, x->name)));
        buf_str(o->b, x->raw);
    }
}

int cohere_encode_request(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    struct cohere_out o = {
        .c = c, .chat = chat, .target = target, .loss = loss, .b = out, .err = err};

    write_open(out, '{');
    write_key(out, "model");
    write_plain(out, target->model);
    write_member_bool(out, "stream", chat->stream);
    write_sampling(&o);
    write_thinking(&o);
    write_format(&o, write_tools(&o));
    write_extras(&o);
    if (chat->service_tier.len > 0 && !text_is(chat->service_tier, "auto"))
        loss_drop(loss, STR("service_tier"));
    loss_unsaid(loss, chat, SAID_PENALTIES | SAID_SEED | SAID_LOGPROBS);
    cohere_write_documents(&o);
    write_key(out, "messages");
    if (cohere_write_messages(&o) != 0)
        return -1;
    write_close(out, '}');
    return 0;
}
