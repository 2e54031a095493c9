/*
 * A request of the Responses API into the neutral form: its top-level fields.
 */
#include "providers/dialects/responses.h"

#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/reasoning.h"

int responses_wrong_type(const struct responses_in *in, const char *param, const char *expected,
                         const struct json *got)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };

    return chat_invalid(in->c, in->err, param,
                        "Invalid type for '%s': expected %s, but got %s instead.", param, expected,
                        names[got->type]);
}

int responses_missing(const struct responses_in *in, const char *param)
{
    return chat_invalid(in->c, in->err, param, "Missing required parameter: '%s'.", param);
}

static void extra(const struct responses_in *in, const char *name, const struct json *v)
{
    chat_add_extra(in->c, in->chat, str_of(name), v->raw);
}

/* --- fields with more to them than one value --- */

static int on_model(const struct responses_in *in, const struct json *v)
{
    if (v->type != JSON_STRING)
        return responses_wrong_type(in, "model", "a string", v);
    in->chat->model = text_plain(in->c->arena, text_inside(v));
    return 0;
}

static int on_max_output_tokens(const struct responses_in *in, const struct json *v)
{
    if (!json_u64(v, &in->chat->max_tokens) || in->chat->max_tokens == 0)
        return chat_invalid(in->c, in->err, "max_output_tokens",
                            "Invalid 'max_output_tokens': expected a whole number above 0.");
    return 0;
}

static int on_include(const struct responses_in *in, const struct json *v)
{
    if (v->type != JSON_ARRAY)
        return responses_wrong_type(in, "include", "an array of strings", v);
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        struct str what = text_inside(x);

        if (x->type != JSON_STRING)
            return responses_wrong_type(in, "include", "an array of strings", x);
        if (text_is(what, "reasoning.encrypted_content"))
            continue; /* always handed out */
        if (text_is(what, "message.output_text.logprobs")) {
            in->chat->logprobs = YES;
            continue;
        }
        what.len = min_u64(what.len, 64);
        chat_add_extra(in->c, in->chat,
                       arena_concat(in->c->arena, (struct str[]){STR("include."), what}, 2),
                       x->raw);
    }
    return 0;
}

static int on_reasoning(const struct responses_in *in, const struct json *v)
{
    struct chat_reasoning *r = &in->chat->reasoning;

    if (v->type != JSON_OBJECT)
        return responses_wrong_type(in, "reasoning", "an object", v);
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        if (x->type == JSON_NULL)
            continue;
        if (str_eq(x->key, STR("effort"))) {
            r->effort = reasoning_parse(text_inside(x));
            if (r->effort == EFFORT_UNSET)
                return chat_invalid(in->c, in->err, "reasoning.effort",
                                    "Invalid value for 'reasoning.effort': supported are 'none', "
                                    "'minimal', 'low', 'medium', 'high', 'xhigh' and 'max'.");
        } else if (str_eq(x->key, STR("summary")) || str_eq(x->key, STR("generate_summary"))) {
            if (x->type != JSON_STRING)
                return responses_wrong_type(in, "reasoning.summary", "a string", x);
            r->summary = text_inside(x);
            r->show = text_is(r->summary, "none") ? NO : YES;
        } else {
            chat_add_extra(in->c, in->chat,
                           arena_concat(in->c->arena, (struct str[]){STR("reasoning."), x->key}, 2),
                           x->raw);
        }
    }
    return 0;
}

static int on_format(const struct responses_in *in, const struct json *v)
{
    struct chat *chat = in->chat;
    struct str type = text_member(v, "type");
    const struct json *schema = json_get(v, "schema");
    bool strict;

    if (v->type != JSON_OBJECT)
        return responses_wrong_type(in, "text.format", "an object", v);
    if (text_is(type, "text")) {
        chat->format = FORMAT_TEXT;
    } else if (text_is(type, "json_object")) {
        chat->format = FORMAT_JSON;
    } else if (text_is(type, "json_schema")) {
        chat->format = FORMAT_SCHEMA;
        if (schema == NULL || schema->type != JSON_OBJECT)
            return responses_missing(in, "text.format.schema");
        chat->format_name = text_member(v, "name");
        if (chat->format_name.len == 0)
            return responses_missing(in, "text.format.name");
        chat->format_schema = schema->raw;
        chat->format_description = text_member(v, "description");
        if (json_bool(json_get(v, "strict"), &strict))
            chat->format_strict = strict ? YES : NO;
    } else {
        return chat_invalid(in->c, in->err, "text.format.type",
                            "Invalid value for 'text.format.type': supported are 'text', "
                            "'json_object' and 'json_schema'.");
    }
    return 0;
}

