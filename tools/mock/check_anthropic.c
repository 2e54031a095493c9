/*
 * What the Messages API refuses. Taken from Anthropic's API reference ("Messages", "Extended
 * thinking", "Tool use") and the words of its answers.
 */
#include "tools/mock/check.h"

#include "tools/mock/signature.h"

#define CACHE_POINTS_MAX 4
#define BUDGET_LEAST 1024

static const char *const FIELDS[] = {"model",
                                     "max_tokens",
                                     "messages",
                                     "system",
                                     "tools",
                                     "tool_choice",
                                     "temperature",
                                     "top_p",
                                     "top_k",
                                     "stream",
                                     "thinking",
                                     "stop_sequences",
                                     "metadata",
                                     "container",
                                     "mcp_servers",
                                     "service_tier",
                                     "betas",
                                     "context_management",
                                     "speed",
                                     "fallbacks",
                                     "output_config",
                                     "output_format",
                                     "cache_control",
                                     "inference_geo",
                                     NULL};
static const char *const INVOKE_FIELDS[] = {"anthropic_version", "anthropic_beta", NULL};
static const char *const MESSAGE_FIELDS[] = {"role", "content", NULL};
static const char *const TEXT_FIELDS[] = {"type", "text", "citations", "cache_control", NULL};
static const char *const CALL_FIELDS[] = {"type",          "id",     "name", "input",
                                          "cache_control", "caller", NULL};
static const char *const RESULT_FIELDS[] = {"type",     "tool_use_id",   "content",
                                            "is_error", "cache_control", NULL};
static const char *const IMAGE_TYPES[] = {"image/jpeg", "image/png", "image/gif", "image/webp",
                                          NULL};
static const char *const BLOCK_TYPES[] = {"text",
                                          "image",
                                          "document",
                                          "search_result",
                                          "thinking",
                                          "redacted_thinking",
                                          "tool_use",
                                          "tool_result",
                                          "server_tool_use",
                                          "mcp_tool_use",
                                          "mcp_tool_result",
                                          "container_upload",
                                          "compaction",
                                          NULL};

/* Where the reading of the messages is. */
struct walk {
    const struct check *k;
    size_t message, block;  /* for the words of a refusal */
    struct check_ids calls; /* of the assistant's turn under way */
    bool is_assistant;      /* the turn under way */
    bool may_answer;        /* only results came in the user's turn so far */
    unsigned cache_points;
};

