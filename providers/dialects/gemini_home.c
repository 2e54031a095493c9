/*
 * Errors of the Gemini dialect, what is seen in passing at home, and its table: gemini.h.
 */
#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/peek.h"
#include "providers/write.h"

#define DETAILS_MAX 16 /* entries of error.details that are looked at */

/* --- errors --- */

/* google.rpc.Code by kind; the first of a kind is the one that is written. */
static const struct {
    const char *name;
    enum chat_error_kind kind;
} codes[] = {
    {"INVALID_ARGUMENT", ERROR_INVALID},
    {"UNAUTHENTICATED", ERROR_AUTH},
    {"FAILED_PRECONDITION", ERROR_BILLING}, /* "enable billing on your project" */
    {"PERMISSION_DENIED", ERROR_PERMISSION},
    {"NOT_FOUND", ERROR_NOT_FOUND},
    {"UNIMPLEMENTED", ERROR_METHOD},
    {"ABORTED", ERROR_CONFLICT},
    {"ALREADY_EXISTS", ERROR_CONFLICT},
    {"OUT_OF_RANGE", ERROR_TOO_LARGE},
    {"RESOURCE_EXHAUSTED", ERROR_RATE},
    {"INTERNAL", ERROR_SERVER},
    {"UNKNOWN", ERROR_SERVER},
    {"DATA_LOSS", ERROR_SERVER},
    {"UNAVAILABLE", ERROR_OVERLOADED},
    {"UNAVAILABLE", ERROR_UPSTREAM},
    {"DEADLINE_EXCEEDED", ERROR_TIMEOUT},
    {"CANCELLED", ERROR_TIMEOUT},
};

static const char *code_of(enum chat_error_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].kind == kind)
            return codes[i].name;
    }
    return "INTERNAL";
}

static bool kind_of(struct str name, enum chat_error_kind *out)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (text_is(name, codes[i].name)) {
            *out = codes[i].kind;
            return true;
        }
    }
    return false;
}

/* What google.rpc.ErrorInfo and BadRequest tell more. */
static void read_details(const struct json *details, struct chat_error *out)
{
    size_t left = DETAILS_MAX;

    if (details == NULL || details->type != JSON_ARRAY)
        return;
    for (const struct json *x = details->child; x != NULL && left > 0; x = x->next, left--) {
        const struct json *violations = json_get(x, "fieldViolations");
        struct str reason = text_member(x, "reason");

        if (reason.len > 0)
            out->code = reason;
        if (violations != NULL && violations->type == JSON_ARRAY && out->param.len == 0)
            out->param = text_member(violations->child, "field");
    }
}

void gemini_error_in(int status, const struct json *error, struct chat_error *out)
{
    uint64_t code = 0;

    if (status == 0 && json_u64(json_get(error, "code"), &code) && code >= 400 && code < 600)
        status = (int)code;
    *out = (struct chat_error){
        .kind = status != 0 ? chat_error_kind_of(status) : ERROR_SERVER,
        .status = status,
        .message = text_member(error, "message"),
        .type = text_member(error, "status"),
    };
    if (status < 400)
        (void)kind_of(out->type, &out->kind);
    read_details(json_get(error, "details"), out);
    if (text_is(out->code, "API_KEY_INVALID")) {
        out->kind = ERROR_AUTH; /* Google says 400 here */
        out->status = 401;
    }
    if (out->status < 400)
        out->status = chat_error_status(out->kind);
    if (out->message.len == 0)
        out->message = text_inside(error);
    if (out->message.len == 0)
        out->message = STR("the provider answered with an error and no text");
}

static void decode_error(const struct chat_codec *c, int status, struct str body,
                         struct chat_error *out)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);
    struct str text = body;

    if (root != NULL && root->type == JSON_ARRAY)
        root = root->child; /* a stream without alt=sse */
    if (json_get(root, "error") != NULL) {
        gemini_error_in(status, json_get(root, "error"), out);
        return;
    }
    text.len = min_u64(text.len, 500);
    *out = (struct chat_error){
        .kind = chat_error_kind_of(status),
        .status = status,
        .message = text_escape(c->arena, text),
    };
    if (out->message.len == 0)
        out->message = STR("the provider answered with an error and no text");
}

