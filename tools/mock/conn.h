/*
 * conn - one connection of the mock: requests in, answers out.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Does not: wait; serve.c calls when the descriptor or the timer is due.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_CONN_H
#define MOCK_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "tools/mock/answer.h"
#include "tools/mock/http1.h"
#include "tools/mock/timers.h"

#define CONN_READ_BYTES 16384 /* at once; more when a large body is under way */
#define CONN_READ_MOST (1u << 20)
#define CONN_OUT_ENOUGH 65536 /* past this the next event or request waits */
#define CONN_KEPT_BYTES 65536 /* of memory per buffer while idle */

enum conn_state {
    CONN_READING, /* the next request */
    CONN_WAITING, /* for the timer: before the head, or between two events */
    CONN_SENDING, /* for the kernel to take bytes */
    CONN_HANGING  /* for ever */
};

struct conn {
    struct mock_timer timer;
    int fd;
    uint32_t watched; /* epoll events asked for */
    uint64_t number;
    enum conn_state state;
    struct buf in;   /* the request under way and what came behind it */
    size_t in_taken; /* bytes of `in` that the request under way covers */
    struct http1_chunks chunks;
    bool continued; /* "100 Continue" was said */
    struct buf out;
    size_t out_sent;
    struct arena *arena; /* NULL while no request is under way */
    struct answer answer;
    struct buf body;
    uint64_t journal;
    uint32_t events; /* of the stream, so far */
    bool head_sent;
    bool keep_alive;
    bool breaking;          /* close when `out` is empty */
    struct conn *next_free; /* serve.c's list */
};

/* What all connections of the process share. */
struct conn_shared {
    struct json_parser *parser;
    struct arena *scratch; /* of the codecs; empty between two events */
    struct mock_timers timers;
    uint64_t now_ms;
    struct arena *free_arenas[64];
    size_t n_free_arenas;
};

void conn_open(struct conn *c, int fd, uint64_t number);
/* Frees what it holds; an answer under way is noted as lost. */
void conn_close(struct conn_shared *s, struct conn *c);
/* Each returns false when the connection has ended and is to be closed. */
BF_MUST_CHECK bool conn_on_readable(struct conn_shared *s, struct conn *c);
BF_MUST_CHECK bool conn_on_writable(struct conn_shared *s, struct conn *c);
BF_MUST_CHECK bool conn_on_timer(struct conn_shared *s, struct conn *c);
/* The epoll events it waits for now. */
uint32_t conn_wants(const struct conn *c);

#endif
