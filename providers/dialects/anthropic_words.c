/*
 * anthropic_words - stop reasons, errors and usage, both ways.
 */
#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/write.h"

#define MESSAGE_MAX 1000 /* bytes of an error body nobody can read */

/* --- stop reasons --- */

static const struct {
    enum chat_stop stop;
    const char *name;
} stops[] = {
    /* the first of each is what is written */
    {STOP_END, "end_turn"},     {STOP_LENGTH, "max_tokens"},
    {STOP_TOOL, "tool_use"},    {STOP_SEQUENCE, "stop_sequence"},
    {STOP_PAUSE, "pause_turn"}, {STOP_REFUSAL, "refusal"},
    {STOP_FILTER, "refusal"},   {STOP_CONTEXT, "model_context_window_exceeded"},
    {STOP_PAUSE, "compaction"},
};

enum chat_stop anthropic_stop_of(struct str escaped)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (text_is(escaped, stops[i].name))
            return stops[i].stop;
    }
    return STOP_END;
}

const char *anthropic_stop_name(enum chat_stop stop)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (stops[i].stop == stop)
            return stops[i].name;
    }
    return "end_turn";
}

/* --- errors --- */

static const struct {
    const char *type;
    enum chat_error_kind kind;
} errors[] = {
    /* the first of a kind is what is written */
    {"invalid_request_error", ERROR_INVALID},
    {"authentication_error", ERROR_AUTH},
    {"billing_error", ERROR_BILLING},
    {"permission_error", ERROR_PERMISSION},
    {"not_found_error", ERROR_NOT_FOUND},
    {"invalid_request_error", ERROR_METHOD},
    {"conflict_error", ERROR_CONFLICT},
    {"request_too_large", ERROR_TOO_LARGE},
    {"rate_limit_error", ERROR_RATE},
    {"api_error", ERROR_SERVER},
    {"api_error", ERROR_UPSTREAM},
    {"overloaded_error", ERROR_OVERLOADED},
    {"timeout_error", ERROR_TIMEOUT},
};

enum chat_error_kind anthropic_error_of(struct str type, int status)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (text_is(type, errors[i].type))
            return errors[i].kind;
    }
    return status >= 400 ? chat_error_kind_of(status) : ERROR_SERVER;
}

static const char *error_type(enum chat_error_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (errors[i].kind == kind)
            return errors[i].type;
    }
    return "api_error";
}

void anthropic_error_read(const struct json *error, int status, struct chat_error *out)
{
    *out = (struct chat_error){.type = text_member(error, "type"),
                               .message = text_member(error, "message")};
    out->kind = anthropic_error_of(out->type, status);
    out->status = status >= 400 ? status : chat_error_status(out->kind);
}

/* Anthropic's own; Google's (Vertex), perhaps in a list of one; AWS' {"message"}. */
void anthropic_decode_error(const struct chat_codec *c, int status, struct str body,
                            struct chat_error *out)
{
    struct json_error fault;
    const struct json *root = json_parse_raw(c->json, c->scratch, body, &fault);
    const struct json *error;

    if (root != NULL && root->type == JSON_ARRAY)
        root = root->child;
    error = json_get(root, "error");
    anthropic_error_read(error != NULL && error->type == JSON_OBJECT ? error : root, status, out);
    if (out->type.len == 0)
        out->type = text_member(error, "status");
    if (out->message.len == 0 && error != NULL)
        out->message = text_inside(error);
    if (out->message.len == 0) {
        struct str text = str_trim((struct str){body.p, min_u64(body.len, MESSAGE_MAX)});

        out->message = text.len > 0 ? text_escape(c->arena, text)
                                    : arena_printf(c->arena, "the provider answered %d", status);
    }
}

