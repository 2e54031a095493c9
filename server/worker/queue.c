#include "server/worker/queue.h"

#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/worker/fail.h"
#include "server/worker/line.h"
#include "server/worker/parse.h"
#include "server/worker/route.h"
#include "shm/ledger.h"
#include "shm/queues.h"

#define WANTS_MAX 8    /* accounts that one request waits for; any of them will do */
#define WATCHED_MAX 63 /* accounts that are waited for; the last bit is for all others */
#define OTHERS (1ull << WATCHED_MAX)
#define TURNS_MAX 64 /* in one look: many that try in vain must not stop a worker */
#define YIELDS_MAX 3 /* looks at which a place is left to other workers; they may be stuck */
#define RATE_LEAST_MS 100
#define RATE_MOST_MS 10000 /* how long back the rate of what passes is looked at */
#define RETRY_LEAST_MS 100
#define RETRY_MOST_MS 60000 /* SDKs take a longer wait for a mistake */

/* An account that somebody waits for. */
struct watched {
    uint32_t index, users; /* users 0: free */
    uint64_t id;
};

/* How fast a queue moves: what passed since then, over all workers. */
struct rate_seen {
    uint64_t since_ms, passed;
    uint64_t per_ks; /* in 1000 s, before that; 0: not known */
};

struct queue { /* of a worker */
    struct worker *w;
    struct line line;
    struct timer timer;
    struct watched watched[WATCHED_MAX];
    uint64_t round;
    uint64_t generation; /* of the configuration at the last look */
    uint32_t yields;
    struct rate_seen rates[QUEUES_MAX];
};

/* Of a request: in its arena, from its first turn in route on. */
struct queued {
    struct waiter waiter;
    struct request *r;
    struct course course;           /* where it began */
    uint32_t from;                  /* r->n_attempts + 1 when that was noted; 0: never */
    struct watched full[WANTS_MAX]; /* what its routes were refused for */
    uint32_t n_full;
    struct watched waits[WANTS_MAX]; /* ... when it began to wait */
    uint32_t n_waits;
    uint32_t number, at_most;       /* of its queue */
    uint64_t since_us, deadline_ms; /* 0: it has not waited yet */
    uint64_t wait_ms, waited_us;
    uint64_t retry_ms;
    bool has_turn, is_late;
};

static struct queue *queue_of(struct worker *w)
{
    if (w->queue == NULL) {
        w->queue = xcalloc(1, sizeof(*w->queue));
        w->queue->w = w;
    }
    return w->queue;
}

void queue_free(struct queue *q)
{
    if (q == NULL)
        return;
    loop_timer_stop(&q->timer);
    line_fini(&q->line);
    free(q);
}

static const struct region *live_of(const struct worker *w)
{
    return &w->in->regions.live;
}

static uint32_t weight_of(const struct request *r)
{
    if ((r->key.flags & KEY_HIGH) != 0)
        return QUEUE_HIGH;
    return (r->key.flags & KEY_LOW) != 0 ? QUEUE_LOW : QUEUE_NORMAL;
}

/* --- what is waited for --- */

/* The limits of keys, teams and customers are theirs: who exceeds them is told so. */
static bool can_be_waited_for(const struct account *a)
{
    return a->kind == ACCOUNT_CONCURRENCY &&
           (a->owner_kind == OWNER_PROVIDER || a->owner_kind == OWNER_TARGET ||
            a->owner_kind == OWNER_MODEL);
}

void queue_note(struct request *r, const struct refusal *why)
{
    struct queued *own = r->queued;

    if (own == NULL || !can_be_waited_for(&why->account) || own->n_full == WANTS_MAX)
        return;
    for (uint32_t i = 0; i < own->n_full; i++) {
        if (own->full[i].index == why->account.index)
            return;
    }
    own->full[own->n_full++] = (struct watched){why->account.index, 1, why->account.id};
}

