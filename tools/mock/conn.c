#include "tools/mock/conn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/reason.h"
#include "tools/mock/journal.h"
#include "tools/mock/routes.h"
#include "tools/mock/totals.h"

#define ARENA_BYTES 16384 /* a chat of ordinary size fits: no further allocation */

static void buf_trim(struct buf *b)
{
    if (b->cap > CONN_KEPT_BYTES && b->len == 0)
        buf_fini(b);
}

static struct arena *arena_take(struct conn_shared *s)
{
    return s->n_free_arenas > 0 ? s->free_arenas[--s->n_free_arenas] : arena_create(ARENA_BYTES);
}

static void arena_give(struct conn_shared *s, struct arena **a)
{
    if (*a != NULL && s->n_free_arenas < ARRAY_LEN(s->free_arenas)) {
        arena_reset(*a);
        s->free_arenas[s->n_free_arenas++] = *a;
    } else {
        arena_free(*a);
    }
    *a = NULL;
}

static void note_end(const struct conn *c, enum journal_outcome outcome)
{
    journal_end(c->journal, outcome);
    if (c->answer.total != 0)
        totals_end(c->answer.total, outcome, &c->answer.usage);
}

void conn_open(struct conn *c, int fd, uint64_t number)
{
    *c = (struct conn){.fd = fd, .number = number, .state = CONN_READING};
}

void conn_close(struct conn_shared *s, struct conn *c)
{
    if (c->arena != NULL && c->journal != 0)
        note_end(c, JOURNAL_GONE);
    mock_timer_stop(&s->timers, &c->timer);
    arena_give(s, &c->arena);
    buf_fini(&c->in);
    buf_fini(&c->out);
    buf_fini(&c->body);
    fd_close(&c->fd);
}

/* --- out --- */

/* False: the client has gone. */
static bool flush(struct conn *c)
{
    while (c->out_sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n < 0)
            return false;
        c->out_sent += (size_t)n;
    }
    buf_clear(&c->out);
    c->out_sent = 0;
    buf_trim(&c->out);
    return true;
}

static void add_head(struct conn *c)
{
    const struct answer *a = &c->answer;
    struct buf *out = &c->out;

    buf_cstr(out, "HTTP/1.1 ");
    buf_u64(out, (uint64_t)a->status);
    buf_char(out, ' ');
    buf_cstr(out, reason_of(a->status));
    buf_cstr(out, "\r\nserver: bowfin-mock\r\ncontent-type: ");
    buf_cstr(out, a->content_type);
    if (c->journal != 0) {
        buf_cstr(out, "\r\n");
        buf_cstr(out, a->id_header != NULL ? a->id_header : "x-request-id");
        buf_cstr(out, ": req_mock");
        buf_u64(out, c->journal);
    }
    buf_cstr(out, "\r\n");
    buf_str(out, a->headers);
    if (a->next != NULL) {
        buf_cstr(out, "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n");
    } else {
        buf_cstr(out, "content-length: ");
        buf_u64(out, c->body.len);
        buf_cstr(out, "\r\n");
    }
    buf_cstr(out, c->keep_alive ? "\r\n" : "connection: close\r\n\r\n");
    c->head_sent = true;
}

/* The request is done with: forget it, be ready for the next. */
static void end_answer(struct conn_shared *s, struct conn *c, enum journal_outcome outcome)
{
    if (c->journal != 0)
        note_end(c, outcome);
    arena_give(s, &c->arena);
    buf_drop(&c->in, c->in_taken);
    c->in_taken = 0;
    buf_clear(&c->body);
    buf_trim(&c->body);
    buf_trim(&c->in);
    c->chunks = (struct http1_chunks){0};
    c->continued = false;
    c->state = CONN_READING;
    c->breaking = outcome == JOURNAL_CUT || !c->keep_alive;
}

static void send_whole(struct conn_shared *s, struct conn *c)
{
    add_head(c);
    if (c->answer.cut_after != ANSWER_NEVER_CUT) {
        buf_add(&c->out, c->body.data, c->body.len / 2);
        end_answer(s, c, JOURNAL_CUT);
        return;
    }
    buf_str(&c->out, buf_view(&c->body));
    end_answer(s, c, JOURNAL_ANSWERED);
}

/* One event as one HTTP chunk. False when there was none left. */
static bool add_event(struct conn *c)
{
    char size[20];
    int n;

    buf_clear(&c->body);
    if (!c->answer.next(&c->answer, &c->body))
        return false;
    n = snprintf(size, sizeof(size), "%zx\r\n", c->body.len);
    buf_add(&c->out, size, (size_t)n);
    buf_str(&c->out, buf_view(&c->body));
    buf_cstr(&c->out, "\r\n");
    c->events++;
    return true;
}

/* The last bytes of a stream that breaks in the middle of a frame. */
static void add_half(struct conn *c)
{
    buf_clear(&c->body);
    if (!c->answer.next(&c->answer, &c->body) || c->body.len < 2)
        return;
    buf_printf(&c->out, "%zx\r\n", c->body.len / 2);
    buf_add(&c->out, c->body.data, c->body.len / 2);
    buf_cstr(&c->out, "\r\n");
}

