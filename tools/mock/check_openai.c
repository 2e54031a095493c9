/*
 * What chat completions refuses. Taken from the OpenAI API reference ("Chat completions", "Function
 * calling", "Structured outputs") and the words of its answers.
 */
#include "tools/mock/check.h"

#include <stdio.h>

#define STOPS_MAX 4
#define ID_BYTES_MAX 40

/* The commonest first. */
static const char *const FIELDS[] = {"model",
                                     "messages",
                                     "stream",
                                     "temperature",
                                     "max_tokens",
                                     "max_completion_tokens",
                                     "tools",
                                     "tool_choice",
                                     "stream_options",
                                     "response_format",
                                     "reasoning_effort",
                                     "top_p",
                                     "stop",
                                     "n",
                                     "parallel_tool_calls",
                                     "presence_penalty",
                                     "frequency_penalty",
                                     "logit_bias",
                                     "logprobs",
                                     "top_logprobs",
                                     "user",
                                     "seed",
                                     "service_tier",
                                     "store",
                                     "metadata",
                                     "modalities",
                                     "audio",
                                     "prediction",
                                     "web_search_options",
                                     "verbosity",
                                     "prompt_cache_key",
                                     "prompt_cache_retention",
                                     "safety_identifier",
                                     "functions",
                                     "function_call",
                                     NULL};
static const char *const ROLES[] = {"user",      "assistant", "system", "tool",
                                    "developer", "function",  NULL};
static const char *const PARTS[] = {"text", "image_url", "input_audio", "file", "refusal", NULL};

struct walk {
    const struct check *k;
    size_t message;
    struct check_ids calls; /* of the assistant's message before */
};

#define FAIL_AT(w, what, ...) CHECK_FAIL((w)->k, where((w), what), __VA_ARGS__)

/* "messages.[3].role", as the API says it */
static const char *where(const struct walk *w, const char *what)
{
    return arena_printf(w->k->c->arena, "messages.[%zu].%s", w->message, what).p;
}

static int check_parts(const struct walk *w, const struct json *content)
{
    size_t i = 0;

    if (content->n == 0)
        return FAIL_AT(w, "content", "Invalid 'messages[%zu].content': empty array.", w->message);
    for (const struct json *p = content->child; p != NULL; p = p->next, i++) {
        struct str type = json_str(json_get(p, "type"));

        if (!check_is_one_of(type, PARTS))
            return FAIL_AT(w, "content",
                           "Invalid value: '%.*s'. Supported values are: 'text', 'image_url', "
                           "'input_audio', 'refusal', 'audio', and 'file'.",
                           CHECK_ARGS(type));
        if (str_eq(type, STR("text")) && json_get(p, "text") == NULL)
            return FAIL_AT(w, "content",
                           "Missing required parameter: 'messages[%zu].content[%zu].text'.",
                           w->message, i);
        if (str_eq(type, STR("image_url")) &&
            json_str(json_get(json_get(p, "image_url"), "url")).len == 0)
            return FAIL_AT(
                w, "content",
                "Missing required parameter: 'messages[%zu].content[%zu].image_url.url'.",
                w->message, i);
    }
    return 0;
}

static int check_content(const struct walk *w, const struct json *m, struct str role)
{
    const struct json *content = json_get(m, "content");
    bool is_assistant = str_eq(role, STR("assistant"));

    if (content != NULL && content->type == JSON_STRING)
        return 0;
    if (content != NULL && content->type == JSON_ARRAY)
        return check_parts(w, content);
    if (is_assistant &&
        (json_get(m, "tool_calls") != NULL || json_get(m, "function_call") != NULL ||
         json_get(m, "refusal") != NULL || json_get(m, "audio") != NULL))
        return 0;
    return FAIL_AT(w, "content", "Invalid value for 'content': expected a string, got null.");
}

