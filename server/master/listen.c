#include "server/master/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/fd.h"

#define BACKLOG 4096 /* what the kernel allows caps it (net.core.somaxconn) */

/* "[v6]:port", "host:port", ":port" into its parts; -1 when there is no port. */
static int split_address(const char *address, char *host, size_t room, const char **port)
{
    const char *colon = strrchr(address, ':');
    size_t len;

    if (colon == NULL || colon[1] == '\0')
        return -1;
    *port = colon + 1;
    len = (size_t)(colon - address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len >= room)
        return -1;
    memcpy(host, address, len);
    host[len] = '\0';
    return 0;
}

void listen_share(int fd, bool on)
{
    int value = on;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value)); /* bind tells */
}

static int bind_one(const struct addrinfo *a, bool is_beside)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    int off = 0;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* bind tells */
    if (a->ai_family == AF_INET6) /* "[::]" and ":port" mean every address of the machine */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (is_beside)
        listen_share(fd, true);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        fd_close(&fd);
    else if (is_beside)
        listen_share(fd, false); /* nobody else may come beside it */
    return fd;
}

static int bind_unix(const char *path, struct error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(to.sun_path))
        return error_set(err, "%s: a socket's path must be shorter than %zu bytes", path,
                         sizeof(to.sun_path));
    memcpy(to.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, "%s", path);
    /* A socket that answers is somebody's; one that does not is left from a killed daemon. */
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EAGAIN) {
        fd_close(&fd);
        return error_set(err, "%s: another process listens there", path);
    }
    if (errno == ECONNREFUSED)
        (void)unlink(path); /* bind tells */
    fd_close(&fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0 || listen(fd, BACKLOG) != 0) {
        error_errno(err, "cannot listen on %s", path);
        fd_close(&fd);
        return -1;
    }
    return fd;
}

static int bind_any(const char *address, bool is_beside, struct error *err)
{
    static const char *const anywhere[] = {"::", "0.0.0.0"};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[256];
    const char *port;
    int fd = -1;
    int rc = 0;

    if (strncmp(address, "unix:", 5) == 0)
        return bind_unix(address + 5, err);
    if (split_address(address, host, sizeof(host), &port) != 0)
        return error_set(
            err, "cannot listen on \"%s\": must be HOST:PORT, [IPv6]:PORT or unix:PATH", address);
    for (size_t try = 0; fd < 0 && try < (host[0] == '\0' ? 2 : 1); try++) {
        struct addrinfo *found = NULL;

        rc = getaddrinfo(host[0] == '\0' ? anywhere[try] : host, port, &hints, &found);
        for (const struct addrinfo *a = found; rc == 0 && fd < 0 && a != NULL; a = a->ai_next)
            fd = bind_one(a, is_beside);
        if (found != NULL) {
            int saved = errno;

            freeaddrinfo(found);
            errno = saved;
        }
    }
    if (fd >= 0)
        return fd;
    if (rc != 0)
        return error_set(err, "cannot listen on %s: %s", address, gai_strerror(rc));
    if (errno == EADDRINUSE)
        return error_set(err,
                         "cannot listen on %s: the address is in use (ss -ltnp 'sport = :%s' "
                         "shows by whom)",
                         address, port);
    return error_errno(err, "cannot listen on %s", address);
}

int listen_bind(const char *address, struct error *err)
{
    return bind_any(address, false, err);
}

int listen_bind_beside(const char *address, struct error *err)
{
    return bind_any(address, true, err);
}

int listen_admin(const char *path, struct error *err)
{
    /* Nobody else may connect between bind and a later chmod. */
    mode_t before = umask(0117);
    int fd = bind_unix(path, err);

    (void)umask(before);
    return fd;
}

void listen_name(int fd, char *out, size_t room)
{
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    } a = {.storage = {0}};
    socklen_t len = sizeof(a);
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];

    (void)snprintf(out, room, "?");
    if (getsockname(fd, &a.any, &len) != 0)
        return;
    if (a.any.sa_family == AF_UNIX) {
        (void)snprintf(out, room, "unix:%.100s", a.local.sun_path); /* cut is fine */
        return;
    }
    if (getnameinfo(&a.any, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    (void)snprintf(out, room, a.any.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

uint16_t listen_port(int fd)
{
    char name[NI_MAXHOST];
    const char *colon;

    listen_name(fd, name, sizeof(name));
    colon = strrchr(name, ':');
    return colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}
