#include "tests/unit/unit.h"

#include <errno.h>

#include "server/base/error.h"

static void sets_and_wraps(void **state)
{
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(error_set(&err, "timeout must be between %d and %d", 1, 9), -1);
    assert_int_equal(error_wrap(&err, "%s:%d", "bowfin.yaml", 35), -1);
    assert_string_equal(err.text, "bowfin.yaml:35: timeout must be between 1 and 9");
    errno = ENOENT;
    assert_int_equal(error_errno(&err, "open %s", "x"), -1);
    assert_string_equal(err.text, "open x: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void adds_lines_up_to_the_room(void **state)
{
    struct error err = ERROR_INIT;
    size_t len;

    (void)state;
    error_add(&err, "first");
    error_add(&err, "second");
    assert_string_equal(err.text, "first\nsecond");
    for (int i = 0; i < 500; i++)
        error_add(&err, "finding %d", i);
    len = strlen(err.text);
    assert_true(len < sizeof(err.text));
    assert_string_equal(err.text + len - 4, "\n...");
    error_wrap(&err, "%s", "context"); /* cut, not overrun */
    assert_true(strlen(err.text) < sizeof(err.text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets_and_wraps),
                                       cmocka_unit_test(adds_lines_up_to_the_room)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
