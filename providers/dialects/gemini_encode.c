/*
 * struct chat into a generateContent request: gemini.h.
 */
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/reasoning.h"
#include "providers/schema.h"
#include "providers/write.h"

#define STOPS_OUT_MAX 5      /* stopSequences */
#define CANDIDATES_OUT_MAX 8 /* candidateCount */
#define LOGPROBS_OUT_MAX 20
#define BUDGET_MAX 32768       /* thinkingBudget: Gemini 2.5 Pro's */
#define BUDGET_MAX_FLASH 24576 /* ... 2.5 Flash's and Flash-Lite's */
#define BUDGET_MIN_PRO 128     /* Pro cannot be told not to think */

#define CALLING "toolConfig.functionCallingConfig." /* extras' names */

struct encoding {
    const struct chat_codec *c;
    const struct chat *chat;
    const struct chat_target *target;
    struct chat_loss *loss;
    struct buf *out;
};

/* Take back what was opened at `mark` when nothing was put into it. */
static void close_or_forget(struct buf *out, size_t mark, char opened, char bracket)
{
    if (out->data[out->len - 1] == opened) {
        out->len = mark;
        out->data[mark] = '\0';
        return;
    }
    write_close(out, bracket);
}

/* --- extras that came from this dialect --- */

/* The rest of an extra's name behind `prefix` when it is a single word. */
static bool word_behind(struct str name, struct str prefix, struct str *word)
{
    if (!str_starts(name, prefix))
        return false;
    *word = str_skip(name, prefix.len);
    return word->len > 0 && str_index(*word, '.') < 0;
}

/* Those of one level, in the place where they stood. */
static void write_extras(const struct encoding *e, struct str prefix)
{
    struct str word;

    if (e->chat->from != DIALECT_GEMINI)
        return;
    for (const struct chat_extra *x = e->chat->extras; x != NULL; x = x->next) {
        if (x->raw.len == 0 || !word_behind(x->name, prefix, &word))
            continue;
        write_text(e->out, word);
        buf_char(e->out, ':');
        buf_str(e->out, x->raw);
    }
}

static struct str extra_raw(const struct encoding *e, const char *name)
{
    for (const struct chat_extra *x = e->chat->extras; x != NULL; x = x->next) {
        if (e->chat->from == DIALECT_GEMINI && str_eq(x->name, str_of(name)))
            return x->raw;
    }
    return STR_NONE;
}

static void report_extras(const struct encoding *e)
{
    static const struct str written[] = {{"", 0}, {"generationConfig.", 17}, {"toolConfig.", 11}};
    struct str word;

    for (const struct chat_extra *x = e->chat->extras; x != NULL; x = x->next) {
        bool is_written = str_eq(x->name, STR(CALLING "mode")) ||
                          str_eq(x->name, STR(CALLING "allowedFunctionNames"));

        for (size_t i = 0; i < ARRAY_LEN(written); i++)
            is_written |= word_behind(x->name, written[i], &word);
        if (e->chat->from != DIALECT_GEMINI || !is_written || x->raw.len == 0)
            loss_drop(e->loss, x->name);
    }
}

/* --- system --- */

static void write_system(const struct encoding *e)
{
    uint32_t left = gemini_system_messages(e->chat);

    if (left == 0)
        return;
    write_key(e->out, "systemInstruction");
    write_open(e->out, '{');
    write_key(e->out, "parts");
    write_open(e->out, '[');
    for (const struct chat_message *m = e->chat->messages; left > 0; m = m->next, left--) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind != BLOCK_TEXT) {
                loss_drop(e->loss, STR("system"));
                continue;
            }
            write_open(e->out, '{');
            write_member_text(e->out, "text", b->text);
            write_close(e->out, '}');
        }
    }
    write_close(e->out, ']');
    write_close(e->out, '}');
}

/* --- tools --- */

static void write_function(const struct encoding *e, const struct chat_tool *t)
{
    if (t->strict == YES)
        loss_drop(e->loss, STR("strict"));
    write_open(e->out, '{');
    write_member_text(e->out, "name", t->name);
    write_text_if(e->out, "description", t->description);
    if (t->schema.len > 0)
        write_member_raw(e->out, "parametersJsonSchema",
                         schema_normalise(e->c, t->schema, SCHEMA_GEMINI, e->loss, STR("tools")));
    write_close(e->out, '}');
}

