#include "server/worker/parse.h"

#include "providers/dialects/anthropic.h"
#include "server/base/buf.h"
#include "server/worker/brought.h"
#include "server/worker/controls.h"
#include "server/worker/fail.h"
#include "server/worker/models.h"
#include "server/worker/shed.h"
#include "server/worker/translate.h"
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
static bool is_ours(struct str param, bool is_azure)
{
    return (is_azure && str_starts(param, STR("api-version="))) || str_starts(param, STR("key=")) ||
           str_starts(param, STR("provider="));
}

struct str query_for_upstream(struct arena *a, struct str query, bool is_azure)
{
    struct str rest = query;
    struct str param;
    char *out;
    size_t len = 0;

    if (query.len == 0)
        return STR_NONE;
    out = arena_alloc(a, query.len + 2);
    while (str_next(&rest, '&', &param)) {
        if (param.len == 0 || is_ours(param, is_azure))
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
    bool is_near;
    struct str near = path_near(r->arena, r->ex->path, &is_near);

    return request_fail(r, &FAIL_BAD_PATH,
                        arena_printf(r->arena, is_near ? "did you mean %.*s?" : "for instance %.*s",
                                     STR_ARGS(near)),
                        STR_NONE);
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

/* Whose SDK sends this? Asked for the few paths only that two dialects share. */
static enum dialect_id dialect_of_headers(const struct http_exchange *ex)
{
    if (http_find(ex, STR("anthropic-version")).len > 0)
        return DIALECT_ANTHROPIC;
    if (http_find(ex, STR("x-goog-api-key")).len > 0 ||
        http_find(ex, STR("x-goog-api-client")).len > 0)
        return DIALECT_GEMINI;
    return DIALECT_NONE;
}

static bool find_path(struct request *r)
{
    const struct http_exchange *ex = r->ex;
    struct path shared;
    enum dialect_id hint;

    if (!path_parse(r->arena, ex->path, ex->query, DIALECT_NONE, &r->path))
        return false;
    if (r->path.dialect != DIALECT_OPENAI || r->path.vendor != NULL ||
        (r->path.op != OP_MODELS && r->path.op != OP_FILES))
        return true;
    hint = dialect_of_headers(ex);
    if (hint != DIALECT_NONE && path_parse(r->arena, ex->path, ex->query, hint, &shared))
        r->path = shared;
    return true;
}

enum step_result parse_path(struct request *r)
{
    return find_path(r) && path_is_safe(r->ex->path) ? STEP_NEXT : bad_path(r);
}

enum step_result parse_method(struct request *r)
{
    if (method_is_allowed(str_of(r->path.allow), r->ex->method))
        return STEP_NEXT;
    if (r->path.dialect == DIALECT_GEMINI && r->path.op == OP_MODELS &&
        str_index(r->path.tail, ':') >= 0) /* a verb that nobody knows, not a model's name */
        return bad_path(r);
    /* fail.c makes the Allow header of the detail */
    return request_fail(r, &FAIL_BAD_METHOD, str_of(r->path.allow), STR_NONE);
}

static bool is_multipart(struct str content_type)
{
    static const struct str type = {"multipart/form-data", 19};

    return content_type.len >= type.len &&
           str_eq_nocase((struct str){content_type.p, type.len}, type);
}

static bool is_json(struct str content_type)
{
    static const struct str type = {"application/json", 16};

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

/* The path's model comes before the body's: it is what the provider's URL will have. */
static enum step_result parse_path_model(struct request *r)
{
    if (!model_is_sound(r->path.model) ||
        (r->path.before.len > 0 && !path_model_is_safe(r->path.model)))
        return request_fail(r, &FAIL_BAD_MODEL, STR_NONE, STR("model"));
    r->asked = r->path.model;
    return STEP_NEXT;
}

/* From here on it is a request like any other of Anthropic's: any provider can have it. */
static int take_vertex(struct request *r, struct json_error *err)
{
    const struct chat_codec codec = {r->arena, r->worker->scratch, r->worker->json};
    struct buf body = BUF_IN(r->arena);
    int rc = anthropic_unhost(&codec, r->ex->body, r->path.model, r->path.stream, &body, err);

    worker_scratch_reset(r->worker);
    if (rc == 0)
        r->ex->body = buf_view(&body);
    return rc;
}

static enum step_result parse_json(struct request *r)
{
    struct json_error err = {.text = "not JSON"};

    if ((r->path.is_vertex && take_vertex(r, &err) != 0) ||
        openai_scan(r->worker->json, r->arena, r->ex->body, &r->openai, &err) != 0)
        return not_json(r, &err);
    if ((r->path.has_model || r->openai.model_raw.p != NULL) && brought_take(r) != STEP_NEXT)
        return STEP_FAIL;
    if (controls_are_asked(r->ex) && controls_take(r) != STEP_NEXT)
        return STEP_FAIL;
    if (r->path.has_model)
        return STEP_NEXT;
    if (r->openai.model_raw.p == NULL) {
        if (r->path.needs_model)
            return request_fail(r, &FAIL_NO_MODEL, STR_NONE, STR("model"));
        return STEP_NEXT;
    }
    if (!r->openai.model_is_string || !model_is_sound(r->openai.model))
        return request_fail(r, &FAIL_BAD_MODEL, STR_NONE, STR("model"));
    r->asked = r->openai.model;
    return STEP_NEXT;
}

/*
 * Is a form what this path takes? Elsewhere some providers read JSON whatever its type says, and stop
 * behind it: a form's model would be admitted, and another one used.
 */
static bool takes_form(const struct request *r)
{
    static const struct str json_only[] = {
        {"/images/generations", 19}, {"/audio/speech", 13}, {"/moderations", 12}};

    for (size_t i = 0; i < ARRAY_LEN(json_only); i++) {
        if (str_ends(r->path.tail, json_only[i]))
            return false;
    }
    return !r->path.needs_model && (!r->path.has_model || r->path.is_azure);
}

/* A body that nobody looks into: uploads, calls on an object (cancel), what a relay does not know. */
static bool is_opaque(const struct request *r, struct str content_type)
{
    bool must_be_json = r->path.needs_model || r->path.has_model;
    bool is_foreign = r->path.dialect != DIALECT_OPENAI && r->path.dialect != DIALECT_RESPONSES;

    if (r->path.op == OP_FILES || (r->ex->body.len == 0 && !must_be_json))
        return true;
    return r->path.op == OP_RELAY && is_foreign && !is_json(content_type);
}

enum step_result parse_step(struct request *r)
{
    struct str content_type = http_find(r->ex, STR("content-type"));

    if (r->worker->view.image->in_flight_max > 0 && r->explain == NULL && shed_look(r) == STEP_FAIL)
        return STEP_FAIL;
    if (r->path.op == OP_MODELS)
        return models_answer(r);
    translate_meet(r);
    if (r->path.has_model && parse_path_model(r) == STEP_FAIL)
        return STEP_FAIL;
    if (!str_eq(r->ex->method, STR("POST")) || is_opaque(r, content_type))
        return STEP_NEXT;
    if (is_multipart(content_type) && takes_form(r))
        return parse_multipart(r, content_type);
    return parse_json(r);
}
