/*
 * POSTs that come twice with one Idempotency-Key; the test is the handler.
 */
#include "server/admin/idempotency.h"
#include "tests/unit/admin_fixture.h"

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

static void post(struct fixture *f, struct exchange *ex, const char *key, const char *body)
{
    fixture_begin(f, ex, "POST", "/api/keys", body);
    ex->idempotency = str_of(key);
}

static void answer(struct exchange *ex, int status, const char *text)
{
    buf_cstr(&ex->out, text);
    exchange_json(ex, status);
}

static void the_second_gets_the_first_answer(void **state)
{
    struct exchange ex;

    post(*state, &ex, "one", "{\"name\":\"a\"}");
    assert_true(idempotency_begin(&ex));
    answer(&ex, 201, "{\"id\":1}");
    assert_false(ex.is_replayed);
    fixture_end(&ex);
    for (int i = 0; i < 2; i++) {
        post(*state, &ex, "one", "{\"name\":\"a\"}");
        assert_false(idempotency_begin(&ex));
        assert_true(ex.finished && ex.is_replayed);
        assert_int_equal(ex.status, 201);
        assert_true(str_eq(buf_view(&ex.out), STR("{\"id\":1}\n")));
        fixture_end(&ex);
    }
}

static void another_call_may_not_have_the_key(void **state)
{
    struct exchange ex;

    post(*state, &ex, "two", "{\"name\":\"a\"}");
    assert_true(idempotency_begin(&ex));
    answer(&ex, 200, "{}");
    fixture_end(&ex);
    post(*state, &ex, "two", "{\"name\":\"b\"}");
    assert_false(idempotency_begin(&ex));
    fixture_expect_error(&ex, 422, "idempotency_mismatch");
    fixture_end(&ex);
}

static void a_call_under_way_is_not_begun_again(void **state)
{
    struct exchange first, second;

    post(*state, &first, "three", "{}");
    assert_true(idempotency_begin(&first));
    post(*state, &second, "three", "{}");
    assert_false(idempotency_begin(&second));
    fixture_expect_error(&second, 409, "idempotency_in_progress");
    fixture_end(&second);
    answer(&first, 400, "{}"); /* refused: nothing was done */
    fixture_end(&first);
    post(*state, &second, "three", "{}");
    assert_true(idempotency_begin(&second));
    answer(&second, 200, "{}");
    fixture_end(&second);
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const bad[] = {"", "a\tb", "caf\xc3\xa9"};
    struct exchange ex;
    char longest[IDEMPOTENCY_KEY_MAX + 2];

    memset(longest, 'k', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
        post(*state, &ex, i < ARRAY_LEN(bad) ? bad[i] : longest, "{}");
        assert_false(idempotency_begin(&ex));
        fixture_expect_error(&ex, 400, "bad_header");
        fixture_end(&ex);
    }
}

static void reading_needs_none(void **state)
{
    struct exchange ex;

    for (int i = 0; i < 2; i++) {
        fixture_begin(*state, &ex, "GET", "/api/keys", NULL);
        ex.idempotency = STR("get");
        assert_true(idempotency_begin(&ex));
        answer(&ex, 200, "{}");
        fixture_end(&ex);
        post(*state, &ex, NULL, "{}");
        assert_true(idempotency_begin(&ex));
        answer(&ex, 200, "{}");
        fixture_end(&ex);
    }
}

static void the_oldest_gives_way(void **state)
{
    struct exchange ex;
    char key[32];

    for (int i = 0; i <= IDEMPOTENCY_MAX; i++) {
        (void)snprintf(key, sizeof(key), "many-%d", i);
        post(*state, &ex, key, "{}");
        assert_true(idempotency_begin(&ex));
        answer(&ex, 200, "{}");
        fixture_end(&ex);
    }
    post(*state, &ex, "many-0", "{}");
    assert_true(idempotency_begin(&ex)); /* forgotten */
    answer(&ex, 200, "{}");
    fixture_end(&ex);
    post(*state, &ex, "many-1024", "{}");
    assert_false(idempotency_begin(&ex));
    fixture_end(&ex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_gets_the_first_answer),
        cmocka_unit_test(another_call_may_not_have_the_key),
        cmocka_unit_test(a_call_under_way_is_not_begun_again),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(reading_needs_none),
        cmocka_unit_test(the_oldest_gives_way),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
