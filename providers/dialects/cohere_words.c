/*
 * cohere_words - stop reasons, usage and log probabilities, both ways: cohere.h.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"
#include "providers/write.h"

#define CHUNK_TOKENS_MAX 64 /* tokens in one of Cohere's items: a chunk of text is a few */

/* The first line of a stop is how it is told. Those with ERROR_ in front are v1's. */
static const struct {
    const char *name;
    enum chat_stop stop;
} stops[] = {
    {"COMPLETE", STOP_END},        {"STOP_SEQUENCE", STOP_SEQUENCE},
    {"MAX_TOKENS", STOP_LENGTH},   {"TOOL_CALL", STOP_TOOL},
    {"ERROR", STOP_ERROR},         {"TIMEOUT", STOP_ERROR},
    {"ERROR_LIMIT", STOP_CONTEXT}, {"ERROR_TOXIC", STOP_FILTER},
};

enum chat_stop cohere_stop_of(struct str reason)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (text_is(reason, stops[i].name))
            return stops[i].stop;
    }
    return STOP_END;
}

const char *cohere_stop_name(enum chat_stop stop)
{
    if (stop == STOP_CONTEXT)
        return "MAX_TOKENS";
    if (stop == STOP_FILTER)
        return "ERROR";
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (stops[i].stop == stop)
            return stops[i].name;
    }
    return "COMPLETE"; /* a refusal, a pause */
}

/* --- usage --- */

static bool count(const struct json *object, const char *key, uint64_t *out)
{
    double n;

    if (json_u64(json_get(object, key), out))
        return true;
    if (!json_double(json_get(object, key), &n) || !(n >= 0 && n < 1e15))
        return false;
    *out = (uint64_t)n; /* the reference says "number" */
    return true;
}

/* What is billed is what was sent: `tokens` counts Cohere's own template, too. */
void cohere_usage_in(const struct json *usage, struct chat_usage *out)
{
    const struct json *billed = json_get(usage, "billed_units");
    const struct json *tokens = json_get(usage, "tokens");
    struct chat_usage u = {.known = true};
    bool has_input, has_output;

    has_input = count(billed, "input_tokens", &u.input) || count(tokens, "input_tokens", &u.input);
    has_output =
        count(billed, "output_tokens", &u.output) || count(tokens, "output_tokens", &u.output);
    if (!has_input && !has_output)
        return;
    (void)count(usage, "cached_tokens", &u.cached); /* none */
    (void)count(billed, "search_units", &u.searches);
    u.cached = min_u64(u.cached, u.input);
    *out = u;
}

static void write_units(struct buf *b, const char *key, const struct chat_usage *u, bool billed)
{
    write_key(b, key);
    write_open(b, '{');
    write_member_u64(b, "input_tokens", u->input);
    write_member_u64(b, "output_tokens", u->output);
    if (billed && u->searches > 0)
        write_member_u64(b, "search_units", u->searches);
    write_close(b, '}');
}

void cohere_usage_out(struct buf *b, const struct chat_usage *u)
{
    write_open(b, '{');
    write_units(b, "billed_units", u, true);
    write_units(b, "tokens", u, false);
    if (u->cached > 0)
        write_member_u64(b, "cached_tokens", u->cached);
    write_close(b, '}');
}

/* --- log probabilities --- */

/* A chunk's probability is the product of its tokens'. */
static bool sum_of(const struct json *item, struct str *raw, double *sum)
{
    const struct json *list = json_get(item, "logprobs");

    *sum = 0;
    if (list == NULL || list->type != JSON_ARRAY || list->n == 0 || list->n > CHUNK_TOKENS_MAX)
        return false;
    *raw = list->n == 1 ? list->child->raw : STR_NONE;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        double n;

        if (!json_double(x, &n))
            return false;
        *sum += n;
    }
    return true;
}

struct str cohere_logprobs_in(struct arena *a, const struct json *items)
{
    struct buf b = BUF_IN(a);
    const struct json *x = items;

    if (items != NULL && items->type == JSON_ARRAY)
        x = items->child; /* a whole answer has a list of them, a stream's event has one */
    for (; x != NULL; x = items->type == JSON_ARRAY ? x->next : NULL) {
        struct str raw;
        double sum;

        if (x->type != JSON_OBJECT || !sum_of(x, &raw, &sum))
            continue;
        buf_cstr(&b, b.len == 0 ? "[{" : ",{");
        write_member_text(&b, "token", text_member(x, "text"));
        write_key(&b, "logprob");
        if (raw.len > 0)
            buf_str(&b, raw);
        else
            buf_printf(&b, "%.9g", sum);
        buf_cstr(&b, ",\"bytes\":null,\"top_logprobs\":[]}");
    }
    if (b.len == 0)
        return STR_NONE;
    buf_char(&b, ']');
    return buf_view(&b);
}

void cohere_write_logprob(struct buf *b, const struct json *item)
{
    const struct json *logprob = json_get(item, "logprob");
    bool is_number = logprob != NULL && logprob->type == JSON_NUMBER;

    write_open(b, '{');
    write_member_text(b, "text", text_member(item, "token"));
    write_member_raw(b, "token_ids", STR("[]")); /* only Cohere's own models have them */
    write_key(b, "logprobs");
    write_open(b, '[');
    if (is_number)
        write_raw(b, logprob->raw);
    write_close(b, ']');
    write_close(b, '}');
}

void cohere_logprobs_out(const struct chat_codec *c, struct buf *b, struct str raw)
{
    struct json_error ignored;
    const struct json *list = json_parse_raw(c->json, c->scratch, raw, &ignored);

    write_open(b, '[');
    if (list != NULL && list->type == JSON_ARRAY) {
        for (const struct json *x = list->child; x != NULL; x = x->next)
            cohere_write_logprob(b, x);
    }
    write_close(b, ']');
}
