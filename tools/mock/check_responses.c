/*
 * What the Responses API refuses. Taken from the OpenAI API reference ("Responses", "Reasoning")
 * and the words of its answers.
 */
#include "tools/mock/check.h"

#include <stdio.h>

#include "tools/mock/signature.h"

#define OUTPUT_LEAST 16

static const char *const FIELDS[] = {"model",
                                     "input",
                                     "instructions",
                                     "stream",
                                     "tools",
                                     "tool_choice",
                                     "parallel_tool_calls",
                                     "temperature",
                                     "top_p",
                                     "top_logprobs",
                                     "max_output_tokens",
                                     "max_tool_calls",
                                     "metadata",
                                     "client_metadata",
                                     "store",
                                     "previous_response_id",
                                     "conversation",
                                     "reasoning",
                                     "text",
                                     "truncation",
                                     "user",
                                     "service_tier",
                                     "include",
                                     "background",
                                     "prompt",
                                     "prompt_cache_key",
                                     "prompt_cache_retention",
                                     "safety_identifier",
                                     "stream_options",
                                     "context_management",
                                     NULL};
static const char *const OUR_PARTS[] = {"input_text", "input_image", "input_file", "input_audio",
                                        NULL};
static const char *const ITS_PARTS[] = {"output_text", "refusal", NULL};

/* What an item's own id begins with. */
static const struct {
    const char *type, *prefix;
} PREFIXES[] = {{"function_call", "fc"}, {"reasoning", "rs"}, {"message", "msg"}};

struct walk {
    const struct check *k;
    size_t item;
    struct check_ids calls; /* of the whole input */
    bool has_thought;       /* a good one, since the user's last words */
};

#define FAIL_AT(w, ...) CHECK_FAIL((w)->k, "input", __VA_ARGS__)

static int check_parts(const struct walk *w, const struct json *item)
{
    bool is_its = str_eq(json_str(json_get(item, "role")), STR("assistant"));
    size_t i = 0;

    for (const struct json *p = check_items(json_get(item, "content")); p != NULL;
         p = p->next, i++) {
        struct str type = json_str(json_get(p, "type"));

        if (!check_is_one_of(type, is_its ? ITS_PARTS : OUR_PARTS))
            return FAIL_AT(w,
                           is_its
                               ? "Invalid value: '%.*s'. Supported values are: 'output_text' and "
                                 "'refusal'. (input[%zu].content[%zu])"
                               : "Invalid value: '%.*s'. Supported values are: 'input_text', "
                                 "'input_image', and 'input_file'. (input[%zu].content[%zu])",
                           CHECK_ARGS(type), w->item, i);
    }
    return 0;
}

static int check_id(const struct walk *w, const struct json *item, struct str type)
{
    struct str id = json_str(json_get(item, "id"));

    for (size_t i = 0; i < ARRAY_LEN(PREFIXES) && id.len > 0; i++) {
        if (str_eq(type, str_of(PREFIXES[i].type)) && !str_starts(id, str_of(PREFIXES[i].prefix)))
            return FAIL_AT(w,
                           "Invalid 'input[%zu].id': '%.*s'. Expected an ID that begins with '%s'.",
                           w->item, CHECK_ARGS(id), PREFIXES[i].prefix);
    }
    return 0;
}

static int check_function_call(struct walk *w, const struct json *item)
{
    const struct json *arguments = json_get(item, "arguments");
    struct str id = json_str(json_get(item, "call_id"));

    if (id.len == 0)
        return FAIL_AT(w, "Missing required parameter: 'input[%zu].call_id'.", w->item);
    if (arguments == NULL || arguments->type != JSON_STRING)
        return FAIL_AT(
            w,
            "Invalid type for 'input[%zu].arguments': expected a string, but got an object "
            "instead.",
            w->item);
    if (w->k->kind == MODEL_THINK && !w->has_thought)
        return FAIL_AT(w,
                       "Item '%.*s' of type 'function_call' was provided without its required "
                       "'reasoning' item.",
                       CHECK_ARGS(id));
    if (!check_ids_add(w->k->c, &w->calls, id))
        return FAIL_AT(w, "Duplicate item found with call_id %.*s.", CHECK_ARGS(id));
    return 0;
}

