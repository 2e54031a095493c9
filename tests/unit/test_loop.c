/* Timers run when they are due and not before; descriptors when they are wanted. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/base.h"
#include "server/base/clock.h"
#include "server/worker/loop_io.h"

struct probe {
    struct timer timer;
    struct loop *loop;
    struct timer *victim; /* stopped when this one runs */
    uint32_t ran, again;
    uint64_t at_ms;
};

static char order[16];
static size_t n_order;

static void on_probe(struct timer *t)
{
    struct probe *p = container_of(t, struct probe, timer);

    p->ran++;
    p->at_ms = clock_mono_ms();
    if (p->victim != NULL)
        loop_timer_stop(p->victim);
    if (p->again > 0) {
        p->again--;
        loop_timer_start(p->loop, t, 0, on_probe);
    }
}

static void on_first(struct timer *t)
{
    (void)t;
    order[n_order++] = '1';
}

static void on_second(struct timer *t)
{
    (void)t;
    order[n_order++] = '2';
}

static int open_loop(void **state)
{
    *state = loop_create();
    return 0;
}

static int close_loop(void **state)
{
    loop_free(*state);
    return 0;
}

static void run_until(struct loop *loop, const uint32_t *n, uint32_t wanted)
{
    uint64_t limit = clock_mono_ms() + 5000;

    while (*n < wanted && clock_mono_ms() < limit)
        (void)loop_turn(loop, 1000);
    assert_int_equal(*n, wanted);
}

static void timers_wait_their_time(void **state)
{
    static const uint64_t waits[] = {1, 10, 15, 40, 75};
    struct probe probes[ARRAY_LEN(waits)] = {0};
    uint64_t begun = clock_mono_ms();

    for (size_t i = 0; i < ARRAY_LEN(waits); i++)
        loop_timer_start(*state, &probes[i].timer, waits[i], on_probe);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        run_until(*state, &probes[i].ran, 1);
        assert_true(probes[i].at_ms >= begun + waits[i]);
        assert_true(i == 0 || probes[i].at_ms >= probes[i - 1].at_ms);
    }
}

static void stopped_timers_do_not_run(void **state)
{
    struct probe a = {0}, b = {0}, c = {0}, last = {0};

    a.victim = &b.timer; /* due in the same sweep, whichever comes first */
    b.victim = &a.timer;
    loop_timer_start(*state, &a.timer, 20, on_probe);
    loop_timer_start(*state, &b.timer, 20, on_probe);
    loop_timer_start(*state, &c.timer, 20, on_probe);
    loop_timer_stop(&c.timer);
    loop_timer_stop(&c.timer);
    loop_timer_start(*state, &last.timer, 40, on_probe);
    run_until(*state, &last.ran, 1);
    assert_int_equal(a.ran + b.ran, 1);
    assert_int_equal(c.ran, 0);
}

static void restarting_moves_a_timer(void **state)
{
    struct probe p = {0};
    uint64_t begun = clock_mono_ms();

    loop_timer_start(*state, &p.timer, 10, on_probe);
    loop_timer_start(*state, &p.timer, 60, on_probe);
    run_until(*state, &p.ran, 1);
    assert_true(p.at_ms >= begun + 60);
    loop_timer_start(*state, &p.timer, 30000, on_probe); /* more than a rotation */
    loop_timer_start(*state, &p.timer, 10, on_probe);
    run_until(*state, &p.ran, 2);
}

static void a_far_timer_waits_for_its_rotation(void **state)
{
    struct probe far = {0}, near = {0};

    /* the same slot of the wheel, a rotation apart */
    loop_timer_start(*state, &far.timer, 20 + 1024 * LOOP_TICK_MS, on_probe);
    loop_timer_start(*state, &near.timer, 20, on_probe);
    run_until(*state, &near.ran, 1);
    assert_int_equal(far.ran, 0);
    loop_timer_stop(&far.timer);
}

static void zero_means_the_next_turn_in_order(void **state)
{
    struct timer first = {0}, second = {0}, stopped = {0};
    struct probe again = {.loop = *state, .again = 3};

    n_order = 0;
    loop_timer_start(*state, &first, 0, on_first);
    loop_timer_start(*state, &stopped, 0, on_first);
    loop_timer_start(*state, &second, 0, on_second);
    loop_timer_stop(&stopped);
    assert_int_equal(n_order, 0);
    (void)loop_turn(*state, 1000);
    assert_int_equal(n_order, 2);
    assert_memory_equal(order, "12", 2);
    loop_timer_start(*state, &again.timer, 0, on_probe);
    run_until(*state, &again.ran, 4);
}

static void the_clock_stands_still_in_a_turn(void **state)
{
    uint64_t now = loop_now_ms(*state);

    assert_true(now <= clock_mono_ms());
    assert_int_equal(loop_now_ms(*state), now);
    assert_true(loop_now_us(*state) / 1000 >= now);
}

/* --- descriptors --- */

struct watched {
    struct loop_fd *f;
    uint32_t n_readable, n_writable;
    bool closes;
};

static void on_fd(void *ctx, int fd, bool readable, bool writable)
{
    struct watched *w = ctx;
    char byte;

    w->n_writable += writable;
    if (readable) {
        w->n_readable++;
        assert_int_equal(read(fd, &byte, 1), 1);
    }
    if (w->closes)
        loop_fd_close(w->f);
}

static void descriptors_fire_while_they_are_wanted(void **state)
{
    struct watched w = {0};
    struct probe pause = {0};
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    w.f = loop_fd_open(*state, fds[0], on_fd, &w);
    loop_fd_want(w.f, true, false);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    run_until(*state, &w.n_readable, 2); /* level-triggered: two bytes, one a call */

    loop_fd_want(w.f, false, false);
    assert_int_equal(write(fds[1], "c", 1), 1);
    loop_timer_start(*state, &pause.timer, 20, on_probe);
    run_until(*state, &pause.ran, 1);
    assert_int_equal(w.n_readable, 2);

    loop_fd_want(w.f, true, false);
    run_until(*state, &w.n_readable, 3);
    w.closes = true;
    assert_int_equal(write(fds[1], "d", 1), 1);
    run_until(*state, &w.n_readable, 4);
    assert_int_equal(write(fds[1], "e", 1), -1); /* it closed its end */
    close(fds[1]);
}

static void writable_is_level_triggered(void **state)
{
    struct watched w = {0};
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    w.f = loop_fd_open(*state, fds[1], on_fd, &w);
    loop_fd_want(w.f, false, true);
    run_until(*state, &w.n_writable, 3);
    loop_fd_want(w.f, false, false);
    loop_fd_release(w.f);
    assert_int_equal(write(fds[1], "x", 1), 1); /* released, not closed */
    close(fds[0]);
    close(fds[1]);
    (void)loop_turn(*state, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_wait_their_time, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(stopped_timers_do_not_run, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(restarting_moves_a_timer, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(a_far_timer_waits_for_its_rotation, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(zero_means_the_next_turn_in_order, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(the_clock_stands_still_in_a_turn, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(descriptors_fire_while_they_are_wanted, open_loop,
                                        close_loop),
        cmocka_unit_test_setup_teardown(writable_is_level_triggered, open_loop, close_loop),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
