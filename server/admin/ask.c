/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/control.h"

struct call {
    uint64_t seq; /* 0: free */
    uint64_t due_ms;
    ask_fn *fn;
    void *ctx;
};

struct ask {
    int control;
    uint64_t next_seq;
    uint32_t n_pending;
    struct json_parser *json;
    struct arena *arena;
    struct call calls[ASK_PENDING_MAX];
    char buffer[CONTROL_TEXT_MAX + sizeof(struct control_head)];
};

struct ask *ask_create(int control, struct json_parser *json)
{
    struct ask *a = xcalloc(1, sizeof(*a));

    a->control = control;
    a->next_seq = 1;
    a->json = json;
    a->arena = arena_create(16384);
    return a;
}

void ask_free(struct ask *a)
{
    if (a == NULL)
        return;
    arena_free(a->arena);
    free(a);
}

static struct call *call_of_seq(struct ask *a, uint64_t seq)
{
    for (size_t i = 0; i < ARRAY_LEN(a->calls); i++) {
        if (a->calls[i].seq == seq)
            return &a->calls[i];
    }
    return NULL;
}

/* Frees the place first: the callback may start another call. */
static void call_end(struct ask *a, struct call *call, const struct json *reply)
{
    ask_fn *fn = call->fn;
    void *ctx = call->ctx;

    call->seq = 0;
    a->n_pending--;
    fn(ctx, reply);
}

int ask_start(struct ask *a, struct str text, uint64_t timeout_ms, ask_fn *fn, void *ctx)
{
    struct call *call = call_of_seq(a, 0);
    uint64_t seq = a->next_seq;

    if (call == NULL || text.len > CONTROL_TEXT_MAX)
        return -1;
    if (control_send(a->control, CONTROL_CALL, 0, seq, text) != 0) {
        log_warn("ask_failed", "errno=%d pending=%u", errno, a->n_pending);
        return -1;
    }
    a->next_seq++;
    a->n_pending++;
    *call = (struct call){seq, clock_mono_ms() + timeout_ms, fn, ctx};
    return 0;
}

static void take(struct ask *a, const struct control_message *m)
{
    struct json_error err;
    struct json *reply;

    for (size_t i = 0; i < m->n_fds; i++)
        (void)close(m->fds[i]); /* none is expected here */
    struct call *call =
        m->head.type == CONTROL_REPLY && m->head.seq != 0 ? call_of_seq(a, m->head.seq) : NULL;
    if (call == NULL) {
        log_warn("ask_stray", "type=%u seq=%llu", m->head.type, (unsigned long long)m->head.seq);
        return;
    }
    arena_reset(a->arena);
    reply = json_parse(a->json, a->arena, m->text, &err);
    if (reply != NULL && reply->type != JSON_OBJECT)
        reply = NULL;
    if (reply == NULL)
        log_error("ask_nonsense", "seq=%llu", (unsigned long long)m->head.seq);
    call_end(a, call, reply);
}

bool ask_on_readable(struct ask *a)
{
    struct control_message m;

    for (;;) {
        int rc = control_receive(a->control, a->buffer, sizeof(a->buffer), &m);

        if (rc == 0)
            return false;
        if (rc > 0)
            take(a, &m);
        else if (errno == EBADMSG)
            log_warn("ask_unsound", "text=\"a message was dropped\"");
        else
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    }
}

void ask_expire(struct ask *a)
{
    uint64_t now = clock_mono_ms();

    for (size_t i = 0; i < ARRAY_LEN(a->calls); i++) {
        if (a->calls[i].seq != 0 && a->calls[i].due_ms <= now) {
            log_warn("ask_timeout", "seq=%llu", (unsigned long long)a->calls[i].seq);
            call_end(a, &a->calls[i], NULL);
        }
    }
}

uint32_t ask_pending(const struct ask *a)
{
    return a->n_pending;
}
