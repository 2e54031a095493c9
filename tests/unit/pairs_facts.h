/*
 * pairs_facts - a request as a list of single facts, so that two of them can be compared field by field.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.
 * Each fact has the names under which an encoder may report that it is lost. Calls and results are
 * numbered in their order instead of named by their ids, which a wire may have to rewrite; blanks in
 * schemas and arguments do not count. What is told by default on every wire is no fact.
 * Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_PAIRS_FACTS_H
#define UNIT_PAIRS_FACTS_H

#include "tests/unit/pairs.h"

#include "providers/chat_text.h"
#include "providers/reasoning.h"

#define FACTS_MAX 512

struct fact {
    const char *names; /* "messages.image,image": what a loss of it may be called */
    struct str text;
    bool is_text; /* found in a longer one, too: neighbours may be put together */
    bool is_found;
};

struct facts {
    struct fact list[FACTS_MAX];
    size_t n;
    const struct chat *chat;
};

static inline struct fact *fact_add(struct facts *f, const char *names, struct str text)
{
    assert_true(f->n < FACTS_MAX);
    f->list[f->n] = (struct fact){.names = names, .text = text};
    return &f->list[f->n++];
}

#define fact(f, names, ...) fact_add(f, names, arena_printf(pairs_codec.arena, __VA_ARGS__))

/* JSON without blanks outside of strings. */
static inline struct str fact_json(struct str raw)
{
    char *out = arena_alloc(pairs_codec.arena, raw.len + 1);
    size_t n = 0;
    bool quoted = false;

    for (size_t i = 0; i < raw.len; i++) {
        if (quoted && raw.p[i] == '\\') {
            out[n++] = raw.p[i++];
            out[n++] = raw.p[i];
            continue;
        }
        if (raw.p[i] == '"')
            quoted = !quoted;
        if (quoted || strchr(" \n\r\t", raw.p[i]) == NULL)
            out[n++] = raw.p[i];
    }
    return (struct str){out, n};
}

static inline void fact_str(struct facts *f, const char *names, const char *what, struct str s)
{
    if (s.len > 0)
        fact(f, names, "%s=%.*s", what, STR_ARGS(s));
}

/* The number of a call or its result: 1 for the first call. */
static inline int fact_call_number(const struct chat *chat, struct str id)
{
    int n = 0;

    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            n += b->kind == BLOCK_TOOL_CALL;
            if (b->kind == BLOCK_TOOL_CALL && str_eq(b->id, id))
                return n;
        }
    }
    return 0;
}

/* Without its ending, which is told with the type as well. */
static inline struct str fact_file_name(struct str name)
{
    ptrdiff_t dot = str_index(name, '.');

    return dot > 0 ? (struct str){name.p, (size_t)dot} : name;
}

static inline void fact_media(struct facts *f, const char *where, const struct chat_block *b)
{
    const char *kind = dump_kind(b->kind);
    const char *names =
        arena_printf(pairs_codec.arena,
                     "messages.%s,%s,messages.tool.%s,tool_result.%s,messages.assistant.%s,"
                     "messages.content.%s,messages.content,tool_result.content",
                     kind, kind, kind, kind, kind, kind)
            .p;
    struct str data = b->media.data;

    if (b->media.source == SOURCE_TEXT)
        fact(f, names, "%s text document=%.*s", where, STR_ARGS(data));
    else
        fact(f, names, "%s %s %d=%.*s", where, kind, (int)b->media.source, STR_ARGS(data));
    if (b->media.type.len > 0 && b->media.source == SOURCE_BASE64)
        fact(f, names, "%s %s %.*s type=%.*s", where, kind, STR_ARGS(data),
             STR_ARGS(b->media.type));
    if (b->media.name.len > 0)
        fact(f,
             arena_printf(pairs_codec.arena, "filename,messages.content.document.name,%s", names).p,
             "%s %s %.*s name=%.*s", where, kind, STR_ARGS(data),
             STR_ARGS(fact_file_name(b->media.name)));
    if (b->media.detail.len > 0)
        fact(f, "detail,image_url.detail", "%s %.*s detail=%.*s", where, STR_ARGS(data),
             STR_ARGS(b->media.detail));
}

static inline void fact_thinking(struct facts *f, const struct chat_block *b)
{
    fact(f, "thinking", "%s signer=%d signature=%.*s text=%.*s", dump_kind(b->kind),
         b->signature.len > 0 ? (int)b->signer : 0, STR_ARGS(b->signature), STR_ARGS(b->text));
}