static int check_output(struct walk *w, const struct json *item)
{
    const struct json *output = json_get(item, "output");
    struct str id = json_str(json_get(item, "call_id"));

    if (output == NULL || (output->type != JSON_STRING && output->type != JSON_ARRAY))
        return FAIL_AT(
            w, "Invalid type for 'input[%zu].output': expected one of a string or an array.",
            w->item);
    if (json_get(w->k->body, "previous_response_id") == NULL && !check_ids_use(&w->calls, id))
        return FAIL_AT(w, "No tool call found for function call output with call_id %.*s.",
                       CHECK_ARGS(id));
    return 0;
}

static int check_reasoning(struct walk *w, const struct json *item)
{
    struct str sealed = json_str(json_get(item, "encrypted_content"));
    const struct json *summary = json_get(item, "summary");
    struct str text = json_str(json_get(check_items(summary), "text"));
    struct arena *a = w->k->c->arena;

    if (summary == NULL || summary->type != JSON_ARRAY)
        return FAIL_AT(w, "Missing required parameter: 'input[%zu].summary'.", w->item);
    w->has_thought = signature_is_valid(a, DIALECT_RESPONSES, text, sealed);
    if (str_starts(sealed, STR("bf1.")) ||
        (w->k->kind == MODEL_THINK && sealed.len > 0 && !w->has_thought)) {
        (void)FAIL_AT(w, "The encrypted content could not be verified.");
        w->k->err->code = STR("invalid_encrypted_content");
        return -1;
    }
    return 0;
}

static int check_item(struct walk *w, const struct json *item)
{
    struct str type = json_str(json_get(item, "type"));
    struct str role = json_str(json_get(item, "role"));

    if (type.len == 0)
        type = role.len > 0 ? STR("message") : STR("item_reference");
    if (check_id(w, item, type) != 0)
        return -1;
    if (str_eq(type, STR("message"))) {
        w->has_thought = w->has_thought && str_eq(role, STR("assistant"));
        return check_parts(w, item);
    }
    if (str_eq(type, STR("function_call")))
        return check_function_call(w, item);
    if (str_eq(type, STR("function_call_output")))
        return check_output(w, item);
    if (str_eq(type, STR("reasoning")))
        return check_reasoning(w, item);
    return 0;
}

static int check_input(const struct check *k)
{
    const struct json *input = json_get(k->body, "input");
    struct walk w = {.k = k};
    struct str open;

    if (input != NULL && input->type != JSON_ARRAY && input->type != JSON_STRING)
        return CHECK_FAIL(
            k, "input", "Invalid type for 'input': expected one of a string or an array of items.");
    if (input == NULL && json_get(k->body, "prompt") == NULL &&
        json_get(k->body, "previous_response_id") == NULL &&
        json_get(k->body, "conversation") == NULL) {
        (void)CHECK_FAIL(k, "input", "Missing required parameter: 'input'.");
        k->err->code = STR("missing_required_parameter");
        return -1;
    }
    for (const struct json *item = check_items(input); item != NULL; item = item->next, w.item++) {
        if (check_item(&w, item) != 0)
            return -1;
    }
    open = check_ids_unused(&w.calls);
    if (open.p != NULL)
        return CHECK_FAIL(k, "input", "No tool output found for function call %.*s.",
                          CHECK_ARGS(open));
    return 0;
}

static int check_tools(const struct check *k)
{
    char at[40];
    size_t i = 0;

    for (const struct json *t = check_items(json_get(k->body, "tools")); t != NULL;
         t = t->next, i++) {
        (void)snprintf(at, sizeof(at), "tools[%zu]", i); /* fits */
        if (str_eq(json_str(json_get(t, "type")), STR("function")) &&
            check_openai_function(k, t, at) != 0)
            return -1;
    }
    return 0;
}

int check_responses(const struct check *k)
{
    const struct json *format = json_get(json_get(k->body, "text"), "format");
    bool strict = false;
    uint64_t n;

    if (check_openai_stranger(k, FIELDS) != 0 || check_openai_numbers(k) != 0 ||
        check_tools(k) != 0)
        return -1;
    if (json_u64(json_get(k->body, "max_output_tokens"), &n) && n < OUTPUT_LEAST)
        return CHECK_FAIL(
            k, "max_output_tokens",
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value "
            ">= 16, but got %llu instead.",
            (unsigned long long)n);
    if (str_eq(json_str(json_get(format, "type")), STR("json_schema")) &&
        json_bool(json_get(format, "strict"), &strict) && strict &&
        check_strict_schema(k, json_get(format, "schema"), "text.format.schema",
                            "response_format") != 0)
        return -1;
    return check_input(k);
}
