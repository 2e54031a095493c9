/*
 * A neutral request as one of the Responses API: its top-level fields. `input` comes last.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"
#include "providers/reasoning.h"
#include "providers/schema.h"
#include "providers/write.h"

#define MAX_TOKENS_MIN 16 /* the API refuses less */
#define TOP_LOGPROBS_MAX 20

static bool is_home(const struct responses_out *o)
{
    return o->chat->from == DIALECT_RESPONSES;
}

static bool has_quirk(const struct responses_out *o, uint32_t quirk)
{
    return (o->target->quirks & quirk) != 0;
}

static bool has_flag(const struct responses_out *o, uint32_t flag)
{
    return (o->target->model_flags & flag) != 0;
}

/* A neutral field that this wire has no place for. */
static void drop_if(const struct responses_out *o, struct str value, struct str name)
{
    if (value.len > 0)
        loss_drop(o->loss, name);
}

void responses_drop(const struct responses_out *o, struct str place, struct str name)
{
    loss_drop(o->loss, arena_concat(o->c->arena, (struct str[]){place, STR("."), name}, 3));
}

/* --- tools --- */

/* OpenAI's chat completions nest what stands flat here. */
static void put_freeform_tool(const struct responses_out *o, const struct chat_tool *t)
{
    struct buf *out = o->out;
    struct json_error err;
    const struct json *root = json_parse_raw(o->c->json, o->c->scratch, t->raw, &err);
    const struct json *custom = json_get(root, "custom");
    const struct json *grammar = json_get(json_get(custom, "format"), "grammar");

    write_open(out, '{');
    write_member_cstr(out, "type", "custom");
    write_member_text(out, "name", t->name);
    write_text_if(out, "description",
                  custom != NULL ? text_member(custom, "description") : t->description);
    if (grammar != NULL && grammar->type == JSON_OBJECT) {
        write_key(out, "format");
        write_open(out, '{');
        write_member_cstr(out, "type", "grammar");
        write_member_text(out, "syntax", text_member(grammar, "syntax"));
        write_member_text(out, "definition", text_member(grammar, "definition"));
        write_close(out, '}');
    }
    write_close(out, '}');
}

static void put_function(const struct responses_out *o, const struct chat_tool *t)
{
    struct buf *out = o->out;
    struct str schema =
        t->schema.len > 0 ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}");

    if (t->strict == YES && !has_quirk(o, QUIRK_NO_STRICT))
        schema = schema_normalise(o->c, schema, SCHEMA_OPENAI_STRICT, o->loss, STR("tools"));
    write_open(out, '{');
    write_member_cstr(out, "type", "function");
    write_member_text(out, "name", t->name);
    write_text_if(out, "description", t->description);
    write_member_raw(out, "parameters", schema);
    /* Left out, it would mean true here, and false everywhere else. */
    if (!has_quirk(o, QUIRK_NO_STRICT))
        write_member_bool(out, "strict", t->strict == YES);
    else if (t->strict == YES)
        loss_drop(o->loss, STR("strict"));
    write_close(out, '}');
}

static bool is_choice(const struct responses_out *o, const struct chat_tool *t)
{
    return o->chat->tool_choice == CHOICE_NAMED && str_eq(t->name, o->chat->tool_name);
}

/* False: this API has no such tool. */
static bool put_builtin(const struct responses_out *o, const struct chat_tool *t)
{
    switch (t->builtin) {
    case BUILTIN_WEB_SEARCH:
        write_raw(o->out, STR("{\"type\":\"web_search\"}"));
        break;
    case BUILTIN_CODE:
        write_raw(o->out, STR("{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}"));
        break;
    case BUILTIN_IMAGE:
        write_raw(o->out, STR("{\"type\":\"image_generation\"}"));
        break;
    default:
        return false;
    }
    loss_change(o->loss, STR("tools")); /* its settings are its vendor's */
    return true;
}

