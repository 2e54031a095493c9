/*
 * generateContent answers, streamed and whole, into events: gemini.h.
 */
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"

struct choice {
    struct chat_blocks blocks;
    uint64_t tag; /* of the last call or signature */
    uint32_t n_calls;
    enum chat_stop stop; /* told at the stream's end: older models say it in every chunk */
    bool is_ascii;       /* its text so far */
};

struct decoder {
    const struct chat_codec *c;
    bool is_started, is_over; /* START was sent; an error was */
    bool is_finished;         /* a reason to stop was seen */
    struct str id;            /* of the response */
    struct chat_usage usage;
    struct choice *choices[CHOICES_MAX];
    uint32_t n_choices;
    const struct json *uncited; /* the candidate under way, until its citations are told */
};

/* What one part says. */
struct answer_part {
    const struct json *text, *call, *other;
    struct str signature;
    bool is_thought;
};

void *gemini_decoder(const struct chat_codec *c)
{
    struct decoder *d = arena_zalloc(c->arena, sizeof(*d));
    struct chat_codec *copy = arena_alloc(c->arena, sizeof(*copy));

    *copy = *c;
    d->c = copy;
    return d;
}

static struct choice *choice_at(struct decoder *d, uint32_t n)
{
    if (d->choices[n] == NULL) {
        d->choices[n] = arena_zalloc(d->c->arena, sizeof(*d->choices[n]));
        d->choices[n]->blocks.choice = n;
        d->choices[n]->is_ascii = true;
    }
    if (n >= d->n_choices)
        d->n_choices = n + 1;
    return d->choices[n];
}

/* --- usage --- */

static uint64_t count(const struct json *usage, const char *key)
{
    uint64_t n = 0;

    return json_u64(json_get(usage, key), &n) ? n : 0;
}

static uint64_t audio_of(const struct json *usage, const char *key)
{
    const struct json *list = json_get(usage, key);

    if (list == NULL || list->type != JSON_ARRAY)
        return 0;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        if (text_is(text_member(x, "modality"), "AUDIO"))
            return count(x, "tokenCount");
    }
    return 0;
}

static bool is_same(const struct chat_usage *a, const struct chat_usage *b)
{
    return b->known && a->input == b->input && a->output == b->output &&
           a->reasoning == b->reasoning && a->cached == b->cached &&
           a->tool_input == b->tool_input && a->audio_in == b->audio_in &&
           a->audio_out == b->audio_out;
}

static void read_usage(struct decoder *d, const struct json *u, const struct chat_sink *sink)
{
    struct chat_usage usage = {.known = true};

    usage.tool_input = count(u, "toolUsePromptTokenCount");
    usage.reasoning = count(u, "thoughtsTokenCount");
    usage.input = count(u, "promptTokenCount") + usage.tool_input;
    usage.output = count(u, "candidatesTokenCount") + usage.reasoning;
    usage.cached = count(u, "cachedContentTokenCount");
    usage.audio_in = audio_of(u, "promptTokensDetails");
    usage.audio_out = audio_of(u, "candidatesTokensDetails");
    if (is_same(&usage, &d->usage))
        return;
    d->usage = usage;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &d->usage});
}

/* --- parts --- */

static void read_part(const struct json *node, struct answer_part *p)
{
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (str_eq(m->key, STR("text")) && m->type == JSON_STRING)
            p->text = m;
        else if (gemini_key(m->key, "functionCall") && m->type == JSON_OBJECT)
            p->call = m;
        else if (gemini_key(m->key, "thoughtSignature"))
            p->signature = text_inside(m);
        else if (str_eq(m->key, STR("thought")))
            (void)json_bool(m, &p->is_thought);
        else if (m->type == JSON_OBJECT && !gemini_key(m->key, "videoMetadata") &&
                 !gemini_key(m->key, "partMetadata"))
            p->other = m;
    }
}

/*
 * Citations belong to the text under way, but stand behind all parts of a candidate: they are told
 * when the text ends, be it by a call or by the signature that Gemini 3 puts last.
 */
static void cite(struct decoder *d, struct choice *ch, const struct chat_sink *sink)
{
    if (d->uncited == NULL || !ch->blocks.is_open || ch->blocks.kind != BLOCK_TEXT)
        return;
    gemini_citations_in(&ch->blocks, d->uncited, ch->is_ascii, sink);
    d->uncited = NULL;
}

