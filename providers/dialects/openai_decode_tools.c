/*
 * Tools, tool_choice, response_format and the many ways to ask for thinking into the neutral form.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"
#include "providers/reasoning.h"

#define TOOLS_MAX 4096 /* OpenAI allows 128, others more */

/* What a free-form tool looks like to models that know functions only. */
#define FREEFORM_SCHEMA                                                                            \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\",\"description\":"         \
    "\"The tool's whole input, as plain text.\"}},\"required\":[\"input\"],"                       \
    "\"additionalProperties\":false}"

static bool take_function(struct openai_decode *d, const struct json *function, struct chat_tool *t)
{
    const struct json *name = json_get(function, "name");
    const struct json *schema = json_get(function, "parameters");
    bool strict;

    if (name == NULL || name->type != JSON_STRING || name->raw.len == 2)
        return openai_wrong(d, "tools[].function.name", "a string", name);
    if (!openai_is_null(schema) && schema->type != JSON_OBJECT)
        return openai_wrong(d, "tools[].function.parameters", "an object", schema);
    t->name = text_inside(name);
    t->description = text_member(function, "description");
    if (!openai_is_null(schema))
        t->schema = schema->raw;
    if (json_bool(json_get(function, "strict"), &strict))
        t->strict = strict ? YES : NO;
    return true;
}

/* A function of one string, told in words what the string must be like. */
static bool take_custom(struct openai_decode *d, const struct json *tool, struct chat_tool *t)
{
    const struct json *custom = json_get(tool, "custom");
    const struct json *grammar = json_get(json_get(custom, "format"), "grammar");

    t->name = text_member(custom, "name");
    if (t->name.len == 0)
        return openai_wrong(d, "tools[].custom.name", "a string", json_get(custom, "name"));
    t->is_freeform = true;
    t->schema = STR(FREEFORM_SCHEMA);
    t->description = text_member(custom, "description");
    if (grammar == NULL || grammar->type != JSON_OBJECT)
        return true;
    chat_add_extra(d->c, d->chat, STR("tools.custom.format"), STR_NONE);
    t->description = arena_concat(
        d->c->arena,
        (struct str[]){
            t->description,
            STR("\\n\\nGive the text as the string `input`. It must match this grammar ("),
            text_member(grammar, "syntax"), STR("):\\n"), text_member(grammar, "definition")},
        5);
    return true;
}

/* What some vendors of the dialect run themselves. */
static enum chat_builtin builtin_of(struct str type)
{
    static const struct {
        const char *start;
        enum chat_builtin builtin;
    } rows[] = {
        {"web_search", BUILTIN_WEB_SEARCH},
        {"browser_search", BUILTIN_WEB_SEARCH},
        {"web_fetch", BUILTIN_WEB_FETCH},
        {"code_interpreter", BUILTIN_CODE},
        {"code_execution", BUILTIN_CODE},
        {"file_search", BUILTIN_FILE_SEARCH},
        {"mcp", BUILTIN_MCP},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_starts(type, str_of(rows[i].start)))
            return rows[i].builtin;
    }
    return BUILTIN_OTHER;
}

bool openai_take_tools(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_ARRAY)
        return openai_wrong(d, "tools", "an array of objects", v);
    if (v->n > TOOLS_MAX)
        return chat_invalid(d->c, d->err, "tools", "'tools' has more than %d tools.", TOOLS_MAX) ==
               0;
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        struct str type = text_member(x, "type");
        struct chat_tool *t;

        if (x->type != JSON_OBJECT)
            return openai_wrong(d, "tools[]", "an object", x);
        t = chat_add_tool(d->c, d->chat);
        t->raw = x->raw;
        t->cache = openai_cache(x);
        if (text_is(type, "custom")) {
            if (!take_custom(d, x, t))
                return false;
        } else if (text_is(type, "function") || json_get(x, "function") != NULL) {
            if (!take_function(d, json_get(x, "function"), t))
                return false;
            if (t->cache == CACHE_NONE)
                t->cache = openai_cache(json_get(x, "function"));
        } else if (type.len > 0) {
            t->builtin = builtin_of(type);
            t->name = type;
        } else {
            return openai_wrong(d, "tools[].type", "a string", json_get(x, "type"));
        }
    }
    return true;
}

