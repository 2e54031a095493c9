#include "tools/mock/counts.h"

#include <inttypes.h>

#include "providers/base64.h"
#include "tools/mock/check.h"
#include "tools/mock/text.h"

/* Of all texts in it, whatever its dialect calls them. The parser bounds the depth. */
static uint64_t count_in(const struct json *node)
{
    static const char *const TEXTS[] = {"text",         "content", "system", "inputText",
                                        "instructions", "input",   "output", NULL};
    uint64_t n = 0;

    if (node == NULL)
        return 0;
    if (node->type != JSON_OBJECT && node->type != JSON_ARRAY)
        return node->type == JSON_STRING && check_is_one_of(node->key, TEXTS)
                   ? text_count(node->text)
                   : 0;
    for (const struct json *m = node->child; m != NULL; m = m->next)
        n += count_in(m);
    return n;
}

static int check(struct mock_call *call, const struct json *body, struct chat_error *err)
{
    const struct check k = {&call->codec, body, call->model.kind, .is_count = true, .err = err};

    return check_request(&k, call->dialect);
}

static void put_count(struct mock_call *call, const char *name, const struct json *body)
{
    struct chat_error err;

    if (check(call, body, &err) != 0)
        answer_refuse(call, &err);
    else
        buf_printf(call->answer->body, "{%s\"%s\":%" PRIu64 "}",
                   call->dialect == DIALECT_RESPONSES ? "\"object\":\"response.input_tokens\","
                                                      : "",
                   name, count_in(body));
}

/* The contents alone, or a whole request around them. */
static void count_gemini(struct mock_call *call)
{
    const struct json *whole = json_get(call->body, "generateContentRequest");

    put_count(call, "totalTokens", whole != NULL ? whole : call->body);
}

/* A Converse request, or the bytes of an InvokeModel body. */
static void count_bedrock(struct mock_call *call)
{
    const struct json *input = json_get(call->body, "input");
    const struct json *converse = json_get(input, "converse");
    struct str body = json_str(json_get(json_get(input, "invokeModel"), "body"));
    struct json_error err;
    size_t len = 0;
    char *bytes;

    if (converse != NULL && converse->type == JSON_OBJECT) {
        put_count(call, "inputTokens", converse);
        return;
    }
    bytes = arena_alloc(call->arena, base64_room(body));
    if (body.len > 0 && base64_read(body, bytes, &len))
        input = json_parse(call->codec.json, call->arena, (struct str){bytes, len}, &err);
    if (len == 0 || input == NULL || input->type != JSON_OBJECT)
        answer_refuse_text(call, 400, "The input must be a converse or an invokeModel request.");
    else
        buf_printf(call->answer->body, "{\"inputTokens\":%" PRIu64 "}", count_in(input));
}

static void tokenize(struct mock_call *call)
{
    struct str text = json_str(json_get(call->body, "text"));
    struct buf *out = call->answer->body;
    uint64_t n = text_count(text);

    if (text.len == 0 || text.len > 65536) { /* Cohere's own bound */
        answer_refuse_text(call, 400, "invalid request: text must be 1 to 65536 characters");
        return;
    }
    buf_cstr(out, "{\"tokens\":[");
    for (uint64_t i = 0; i < n; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", i);
    buf_cstr(out, "],\"token_strings\":[");
    for (uint64_t i = 0; i < n; i++) {
        struct str token = {text.p, text_token(text)};

        buf_cstr(out, i > 0 ? "," : "");
        buf_json(out, token);
        text = str_skip(text, token.len);
    }
    buf_cstr(out, "],\"meta\":{\"api_version\":{\"version\":\"1\"}}}");
}

void counts_answer(struct mock_call *call)
{
    switch (call->dialect) {
    case DIALECT_GEMINI:
        count_gemini(call);
        break;
    case DIALECT_BEDROCK:
        count_bedrock(call);
        break;
    case DIALECT_COHERE:
        tokenize(call);
        break;
    default:
        put_count(call, "input_tokens", call->body);
        break;
    }
}
