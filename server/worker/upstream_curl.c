/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/worker/upstream_io.h"
#include "shm/live.h"

#define EXPECT_BYTES 1000000 /* curl asks for "100 Continue" from a mebibyte on */

enum { FLAG_INSECURE = 1, FLAG_HTTP1 = 2, FLAG_H2C = 4 };

/* --- sockets and the timer: curl on the loop --- */

static void take_done(struct upstream *u)
{
    struct CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(u->multi, &left)) != NULL) {
        char *private = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        upstream_on_done((struct upstream_call *)(void *)private, code);
    }
}

static void act(struct upstream *u, curl_socket_t fd, int what)
{
    int running;

    u->inside_curl = true;
    (void)curl_multi_socket_action(u->multi, fd, what, &running); /* errors end their transfer */
    u->inside_curl = false;
    take_done(u);
}

void upstream_run(struct upstream *u)
{
    loop_timer_stop(&u->curl_timer);
    act(u, CURL_SOCKET_TIMEOUT, 0);
}

static void on_curl_timer(struct timer *t)
{
    upstream_run(container_of(t, struct upstream, curl_timer));
}

static int on_timer_wish(CURLM *multi, long ms, void *ctx)
{
    struct upstream *u = ctx;

    (void)multi;
    if (ms < 0)
        loop_timer_stop(&u->curl_timer);
    else
        loop_timer_start(u->loop, &u->curl_timer, (uint64_t)ms, on_curl_timer);
    return 0;
}

static void on_fd(void *ctx, int fd, bool readable, bool writable)
{
    act(ctx, fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static struct upstream_fd *fd_entry(struct upstream *u, int fd)
{
    size_t n = u->n_fds;

    if ((size_t)fd >= n) {
        n = max_u64(64, (size_t)fd * 2);
        u->fds = xrealloc(u->fds, n, sizeof(*u->fds));
        memset(u->fds + u->n_fds, 0, (n - u->n_fds) * sizeof(*u->fds));
        u->n_fds = n;
    }
    return &u->fds[fd];
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct upstream *u = ctx;
    struct upstream_fd *f = fd_entry(u, fd);

    (void)easy;
    (void)socket_ctx;
    if (what != CURL_POLL_REMOVE) {
        if (f->watch == NULL)
            f->watch = loop_fd_open(u->loop, fd, on_fd, u);
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

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct upstream *u = ctx;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    *fd_entry(u, fd) = (struct upstream_fd){.is_ours = true};
    if (address->socktype == SOCK_STREAM)
        stat_add(u->slot, STAT_UPSTREAM_CONNECTIONS, 1);
    return fd;
}

static int on_close(void *ctx, curl_socket_t fd)
{
    struct upstream *u = ctx;
    struct upstream_fd *f = fd_entry(u, fd);

    if (f->watch != NULL)
        loop_fd_close(f->watch);
    else
        (void)close(fd);
    *f = (struct upstream_fd){0};
    return 0;
}

int upstream_multi_open(struct upstream *u, struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK || (u->multi = curl_multi_init()) == NULL)
        return error_set(err, "libcurl cannot start");
    (void)curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
    (void)curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
    (void)curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    (void)curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
    /* One stream a connection: see "curl's habits" in the README. */
    (void)curl_multi_setopt(u->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    (void)curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, (long)UPSTREAM_IDLE_MAX);
    return 0;
}

void upstream_multi_close(struct upstream *u)
{
    if (u->multi != NULL)
        (void)curl_multi_cleanup(u->multi);
    curl_global_cleanup();
    free(u->fds);
    loop_timer_stop(&u->curl_timer);
}

/* --- easy handles --- */

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct upstream_call *call = ctx;
    bool good;

    if (call->state != CALL_RUNNING)
        return 0;
    if (call->first_byte_us == 0)
        call->first_byte_us = loop_now_us(call->upstream->loop) - call->begun_us;
    call->last_byte_ms = loop_now_ms(call->upstream->loop);
    call->in_callback = true;
    good = upstream_head_line(call, (struct str){bytes, size * n});
    call->in_callback = false;
    return good && call->state == CALL_RUNNING ? size * n : 0;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *ctx)
{
    struct upstream_call *call = ctx;

    /* curl may take a line for a status line that we do not: no body without a head. */
    if (call->state != CALL_RUNNING || !call->has_head)
        return 0;
    call->last_byte_ms = loop_now_ms(call->upstream->loop);
    upstream_on_body(call, (struct str){bytes, size * n});
    return call->state == CALL_RUNNING ? size * n : 0;
}

/* The request's head is about to be sent on a connection that stands. */
static int on_prereq(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct upstream_call *call = ctx;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    call->connected_us = max_u64(1, loop_now_us(call->upstream->loop) - call->begun_us);
    call->connected_ms = loop_now_ms(call->upstream->loop);
    return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *room, size_t size, size_t n, void *ctx)
{
    struct upstream_call *call = ctx;
    size_t left = size * n;
    size_t filled = 0;

    while (left > 0 && call->sent_part < call->req.n_body) {
        struct str part = str_skip(call->req.body[call->sent_part], call->sent_at);
        size_t take = min_u64(part.len, left);

        if (take > 0)
            memcpy(room + filled, part.p, take);
        filled += take;
        left -= take;
        call->sent_at += take;
        if (take == part.len) {
            call->sent_part++;
            call->sent_at = 0;
        }
    }
    return filled;
}

/* Back to the start: curl sends the body again when a kept-alive connection proved dead. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct upstream_call *call = ctx;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    call->sent_part = 0;
    call->sent_at = 0;
    return CURL_SEEKFUNC_OK;
}

#define SET(easy, option, value) (void)curl_easy_setopt(easy, option, value)

CURL *upstream_easy_create(struct upstream_call *call)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        return NULL;
    SET(easy, CURLOPT_PRIVATE, (void *)call);
    SET(easy, CURLOPT_ERRORBUFFER, call->error);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_PROXY, ""); /* and not what the environment says */
    SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, call);
    SET(easy, CURLOPT_WRITEFUNCTION, on_write);
    SET(easy, CURLOPT_WRITEDATA, call);
    SET(easy, CURLOPT_READFUNCTION, on_read);
    SET(easy, CURLOPT_READDATA, call);
    SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
    SET(easy, CURLOPT_SEEKDATA, call);
    SET(easy, CURLOPT_PREREQFUNCTION, on_prereq);
    SET(easy, CURLOPT_PREREQDATA, call);
    SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(easy, CURLOPT_OPENSOCKETDATA, call->upstream);
    SET(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(easy, CURLOPT_CLOSESOCKETDATA, call->upstream);
    return easy;
}

