/*
 * bedrock_ask - what is asked of a model in the words of its own vendor (additionalModelRequestFields):
 * thinking, top_k, Claude's own tools: bedrock.h.
 */
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/dialects/bedrock.h"
#include "providers/reasoning.h"
#include "providers/write.h"

#define BUDGET_MIN 1024     /* Claude's */
#define BUDGET_DYNAMIC 8192 /* for a model that cannot choose it itself; "medium" of the table */

void bedrock_lazy_key(struct bedrock_lazy *l, const char *key)
{
    if (!l->is_open) {
        write_key(l->b, l->key);
        write_open(l->b, '{');
        l->is_open = true;
    }
    write_key(l->b, key);
}

void bedrock_lazy_close(struct bedrock_lazy *l)
{
    if (l->is_open)
        write_close(l->b, '}');
}

/* --- thinking --- */

static bool can_think(const struct bedrock_out *o)
{
    uint32_t flags = o->target->model_flags;

    return (flags & MODEL_KNOWN) == 0 || (flags & MODEL_REASONING) != 0;
}

/* The client tells thinking and effort apart, as Claude does. */
static bool speaks_claude(const struct bedrock_out *o)
{
    return o->chat->from == DIALECT_BEDROCK || o->chat->from == DIALECT_ANTHROPIC;
}

static int64_t claude_budget(const struct bedrock_out *o)
{
    struct chat_reasoning r = o->chat->reasoning;

    if (r.budget < 0 && r.budget != BUDGET_UNSET)
        r.budget = BUDGET_UNSET;
    r.adaptive = false;
    if (!reasoning_is_set(&r))
        r.budget = BUDGET_DYNAMIC;
    return reasoning_budget(&r, o->chat->max_tokens);
}

enum bedrock_thinking bedrock_thinking(const struct bedrock_out *o)
{
    const struct chat_reasoning *r = &o->chat->reasoning;
    uint32_t flags = o->target->model_flags;
    bool effort_only = r->effort != EFFORT_UNSET && r->budget == BUDGET_UNSET && !r->adaptive;

    if (o->family != FAMILY_CLAUDE || !reasoning_is_set(r) || !can_think(o))
        return THINK_UNSAID;
    if ((effort_only && r->effort == EFFORT_NONE) || r->budget == 0)
        return THINK_OFF;
    if (effort_only && speaks_claude(o))
        return THINK_UNSAID; /* an effort alone does not turn it on */
    if ((flags & MODEL_ADAPTIVE) != 0 || (r->adaptive && (flags & MODEL_KNOWN) == 0))
        return THINK_ADAPTIVE;
    /* Claude answers 400 when a turn that calls tools does not begin with its own thinking */
    if (!speaks_claude(o) && anthropic_turn_lacks_thinking(o->chat))
        return THINK_OFF;
    return claude_budget(o) > 0 ? THINK_BUDGET : THINK_OFF;
}

static void write_claude_thinking(struct bedrock_out *o, struct bedrock_lazy *fields)
{
    enum bedrock_thinking how = bedrock_thinking(o);
    int64_t budget = how == THINK_BUDGET ? claude_budget(o) : 0;

    if (how == THINK_UNSAID) {
        if (!can_think(o) && reasoning_effort(&o->chat->reasoning) > EFFORT_NONE)
            loss_drop(o->loss, STR("reasoning"));
        return;
    }
    bedrock_lazy_key(fields, "thinking");
    write_open(o->b, '{');
    write_member_cstr(o->b, "type",
                      how == THINK_OFF        ? "disabled"
                      : how == THINK_ADAPTIVE ? "adaptive"
                                              : "enabled");
    if (how == THINK_OFF && reasoning_effort(&o->chat->reasoning) > EFFORT_NONE)
        loss_drop(o->loss, STR("thinking")); /* no room for it below max_tokens, or none before */
    if (how == THINK_BUDGET) {
        if (budget < BUDGET_MIN ||
            (o->chat->reasoning.budget >= 0 && budget != o->chat->reasoning.budget))
            loss_change(o->loss, STR("thinking.budget_tokens"));
        write_member_u64(o->b, "budget_tokens", max_u64(BUDGET_MIN, (uint64_t)budget));
    }
    if (how == THINK_ADAPTIVE && o->chat->reasoning.budget > 0)
        loss_change(o->loss, STR("thinking.budget_tokens")); /* said as an effort */
    if (how != THINK_OFF && o->chat->reasoning.show != UNSET)
        write_member_cstr(o->b, "display",
                          o->chat->reasoning.show == YES ? "summarized" : "omitted");
    write_close(o->b, '}');
}

/* "low" to "high", for models that know no more. */
static const char *plain_effort(struct bedrock_out *o, enum chat_effort effort)
{
    enum chat_effort e = effort < EFFORT_LOW ? EFFORT_LOW : effort;

    e = e > EFFORT_HIGH ? EFFORT_HIGH : e;
    if (e != effort)
        loss_change(o->loss, STR("reasoning_effort"));
    return reasoning_name(e);
}