static void on_text(struct decoder *d, struct choice *ch, const struct answer_part *p,
                    const struct chat_sink *sink)
{
    struct str text = text_inside(p->text);

    if (p->is_thought) {
        if (text.len == 0 && p->signature.len == 0)
            return;
        cite(d, ch, sink);
        blocks_open(&ch->blocks, sink, BLOCK_THINKING, 0, STR_NONE, STR_NONE);
        blocks_delta(&ch->blocks, sink, text);
        blocks_signature(&ch->blocks, sink, p->signature, SIGNER_GEMINI);
        if (p->signature.len > 0)
            blocks_close(&ch->blocks, sink);
        return;
    }
    if (text.len > 0) {
        blocks_open(&ch->blocks, sink, BLOCK_TEXT, 0, STR_NONE, STR_NONE);
        blocks_delta(&ch->blocks, sink, text);
        ch->is_ascii = ch->is_ascii && gemini_is_ascii(text);
    }
    if (p->signature.len > 0) {
        cite(d, ch, sink);
        /* No other wire has signatures on texts: it goes as a block that only Gemini can read. */
        blocks_open(&ch->blocks, sink, BLOCK_REDACTED, ++ch->tag, STR_NONE, STR_NONE);
        blocks_signature(&ch->blocks, sink, p->signature, SIGNER_GEMINI);
        blocks_close(&ch->blocks, sink);
    }
}

static void on_call(struct decoder *d, struct choice *ch, const struct answer_part *p,
                    const struct chat_sink *sink)
{
    const struct json *args = gemini_get(p->call, "args");
    struct str id = text_member(p->call, "id");

    if (id.len == 0)
        id = gemini_call_id(d->c->scratch, d->id, p->call, ch->n_calls);
    ch->n_calls++;
    cite(d, ch, sink);
    blocks_open(&ch->blocks, sink, BLOCK_TOOL_CALL, ++ch->tag, id, text_member(p->call, "name"));
    blocks_signature(&ch->blocks, sink, p->signature, SIGNER_GEMINI);
    blocks_delta(&ch->blocks, sink,
                 args != NULL && args->type == JSON_OBJECT ? text_of_raw(d->c->scratch, args->raw)
                                                           : STR("{}"));
    blocks_close(&ch->blocks, sink);
}

/* Code that ran at Google's, images: nobody else has the like. */
static void on_other(struct decoder *d, struct choice *ch, const struct json *node,
                     const struct json *other, const struct chat_sink *sink)
{
    struct chat_event e = {.kind = EVENT_BLOCK_START, .block_kind = BLOCK_OTHER};

    cite(d, ch, sink);
    blocks_close(&ch->blocks, sink);
    e.choice = ch->blocks.choice;
    e.block = ch->blocks.n++;
    e.raw = node->raw;
    e.name = text_escape(d->c->scratch, other->key);
    sink->fn(sink->ctx, &e);
    e.kind = EVENT_BLOCK_STOP;
    sink->fn(sink->ctx, &e);
}

static void on_part(struct decoder *d, struct choice *ch, const struct json *node,
                    const struct chat_sink *sink)
{
    struct answer_part p = {.text = NULL};

    if (node->type != JSON_OBJECT)
        return;
    read_part(node, &p);
    if (p.call != NULL)
        on_call(d, ch, &p, sink);
    else if (p.text != NULL || (p.other == NULL && p.signature.len > 0))
        on_text(d, ch, &p, sink);
    else if (p.other != NULL)
        on_other(d, ch, node, p.other, sink);
}

/* --- chunks --- */

