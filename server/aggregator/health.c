#include "server/aggregator/health.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/aggregator/health_impl.h"
#include "server/base/alloc.h"

#define SAMPLE_AGE_MAX_MS 600000u /* older ones, or ones from the future, count as of now */

struct health *health_create(void)
{
    struct health *h = xcalloc(1, sizeof(*h));

    h->rows = xcalloc(ROUTES_MAX, sizeof(*h->rows));
    h->dirty = xcalloc(ROUTES_MAX, sizeof(*h->dirty));
    h->used = xcalloc(ROUTES_MAX, sizeof(*h->used));
    h->lanes = lane_book_create();
    return h;
}

void health_free(struct health *h)
{
    if (h == NULL)
        return;
    for (uint32_t i = 0; i < h->rows_end; i++)
        free(h->rows[i].latency);
    lane_book_free(h->lanes);
    free(h->rows);
    free(h->used);
    free(h->dirty);
    free(h->keys);
    free(h->targets);
    free(h);
}

/* --- which routes there are --- */

/* struct key and struct target both begin with their id. */
static int by_id(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

/* Sorts, and keeps one of each id. Returns how many there are. */
static size_t sort_unique(void *items, size_t n, size_t size)
{
    uint8_t *at = items;
    size_t kept = 0;

    qsort(items, n, size, by_id);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && by_id(at + (kept - 1) * size, at + i * size) == 0)
            continue;
        memmove(at + kept * size, at + i * size, size);
        kept++;
    }
    return kept;
}

static void take_keys(struct health *h, const struct health_route *routes, size_t n)
{
    struct key *keys = xcalloc(n + 1, sizeof(*keys));
    size_t given = n;

    for (size_t i = 0; i < n; i++)
        keys[i].id = routes[i].key;
    n = sort_unique(keys, n, sizeof(*keys));
    for (size_t i = 0; i < n && h->n_keys > 0; i++) {
        const struct key *old = bsearch(&keys[i], h->keys, h->n_keys, sizeof(*keys), by_id);

        if (old != NULL)
            keys[i] = *old;
    }
    for (size_t i = 0; i < given; i++) {
        const struct key id = {.id = routes[i].key};
        struct key *k = bsearch(&id, keys, n, sizeof(*keys), by_id);

        must(k != NULL);
        headroom_declare(&k->capacity, &routes[i].capacity);
    }
    free(h->keys);
    h->keys = keys;
    h->n_keys = n;
}

static void take_targets(struct health *h, const struct health_route *routes, size_t n)
{
    free(h->targets);
    h->targets = xcalloc(n + 1, sizeof(*h->targets));
    for (size_t i = 0; i < n; i++)
        h->targets[i].id = routes[i].target;
    h->n_targets = sort_unique(h->targets, n, sizeof(*h->targets));
}

static void take_row(struct health *h, uint32_t generation, const struct health_route *r)
{
    struct row *row = &h->rows[r->row];
    const struct key key = {.id = r->key};
    const struct target target = {.id = r->target};
    const struct key *k = bsearch(&key, h->keys, h->n_keys, sizeof(key), by_id);
    const struct target *t = bsearch(&target, h->targets, h->n_targets, sizeof(target), by_id);

    must(k != NULL && t != NULL);
    h->rows_end = r->row < h->rows_end ? h->rows_end : r->row + 1;
    if (row->identity != r->identity) {
        free(row->latency);
        lane_book_forget_row(h->lanes, r->row);
        /* What was told stays: the region still says it, and the difference is told. */
        *row = (struct row){.identity = r->identity,
                            .generation = generation,
                            .is_dirty = row->is_dirty,
                            .told = row->told};
    }
    row->key = (uint32_t)(k - h->keys);
    row->target = (uint32_t)(t - h->targets);
    row->is_any = r->is_any;
}

