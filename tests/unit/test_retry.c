/* The budget of retries: a day's traffic against it, in virtual time. */
#include "tests/unit/unit.h"

#include "server/worker/retry.h"
#include "shm/retries.h"

#define RATIO 10000 /* 10 % */
#define ATTEMPTS 3  /* of one request */
#define SECOND 1000000u
#define LATENCY 64 /* steps of 1/500 s: answers that are under way */

struct traffic {
    struct retries budget;
    uint64_t now_us;
    uint64_t requests, attempts, refused, failed;
    uint32_t late[LATENCY]; /* good answers still to come, by step */
    uint32_t step, latency; /* 0: an answer is there at once */
};

static void good(struct traffic *t)
{
    if (t->latency == 0)
        retries_good(&t->budget);
    else
        t->late[(t->step + t->latency) % LATENCY]++;
}

/* One request; its attempts' fates are bits, the first lowest: 1 fails. */
static void ask(struct traffic *t, uint32_t fates)
{
    t->requests++;
    retries_request(&t->budget, RATIO);
    for (int i = 0; i < ATTEMPTS; i++, fates >>= 1) {
        t->attempts++;
        if ((fates & 1) == 0) {
            good(t);
            return;
        }
        if (i + 1 < ATTEMPTS && !retries_take(&t->budget, t->now_us)) {
            t->refused++;
            break;
        }
    }
    t->failed++;
}

/* Seconds of so many requests each, whose fates repeat. */
static void run(struct traffic *t, uint32_t per_second, uint32_t seconds, const uint32_t *fates,
                uint32_t n_fates)
{
    for (uint32_t i = 0; i < per_second * seconds; i++) {
        uint32_t *due = &t->late[t->step % LATENCY];

        for (; *due > 0; --*due)
            retries_good(&t->budget);
        ask(t, fates[i % n_fates]);
        t->step++;
        t->now_us += SECOND / per_second;
    }
}

static const uint32_t all_well[] = {0};
static const uint32_t all_down[] = {7};
static const uint32_t one_of_two_down[] = {0, 1};
static const uint32_t two_of_three_down[] = {0, 1, 3};

static void an_outage_is_not_amplified(void **state)
{
    static const uint32_t rates[] = {20, 100, 500, 5000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct traffic t = {.now_us = SECOND};

        run(&t, rates[i], 20, all_down, 1);
        assert_true(t.attempts * 10 <= t.requests * 11 + (uint64_t)ATTEMPTS * rates[i] * 10);
        assert_true(t.attempts * 10 >= t.requests * 11); /* and the ratio is there to be used */
        assert_true(t.failed == t.requests && t.refused > 0);
    }
}

static void after_a_calm_as_well(void **state)
{
    struct traffic t = {.now_us = SECOND};
    uint64_t before;

    (void)state;
    run(&t, 500, 60, all_well, 1);
    assert_true(t.attempts == t.requests);
    before = t.attempts;
    run(&t, 500, 20, all_down, 1);
    assert_true((t.attempts - before) * 10 <= 500 * 20 * 11 + ATTEMPTS * 500 * 10);
}

static void who_can_be_helped_is(void **state)
{
    struct traffic t = {.now_us = SECOND};

    (void)state;
    run(&t, 500, 5, all_well, 1);
    run(&t, 500, 60, one_of_two_down, 2); /* weights that never shift */
    run(&t, 500, 60, two_of_three_down, 3);
    assert_true(t.refused == 0 && t.failed == 0);
}

static void also_from_the_start_and_with_late_answers(void **state)
{
    struct traffic t = {.now_us = SECOND, .latency = LATENCY - 1}; /* an eighth of a second */
    struct traffic slow = {.now_us = SECOND, .latency = LATENCY - 1};

    (void)state;
    run(&t, 500, 60, one_of_two_down, 2);
    assert_true(t.refused == 0 && t.failed == 0);
    run(&slow, 50, 10, all_well, 1); /* now it is more than a second */
    run(&slow, 50, 60, one_of_two_down, 2);
    assert_true(slow.refused == 0 && slow.failed == 0);
}

static void who_asks_seldom_has_the_burst_and_one_a_second(void **state)
{
    struct traffic t = {.now_us = SECOND};
    uint64_t refused;

    (void)state;
    run(&t, 1, 5, all_down, 1);
    assert_int_equal(t.refused, 0);
    run(&t, 1, 60, all_down, 1);
    refused = t.refused;
    assert_true(refused > 0);
    t.now_us += 60ull * SECOND; /* nothing is asked for a minute */
    run(&t, 1, 5, all_down, 1);
    assert_true(t.refused == refused);
}

static void what_is_not_used_goes_back(void **state)
{
    struct retries b = {.debt = 0};

    (void)state;
    assert_true(retries_take(&b, SECOND));
    assert_int_equal(b.debt, RETRY_WHOLE);
    retries_give_back(&b);
    assert_int_equal(b.debt, 0);
    retries_give_back(&b); /* never less than nothing */
    assert_int_equal(b.debt, 0);
}

static void seconds_add_nothing_to_the_ratio(void **state)
{
    struct traffic t = {.now_us = SECOND};
    uint64_t before;

    (void)state;
    run(&t, 100, 2, all_down, 1);
    before = t.attempts - t.requests;
    run(&t, 100, 60, all_down, 1);
    assert_true(t.attempts - t.requests - before <= 60 * 100 / 10 + 1);
}

static void who_seems_well_is_believed_until_it_has_failed_often(void **state)
{
    struct retries b = {.debt = 0};

    (void)state;
    for (int i = 0; i < RETRY_LOST_MAX; i++) {
        assert_true(retries_may_trust(&b));
        retries_lost(&b);
    }
    assert_false(retries_may_trust(&b));
    retries_good(&b);
    assert_true(retries_may_trust(&b));
}

static void pauses_double_up_to_a_second(void **state)
{
    (void)state;
    assert_int_equal(retry_pause_ms(1), RETRY_PAUSE_MS);
    assert_int_equal(retry_pause_ms(2), 2 * RETRY_PAUSE_MS);
    assert_int_equal(retry_pause_ms(7), RETRY_PAUSE_MAX_MS);
    assert_int_equal(retry_pause_ms(UINT32_MAX), RETRY_PAUSE_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_is_not_amplified),
        cmocka_unit_test(after_a_calm_as_well),
        cmocka_unit_test(who_can_be_helped_is),
        cmocka_unit_test(also_from_the_start_and_with_late_answers),
        cmocka_unit_test(who_asks_seldom_has_the_burst_and_one_a_second),
        cmocka_unit_test(what_is_not_used_goes_back),
        cmocka_unit_test(seconds_add_nothing_to_the_ratio),
        cmocka_unit_test(who_seems_well_is_believed_until_it_has_failed_often),
        cmocka_unit_test(pauses_double_up_to_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
