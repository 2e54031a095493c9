#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/reasoning.h"

/* The members that have a meaning here; all others are extras. */
enum field {
    F_MODEL,
    F_MAX_TOKENS,
    F_MESSAGES,
    F_SYSTEM,
    F_STREAM,
    F_TOOLS,
    F_TOOL_CHOICE,
    F_THINKING,
    F_OUTPUT_CONFIG,
    F_OUTPUT_FORMAT,
    F_TEMPERATURE,
    F_TOP_P,
    F_TOP_K,
    F_STOPS,
    F_METADATA,
    F_SERVICE_TIER,
    F_CACHE,
    FIELDS
};

static const char *const names[FIELDS] = {
    [F_MODEL] = "model",
    [F_MAX_TOKENS] = "max_tokens",
    [F_MESSAGES] = "messages",
    [F_SYSTEM] = "system",
    [F_STREAM] = "stream",
    [F_TOOLS] = "tools",
    [F_TOOL_CHOICE] = "tool_choice",
    [F_THINKING] = "thinking",
    [F_OUTPUT_CONFIG] = "output_config",
    [F_OUTPUT_FORMAT] = "output_format",
    [F_TEMPERATURE] = "temperature",
    [F_TOP_P] = "top_p",
    [F_TOP_K] = "top_k",
    [F_STOPS] = "stop_sequences",
    [F_METADATA] = "metadata",
    [F_SERVICE_TIER] = "service_tier",
    [F_CACHE] = "cache_control",
};

int anthropic_bad(struct anthropic_in *in, const char *field, const char *text)
{
    struct buf path = BUF_IN(in->c->arena);
    const int64_t at[] = {in->item, in->block, in->inner};

    if (in->list != NULL)
        buf_cstr(&path, in->list);
    for (size_t i = 0; in->list != NULL && i < ARRAY_LEN(at) && at[i] >= 0; i++) {
        buf_char(&path, '.');
        buf_cstr(&path, i == 0 ? "" : "content.");
        buf_u64(&path, (uint64_t)at[i]);
    }
    if (field != NULL) {
        buf_cstr(&path, path.len > 0 ? "." : "");
        buf_cstr(&path, field);
    }
    return chat_invalid(in->c, in->err, path.len > 0 ? path.data : NULL, "%s", text);
}

const struct json *anthropic_given(const struct json *node)
{
    return node != NULL && node->type != JSON_NULL ? node : NULL;
}

/* --- simple members --- */

static int decode_number(struct anthropic_in *in, const struct json *node, const char *name,
                         struct str *out)
{
    if (node == NULL)
        return 0;
    if (node->type != JSON_NUMBER)
        return anthropic_bad(in, name, "Input should be a valid number");
    *out = node->raw;
    return 0;
}

static int decode_max_tokens(struct anthropic_in *in, const struct json *node)
{
    if (!json_u64(node, &in->chat->max_tokens))
        return anthropic_bad(in, "max_tokens", "Input should be a valid integer");
    if (in->chat->max_tokens ==
        0) /* fills the cache and answers nothing: only Anthropic does that */
        chat_add_extra(in->c, in->chat, STR("max_tokens"), node->raw);
    return 0;
}

static int decode_stops(struct anthropic_in *in, const struct json *node)
{
    if (node == NULL)
        return 0;
    if (node->type != JSON_ARRAY)
        return anthropic_bad(in, "stop_sequences", "Input should be a valid list");
    for (const struct json *s = node->child; s != NULL; s = s->next) {
        if (s->type != JSON_STRING)
            return anthropic_bad(in, "stop_sequences", "Input should be a list of strings");
        chat_add_stop(in->c, in->chat, text_inside(s));
    }
    return 0;
}

/* A nested member without a meaning here: "metadata.key". */
static void extra_within(struct anthropic_in *in, const char *outer, const struct json *member)
{
    struct str parts[] = {str_of(outer), STR("."), member->key};

    if (member->type != JSON_NULL)
        chat_add_extra(in->c, in->chat, arena_concat(in->c->scratch, parts, ARRAY_LEN(parts)),
                       STR_NONE);
}

static int decode_metadata(struct anthropic_in *in, const struct json *node)
{
    if (node == NULL)
        return 0;
    if (node->type != JSON_OBJECT)
        return anthropic_bad(in, "metadata", "Input should be a valid dictionary");
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("user_id")))
            extra_within(in, "metadata", m);
        else if (m->type == JSON_STRING)
            in->chat->user = text_inside(m);
        else if (m->type != JSON_NULL)
            return anthropic_bad(in, "metadata.user_id", "Input should be a valid string");
    }
    return 0;
}

static int decode_tier(struct anthropic_in *in, const struct json *node)
{
    if (node == NULL)
        return 0;
    if (node->type != JSON_STRING)
        return anthropic_bad(in, "service_tier", "Input should be a valid string");
    /* the neutral form has OpenAI's words; "default" is what "standard_only" says */
    in->chat->service_tier = text_inside(node);
    if (text_is(in->chat->service_tier, "standard_only"))
        in->chat->service_tier = STR("default");
    return 0;
}

