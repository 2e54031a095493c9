#include "shm/calendar.h"

#include <string.h>

#include "shm/map.h"

#define MINUTE_MS 60000ull
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define READ_TRIES 8 /* a row is renewed once a day; a second try is as good as never needed */

const char *const window_period_names[PERIODS] = {"1m", "5m", "1h", "1d",    "1w",
                                                  "1M", "1Q", "1Y", "custom"};

uint64_t window_period_ms(enum window_period p)
{
    static const uint64_t lengths[PERIODS] = {
        MINUTE_MS,   5 * MINUTE_MS, HOUR_MS,      DAY_MS, 7 * DAY_MS,
        30 * DAY_MS, 90 * DAY_MS,   365 * DAY_MS, 0,
    };

    must(p < PERIODS);
    return lengths[p];
}

bool calendar_is_even(enum window_period p)
{
    return p <= PERIOD_1H;
}

static struct published_shared *shared(const struct region *published)
{
    must(published->kind == REGION_PUBLISHED && published->base != NULL);
    return published->base;
}

uint32_t calendars_high(const struct region *published)
{
    uint32_t n = atomic_load_explicit(&shared(published)->calendars_high, memory_order_acquire);

    return n < CALENDARS_MAX ? n : CALENDARS_MAX;
}

static uint32_t capped(uint64_t number)
{
    return number < WINDOW_NUMBER_MAX ? (uint32_t)number : WINDOW_NUMBER_MAX;
}

/* --- reading a row --- */

static uint64_t bound_of(const struct calendar_copy *c, uint32_t i)
{
    return atomic_load_explicit(&c->bounds[i], memory_order_relaxed);
}

/* The last bound that is not after `real_ms`; -1: all are. */
static int64_t search(const struct calendar_copy *c, uint32_t n, uint64_t real_ms)
{
    uint32_t low = 0;
    uint32_t high = n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (bound_of(c, middle) <= real_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return (int64_t)low - 1;
}

typedef uint64_t read_fn(const struct calendar_copy *c, uint64_t asked, uint64_t *out_end);

static uint64_t number_in(const struct calendar_copy *c, uint64_t real_ms, uint64_t *out_end)
{
    uint32_t n = atomic_load_explicit(&c->n, memory_order_relaxed);
    uint32_t first = atomic_load_explicit(&c->first, memory_order_relaxed);
    uint64_t length = atomic_load_explicit(&c->even_ms, memory_order_relaxed);
    int64_t i = search(c, n < CALENDAR_BOUNDS ? n : CALENDAR_BOUNDS, real_ms);

    (void)out_end;
    if (i < 0)
        return 0;
    if (length != 0)
        return (real_ms - bound_of(c, 0)) / length;
    if (i + 1 == n && n > 1)
        i--; /* the last bound ends a window and begins none that has an end */
    return first + (uint64_t)i;
}

static uint64_t bounds_in(const struct calendar_copy *c, uint64_t number, uint64_t *out_end)
{
    uint32_t n = atomic_load_explicit(&c->n, memory_order_relaxed);
    uint32_t first = atomic_load_explicit(&c->first, memory_order_relaxed);
    uint64_t length = atomic_load_explicit(&c->even_ms, memory_order_relaxed);

    *out_end = 0;
    if (length != 0) {
        *out_end = bound_of(c, 0) + (number + 1) * length;
        return *out_end - length;
    }
    if (n > CALENDAR_BOUNDS || number < first || number - first + 1 >= n)
        return 0;
    *out_end = bound_of(c, (uint32_t)number - first + 1);
    return bound_of(c, (uint32_t)number - first);
}

/*
 * The writer fills the copy that is not current and then makes it current: a reader is disturbed only by two
 * renewals during its few loads, and a writer that is killed in the middle disturbs nobody.
 */
static uint64_t read_row(const struct region *published, uint32_t index, read_fn *fn,
                         uint64_t asked, uint64_t *out_end)
{
    const struct calendar_row *row;
    uint64_t value = 0;

    *out_end = 0;
    if (index == ROW_NONE || index >= calendars_high(published))
        return 0;
    row = &shared(published)->calendars[index];
    for (int i = 0; i < READ_TRIES; i++) {
        uint32_t turn = atomic_load_explicit(&row->turn, memory_order_acquire);

        value = fn(&row->copies[turn & 1], asked, out_end);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&row->turn, memory_order_relaxed) == turn)
            break;
    }
    return value;
}

/* --- windows --- */

