#include "server/master/options.h"
#include "tests/unit/unit.h"

#define ARGS_MAX 160

static int parse(struct options *out, struct error *err, const char *const *args)
{
    char *argv[ARGS_MAX] = {NULL};
    int argc = 0;

    for (; args[argc] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc];
    return options_parse(argc, argv, out, err);
}

#define PARSE(out, err, ...) parse(out, err, (const char *const[]){"bowfin", __VA_ARGS__, NULL})

static void nothing_runs_the_gateway(void **state)
{
    struct options o;
    struct error err = ERROR_INIT;
    const char *const none[] = {"bowfin", NULL};

    (void)state;
    assert_int_equal(parse(&o, &err, none), 0);
    assert_int_equal(o.command, COMMAND_RUN);
    assert_null(o.config_path);
    assert_int_equal(o.n_listen, 0);
    assert_int_equal(o.workers, 0);
}

static void every_option_is_taken(void **state)
{
    struct options o;
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(PARSE(&o, &err, "-c", "a.yaml", "-t", "--listen", "127.0.0.1:0",
                           "--listen=[::1]:1", "--state", "/s", "--run", "/r", "--workers", "3"),
                     0);
    assert_int_equal(o.command, COMMAND_CHECK);
    assert_string_equal(o.config_path, "a.yaml");
    assert_int_equal(o.n_listen, 2);
    assert_string_equal(o.listen[1], "[::1]:1");
    assert_string_equal(o.state_dir, "/s");
    assert_string_equal(o.run_dir, "/r");
    assert_int_equal(o.workers, 3);
}

static void wrong_usage_says_what(void **state)
{
    struct options o;
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(PARSE(&o, &err, "--lisen", "x"), -1);
    assert_non_null(strstr(err.text, "--lisen"));
    assert_int_equal(PARSE(&o, &err, "-c"), -1);
    assert_non_null(strstr(err.text, "missing"));
    assert_int_equal(PARSE(&o, &err, "--workers", "0"), -1);
    assert_int_equal(PARSE(&o, &err, "--workers", "65"), -1);
    assert_int_equal(PARSE(&o, &err, "--workers", "2x"), -1);
    assert_non_null(strstr(err.text, "2x"));
    assert_int_equal(PARSE(&o, &err, "extra"), -1);
    assert_non_null(strstr(err.text, "extra"));
}

static void listeners_are_bounded(void **state)
{
    const char *args[ARGS_MAX] = {"bowfin"};
    struct options o;
    struct error err = ERROR_INIT;

    (void)state;
    for (int i = 0; i < LISTENERS_MAX + 1; i++) {
        args[1 + 2 * i] = "-l";
        args[2 + 2 * i] = "127.0.0.1:0";
    }
    assert_int_equal(parse(&o, &err, args), -1);
    args[1 + 2 * LISTENERS_MAX] = NULL;
    assert_int_equal(parse(&o, &err, args), 0);
    assert_int_equal(o.n_listen, LISTENERS_MAX);
}

static void mock_takes_a_listener_and_nothing_else(void **state)
{
    struct options o;
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(PARSE(&o, &err, "mock", "--listen", "127.0.0.1:0"), 0);
    assert_int_equal(o.command, COMMAND_MOCK);
    assert_string_equal(o.listen[0], "127.0.0.1:0");
    assert_int_equal(PARSE(&o, &err, "mock", "--state", "/s"), -1);
    assert_non_null(strstr(err.text, "mock"));
}

static void help_names_every_option(void **state)
{
    static const char *const names[] = {"--config", "--test",    "--listen",  "--state",
                                        "--run",    "--workers", "--version", "--help"};
    struct buf text = BUF_INIT;

    (void)state;
    options_help(&text);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(strstr(text.data, names[i]));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_runs_the_gateway),
        cmocka_unit_test(every_option_is_taken),
        cmocka_unit_test(wrong_usage_says_what),
        cmocka_unit_test(listeners_are_bounded),
        cmocka_unit_test(mock_takes_a_listener_and_nothing_else),
        cmocka_unit_test(help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
