#include "server/worker/retry.h"

#include "server/worker/candidates.h"
#include "server/worker/outcome.h"
#include "server/worker/worker.h"
#include "shm/retries.h"
#include "shm/weights.h"

/* --- of a request --- */

static struct retries *budget(const struct request *r)
{
    return retries_of(&r->worker->in->regions.live);
}

bool retry_may(struct request *r)
{
    struct worker *w = r->worker;

    if (r->n_attempts == 0 || r->retry.granted == r->n_attempts)
        return true;
    if (r->retry.refused == r->n_attempts)
        return false;
    if (retries_take(budget(r), loop_now_us(w->loop))) {
        r->retry.granted = r->n_attempts;
        return true;
    }
    r->retry.refused = r->n_attempts;
    stat_add(w->slot, STAT_RETRIES_REFUSED, 1);
    return false;
}

void retry_begins(struct request *r)
{
    r->retry.is_trusted = r->n_attempts > 0 && r->retry.aside == r->n_attempts;
    if (r->shadow != NULL)
        return; /* nobody's retries are paid by copies of requests */
    if (r->n_attempts == 0)
        retries_request(budget(r), r->worker->view.image->retry_ratio);
    else if (r->retry.granted != r->n_attempts && /* it was not a failure that led here */
             !r->retry.is_trusted)
        retries_add(budget(r));
}

void retry_was_good(struct request *r)
{
    if (r->shadow != NULL || r->retry.paid == r->n_attempts)
        return;
    r->retry.paid = r->n_attempts;
    retries_good(budget(r));
}

void retry_was_bad(struct request *r)
{
    if (r->retry.is_trusted && r->shadow == NULL)
        retries_lost(budget(r));
}

bool retry_may_trust(const struct request *r)
{
    return retries_may_trust(budget(r));
}

void retry_ends(struct request *r)
{
    if (r->n_attempts > 0 && r->retry.granted == r->n_attempts)
        retries_give_back(budget(r));
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