static void write_builtin(const struct encoding *e, const struct chat_tool *t)
{
    static const char *const names[] = {
        [BUILTIN_WEB_SEARCH] = "googleSearch",
        [BUILTIN_WEB_FETCH] = "urlContext",
        [BUILTIN_CODE] = "codeExecution",
        [BUILTIN_MAPS] = "googleMaps",
        [BUILTIN_OTHER] = NULL,
    };
    const char *name = names[t->builtin];

    if (e->chat->from != DIALECT_GEMINI && name == NULL) {
        loss_drop(e->loss, arena_concat(e->c->arena, (struct str[]){STR("tools."), t->name}, 2));
        return;
    }
    write_open(e->out, '{');
    if (e->chat->from == DIALECT_GEMINI) {
        write_text(e->out, t->name);
        buf_char(e->out, ':');
        buf_str(e->out, t->raw);
    } else {
        loss_change(e->loss, STR("tools")); /* the same tool with other switches */
        write_key(e->out, name);
        write_open(e->out, '{');
        write_close(e->out, '}');
    }
    write_close(e->out, '}');
}

static void write_tools(const struct encoding *e)
{
    size_t mark = e->out->len;
    size_t inner;

    if (e->chat->tools == NULL)
        return;
    write_key(e->out, "tools");
    write_open(e->out, '[');
    inner = e->out->len;
    write_open(e->out, '{');
    write_key(e->out, "functionDeclarations");
    write_open(e->out, '[');
    for (const struct chat_tool *t = e->chat->tools; t != NULL; t = t->next) {
        if (t->builtin == BUILTIN_NONE)
            write_function(e, t);
    }
    if (e->out->data[e->out->len - 1] == '[') {
        close_or_forget(e->out, inner, '[', ']');
    } else {
        write_close(e->out, ']');
        write_close(e->out, '}');
    }
    for (const struct chat_tool *t = e->chat->tools; t != NULL; t = t->next) {
        if (t->builtin != BUILTIN_NONE)
            write_builtin(e, t);
    }
    close_or_forget(e->out, mark, '[', ']');
}

static void write_tool_config(const struct encoding *e)
{
    static const char *const modes[] = {
        [CHOICE_AUTO] = "\"AUTO\"",
        [CHOICE_NONE] = "\"NONE\"",
        [CHOICE_REQUIRED] = "\"ANY\"",
        [CHOICE_NAMED] = "\"ANY\"",
    };
    struct str mode = extra_raw(e, CALLING "mode");
    struct str allowed = extra_raw(e, CALLING "allowedFunctionNames");
    size_t mark = e->out->len;

    write_key(e->out, "toolConfig");
    write_open(e->out, '{');
    if (e->chat->tool_choice != CHOICE_UNSET) {
        write_key(e->out, "functionCallingConfig");
        write_open(e->out, '{');
        write_member_raw(e->out, "mode", mode.len > 0 ? mode : str_of(modes[e->chat->tool_choice]));
        if (e->chat->tool_choice == CHOICE_NAMED) {
            write_key(e->out, "allowedFunctionNames");
            write_open(e->out, '[');
            write_text(e->out, e->chat->tool_name);
            write_close(e->out, ']');
        } else {
            write_raw_if(e->out, "allowedFunctionNames", allowed);
        }
        write_close(e->out, '}');
    }
    write_extras(e, STR("toolConfig."));
    close_or_forget(e->out, mark, '{', '}');
    if (e->chat->parallel_tools == NO)
        loss_drop(e->loss, STR("parallel_tool_calls"));
}

/* --- generationConfig --- */

static void write_seed(const struct encoding *e)
{
    struct str seed = e->chat->seed;
    uint64_t n;

    /* an int32 here, an int64 elsewhere */
    if (json_raw_u64(seed, &n) && n > INT32_MAX) {
        loss_change(e->loss, STR("seed"));
        write_member_u64(e->out, "seed", n & INT32_MAX);
        return;
    }
    write_raw_if(e->out, "seed", seed);
}

static void write_logprobs(const struct encoding *e)
{
    uint64_t n;

    if (e->chat->logprobs != UNSET)
        write_member_bool(e->out, "responseLogprobs", e->chat->logprobs == YES);
    if (json_raw_u64(e->chat->top_logprobs, &n) && n > LOGPROBS_OUT_MAX) {
        loss_change(e->loss, STR("top_logprobs"));
        write_member_u64(e->out, "logprobs", LOGPROBS_OUT_MAX);
        return;
    }
    write_raw_if(e->out, "logprobs", e->chat->top_logprobs);
}

