#include "shm/rates.h"

#include "shm/counter.h"
#include "shm/map.h"

/*
 * A word of 128 bits: when the current window began (44 bits of milliseconds), and the sums of the one
 * before and of the current one (42 bits each). Windows of one account follow one another while there
 * are requests, and begin anew with the first one after a pause, so that they belong to the account and
 * not to the clock.
 */
#define SUM_MAX ((1ull << 42) - 1)
#define BEGIN_MAX ((1ull << 44) - 1)

typedef unsigned __int128 bits128;

struct rate {
    uint64_t begin_ms, before, now;
};

static struct rate unpack(struct counter c)
{
    return (struct rate){.begin_ms = c.tag >> 20,
                         .before = (c.tag & 0xfffff) << 22 | c.amount >> 42,
                         .now = c.amount & SUM_MAX};
}

static struct counter pack(struct rate r)
{
    return (struct counter){.amount = r.before << 42 | r.now,
                            .tag = r.begin_ms << 20 | r.before >> 22};
}

static uint64_t length_of(const struct account *a)
{
    return max_u64(a->window.length_ms, 1);
}

/* The same word as it is at this time. */
static struct rate moved(struct rate r, uint64_t length_ms, uint64_t real_ms)
{
    real_ms = min_u64(real_ms, BEGIN_MAX);
    if (real_ms < r.begin_ms) {
        /* Processes read the clock at different moments. Further back: the clock was set. What was
         * used stays used, but not until the old time comes again. */
        if (r.begin_ms - real_ms > length_ms)
            r.begin_ms = real_ms;
        return r;
    }
    if (real_ms - r.begin_ms < length_ms)
        return r;
    if (real_ms - r.begin_ms - length_ms < length_ms)
        return (struct rate){r.begin_ms + length_ms, r.now, 0};
    return (struct rate){real_ms, 0, 0};
}

/* a * b / c, rounded up; the result fits when b <= c. */
static uint64_t share(uint64_t a, uint64_t b, uint64_t c)
{
    bits128 product = (bits128)a * b;

    if (product >> 63 == 0)
        return ((uint64_t)product + c - 1) / c; /* c < 2^63: no limit is that long */
    return (uint64_t)((product + c - 1) / c);
}

/* What counts: the current sum, and the share of the one before that is not yet a length ago. */
static uint64_t weigh(struct rate r, uint64_t length_ms, uint64_t real_ms)
{
    uint64_t elapsed = real_ms > r.begin_ms ? real_ms - r.begin_ms : 0;

    if (r.before == 0 || elapsed >= length_ms)
        return r.now;
    return r.now + share(r.before, length_ms - elapsed, length_ms);
}

/* When `room` (of the limit, beside what is asked for) is not exceeded any more; nobody else asking. */
static uint64_t free_at(struct rate r, uint64_t length_ms, uint64_t room)
{
    if (r.now <= room && r.before > 0) {
        uint64_t left = room - r.now;

        return r.begin_ms + (r.before > left ? share(r.before - left, length_ms, r.before) : 0);
    }
    if (r.now <= room)
        return r.begin_ms;
    return r.begin_ms + length_ms + share(r.now - room, length_ms, r.now);
}

static struct counter *word_of(const struct regions *regions, const struct account *a)
{
    struct counters_shared *shared = regions->counters.base;

    must(regions->counters.kind == REGION_COUNTERS && shared != NULL);
    must(a->index != ROW_NONE && a->index < ACCOUNTS_MAX);
    return &shared->rows[a->index].used[0];
}

/* A row may have been given to another account since `a` was read; its word is another thing then. */
static bool is_current(const struct regions *regions, const struct account *a)
{
    const struct published_shared *p = regions->published.base;

    return atomic_load_explicit(&p->accounts[a->index].id, memory_order_relaxed) == a->id;
}

/* False, and *why: it has no room for the amount. */
static bool judge(const struct account *a, struct rate r, uint64_t amount, uint64_t real_ms,
                  struct refusal *why)
{
    uint64_t length_ms = length_of(a);
    uint64_t limit = min_u64(a->limit, SUM_MAX);
    uint64_t used = weigh(r, length_ms, real_ms);

    if (used <= limit && amount <= limit - used)
        return true;
    *why = (struct refusal){*a, used, 0};
    if (amount <= limit)
        why->reset_ms = max_u64(free_at(r, length_ms, limit - amount), real_ms + 1);
    return false;
}

bool rate_fits(const struct regions *regions, const struct account *a, uint64_t amount,
               uint64_t real_ms, struct refusal *why)
{
    struct counter now = counter_peek(word_of(regions, a));

    return !is_current(regions, a) ||
           judge(a, moved(unpack(now), length_of(a), real_ms), amount, real_ms, why);
}

bool rate_take(const struct regions *regions, const struct account *a, uint64_t amount,
               uint64_t real_ms, struct refusal *why)
{
    struct counter *word = word_of(regions, a);

    if (!is_current(regions, a))
        return true; /* removed: it limits nothing any more */
    for (;;) {
        struct counter old = counter_peek(word);
        struct rate r = moved(unpack(old), length_of(a), real_ms);
        bool fits = judge(a, r, amount, real_ms, why);

        r.now += fits ? amount : 0;
        /* Also a refusal: then the halves it is about were there at the same time, and a clock that
         * was set back is noticed once. */
        if (counter_swap(word, old, pack(r)))
            return fits;
    }
}

void rate_correct(const struct regions *regions, const struct account *a, uint64_t taken,
                  uint64_t actual, uint64_t real_ms)
{
    struct counter *word = word_of(regions, a);
    struct counter old;
    struct rate r;

    if (taken == actual || !is_current(regions, a))
        return;
    do {
        uint64_t less = taken > actual ? taken - actual : 0;
        uint64_t more = actual > taken ? actual - taken : 0;

        old = counter_peek(word);
        r = moved(unpack(old), length_of(a), real_ms);
        r.now += min_u64(more, SUM_MAX - r.now);
        /* It may have been taken in the window before this one. */
        less = min_u64(less, r.now + r.before);
        r.before -= less > r.now ? less - r.now : 0;
        r.now -= min_u64(less, r.now);
    } while (!counter_swap(word, old, pack(r)));
}

void rate_usage(const struct counter *c, const struct account *a, uint64_t real_ms,
                struct usage_now *out)
{
    uint64_t length_ms = length_of(a);
    struct counter now = counter_peek(c);
    struct rate r;

    for (int i = 0; i < SEQLOCK_TRIES;
         i++) { /* a figure for people: near enough when it moves on */
        struct counter again = counter_peek(c);

        if (again.tag == now.tag && again.amount == now.amount)
            break;
        now = again;
    }
    r = moved(unpack(now), length_ms, real_ms);
    out->used = weigh(r, length_ms, real_ms);
    out->reset_ms = real_ms;
    if (r.now > 0)
        out->reset_ms = max_u64(r.begin_ms + 2 * length_ms, real_ms);
    else if (r.before > 0)
        out->reset_ms = max_u64(r.begin_ms + length_ms, real_ms);
}