void health_configure(struct health *h, uint32_t generation, const struct health_route *routes,
                      size_t n)
{
    bool *stays = xcalloc(ROUTES_MAX, sizeof(*stays));

    take_keys(h, routes, n);
    take_targets(h, routes, n);
    for (size_t i = 0; i < n; i++)
        stays[routes[i].row] = true;
    for (size_t i = 0; i < h->n_used; i++) {
        if (stays[h->used[i]])
            continue;
        h->rows[h->used[i]].identity = 0;
        lane_book_forget_row(h->lanes, h->used[i]);
    }
    h->n_used = 0;
    for (size_t i = 0; i < n; i++) {
        take_row(h, generation, &routes[i]);
        if (stays[routes[i].row]) {
            h->used[h->n_used++] = routes[i].row;
            stays[routes[i].row] = false; /* a row that comes twice is listed once */
        }
    }
    h->all_are_dirty = true;
    free(stays);
}

void health_seed(struct health *h, uint32_t number, const struct weight *told)
{
    struct row *r = &h->rows[number];

    must(number < ROUTES_MAX);
    r->told = *told;
    r->samples = told->samples;
    latency_seed(&r->latency, told);
    /* what is usual survives, else a brown-out would look like how it always was */
    r->figures.usual_n = fmin(told->first_byte_n, HEALTH_USUAL_SEED);
    r->figures.usual_sum = r->figures.usual_n * told->first_byte_p50_us;
    if (told->reason == SAMPLE_KEY_REFUSED || told->state > ROUTE_HALF_OPEN)
        return; /* the next attempt tells it anew */
    r->figures.state = told->state;
    r->figures.reason = told->reason;
    r->figures.state_ms = told->changed_ms;
    r->figures.retry_at_ms = told->retry_at_ms;
    r->figures.open_until_ms = told->retry_at_ms;
}

void health_seed_lane(struct health *h, uint32_t place, const struct lane *told)
{
    bool is_ours =
        told->row < ROUTES_MAX && h->rows[told->row].identity != 0 && h->rows[told->row].is_any;

    lane_book_seed(h->lanes, place, told, is_ours);
}

/* --- samples --- */

static void on_good(struct health *h, struct row *r, const struct sample *s, uint64_t begun_ms,
                    uint64_t now_ms)
{
    struct key *key = &h->keys[r->key];

    if (key->refused_ms != 0 && begun_ms > key->refused_ms) {
        key->refused_ms = key->until_ms = key->backoff_ms = 0;
        h->all_are_dirty = true;
    }
    figures_good(&r->figures, s, begun_ms, now_ms);
}

static void on_refused(struct health *h, struct row *r, uint64_t begun_ms, uint64_t now_ms)
{
    struct key *key = &h->keys[r->key];

    /* What was under way when it was refused says the same again; so do last resorts. */
    if (key->refused_ms != 0 && (begun_ms <= key->refused_ms || now_ms < key->until_ms))
        return;
    key->backoff_ms =
        key->refused_ms == 0 ? HEALTH_KEY_MS : min_u64(2 * key->backoff_ms, HEALTH_KEY_MAX_MS);
    key->refused_ms = now_ms;
    key->until_ms = now_ms + key->backoff_ms;
    h->all_are_dirty = h->is_urgent = true;
}

/* How long the upstream wants to be left alone by this sample; 0: not at all. */
static uint64_t pause_of(struct health *h, const struct row *r, const struct sample *s)
{
    bool is_limited = s->outcome == SAMPLE_RATE_LIMITED;

    if (s->retry_after_ms > 0)
        return min_u64(s->retry_after_ms, HEALTH_RETRY_MAX_MS);
    if (is_limited && (s->flags & SAMPLE_WHOLE_KEY) != 0)
        return HEALTH_KEY_MS; /* a bill that is not paid, a day's quota */
    if (!is_limited)
        return 0;
    return figures_pause(r->is_any ? lane_book_pauses(h->lanes, s->row, s->model)
                                   : r->figures.pauses);
}

/*
 * Whom does a 429, or a Retry-After, mean? All models of the key when its vendor says so, else this one:
 * a row of its own has it, and one for any model its lane.
 */
