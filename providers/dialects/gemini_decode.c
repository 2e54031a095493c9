/*
 * A generateContent request into struct chat: gemini.h.
 */
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/reasoning.h"
#include "providers/schema.h"

/* One member of an object: where it belongs. -1 with the reading's error. */
typedef int read_fn(struct gemini_reading *r, const struct json *value);

struct field {
    const char *name;
    read_fn *read;
};

static int wrong(struct gemini_reading *r, const char *path, const char *what)
{
    return chat_invalid(r->c, r->err, path, "%s must be %s", path, what);
}

/* Give each member that is there to its reader; the others are extras named prefix + key. */
static int read_members(struct gemini_reading *r, const struct json *object,
                        const struct field *fields, size_t n, struct str prefix)
{
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        size_t i = 0;

        if (m->type == JSON_NULL)
            continue;
        while (i < n && !gemini_key(m->key, fields[i].name))
            i++;
        if (i == n) {
            struct str name = arena_concat(
                r->c->scratch, (struct str[]){prefix, text_escape(r->c->scratch, m->key)}, 2);

            gemini_extra(r, name, m->raw);
        } else if (fields[i].read(r, m) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- generationConfig --- */

static const struct {
    const char *name;
    size_t at;
} numbers[] = {
    {"temperature", offsetof(struct chat, temperature)},
    {"topP", offsetof(struct chat, top_p)},
    {"topK", offsetof(struct chat, top_k)},
    {"presencePenalty", offsetof(struct chat, presence_penalty)},
    {"frequencyPenalty", offsetof(struct chat, frequency_penalty)},
    {"seed", offsetof(struct chat, seed)},
    {"logprobs", offsetof(struct chat, top_logprobs)},
};

static int read_number(struct gemini_reading *r, const struct json *value)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char path[64];

        if (!gemini_key(value->key, numbers[i].name))
            continue;
        if (gemini_number(value, (struct str *)(void *)((char *)r->chat + numbers[i].at)))
            return 0;
        (void)snprintf(path, sizeof(path), "generationConfig.%s", numbers[i].name);
        return wrong(r, path, "a number");
    }
    return 0;
}

/* A whole number up to `max`. */
static bool whole(const struct json *value, uint64_t max, uint64_t *out)
{
    struct str raw;

    return gemini_number(value, &raw) && json_raw_u64(raw, out) && *out <= max;
}

static int read_count(struct gemini_reading *r, const struct json *value)
{
    uint64_t n;

    if (!whole(value, CHOICES_MAX, &n))
        return wrong(r, "generationConfig.candidateCount", "a whole number up to 128");
    r->chat->n = (uint32_t)n;
    return 0;
}

static int read_max_tokens(struct gemini_reading *r, const struct json *value)
{
    if (!whole(value, INT64_MAX, &r->chat->max_tokens))
        return wrong(r, "generationConfig.maxOutputTokens", "a whole number >= 0");
    return 0;
}

static int read_stops(struct gemini_reading *r, const struct json *value)
{
    if (value->type != JSON_ARRAY || value->n > GEMINI_STOPS_MAX)
        return wrong(r, "generationConfig.stopSequences", "a list of texts");
    for (const struct json *s = value->child; s != NULL; s = s->next) {
        if (s->type != JSON_STRING)
            return wrong(r, "generationConfig.stopSequences", "a list of texts");
        chat_add_stop(r->c, r->chat, text_inside(s));
    }
    return 0;
}

static int read_logprobs(struct gemini_reading *r, const struct json *value)
{
    bool yes;

    if (!json_bool(value, &yes))
        return wrong(r, "generationConfig.responseLogprobs", "true or false");
    r->chat->logprobs = yes ? YES : NO;
    return 0;
}

static int read_mime_type(struct gemini_reading *r, const struct json *value)
{
    struct str type = text_plain(r->c->arena, text_inside(value));

    if (str_eq(type, STR("application/json"))) {
        if (r->chat->format != FORMAT_SCHEMA)
            r->chat->format = FORMAT_JSON;
    } else if (str_eq(type, STR("text/plain"))) {
        r->chat->format = FORMAT_TEXT;
    } else {
        gemini_extra(r, STR("generationConfig.responseMimeType"), value->raw);
    }
    return 0;
}

