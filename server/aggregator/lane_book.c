#include "server/aggregator/lane_book.h"

#include <stdlib.h>

#include "server/aggregator/headroom.h"
#include "server/base/alloc.h"
#include "shm/weights.h"

#define PAUSES_KEPT_MS 60000u /* a pause that long ago is not one in a row any more */

struct kept {
    uint32_t row, model; /* model 0: free */
    uint32_t pauses;
    uint64_t until_ms; /* rests; 0: not */
    uint64_t touched_ms;
    struct headroom headroom;
    struct lane told;
};

struct lane_book {
    struct kept lanes[LANES_MAX];
    uint32_t n_used; /* not free, or not yet told that they are */
};

struct lane_book *lane_book_create(void)
{
    return xcalloc(1, sizeof(struct lane_book));
}

void lane_book_free(struct lane_book *b)
{
    free(b);
}

static struct kept *find(struct lane_book *b, uint32_t row, uint32_t model)
{
    if (b->n_used == 0)
        return NULL;
    for (uint32_t i = 0; i < LANES_PROBED; i++) {
        struct kept *k = &b->lanes[lanes_place(row, model, i)];

        if (k->model == model && k->row == row)
            return k;
    }
    return NULL;
}

static bool is_in_use(const struct kept *k)
{
    return k->model != 0 || k->told.model != 0;
}

/* A free place, else the one whose rest is over soonest. */
static struct kept *make(struct lane_book *b, uint32_t row, uint32_t model, uint64_t at_ms)
{
    struct kept *best = NULL;

    for (uint32_t i = 0; i < LANES_PROBED; i++) {
        struct kept *k = &b->lanes[lanes_place(row, model, i)];

        if (best == NULL || (k->model == 0 && best->model != 0) ||
            (k->model != 0 && best->model != 0 &&
             max_u64(k->until_ms, k->touched_ms) < max_u64(best->until_ms, best->touched_ms)))
            best = k;
    }
    b->n_used += !is_in_use(best);
    *best = (struct kept){.row = row, .model = model, .touched_ms = at_ms, .told = best->told};
    return best;
}

bool lane_book_sample(struct lane_book *b, const struct sample *s, uint64_t rest_until_ms,
                      uint64_t at_ms)
{
    struct kept *k = find(b, s->row, s->model);
    struct headroom told = {.requests = {.most = 0}};

    if (k == NULL) {
        headroom_told(&told, s, at_ms);
        if (rest_until_ms == 0 && headroom_factor(headroom_share(&told, at_ms)) >= 1)
            return false;
        k = make(b, s->row, s->model, at_ms);
    }
    headroom_told(&k->headroom, s, at_ms);
    k->touched_ms = max_u64(k->touched_ms, at_ms);
    k->until_ms = max_u64(k->until_ms, rest_until_ms);
    if (s->outcome == SAMPLE_OK && (s->flags & SAMPLE_EARLY) == 0)
        k->pauses = 0;
    return rest_until_ms != 0;
}

uint32_t lane_book_pauses(struct lane_book *b, uint32_t row, uint32_t model)
{
    struct kept *k = find(b, row, model);

    if (k == NULL)
        return 0;
    if (k->pauses < 8)
        k->pauses++;
    return k->pauses;
}

void lane_book_seed(struct lane_book *b, uint32_t place, const struct lane *told, bool goes_on)
{
    struct kept *k = &b->lanes[place];

    must(place < LANES_MAX);
    b->n_used += !is_in_use(k);
    *k = (struct kept){.row = told->row,
                       .model = goes_on ? told->model : 0,
                       .until_ms = told->retry_at_ms,
                       .told = *told};
}

void lane_book_forget_row(struct lane_book *b, uint32_t row)
{
    for (uint32_t i = 0; i < LANES_MAX && b->n_used > 0; i++) {
        if (b->lanes[i].model != 0 && b->lanes[i].row == row)
            b->lanes[i].model = 0;
    }
}

static bool is_over(const struct kept *k, double factor, uint64_t now_ms)
{
    return k->until_ms <= now_ms && factor >= 1 &&
           (k->pauses == 0 || now_ms - min_u64(k->touched_ms, now_ms) > PAUSES_KEPT_MS);
}

static void tell(struct lane_book *b, uint32_t place, uint64_t now_ms, lane_fn *fn, void *ctx)
{
    struct kept *k = &b->lanes[place];
    double factor = headroom_factor(headroom_share(&k->headroom, now_ms));
    struct lane now = {.row = k->row, .model = k->model};

    if (k->model != 0 && is_over(k, factor, now_ms))
        now.model = k->model = 0;
    if (now.model != 0) {
        now.weight = (uint32_t)(factor * WEIGHT_FULL + 0.5);
        now.retry_at_ms = k->until_ms > now_ms ? k->until_ms : 0;
    }
    if (now.model != k->told.model || now.row != k->told.row || now.weight != k->told.weight ||
        now.retry_at_ms != k->told.retry_at_ms)
        fn(ctx, place, &now);
    k->told = now;
    b->n_used -= !is_in_use(k);
}

uint32_t lane_book_tick(struct lane_book *b, uint64_t now_ms, lane_fn *fn, void *ctx)
{
    for (uint32_t i = 0, left = b->n_used; left > 0 && i < LANES_MAX; i++) {
        if (!is_in_use(&b->lanes[i]))
            continue;
        left--;
        tell(b, i, now_ms, fn, ctx);
    }
    return b->n_used;
}
