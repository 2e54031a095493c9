#include "server/worker/hedge.h"

#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/worker/fail.h"
#include "server/worker/outcome.h"
#include "server/worker/primary.h"
#include "server/worker/relay.h"
#include "server/worker/send.h"
#include "server/worker/settle.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"
#include "shm/weights.h"

enum hedge_state {
    HEDGE_WAITING, /* one call, and it is silent */
    HEDGE_RACING,  /* two */
    HEDGE_OVER,    /* the request's call is relay's */
};

/* One of the two calls, as upstream's callbacks know it. */
struct side {
    struct hedge *hedge;
    bool has_head;
    struct upstream_head head; /* a good one, copied: relay gets it with the first byte */
};

/* What belongs to one call, while the request's own fields are the other one's. */
struct lane {
    struct attempt attempt;
    struct money money;
    struct rate_taken *rates; /* arena */
    uint32_t n_rates;
    struct upstream_call *call;
    struct relay_buffers *buffers; /* a translated body is sent from there */
    struct translation *translation;
    bool withhold_usage;
};

struct hedge {
    struct request *request;
    struct timer timer;
    enum hedge_state state;
    bool is_starting;
    bool was_used; /* there was a second call */
    struct side first, second;
    const struct side *current;  /* whose call is in the request's own fields */
    struct lane *parked;         /* racing: the other one's */
    struct relay_buffers *spare; /* of a call that ended: it may be read until the turn is over */
};

void hedge_note(struct request *r)
{
    const struct pub_model *m;

    if (r->resolved.model == UINT32_MAX)
        return;
    m = pub_model(&r->worker->view, r->resolved.model);
    r->attempt.hedge_share = m->hedge_share;
    r->attempt.hedge_ms = m->hedge_ms;
    r->attempt.hedge_percentile = m->hedge_percentile;
}

bool hedge_is_starting(const struct request *r)
{
    return r->hedge != NULL && r->hedge->is_starting;
}

void hedge_mark(const struct request *r, struct hold_note *note)
{
    if (!hedge_is_starting(r))
        return;
    note->flags |= RECORD_HEDGE;
    crypto_uuid(r->begun_ms, note->id);
}

/* --- lanes --- */

/* Of all that was taken of sliding limits, the attempt's own part. */
static void take_rates(struct request *r, struct lane *out)
{
    const struct rates *t = &r->rates;
    uint32_t from = r->money.rates_from;

    out->n_rates = t->n - from;
    out->rates = arena_alloc(r->arena, (out->n_rates + 1) * sizeof(*out->rates));
    if (out->n_rates > 0)
        memcpy(out->rates, t->items + from, out->n_rates * sizeof(*out->rates));
    r->rates.n = from;
}

static void put_rates(struct request *r, const struct lane *lane)
{
    struct rates *t = &r->rates;

    must(t->n == lane->money.rates_from && t->n + lane->n_rates <= t->room); /* they were there */
    if (lane->n_rates > 0)
        memcpy(t->items + t->n, lane->rates, lane->n_rates * sizeof(*t->items));
    t->n += lane->n_rates;
}

static void take_out(struct request *r, struct lane *out)
{
    *out = (struct lane){.attempt = r->attempt,
                         .money = r->money,
                         .call = r->call,
                         .buffers = r->buffers,
                         .translation = r->translation,
                         .withhold_usage = r->withhold_usage};
    take_rates(r, out);
}

static void put_in(struct request *r, const struct lane *lane)
{
    r->attempt = lane->attempt;
    r->money = lane->money;
    r->call = lane->call;
    r->buffers = lane->buffers;
    r->translation = lane->translation;
    r->withhold_usage = lane->withhold_usage;
    put_rates(r, lane);
}

/* The request's own fields become those of this side. */
static void select_side(struct hedge *h, const struct side *side)
{
    struct request *r = h->request;
    struct lane mine;

    must(h->state == HEDGE_RACING);
    if (h->current == side)
        return;
    take_out(r, &mine);
    put_in(r, h->parked);
    *h->parked = mine;
    h->current = side;
}

static const struct side *other_of(struct hedge *h, const struct side *side)
{
    return side == &h->first ? &h->second : &h->first;
}

/* The call of the request's own fields has ended: the other one is the only one from now on. */
static void forget_current(struct hedge *h)
{
    struct request *r = h->request;
    const struct side *left = other_of(h, h->current);

    must(r->call == NULL && !r->money.is_held);
    select_side(h, left);
    h->spare = h->parked->buffers;
    h->parked = NULL;
    h->state = HEDGE_OVER;
    r->upstream_done = false;
    r->result = UPSTREAM_OK;
    r->is_stream = false;
}