static int check_one_call(struct walk *w, const struct json *call, size_t i)
{
    bool is_custom = str_eq(json_str(json_get(call, "type")), STR("custom"));
    const struct json *f = json_get(call, is_custom ? "custom" : "function");
    const struct json *arguments = json_get(f, is_custom ? "input" : "arguments");
    struct str id = json_str(json_get(call, "id"));

    if (id.len == 0)
        return FAIL_AT(w, "tool_calls",
                       "Missing required parameter: 'messages[%zu].tool_calls[%zu].id'.",
                       w->message, i);
    if (id.len > ID_BYTES_MAX)
        return FAIL_AT(
            w, "tool_calls",
            "Invalid 'messages[%zu].tool_calls[%zu].id': string too long. Expected a string "
            "with maximum length 40, but got a string with length %zu instead.",
            w->message, i, id.len);
    if (json_str(json_get(f, "name")).len == 0)
        return FAIL_AT(w, "tool_calls",
                       "Missing required parameter: 'messages[%zu].tool_calls[%zu].function.name'.",
                       w->message, i);
    if (arguments == NULL || arguments->type != JSON_STRING)
        return FAIL_AT(
            w, "tool_calls",
            "Invalid type for 'messages[%zu].tool_calls[%zu].function.arguments': expected a "
            "string, but got an object instead.",
            w->message, i);
    if (!check_ids_add(w->k->c, &w->calls, id))
        return FAIL_AT(w, "tool_calls", "Duplicate value for 'tool_call_id' of '%.*s'.",
                       CHECK_ARGS(id));
    return 0;
}

static int check_calls(struct walk *w, const struct json *calls)
{
    size_t i = 0;

    if (calls == NULL || calls->type == JSON_NULL)
        return 0;
    if (calls->type != JSON_ARRAY || calls->n == 0)
        return FAIL_AT(w, "tool_calls", "[] is too short - 'messages.%zu.tool_calls'", w->message);
    for (const struct json *c = calls->child; c != NULL; c = c->next, i++) {
        if (check_one_call(w, c, i) != 0)
            return -1;
    }
    return 0;
}

static int check_answered(const struct walk *w)
{
    struct str open = check_ids_unused(&w->calls);

    if (open.p == NULL)
        return 0;
    return FAIL_AT(w, "role",
                   "An assistant message with 'tool_calls' must be followed by tool messages "
                   "responding to each 'tool_call_id'. The following tool_call_ids did not have "
                   "response messages: %.*s",
                   CHECK_ARGS(open));
}

static int check_message(struct walk *w, const struct json *m)
{
    struct str role = json_str(json_get(m, "role"));

    if (!check_is_one_of(role, ROLES))
        return FAIL_AT(
            w, "role",
            "Invalid value: '%.*s'. Supported values are: 'system', 'assistant', 'user', "
            "'function', 'tool', and 'developer'.",
            CHECK_ARGS(role));
    if (check_content(w, m, role) != 0)
        return -1;
    if (str_eq(role, STR("tool"))) {
        if (check_ids_use(&w->calls, json_str(json_get(m, "tool_call_id"))))
            return 0;
        return FAIL_AT(w, "role",
                       "Invalid parameter: messages with role 'tool' must be a response to a "
                       "preceeding message with 'tool_calls'.");
    }
    if (check_answered(w) != 0)
        return -1;
    check_ids_clear(&w->calls);
    return str_eq(role, STR("assistant")) ? check_calls(w, json_get(m, "tool_calls")) : 0;
}

static int check_messages(const struct check *k, const struct json *messages)
{
    struct walk w = {.k = k};

    if (messages == NULL || messages->type != JSON_ARRAY || messages->n == 0) {
        (void)CHECK_FAIL(
            k, "messages",
            "Missing required parameter: 'messages'. It must be an array with at least "
            "one message.");
        k->err->code = STR("missing_required_parameter");
        return -1;
    }
    for (const struct json *m = messages->child; m != NULL; m = m->next, w.message++) {
        if (check_message(&w, m) != 0)
            return -1;
    }
    return check_answered(&w);
}

/* --- the rest of the body --- */