/* Set a text option when it is not what the handle has already: curl copies it each time. */
static void set_text(CURL *easy, CURLoption option, struct buf *set, struct str wanted,
                     const char *when_empty)
{
    if (set->data != NULL && str_eq(buf_view(set), wanted))
        return;
    buf_clear(set);
    buf_str(set, wanted);
    buf_char(set, '\0');
    set->len--;
    SET(easy, option, wanted.len > 0 ? set->data : when_empty);
}

/*
 * Parsed once for as long as the URL stays the same: curl takes a copy of the parts for each
 * transfer, which costs a fifth of parsing the text and writing it anew. The text is set as well,
 * for curl's own second try.
 */
static void set_url(struct upstream_call *call, struct str url)
{
    CURLU *parsed;

    if (call->url.data != NULL && str_eq(buf_view(&call->url), url))
        return;
    set_text(call->easy, CURLOPT_URL, &call->url, url, NULL);
    parsed = curl_url();
    if (parsed != NULL &&
        curl_url_set(parsed, CURLUPART_URL, call->url.data, CURLU_PATH_AS_IS) != CURLUE_OK) {
        curl_url_cleanup(parsed);
        parsed = NULL; /* the text says to curl what is wrong with it */
    }
    SET(call->easy, CURLOPT_CURLU, parsed);
    curl_url_cleanup(call->parsed);
    call->parsed = parsed;
}

static void set_flags(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;
    int flags = (req->insecure ? FLAG_INSECURE : 0) | (req->http1_only ? FLAG_HTTP1 : 0) |
                (req->h2c ? FLAG_H2C : 0);

    if (flags == call->flags_set)
        return;
    call->flags_set = flags;
    SET(call->easy, CURLOPT_SSL_VERIFYPEER, req->insecure ? 0L : 1L);
    SET(call->easy, CURLOPT_SSL_VERIFYHOST, req->insecure ? 0L : 2L);
    SET(call->easy, CURLOPT_FORBID_REUSE, req->h2c ? 1L : 0L); /* curl fails on a second use */
    SET(call->easy, CURLOPT_HTTP_VERSION,
        req->h2c          ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
        : req->http1_only ? (long)CURL_HTTP_VERSION_1_1
                          : (long)CURL_HTTP_VERSION_2TLS);
}