static inline void fact_block(struct facts *f, const char *where, const struct chat_block *b)
{
    int n = fact_call_number(f->chat, b->id);
    struct str arguments;

    if (b->cache != CACHE_NONE)
        fact(f, "cache_control", "%s cache=%d behind %s", where, (int)b->cache, dump_kind(b->kind));
    for (const struct chat_citation *c = b->citations; c != NULL; c = c->next)
        fact(f, "citations,messages.content.citations", "citation %.*s", STR_ARGS(c->url));
    switch (b->kind) {
    case BLOCK_TEXT:
        if (b->text.len > 0)
            fact(f, "messages.role,system,tool_result.content", "%s text=%.*s", where,
                 STR_ARGS(b->text))
                ->is_text = true;
        break;
    case BLOCK_REFUSAL:
        fact(f, "refusal", "%s refusal=%.*s", where, STR_ARGS(b->text));
        break;
    case BLOCK_TOOL_CALL:
        (void)text_arguments_object(&pairs_codec, b, &arguments);
        fact(f, "tool_calls.arguments,messages.tool_calls.arguments", "call %d %.*s %.*s", n,
             STR_ARGS(b->name), STR_ARGS(fact_json(arguments)));
        if (b->signature.len > 0)
            fact(f, "thinking", "call %d signer=%d signature=%.*s", n, (int)b->signer,
                 STR_ARGS(b->signature));
        break;
    case BLOCK_TOOL_RESULT:
        fact(f, "messages", "result of call %d", n);
        if (b->is_error)
            fact(f, "is_error", "result %d is_error", n);
        for (const struct chat_block *x = b->content; x != NULL; x = x->next)
            fact_block(f, arena_printf(pairs_codec.arena, "result %d", n).p, x);
        break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        fact_thinking(f, b);
        break;
    case BLOCK_OTHER:
        fact(f,
             arena_printf(pairs_codec.arena, "messages.content,%.*s,messages.%.*s",
                          STR_ARGS(b->name), STR_ARGS(b->name))
                 .p,
             "%s other %.*s", where, STR_ARGS(b->name));
        break;
    default:
        fact_media(f, where, b);
    }
}

static inline void fact_messages(struct facts *f, const struct chat *chat)
{
    static const char *const roles[] = {"none", "system", "system", "user", "assistant", "tool"};

    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        if (m->name.len > 0)
            fact(f, "messages.name,name", "%s is called %.*s", roles[m->role], STR_ARGS(m->name));
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next)
            fact_block(f, roles[m->role], b);
    }
}

static inline void fact_tools(struct facts *f, const struct chat *chat)
{
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        const char *names =
            arena_printf(pairs_codec.arena, "tools,tools.%.*s", STR_ARGS(t->name)).p;

        if (t->builtin != BUILTIN_NONE) {
            fact(f, names, "built-in %d %.*s", (int)t->builtin, STR_ARGS(fact_json(t->raw)));
            continue;
        }
        fact(f, names, "tool %.*s", STR_ARGS(t->name));
        if (!t->is_freeform && t->schema.len > 0)
            fact(f, "tools.parameters,tools", "tool %.*s schema=%.*s", STR_ARGS(t->name),
                 STR_ARGS(fact_json(t->schema)));
        fact(f, names, "tool %.*s description=%.*s", STR_ARGS(t->name), STR_ARGS(t->description))
            ->is_text = true;
        if (t->strict == YES)
            fact(f, "tools.strict,strict", "tool %.*s is strict", STR_ARGS(t->name));
        if (t->cache != CACHE_NONE)
            fact(f, "cache_control", "tool %.*s cache=%d", STR_ARGS(t->name), (int)t->cache);
    }
}

static inline void fact_reasoning(struct facts *f, const struct chat *chat)
{
    const struct chat_reasoning *r = &chat->reasoning;

    /* an effort may become its budget of the table; a budget is a budget */
    if (reasoning_is_set(r))
        fact(f, "reasoning,reasoning_effort", "effort=%d", (int)reasoning_effort(r));
    if (r->budget != BUDGET_UNSET)
        fact(f,
             "reasoning,reasoning_effort,thinking.budget_tokens,thinking_budget,reasoning.budget",
             "budget=%lld", (long long)r->budget);
    if (r->show != UNSET)
        fact(f, "reasoning,reasoning.summary,thinking.display", "thoughts are shown=%d",
             (int)r->show);
    fact_str(f, "reasoning,reasoning.summary", "summary", r->summary);
}

