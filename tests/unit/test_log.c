#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "server/base/log.h"

/* What fn writes to stderr, in a child of its own. */
static void captured(void (*fn)(void), char *out, size_t room)
{
    int ends[2];
    int status;
    pid_t child;
    size_t len = 0;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        fn();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], out + len, room - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void one_line(void)
{
    log_init("worker/3", LOG_WARN);
    errno = EPIPE;
    log_warn("upstream_cut", "ms=%d text=\"%s\"", 812, "gone");
    if (errno != EPIPE)
        _exit(1);
    log_info("not_shown", "x=%d", 1);
}

static void burst(void)
{
    log_init("master", LOG_INFO);
    for (int i = 0; i < 1000; i++)
        log_info("again", "i=%d", i);
}

static void writes_lines(void **state)
{
    char text[4096];

    (void)state;
    captured(one_line, text, sizeof(text));
    assert_non_null(strstr(text, "Z warn proc=worker/3 "));
    assert_non_null(strstr(text, "event=upstream_cut ms=812 text=\"gone\"\n"));
    assert_null(strstr(text, "not_shown"));
}

static void limits_each_call_site(void **state)
{
    static char text[200000];
    int lines = 0;

    (void)state;
    captured(burst, text, sizeof(text));
    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n';
    /* a second may pass in the middle of the loop */
    assert_in_range(lines, LOG_BURST, 3 * LOG_BURST + 3);
}

static void knows_levels(void **state)
{
    enum log_level level = LOG_INFO;

    (void)state;
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse("loud", &level), -1);
    assert_int_equal(level, LOG_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes_lines),
                                       cmocka_unit_test(limits_each_call_site),
                                       cmocka_unit_test(knows_levels)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
