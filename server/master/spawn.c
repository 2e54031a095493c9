#include "server/master/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/fork.h"
#include "server/master/memory.h"
#include "server/master/pipes.h"
#include "server/master/reload.h"
#include "server/master/state.h"
#include "shm/live.h"
#include "shm/weights.h"

#define LOOK_MS 1000   /* how often hanging children are looked for */
#define SERVED_MS 1000 /* whoever lived this long after its ready byte did its job */

static const char *const role_names[] = {"master", "worker", "aggregator",
                                         "admin",  "mock",   "credential"};

const char *spawn_role(const struct child *c)
{
    return role_names[c->role];
}

const char *spawn_name(const struct child *c, char out[32])
{
    if (c->role == ROLE_WORKER)
        (void)snprintf(out, 32, "worker/%u", c->slot);
    else
        (void)snprintf(out, 32, "%s", spawn_role(c));
    return out;
}

bool spawn_is_running(const struct child *c)
{
    return c->pid > 0;
}

void spawn_init(struct master *m)
{
    for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *c = &m->children[i];

        *c = (struct child){.role = ROLE_WORKER, .slot = i, .control = -1};
        if (i >= SLOTS_MAX) {
            c->role = i == CHILD_AGGREGATOR ? ROLE_AGGREGATOR
                      : i == CHILD_ADMIN    ? ROLE_ADMIN
                      : i == CHILD_MOCK     ? ROLE_MOCK
                                            : ROLE_CREDENTIAL;
            c->slot = 0;
        }
    }
}

/* --- starting --- */

static uint64_t requests_of(const struct master *m, const struct child *c)
{
    return live_slot(&m->regions.live, c->slot)->stats[STAT_REQUESTS];
}

int spawn_start(struct master *m, struct child *c, struct error *err)
{
    char name[32];
    int pair[2];
    pid_t pid;

    must(!spawn_is_running(c) && m->generation > 0);
    if (c->role == ROLE_WORKER && pipes_open(m, c->slot, err) != 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return error_errno(err, "socketpair");
    if (c->role == ROLE_WORKER) {
        live_slot(&m->regions.live, c->slot)->state = SLOT_STARTING;
        c->requests_before = requests_of(m, c);
    }
    pid = fork();
    if (pid == 0) {
        fd_close(&pair[0]);
        fork_run(m, c, pair[1]);
    }
    fd_close(&pair[1]);
    if (pid < 0) {
        error_errno(err, "fork %s", spawn_name(c, name));
        fd_close(&pair[0]);
        return -1;
    }
    c->pid = pid;
    c->control = pair[0];
    c->state = CHILD_STARTING;
    c->aborted = false;
    c->is_killed = false;
    c->epoch = m->epoch;
    c->started_ms = clock_mono_ms();
    c->started_real_ms = clock_real_ms();
    c->due_ms = c->started_ms + READY_WAIT_MS;
    if (c->role == ROLE_AGGREGATOR)
        pipes_forget(m);
    pipes_tell(m);
    log_debug("child_started", "child=%s pid=%ld", spawn_name(c, name), (long)pid);
    return 0;
}

void spawn_ready(struct master *m, struct child *c, uint64_t now_ms)
{
    char name[32];

    if (c->state != CHILD_STARTING)
        return; /* said twice, or while it is being stopped: gossip */
    c->state = CHILD_READY;
    c->due_ms = 0;
    (void)m;
    log_info("child_ready", "child=%s pid=%ld ms=%ju", spawn_name(c, name), (long)c->pid,
             (uintmax_t)(now_ms - c->started_ms));
}

/* --- stopping --- */

void spawn_stop(struct child *c, uint64_t grace_ms, uint64_t now_ms)
{
    c->wanted = false;
    if (!spawn_is_running(c)) {
        c->state = CHILD_NONE;
        return;
    }
    if (c->state != CHILD_STOPPING)
        (void)kill(c->pid, SIGTERM); /* it is ours until it is reaped */
    c->state = CHILD_STOPPING;
    c->due_ms = now_ms + grace_ms;
}

void spawn_kill(struct child *c)
{
    c->wanted = false;
    if (spawn_is_running(c)) {
        (void)kill(c->pid, SIGKILL);
        c->is_killed = true;
        c->state = CHILD_STOPPING;
        c->due_ms = UINT64_MAX; /* it cannot refuse */
    } else {
        c->state = CHILD_NONE;
    }
}

/* --- reaping --- */

static bool has_served(const struct master *m, const struct child *c, uint64_t now_ms)
{
    if (c->state == CHILD_STARTING)
        return false;
    if (c->role == ROLE_WORKER && requests_of(m, c) != c->requests_before)
        return true;
    return now_ms - c->started_ms >= SERVED_MS;
}

/* A worker's last words, and the request in whose midst it died. Empty when there is neither. */
static void last_words(const struct slot *s, struct buf *out)
{
    char crash[CRASH_TEXT_MAX];
    char request[LIVE_HINT_LEN + 1];
    uint32_t step;

    memcpy(crash, s->crash, sizeof(crash) - 1); /* the worker may have died inside it */
    crash[sizeof(crash) - 1] = '\0';
    if (crash[0] != '\0')
        buf_printf(out, " crash=\"%s\"", crash);
    if (live_where(s, &step, request))
        buf_printf(out, " req=%s step=%u", request, step);
}

static void report(const struct master *m, const struct child *c, int status)
{
    char name[32];
    char how[64];
    struct buf words = BUF_INIT;
    bool stopping = c->state == CHILD_STOPPING && !c->aborted;
    bool clean = stopping && (WIFEXITED(status) ? WEXITSTATUS(status) == 0
                                                : c->is_killed && WTERMSIG(status) == SIGKILL);

    (void)spawn_name(c, name);
    if (WIFSIGNALED(status))
        (void)snprintf(how, sizeof(how), "signal=%d", WTERMSIG(status));
    else
        (void)snprintf(how, sizeof(how), "status=%d", WEXITSTATUS(status));
    if (c->role == ROLE_WORKER)
        last_words(live_slot(&m->regions.live, c->slot), &words);
    if (clean)
        log_info("child_stopped", "child=%s pid=%ld%s", name, (long)c->pid,
                 c->is_killed ? " text=\"killed\"" : "");
    else
        log_error("child_died", "child=%s pid=%ld %s%.*s", name, (long)c->pid, how,
                  STR_ARGS(buf_view(&words)));
    buf_fini(&words);
}

/* Nobody is to miss a worker that is not wanted. */
static void retire(const struct master *m, const struct child *c)
{
    if (c->role != ROLE_WORKER || c->started_ms == 0)
        return; /* looking at a slot that was never used would cost its memory */
    struct slot *slot = live_slot(&m->regions.live, c->slot);

    if (slot->state == SLOT_DEAD)
        live_retire(slot);
}

static void buried(struct master *m, struct child *c, int status, uint64_t now_ms)
{
    char name[32];

    report(m, c, status);
    if (c->role == ROLE_WORKER) {
        memory_recover(&m->regions, c->slot);
        live_wipe(live_slot(&m->regions.live, c->slot));
    }
    fd_close(&c->control);
    c->pid = 0;
    if (!c->wanted) {
        c->state = CHILD_NONE;
        retire(m, c);
        return;
    }
    c->due_ms = throttle_death(&c->throttle, has_served(m, c, now_ms));
    if (c->due_ms > 0)
        log_warn("child_throttled", "child=%s ms=%ju deaths=%u", spawn_name(c, name),
                 (uintmax_t)c->due_ms, c->throttle.failures);
    c->due_ms += now_ms;
    c->state = CHILD_WAITING;
}

void spawn_reap(struct master *m, uint64_t now_ms)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
            if (m->children[i].pid == pid)
                buried(m, &m->children[i], status, now_ms);
        }
    }
}