static void write_reasoning(struct bedrock_out *o, struct bedrock_lazy *fields)
{
    enum chat_effort effort = reasoning_effort(&o->chat->reasoning);

    if (effort == EFFORT_UNSET)
        return;
    if (o->family == FAMILY_CLAUDE) {
        write_claude_thinking(o, fields);
    } else if (o->family == FAMILY_NOVA2) {
        bedrock_lazy_key(fields, "reasoningConfig");
        write_open(o->b, '{');
        write_member_cstr(o->b, "type", effort == EFFORT_NONE ? "disabled" : "enabled");
        if (effort != EFFORT_NONE)
            write_member_cstr(o->b, "maxReasoningEffort", plain_effort(o, effort));
        write_close(o->b, '}');
    } else if (o->family == FAMILY_GPT) {
        bedrock_lazy_key(fields, "reasoning_effort");
        write_cstr(o->b, plain_effort(o, effort));
    } else if (effort != EFFORT_NONE) {
        loss_drop(o->loss, STR("reasoning"));
    }
    if (o->chat->reasoning.summary.len > 0)
        loss_drop(o->loss, STR("reasoning.summary"));
}

/* Claude's effort beside its thinking: where the client said it, or the model has nothing else. */
const char *bedrock_effort(const struct bedrock_out *o)
{
    const struct chat_reasoning *r = &o->chat->reasoning;
    enum bedrock_thinking how = bedrock_thinking(o);
    bool said =
        r->effort > EFFORT_NONE && (r->adaptive || r->budget != BUDGET_UNSET || speaks_claude(o));
    enum chat_effort effort = said ? r->effort : reasoning_effort(r);

    if (o->family != FAMILY_CLAUDE || how == THINK_OFF || !can_think(o))
        return NULL;
    if (!said && (how != THINK_ADAPTIVE || r->adaptive))
        return NULL;
    return reasoning_name(effort < EFFORT_LOW ? EFFORT_LOW : effort);
}

/* --- additionalModelRequestFields --- */

/* Claude's own tools, in the declaration of its vendor. */
bool bedrock_is_claude_tool(const struct bedrock_out *o, const struct chat_tool *t)
{
    bool is_home = o->chat->from == DIALECT_BEDROCK;

    if (o->family != FAMILY_CLAUDE || (!is_home && o->chat->from != DIALECT_ANTHROPIC))
        return false;
    if (t->builtin == BUILTIN_COMPUTER || t->builtin == BUILTIN_SHELL ||
        t->builtin == BUILTIN_EDITOR)
        return true;
    return is_home && t->builtin != BUILTIN_NONE && t->builtin != BUILTIN_OTHER &&
           !str_starts(t->name, STR("nova_"));
}

/* computer_20250124 wants the beta of its date; so did the others of the first generation. */
static struct str beta_of(const struct bedrock_out *o, const struct chat_tool *t)
{
    static const struct str first = {"20241022", 8};
    struct str date = t->name.len > 8 ? str_skip(t->name, t->name.len - 8) : STR_NONE;

    if (date.len == 0 || (t->builtin != BUILTIN_COMPUTER && !str_eq(date, first)))
        return STR_NONE;
    return arena_printf(o->c->arena, "computer-use-%.4s-%.2s-%.2s", date.p, date.p + 4, date.p + 6);
}

static void write_claude_tools(struct bedrock_out *o, struct bedrock_lazy *fields, bool has_beta)
{
    struct str beta = STR_NONE;
    size_t n = 0;

    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (!bedrock_is_claude_tool(o, t))
            continue;
        n++;
        if (beta.len == 0)
            beta = beta_of(o, t);
    }
    if (beta.len > 0 && !has_beta) {
        bedrock_lazy_key(fields, "anthropic_beta");
        write_open(o->b, '[');
        write_text(o->b, beta);
        write_close(o->b, ']');
    }
    if (n == 0)
        return;
    bedrock_lazy_key(fields, "tools");
    write_open(o->b, '[');
    for (const struct chat_tool *t = o->chat->tools; t != NULL; t = t->next) {
        if (bedrock_is_claude_tool(o, t))
            write_raw(o->b, t->raw);
    }
    write_close(o->b, ']');
}

/* At home, what was there for the model and has no meaning here. */
static bool write_own_fields(struct bedrock_out *o, struct bedrock_lazy *fields)
{
    bool has_beta = false;

    if (o->chat->from != DIALECT_BEDROCK)
        return false;
    for (const struct chat_extra *x = o->chat->extras; x != NULL; x = x->next) {
        struct str key = str_skip(x->name, sizeof(BEDROCK_FIELDS) - 1);

        if (!str_starts(x->name, STR(BEDROCK_FIELDS)) || x->raw.len == 0 ||
            str_index(key, '.') >= 0)
            continue;
        bedrock_lazy_key(fields, arena_cstr(o->c->arena, text_escape(o->c->arena, key)));
        buf_str(o->b, x->raw);
        has_beta = has_beta || str_eq(key, STR("anthropic_beta"));
    }
    return has_beta;
}

static void write_top_k(struct bedrock_out *o, struct bedrock_lazy *fields)
{
    struct str top_k = o->chat->top_k;

    if (top_k.len == 0)
        return;
    if (o->family == FAMILY_CLAUDE && !o->is_thinking) {
        bedrock_lazy_key(fields, "top_k");
        buf_str(o->b, top_k);
    } else if (o->family == FAMILY_NOVA || o->family == FAMILY_NOVA2) {
        bedrock_lazy_key(fields, "inferenceConfig");
        write_open(o->b, '{');
        write_member_raw(o->b, "topK", top_k);
        write_close(o->b, '}');
    } else {
        loss_drop(o->loss, STR("top_k"));
    }
}

void bedrock_write_fields(struct bedrock_out *o)
{
    struct bedrock_lazy fields = {o->b, "additionalModelRequestFields", false};
    bool has_beta;

    write_reasoning(o, &fields);
    write_top_k(o, &fields);
    has_beta = write_own_fields(o, &fields);
    write_claude_tools(o, &fields, has_beta);
    bedrock_lazy_close(&fields);
}
