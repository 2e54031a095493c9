#include "providers/count.h"

#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/peek.h"
#include "providers/spans.h"
#include "providers/write.h"

#define IMAGE_TOKENS 1000 /* about what vendors count for one of a megapixel */

/* --- estimates --- */

static uint64_t bytes_of(const struct chat_block *b, uint64_t *images)
{
    uint64_t n = 0;

    for (; b != NULL; b = b->next) {
        n += b->text.len + b->name.len + b->arguments.len + b->arguments_text.len;
        if (b->kind == BLOCK_DOCUMENT && b->media.source == SOURCE_TEXT)
            n += b->media.data.len;
        else if (b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT)
            (*images)++;
        for (const struct chat_block *x = b->content; x != NULL; x = x->next)
            n += x->text.len;
    }
    return n;
}

uint64_t count_estimate(const struct chat *chat)
{
    uint64_t bytes = chat->format_schema.len;
    uint64_t images = 0;

    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next)
        bytes += bytes_of(m->blocks, &images);
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next)
        bytes += t->name.len + t->description.len + t->schema.len;
    return max_u64(1, bytes / 4 + images * IMAGE_TOKENS);
}

/* --- what an answer of one number is --- */

static bool read_key(struct str body, const char *key, uint64_t *tokens)
{
    return spans_number(spans_member(str_trim(body), key), tokens);
}

static void write_key_number(const char *key, uint64_t tokens, struct buf *out)
{
    write_open(out, '{');
    write_member_u64(out, key, tokens);
    write_close(out, '}');
}

/* --- requests of which a part is told --- */

struct asking {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_error *err;
};

/* The members of a request that a model sees, in an object. */
static int encode_seen(const struct dialect *d, const char *const *seen, const struct asking *ask,
                       struct buf *out)
{
    struct chat_loss ignored = {.n_dropped = 0};
    struct buf whole = BUF_IN(ask->c->arena);
    int rc = d->encode_request(ask->c, ask->chat, ask->target, &ignored, &whole, ask->err);

    write_open(out, '{');
    for (; *seen != NULL && rc == 0; seen++)
        write_raw_if(out, *seen, spans_member(buf_view(&whole), *seen));
    write_close(out, '}');
    return rc;
}

/* --- Anthropic --- */

static int encode_anthropic(const struct chat_codec *c, const struct chat *chat,
                            const struct chat_target *target, struct buf *out,
                            struct chat_error *err)
{
    struct chat_loss ignored = {.n_dropped = 0};

    return anthropic_encode_count(c, chat, target, &ignored, out, err);
}

/* --- Gemini: contents, or a whole request --- */

static int decode_gemini(const struct chat_codec *c, const struct chat_url *url, struct str body,
                         struct chat *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);
    const struct json *whole = json_get(root, "generateContentRequest");

    if (whole == NULL)
        whole = json_get(root, "generate_content_request");
    return dialect_gemini.decode_request(c, url, whole != NULL ? whole->raw : body, out, err);
}

static int encode_gemini(const struct chat_codec *c, const struct chat *chat,
                         const struct chat_target *target, struct buf *out, struct chat_error *err)
{
    struct chat_loss ignored = {.n_dropped = 0};
    size_t at;

    buf_cstr(out, "{\"generateContentRequest\":{\"model\":");
    write_plain(out, arena_concat(c->arena, (struct str[]){STR("models/"), target->model}, 2));
    buf_char(out, ',');
    at = out->len;
    if (dialect_gemini.encode_request(c, chat, target, &ignored, out, err) != 0)
        return -1;
    /* its own brace is ours already */
    memmove(out->data + at, out->data + at + 1, out->len - at - 1);
    out->len--;
    buf_char(out, '}');
    return 0;
}

static bool read_gemini(struct str body, uint64_t *tokens)
{
    return read_key(body, "totalTokens", tokens);
}

static void write_gemini(uint64_t tokens, struct buf *out)
{
    write_key_number("totalTokens", tokens, out);
}

/* --- Responses: input_tokens --- */

static int encode_responses(const struct chat_codec *c, const struct chat *chat,
                            const struct chat_target *target, struct buf *out,
                            struct chat_error *err)
{
    static const char *const seen[] = {"model", "instructions", "tools", "tool_choice",
                                       "text",  "reasoning",    "input", NULL};

    return encode_seen(&dialect_responses, seen, &(struct asking){c, chat, target, err}, out);
}

static bool read_responses(struct str body, uint64_t *tokens)
{
    return read_key(body, "input_tokens", tokens);
}

static void write_responses(uint64_t tokens, struct buf *out)
{
    write_open(out, '{');
    write_member_cstr(out, "object", "response.input_tokens");
    write_member_u64(out, "input_tokens", tokens);
    write_close(out, '}');
}

