#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "server/aggregator/orphans.h"
#include "server/base/log.h"
#include "tests/unit/ledger_fixture.h"

static struct ledger_fixture f;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

/* A process of this name that waits for its end; it has taken the slot, and two holds. */
static pid_t start(uint32_t slot, const char *name, const struct account *a)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct ledger *l = fixture_worker(&f, slot);
        struct hold_want want = fixture_want(a, 1, 5000000, 5000000);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, name);
        (void)fixture_take(l, &want);
        hold_sent(l, fixture_take(l, &want));
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_true(child > 0);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void protect(void)
{
    struct error err = ERROR_INIT;

    assert_int_equal(region_protect(&f.regions.live, &err), 0);
    assert_int_equal(region_protect(&f.regions.counters, &err), 0);
}

static void what_dead_workers_held_is_booked(void **state)
{
    struct account a = fixture_budget(&f, 1ull << 40, 0);
    pid_t dead = start(0, "bowfin-worker", &a);
    pid_t hangs = start(1, "bowfin-worker", &a);
    int status;

    (void)state;
    assert_int_equal(kill(dead, SIGKILL), 0);
    assert_int_equal(waitpid(dead, &status, 0), dead);
    live_slot(&f.regions.live, 1)->beat_ms = 1000;
    assert_true(orphans_live(&f.regions.live, 5000));
    assert_false(orphans_live(&f.regions.live, 20000)); /* it has not beaten for long */
    protect();
    orphans_recover(&f.regions, FIXTURE_NOW);
    assert_int_equal(waitpid(hangs, &status, 0), hangs); /* it must not go on in its slot */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (uint32_t slot = 0; slot < 2; slot++) {
        assert_int_equal(ledger_holds(&f.regions.live, slot), 0);
        assert_int_equal(outbox_last(&live_slot(&f.regions.live, slot)->outbox), 1);
    }
    /* Each: 100 tokens of prompt, and the request. */
    assert_int_equal(fixture_used(&f, &a, FIXTURE_NOW), 2 * 250011);
}

static void a_number_may_be_anothers_by_now(void **state)
{
    struct account a = fixture_budget(&f, 1ull << 40, 0);
    pid_t other = start(0, "somebody-else", &a);
    int status;

    (void)state;
    protect();
    orphans_recover(&f.regions, FIXTURE_NOW);
    assert_int_equal(ledger_holds(&f.regions.live, 0), 0);
    assert_int_equal(waitpid(other, &status, WNOHANG), 0); /* it lives */
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, &status, 0), other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(what_dead_workers_held_is_booked),
                                       TEST(a_number_may_be_anothers_by_now)};

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
