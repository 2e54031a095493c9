#include "providers/dialects/openai.h"

#include "providers/spans.h"
#include "server/base/buf.h"

struct scan {
    struct openai_request *req;
    struct arena *arena;
    const char *wrong; /* static text, or NULL */
    const char *where;
    enum json_type stream_options_type;
};

static bool raw_is_true(struct str raw)
{
    return str_eq(raw, STR("true"));
}

static bool take_model(struct scan *s, const struct json_member *m)
{
    struct openai_request *req = s->req;
    struct str model = STR_NONE;

    if (m->type == JSON_STRING)
        model = json_unescape(s->arena, m->raw);
    /* Two readers may disagree on which of two keys counts: a key admitted for one model must not
     * be served by another. */
    if (req->model_raw.p != NULL &&
        (!req->model_is_string || m->type != JSON_STRING || !str_eq(model, req->model))) {
        s->wrong = "the key \"model\" is there twice, with different values";
        s->where = m->raw.p;
        return false;
    }
    req->model_raw = m->raw;
    req->model_is_string = m->type == JSON_STRING;
    req->model = model;
    return true;
}

static void take_most(uint64_t *most, struct str raw)
{
    uint64_t n;

    if (spans_number(raw, &n))
        *most = max_u64(*most, n);
}

static bool is_one_of(struct str key, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(key, names[i]))
            return true;
    }
    return false;
}

/* What bears on the cost, as one of the six wires calls it. */
static void take_cost(struct scan *s, struct str key, const struct json_member *m)
{
    static const struct str most[] = {{"max_tokens", 10},
                                      {"max_completion_tokens", 21},
                                      {"max_output_tokens", 17},
                                      {"max_tokens_to_sample", 20}};
    static const struct str choices[] = {{"n", 1}, {"best_of", 7}};
    static const struct str settings[] = {
        {"generationConfig", 16}, {"inferenceConfig", 15}, {"textGenerationConfig", 20}};
    static const struct str tools[] = {{"tools", 5}, {"functions", 9}, {"toolConfig", 10}};
    static const struct str references[] = {{"previous_response_id", 20},
                                            {"conversation", 12},
                                            {"prompt_id", 9},
                                            {"cachedContent", 13},
                                            {"cached_content", 14}};

    if (m->type == JSON_NUMBER && is_one_of(key, most, ARRAY_LEN(most))) {
        take_most(&s->req->max_tokens, m->raw);
    } else if (m->type == JSON_NUMBER && is_one_of(key, choices, ARRAY_LEN(choices))) {
        take_most(&s->req->choices, m->raw);
    } else if (m->type == JSON_OBJECT && is_one_of(key, settings, ARRAY_LEN(settings))) {
        take_most(&s->req->max_tokens, spans_member(m->raw, "maxOutputTokens"));
        take_most(&s->req->max_tokens, spans_member(m->raw, "maxTokens"));
        take_most(&s->req->max_tokens, spans_member(m->raw, "maxTokenCount"));
        take_most(&s->req->choices, spans_member(m->raw, "candidateCount"));
    } else if (m->type == JSON_STRING && str_eq(key, STR("service_tier"))) {
        s->req->service_tier = spans_text(m->raw);
    } else if (is_one_of(key, tools, ARRAY_LEN(tools))) {
        s->req->has_tools = true;
    } else if (m->type != JSON_NULL && is_one_of(key, references, ARRAY_LEN(references))) {
        s->req->has_reference = true;
    }
}

/* "mod\u0065l" is "model" too. */
static struct str key_of(const struct scan *s, const struct json_member *m)
{
    if (m->key.len == 0 || memchr(m->key.p, '\\', m->key.len) == NULL)
        return m->key;
    return json_unescape(s->arena, (struct str){m->key.p - 1, m->key.len + 2});
}

static bool on_member(void *ctx, const struct json_member *m)
{
    struct scan *s = ctx;
    struct str key = key_of(s, m);

    if (str_eq(key, STR("model")))
        return take_model(s, m);
    if (str_eq(key, STR("stream")))
        s->req->stream = raw_is_true(m->raw);
    else if (str_eq(key, STR("stream_options"))) {
        s->req->stream_options_raw = m->raw;
        s->stream_options_type = m->type;
    } else if (str_eq(key, STR("fallbacks"))) {
        s->req->fallbacks_raw = m->raw;
    } else {
        take_cost(s, key, m);
    }
    return true;
}

