#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/worker/upstream_curl.h"
#include "shm/live.h"

struct curl_fd {
    struct loop_fd *watch; /* NULL: curl never asked about it */
    bool is_ours;          /* opened and closed through us; else curl's own (its resolver's) */
};

static enum upstream_result result_of(const struct upstream_call *call, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return call->has_head ? UPSTREAM_OK : UPSTREAM_NONSENSE;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_INTERFACE_FAILED:
    case CURLE_URL_MALFORMAT:
        return UPSTREAM_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
        return UPSTREAM_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return call->connected_us == 0 ? UPSTREAM_CONNECT : UPSTREAM_FIRST_BYTE;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SEND_FAIL_REWIND:
        return UPSTREAM_CUT;
    default: /* not HTTP (curl takes it for HTTP/0.9), a head past its bound, and the like */
        return UPSTREAM_NONSENSE;
    }
}

static bool is_reused(const struct upstream_call *call)
{
    long connects = 0;

    (void)curl_easy_getinfo(call->easy->handle, CURLINFO_NUM_CONNECTS, &connects);
    return call->connected_us > 0 && connects == 0;
}

/*
 * A kept-alive connection that the provider had closed: curl tries again by itself, but it counts
 * over the life of an easy handle, not per transfer, and gives up at every sixth.
 */
static bool died_idle(const struct upstream_call *call, CURLcode code)
{
    return (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING) &&
           is_reused(call);
}

static void take_done(struct curl_side *side)
{
    struct CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(side->multi, &left)) != NULL) {
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct upstream_call *call = (struct upstream_call *)(void *)private;
        const char *detail = call->error[0] != '\0' ? call->error : curl_easy_strerror(code);
        upstream_failed(call, died_idle(call, code), result_of(call, code), detail);
    }
}

static void act(struct curl_side *side, curl_socket_t fd, int what)
{
    int running;

    side->is_inside = true;
    (void)curl_multi_socket_action(side->multi, fd, what, &running); /* errors end their transfer */
    side->is_inside = false;
    take_done(side);
}

static void run(struct curl_side *side)
{
    loop_timer_stop(&side->timer);
    side->is_due = false;
    act(side, CURL_SOCKET_TIMEOUT, 0);
}

void curl_side_run(struct upstream *u)
{
    if (u->curl->is_due)
        run(u->curl);
}

static void on_curl_timer(struct timer *t)
{
    run(container_of(t, struct curl_side, timer));
}

static int on_timer_wish(CURLM *multi, long ms, void *ctx)
{
    struct curl_side *side = ctx;

    (void)multi;
    if (ms < 0)
        loop_timer_stop(&side->timer);
    else
        loop_timer_start(side->upstream->loop, &side->timer, (uint64_t)ms, on_curl_timer);
    return 0;
}

static void on_fd(void *ctx, int fd, bool readable, bool writable)
{
    act(ctx, fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static struct curl_fd *fd_entry(struct curl_side *side, int fd)
{
    size_t n = side->n_fds;

    if ((size_t)fd >= n) {
        n = max_u64(64, (size_t)fd * 2);
        side->fds = xrealloc(side->fds, n, sizeof(*side->fds));
        memset(side->fds + side->n_fds, 0, (n - side->n_fds) * sizeof(*side->fds));
        side->n_fds = n;
    }
    return &side->fds[fd];
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct curl_side *side = ctx;
    struct curl_fd *f = fd_entry(side, fd);

    (void)easy;
    (void)socket_ctx;
    if (what != CURL_POLL_REMOVE) {
        if (f->watch == NULL)
            f->watch = loop_fd_open(side->upstream->loop, fd, on_fd, side);
        loop_fd_want(f->watch, (what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
    } else if (f->watch != NULL && f->is_ours) {
        /* It stays in epoll: a kept-alive connection is wanted again in a moment. */
        loop_fd_want(f->watch, false, false);
    } else if (f->watch != NULL) {
        loop_fd_release(f->watch); /* curl closes it behind our back */
        f->watch = NULL;
    }
    return 0;
}

curl_socket_t curl_on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl_side *side = ctx;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    *fd_entry(side, fd) = (struct curl_fd){.is_ours = true};
    if (address->socktype == SOCK_STREAM)
        stat_add(side->upstream->slot, STAT_UPSTREAM_CONNECTIONS, 1);
    return fd;
}

int curl_on_close(void *ctx, curl_socket_t fd)
{
    struct curl_side *side = ctx;
    struct curl_fd *f = fd_entry(side, fd);

    if (f->watch != NULL)
        loop_fd_close(f->watch);
    else
        (void)close(fd);
    *f = (struct curl_fd){0};
    return 0;
}

int curl_side_open(struct upstream *u, struct error *err)
{
    struct curl_side *side = u->curl = xcalloc(1, sizeof(*side));

    side->upstream = u;
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK || (side->multi = curl_multi_init()) == NULL)
        return error_set(err, "libcurl cannot start");
    (void)curl_multi_setopt(side->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
    (void)curl_multi_setopt(side->multi, CURLMOPT_SOCKETDATA, side);
    (void)curl_multi_setopt(side->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    (void)curl_multi_setopt(side->multi, CURLMOPT_TIMERDATA, side);
    /* One stream a connection: see "curl's habits" in the README. */
    (void)curl_multi_setopt(side->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    /* pinned, or curl follows the number of its handles */
    (void)curl_multi_setopt(side->multi, CURLMOPT_MAXCONNECTS, (long)UPSTREAM_IDLE_MAX);
    return 0;
}

void curl_side_close(struct upstream *u)
{
    struct curl_side *side = u->curl;

    if (side->multi != NULL)
        (void)curl_multi_cleanup(side->multi);
    curl_global_cleanup();
    loop_timer_stop(&side->timer);
    free(side->fds);
    free(side);
}