static void put_tools(const struct responses_out *o)
{
    if (o->chat->tools == NULL)
        return;
    write_key(o->out, "tools");
    write_open(o->out, '[');
    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (is_home(o) && t->raw.len > 0)
            write_raw(o->out, t->raw);
        else if (t->is_freeform)
            put_freeform_tool(o, t);
        else if (t->builtin == BUILTIN_NONE)
            put_function(o, t);
        else if (!put_builtin(o, t))
            responses_drop(o, STR("tools"), t->name);
    }
    write_close(o->out, ']');
}

static void put_choice(const struct responses_out *o)
{
    static const char *const words[] = {
        [CHOICE_AUTO] = "auto",
        [CHOICE_NONE] = "none",
        [CHOICE_REQUIRED] = "required",
    };
    const struct chat *chat = o->chat;
    const char *type = "function";

    if (chat->tool_choice == CHOICE_UNSET)
        return;
    if (chat->tool_choice != CHOICE_NAMED) {
        bool is_any = chat->tool_choice == CHOICE_REQUIRED && has_quirk(o, QUIRK_TOOL_ANY);

        write_member_cstr(o->out, "tool_choice", is_any ? "any" : words[chat->tool_choice]);
        return;
    }
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        if (is_choice(o, t) && t->is_freeform)
            type = "custom";
    }
    write_key(o->out, "tool_choice");
    write_open(o->out, '{');
    write_member_cstr(o->out, "type", type);
    write_member_text(o->out, "name", chat->tool_name);
    write_close(o->out, '}');
}

/* --- text and reasoning --- */

static void put_schema(struct buf *out, const struct chat *chat)
{
    write_member_cstr(out, "type", "json_schema");
    write_member_text(out, "name", chat->format_name.len > 0 ? chat->format_name : STR("answer"));
    write_text_if(out, "description", chat->format_description);
    write_member_raw(out, "schema", chat->format_schema);
    if (chat->format_strict != UNSET)
        write_member_bool(out, "strict", chat->format_strict == YES);
}

void responses_put_text(struct buf *out, const struct chat *chat, bool has_schema)
{
    write_open(out, '{');
    if (chat->format != FORMAT_UNSET && chat->format != FORMAT_GRAMMAR) {
        write_key(out, "format");
        write_open(out, '{');
        if (chat->format == FORMAT_SCHEMA && has_schema)
            put_schema(out, chat);
        else
            write_member_cstr(out, "type", chat->format == FORMAT_TEXT ? "text" : "json_object");
        write_close(out, '}');
    }
    write_text_if(out, "verbosity", chat->verbosity);
    write_close(out, '}');
}

static void put_text(const struct responses_out *o)
{
    const struct chat *chat = o->chat;
    bool has_schema = !has_quirk(o, QUIRK_NO_SCHEMA);
    struct chat said = *chat;

    if (chat->format == FORMAT_GRAMMAR)
        loss_drop(o->loss, STR("response_format"));
    if (chat->format == FORMAT_SCHEMA && !has_schema)
        loss_change(o->loss, STR("response_format"));
    if ((chat->format == FORMAT_UNSET || chat->format == FORMAT_GRAMMAR) &&
        chat->verbosity.len == 0)
        return;
    write_key(o->out, "text");
    if (chat->format == FORMAT_SCHEMA && chat->format_strict == YES && has_schema && !is_home(o))
        said.format_schema = schema_normalise(o->c, chat->format_schema, SCHEMA_OPENAI_STRICT,
                                              o->loss, STR("response_format"));
    responses_put_text(o->out, &said, has_schema);
}

/* Does the model think, as far as can be told without looking at the messages? */
static bool is_thinking(const struct responses_out *o)
{
    enum chat_effort effort = reasoning_effort(&o->chat->reasoning);

    if (has_flag(o, MODEL_KNOWN))
        return has_flag(o, MODEL_REASONING);
    return has_flag(o, MODEL_REASONING) || (effort != EFFORT_UNSET && effort != EFFORT_NONE);
}

