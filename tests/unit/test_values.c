/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conf/values.h"
#include "server/base/base.h"

#define BAD UINT64_MAX

struct number_case {
    const char *text;
    uint64_t want; /* BAD: refused */
};

static void check_numbers(bool (*parse)(struct str, uint64_t *), const struct number_case *cases,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t got = 4711;
        bool good = parse(str_of(cases[i].text), &got);

        if (good != (cases[i].want != BAD) || got != (good ? cases[i].want : 4711))
            fail_msg("%s: %s %llu", cases[i].text, good ? "is" : "refused",
                     (unsigned long long)got);
    }
}

static void durations(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0},
        {"500ms", 500},
        {"5s", 5000},
        {"1.5s", 1500},
        {"0.001s", 1},
        {"10m", 600000},
        {"2h", 7200000},
        {"30d", 2592000000},
        {"5", BAD},
        {"", BAD},
        {"s", BAD},
        {"5 s", BAD},
        {"-5s", BAD},
        {"5sec", BAD},
        {"5S", BAD},
        {"1e3s", BAD},
        {"1.s", BAD},
        {".5s", BAD},
        {"0.5ms", BAD},
        {"1.0001s", BAD},
        {"5s ", BAD},
        {"99999999999999999999d", BAD},
        {"1000000000000000d", BAD},
    };

    (void)state;
    check_numbers(value_duration, cases, ARRAY_LEN(cases));
}

static void sizes(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0},
        {"512B", 512},
        {"64KiB", 65536},
        {"32MiB", 33554432},
        {"1GiB", 1ull << 30},
        {"1.5MiB", 1572864},
        {"10MB", 10000000},
        {"2KB", 2000},
        {"32", BAD},
        {"32M", BAD},
        {"32 MiB", BAD},
        {"32mib", BAD},
        {"-1KiB", BAD},
        {"999999999999999GiB", BAD},
    };

    (void)state;
    check_numbers(value_size, cases, ARRAY_LEN(cases));
}

static void weights(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0},        {"1", 1000}, {"8", 8000},  {"0.2", 200}, {"1.125", 1125},
        {"0.0001", BAD}, {"-1", BAD}, {"", BAD},    {"1,5", BAD}, {".2", BAD},
        {"1.", BAD},     {"1x", BAD}, {"inf", BAD},
    };

    (void)state;
    check_numbers(value_thousandths, cases, ARRAY_LEN(cases));
}

static void booleans(void **state)
{
    bool value = false;

    (void)state;
    assert_true(value_bool(STR("true"), &value) && value);
    assert_true(value_bool(STR("off"), &value) && !value);
    assert_true(value_bool(STR("yes"), &value) && value);
    assert_false(value_bool(STR("TRUE"), &value));
    assert_false(value_bool(STR("1"), &value));
    assert_true(value);
}

static void formats_are_read_back(void **state)
{
    static const uint64_t values[] = {0,     1,       999,        1000,       1500,    60000,
                                      90000, 3600000, 2592000000, 1ull << 30, 1000000, 33554432};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf b = BUF_INIT;
        uint64_t got = BAD;

        value_format_duration(&b, values[i]);
        assert_true(value_duration(buf_view(&b), &got) && got == values[i]);
        buf_clear(&b);
        value_format_size(&b, values[i]);
        assert_true(value_size(buf_view(&b), &got) && got == values[i]);
        buf_clear(&b);
        value_format_thousandths(&b, values[i]);
        assert_true(value_thousandths(buf_view(&b), &got) && got == values[i]);
        buf_fini(&b);
    }
}

static void formats_are_short(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    value_format_duration(&b, 120000);
    buf_char(&b, ' ');
    value_format_size(&b, 33554432);
    buf_char(&b, ' ');
    value_format_thousandths(&b, 200);
    buf_char(&b, ' ');
    value_format_thousandths(&b, 1005);
    assert_string_equal(b.data, "2m 32MiB 0.2 1.005");
    buf_fini(&b);
}

static void env_names(void **state)
{
    static const char *const bad[] = {"env.", "env.1A", "env.A-B", "env.A B", "ENV.A", "A", "env"};
    struct str name;

    (void)state;
    assert_true(value_env_name(STR("env._A1"), &name));
    assert_true(str_eq(name, STR("_A1")));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(value_env_name(str_of(bad[i]), &name));
}

static void addresses(void **state)
{
    static const char *const good[] = {
        "127.0.0.1:8080", "0.0.0.0:0",       "[::]:8443",         "[fe80::1]:1",     ":8080",
        "*:80",           "localhost:65535", "gw.example.com:80", "unix:/run/x.sock"};
    static const char *const bad[] = {
        "127.0.0.1",     "8080",  "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "256.1.1.1:80",
        "1.2.3:80",      "[::1]", "[::1:80",    "::1:80",          "[::g]:80",     "a b:80",
        "unix:relative", "unix:", "",           "host:80x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (value_address_problem(str_of(good[i])) != NULL)
            fail_msg("%s: %s", good[i], value_address_problem(str_of(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (value_address_problem(str_of(bad[i])) == NULL)
            fail_msg("%s was taken", bad[i]);
    }
}

static void urls(void **state)
{
    static const char *const schemes[] = {"http", "https", NULL};
    static const char *const good[] = {"http://a", "https://api.example.com/v1",
                                       "http://[::1]:80/x", "http://10.0.0.5:8000/v1/"};
    static const char *const bad[] = {"",
                                      "ftp://a",
                                      "http:/a",
                                      "http://",
                                      "http:///",
                                      "http://a b",
                                      "http://a?x=1",
                                      "http://a#f",
                                      "http://u:p@a",
                                      "http://a:0",
                                      "http://a:99999",
                                      "https//a"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_null(value_url_problem(str_of(good[i]), schemes, false));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (value_url_problem(str_of(bad[i]), schemes, false) == NULL)
            fail_msg("%s was taken", bad[i]);
    }
    assert_null(value_url_problem(STR("http://u:p@a:3128"), schemes, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(weights),
        cmocka_unit_test(booleans),
        cmocka_unit_test(formats_are_read_back),
        cmocka_unit_test(formats_are_short),
        cmocka_unit_test(env_names),
        cmocka_unit_test(addresses),
        cmocka_unit_test(urls),
    };

    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
