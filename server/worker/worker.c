/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/worker/estimate.h"
#include "server/worker/http_server.h"
#include "server/worker/loop_io.h"
#include "server/worker/pricing.h"
#include "server/worker/queue.h"
#include "server/worker/report.h"
#include "server/worker/rules.h"
#include "server/worker/shadow.h"
#include "server/worker/sign.h"
#include "server/worker/upstream.h"
#include "server/worker/worker.h"
#include "shm/ledger.h"
#include "shm/limits.h"

#define ARENA_BYTES 8192        /* a usual request's; an idle worker keeps 64 of them at most */
#define BODY_BYTES (1 << 20)    /* smaller ones are taken from memory that stays */
#define CROWD 100               /* requests at once, after which memory is given back */
#define ARENA_LARGE (16u << 20) /* ... and after a request whose arena was so large */
#define TRIM_MS 1000            /* at most so often for those */
#define BEAT_MS 250             /* also how long a reload waits for an idle worker to see it */

/* Set by the handler, looked at once per turn: at most BEAT_MS later. */
static volatile sig_atomic_t term_asked;

static void on_term(int sig)
{
    (void)sig;
    term_asked = 1;
}

uint64_t worker_random(struct worker *w)
{
    uint64_t x = w->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    w->random = x;
    return x;
}

struct arena *worker_arena_take(struct worker *w)
{
    return w->n_free_arenas > 0 ? w->free_arenas[--w->n_free_arenas] : arena_create(ARENA_BYTES);
}

void worker_scratch_reset(struct worker *w)
{
    w->has_grown = w->has_grown || arena_bytes(w->scratch) > ARENA_LARGE;
    arena_reset(w->scratch);
}

void worker_arena_give(struct worker *w, struct arena *a)
{
    w->has_grown = w->has_grown || arena_bytes(a) > ARENA_LARGE;
    if (arena_bytes(w->scratch) > ARENA_LARGE)
        worker_scratch_reset(w); /* no codec is at work when a request ends */
    if (w->n_free_arenas == ARRAY_LEN(w->free_arenas)) {
        arena_free(a);
        return;
    }
    arena_reset(a);
    w->free_arenas[w->n_free_arenas++] = a;
}

/* Look whether a newer configuration was published; adopt and acknowledge it. */
static void adopt(struct worker *w)
{
    const struct inherit *in = w->in;
    uint64_t generation = published_generation(&in->regions.published);
    struct pub_view view;

    if (generation == w->view.generation)
        return;
    if (!published_view(&in->regions.published, &in->regions.secrets, &view)) {
        log_error("image_unsound", "generation=%llu", (unsigned long long)generation);
        return;
    }
    w->view = view;
    http_configure(w->http, view.image);
    atomic_store_explicit(&w->slot->generation, view.generation, memory_order_release);
}

static void beat(struct worker *w)
{
    uint64_t now_ms = loop_now_ms(w->loop);

    atomic_store_explicit(&w->slot->beat_ms, now_ms, memory_order_relaxed);
}

/*
 * After a crowd has gone its memory goes back to the system; free() alone keeps what lies below a
 * block still in use. Not while there is work: it takes milliseconds. But somebody's huge request
 * may never be followed by a pause.
 */
static void give_memory_back(struct worker *w, uint64_t *most_open)
{
    uint64_t now_ms = loop_now_ms(w->loop);
    uint64_t open = atomic_load_explicit(&w->slot->stats[STAT_REQUESTS_OPEN], memory_order_relaxed);

    *most_open = max_u64(*most_open, open);
    if ((*most_open < CROWD || open > 0) && (!w->has_grown || now_ms - w->trimmed_ms < TRIM_MS))
        return;
    *most_open = open;
    w->has_grown = false;
    w->trimmed_ms = now_ms;
    (void)malloc_trim(0);
}

/* The master never writes here: readable means that it has died. */
static void on_control(void *ctx, int fd, bool readable, bool writable)
{
    struct loop_fd **control = ctx;
    char bytes[64];

    (void)readable;
    (void)writable;
    if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) != 0)
        return;
    /* the end stays readable for ever: looked at once, or the loop would spin while it drains */
    loop_fd_want(*control, false, false);
    term_asked = 1;
}

