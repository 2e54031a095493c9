#include "server/worker/loop.h"
#include "tests/replay/fake.h"

#define START_US 1000000000u

uint64_t fake_now_us = START_US;
static struct timer *timers;

void loop_timer_start(struct loop *loop, struct timer *t, uint64_t ms, timer_fn *fn)
{
    (void)loop;
    loop_timer_stop(t);
    t->due_ms = fake_now_us / 1000 + ms;
    t->fn = fn;
    t->next = timers;
    t->prev = &timers;
    if (timers != NULL)
        timers->prev = &t->next;
    timers = t;
}

void loop_timer_stop(struct timer *t)
{
    if (t->prev == NULL)
        return;
    *t->prev = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    t->next = NULL;
    t->prev = NULL;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    (void)loop;
    return fake_now_us / 1000;
}

uint64_t loop_now_us(const struct loop *loop)
{
    (void)loop;
    return fake_now_us;
}

static struct timer *find_due(void)
{
    struct timer *found = NULL;

    for (struct timer *t = timers; t != NULL; t = t->next) {
        if (t->due_ms <= fake_now_us / 1000 && (found == NULL || t->due_ms < found->due_ms))
            found = t;
    }
    return found;
}

void time_passes(uint64_t ms)
{
    uint64_t end = fake_now_us + ms * 1000;
    struct timer *t;

    do {
        fake_now_us += ms > 0 ? 1000 : 0;
        while ((t = find_due()) != NULL) {
            loop_timer_stop(t);
            t->fn(t);
        }
    } while (fake_now_us < end);
}

void time_reset(void)
{
    fake_now_us = START_US;
}

size_t timers_pending(void)
{
    size_t n = 0;

    for (const struct timer *t = timers; t != NULL; t = t->next)
        n++;
    return n;
}
