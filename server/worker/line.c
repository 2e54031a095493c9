#include "server/worker/line.h"

#include <stdlib.h>

#include "server/base/alloc.h"

struct line_key {
    struct line_key *next;
    uint64_t id;
    uint64_t time; /* virtual */
    uint32_t weight;
    struct waiter *first, *last; /* NULL: none waits; kept for a while, so that its time is */
};

static void free_list(struct line_key *k)
{
    while (k != NULL) {
        struct line_key *next = k->next;

        free(k);
        k = next;
    }
}

void line_fini(struct line *l)
{
    must(l->n == 0);
    free_list(l->first);
    free_list(l->free);
    *l = (struct line){.n = 0};
}

/* --- keys, by their time --- */

static void insert(struct line *l, struct line_key *k)
{
    struct line_key **at = &l->first;

    while (*at != NULL && (*at)->time <= k->time)
        at = &(*at)->next;
    k->next = *at;
    *at = k;
}

static void unlink_key(struct line *l, struct line_key *k)
{
    struct line_key **at = &l->first;

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
}

static struct line_key *find(const struct line *l, uint64_t id)
{
    struct line_key *k = l->first;

    while (k != NULL && k->id != id)
        k = k->next;
    return k;
}

/* A key without waiters whose time has come joins anew as it would have joined: it can be forgotten. */
static void forget(struct line *l)
{
    struct line_key **at = &l->first;

    while (*at != NULL) {
        struct line_key *k = *at;

        if (k->first != NULL || (k->time > l->now && l->n > 0)) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        k->next = l->free;
        l->free = k;
    }
}

static struct line_key *take_key(struct line *l, uint64_t id)
{
    struct line_key *k = l->free;

    if (k == NULL)
        k = xcalloc(1, sizeof(*k));
    else
        l->free = k->next;
    *k = (struct line_key){.id = id, .time = l->now};
    insert(l, k);
    return k;
}

/* --- waiters --- */

void line_join(struct line *l, struct waiter *w, uint64_t key, uint32_t weight)
{
    struct line_key *k = find(l, key);

    must(w->key == NULL && weight > 0);
    if (k == NULL)
        k = take_key(l, key);
    if (k->first == NULL) {
        if (k->time < l->now) { /* it was away: what it did not use is not saved up */
            unlink_key(l, k);
            k->time = l->now;
            insert(l, k);
        }
        k->weight = weight;
        l->weight += weight;
    }
    w->key = k;
    w->next = NULL;
    w->prev = k->last;
    w->round = 0;
    if (k->last != NULL)
        k->last->next = w;
    else
        k->first = w;
    k->last = w;
    l->deadline_ms = l->n == 0 ? w->deadline_ms : min_u64(l->deadline_ms, w->deadline_ms);
    l->n++;
}

static void unlink_waiter(struct line *l, struct waiter *w)
{
    struct line_key *k = w->key;

    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        k->first = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    else
        k->last = w->prev;
    w->key = NULL;
    w->next = w->prev = NULL;
    l->n--;
    if (k->first == NULL)
        l->weight -= k->weight;
}

void line_leave(struct line *l, struct waiter *w)
{
    if (w->key == NULL)
        return;
    unlink_waiter(l, w);
    forget(l);
}

void line_serve(struct line *l, struct waiter *w)
{
    struct line_key *k = w->key;

    must(k != NULL);
    l->now = max_u64(l->now, k->time);
    unlink_key(l, k);
    k->time += LINE_ONE / k->weight;
    insert(l, k);
    unlink_waiter(l, w);
    forget(l);
}

struct waiter *line_next(struct line *l, uint64_t room, uint64_t round)
{
    for (struct line_key *k = l->first; k != NULL; k = k->next) {
        for (struct waiter *w = k->first; w != NULL; w = w->next) {
            if ((w->wants & room) != 0 && w->round != round) {
                w->round = round;
                return w;
            }
        }
    }
    return NULL;
}

struct waiter *line_late(struct line *l, uint64_t now_ms)
{
    uint64_t least = UINT64_MAX;

    if (l->n == 0 || l->deadline_ms > now_ms)
        return NULL;
    for (struct line_key *k = l->first; k != NULL; k = k->next) {
        for (struct waiter *w = k->first; w != NULL; w = w->next) {
            if (w->deadline_ms <= now_ms)
                return w;
            least = min_u64(least, w->deadline_ms);
        }
    }
    l->deadline_ms = least;
    return NULL;
}