/* The call is relay's, as if nobody had watched it. */
static void hand_over(struct hedge *h)
{
    struct request *r = h->request;

    h->state = HEDGE_OVER;
    loop_timer_stop(&h->timer);
    if (r->call != NULL)
        upstream_rebind(r->call, &relay_ops, r);
    if (h->current->has_head)
        relay_ops.on_head(r, &h->current->head);
}

/* --- how one of two ends --- */

/* It was silent, and is not needed any more. Had it been sent, the provider may have worked on it. */
static void end_silent(struct hedge *h, enum sample_outcome outcome)
{
    struct request *r = h->request;
    bool was_sent = r->call == NULL || upstream_was_sent(r->call);

    attempt_end(r, outcome);
    if (was_sent && watch_is_work(r))
        settle_hedged(r);
    money_release(r);
    forget_current(h);
}

/* This side has a byte, or an end, below a good head: it is the answer. */
static void win(struct hedge *h, const struct side *side)
{
    if (h->state == HEDGE_RACING) {
        select_side(h, other_of(h, side));
        end_silent(h, SAMPLE_HEDGED);
        if (side == &h->second)
            stat_add(h->request->worker->slot, STAT_HEDGES_WON, 1);
    }
    hand_over(h);
}

/* What the first one says is told if the second one fails as well; the reverse would be no answer. */
static void keep_error(struct hedge *h, const struct side *side, const struct fail *why)
{
    if (side == &h->first)
        primary_keep(h->request, why);
}

/* It was refused: nothing was used, and the other one goes on. */
static void refuse(struct hedge *h, const struct side *side, const struct upstream_head *head)
{
    struct request *r = h->request;

    select_side(h, side);
    r->attempt.status = head->status;
    head_keep(r, head); /* Retry-After is told to the aggregator */
    r->attempt.is_page = outcome_is_page(r, head);
    attempt_end(r, r->attempt.is_page ? SAMPLE_UPSTREAM_ERROR : relay_outcome(r));
    keep_error(h, side, r->attempt.is_page ? &FAIL_UPSTREAM_TYPE : &FAIL_UPSTREAM_ERROR);
    money_release(r);
    forget_current(h);
    hand_over(h);
}

static void fail_one(struct hedge *h, const struct side *side, enum upstream_result result,
                     const char *detail)
{
    struct request *r = h->request;

    select_side(h, side);
    r->call = NULL;
    r->upstream_done = true;
    r->result = result;
    r->done_us = loop_now_us(r->worker->loop);
    if (side->has_head)
        r->attempt.status = side->head.status;
    log_warn("upstream_failed", "req=%s provider=%.*s key=%.*s result=%s status=%d detail=\"%s\"",
             r->id_text, STR_ARGS(r->attempt.provider), STR_ARGS(r->attempt.provider_key),
             upstream_result_name(result), r->attempt.status, detail != NULL ? detail : "");
    attempt_end(r, relay_outcome(r));
    if (result != UPSTREAM_CONNECT && result != UPSTREAM_TLS)
        settle_abandoned(r, outcome_fail(r));
    keep_error(h, side, outcome_fail(r));
    money_release(r);
    forget_current(h);
    hand_over(h);
}

/* --- what the watched calls say --- */

static void keep_head(struct side *side, const struct upstream_head *head)
{
    struct arena *a = side->hedge->request->arena;
    struct str *names = arena_alloc(a, (head->n + 1) * sizeof(*names));
    struct str *values = arena_alloc(a, (head->n + 1) * sizeof(*values));

    for (size_t i = 0; i < head->n; i++) {
        names[i] = arena_str(a, head->names[i]);
        values[i] = arena_str(a, head->values[i]);
    }
    side->has_head = true;
    side->head =
        (struct upstream_head){.status = head->status, .names = names, .values = values, head->n};
}

static void on_head(void *ctx, const struct upstream_head *head)
{
    struct side *side = ctx;
    struct hedge *h = side->hedge;
    struct request *r = h->request;

    if (r->gone)
        return;
    request_enter(r);
    if (!outcome_may_improve(head->status) && !outcome_is_page(r, head)) {
        keep_head(side, head);
    } else if (h->state == HEDGE_RACING) {
        refuse(h, side, head);
    } else {
        hand_over(h);
        relay_ops.on_head(r, head);
    }
    request_leave(r);
}

static void on_body(void *ctx, struct str bytes)
{
    struct side *side = ctx;
    struct request *r = side->hedge->request;

    if (r->gone)
        return;
    request_enter(r);
    win(side->hedge, side);
    relay_ops.on_body(r, bytes);
    request_leave(r);
}