static void write_limits(const struct encoding *e)
{
    uint64_t max = e->chat->max_tokens;
    uint32_t n = e->chat->n;
    size_t left = STOPS_OUT_MAX;

    if (e->target->max_output > 0 && max > e->target->max_output) {
        max = e->target->max_output;
        loss_change(e->loss, STR("max_tokens"));
    }
    if (max > 0)
        write_member_u64(e->out, "maxOutputTokens", max);
    if (n > CANDIDATES_OUT_MAX) {
        n = CANDIDATES_OUT_MAX;
        loss_change(e->loss, STR("n"));
    }
    if (n > 0)
        write_member_u64(e->out, "candidateCount", n);
    if (e->chat->stops == NULL)
        return;
    write_key(e->out, "stopSequences");
    write_open(e->out, '[');
    for (const struct chat_text_list *s = e->chat->stops; s != NULL; s = s->next) {
        if (left == 0) {
            loss_change(e->loss, STR("stop"));
            break;
        }
        left--;
        write_text(e->out, s->text);
    }
    write_close(e->out, ']');
}

static bool has_word(struct str name, const char *word)
{
    return memmem(name.p != NULL ? name.p : "", name.len, word, strlen(word)) != NULL;
}

static void write_level(const struct encoding *e)
{
    enum chat_effort effort = reasoning_effort(&e->chat->reasoning);
    bool is_pro = has_word(e->target->model, "-pro");
    const char *level = "HIGH";
    bool is_exact = effort == EFFORT_HIGH;

    if (effort <= EFFORT_MINIMAL) {
        level = is_pro ? "LOW" : "MINIMAL"; /* it cannot be switched off */
        is_exact = effort == EFFORT_MINIMAL && !is_pro;
    } else if (effort <= EFFORT_MEDIUM) {
        level = effort == EFFORT_LOW ? "LOW" : "MEDIUM";
        is_exact = true;
    }
    if (!is_exact || (e->chat->reasoning.budget != BUDGET_UNSET && e->chat->reasoning.budget != 0))
        loss_change(e->loss, STR("reasoning"));
    write_member_cstr(e->out, "thinkingLevel", level);
}

static void write_budget(const struct encoding *e)
{
    bool is_pro = has_word(e->target->model, "2.5-pro");
    int64_t most = has_word(e->target->model, "flash") ? BUDGET_MAX_FLASH : BUDGET_MAX;
    int64_t asked = reasoning_budget(&e->chat->reasoning, e->chat->max_tokens);
    int64_t budget = asked > most ? most : asked;
    char text[24];

    if (budget >= 0 && budget < BUDGET_MIN_PRO && is_pro)
        budget = BUDGET_MIN_PRO;
    if (budget != asked ||
        (e->chat->reasoning.budget != BUDGET_UNSET && budget != e->chat->reasoning.budget))
        loss_change(e->loss, STR("reasoning"));
    (void)snprintf(text, sizeof(text), "%lld", (long long)budget);
    write_member_raw(e->out, "thinkingBudget", str_of(text));
}

/* Dialects whose clients get thoughts whenever the model thinks. */
static bool always_shows(enum dialect_id from)
{
    return from == DIALECT_ANTHROPIC || from == DIALECT_BEDROCK || from == DIALECT_COHERE;
}

static void write_thinking(const struct encoding *e)
{
    const struct chat_reasoning *r = &e->chat->reasoning;
    bool is_set = reasoning_is_set(r);
    enum chat_three show = r->show;
    size_t mark = e->out->len;

    if (r->summary.len > 0 && !text_is(r->summary, "auto"))
        loss_drop(e->loss, STR("reasoning.summary"));
    if (!is_set && show == UNSET)
        return;
    if ((e->target->model_flags & (MODEL_KNOWN | MODEL_REASONING)) == MODEL_KNOWN) {
        loss_drop(e->loss, STR("reasoning"));
        return;
    }
    if (show == UNSET && always_shows(e->chat->from) && reasoning_effort(r) != EFFORT_NONE)
        show = YES;
    write_key(e->out, "thinkingConfig");
    write_open(e->out, '{');
    if (show != UNSET)
        write_member_bool(e->out, "includeThoughts", show == YES);
    if (is_set && gemini_checks_signatures(e->target))
        write_level(e);
    else if (is_set)
        write_budget(e);
    close_or_forget(e->out, mark, '{', '}');
}

