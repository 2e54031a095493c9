/*
 * fold - a whole answer from its events, and back: event.h.
 */
#include "providers/event.h"

struct choice_fold {
    struct arena_text text, signature;
    struct chat_citation *last; /* of the block's */
    struct arena_text logprobs; /* of the whole choice */
};

struct chat_fold {
    struct chat_codec codec;
    struct chat_answer answer;
    struct choice_fold *open; /* of the block under way, one a choice */
    uint64_t left;            /* bytes it may still take */
};

struct chat_fold *fold_create(const struct chat_codec *c, uint64_t max_bytes)
{
    struct chat_fold *f = arena_zalloc(c->arena, sizeof(*f));

    f->codec = *c;
    f->left = max_bytes;
    return f;
}

static void too_long(struct chat_fold *f)
{
    f->answer.has_error = true;
    f->answer.error = (struct chat_error){
        .kind = ERROR_UPSTREAM,
        .status = 502,
        .message = STR("the provider's answer is longer than is taken here"),
    };
}

/* All that is kept counts: a provider may send millions of blocks with nothing in them. */
static bool spend(struct chat_fold *f, uint64_t bytes)
{
    if (bytes > f->left)
        too_long(f);
    f->left -= min_u64(bytes, f->left);
    return !f->answer.has_error;
}

static struct str keep(struct chat_fold *f, struct str s)
{
    return s.len > 0 && spend(f, s.len) ? arena_str(f->codec.arena, s) : STR_NONE;
}

static void append(struct chat_fold *f, struct arena_text *p, struct str text)
{
    if (!spend(f, text.len))
        return;
    arena_append(f->codec.arena, p, text);
}

/* Make room for this choice. */
static struct chat_choice_answer *choice_at(struct chat_fold *f, uint32_t n)
{
    must(n < CHOICES_MAX);
    if (f->answer.choices == NULL) {
        f->answer.choices = arena_zalloc(f->codec.arena, CHOICES_MAX * sizeof(*f->answer.choices));
        f->open = arena_zalloc(f->codec.arena, CHOICES_MAX * sizeof(*f->open));
    }
    if (n >= f->answer.n_choices)
        f->answer.n_choices = n + 1;
    f->answer.choices[n].seen = true;
    return &f->answer.choices[n];
}

static void begin_block(struct chat_fold *f, struct chat_choice_answer *ch,
                        const struct chat_event *e)
{
    struct choice_fold *open = &f->open[e->choice];
    struct chat_block *b;

    if (!spend(f, sizeof(*b)))
        return;
    b = arena_zalloc(f->codec.arena, sizeof(*b));
    b->kind = e->block_kind;
    b->id = keep(f, e->id);
    b->name = keep(f, e->name);
    b->raw = keep(f, e->raw);
    if (ch->last == NULL)
        ch->blocks = b;
    else
        ch->last->next = b;
    ch->last = b;
    *open = (struct choice_fold){.logprobs = open->logprobs};
}

static void end_block(struct chat_fold *f, struct chat_choice_answer *ch, uint32_t n)
{
    struct chat_block *b = ch->last;
    struct choice_fold *open = &f->open[n];

    if (b == NULL)
        return;
    if (b->kind == BLOCK_TOOL_CALL)
        b->arguments_text = arena_text_view(&open->text);
    else
        b->text = arena_text_view(&open->text);
    b->signature = arena_text_view(&open->signature);
}

static void add_citation(struct chat_fold *f, struct chat_block *b, struct choice_fold *open,
                         const struct chat_citation *from)
{
    struct chat_citation *copy;

    if (!spend(f, sizeof(*copy)))
        return;
    copy = arena_alloc(f->codec.arena, sizeof(*copy));
    *copy = *from;
    copy->next = NULL;
    copy->url = keep(f, from->url);
    copy->title = keep(f, from->title);
    copy->text = keep(f, from->text);
    copy->raw = keep(f, from->raw);
    if (open->last == NULL)
        b->citations = copy;
    else
        open->last->next = copy;
    open->last = copy;
}

static void append_array(struct chat_fold *f, struct arena_text *all, struct str more)
{
    if (more.len < 3 && all->len > 0) /* "[]" */
        return;
    if (all->len < 3) {
        all->len = 0;
        append(f, all, more);
        return;
    }
    all->len--; /* its bracket */
    append(f, all, STR(","));
    append(f, all, str_skip(more, 1));
}

