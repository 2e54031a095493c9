/*
 * Time zones: against the C library's for every zone of the machine, days by looking at every minute around
 * them, rules as POSIX writes them, and files that are not sound.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <time.h>

#include "server/base/buf.h"
#include "server/base/fd.h"
#include "server/base/zone.h"

#define DAY_S 86400

static struct zone *load(const char *name)
{
    struct error err = ERROR_INIT;
    struct zone *z = NULL;

    if (zone_load(str_of(name), &z, &err) != 0)
        fail_msg("%s", err.text);
    return z;
}

static int64_t moment(const char *utc)
{
    struct tm tm = {0};

    assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
    return timegm(&tm);
}

static void assert_day(const char *zone, const char *day, const char *begin_utc)
{
    struct zone *z = load(zone);
    char noon[32];
    int64_t number;

    (void)snprintf(noon, sizeof(noon), "%s 12:00:00", day);
    number = moment(noon) / DAY_S;
    if (zone_day_begin(z, number) != moment(begin_utc))
        fail_msg("%s in %s begins at %lld, not %s", day, zone, (long long)zone_day_begin(z, number),
                 begin_utc);
    assert_int_equal(zone_day_of(z, moment(begin_utc)), number);
    assert_int_equal(zone_day_of(z, moment(begin_utc) - 1), number - 1);
    zone_free(z);
}

static void days_begin(void **state)
{
    (void)state;
    assert_day("UTC", "2026-11-22", "2026-11-22 00:00:00");
    assert_day("Europe/Berlin", "2026-01-15", "2026-01-14 23:00:00");
    assert_day("Europe/Berlin", "2026-07-15", "2026-07-14 22:00:00");
    assert_day("Europe/Berlin", "2026-03-29", "2026-03-28 23:00:00"); /* 23 hours long */
    assert_day("Europe/Berlin", "2026-03-30", "2026-03-29 22:00:00");
    assert_day("Europe/Berlin", "2026-10-26", "2026-10-25 23:00:00"); /* after one of 25 */
    assert_day("America/New_York", "2026-03-08", "2026-03-08 05:00:00");
    assert_day("America/New_York", "2026-03-09", "2026-03-09 04:00:00");
    assert_day("Asia/Kolkata", "2026-11-22", "2026-11-21 18:30:00");
    assert_day("Australia/Lord_Howe", "2026-01-15", "2026-01-14 13:00:00"); /* +11 */
    assert_day("Australia/Lord_Howe", "2026-07-15", "2026-07-14 13:30:00"); /* +10:30 */
    /* Clocks go from 24:00 to 1:00: there is no midnight. */
    assert_day("Asia/Beirut", "2021-03-28", "2021-03-27 22:00:00");
    /* They go from 1:00 back to 0:00: there are two. */
    assert_day("America/Havana", "2026-11-01", "2026-11-01 04:00:00");
    /* Far beyond what the file lists. */
    assert_day("Europe/Berlin", "2099-07-15", "2099-07-14 22:00:00");
    assert_day("Europe/Dublin", "2099-01-15", "2099-01-15 00:00:00"); /* summer is its standard */
}

/* The zone lost 2011-12-30: the day begins when the next one does. */
static void a_day_may_be_left_out(void **state)
{
    struct zone *z = load("Pacific/Apia");
    int64_t lost = moment("2011-12-30 12:00:00") / DAY_S;

    (void)state;
    assert_int_equal(zone_day_begin(z, lost), moment("2011-12-30 10:00:00"));
    assert_int_equal(zone_day_begin(z, lost + 1), moment("2011-12-30 10:00:00"));
    assert_int_equal(zone_day_of(z, moment("2011-12-30 10:00:00")), lost + 1);
    zone_free(z);
}

/* --- every zone against the C library --- */

static void compare_offsets(const char *name, const struct zone *z)
{
    for (int64_t at = moment("1975-01-01 00:00:00"); at < moment("2120-01-01 00:00:00");
         at += 9 * DAY_S + 3607) {
        time_t t = (time_t)at;
        struct tm tm;

        assert_non_null(localtime_r(&t, &tm));
        if (tm.tm_gmtoff != zone_offset(z, at, NULL))
            fail_msg("%s at %lld: %d, the C library says %ld", name, (long long)at,
                     zone_offset(z, at, NULL), tm.tm_gmtoff);
    }
}

static int64_t local_day(const struct zone *z, int64_t at)
{
    int64_t local = at + zone_offset(z, at, NULL);

    return (local - ((local % DAY_S) + DAY_S) % DAY_S) / DAY_S;
}

/* The first moment at which the date is not before the day, found by looking at every minute. */
static void check_days_around(const char *name, const struct zone *z, int64_t change)
{
    int64_t day = local_day(z, change);

    for (int64_t d = day; d <= day + 1; d++) {
        int64_t begin = zone_day_begin(z, d);

        if (local_day(z, begin) < d)
            fail_msg("%s: day %lld has not begun", name, (long long)d);
        for (int64_t at = begin - 1; at > begin - 30 * 3600; at -= 60) {
            if (local_day(z, at) >= d)
                fail_msg("%s: day %lld has begun before %lld", name, (long long)d,
                         (long long)begin);
        }
    }
}

static void check_zone(const char *name)
{
    struct zone *z = load(name);
    int64_t at = moment("1999-01-01 00:00:00");

    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
    compare_offsets(name, z);
    for (int i = 0; i < 60; i++) {
        at = zone_next_change(z, at);
        if (at == INT64_MAX)
            break;
        check_days_around(name, z, at);
    }
    zone_free(z);
}

