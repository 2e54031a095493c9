#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>

#include "server/base/alloc.h"
#include "server/base/fd.h"
#include "shm/control.h"
#include "shm/layout.h"

#define ROOM (CONTROL_TEXT_MAX + sizeof(struct control_head))

static int ends[2];
static uint8_t *buffer;

static int set_up(void **state)
{
    (void)state;
    buffer = xalloc(ROOM);
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    free(buffer);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    return 0;
}

static void carries_messages(void **state)
{
    struct control_message m;
    int pipes[2];

    (void)state;
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(control_send(ends[0], CONTROL_READY, 0, 0, STR_NONE), 0);
    assert_int_equal(control_send(ends[0], CONTROL_CALL, 0, 42, STR("{\"op\":1}")), 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(control_pass(ends[0], CONTROL_PIPES, 3, pipes, 2), 0);

    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), 1);
    assert_int_equal(m.head.type, CONTROL_READY);
    assert_int_equal(m.text.len, 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), 1);
    assert_int_equal(m.head.type, CONTROL_CALL);
    assert_int_equal(m.head.seq, 42);
    assert_str(m.text, "{\"op\":1}");
    assert_int_equal(m.n_fds, 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), 1);
    assert_int_equal(m.head.type, CONTROL_PIPES);
    assert_int_equal(m.head.slot, 3);
    assert_int_equal(m.n_fds, 2);
    for (int i = 0; i < 2; i++) {
        fd_close(&m.fds[i]);
        fd_close(&pipes[i]);
    }
    fd_close(&ends[0]);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), 0);
}

static void carries_the_longest_text(void **state)
{
    char *text = xalloc(CONTROL_TEXT_MAX);
    struct control_message m;

    (void)state;
    memset(text, 'x', CONTROL_TEXT_MAX);
    assert_int_equal(
        control_send(ends[0], CONTROL_REPLY, 0, 1, (struct str){text, CONTROL_TEXT_MAX}), 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), 1);
    assert_int_equal(m.text.len, CONTROL_TEXT_MAX);
    assert_memory_equal(m.text.p, text, CONTROL_TEXT_MAX);
    free(text);
}

static void says_when_the_socket_is_full(void **state)
{
    int sent = 0;

    (void)state;
    while (control_send(ends[0], CONTROL_READY, 0, 0, STR_NONE) == 0)
        assert_true(++sent < 100000);
    assert_int_equal(errno, EAGAIN);
    assert_true(sent > 0);
}

static void expect_dropped(struct control_head head, size_t text_len)
{
    uint8_t bytes[64] = {0};
    struct control_message m = {.n_fds = 99};
    int fd = dup(0);

    memcpy(bytes, &head, sizeof(head));
    assert_int_equal(fd_send(ends[0], bytes, sizeof(head) + text_len, &fd, 1), 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(m.n_fds, 99); /* untouched; its descriptor is closed */
    fd_close(&fd);
}

static void drops_what_is_not_sound(void **state)
{
    const struct control_head sound = {CONTROL_CALL, CONTROL_VERSION, 0, 8, 1};
    struct control_head head = sound;
    struct control_message m;

    (void)state;
    expect_dropped(head, 7);
    expect_dropped(head, 9);
    head.version++;
    expect_dropped(head, 8);
    head = sound;
    head.type = 0;
    expect_dropped(head, 8);
    head.type = CONTROL_TYPES;
    expect_dropped(head, 8);
    head = sound;
    head.slot = SLOTS_MAX;
    expect_dropped(head, 8);
    head = sound;
    head.len = UINT32_MAX;
    expect_dropped(head, 8);
    assert_int_equal(fd_send(ends[0], "abc", 3, NULL, 0), 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), -1);
    assert_int_equal(errno, EBADMSG);
    /* longer than any message: the rest is gone with it */
    assert_int_equal(fd_send(ends[0], buffer, ROOM, NULL, 0), 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), -1);
    /* and the next one is read as if nothing had been */
    assert_int_equal(control_send(ends[0], CONTROL_READY, 1, 0, STR_NONE), 0);
    assert_int_equal(control_receive(ends[1], buffer, ROOM, &m), 1);
    assert_int_equal(m.head.slot, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carries_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(carries_the_longest_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_when_the_socket_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_what_is_not_sound, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
