#include "tools/mock/speech.h"

#include <inttypes.h>

#include "providers/chat_text.h"
#include "providers/reasoning.h"
#include "server/base/buf.h"
#include "tools/mock/prompt.h"
#include "tools/mock/schema.h"
#include "tools/mock/signature.h"
#include "tools/mock/text.h"

/* A long prompt counts as cached up to its last whole block, as OpenAI's does from its second use. */
#define CACHE_LEAST 1024
#define CACHE_BLOCK 128
#define THOUGHT_TOKENS 24 /* of the prompt, in a thought */
#define BLOCKS_MAX (MODEL_CALLS_MAX + 1)

struct making {
    const struct chat_codec *c;
    const struct speech_input *in;
    struct prompt prompt;
    struct speech *out;
};

static uint64_t reasoning_tokens(const struct chat *chat)
{
    static const struct {
        enum chat_effort effort;
        uint64_t tokens;
    } EFFORTS[] = {{EFFORT_MINIMAL, 8}, {EFFORT_LOW, 16},    {EFFORT_MEDIUM, 32},
                   {EFFORT_HIGH, 64},   {EFFORT_XHIGH, 128}, {EFFORT_MAX, 256}};
    enum chat_effort effort = reasoning_effort(&chat->reasoning);

    for (size_t i = 0; i < ARRAY_LEN(EFFORTS); i++) {
        if (effort == EFFORTS[i].effort)
            return EFFORTS[i].tokens;
    }
    return 0;
}

/* --- texts --- */

static struct str cut_at_stops(const struct making *m, struct str text)
{
    for (const struct chat_text_list *s = m->in->chat->stops; s != NULL; s = s->next) {
        struct str stop = text_plain(m->c->arena, s->text);
        const char *found = NULL;

        if (stop.len > 0 && text.len > 0)
            found = memmem(text.p, text.len, stop.p, stop.len);
        if (found == NULL)
            continue;
        text.len = (size_t)(found - text.p);
        m->out->stop = STOP_SEQUENCE;
        m->out->sequence = s->text;
    }
    return text;
}

/* A value that obeys a raw schema; `text` is what its strings say. */
static struct str example(const struct making *m, struct str schema, struct str text)
{
    struct json_error err;
    struct buf out = BUF_INIT;
    const struct json *parsed =
        schema.len > 0 ? json_parse(m->c->json, m->c->arena, schema, &err) : NULL;
    struct str copy;

    schema_example(parsed, text, &out);
    copy = arena_str(m->c->arena, buf_view(&out));
    buf_fini(&out);
    return copy;
}

static struct str any_object(const struct making *m, struct str text)
{
    struct buf out = BUF_INIT;
    struct str copy;

    buf_cstr(&out, "{\"answer\":");
    buf_json(&out, text);
    buf_char(&out, '}');
    copy = arena_str(m->c->arena, buf_view(&out));
    buf_fini(&out);
    return copy;
}

/* What `think` thinks of a prompt. */
static struct str thought_of(struct arena *a, struct str prompt)
{
    return arena_concat(
        a, (struct str[]){STR("The user says: "), text_head(prompt, THOUGHT_TOKENS)}, 2);
}

/* --- blocks --- */

static struct speech_block *add(const struct making *m, enum chat_block_kind kind)
{
    struct speech *s = m->out;

    if (s->blocks == NULL)
        s->blocks = arena_alloc(m->c->arena, BLOCKS_MAX * sizeof(*s->blocks));
    must(s->n_blocks < BLOCKS_MAX);
    s->blocks[s->n_blocks] = (struct speech_block){.kind = kind};
    return &s->blocks[s->n_blocks++];
}

static void say_thought(const struct making *m)
{
    struct speech_block *b = add(m, BLOCK_THINKING);

    b->text = thought_of(m->c->arena, m->prompt.last);
    /* Gemini signs the part behind its thoughts. */
    if (m->out->signer != SIGNER_NONE && m->out->signer != SIGNER_GEMINI)
        b->signature = signature_make(m->c->arena, m->in->dialect, b->text);
}

static struct str call_id(const struct making *m, uint32_t index)
{
    static const char *const PREFIXES[DIALECTS] = {
        [DIALECT_OPENAI] = "call_", [DIALECT_RESPONSES] = "call_",  [DIALECT_ANTHROPIC] = "toolu_",
        [DIALECT_GEMINI] = "call_", [DIALECT_BEDROCK] = "tooluse_", [DIALECT_COHERE] = "call_",
    };
    const char *prefix = PREFIXES[m->in->dialect];

    return arena_printf(m->c->arena, "%smock%" PRIu64 "n%" PRIu32, prefix != NULL ? prefix : "",
                        m->in->number, index);
}