static void write_format(const struct encoding *e)
{
    const struct chat *chat = e->chat;

    switch (chat->format) {
    case FORMAT_TEXT:
        write_member_cstr(e->out, "responseMimeType", "text/plain");
        break;
    case FORMAT_JSON:
        write_member_cstr(e->out, "responseMimeType", "application/json");
        break;
    case FORMAT_SCHEMA:
        write_member_cstr(e->out, "responseMimeType", "application/json");
        if (chat->format_schema.len > 0)
            write_member_raw(e->out, "responseJsonSchema",
                             schema_normalise(e->c, chat->format_schema, SCHEMA_GEMINI, e->loss,
                                              STR("response_format")));
        break;
    case FORMAT_GRAMMAR:
        loss_drop(e->loss, STR("response_format"));
        break;
    default:
        break;
    }
    if (chat->format_description.len > 0)
        loss_drop(e->loss, STR("response_format.description"));
}

static void write_config(const struct encoding *e)
{
    const struct chat *chat = e->chat;
    size_t mark = e->out->len;

    write_key(e->out, "generationConfig");
    write_open(e->out, '{');
    write_raw_if(e->out, "temperature", chat->temperature);
    write_raw_if(e->out, "topP", chat->top_p);
    write_raw_if(e->out, "topK", chat->top_k);
    write_raw_if(e->out, "presencePenalty", chat->presence_penalty);
    write_raw_if(e->out, "frequencyPenalty", chat->frequency_penalty);
    write_seed(e);
    write_logprobs(e);
    write_limits(e);
    write_format(e);
    write_thinking(e);
    write_extras(e, STR("generationConfig."));
    close_or_forget(e->out, mark, '{', '}');
}

/* --- the rest --- */

static void write_tier(const struct encoding *e)
{
    struct str tier = e->chat->service_tier;

    if (tier.len == 0 || text_is(tier, "auto"))
        return; /* Google's default is what `auto` says */
    if (text_is(tier, "default"))
        tier = STR("standard");
    if (e->chat->from == DIALECT_GEMINI || text_is(tier, "standard") || text_is(tier, "flex") ||
        text_is(tier, "priority"))
        write_member_text(e->out, "serviceTier", tier);
    else
        loss_drop(e->loss, STR("service_tier"));
}

static void write_own(const struct encoding *e)
{
    const struct chat *chat = e->chat;

    if (chat->from == DIALECT_GEMINI) {
        write_raw_if(e->out, "labels", chat->metadata);
        if (chat->store != UNSET)
            write_member_bool(e->out, "store", chat->store == YES);
        write_extras(e, STR_NONE);
        return;
    }
    if (chat->metadata.len > 0)
        loss_drop(e->loss, STR("metadata"));
    if (chat->store == YES)
        loss_drop(e->loss, STR("store"));
}

static void report_rest(const struct encoding *e)
{
    const struct chat *chat = e->chat;
    const struct {
        struct str value, name;
    } rest[] = {
        {chat->min_p, STR("min_p")},
        {chat->repetition_penalty, STR("repetition_penalty")},
        {chat->logit_bias, STR("logit_bias")},
        {chat->user, STR("user")},
        {chat->verbosity, STR("verbosity")},
        {chat->cache_key, STR("prompt_cache_key")},
    };

    for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
        if (rest[i].value.len > 0)
            loss_drop(e->loss, rest[i].name);
    }
}

int gemini_encode_request(const struct chat_codec *c, const struct chat *chat,
                          const struct chat_target *target, struct chat_loss *loss, struct buf *out,
                          struct chat_error *err)
{
    struct encoding e = {c, chat, target, loss, out};

    write_open(out, '{');
    write_system(&e);
    write_tools(&e);
    write_tool_config(&e);
    write_config(&e);
    write_tier(&e);
    write_own(&e);
    report_rest(&e);
    report_extras(&e);
    if (gemini_write_contents(c, chat, target, loss, out, err) != 0)
        return -1;
    write_close(out, '}');
    return 0;
}
