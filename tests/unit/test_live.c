#include "tests/unit/unit.h"

#include "shm/live.h"

static struct region region;

static int set_up(void **state)
{
    struct error err;

    (void)state;
    return region_create(REGION_LIVE, 1, &region, &err);
}

static int tear_down(void **state)
{
    (void)state;
    region_close(&region);
    return 0;
}

static void a_slot_outlives_its_worker(void **state)
{
    struct slot *s = live_slot(&region, 0);

    (void)state;
    assert_int_equal(s->state, SLOT_FREE);
    live_take(s, 4711, 1000);
    assert_int_equal(s->state, SLOT_READY);
    assert_int_equal(s->pid, 4711);
    s->generation = 5;
    stat_add(s, STAT_REQUESTS, 3);
    stat_add(s, STAT_REQUESTS_OPEN, 2);
    s->routes[7].in_flight = 2;
    s->routes[7].attempts = 9;
    assert_int_equal(outbox_put(&s->outbox, "x", 1, 0), 1);
    live_crash_text(s, "request.c:1: must(r != NULL)");

    live_wipe(s);
    assert_int_equal(s->state, SLOT_DEAD);
    assert_int_equal(s->pid, 0);
    assert_int_equal(s->generation, 0);
    assert_int_equal(s->stats[STAT_REQUESTS], 3);
    assert_int_equal(s->stats[STAT_REQUESTS_OPEN], 0);
    assert_int_equal(s->routes[7].in_flight, 0);
    assert_int_equal(s->routes[7].attempts, 9);
    assert_string_equal(s->crash, "request.c:1: must(r != NULL)");

    live_retire(s);
    assert_int_equal(s->state, SLOT_RETIRED);
    assert_int_equal(s->stats[STAT_REQUESTS], 3);
    assert_int_equal(live_slots(&region), 1);

    live_take(s, 4712, 2000);
    assert_int_equal(s->crash[0], '\0');
    assert_int_equal(s->stats[STAT_REQUESTS], 3);
    assert_int_equal(outbox_last(&s->outbox), 1);
    assert_int_equal(outbox_put(&s->outbox, "y", 1, 0), 2);
}

static void cuts_crash_texts(void **state)
{
    struct slot *s = live_slot(&region, 1);
    char text[2 * CRASH_TEXT_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    live_crash_text(s, text);
    assert_int_equal(strlen(s->crash), CRASH_TEXT_MAX - 1);
    live_crash_text(s, "short");
    assert_string_equal(s->crash, "short");
}

static void says_which_request_it_was_in(void **state)
{
    static const uint8_t id[] = {0x01, 0x90, 0xa1, 0xb2, 0xc3, 0xd4, 0x7e, 0x5f};
    struct slot *s = live_slot(&region, 0);
    char request[LIVE_HINT_LEN + 1] = "kept";
    uint32_t step = 77;
    uint64_t hint;

    (void)state;
    memcpy(&hint, id, sizeof(hint));
    live_take(s, 9, 9);
    assert_false(live_where(s, &step, request));
    assert_string_equal(request, "kept");
    live_step(s, 6, hint);
    assert_true(live_where(s, &step, request));
    assert_int_equal(step, 6);
    assert_string_equal(request, "0190a1b2-c3d4-7e5f"); /* as in x-bf-request-id */
    live_wipe(s);
    assert_false(live_where(s, &step, request));
}

static void sums_over_the_slots_in_use(void **state)
{
    (void)state;
    assert_int_equal(live_slots(&region), 1);
    live_take(live_slot(&region, 1), 1, 1);
    live_take(live_slot(&region, 2), 2, 1);
    stat_add(live_slot(&region, 1), STAT_ATTEMPTS, 10);
    stat_add(live_slot(&region, 2), STAT_ATTEMPTS, 5);
    live_wipe(live_slot(&region, 1));
    assert_int_equal(live_slots(&region), 3);
    assert_int_equal(live_stat_sum(&region, STAT_ATTEMPTS), 15);
}

static void the_last_slot_works_too(void **state)
{
    struct slot *s = live_slot(&region, SLOTS_MAX - 1);

    (void)state;
    live_take(s, 9, 9);
    s->routes[ROUTES_MAX - 1].in_flight = 1;
    s->outbox.bytes[OUTBOX_CHUNKS - 1][OUTBOX_CHUNK_BYTES - 1] = 1;
    live_wipe(s);
    assert_int_equal(s->routes[ROUTES_MAX - 1].in_flight, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_outlives_its_worker), cmocka_unit_test(cuts_crash_texts),
        cmocka_unit_test(says_which_request_it_was_in),
        cmocka_unit_test(sums_over_the_slots_in_use), cmocka_unit_test(the_last_slot_works_too)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
