/*
 * Errors of the Responses API, both ways: error objects, `error` events, what `code` and `type` say.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"
#include "providers/write.h"

#define TEXT_MAX 500 /* of a body that is no error object */

/* What a code or type says of the kind; the status says it when these do not. */
static const struct {
    const char *word;
    enum chat_error_kind kind;
} words[] = {
    {"insufficient_quota", ERROR_BILLING},
    {"billing_hard_limit_reached", ERROR_BILLING},
    {"rate_limit_exceeded", ERROR_RATE},
    {"rate_limit_error", ERROR_RATE},
    {"tokens", ERROR_RATE},
    {"requests", ERROR_RATE},
    {"invalid_api_key", ERROR_AUTH},
    {"authentication_error", ERROR_AUTH},
    {"permission_error", ERROR_PERMISSION},
    {"model_not_found", ERROR_NOT_FOUND},
    {"not_found_error", ERROR_NOT_FOUND},
    {"server_error", ERROR_SERVER},
    {"internal_error", ERROR_SERVER},
    {"api_error", ERROR_SERVER},
    {"server_is_overloaded", ERROR_OVERLOADED},
    {"overloaded_error", ERROR_OVERLOADED},
    {"slow_down", ERROR_OVERLOADED},
    {"timeout", ERROR_TIMEOUT},
    {"vector_store_timeout", ERROR_TIMEOUT},
    {"invalid_request_error", ERROR_INVALID},
    {"invalid_prompt", ERROR_INVALID},
    {"context_length_exceeded", ERROR_INVALID},
};

static enum chat_error_kind kind_of_word(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (text_is(word, words[i].word))
            return words[i].kind;
    }
    /* invalid_image, image_too_large, empty_image_file, ... */
    if ((word.len > 0 && memmem(word.p, word.len, "image", 5) != NULL) ||
        str_starts(word, STR("invalid_")))
        return ERROR_INVALID;
    return 0;
}

void responses_read_error(const struct json *error, struct chat_error *out)
{
    struct str type = text_member(error, "type");
    enum chat_error_kind kind;

    *out = (struct chat_error){
        .message = error != NULL && error->type == JSON_STRING ? text_inside(error)
                                                               : text_member(error, "message"),
        .type = text_is(type, "error") ? STR_NONE : type, /* an event's own type */
        .code = text_member(error, "code"),
        .param = text_member(error, "param"),
    };
    if (out->message.len == 0)
        out->message = STR("the provider failed and did not say why");
    kind = kind_of_word(out->code);
    if (kind == 0)
        kind = kind_of_word(out->type);
    out->kind = kind != 0 ? kind : ERROR_SERVER;
    out->status = chat_error_status(out->kind);
}

/* HTML, plain text, or nothing: its beginning as the message. */
static struct str body_text(const struct chat_codec *c, struct str body)
{
    struct str text = str_trim(body);

    if (text.len == 0)
        return STR("the provider answered without a body");
    text.len = min_u64(text.len, TEXT_MAX);
    return text_escape(c->arena, arena_str(c->arena, text));
}

void responses_decode_error(const struct chat_codec *c, int status, struct str body,
                            struct chat_error *out)
{
    struct str copy = arena_str(c->arena, body);
    struct json_error wrong;
    const struct json *root = json_parse_raw(c->json, c->scratch, copy, &wrong);
    const struct json *error = json_get(root, "error");
    enum chat_error_kind kind;

    if (root != NULL && root->type == JSON_ARRAY)
        root = root->child;
    if (error == NULL || (error->type != JSON_OBJECT && error->type != JSON_STRING))
        error = root;
    if (text_member(error, "message").len == 0 && text_inside(error).len == 0) {
        struct str detail = text_member(root, "detail");

        *out = (struct chat_error){.message = detail.len > 0 ? detail : body_text(c, body)};
        kind = 0;
    } else {
        responses_read_error(error, out);
        kind = kind_of_word(out->code);
    }
    /* the code is more exact (a 429 that is a bill), a type is not */
    out->kind = kind != 0 ? kind : chat_error_kind_of(status);
    out->status = status;
}

/* --- out --- */

static const struct {
    enum chat_error_kind kind;
    const char *type, *code; /* code NULL: null */
} names[] = {
    {ERROR_INVALID, "invalid_request_error", NULL},
    {ERROR_AUTH, "invalid_request_error", "invalid_api_key"},
    {ERROR_BILLING, "insufficient_quota", "insufficient_quota"},
    {ERROR_PERMISSION, "invalid_request_error", "permission_denied"},
    {ERROR_NOT_FOUND, "invalid_request_error", "not_found"},
    {ERROR_METHOD, "invalid_request_error", "method_not_supported"},
    {ERROR_CONFLICT, "invalid_request_error", "conflict"},
    {ERROR_TOO_LARGE, "invalid_request_error", "request_too_large"},
    {ERROR_RATE, "rate_limit_error", "rate_limit_exceeded"},
    {ERROR_SERVER, "server_error", "server_error"},
    {ERROR_UPSTREAM, "server_error", "server_error"},
    {ERROR_OVERLOADED, "server_error", "server_is_overloaded"},
    {ERROR_TIMEOUT, "server_error", "timeout"},
};

static size_t name_at(enum chat_error_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].kind == kind)
            return i;
    }
    return 9; /* server_error */
}

struct str responses_error_code(const struct chat_error *err)
{
    const char *code = names[name_at(err->kind)].code;

    if (err->code.len > 0)
        return err->code;
    return str_of(code != NULL ? code : "invalid_prompt");
}

static void put_text_or_null(struct buf *out, const char *key, struct str text)
{
    write_key(out, key);
    if (text.len > 0)
        write_text(out, text);
    else
        write_null(out);
}

static void put_error(const struct chat_error *err, struct buf *out)
{
    size_t at = name_at(err->kind);

    write_open(out, '{');
    write_member_text(out, "message", err->message);
    write_member_cstr(out, "type", names[at].type);
    put_text_or_null(out, "param", err->param);
    put_text_or_null(out, "code", err->code.len > 0 ? err->code : str_of(names[at].code));
    write_close(out, '}');
}

void responses_encode_error(const struct chat_error *err, struct str request_id, struct buf *out)
{
    (void)request_id; /* in a header only */
    write_open(out, '{');
    write_key(out, "error");
    put_error(err, out);
    write_close(out, '}');
}

/*
 * The reference has the members flat; the official SDKs raise their exception for an `error` object,
 * which is also what comes from OpenAI's servers. So both are there.
 */
void responses_put_error_event(const struct chat_error *err, uint64_t number, struct buf *out)
{
    write_event_begin(out, "error");
    write_open(out, '{');
    write_member_cstr(out, "type", "error");
    write_member_u64(out, "sequence_number", number);
    put_text_or_null(out, "code", responses_error_code(err));
    write_member_text(out, "message", err->message);
    put_text_or_null(out, "param", err->param);
    write_key(out, "error");
    put_error(err, out);
    write_close(out, '}');
    write_event_end(out);
}

void responses_encode_error_event(const struct chat_error *err, struct str request_id,
                                  struct buf *out)
{
    (void)request_id;
    responses_put_error_event(err, 0, out);
}
