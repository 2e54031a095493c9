/*
 * A chat-completions request into the neutral form: the top-level members.
 */
#include "providers/dialects/openai_wire.h"

#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/openai.h"

static const char *const type_names[] = {
    [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
    [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
};

bool openai_wrong(struct openai_decode *d, const char *param, const char *expected,
                  const struct json *got)
{
    if (got == NULL)
        (void)chat_invalid(d->c, d->err, param, "Missing required parameter: '%s'.", param);
    else
        (void)chat_invalid(d->c, d->err, param,
                           "Invalid type for '%s': expected %s, but got %s instead.", param,
                           expected, type_names[got->type]);
    d->err->code = got == NULL ? STR("missing_required_parameter") : STR("invalid_type");
    return false;
}

bool openai_wrong_in(struct openai_decode *d, const char *field, const char *expected,
                     const struct json *got)
{
    char param[96];

    (void)snprintf(param, sizeof(param), "messages[%u]%s", d->message, field); /* fits */
    return openai_wrong(d, param, expected, got);
}

bool openai_is_null(const struct json *v)
{
    return v == NULL || v->type == JSON_NULL;
}

/* --- members with a value of their own --- */

static bool is_empty(const struct json *v)
{
    return (v->type == JSON_ARRAY || v->type == JSON_OBJECT) && v->n == 0;
}

static bool take_model(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_STRING)
        return openai_wrong(d, "model", "a string", v);
    d->chat->model = text_plain(d->c->arena, text_inside(v));
    return true;
}

static bool take_stream_options(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_OBJECT)
        return openai_wrong(d, "stream_options", "an object", v);
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        if (str_eq(x->key, STR("include_usage")))
            d->chat->include_usage = x->boolean;
        else if (!openai_is_null(x))
            chat_add_extra(
                d->c, d->chat,
                arena_concat(d->c->arena, (struct str[]){STR("stream_options."), x->key}, 2),
                x->raw);
    }
    return true;
}

static bool take_count(struct openai_decode *d, const struct json *v, const char *name,
                       uint64_t *out)
{
    return json_u64(v, out) || openai_wrong(d, name, "an integer", v);
}

static bool take_max_tokens(struct openai_decode *d, const struct json *v)
{
    uint64_t n;

    if (!take_count(d, v, "max_tokens", &n))
        return false;
    if (d->chat->max_tokens == 0) /* max_completion_tokens wins */
        d->chat->max_tokens = n;
    return true;
}

static bool take_max_completion(struct openai_decode *d, const struct json *v)
{
    return take_count(d, v, "max_completion_tokens", &d->chat->max_tokens);
}

static bool take_n(struct openai_decode *d, const struct json *v)
{
    uint64_t n;

    if (!take_count(d, v, "n", &n))
        return false;
    if (n < 1 || n > CHOICES_MAX)
        return chat_invalid(d->c, d->err, "n", "'n' must be between 1 and %d.", CHOICES_MAX) == 0;
    d->chat->n = (uint32_t)n;
    return true;
}

static bool take_stop(struct openai_decode *d, const struct json *v)
{
    if (v->type == JSON_STRING) {
        chat_add_stop(d->c, d->chat, text_inside(v));
        return true;
    }
    if (v->type != JSON_ARRAY)
        return openai_wrong(d, "stop", "a string or an array of strings", v);
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        if (x->type != JSON_STRING)
            return openai_wrong(d, "stop", "an array of strings", x);
        chat_add_stop(d->c, d->chat, text_inside(x));
    }
    return true;
}

static bool take_safety_id(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_STRING)
        return openai_wrong(d, "safety_identifier", "a string", v);
    d->safety_id = text_inside(v);
    return true;
}

/* Text is what answers are made of anyway. */
static bool take_modalities(struct openai_decode *d, const struct json *v)
{
    bool is_text = v->type == JSON_ARRAY && v->n == 1 && text_is(text_inside(v->child), "text");

    if (!is_text)
        chat_add_extra(d->c, d->chat, STR("modalities"), v->raw);
    return true;
}

/* --- the legacy endpoint's own --- */

static bool take_prompt(struct openai_decode *d, const struct json *v)
{
    const struct json *text = v->type == JSON_ARRAY && v->n == 1 ? v->child : v;
    struct chat_message *m;

    if (text->type == JSON_ARRAY || text->type == JSON_NUMBER)
        return chat_invalid(d->c, d->err, "prompt",
                            "This model takes chats: 'prompt' must be a string or an array of one "
                            "string, not several prompts and not tokens.") == 0;
    if (text->type != JSON_STRING)
        return openai_wrong(d, "prompt", "a string", text);
    m = chat_add_message(d->c, d->chat, ROLE_USER);
    chat_add_block(d->c, m, BLOCK_TEXT)->text = text_inside(text);
    return true;
}

