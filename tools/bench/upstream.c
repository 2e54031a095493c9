/*
 * upstream - what `make bench` puts behind nginx and Bowfin: a fixed answer, or a paced stream.
 *
 *   POST anything            -> the fixed chat answer, kept alive
 *   model "stream-<n>-<ms>"  -> n events of 80 bytes, one every <ms> milliseconds, chunked; 0: at once
 *   below /anthropic         -> the same in Anthropic's words, for what translation costs
 *
 * One process, epoll, HTTP/1.1 only; test equipment that trusts its client and is cheap enough not to be the
 * bottleneck. Prints its port.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CONNECTIONS_MAX 65536
#define BODY_MAX (1u << 20)
#define TICK_MS 1

#define STREAM_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 373\r\n\r\n"

/* What is said, in one dialect. Each event is one chunk: of 80 bytes, Anthropic's of 99. */
struct speech {
    const char *whole, *stream_head, *event, *stream_tail;
};

static const struct speech openai = {
    JSON_HEAD
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"Hello there, how may I assist you today?\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29,"
    "\"prompt_tokens_details\":{\"cached_tokens\":0}},\"padding\":\"............\"}",
    STREAM_HEAD,
    "50\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\" hello, the world\"}}],\"a\":1}\n\n\r\n",
    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
};
#define START                                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\","   \
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],"              \
    "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":19,"                  \
    "\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":"                       \
    "\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define STOP                                                                                       \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"           \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"          \
    "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":10}}\n\n"                   \
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static const struct speech anthropic = {
    JSON_HEAD
    "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\","
    "\"content\":[{\"type\":\"text\",\"text\":\"Hello there, how may I assist you today?\"}],"
    "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":19,"
    "\"output_tokens\":10,\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0},"
    "\"padding\":\"...........................................................\"}",
    STREAM_HEAD "15e\r\n" START "\r\n",
    "63\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":\" hello, sir\"}}\n\n\r\n",
    "106\r\n" STOP "\r\n0\r\n\r\n",
};

struct connection {
    char *in;
    size_t len, cap;
    uint32_t left;  /* events of the stream under way */
    uint32_t every; /* ticks between them */
    uint64_t next;  /* tick of the next one */
    const struct speech *speech;
};

static struct connection connections[CONNECTIONS_MAX];
static uint32_t streaming[CONNECTIONS_MAX];
static uint32_t n_streaming;
static uint64_t tick;

static void drop(int fd)
{
    struct connection *c = &connections[fd];

    for (uint32_t i = 0; i < n_streaming; i++) {
        if (streaming[i] == (uint32_t)fd)
            streaming[i] = streaming[--n_streaming];
    }
    free(c->in);
    memset(c, 0, sizeof(*c));
    (void)close(fd);
}

static void send_all(int fd, const char *bytes, size_t len)
{
    /* a stream of this size fits the socket's buffer unless the reader has stopped */
    if (send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
        (void)shutdown(fd, SHUT_RDWR);
}

static void send_text(int fd, const char *text)
{
    send_all(fd, text, strlen(text));
}

static void start_stream(int fd, const char *model)
{
    struct connection *c = &connections[fd];
    char *end;

    c->left = (uint32_t)strtoul(model, &end, 10);
    c->every = *end == '-' ? (uint32_t)strtoul(end + 1, NULL, 10) : 1;
    if (c->every == 0) {
        send_text(fd, c->speech->stream_head);
        for (; c->left > 0; c->left--)
            send_text(fd, c->speech->event);
        send_text(fd, c->speech->stream_tail);
        return;
    }
    /* spread over the period, as real streams are */
    c->next = tick + 1 + (uint64_t)fd % c->every;
    streaming[n_streaming++] = (uint32_t)fd;
    send_text(fd, c->speech->stream_head);
}

/* One whole request in the buffer: answer it. Returns its length, 0 when more is needed. */
static size_t serve(int fd)
{
    struct connection *c = &connections[fd];
    char *head = memmem(c->in, c->len, "\r\n\r\n", 4);
    size_t body = 0;
    char *found;
    size_t total;

    if (head == NULL)
        return 0;
    for (char *line = c->in; line < head; line = (char *)memchr(line, '\n', c->len) + 1) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
        if (memchr(line, '\n', (size_t)(head - line)) == NULL)
            break;
    }
    total = (size_t)(head - c->in) + 4 + body;
    if (c->len < total || body > BODY_MAX)
        return 0;
    c->speech = strncmp(c->in, "POST /anthropic", 15) == 0 ? &anthropic : &openai;
    found = memmem(head, total - (size_t)(head - c->in), "stream-", 7);
    if (found != NULL)
        start_stream(fd, found + 7);
    else
        send_text(fd, c->speech->whole);
    return total;
}

static void on_readable(int fd)
{
    struct connection *c = &connections[fd];
    ssize_t n;

    if (c->cap - c->len < 65536) {
        c->cap = c->cap * 2 + 65536;
        c->in = realloc(c->in, c->cap);
        if (c->in == NULL)
            abort();
    }
    n = recv(fd, c->in + c->len, c->cap - c->len - 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        c->left = 0;
        drop(fd);
        return;
    }
    c->len += (size_t)n;
    c->in[c->len] = '\0';
    while (c->left == 0 && c->len > 0) {
        size_t used = serve(fd);

        if (used == 0)
            break;
        memmove(c->in, c->in + used, c->len - used);
        c->len -= used;
    }
}

static void on_tick(void)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n_streaming; i++) {
        int fd = (int)streaming[i];
        struct connection *c = &connections[fd];

        if (c->left == 0)
            continue;
        if (tick >= c->next) {
            c->next += c->every;
            send_text(fd, c->speech->event);
            if (--c->left == 0) {
                send_text(fd, c->speech->stream_tail);
                continue;
            }
        }
        streaming[kept++] = (uint32_t)fd;
    }
    n_streaming = kept;
}

static int listen_anywhere(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        perror("listen");
        exit(3);
    }
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(int listener, int epoll)
{
    int on = 1;

    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

        if (fd < 0)
            return;
        if (fd >= CONNECTIONS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
            (void)close(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        memset(&connections[fd], 0, sizeof(connections[fd]));
    }
}

static void loop(int listener)
{
    int epoll = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec every = {{0, TICK_MS * 1000000}, {0, TICK_MS * 1000000}};
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    struct epoll_event events[256];

    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = timer;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e);
    (void)timerfd_settime(timer, 0, &every, NULL);
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            uint64_t ticks;

            if (fd == listener) {
                accept_all(listener, epoll);
            } else if (fd == timer) {
                if (read(timer, &ticks, sizeof(ticks)) != sizeof(ticks))
                    continue;
                tick += ticks;
                on_tick();
            } else {
                on_readable(fd);
            }
        }
    }
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    loop(listen_anywhere());
}
