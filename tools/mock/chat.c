#include "tools/mock/chat.h"

#include <inttypes.h>

#include "server/base/clock.h"
#include "tools/mock/speech.h"
#include "tools/mock/text.h"

enum phase { PHASE_ROLE, PHASE_CONTENT, PHASE_FINISH, PHASE_USAGE, PHASE_DONE, PHASE_END };

/* What a whole answer and a stream are both made from. */
struct chat_state {
    struct speech speech;
    bool is_legacy; /* completions: the text stands in the choice itself */
    bool include_usage;
    uint32_t n;        /* choices */
    struct str prefix; /* of each chunk, up to "choices":[ */
    /* a stream's place */
    enum phase phase;
    uint32_t choice;
    struct str rest; /* of the text, for this choice */
};

static void add_usage(struct buf *out, const struct chat_state *s)
{
    uint64_t output = s->speech.output_tokens * s->n;

    buf_cstr(out, "{\"prompt_tokens\":");
    buf_u64(out, s->speech.prompt_tokens);
    buf_cstr(out, ",\"completion_tokens\":");
    buf_u64(out, output);
    buf_cstr(out, ",\"total_tokens\":");
    buf_u64(out, s->speech.prompt_tokens + output);
    buf_cstr(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    buf_u64(out, s->speech.cached_tokens);
    buf_cstr(out, ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":");
    buf_u64(out, s->speech.reasoning_tokens * s->n);
    buf_cstr(out, ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
                  "\"rejected_prediction_tokens\":0}}");
}

static const char *finish_reason(const struct speech *speech)
{
    if (speech->too_long)
        return "length";
    return speech->tool.len > 0 ? "tool_calls" : "stop";
}

static void add_call_id(struct buf *out, const struct chat_state *s)
{
    buf_cstr(out, "\"call_mock");
    buf_u64(out, s->choice);
    buf_char(out, '"');
}

/* --- whole --- */

static void add_message(struct buf *out, const struct chat_state *s)
{
    buf_cstr(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (s->speech.tool.len > 0) {
        buf_cstr(out, "null,\"tool_calls\":[{\"id\":");
        add_call_id(out, s);
        buf_cstr(out, ",\"type\":\"function\",\"function\":{\"name\":");
        buf_json(out, s->speech.tool);
        buf_cstr(out, ",\"arguments\":");
        buf_json(out, s->speech.text);
        buf_cstr(out, "}}]");
    } else {
        buf_json(out, s->speech.text);
    }
    buf_cstr(out, ",\"refusal\":null,\"annotations\":[]},");
}

static void add_choices(struct buf *out, struct chat_state *s)
{
    for (s->choice = 0; s->choice < s->n; s->choice++) {
        buf_cstr(out, s->choice > 0 ? ",{\"index\":" : "{\"index\":");
        buf_u64(out, s->choice);
        buf_char(out, ',');
        if (s->is_legacy) {
            buf_cstr(out, "\"text\":");
            buf_json(out, s->speech.text);
            buf_char(out, ',');
        } else {
            add_message(out, s);
        }
        buf_cstr(out, "\"logprobs\":null,\"finish_reason\":\"");
        buf_cstr(out, finish_reason(&s->speech));
        buf_cstr(out, "\"}");
    }
}

static void answer_whole(struct answer *a, struct chat_state *s)
{
    buf_str(a->body, s->prefix);
    add_choices(a->body, s);
    buf_cstr(a->body, "],\"usage\":");
    add_usage(a->body, s);
    buf_cstr(a->body, "}\n");
}

/* --- streamed --- */

static void begin_chunk(struct buf *out, const struct chat_state *s)
{
    buf_cstr(out, "data: ");
    buf_str(out, s->prefix);
}

static void end_chunk(struct buf *out, const struct chat_state *s)
{
    buf_cstr(out, s->include_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void begin_delta(struct buf *out, const struct chat_state *s)
{
    begin_chunk(out, s);
    buf_cstr(out, "{\"index\":");
    buf_u64(out, s->choice);
    buf_cstr(out, s->is_legacy ? ",\"text\":" : ",\"delta\":");
}

static void end_delta(struct buf *out, const struct chat_state *s, const char *finish)
{
    buf_cstr(out, ",\"logprobs\":null,\"finish_reason\":");
    if (finish != NULL) {
        buf_char(out, '"');
        buf_cstr(out, finish);
        buf_cstr(out, "\"}");
    } else {
        buf_cstr(out, "null}");
    }
    end_chunk(out, s);
}

static void next_role(struct buf *out, struct chat_state *s)
{
    begin_delta(out, s);
    buf_cstr(out, "{\"role\":\"assistant\",\"content\":");
    if (s->speech.tool.len > 0) {
        buf_cstr(out, "null,\"tool_calls\":[{\"index\":0,\"id\":");
        add_call_id(out, s);
        buf_cstr(out, ",\"type\":\"function\",\"function\":{\"name\":");
        buf_json(out, s->speech.tool);
        buf_cstr(out, ",\"arguments\":\"\"}}]");
    } else {
        buf_cstr(out, "\"\"");
    }
    buf_cstr(out, ",\"refusal\":null}");
    end_delta(out, s, NULL);
}

static void next_content(struct buf *out, struct chat_state *s)
{
    struct str token = {s->rest.p, text_token(s->rest)};

    s->rest = str_skip(s->rest, token.len);
    begin_delta(out, s);
    if (s->is_legacy) {
        buf_json(out, token);
    } else if (s->speech.tool.len > 0) {
        buf_cstr(out, "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":");
        buf_json(out, token);
        buf_cstr(out, "}}]}");
    } else {
        buf_cstr(out, "{\"content\":");
        buf_json(out, token);
        buf_char(out, '}');
    }
    end_delta(out, s, NULL);
}

static void next_finish(struct buf *out, struct chat_state *s)
{
    begin_delta(out, s);
    buf_cstr(out, s->is_legacy ? "\"\"" : "{}");
    end_delta(out, s, finish_reason(&s->speech));
    s->choice++;
    s->rest = s->speech.text;
    if (s->choice < s->n)
        s->phase = s->is_legacy ? PHASE_CONTENT : PHASE_ROLE;
    else
        s->phase = s->include_usage ? PHASE_USAGE : PHASE_DONE;
}

static bool chat_next(struct answer *a, struct buf *out)
{
    struct chat_state *s = a->state;

    if (s->phase == PHASE_CONTENT && s->rest.len == 0)
        s->phase = PHASE_FINISH;
    switch (s->phase) {
    case PHASE_ROLE:
        next_role(out, s);
        s->phase = PHASE_CONTENT;
        return true;
    case PHASE_CONTENT:
        next_content(out, s);
        return true;
    case PHASE_FINISH:
        next_finish(out, s);
        return true;
    case PHASE_USAGE:
        begin_chunk(out, s);
        buf_cstr(out, "],\"usage\":");
        add_usage(out, s);
        buf_cstr(out, "}\n\n");
        s->phase = PHASE_DONE;
        return true;
    case PHASE_DONE:
        buf_cstr(out, "data: [DONE]\n\n");
        s->phase = PHASE_END;
        return true;
    case PHASE_END:
        break;
    }
    return false;
}

/* --- requests --- */

static void make_prefix(struct mock_call *call, struct chat_state *s, bool stream)
{
    struct buf b = BUF_INIT;

    buf_cstr(&b, s->is_legacy ? "{\"id\":\"cmpl-mock" : "{\"id\":\"chatcmpl-mock");
    buf_u64(&b, call->number);
    buf_cstr(&b, "\",\"object\":\"");
    if (s->is_legacy)
        buf_cstr(&b, "text_completion");
    else
        buf_cstr(&b, stream ? "chat.completion.chunk" : "chat.completion");
    buf_cstr(&b, "\",\"created\":");
    buf_u64(&b, clock_real_ms() / 1000);
    buf_cstr(&b, ",\"model\":");
    buf_json(&b, call->model_name);
    buf_cstr(&b, s->is_legacy ? ",\"system_fingerprint\":\"fp_mock\",\"choices\":["
                              : ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\","
                                "\"choices\":[");
    s->prefix = arena_str(call->arena, buf_view(&b));
    buf_fini(&b);
}

static void answer_speech(struct mock_call *call, const struct speech_input *in, bool is_legacy)
{
    struct chat_state *s = arena_zalloc(call->arena, sizeof(*s));
    struct answer *a = call->answer;
    bool stream = false;
    uint64_t n = 1;

    (void)json_bool(json_get(call->body, "stream"), &stream); /* absent: whole */
    (void)json_bool(json_get(json_get(call->body, "stream_options"), "include_usage"),
                    &s->include_usage);
    if (json_u64(json_get(call->body, "n"), &n) && (n < 1 || n > CHAT_CHOICES_MAX)) {
        answer_error(a, 400, "integer_out_of_range", "n", "n must be between 1 and 128.");
        return;
    }
    s->is_legacy = is_legacy;
    s->n = (uint32_t)n;
    speech_make(call->arena, in, &s->speech);
    make_prefix(call, s, stream);
    if (!stream) {
        answer_whole(a, s);
        return;
    }
    s->rest = s->speech.text;
    s->phase = is_legacy ? PHASE_CONTENT : PHASE_ROLE;
    a->content_type = "text/event-stream; charset=utf-8";
    a->next = chat_next;
    a->state = s;
    a->gap_ms = call->model.gap_ms;
}

static uint64_t max_tokens(const struct json *body)
{
    uint64_t n;

    if (json_u64(json_get(body, "max_completion_tokens"), &n) ||
        json_u64(json_get(body, "max_tokens"), &n))
        return n;
    return UINT64_MAX;
}

static void read_tools(const struct json *body, struct speech_input *in)
{
    const struct json *tools = json_get(body, "tools");
    const struct json *function = json_get(tools != NULL ? tools->child : NULL, "function");

    in->tool = json_str(json_get(function, "name"));
    in->tool_schema = json_get(function, "parameters");
}

static void read_format(const struct json *body, struct speech_input *in)
{
    const struct json *format = json_get(body, "response_format");
    struct str type = json_str(json_get(format, "type"));

    in->wants_json = str_eq(type, STR("json_object"));
    if (str_eq(type, STR("json_schema")))
        in->schema = json_get(json_get(format, "json_schema"), "schema");
}

static void read_messages(struct mock_call *call, const struct json *messages,
                          struct speech_input *in)
{
    for (const struct json *m = messages->child; m != NULL; m = m->next) {
        struct str role = json_str(json_get(m, "role"));
        struct str text = answer_content_text(call->arena, json_get(m, "content"));

        in->prompt_tokens += text_count(text);
        in->tool_answered = str_eq(role, STR("tool"));
        if (str_eq(role, STR("user")) || in->tool_answered)
            in->last_user = text;
    }
}

void chat_answer(struct mock_call *call)
{
    const struct json *messages = json_get(call->body, "messages");
    struct speech_input in = {.model = call->model, .max_tokens = max_tokens(call->body)};

    if (messages == NULL || messages->type != JSON_ARRAY || messages->n == 0) {
        answer_error(call->answer, 400, "missing_required_parameter", "messages",
                     "messages must be an array with at least one message.");
        return;
    }
    read_messages(call, messages, &in);
    read_tools(call->body, &in);
    read_format(call->body, &in);
    in.stop = json_get(call->body, "stop");
    in.effort = json_str(json_get(call->body, "reasoning_effort"));
    if (call->model.kind == MODEL_TOOL && in.tool.len == 0) {
        answer_error(call->answer, 400, "missing_required_parameter", "tools",
                     "The model `tool` calls the first declared tool, and tools declares none.");
        return;
    }
    answer_speech(call, &in, false);
}

void completions_answer(struct mock_call *call)
{
    const struct json *prompt = json_get(call->body, "prompt");
    struct speech_input in = {.model = call->model, .max_tokens = max_tokens(call->body)};

    if (prompt != NULL && prompt->type == JSON_ARRAY)
        prompt = prompt->child; /* the first of several; tokens as numbers are not text */
    in.last_user = json_str(prompt);
    in.prompt_tokens = text_count(in.last_user);
    in.stop = json_get(call->body, "stop");
    answer_speech(call, &in, true);
}