static int set_schema(struct gemini_reading *r, struct str schema)
{
    r->chat->format = FORMAT_SCHEMA;
    r->chat->format_schema = schema;
    return 0;
}

static int read_schema(struct gemini_reading *r, const struct json *value)
{
    if (value->type != JSON_OBJECT)
        return wrong(r, "generationConfig.responseSchema", "an object");
    return set_schema(r, schema_from_gemini(r->c, value));
}

static int read_json_schema(struct gemini_reading *r, const struct json *value)
{
    if (value->type != JSON_OBJECT)
        return wrong(r, "generationConfig.responseJsonSchema", "an object");
    return set_schema(r, value->raw);
}

static int read_show(struct gemini_reading *r, const struct json *value)
{
    bool yes;

    if (!json_bool(value, &yes))
        return wrong(r, "generationConfig.thinkingConfig.includeThoughts", "true or false");
    r->chat->reasoning.show = yes ? YES : NO;
    return 0;
}

static int read_budget(struct gemini_reading *r, const struct json *value)
{
    static const char path[] = "generationConfig.thinkingConfig.thinkingBudget";
    struct str raw;
    uint64_t n;

    if (gemini_number(value, &raw) && str_eq(raw, STR("-1")))
        r->chat->reasoning.budget = -1;
    else if (whole(value, INT32_MAX, &n))
        r->chat->reasoning.budget = (int64_t)n;
    else
        return wrong(r, path, "a whole number >= -1");
    return 0;
}

static int read_level(struct gemini_reading *r, const struct json *value)
{
    static const char path[] = "generationConfig.thinkingConfig.thinkingLevel";
    struct str level = text_inside(value);
    char word[16];

    if (level.len == 0 || level.len >= sizeof(word))
        return wrong(r, path, "MINIMAL, LOW, MEDIUM or HIGH");
    for (size_t i = 0; i < level.len; i++)
        word[i] = (char)(level.p[i] | 0x20);
    r->chat->reasoning.effort = reasoning_parse((struct str){word, level.len});
    if (r->chat->reasoning.effort == EFFORT_UNSET && !text_is(level, "THINKING_LEVEL_UNSPECIFIED"))
        return wrong(r, path, "MINIMAL, LOW, MEDIUM or HIGH");
    return 0;
}

static int read_thinking(struct gemini_reading *r, const struct json *value)
{
    static const struct field fields[] = {
        {"includeThoughts", read_show},
        {"thinkingBudget", read_budget},
        {"thinkingLevel", read_level},
    };

    if (value->type != JSON_OBJECT)
        return wrong(r, "generationConfig.thinkingConfig", "an object");
    return read_members(r, value, fields, ARRAY_LEN(fields),
                        STR("generationConfig.thinkingConfig."));
}

static int read_modalities(struct gemini_reading *r, const struct json *value)
{
    const struct json *only = value->type == JSON_ARRAY && value->n == 1 ? value->child : NULL;

    /* text alone is what everybody answers with */
    if (only == NULL || !text_is(text_inside(only), "TEXT"))
        gemini_extra(r, STR("generationConfig.responseModalities"), value->raw);
    return 0;
}

static int read_config(struct gemini_reading *r, const struct json *value)
{
    static const struct field fields[] = {
        {"temperature", read_number},
        {"topP", read_number},
        {"topK", read_number},
        {"presencePenalty", read_number},
        {"frequencyPenalty", read_number},
        {"seed", read_number},
        {"logprobs", read_number},
        {"maxOutputTokens", read_max_tokens},
        {"candidateCount", read_count},
        {"stopSequences", read_stops},
        {"responseLogprobs", read_logprobs},
        {"responseMimeType", read_mime_type},
        {"responseSchema", read_schema},
        {"responseJsonSchema", read_json_schema},
        {"_responseJsonSchema", read_json_schema}, /* its name while it was new */
        {"thinkingConfig", read_thinking},
        {"responseModalities", read_modalities},
    };

    if (value->type != JSON_OBJECT)
        return wrong(r, "generationConfig", "an object");
    return read_members(r, value, fields, ARRAY_LEN(fields), STR("generationConfig."));
}

/* --- tools --- */

