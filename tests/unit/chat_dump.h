/*
 * chat_dump - the neutral form as lines of text, for tests that compare two of them.
 *
 * Runs in:  tests.   Reads, writes: nothing shared.
 * Members that are not set are left out, so that a dump shows what was understood. Tool arguments
 * and schemas are shown as they stand. Raw values of blocks are not shown: they are how a wire said
 * it, not what. Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_CHAT_DUMP_H
#define UNIT_CHAT_DUMP_H

#include "providers/chat.h"
#include "providers/event.h"
#include "server/base/buf.h"

static inline void dump_text(struct buf *b, const char *name, struct str s)
{
    if (s.len > 0)
        buf_printf(b, " %s=%.*s", name, STR_ARGS(s));
}

static inline void dump_number(struct buf *b, const char *name, int64_t n)
{
    if (n != 0)
        buf_printf(b, " %s=%lld", name, (long long)n);
}

static inline const char *dump_kind(enum chat_block_kind kind)
{
    static const char *const names[] = {"none",     "text",     "image",     "audio",
                                        "video",    "document", "tool_call", "tool_result",
                                        "thinking", "redacted", "refusal",   "other"};

    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "?";
}

static inline void dump_citations(const struct chat_citation *list, struct buf *b)
{
    for (const struct chat_citation *c = list; c != NULL; c = c->next) {
        buf_cstr(b, " [citation");
        dump_text(b, "url", c->url);
        dump_text(b, "title", c->title);
        dump_text(b, "text", c->text);
        if (c->start >= 0)
            buf_printf(b, " %lld-%lld", (long long)c->start, (long long)c->end);
        buf_cstr(b, "]");
    }
}

/* `depth`: 1 for a message's blocks, 2 for those of a tool's result. */
static inline void block_dump(const struct chat_block *list, struct buf *b, int depth)
{
    for (const struct chat_block *x = list; x != NULL; x = x->next) {
        buf_printf(b, "%*s%s", depth * 2, "", dump_kind(x->kind));
        dump_text(b, "id", x->id);
        dump_text(b, "name", x->name);
        dump_text(b, "text", x->text);
        dump_number(b, "source", x->media.source);
        dump_text(b, "type", x->media.type);
        dump_text(b, "data", x->media.data);
        dump_text(b, "file", x->media.name);
        dump_text(b, "detail", x->media.detail);
        dump_text(b, "arguments", x->arguments);
        dump_text(b, "arguments_text", x->arguments_text);
        dump_text(b, "signature", x->signature);
        dump_number(b, "signer", x->signature.len > 0 ? (int64_t)x->signer : 0);
        dump_number(b, "is_error", x->is_error);
        dump_number(b, "cache", x->cache);
        dump_citations(x->citations, b);
        buf_char(b, '\n');
        if (x->content != NULL)
            block_dump(x->content, b, depth + 1);
    }
}

static inline void dump_tools(const struct chat *chat, struct buf *b)
{
    for (const struct chat_tool *t = chat->tools; t != NULL; t = t->next) {
        buf_cstr(b, "tool");
        dump_number(b, "builtin", t->builtin);
        dump_text(b, "name", t->name);
        dump_text(b, "description", t->description);
        dump_text(b, "schema", t->schema);
        dump_number(b, "strict", t->strict);
        dump_number(b, "cache", t->cache);
        buf_char(b, '\n');
    }
}

static inline void dump_settings(const struct chat *c, struct buf *b)
{
    dump_number(b, "stream", c->stream);
    dump_number(b, "include_usage", c->include_usage);
    dump_number(b, "tool_choice", c->tool_choice);
    dump_text(b, "tool_name", c->tool_name);
    dump_number(b, "parallel", c->parallel_tools);
    dump_number(b, "format", c->format);
    dump_text(b, "format_name", c->format_name);
    dump_text(b, "format_description", c->format_description);
    dump_text(b, "format_schema", c->format_schema);
    dump_number(b, "format_strict", c->format_strict);
    dump_number(b, "effort", c->reasoning.effort);
    if (c->reasoning.budget != BUDGET_UNSET)
        buf_printf(b, " budget=%lld", (long long)c->reasoning.budget);
    dump_number(b, "show", c->reasoning.show);
    dump_number(b, "adaptive", c->reasoning.adaptive);
    dump_text(b, "summary", c->reasoning.summary);
    dump_number(b, "max_tokens", (int64_t)c->max_tokens);
    dump_number(b, "n", c->n);
    dump_number(b, "logprobs", c->logprobs);
    dump_number(b, "store", c->store);
}

