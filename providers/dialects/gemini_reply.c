/*
 * Events into generateContent answers, streamed and whole: gemini.h.
 */
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"
#include "providers/write.h"

/* A text that grows in the arena. */
struct choice {
    bool is_ascii;
    enum chat_stop stop;
    struct str id, name;         /* of the call under way */
    struct arena_text arguments; /* ... escaped; its fragments cannot be told one by one here */
    struct arena_text signature;
    enum chat_signer signer;
    struct chat_citation *citations, *last;
    uint32_t n_citations;
};

struct encoder {
    struct chat_codec c;
    bool is_sse;
    struct str id;   /* ours */
    struct str tail; /* behind the candidates of each chunk: version and id */
    bool is_begun;   /* something was written */
    struct chat_usage usage;
    struct choice *choices[CHOICES_MAX];
    uint32_t n_choices;
};

void *gemini_encoder(const struct chat_codec *c, const struct chat_reply *reply)
{
    struct encoder *e = arena_zalloc(c->arena, sizeof(*e));

    e->c = *c;
    e->is_sse = reply->sse;
    e->id = reply->id;
    e->tail = arena_concat(
        c->arena,
        (struct str[]){STR(",\"modelVersion\":\""), text_escape(c->arena, reply->model),
                       STR("\",\"responseId\":\""), text_escape(c->arena, reply->id), STR("\"}")},
        5);
    return e;
}

static struct choice *choice_at(struct encoder *e, uint32_t n)
{
    must(n < CHOICES_MAX);
    if (e->choices[n] == NULL) {
        e->choices[n] = arena_zalloc(e->c.arena, sizeof(*e->choices[n]));
        e->choices[n]->is_ascii = true;
    }
    if (n >= e->n_choices)
        e->n_choices = n + 1;
    return e->choices[n];
}

static void append(struct encoder *e, struct arena_text *p, struct str more)
{
    if (more.len == 0 || p->len + more.len > GEMINI_ARGUMENTS_MAX)
        return; /* what is cut off is no JSON any more, and is then said as a text */
    arena_append(e->c.arena, p, more);
}

/* --- parts: alike in streams and whole answers --- */

static void put_text(struct buf *out, struct str text, bool is_thought)
{
    write_open(out, '{');
    write_member_text(out, "text", text);
    if (is_thought)
        write_member_bool(out, "thought", true);
    write_close(out, '}');
}

static void put_signature(const struct chat_codec *c, struct buf *out, struct str signature,
                          enum chat_signer signer, bool is_thought)
{
    write_open(out, '{');
    write_member_cstr(out, "text", "");
    if (is_thought)
        write_member_bool(out, "thought", true);
    write_member_text(out, "thoughtSignature", gemini_signature_out(c->scratch, signature, signer));
    write_close(out, '}');
}

static void put_call(const struct chat_codec *c, struct buf *out, const struct chat_block *b)
{
    const struct chat_codec brief = {c->scratch, c->scratch, c->json};
    struct str arguments;

    (void)text_arguments_object(&brief, b, &arguments); /* a text that is none is kept in one */
    write_open(out, '{');
    write_key(out, "functionCall");
    write_open(out, '{');
    write_text_if(out, "id", b->id);
    write_member_text(out, "name", b->name);
    write_member_raw(out, "args", arguments);
    write_close(out, '}');
    if (b->signature.len > 0)
        write_member_text(out, "thoughtSignature",
                          gemini_signature_out(c->scratch, b->signature, b->signer));
    write_close(out, '}');
}

static void put_modality(struct buf *out, const char *key, uint64_t tokens)
{
    if (tokens == 0)
        return;
    write_key(out, key);
    write_open(out, '[');
    write_open(out, '{');
    write_member_cstr(out, "modality", "AUDIO");
    write_member_u64(out, "tokenCount", tokens);
    write_close(out, '}');
    write_close(out, ']');
}