bool openai_take_functions(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_ARRAY)
        return openai_wrong(d, "functions", "an array of objects", v);
    if (v->n > TOOLS_MAX)
        return chat_invalid(d->c, d->err, "functions", "'functions' has more than %d functions.",
                            TOOLS_MAX) == 0;
    d->chat->is_functions = true;
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        struct chat_tool *t = chat_add_tool(d->c, d->chat);

        t->raw = x->raw;
        if (!take_function(d, x, t))
            return false;
    }
    return true;
}

bool openai_take_web_search(struct openai_decode *d, const struct json *v)
{
    struct chat_tool *t;

    if (v->type != JSON_OBJECT)
        return openai_wrong(d, "web_search_options", "an object", v);
    t = chat_add_tool(d->c, d->chat);
    t->builtin = BUILTIN_WEB_SEARCH;
    t->name = STR("web_search_options");
    t->raw = v->raw;
    return true;
}

/* --- tool_choice --- */

static enum chat_choice choice_word(struct str word)
{
    if (text_is(word, "auto"))
        return CHOICE_AUTO;
    if (text_is(word, "none"))
        return CHOICE_NONE;
    return text_is(word, "required") || text_is(word, "any") ? CHOICE_REQUIRED : CHOICE_UNSET;
}

static bool take_named(struct openai_decode *d, const struct json *holder, const struct json *v)
{
    d->chat->tool_name = text_member(holder, "name");
    if (d->chat->tool_name.len == 0)
        return openai_wrong(d, "tool_choice", "a word or an object that names a tool", v);
    d->chat->tool_choice = CHOICE_NAMED;
    return true;
}

bool openai_take_tool_choice(struct openai_decode *d, const struct json *v)
{
    const struct json *holder;

    if (v->type == JSON_STRING) {
        d->chat->tool_choice = choice_word(text_inside(v));
        if (d->chat->tool_choice == CHOICE_UNSET)
            return chat_invalid(d->c, d->err, "tool_choice",
                                "Invalid value for 'tool_choice': it must be 'none', 'auto', "
                                "'required' or an object.") == 0;
        return true;
    }
    holder = json_get(v, "allowed_tools");
    if (holder != NULL) {
        d->chat->tool_choice = choice_word(text_member(holder, "mode"));
        chat_add_extra(d->c, d->chat, STR("tool_choice.allowed_tools"), holder->raw);
        return true;
    }
    holder = json_get(v, "function");
    return take_named(d, holder != NULL ? holder : json_get(v, "custom"), v);
}

bool openai_take_function_call(struct openai_decode *d, const struct json *v)
{
    if (v->type == JSON_STRING) {
        d->chat->tool_choice = choice_word(text_inside(v));
        return true;
    }
    return take_named(d, v, v);
}

/* --- response_format --- */

static bool take_schema(struct openai_decode *d, const struct json *holder,
                        const struct json *schema)
{
    bool strict;

    if (schema == NULL || schema->type != JSON_OBJECT)
        return openai_wrong(d, "response_format.json_schema.schema", "an object", schema);
    d->chat->format = FORMAT_SCHEMA;
    d->chat->format_schema = schema->raw;
    d->chat->format_name = text_member(holder, "name");
    d->chat->format_description = text_member(holder, "description");
    if (json_bool(json_get(holder, "strict"), &strict))
        d->chat->format_strict = strict ? YES : NO;
    return true;
}

