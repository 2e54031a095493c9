#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "tests/unit/ledger_fixture.h"

#define MINUTE 60000ull
#define T0 FIXTURE_NOW

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

static struct account limit_of(uint64_t limit)
{
    return fixture_account(&f, ACCOUNT_REQUESTS, limit, MINUTE);
}

static uint64_t taken(const struct account *a, uint64_t tries, uint64_t amount, uint64_t real_ms)
{
    struct refusal why;
    uint64_t n = 0;

    for (uint64_t i = 0; i < tries; i++)
        n += rate_take(&f.regions, a, amount, real_ms, &why);
    return n;
}

static void a_whole_limit_may_be_used_at_once(void **state)
{
    struct account a = limit_of(100);
    struct refusal why;

    (void)state;
    assert_int_equal(taken(&a, 200, 1, T0), 100);
    assert_false(rate_take(&f.regions, &a, 1, T0 + 59000, &why));
    assert_int_equal(why.account.id, a.id);
    assert_int_equal(why.used, 100);
    /* A hundredth of them is old after 0.6 seconds of the next minute, and not before. */
    assert_int_equal(why.reset_ms, T0 + MINUTE + 600);
    assert_int_equal(taken(&a, 200, 1, T0 + MINUTE + 599), 0);
    assert_int_equal(taken(&a, 200, 1, T0 + MINUTE + 600), 1);
    assert_int_equal(taken(&a, 200, 1, T0 + MINUTE + 30000), 49);
    assert_int_equal(taken(&a, 200, 1, T0 + 3 * MINUTE), 100); /* after a pause */
}

static void a_refusals_time_is_honest(void **state)
{
    struct account a = limit_of(1000);
    uint64_t x = 88172645463325252ull;
    uint64_t now = T0;
    uint32_t refusals = 0;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct refusal why;
        struct refusal still;
        uint64_t amount;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        amount = 1 + x % 400;
        now += (x >> 20) % 8000;
        if (rate_take(&f.regions, &a, amount, now, &why))
            continue;
        refusals++;
        assert_true(why.reset_ms > now && why.reset_ms <= now + 2 * MINUTE);
        if (why.reset_ms > now + 1)
            assert_false(rate_take(&f.regions, &a, amount, why.reset_ms - 1, &still));
        now = why.reset_ms;
        assert_true(rate_take(&f.regions, &a, amount, now, &why));
    }
    assert_true(refusals > 500);
}

/* x-ratelimit-reset: not a millisecond too early, and none too late. */
static void full_again_is_when_it_says(void **state)
{
    struct account a = limit_of(100);
    uint64_t x = 362436069ull;
    uint64_t now = T0;

    (void)state;
    assert_int_equal(taken(&a, 1, 1, now), 1);
    assert_int_equal(fixture_reset(&f, &a, now), T0 + 2 * MINUTE);
    for (int i = 0; i < 3000; i++) {
        struct refusal why;
        uint64_t reset;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        now += (x >> 20) % (3 * MINUTE);
        (void)taken(&a, 1, x % 40, now);
        reset = fixture_reset(&f, &a, now);
        if (fixture_used(&f, &a, now) == 0) {
            assert_int_equal(reset, now);
            continue;
        }
        assert_true(reset > now && reset <= now + 2 * MINUTE);
        assert_true(fixture_used(&f, &a, reset - 1) > 0);
        assert_int_equal(fixture_used(&f, &a, reset), 0);
        assert_true(rate_fits(&f.regions, &a, 100, reset, &why));
    }
}

static void what_can_never_fit_has_no_time(void **state)
{
    struct account a = limit_of(10);
    struct refusal why;

    (void)state;
    assert_false(rate_take(&f.regions, &a, 11, T0, &why));
    assert_int_equal(why.reset_ms, 0);
    assert_int_equal(why.used, 0);
}

static void an_estimate_is_corrected(void **state)
{
    struct account a = limit_of(1000);

    (void)state;
    assert_int_equal(taken(&a, 1, 600, T0), 1);
    assert_int_equal(taken(&a, 1, 600, T0), 0);
    rate_correct(&f.regions, &a, 600, 100, T0 + 5000);
    assert_int_equal(fixture_used(&f, &a, T0 + 5000), 100);
    assert_int_equal(taken(&a, 1, 600, T0 + 5000), 1);
    rate_correct(&f.regions, &a, 600, 950, T0 + 6000);
    assert_int_equal(fixture_used(&f, &a, T0 + 6000), 1050);
    assert_int_equal(taken(&a, 1, 1, T0 + 6000), 0);
    /* Given back in the window after: it comes off what was used in the one before. */
    rate_correct(&f.regions, &a, 950, 0, T0 + MINUTE);
    assert_int_equal(fixture_used(&f, &a, T0 + MINUTE), 100);
    rate_correct(&f.regions, &a, 950, 0, T0 + MINUTE);
    assert_int_equal(fixture_used(&f, &a, T0 + MINUTE), 0);
}