static int read_function(struct gemini_reading *r, const struct json *node)
{
    static const char *const rest[] = {"response", "responseJsonSchema", "behavior"};
    const struct json *schema = gemini_get(node, "parametersJsonSchema");
    const struct json *parameters = gemini_get(node, "parameters");
    struct chat_tool *t;

    if (text_inside(gemini_get(node, "name")).len == 0)
        return wrong(r, "tools.functionDeclarations.name", "a text that is not empty");
    if (r->chat->n_tools >= GEMINI_TOOLS_MAX)
        return wrong(r, "tools", "fewer");
    if ((schema != NULL && schema->type != JSON_OBJECT) ||
        (parameters != NULL && parameters->type != JSON_OBJECT))
        return wrong(r, "tools.functionDeclarations.parameters", "an object");
    t = chat_add_tool(r->c, r->chat);
    t->raw = node->raw;
    t->name = text_inside(gemini_get(node, "name"));
    t->description = text_inside(gemini_get(node, "description"));
    if (schema != NULL)
        t->schema = schema->raw;
    else if (parameters != NULL)
        t->schema = schema_from_gemini(r->c, parameters);
    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        if (gemini_get(node, rest[i]) != NULL)
            gemini_extra(
                r,
                arena_concat(r->c->scratch,
                             (struct str[]){STR("tools.functionDeclarations."), str_of(rest[i])},
                             2),
                STR_NONE);
    }
    return 0;
}

static enum chat_builtin builtin_of(struct str key)
{
    static const struct {
        const char *name;
        enum chat_builtin builtin;
    } names[] = {
        {"googleSearch", BUILTIN_WEB_SEARCH},
        {"googleSearchRetrieval", BUILTIN_WEB_SEARCH},
        {"enterpriseWebSearch", BUILTIN_WEB_SEARCH},
        {"urlContext", BUILTIN_WEB_FETCH},
        {"codeExecution", BUILTIN_CODE},
        {"fileSearch", BUILTIN_FILE_SEARCH},
        {"computerUse", BUILTIN_COMPUTER},
        {"googleMaps", BUILTIN_MAPS},
        {"mcpServers", BUILTIN_MCP},
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (gemini_key(key, names[i].name))
            return names[i].builtin;
    }
    return BUILTIN_OTHER;
}

static int read_tool(struct gemini_reading *r, const struct json *tool)
{
    for (const struct json *m = tool->child; m != NULL; m = m->next) {
        struct chat_tool *t;

        if (m->type == JSON_NULL)
            continue;
        if (gemini_key(m->key, "functionDeclarations")) {
            for (const struct json *f = gemini_first(m); f != NULL; f = gemini_next(m, f)) {
                if (read_function(r, f) != 0)
                    return -1;
            }
            continue;
        }
        if (r->chat->n_tools >= GEMINI_TOOLS_MAX)
            return wrong(r, "tools", "fewer");
        t = chat_add_tool(r->c, r->chat);
        t->builtin = builtin_of(m->key);
        t->name = arena_str(r->c->arena, text_escape(r->c->scratch, m->key));
        t->raw = m->raw;
    }
    return 0;
}

static int read_tools(struct gemini_reading *r, const struct json *value)
{
    if (value->type != JSON_ARRAY && value->type != JSON_OBJECT)
        return wrong(r, "tools", "a list");
    for (const struct json *t = gemini_first(value); t != NULL; t = gemini_next(value, t)) {
        if (t->type != JSON_OBJECT)
            return wrong(r, "tools", "a list of objects");
        if (read_tool(r, t) != 0)
            return -1;
    }
    return 0;
}

static int read_mode(struct gemini_reading *r, const struct json *value)
{
    struct chat *chat = r->chat;
    struct str mode = text_inside(value);

    if (text_is(mode, "ANY"))
        chat->tool_choice = CHOICE_REQUIRED;
    else if (text_is(mode, "NONE"))
        chat->tool_choice = CHOICE_NONE;
    else if (text_is(mode, "AUTO") || text_is(mode, "VALIDATED"))
        chat->tool_choice = CHOICE_AUTO;
    else if (!text_is(mode, "MODE_UNSPECIFIED"))
        return wrong(r, "toolConfig.functionCallingConfig.mode", "AUTO, ANY, NONE or VALIDATED");
    if (text_is(mode, "VALIDATED"))
        gemini_extra(r, STR("toolConfig.functionCallingConfig.mode"), value->raw);
    return 0;
}

