/*
 * bedrock_decode - a Converse request into the neutral form: bedrock.h.
 */
#include <stdio.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/reasoning.h"

#define PATH_MAX_BYTES 160

int bedrock_wrong(const struct bedrock_in *in, const char *path, const char *what)
{
    return chat_invalid(in->c, in->err, path, "%s %s", path, what);
}

int bedrock_want(const struct bedrock_in *in, const struct json *value, enum json_type type,
                 const char *path)
{
    if (value != NULL && value->type == type)
        return 0;
    return bedrock_wrong(in, path, chat_must_be(type));
}

const struct json *bedrock_union(const struct json *object)
{
    const struct json *only = NULL;

    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        if (m->type == JSON_NULL)
            continue;
        if (only != NULL)
            return NULL;
        only = m;
    }
    return only;
}

enum chat_cache bedrock_cache_of(const struct json *cache_point)
{
    return text_is(text_member(cache_point, "ttl"), "1h") ? CACHE_1H : CACHE_5M;
}

int bedrock_read_members(const struct bedrock_in *in, const struct json *object, const char *path,
                         const struct bedrock_member *table, size_t n)
{
    char name[PATH_MAX_BYTES];

    if (bedrock_want(in, object, JSON_OBJECT, path[0] != '\0' ? path : "the body") != 0)
        return -1;
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        size_t i = 0;

        if (m->type == JSON_NULL)
            continue;
        (void)snprintf(name, sizeof(name), "%s%s%.*s", path, path[0] != '\0' ? "." : "",
                       (int)min_u64(m->key.len, 64), m->key.p); /* cut off is good enough */
        while (i < n && !str_eq(m->key, str_of(table[i].key)))
            i++;
        if (i == n)
            chat_add_extra(in->c, in->chat, str_of(name), m->raw);
        else if (table[i].read(in, m, name) != 0)
            return -1;
    }
    return 0;
}

/* --- inferenceConfig --- */

static int read_max_tokens(const struct bedrock_in *in, const struct json *v, const char *path)
{
    if (!json_u64(v, &in->chat->max_tokens) || in->chat->max_tokens == 0)
        return bedrock_wrong(in, path, "must be a whole number above 0");
    return 0;
}

int bedrock_read_temperature(const struct bedrock_in *in, const struct json *v, const char *path)
{
    in->chat->temperature = v->raw;
    return bedrock_want(in, v, JSON_NUMBER, path);
}

int bedrock_read_top_p(const struct bedrock_in *in, const struct json *v, const char *path)
{
    in->chat->top_p = v->raw;
    return bedrock_want(in, v, JSON_NUMBER, path);
}

int bedrock_read_stops(const struct bedrock_in *in, const struct json *v, const char *path)
{
    if (bedrock_want(in, v, JSON_ARRAY, path) != 0)
        return -1;
    if (v->n > BEDROCK_STOPS_MAX)
        return bedrock_wrong(in, path, "has too many members");
    for (const struct json *s = v->child; s != NULL; s = s->next) {
        if (s->type != JSON_STRING)
            return bedrock_wrong(in, path, "must be an array of strings");
        chat_add_stop(in->c, in->chat, text_inside(s));
    }
    return 0;
}

static int read_inference(const struct bedrock_in *in, const struct json *v, const char *path)
{
    static const struct bedrock_member members[] = {
        {"maxTokens", read_max_tokens},
        {"temperature", bedrock_read_temperature},
        {"topP", bedrock_read_top_p},
        {"stopSequences", bedrock_read_stops},
    };

    return bedrock_read_members(in, v, path, members, ARRAY_LEN(members));
}

/* --- toolConfig --- */

static int read_tool_spec(const struct bedrock_in *in, const struct json *spec, const char *path)
{
    const struct json *schema = json_get(json_get(spec, "inputSchema"), "json");
    struct chat_tool *t;
    bool strict;

    if (spec->type != JSON_OBJECT || text_member(spec, "name").len == 0)
        return bedrock_wrong(in, path, "needs a toolSpec.name");
    if (schema == NULL || schema->type != JSON_OBJECT)
        return bedrock_wrong(in, path, "needs a toolSpec.inputSchema.json, an object");
    t = chat_add_tool(in->c, in->chat);
    t->name = text_member(spec, "name");
    t->description = text_member(spec, "description");
    t->schema = schema->raw;
    if (json_bool(json_get(spec, "strict"), &strict))
        t->strict = strict ? YES : NO;
    t->raw = spec->raw;
    for (const struct json *m = spec->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("name")) && !str_eq(m->key, STR("description")) &&
            !str_eq(m->key, STR("inputSchema")) && !str_eq(m->key, STR("strict")))
            chat_add_extra(in->c, in->chat,
                           arena_concat(in->c->arena,
                                        (struct str[]){STR("toolConfig.tools.toolSpec."), m->key},
                                        2),
                           STR_NONE);
    }
    return 0;
}

static int read_tool(const struct bedrock_in *in, const struct json *tool, const char *path)
{
    const struct json *kind = bedrock_union(tool);
    struct chat_tool *t;

    if (kind == NULL)
        return bedrock_wrong(in, path, "must have exactly one member");
    if (str_eq(kind->key, STR("toolSpec")))
        return read_tool_spec(in, kind, path);
    if (str_eq(kind->key, STR("cachePoint"))) {
        if (in->chat->last_tool != NULL)
            in->chat->last_tool->cache = bedrock_cache_of(kind);
        else
            chat_add_extra(in->c, in->chat, STR("toolConfig.tools.cachePoint"), STR_NONE);
        return 0;
    }
    t = chat_add_tool(in->c, in->chat);
    t->builtin = BUILTIN_OTHER;
    t->name = text_member(kind, "name");
    if (text_is(t->name, "nova_grounding"))
        t->builtin = BUILTIN_WEB_SEARCH;
    else if (text_is(t->name, "nova_code_interpreter"))
        t->builtin = BUILTIN_CODE;
    t->raw = tool->raw;
    return 0;
}