static int decode_tool_choice(struct anthropic_in *in, const struct json *node)
{
    static const struct {
        const char *name;
        enum chat_choice choice;
    } choices[] = {{"auto", CHOICE_AUTO},
                   {"any", CHOICE_REQUIRED},
                   {"tool", CHOICE_NAMED},
                   {"none", CHOICE_NONE}};
    struct chat *chat = in->chat;
    struct str type = text_member(node, "type");
    bool is_single;

    if (node == NULL)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (text_is(type, choices[i].name))
            chat->tool_choice = choices[i].choice;
    }
    if (chat->tool_choice == CHOICE_UNSET)
        return anthropic_bad(in, "tool_choice.type",
                             "Input should be 'auto', 'any', 'tool' or 'none'");
    chat->tool_name = text_member(node, "name");
    if (chat->tool_choice == CHOICE_NAMED && chat->tool_name.len == 0)
        return anthropic_bad(in, "tool_choice.name", "Field required");
    if (json_bool(json_get(node, "disable_parallel_tool_use"), &is_single))
        chat->parallel_tools = is_single ? NO : YES;
    return 0;
}

/* --- thinking and output --- */

static int decode_thinking(struct anthropic_in *in, const struct json *node)
{
    struct chat_reasoning *r = &in->chat->reasoning;
    struct str type = text_member(node, "type");
    struct str display = text_member(node, "display");
    uint64_t budget;

    if (node == NULL)
        return 0;
    if (text_is(type, "disabled")) {
        r->effort = EFFORT_NONE;
    } else if (text_is(type, "adaptive")) {
        r->adaptive = true;
    } else if (text_is(type, "enabled")) {
        if (!json_u64(json_get(node, "budget_tokens"), &budget) || budget > INT64_MAX)
            return anthropic_bad(in, "thinking.budget_tokens", "Input should be a valid integer");
        r->budget = (int64_t)budget;
    } else {
        return anthropic_bad(in, "thinking.type",
                             "Input should be 'enabled', 'disabled' or 'adaptive'");
    }
    if (display.len > 0)
        r->show = text_is(display, "omitted") ? NO : YES;
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("type")) && !str_eq(m->key, STR("budget_tokens")) &&
            !str_eq(m->key, STR("display")))
            extra_within(in, "thinking", m);
    }
    return 0;
}

static int decode_format(struct anthropic_in *in, const struct json *node, const char *path)
{
    struct chat *chat = in->chat;
    const struct json *schema = json_get(node, "schema");

    if (node == NULL)
        return 0;
    if (!text_is(text_member(node, "type"), "json_schema"))
        return anthropic_bad(in, path, "Input should be {\"type\": \"json_schema\", ...}");
    if (schema == NULL || schema->type != JSON_OBJECT)
        return anthropic_bad(in, path, "schema: Input should be a valid dictionary");
    chat->format = FORMAT_SCHEMA;
    chat->format_schema = schema->raw;
    chat->format_strict = YES; /* it always is, here */
    return 0;
}

static int decode_effort(struct anthropic_in *in, const struct json *node)
{
    enum chat_effort effort = reasoning_parse(text_inside(node));

    if (node == NULL)
        return 0;
    if (effort == EFFORT_UNSET)
        return anthropic_bad(in, "output_config.effort",
                             "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
    if (in->chat->reasoning.effort == EFFORT_NONE) /* thinking off: elsewhere that says it all */
        chat_add_extra(in->c, in->chat, STR("output_config.effort"), STR_NONE);
    else
        in->chat->reasoning.effort = effort;
    return 0;
}

static int decode_output(struct anthropic_in *in, const struct json *node)
{
    if (node == NULL)
        return 0;
    if (node->type != JSON_OBJECT)
        return anthropic_bad(in, "output_config", "Input should be a valid dictionary");
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("effort")) && !str_eq(m->key, STR("format")))
            extra_within(in, "output_config", m);
    }
    if (decode_effort(in, anthropic_given(json_get(node, "effort"))) != 0)
        return -1;
    return decode_format(in, anthropic_given(json_get(node, "format")), "output_config.format");
}

/* --- all of it --- */

int anthropic_decode_cache(struct anthropic_in *in, const struct json *node, enum chat_cache *out)
{
    struct str ttl = text_member(node, "ttl");

    if (node == NULL)
        return 0;
    if (!text_is(text_member(node, "type"), "ephemeral"))
        return anthropic_bad(in, "cache_control.type", "Input should be 'ephemeral'");
    if (ttl.len > 0 && !text_is(ttl, "5m") && !text_is(ttl, "1h"))
        return anthropic_bad(in, "cache_control.ttl", "Input should be '5m' or '1h'");
    *out = text_is(ttl, "1h") ? CACHE_1H : CACHE_5M;
    return 0;
}

