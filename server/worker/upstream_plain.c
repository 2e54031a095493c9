#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "server/base/crypto.h"
#include "server/worker/upstream_conn.h"

#define READ_MAX 65536 /* at once; what is left is told again */
#define PARTS_MAX 16   /* of a request in one system call */
#define PORT_DEFAULT 80

/* --- which calls --- */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || str_is_digit(c) || c == '-' ||
           c == '.' || c == '_';
}

/* "host", "host:8080", "[::1]:8080"; neither a user's name nor other alphabets. */
static bool parse_authority(struct str authority, struct plain_target *out)
{
    bool is_v6 = authority.len > 0 && authority.p[0] == '[';
    struct str rest = str_skip(authority, is_v6 ? 1 : 0);
    uint64_t port = PORT_DEFAULT;
    size_t n = 0;

    while (n < rest.len &&
           (is_v6 ? str_hex_digit(rest.p[n]) >= 0 || rest.p[n] == ':' || rest.p[n] == '.'
                  : is_host_char(rest.p[n])))
        n++;
    out->host = (struct str){rest.p, n};
    rest = str_skip(rest, n);
    if (is_v6) {
        if (rest.len == 0 || rest.p[0] != ']')
            return false;
        rest = str_skip(rest, 1);
    }
    if (rest.len > 0 && (rest.p[0] != ':' || !str_parse_u64(str_skip(rest, 1), &port)))
        return false;
    out->authority = authority;
    out->port = (uint16_t)port;
    return n > 0 && n <= RESOLVE_NAME_MAX && port > 0 && port <= UINT16_MAX;
}

static bool parse_url(struct str url, struct plain_target *out)
{
    struct str rest = str_skip(url, sizeof("http://") - 1);
    size_t n = 0;

    if (!str_starts(url, STR("http://")))
        return false;
    while (n < rest.len && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    out->path = str_skip(rest, n);
    for (size_t i = 0; i < out->path.len; i++) {
        if (out->path.p[i] <= ' ' || out->path.p[i] > '~' || out->path.p[i] == '#')
            return false;
    }
    return parse_authority((struct str){rest.p, n}, out);
}

bool plain_takes(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;

    return req->proxy.len == 0 && !req->h2c && parse_url(req->url, &call->target);
}

/* --- the request --- */

static bool is_header(struct str line, struct str name)
{
    return line.len > name.len && line.p[name.len] == ':' &&
           str_eq_nocase((struct str){line.p, name.len}, name);
}

/* Lengths are our business, and a line must be one line. */
static bool passes(struct str line)
{
    return !is_header(line, STR("content-length")) && !is_header(line, STR("transfer-encoding")) &&
           !is_header(line, STR("expect")) && str_index(line, '\n') < 0 &&
           str_index(line, '\r') < 0 && str_index(line, '\0') < 0;
}

static bool has_body(const struct upstream_request *req)
{
    return (req->body_bytes > 0 || str_eq(req->method, STR("POST"))) &&
           !str_eq(req->method, STR("HEAD"));
}

static void write_head(struct upstream_call *call)
{
    const struct upstream_request *req = &call->req;
    const struct plain_target *target = &call->target;
    struct buf *out = &call->out;
    bool has_host = false;

    buf_clear(out);
    buf_str(out, req->method);
    buf_char(out, ' ');
    if (target->path.len == 0 || target->path.p[0] != '/')
        buf_char(out, '/');
    buf_str(out, target->path);
    buf_str(out, STR(" HTTP/1.1\r\n"));
    for (size_t i = 0; i < req->n_headers; i++)
        has_host = has_host || is_header(req->headers[i], STR("host"));
    if (!has_host) {
        struct str host = target->authority;

        buf_str(out, STR("Host: "));
        if (target->port == PORT_DEFAULT && str_ends(host, STR(":80")))
            host.len -= sizeof(":80") - 1;
        buf_str(out, host);
        buf_str(out, STR("\r\n"));
    }
    for (size_t i = 0; i < req->n_headers; i++) {
        if (!passes(req->headers[i]))
            continue;
        buf_str(out, req->headers[i]);
        buf_str(out, STR("\r\n"));
    }
    if (has_body(req)) {
        buf_str(out, STR("Content-Length: "));
        buf_u64(out, req->body_bytes);
        buf_str(out, STR("\r\n"));
    }
    buf_str(out, STR("\r\n"));
}

/* What is to be sent next: head and parts of the body without their first `sent` bytes. */
static size_t unsent_parts(const struct conn *c, struct iovec *out)
{
    const struct upstream_call *call = c->call;
    const struct upstream_request *req = &call->req;
    size_t n_parts = has_body(req) ? req->n_body : 0;
    uint64_t skip = c->sent;
    size_t n = 0;

    for (size_t i = 0; i < n_parts + 1 && n < PARTS_MAX; i++) {
        struct str part = i == 0 ? buf_view(&call->out) : req->body[i - 1];

        if (skip >= part.len) {
            skip -= part.len;
            continue;
        }
        part = str_skip(part, skip);
        skip = 0;
        out[n++] = (struct iovec){(char *)(uintptr_t)part.p, part.len}; /* only read */
    }
    return n;
}

static void send_more(struct conn *c)
{
    struct iovec parts[PARTS_MAX];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = unsent_parts(c, parts)};
    ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);

    if (n > 0) {
        c->sent += (uint64_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        /* What came before it hung up may be an answer, and its end will be seen in any case. */
        c->is_spoilt = true;
        c->total = c->sent;
    }
    loop_fd_want(c->watch, !c->call->is_paused, c->sent < c->total);
}