bool openai_take_format(struct openai_decode *d, const struct json *v)
{
    struct str type = text_member(v, "type");
    const struct json *schema = json_get(v, "json_schema");

    if (text_is(type, "json_schema"))
        return take_schema(d, schema, json_get(schema, "schema"));
    if (text_is(type, "json_object")) { /* Together and Fireworks put a schema here */
        d->chat->format = FORMAT_JSON;
        schema = json_get(v, "schema");
        return schema == NULL || schema->type != JSON_OBJECT || take_schema(d, NULL, schema);
    }
    if (text_is(type, "text")) {
        d->chat->format = FORMAT_TEXT;
        return true;
    }
    if (type.len == 0)
        return openai_wrong(d, "response_format.type", "a string", json_get(v, "type"));
    d->chat->format = FORMAT_GRAMMAR;
    d->chat->format_schema = v->raw;
    return true;
}

/* --- thinking --- */

bool openai_take_effort(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_STRING)
        return openai_wrong(d, "reasoning_effort", "a string", v);
    if (text_is(text_inside(v), "default")) /* Groq's word for saying nothing */
        return true;
    d->chat->reasoning.effort = reasoning_parse(text_inside(v));
    if (d->chat->reasoning.effort == EFFORT_UNSET)
        return chat_invalid(d->c, d->err, "reasoning_effort",
                            "Invalid value for 'reasoning_effort'. Supported values are: 'none', "
                            "'minimal', 'low', 'medium', 'high', 'xhigh' and 'max'.") == 0;
    return true;
}

static void think(struct openai_decode *d, bool yes)
{
    struct chat_reasoning *r = &d->chat->reasoning;

    if (!yes)
        r->effort = EFFORT_NONE;
    else if (r->effort == EFFORT_UNSET && r->budget == BUDGET_UNSET)
        r->budget = -1;
}

static bool take_budget(struct openai_decode *d, const struct json *v, const char *name)
{
    uint64_t n;

    if (openai_is_null(v))
        return true;
    if (!json_u64(v, &n) || n > INT32_MAX)
        return openai_wrong(d, name, "an integer", v);
    d->chat->reasoning.budget = (int64_t)n;
    return true;
}

/* OpenRouter's object. */
bool openai_take_reasoning(struct openai_decode *d, const struct json *v)
{
    const struct json *effort = json_get(v, "effort");
    bool flag;

    if (v->type != JSON_OBJECT)
        return openai_wrong(d, "reasoning", "an object", v);
    if (!openai_is_null(effort) && !openai_take_effort(d, effort))
        return false;
    if (!take_budget(d, json_get(v, "max_tokens"), "reasoning.max_tokens"))
        return false;
    if (json_bool(json_get(v, "exclude"), &flag))
        d->chat->reasoning.show = flag ? NO : YES;
    if (json_bool(json_get(v, "enabled"), &flag))
        think(d, flag);
    d->chat->reasoning.summary = text_member(v, "summary");
    return true;
}

/* Anthropic's object, which LiteLLM, DeepSeek, Zhipu and Moonshot take as well. */
bool openai_take_thinking(struct openai_decode *d, const struct json *v)
{
    struct str type = text_member(v, "type");

    if (v->type != JSON_OBJECT)
        return openai_wrong(d, "thinking", "an object", v);
    if (!take_budget(d, json_get(v, "budget_tokens"), "thinking.budget_tokens"))
        return false;
    if (text_is(type, "adaptive"))
        d->chat->reasoning.adaptive = true;
    else
        think(d, !text_is(type, "disabled"));
    return true;
}

bool openai_take_enable_thinking(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_BOOL)
        return openai_wrong(d, "enable_thinking", "a boolean", v);
    think(d, v->boolean);
    return true;
}

bool openai_take_thinking_budget(struct openai_decode *d, const struct json *v)
{
    return take_budget(d, v, "thinking_budget");
}

bool openai_take_show_thinking(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_BOOL)
        return openai_wrong(d, "include_reasoning", "a boolean", v);
    d->chat->reasoning.show = v->boolean ? YES : NO;
    return true;
}