void anthropic_encode_error(const struct chat_error *err, struct str request_id, struct buf *out)
{
    write_open(out, '{');
    write_member_cstr(out, "type", "error");
    write_key(out, "error");
    write_open(out, '{');
    write_member_cstr(out, "type", error_type(err->kind));
    write_key(out, "message");
    buf_char(out, '"');
    if (err->param.len > 0) { /* as Anthropic's own messages say where: "messages.0.role: ..." */
        buf_str(out, err->param);
        buf_cstr(out, ": ");
    }
    buf_str(out, err->message);
    buf_char(out, '"');
    write_close(out, '}');
    if (request_id.len > 0) {
        write_key(out, "request_id");
        write_plain(out, request_id);
    }
    write_close(out, '}');
}

void anthropic_encode_error_event(const struct chat_error *err, struct str request_id,
                                  struct buf *out)
{
    write_event_begin(out, "error");
    anthropic_encode_error(err, request_id, out);
    write_event_end(out);
}

/* --- usage --- */

void anthropic_usage_put(struct anthropic_usage *u, struct str key, unsigned depth, uint64_t n)
{
    const struct {
        const char *name;
        unsigned depth;
        uint64_t *to;
    } figures[] = {
        {"input_tokens", 1, &u->input},
        {"output_tokens", 1, &u->output},
        {"cache_read_input_tokens", 1, &u->read},
        {"cache_creation_input_tokens", 1, &u->written},
        {"ephemeral_5m_input_tokens", 2, &u->written_5m},
        {"ephemeral_1h_input_tokens", 2, &u->written_1h},
        {"thinking_tokens", 2, &u->thinking},
        {"web_search_requests", 2, &u->searches},
    };

    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        if (depth == figures[i].depth && str_eq(key, str_of(figures[i].name))) {
            *figures[i].to = n;
            u->known = u->known || i < 2;
        }
    }
}

void anthropic_usage_to(const struct anthropic_usage *from, struct chat_usage *out)
{
    uint64_t written = from->written > 0 ? from->written : from->written_5m + from->written_1h;

    if (!from->known)
        return;
    *out = (struct chat_usage){
        .known = true,
        .input = from->input + from->read + written,
        .output = from->output,
        .cached = from->read,
        .written_1h = min_u64(from->written_1h, written),
        .reasoning = from->thinking,
        .searches = from->searches,
    };
    /* message_delta tells the sum alone: what is not known to be for an hour is for five minutes */
    out->written_5m = written - out->written_1h;
}

struct anthropic_usage anthropic_usage_of(const struct chat_usage *from)
{
    uint64_t written = from->written_5m + from->written_1h;
    uint64_t elsewhere = from->cached + written;

    return (struct anthropic_usage){
        .known = from->known,
        .input = from->input > elsewhere ? from->input - elsewhere : 0,
        .output = from->output,
        .read = from->cached,
        .written = written,
        .written_5m = from->written_5m,
        .written_1h = from->written_1h,
        .thinking = from->reasoning,
        .searches = from->searches,
    };
}

void anthropic_usage_write(struct buf *b, const struct chat_usage *usage)
{
    struct anthropic_usage u = anthropic_usage_of(usage);

    write_open(b, '{');
    write_member_u64(b, "input_tokens", u.input);
    write_member_u64(b, "cache_creation_input_tokens", u.written);
    write_member_u64(b, "cache_read_input_tokens", u.read);
    if (u.written > 0) {
        write_key(b, "cache_creation");
        write_open(b, '{');
        write_member_u64(b, "ephemeral_5m_input_tokens", u.written_5m);
        write_member_u64(b, "ephemeral_1h_input_tokens", u.written_1h);
        write_close(b, '}');
    }
    write_member_u64(b, "output_tokens", u.output);
    if (u.thinking > 0) {
        write_key(b, "output_tokens_details");
        write_open(b, '{');
        write_member_u64(b, "thinking_tokens", u.thinking);
        write_close(b, '}');
    }
    if (u.searches > 0) {
        write_key(b, "server_tool_use");
        write_open(b, '{');
        write_member_u64(b, "web_search_requests", u.searches);
        write_member_u64(b, "web_fetch_requests", 0);
        write_close(b, '}');
    }
    write_close(b, '}');
}
