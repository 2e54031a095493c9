/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "server/worker/fail.h"
#include "server/worker/http_conn.h"

static void take_input(struct client *c);

static struct str input_of(const struct client *c)
{
    return (struct str){c->sock->input->bytes, c->sock->input->size};
}

static h2o_buffer_t *buffer_of(const char *bytes, size_t len)
{
    h2o_buffer_t *b;

    h2o_buffer_init(&b, &h2o_socket_buffer_prototype);
    memcpy(h2o_buffer_reserve(&b, len).base, bytes, len);
    b->size = len;
    return b;
}

/*
 * h2o must not see an unchecked byte, so it gets the request alone. The shorter part is copied: a
 * client may have sent a hundred thousand requests at once, and they are not moved for each.
 */
static void split_input(struct client *c, size_t request_len)
{
    h2o_buffer_t *input = c->sock->input;
    size_t more = input->size - request_len;

    if (more == 0)
        return;
    if (more < request_len) {
        c->stash = buffer_of(input->bytes + request_len, more);
        input->size = request_len;
    } else {
        c->stash = input;
        c->sock->input = buffer_of(input->bytes, request_len);
        h2o_buffer_consume(&c->stash, request_len);
    }
}

static void hand_over(struct client *c, size_t request_len)
{
    struct http_server *s = c->server;
    size_t more = c->sock->input->size - request_len;

    if (more > 0 && s->held - c->held + more > s->limits.buffered_max_bytes) {
        client_refuse(c, &FAIL_OVERLOADED, "too many requests behind one another");
        return;
    }
    c->usual_len = (uint32_t)min_u64(request_len, sizeof(s->scratch));
    split_input(c, request_len);
    client_hold(c, more); /* the exchange counts the request itself from here */
    c->phase = CLIENT_BUSY;
    client_deadline(c, SEND_CHECK_MS, false);
    (void)client_enter(c, NULL);
}

static void on_continued(h2o_socket_t *sock, const char *err);

/* What the head announces is acceptable; False: refused. */
static bool begin_body(struct client *c)
{
    const struct http_limits *limits = &c->server->limits;
    struct http_guard_head *h = &c->head;
    h2o_buffer_t *input = c->sock->input;

    c->phase = CLIENT_BODY;
    if (h->body == GUARD_BODY_LENGTH && h->content_length > limits->body_max_bytes) {
        client_refuse_size(c);
        return false;
    }
    if (h->body == GUARD_BODY_LENGTH &&
        c->server->held + h->content_length > limits->buffered_max_bytes) {
        client_refuse(c, &FAIL_OVERLOADED, "too many request bodies at once");
        return false;
    }
    if (h->expect_len == 0)
        return true;
    if (!h->expects_continue) {
        client_refuse(c, &FAIL_BAD_HTTP, "the only Expect understood is 100-continue");
        return false;
    }
    /* h2o would answer it as well. */
    memmove(input->bytes + h->expect_at, input->bytes + h->expect_at + h->expect_len,
            input->size - h->expect_at - h->expect_len);
    input->size -= h->expect_len;
    h->len -= h->expect_len;
    if (h->body != GUARD_BODY_NONE && input->size == h->len && h->minor == 1) {
        static h2o_iovec_t go_on = {(char *)(uintptr_t) "HTTP/1.1 100 Continue\r\n\r\n", 25};
        c->is_continuing = true;
        h2o_socket_write(c->sock, &go_on, 1, on_continued);
    }
    return true;
}

/* False: there is more to come, or it was refused. */
static bool read_head(struct client *c, bool is_new)
{
    const char *why = NULL;
    enum http_guard_result r = http_guard_head(&c->head, input_of(c), &why);

    switch (r) {
    case GUARD_OK:
        return begin_body(c);
    case GUARD_MORE:
        if (is_new)
            client_deadline(c, c->server->limits.guard.header_ms, true);
        return false;
    case GUARD_TOO_LARGE:
        client_refuse(c, &FAIL_HEAD_TOO_LARGE, why);
        return false;
    case GUARD_BAD:
        break;
    }
    client_refuse(c, &FAIL_BAD_HTTP, why);
    return false;
}

