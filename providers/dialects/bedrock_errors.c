/*
 * bedrock_errors - AWS's exceptions, in answers and in streams, both ways: bedrock.h.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/eventstream.h"
#include "providers/write.h"

/* The first of a kind is what a client is told. */
static const struct {
    const char *type; /* in streams with a small first letter */
    enum chat_error_kind kind;
    int status;
} exceptions[] = {
    {"ValidationException", ERROR_INVALID, 400},
    {"SerializationException", ERROR_INVALID, 400},
    {"ServiceQuotaExceededException", ERROR_BILLING, 402},
    {"AccessDeniedException", ERROR_PERMISSION, 403},
    {"AccessDeniedException", ERROR_AUTH, 403},
    {"UnrecognizedClientException", ERROR_AUTH, 403},
    {"InvalidSignatureException", ERROR_AUTH, 403},
    {"IncompleteSignatureException", ERROR_AUTH, 403},
    {"MissingAuthenticationTokenException", ERROR_AUTH, 403},
    {"ExpiredTokenException", ERROR_AUTH, 403},
    {"ResourceNotFoundException", ERROR_NOT_FOUND, 404},
    {"UnknownOperationException", ERROR_NOT_FOUND, 404},
    {"ThrottlingException", ERROR_RATE, 429},
    {"ModelNotReadyException", ERROR_OVERLOADED, 503},
    {"ServiceUnavailableException", ERROR_OVERLOADED, 503},
    {"ModelTimeoutException", ERROR_TIMEOUT, 408},
    {"ModelErrorException", ERROR_UPSTREAM, 502},
    {"ModelStreamErrorException", ERROR_UPSTREAM, 502},
    {"InternalServerException", ERROR_SERVER, 500},
};

/* "throttlingException", "com.amazon.coral.service#ThrottlingException", "ThrottlingException:..." */
static bool is_type(struct str type, const char *name)
{
    ptrdiff_t at = str_index(type, '#');

    if (at >= 0)
        type = str_skip(type, (size_t)at + 1);
    at = str_index(type, ':');
    if (at >= 0)
        type.len = (size_t)at;
    return str_eq_nocase(type, str_of(name));
}

static struct str message_of(const struct chat_codec *c, struct str body, struct str *type)
{
    struct json_error ignored;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &ignored);
    struct str message = text_member(root, "message");

    if (root == NULL) /* a load balancer's page, or a text */
        return text_escape(c->arena, (struct str){body.p, min_u64(body.len, 1000)});
    if (json_get(root, "Output") != NULL) /* what AWS says of a path that it does not know */
        root = json_get(root, "Output");
    if (type->len == 0)
        *type = text_member(root, "__type");
    if (type->len == 0)
        *type = text_member(root, "code");
    if (message.len == 0)
        message = text_member(root, "Message");
    if (message.len == 0)
        message = text_member(root, "originalMessage");
    return message;
}

static void fill(const struct chat_codec *c, int status, struct str type, struct str body,
                 struct chat_error *out)
{
    struct str message = message_of(c, body, &type);

    *out = (struct chat_error){
        .kind = status == 424 ? ERROR_UPSTREAM : chat_error_kind_of(status),
        .status = status == 424 ? 502 : status,
        .type = type,
        .message = message.len > 0 ? message : STR("the provider gave no reason"),
    };
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++) {
        if (type.len == 0 || !is_type(type, exceptions[i].type))
            continue;
        out->kind = exceptions[i].kind;
        out->status = exceptions[i].status;
        return;
    }
}

void bedrock_decode_error(const struct chat_codec *c, int status, struct str body,
                          struct chat_error *out)
{
    fill(c, status, STR_NONE, body, out);
    if (out->status < 400)
        out->status = chat_error_status(out->kind);
}

void bedrock_exception(const struct chat_codec *c, struct str type, struct str payload,
                       struct chat_error *out)
{
    fill(c, 500, arena_str(c->arena, type), payload, out);
}

const char *bedrock_error_type(const struct chat_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++) {
        if (exceptions[i].kind == err->kind && err->kind != ERROR_OVERLOADED)
            return exceptions[i].type;
    }
    if (err->kind == ERROR_OVERLOADED)
        return "ServiceUnavailableException";
    return err->kind == ERROR_CONFLICT || err->kind == ERROR_TOO_LARGE || err->kind == ERROR_METHOD
               ? "ValidationException"
               : "InternalServerException";
}

void bedrock_encode_error(const struct chat_error *err, struct str request_id, struct buf *out)
{
    (void)request_id; /* AWS has it in a header alone */
    write_open(out, '{');
    write_member_text(out, "message", err->message);
    write_close(out, '}');
}

/* A stream has five exceptions only. */
static const char *stream_type(enum chat_error_kind kind)
{
    switch (kind) {
    case ERROR_INVALID:
    case ERROR_TOO_LARGE:
        return "validationException";
    case ERROR_RATE:
        return "throttlingException";
    case ERROR_OVERLOADED:
        return "serviceUnavailableException";
    case ERROR_UPSTREAM:
    case ERROR_TIMEOUT:
        return "modelStreamErrorException";
    default:
        return "internalServerException";
    }
}

void bedrock_encode_error_event(const struct chat_error *err, struct str request_id,
                                struct buf *out)
{
    size_t at = eventstream_begin(out, true, stream_type(err->kind));

    (void)request_id;
    write_member_text(out, "message", err->message);
    eventstream_end(out, at);
}
