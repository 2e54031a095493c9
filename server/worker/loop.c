/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include <h2o.h>

#include "server/base/alloc.h"
#include "server/base/base.h"
#include "server/base/clock.h"
#include "server/worker/loop_io.h"

#define WHEEL_SLOTS 1024 /* a rotation of ten seconds; what is due later stays in its slot */
#define WHEEL_WORDS (WHEEL_SLOTS / 64)

struct loop {
    h2o_evloop_t *backend;
    h2o_timeout_t soon_list; /* a zero-timeout list with one entry at most: soon_entry */
    h2o_timeout_entry_t soon_entry;
    struct timer *soon; /* timers of 0 ms, the newest first */
    struct timer *wheel[WHEEL_SLOTS];
    uint64_t occupied[WHEEL_WORDS]; /* a stop may leave a bit too many, never one too few */
    uint64_t swept_tick;            /* all slots up to this tick have been looked at */
    struct turn_clock *clock;
};

struct turn_clock { /* what loop_now_ms() answers in this turn */
    uint64_t mono_ms;
    uint64_t read_at; /* h2o's clock at that time; another value there means a new turn */
};

struct loop_fd {
    h2o_socket_t *sock;
    loop_fd_fn *fn;
    void *ctx;
    bool want_in, want_out;
    bool running; /* inside fn: freeing waits for its return */
};

/* --- timers --- */

static void timer_link(struct timer **head, struct timer *t)
{
    t->next = *head;
    if (t->next != NULL)
        t->next->prev = &t->next;
    t->prev = head;
    *head = t;
}

static void run_all(struct timer *list)
{
    while (list != NULL) {
        struct timer *t = list;

        list->prev = &list;
        loop_timer_stop(t);
        t->fn(t);
        if (list != NULL)
            list->prev = &list;
    }
}

static void run_soon(h2o_timeout_entry_t *entry)
{
    struct loop *loop = container_of(entry, struct loop, soon_entry);
    struct timer *due = NULL;

    /* The list is turned round, so that they run in the order in which they were started. */
    while (loop->soon != NULL) {
        struct timer *t = loop->soon;

        loop_timer_stop(t);
        timer_link(&due, t);
    }
    run_all(due);
}

static void link_soon(struct loop *loop)
{
    if (h2o_timeout_is_linked(&loop->soon_entry))
        return;
    h2o_timeout_link(loop->backend, &loop->soon_list, &loop->soon_entry);
    /* h2o goes by the wall clock, which may jump; the beginning of time is past in any case. */
    loop->soon_entry.registered_at = 0;
}

void loop_timer_start(struct loop *loop, struct timer *t, uint64_t ms, timer_fn *fn)
{
    loop_timer_stop(t);
    t->fn = fn;
    if (ms == 0) {
        timer_link(&loop->soon, t);
        link_soon(loop);
        return;
    }
    t->due_ms = loop_now_ms(loop) + ms;
    uint64_t tick = max_u64((t->due_ms + LOOP_TICK_MS - 1) / LOOP_TICK_MS, loop->swept_tick + 1);
    uint64_t slot = tick % WHEEL_SLOTS;

    timer_link(&loop->wheel[slot], t);
    loop->occupied[slot / 64] |= 1ull << (slot % 64);
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
    struct turn_clock *clock = loop->clock;

    if (clock->read_at != h2o_now(loop->backend)) {
        clock->read_at = h2o_now(loop->backend);
        clock->mono_ms = clock_mono_ms();
    }
    return clock->mono_ms;
}

uint64_t loop_now_us(const struct loop *loop)
{
    (void)loop;
    return clock_mono_ns() / 1000;
}

static void sweep_slot(struct loop *loop, uint64_t slot, struct timer **due)
{
    uint64_t now_ms = loop_now_ms(loop);
    struct timer *t = loop->wheel[slot];

    while (t != NULL) {
        struct timer *next = t->next;

        if (t->due_ms <= now_ms) {
            loop_timer_stop(t);
            timer_link(due, t);
        }
        t = next;
    }
    if (loop->wheel[slot] == NULL)
        loop->occupied[slot / 64] &= ~(1ull << (slot % 64));
}

