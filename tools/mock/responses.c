#include "tools/mock/responses.h"

#include <inttypes.h>

#include "server/base/clock.h"
#include "tools/mock/speech.h"
#include "tools/mock/text.h"

enum step {
    STEP_CREATED,
    STEP_IN_PROGRESS,
    STEP_ITEM_ADDED,
    STEP_PART_ADDED,
    STEP_DELTA,
    STEP_CONTENT_DONE,
    STEP_PART_DONE,
    STEP_ITEM_DONE,
    STEP_COMPLETED,
    STEP_END
};

struct state {
    struct mock_call call; /* a copy: the stream outlives the caller's */
    struct speech speech;
    uint64_t created;
    /* a stream's place */
    enum step step;
    uint64_t sequence;
    struct str rest;
};

static void add_usage(struct buf *out, const struct speech *speech)
{
    buf_printf(out,
               "{\"input_tokens\":%" PRIu64 ",\"input_tokens_details\":{\"cached_tokens\":%" PRIu64
               "},\"output_tokens\":%" PRIu64
               ",\"output_tokens_details\":{\"reasoning_tokens\":%" PRIu64
               "},\"total_tokens\":%" PRIu64 "}",
               speech->prompt_tokens, speech->cached_tokens, speech->output_tokens,
               speech->reasoning_tokens, speech->prompt_tokens + speech->output_tokens);
}

static bool is_call(const struct state *s)
{
    return s->speech.tool.len > 0;
}

static void add_part(struct buf *out, struct str text)
{
    buf_cstr(out, "{\"type\":\"output_text\",\"text\":");
    buf_json(out, text);
    buf_cstr(out, ",\"annotations\":[],\"logprobs\":[]}");
}

/* The message or call; `whole`: with its content, else as it is when it begins. */
static void add_item(struct buf *out, const struct state *s, bool whole)
{
    const char *status = !whole ? "in_progress" : s->speech.too_long ? "incomplete" : "completed";

    if (is_call(s)) {
        buf_printf(out,
                   "{\"id\":\"fc_mock%" PRIu64
                   "\",\"type\":\"function_call\",\"status\":\"%s\",\"call_id\":\"call_mock%" PRIu64
                   "\",\"name\":",
                   s->call.number, status, s->call.number);
        buf_json(out, s->speech.tool);
        buf_cstr(out, ",\"arguments\":");
        buf_json(out, whole ? s->speech.text : STR(""));
    } else {
        buf_printf(out,
                   "{\"id\":\"msg_mock%" PRIu64
                   "\",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\",\"content\":[",
                   s->call.number, status);
        if (whole)
            add_part(out, s->speech.text);
        buf_char(out, ']');
    }
    buf_char(out, '}');
}

/* A member of the request as it was, or `other`. */
static void add_echoed(struct buf *out, const struct state *s, const char *name, const char *other)
{
    const struct json *value = json_get(s->call.body, name);

    buf_printf(out, ",\"%s\":", name);
    if (value != NULL)
        buf_str(out, value->raw);
    else
        buf_cstr(out, other);
}