static int read_tools(const struct bedrock_in *in, const struct json *v, const char *path)
{
    char at[PATH_MAX_BYTES];
    unsigned i = 0;

    if (bedrock_want(in, v, JSON_ARRAY, path) != 0)
        return -1;
    if (v->n > BEDROCK_TOOLS_MAX)
        return bedrock_wrong(in, path, "has too many members");
    for (const struct json *tool = v->child; tool != NULL; tool = tool->next) {
        text_place(at, sizeof(at), path, i++, "");
        if (read_tool(in, tool, at) != 0)
            return -1;
    }
    return 0;
}

static int read_choice(const struct bedrock_in *in, const struct json *v, const char *path)
{
    const struct json *kind = bedrock_union(v);

    if (kind == NULL || kind->type != JSON_OBJECT)
        return bedrock_wrong(in, path, "must be one of auto, any and tool");
    if (str_eq(kind->key, STR("auto"))) {
        in->chat->tool_choice = CHOICE_AUTO;
    } else if (str_eq(kind->key, STR("any"))) {
        in->chat->tool_choice = CHOICE_REQUIRED;
    } else if (str_eq(kind->key, STR("tool"))) {
        in->chat->tool_choice = CHOICE_NAMED;
        in->chat->tool_name = text_member(kind, "name");
        if (in->chat->tool_name.len == 0)
            return bedrock_wrong(in, path, "needs a tool.name");
    } else {
        return bedrock_wrong(in, path, "must be one of auto, any and tool");
    }
    return 0;
}

static int read_tool_config(const struct bedrock_in *in, const struct json *v, const char *path)
{
    static const struct bedrock_member members[] = {
        {"tools", read_tools},
        {"toolChoice", read_choice},
    };

    return bedrock_read_members(in, v, path, members, ARRAY_LEN(members));
}

/* --- outputConfig --- */

/* The schema is a string that holds JSON. */
static int read_json_schema(const struct bedrock_in *in, const struct json *v, const char *path)
{
    const struct json *text = json_get(v, "schema");
    struct json_error ignored;
    struct str schema;
    struct json *root;

    if (text == NULL || text->type != JSON_STRING)
        return bedrock_wrong(in, path, "needs a schema, a string");
    schema = str_trim(text_plain(in->c->arena, text_inside(text)));
    root = json_parse_raw(in->c->json, in->c->scratch, schema, &ignored);
    if (root == NULL || root->type != JSON_OBJECT)
        return bedrock_wrong(in, path, "needs a schema that is the text of a JSON object");
    in->chat->format = FORMAT_SCHEMA;
    in->chat->format_schema = root->raw;
    in->chat->format_name = text_member(v, "name");
    in->chat->format_description = text_member(v, "description");
    return 0;
}

static int read_text_format(const struct bedrock_in *in, const struct json *v, const char *path)
{
    const struct json *schema = json_get(json_get(v, "structure"), "jsonSchema");

    if (!text_is(text_member(v, "type"), "json_schema") || schema == NULL)
        return bedrock_wrong(in, path, "must have type json_schema and structure.jsonSchema");
    return read_json_schema(in, schema, path);
}

static int read_effort(const struct bedrock_in *in, const struct json *v, const char *path)
{
    enum chat_effort effort = reasoning_parse(text_inside(v));

    if (effort == EFFORT_UNSET)
        return bedrock_wrong(in, path, "must be one of low, medium, high, xhigh and max");
    in->chat->reasoning.effort = effort;
    return 0;
}

static int read_output(const struct bedrock_in *in, const struct json *v, const char *path)
{
    static const struct bedrock_member members[] = {
        {"textFormat", read_text_format},
        {"effort", read_effort},
    };

    return bedrock_read_members(in, v, path, members, ARRAY_LEN(members));
}

/* --- the rest of the body --- */

static int read_metadata(const struct bedrock_in *in, const struct json *v, const char *path)
{
    in->chat->metadata = v->raw;
    return bedrock_want(in, v, JSON_OBJECT, path);
}

static int read_tier(const struct bedrock_in *in, const struct json *v, const char *path)
{
    in->chat->service_tier = text_member(v, "type");
    return in->chat->service_tier.len > 0 ? 0 : bedrock_wrong(in, path, "needs a type");
}

static int no_messages(const struct bedrock_in *in)
{
    return chat_invalid(in->c, in->err, "messages",
                        "messages is required: prompts kept at Amazon have no equivalent "
                        "elsewhere");
}

int bedrock_decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                           struct chat *out, struct chat_error *err)
{
    static const struct bedrock_member members[] = {
        {"messages", bedrock_read_messages},
        {"system", bedrock_read_system},
        {"inferenceConfig", read_inference},
        {"toolConfig", read_tool_config},
        {"additionalModelRequestFields", bedrock_read_fields},
        {"outputConfig", read_output},
        {"requestMetadata", read_metadata},
        {"serviceTier", read_tier},
    };
    const struct bedrock_in in = {c, out, err};
    const struct json *system, *messages;
    struct json_error fault;
    struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);

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
    /* wherever it stands, it comes first */
    system = json_get(root, "system");
    if (system != NULL && system->type != JSON_NULL &&
        bedrock_read_system(&in, system, "system") != 0)
        return -1;
    if (bedrock_read_members(&in, root, "", members, ARRAY_LEN(members)) != 0)
        return -1;
    messages = json_get(root, "messages");
    if (messages == NULL || messages->n == 0)
        return no_messages(&in);
    return chat_link_results(c, out, err);
}
