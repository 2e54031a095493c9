/*
 * Whole chat-completions answers, usage and error bodies into events and neutral words.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"

#define ERROR_TEXT_MAX 500 /* of a body that is no JSON */

/* --- usage --- */

static uint64_t count(const struct json *object, const char *key)
{
    uint64_t n;

    return json_u64(json_get(object, key), &n) ? n : 0;
}

bool openai_emit_usage(const struct json *root, const struct chat_sink *sink)
{
    const struct json *u = json_get(root, "usage");
    const struct json *in, *out;
    struct chat_usage usage = {.known = true};

    if (openai_is_null(u))
        u = json_get(json_get(root, "x_groq"), "usage");
    if (u == NULL || u->type != JSON_OBJECT || json_get(u, "prompt_tokens") == NULL)
        return false;
    in = json_get(u, "prompt_tokens_details");
    out = json_get(u, "completion_tokens_details");
    usage.input = count(u, "prompt_tokens");
    usage.output = count(u, "completion_tokens");
    usage.cached = max_u64(count(in, "cached_tokens"),
                           max_u64(count(u, "prompt_cache_hit_tokens"), count(u, "cached_tokens")));
    usage.written_5m = count(in, "cache_write_tokens");
    usage.audio_in = count(in, "audio_tokens");
    usage.audio_out = count(out, "audio_tokens");
    usage.reasoning = count(out, "reasoning_tokens");
    usage.searches = max_u64(count(u, "num_search_queries"), count(u, "num_sources_used"));
    /* xAI counts thinking apart from what it writes */
    if (usage.reasoning > 0 &&
        count(u, "total_tokens") == usage.input + usage.output + usage.reasoning)
        usage.output += usage.reasoning;
    usage.cached = min_u64(usage.cached, usage.input);
    usage.written_5m = min_u64(usage.written_5m, usage.input - usage.cached);
    usage.reasoning = min_u64(usage.reasoning, usage.output);
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &usage});
    return true;
}

/* --- errors --- */

/* A string, or a number as some have it in `code`. */
static struct str word(const struct json *v)
{
    return v != NULL && v->type == JSON_NUMBER ? v->raw : text_inside(v);
}

/* FastAPI's {"detail":[{"loc":[...],"msg":"..."}]} */
static struct str detail_text(const struct json *detail)
{
    if (detail != NULL && detail->type == JSON_ARRAY && detail->child != NULL)
        return text_member(detail->child, "msg");
    return text_inside(detail);
}

static int status_of(int status, struct str code)
{
    uint64_t n;

    if (status >= 400)
        return status;
    return str_parse_u64(code, &n) && n >= 400 && n < 600 ? (int)n : 500;
}

/* An error object of any vendor's shape; false when there is none in it. */
static bool read_error(const struct chat_codec *c, int status, const struct json *root,
                       struct chat_error *out)
{
    const struct json *e = json_get(root, "error");
    struct str text;

    (void)c;
    if (openai_is_null(e) && text_is(text_member(root, "object"), "error"))
        e = root; /* vLLM */
    if (openai_is_null(e) && status >= 400)
        e = root; /* whatever it is */
    if (openai_is_null(e) || (e->type != JSON_OBJECT && e->type != JSON_STRING))
        return false;
    text = e->type == JSON_STRING ? text_inside(e) : text_member(e, "message");
    if (text.len == 0)
        text = detail_text(json_get(e, "detail"));
    if (text.len == 0)
        text = STR("the provider told an error without a text");
    *out = (struct chat_error){.message = text,
                               .type = text_member(e, "type"),
                               .code = word(json_get(e, "code")),
                               .param = text_member(e, "param")};
    out->status = status_of(status, out->code);
    out->kind = chat_error_kind_of(out->status);
    return true;
}

void openai_emit_error(struct openai_decoder *d, int status, const struct json *root,
                       const struct chat_sink *sink)
{
    struct chat_error error;

    if (d->has_ended || !read_error(&d->c, status, root, &error))
        return;
    d->has_ended = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = &error});
}

/* The beginning of a body that is no JSON, without what is no text; HTML tells nothing. */
static struct str readable(const struct chat_codec *c, int status, struct str body)
{
    struct str text = str_trim((struct str){body.p, min_u64(body.len, ERROR_TEXT_MAX)});

    if (text.len == 0 || text.p[0] == '<')
        return arena_printf(c->arena, "the provider answered with status %d", status);
    return text_escape(c->arena, text);
}

void openai_decode_error(const struct chat_codec *c, int status, struct str body,
                         struct chat_error *out)
{
    struct json_error why;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &why);

    if (root != NULL && root->type == JSON_ARRAY) /* Google's endpoint */
        root = root->child;
    if (root != NULL && root->type == JSON_OBJECT && read_error(c, status, root, out))
        return;
    *out = (struct chat_error){
        .kind = chat_error_kind_of(status), .status = status, .message = readable(c, status, body)};
}

/* --- answers --- */

static void emit_thoughts(struct openai_decoder *d, struct openai_choice *ch,
                          const struct json *message, const struct chat_sink *sink)
{
    struct openai_thought *thoughts;
    size_t n = openai_thoughts(d->c.scratch, message, &thoughts);

    for (size_t i = 0; i < n; i++) {
        blocks_open(&ch->blocks, sink, thoughts[i].kind, ch->n_thoughts++, STR_NONE, STR_NONE);
        blocks_delta(&ch->blocks, sink, thoughts[i].text);
        blocks_signature(&ch->blocks, sink, thoughts[i].signature, thoughts[i].signer);
    }
}

static bool is_answer(const struct json *choices)
{
    if (choices == NULL || choices->type != JSON_ARRAY || choices->n == 0)
        return false;
    for (const struct json *x = choices->child; x != NULL; x = x->next) {
        const struct json *message = json_get(x, "message");
        const struct json *calls = json_get(message, "tool_calls");
        uint64_t index = 0;

        (void)json_u64(json_get(x, "index"), &index);
        if (message == NULL || message->type != JSON_OBJECT || index >= CHOICES_MAX)
            return false;
        if (!openai_is_null(calls) && (calls->type != JSON_ARRAY || calls->n > OPENAI_CALLS_MAX))
            return false;
        for (const struct json *y = openai_is_null(calls) ? NULL : calls->child; y != NULL;
             y = y->next) {
            if (text_member(json_get(y, "function"), "name").len == 0)
                return false;
        }
    }
    return true;
}

int openai_decode_answer(void *decoder, struct str body, const struct chat_sink *sink)
{
    struct openai_decoder *d = decoder;
    struct json_error why;
    const struct json *root = json_parse_raw(d->c.json, d->c.scratch, body, &why);
    const struct json *choices = json_get(root, "choices");

    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    if (!is_answer(choices)) {
        openai_emit_error(d, 0, root, sink);
        return d->has_ended ? 0 : -1;
    }
    openai_emit_start(d, root, sink);
    for (const struct json *x = choices->child; x != NULL; x = x->next) {
        struct openai_choice *ch = openai_choice(d, x);

        if (ch->has_stopped) /* an index twice */
            continue;
        emit_thoughts(d, ch, json_get(x, "message"), sink);
        if (openai_take_rest(d, root, x, sink) != 0) {
            openai_broke_off(d, sink);
            return 0;
        }
    }
    (void)openai_emit_usage(root, sink);
    openai_decode_end(d, sink);
    return 0;
}
