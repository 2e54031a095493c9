#include <stdlib.h>

#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/reasoning.h"
#include "providers/schema.h"
#include "providers/write.h"

#define MAX_TOKENS_DEFAULT 4096 /* where neither the client nor the catalogue says */
#define BUDGET_MIN 1024         /* less is refused */

/* What is decided before anything is written. */
struct plan {
    uint64_t max_tokens;
    enum { THINK_UNSET, THINK_OFF, THINK_BUDGET, THINK_ADAPTIVE } thinking;
    int64_t budget;
    const char *effort; /* of output_config; NULL: none */
};

/* A raw number's value; 0 for what is none. */
static double value_of(struct str raw)
{
    char text[40];
    size_t len = min_u64(raw.len, sizeof(text) - 1);

    if (len > 0)
        memcpy(text, raw.p, len);
    text[len] = '\0';
    return strtod(text, NULL);
}

/* --- thinking --- */

/* Anthropic has no "minimal". */
static const char *effort_name(enum chat_effort e)
{
    if (e == EFFORT_UNSET || e == EFFORT_NONE)
        return NULL;
    return reasoning_name(e == EFFORT_MINIMAL ? EFFORT_LOW : e);
}

static void plan_adaptive(struct anthropic_out *o, struct plan *p)
{
    const struct chat_reasoning *r = &o->chat->reasoning;

    if (r->effort == EFFORT_NONE || r->budget == 0) {
        p->thinking = THINK_OFF;
        return;
    }
    p->thinking = THINK_ADAPTIVE;
    if (r->effort == EFFORT_UNSET && r->adaptive)
        return;
    p->effort = effort_name(reasoning_effort(r));
    if (r->effort == EFFORT_MINIMAL || (r->effort == EFFORT_UNSET && r->budget != BUDGET_UNSET))
        loss_change(o->loss, STR("reasoning_effort"));
}

static void plan_budget(struct anthropic_out *o, struct plan *p)
{
    struct chat_reasoning r = o->chat->reasoning;
    bool is_off = r.effort == EFFORT_NONE || r.budget == 0;

    if (is_off) {
        p->thinking = THINK_OFF;
        return;
    }
    if (r.budget == BUDGET_UNSET || r.budget < 0) { /* its own table of efforts */
        r.effort = reasoning_effort(&o->chat->reasoning);
        r.budget = BUDGET_UNSET;
    }
    if (o->chat->max_tokens == 0 && o->target->max_output == 0)
        p->max_tokens += (uint64_t)reasoning_budget(&r, 0); /* thinking counts as answer */
    p->budget = reasoning_budget(&r, p->max_tokens);
    if (p->budget > 0 && p->budget < BUDGET_MIN && p->max_tokens > BUDGET_MIN)
        p->budget = BUDGET_MIN;
    if (p->budget != reasoning_budget(&r, 0))
        loss_change(o->loss, STR("reasoning_effort"));
    p->thinking = p->budget >= BUDGET_MIN ? THINK_BUDGET : THINK_OFF;
    if (p->thinking == THINK_BUDGET && anthropic_turn_lacks_thinking(o->chat)) {
        /* Anthropic would answer 400: "expected `thinking`, but found `tool_use`" */
        p->thinking = THINK_OFF;
        loss_change(o->loss, STR("reasoning_effort"));
    }
}

/* From this dialect: thinking and effort are told apart, and stay so. */
static void plan_home(struct anthropic_out *o, struct plan *p)
{
    const struct chat_reasoning *r = &o->chat->reasoning;

    if (r->effort == EFFORT_NONE)
        p->thinking = THINK_OFF;
    else if (r->adaptive)
        p->thinking = THINK_ADAPTIVE;
    else if (r->budget != BUDGET_UNSET)
        p->thinking = THINK_BUDGET;
    p->budget = r->budget;
    p->effort = effort_name(r->effort);
    if (p->thinking == THINK_BUDGET && (o->target->model_flags & MODEL_ADAPTIVE) != 0) {
        loss_change(o->loss, STR("thinking.budget_tokens"));
        p->thinking = THINK_ADAPTIVE;
        if (p->effort == NULL)
            p->effort = effort_name(reasoning_effort(r));
    }
}

static void plan_thinking(struct anthropic_out *o, struct plan *p)
{
    const struct chat_reasoning *r = &o->chat->reasoning;
    uint32_t flags = o->target->model_flags;

    if (!reasoning_is_set(r))
        return;
    if ((flags & MODEL_KNOWN) != 0 && (flags & (MODEL_REASONING | MODEL_ADAPTIVE)) == 0) {
        if (reasoning_effort(r) != EFFORT_NONE)
            loss_drop(o->loss, STR("reasoning_effort"));
    } else if (o->is_home) {
        plan_home(o, p);
    } else if ((flags & MODEL_ADAPTIVE) != 0) {
        plan_adaptive(o, p);
    } else {
        plan_budget(o, p);
    }
    if (r->summary.len > 0 && !text_is(r->summary, "auto"))
        loss_drop(o->loss, STR("reasoning.summary"));
}