static int on_text(const struct responses_in *in, const struct json *v)
{
    if (v->type != JSON_OBJECT)
        return responses_wrong_type(in, "text", "an object", v);
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        if (x->type == JSON_NULL)
            continue;
        if (str_eq(x->key, STR("format"))) {
            if (on_format(in, x) != 0)
                return -1;
        } else if (str_eq(x->key, STR("verbosity"))) {
            if (x->type != JSON_STRING)
                return responses_wrong_type(in, "text.verbosity", "a string", x);
            in->chat->verbosity = text_inside(x);
        } else {
            chat_add_extra(in->c, in->chat,
                           arena_concat(in->c->arena, (struct str[]){STR("text."), x->key}, 2),
                           x->raw);
        }
    }
    return 0;
}

static int on_metadata(const struct responses_in *in, const struct json *v)
{
    if (v->type != JSON_OBJECT)
        return responses_wrong_type(in, "metadata", "an object", v);
    in->chat->metadata = v->n > 0 ? v->raw : STR_NONE;
    return 0;
}

static int on_top_logprobs(const struct responses_in *in, const struct json *v)
{
    uint64_t n;

    if (!json_u64(v, &n) || n > 20)
        return chat_invalid(in->c, in->err, "top_logprobs",
                            "Invalid 'top_logprobs': expected a whole number from 0 to 20.");
    if (n > 0)
        in->chat->top_logprobs = v->raw;
    return 0;
}

/* Older name `user`, newer `safety_identifier`: the same thing. */
static int on_user(const struct responses_in *in, const struct json *v)
{
    if (v->type != JSON_STRING)
        return responses_wrong_type(in, "user", "a string", v);
    if (in->chat->user.len > 0 && !str_eq(in->chat->user, text_inside(v)))
        extra(in, "safety_identifier", v);
    else
        in->chat->user = text_inside(v);
    return 0;
}

static int on_background(const struct responses_in *in, const struct json *v)
{
    bool yes = true;

    if (json_bool(v, &yes) && !yes)
        return 0;
    return chat_invalid(in->c, in->err, "background",
                        "'background' runs at OpenAI only, and this model is served by another "
                        "provider: leave it out and wait for the answer or stream it.");
}

static int on_truncation(const struct responses_in *in, const struct json *v)
{
    if (!text_is(text_inside(v), "disabled"))
        extra(in, "truncation", v);
    return 0;
}

/* We never pad our events; who insists on it is told. */
static int on_stream_options(const struct responses_in *in, const struct json *v)
{
    if (v->type != JSON_OBJECT)
        return responses_wrong_type(in, "stream_options", "an object", v);
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        bool yes = true;

        if (json_bool(x, &yes) && !yes)
            continue;
        chat_add_extra(
            in->c, in->chat,
            arena_concat(in->c->arena, (struct str[]){STR("stream_options."), x->key}, 2), x->raw);
    }
    return 0;
}

static int stored(const struct responses_in *in, const char *field, const char *instead)
{
    return chat_invalid(in->c, in->err, field,
                        "'%s' refers to what OpenAI stores, and this model is served by another "
                        "provider: %s.",
                        field, instead);
}

static int on_previous_response(const struct responses_in *in, const struct json *v)
{
    (void)v;
    return stored(in, "previous_response_id",
                  "send the earlier items (with the answers' own) in 'input'");
}

static int on_conversation(const struct responses_in *in, const struct json *v)
{
    (void)v;
    return stored(in, "conversation", "send the conversation's items in 'input'");
}

static int on_prompt(const struct responses_in *in, const struct json *v)
{
    (void)v;
    return stored(in, "prompt", "send the prompt's text in 'instructions' or 'input'");
}

static int on_instructions(const struct responses_in *in, const struct json *v)
{
    struct chat_message *m;

    if (v->type != JSON_STRING)
        return responses_wrong_type(in, "instructions", "a string", v);
    if (v->raw.len == 2) /* "" */
        return 0;
    m = chat_add_message(in->c, in->chat, ROLE_SYSTEM);
    chat_add_block(in->c, m, BLOCK_TEXT)->text = text_inside(v);
    return 0;
}

/* --- the table --- */

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_THREE, FIELD_STREAM, FIELD_OTHER, FIELD_LATER };

struct field {
    struct str name;
    enum field_kind kind;
    size_t offset; /* in struct chat */
    int (*fn)(const struct responses_in *in, const struct json *v);
};

