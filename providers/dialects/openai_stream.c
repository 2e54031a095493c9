/*
 * Chunks of a chat-completions stream into events. A vendor's chunk may say several things at once;
 * they are taken in the order in which a model says them: thinking, text, refusal, tool calls.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"

void openai_emit_start(struct openai_decoder *d, const struct json *root,
                       const struct chat_sink *sink)
{
    if (d->has_started)
        return;
    d->has_started = true;
    d->id = arena_str(d->c.arena, text_member(root, "id"));
    sink->fn(sink->ctx, &(struct chat_event){
                            .kind = EVENT_START, .id = d->id, .model = text_member(root, "model")});
}

struct openai_choice *openai_choice(struct openai_decoder *d, const struct json *choice)
{
    uint64_t index = 0;

    (void)json_u64(json_get(choice, "index"), &index); /* some leave it out when there is one */
    if (index >= CHOICES_MAX)
        return NULL;
    if (d->choices[index] == NULL) {
        d->choices[index] = arena_zalloc(d->c.arena, sizeof(*d->choices[index]));
        d->choices[index]->blocks.choice = (uint32_t)index;
        d->has_choice = true;
    }
    return d->choices[index];
}

static enum chat_stop stop_of(const struct openai_choice *ch, struct str reason)
{
    static const struct {
        const char *name;
        enum chat_stop stop;
    } rows[] = {
        {"stop", STOP_END},
        {"length", STOP_LENGTH},
        {"tool_calls", STOP_TOOL},
        {"function_call", STOP_TOOL},
        {"content_filter", STOP_FILTER},
        {"model_length", STOP_CONTEXT},               /* Mistral */
        {"sensitive", STOP_FILTER},                   /* Zhipu */
        {"network_error", STOP_ERROR},                /* Zhipu */
        {"error", STOP_ERROR},                        /* Mistral, OpenRouter */
        {"insufficient_system_resource", STOP_ERROR}, /* DeepSeek */
    };
    enum chat_stop stop = STOP_END;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (text_is(reason, rows[i].name))
            stop = rows[i].stop;
    }
    if (stop == STOP_END && ch->n_calls > 0)
        return STOP_TOOL; /* some vendors say "stop" then */
    return stop == STOP_END && ch->has_refusal ? STOP_REFUSAL : stop;
}

/* --- one delta --- */

static void emit(struct openai_choice *ch, enum chat_block_kind kind, uint64_t tag, struct str text,
                 const struct chat_sink *sink)
{
    if (text.len == 0)
        return;
    openai_calls_interrupt(ch, sink);
    blocks_open(&ch->blocks, sink, kind, tag, STR_NONE, STR_NONE);
    blocks_delta(&ch->blocks, sink, text);
}

static bool is_blank(struct str escaped)
{
    for (size_t i = 0; i < escaped.len; i++) {
        char c = escaped.p[i];

        if (c == '\\' && i + 1 < escaped.len && strchr("nrt", escaped.p[i + 1]) != NULL)
            i++;
        else if (c != ' ')
            return false;
    }
    return true;
}

static void emit_text(struct openai_choice *ch, struct str text, const struct chat_sink *sink)
{
    if (ch->open != NULL && is_blank(text)) /* filling between tool calls */
        return;
    emit(ch, BLOCK_TEXT, 0, text, sink);
}

/* Mistral's reasoning models: content is parts, and thinking one of them. */
static void emit_parts(struct openai_choice *ch, const struct json *parts,
                       const struct chat_sink *sink)
{
    for (const struct json *x = parts->child; x != NULL; x = x->next) {
        const struct json *thinking = json_get(x, "thinking");

        if (text_is(text_member(x, "type"), "text"))
            emit_text(ch, text_member(x, "text"), sink);
        else if (thinking != NULL && thinking->type == JSON_ARRAY)
            for (const struct json *y = thinking->child; y != NULL; y = y->next)
                emit(ch, BLOCK_THINKING, ch->n_thoughts, text_member(y, "text"), sink);
    }
}

