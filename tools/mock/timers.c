#include "tools/mock/timers.h"

#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/base/base.h"

void mock_timers_fini(struct mock_timers *t)
{
    free(t->heap);
    *t = (struct mock_timers){0};
}

static void put(struct mock_timers *t, size_t index, struct mock_timer *timer)
{
    t->heap[index] = timer;
    timer->place = index + 1;
}

static void move_up(struct mock_timers *t, size_t index)
{
    struct mock_timer *timer = t->heap[index];

    while (index > 0 && t->heap[(index - 1) / 2]->due_ms > timer->due_ms) {
        put(t, index, t->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(t, index, timer);
}

static void move_down(struct mock_timers *t, size_t index)
{
    struct mock_timer *timer = t->heap[index];

    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < t->n && t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
            child++;
        if (child >= t->n || t->heap[child]->due_ms >= timer->due_ms)
            break;
        put(t, index, t->heap[child]);
        index = child;
    }
    put(t, index, timer);
}

void mock_timer_start(struct mock_timers *t, struct mock_timer *timer, uint64_t due_ms)
{
    mock_timer_stop(t, timer);
    if (t->n == t->room) {
        t->room = t->room > 0 ? 2 * t->room : 64;
        t->heap = xrealloc(t->heap, t->room, sizeof(struct mock_timer *));
    }
    timer->due_ms = due_ms;
    t->heap[t->n++] = timer;
    move_up(t, t->n - 1);
}

void mock_timer_stop(struct mock_timers *t, struct mock_timer *timer)
{
    size_t index = timer->place - 1;
    struct mock_timer *last;

    if (timer->place == 0)
        return;
    must(index < t->n && t->heap[index] == timer);
    timer->place = 0;
    last = t->heap[--t->n];
    if (last == timer)
        return;
    put(t, index, last);
    move_up(t, index);
    move_down(t, last->place - 1);
}

struct mock_timer *mock_timers_first(const struct mock_timers *t)
{
    return t->n > 0 ? t->heap[0] : NULL;
}
