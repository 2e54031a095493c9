#include "server/master/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/str.h"

#define FIRST_PASSED_FD 3

static int connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path != NULL ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return -1;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* the abstract name space */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0)
        fd_close(&fd);
    return fd;
}

void notify_open(struct notify *n)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *us = getenv("WATCHDOG_USEC");
    uint64_t value;

    n->fd = connect_to(getenv("NOTIFY_SOCKET"));
    n->watchdog_ms = 0;
    if (us != NULL && str_parse_u64(str_of(us), &value) && value > 0 &&
        (pid == NULL || strtol(pid, NULL, 10) == (long)getpid()))
        n->watchdog_ms = max_u64(1, value / 1000 / 2); /* twice as often as it must be */
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
    fd_close(&n->fd);
}

void notify_send(const struct notify *n, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    int len;

    if (n->fd < 0)
        return;
    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof(text))
        (void)send(n->fd, text, (size_t)len, MSG_NOSIGNAL); /* see the header */
}

void notify_store(const struct notify *n, int fd, const char *name)
{
    char text[PASSED_NAME_MAX + 32];
    int len = snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);

    if (n->fd >= 0 && len > 0 && (size_t)len < sizeof(text))
        (void)!fd_send(n->fd, text, (size_t)len, &fd, 1); /* see the header */
}

void notify_forget(const struct notify *n, const char *name)
{
    notify_send(n, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void passed_parse(const struct passed_env *env, long self, struct passed *out)
{
    struct str rest = str_of(env->names);
    struct str name;
    uint64_t n;
    uint64_t meant;

    out->n = 0;
    if (env->fds == NULL || env->pid == NULL || !str_parse_u64(str_of(env->fds), &n) ||
        !str_parse_u64(str_of(env->pid), &meant) || (long)meant != self)
        return;
    for (size_t i = 0; i < min_u64(n, PASSED_MAX); i++) {
        if (!str_next(&rest, ':', &name))
            name = STR_NONE;
        out->fds[i] = FIRST_PASSED_FD + (int)i;
        (void)snprintf(out->names[i], PASSED_NAME_MAX, "%.*s", STR_ARGS(name)); /* cut is fine */
        out->n++;
    }
}

void passed_open(struct passed *out)
{
    const struct passed_env env = {getenv("LISTEN_FDS"), getenv("LISTEN_PID"),
                                   getenv("LISTEN_FDNAMES")};

    passed_parse(&env, (long)getpid(), out);
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    for (size_t i = 0; i < out->n; i++) {
        if (fd_set_cloexec(out->fds[i], true) != 0)
            out->fds[i] = -1; /* the number was not true */
    }
}

int passed_take(struct passed *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->fds[i] >= 0 && strcmp(p->names[i], name) == 0) {
            int fd = p->fds[i];

            p->fds[i] = -1;
            return fd;
        }
    }
    return -1;
}

void passed_close(struct passed *p)
{
    for (size_t i = 0; i < p->n; i++)
        fd_close(&p->fds[i]);
}