static void add_response(struct buf *out, const struct state *s, bool whole)
{
    const char *status = !whole ? "in_progress" : s->speech.too_long ? "incomplete" : "completed";

    buf_printf(out,
               "{\"id\":\"resp_mock%" PRIu64 "\",\"object\":\"response\",\"created_at\":%" PRIu64
               ",\"status\":\"%s\",\"background\":false,\"error\":null,\"incomplete_details\":%s",
               s->call.number, s->created, status,
               whole && s->speech.too_long ? "{\"reason\":\"max_output_tokens\"}" : "null");
    buf_cstr(out, ",\"model\":");
    buf_json(out, s->call.model_name);
    buf_cstr(out, ",\"output\":[");
    if (whole)
        add_item(out, s, true);
    buf_char(out, ']');
    add_echoed(out, s, "instructions", "null");
    add_echoed(out, s, "max_output_tokens", "null");
    add_echoed(out, s, "parallel_tool_calls", "true");
    add_echoed(out, s, "previous_response_id", "null");
    add_echoed(out, s, "reasoning", "{\"effort\":null,\"summary\":null}");
    add_echoed(out, s, "store", "true");
    add_echoed(out, s, "temperature", "1.0");
    add_echoed(out, s, "text", "{\"format\":{\"type\":\"text\"}}");
    add_echoed(out, s, "tool_choice", "\"auto\"");
    add_echoed(out, s, "tools", "[]");
    add_echoed(out, s, "top_p", "1.0");
    add_echoed(out, s, "truncation", "\"disabled\"");
    add_echoed(out, s, "metadata", "{}");
    buf_cstr(out, ",\"usage\":");
    if (whole)
        add_usage(out, &s->speech);
    else
        buf_cstr(out, "null");
    buf_char(out, '}');
}

static void begin_event(struct buf *out, struct state *s, const char *type)
{
    buf_printf(out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%" PRIu64, type, type,
               s->sequence++);
}

static void end_event(struct buf *out)
{
    buf_cstr(out, "}\n\n");
}

static void response_event(struct buf *out, struct state *s, const char *type, bool whole)
{
    begin_event(out, s, type);
    buf_cstr(out, ",\"response\":");
    add_response(out, s, whole);
    end_event(out);
}

static void item_event(struct buf *out, struct state *s, const char *type, bool whole)
{
    begin_event(out, s, type);
    buf_cstr(out, ",\"output_index\":0,\"item\":");
    add_item(out, s, whole);
    end_event(out);
}

static void begin_content_event(struct buf *out, struct state *s, const char *type)
{
    begin_event(out, s, type);
    buf_printf(out, ",\"item_id\":\"%s%" PRIu64 "\",\"output_index\":0",
               is_call(s) ? "fc_mock" : "msg_mock", s->call.number);
    if (!is_call(s))
        buf_cstr(out, ",\"content_index\":0");
}

static void part_event(struct buf *out, struct state *s, const char *type, struct str text)
{
    begin_content_event(out, s, type);
    buf_cstr(out, ",\"part\":");
    add_part(out, text);
    end_event(out);
}

static void delta_event(struct buf *out, struct state *s)
{
    struct str token = {s->rest.p, text_token(s->rest)};

    s->rest = str_skip(s->rest, token.len);
    begin_content_event(out, s,
                        is_call(s) ? "response.function_call_arguments.delta"
                                   : "response.output_text.delta");
    buf_cstr(out, ",\"delta\":");
    buf_json(out, token);
    buf_cstr(out, is_call(s) ? "" : ",\"logprobs\":[]");
    end_event(out);
}

static void content_done_event(struct buf *out, struct state *s)
{
    if (is_call(s)) {
        begin_content_event(out, s, "response.function_call_arguments.done");
        buf_cstr(out, ",\"name\":");
        buf_json(out, s->speech.tool);
        buf_cstr(out, ",\"arguments\":");
        buf_json(out, s->speech.text);
    } else {
        begin_content_event(out, s, "response.output_text.done");
        buf_cstr(out, ",\"text\":");
        buf_json(out, s->speech.text);
        buf_cstr(out, ",\"logprobs\":[]");
    }
    end_event(out);
}

/* The step that follows; a call has no parts. */
static enum step following(const struct state *s)
{
    if (s->step == STEP_ITEM_ADDED && is_call(s))
        return STEP_DELTA;
    if (s->step == STEP_CONTENT_DONE && is_call(s))
        return STEP_ITEM_DONE;
    return s->step + 1;
}

