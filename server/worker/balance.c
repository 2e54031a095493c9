#include "server/worker/balance.h"

#include <math.h>

#include "server/base/alloc.h"
#include "server/base/mix.h"
#include "server/worker/worker.h"
#include "shm/lanes.h"
#include "shm/sample.h"
#include "shm/weights.h"

typedef unsigned __int128 wide; /* the greatest shares times many in flight */

/* What each row read as last: stands in while its writer is inside it or has died there. */
struct seen {
    struct weight_now weight;
    bool is_set;
};

/* Process-wide, sparse: only the pages of rows in use are ever touched. */
static struct seen *seen_rows;

static void look(struct worker *w, uint32_t row, struct weight_now *out)
{
    struct seen *seen;

    if (seen_rows == NULL)
        seen_rows = xcalloc(ROUTES_MAX, sizeof(*seen_rows));
    must(row < ROUTES_MAX);
    seen = &seen_rows[row];
    if (!weights_glance(&w->in->regions.weights, row, out)) {
        *out = seen->is_set ? seen->weight
                            : (struct weight_now){.weight = WEIGHT_FULL, .state = ROUTE_HEALTHY};
        return;
    }
    seen->weight.weight = out->weight;
    seen->weight.state = out->state;
    seen->weight.error_permyriad = out->error_permyriad;
    seen->weight.retry_at_ms = out->retry_at_ms;
    seen->is_set = true;
}

/* What differs for this model from the row that it shares with others (lanes.h). */
static void add_lane(const struct worker *w, const struct balance_item *item,
                     struct weight_now *row)
{
    struct lane lane;

    if (item->model == 0 || !lanes_find(&w->in->regions.weights, item->row, item->model, &lane))
        return;
    row->weight = (uint32_t)((uint64_t)row->weight * lane.weight / WEIGHT_FULL);
    row->retry_at_ms = max_u64(row->retry_at_ms, lane.retry_at_ms);
}

uint32_t balance_lane(const struct worker *w, struct str model)
{
    return lanes_are_used(&w->in->regions.weights) ? sample_model(model) : 0;
}

void balance_look(struct worker *w, uint32_t row, struct weight *out)
{
    struct weight_now now;

    if (weights_read(&w->in->regions.weights, row, out))
        return;
    look(w, row, &now);
    *out = (struct weight){.weight = now.weight,
                           .state = now.state,
                           .error_permyriad = now.error_permyriad,
                           .retry_at_ms = now.retry_at_ms};
}

/*
 * An open row whose time is over counts as half-open, so that it heals also while the aggregator is
 * dead; half-open rows take one request of each worker at a time.
 */
static uint64_t part_of(const struct weight_now *row, uint32_t in_flight, uint64_t mono_ms)
{
    uint64_t published = row->weight > WEIGHT_FULL ? WEIGHT_FULL : row->weight;

    if (row->retry_at_ms > mono_ms)
        return 0;
    if (row->state != ROUTE_OPEN && row->state != ROUTE_HALF_OPEN)
        return published;
    if ((row->state == ROUTE_OPEN && row->retry_at_ms == 0) || in_flight > 0)
        return 0;
    return max_u64(published, WEIGHT_FULL / 20);
}

uint64_t balance_share(const struct weight *row, uint64_t configured, uint32_t in_flight,
                       uint64_t mono_ms)
{
    const struct weight_now now = {row->weight, row->state, row->error_permyriad, row->retry_at_ms};

    return configured * part_of(&now, in_flight, mono_ms);
}

/* Lower is better: closed before open, then whoever may be asked first, then fewer errors. */
static bool is_less_bad(const struct weight_now *a, const struct weight_now *b)
{
    bool a_open = a->state == ROUTE_OPEN;
    bool b_open = b->state == ROUTE_OPEN;

    if (a_open != b_open)
        return b_open;
    if (a->retry_at_ms != b->retry_at_ms)
        return a->retry_at_ms < b->retry_at_ms;
    return a->error_permyriad < b->error_permyriad;
}

/* Nothing has a share: a healthy row of weight 0, else the least bad one. */
static size_t choose_rest(const struct balance_item *items, const struct weight_now *rows, size_t n,
                          uint64_t mono_ms)
{
    size_t best = 0;

    for (size_t i = 0; i < n; i++) {
        if (items[i].weight == 0 && rows[i].state <= ROUTE_DEGRADED &&
            rows[i].retry_at_ms <= mono_ms)
            return i;
    }
    for (size_t i = 1; i < n; i++) {
        if (is_less_bad(&rows[i], &rows[best]))
            best = i;
    }
    return best;
}

