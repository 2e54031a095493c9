/*
 * Calls to the master: matched by number, bounded, ended in time; nonsense is dropped.
 */
#include "tests/unit/admin_fixture.h"

struct got {
    int n, n_null;
    uint64_t value;
};

static void on_reply(void *ctx, const struct json *reply)
{
    struct got *got = ctx;

    got->n++;
    got->n_null += reply == NULL;
    got->value = 0;
    if (reply != NULL)
        assert_true(json_u64(json_get(reply, "value"), &got->value));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static void test_answers_find_their_calls(void **state)
{
    struct fixture *f = *state;
    struct got first = {0}, second = {0};
    uint64_t seq_first, seq_second;
    char text[64];

    assert_int_equal(ask_start(f->admin.ask, STR("{\"n\":1}"), 10000, on_reply, &first), 0);
    assert_int_equal(ask_start(f->admin.ask, STR("{\"n\":2}"), 10000, on_reply, &second), 0);
    assert_int_equal(ask_pending(f->admin.ask), 2);
    fixture_asked(f, text, sizeof(text), &seq_first);
    assert_string_equal(text, "{\"n\":1}");
    fixture_asked(f, text, sizeof(text), &seq_second);
    /* In the other order. */
    fixture_reply(f, seq_second, "{\"value\":22}");
    assert_int_equal(first.n, 0);
    assert_int_equal(second.value, 22);
    fixture_reply(f, seq_first, "{\"value\":11}");
    assert_int_equal(first.value, 11);
    assert_int_equal(ask_pending(f->admin.ask), 0);
    /* A second answer to the same call has no taker. */
    fixture_reply(f, seq_first, "{\"value\":33}");
    assert_int_equal(first.n, 1);
    assert_int_equal(second.n, 1);
}

static void test_nonsense_ends_the_call(void **state)
{
    struct fixture *f = *state;
    struct got got = {0};
    uint64_t seq;
    char text[64];

    assert_int_equal(ask_start(f->admin.ask, STR("{}"), 10000, on_reply, &got), 0);
    fixture_asked(f, text, sizeof(text), &seq);
    fixture_reply(f, seq + 7, "{\"value\":1}"); /* nobody's */
    fixture_reply(f, 0, "{\"value\":1}");       /* 0 marks a free place */
    assert_int_equal(got.n, 0);
    fixture_reply(f, seq, "[1,2");
    assert_int_equal(got.n, 1);
    assert_int_equal(got.n_null, 1);
    assert_int_equal(ask_pending(f->admin.ask), 0);
}

static void test_unsound_message_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct got got = {0};
    uint64_t seq;
    char text[64];

    assert_int_equal(ask_start(f->admin.ask, STR("{}"), 10000, on_reply, &got), 0);
    fixture_asked(f, text, sizeof(text), &seq);
    assert_int_equal(send(f->control[1], "garbage", 7, 0), 7);
    fixture_reply(f, seq, "{\"value\":5}");
    assert_int_equal(got.value, 5);
}

static void test_time_is_up(void **state)
{
    struct fixture *f = *state;
    struct got got = {0}, patient = {0};
    uint64_t seq;
    char text[64];

    assert_int_equal(ask_start(f->admin.ask, STR("{}"), 0, on_reply, &got), 0);
    assert_int_equal(ask_start(f->admin.ask, STR("{}"), 1000000, on_reply, &patient), 0);
    ask_expire(f->admin.ask);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.n_null, 1);
    assert_int_equal(patient.n, 0);
    fixture_asked(f, text, sizeof(text), &seq);
    fixture_reply(f, seq, "{\"value\":9}"); /* too late: dropped */
    assert_int_equal(got.n, 1);
}

static void test_bounded(void **state)
{
    struct fixture *f = *state;
    struct got got = {0};
    uint64_t seq;
    char text[64];
    int n = 0;

    /* Each refusal leaves the rest alone, whether places or the socket's buffer ran out. */
    while (n < ASK_PENDING_MAX + 1 &&
           ask_start(f->admin.ask, STR("{}"), 1000000, on_reply, &got) == 0)
        n++;
    assert_in_range(n, 1, ASK_PENDING_MAX);
    assert_int_equal(ask_pending(f->admin.ask), n);
    fixture_asked(f, text, sizeof(text), &seq);
    fixture_reply(f, seq, "{\"value\":1}");
    assert_int_equal(got.n, 1);
    assert_int_equal(ask_start(f->admin.ask, STR("{}"), 1000000, on_reply, &got), 0);
}

static void test_master_gone(void **state)
{
    struct fixture *f = *state;

    assert_true(ask_on_readable(f->admin.ask));
    assert_int_equal(shutdown(f->control[1], SHUT_RDWR), 0);
    assert_false(ask_on_readable(f->admin.ask));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_answers_find_their_calls),
        WITH_FIXTURE(test_nonsense_ends_the_call),
        WITH_FIXTURE(test_unsound_message_is_dropped),
        WITH_FIXTURE(test_time_is_up),
        WITH_FIXTURE(test_bounded),
        WITH_FIXTURE(test_master_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