static bool on_candidate(struct decoder *d, const struct json *candidate,
                         const struct chat_sink *sink)
{
    const struct json *parts = json_get(json_get(candidate, "content"), "parts");
    struct str reason = text_member(candidate, "finishReason");
    struct str logprobs;
    struct choice *ch;
    uint64_t n = 0;

    if (candidate->type != JSON_OBJECT ||
        (json_get(candidate, "index") != NULL && !json_u64(json_get(candidate, "index"), &n)) ||
        n >= CHOICES_MAX)
        return false;
    ch = choice_at(d, (uint32_t)n);
    d->uncited = candidate;
    for (const struct json *p = gemini_first(parts); p != NULL; p = gemini_next(parts, p))
        on_part(d, ch, p, sink);
    cite(d, ch, sink);
    d->uncited = NULL;
    logprobs = gemini_logprobs_in(d->c, json_get(candidate, "logprobsResult"));
    if (logprobs.len > 0)
        sink->fn(sink->ctx, &(struct chat_event){
                                .kind = EVENT_LOGPROBS, .choice = (uint32_t)n, .raw = logprobs});
    if (reason.len > 0) {
        ch->stop = gemini_stop_of(reason, ch->n_calls > 0);
        d->is_finished = true;
    }
    return true;
}

static void fail(struct decoder *d, const struct chat_error *error, const struct chat_sink *sink)
{
    d->is_over = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = error});
}

static void start(struct decoder *d, const struct json *root, const struct chat_sink *sink)
{
    if (d->is_started)
        return;
    d->is_started = true;
    d->id = arena_str(d->c->arena, text_member(root, "responseId"));
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_START,
                                             .id = d->id,
                                             .model = text_member(root, "modelVersion")});
}

static int on_chunk(struct decoder *d, const struct json *root, const struct chat_sink *sink)
{
    const struct json *error = json_get(root, "error");
    const struct json *candidates = json_get(root, "candidates");
    const struct json *usage = json_get(root, "usageMetadata");

    if (root->type != JSON_OBJECT || (candidates != NULL && candidates->type != JSON_ARRAY))
        return -1;
    if (error != NULL && error->type != JSON_NULL) {
        struct chat_error e;

        gemini_error_in(0, error, &e);
        fail(d, &e, sink);
        return 0;
    }
    start(d, root, sink);
    for (const struct json *x = candidates != NULL ? candidates->child : NULL; x != NULL;
         x = x->next) {
        if (!on_candidate(d, x, sink))
            return -1;
    }
    if (text_member(json_get(root, "promptFeedback"), "blockReason").len > 0) {
        choice_at(d, 0)->stop = STOP_FILTER;
        d->is_finished = true;
    }
    if (usage != NULL && usage->type == JSON_OBJECT)
        read_usage(d, usage, sink);
    return 0;
}

int gemini_decode_frame(void *decoder, const struct chat_frame *frame, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error err;
    const struct json *root;

    if (d->is_over || frame->data.len == 0 || str_eq(frame->data, STR("[DONE]")))
        return 0;
    root = json_parse_raw(d->c->json, d->c->scratch, frame->data, &err);
    return root != NULL ? on_chunk(d, root, sink) : -1;
}

void gemini_decode_end(void *decoder, const struct chat_sink *sink)
{
    static const struct chat_error broken = {
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = {"the provider broke its answer off", 33},
    };
    struct decoder *d = decoder;

    if (d->is_over)
        return;
    if (!d->is_finished) {
        fail(d, &broken, sink);
        return;
    }
    d->is_over = true;
    for (uint32_t i = 0; i < d->n_choices; i++) {
        struct choice *ch = d->choices[i];

        if (ch != NULL)
            blocks_stop(&ch->blocks, sink, ch->stop != STOP_NONE ? ch->stop : STOP_ERROR, STR_NONE);
    }
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
}

/* Has it what every whole answer has? */
static bool is_answer(const struct json *root)
{
    const struct json *candidates = json_get(root, "candidates");

    if (root->type != JSON_OBJECT)
        return false;
    if (json_get(root, "error") != NULL || json_get(root, "promptFeedback") != NULL)
        return true;
    return candidates != NULL && candidates->type == JSON_ARRAY && candidates->child != NULL &&
           text_member(candidates->child, "finishReason").len > 0;
}

int gemini_decode_answer(void *decoder, struct str body, const struct chat_sink *sink)
{
    struct decoder *d = decoder;
    struct json_error err;
    const struct json *root = json_parse_raw(d->c->json, d->c->scratch, body, &err);

    if (root == NULL || !is_answer(root))
        return -1;
    if (on_chunk(d, root, sink) != 0)
        fail(d,
             &(struct chat_error){.kind = ERROR_UPSTREAM,
                                  .status = 502,
                                  .message = STR("the provider's answer makes no sense")},
             sink);
    gemini_decode_end(d, sink);
    return 0;
}
