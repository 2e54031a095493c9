#include "server/worker/parse.h"

#include "server/worker/fail.h"
#include "server/worker/models.h"
#include "server/worker/worker.h"

struct str query_find(struct str query, struct str name)
{
    struct str param;

    while (str_next(&query, '&', &param)) {
        if (str_starts(param, name) && param.len > name.len && param.p[name.len] == '=')
            return str_skip(param, name.len + 1);
    }
    return STR_NONE;
}

/* `key` is a secret of ours, `provider` a choice: neither is the upstream's business. */
static bool is_ours(struct str param)
{
    return str_starts(param, STR("key=")) || str_starts(param, STR("provider="));
}

struct str query_for_upstream(struct arena *a, struct str query)
{
    struct str rest = query;
    struct str param;
    char *out;
    size_t len = 0;

    if (query.len == 0)
        return STR_NONE;
    out = arena_alloc(a, query.len + 2);
    while (str_next(&rest, '&', &param)) {
        if (param.len == 0 || is_ours(param))
            continue;
        out[len] = len == 0 ? '?' : '&';
        memcpy(out + len + 1, param.p, param.len);
        len += param.len + 1;
    }
    return (struct str){out, len};
}

static bool starts_escaped(struct str s, const char *lower, const char *upper)
{
    return str_starts(s, str_of(lower)) || str_starts(s, str_of(upper));
}

/* What may end a segment: some servers decode first, and some take ';' for its end. */
static size_t separator_len(struct str s)
{
    if (s.p[0] == '/' || s.p[0] == ';')
        return 1;
    return starts_escaped(s, "%2f", "%2F") || starts_escaped(s, "%5c", "%5C") ? 3 : 0;
}

static size_t dot_len(struct str s)
{
    return s.p[0] == '.' ? 1 : starts_escaped(s, "%2e", "%2E") ? 3 : 0;
}

/* "." or "..", however they are written. */
static bool has_dot_segment(struct str path)
{
    size_t dots = 0;
    bool is_name = false;

    while (path.len > 0) {
        size_t end = separator_len(path);
        size_t dot = dot_len(path);

        if (end > 0 && dots > 0 && dots <= 2 && !is_name)
            return true;
        is_name = end == 0 && (is_name || dot == 0);
        dots = end > 0 ? 0 : dots + (dot > 0);
        path = str_skip(path, end > 0 ? end : dot > 0 ? dot : 1);
    }
    return dots > 0 && dots <= 2 && !is_name;
}

/*
 * The path goes upstream with the provider's key, so it must not lead anywhere but below its
 * endpoint, and hold no bytes that a URL cannot.
 */
static bool path_is_safe(struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#' || c == '?')
            return false;
    }
    return !has_dot_segment(path);
}

static enum step_result bad_path(struct request *r)
{
    static const char *const paths[] = {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/moderations",
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/images/variations",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/files",
        "/v1/models",
    };
    struct str path = r->ex->path;
    const char *near;

    if (path.len > 200)
        path.len = 200;
    near = str_nearest(path, paths, ARRAY_LEN(paths));
    if (near == NULL)
        return request_fail(r, &FAIL_BAD_PATH, STR_NONE, STR_NONE);
    return request_fail(r, &FAIL_BAD_PATH, arena_printf(r->arena, "did you mean %s?", near),
                        STR_NONE);
}

/* The methods an endpoint takes, as the Allow header writes them. */
static struct str methods_of(enum openai_endpoint e, struct str tail)
{
    bool has_id = tail.len > 1 && str_index(str_skip(tail, 1), '/') >= 0;

    switch (e) {
    case OPENAI_MODELS:
        return STR("GET, HEAD");
    case OPENAI_FILES:
        return has_id ? STR("GET, DELETE") : STR("GET, POST");
    case OPENAI_RESPONSES:
        return has_id ? STR("GET, POST, DELETE") : STR("POST");
    default:
        return STR("POST");
    }
}

static bool method_is_allowed(struct str allow, struct str method)
{
    struct str one;

    while (str_next(&allow, ',', &one)) {
        if (str_eq(str_trim(one), method))
            return true;
    }
    return false;
}