static bool on_stream_option(void *ctx, const struct json_member *m)
{
    struct scan *s = ctx;

    if (str_eq(key_of(s, m), STR("include_usage"))) {
        s->req->include_usage_raw = m->raw;
        s->req->include_usage = raw_is_true(m->raw);
    }
    return true;
}

int openai_scan(struct json_parser *p, struct arena *a, struct str body, struct openai_request *out,
                struct json_error *err)
{
    struct openai_request req = {.body = body};
    struct scan s = {.req = &req, .arena = a};

    if (json_scan(p, body, on_member, &s, err) != 0)
        return -1;
    if (s.wrong != NULL) {
        *err = (struct json_error){s.wrong, (size_t)(s.where - body.p)};
        return -1;
    }
    req.has_stream_options = s.stream_options_type == JSON_OBJECT && req.stream_options_raw.len > 0;
    if (req.has_stream_options &&
        json_scan(p, req.stream_options_raw, on_stream_option, &s, err) != 0) {
        err->offset += (size_t)(req.stream_options_raw.p - body.p);
        return -1;
    }
    *out = req;
    return 0;
}

/* Replace `at` (a span of the body, maybe of no length) by `text`. */
struct edit {
    struct str at;
    struct str text;
};

static void parts_add(struct openai_parts *out, struct str s)
{
    if (s.len == 0)
        return;
    must(out->n < OPENAI_PARTS_MAX);
    out->parts[out->n++] = s;
    out->bytes += s.len;
}

static void cut(struct str body, const struct edit *edits, size_t n, struct openai_parts *out)
{
    size_t from = 0;

    *out = (struct openai_parts){.n = 0};
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(edits[i].at.p - body.p);

        parts_add(out, (struct str){body.p + from, at - from});
        parts_add(out, edits[i].text);
        from = at + edits[i].at.len;
    }
    parts_add(out, str_skip(body, from));
}

/* Almost every model's name needs no escapes: then no buffer is needed either. */
static struct str json_string(struct arena *a, struct str s)
{
    struct buf b = BUF_INIT;
    struct str out;
    bool plain = true;

    for (size_t i = 0; i < s.len && plain; i++) {
        unsigned char c = (unsigned char)s.p[i];

        plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    }
    if (plain)
        return arena_concat(a, (struct str[]){STR("\""), s, STR("\"")}, 3);
    buf_json(&b, s);
    out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where and what to write so that the upstream tells usage at the stream's end. */
static struct edit usage_edit(const struct openai_request *req)
{
    struct str options = req->stream_options_raw;
    size_t end = req->body.len;

    if (req->has_stream_options && req->include_usage_raw.p != NULL)
        return (struct edit){req->include_usage_raw, STR("true")};
    if (req->has_stream_options) {
        bool is_empty = true;

        for (size_t i = 1; i + 1 < options.len && is_empty; i++)
            is_empty = is_blank(options.p[i]);
        return (struct edit){{options.p + 1, 0},
                             is_empty ? STR("\"include_usage\":true")
                                      : STR("\"include_usage\":true,")};
    }
    if (options.p != NULL) /* null */
        return (struct edit){options, STR("{\"include_usage\":true}")};
    while (end > 0 && req->body.p[end - 1] != '}')
        end--;
    must(end > 0); /* the scan saw an object with a model in it */
    return (struct edit){{req->body.p + end - 1, 0},
                         STR(",\"stream_options\":{\"include_usage\":true}")};
}

void openai_splice(const struct openai_request *req, struct arena *a, struct str model,
                   bool add_usage, struct openai_parts *out)
{
    struct edit edits[2];
    size_t n = 0;

    if (req->model_raw.p != NULL && !str_eq(model, req->model))
        edits[n++] = (struct edit){req->model_raw, json_string(a, model)};
    if (add_usage)
        edits[n++] = usage_edit(req);
    if (n == 2 && edits[1].at.p < edits[0].at.p) {
        struct edit first = edits[1];

        edits[1] = edits[0];
        edits[0] = first;
    }
    cut(req->body, edits, n, out);
}

void openai_multipart_splice(struct str body, struct str value, struct str model,
                             struct openai_parts *out)
{
    struct edit edit = {value, model};

    cut(body, &edit, 1, out);
}
