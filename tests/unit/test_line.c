/*
 * Whose turn it is: shares by weight, whoever floods; nobody waits for what others want.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/worker/line.h"
#include "tests/unit/unit.h"

#define ROOM 1u
#define DRAWS 4000

static struct waiter waiter_for(uint64_t wants, uint64_t deadline_ms)
{
    return (struct waiter){.wants = wants, .deadline_ms = deadline_ms};
}

struct crowd { /* of one key: as many wait as it may have at the same time */
    struct waiter waiters[64];
    uint64_t key;
    uint32_t weight, size, served;
};

static struct crowd *crowd_of(struct crowd *crowds, size_t n, const struct waiter *w)
{
    for (size_t i = 0; i < n; i++) {
        if (w >= crowds[i].waiters && w < crowds[i].waiters + ARRAY_LEN(crowds[i].waiters))
            return &crowds[i];
    }
    fail_msg("a waiter of nobody");
    return NULL;
}

/* Places come free one by one; who was served asks again. */
static void play(struct crowd *crowds, size_t n, uint32_t places)
{
    struct line l = {.n = 0};

    for (size_t c = 0; c < n; c++) {
        for (uint32_t i = 0; i < crowds[c].size; i++) {
            crowds[c].waiters[i] = waiter_for(ROOM, 1000);
            line_join(&l, &crowds[c].waiters[i], crowds[c].key, crowds[c].weight);
        }
    }
    for (uint32_t p = 0; p < places; p++) {
        struct waiter *w = line_next(&l, ROOM, p + 1);
        struct crowd *c;

        assert_non_null(w);
        c = crowd_of(crowds, n, w);
        line_serve(&l, w);
        c->served++;
        line_join(&l, w, c->key, c->weight);
    }
    for (size_t c = 0; c < n; c++) {
        for (uint32_t i = 0; i < crowds[c].size; i++)
            line_leave(&l, &crowds[c].waiters[i]);
    }
    assert_int_equal(l.n, 0);
    assert_int_equal(l.weight, 0);
    line_fini(&l);
}

static void assert_share(const struct crowd *c, uint32_t places, double share)
{
    double got = (double)c->served / (double)places;

    if (got < share - 0.02 || got > share + 0.02)
        fail_msg("key %d got %.3f of the places, %.3f are its share", (int)c->key, got, share);
}

static void flood_gets_no_more(void **state)
{
    struct crowd crowds[2] = {{.key = 1, .weight = 2, .size = 64},
                              {.key = 2, .weight = 2, .size = 2}};

    (void)state;
    play(crowds, 2, DRAWS);
    assert_share(&crowds[0], DRAWS, 0.5);
    assert_share(&crowds[1], DRAWS, 0.5);
}

static void weights_are_shares(void **state)
{
    struct crowd crowds[3] = {{.key = 1, .weight = 4, .size = 8},
                              {.key = 2, .weight = 2, .size = 64},
                              {.key = 3, .weight = 1, .size = 64}};

    (void)state;
    play(crowds, 3, DRAWS);
    assert_share(&crowds[0], DRAWS, 4.0 / 7);
    assert_share(&crowds[1], DRAWS, 2.0 / 7);
    assert_share(&crowds[2], DRAWS, 1.0 / 7);
}

/* A key with one request at a time, that is gone from the line whenever it is served, gains nothing. */
static void leaving_gains_nothing(void **state)
{
    struct crowd crowds[2] = {{.key = 1, .weight = 1, .size = 1},
                              {.key = 2, .weight = 4, .size = 64}};

    (void)state;
    play(crowds, 2, DRAWS);
    assert_share(&crowds[0], DRAWS, 0.2);
}

/* Whatever crowds there are: nobody who always waits is ever behind its share by more than a few places. */
static void any_crowd_gets_its_share(void **state)
{
    static const uint32_t weights[] = {1, 2, 4};
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct crowd crowds[6] = {{.key = 0}};
        uint32_t total = 0;

        for (size_t i = 0; i < ARRAY_LEN(crowds); i++) {
            random = random * 1664525 + 1013904223;
            crowds[i].key = i;
            crowds[i].weight = weights[(random >> 16) % ARRAY_LEN(weights)];
            crowds[i].size = 1 + (random >> 24) % 60;
            total += crowds[i].weight;
        }
        play(crowds, ARRAY_LEN(crowds), 700);
        for (size_t i = 0; i < ARRAY_LEN(crowds); i++)
            assert_share(&crowds[i], 700, (double)crowds[i].weight / total);
    }
}