static void every_zone_is_as_the_c_library_has_it(void **state)
{
    struct error err = ERROR_INIT;
    struct buf text = BUF_INIT;
    struct str rest;
    struct str line;
    size_t n = 0;

    (void)state;
    if (fd_read_file("/usr/share/zoneinfo/tzdata.zi", 1 << 20, &text, &err) != 0)
        fail_msg("%s", err.text);
    rest = buf_view(&text);
    while (str_next(&rest, '\n', &line)) { /* "Z Europe/Berlin ..." */
        char name[ZONE_NAME_MAX + 1];
        ptrdiff_t end = str_index(str_skip(line, 2), ' ');

        if (!str_starts(line, STR("Z ")) || end < 0 || end > ZONE_NAME_MAX)
            continue;
        memcpy(name, line.p + 2, (size_t)end);
        name[end] = '\0';
        check_zone(name);
        n++;
    }
    assert_true(n > 300);
    assert_int_equal(unsetenv("TZ"), 0);
    buf_fini(&text);
}

/* --- rules --- */

static void assert_rule(const char *text, const char *utc, int32_t offset)
{
    struct zone_rule r;
    bool is_dst;

    if (!zone_rule_parse(str_of(text), &r))
        fail_msg("%s is a rule", text);
    if (zone_rule_offset(&r, moment(utc), &is_dst) != offset)
        fail_msg("%s at %s: %d, not %d", text, utc, zone_rule_offset(&r, moment(utc), &is_dst),
                 offset);
}

static void rules(void **state)
{
    static const char *const bad[] = {
        "",
        "CET",
        "CE-1",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-200",
        "<+05-5",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J365",
        "CET-1CEST,M3.5.0,M10.5.0/3 ",
        "CET-1CEST,M3.5.0,M10.5.0/169",
        "CET-1:60",
        "CET-99999999999",
    };
    struct zone_rule r;

    (void)state;
    assert_rule("EST5", "2026-07-01 00:00:00", -5 * 3600);
    assert_rule("<-03>3", "2026-07-01 00:00:00", -3 * 3600);
    assert_rule("<+0545>-5:45", "2026-07-01 00:00:00", 20700);
    assert_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29 00:59:59", 3600);
    assert_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29 01:00:00", 7200);
    assert_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25 00:59:59", 7200);
    assert_rule("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25 01:00:00", 3600);
    assert_rule("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01 00:00:00", 3600);
    assert_rule("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01 00:00:00", 0);
    assert_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01 00:00:00", 11 * 3600);
    assert_rule("XXX3EDT4,0/0,J365/23", "2026-01-01 00:00:00", -4 * 3600); /* always summer */
    assert_rule("XXX3EDT4,0/0,J365/23", "2026-12-31 23:59:59", -4 * 3600);
    assert_rule("AAA0BBB,J60/0,J61/0", "2024-03-01 12:00:00", 3600); /* a leap year: 1 March */
    assert_rule("AAA0BBB,59/0,60/0", "2024-02-29 12:00:00", 3600);
    assert_rule("IST-2IDT,M3.4.4/26,M10.5.0", "2026-03-27 00:00:00", 10800);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (zone_rule_parse(str_of(bad[i]), &r))
            fail_msg("%s is no rule", bad[i]);
    }
}

/* --- what is not sound --- */

static void names_stay_in_the_folder(void **state)
{
    static const char *const bad[] = {
        "",
        "/etc/passwd",
        "../passwd",
        "Europe/../../../etc/passwd",
        "Europe//Berlin",
        "Europe/",
        "zone.tab",
        "Europe/Berlin\n",
        "a b",
        "Europe",
        "No/Such",
        "x123456789012345678901234567890123456789012345678901234567890123",
    };
    struct error err = ERROR_INIT;
    struct zone *z = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (zone_load(str_of(bad[i]), &z, &err) == 0)
            fail_msg("%s is no time zone", bad[i]);
        assert_false(zone_is_there(str_of(bad[i])));
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(zone_load((struct str){"UTC\0x", 5}, &z, &err), -1);
    assert_true(zone_is_there(STR("UTC")));
    assert_true(zone_is_there(STR("America/Argentina/Buenos_Aires")));
    assert_int_equal(zone_load(STR("tzdata/zi"), &z, &err), -1);
}

/* A file cut anywhere is refused, or (within the rule behind it) still one; never read past its end. */
static void files_that_are_cut(void **state)
{
    struct error err = ERROR_INIT;
    struct buf file = BUF_INIT;
    size_t good = 0;

    (void)state;
    assert_int_equal(fd_read_file("/usr/share/zoneinfo/Europe/Berlin", ZONE_FILE_MAX, &file, &err),
                     0);
    for (size_t n = 0; n < file.len; n++) {
        char *exact = malloc(n + 1); /* so that a sanitizer sees the end */
        struct zone *z = NULL;

        assert_non_null(exact);
        memcpy(exact, file.data, n);
        if (zone_parse((struct str){exact, n}, &z, &err) == 0) {
            good++;
            zone_free(z);
        }
        free(exact);
    }
    assert_int_equal(good, 0);
    buf_fini(&file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_begin),
        cmocka_unit_test(a_day_may_be_left_out),
        cmocka_unit_test(every_zone_is_as_the_c_library_has_it),
        cmocka_unit_test(rules),
        cmocka_unit_test(names_stay_in_the_folder),
        cmocka_unit_test(files_that_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