bool queue_may_take(struct request *r, const struct accounts *list, struct refusal *why)
{
    const struct regions *regions = &r->worker->in->regions;
    uint64_t wanted;

    if (r->queued->has_turn)
        return true;
    wanted = queues_wanted(&regions->live);
    for (uint32_t i = 0; wanted != 0 && i < list->n; i++) {
        const struct account *a = &list->items[i];
        struct usage_now now;

        if (!can_be_waited_for(a) || (wanted & queues_bit(a->index)) == 0 ||
            !queues_is_wanted(&regions->live, a->index))
            continue;
        account_usage(regions, a, request_real_ms(r), &now);
        *why = (struct refusal){*a, now.used, 0};
        return false;
    }
    return true;
}

static void publish_wants(struct queue *q)
{
    uint32_t accounts[WATCHED_MAX];
    uint32_t n = 0;

    static_assert(WATCHED_MAX <= QUEUES_WANTS_MAX, "all of them are told");
    for (uint32_t i = 0; i < WATCHED_MAX; i++) {
        if (q->watched[i].users > 0)
            accounts[n++] = q->watched[i].index;
    }
    queues_want(live_of(q->w), q->w->in->slot, accounts, n);
}

/* The bit that stands for it. */
static uint64_t watch(struct queue *q, const struct watched *account)
{
    uint32_t free_at = WATCHED_MAX;

    for (uint32_t i = 0; i < WATCHED_MAX; i++) {
        struct watched *at = &q->watched[i];

        if (at->users == 0) {
            free_at = free_at < i ? free_at : i;
        } else if (at->index == account->index && at->id == account->id) {
            at->users++;
            return 1ull << i;
        }
    }
    if (free_at == WATCHED_MAX)
        return OTHERS;
    q->watched[free_at] = (struct watched){account->index, 1, account->id};
    return 1ull << free_at;
}

static void unwatch(struct queue *q, const struct watched *account)
{
    for (uint32_t i = 0; i < WATCHED_MAX; i++) {
        struct watched *at = &q->watched[i];

        if (at->users > 0 && at->index == account->index && at->id == account->id) {
            at->users--;
            return;
        }
    }
}

static void watch_all(struct queue *q, struct queued *own)
{
    own->waiter.wants = 0;
    own->n_waits = own->n_full;
    for (uint32_t i = 0; i < own->n_full; i++) {
        own->waits[i] = own->full[i];
        own->waiter.wants |= watch(q, &own->waits[i]);
    }
}

static void unwatch_all(struct queue *q, struct queued *own)
{
    for (uint32_t i = 0; i < own->n_waits; i++)
        unwatch(q, &own->waits[i]);
    own->n_waits = 0;
}

/* --- how long it will take --- */

static uint64_t rate_of(struct queue *q, uint32_t number)
{
    struct rate_seen *seen = &q->rates[number];
    uint64_t now_ms = loop_now_ms(q->w->loop);
    uint64_t passed = queues_passed(live_of(q->w), number);
    uint64_t elapsed_ms = now_ms - seen->since_ms;
    uint64_t n = passed - seen->passed;

    if (elapsed_ms < RATE_LEAST_MS || n == 0)
        return seen->per_ks;
    if (elapsed_ms >= RATE_MOST_MS) {
        *seen = (struct rate_seen){now_ms, passed, max_u64(n * 1000000 / elapsed_ms, 1)};
        return seen->per_ks;
    }
    return max_u64(n * 1000000 / elapsed_ms, 1);
}

/* Nobody waited until now: how long nothing passed says nothing. */
static void rate_begin(struct queue *q, uint32_t number)
{
    struct rate_seen *seen = &q->rates[number];

    seen->per_ks = rate_of(q, number);
    seen->since_ms = loop_now_ms(q->w->loop);
    seen->passed = queues_passed(live_of(q->w), number);
}

/* When all who wait have gone before: honest, if nobody leaves and nothing changes. */
static uint64_t retry_ms(struct queue *q, const struct queued *own)
{
    uint64_t ahead = (uint64_t)queues_waiting(live_of(q->w), own->number) + 1;
    uint64_t per_ks = rate_of(q, own->number);
    uint64_t ms = per_ks > 0 ? ahead * 1000000 / per_ks : own->wait_ms;

    return min_u64(max_u64(ms, RETRY_LEAST_MS), RETRY_MOST_MS);
}

bool queue_is(const struct fail *f)
{
    return f == &FAIL_QUEUE_FULL || f == &FAIL_QUEUE_TIMEOUT;
}