static void make_plan(struct anthropic_out *o, struct plan *p)
{
    uint64_t max_output = o->target->max_output;

    p->max_tokens = o->chat->max_tokens;
    if (p->max_tokens == 0)
        p->max_tokens = max_output > 0 ? max_output : MAX_TOKENS_DEFAULT;
    if (max_output > 0 && p->max_tokens > max_output) {
        p->max_tokens = max_output;
        loss_change(o->loss, STR("max_tokens"));
    }
    plan_thinking(o, p);
}

static void write_thinking(struct anthropic_out *o, const struct plan *p)
{
    static const char *const types[] = {
        [THINK_OFF] = "disabled", [THINK_BUDGET] = "enabled", [THINK_ADAPTIVE] = "adaptive"};
    enum chat_three show = o->chat->reasoning.show;

    if (p->thinking == THINK_UNSET)
        return;
    if (show == UNSET && o->chat->reasoning.summary.len > 0) /* newer models show none unasked */
        show = YES;
    write_key(o->b, "thinking");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", types[p->thinking]);
    if (p->thinking == THINK_BUDGET)
        write_member_u64(o->b, "budget_tokens", (uint64_t)p->budget);
    if (p->thinking != THINK_OFF && show != UNSET)
        write_member_cstr(o->b, "display", show == YES ? "summarized" : "omitted");
    write_close(o->b, '}');
}

/* --- output --- */

static bool has_schema(struct anthropic_out *o)
{
    const struct chat *chat = o->chat;

    if (chat->format == FORMAT_SCHEMA && chat->format_schema.len > 0 &&
        (o->target->quirks & QUIRK_NO_SCHEMA) == 0) {
        if (chat->format_description.len > 0)
            loss_drop(o->loss, STR("response_format.description"));
        return true;
    }
    /* there is no mode for "some JSON": only the prompt can ask for it */
    if (chat->format >= FORMAT_JSON)
        loss_drop(o->loss, STR("response_format"));
    return false;
}

static void write_output(struct anthropic_out *o, const struct plan *p)
{
    bool is_schema = has_schema(o);
    struct str schema = o->chat->format_schema;

    if (!is_schema && p->effort == NULL)
        return;
    write_key(o->b, "output_config");
    write_open(o->b, '{');
    if (p->effort != NULL)
        write_member_cstr(o->b, "effort", p->effort);
    if (is_schema) {
        if (!o->is_home)
            schema = schema_normalise(o->c, schema, SCHEMA_ANTHROPIC_STRICT, o->loss,
                                      STR("response_format.json_schema"));
        write_key(o->b, "format");
        write_open(o->b, '{');
        write_member_cstr(o->b, "type", "json_schema");
        write_member_raw(o->b, "schema", schema);
        write_close(o->b, '}');
    }
    write_close(o->b, '}');
}

/* --- sampling --- */

/* What the model or its thinking leaves to the client. */
struct freedom {
    bool is_thinking, is_fixed;
};

static void write_temperature(struct anthropic_out *o, struct freedom f)
{
    struct str raw = o->chat->temperature;
    double t = value_of(raw);

    if (raw.len == 0)
        return;
    if (f.is_thinking || f.is_fixed) {
        if (t < 1 || t > 1)
            loss_drop(o->loss, STR("temperature"));
    } else if (t < 0 || t > 1) {
        loss_change(o->loss, STR("temperature"));
        write_member_u64(o->b, "temperature", t > 1);
    } else {
        write_member_raw(o->b, "temperature", raw);
    }
}

/* Thinking takes 0.95 and more; newer models take temperature or top_p, not both. */
static void write_top_p(struct anthropic_out *o, struct freedom f)
{
    const struct chat *chat = o->chat;
    double top_p = value_of(chat->top_p);
    bool is_second = !o->is_home && !f.is_thinking && chat->temperature.len > 0;

    if (chat->top_p.len == 0)
        return;
    if (f.is_fixed || is_second || (f.is_thinking && top_p < 0.95)) {
        if (top_p < 1)
            loss_drop(o->loss, STR("top_p"));
    } else {
        write_member_raw(o->b, "top_p", chat->top_p);
    }
}

static void write_sampling(struct anthropic_out *o, const struct plan *p)
{
    struct freedom f = {
        .is_thinking = p->thinking == THINK_BUDGET || p->thinking == THINK_ADAPTIVE,
        .is_fixed = (o->target->quirks & QUIRK_NO_PENALTY_THINKING) != 0 ||
                    (o->target->model_flags & MODEL_ADAPTIVE) != 0,
    };

    write_temperature(o, f);
    write_top_p(o, f);
    if (o->chat->top_k.len > 0 && (f.is_thinking || f.is_fixed))
        loss_drop(o->loss, STR("top_k"));
    else
        write_raw_if(o->b, "top_k", o->chat->top_k);
}

static bool has_ink(struct str escaped)
{
    for (size_t i = 0; i < escaped.len; i++) {
        if (escaped.p[i] == '\\' && i + 1 < escaped.len && memchr("nrt", escaped.p[i + 1], 3))
            i++;
        else if (escaped.p[i] != ' ')
            return true;
    }
    return false;
}