static void put_reasoning(const struct responses_out *o)
{
    const struct chat_reasoning *r = &o->chat->reasoning;
    enum chat_effort effort = reasoning_effort(r);
    bool is_shown = r->show == YES;

    if (effort == EFFORT_UNSET && !is_shown && r->summary.len == 0)
        return;
    if (has_quirk(o, QUIRK_NO_REASONING) ||
        (has_flag(o, MODEL_KNOWN) && !has_flag(o, MODEL_REASONING))) {
        if (effort != EFFORT_NONE)
            loss_drop(o->loss, STR("reasoning"));
        return;
    }
    if (r->budget != BUDGET_UNSET && r->budget != 0)
        loss_change(o->loss, STR("thinking_budget"));
    write_key(o->out, "reasoning");
    write_open(o->out, '{');
    if (effort != EFFORT_UNSET)
        write_member_cstr(o->out, "effort", reasoning_name(effort));
    if (r->summary.len > 0)
        write_member_text(o->out, "summary", r->summary);
    else if (is_shown && effort != EFFORT_NONE)
        write_member_cstr(o->out, "summary", "auto");
    write_close(o->out, '}');
}

/* --- numbers and names --- */

static void put_max_tokens(const struct responses_out *o)
{
    uint64_t n = o->chat->max_tokens;

    if (n == 0)
        return;
    n = max_u64(n, MAX_TOKENS_MIN);
    if (o->target->max_output > 0)
        n = min_u64(n, max_u64(o->target->max_output, MAX_TOKENS_MIN));
    if (n != o->chat->max_tokens)
        loss_change(o->loss, STR("max_tokens"));
    write_member_u64(o->out, "max_output_tokens", n);
}

static void put_top_logprobs(const struct responses_out *o)
{
    uint64_t n;

    if (o->chat->top_logprobs.len == 0)
        return;
    if (json_raw_u64(o->chat->top_logprobs, &n) && n > TOP_LOGPROBS_MAX) {
        loss_change(o->loss, STR("top_logprobs"));
        write_member_u64(o->out, "top_logprobs", TOP_LOGPROBS_MAX);
        return;
    }
    write_member_raw(o->out, "top_logprobs", o->chat->top_logprobs);
}

static void put_sampling(const struct responses_out *o)
{
    const struct chat *chat = o->chat;
    bool is_refused = has_quirk(o, QUIRK_NO_PENALTY_THINKING) && has_flag(o, MODEL_REASONING) &&
                      reasoning_effort(&chat->reasoning) != EFFORT_NONE;

    if (is_refused) {
        drop_if(o, chat->temperature, STR("temperature"));
        drop_if(o, chat->top_p, STR("top_p"));
    } else {
        write_raw_if(o->out, "temperature", chat->temperature);
        write_raw_if(o->out, "top_p", chat->top_p);
    }
    if (is_refused || has_quirk(o, QUIRK_NO_LOGPROBS))
        drop_if(o, chat->top_logprobs, STR("top_logprobs"));
    else
        put_top_logprobs(o);
    drop_if(o, chat->top_k, STR("top_k"));
    drop_if(o, chat->min_p, STR("min_p"));
    drop_if(o, chat->presence_penalty, STR("presence_penalty"));
    drop_if(o, chat->frequency_penalty, STR("frequency_penalty"));
    drop_if(o, chat->repetition_penalty, STR("repetition_penalty"));
    drop_if(o, chat->seed, STR("seed"));
    drop_if(o, chat->logit_bias, STR("logit_bias"));
    if (chat->stops != NULL)
        loss_drop(o->loss, STR("stop"));
    if (chat->n > 1)
        loss_drop(o->loss, STR("n"));
}

static void put_tier(const struct responses_out *o)
{
    static const char *const tiers[] = {"auto",  "default", "flex",     "priority",
                                        "scale", "fast",    "ultrafast"};
    struct str tier = o->chat->service_tier;
    bool is_known = is_home(o);

    for (size_t i = 0; i < ARRAY_LEN(tiers); i++)
        is_known |= text_is(tier, tiers[i]);
    if (is_known && !has_quirk(o, QUIRK_NO_SERVICE_TIER))
        write_text_if(o->out, "service_tier", tier);
    else
        drop_if(o, tier, STR("service_tier"));
}

