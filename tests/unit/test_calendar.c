/*
 * Windows: rolling ones, calendar rows of several zones over a decade, renewals under readers, clocks that
 * jump.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <time.h>

#include "server/base/zone.h"
#include "server/master/calendars.h"
#include "shm/calendar.h"

#define DAY_MS 86400000ull
#define HOUR_MS 3600000ull

static const char *const zones[] = {"Europe/Berlin", "America/New_York",
                                    "Asia/Kolkata",  "Australia/Lord_Howe",
                                    "UTC",           "Pacific/Apia"};

static struct region published = REGION_NONE(REGION_PUBLISHED);

static int setup(void **state)
{
    struct error err = ERROR_INIT;

    (void)state;
    return region_create(REGION_PUBLISHED, 1, &published, &err);
}

static int teardown(void **state)
{
    (void)state;
    region_close(&published);
    return 0;
}

static uint64_t ms(const char *utc)
{
    struct tm tm = {0};

    assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
    return (uint64_t)timegm(&tm) * 1000;
}

static struct window calendar(enum window_period period, const char *zone, uint64_t now_ms)
{
    struct window w = {.period = period};
    struct error err = ERROR_INIT;

    if (calendars_get(&published, period, zone, now_ms, &w.calendar, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(w.calendar != ROW_NONE);
    return w;
}

static void rolling_windows(void **state)
{
    struct window w = {.anchor_ms = 5000, .length_ms = 1000};
    uint64_t begin;
    uint64_t end;

    (void)state;
    assert_int_equal(window_number(&published, &w, 0), 0); /* before the anchor */
    assert_int_equal(window_number(&published, &w, 5999), 0);
    assert_int_equal(window_number(&published, &w, 6000), 1);
    assert_int_equal(window_number(&published, &w, UINT64_MAX), WINDOW_NUMBER_MAX);
    window_bounds(&published, &w, 7, &begin, &end);
    assert_int_equal(begin, 12000);
    assert_int_equal(end, 13000);
    assert_int_equal(window_period_ms(PERIOD_1MO), 30 * DAY_MS);
    assert_string_equal(window_period_names[PERIOD_1MO], "1M");
    assert_string_equal(window_period_names[PERIOD_1M], "1m");
}

/* Numbers count days, weeks, months of 2020 and later there, whatever the row covers. */
static void numbers_mean_the_same_always(void **state)
{
    static const struct {
        enum window_period period;
        uint32_t number;
        const char *begin, *end;
    } cases[] = {
        {PERIOD_1D, 2517, "2026-11-21 23:00:00", "2026-11-22 23:00:00"},
        {PERIOD_1W, 359, "2026-11-15 23:00:00", "2026-11-22 23:00:00"}, /* Monday to Sunday */
        {PERIOD_1MO, 82, "2026-10-31 23:00:00", "2026-11-30 23:00:00"},
        {PERIOD_1Q, 27, "2026-09-30 22:00:00", "2026-12-31 23:00:00"},
        {PERIOD_1Y, 6, "2025-12-31 23:00:00", "2026-12-31 23:00:00"},
        {PERIOD_1H, 60420, "2026-11-22 12:00:00", "2026-11-22 13:00:00"},
    };
    uint64_t now = ms("2026-11-22 12:34:56");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct window w = calendar(cases[i].period, "Europe/Berlin", now);
        uint32_t number = window_number(&published, &w, now);
        uint64_t begin;
        uint64_t end;

        if (number != cases[i].number)
            fail_msg("%s: window %u, not %u", window_period_names[cases[i].period], number,
                     cases[i].number);
        window_bounds(&published, &w, number, &begin, &end);
        if (begin != ms(cases[i].begin) || end != ms(cases[i].end))
            fail_msg("%s: %ju to %ju", window_period_names[cases[i].period], (uintmax_t)begin,
                     (uintmax_t)end);
    }
}

