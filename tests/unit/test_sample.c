#include "tests/unit/unit.h"

#include "shm/layout.h"
#include "shm/sample.h"

static const struct sample sound = {.version = SAMPLE_VERSION,
                                    .outcome = SAMPLE_OK,
                                    .slot = SLOTS_MAX - 1,
                                    .row = ROUTES_MAX - 1,
                                    .first_byte_us = 10,
                                    .total_us = 10,
                                    .http_status = 200};

static void believes_sound_ones(void **state)
{
    struct sample s = sound;

    (void)state;
    assert_true(sample_valid(&s));
    s.http_status = 0;
    s.outcome = SAMPLE_OUTCOMES - 1;
    assert_true(sample_valid(&s));
}

#define expect_refused(field, value)                                                               \
    do {                                                                                           \
        struct sample s = sound;                                                                   \
        s.field = (value);                                                                         \
        assert_false(sample_valid(&s));                                                            \
    } while (0)

static void checks_every_field(void **state)
{
    (void)state;
    expect_refused(version, SAMPLE_VERSION + 1);
    expect_refused(version, 0);
    expect_refused(outcome, 0);
    expect_refused(outcome, SAMPLE_OUTCOMES);
    expect_refused(slot, SLOTS_MAX);
    expect_refused(row, ROUTES_MAX);
    expect_refused(first_byte_us, 11); /* after the end */
    expect_refused(http_status, 99);
    expect_refused(http_status, 1000);
}

static void names_outcomes(void **state)
{
    (void)state;
    assert_string_equal(sample_outcome_name(SAMPLE_OK), "ok");
    for (uint32_t i = 1; i < SAMPLE_OUTCOMES; i++)
        assert_string_not_equal(sample_outcome_name(i), "?");
    assert_string_equal(sample_outcome_name(0), "?");
    assert_string_equal(sample_outcome_name(SAMPLE_OUTCOMES), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(believes_sound_ones),
                                       cmocka_unit_test(checks_every_field),
                                       cmocka_unit_test(names_outcomes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