static inline void fact_format(struct facts *f, const struct chat *chat)
{
    static const char all[] = "response_format,response_format.json_schema";

    if (chat->format != FORMAT_UNSET && chat->format != FORMAT_TEXT)
        fact(f, all, "format=%d %.*s", (int)chat->format, STR_ARGS(fact_json(chat->format_schema)));
    fact_str(f, "response_format,response_format.name", "format name", chat->format_name);
    fact_str(f, "response_format,response_format.description", "format description",
             chat->format_description);
    if (chat->format_strict == YES)
        fact(f, "response_format,response_format.strict", "format is strict");
}

static inline void fact_settings(struct facts *f, const struct chat *c)
{
    const struct {
        const char *name;
        struct str text;
    } texts[] = {
        {"temperature", c->temperature},
        {"top_p", c->top_p},
        {"top_k", c->top_k},
        {"min_p", c->min_p},
        {"presence_penalty", c->presence_penalty},
        {"frequency_penalty", c->frequency_penalty},
        {"repetition_penalty", c->repetition_penalty},
        {"seed", c->seed},
        {"top_logprobs", c->top_logprobs},
        {"logit_bias", fact_json(c->logit_bias)},
        {"user", c->user},
        {"metadata", fact_json(c->metadata)},
        {"service_tier", c->service_tier},
        {"verbosity", c->verbosity},
        {"prompt_cache_key", c->cache_key},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        fact_str(f, texts[i].name, texts[i].name, texts[i].text);
    for (const struct chat_text_list *s = c->stops; s != NULL; s = s->next)
        fact_str(f, "stop", "stop", s->text);
    if (c->max_tokens > 0)
        fact(f, "max_tokens", "max_tokens=%llu", (unsigned long long)c->max_tokens);
    if (c->n > 1)
        fact(f, "n", "n=%u", c->n);
    if (c->logprobs == YES)
        fact(f, "logprobs", "logprobs");
    if (c->store == YES)
        fact(f, "store", "store");
    if (c->tool_choice != CHOICE_UNSET && c->tool_choice != CHOICE_AUTO)
        fact(f, "tool_choice", "tool_choice=%d %.*s", (int)c->tool_choice, STR_ARGS(c->tool_name));
    if (c->parallel_tools == NO)
        fact(f, "parallel_tool_calls", "no parallel tools");
}

static inline void facts_of(struct facts *f, const struct chat *chat)
{
    *f = (struct facts){.n = 0, .chat = chat};
    fact_settings(f, chat);
    fact_reasoning(f, chat);
    fact_format(f, chat);
    fact_tools(f, chat);
    fact_messages(f, chat);
    for (const struct chat_extra *x = chat->extras; x != NULL; x = x->next)
        fact(f, arena_cstr(pairs_codec.arena, x->name), "extra %.*s", STR_ARGS(x->name));
}

static inline bool fact_within(struct str part, struct str whole)
{
    return memmem(whole.p, whole.len, part.p, part.len) != NULL;
}

/* The text of a fact without what stands before '='. */
static inline struct str fact_value(struct str text)
{
    ptrdiff_t at = str_index(text, '=');

    return at >= 0 ? str_skip(text, (size_t)at + 1) : text;
}

/* Is `a` told by one of these? Each fact answers for one of its like only. */
static inline bool fact_is_told(const struct fact *a, struct facts *by)
{
    for (size_t i = 0; i < by->n; i++) {
        struct fact *b = &by->list[i];

        if (!b->is_found && str_eq(a->text, b->text)) {
            b->is_found = true;
            return true;
        }
    }
    for (size_t i = 0; a->is_text && i < by->n; i++) {
        struct fact *b = &by->list[i];
        struct str head = {a->text.p, a->text.len - fact_value(a->text).len};

        if (b->is_text && str_starts(b->text, head) &&
            fact_within(fact_value(a->text), fact_value(b->text))) {
            b->is_found = true;
            return true;
        }
    }
    return false;
}

static inline bool fact_has_name(const struct fact *a, struct str name)
{
    struct str rest = str_of(a->names);
    struct str one;

    while (str_next(&rest, ',', &one)) {
        if (str_eq(one, name))
            return true;
    }
    return false;
}

#endif