static int decode_responses(const struct chat_codec *c, const struct chat_url *url, struct str body,
                            struct chat *out, struct chat_error *err)
{
    return dialect_responses.decode_request(c, url, body, out, err);
}

/* --- Bedrock: a Converse request, or a body of the model's own vendor --- */

static int decode_bedrock(const struct chat_codec *c, const struct chat_url *url, struct str body,
                          struct chat *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);
    const struct json *converse = json_get(json_get(root, "input"), "converse");

    if (converse == NULL)
        return chat_invalid(c, err, "input",
                            "input.converse is required: bodies of other shapes can be counted by "
                            "Bedrock alone");
    return dialect_bedrock.decode_request(c, url, converse->raw, out, err);
}

/* Of a Converse request it takes what the model sees. */
static int encode_bedrock(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct buf *out, struct chat_error *err)
{
    static const char *const seen[] = {"system", "toolConfig", "messages", NULL};
    int rc;

    buf_cstr(out, "{\"input\":{\"converse\":");
    rc = encode_seen(&dialect_bedrock, seen, &(struct asking){c, chat, target, err}, out);
    buf_cstr(out, "}}");
    return rc;
}

static bool read_bedrock(struct str body, uint64_t *tokens)
{
    return read_key(body, "inputTokens", tokens);
}

static void write_bedrock(uint64_t tokens, struct buf *out)
{
    write_key_number("inputTokens", tokens, out);
}

/* --- Cohere: a text, whose tokens are listed --- */

static int decode_cohere(const struct chat_codec *c, const struct chat_url *url, struct str body,
                         struct chat *out, struct chat_error *err)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->arena, body, &fault);
    const struct json *text = json_get(root, "text");

    *out = (struct chat){.from = DIALECT_COHERE, .reasoning.budget = BUDGET_UNSET};
    if (text == NULL || text->type != JSON_STRING || text->raw.len <= 2)
        return chat_invalid(c, err, "text", "invalid request: text is required, a string");
    out->model = url != NULL && url->model.len > 0
                     ? url->model
                     : text_plain(c->arena, text_member(root, "model"));
    chat_add_block(c, chat_add_message(c, out, ROLE_USER), BLOCK_TEXT)->text = text_inside(text);
    return 0;
}

static int encode_cohere(const struct chat_codec *c, const struct chat *chat,
                         const struct chat_target *target, struct buf *out, struct chat_error *err)
{
    (void)c, (void)err; /* count_can has said that there are texts only */
    write_open(out, '{');
    write_key(out, "model");
    write_plain(out, target->model);
    write_key(out, "text");
    buf_char(out, '"');
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            buf_str(out, b->text);
            if (b->next != NULL || m->next != NULL)
                buf_cstr(out, "\\n");
        }
    }
    buf_char(out, '"');
    write_close(out, '}');
    return 0;
}

static bool read_cohere(struct str body, uint64_t *tokens)
{
    struct str at = spans_member(str_trim(body), "tokens"), item;

    if (at.len < 2 || at.p[0] != '[')
        return false;
    *tokens = 0;
    while (spans_next(&at, &item))
        (*tokens)++;
    return true;
}

/* Numbers of nobody's tokenizer: their count is what is asked for. */
static void write_cohere(uint64_t tokens, struct buf *out)
{
    tokens = min_u64(tokens, 1u << 20);
    buf_cstr(out, "{\"tokens\":[");
    for (uint64_t i = 0; i < tokens; i++)
        buf_cstr(out, i > 0 ? ",0" : "0");
    buf_cstr(out, "],\"token_strings\":[],\"meta\":{\"api_version\":{\"version\":\"1\"}}}");
}

/* --- the table --- */

const struct count_dialect *count_dialect_get(enum dialect_id id)
{
    static const struct count_dialect all[DIALECTS] = {
        [DIALECT_ANTHROPIC] = {anthropic_decode_count, encode_anthropic, anthropic_count_read,
                               anthropic_count_write},
        [DIALECT_GEMINI] = {decode_gemini, encode_gemini, read_gemini, write_gemini},
        [DIALECT_RESPONSES] = {decode_responses, encode_responses, read_responses, write_responses},
        [DIALECT_BEDROCK] = {decode_bedrock, encode_bedrock, read_bedrock, write_bedrock},
        [DIALECT_COHERE] = {decode_cohere, encode_cohere, read_cohere, write_cohere},
    };

    return (size_t)id < ARRAY_LEN(all) && all[id].read != NULL ? &all[id] : NULL;
}

bool count_can(enum dialect_id id, const struct chat *chat)
{
    const struct count_dialect *d = count_dialect_get(id);

    if (d == NULL || d->encode_request == NULL)
        return false;
    if (id != DIALECT_COHERE)
        return true;
    if (chat->tools != NULL)
        return false;
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind != BLOCK_TEXT)
                return false;
        }
    }
    return true;
}