void gemini_encode_error(const struct chat_error *err, struct str request_id, struct buf *out)
{
    int status = err->status != 0 ? err->status : chat_error_status(err->kind);

    buf_cstr(out, "{\"error\":{");
    write_member_u64(out, "code", (uint64_t)status);
    write_member_text(out, "message", err->message);
    write_member_cstr(out, "status", code_of(err->kind));
    write_key(out, "details");
    write_open(out, '[');
    if (err->param.len > 0) {
        buf_cstr(out, "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","
                      "\"fieldViolations\":[{");
        write_member_text(out, "field", err->param);
        write_member_text(out, "description", err->message);
        buf_cstr(out, "}]}");
    }
    if (err->code.len > 0) {
        write_open(out, '{');
        write_member_cstr(out, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
        write_member_text(out, "reason", err->code);
        write_member_cstr(out, "domain", "bowfin");
        write_close(out, '}');
    }
    if (request_id.len > 0) {
        write_open(out, '{');
        write_member_cstr(out, "@type", "type.googleapis.com/google.rpc.RequestInfo");
        write_key(out, "requestId");
        write_plain(out, request_id);
        write_close(out, '}');
    }
    write_close(out, ']');
    buf_cstr(out, "}}");
}

static void encode_error_event(const struct chat_error *err, struct str request_id, struct buf *out)
{
    write_event_begin(out, NULL);
    gemini_encode_error(err, request_id, out);
    buf_add(out, "\r\n\r\n", 4);
}

/* --- in passing --- */

static void look_usage(struct str object, struct chat_usage *usage)
{
    struct chat_usage u = {.known = false};
    uint64_t candidates = 0;
    struct str key;
    size_t at = 0;
    uint64_t n;

    while (peek_key(object, &at, &key)) {
        if (!peek_number(object, at, &n))
            continue;
        if (str_eq(key, STR("promptTokenCount"))) {
            u.input = n;
            u.known = true;
        } else if (str_eq(key, STR("candidatesTokenCount"))) {
            candidates = n;
        } else if (str_eq(key, STR("thoughtsTokenCount"))) {
            u.reasoning = n;
        } else if (str_eq(key, STR("cachedContentTokenCount"))) {
            u.cached = n;
        } else if (str_eq(key, STR("toolUsePromptTokenCount"))) {
            u.tool_input = n;
        } else if (str_eq(key, STR("totalTokenCount"))) {
            u.known = true; /* embeddings and the like tell nothing else */
        }
    }
    if (!u.known)
        return;
    u.input += u.tool_input;
    u.output = candidates + u.reasoning;
    *usage = u;
}

static void look_frame(const struct chat_frame *frame, struct chat_seen *seen,
                       struct chat_usage *usage)
{
    struct str data = frame->data;
    size_t first = peek_skip(data, peek_skip(data, 0) + 1); /* the first key's quote */
    struct str key;
    size_t at = 0;

    *seen = (struct chat_seen){.is_done = false};
    while (peek_key(data, &at, &key)) {
        if (at >= data.len)
            return;
        if (str_eq(key, STR("text")) || str_eq(key, STR("data"))) {
            seen->content_bytes += peek_text(data, at).len;
        } else if (str_eq(key, STR("args"))) {
            size_t bytes = peek_object(data, at).len;

            seen->content_bytes += bytes;
            at += bytes; /* what is in it is the client's */
        } else if (str_eq(key, STR("finishReason")) || str_eq(key, STR("blockReason"))) {
            seen->is_finish = seen->is_finish || data.p[at] == '"';
        } else if (str_eq(key, STR("usageMetadata"))) {
            if (data.p[at] == '{')
                look_usage(peek_object(data, at), usage);
        } else if (str_eq(key, STR("error"))) {
            /* the frame's, not an argument's */
            seen->is_error = seen->is_error || (size_t)(key.p - data.p) == first + 1;
        }
    }
}

/* Has a part or the turn's end come? What a candidate has beside them (its role, ratings) says nothing. */
static bool is_preamble(const struct chat_frame *frame)
{
    static const struct str says[] = {
        {"text", 4},
        {"finishReason", 12},
        {"blockReason", 11},
        {"functionCall", 12},
        {"functionResponse", 16},
        {"inlineData", 10},
        {"fileData", 8},
        {"executableCode", 14},
        {"codeExecutionResult", 19},
        {"thoughtSignature", 16},
        {"error", 5},
    };
    struct str key;
    size_t at = 0;

    while (peek_key(frame->data, &at, &key)) {
        for (size_t i = 0; i < ARRAY_LEN(says); i++) {
            if (str_eq(key, says[i]) && !peek_is_nothing(frame->data, at))
                return false;
        }
    }
    return true;
}

static void look_answer(struct str body, struct chat_usage *usage)
{
    struct str object;
    size_t end = body.len;

    if (peek_last(body, "usageMetadata", &end, &object))
        look_usage(object, usage);
}

const struct dialect dialect_gemini = {
    .id = DIALECT_GEMINI,
    .name = "gemini",
    .stream_type = "text/event-stream",
    .decode_request = gemini_decode_request,
    .encode_request = gemini_encode_request,
    .decoder = gemini_decoder,
    .decode_frame = gemini_decode_frame,
    .decode_end = gemini_decode_end,
    .decode_answer = gemini_decode_answer,
    .decode_error = decode_error,
    .encoder = gemini_encoder,
    .encode_event = gemini_encode_event,
    .encode_answer = gemini_encode_answer,
    .encode_error = gemini_encode_error,
    .encode_error_event = encode_error_event,
    .look_frame = look_frame,
    .is_preamble = is_preamble,
    .look_answer = look_answer,
};
