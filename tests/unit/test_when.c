#include "tests/unit/unit.h"

#include "server/base/base.h"
#include "server/base/when.h"

#define BAD UINT64_MAX /* refused, and the output untouched */

static void reads_times(void **state)
{
    static const struct {
        const char *text;
        uint64_t want;
    } cases[] = {
        {"1970-01-01", 0},
        {"2027-01-31", 1801353600000},
        {"2027-01-31T00:00:00Z", 1801353600000},
        {"2027-01-31t00:00:00z", 1801353600000},
        {"2027-01-31 02:00:00+02:00", 1801353600000},
        {"2027-01-30T19:00:00.250-05:00", 1801353600000},
        {"2024-02-29", 1709164800000},
        {"2023-02-29", BAD},
        {"2027-13-01", BAD},
        {"2027-00-01", BAD},
        {"2027-01-00", BAD},
        {"2027-1-31", BAD},
        {"2027-01-31T00:00:00", BAD},
        {"2027-01-31T24:00:00Z", BAD},
        {"2027-01-31T00:00Z", BAD},
        {"2027-01-31T00:00:00Zx", BAD},
        {"2027-01-31T00:00:00+2", BAD},
        {"1969-12-31", BAD},
        {"tomorrow", BAD},
        {"", BAD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 4711;
        bool good = when_parse(str_of(cases[i].text), &got);

        if (good != (cases[i].want != BAD) || got != (good ? cases[i].want : 4711))
            fail_msg("%s: %s %llu", cases[i].text, good ? "is" : "refused",
                     (unsigned long long)got);
    }
}

static void writes_what_it_reads(void **state)
{
    static const uint64_t values[] = {0, 1000, 951782400000, 1801353600000, 4102444800000};
    struct buf b = BUF_INIT;

    (void)state;
    when_format(&b, 1801353600999);
    assert_str(buf_view(&b), "2027-01-31T00:00:00Z");
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        uint64_t got = BAD;

        buf_clear(&b);
        when_format(&b, values[i]);
        assert_true(when_parse(buf_view(&b), &got) && got == values[i]);
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_times),
                                       cmocka_unit_test(writes_what_it_reads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