size_t queue_headers(struct request *r, struct http_header *out)
{
    uint64_t ms = r->queued->retry_ms;

    out[0] = (struct http_header){
        STR("retry-after"),
        arena_printf(r->arena, "%llu", (unsigned long long)((ms + 999) / 1000))};
    out[1] = (struct http_header){STR("retry-after-ms"),
                                  arena_printf(r->arena, "%llu", (unsigned long long)ms)};
    return QUEUE_HEADERS_MAX;
}

/* --- waiting --- */

static timer_fn on_look;

/* Its queue: of the first name's model, else everybody's; at_most 0: nobody may wait. */
static void choose_queue(const struct request *r, struct queued *own)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *m = pub_find_model(v, own->course.name);

    if (m != NULL && m->queue > 0 && m->queue < QUEUES_MAX) {
        own->number = m->queue;
        own->at_most = m->queue_at_most;
        own->wait_ms = m->queue_wait_ms;
    } else {
        own->number = 0;
        own->at_most = v->image->queue_at_most;
        own->wait_ms = v->image->queue_wait_ms;
    }
}

static enum step_result refuse(struct request *r, const struct fail *f)
{
    struct worker *w = r->worker;

    r->queued->retry_ms = retry_ms(queue_of(w), r->queued);
    stat_add(w->slot, f == &FAIL_QUEUE_FULL ? STAT_QUEUE_FULL : STAT_QUEUE_TIMEOUTS, 1);
    return request_fail(r, f, STR_NONE, STR_NONE);
}

static void enter(struct request *r)
{
    struct worker *w = r->worker;
    struct queue *q = queue_of(w);
    struct queued *own = r->queued;

    if (q->line.n == 0) {
        queues_begin(live_of(w), w->in->slot);
        q->generation = w->view.generation;
        loop_timer_start(w->loop, &q->timer, QUEUE_LOOK_MS, on_look);
    }
    if (queues_waiting(live_of(w), own->number) == 1) /* itself */
        rate_begin(q, own->number);
    watch_all(q, own);
    own->waiter.deadline_ms = own->deadline_ms;
    line_join(&q->line, &own->waiter, r->key.id, weight_of(r));
    stat_add(w->slot, STAT_QUEUE_LENGTH, 1);
    own->since_us = loop_now_us(w->loop);
    publish_wants(q);
}

/* Begin to wait, or go on: it had its turn, and somebody else was quicker. */
static enum step_result wait(struct request *r)
{
    struct worker *w = r->worker;
    struct queue *q = queue_of(w);
    struct queued *own = r->queued;

    if (line_has(&own->waiter)) {
        unwatch_all(q, own);
        watch_all(q, own);
        publish_wants(q);
    } else {
        uint64_t now_ms = loop_now_ms(w->loop);

        choose_queue(r, own);
        if (own->at_most == 0)
            return STEP_FAIL; /* as it was refused */
        if (own->deadline_ms == 0)
            own->deadline_ms = now_ms + own->wait_ms;
        if (own->deadline_ms <= now_ms)
            return refuse(r, &FAIL_QUEUE_TIMEOUT);
        if (!queues_enter(live_of(w), w->in->slot, own->number, own->at_most))
            return refuse(r, &FAIL_QUEUE_FULL);
        enter(r);
    }
    r->fail = NULL;
    return STEP_WAIT;
}

static void leave(struct request *r, bool has_passed)
{
    struct worker *w = r->worker;
    struct queue *q = w->queue;
    struct queued *own = r->queued;

    if (has_passed) {
        stat_add(w->slot, STAT_QUEUE_PASSED, 1);
        queues_took(live_of(w), w->in->slot, LINE_ONE / q->line.weight);
        line_serve(&q->line, &own->waiter);
    } else {
        line_leave(&q->line, &own->waiter);
    }
    unwatch_all(q, own);
    publish_wants(q);
    queues_leave(live_of(w), w->in->slot, own->number, has_passed);
    stat_add(w->slot, STAT_QUEUE_LENGTH, (uint64_t)-1);
    own->waited_us += loop_now_us(w->loop) - own->since_us;
    histogram_add(&w->slot->histograms[HISTOGRAM_QUEUE], loop_now_us(w->loop) - own->since_us);
}