/* `input`, `tools` and `tool_choice` want what stands before and behind them: after the walk. */
#define S(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
static const struct field fields[] = {
    {S("model"), FIELD_OTHER, 0, on_model},
    {S("input"), FIELD_LATER, 0, NULL},
    {S("instructions"), FIELD_LATER, 0, NULL},
    {S("tools"), FIELD_LATER, 0, NULL},
    {S("tool_choice"), FIELD_LATER, 0, NULL},
    {S("stream"), FIELD_STREAM, 0, NULL},
    {S("stream_options"), FIELD_OTHER, 0, on_stream_options},
    {S("store"), FIELD_THREE, offsetof(struct chat, store), NULL},
    {S("parallel_tool_calls"), FIELD_THREE, offsetof(struct chat, parallel_tools), NULL},
    {S("include"), FIELD_OTHER, 0, on_include},
    {S("reasoning"), FIELD_OTHER, 0, on_reasoning},
    {S("text"), FIELD_OTHER, 0, on_text},
    {S("max_output_tokens"), FIELD_OTHER, 0, on_max_output_tokens},
    {S("temperature"), FIELD_NUMBER, offsetof(struct chat, temperature), NULL},
    {S("top_p"), FIELD_NUMBER, offsetof(struct chat, top_p), NULL},
    {S("top_logprobs"), FIELD_OTHER, 0, on_top_logprobs},
    {S("metadata"), FIELD_OTHER, 0, on_metadata},
    {S("user"), FIELD_OTHER, 0, on_user},
    {S("safety_identifier"), FIELD_OTHER, 0, on_user},
    {S("prompt_cache_key"), FIELD_TEXT, offsetof(struct chat, cache_key), NULL},
    {S("service_tier"), FIELD_TEXT, offsetof(struct chat, service_tier), NULL},
    {S("truncation"), FIELD_OTHER, 0, on_truncation},
    {S("background"), FIELD_OTHER, 0, on_background},
    {S("previous_response_id"), FIELD_OTHER, 0, on_previous_response},
    {S("conversation"), FIELD_OTHER, 0, on_conversation},
    {S("prompt"), FIELD_OTHER, 0, on_prompt},
};

static int put_field(const struct responses_in *in, const struct field *f, const struct json *v)
{
    char *at = (char *)in->chat + f->offset;
    bool yes = false;

    switch (f->kind) {
    case FIELD_TEXT:
        if (v->type != JSON_STRING)
            return responses_wrong_type(in, f->name.p, "a string", v);
        *(struct str *)(void *)at = text_inside(v);
        return 0;
    case FIELD_NUMBER:
        if (v->type != JSON_NUMBER)
            return responses_wrong_type(in, f->name.p, "a number", v);
        *(struct str *)(void *)at = v->raw;
        return 0;
    case FIELD_THREE:
    case FIELD_STREAM:
        if (!json_bool(v, &yes))
            return responses_wrong_type(in, f->name.p, "a boolean", v);
        if (f->kind == FIELD_STREAM)
            in->chat->stream = yes;
        else
            *(enum chat_three *)(void *)at = yes ? YES : NO;
        return 0;
    case FIELD_OTHER:
        return f->fn(in, v);
    case FIELD_LATER:
        break;
    }
    return 0;
}

static int on_member(const struct responses_in *in, const struct json *v)
{
    if (v->type == JSON_NULL)
        return 0; /* null is "not set" in all of them */
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (str_eq(fields[i].name, v->key))
            return put_field(in, &fields[i], v);
    }
    chat_add_extra(in->c, in->chat, v->key, v->raw);
    return 0;
}

static bool is_set(const struct json *v)
{
    return v != NULL && v->type != JSON_NULL;
}

static int decode_root(const struct responses_in *in, const struct json *root)
{
    const struct json *instructions = json_get(root, "instructions");
    const struct json *input = json_get(root, "input");
    const struct json *tools = json_get(root, "tools");
    const struct json *choice = json_get(root, "tool_choice");

    for (const struct json *x = root->child; x != NULL; x = x->next) {
        if (on_member(in, x) != 0)
            return -1;
    }
    if (in->chat->model.len == 0)
        return responses_missing(in, "model");
    if (is_set(instructions) && on_instructions(in, instructions) != 0)
        return -1;
    if (is_set(tools) && responses_decode_tools(in, tools) != 0)
        return -1;
    if (is_set(choice) && responses_decode_choice(in, choice) != 0)
        return -1;
    if (!is_set(input))
        return responses_missing(in, "input");
    return responses_decode_input(in, input);
}

int responses_decode_request(const struct chat_codec *c, const struct chat_url *url,
                             struct str body, struct chat *out, struct chat_error *err)
{
    struct responses_in in = {c, out, err};
    struct json_error wrong;
    struct json *root = json_parse_raw(c->json, c->scratch, body, &wrong);

    *out = (struct chat){.from = DIALECT_RESPONSES, .reasoning = {.budget = BUDGET_UNSET}};
    if (root == NULL)
        return chat_invalid(c, err, NULL, "The body is not JSON: %s at byte %zu.", wrong.text,
                            wrong.offset);
    if (root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "The body must be a JSON object.");
    if (url != NULL)
        out->model = url->model;
    if (decode_root(&in, root) != 0)
        return -1;
    if (url != NULL && url->model.len > 0)
        out->model = url->model;
    return 0;
}