#define FAIL_AT(w, fmt, ...)                                                                       \
    CHECK_FAIL((w)->k, NULL, "messages.%zu.content.%zu" fmt, (w)->message, (w)->block,             \
               ##__VA_ARGS__)

static int stranger_in(const struct walk *w, const struct json *b, const char *const *known)
{
    const struct json *stranger = check_stranger(b, known);

    if (stranger == NULL)
        return 0;
    return FAIL_AT(w, ".%.*s: Extra inputs are not permitted", CHECK_ARGS(stranger->key));
}

static int check_text(const struct walk *w, const struct json *b)
{
    const struct json *text = json_get(b, "text");

    if (text == NULL || text->type != JSON_STRING)
        return FAIL_AT(w, ".text.text: Field required");
    if (text->text.len == 0)
        return CHECK_FAIL(w->k, NULL, "messages: text content blocks must be non-empty");
    if (check_is_blank(text->text))
        return CHECK_FAIL(w->k, NULL,
                          "messages: text content blocks must contain non-whitespace text");
    return stranger_in(w, b, TEXT_FIELDS);
}

static int check_image(const struct walk *w, const struct json *b)
{
    const struct json *source = json_get(b, "source");

    if (source == NULL)
        return FAIL_AT(w, ".image.source: Field required");
    if (!str_eq(json_str(json_get(source, "type")), STR("base64")))
        return 0;
    if (!check_is_one_of(json_str(json_get(source, "media_type")), IMAGE_TYPES))
        return FAIL_AT(w, ".image.source.base64.media_type: Input should be 'image/jpeg', "
                          "'image/png', 'image/gif' or 'image/webp'");
    if (!check_is_base64(w->k->c, json_str(json_get(source, "data"))))
        return FAIL_AT(w, ".image.source.base64: invalid base64 data");
    return 0;
}

static int check_call(struct walk *w, const struct json *b)
{
    const struct json *input = json_get(b, "input");
    struct str id = json_str(json_get(b, "id"));

    if (!w->is_assistant)
        return FAIL_AT(w, ": `tool_use` blocks can only be in `assistant` messages");
    if (!check_is_name(id, "_-", 256))
        return FAIL_AT(w, ".tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'");
    if (!check_is_name(json_str(json_get(b, "name")), "_-", 200))
        return FAIL_AT(w, ".tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,200}$'");
    if (input == NULL || input->type != JSON_OBJECT)
        return FAIL_AT(w, ".tool_use.input: Input should be a valid dictionary");
    if (!check_ids_add(w->k->c, &w->calls, id))
        return CHECK_FAIL(w->k, NULL, "messages.%zu: `tool_use` ids must be unique", w->message);
    return stranger_in(w, b, CALL_FIELDS);
}

static int check_result(struct walk *w, const struct json *b)
{
    struct str id = json_str(json_get(b, "tool_use_id"));

    if (w->is_assistant)
        return FAIL_AT(w, ": `tool_result` blocks can only be in `user` messages");
    if (!check_ids_use(&w->calls, id))
        return FAIL_AT(w,
                       ": unexpected `tool_use_id` found in `tool_result` blocks: %.*s. Each "
                       "`tool_result` block must have a corresponding `tool_use` block in the "
                       "previous message.",
                       CHECK_ARGS(id));
    if (!w->may_answer)
        return CHECK_FAIL(w->k, NULL,
                          "messages.%zu: `tool_result` blocks must come before the other content "
                          "of the message",
                          w->message);
    return stranger_in(w, b, RESULT_FIELDS);
}

static int check_thinking(const struct walk *w, const struct json *b)
{
    struct str signature = json_str(json_get(b, "signature"));
    struct str text = json_str(json_get(b, "thinking"));

    /* Only the thinking model knows its own; a wrapped one is no provider's. */
    if (str_starts(signature, STR("bf1.")) ||
        (w->k->kind == MODEL_THINK &&
         !signature_is_valid(w->k->c->arena, DIALECT_ANTHROPIC, text, signature)))
        return FAIL_AT(w, ": Invalid `signature` in `thinking` block");
    return 0;
}

static int check_block(struct walk *w, const struct json *b)
{
    struct str type = json_str(json_get(b, "type"));
    int rc = 0;

    if (!check_is_one_of(type, BLOCK_TYPES) && !str_ends(type, STR("_tool_result")))
        return FAIL_AT(w,
                       ": Input tag '%.*s' found using 'type' does not match any of the "
                       "expected tags",
                       CHECK_ARGS(type));
    if (json_get(b, "cache_control") != NULL)
        w->cache_points++;
    if (str_eq(type, STR("tool_result")))
        return check_result(w, b);
    w->may_answer = false;
    if (str_eq(type, STR("text")))
        rc = check_text(w, b);
    else if (str_eq(type, STR("image")))
        rc = check_image(w, b);
    else if (str_eq(type, STR("tool_use")))
        rc = check_call(w, b);
    else if (str_eq(type, STR("thinking")))
        rc = check_thinking(w, b);
    return rc;
}

/* A call without its result is only seen when the user's turn is over. */
static int end_turn(struct walk *w, bool is_last)
{
    struct str open = check_ids_unused(&w->calls);

    if (open.p != NULL && (!w->is_assistant || is_last))
        return CHECK_FAIL(
            w->k, "messages",
            "messages.%zu: `tool_use` ids were found without `tool_result` blocks "
            "immediately after: %.*s. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message.",
            w->message > 0 ? w->message - 1 : 0, CHECK_ARGS(open));
    return 0;
}

/* A thinking model's call is only good behind the thought that made it. */
static int check_begins_with_thought(const struct walk *w, const struct json *content)
{
    bool has_call = false;
    struct str first = json_str(json_get(check_items(content), "type"));

    for (const struct json *b = check_items(content); b != NULL; b = b->next)
        has_call = has_call || str_eq(json_str(json_get(b, "type")), STR("tool_use"));
    if (!has_call || str_eq(first, STR("thinking")) || str_eq(first, STR("redacted_thinking")))
        return 0;
    return CHECK_FAIL(
        w->k, "messages",
        "messages.%zu.content.0.type: Expected `thinking` or `redacted_thinking`, but "
        "found `%.*s`. When `thinking` is enabled, a final `assistant` message must "
        "start with a thinking block (preceding the lastmost set of `tool_use` and "
        "`tool_result` blocks).",
        w->message, CHECK_ARGS(first));
}

static int begin_turn(struct walk *w, bool is_assistant)
{
    if (w->message > 0 && is_assistant == w->is_assistant)
        return 0; /* the API puts them together */
    if (w->message > 0 && end_turn(w, false) != 0)
        return -1;
    if (is_assistant)
        check_ids_clear(&w->calls);
    w->is_assistant = is_assistant;
    w->may_answer = true;
    return 0;
}

static int check_content(struct walk *w, const struct json *m)
{
    const struct json *content = json_get(m, "content");
    bool is_final = m->next == NULL && w->is_assistant;

    w->block = 0;
    if (content == NULL)
        return CHECK_FAIL(w->k, NULL, "messages.%zu.content: Field required", w->message);
    if (content->type == JSON_STRING && (content->text.len > 0 || is_final)) {
        w->may_answer = false;
        if (check_is_blank(content->text) && !is_final)
            return CHECK_FAIL(w->k, NULL,
                              "messages: text content blocks must contain non-whitespace text");
        return 0;
    }
    if (content->type != JSON_ARRAY || (content->n == 0 && !is_final))
        return CHECK_FAIL(w->k, NULL,
                          "messages.%zu: all messages must have non-empty content except for the "
                          "optional final assistant message",
                          w->message);
    for (const struct json *b = content->child; b != NULL; b = b->next, w->block++) {
        if (check_block(w, b) != 0)
            return -1;
    }
    if (w->is_assistant && w->k->kind == MODEL_THINK)
        return check_begins_with_thought(w, content);
    return 0;
}

static int check_messages(struct walk *w, const struct json *messages)
{
    if (messages == NULL || messages->type != JSON_ARRAY)
        return CHECK_FAIL(w->k, NULL, "messages: Field required");
    if (messages->n == 0)
        return CHECK_FAIL(w->k, NULL, "messages: at least one message is required");
    for (const struct json *m = messages->child; m != NULL; m = m->next, w->message++) {
        struct str role = json_str(json_get(m, "role"));
        bool is_assistant = str_eq(role, STR("assistant"));
        const struct json *stranger = check_stranger(m, MESSAGE_FIELDS);

        /* Newer models take instructions in between, too; Claude Code sends them. */
        if (w->message > 0 && str_eq(role, STR("system")))
            continue;
        if (!is_assistant && !str_eq(role, STR("user")))
            return CHECK_FAIL(
                w->k, NULL, "messages.%zu.role: Input should be 'user' or 'assistant'", w->message);
        if (stranger != NULL)
            return CHECK_FAIL(w->k, NULL, "messages.%zu.%.*s: Extra inputs are not permitted",
                              w->message, CHECK_ARGS(stranger->key));
        if (begin_turn(w, is_assistant) != 0 || check_content(w, m) != 0)
            return -1;
    }
    return end_turn(w, true);
}

/* --- the rest of the body --- */

static int check_tools(struct walk *w, const struct json *tools)
{
    struct check_ids names = {0};
    size_t i = 0;

    for (const struct json *t = check_items(tools); t != NULL; t = t->next, i++) {
        struct str type = json_str(json_get(t, "type"));
        struct str name = json_str(json_get(t, "name"));
        const struct json *schema = json_get(t, "input_schema");

        if (json_get(t, "cache_control") != NULL)
            w->cache_points++;
        if (type.len > 0 && !str_eq(type, STR("custom")))
            continue; /* the provider's own */
        if (!check_is_name(name, "_-", 128))
            return CHECK_FAIL(w->k, NULL,
                              "tools.%zu.custom.name: String should match pattern "
                              "'^[a-zA-Z0-9_-]{1,128}$'",
                              i);
        if (!str_eq(json_str(json_get(schema, "type")), STR("object")))
            return CHECK_FAIL(w->k, NULL,
                              schema == NULL
                                  ? "tools.%zu.custom.input_schema: Field required"
                                  : "tools.%zu.custom.input_schema.type: Input should be "
                                    "'object'",
                              i);
        if (!check_ids_add(w->k->c, &names, name))
            return CHECK_FAIL(w->k, NULL, "tools: Tool names must be unique.");
    }
    return 0;
}

static int check_reasoning(const struct check *k, const struct json *thinking, uint64_t max_tokens)
{
    struct str choice = json_str(json_get(json_get(k->body, "tool_choice"), "type"));
    uint64_t budget = 0;
    bool has_budget = json_u64(json_get(thinking, "budget_tokens"), &budget);

    if (!str_eq(json_str(json_get(thinking, "type")), STR("enabled")))
        return 0;
    if (!has_budget)
        return CHECK_FAIL(k, NULL, "thinking.enabled.budget_tokens: Field required");
    if (budget < BUDGET_LEAST)
        return CHECK_FAIL(
            k, "thinking",
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            "1024");
    if (!k->is_count && budget >= max_tokens)
        return CHECK_FAIL(
            k, "max_tokens",
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult "
            "our documentation on extended thinking.");
    if (check_outside(json_get(k->body, "temperature"), 1, 1))
        return CHECK_FAIL(k, NULL, "`temperature` may only be set to 1 when thinking is enabled.");
    if (json_get(k->body, "top_k") != NULL)
        return CHECK_FAIL(k, NULL, "`top_k` must be unset when thinking is enabled.");
    if (str_eq(choice, STR("any")) || str_eq(choice, STR("tool")))
        return CHECK_FAIL(k, NULL, "Thinking may not be enabled when tool_choice forces tool use.");
    return 0;
}

static int check_numbers(const struct check *k)
{
    uint64_t max_tokens = 0;

    if (!k->is_count && json_get(k->body, "max_tokens") == NULL)
        return CHECK_FAIL(k, NULL, "max_tokens: Field required");
    if (!k->is_count && (!json_u64(json_get(k->body, "max_tokens"), &max_tokens) || max_tokens < 1))
        return CHECK_FAIL(k, NULL, "max_tokens: Input should be greater than or equal to 1");
    if (check_outside(json_get(k->body, "temperature"), 0, 1))
        return CHECK_FAIL(k, NULL, "temperature: range: 0..1");
    if (check_outside(json_get(k->body, "top_p"), 0, 1))
        return CHECK_FAIL(k, NULL, "top_p: range: 0..1");
    for (const struct json *s = check_items(json_get(k->body, "stop_sequences")); s != NULL;
         s = s->next) {
        if (check_is_blank(json_str(s)))
            return CHECK_FAIL(k, NULL,
                              "stop_sequences: each stop sequence must contain non-whitespace");
    }
    return check_reasoning(k, json_get(k->body, "thinking"), max_tokens);
}

static int check_system(struct walk *w, const struct json *system)
{
    for (const struct json *b = check_items(system); b != NULL; b = b->next) {
        if (json_get(b, "cache_control") != NULL)
            w->cache_points++;
        if (json_str(json_get(b, "text")).len == 0)
            return CHECK_FAIL(w->k, NULL, "system: text content blocks must be non-empty");
    }
    return 0;
}

/* Behind InvokeModel the version stands in the body, the model and the stream in the path. */
static int check_fields(const struct check *k)
{
    for (const struct json *m = k->body->child; m != NULL; m = m->next) {
        bool is_known = check_is_one_of(m->key, FIELDS);

        if (k->is_invoke)
            is_known =
                check_is_one_of(m->key, INVOKE_FIELDS) ||
                (is_known && !str_eq(m->key, STR("model")) && !str_eq(m->key, STR("stream")));
        if (!is_known)
            return CHECK_FAIL(k, NULL, "%.*s: Extra inputs are not permitted", CHECK_ARGS(m->key));
    }
    if (k->is_invoke && json_str(json_get(k->body, "anthropic_version")).len == 0)
        return CHECK_FAIL(k, NULL, "anthropic_version: Field required");
    return 0;
}

int check_anthropic(const struct check *k)
{
    struct walk w = {.k = k};

    if (check_fields(k) != 0 || check_numbers(k) != 0 ||
        check_system(&w, json_get(k->body, "system")) != 0 ||
        check_tools(&w, json_get(k->body, "tools")) != 0 ||
        check_messages(&w, json_get(k->body, "messages")) != 0)
        return -1;
    if (w.cache_points > CACHE_POINTS_MAX)
        return CHECK_FAIL(k, NULL,
                          "A maximum of 4 blocks with cache_control may be provided. Found %u.",
                          w.cache_points);
    return 0;
}