static void on_done(void *ctx, enum upstream_result result, const char *detail)
{
    struct side *side = ctx;
    struct hedge *h = side->hedge;
    struct request *r = h->request;

    request_enter(r);
    if (r->gone) {
        /* what follows settles it: only that the call is no more has to be known */
        if (h->state != HEDGE_RACING || h->current == side)
            relay_ops.on_done(r, result, detail);
        else
            h->parked->call = NULL;
    } else if (h->state == HEDGE_RACING && (result != UPSTREAM_OK || !side->has_head)) {
        fail_one(h, side, result, detail);
    } else {
        win(h, side); /* an answer without a body, or the only call's failure */
        relay_ops.on_done(r, result, detail);
    }
    request_leave(r);
}

static const struct upstream_ops watch_ops = {on_head, on_body, on_done};

/* --- the second call --- */

/* The first one is put aside. */
static void park(struct hedge *h)
{
    struct request *r = h->request;

    h->parked = arena_zalloc(r->arena, sizeof(*h->parked));
    take_out(r, h->parked);
    r->call = NULL;
    r->buffers = NULL;
    r->money.is_held = false;
    r->attempt.secret = STR_NONE; /* the first one's, and still in use */
    translate_fork(r);
}

/* There is no second call after all. */
static void unpark(struct hedge *h)
{
    struct request *r = h->request;

    relay_release(r);
    r->rates.n = h->parked->money.rates_from;
    put_in(r, h->parked);
    h->parked = NULL;
}

static bool begin_second(struct hedge *h)
{
    struct request *r = h->request;
    bool has_begun;

    park(h);
    h->is_starting = true;
    has_begun = hedge_choose(r);
    if (has_begun) {
        h->state = HEDGE_RACING;
        h->was_used = true;
        h->current = &h->second;
        hedge_spend(r->course.name);
        stat_add(r->worker->slot, STAT_HEDGES, 1);
        attempt_begin(r);
    } else {
        unpark(h);
    }
    h->is_starting = false;
    return has_begun;
}

static void on_late(struct timer *t)
{
    struct hedge *h = container_of(t, struct hedge, timer);
    struct request *r = h->request;

    request_enter(r);
    if (!r->gone && h->state == HEDGE_WAITING && (r->unheard || !begin_second(h)))
        hand_over(h);
    request_leave(r);
}

/* What makes a model answer, and nothing else: asked twice, a job or a file would be there twice. */
static bool is_plain_question(enum path_op op)
{
    return op == OP_CHAT || op == OP_COMPLETIONS || op == OP_EMBEDDINGS ||
           op == OP_EMBEDDINGS_BATCH || op == OP_RERANK || op == OP_INVOKE;
}

static bool is_wanted(const struct request *r)
{
    const struct attempt *a = &r->attempt;

    return a->hedge_share > 0 && a->row < ROUTES_MAX && watch_is_work(r) &&
           is_plain_question(r->path.op) && (r->hedge == NULL || !r->hedge->was_used);
}

void hedge_watch(struct request *r)
{
    struct hedge *h = r->hedge;
    struct weight row;
    uint64_t wait_us;

    if (hedge_is_starting(r)) {
        upstream_rebind(r->call, &watch_ops, &h->second);
        return;
    }
    if (!is_wanted(r))
        return;
    if (r->n_attempts == 1)
        hedge_save(r->course.name, r->attempt.hedge_share);
    if (!weights_read(&r->worker->in->regions.weights, r->attempt.row, &row))
        row.first_byte_n = 0; /* its writer died there: a duration is good all the same */
    wait_us = hedge_wait_us(&r->attempt, &row);
    if (wait_us == 0)
        return;
    if (h == NULL)
        h = arena_zalloc(r->arena, sizeof(*h)); /* else that of an attempt that failed */
    must(h->state == HEDGE_OVER || r->hedge == NULL);
    *h = (struct hedge){.request = r, .first.hedge = h, .second.hedge = h, .current = &h->first};
    r->hedge = h;
    upstream_rebind(r->call, &watch_ops, &h->first);
    loop_timer_start(r->worker->loop, &h->timer, wait_us / 1000 + 1, on_late);
}

/* --- its end --- */

void hedge_stop(struct request *r)
{
    struct hedge *h = r->hedge;

    if (h == NULL || h->state == HEDGE_OVER)
        return;
    if (h->state == HEDGE_RACING) {
        select_side(h, &h->second);
        end_silent(h, SAMPLE_CLIENT_GONE);
    }
    hand_over(h);
}

void hedge_release(struct request *r)
{
    struct hedge *h = r->hedge;
    struct relay_buffers *mine = r->buffers;

    if (h == NULL)
        return;
    loop_timer_stop(&h->timer);
    r->buffers = h->spare;
    relay_release(r);
    r->buffers = mine;
}
