/*
 * cohere_decode - a v2 chat request into the neutral form: cohere.h.
 */
#include <stdio.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"

int cohere_wrong(const struct cohere_in *in, const char *path, const char *what)
{
    return chat_invalid(in->c, in->err, path, "invalid request: %s %s", path, what);
}

int cohere_want(const struct cohere_in *in, const struct json *value, enum json_type type,
                const char *path)
{
    if (value != NULL && value->type == type)
        return 0;
    return cohere_wrong(in, path, chat_must_be(type));
}

void cohere_extra(const struct cohere_in *in, const char *path, struct str key)
{
    chat_add_extra(in->c, in->chat,
                   arena_concat(in->c->scratch, (struct str[]){str_of(path), STR("."), key}, 3),
                   STR_NONE);
}

/* --- numbers and texts --- */

typedef int member_fn(const struct cohere_in *in, const struct json *v, const char *path);

static int read_number(const struct cohere_in *in, const struct json *v, const char *path)
{
    const struct {
        const char *key;
        struct str *to;
    } numbers[] = {
        {"temperature", &in->chat->temperature},
        {"p", &in->chat->top_p},
        {"k", &in->chat->top_k},
        {"seed", &in->chat->seed},
        {"frequency_penalty", &in->chat->frequency_penalty},
        {"presence_penalty", &in->chat->presence_penalty},
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (strcmp(path, numbers[i].key) == 0)
            *numbers[i].to = v->raw;
    }
    return cohere_want(in, v, JSON_NUMBER, path);
}

static int read_model(const struct cohere_in *in, const struct json *v, const char *path)
{
    if (in->chat->model.len == 0)
        in->chat->model = text_plain(in->c->arena, text_inside(v));
    return cohere_want(in, v, JSON_STRING, path);
}

static int read_stream(const struct cohere_in *in, const struct json *v, const char *path)
{
    in->chat->stream = v->boolean;
    return cohere_want(in, v, JSON_BOOL, path);
}

static int read_max_tokens(const struct cohere_in *in, const struct json *v, const char *path)
{
    if (!json_u64(v, &in->chat->max_tokens) || in->chat->max_tokens == 0)
        return cohere_wrong(in, path, "must be a whole number above 0");
    return 0;
}

static int read_stops(const struct cohere_in *in, const struct json *v, const char *path)
{
    if (cohere_want(in, v, JSON_ARRAY, path) != 0)
        return -1;
    if (v->n > COHERE_STOPS_MAX)
        return cohere_wrong(in, path, "must have at most 5 members");
    for (const struct json *s = v->child; s != NULL; s = s->next) {
        if (s->type != JSON_STRING)
            return cohere_wrong(in, path, "must be an array of strings");
        chat_add_stop(in->c, in->chat, text_inside(s));
    }
    return 0;
}

static int read_logprobs(const struct cohere_in *in, const struct json *v, const char *path)
{
    in->chat->logprobs = v->boolean ? YES : NO;
    return cohere_want(in, v, JSON_BOOL, path);
}

/* --- tools --- */

static int read_tool(const struct cohere_in *in, const struct json *tool)
{
    static const char path[] = "tools.function";
    const struct json *function = json_get(tool, "function");
    const struct json *parameters = json_get(function, "parameters");
    struct chat_tool *t;

    if (tool->type != JSON_OBJECT)
        return cohere_wrong(in, "tools", "must be an array of objects");
    t = chat_add_tool(in->c, in->chat);
    t->raw = tool->raw;
    if (!text_is(text_member(tool, "type"), "function")) {
        t->builtin = BUILTIN_OTHER;
        t->name = text_member(tool, "type");
        return t->name.len > 0 ? 0 : cohere_wrong(in, "tools.type", "must be \"function\"");
    }
    t->name = text_member(function, "name");
    t->description = text_member(function, "description");
    if (t->name.len == 0)
        return cohere_wrong(in, path, "needs a name");
    if (parameters != NULL && parameters->type == JSON_OBJECT)
        t->schema = parameters->raw;
    else if (parameters != NULL && parameters->type != JSON_NULL)
        return cohere_wrong(in, "tools.function.parameters", "must be an object");
    for (const struct json *m = function->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("name")) && !str_eq(m->key, STR("description")) &&
            !str_eq(m->key, STR("parameters")))
            cohere_extra(in, path, m->key);
    }
    return 0;
}

static int read_tools(const struct cohere_in *in, const struct json *v, const char *path)
{
    if (cohere_want(in, v, JSON_ARRAY, path) != 0)
        return -1;
    if (v->n > COHERE_TOOLS_MAX)
        return cohere_wrong(in, path, "has too many members");
    for (const struct json *tool = v->child; tool != NULL; tool = tool->next) {
        if (read_tool(in, tool) != 0)
            return -1;
    }
    return 0;
}

/* Said once for all tools; it may stand ahead of them. */
static int read_strict(const struct cohere_in *in, const struct json *v, const char *path)
{
    (void)in;
    return cohere_want(in, v, JSON_BOOL, path);
}