static void in_block(struct chat_fold *f, struct chat_choice_answer *ch, const struct chat_event *e)
{
    struct choice_fold *open = &f->open[e->choice];

    if (e->kind == EVENT_BLOCK_START) {
        begin_block(f, ch, e);
        return;
    }
    if (ch->last == NULL)
        return;
    switch (e->kind) {
    case EVENT_DELTA:
        append(f, &open->text, e->text);
        break;
    case EVENT_SIGNATURE:
        append(f, &open->signature, e->text);
        ch->last->signer = e->signer;
        break;
    case EVENT_CITATION:
        add_citation(f, ch->last, open, e->citation);
        break;
    default:
        end_block(f, ch, e->choice);
    }
}

static struct chat_error keep_error(const struct chat_fold *f, const struct chat_error *e)
{
    struct arena *a = f->codec.arena; /* there is one of it: not counted */

    return (struct chat_error){e->kind,
                               e->status,
                               arena_str(a, e->message),
                               arena_str(a, e->type),
                               arena_str(a, e->code),
                               arena_str(a, e->param)};
}

void fold_event(void *fold, const struct chat_event *e)
{
    struct chat_fold *f = fold;
    struct chat_choice_answer *ch;

    switch (e->kind) {
    case EVENT_START:
        f->answer.id = keep(f, e->id);
        f->answer.model = keep(f, e->model);
        break;
    case EVENT_USAGE:
        f->answer.usage = *e->usage;
        break;
    case EVENT_END:
        f->answer.has_end = true;
        break;
    case EVENT_ERROR:
        if (!f->answer.has_error)
            f->answer.error = keep_error(f, e->error);
        f->answer.has_error = true;
        break;
    case EVENT_LOGPROBS:
        ch = choice_at(f, e->choice);
        append_array(f, &f->open[e->choice].logprobs, e->raw);
        ch->logprobs = arena_text_view(&f->open[e->choice].logprobs);
        break;
    case EVENT_STOP:
        ch = choice_at(f, e->choice);
        ch->stop = e->stop;
        ch->sequence = keep(f, e->text);
        break;
    default:
        in_block(f, choice_at(f, e->choice), e);
    }
}

const struct chat_answer *fold_answer(struct chat_fold *fold)
{
    return &fold->answer;
}

/* --- and back --- */

static void replay_text(struct chat_event e, enum chat_event_kind kind, struct str text,
                        const struct chat_sink *sink)
{
    e.kind = kind;
    e.text = text;
    if (text.len > 0)
        sink->fn(sink->ctx, &e);
}

static void replay_block(const struct chat_block *b, struct chat_event e,
                         const struct chat_sink *sink)
{
    struct chat_event begin = e;
    bool is_call = b->kind == BLOCK_TOOL_CALL;

    begin.kind = EVENT_BLOCK_START;
    begin.id = b->id;
    begin.name = b->name;
    begin.raw = b->raw;
    sink->fn(sink->ctx, &begin);
    e.signer = b->signer;
    if (is_call)
        replay_text(e, EVENT_SIGNATURE, b->signature, sink);
    replay_text(e, EVENT_DELTA, is_call ? b->arguments_text : b->text, sink);
    if (!is_call)
        replay_text(e, EVENT_SIGNATURE, b->signature, sink);
    e.kind = EVENT_CITATION;
    for (const struct chat_citation *c = b->citations; c != NULL; c = c->next) {
        e.citation = c;
        sink->fn(sink->ctx, &e);
    }
    e.kind = EVENT_BLOCK_STOP;
    sink->fn(sink->ctx, &e);
}

static void replay_choice(const struct chat_choice_answer *ch, uint32_t n,
                          const struct chat_sink *sink)
{
    struct chat_event e = {.choice = n};

    for (const struct chat_block *b = ch->blocks; b != NULL; b = b->next) {
        e.block_kind = b->kind;
        replay_block(b, e, sink);
        e.block++;
    }
    if (ch->logprobs.len > 0)
        sink->fn(sink->ctx,
                 &(struct chat_event){.kind = EVENT_LOGPROBS, .choice = n, .raw = ch->logprobs});
    sink->fn(sink->ctx,
             &(struct chat_event){
                 .kind = EVENT_STOP, .choice = n, .stop = ch->stop, .text = ch->sequence});
}

void fold_replay(const struct chat_answer *answer, const struct chat_sink *sink)
{
    sink->fn(sink->ctx,
             &(struct chat_event){.kind = EVENT_START, .id = answer->id, .model = answer->model});
    for (uint32_t i = 0; i < answer->n_choices; i++)
        replay_choice(&answer->choices[i], i, sink);
    if (answer->usage.known)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_USAGE, .usage = &answer->usage});
    if (answer->has_error)
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_ERROR, .error = &answer->error});
    else
        sink->fn(sink->ctx, &(struct chat_event){.kind = EVENT_END});
}