static bool is_header(struct str line, struct str name)
{
    return line.len > name.len && line.p[name.len] == ':' &&
           str_eq_nocase((struct str){line.p, name.len}, name);
}

/*
 * curl only reads the list, so its nodes and texts come from the request's arena, without a malloc
 * each. Lengths and Expect are curl's business here; what it would add by itself is turned off by
 * a name without a value.
 */
static struct curl_slist *header_list(const struct upstream_request *req)
{
    struct curl_slist *nodes =
        arena_alloc(req->arena, (req->n_headers + 3) * sizeof(struct curl_slist));
    static char no_expect[] = "Expect:";
    static char no_accept[] = "Accept:";
    static char no_type[] = "Content-Type:";
    bool has_accept = false, has_type = false;
    size_t n = 0;

    for (size_t i = 0; i < req->n_headers; i++) {
        struct str line = req->headers[i];

        if (is_header(line, STR("content-length")) || is_header(line, STR("transfer-encoding")) ||
            is_header(line, STR("expect")))
            continue;
        has_accept |= is_header(line, STR("accept"));
        has_type |= is_header(line, STR("content-type"));
        nodes[n++].data = arena_cstr(req->arena, line);
    }
    if (req->body_bytes >= EXPECT_BYTES)
        nodes[n++].data = no_expect;
    if (!has_accept)
        nodes[n++].data = no_accept;
    if (!has_type) /* curl calls any POST a form, an empty one too */
        nodes[n++].data = no_type;
    for (size_t i = 0; i < n; i++)
        nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
    return nodes;
}

static void set_body(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;

    long room = req->body_bytes <= UPSTREAM_INLINE_MAX ? UPSTREAM_INLINE_MAX : UPSTREAM_SEND_MAX;

    if (room != call->room_set) { /* curl waits for the socket after each room full */
        call->room_set = room;
        SET(call->easy, CURLOPT_UPLOAD_BUFFERSIZE, room);
    }
    SET(call->easy, CURLOPT_POST, 1L);
    SET(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_bytes);
    if (req->body_bytes > UPSTREAM_INLINE_MAX && req->n_body > 1) {
        call->sent_part = 0;
        call->sent_at = 0;
        SET(call->easy, CURLOPT_POSTFIELDS, NULL);
    } else if (req->n_body == 1) {
        SET(call->easy, CURLOPT_POSTFIELDS, req->body[0].p);
    } else {
        /* In one piece curl sends it together with the head, in one system call. */
        SET(call->easy, CURLOPT_POSTFIELDS, arena_concat(req->arena, req->body, req->n_body).p);
    }
}

void upstream_easy_prepare(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;
    bool has_body = req->body_bytes > 0 || str_eq(req->method, STR("POST"));
    const char *method = NULL;

    set_url(call, req->url);
    set_text(call->easy, CURLOPT_PROXY, &call->proxy, req->proxy, "");
    set_text(call->easy, CURLOPT_UNIX_SOCKET_PATH, &call->path, req->unix_socket, NULL);
    if (req->ca_file.len > 0 || call->ca.len > 0)
        set_text(call->easy, CURLOPT_CAINFO, &call->ca, req->ca_file,
                 curl_version_info(CURLVERSION_NOW)->cainfo);
    set_flags(call);
    if (call->fresh_set != call->is_second) {
        call->fresh_set = call->is_second;
        SET(call->easy, CURLOPT_FRESH_CONNECT, (long)call->is_second);
    }
    SET(call->easy, CURLOPT_HTTPHEADER, header_list(req));
    if (has_body)
        set_body(call);
    else
        SET(call->easy, CURLOPT_HTTPGET, 1L);
    if (str_eq(req->method, STR("HEAD")))
        SET(call->easy, CURLOPT_NOBODY, 1L);
    else if (!str_eq(req->method, has_body ? STR("POST") : STR("GET")))
        method = arena_cstr(req->arena, req->method);
    SET(call->easy, CURLOPT_CUSTOMREQUEST, method);
}