static void one_key_is_in_order(void **state)
{
    struct waiter w[4];
    struct line l = {.n = 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        w[i] = waiter_for(ROOM, 1000);
        line_join(&l, &w[i], 7, 2);
    }
    line_leave(&l, &w[1]); /* its client has gone */
    line_leave(&l, &w[1]);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        if (i == 1)
            continue;
        assert_ptr_equal(line_next(&l, ROOM, i + 1), &w[i]);
        line_serve(&l, &w[i]);
        assert_false(line_has(&w[i]));
    }
    assert_null(line_next(&l, ROOM, 9));
    line_fini(&l);
}

/* Those who wait for something else do not stand in the way, and have one turn in a round. */
static void room_is_for_those_who_want_it(void **state)
{
    struct waiter full = waiter_for(1, 1000);
    struct waiter other = waiter_for(2, 1000);
    struct waiter either = waiter_for(3, 1000);
    struct line l = {.n = 0};

    (void)state;
    line_join(&l, &full, 1, 2);
    line_join(&l, &other, 1, 2);
    line_join(&l, &either, 2, 2);
    assert_ptr_equal(line_next(&l, 2, 1), &other);
    assert_ptr_equal(line_next(&l, 2, 1), &either);
    assert_null(line_next(&l, 2, 1));
    assert_ptr_equal(line_next(&l, 2, 2), &other); /* in vain, so it keeps its place */
    assert_null(line_next(&l, 4, 3));
    assert_ptr_equal(line_next(&l, 1, 3), &full);
    line_leave(&l, &full);
    line_leave(&l, &other);
    line_leave(&l, &either);
    line_fini(&l);
}

static void deadlines_are_found(void **state)
{
    struct waiter a = waiter_for(ROOM, 300);
    struct waiter b = waiter_for(ROOM, 100);
    struct waiter c = waiter_for(ROOM, 200);
    struct line l = {.n = 0};

    (void)state;
    line_join(&l, &a, 1, 2);
    line_join(&l, &b, 1, 2);
    line_join(&l, &c, 2, 2);
    assert_null(line_late(&l, 99));
    assert_ptr_equal(line_late(&l, 100), &b);
    line_leave(&l, &b);
    assert_null(line_late(&l, 100));
    assert_ptr_equal(line_late(&l, 250), &c);
    line_leave(&l, &c);
    assert_null(line_late(&l, 299));
    assert_ptr_equal(line_late(&l, 1000), &a);
    line_leave(&l, &a);
    assert_null(line_late(&l, 1000));
    line_fini(&l);
}

/* Who comes late joins where the others are: what was not used is not saved up. */
static void late_comers_are_not_owed(void **state)
{
    struct waiter first[40];
    struct waiter late[40];
    struct line l = {.n = 0};
    uint32_t of_late = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        first[i] = waiter_for(ROOM, 1000);
        line_join(&l, &first[i], 1, 2);
    }
    for (uint64_t i = 0; i < 20; i++)
        line_serve(&l, line_next(&l, ROOM, i + 1));
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        late[i] = waiter_for(ROOM, 1000);
        line_join(&l, &late[i], 2, 2);
    }
    for (uint64_t i = 0; i < 20; i++) {
        struct waiter *w = line_next(&l, ROOM, i + 100);

        of_late += w >= late && w < late + ARRAY_LEN(late);
        line_serve(&l, w);
    }
    assert_in_range(of_late, 9, 11);
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        line_leave(&l, &first[i]);
    for (size_t i = 0; i < ARRAY_LEN(late); i++)
        line_leave(&l, &late[i]);
    line_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_gets_no_more),    cmocka_unit_test(weights_are_shares),
        cmocka_unit_test(leaving_gains_nothing), cmocka_unit_test(any_crowd_gets_its_share),
        cmocka_unit_test(one_key_is_in_order),   cmocka_unit_test(room_is_for_those_who_want_it),
        cmocka_unit_test(deadlines_are_found),   cmocka_unit_test(late_comers_are_not_owed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
