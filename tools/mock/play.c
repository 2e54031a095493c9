#include "tools/mock/play.h"

#include "providers/chat_text.h"
#include "tools/mock/text.h"

void play_begin(struct play *p, const struct speech *speech, uint32_t n)
{
    *p = (struct play){.speech = speech, .n = n, .usage = speech->usage};
    p->usage.output *= n;
    p->usage.reasoning *= n;
}

static const struct speech_block *block_of(const struct play *p)
{
    return &p->speech->blocks[p->block];
}

static bool is_signed(const struct play *p, bool is_call)
{
    const struct speech_block *b = block_of(p);

    return b->signature.len > 0 && (b->kind == BLOCK_TOOL_CALL) == is_call;
}

/* The next piece of the block under way; false when there is none. */
static bool take_token(struct play *p, struct arena *scratch, struct chat_event *e)
{
    struct str token = {p->rest.p, text_token(p->rest)};

    if (p->rest.len == 0)
        return false;
    p->rest = str_skip(p->rest, token.len);
    e->kind = EVENT_DELTA;
    e->text = text_escape(scratch, token);
    return true;
}

static void end_block(struct play *p)
{
    p->block++;
    p->step = p->block < p->speech->n_blocks ? PLAY_BLOCK_START : PLAY_STOP;
}

static void end_choice(struct play *p)
{
    p->choice++;
    p->block = 0;
    p->step = p->choice < p->n ? PLAY_BLOCK_START : PLAY_USAGE;
}

/* Events of a block. False: this step has none, go on with the next. */
static bool in_block(struct play *p, struct arena *scratch, struct chat_event *e)
{
    const struct speech_block *b = block_of(p);

    e->choice = p->choice;
    e->block = (uint32_t)p->block;
    e->block_kind = b->kind;
    switch (p->step) {
    case PLAY_BLOCK_START:
        e->kind = EVENT_BLOCK_START;
        e->id = b->id;
        e->name = b->name;
        p->rest = b->text;
        p->step = PLAY_CALL_SIGNATURE;
        return true;
    case PLAY_CALL_SIGNATURE:
    case PLAY_SIGNATURE:
        e->kind = EVENT_SIGNATURE;
        e->text = b->signature;
        e->signer = p->speech->signer;
        p->step++;
        return is_signed(p, p->step == PLAY_DELTAS);
    case PLAY_DELTAS:
        if (take_token(p, scratch, e))
            return true;
        p->step = PLAY_SIGNATURE;
        return false;
    default:
        e->kind = EVENT_BLOCK_STOP;
        end_block(p);
        return true;
    }
}

/* Events around the blocks. */
static bool outside(struct play *p, struct chat_event *e)
{
    switch (p->step) {
    case PLAY_PROMPT_USAGE:
        e->kind = EVENT_USAGE;
        p->usage.output = p->usage.reasoning = 0;
        e->usage = &p->usage;
        p->step = PLAY_START;
        return true;
    case PLAY_START:
        e->kind = EVENT_START;
        e->id = p->id;
        e->model = p->model;
        p->step = PLAY_BLOCK_START;
        return true;
    case PLAY_STOP:
        e->kind = EVENT_STOP;
        e->choice = p->choice;
        e->stop = p->speech->stop;
        e->text = p->speech->sequence;
        end_choice(p);
        return true;
    case PLAY_USAGE:
        p->usage.output = p->speech->usage.output * p->n;
        p->usage.reasoning = p->speech->usage.reasoning * p->n;
        e->kind = EVENT_USAGE;
        e->usage = &p->usage;
        p->step = PLAY_END;
        return true;
    case PLAY_END:
        e->kind = EVENT_END;
        p->step = PLAY_OVER;
        return true;
    default:
        return false;
    }
}

bool play_next(struct play *p, struct arena *scratch, struct chat_event *out)
{
    while (p->step != PLAY_OVER) {
        bool inside = p->step >= PLAY_BLOCK_START && p->step <= PLAY_BLOCK_STOP;

        *out = (struct chat_event){0};
        if (inside ? in_block(p, scratch, out) : outside(p, out))
            return true;
    }
    return false;
}

/* --- a whole answer --- */

static struct chat_block *blocks_of(const struct chat_codec *c, const struct speech *s)
{
    struct chat_block *blocks = arena_zalloc(c->arena, s->n_blocks * sizeof(*blocks));

    for (size_t i = 0; i < s->n_blocks; i++) {
        const struct speech_block *from = &s->blocks[i];
        struct chat_block *to = &blocks[i];
        struct str text = text_escape(c->arena, from->text);

        to->kind = from->kind;
        to->id = from->id;
        to->name = from->name;
        *(to->kind == BLOCK_TOOL_CALL ? &to->arguments_text : &to->text) = text;
        to->signature = from->signature;
        to->signer = from->signature.len > 0 ? s->signer : SIGNER_NONE;
        to->next = i + 1 < s->n_blocks ? &blocks[i + 1] : NULL;
    }
    return blocks;
}

void play_whole(const struct chat_codec *c, const struct play *p, struct chat_answer *out)
{
    const struct speech *s = p->speech;
    struct chat_block *blocks = blocks_of(c, s);

    *out = (struct chat_answer){.id = p->id, .model = p->model, .n_choices = p->n};
    out->usage = p->usage;
    out->has_end = true;
    out->choices = arena_zalloc(c->arena, p->n * sizeof(*out->choices));
    for (uint32_t i = 0; i < p->n; i++)
        out->choices[i] = (struct chat_choice_answer){.blocks = blocks,
                                                      .last = &blocks[s->n_blocks - 1],
                                                      .stop = s->stop,
                                                      .sequence = s->sequence,
                                                      .seen = true};
}