/* Bytes of the whole request, or 0: there is more to come, or it was refused. */
static size_t read_chunks(struct client *c)
{
    const struct http_limits *limits = &c->server->limits;
    size_t used;
    enum http_guard_result r =
        http_guard_chunks(&c->chunks, str_skip(input_of(c), c->head.len + c->checked), &used);

    c->checked += used;
    if (r == GUARD_BAD) {
        client_refuse(c, &FAIL_BAD_HTTP, "the chunked body is not well formed");
    } else if (c->chunks.decoded > limits->body_max_bytes ||
               c->checked > 2 * limits->body_max_bytes + CHUNK_OVERHEAD) {
        client_refuse_size(c);
    } else if (c->server->held - c->held + c->checked > limits->buffered_max_bytes) {
        client_refuse(c, &FAIL_OVERLOADED, "too many request bodies at once");
    } else if (r == GUARD_OK) {
        return c->head.len + c->checked;
    }
    return 0;
}

static size_t read_length(struct client *c)
{
    size_t whole = c->head.len + (size_t)c->head.content_length;
    size_t have = c->sock->input->size;

    if (have >= whole)
        return whole;
    /* One buffer of the right size: h2o would double it, and copy, again and again. */
    (void)h2o_buffer_reserve(&c->sock->input, whole - have);
    return 0;
}

static void http1_input(struct client *c)
{
    bool is_new = c->phase == CLIENT_IDLE;
    size_t whole = 0;

    if (is_new)
        c->phase = CLIENT_HEAD;
    if (c->phase == CLIENT_HEAD) {
        if (!read_head(c, is_new))
            return;
        is_new = true; /* the body */
    }
    switch ((enum http_guard_body)c->head.body) {
    case GUARD_BODY_NONE:
        whole = c->head.len;
        break;
    case GUARD_BODY_LENGTH:
        whole = read_length(c);
        break;
    case GUARD_BODY_CHUNKED:
        whole = read_chunks(c);
        break;
    }
    if (c->phase != CLIENT_BODY) /* refused */
        return;
    if (whole > 0 && !c->is_continuing) {
        hand_over(c, whole);
        return;
    }
    client_hold(c, c->sock->input->size - c->head.len);
    if (is_new)
        client_deadline(c, c->server->limits.guard.body_ms, true);
}

static void on_continued(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);

    c->is_continuing = false;
    if (err != NULL)
        client_close(c);
    else if (c->phase == CLIENT_BODY)
        http1_input(c);
}

/*
 * What a clear-text client sends is read here and not by h2o, which begins with 4 KiB and doubles,
 * copying each time: what does not fit comes into the scratch room with the same system call. A
 * request is expected to be as long as the one before it.
 * False: the client has gone.
 */
static bool fill(struct client *c)
{
    struct http_server *s = c->server;
    bool is_new = c->sock->input->size == 0 && c->phase == CLIENT_IDLE;
    h2o_iovec_t room = h2o_buffer_reserve(&c->sock->input, is_new ? max_u64(1, c->usual_len) : 1);
    struct iovec parts[2] = {{room.base, room.len}, {s->scratch, sizeof(s->scratch)}};
    ssize_t n = readv(h2o_socket_get_fd(c->sock), parts, 2);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    size_t direct = min_u64((size_t)n, room.len);
    size_t more = (size_t)n - direct;

    c->sock->input->size += direct;
    if (more > 0) {
        room = h2o_buffer_reserve(&c->sock->input, more);
        memcpy(room.base, s->scratch, more);
        c->sock->input->size += more;
    }
    return true;
}

