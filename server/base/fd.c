#include "server/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/arena.h"

void fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd); /* nothing to do about it */
    *fd = -1;
    errno = saved;
}

static int set_flag(int fd, int get, int set, int flag, bool on)
{
    int flags = fcntl(fd, get);

    if (flags < 0)
        return -1;
    flags = on ? flags | flag : flags & ~flag;
    return fcntl(fd, set, flags) < 0 ? -1 : 0;
}

int fd_set_nonblock(int fd, bool on)
{
    return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int fd_set_cloexec(int fd, bool on)
{
    return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int fd_read_file(const char *path, size_t max, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t total = 0;
    int rc = -1;

    if (fd < 0)
        return error_errno(err, "%s", path);
    for (;;) {
        ssize_t n;

        buf_reserve(out, 65536);
        n = read(fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            error_errno(err, "%s", path);
            break;
        }
        out->len += (size_t)n;
        out->data[out->len] = '\0';
        total += (size_t)n;
        if (total > max) {
            error_set(err, "%s: larger than %zu bytes", path, max);
            break;
        }
        if (n == 0) {
            rc = 0;
            break;
        }
    }
    fd_close(&fd);
    return rc;
}

int fd_write_file(const char *path, struct str bytes, mode_t mode, struct error *err)
{
    char temporary[4096];
    int fd;
    int n = snprintf(temporary, sizeof(temporary), "%s.%ld.new", path, (long)getpid());

    if (n < 0 || (size_t)n >= sizeof(temporary))
        return error_set(err, "%s: the path is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_errno(err, "%s", temporary);
    if (fchmod(fd, mode) != 0 || fd_write_all(fd, bytes.p, bytes.len) != 0 || fsync(fd) != 0 ||
        rename(temporary, path) != 0) {
        error_errno(err, "%s", path);
        (void)unlink(temporary); /* it may not be there */
        fd_close(&fd);
        return -1;
    }
    fd_close(&fd);
    return 0;
}

int fd_send(int socket, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
    struct str part = {bytes, len};

    return fd_send_parts(socket, &part, 1, fds, n_fds);
}

int fd_send_parts(int socket, const struct str *parts, size_t n_parts, const int *fds, size_t n_fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov[FD_PARTS_MAX];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_parts};

    must(n_fds <= FD_PASS_MAX && n_parts <= FD_PARTS_MAX);
    for (size_t i = 0; i < n_parts; i++)
        iov[i] = (struct iovec){(void *)(uintptr_t)parts[i].p, parts[i].len};
    if (n_fds > 0) {
        struct cmsghdr *head;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * n_fds);
    }
    for (;;) {
        ssize_t n = sendmsg(socket, &msg, MSG_NOSIGNAL);

        if (n >= 0)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}

/* Keep what the caller has room for and close the rest, so that no peer can fill our table. */
static size_t take_fds(struct msghdr *msg, int *fds, size_t room)
{
    size_t n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t count;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (n < room)
                fds[n++] = fd;
            else
                fd_close(&fd);
        }
    }
    return n;
}

ssize_t fd_recv(int socket, void *bytes, size_t len, int *fds, size_t *n_fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {bytes, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);
    do {
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -1;
    if (fds == NULL || n_fds == NULL)
        (void)take_fds(&msg, NULL, 0); /* none wanted: all are closed */
    else
        *n_fds = take_fds(&msg, fds, *n_fds);
    if (msg.msg_flags & MSG_TRUNC) {
        errno = EMSGSIZE;
        return -1;
    }
    return n;
}
