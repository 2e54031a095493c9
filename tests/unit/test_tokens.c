/* Region tokens: what is written is read, and only by whoever asks for that credential. */
#include "tests/unit/unit.h"

#include "shm/tokens.h"

static struct region region = REGION_NONE(REGION_TOKENS);
static struct token token, back;

static int open_region(void **state)
{
    struct error err = ERROR_INIT;

    (void)state;
    memset(&token, 0, sizeof(token));
    return region_create(REGION_TOKENS, 1, &region, &err);
}

static int close_region(void **state)
{
    (void)state;
    region_close(&region);
    return 0;
}

static void put(uint64_t token_for, size_t access, size_t secret, size_t session, char c)
{
    token.token_for = token_for;
    token.access_len = (uint32_t)access;
    token.secret_len = (uint32_t)secret;
    token.session_len = (uint32_t)session;
    memset(token.text, c, access + secret + session);
    tokens_publish(&region, 3, &token);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    assert_false(tokens_read(&region, 3, 7, &back));
    assert_true(tokens_look(&region, 3, &back));
    assert_int_equal(back.token_for, 0);
    token.expires_ms = 99;
    for (size_t len = 1; len < 40; len++) {
        put(7, len, 2, 3, (char)('a' + len % 20));
        assert_true(tokens_read(&region, 3, 7, &back));
        assert_int_equal(back.expires_ms, 99);
        assert_memory_equal(back.text, token.text, len + 5);
    }
    assert_false(tokens_read(&region, 3, 8, &back)); /* of another credential */
    assert_false(tokens_read(&region, 4, 7, &back));
    put(7, TOKEN_TEXT_MAX, 0, 0, 'm');
    assert_true(tokens_read(&region, 3, 7, &back));
    assert_memory_equal(back.text, token.text, TOKEN_TEXT_MAX);
}

/*
 * The old token's end must not lie behind a shorter one. Looked for is a run of it: a single byte
 * may well stand in the header, which has random numbers in it.
 */
static bool lies_in_region(const char *run)
{
    return memmem(region.base, region.bytes, run, strlen(run)) != NULL;
}

static void nothing_stays_behind(void **state)
{
    (void)state;
    put(7, 500, 0, 0, 'Q');
    assert_true(lies_in_region("QQQQQQQQ"));
    put(7, 16, 0, 0, 'z');
    assert_false(lies_in_region("QQQQQQQQ"));
    assert_true(lies_in_region("zzzzzzzz"));
    put(9, 0, 0, 0, 0);
    assert_false(lies_in_region("zzzzzzzz"));
    assert_false(tokens_read(&region, 3, 9, &back));
}

static void failures_leave_the_text(void **state)
{
    (void)state;
    put(7, 10, 0, 0, 'k');
    token.failures = 4;
    token.error = 503;
    tokens_tell(&region, 3, &token);
    assert_true(tokens_read(&region, 3, 7, &back));
    assert_int_equal(back.failures, 4);
    assert_int_equal(back.error, 503);
    assert_memory_equal(back.text, token.text, 10);
}

/* The writer died inside: a reader is told so and is not kept; the next writer heals it. */
static void a_torn_row_does_not_hold_anybody(void **state)
{
    struct seqlock *lock;

    (void)state;
    put(7, 10, 0, 0, 'k');
    lock = (struct seqlock *)(void *)((char *)region.base + sizeof(struct region_header) +
                                      3 * sizeof(struct token_row));
    seqlock_write_begin(lock);
    assert_false(tokens_look(&region, 3, &back));
    assert_false(tokens_read(&region, 3, 7, &back));
    put(7, 11, 0, 0, 'l');
    assert_true(tokens_read(&region, 3, 7, &back));
    assert_int_equal(back.access_len, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, open_region, close_region),
        cmocka_unit_test_setup_teardown(nothing_stays_behind, open_region, close_region),
        cmocka_unit_test_setup_teardown(failures_leave_the_text, open_region, close_region),
        cmocka_unit_test_setup_teardown(a_torn_row_does_not_hold_anybody, open_region,
                                        close_region),
    };

    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
