#include "server/worker/upstream_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "shm/live.h"

#define BUCKETS 256
#define KEEP_MS 118000 /* as curl does: below the two minutes after which many servers close */
#define TRY_MS 2000    /* for an address that is not the last one */
#define KEEPALIVE_S 60 /* so long silent, the kernel asks whether the peer is alive */

struct conns {
    struct upstream *upstream;
    struct conn *buckets[BUCKETS];
    struct conn *newest, *oldest; /* of the kept ones */
    struct timer timer;           /* closes the oldest */
    uint32_t n_kept;
};

/* Where a connection may go, until it has got there. */
struct tries {
    struct addresses to;
    size_t at; /* of the next one */
    struct timer timer;
    struct conn *conn;
};

/* --- the kept ones --- */

static struct str key_of(const struct upstream_call *call)
{
    /* a path begins with a slash, so it is nobody's authority */
    return call->req.unix_socket.len > 0 ? call->req.unix_socket : call->target.authority;
}

static uint32_t hash_of(struct str key) /* FNV-1a; keys come from the configuration only */
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.p[i]) * 16777619u;
    return hash;
}

static void kept_link(struct conns *conns, struct conn *c)
{
    struct conn **bucket = &conns->buckets[c->hash % BUCKETS];

    c->next = *bucket;
    if (c->next != NULL)
        c->next->prev = &c->next;
    c->prev = bucket;
    *bucket = c;
    c->newer = NULL;
    c->older = conns->newest;
    if (conns->newest != NULL)
        conns->newest->newer = c;
    else
        conns->oldest = c;
    conns->newest = c;
    conns->n_kept++;
}

static void kept_unlink(struct conns *conns, struct conn *c)
{
    *c->prev = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    if (c->newer != NULL)
        c->newer->older = c->older;
    else
        conns->newest = c->older;
    if (c->older != NULL)
        c->older->newer = c->newer;
    else
        conns->oldest = c->newer;
    conns->n_kept--;
}

static void end_tries(struct conn *c)
{
    if (c->tries == NULL)
        return;
    loop_timer_stop(&c->tries->timer);
    free(c->tries);
    c->tries = NULL;
}

static void hang_up(struct conn *c)
{
    if (c->watch != NULL)
        loop_fd_close(c->watch);
    c->watch = NULL;
    c->fd = -1;
}

static void conn_close(struct conn *c)
{
    end_tries(c);
    hang_up(c);
    framing_fini(&c->framing);
    buf_fini(&c->stash);
    free(c);
}

/* Those that were kept up to then. */
static void close_kept(struct conns *conns, uint64_t until_ms)
{
    for (struct conn *c = conns->oldest, *newer; c != NULL && c->kept_ms <= until_ms; c = newer) {
        must(c->older == NULL);
        newer = c->newer;
        kept_unlink(conns, c);
        conn_close(c);
    }
}

static void on_time(struct timer *t)
{
    struct conns *conns = container_of(t, struct conns, timer);
    struct loop *loop = conns->upstream->loop;
    uint64_t now_ms = loop_now_ms(loop);

    close_kept(conns, now_ms > KEEP_MS ? now_ms - KEEP_MS : 0);
    if (conns->oldest != NULL)
        loop_timer_start(loop, t, conns->oldest->kept_ms + KEEP_MS - now_ms, on_time);
}

static void conn_keep(struct conn *c)
{
    struct conns *conns = c->conns;
    struct loop *loop = conns->upstream->loop;

    framing_fini(&c->framing); /* whatever size its lines had */
    c->is_kept = true;
    c->kept_ms = loop_now_ms(loop);
    kept_link(conns, c);
    loop_fd_want(c->watch, true, false);
    if (conns->n_kept > UPSTREAM_IDLE_MAX) {
        struct conn *oldest = conns->oldest;

        kept_unlink(conns, oldest);
        conn_close(oldest);
    }
    if (conns->timer.prev == NULL)
        loop_timer_start(loop, &conns->timer, KEEP_MS, on_time);
}

struct conn *conn_take(struct upstream_call *call)
{
    struct conns *conns = call->upstream->conns;
    struct str key = key_of(call);
    uint32_t hash = hash_of(key);

    for (struct conn *c = conns->buckets[hash % BUCKETS]; c != NULL; c = c->next) {
        if (c->hash != hash || !str_eq((struct str){c->key, c->key_len}, key))
            continue;
        kept_unlink(conns, c);
        c->call = call;
        call->conn = c;
        return c;
    }
    return NULL;
}

