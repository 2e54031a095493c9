#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "server/base/fd.h"
#include "tests/unit/temp_dir.h"

static char dir[TEMP_DIR_MAX];
static char path[TEMP_DIR_MAX + 8];

static int make_dir(void **state)
{
    (void)state;
    if (temp_dir_make(dir) != 0)
        return -1;
    return snprintf(path, sizeof(path), "%s/file", dir) > 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path); /* not there when a test failed early */
    return rmdir(dir);  /* fails when fd_write_file left its temporary file */
}

static void writes_and_reads_files(void **state)
{
    struct error err = ERROR_INIT;
    struct buf b = BUF_INIT;
    struct stat st;

    (void)state;
    assert_int_equal(fd_write_file(path, STR("one"), 0600, &err), 0);
    assert_int_equal(fd_write_file(path, STR("two!"), 0640, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(fd_read_file(path, 4, &b, &err), 0);
    assert_str(buf_view(&b), "two!");
    assert_int_equal(fd_read_file(path, 3, &b, &err), -1);
    assert_non_null(strstr(err.text, "larger than 3 bytes"));
    assert_int_equal(fd_read_file("/nonexistent/x", 3, &b, &err), -1);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(fd_write_file("/nonexistent/x", STR("y"), 0600, &err), -1);
    buf_fini(&b);
}

static void passes_descriptors(void **state)
{
    int pair[2];
    int ends[2];
    int received[FD_PASS_MAX];
    size_t n = FD_PASS_MAX;
    char bytes[16];
    struct str parts[] = {STR("ab"), STR_NONE, STR("cd")};

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fd_send_parts(pair[0], parts, 3, ends, 2), 0);
    assert_int_equal(fd_recv(pair[1], bytes, sizeof(bytes), received, &n), 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_int_equal(n, 2);
    assert_int_equal(fcntl(received[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fd_write_all(received[1], "x", 1), 0);
    assert_int_equal(read(ends[0], bytes, 1), 1);
    for (int i = 0; i < 2; i++) {
        fd_close(&received[i]);
        fd_close(&ends[i]);
    }
    assert_int_equal(received[0], -1);
    /* more descriptors than asked for are closed, not leaked */
    int spare = dup(0);
    int next;
    assert_true(spare >= 0);
    assert_int_equal(fd_send(pair[0], "x", 1, (int[]){spare, spare, spare}, 3), 0);
    n = 1;
    assert_int_equal(fd_recv(pair[1], bytes, sizeof(bytes), received, &n), 1);
    assert_int_equal(n, 1);
    next = dup(0);
    assert_true(next <= received[0] + 1);
    fd_close(&next);
    fd_close(&spare);
    fd_close(&received[0]);
    fd_close(&pair[0]);
    assert_int_equal(fd_recv(pair[1], bytes, sizeof(bytes), NULL, NULL), 0);
    fd_close(&pair[1]);
}

static void tells_of_cut_messages(void **state)
{
    int pair[2];
    char bytes[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(fd_set_nonblock(pair[1], true), 0);
    assert_int_equal(fd_recv(pair[1], bytes, sizeof(bytes), NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fd_send(pair[0], "abc", 3, NULL, 0), 0);
    assert_int_equal(fd_recv(pair[1], bytes, sizeof(bytes), NULL, NULL), -1);
    assert_int_equal(errno, EMSGSIZE);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes_and_reads_files),
                                       cmocka_unit_test(passes_descriptors),
                                       cmocka_unit_test(tells_of_cut_messages)};

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