/*
 * h2o prints a line for each HTTP/2 frame whose type it does not know. A client must not fill the
 * log, so what libraries print goes nowhere; our own log writes to the descriptor.
 */
static void silence_libraries(void)
{
    FILE *nowhere = fopen("/dev/null", "we");

    if (nowhere != NULL)
        stderr = nowhere;
}

static int start(struct worker *w, const struct inherit *in)
{
    struct error err = ERROR_INIT;

    w->in = in;
    w->slot = live_slot(&in->regions.live, in->slot);
    live_take(w->slot, (uint32_t)getpid(), clock_real_ms());
    crypto_random(&w->random, sizeof(w->random));
    w->random |= 1;
    w->loop = loop_create();
    beat(w);
    w->json = json_parser_create();
    w->scratch = arena_create(ARENA_BYTES);
    w->report = report_create(w);
    w->ledger = ledger_open(&in->regions, in->slot);
    w->estimator = estimator_create();
    w->pricing = pricing_create();
    w->limits = xcalloc(1, sizeof(*w->limits));
    w->upstream = upstream_create(w->loop, w->slot, &err);
    w->http = w->upstream != NULL ? http_create(w, &err) : NULL;
    if (w->http == NULL) {
        log_error("worker_start", "text=\"%s\"", err.text);
        return -1;
    }
    adopt(w);
    if (w->view.generation == 0) {
        log_error("worker_start", "text=\"no configuration was published\"");
        return -1;
    }
    http_listen(w->http);
    return 0;
}

static void drain(struct worker *w)
{
    log_info("worker_drain", "slot=%u", w->in->slot);
    w->draining = true;
    shadow_end_all(w);
    atomic_store_explicit(&w->slot->state, SLOT_DRAINING, memory_order_relaxed);
    http_drain(w->http);
}

/* True: nothing is open any more. */
static bool run(struct worker *w)
{
    uint64_t drain_since_ms = 0;
    uint64_t most_open = 0;

    for (;;) {
        (void)loop_turn(w->loop, BEAT_MS); /* false: a signal came */
        adopt(w);
        beat(w);
        give_memory_back(w, &most_open);
        if (term_asked && !w->draining) {
            drain_since_ms = loop_now_ms(w->loop);
            drain(w);
        }
        if (!w->draining)
            continue;
        if (http_is_drained(w->http) && w->n_unheard == 0 && report_is_sent(w->report))
            return true;
        /* The master's patience is the same; this is for when it has died. */
        if (loop_now_ms(w->loop) - drain_since_ms >= w->view.image->drain_ms) {
            log_warn("drain_cut", "slot=%u", w->in->slot);
            return false;
        }
    }
}

static void stop(struct worker *w)
{
    report_flush(w->report);
    report_free(w->report);
    http_free(w->http);
    upstream_free(w->upstream);
    loop_free(w->loop);
    ledger_close(w->ledger);
    rules_free(w->rules);
    queue_free(w->queue);
    estimator_free(w->estimator);
    pricing_free(w->pricing);
    free(w->limits);
    json_parser_free(w->json);
    sign_free(w->signers);
    arena_free(w->scratch);
    while (w->n_free_arenas > 0)
        arena_free(w->free_arenas[--w->n_free_arenas]);
}

int worker_main(const struct inherit *in)
{
    struct worker w = {0};
    struct sigaction term = {.sa_handler = on_term};
    struct rlimit files;
    struct loop_fd *control;
    char proc[32];

    (void)snprintf(proc, sizeof(proc), "worker/%u", in->slot);
    child_begin(in, ROLE_WORKER, proc);
    silence_libraries();
    (void)sigaction(SIGTERM, &term, NULL); /* fails for bad numbers only */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* as many as we may have; fewer is no error */
    }
    if (start(&w, in) != 0)
        return 3;
    /* Its tables are made (see main.c); from here on large blocks are bodies, which come and go. */
    (void)mallopt(M_MMAP_THRESHOLD, BODY_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * BODY_BYTES);
    control = loop_fd_open(w.loop, in->control, on_control, &control);
    loop_fd_want(control, true, false);
    child_ready(in);
    log_info("worker_ready", "slot=%u", in->slot);
    if (run(&w)) {
        loop_fd_release(control);
        stop(&w);
    } else {
        report_flush(w.report);
    }
    return 0;
}