/* Stop sequences of blanks alone are refused. */
static void write_stops(struct anthropic_out *o)
{
    bool any = false;

    for (const struct chat_text_list *s = o->chat->stops; s != NULL; s = s->next) {
        if (!has_ink(s->text)) {
            loss_change(o->loss, STR("stop"));
            continue;
        }
        if (!any) {
            write_key(o->b, "stop_sequences");
            write_open(o->b, '[');
        }
        any = true;
        write_text(o->b, s->text);
    }
    if (any)
        write_close(o->b, ']');
}

static void write_tier(struct anthropic_out *o)
{
    struct str tier = o->chat->service_tier;

    if (tier.len == 0)
        return;
    if (text_is(tier, "auto"))
        write_member_cstr(o->b, "service_tier", "auto");
    else if (text_is(tier, "default"))
        write_member_cstr(o->b, "service_tier", "standard_only");
    else if (o->is_home)
        write_member_text(o->b, "service_tier", tier);
    else
        loss_drop(o->loss, STR("service_tier"));
}

/* A field at the top, and its value, as a client of Anthropic's wrote them. */
static bool is_own_extra(const struct anthropic_out *o, const struct chat_extra *x)
{
    return o->is_home && x->raw.len > 0 && str_index(x->name, '.') < 0;
}

static void write_extras(struct anthropic_out *o)
{
    for (const struct chat_extra *x = o->chat->extras; x != NULL; x = x->next) {
        if (!is_own_extra(o, x)) {
            if (!o->is_home || str_starts(x->name, STR("metadata.")) ||
                str_starts(x->name, STR("output_config.")) || str_starts(x->name, STR("thinking.")))
                loss_drop(o->loss, x->name); /* what is within raw blocks went with them */
            continue;
        }
        if (str_eq(x->name, STR("max_tokens")))
            continue;
        write_plain(o->b, x->name);
        buf_char(o->b, ':');
        buf_str(o->b, x->raw);
    }
}

static bool fills_cache_only(const struct anthropic_out *o)
{
    for (const struct chat_extra *x = o->chat->extras; x != NULL; x = x->next) {
        if (is_own_extra(o, x) && str_eq(x->name, STR("max_tokens")))
            return true;
    }
    return false;
}

/* --- all of it --- */

static void write_head(struct anthropic_out *o)
{
    uint32_t quirks = o->target->quirks;

    if ((quirks & QUIRK_VERTEX) != 0)
        write_member_cstr(o->b, "anthropic_version", ANTHROPIC_VERTEX_VERSION);
    else if ((quirks & QUIRK_INVOKE) != 0)
        write_member_cstr(o->b, "anthropic_version", ANTHROPIC_BEDROCK_VERSION);
    else {
        write_key(o->b, "model");
        write_plain(o->b, o->target->model);
    }
}

int anthropic_encode_request(const struct chat_codec *c, const struct chat *chat,
                             const struct chat_target *target, struct chat_loss *loss,
                             struct buf *out, struct chat_error *err)
{
    struct anthropic_out o = {.c = c, .chat = chat, .target = target, .loss = loss, .b = out};
    struct plan p = {.thinking = THINK_UNSET};

    (void)err; /* all that cannot be said here can be left out */
    o.is_home = chat->from == DIALECT_ANTHROPIC;
    make_plan(&o, &p);
    write_open(out, '{');
    write_head(&o);
    write_member_u64(out, "max_tokens", fills_cache_only(&o) ? 0 : p.max_tokens);
    if (chat->stream && (target->quirks & QUIRK_INVOKE) == 0)
        write_member_bool(out, "stream", true);
    write_thinking(&o, &p);
    write_output(&o, &p);
    write_sampling(&o, &p);
    write_stops(&o);
    write_tier(&o);
    if (chat->user.len > 0) {
        write_key(out, "metadata");
        write_open(out, '{');
        write_member_text(out, "user_id", chat->user);
        write_close(out, '}');
    }
    loss_unsaid(loss, chat, SAID_USER);
    write_extras(&o);
    anthropic_write_tool_choice(&o, p.thinking == THINK_BUDGET || p.thinking == THINK_ADAPTIVE);
    anthropic_write_tools(&o);
    anthropic_write_system(&o);
    anthropic_write_messages(&o);
    write_close(out, '}');
    return 0;
}

int anthropic_encode_count(const struct chat_codec *c, const struct chat *chat,
                           const struct chat_target *target, struct chat_loss *loss,
                           struct buf *out, struct chat_error *err)
{
    struct anthropic_out o = {.c = c, .chat = chat, .target = target, .loss = loss, .b = out};
    struct plan p = {.thinking = THINK_UNSET};

    (void)err;
    o.is_home = chat->from == DIALECT_ANTHROPIC;
    make_plan(&o, &p);
    write_open(out, '{');
    write_head(&o);
    write_thinking(&o, &p);
    write_output(&o, &p);
    anthropic_write_tool_choice(&o, p.thinking == THINK_BUDGET || p.thinking == THINK_ADAPTIVE);
    anthropic_write_tools(&o);
    anthropic_write_system(&o);
    anthropic_write_messages(&o);
    write_close(out, '}');
    return 0;
}