uint32_t window_number(const struct region *published, const struct window *w, uint64_t real_ms)
{
    uint64_t end;

    if (w->calendar != ROW_NONE)
        return capped(read_row(published, w->calendar, number_in, real_ms, &end));
    if (real_ms < w->anchor_ms || w->length_ms == 0)
        return 0;
    return capped((real_ms - w->anchor_ms) / w->length_ms);
}

void window_bounds(const struct region *published, const struct window *w, uint32_t number,
                   uint64_t *out_begin_ms, uint64_t *out_end_ms)
{
    if (w->calendar != ROW_NONE) {
        *out_begin_ms = read_row(published, w->calendar, bounds_in, number, out_end_ms);
        return;
    }
    *out_begin_ms = w->anchor_ms + number * w->length_ms;
    *out_end_ms = *out_begin_ms + w->length_ms;
}

/* --- writing --- */

static bool is_sound(const struct calendar *c)
{
    if (c->period >= PERIOD_CUSTOM || c->n == 0 || c->n > CALENDAR_BOUNDS ||
        memchr(c->zone, '\0', sizeof(c->zone)) == NULL)
        return false;
    if (calendar_is_even((enum window_period)c->period) ? c->n != 1 || c->first != 0 : c->n < 2)
        return false;
    for (uint32_t i = 1; i < c->n; i++) {
        if (c->bounds[i - 1] >= c->bounds[i])
            return false;
    }
    return (uint64_t)c->first + c->n <= WINDOW_NUMBER_MAX;
}

/* A zone's name as words, its unused rest zero. */
static void zone_words(const struct calendar *c, uint64_t words[8])
{
    char zone[64] = {0};

    memcpy(zone, c->zone, strlen(c->zone));
    memcpy(words, zone, sizeof(zone));
}

static bool is_row_of(const struct calendar_row *row, uint32_t period, const uint64_t words[8])
{
    if (atomic_load_explicit(&row->period, memory_order_relaxed) != period)
        return false;
    for (size_t i = 0; i < 8; i++) {
        if (atomic_load_explicit(&row->zone[i], memory_order_relaxed) != words[i])
            return false;
    }
    return true;
}

static void fill(struct calendar_row *row, const struct calendar *c)
{
    uint32_t turn = atomic_load_explicit(&row->turn, memory_order_relaxed) + 1;
    struct calendar_copy *copy = &row->copies[turn & 1];
    enum window_period period = (enum window_period)c->period;

    /* Whoever still reads this copy sees a newer turn by the time it sees anything of this. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&copy->first, c->first, memory_order_relaxed);
    atomic_store_explicit(&copy->n, c->n, memory_order_relaxed);
    atomic_store_explicit(&copy->even_ms, calendar_is_even(period) ? window_period_ms(period) : 0,
                          memory_order_relaxed);
    for (uint32_t i = 0; i < c->n; i++)
        atomic_store_explicit(&copy->bounds[i], c->bounds[i], memory_order_relaxed);
    atomic_store_explicit(&row->turn, turn, memory_order_release);
}

int calendar_put(struct region *published, const struct calendar *c, uint32_t *out,
                 struct error *err)
{
    struct published_shared *p = shared(published);
    uint32_t high = calendars_high(published);
    uint64_t words[8];
    uint32_t i = 1;

    if (!is_sound(c))
        return error_set(err, "a calendar of period %u is not sound", c->period);
    zone_words(c, words);
    if (high == 0)
        high = 1; /* row 0 is nobody's */
    while (i < high && !is_row_of(&p->calendars[i], c->period, words))
        i++;
    if (i == CALENDARS_MAX)
        return error_set(err, "more than %d calendars (periods in time zones)", CALENDARS_MAX - 1);
    if (i == high) {
        atomic_store_explicit(&p->calendars[i].period, c->period, memory_order_relaxed);
        for (size_t j = 0; j < 8; j++)
            atomic_store_explicit(&p->calendars[i].zone[j], words[j], memory_order_relaxed);
    }
    fill(&p->calendars[i], c);
    if (i == high)
        atomic_store_explicit(&p->calendars_high, high + 1, memory_order_release);
    *out = i;
    return 0;
}

bool calendar_at(const struct region *published, uint32_t index, enum window_period *out_period,
                 char out_zone[64])
{
    const struct calendar_row *row;
    uint64_t words[8];

    if (index == ROW_NONE || index >= calendars_high(published))
        return false;
    row = &shared(published)->calendars[index];
    *out_period = (enum window_period)atomic_load_explicit(&row->period, memory_order_relaxed);
    for (size_t i = 0; i < 8; i++)
        words[i] = atomic_load_explicit(&row->zone[i], memory_order_relaxed);
    memcpy(out_zone, words, sizeof(words));
    out_zone[63] = '\0';
    return *out_period < PERIOD_CUSTOM;
}