/* Signatures that another gateway of our kind hands on: of the thinking just told, or redacted. */
static void emit_signatures(struct openai_choice *ch, const struct json *list,
                            const struct chat_sink *sink)
{
    if (list == NULL || list->type != JSON_ARRAY)
        return;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        bool is_redacted = text_is(text_member(x, "type"), "redacted");
        struct str wrapped = text_member(x, is_redacted ? "data" : "signature");
        enum chat_signer signer;
        struct str signature = text_unwrap(wrapped, SIGNER_OTHER, &signer);

        if (is_redacted) {
            openai_calls_interrupt(ch, sink);
            ch->n_thoughts++;
            blocks_open(&ch->blocks, sink, BLOCK_REDACTED, ch->n_thoughts, STR_NONE, STR_NONE);
        } else if (!ch->blocks.is_open || ch->blocks.kind != BLOCK_THINKING) {
            continue;
        }
        blocks_signature(&ch->blocks, sink, signature, signer);
        blocks_close(&ch->blocks, sink);
        ch->n_thoughts++; /* what comes is another thought */
    }
}

static void emit_citations(struct openai_choice *ch, const struct json *annotations,
                           const struct chat_sink *sink)
{
    struct chat_event e = {.kind = EVENT_CITATION,
                           .choice = ch->blocks.choice,
                           .block = ch->blocks.n - 1,
                           .block_kind = BLOCK_TEXT};

    if (annotations == NULL || annotations->type != JSON_ARRAY || !ch->blocks.is_open ||
        ch->blocks.kind != BLOCK_TEXT)
        return;
    for (const struct json *x = annotations->child; x != NULL; x = x->next) {
        struct chat_citation c = {.start = -1, .end = -1};

        if (x->type == JSON_STRING) /* Perplexity's list of addresses */
            c.url = text_inside(x);
        else if (!openai_citation(x, &c))
            continue;
        e.citation = &c;
        sink->fn(sink->ctx, &e);
    }
}

/* {"name","arguments"} of the old way, as a tool call's delta. */
static int emit_function(struct openai_decoder *d, struct openai_choice *ch,
                         const struct json *function, const struct chat_sink *sink)
{
    struct json key = *function;
    struct json delta = {.type = JSON_OBJECT, .raw = function->raw, .child = &key, .n = 1};
    struct json list = {.type = JSON_ARRAY, .raw = function->raw, .child = &delta, .n = 1};

    key.key = STR("function");
    key.next = NULL;
    return openai_calls_delta(d, ch, &list, sink);
}

/* Everything but thinking. */
static int take_said(struct openai_decoder *d, struct openai_choice *ch, const struct json *delta,
                     const struct chat_sink *sink)
{
    const struct json *content = json_get(delta, "content");
    const struct json *calls = json_get(delta, "tool_calls");
    const struct json *function = json_get(delta, "function_call");
    struct str refusal = text_member(delta, "refusal");

    if (content != NULL && content->type == JSON_ARRAY)
        emit_parts(ch, content, sink);
    else
        emit_text(ch, text_inside(content), sink);
    emit(ch, BLOCK_REFUSAL, 0, refusal, sink);
    ch->has_refusal = ch->has_refusal || refusal.len > 0;
    emit_citations(ch, json_get(delta, "annotations"), sink);
    if (!openai_is_null(calls) && openai_calls_delta(d, ch, calls, sink) != 0)
        return -1;
    return openai_is_null(function) ? 0 : emit_function(d, ch, function, sink);
}

static void emit_logprobs(const struct openai_choice *ch, const struct json *choice,
                          const struct chat_sink *sink)
{
    const struct json *list = json_get(json_get(choice, "logprobs"), "content");

    if (list != NULL && list->type == JSON_ARRAY && list->n > 0)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_LOGPROBS,
                                                 .choice = ch->blocks.choice,
                                                 .raw = list->raw});
}

static int finish(struct openai_decoder *d, struct openai_choice *ch, const struct json *choice,
                  const struct chat_sink *sink)
{
    struct str sequence = text_member(choice, "stop_reason"); /* vLLM: the string it met */
    enum chat_stop stop;

    if (openai_calls_finish(d, ch, sink) != 0)
        return -1;
    stop = stop_of(ch, text_member(choice, "finish_reason"));
    if (stop == STOP_END && sequence.len > 0)
        stop = STOP_SEQUENCE;
    blocks_stop(&ch->blocks, sink, stop, stop == STOP_SEQUENCE ? sequence : STR_NONE);
    ch->has_stopped = true;
    return 0;
}