/* Row by row: windows touch, cover now and a year more, and tell the number of what is in them. */
static void check_rows(const char *zone, enum window_period period, uint64_t now)
{
    struct window w = calendar(period, zone, now);
    uint32_t first = window_number(&published, &w, now);
    uint64_t last_end = 0;

    for (uint32_t n = first;; n++) {
        uint64_t begin;
        uint64_t end;

        window_bounds(&published, &w, n, &begin, &end);
        if (begin == 0)
            break;
        if ((last_end != 0 && begin != last_end) || end <= begin ||
            window_number(&published, &w, begin) != n ||
            window_number(&published, &w, end - 1) != n ||
            (begin > 0 && n > 0 && window_number(&published, &w, begin - 1) >= n))
            fail_msg("%s in %s: window %u", window_period_names[period], zone, n);
        last_end = end;
        if (calendar_is_even(period) && n > first + 1000)
            return;
    }
    if (last_end < now + 366 * DAY_MS)
        fail_msg("%s in %s does not reach a year ahead", window_period_names[period], zone);
    /* Beyond the last one: still the last one, so that nothing begins anew by mistake. */
    assert_int_equal(window_number(&published, &w, last_end + 1),
                     window_number(&published, &w, last_end - 1));
}

static void windows_touch_in_every_zone(void **state)
{
    uint64_t now = ms("2026-11-22 12:34:56");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        for (int period = PERIOD_1M; period < PERIOD_CUSTOM; period++)
            check_rows(zones[i], (enum window_period)period, now);
    }
}

/* Days of 23, 24.5 and 25 hours; hours that begin at half past. */
static void odd_lengths(void **state)
{
    uint64_t now = ms("2026-01-15 00:00:00");
    struct window berlin = calendar(PERIOD_1D, "Europe/Berlin", now);
    struct window lord_howe = calendar(PERIOD_1D, "Australia/Lord_Howe", now);
    struct window kolkata = calendar(PERIOD_1H, "Asia/Kolkata", now);
    uint64_t begin;
    uint64_t end;

    (void)state;
    window_bounds(&published, &berlin,
                  window_number(&published, &berlin, ms("2026-03-29 12:00:00")), &begin, &end);
    assert_int_equal(end - begin, 23 * HOUR_MS);
    window_bounds(&published, &berlin,
                  window_number(&published, &berlin, ms("2026-10-25 12:00:00")), &begin, &end);
    assert_int_equal(end - begin, 25 * HOUR_MS);
    window_bounds(&published, &lord_howe,
                  window_number(&published, &lord_howe, ms("2026-04-05 00:00:00")), &begin, &end);
    assert_int_equal(end - begin, 24 * HOUR_MS + HOUR_MS / 2);
    window_bounds(&published, &kolkata, window_number(&published, &kolkata, now), &begin, &end);
    assert_int_equal(begin % HOUR_MS, HOUR_MS / 2);
    assert_int_equal(end - begin, HOUR_MS);
}

/* A row asked for years later, or renewed, gives a moment the number that it had. */
static void numbers_outlive_renewals(void **state)
{
    struct error err = ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        for (int period = PERIOD_1D; period < PERIOD_CUSTOM; period++) {
            uint64_t now = ms("2026-11-22 12:34:56");
            struct window w = calendar((enum window_period)period, zones[i], now);
            uint32_t number = window_number(&published, &w, now);

            for (int year = 0; year < 12; year++) {
                uint32_t before = window_number(&published, &w, now + 300 * DAY_MS);

                now += 300 * DAY_MS;
                assert_int_equal(calendars_renew(&published, now, &err), 0);
                if (window_number(&published, &w, now) != before || before <= number)
                    assert_true(period == PERIOD_1Y && before == number);
                number = before;
            }
            assert_int_equal(calendars_renew(&published, ms("2026-11-22 12:34:56"), &err), 0);
        }
    }
}

/* Whoever sets the clock back is in an earlier window, and in the same one again later. */
static void clocks_may_jump(void **state)
{
    uint64_t now = ms("2026-11-22 12:34:56");
    struct window w = calendar(PERIOD_1D, "America/New_York", now);
    uint32_t today = window_number(&published, &w, now);
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(window_number(&published, &w, now - DAY_MS), today - 1);
    assert_int_equal(window_number(&published, &w, now + DAY_MS), today + 1);
    assert_int_equal(window_number(&published, &w, 0), 0);
    assert_true(window_number(&published, &w, UINT64_MAX) > today);
    assert_true(calendars_are_due(now, now - 1));
    assert_false(calendars_are_due(now, now + 1));
    assert_true(calendars_are_due(now, now + DAY_MS));
    /* A clock that was years off when the row was made. */
    assert_int_equal(calendars_renew(&published, 1000, &err), 0);
    assert_int_equal(calendars_renew(&published, now, &err), 0);
    assert_int_equal(window_number(&published, &w, now), today);
    assert_int_equal(calendars_renew(&published, 4102444800000ull * 30, &err),
                     0); /* the year 5870 */
    assert_int_equal(calendars_renew(&published, now, &err), 0);
    assert_int_equal(window_number(&published, &w, now), today);
}