static void clocks_may_jump(void **state)
{
    struct account a = limit_of(100);
    struct refusal why;

    (void)state;
    assert_int_equal(taken(&a, 60, 1, T0 + 1000), 60);
    assert_int_equal(taken(&a, 60, 1, T0), 40); /* a second back: as if it had not gone */
    assert_int_equal(fixture_used(&f, &a, T0), 100);
    /* A year ahead and back: two minutes at most. */
    assert_int_equal(taken(&a, 200, 1, T0 + 525600 * MINUTE), 100);
    assert_false(rate_take(&f.regions, &a, 1, T0, &why));
    assert_true(why.reset_ms <= T0 + 2 * MINUTE);
    assert_int_equal(taken(&a, 200, 1, T0 + 2 * MINUTE), 100);
    /* To the beginning of time and back. */
    assert_int_equal(taken(&a, 200, 1, 0), 0);
    assert_int_equal(taken(&a, 200, 1, T0 + 4 * MINUTE), 100);
}

static void large_sums_fit(void **state)
{
    const uint64_t most = 1000000000000ull;
    struct account a = fixture_account(&f, ACCOUNT_TOKENS, most, 366 * 24 * 60 * MINUTE);
    struct refusal why;

    (void)state;
    assert_true(rate_take(&f.regions, &a, most - 1, T0, &why));
    assert_true(rate_take(&f.regions, &a, 1, T0, &why));
    assert_false(rate_take(&f.regions, &a, 1, T0, &why));
    for (int i = 0; i < 5; i++)
        rate_correct(&f.regions, &a, 0, most, T0);
    assert_true(fixture_used(&f, &a, T0) >= 4 * most);
    assert_false(rate_take(&f.regions, &a, 1, T0 + 366 * 24 * 60 * MINUTE, &why));
    assert_true(fixture_used(&f, &a, T0 + 366 * 24 * 60 * MINUTE) >= 4 * most);
    assert_true(fixture_used(&f, &a, T0 + 183 * 24 * 60 * MINUTE * 3) <= 3 * most);
}

static void a_removed_limit_limits_nothing(void **state)
{
    struct account a = limit_of(1);

    (void)state;
    assert_int_equal(taken(&a, 5, 1, T0), 1);
    account_table_remove(f.table, a.index);
    assert_int_equal(taken(&a, 5, 1, T0), 5);
    rate_correct(&f.regions, &a, 1, 9, T0);
}

/* --- several processes --- */

#define HAMMERS 3
#define MINUTES 4
#define LIMIT 100

#define TICK_MS 25

struct shared {
    _Atomic uint64_t now_ms;
    _Atomic uint32_t asked; /* how many have, since the clock moved */
    _Atomic uint64_t in_minute[MINUTES];
};

/* All ask together at each tick of the clock, until they are refused; the last one moves it on. */
static void hammer(struct shared *s, const struct account *a)
{
    for (uint64_t now = T0; now < T0 + MINUTES * MINUTE; now += TICK_MS) {
        struct refusal why;

        while (atomic_load(&s->now_ms) < now)
            (void)sched_yield();
        while (rate_take(&f.regions, a, 1, now, &why))
            atomic_fetch_add(&s->in_minute[(now - T0) / MINUTE], 1);
        if (atomic_fetch_add(&s->asked, 1) == HAMMERS - 1) {
            atomic_store(&s->asked, 0);
            atomic_store(&s->now_ms, now + TICK_MS);
        }
    }
}

static void one_limit_for_all_processes(void **state)
{
    struct account a = limit_of(LIMIT);
    struct shared *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t children[HAMMERS];
    uint64_t sum = 0;

    (void)state;
    assert_true(s != MAP_FAILED);
    atomic_store(&s->now_ms, T0);
    for (int i = 0; i < HAMMERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            hammer(s, &a);
            _exit(0);
        }
        assert_true(children[i] > 0);
    }
    for (int i = 0; i < HAMMERS; i++)
        assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
    for (int i = 0; i < MINUTES; i++) {
        uint64_t n = atomic_load(&s->in_minute[i]);

        sum += n;
        assert_true(n >= LIMIT - 1 && n <= LIMIT + 1); /* within 1 % */
    }
    assert_true(sum <= MINUTES * LIMIT);
    (void)munmap(s, sizeof(*s));
}

static void looking_takes_nothing(void **state)
{
    struct account a = limit_of(100);
    struct refusal why;
    struct refusal looked;

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_true(rate_fits(&f.regions, &a, 100, T0, &looked));
    assert_int_equal(taken(&a, 200, 1, T0), 100);
    assert_false(rate_fits(&f.regions, &a, 1, T0 + 59000, &looked));
    assert_false(rate_take(&f.regions, &a, 1, T0 + 59000, &why));
    assert_int_equal(looked.used, why.used);
    assert_int_equal(looked.reset_ms, why.reset_ms);
    assert_true(rate_fits(&f.regions, &a, 1, T0 + MINUTE + 600, &looked));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_limit_may_be_used_at_once),
        TEST(a_refusals_time_is_honest),
        TEST(full_again_is_when_it_says),
        TEST(what_can_never_fit_has_no_time),
        TEST(an_estimate_is_corrected),
        TEST(clocks_may_jump),
        TEST(large_sums_fit),
        TEST(a_removed_limit_limits_nothing),
        TEST(looking_takes_nothing),
        TEST(one_limit_for_all_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