/* --- what is due --- */

static bool hangs(const struct master *m, const struct child *c, uint64_t now_ms)
{
    uint64_t beat;
    uint64_t limit;

    if (c->state != CHILD_READY && c->state != CHILD_STOPPING)
        return false;
    if (c->aborted || (c->state == CHILD_STOPPING && c->role != ROLE_WORKER))
        return false; /* its end is due anyway */
    if (c->role == ROLE_WORKER) {
        beat = live_slot(&m->regions.live, c->slot)->beat_ms;
        limit = BEAT_LIMIT_MS;
    } else if (c->role == ROLE_AGGREGATOR) {
        beat = weights_beat_ms(&m->regions.weights);
        limit = WEIGHTS_LIMIT_MS;
    } else {
        return false;
    }
    /* It may be younger than its first beat. */
    return now_ms > max_u64(beat, c->started_ms) + limit;
}

static void start_again(struct master *m, struct child *c, uint64_t now_ms)
{
    struct error err = ERROR_INIT;
    char name[32];

    c->restarts++;
    if (c->role == ROLE_WORKER)
        live_slot(&m->regions.live, c->slot)->restarts = c->restarts;
    if (spawn_start(m, c, &err) != 0) {
        log_error("child_not_started", "child=%s text=\"%s\"", spawn_name(c, name), err.text);
        c->state = CHILD_WAITING;
        c->due_ms = now_ms + THROTTLE_MAX_MS;
    }
}

static void tick_one(struct master *m, struct child *c, uint64_t now_ms)
{
    char name[32];

    if (hangs(m, c, now_ms)) {
        log_error("child_hangs", "child=%s pid=%ld", spawn_name(c, name), (long)c->pid);
        (void)kill(c->pid, SIGABRT); /* the stack in a debugger, or a crash text */
        c->aborted = true;
        c->state = CHILD_STOPPING;
        c->due_ms = now_ms + KILL_WAIT_MS;
        return;
    }
    if (c->state == CHILD_NONE)
        retire(m, c); /* it was waiting to be started again when it was stopped */
    if (c->state == CHILD_NONE || c->state == CHILD_READY || now_ms < c->due_ms)
        return;
    if (c->state == CHILD_WAITING) {
        start_again(m, c, now_ms);
        return;
    }
    if (!c->aborted)
        log_error(c->state == CHILD_STARTING ? "child_not_ready" : "child_not_stopped",
                  "child=%s pid=%ld text=\"killed\"", spawn_name(c, name), (long)c->pid);
    (void)kill(c->pid, SIGKILL);
    c->aborted = true;
    c->due_ms = UINT64_MAX;
}

uint64_t spawn_tick(struct master *m, uint64_t now_ms)
{
    uint64_t next = now_ms + LOOK_MS;
    bool may_fork = !reload_is_loading(m);

    for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
        struct child *c = &m->children[i];

        if (c->state == CHILD_WAITING && !may_fork)
            continue; /* the reload looks again soon, and so does this */
        tick_one(m, c, now_ms);
        if (c->state != CHILD_NONE && c->state != CHILD_READY)
            next = min_u64(next, c->due_ms);
    }
    pipes_tell(m);
    return next;
}