static uint64_t less(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

static void put_usage(struct buf *out, const struct chat_usage *u)
{
    if (!u->known)
        return;
    write_key(out, "usageMetadata");
    write_open(out, '{');
    write_member_u64(out, "promptTokenCount", less(u->input, u->tool_input));
    write_member_u64(out, "candidatesTokenCount", less(u->output, u->reasoning));
    write_member_u64(out, "totalTokenCount", u->input + u->output);
    if (u->cached > 0)
        write_member_u64(out, "cachedContentTokenCount", u->cached);
    if (u->reasoning > 0)
        write_member_u64(out, "thoughtsTokenCount", u->reasoning);
    if (u->tool_input > 0)
        write_member_u64(out, "toolUsePromptTokenCount", u->tool_input);
    put_modality(out, "promptTokensDetails", u->audio_in);
    put_modality(out, "candidatesTokensDetails", u->audio_out);
    write_close(out, '}');
}

/* --- chunks --- */

static void begin_chunk(struct encoder *e, struct buf *out)
{
    if (e->is_sse)
        write_event_begin(out, NULL);
    else
        buf_cstr(out, e->is_begun ? ",\r\n" : "[");
    e->is_begun = true;
    buf_char(out, '{'); /* not write_open: a comma is the framing's here */
}

static void end_frame(struct encoder *e, struct buf *out)
{
    if (e->is_sse)
        buf_add(out, "\r\n\r\n", 4);
}

static void begin_parts(struct encoder *e, struct buf *out)
{
    begin_chunk(e, out);
    write_key(out, "candidates");
    write_open(out, '[');
    write_open(out, '{');
    write_key(out, "content");
    write_open(out, '{');
    write_key(out, "parts");
    write_open(out, '[');
}

static void end_parts(struct encoder *e, uint32_t choice, struct buf *out)
{
    write_close(out, ']');
    write_member_cstr(out, "role", "model");
    write_close(out, '}');
    write_member_u64(out, "index", choice);
    write_close(out, '}');
    write_close(out, ']');
    buf_str(out, e->tail);
    end_frame(e, out);
}

static void on_start(struct encoder *e, const struct chat_event *ev)
{
    struct choice *ch = choice_at(e, ev->choice);

    ch->arguments.len = 0;
    ch->signature.len = 0;
    ch->signer = SIGNER_NONE;
    if (ev->block_kind != BLOCK_TOOL_CALL)
        return;
    ch->id = arena_str(e->c.arena, ev->id);
    ch->name = arena_str(e->c.arena, ev->name);
}

static void on_delta(struct encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct choice *ch = choice_at(e, ev->choice);

    switch (ev->block_kind) {
    case BLOCK_TOOL_CALL:
        append(e, &ch->arguments, ev->text);
        break;
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
    case BLOCK_THINKING:
        if (ev->block_kind != BLOCK_THINKING)
            ch->is_ascii = ch->is_ascii && gemini_is_ascii(ev->text);
        begin_parts(e, out);
        put_text(out, ev->text, ev->block_kind == BLOCK_THINKING);
        end_parts(e, ev->choice, out);
        break;
    default:
        break;
    }
}

static void on_stop(struct encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct choice *ch = choice_at(e, ev->choice);
    const struct chat_block call = {
        .kind = BLOCK_TOOL_CALL,
        .id = ch->id,
        .name = ch->name,
        .arguments_text = arena_text_view(&ch->arguments),
        .signature = arena_text_view(&ch->signature),
        .signer = ch->signer,
    };
    bool is_call = ev->block_kind == BLOCK_TOOL_CALL;

    if (!is_call && ch->signature.len == 0)
        return;
    begin_parts(e, out);
    if (is_call)
        put_call(&e->c, out, &call);
    else
        put_signature(&e->c, out, arena_text_view(&ch->signature), ch->signer,
                      ev->block_kind == BLOCK_THINKING);
    end_parts(e, ev->choice, out);
}

static void keep_citation(struct encoder *e, const struct chat_event *ev)
{
    struct choice *ch = choice_at(e, ev->choice);
    struct chat_citation *copy;

    if (ch->n_citations == GEMINI_CITATIONS_MAX)
        return;
    copy = arena_zalloc(e->c.arena, sizeof(*copy));
    copy->url = arena_str(e->c.arena, ev->citation->url);
    copy->title = arena_str(e->c.arena, ev->citation->title);
    copy->start = ev->citation->start;
    copy->end = ev->citation->end;
    if (ch->last == NULL)
        ch->citations = copy;
    else
        ch->last->next = copy;
    ch->last = copy;
    ch->n_citations++;
}

static void put_logprobs(struct encoder *e, const struct chat_event *ev, struct buf *out)
{
    struct str result = gemini_logprobs_out(&e->c, ev->raw);

    if (result.len == 0)
        return;
    begin_chunk(e, out);
    write_key(out, "candidates");
    write_open(out, '[');
    write_open(out, '{');
    write_member_u64(out, "index", ev->choice);
    write_member_raw(out, "logprobsResult", result);
    write_close(out, '}');
    write_close(out, ']');
    buf_str(out, e->tail);
    end_frame(e, out);
}

/* The last chunk: why each choice ended, and the usage. */
static void put_end(struct encoder *e, struct buf *out)
{
    begin_chunk(e, out);
    write_key(out, "candidates");
    write_open(out, '[');
    (void)choice_at(e, 0);
    for (uint32_t i = 0; i < e->n_choices; i++) {
        const struct choice *ch = e->choices[i];

        if (ch == NULL)
            continue;
        write_open(out, '{');
        write_member_raw(out, "content", STR("{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}"));
        write_member_cstr(out, "finishReason", gemini_stop_name(ch->stop));
        write_member_u64(out, "index", i);
        if (ch->citations != NULL)
            gemini_citations_out(ch->citations, ch->is_ascii, out);
        write_close(out, '}');
    }
    write_close(out, ']');
    put_usage(out, &e->usage);
    buf_str(out, e->tail);
    end_frame(e, out);
    if (!e->is_sse)
        buf_char(out, ']');
}

static void put_error(struct encoder *e, const struct chat_error *error, struct buf *out)
{
    if (e->is_sse)
        write_event_begin(out, NULL);
    else
        buf_cstr(out, e->is_begun ? ",\r\n" : "[");
    gemini_encode_error(error, e->id, out);
    end_frame(e, out);
    if (!e->is_sse)
        buf_char(out, ']');
}

void gemini_encode_event(void *encoder, const struct chat_event *ev, struct buf *out)
{
    struct encoder *e = encoder;
    struct choice *ch;

    switch (ev->kind) {
    case EVENT_BLOCK_START:
        on_start(e, ev);
        break;
    case EVENT_DELTA:
        on_delta(e, ev, out);
        break;
    case EVENT_SIGNATURE:
        ch = choice_at(e, ev->choice);
        append(e, &ch->signature, ev->text);
        ch->signer = ev->signer;
        break;
    case EVENT_BLOCK_STOP:
        on_stop(e, ev, out);
        break;
    case EVENT_CITATION:
        keep_citation(e, ev);
        break;
    case EVENT_LOGPROBS:
        put_logprobs(e, ev, out);
        break;
    case EVENT_STOP:
        choice_at(e, ev->choice)->stop = ev->stop;
        break;
    case EVENT_USAGE:
        e->usage = *ev->usage;
        break;
    case EVENT_END:
        put_end(e, out);
        break;
    case EVENT_ERROR:
        put_error(e, ev->error, out);
        break;
    default:
        break;
    }
}

/* --- a whole answer --- */

static void put_block(struct encoder *e, const struct chat_block *b, struct chat_loss *loss,
                      struct buf *out)
{
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        put_text(out, b->text, false);
        break;
    case BLOCK_THINKING:
        if (b->text.len > 0)
            put_text(out, b->text, true);
        if (b->signature.len > 0)
            put_signature(&e->c, out, b->signature, b->signer, true);
        break;
    case BLOCK_REDACTED:
        put_signature(&e->c, out, b->signature, b->signer, false);
        break;
    case BLOCK_TOOL_CALL:
        put_call(&e->c, out, b);
        break;
    default:
        loss_drop(loss, STR("content"));
    }
}