/* At the top it marks the last block, as if it stood there. */
static int decode_automatic_cache(struct anthropic_in *in, const struct json *node)
{
    struct chat_block *last = in->chat->last_message->last;
    enum chat_cache cache = CACHE_NONE;

    if (anthropic_decode_cache(in, node, &cache) != 0)
        return -1;
    if (cache == CACHE_NONE || last == NULL || last->cache != CACHE_NONE ||
        last->kind == BLOCK_THINKING || last->kind == BLOCK_REDACTED)
        return 0;
    last->cache = cache;
    if (last->raw.len > 0) {
        struct str parts[] = {
            {last->raw.p, last->raw.len - 1}, STR(",\"cache_control\":"), node->raw, STR("}")};

        last->raw = arena_concat(in->c->arena, parts, ARRAY_LEN(parts));
    }
    return 0;
}

static int decode_model(struct anthropic_in *in, const struct chat_url *url,
                        const struct json *node)
{
    if (url != NULL && url->model.len > 0) {
        in->chat->model = url->model;
        return 0;
    }
    if (node == NULL)
        return anthropic_bad(in, "model", "Field required");
    if (node->type != JSON_STRING || node->raw.len <= 2)
        return anthropic_bad(in, "model", "Input should be a valid string");
    in->chat->model = text_plain(in->c->arena, text_inside(node));
    return 0;
}

static void sort_fields(struct anthropic_in *in, const struct json *root,
                        const struct json *fields[FIELDS])
{
    for (const struct json *m = root->child; m != NULL; m = m->next) {
        size_t i = 0;

        while (i < FIELDS && !str_eq(m->key, str_of(names[i])))
            i++;
        if (i < FIELDS)
            fields[i] = anthropic_given(m);
        else if (m->type != JSON_NULL && !str_eq(m->key, STR("anthropic_version")))
            chat_add_extra(in->c, in->chat, m->key, m->raw);
    }
}

static int decode_fields(struct anthropic_in *in, const struct chat_url *url,
                         const struct json *fields[FIELDS])
{
    struct chat *chat = in->chat;

    if (fields[F_MESSAGES] == NULL)
        return anthropic_bad(in, "messages", "Field required");
    if (decode_model(in, url, fields[F_MODEL]) != 0 ||
        anthropic_decode_system(in, fields[F_SYSTEM]) != 0 ||
        anthropic_decode_messages(in, fields[F_MESSAGES]) != 0 ||
        decode_automatic_cache(in, fields[F_CACHE]) != 0 ||
        anthropic_decode_tools(in, fields[F_TOOLS]) != 0 ||
        decode_tool_choice(in, fields[F_TOOL_CHOICE]) != 0 ||
        decode_thinking(in, fields[F_THINKING]) != 0 ||
        decode_output(in, fields[F_OUTPUT_CONFIG]) != 0 ||
        decode_format(in, fields[F_OUTPUT_FORMAT], "output_format") != 0 ||
        decode_number(in, fields[F_TEMPERATURE], "temperature", &chat->temperature) != 0 ||
        decode_number(in, fields[F_TOP_P], "top_p", &chat->top_p) != 0 ||
        decode_number(in, fields[F_TOP_K], "top_k", &chat->top_k) != 0 ||
        decode_stops(in, fields[F_STOPS]) != 0 || decode_metadata(in, fields[F_METADATA]) != 0 ||
        decode_tier(in, fields[F_SERVICE_TIER]) != 0)
        return -1;
    chat->stream = url != NULL && url->stream;
    if (fields[F_STREAM] != NULL && !json_bool(fields[F_STREAM], &chat->stream))
        return anthropic_bad(in, "stream", "Input should be a valid boolean");
    return chat_link_results(in->c, chat, in->err);
}

static int decode(const struct chat_codec *c, const struct chat_url *url, struct str body,
                  struct chat *out, struct chat_error *err, bool is_count)
{
    struct anthropic_in in = {c, out, err, NULL, -1, -1, -1, 0, 0};
    const struct json *fields[FIELDS] = {NULL};
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);

    *out = (struct chat){.from = DIALECT_ANTHROPIC, .reasoning = {.budget = BUDGET_UNSET}};
    if (root == NULL)
        return chat_invalid(c, err, NULL, "The request body is not valid JSON: %s (byte %zu)",
                            fault.text, fault.offset);
    if (root->type != JSON_OBJECT)
        return chat_invalid(c, err, NULL, "The request body is not a JSON object");
    sort_fields(&in, root, fields);
    if (is_count)
        return decode_fields(&in, url, fields);
    if (fields[F_MAX_TOKENS] == NULL)
        return anthropic_bad(&in, "max_tokens", "Field required");
    if (decode_max_tokens(&in, fields[F_MAX_TOKENS]) != 0)
        return -1;
    return decode_fields(&in, url, fields);
}

int anthropic_decode_request(const struct chat_codec *c, const struct chat_url *url,
                             struct str body, struct chat *out, struct chat_error *err)
{
    return decode(c, url, body, out, err, false);
}

int anthropic_decode_count(const struct chat_codec *c, const struct chat_url *url, struct str body,
                           struct chat *out, struct chat_error *err)
{
    return decode(c, url, body, out, err, true);
}