enum step_result parse_url(struct request *r)
{
    struct str allow;

    r->endpoint = openai_endpoint(r->ex->path, &r->tail);
    if (r->endpoint == OPENAI_NONE || !path_is_safe(r->ex->path))
        return bad_path(r);
    allow = methods_of(r->endpoint, r->tail);
    if (method_is_allowed(allow, r->ex->method))
        return STEP_NEXT;
    /* fail.c makes the Allow header of the detail */
    return request_fail(r, &FAIL_BAD_METHOD, allow, STR_NONE);
}

static bool is_multipart(struct str content_type)
{
    static const struct str type = {"multipart/form-data", 19};

    return content_type.len >= type.len &&
           str_eq_nocase((struct str){content_type.p, type.len}, type);
}

static enum step_result not_json(struct request *r, const struct json_error *err)
{
    struct str body = r->ex->body;
    size_t line = 1;

    if (body.len == 0)
        return request_fail(r, &FAIL_NOT_JSON, STR("the body is empty"), STR_NONE);
    if (err->offset >= body.len)
        return request_fail(r, &FAIL_NOT_JSON,
                            arena_printf(r->arena, "%s (body of %zu bytes)", err->text, body.len),
                            STR_NONE);
    for (size_t i = 0; i < err->offset; i++)
        line += body.p[i] == '\n';
    return request_fail(
        r, &FAIL_NOT_JSON,
        arena_printf(r->arena, "%s at byte %zu, line %zu", err->text, err->offset, line), STR_NONE);
}

static bool model_is_sound(struct str model)
{
    for (size_t i = 0; i < model.len; i++) {
        if ((unsigned char)model.p[i] < 0x20 || model.p[i] == 0x7f)
            return false;
    }
    return model.len > 0 && model.len <= MODEL_MAX;
}

/* Without a model these go to the provider that header, query or configuration names. */
static bool needs_model(const struct request *r)
{
    switch (r->endpoint) {
    case OPENAI_CHAT:
    case OPENAI_COMPLETIONS:
    case OPENAI_EMBEDDINGS:
        return true;
    case OPENAI_RESPONSES:
        return str_eq(r->tail, STR("/responses"));
    default:
        return false;
    }
}

static enum step_result parse_multipart(struct request *r, struct str content_type)
{
    struct str model;
    int found = openai_multipart_model(content_type, r->ex->body, &model);

    if (found < 0)
        return request_fail(r, &FAIL_BAD_MULTIPART, STR_NONE, STR_NONE);
    if (found == 0)
        return STEP_NEXT;
    if (!model_is_sound(model))
        return request_fail(r, &FAIL_BAD_MODEL, STR_NONE, STR("model"));
    r->multipart_model = model;
    r->asked = model;
    return STEP_NEXT;
}

static enum step_result parse_json(struct request *r)
{
    struct json_error err = {.text = "not JSON"};

    if (openai_scan(r->worker->json, r->arena, r->ex->body, &r->openai, &err) != 0)
        return not_json(r, &err);
    if (r->openai.model_raw.p == NULL) {
        if (needs_model(r))
            return request_fail(r, &FAIL_NO_MODEL, STR_NONE, STR("model"));
        return STEP_NEXT;
    }
    if (!r->openai.model_is_string || !model_is_sound(r->openai.model))
        return request_fail(r, &FAIL_BAD_MODEL, STR_NONE, STR("model"));
    r->asked = r->openai.model;
    return STEP_NEXT;
}

enum step_result parse_step(struct request *r)
{
    struct str content_type;

    if (r->endpoint == OPENAI_MODELS)
        return models_answer(r);
    if (!str_eq(r->ex->method, STR("POST")))
        return STEP_NEXT;
    /* uploads have no model, and a call on an object (cancel) needs no body */
    if (r->endpoint == OPENAI_FILES || (r->ex->body.len == 0 && !needs_model(r)))
        return STEP_NEXT;
    content_type = http_find(r->ex, STR("content-type"));
    if (is_multipart(content_type))
        return parse_multipart(r, content_type);
    return parse_json(r);
}
