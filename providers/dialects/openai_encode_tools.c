/*
 * Tools, tool_choice, response_format and thinking as the OpenAI dialect and its vendors say them.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"
#include "providers/reasoning.h"
#include "providers/schema.h"
#include "providers/write.h"

/* Strict mode takes a part of JSON Schema; what is of that part already is written as it stands. */
static struct str schema_of(const struct openai_encode *e, struct str schema, bool is_strict,
                            struct str name)
{
    return is_strict ? schema_normalise(e->c, schema, SCHEMA_OPENAI_STRICT, e->loss, name) : schema;
}

static void put_function(const struct openai_encode *e, const struct chat_tool *t)
{
    write_open(e->out, '{');
    write_member_cstr(e->out, "type", "function");
    write_key(e->out, "function");
    write_open(e->out, '{');
    write_member_text(e->out, "name", t->name);
    write_text_if(e->out, "description", t->description);
    write_raw_if(e->out, "parameters",
                 schema_of(e, t->schema, t->strict == YES && !openai_has(e, QUIRK_NO_STRICT),
                           STR("tools.parameters")));
    if (t->strict != UNSET && !openai_has(e, QUIRK_NO_STRICT))
        write_member_bool(e->out, "strict", t->strict == YES);
    else if (t->strict == YES)
        loss_drop(e->loss, STR("tools.strict"));
    write_close(e->out, '}');
    if (t->cache != CACHE_NONE && openai_has(e, QUIRK_CACHE_CONTROL)) {
        write_key(e->out, "cache_control");
        write_raw(e->out, STR("{\"type\":\"ephemeral\"}"));
    }
    write_close(e->out, '}');
}

/* What the provider is to run itself: only a client of this dialect can have meant its word for it. */
static void put_builtin(const struct openai_encode *e, const struct chat_tool *t)
{
    bool is_option = t->builtin == BUILTIN_WEB_SEARCH && text_is(t->name, "web_search_options");

    if (e->chat->from != DIALECT_OPENAI)
        loss_drop(e->loss, arena_concat(e->c->arena, (struct str[]){STR("tools."), t->name}, 2));
    else if (!is_option)
        write_raw(e->out, t->raw);
}

static bool is_written(const struct openai_encode *e, const struct chat_tool *t)
{
    if (t->builtin == BUILTIN_NONE)
        return true;
    return e->chat->from == DIALECT_OPENAI && !text_is(t->name, "web_search_options");
}

static void put_choice(const struct openai_encode *e)
{
    switch (e->chat->tool_choice) {
    case CHOICE_UNSET:
        break;
    case CHOICE_AUTO:
        write_member_cstr(e->out, "tool_choice", "auto");
        break;
    case CHOICE_NONE:
        write_member_cstr(e->out, "tool_choice", "none");
        break;
    case CHOICE_REQUIRED:
        write_member_cstr(e->out, "tool_choice",
                          openai_has(e, QUIRK_TOOL_ANY) ? "any" : "required");
        break;
    case CHOICE_NAMED:
        write_key(e->out, "tool_choice");
        write_open(e->out, '{');
        write_member_cstr(e->out, "type", "function");
        write_key(e->out, "function");
        write_open(e->out, '{');
        write_member_text(e->out, "name", e->chat->tool_name);
        write_close(e->out, '}');
        write_close(e->out, '}');
    }
}

void openai_put_tools(const struct openai_encode *e)
{
    size_t n = 0;

    for (const struct chat_tool *t = e->chat->tools; t != NULL; t = t->next) {
        n += is_written(e, t);
        if (e->chat->from == DIALECT_OPENAI && text_is(t->name, "web_search_options"))
            write_member_raw(e->out, "web_search_options", t->raw);
    }
    if (n == 0) { /* tool_choice and its like are refused without tools */
        for (const struct chat_tool *t = e->chat->tools; t != NULL; t = t->next)
            put_builtin(e, t);
        return;
    }
    write_key(e->out, "tools");
    write_open(e->out, '[');
    for (const struct chat_tool *t = e->chat->tools; t != NULL; t = t->next) {
        if (t->builtin == BUILTIN_NONE)
            put_function(e, t);
        else
            put_builtin(e, t);
    }
    write_close(e->out, ']');
    put_choice(e);
    if (e->chat->parallel_tools == UNSET)
        return;
    if (!openai_has(e, QUIRK_NO_PARALLEL))
        write_member_bool(e->out, "parallel_tool_calls", e->chat->parallel_tools == YES);
    else if (e->chat->parallel_tools == NO)
        loss_drop(e->loss, STR("parallel_tool_calls"));
}

