#include "server/worker/retry.h"

#include "server/worker/candidates.h"
#include "server/worker/outcome.h"
#include "server/worker/worker.h"
#include "shm/weights.h"

#define SECOND_US 1000000u

/* --- the budget --- */

static void pay(struct retry_budget *b, uint64_t n)
{
    b->debt -= min_u64(b->debt, n);
}

void retry_budget_request(struct retry_budget *b, uint64_t ratio)
{
    pay(b, ratio);
}

void retry_budget_good(struct retry_budget *b)
{
    pay(b, RETRY_WHOLE);
}

/* One retry a second is no storm: who asks seldom is not refused for what was long ago. */
static void rest(struct retry_budget *b, uint64_t now_us)
{
    uint64_t seconds = (now_us - min_u64(b->rested_us, now_us)) / SECOND_US;

    if (b->rested_us == 0)
        b->rested_us = now_us;
    if (seconds == 0)
        return;
    pay(b, min_u64(seconds, UINT32_MAX) * RETRY_WHOLE);
    b->rested_us = now_us;
}

bool retry_budget_take(struct retry_budget *b, uint64_t now_us)
{
    rest(b, now_us);
    if (b->debt == 0) {
        b->free_until_us = now_us + RETRY_FREE_US;
        b->debt_max = (uint64_t)RETRY_BURST * RETRY_WHOLE;
    }
    if (now_us >= b->free_until_us && b->debt + RETRY_WHOLE > b->debt_max)
        return false;
    b->debt += RETRY_WHOLE;
    b->debt_max = max_u64(b->debt_max, b->debt); /* grows in the free second only */
    return true;
}

void retry_budget_give_back(struct retry_budget *b)
{
    pay(b, RETRY_WHOLE);
}

/* --- of a request --- */

bool retry_may(struct request *r)
{
    struct worker *w = r->worker;

    if (r->n_attempts == 0 || r->retry.granted == r->n_attempts)
        return true;
    if (r->retry.refused == r->n_attempts)
        return false;
    if (retry_budget_take(&w->retries, loop_now_us(w->loop))) {
        r->retry.granted = r->n_attempts;
        return true;
    }
    r->retry.refused = r->n_attempts;
    stat_add(w->slot, STAT_RETRIES_REFUSED, 1);
    return false;
}

void retry_begins(struct request *r)
{
    struct retry_budget *b = &r->worker->retries;

    if (r->shadow != NULL)
        return; /* nobody's retries are paid by copies of requests */
    if (r->n_attempts == 0)
        retry_budget_request(b, r->worker->view.image->retry_ratio);
    else if (r->retry.granted != r->n_attempts && /* it was not a failure that led here */
             r->retry.aside != r->n_attempts)
        b->debt += RETRY_WHOLE;
}

void retry_was_good(struct request *r)
{
    if (r->shadow == NULL)
        retry_budget_good(&r->worker->retries);
}

void retry_ends(struct request *r)
{
    if (r->n_attempts > 0 && r->retry.granted == r->n_attempts)
        retry_budget_give_back(&r->worker->retries);
}

/* --- where, and when --- */

static uint32_t failures_of(const struct request *r, struct str provider)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->trail.n; i++) {
        const struct trail_entry *e = &r->trail.entries[i];

        if (outcome_rule(e->reason)->is_of_provider && str_eq(e->provider, provider))
            n++;
    }
    return n;
}

static struct str provider_of(const struct request *r, const struct candidates *found, size_t i)
{
    const struct pub_view *v = &r->worker->view;

    return pub_text(v, pub_provider(v, found->routes[i]->provider)->name);
}

static bool is_better(struct request *r, const struct candidates *found, size_t i)
{
    struct weight row;

    if (found->items[i].weight == 0 || failures_of(r, provider_of(r, found, i)) > 0)
        return false;
    balance_look(r->worker, found->items[i].row, &row);
    return row.state <= ROUTE_DEGRADED && row.retry_at_ms <= loop_now_ms(r->worker->loop);
}

bool retry_has_better(struct request *r, const struct candidates *found)
{
    for (size_t i = 0; i < found->n; i++) {
        if (is_better(r, found, i))
            return true;
    }
    return false;
}

bool retry_narrow(struct request *r, struct candidates *found)
{
    size_t n = 0;

    for (size_t i = 0; i < found->n; i++) {
        if (!is_better(r, found, i))
            continue;
        found->items[n] = found->items[i]; /* what it overwrites is none, or was looked at */
        found->routes[n] = found->routes[i];
        found->models[n] = found->models[i];
        found->tags[n++] = found->tags[i];
    }
    if (n == 0)
        return false;
    found->n = n;
    return true;
}

uint64_t retry_pause_ms(uint32_t failures)
{
    uint32_t doublings = failures > 0 ? failures - 1 : 0;

    return min_u64((uint64_t)RETRY_PAUSE_MS << (doublings < 16 ? doublings : 16),
                   RETRY_PAUSE_MAX_MS);
}

static void on_pause_over(struct timer *t)
{
    request_run(container_of(t, struct request, timer));
}

/* No longer than the time that the client's request has left. */
static uint64_t within_deadline(const struct request *r, uint64_t ms)
{
    uint64_t total_ms = r->attempt.upstream.total_ms; /* of the last attempt */
    uint64_t passed_ms = (loop_now_us(r->worker->loop) - r->begun_us) / 1000;

    return total_ms == 0 ? ms : min_u64(ms, total_ms - min_u64(passed_ms, total_ms));
}

bool retry_pauses(struct request *r, const struct candidates *found)
{
    uint32_t failures = UINT32_MAX;
    uint64_t longest;
    uint64_t ms;

    if (r->n_attempts == 0 || r->retry.paused == r->n_attempts)
        return false;
    r->retry.paused = r->n_attempts;
    for (size_t i = 0; i < found->n; i++) {
        uint32_t n = failures_of(r, provider_of(r, found, i));

        failures = n < failures ? n : failures;
    }
    if (found->n == 0 || failures == 0)
        return false;
    longest = retry_pause_ms(failures);
    ms = within_deadline(r, longest - worker_random(r->worker) % (longest / 2 + 1));
    if (ms == 0)
        return false;
    loop_timer_start(r->worker->loop, &r->timer, (uint32_t)ms, on_pause_over);
    return true;
}