static void put_choice(struct encoder *e, const struct chat_choice_answer *ch, uint32_t index,
                       struct chat_loss *loss, struct buf *out)
{
    struct str logprobs = STR_NONE;
    bool is_ascii = true;
    bool is_cited = false;

    write_open(out, '{');
    write_key(out, "content");
    write_open(out, '{');
    write_key(out, "parts");
    write_open(out, '[');
    for (const struct chat_block *b = ch->blocks; b != NULL; b = b->next) {
        put_block(e, b, loss, out);
        is_ascii = is_ascii && (b->kind != BLOCK_TEXT || gemini_is_ascii(b->text));
    }
    if (out->data[out->len - 1] == '[')
        put_text(out, STR_NONE, false); /* the SDKs take a content without parts for broken */
    write_close(out, ']');
    write_member_cstr(out, "role", "model");
    write_close(out, '}');
    write_member_cstr(out, "finishReason", gemini_stop_name(ch->stop));
    write_member_u64(out, "index", index);
    for (const struct chat_block *b = ch->blocks; b != NULL && !is_cited; b = b->next) {
        is_cited = b->citations != NULL;
        if (is_cited)
            gemini_citations_out(b->citations, is_ascii, out);
    }
    if (ch->logprobs.len > 0)
        logprobs = gemini_logprobs_out(&e->c, ch->logprobs);
    write_raw_if(out, "logprobsResult", logprobs);
    write_close(out, '}');
}

void gemini_encode_answer(void *encoder, const struct chat_answer *answer, struct chat_loss *loss,
                          struct buf *out)
{
    struct encoder *e = encoder;

    write_open(out, '{');
    write_key(out, "candidates");
    write_open(out, '[');
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        if (answer->choices[i].seen)
            put_choice(e, &answer->choices[i], i, loss, out);
    }
    write_close(out, ']');
    put_usage(out, &answer->usage);
    buf_str(out, e->tail);
}