uint64_t queue_waited_us(const struct request *r)
{
    return r->queued != NULL ? r->queued->waited_us : 0;
}

void queue_leave(struct request *r)
{
    if (r->queued == NULL || !line_has(&r->queued->waiter))
        return;
    stat_add(r->worker->slot, STAT_QUEUE_LEFT, 1);
    leave(r, false);
}

/* Each try begins with the first name: a place may be free where there was none before. */
static struct queued *begin(struct request *r)
{
    struct queued *own = r->queued;

    if (own == NULL) {
        own = r->queued = arena_zalloc(r->arena, sizeof(*own));
        own->r = r;
    }
    if (own->from != r->n_attempts + 1) {
        own->from = r->n_attempts + 1;
        own->course = r->course;
    } else if (line_has(&own->waiter)) {
        r->course = own->course;
        r->resolved.generation = 0;
    }
    own->n_full = 0;
    return own;
}

enum step_result queue_route(struct request *r, step_fn *through)
{
    struct queued *own = r->queued;
    enum step_result result;

    if (own != NULL && own->is_late)
        return refuse(r, &FAIL_QUEUE_TIMEOUT);
    own = begin(r);
    result = through(r);
    own->has_turn = false;
    if (result == STEP_FAIL && own->n_full > 0)
        return wait(r);
    if (line_has(&own->waiter))
        leave(r, result == STEP_NEXT);
    return result;
}

/* --- looking --- */

static uint64_t find_room(struct queue *q)
{
    const struct regions *regions = &q->w->in->regions;
    uint64_t room = OTHERS;

    for (uint32_t i = 0; i < WATCHED_MAX; i++) {
        const struct watched *at = &q->watched[i];
        struct account a;
        struct usage_now now;

        if (at->users == 0)
            continue;
        /* Gone: it limits nothing any more, and whoever waits for it finds that out. */
        if (!account_read(&regions->published, at->index, &a) || a.id != at->id) {
            room |= 1ull << i;
            continue;
        }
        account_usage(regions, &a, 0, &now);
        room |= now.used < a.limit ? 1ull << i : 0;
    }
    return room;
}

/* Workers that wait for the same take turns, by how much they have had for the weight of their keys. */
static bool yields(struct queue *q, uint64_t room)
{
    uint64_t wants = 0;

    for (uint32_t i = 0; i < WATCHED_MAX; i++)
        wants |= q->watched[i].users > 0 && (room & 1ull << i) != 0
                     ? queues_bit(q->watched[i].index)
                     : 0;
    if (wants == 0)
        return false;
    if (queues_is_later(live_of(q->w), q->w->in->slot, wants) && q->yields++ < YIELDS_MAX)
        return true;
    q->yields = 0;
    return false;
}

static void run(struct waiter *waiter, bool is_late)
{
    struct queued *own = container_of(waiter, struct queued, waiter);
    struct request *r = own->r;

    own->has_turn = !is_late;
    own->is_late = is_late;
    if (is_late)
        leave(r, false);
    request_run(r); /* `r` may be gone behind it */
}

static void serve(struct queue *q)
{
    uint64_t room = find_room(q);

    if (q->generation != q->w->view.generation) {
        q->generation = q->w->view.generation;
        room = UINT64_MAX; /* there may be other routes now */
    } else if (yields(q, room)) {
        return;
    }
    q->round++;
    for (int i = 0; i < TURNS_MAX; i++) {
        struct waiter *next = line_next(&q->line, room, q->round);

        if (next == NULL)
            return;
        run(next, false);
        room &= find_room(q);
    }
}

static void on_look(struct timer *t)
{
    struct queue *q = container_of(t, struct queue, timer);
    struct waiter *late;

    while ((late = line_late(&q->line, loop_now_ms(q->w->loop))) != NULL)
        run(late, true);
    if (q->line.n > 0)
        serve(q);
    if (q->line.n > 0)
        loop_timer_start(q->w->loop, &q->timer, QUEUE_LOOK_MS, on_look);
}

void queue_look_soon(struct queue *q)
{
    if (q->line.n > 0 && queues_wanted_elsewhere(live_of(q->w), q->w->in->slot) == 0)
        loop_timer_start(q->w->loop, &q->timer, 0, on_look);
}