void conn_leave(struct conn *c)
{
    bool is_good = c->tries == NULL && !c->is_spoilt && c->sent == c->total && c->stash.len == 0 &&
                   framing_is_whole(&c->framing) && framing_is_reusable(&c->framing);

    c->call = NULL;
    if (is_good)
        conn_keep(c);
    else
        conn_close(c);
}

/* --- connecting --- */

static void on_connecting(struct conn *c);

static void on_fd(void *ctx, int fd, bool readable, bool writable)
{
    struct conn *c = ctx;

    (void)fd;
    if (c->call == NULL) { /* its end, or what nobody has asked for */
        kept_unlink(c->conns, c);
        conn_close(c);
    } else if (c->tries != NULL) {
        on_connecting(c);
    } else {
        plain_on_ready(c, readable, writable);
    }
}

/* Returns 0 when it stands or is under way, else errno. */
static int try_address(struct conn *c, const struct sockaddr *address, socklen_t len)
{
    struct upstream *u = c->conns->upstream;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, seconds = KEEPALIVE_S;

    if (fd < 0)
        return errno;
    stat_add(u->slot, STAT_UPSTREAM_CONNECTIONS, 1);
    if (address->sa_family != AF_UNIX) { /* without them it works, only worse */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
    }
    if (connect(fd, address, len) != 0 && errno != EINPROGRESS) {
        int error = errno;

        (void)close(fd);
        return error;
    }
    c->fd = fd;
    c->watch = loop_fd_open(u->loop, fd, on_fd, c);
    loop_fd_want(c->watch, true, true);
    return 0;
}

static void on_try_time(struct timer *t);

static void refused(struct conn *c, int error)
{
    struct upstream_call *call = c->call;

    call->conn = NULL;
    conn_close(c);
    plain_on_refused(call, error);
}

/* `error`: of the address before. */
static void try_next(struct conn *c, int error)
{
    struct tries *tries = c->tries;
    struct loop *loop = c->conns->upstream->loop;

    loop_timer_stop(&tries->timer);
    while (tries->at < tries->to.n) {
        const union resolve_address *a = &tries->to.items[tries->at++];
        bool is_v6 = a->any.sa_family == AF_INET6;

        error = try_address(c, &a->any, is_v6 ? sizeof(a->v6) : sizeof(a->v4));
        if (error != 0)
            continue;
        if (tries->at < tries->to.n)
            loop_timer_start(loop, &tries->timer, TRY_MS, on_try_time);
        return;
    }
    refused(c, error);
}

/* One that does not answer must not use up the time of the others. */
static void on_try_time(struct timer *t)
{
    struct conn *c = container_of(t, struct tries, timer)->conn;

    hang_up(c);
    try_next(c, ETIMEDOUT);
}

static void on_connecting(struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        hang_up(c);
        try_next(c, error);
        return;
    }
    end_tries(c);
    plain_on_connected(c);
}

static struct conn *conn_create(struct upstream_call *call)
{
    struct str key = key_of(call);
    struct conn *c = xcalloc(1, sizeof(*c) + key.len);

    c->conns = call->upstream->conns;
    c->fd = -1;
    c->hash = hash_of(key);
    c->key_len = key.len;
    memcpy(c->key, key.p, key.len);
    c->call = call;
    call->conn = c;
    c->tries = xcalloc(1, sizeof(*c->tries));
    c->tries->conn = c;
    return c;
}

void conn_connect(struct upstream_call *call, const struct addresses *to)
{
    struct conn *c = conn_create(call);

    c->tries->to = *to;
    for (size_t i = 0; i < to->n; i++) {
        union resolve_address *a = &c->tries->to.items[i];

        if (a->any.sa_family == AF_INET6)
            a->v6.sin6_port = htons(call->target.port);
        else
            a->v4.sin_port = htons(call->target.port);
    }
    try_next(c, EADDRNOTAVAIL);
}

void conn_connect_unix(struct upstream_call *call)
{
    struct conn *c = conn_create(call);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct str path = call->req.unix_socket;
    int error = ENAMETOOLONG;

    if (path.len < sizeof(address.sun_path)) {
        memcpy(address.sun_path, path.p, path.len);
        error = try_address(c, (const struct sockaddr *)&address, sizeof(address));
    }
    if (error != 0)
        refused(c, error);
}

/* --- the pool --- */

struct conns *conns_create(struct upstream *u)
{
    struct conns *conns = xcalloc(1, sizeof(*conns));

    conns->upstream = u;
    return conns;
}

void conns_free(struct conns *conns)
{
    if (conns == NULL)
        return;
    loop_timer_stop(&conns->timer);
    close_kept(conns, UINT64_MAX);
    free(conns);
}
