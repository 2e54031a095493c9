#include "server/worker/onward.h"

#include "server/worker/candidates.h"
#include "server/worker/retry.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

bool onward_name_is_well(struct request *r, const struct candidates *found)
{
    return balance_has_well(r->worker, found->items, found->n, loop_now_ms(r->worker->loop));
}

static bool name_is_well(struct request *r)
{
    struct candidates found;

    candidates_gather(r, &found);
    return onward_name_is_well(r, &found);
}

static bool name_is_better(struct request *r)
{
    struct candidates found;

    candidates_gather(r, &found);
    return retry_has_better(r, &found);
}

static bool is_of_a_key(enum sample_outcome reason)
{
    return reason == SAMPLE_KEY_REFUSED || reason == SAMPLE_RATE_LIMITED;
}

/* The attempts that later names keep for themselves. */
static uint32_t kept(struct request *r, uint32_t n_well, bool is_narrow)
{
    const struct trail_entry *last = r->trail.n > 0 ? &r->trail.entries[r->trail.n - 1] : NULL;

    if (is_narrow || (last != NULL && is_of_a_key(last->reason)))
        return n_well < 1 ? n_well : 1;
    return n_well;
}

bool onward_is_aside(const struct request *r)
{
    return r->n_attempts > 0 && r->retry.aside == r->n_attempts;
}

bool onward_is_time(struct request *r, const struct candidates *found, bool is_narrow)
{
    bool is_new = r->n_attempts == r->course.begun;
    uint32_t left;
    uint32_t n_well;

    if (onward_is_aside(r))
        return !is_new || !retry_has_better(r, found);
    if (!onward_name_is_well(r, found))
        return course_count(r, name_is_well) > 0;
    if (is_new)
        return false;
    left = route_attempts_max(r) - r->n_attempts;
    n_well = course_count(r, name_is_well);
    return n_well > 0 && left <= kept(r, n_well, is_narrow);
}

bool onward_may_step_aside(struct request *r)
{
    if (!retry_may_trust(r) || course_count(r, name_is_better) == 0)
        return false;
    r->retry.aside = r->n_attempts;
    return true;
}
