#include "providers/dialects/openai.h"

#include <string.h>

#include "server/base/buf.h"

#define USAGE_OBJECT_MAX 8192 /* real ones are some hundred bytes */

/*
 * The readers here look for keys without parsing: a quote inside a JSON string is always escaped,
 * so `"usage"` with both its quotes is a key (or a whole string value, told apart by the colon)
 * wherever it stands. That costs a tenth of a parse, which counts at a chunk per token.
 */

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.len && (s.p[at] == ' ' || s.p[at] == '\n' || s.p[at] == '\r' || s.p[at] == '\t'))
        at++;
    return at;
}

/* Index of the next quote from `at` on; s.len when there is none. */
static size_t find_quote(struct str s, size_t at)
{
    const char *q = at < s.len ? memchr(s.p + at, '"', s.len - at) : NULL;

    return q != NULL ? (size_t)(q - s.p) : s.len;
}

/* Index of the quote that closes the string whose text begins at `at`; s.len when there is none. */
static size_t string_end(struct str s, size_t at)
{
    size_t from = at;

    while (at < s.len) {
        size_t i = find_quote(s, at);
        size_t slashes = 0;

        if (i == s.len)
            return i;
        while (i - slashes > from && s.p[i - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return i;
        at = i + 1;
    }
    return s.len;
}

/*
 * The next key from *at on: true with its text, and *at at its value's first byte. Strings that are
 * values are stepped over.
 */
static bool next_key(struct str s, size_t *at, struct str *key)
{
    size_t pos = *at;

    while (pos < s.len) {
        size_t start = find_quote(s, pos) + 1;
        size_t end;

        if (start > s.len)
            return false;
        end = string_end(s, start);
        if (end >= s.len)
            return false;
        pos = skip_blanks(s, end + 1);
        if (pos < s.len && s.p[pos] == ':') {
            *key = (struct str){s.p + start, end - start};
            *at = skip_blanks(s, pos + 1);
            return true;
        }
    }
    return false;
}

/* The object that begins at `at`, up to its closing brace; empty when it is none or too long. */
static struct str object_at(struct str s, size_t at)
{
    size_t limit = s.len - at > USAGE_OBJECT_MAX ? at + USAGE_OBJECT_MAX : s.len;
    unsigned depth = 0;

    if (at >= s.len || s.p[at] != '{')
        return STR_NONE;
    for (size_t i = at; i < limit; i++) {
        char c = s.p[i];

        if (c == '"') {
            i = string_end((struct str){s.p, limit}, i + 1);
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return (struct str){s.p + at, i + 1 - at};
        }
    }
    return STR_NONE;
}

static bool number_at(struct str s, size_t at, uint64_t *out)
{
    size_t end = at;

    while (end < s.len && s.p[end] >= '0' && s.p[end] <= '9')
        end++;
    return end > at && str_parse_u64((struct str){s.p + at, end - at}, out);
}

/* Token counts of a usage object, whatever the endpoint calls them. */
static bool read_usage(struct str object, struct openai_usage *out)
{
    struct openai_usage usage = {.known = false};
    struct str key;
    size_t at = 0;
    uint64_t n;

    while (next_key(object, &at, &key)) {
        if (!number_at(object, at, &n))
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
    static const char needle[] = "\"usage\"";
    size_t n = sizeof(needle) - 1;
    size_t end = body.len;

    /* From the end: usage comes behind what the model wrote. */
    while (end >= n) {
        const char *q = memrchr(body.p, '"', end - n + 1);
        size_t at;

        if (q == NULL)
            return;
        at = (size_t)(q - body.p);
        if (memcmp(q, needle, n) == 0) {
            size_t v = skip_blanks(body, at + n);

            if (v < body.len && body.p[v] == ':' &&
                read_usage(object_at(body, skip_blanks(body, v + 1)), out))
                return;
        }
        end = at + n - 1;
    }
}

/* What is gathered while walking an event's keys. */
struct walk {
    struct str data;
    bool is_responses; /* its events repeat the whole text at the end: only deltas count */
    bool is_choices_empty;
    bool is_usage_told;
};

static uint64_t string_bytes(struct str s, size_t at)
{
    if (at >= s.len || s.p[at] != '"')
        return 0;
    return string_end(s, at + 1) - at - 1;
}

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
            out->content_bytes += string_bytes(data, at);
    } else if (str_eq(key, STR("delta"))) {
        out->content_bytes += string_bytes(data, at);
    } else if (str_eq(key, STR("choices"))) {
        size_t in = data.p[at] == '[' ? skip_blanks(data, at + 1) : data.len;

        w->is_choices_empty = in < data.len && data.p[in] == ']';
    } else if (str_eq(key, STR("usage"))) {
        if (data.p[at] == '{' && read_usage(object_at(data, at), usage))
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
    while (next_key(data, &at, &key))
        on_key(&w, key, at, out, usage);
    out->is_usage_only = w.is_usage_told && w.is_choices_empty;
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