/* Values that change nothing are no loss. */
static bool take_best_of(struct openai_decode *d, const struct json *v)
{
    uint64_t n;

    if (!json_u64(v, &n) || n > 1)
        chat_add_extra(d->c, d->chat, STR("best_of"), v->raw);
    return true;
}

static bool take_echo(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_BOOL || v->boolean)
        chat_add_extra(d->c, d->chat, STR("echo"), v->raw);
    return true;
}

/* A number here, told in another shape than a chat's: its answers have no place for it. */
static bool take_completion_logprobs(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_NUMBER)
        return openai_wrong(d, "logprobs", "an integer", v);
    chat_add_extra(d->c, d->chat, STR("logprobs"), v->raw);
    return true;
}

/* --- the table --- */

enum field_kind { FIELD_NUMBER, FIELD_TEXT, FIELD_OBJECT, FIELD_BOOL, FIELD_THREE, FIELD_OWN };
enum field_where { WHERE_BOTH, WHERE_CHAT, WHERE_COMPLETION };

struct field {
    const char *name;
    enum field_kind kind;
    size_t at; /* in struct chat */
    bool (*take)(struct openai_decode *d, const struct json *v);
    enum field_where where;
};

#define AT(member) offsetof(struct chat, member)
#define OWN(name, fn)                                                                              \
    {                                                                                              \
        name, FIELD_OWN, 0, fn, WHERE_BOTH                                                         \
    }
#define OWN_CHAT(name, fn)                                                                         \
    {                                                                                              \
        name, FIELD_OWN, 0, fn, WHERE_CHAT                                                         \
    }
#define OWN_COMPLETION(name, fn)                                                                   \
    {                                                                                              \
        name, FIELD_OWN, 0, fn, WHERE_COMPLETION                                                   \
    }

/* The usual ones first. What is not here is an extra. */
static const struct field fields[] = {
    OWN("model", take_model),
    OWN_CHAT("messages", openai_take_messages),
    OWN_COMPLETION("prompt", take_prompt),
    {"stream", FIELD_BOOL, AT(stream), NULL, WHERE_BOTH},
    {"temperature", FIELD_NUMBER, AT(temperature), NULL, WHERE_BOTH},
    OWN("max_tokens", take_max_tokens),
    OWN("max_completion_tokens", take_max_completion),
    OWN_CHAT("tools", openai_take_tools),
    OWN_CHAT("tool_choice", openai_take_tool_choice),
    {"parallel_tool_calls", FIELD_THREE, AT(parallel_tools), NULL, WHERE_BOTH},
    OWN("stream_options", take_stream_options),
    {"top_p", FIELD_NUMBER, AT(top_p), NULL, WHERE_BOTH},
    OWN("stop", take_stop),
    OWN("response_format", openai_take_format),
    OWN("reasoning_effort", openai_take_effort),
    OWN("n", take_n),
    {"seed", FIELD_NUMBER, AT(seed), NULL, WHERE_BOTH},
    {"user", FIELD_TEXT, AT(user), NULL, WHERE_BOTH},
    {"presence_penalty", FIELD_NUMBER, AT(presence_penalty), NULL, WHERE_BOTH},
    {"frequency_penalty", FIELD_NUMBER, AT(frequency_penalty), NULL, WHERE_BOTH},
    {"logprobs", FIELD_THREE, AT(logprobs), NULL, WHERE_CHAT},
    OWN_COMPLETION("logprobs", take_completion_logprobs),
    {"top_logprobs", FIELD_NUMBER, AT(top_logprobs), NULL, WHERE_CHAT},
    {"logit_bias", FIELD_OBJECT, AT(logit_bias), NULL, WHERE_BOTH},
    {"metadata", FIELD_OBJECT, AT(metadata), NULL, WHERE_BOTH},
    {"store", FIELD_THREE, AT(store), NULL, WHERE_BOTH},
    {"service_tier", FIELD_TEXT, AT(service_tier), NULL, WHERE_BOTH},
    {"verbosity", FIELD_TEXT, AT(verbosity), NULL, WHERE_BOTH},
    {"prompt_cache_key", FIELD_TEXT, AT(cache_key), NULL, WHERE_BOTH},
    OWN("safety_identifier", take_safety_id),
    {"top_k", FIELD_NUMBER, AT(top_k), NULL, WHERE_BOTH},
    {"min_p", FIELD_NUMBER, AT(min_p), NULL, WHERE_BOTH},
    {"repetition_penalty", FIELD_NUMBER, AT(repetition_penalty), NULL, WHERE_BOTH},
    OWN("reasoning", openai_take_reasoning),
    OWN("thinking", openai_take_thinking),
    OWN("include_reasoning", openai_take_show_thinking),
    OWN("enable_thinking", openai_take_enable_thinking),
    OWN("thinking_budget", openai_take_thinking_budget),
    OWN_CHAT("functions", openai_take_functions),
    OWN_CHAT("function_call", openai_take_function_call),
    OWN_CHAT("web_search_options", openai_take_web_search),
    OWN_CHAT("modalities", take_modalities),
    OWN_COMPLETION("best_of", take_best_of),
    OWN_COMPLETION("echo", take_echo),
};