static void put_names(const struct responses_out *o)
{
    const struct chat *chat = o->chat;

    if (has_quirk(o, QUIRK_NO_USER))
        drop_if(o, chat->user, STR("user"));
    else
        write_text_if(o->out, "user", chat->user);
    put_tier(o);
    if (has_quirk(o, QUIRK_NO_STORAGE)) {
        drop_if(o, chat->metadata, STR("metadata"));
        drop_if(o, chat->cache_key, STR("prompt_cache_key"));
        return;
    }
    write_raw_if(o->out, "metadata", chat->metadata);
    write_text_if(o->out, "prompt_cache_key", chat->cache_key);
}

/*
 * Who comes from another dialect cannot refer to what is stored, so nothing is: and then encrypted
 * reasoning must be asked for, or the next turn of a tool loop would be without it. A model that does
 * not think refuses the question.
 */
static void put_storage(const struct responses_out *o)
{
    const struct chat *chat = o->chat;
    bool has_logprobs = chat->logprobs == YES && !has_quirk(o, QUIRK_NO_LOGPROBS);
    bool has_sealed = is_thinking(o) && !has_quirk(o, QUIRK_NO_REASONING) && chat->store != YES;

    if (chat->store != UNSET || !is_home(o))
        write_member_bool(o->out, "store", chat->store == YES);
    if (chat->logprobs == YES && !has_logprobs)
        loss_drop(o->loss, STR("logprobs"));
    if (!has_logprobs && !has_sealed)
        return;
    write_key(o->out, "include");
    write_open(o->out, '[');
    if (has_sealed)
        write_cstr(o->out, "reasoning.encrypted_content");
    if (has_logprobs)
        write_cstr(o->out, "message.output_text.logprobs");
    write_close(o->out, ']');
}

/* A free-form tool's grammar has no neutral place, but put_tools has written it. */
static bool is_format_said(const struct responses_out *o, const struct chat_extra *x)
{
    return (is_home(o) && str_eq(x->name, STR("tools.format"))) ||
           (o->chat->from == DIALECT_OPENAI && str_eq(x->name, STR("tools.custom.format")));
}

/* What has no meaning here goes back to its own dialect only, and only what was a field at the top. */
static void put_extras(const struct responses_out *o)
{
    for (const struct chat_extra *x = o->chat->extras; x != NULL; x = x->next) {
        bool is_top = x->raw.len > 0 && x->name.len < 64 && str_index(x->name, '.') < 0 &&
                      str_index(x->name, '"') < 0 && str_index(x->name, '\\') < 0;

        if (is_format_said(o, x))
            continue;
        if (!is_home(o) || !is_top ||
            (str_eq(x->name, STR("tool_choice")) && o->chat->tool_choice != CHOICE_UNSET)) {
            loss_drop(o->loss, x->name);
            continue;
        }
        write_plain(o->out, x->name);
        buf_char(o->out, ':');
        buf_str(o->out, x->raw);
    }
}

int responses_encode_request(const struct chat_codec *c, const struct chat *chat,
                             const struct chat_target *target, struct chat_loss *loss,
                             struct buf *out, struct chat_error *err)
{
    struct responses_out o = {c, chat, target, loss, out, err};
    struct str instructions = responses_instructions(chat);

    write_open(out, '{');
    write_key(out, "model");
    write_plain(out, target->model);
    if (chat->stream)
        write_member_bool(out, "stream", true);
    if (instructions.p != NULL)
        write_member_text(out, "instructions", instructions);
    put_tools(&o);
    put_choice(&o);
    if (chat->parallel_tools != UNSET && !has_quirk(&o, QUIRK_NO_PARALLEL))
        write_member_bool(out, "parallel_tool_calls", chat->parallel_tools == YES);
    else if (chat->parallel_tools == NO)
        loss_drop(loss, STR("parallel_tool_calls"));
    put_text(&o);
    put_reasoning(&o);
    put_max_tokens(&o);
    put_sampling(&o);
    put_names(&o);
    put_storage(&o);
    put_extras(&o);
    write_key(out, "input");
    if (responses_encode_input(&o) != 0)
        return -1;
    write_close(out, '}');
    return 0;
}