void plain_on_connected(struct conn *c)
{
    struct upstream_call *call = c->call;

    upstream_on_connected(call);
    framing_begin(&c->framing, str_eq(call->req.method, STR("HEAD")));
    c->sent = 0;
    c->total = call->out.len + (has_body(&call->req) ? call->req.body_bytes : 0);
    send_more(c);
}

/* --- the answer --- */

static bool plain_leave(struct upstream_call *call)
{
    struct conn *c = call->conn;

    resolve_stop(&call->resolve);
    if (call->out.len > 0)
        crypto_wipe(call->out.data, call->out.len);
    buf_clear(&call->out);
    call->conn = NULL;
    if (c != NULL)
        conn_leave(c);
    return true;
}

/* `in` is all that is left of the bytes under way, in the stash or elsewhere. */
static void stash(struct conn *c, struct str in)
{
    if (c->stash.len == 0)
        buf_str(&c->stash, in);
    else if (in.len > 0)
        buf_drop(&c->stash, c->stash.len - in.len);
    else
        buf_fini(&c->stash);
}

static bool tell(struct upstream_call *call, enum framing_event event, struct str piece)
{
    switch (event) {
    case FRAMING_LINE:
        return upstream_head_line(call, piece);
    case FRAMING_HEAD:
        return upstream_head_line(call, STR_NONE);
    case FRAMING_BODY:
        upstream_on_body(call, piece);
        return true;
    default:
        return false;
    }
}

/* Tell of all that is in these bytes, unless the call is paused, ended or cancelled meanwhile. */
static void deliver(struct conn *c, struct str in)
{
    struct upstream_call *call = c->call;
    enum framing_event event;
    struct str piece;

    do {
        if (call->wants_pause) {
            call->is_paused = true;
            stash(c, in);
            loop_fd_want(c->watch, false, c->sent < c->total);
            return;
        }
        event = framing_next(&c->framing, &in, &piece);
    } while (tell(call, event, piece) && call->state == CALL_RUNNING);
    stash(c, event == FRAMING_MORE ? STR_NONE : in);
    if (event == FRAMING_MORE)
        return;
    c->is_spoilt = c->is_spoilt || in.len > 0;
    if (call->state != CALL_RUNNING)
        (void)plain_leave(call);
    else if (event == FRAMING_END)
        upstream_ended(call, UPSTREAM_OK, "");
    else
        upstream_ended(call, UPSTREAM_NONSENSE,
                       event == FRAMING_BAD ? c->framing.why : "the head is too large");
}

/* `error` 0: the peer has closed. */
static void on_end(struct conn *c, int error)
{
    struct upstream_call *call = c->call;

    c->is_spoilt = true;
    if (error == 0 && framing_eof(&c->framing) == FRAMING_END)
        upstream_ended(call, UPSTREAM_OK, "");
    else
        upstream_failed(call, c->is_kept, UPSTREAM_CUT,
                        error != 0 ? strerror(error) : c->framing.why);
}

static void receive(struct conn *c)
{
    static char bytes[READ_MAX]; /* only until deliver() returns, so one serves all connections */
    struct upstream_call *call = c->call;
    ssize_t n;

    if (call->is_paused) {
        loop_fd_want(c->watch, false, c->sent < c->total);
        return;
    }
    n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_end(c, n == 0 ? 0 : errno);
        return;
    }
    upstream_on_bytes(call);
    deliver(c, (struct str){bytes, (size_t)n});
}

void plain_on_ready(struct conn *c, bool readable, bool writable)
{
    if (c->call->state != CALL_RUNNING)
        return; /* cancelled in this turn, it leaves in the next one */
    if (writable && c->sent < c->total)
        send_more(c);
    if (readable)
        receive(c);
}

/* --- the transport --- */

void plain_on_refused(struct upstream_call *call, int error)
{
    upstream_ended(call, UPSTREAM_CONNECT, strerror(error));
}

static void on_resolved(struct resolve_wait *w, const struct addresses *found, const char *why)
{
    struct upstream_call *call = container_of(w, struct upstream_call, resolve);

    if (found->n == 0)
        upstream_ended(call, UPSTREAM_CONNECT, why);
    else
        conn_connect(call, found);
}

static void plain_begin(struct upstream_call *call)
{
    struct resolver *resolver = call->upstream->resolver;
    struct conn *c = call->is_second ? NULL : conn_take(call);
    struct addresses found;

    write_head(call);
    if (c != NULL)
        plain_on_connected(c);
    else if (call->req.unix_socket.len > 0)
        conn_connect_unix(call);
    else if (resolve_find(resolver, call->target.host, &found))
        conn_connect(call, &found);
    else
        resolve_start(resolver, call->target.host, &call->resolve, on_resolved);
}

static void plain_flow(struct upstream_call *call)
{
    struct conn *c = call->conn;

    if (c == NULL || c->tries != NULL)
        return;
    loop_fd_want(c->watch, !call->is_paused, c->sent < c->total);
    if (!call->is_paused)
        deliver(c, buf_view(&c->stash));
}

const struct transport transport_plain = {plain_begin, plain_leave, plain_flow};