static void rows_are_shared_and_bounded(void **state)
{
    uint64_t now = ms("2026-11-22 12:34:56");
    struct window a = calendar(PERIOD_1D, "UTC", now);
    struct window b = calendar(PERIOD_1D, "UTC", now + DAY_MS);
    struct window other = calendar(PERIOD_1W, "UTC", now);
    struct calendar c = {.period = PERIOD_1Y, .n = 2, .bounds = {1, 2}};
    struct calendar bad = {.period = PERIOD_1Y, .zone = "UTC", .n = 2, .bounds = {2, 2}};
    struct error err = ERROR_INIT;
    enum window_period period;
    char zone[64];
    uint32_t index = 0;
    size_t n = 0;

    (void)state;
    assert_int_equal(a.calendar, b.calendar);
    assert_true(a.calendar != other.calendar);
    assert_true(calendar_at(&published, other.calendar, &period, zone));
    assert_int_equal(period, PERIOD_1W);
    assert_string_equal(zone, "UTC");
    assert_false(calendar_at(&published, ROW_NONE, &period, zone));
    assert_false(calendar_at(&published, CALENDARS_MAX, &period, zone));
    assert_int_equal(calendar_put(&published, &bad, &index, &err), -1);
    assert_int_equal(calendars_get(&published, PERIOD_1D, "No/Such", now, &index, &err), -1);
    assert_int_equal(calendars_get(&published, PERIOD_1D, "../../etc/passwd", now, &index, &err),
                     -1);
    for (;; n++) {
        (void)snprintf(c.zone, sizeof(c.zone), "zone%zu", n);
        if (calendar_put(&published, &c, &index, &err) != 0)
            break;
    }
    assert_string_equal(err.text, "more than 511 calendars (periods in time zones)");
    assert_int_equal(calendars_high(&published), CALENDARS_MAX);
    assert_true(n > 400);
}

/* A window that names a row which is not there has no bounds and number 0. */
static void rows_that_are_not_there(void **state)
{
    struct window w = {.calendar = CALENDARS_MAX + 5, .period = PERIOD_1D};
    uint64_t begin;
    uint64_t end;

    (void)state;
    assert_int_equal(window_number(&published, &w, 12345), 0);
    window_bounds(&published, &w, 0, &begin, &end);
    assert_int_equal(begin, 0);
    assert_int_equal(end, 0);
}

/* Another process renews the row all the time: readers never see half of it. */
static void renewed_under_readers(void **state)
{
    uint64_t now = ms("2026-11-22 12:34:56");
    struct window w = calendar(PERIOD_1D, "Europe/Berlin", now);
    uint32_t number = window_number(&published, &w, now);
    struct error err = ERROR_INIT;
    pid_t child = fork();
    int status = 0;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 300; i++) /* the row's first window moves each time */
            (void)!calendars_renew(&published, now + (uint64_t)(i % 7) * 30 * DAY_MS, &err);
        _exit(0);
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        for (int i = 0; i < 1000; i++) {
            uint64_t begin;
            uint64_t end;

            assert_int_equal(window_number(&published, &w, now), number);
            window_bounds(&published, &w, number, &begin, &end);
            assert_true(begin <= now && now < end);
        }
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rolling_windows),
        cmocka_unit_test(numbers_mean_the_same_always),
        cmocka_unit_test(windows_touch_in_every_zone),
        cmocka_unit_test(odd_lengths),
        cmocka_unit_test(numbers_outlive_renewals),
        cmocka_unit_test(clocks_may_jump),
        cmocka_unit_test(renewed_under_readers),
        cmocka_unit_test(rows_that_are_not_there),
        cmocka_unit_test(rows_are_shared_and_bounded), /* leaves no room */
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
