#include "providers/dialects/openai.h"

#include <string.h>

#include "providers/peek.h"
#include "server/base/buf.h"

/* Token counts of a usage object, whatever the endpoint calls them. */
static bool read_usage(struct str object, struct openai_usage *out)
{
    struct openai_usage usage = {.known = false};
    struct str key;
    size_t at = 0;
    uint64_t n;

    while (peek_key(object, &at, &key)) {
        if (!peek_number(object, at, &n))
            continue;
        if (str_eq(key, STR("prompt_tokens")) || str_eq(key, STR("input_tokens"))) {
            usage.input = n;
            usage.known = true;
        } else if (str_eq(key, STR("completion_tokens")) || str_eq(key, STR("output_tokens"))) {
            usage.output = n;
            usage.known = true;
        } else if (str_eq(key, STR("cached_tokens")) ||
                   str_eq(key, STR("prompt_cache_hit_tokens"))) {
            usage.cached = n;
        } else if (str_eq(key, STR("cache_write_tokens"))) {
            usage.written = n;
        } else if (str_eq(key, STR("reasoning_tokens"))) {
            usage.reasoning = n;
        }
    }
    if (usage.known)
        *out = usage;
    return usage.known;
}

void openai_usage(struct str body, struct openai_usage *out)
{
    struct str object;
    size_t end = body.len;

    while (peek_last(body, "usage", &end, &object)) {
        if (read_usage(object, out))
            return;
    }
}

/* What is gathered while walking an event's keys. */
struct walk {
    struct str data;
    bool is_responses; /* its events repeat the whole text at the end: only deltas count */
    bool is_choices_empty;
    bool is_usage_told;
};

static void on_type(struct walk *w, size_t at, struct openai_event *out)
{
    struct str value = str_skip(w->data, at);

    if (str_starts(value, STR("\"response.")))
        w->is_responses = true;
    if (str_starts(value, STR("\"error\"")) || str_starts(value, STR("\"response.failed\"")))
        out->is_error = true;
    if (str_starts(value, STR("\"response.completed\"")) ||
        str_starts(value, STR("\"response.incomplete\"")))
        out->is_finish = true;
}

/* Most keys of a chunk are none of ours, which their lengths tell already. */
static bool length_matters(size_t len)
{
    const uint32_t lengths = 1u << 4 | 1u << 5 | 1u << 7 | 1u << 9 | 1u << 13 | 1u << 17;

    return len < 32 && (lengths >> len & 1) != 0;
}

static void on_key(struct walk *w, struct str key, size_t at, struct openai_event *out,
                   struct openai_usage *usage)
{
    struct str data = w->data;

    if (at >= data.len || !length_matters(key.len))
        return;
    if (str_eq(key, STR("content")) || str_eq(key, STR("reasoning_content")) ||
        str_eq(key, STR("text")) || str_eq(key, STR("arguments"))) {
        if (!w->is_responses)
            out->content_bytes += peek_text(data, at).len;
    } else if (str_eq(key, STR("delta"))) {
        out->content_bytes += peek_text(data, at).len;
    } else if (str_eq(key, STR("choices"))) {
        size_t in = data.p[at] == '[' ? peek_skip(data, at + 1) : data.len;

        w->is_choices_empty = in < data.len && data.p[in] == ']';
    } else if (str_eq(key, STR("usage"))) {
        if (data.p[at] == '{' && read_usage(peek_object(data, at), usage))
            w->is_usage_told = true;
    } else if (str_eq(key, STR("error"))) {
        if (data.p[at] == '{' || data.p[at] == '"')
            out->is_error = true;
    } else if (str_eq(key, STR("finish_reason"))) {
        if (data.p[at] == '"')
            out->is_finish = true;
    } else if (str_eq(key, STR("type"))) {
        on_type(w, at, out);
    }
}

void openai_event(struct str data, struct openai_event *out, struct openai_usage *usage)
{
    struct walk w = {.data = data};
    struct str key;
    size_t at = 0;

    *out = (struct openai_event){.is_done = str_eq(data, STR("[DONE]"))};
    while (peek_key(data, &at, &key))
        on_key(&w, key, at, out, usage);
    out->is_usage_only = w.is_usage_told && w.is_choices_empty;
}

/* Has a delta a member that says something? An unknown one with a value does. */
static bool delta_says(struct str delta)
{
    struct str key;
    size_t at = 0;

    while (peek_key(delta, &at, &key)) {
        if (!str_eq(key, STR("role")) && !peek_is_nothing(delta, at))
            return true;
    }
    return false;
}

bool openai_is_empty(struct str data)
{
    bool is_chunk = false;
    struct str key;
    size_t at = 0;

    while (peek_key(data, &at, &key)) {
        if (str_eq(key, STR("choices"))) {
            is_chunk = true;
        } else if (str_eq(key, STR("delta"))) {
            struct str delta = peek_object(data, at);

            if (delta.len == 0 || delta_says(delta))
                return false;
            at += delta.len;
        } else if ((str_eq(key, STR("text")) || str_eq(key, STR("finish_reason"))) &&
                   !peek_is_nothing(data, at)) {
            return false;
        }
    }
    return is_chunk;
}

static void put_error(struct buf *b, struct str message, const char *type, const char *code,
                      struct str param)
{
    buf_cstr(b, "{\"error\":{\"message\":");
    buf_json(b, message);
    buf_cstr(b, ",\"type\":");
    buf_json(b, str_of(type));
    buf_cstr(b, ",\"param\":");
    if (param.len > 0)
        buf_json(b, param);
    else
        buf_cstr(b, "null");
    buf_cstr(b, ",\"code\":");
    buf_json(b, str_of(code));
    buf_cstr(b, "}}");
}

static struct str to_arena(struct arena *a, struct buf *b)
{
    struct str out = arena_str(a, buf_view(b));

    buf_fini(b);
    return out;
}

struct str openai_error(struct arena *a, struct str message, const char *type, const char *code,
                        struct str param)
{
    struct buf b = BUF_INIT;

    put_error(&b, message, type, code, param);
    return to_arena(a, &b);
}

struct str openai_error_event(struct arena *a, struct str message, const char *type,
                              const char *code)
{
    struct buf b = BUF_INIT;

    buf_cstr(&b, "data: ");
    put_error(&b, message, type, code, STR_NONE);
    buf_cstr(&b, "\n\n");
    return to_arena(a, &b);
}
