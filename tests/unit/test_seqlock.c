#include "tests/unit/unit.h"

#include "shm/seqlock.h"

static void tells_a_whole_write_from_a_torn_one(void **state)
{
    struct seqlock s = {0};
    uint32_t n;

    (void)state;
    assert_true(seqlock_read_begin(&s, &n));
    assert_true(seqlock_read_ok(&s, n));
    seqlock_write_begin(&s);
    assert_false(seqlock_read_ok(&s, n)); /* began before, ended in the middle */
    assert_false(seqlock_read_begin(&s, &n));
    seqlock_write_end(&s);
    assert_true(seqlock_read_begin(&s, &n));
    assert_true(seqlock_read_ok(&s, n));
    seqlock_write_begin(&s);
    seqlock_write_end(&s);
    assert_false(seqlock_read_ok(&s, n)); /* a whole write in between */
}

static void the_next_writer_heals_it(void **state)
{
    struct seqlock s = {0};
    uint32_t before;
    uint32_t n;

    (void)state;
    assert_true(seqlock_read_begin(&s, &before));
    seqlock_write_begin(&s); /* and its process is killed */
    seqlock_write_begin(&s);
    assert_false(seqlock_read_begin(&s, &n));
    seqlock_write_end(&s);
    assert_true(seqlock_read_begin(&s, &n));
    assert_true(seqlock_read_ok(&s, n));
    assert_int_not_equal(n, before);
}

static void wraps(void **state)
{
    struct seqlock s = {UINT32_MAX - 1};
    uint32_t n;

    (void)state;
    seqlock_write_begin(&s);
    seqlock_write_end(&s);
    assert_true(seqlock_read_begin(&s, &n));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_a_whole_write_from_a_torn_one),
                                       cmocka_unit_test(the_next_writer_heals_it),
                                       cmocka_unit_test(wraps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