static void run_wheel(struct loop *loop)
{
    uint64_t now_tick = loop_now_ms(loop) / LOOP_TICK_MS;
    struct timer *due = NULL;

    if (now_tick <= loop->swept_tick)
        return;
    /* After a long wait each slot is looked at once, not once for each rotation. */
    uint64_t rotation = now_tick >= WHEEL_SLOTS ? now_tick - WHEEL_SLOTS + 1 : 0;
    uint64_t first = max_u64(loop->swept_tick + 1, rotation);

    loop->swept_tick = now_tick;
    for (uint64_t tick = first; tick <= now_tick; tick++) {
        uint64_t slot = tick % WHEEL_SLOTS;

        if (loop->occupied[slot / 64] & (1ull << (slot % 64)))
            sweep_slot(loop, slot, &due);
    }
    if (due == NULL)
        return;
    run_all(due);
    /* What they wrote to clients has callbacks waiting; h2o runs those behind its own timeouts. */
    h2o_timeout__do_post_callback(loop->backend);
}

/* Milliseconds until a slot with timers comes round, at most `most`. */
static uint32_t wheel_wait(const struct loop *loop, uint32_t most)
{
    uint64_t now = loop_now_ms(loop);

    for (uint64_t i = 1; i <= WHEEL_SLOTS && (i - 1) * LOOP_TICK_MS <= most; i++) {
        uint64_t tick = loop->swept_tick + i;
        uint64_t slot = tick % WHEEL_SLOTS;

        if (loop->occupied[slot / 64] & (1ull << (slot % 64))) {
            uint64_t at = tick * LOOP_TICK_MS;
            return at <= now ? 0 : (uint32_t)min_u64(at - now, most);
        }
    }
    return most;
}

/* --- the loop --- */

struct loop *loop_create(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));

    loop->clock = xcalloc(1, sizeof(*loop->clock));
    loop->backend = h2o_evloop_create();
    h2o_timeout_init(loop->backend, &loop->soon_list, 0);
    loop->soon_entry.cb = run_soon;
    loop->swept_tick = loop_now_ms(loop) / LOOP_TICK_MS;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    h2o_timeout_unlink(&loop->soon_entry);
    h2o_timeout_dispose(loop->backend, &loop->soon_list);
    h2o_evloop_destroy(loop->backend);
    free(loop->clock);
    free(loop);
}

bool loop_turn(struct loop *loop, uint32_t max_ms)
{
    bool waited = h2o_evloop_run(loop->backend, (int32_t)wheel_wait(loop, max_ms)) == 0;

    run_wheel(loop);
    return waited;
}

struct st_h2o_evloop_t *loop_backend(struct loop *loop)
{
    return loop->backend;
}

/* --- descriptors --- */

static void on_writable(h2o_socket_t *sock, const char *err);

static void fd_fire(struct loop_fd *f, bool readable, bool writable)
{
    f->running = true;
    f->fn(f->ctx, h2o_socket_get_fd(f->sock), readable, writable);
    f->running = false;
    if (f->sock == NULL) {
        free(f);
        return;
    }
    /* h2o tells once that a descriptor is writable; ours is level-triggered. */
    if (f->want_out && !h2o_socket_is_writing(f->sock))
        h2o_socket_notify_write(f->sock, on_writable);
}

static void on_readable(h2o_socket_t *sock, const char *err)
{
    struct loop_fd *f = sock->data;

    (void)err; /* never set: H2O_SOCKET_FLAG_DONT_READ */
    if (!f->want_in) {
        h2o_socket_read_stop(sock);
        return;
    }
    fd_fire(f, true, false);
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    struct loop_fd *f = sock->data;

    (void)err;
    if (f->want_out)
        fd_fire(f, false, true);
}

struct loop_fd *loop_fd_open(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx)
{
    struct loop_fd *f = xcalloc(1, sizeof(*f));

    f->sock = h2o_evloop_socket_create(loop->backend, fd, H2O_SOCKET_FLAG_DONT_READ);
    f->sock->data = f;
    f->fn = fn;
    f->ctx = ctx;
    return f;
}

void loop_fd_want(struct loop_fd *f, bool in, bool out)
{
    f->want_in = in;
    f->want_out = out;
    if (in && !h2o_socket_is_reading(f->sock))
        h2o_socket_read_start(f->sock, on_readable);
    if (out && !h2o_socket_is_writing(f->sock))
        h2o_socket_notify_write(f->sock, on_writable);
}

static void fd_forget(struct loop_fd *f)
{
    f->sock = NULL;
    if (!f->running)
        free(f);
}

void loop_fd_close(struct loop_fd *f)
{
    h2o_socket_close(f->sock);
    fd_forget(f);
}

void loop_fd_release(struct loop_fd *f)
{
    h2o_socket_export_t info;

    /* A write notification that is still out must not reach the exported socket. */
    f->sock->_cb.write = NULL;
    (void)h2o_socket_export(f->sock, &info); /* cannot fail on this backend */
    h2o_buffer_dispose(&info.input);
    fd_forget(f);
}