static size_t draw(struct worker *w, const uint64_t *shares, size_t n, uint64_t total)
{
    uint64_t at = worker_random(w) % total;

    for (size_t i = 0; i + 1 < n; i++) {
        if (at < shares[i])
            return i;
        at -= shares[i];
    }
    return n - 1;
}

/* What is to be drawn from: the rows as they are, and what each of them gets. */
struct field {
    struct weight_now rows[BALANCE_MAX];
    uint64_t shares[BALANCE_MAX];
    uint64_t total;
};

/* The weights of those whose turn it is; when none of them has a share, the spare ones. */
static void weigh(struct worker *w, const struct balance_item *items, size_t n, uint64_t mono_ms,
                  struct field *f)
{
    uint64_t parts[BALANCE_MAX];
    bool has_spare = false;

    f->total = 0;
    for (size_t i = 0; i < n; i++) {
        struct weight_now *row = &f->rows[i];
        bool is_well;

        look(w, items[i].row, row);
        add_lane(w, &items[i], row);
        is_well = row->state != ROUTE_OPEN && row->state != ROUTE_HALF_OPEN; /* the usual case */
        parts[i] = part_of(row, is_well ? 0 : live_in_flight(w->slot, items[i].row), mono_ms);
        f->shares[i] = items[i].weight * parts[i];
        f->total += f->shares[i];
        has_spare = has_spare || items[i].spare > 0;
    }
    if (f->total > 0 || !has_spare)
        return;
    for (size_t i = 0; i < n; i++) {
        f->shares[i] = items[i].spare * parts[i];
        f->total += f->shares[i];
    }
}

uint64_t balance_shares(struct worker *w, const struct balance_item *items, size_t n,
                        uint64_t mono_ms, uint64_t out[BALANCE_MAX])
{
    struct field f;

    must(n <= BALANCE_MAX);
    weigh(w, items, n, mono_ms, &f);
    for (size_t i = 0; i < n; i++)
        out[i] = f.shares[i];
    return f.total;
}

bool balance_has_well(struct worker *w, const struct balance_item *items, size_t n,
                      uint64_t mono_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct weight_now row;

        look(w, items[i].row, &row);
        add_lane(w, &items[i], &row);
        if (part_of(&row, live_in_flight(w->slot, items[i].row), mono_ms) > 0)
            return true;
    }
    return false;
}

size_t balance_choose(struct worker *w, const struct balance_item *items, size_t n,
                      uint64_t mono_ms)
{
    struct field f;
    size_t a;
    size_t b;

    must(n > 0 && n <= BALANCE_MAX);
    if (n == 1)
        return 0;
    weigh(w, items, n, mono_ms, &f);
    if (f.total == 0)
        return choose_rest(items, f.rows, n, mono_ms);
    a = draw(w, f.shares, n, f.total);
    while (f.shares[a] == 0) /* the last one may have none */
        a--;
    b = draw(w, f.shares, n, f.total);
    if (f.shares[b] == 0)
        return a;
    /* in flight / share; equal ones keep the first draw, so that idle routes get their shares */
    return (wide)live_in_flight(w->slot, items[b].row) * f.shares[a] <
                   (wide)live_in_flight(w->slot, items[a].row) * f.shares[b]
               ? b
               : a;
}

/* -weight / log x, x even in 0..1 by route and number: the greatest one falls on each by its weight. */
static double score(uint64_t weight, uint32_t row, uint64_t number)
{
    double x = ((double)(mix_two(number, row) >> 11) + 0.5) / 9007199254740992.0; /* 2^53 */

    return (double)weight / -log2(x);
}

size_t balance_stick(struct worker *w, const struct balance_item *items, size_t n, uint64_t number,
                     uint64_t mono_ms)
{
    struct field f;
    double most = -1;
    size_t best = 0;

    must(n > 0 && n <= BALANCE_MAX);
    if (n == 1)
        return 0;
    weigh(w, items, n, mono_ms, &f);
    if (f.total == 0)
        return choose_rest(items, f.rows, n, mono_ms);
    for (size_t i = 0; i < n; i++) {
        double this;

        if (f.shares[i] == 0) /* shut, or not its turn */
            continue;
        this = score(items[i].weight > 0 ? items[i].weight : items[i].spare, items[i].row, number);
        if (this > most) {
            most = this;
            best = i;
        }
    }
    return best;
}
