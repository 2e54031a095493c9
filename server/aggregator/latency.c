#include "server/aggregator/latency.h"

#include "server/base/alloc.h"

#define LINEAR_BITS 4 /* log2 of LATENCY_PER_OCTAVE: below that buckets are one unit wide */

static_assert(1 << LINEAR_BITS == LATENCY_PER_OCTAVE, "one shift is one octave");

static uint32_t bucket_of(uint32_t us)
{
    uint32_t units = us / LATENCY_UNIT_US;
    uint32_t shift;

    if (units < LATENCY_PER_OCTAVE)
        return units;
    shift = (uint32_t)(31 - __builtin_clz(units)) - LINEAR_BITS;
    return shift * LATENCY_PER_OCTAVE + (units >> shift);
}

/* The first value of a bucket; of one behind the last: where the last one ends. */
static uint64_t bound_of(uint32_t bucket)
{
    uint32_t octave = bucket / LATENCY_PER_OCTAVE;
    uint64_t units = bucket;

    if (octave > 1)
        units = (uint64_t)(bucket % LATENCY_PER_OCTAVE + LATENCY_PER_OCTAVE) << (octave - 1);
    return units * LATENCY_UNIT_US;
}

/*
 * What is left over of an odd count goes to the next one, so that each sum from the left becomes its
 * half, and no percentile moves by more than one sample.
 */
static void halve(struct latency *l)
{
    uint32_t left_over = 0;

    l->n = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        uint32_t n = l->counts[i] + left_over;

        l->counts[i] = (uint16_t)(n / 2);
        left_over = n % 2;
        l->n += n / 2;
    }
}

static void fade(struct latency *l, uint64_t now_ms)
{
    if (l->halve_at_ms == 0)
        l->halve_at_ms = now_ms + LATENCY_HALF_MS;
    while (now_ms >= l->halve_at_ms && l->n > 0) {
        halve(l);
        l->halve_at_ms += LATENCY_HALF_MS;
        l->is_new = true;
    }
    if (now_ms >= l->halve_at_ms) /* there was nothing left to halve */
        l->halve_at_ms = now_ms + LATENCY_HALF_MS;
}

static void count(struct latency *l, uint32_t us, uint32_t n)
{
    l->counts[bucket_of(us)] = (uint16_t)(l->counts[bucket_of(us)] + n);
    l->n += n;
    l->is_new = true;
}

void latency_add(struct latency *l, uint32_t us, uint64_t now_ms)
{
    if (now_ms >= l->halve_at_ms)
        fade(l, now_ms);
    if (l->n >= LATENCY_MOST)
        halve(l);
    count(l, us, 1);
}

void latency_add_at_least(struct latency *l, uint32_t us, uint64_t now_ms)
{
    if (l->median_us > 0 && us >= l->median_us)
        latency_add(l, us, now_ms);
}

void latency_sample(struct latency **l, const struct sample *s, uint64_t now_ms)
{
    bool is_good = s->outcome == SAMPLE_OK && s->first_byte_us > 0;
    bool is_silent =
        (s->outcome == SAMPLE_HEDGED || s->outcome == SAMPLE_TIMEOUT) && s->first_byte_us == 0;

    if (!is_good && !is_silent)
        return;
    if (*l == NULL)
        *l = xcalloc(1, sizeof(**l));
    if (is_good)
        latency_add(*l, s->first_byte_us, now_ms);
    else
        latency_add_at_least(*l, s->total_us, now_ms);
}

void latency_seed(struct latency **l, const struct weight *told)
{
    uint32_t n = told->first_byte_n < LATENCY_SEED_MOST ? told->first_byte_n : LATENCY_SEED_MOST;
    uint32_t beyond_50 = n / 2;
    uint32_t beyond_90 = n / 10;
    uint32_t beyond_95 = n / 20;

    if (n == 0 || *l != NULL)
        return;
    *l = xcalloc(1, sizeof(**l));
    count(*l, told->first_byte_p50_us, n - beyond_50);
    count(*l, told->first_byte_p90_us, beyond_50 - beyond_90);
    count(*l, told->first_byte_p95_us, beyond_90 - beyond_95);
    count(*l, told->first_byte_p99_us, beyond_95);
}

/* All of them in one walk; `permille` ascends. */
static void quantiles(const struct latency *l, const uint32_t *permille, size_t n, uint32_t *out)
{
    uint64_t before = 0;
    uint64_t all = (uint64_t)l->n * 1000; /* thousandths of a sample, like all sums here */
    size_t at = 0;

    for (uint32_t i = 0; i < LATENCY_BUCKETS && before < all; i++) {
        uint64_t here = (uint64_t)l->counts[i] * 1000;

        while (here > 0 && at < n && (uint64_t)l->n * permille[at] <= before + here) {
            uint64_t rank = (uint64_t)l->n * permille[at] - before;
            uint64_t from = bound_of(i);
            uint64_t us = from + (bound_of(i + 1) - from) * rank / here;

            out[at++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
        }
        before += here;
    }
    while (at < n)
        out[at++] = 0;
}

uint32_t latency_quantile_us(const struct latency *l, uint32_t permille)
{
    uint32_t us;

    quantiles(l, &permille, 1, &us);
    return us;
}

void latency_tell(struct latency *l, uint64_t now_ms, const struct weight *was, struct weight *now)
{
    static const uint32_t told[] = {500, 900, 950, 990};
    uint32_t us[ARRAY_LEN(told)];

    if (l == NULL)
        return;
    fade(l, now_ms);
    if (!l->is_new) {
        now->first_byte_n = was->first_byte_n;
        now->first_byte_p50_us = was->first_byte_p50_us;
        now->first_byte_p90_us = was->first_byte_p90_us;
        now->first_byte_p95_us = was->first_byte_p95_us;
        now->first_byte_p99_us = was->first_byte_p99_us;
        return;
    }
    quantiles(l, told, ARRAY_LEN(told), us);
    now->first_byte_n = l->n;
    now->first_byte_p50_us = us[0];
    now->first_byte_p90_us = us[1];
    now->first_byte_p95_us = us[2];
    now->first_byte_p99_us = us[3];
    l->median_us = us[0];
    l->is_new = false;
}

bool latency_is_same(const struct weight *a, const struct weight *b)
{
    return a->first_byte_n == b->first_byte_n && a->first_byte_p50_us == b->first_byte_p50_us &&
           a->first_byte_p90_us == b->first_byte_p90_us &&
           a->first_byte_p95_us == b->first_byte_p95_us &&
           a->first_byte_p99_us == b->first_byte_p99_us;
}