static void put_schema(const struct openai_encode *e)
{
    const struct chat *c = e->chat;

    write_member_cstr(e->out, "type", "json_schema");
    write_key(e->out, "json_schema");
    write_open(e->out, '{');
    /* the name is required; other dialects have none */
    write_member_text(e->out, "name", c->format_name.len > 0 ? c->format_name : STR("answer"));
    write_text_if(e->out, "description", c->format_description);
    write_member_raw(
        e->out, "schema",
        schema_of(e, c->format_schema, c->format_strict == YES, STR("response_format")));
    if (c->format_strict != UNSET)
        write_member_bool(e->out, "strict", c->format_strict == YES);
    write_close(e->out, '}');
}

void openai_put_format(const struct openai_encode *e)
{
    enum chat_format format = e->chat->format;

    if (format == FORMAT_UNSET)
        return;
    if (format == FORMAT_GRAMMAR) {
        if (e->chat->from == DIALECT_OPENAI)
            write_member_raw(e->out, "response_format", e->chat->format_schema);
        else
            loss_drop(e->loss, STR("response_format"));
        return;
    }
    write_key(e->out, "response_format");
    write_open(e->out, '{');
    if (format == FORMAT_SCHEMA && !openai_has(e, QUIRK_NO_SCHEMA)) {
        put_schema(e);
    } else { /* openai_put_messages tells such a vendor's model the schema in words */
        if (format == FORMAT_SCHEMA)
            loss_change(e->loss, STR("response_format"));
        write_member_cstr(e->out, "type", format == FORMAT_TEXT ? "text" : "json_object");
    }
    write_close(e->out, '}');
}

/* --- thinking --- */

static void put_reasoning_object(const struct openai_encode *e)
{
    const struct chat_reasoning *r = &e->chat->reasoning;
    int64_t budget = r->effort == EFFORT_UNSET ? reasoning_budget(r, e->chat->max_tokens) : -1;

    write_key(e->out, "reasoning");
    write_open(e->out, '{');
    if (budget > 0)
        write_member_u64(e->out, "max_tokens", (uint64_t)budget);
    else if (reasoning_is_set(r))
        write_member_cstr(e->out, "effort", reasoning_name(reasoning_effort(r)));
    if (r->show == NO)
        write_member_bool(e->out, "exclude", true);
    write_close(e->out, '}');
}

static void put_thinking_object(const struct openai_encode *e, bool is_on)
{
    write_key(e->out, "thinking");
    write_open(e->out, '{');
    write_member_cstr(e->out, "type", is_on ? "enabled" : "disabled");
    write_close(e->out, '}');
    if (is_on && e->chat->reasoning.effort != EFFORT_UNSET)
        loss_change(e->loss, STR("reasoning_effort"));
}

static void put_enable_thinking(const struct openai_encode *e, bool is_on)
{
    int64_t budget = reasoning_budget(&e->chat->reasoning, e->chat->max_tokens);

    write_member_bool(e->out, "enable_thinking", is_on);
    if (is_on && budget > 0)
        write_member_u64(e->out, "thinking_budget", (uint64_t)budget);
}

/* Vendors that hand thoughts out; OpenAI's own models do not, here. */
static bool shows_thoughts(const struct openai_encode *e)
{
    return openai_has(e, QUIRK_REASONING_CONTENT) || openai_has(e, QUIRK_REASONING_OBJECT) ||
           openai_has(e, QUIRK_THINKING_OBJECT) || openai_has(e, QUIRK_ENABLE_THINKING);
}

void openai_put_reasoning(const struct openai_encode *e)
{
    const struct chat_reasoning *r = &e->chat->reasoning;
    uint32_t flags = e->target->model_flags;
    bool cannot = openai_has(e, QUIRK_NO_REASONING) ||
                  ((flags & MODEL_KNOWN) != 0 && (flags & MODEL_REASONING) == 0);
    enum chat_effort effort = reasoning_effort(r);

    if (r->summary.len > 0 || (r->show == YES && !shows_thoughts(e)))
        loss_drop(e->loss, STR("reasoning.summary"));
    if (openai_has(e, QUIRK_REASONING_OBJECT) && !cannot) {
        if (reasoning_is_set(r) || r->show == NO)
            put_reasoning_object(e);
        return;
    }
    if (!reasoning_is_set(r))
        return;
    if (cannot) {
        if (effort != EFFORT_NONE)
            loss_drop(e->loss, STR("reasoning_effort"));
    } else if (openai_has(e, QUIRK_THINKING_OBJECT)) {
        put_thinking_object(e, effort != EFFORT_NONE);
    } else if (openai_has(e, QUIRK_ENABLE_THINKING)) {
        put_enable_thinking(e, effort != EFFORT_NONE);
    } else {
        write_member_cstr(e->out, "reasoning_effort", reasoning_name(effort));
        if (r->budget != BUDGET_UNSET && r->budget != 0)
            loss_change(e->loss, STR("reasoning.budget"));
    }
}