static bool take_value(struct openai_decode *d, const struct field *f, const struct json *v)
{
    char *at = (char *)d->chat + f->at;

    switch (f->kind) {
    case FIELD_NUMBER:
        if (v->type != JSON_NUMBER)
            return openai_wrong(d, f->name, "a number", v);
        memcpy(at, &v->raw, sizeof(v->raw));
        return true;
    case FIELD_TEXT: {
        struct str text = text_inside(v);

        if (v->type != JSON_STRING)
            return openai_wrong(d, f->name, "a string", v);
        memcpy(at, &text, sizeof(text));
        return true;
    }
    case FIELD_OBJECT:
        if (v->type != JSON_OBJECT)
            return openai_wrong(d, f->name, "an object", v);
        if (v->n > 0)
            memcpy(at, &v->raw, sizeof(v->raw));
        return true;
    case FIELD_BOOL:
    case FIELD_THREE:
        if (v->type != JSON_BOOL)
            return openai_wrong(d, f->name, "a boolean", v);
        if (f->kind == FIELD_BOOL) {
            memcpy(at, &v->boolean, sizeof(v->boolean));
        } else {
            enum chat_three three = v->boolean ? YES : NO;

            memcpy(at, &three, sizeof(three));
        }
        return true;
    case FIELD_OWN:
        return f->take(d, v);
    }
    return true;
}

static bool take_member(struct openai_decode *d, const struct json *v)
{
    enum field_where other = d->is_completion ? WHERE_CHAT : WHERE_COMPLETION;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].where == other || !str_eq(v->key, str_of(fields[i].name)))
            continue;
        if (v->type == JSON_NULL && i > 2) /* the required ones are not to be null */
            return true;
        return take_value(d, &fields[i], v);
    }
    if (v->type != JSON_NULL && !is_empty(v) && text_inside(v).len + (v->type != JSON_STRING) > 0)
        chat_add_extra(d->c, d->chat, v->key, v->raw);
    return true;
}

static bool check_whole(struct openai_decode *d, const struct chat_url *url)
{
    struct chat *chat = d->chat;

    if (url != NULL && url->model.len > 0)
        chat->model = url->model;
    if (url != NULL && url->stream)
        chat->stream = true;
    if (chat->model.len == 0)
        return openai_wrong(d, "model", "a string", NULL);
    if (chat->messages == NULL)
        return openai_wrong(d, d->is_completion ? "prompt" : "messages", "an array", NULL);
    if (chat->user.len == 0)
        chat->user = d->safety_id;
    else if (d->safety_id.len > 0 && !str_eq(chat->user, d->safety_id))
        chat_add_extra(d->c, chat, STR("safety_identifier"), STR_NONE);
    return chat_link_results(d->c, chat, d->err) == 0;
}

int openai_decode(struct openai_decode *d, const struct chat_url *url, struct str body)
{
    struct json_error why;
    const struct json *root = json_parse_raw(d->c->json, d->c->scratch, body, &why);

    *d->chat = (struct chat){.from = DIALECT_OPENAI,
                             .is_completion = d->is_completion,
                             .reasoning = {.budget = BUDGET_UNSET}};
    if (root == NULL)
        return chat_invalid(d->c, d->err, NULL, "The body is not valid JSON: %s, at byte %zu.",
                            why.text, why.offset);
    if (root->type != JSON_OBJECT)
        return chat_invalid(d->c, d->err, NULL, "The body must be a JSON object.");
    for (const struct json *v = root->child; v != NULL; v = v->next) {
        if (!take_member(d, v))
            return -1;
    }
    return check_whole(d, url) ? 0 : -1;
}