static int check_tools(const struct check *k, const struct json *tools)
{
    char at[40];
    size_t i = 0;

    for (const struct json *t = check_items(tools); t != NULL; t = t->next, i++) {
        (void)snprintf(at, sizeof(at), "tools[%zu].function", i); /* fits */
        if (str_eq(json_str(json_get(t, "type")), STR("custom")))
            continue;
        if (!str_eq(json_str(json_get(t, "type")), STR("function")))
            return CHECK_FAIL(k, "tools",
                              "Invalid value: '%.*s'. Supported values are: 'function' and "
                              "'custom'.",
                              CHECK_ARGS(json_str(json_get(t, "type"))));
        if (check_openai_function(k, json_get(t, "function"), at) != 0)
            return -1;
    }
    if (tools != NULL && tools->type == JSON_ARRAY && tools->n == 0)
        return CHECK_FAIL(k, "tools",
                          "Invalid 'tools': empty array. Expected an array with minimum "
                          "length 1, but got an empty array instead.");
    return 0;
}

static int check_together(const struct check *k)
{
    const struct json *b = k->body;
    bool stream = false;

    (void)json_bool(json_get(b, "stream"), &stream); /* absent: none */
    if (json_get(b, "tools") == NULL && json_get(b, "tool_choice") != NULL)
        return CHECK_FAIL(
            k, "tool_choice",
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' "
            "are specified.");
    if (json_get(b, "tools") == NULL && json_get(b, "parallel_tool_calls") != NULL)
        return CHECK_FAIL(k, "parallel_tool_calls",
                          "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only "
                          "allowed when 'tools' are specified.");
    if (!stream && json_get(json_get(b, "stream_options"), "include_usage") != NULL)
        return CHECK_FAIL(
            k, "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    if (json_get(b, "max_tokens") != NULL && json_get(b, "max_completion_tokens") != NULL)
        return CHECK_FAIL(
            k, "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not "
            "supported.");
    return 0;
}

static int check_format(const struct check *k, const struct json *format)
{
    const struct json *inner = json_get(format, "json_schema");
    struct str name = json_str(json_get(inner, "name"));
    bool strict = false;
    struct str what;

    if (!str_eq(json_str(json_get(format, "type")), STR("json_schema")))
        return 0;
    if (!check_is_name(name, "_-", 64))
        return CHECK_FAIL(
            k, "response_format",
            "Invalid 'response_format.json_schema.name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.");
    (void)json_bool(json_get(inner, "strict"), &strict);
    what = arena_printf(k->c->arena, "response_format '%.*s'", STR_ARGS(name));
    return strict ? check_strict_schema(k, json_get(inner, "schema"), "response_format", what.p)
                  : 0;
}

int check_openai_numbers(const struct check *k)
{
    const struct json *stop = json_get(k->body, "stop");

    if (check_outside(json_get(k->body, "temperature"), 0, 2))
        return CHECK_FAIL(
            k, "temperature",
            "Invalid 'temperature': decimal out of range. Expected a value between 0 and "
            "2.");
    if (check_outside(json_get(k->body, "top_p"), 0, 1))
        return CHECK_FAIL(
            k, "top_p", "Invalid 'top_p': decimal out of range. Expected a value between 0 and 1.");
    if (stop != NULL && stop->type == JSON_ARRAY && stop->n > STOPS_MAX)
        return CHECK_FAIL(
            k, "stop",
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but "
            "got an array with length %u instead.",
            stop->n);
    return 0;
}

int check_openai_stranger(const struct check *k, const char *const *known)
{
    const struct json *stranger = check_stranger(k->body, known);
    struct str name;

    if (stranger == NULL)
        return 0;
    name = check_brief(stranger->key);
    (void)CHECK_FAIL(k, arena_str(k->c->arena, name).p, "Unknown parameter: '%.*s'.",
                     STR_ARGS(name));
    k->err->code = STR("unknown_parameter");
    return -1;
}

int check_openai(const struct check *k)
{
    if (check_openai_stranger(k, FIELDS) != 0 || check_openai_numbers(k) != 0 ||
        check_together(k) != 0 || check_tools(k, json_get(k->body, "tools")) != 0 ||
        check_format(k, json_get(k->body, "response_format")) != 0)
        return -1;
    return check_messages(k, json_get(k->body, "messages"));
}