static void on_limits(struct health *h, struct row *r, const struct sample *s, uint64_t at_ms)
{
    bool may_rest = s->outcome == SAMPLE_RATE_LIMITED || s->outcome >= SAMPLE_UPSTREAM_ERROR;
    uint64_t pause_ms = may_rest ? pause_of(h, r, s) : 0;
    struct key *key = &h->keys[r->key];

    if (pause_ms > 0 && (s->flags & SAMPLE_WHOLE_KEY) != 0) {
        key->rest_until_ms = max_u64(key->rest_until_ms, at_ms + pause_ms);
        h->all_are_dirty = h->is_urgent = true;
        pause_ms = 0;
    }
    if (r->is_any && s->model != 0) {
        if (lane_book_sample(h->lanes, s, pause_ms > 0 ? at_ms + pause_ms : 0, at_ms))
            h->is_urgent = true;
        return;
    }
    headroom_told(&r->headroom, s, at_ms);
    if (pause_ms > 0) {
        figures_rest(&r->figures, at_ms + pause_ms);
        h->is_urgent = true;
    }
}

static void apply(struct health *h, struct row *r, const struct sample *s, uint64_t at_ms)
{
    uint64_t begun_ms = at_ms - min_u64(at_ms, s->total_us / 1000);

    switch ((enum sample_outcome)s->outcome) {
    case SAMPLE_OK:
        on_good(h, r, s, begun_ms, at_ms);
        break;
    case SAMPLE_CALLER_FAULT:
        figures_answer(&r->figures, begun_ms, at_ms);
        break;
    case SAMPLE_KEY_REFUSED:
        on_refused(h, r, begun_ms, at_ms);
        break;
    case SAMPLE_UPSTREAM_ERROR:
    case SAMPLE_CONNECT:
    case SAMPLE_TIMEOUT:
    case SAMPLE_CUT:
        if (figures_fault(&r->figures, s, begun_ms, at_ms))
            h->is_urgent = true;
        break;
    case SAMPLE_HEDGED:
        figures_silent(&r->figures, s);
        break;
    case SAMPLE_RATE_LIMITED: /* on_limits */
    case SAMPLE_CLIENT_GONE:
    case SAMPLE_OUTCOMES:
        break;
    }
}

static void touch(struct health *h, uint32_t number)
{
    if (h->rows[number].is_dirty)
        return;
    h->rows[number].is_dirty = true;
    h->dirty[h->n_dirty++] = number;
}

enum health_verdict health_sample(struct health *h, const struct sample *s, uint64_t now_ms)
{
    uint32_t age = (uint32_t)now_ms - s->sent_ms;
    uint64_t at_ms = now_ms - (age <= SAMPLE_AGE_MAX_MS ? min_u64(age, now_ms) : 0);
    struct row *r;

    if (!sample_valid(s) || s->row >= ROUTES_MAX)
        return HEALTH_BAD;
    r = &h->rows[s->row];
    /* Generations are compared as the low halves of a number that grows. */
    if (r->identity == 0 || (int32_t)(s->generation - r->generation) < 0)
        return HEALTH_STALE;
    if ((s->flags & SAMPLE_EARLY) != 0) {
        on_limits(h, r, s, at_ms);
        touch(h, s->row);
        return HEALTH_TAKEN;
    }
    at_ms = max_u64(at_ms, r->figures.faded_ms);
    figures_fade(&r->figures, at_ms);
    r->figures.attempts += 1;
    r->samples++;
    touch(h, s->row);
    apply(h, r, s, at_ms);
    on_limits(h, r, s, at_ms);
    if (s->outcome != SAMPLE_CONNECT && s->outcome != SAMPLE_RATE_LIMITED)
        headroom_use(&h->keys[r->key].capacity, s, at_ms);
    latency_sample(&r->latency, s, at_ms);
    return HEALTH_TAKEN;
}

bool health_is_urgent(const struct health *h)
{
    return h->is_urgent;
}
