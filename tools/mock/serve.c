#include "tools/mock/serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "tools/mock/conn.h"

#define EVENTS_AT_ONCE 256
#define SCRATCH_BYTES 16384

struct server {
    struct conn_shared shared;
    int epoll, listener;
    bool listening; /* in the epoll set */
    uint64_t last_number;
    size_t n_conns;
    struct conn *first_free;
    struct conn **all; /* for the end; those with fd -1 are in the free list */
    size_t n_all;
};

/* Tell descriptors in epoll data apart from connections. */
static char LISTENER, STOP;

static int watch(int epoll, int op, int fd, uint32_t events, void *data)
{
    struct epoll_event e = {.events = events, .data.ptr = data};

    return epoll_ctl(epoll, op, fd, &e);
}

static void listen_again(struct server *s)
{
    if (!s->listening && watch(s->epoll, EPOLL_CTL_ADD, s->listener, EPOLLIN, &LISTENER) == 0)
        s->listening = true;
}

/* Full: let the kernel's queue hold the others. */
static void listen_not(struct server *s)
{
    if (s->listening && epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->listener, NULL) == 0)
        s->listening = false;
}

static struct conn *conn_take(struct server *s)
{
    struct conn *c = s->first_free;

    if (c != NULL) {
        s->first_free = c->next_free;
        return c;
    }
    c = xcalloc(1, sizeof(*c));
    s->all = xrealloc(s->all, s->n_all + 1, sizeof(struct conn *));
    s->all[s->n_all++] = c;
    return c;
}

static void conn_drop(struct server *s, struct conn *c)
{
    conn_close(&s->shared, c);
    c->next_free = s->first_free;
    s->first_free = c;
    s->n_conns--;
    listen_again(s);
}

static void accept_some(struct server *s)
{
    static const int on = 1;

    while (s->n_conns < SERVE_CONNECTIONS_MAX) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct conn *c;

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (fd < 0)
            break;
        /* Only latency is lost when it fails. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        c = conn_take(s);
        conn_open(c, fd, ++s->last_number);
        s->n_conns++;
        c->watched = EPOLLIN;
        if (watch(s->epoll, EPOLL_CTL_ADD, fd, EPOLLIN, c) != 0)
            conn_drop(s, c);
    }
    if (s->n_conns > 0)
        listen_not(s);
}

static void update(struct server *s, struct conn *c, bool alive)
{
    uint32_t wants;

    if (!alive) {
        conn_drop(s, c);
        return;
    }
    wants = conn_wants(c);
    if (wants != c->watched && watch(s->epoll, EPOLL_CTL_MOD, c->fd, wants, c) == 0)
        c->watched = wants;
}

static void on_event(struct server *s, struct conn *c, uint32_t events)
{
    bool alive = true;

    if (c->fd < 0)
        return; /* closed by an earlier event of this turn */
    if ((events & EPOLLOUT) != 0)
        alive = conn_on_writable(&s->shared, c);
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        alive = conn_on_readable(&s->shared, c);
    /* Both directions are gone, and reading is not asked for: it would be told for ever. */
    if (alive && (events & (EPOLLHUP | EPOLLERR)) != 0 && (c->watched & EPOLLIN) == 0)
        alive = false;
    update(s, c, alive);
}

static void run_timers(struct server *s)
{
    struct mock_timer *t;

    while ((t = mock_timers_first(&s->shared.timers)) != NULL && t->due_ms <= s->shared.now_ms) {
        struct conn *c = container_of(t, struct conn, timer);

        mock_timer_stop(&s->shared.timers, t);
        update(s, c, conn_on_timer(&s->shared, c));
    }
}

static int next_wait_ms(const struct server *s)
{
    const struct mock_timer *t = mock_timers_first(&s->shared.timers);
    uint64_t now = clock_mono_ms();

    if (t == NULL)
        return -1;
    return t->due_ms <= now ? 0 : (int)min_u64(t->due_ms - now, 60000);
}

static int run(struct server *s)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    for (;;) {
        int n = epoll_wait(s->epoll, events, EVENTS_AT_ONCE, next_wait_ms(s));

        if (n < 0 && errno != EINTR)
            return -1;
        s->shared.now_ms = clock_mono_ms();
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &STOP)
                return 0;
            if (events[i].data.ptr == &LISTENER)
                accept_some(s);
            else
                on_event(s, events[i].data.ptr, events[i].events);
        }
        run_timers(s);
    }
}

static void fini(struct server *s)
{
    for (size_t i = 0; i < s->n_all; i++) {
        if (s->all[i]->fd >= 0)
            conn_close(&s->shared, s->all[i]);
        free(s->all[i]);
    }
    free(s->all);
    for (size_t i = 0; i < s->shared.n_free_arenas; i++)
        arena_free(s->shared.free_arenas[i]);
    mock_timers_fini(&s->shared.timers);
    json_parser_free(s->shared.parser);
    arena_free(s->shared.scratch);
    fd_close(&s->epoll);
}

int serve_run(int listen_fd, const int stop_fds[2])
{
    struct server s = {.listener = listen_fd};
    int rc = -1;

    s.shared.parser = json_parser_create();
    s.shared.scratch = arena_create(SCRATCH_BYTES);
    s.shared.now_ms = clock_mono_ms();
    s.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s.epoll < 0 || fd_set_nonblock(listen_fd, true) != 0)
        goto out;
    for (int i = 0; i < 2; i++) {
        if (stop_fds[i] >= 0 && watch(s.epoll, EPOLL_CTL_ADD, stop_fds[i], EPOLLIN, &STOP) != 0)
            goto out;
    }
    listen_again(&s);
    if (s.listening)
        rc = run(&s);
out:
    if (rc != 0)
        log_error("mock_loop", "errno=%d text=\"%s\"", errno, strerror(errno));
    fini(&s);
    return rc;
}