/* Make events until enough lie in `out`, the next one must wait, or the stream has ended. */
static void send_events(struct conn_shared *s, struct conn *c)
{
    if (!c->head_sent)
        add_head(c);
    for (;;) {
        if (c->events == c->answer.cut_after) {
            if (c->answer.cut_inside)
                add_half(c);
            end_answer(s, c, JOURNAL_CUT);
            return;
        }
        if (c->out.len >= CONN_OUT_ENOUGH) {
            c->state = CONN_SENDING;
            return;
        }
        if (!add_event(c)) {
            buf_cstr(&c->out, "0\r\n\r\n");
            end_answer(s, c, JOURNAL_ANSWERED);
            return;
        }
        if (c->answer.gap_ms > 0) {
            c->state = CONN_WAITING;
            mock_timer_start(&s->timers, &c->timer, s->now_ms + c->answer.gap_ms);
            return;
        }
    }
}

static void send_answer(struct conn_shared *s, struct conn *c)
{
    if (c->answer.next != NULL)
        send_events(s, c);
    else
        send_whole(s, c);
}

static void begin_answer(struct conn_shared *s, struct conn *c, const struct http1_request *req)
{
    struct chat_codec codec;

    c->keep_alive = req->keep_alive;
    c->head_sent = false;
    c->events = 0;
    c->arena = arena_take(s);
    c->answer = (struct answer){.arena = c->arena, .body = &c->body};
    codec = (struct chat_codec){c->arena, s->scratch, s->parser};
    routes_answer(req, &codec, &c->answer, c->number, &c->journal);
    if (c->answer.hang) {
        c->state = CONN_HANGING;
    } else if (c->answer.first_ms > 0) {
        c->state = CONN_WAITING;
        mock_timer_start(&s->timers, &c->timer, s->now_ms + c->answer.first_ms);
    } else {
        send_answer(s, c);
    }
}

/* --- in --- */

static void refuse(struct conn *c, int status)
{
    c->answer = (struct answer){.body = &c->body, .content_type = "application/json"};
    c->keep_alive = false;
    c->journal = 0;
    answer_status(&c->answer, status);
    add_head(c);
    buf_str(&c->out, buf_view(&c->body));
    c->breaking = true;
}

/* 1: the request at the front of `in` is whole; 0: more is needed; < 0: a status to refuse with. */
static int take_request(struct conn *c, struct http1_request *req)
{
    int head = http1_parse_head(c->in.data, c->in.len, req);
    size_t behind;
    int rc;

    if (head <= 0)
        return head;
    behind = c->in.len - (size_t)head;
    if (req->expects_continue && !c->continued && behind == 0) {
        buf_cstr(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        c->continued = true;
    }
    if (!req->chunked) {
        if (behind < req->body_bytes)
            return 0;
        req->body = (struct str){c->in.data + head, req->body_bytes};
        c->in_taken = (size_t)head + req->body_bytes;
        return 1;
    }
    rc = http1_chunks_feed(&c->chunks, c->in.data + head, behind);
    if (rc <= 0)
        return rc;
    req->body = (struct str){c->in.data + head, c->chunks.written};
    c->in_taken = (size_t)head + c->chunks.read;
    return 1;
}

static void take_requests(struct conn_shared *s, struct conn *c)
{
    struct http1_request req;

    while (c->state == CONN_READING && !c->breaking && c->in.len > 0 &&
           c->out.len < CONN_OUT_ENOUGH) {
        int rc = take_request(c, &req);

        if (rc < 0)
            refuse(c, -rc);
        if (rc <= 0)
            return;
        begin_answer(s, c, &req);
    }
}

/* Everything that can be done now; false when the connection has ended. */
static bool advance(struct conn_shared *s, struct conn *c)
{
    do {
        if (c->state == CONN_SENDING)
            send_events(s, c);
        take_requests(s, c);
        if (!flush(c))
            return false;
        /* What the kernel has not taken waits for conn_on_writable. */
        if (c->out.len > 0)
            return true;
        if (c->breaking)
            return false;
    } while (c->state == CONN_SENDING);
    return true;
}

bool conn_on_readable(struct conn_shared *s, struct conn *c)
{
    size_t want = min_u64(max_u64(c->in.len, CONN_READ_BYTES), CONN_READ_MOST);
    ssize_t n;

    buf_reserve(&c->in, want);
    n = recv(c->fd, c->in.data + c->in.len, want, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (n == 0)
        return false;
    c->in.len += (size_t)n;
    return advance(s, c);
}

bool conn_on_writable(struct conn_shared *s, struct conn *c)
{
    if (!flush(c))
        return false;
    return c->out.len > 0 || advance(s, c);
}

bool conn_on_timer(struct conn_shared *s, struct conn *c)
{
    must(c->state == CONN_WAITING);
    /* A client that does not read gets no further events. */
    if (c->out.len >= CONN_OUT_ENOUGH)
        c->state = CONN_SENDING;
    else
        send_answer(s, c);
    return advance(s, c);
}

uint32_t conn_wants(const struct conn *c)
{
    uint32_t wants = 0;

    /* What is sent while an answer is under way is the next request: read some of it, so that the
     * client's end is seen. */
    if (c->state == CONN_READING || c->in.len - c->in_taken < CONN_READ_BYTES)
        wants |= EPOLLIN;
    if (c->out.len > 0)
        wants |= EPOLLOUT;
    return wants;
}