static const struct chat_tool *next_tool(const struct chat *chat, const struct chat_tool *t)
{
    bool named = chat->tool_choice == CHOICE_NAMED;

    for (t = t != NULL ? t->next : chat->tools; t != NULL; t = t->next) {
        if (t->builtin == BUILTIN_NONE && (!named || str_eq(t->name, chat->tool_name)))
            return t;
    }
    return NULL;
}

/* False: there is nothing to call. */
static bool say_calls(const struct making *m)
{
    const struct chat *chat = m->in->chat;
    uint32_t n = chat->parallel_tools == NO ? 1 : m->in->model.number;
    const struct chat_tool *t = NULL;

    for (uint32_t i = 0; i < n; i++) {
        struct speech_block *b;

        t = next_tool(chat, t);
        if (t == NULL)
            t = next_tool(chat, NULL); /* once more from the first one on */
        if (t == NULL)
            return false;
        b = add(m, BLOCK_TOOL_CALL);
        b->id = call_id(m, i);
        b->name = t->name;
        b->text = example(m, t->schema, m->prompt.last);
        if (i == 0 && m->in->model.kind == MODEL_THINK && m->out->signer == SIGNER_GEMINI)
            b->signature = signature_make(m->c->arena, m->in->dialect, t->name);
    }
    m->out->stop = STOP_TOOL;
    return n > 0;
}

static struct str words(const struct making *m)
{
    const struct chat *chat = m->in->chat;

    if (m->in->model.kind == MODEL_LOREM)
        return text_lorem(m->in->model.number);
    if (m->in->model.kind == MODEL_IMAGE)
        return prompt_media(m->c, chat);
    if (chat->format == FORMAT_SCHEMA)
        return example(m, chat->format_schema, m->prompt.last);
    if (m->in->model.kind == MODEL_JSON || chat->format == FORMAT_JSON)
        return any_object(m, m->prompt.last);
    return m->prompt.last;
}

static void say_refusal(const struct making *m)
{
    bool has_refusals = m->in->dialect == DIALECT_OPENAI || m->in->dialect == DIALECT_RESPONSES;

    m->out->stop = m->in->dialect == DIALECT_ANTHROPIC || has_refusals ? STOP_REFUSAL : STOP_FILTER;
    add(m, has_refusals ? BLOCK_REFUSAL : BLOCK_TEXT)->text = STR("I can't help with that.");
}

static void say(const struct making *m)
{
    enum model_kind kind = m->in->model.kind;
    bool may_call = (kind == MODEL_TOOL || kind == MODEL_THINK) && !m->prompt.is_answered &&
                    m->in->chat->tool_choice != CHOICE_NONE;

    m->out->stop = STOP_END;
    if (kind == MODEL_THINK)
        say_thought(m);
    if (kind == MODEL_REFUSE)
        say_refusal(m);
    else if (!may_call || !say_calls(m))
        add(m, BLOCK_TEXT)->text = cut_at_stops(m, words(m));
}

/* --- tokens --- */

static void cut_to_length(const struct making *m, uint64_t most)
{
    struct speech *s = m->out;

    for (size_t i = 0; i < s->n_blocks; i++) {
        struct speech_block *b = &s->blocks[i];
        struct str head = text_head(b->text, most);

        if (head.len < b->text.len) {
            b->text.len = head.len;
            b->signature = STR_NONE;
            s->n_blocks = i + 1;
            s->stop = STOP_LENGTH;
            s->sequence = STR_NONE;
            return;
        }
        most -= most == UINT64_MAX ? 0 : text_count(head);
    }
}

static void count(const struct making *m)
{
    struct speech *s = m->out;
    struct chat_usage *u = &s->usage;
    uint64_t most = m->in->chat->max_tokens > 0 ? m->in->chat->max_tokens : UINT64_MAX;
    uint64_t hidden = min_u64(reasoning_tokens(m->in->chat), most);

    cut_to_length(m, most == UINT64_MAX ? most : most - hidden);
    u->known = true;
    u->input = m->prompt.tokens;
    u->reasoning = hidden;
    u->output = hidden;
    for (size_t i = 0; i < s->n_blocks; i++) {
        uint64_t n = text_count(s->blocks[i].text);

        u->output += n;
        u->reasoning += s->blocks[i].kind == BLOCK_THINKING ? n : 0;
    }
    if (u->input < CACHE_LEAST)
        return;
    u->cached = u->input / CACHE_BLOCK * CACHE_BLOCK;
    if (m->prompt.cache == CACHE_1H)
        u->written_1h = u->input - u->cached;
    else if (m->prompt.cache == CACHE_5M)
        u->written_5m = u->input - u->cached;
}

void speech_make(const struct chat_codec *c, const struct speech_input *in, struct speech *out)
{
    struct making m = {.c = c, .in = in, .out = out};

    *out = (struct speech){.signer = signature_signer(in->dialect)};
    prompt_read(c, in->chat, &m.prompt);
    say(&m);
    count(&m);
}