void client_on_read(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);

    if (err != NULL || (!c->is_tls && !fill(c)))
        client_close(c);
    else
        take_input(c);
}

static void take_input(struct client *c)
{
    static const char preface[] = "PRI ";
    h2o_socket_t *sock = c->sock;
    size_t n = min_u64(sock->input->size, sizeof(preface) - 1);

    if (c->phase == CLIENT_LINGER || c->phase == CLIENT_CUT) {
        h2o_buffer_consume(&sock->input, sock->input->size);
    } else if (n == 0) {
        return; /* a part of a TLS record */
    } else if (c->h2o_read == NULL && !c->is_tls && memcmp(sock->input->bytes, preface, n) == 0 &&
               c->server->limits.has_http2) {
        if (n == sizeof(preface) - 1)
            frames_begin(c);
    } else {
        http1_input(c);
    }
}

void client_begin(struct client *c)
{
    c->phase = CLIENT_IDLE;
    h2o_socket_dont_read(c->sock, !c->is_tls);
    h2o_socket_read_start(c->sock, client_on_read);
    if (c->sock->input->size > 0)
        take_input(c);
}

/* --- while h2o has the request --- */

static void on_busy_read(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);
    char record[5];
    ssize_t n = recv(h2o_socket_get_fd(sock), record, sizeof(record), MSG_PEEK | MSG_DONTWAIT);

    (void)err; /* never set: H2O_SOCKET_FLAG_DONT_READ */
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /*
     * A TLS client says goodbye before it closes: an alert, which TLS 1.3 wraps into a record of
     * 19 bytes, too short for a request.
     */
    bool is_alert =
        c->is_tls && n == 5 && (record[0] == 21 || (record[0] == 23 && record[4] == 19));

    if (n <= 0 || is_alert) {
        client_close(c);
        return;
    }
    /* The next request, early. It waits in the kernel, and the timer looks whether it hung up. */
    h2o_socket_read_stop(sock);
    client_deadline(c, GONE_CHECK_MS, true);
}

void client_watch(struct client *c)
{
    /* h2o has just stopped reading, so this changes nothing in epoll: no system call. */
    h2o_socket_dont_read(c->sock, 1);
    h2o_socket_read_start(c->sock, on_busy_read);
}

static void next_request(struct client *c)
{
    c->phase = CLIENT_IDLE;
    c->sock->_cb.read = client_on_read; /* h2o has just started to read with its own */
    memset(&c->head, 0, sizeof(c->head));
    memset(&c->chunks, 0, sizeof(c->chunks));
    c->checked = 0;
    client_deadline(c, c->server->limits.idle_ms, false);
    if (c->server->is_draining) {
        client_close(c);
        return;
    }
    if (c->stash == NULL)
        return;
    must(c->sock->input->size == 0); /* h2o has taken its request, and nobody read meanwhile */
    h2o_buffer_dispose(&c->sock->input);
    c->sock->input = c->stash;
    c->stash = NULL;
    take_input(c);
}

static void on_answered(h2o_socket_t *sock, const char *err)
{
    struct client *c = client_of(sock);
    bool is_last = c->ends_here;

    h2o_socket_dont_read(sock, !c->is_tls);
    c->entered++;
    c->h2o_written(sock, err);
    if (!client_left(c))
        return;
    if (!is_last && err == NULL) {
        next_request(c);
        return;
    }
    if (!is_last) { /* h2o does not look at the error: it waits for the next request */
        c->phase = CLIENT_IDLE;
        client_close(c);
        return;
    }
    /* TLS says goodbye; h2o's connection is gone already. */
    c->phase = CLIENT_CUT;
    client_deadline(c, LINGER_MS, true);
}

void client_answering(struct client *c, bool is_last)
{
    c->ends_here = is_last;
    if (c->sock->_cb.write == NULL)
        return;
    c->h2o_written = c->sock->_cb.write;
    c->sock->_cb.write = on_answered;
}
