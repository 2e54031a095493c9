#include "server/master/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "tests/unit/unit.h"

static struct passed passed;

#define PARSE(fds, pid, names)                                                                     \
    passed_parse(&(const struct passed_env){(fds), (pid), (names)}, 42, &passed)

static void descriptors_have_their_names(void **state)
{
    (void)state;
    PARSE("3", "42", "bowfin-live:web:");
    assert_int_equal(passed.n, 3);
    assert_string_equal(passed.names[0], "bowfin-live");
    assert_string_equal(passed.names[1], "web");
    assert_string_equal(passed.names[2], "");
    assert_int_equal(passed_take(&passed, "web"), 4);
    assert_int_equal(passed_take(&passed, "web"), -1); /* taken once */
    assert_int_equal(passed_take(&passed, "else"), -1);
    assert_int_equal(passed_take(&passed, "bowfin-live"), 3);
}

static void what_is_meant_for_another_process_is_not_taken(void **state)
{
    (void)state;
    PARSE("2", "41", "a:b");
    assert_int_equal(passed.n, 0);
    PARSE(NULL, "42", "a");
    assert_int_equal(passed.n, 0);
    PARSE("2", NULL, "a");
    assert_int_equal(passed.n, 0);
    PARSE("-1", "42", "a");
    assert_int_equal(passed.n, 0);
    PARSE("two", "42", "a");
    assert_int_equal(passed.n, 0);
}

static void their_number_is_bounded(void **state)
{
    (void)state;
    PARSE("99999999", "42", NULL);
    assert_int_equal(passed.n, PASSED_MAX);
    assert_string_equal(passed.names[PASSED_MAX - 1], "");
}

static int listen_as_systemd(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void notices_and_descriptors_arrive(void **state)
{
    char directory[] = "/tmp/bf-notify-XXXXXX";
    char path[64];
    char text[256];
    int fds[2];
    size_t n_fds = 2;
    struct notify n;
    ssize_t len;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/notify", directory);
    fd = listen_as_systemd(path);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "20000000", 1), 0);
    notify_open(&n);
    assert_true(n.fd >= 0);
    assert_int_equal(n.watchdog_ms, 10000);
    assert_null(getenv("NOTIFY_SOCKET")); /* no child believes that it was meant */
    assert_null(getenv("WATCHDOG_USEC"));

    notify_send(&n, "READY=1\nSTATUS=%s", "serving");
    len = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(len > 0);
    text[len] = '\0';
    assert_string_equal(text, "READY=1\nSTATUS=serving");

    notify_store(&n, fd, "bowfin-live");
    len = fd_recv(fd, text, sizeof(text) - 1, fds, &n_fds);
    assert_true(len > 0);
    text[len] = '\0';
    assert_string_equal(text, "FDSTORE=1\nFDNAME=bowfin-live");
    assert_int_equal(n_fds, 1);
    fd_close(&fds[0]);
    notify_close(&n);
    fd_close(&fd);
    (void)unlink(path);
    (void)rmdir(directory);
}

static void without_systemd_nothing_happens(void **state)
{
    struct notify n;

    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    notify_open(&n);
    assert_int_equal(n.fd, -1);
    assert_int_equal(n.watchdog_ms, 0);
    notify_send(&n, "READY=1");
    notify_store(&n, 1, "x");
    notify_close(&n);
}

static void another_processes_watchdog_is_not_ours(void **state)
{
    struct notify n;

    (void)state;
    assert_int_equal(setenv("WATCHDOG_USEC", "20000000", 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
    notify_open(&n);
    assert_int_equal(n.watchdog_ms, 0);
    assert_null(getenv("WATCHDOG_PID"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_have_their_names),
        cmocka_unit_test(what_is_meant_for_another_process_is_not_taken),
        cmocka_unit_test(their_number_is_bounded),
        cmocka_unit_test(notices_and_descriptors_arrive),
        cmocka_unit_test(without_systemd_nothing_happens),
        cmocka_unit_test(another_processes_watchdog_is_not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
