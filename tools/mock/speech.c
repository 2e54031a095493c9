#include "tools/mock/speech.h"

#include "tools/mock/schema.h"
#include "tools/mock/text.h"

/* A long prompt counts as cached up to its last whole block, as OpenAI's does from its second use. */
#define CACHE_LEAST 1024
#define CACHE_BLOCK 128

static uint64_t reasoning_tokens(struct str effort)
{
    static const struct {
        const char *effort;
        uint64_t tokens;
    } EFFORTS[] = {{"minimal", 8}, {"low", 16}, {"medium", 32}, {"high", 64}, {"xhigh", 128}};

    for (size_t i = 0; i < ARRAY_LEN(EFFORTS); i++) {
        if (str_eq(effort, str_of(EFFORTS[i].effort)))
            return EFFORTS[i].tokens;
    }
    return 0;
}

static struct str cut_at(struct str text, struct str stop)
{
    const char *found;

    if (stop.len == 0 || text.len == 0)
        return text;
    found = memmem(text.p, text.len, stop.p, stop.len);
    return found != NULL ? (struct str){text.p, (size_t)(found - text.p)} : text;
}

static struct str cut_at_stops(struct str text, const struct json *stop)
{
    if (stop == NULL || stop->type == JSON_NULL)
        return text;
    if (stop->type != JSON_ARRAY)
        return cut_at(text, json_str(stop));
    for (const struct json *one = stop->child; one != NULL; one = one->next)
        text = cut_at(text, json_str(one));
    return text;
}

static struct str example(struct arena *a, const struct json *schema, struct str text)
{
    struct buf out = BUF_INIT;
    struct str copy;

    schema_example(schema, text, &out);
    copy = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return copy;
}

static struct str any_object(struct arena *a, struct str text)
{
    struct buf out = BUF_INIT;
    struct str copy;

    buf_cstr(&out, "{\"answer\":");
    buf_json(&out, text);
    buf_char(&out, '}');
    copy = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return copy;
}

static struct str say(struct arena *a, const struct speech_input *in, struct speech *out)
{
    if (in->model.kind == MODEL_LOREM)
        return text_lorem(in->model.number);
    if (in->model.kind == MODEL_TOOL && in->tool.len > 0 && !in->tool_answered) {
        out->tool = in->tool;
        return example(a, in->tool_schema, in->last_user);
    }
    if (in->schema != NULL)
        return example(a, in->schema, in->last_user);
    if (in->model.kind == MODEL_JSON || in->wants_json)
        return any_object(a, in->last_user);
    return in->last_user;
}

void speech_make(struct arena *a, const struct speech_input *in, struct speech *out)
{
    struct str text;

    *out = (struct speech){.prompt_tokens = in->prompt_tokens};
    text = say(a, in, out);
    if (out->tool.len == 0)
        text = cut_at_stops(text, in->stop);
    out->reasoning_tokens = reasoning_tokens(in->effort);
    if (out->reasoning_tokens > in->max_tokens)
        out->reasoning_tokens = in->max_tokens;
    out->text = text_head(text, in->max_tokens - out->reasoning_tokens);
    out->too_long = out->text.len < text.len;
    out->output_tokens = text_count(out->text) + out->reasoning_tokens;
    if (in->prompt_tokens >= CACHE_LEAST)
        out->cached_tokens = in->prompt_tokens / CACHE_BLOCK * CACHE_BLOCK;
}