static int read_allowed(struct gemini_reading *r, const struct json *value)
{
    if (value->type != JSON_ARRAY)
        return wrong(r, "toolConfig.functionCallingConfig.allowedFunctionNames", "a list");
    if (value->n == 1)
        r->chat->tool_name = text_inside(value->child);
    else if (value->n > 1)
        gemini_extra(r, STR("toolConfig.functionCallingConfig.allowedFunctionNames"), value->raw);
    return 0;
}

static int read_calling(struct gemini_reading *r, const struct json *value)
{
    static const struct field fields[] = {
        {"mode", read_mode},
        {"allowedFunctionNames", read_allowed},
    };

    if (value->type != JSON_OBJECT)
        return wrong(r, "toolConfig.functionCallingConfig", "an object");
    if (read_members(r, value, fields, ARRAY_LEN(fields),
                     STR("toolConfig.functionCallingConfig.")) != 0)
        return -1;
    if (r->chat->tool_name.len > 0 && r->chat->tool_choice == CHOICE_REQUIRED)
        r->chat->tool_choice = CHOICE_NAMED;
    return 0;
}

static int read_tool_config(struct gemini_reading *r, const struct json *value)
{
    static const struct field fields[] = {{"functionCallingConfig", read_calling}};

    if (value->type != JSON_OBJECT)
        return wrong(r, "toolConfig", "an object");
    return read_members(r, value, fields, ARRAY_LEN(fields), STR("toolConfig."));
}

/* --- the whole --- */

static int skip(struct gemini_reading *r, const struct json *value)
{
    (void)r;
    (void)value;
    return 0; /* read before or after the others */
}

static int read_cached(struct gemini_reading *r, const struct json *value)
{
    if (text_inside(value).len == 0)
        return 0;
    return chat_invalid(r->c, r->err, "cachedContent",
                        "cachedContent stands for messages that are stored at Google: another "
                        "provider's model cannot read them");
}

static int read_labels(struct gemini_reading *r, const struct json *value)
{
    if (value->type != JSON_OBJECT)
        return wrong(r, "labels", "an object");
    r->chat->metadata = value->raw;
    return 0;
}

static int read_tier(struct gemini_reading *r, const struct json *value)
{
    struct str tier = text_inside(value);

    r->chat->service_tier = text_is(tier, "standard") ? STR("default") : tier;
    return 0;
}

static int read_store(struct gemini_reading *r, const struct json *value)
{
    bool yes;

    if (!json_bool(value, &yes))
        return wrong(r, "store", "true or false");
    r->chat->store = yes ? YES : NO;
    return 0;
}

static const struct field top_fields[] = {
    {"contents", skip},
    {"systemInstruction", skip},
    {"model", skip},
    {"generationConfig", read_config},
    {"tools", read_tools},
    {"toolConfig", read_tool_config},
    {"cachedContent", read_cached},
    {"labels", read_labels},
    {"serviceTier", read_tier},
    {"store", read_store},
};

int gemini_decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    struct json_error fault = {.text = NULL};
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);
    struct gemini_reading r = {.c = c, .chat = out, .err = err};
    const struct json *system;

    *out = (struct chat){
        .from = DIALECT_GEMINI,
        .model = url != NULL ? url->model : STR_NONE,
        .stream = url != NULL && url->stream,
        .include_usage = true, /* streams here always tell it */
        .reasoning = {.budget = BUDGET_UNSET},
    };
    if (root == NULL)
        return chat_invalid(c, err, NULL, "Invalid JSON payload received: %s at byte %zu",
                            fault.text, fault.offset);
    if (root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "Invalid JSON payload received: it must be an object");
    if (out->model.len == 0)
        out->model = text_plain(c->arena, text_inside(gemini_get(root, "model")));
    if (read_members(&r, root, top_fields, ARRAY_LEN(top_fields), STR_NONE) != 0)
        return -1;
    system = gemini_get(root, "systemInstruction");
    if (system != NULL && gemini_read_system(&r, system) != 0)
        return -1;
    if (gemini_read_contents(&r, gemini_get(root, "contents")) != 0)
        return -1;
    return chat_link_results(c, out, err);
}