static void apply_strict(struct chat *chat, const struct json *strict)
{
    if (strict == NULL || strict->type != JSON_BOOL)
        return;
    for (struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        if (t->builtin == BUILTIN_NONE)
            t->strict = strict->boolean ? YES : NO;
    }
}

static int read_choice(const struct cohere_in *in, const struct json *v, const char *path)
{
    struct str choice = text_inside(v);

    if (text_is(choice, "REQUIRED"))
        in->chat->tool_choice = CHOICE_REQUIRED;
    else if (text_is(choice, "NONE"))
        in->chat->tool_choice = CHOICE_NONE;
    else
        return cohere_wrong(in, path, "must be REQUIRED or NONE");
    return 0;
}

/* --- what is answered, and how --- */

static int read_format(const struct cohere_in *in, const struct json *v, const char *path)
{
    const struct json *schema = json_get(v, "json_schema");
    struct str type = text_member(v, "type");

    if (cohere_want(in, v, JSON_OBJECT, path) != 0)
        return -1;
    if (schema == NULL || schema->type == JSON_NULL)
        schema = json_get(v, "schema"); /* what it was called before */
    if (text_is(type, "text")) {
        in->chat->format = FORMAT_TEXT;
        return 0;
    }
    if (!text_is(type, "json_object"))
        return cohere_wrong(in, "response_format.type", "must be text or json_object");
    in->chat->format = FORMAT_JSON;
    if (schema == NULL || schema->type == JSON_NULL)
        return 0;
    in->chat->format = FORMAT_SCHEMA;
    in->chat->format_schema = schema->raw;
    return cohere_want(in, schema, JSON_OBJECT, "response_format.json_schema");
}

static int read_thinking(const struct cohere_in *in, const struct json *v, const char *path)
{
    struct str type = text_member(v, "type");
    const struct json *budget = json_get(v, "token_budget");
    uint64_t n;

    if (cohere_want(in, v, JSON_OBJECT, path) != 0)
        return -1;
    if (text_is(type, "disabled")) {
        in->chat->reasoning.effort = EFFORT_NONE;
        return 0;
    }
    if (!text_is(type, "enabled"))
        return cohere_wrong(in, "thinking.type", "must be enabled or disabled");
    in->chat->reasoning.budget = -1;
    if (budget == NULL || budget->type == JSON_NULL)
        return 0;
    if (!json_u64(budget, &n) || n == 0 || n > INT32_MAX)
        return cohere_wrong(in, "thinking.token_budget", "must be a whole number above 0");
    in->chat->reasoning.budget = (int64_t)n;
    return 0;
}

/* --- the body --- */

static int no_op(const struct cohere_in *in, const struct json *v, const char *path)
{
    (void)in, (void)v, (void)path; /* read ahead of or behind the others */
    return 0;
}

static const struct {
    const char *key;
    member_fn *read;
} members[] = {
    {"model", read_model},
    {"messages", no_op},
    {"stream", read_stream},
    {"tools", read_tools},
    {"temperature", read_number},
    {"max_tokens", read_max_tokens},
    {"strict_tools", read_strict},
    {"documents", no_op},
    {"response_format", read_format},
    {"stop_sequences", read_stops},
    {"seed", read_number},
    {"frequency_penalty", read_number},
    {"presence_penalty", read_number},
    {"k", read_number},
    {"p", read_number},
    {"logprobs", read_logprobs},
    {"tool_choice", read_choice},
    {"thinking", read_thinking},
};

static int read_body(const struct cohere_in *in, const struct json *root)
{
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        size_t i = 0;

        if (m->type == JSON_NULL)
            continue;
        while (i < ARRAY_LEN(members) && !str_eq(m->key, str_of(members[i].key)))
            i++;
        if (i == ARRAY_LEN(members))
            chat_add_extra(in->c, in->chat, m->key, m->raw);
        else if (members[i].read(in, m, members[i].key) != 0)
            return -1;
    }
    apply_strict(in->chat, json_get(root, "strict_tools"));
    return 0;
}

int cohere_decode_request(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    struct json_error fault;
    struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);
    struct cohere_in in = {c, out, err, json_get(root, "documents")};
    const struct json *messages = json_get(root, "messages");

    *out = (struct chat){
        .from = DIALECT_COHERE,
        .model = url != NULL ? url->model : STR_NONE,
        .stream = url != NULL && url->stream,
        .include_usage = true,
        .reasoning.budget = BUDGET_UNSET,
    };
    if (root == NULL)
        return chat_invalid(c, err, NULL,
                            "invalid request: the body is not valid JSON: %s at byte %zu",
                            fault.text, fault.offset);
    if (root->type != JSON_OBJECT)
        return cohere_wrong(&in, "the body", "must be an object");
    if (in.documents != NULL && in.documents->type == JSON_NULL)
        in.documents = NULL;
    if (messages == NULL)
        return cohere_wrong(&in, "messages", "is required");
    if (read_body(&in, root) != 0 || cohere_read_messages(&in, messages) != 0)
        return -1;
    return chat_link_results(c, out, err);
}