static inline void dump_texts(const struct chat *c, struct buf *b)
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
        {"logit_bias", c->logit_bias},
        {"user", c->user},
        {"metadata", c->metadata},
        {"service_tier", c->service_tier},
        {"verbosity", c->verbosity},
        {"cache_key", c->cache_key},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        dump_text(b, texts[i].name, texts[i].text);
}

static inline void chat_dump(const struct chat *chat, struct buf *b)
{
    static const char *const roles[] = {"none", "system", "developer", "user", "assistant", "tool"};

    buf_cstr(b, "chat");
    dump_text(b, "model", chat->model);
    dump_settings(chat, b);
    dump_texts(chat, b);
    for (const struct chat_text_list *s = chat->stops; s != NULL; s = s->next)
        dump_text(b, "stop", s->text);
    buf_char(b, '\n');
    dump_tools(chat, b);
    for (const struct chat_extra *x = chat->extras; x != NULL; x = x->next) {
        buf_printf(b, "extra %.*s", STR_ARGS(x->name));
        dump_text(b, "raw", x->raw);
        buf_char(b, '\n');
    }
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        buf_cstr(b, roles[m->role]);
        dump_text(b, "name", m->name);
        buf_char(b, '\n');
        block_dump(m->blocks, b, 1);
    }
}

static inline void dump_usage(const struct chat_usage *u, struct buf *b)
{
    dump_number(b, "input", (int64_t)u->input);
    dump_number(b, "output", (int64_t)u->output);
    dump_number(b, "cached", (int64_t)u->cached);
    dump_number(b, "written_5m", (int64_t)u->written_5m);
    dump_number(b, "written_1h", (int64_t)u->written_1h);
    dump_number(b, "reasoning", (int64_t)u->reasoning);
    dump_number(b, "audio_in", (int64_t)u->audio_in);
    dump_number(b, "audio_out", (int64_t)u->audio_out);
    dump_number(b, "tool_input", (int64_t)u->tool_input);
    dump_number(b, "searches", (int64_t)u->searches);
}

/* One line. */
static inline void event_dump(const struct chat_event *e, struct buf *b)
{
    static const char *const kinds[] = {"none",      "start",    "block_start", "delta",
                                        "signature", "citation", "logprobs",    "block_stop",
                                        "stop",      "usage",    "end",         "error"};

    buf_cstr(b, kinds[e->kind]);
    dump_number(b, "choice", e->choice);
    if (e->kind >= EVENT_BLOCK_START && e->kind <= EVENT_BLOCK_STOP && e->kind != EVENT_LOGPROBS)
        buf_printf(b, " %u:%s", e->block, dump_kind(e->block_kind));
    dump_text(b, "id", e->id);
    dump_text(b, "name", e->name);
    dump_text(b, "model", e->model);
    dump_text(b, "text", e->text);
    dump_number(b, "signer", e->kind == EVENT_SIGNATURE ? (int64_t)e->signer : 0);
    dump_number(b, "stop", e->kind == EVENT_STOP ? (int64_t)e->stop : 0);
    dump_text(b, "raw", e->raw);
    if (e->kind == EVENT_CITATION)
        dump_citations(e->citation, b);
    if (e->kind == EVENT_USAGE)
        dump_usage(e->usage, b);
    if (e->kind == EVENT_ERROR) {
        buf_printf(b, " kind=%d status=%d", (int)e->error->kind, e->error->status);
        dump_text(b, "message", e->error->message);
        dump_text(b, "type", e->error->type);
        dump_text(b, "code", e->error->code);
        dump_text(b, "param", e->error->param);
    }
    buf_char(b, '\n');
}

#endif