static bool responses_next(struct answer *a, struct buf *out)
{
    struct state *s = a->state;

    if (s->step == STEP_DELTA && s->rest.len == 0)
        s->step = STEP_CONTENT_DONE;
    switch (s->step) {
    case STEP_CREATED:
        response_event(out, s, "response.created", false);
        break;
    case STEP_IN_PROGRESS:
        response_event(out, s, "response.in_progress", false);
        break;
    case STEP_ITEM_ADDED:
        item_event(out, s, "response.output_item.added", false);
        break;
    case STEP_PART_ADDED:
        part_event(out, s, "response.content_part.added", STR(""));
        break;
    case STEP_DELTA:
        delta_event(out, s);
        return true;
    case STEP_CONTENT_DONE:
        content_done_event(out, s);
        break;
    case STEP_PART_DONE:
        part_event(out, s, "response.content_part.done", s->speech.text);
        break;
    case STEP_ITEM_DONE:
        item_event(out, s, "response.output_item.done", true);
        break;
    case STEP_COMPLETED:
        response_event(out, s, s->speech.too_long ? "response.incomplete" : "response.completed",
                       true);
        break;
    case STEP_END:
        return false;
    }
    s->step = following(s);
    return true;
}

/* --- requests --- */

static void read_input(struct mock_call *call, const struct json *input, struct speech_input *in)
{
    struct str instructions = json_str(json_get(call->body, "instructions"));

    in->prompt_tokens = text_count(instructions);
    if (input->type != JSON_ARRAY) {
        in->last_user = json_str(input);
        in->prompt_tokens += text_count(in->last_user);
        return;
    }
    for (const struct json *item = input->child; item != NULL; item = item->next) {
        struct str role = json_str(json_get(item, "role"));
        struct str text = answer_content_text(call->arena, json_get(item, "content"));

        in->tool_answered = str_eq(json_str(json_get(item, "type")), STR("function_call_output"));
        if (in->tool_answered)
            text = answer_content_text(call->arena, json_get(item, "output"));
        in->prompt_tokens += text_count(text);
        if (str_eq(role, STR("user")) || in->tool_answered)
            in->last_user = text;
    }
}

static void read_tool(const struct json *body, struct speech_input *in)
{
    const struct json *tools = json_get(body, "tools");

    for (const struct json *t = tools != NULL ? tools->child : NULL; t != NULL; t = t->next) {
        if (!str_eq(json_str(json_get(t, "type")), STR("function")))
            continue;
        in->tool = json_str(json_get(t, "name"));
        in->tool_schema = json_get(t, "parameters");
        return;
    }
}

static void read_format(const struct json *body, struct speech_input *in)
{
    const struct json *format = json_get(json_get(body, "text"), "format");
    struct str type = json_str(json_get(format, "type"));

    in->wants_json = str_eq(type, STR("json_object"));
    if (str_eq(type, STR("json_schema")))
        in->schema = json_get(format, "schema");
}

void responses_answer(struct mock_call *call)
{
    const struct json *input = json_get(call->body, "input");
    struct speech_input in = {.model = call->model, .max_tokens = UINT64_MAX};
    struct answer *a = call->answer;
    struct state *s;
    bool stream = false;

    if (input == NULL || (input->type != JSON_ARRAY && input->type != JSON_STRING)) {
        answer_error(a, 400, "missing_required_parameter", "input",
                     "input must be a string or an array of items.");
        return;
    }
    read_input(call, input, &in);
    read_tool(call->body, &in);
    read_format(call->body, &in);
    (void)json_u64(json_get(call->body, "max_output_tokens"), &in.max_tokens); /* absent: none */
    in.effort = json_str(json_get(json_get(call->body, "reasoning"), "effort"));
    (void)json_bool(json_get(call->body, "stream"), &stream);
    s = arena_zalloc(call->arena, sizeof(*s));
    s->call = *call;
    s->created = clock_real_ms() / 1000;
    speech_make(call->arena, &in, &s->speech);
    if (!stream) {
        add_response(a->body, s, true);
        return;
    }
    s->rest = s->speech.text;
    a->content_type = "text/event-stream; charset=utf-8";
    a->next = responses_next;
    a->state = s;
    a->gap_ms = call->model.gap_ms;
}