static int take_choice(struct openai_decoder *d, const struct json *root, const struct json *choice,
                       const struct chat_sink *sink)
{
    struct openai_choice *ch = choice->type == JSON_OBJECT ? openai_choice(d, choice) : NULL;
    const struct json *delta = json_get(choice, "delta");
    bool is_over = text_member(choice, "finish_reason").len > 0;

    if (ch == NULL)
        return -1;
    if (ch->has_stopped) /* some repeat the last chunk to tell usage */
        return 0;
    if (!openai_is_null(delta)) {
        if (delta->type != JSON_OBJECT)
            return -1;
        emit(ch, BLOCK_THINKING, ch->n_thoughts, openai_reasoning_text(delta), sink);
        emit_signatures(ch, json_get(delta, "bf_thinking"), sink);
        if (take_said(d, ch, delta, sink) != 0)
            return -1;
    }
    emit_logprobs(ch, choice, sink);
    if (!is_over)
        return 0;
    emit_citations(ch, json_get(root, "citations"), sink);
    return finish(d, ch, choice, sink);
}

int openai_take_rest(struct openai_decoder *d, const struct json *root, const struct json *choice,
                     const struct chat_sink *sink)
{
    struct openai_choice *ch = openai_choice(d, choice);

    if (ch == NULL || take_said(d, ch, json_get(choice, "message"), sink) != 0)
        return -1;
    emit_citations(ch, json_get(root, "citations"), sink);
    emit_logprobs(ch, choice, sink);
    return finish(d, ch, choice, sink);
}

/* --- a stream --- */

void *openai_decoder_create(const struct chat_codec *c)
{
    struct openai_decoder *d = arena_zalloc(c->arena, sizeof(*d));

    d->c = *c;
    return d;
}

static bool is_over(const struct openai_decoder *d)
{
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        if (d->choices[i] != NULL && !d->choices[i]->has_stopped)
            return false;
    }
    return d->has_choice;
}

void openai_broke_off(struct openai_decoder *d, const struct chat_sink *sink)
{
    static const struct chat_error error = {
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = {"the provider broke its answer off", 33},
    };

    d->has_ended = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = &error});
}

/* [DONE] without a finish_reason: the vendor says that this is all. */
static int on_done(struct openai_decoder *d, const struct chat_sink *sink)
{
    const struct json nothing = {.type = JSON_OBJECT};

    for (size_t i = 0; i < CHOICES_MAX; i++) {
        struct openai_choice *ch = d->choices[i];

        if (ch != NULL && !ch->has_stopped && finish(d, ch, &nothing, sink) != 0)
            return -1;
    }
    openai_decode_end(d, sink);
    return 0;
}

int openai_decode_frame(void *decoder, const struct chat_frame *frame, const struct chat_sink *sink)
{
    struct openai_decoder *d = decoder;
    struct json_error why;
    const struct json *root;
    const struct json *choices;

    if (d->has_ended || frame->data.len == 0)
        return 0;
    if (str_eq(frame->data, STR("[DONE]")))
        return on_done(d, sink);
    root = json_parse_raw(d->c.json, d->c.scratch, frame->data, &why);
    if (root == NULL || root->type != JSON_OBJECT)
        return -1;
    choices = json_get(root, "choices");
    if (choices == NULL || choices->type != JSON_ARRAY) {
        openai_emit_error(d, frame->is_exception ? 500 : 0, root, sink);
        if (d->has_ended || openai_emit_usage(root, sink))
            return 0;
        return openai_is_null(choices) ? 0 : -1; /* a comment in JSON, as some have to keep alive */
    }
    if (choices->n > 0)
        openai_emit_start(d, root, sink);
    for (const struct json *x = choices->child; x != NULL; x = x->next) {
        if (take_choice(d, root, x, sink) != 0)
            return -1;
    }
    (void)openai_emit_usage(root, sink);
    openai_emit_error(d, 0, root, sink); /* OpenRouter: beside a choice */
    return 0;
}

void openai_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct openai_decoder *d = decoder;

    if (d->has_ended)
        return;
    if (!is_over(d)) {
        openai_broke_off(d, sink);
        return;
    }
    d->has_ended = true;
    sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
}
