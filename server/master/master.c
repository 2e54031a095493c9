#include "server/master/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/calendars.h"
#include "server/master/calls.h"
#include "server/master/reload.h"
#include "server/master/rule_publish.h"
#include "server/master/signals.h"
#include "server/master/spawn.h"
#include "server/master/start.h"
#include "server/master/state.h"
#include "server/master/workers.h"
#include "shm/control.h"
#include "shm/live.h"
#include "shm/outbox.h"
#include "shm/weights.h"

#define STATUS_NOW_MS 2000 /* after a second TERM the aggregator still stores what it has */
#define FLUSHES_MAX 3      /* aggregators started only to store what others left */

/* One daemon per process; static so that its address says so in a debugger. */
static struct master the_master;

/* --- ready --- */

static const char *scheme(const struct inherit_listener *l)
{
    if (l->address[0] == 'u' && l->address[1] == 'n') /* unix:/path */
        return "";
    return l->certificate_pem != NULL ? "https://" : "http://";
}

static bool all_ready(const struct master *m)
{
    for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
        if (m->children[i].wanted && m->children[i].state != CHILD_READY)
            return false;
    }
    return true;
}

/* For who has no file yet: a line that answers when it is pasted, with a key where one is needed. */
static void suggest(const struct master *m, const struct inherit_listener *first)
{
    bool is_unix = scheme(first)[0] == '\0';
    const char *path = is_unix ? first->address + strlen("unix:") : first->address;
    char make_key[512] = "";
    const char *show_key = "";

    if (m->settings.require_key) {
        (void)snprintf(make_key, sizeof(make_key),
                       "KEY=$(bfctl --socket %s keys create try-$$) && ", m->admin_socket);
        show_key = "-H \"authorization: Bearer $KEY\" ";
    }
    (void)dprintf(STDERR_FILENO,
                  "Try: %scurl %s%s%s/v1/chat/completions -H 'content-type: application/json' %s"
                  "-d '{\"model\":\"mock/echo\",\"messages\":[{\"role\":\"user\","
                  "\"content\":\"Hello!\"}]}'\n",
                  make_key, is_unix ? "--unix-socket " : scheme(first), path,
                  is_unix ? " http://localhost" : "", show_key);
}

static void announce(struct master *m)
{
    const struct inherit_listener *first = &m->listeners.items[0];

    m->phase = PHASE_RUNNING;
    log_info("ready", "pid=%ld workers=%u ms=%ju", (long)m->pid, m->settings.workers,
             (uintmax_t)(clock_real_ms() - m->started_real_ms));
    /* Before the ready line: who waits for that one has this one then. */
    if (m->config_path == NULL)
        suggest(m, first);
    (void)dprintf(STDOUT_FILENO, "bowfin ready %s%s pid=%ld workers=%u\n", scheme(first),
                  first->address, (long)m->pid, m->settings.workers);
    notify_send(&m->notify, "READY=1\nSTATUS=serving on %s%s", scheme(first), first->address);
}

/* --- the end --- */

static void stop_role(struct master *m, int which, uint64_t grace_ms, uint64_t now_ms)
{
    if (m->stops > 1)
        spawn_kill(&m->children[which]);
    else
        spawn_stop(&m->children[which], grace_ms, now_ms);
}

/* Workers first; what they settled is then in their outboxes and pipes. */
static void begin_drain(struct master *m, uint64_t now_ms)
{
    m->phase = PHASE_DRAINING;
    log_info("draining", "workers=%u ms=%ju", workers_running(m), (uintmax_t)m->settings.drain_ms);
    notify_send(&m->notify, "STOPPING=1\nSTATUS=finishing open requests\nEXTEND_TIMEOUT_USEC=%ju",
                (uintmax_t)(m->settings.drain_ms + 2 * STOP_WAIT_MS) * 1000);
    /* Nobody will accept: whoever connects from now on must be refused, not kept waiting. */
    listeners_close(&m->listeners);
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        spawn_stop(&m->children[i], m->settings.drain_ms, now_ms);
}

static void stop_now(struct master *m)
{
    log_warn("stop_now", "workers=%u", workers_running(m));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        spawn_kill(&m->children[i]);
    if (m->phase == PHASE_CLOSING) {
        spawn_kill(&m->children[CHILD_ADMIN]);
        spawn_kill(&m->children[CHILD_MOCK]);
        spawn_kill(&m->children[CHILD_CREDENTIAL]);
    }
}

static void on_stop(struct master *m, unsigned times, uint64_t now_ms)
{
    m->stops += times;
    if (m->phase <= PHASE_RUNNING)
        begin_drain(m, now_ms);
    if (m->stops > 1)
        stop_now(m);
    if (m->stops > 2)
        spawn_kill(&m->children[CHILD_AGGREGATOR]);
}

static bool is_gone(const struct master *m, int which)
{
    return !spawn_is_running(&m->children[which]);
}

static bool all_stored(const struct master *m)
{
    uint32_t n = live_slots(&m->regions.live);

    for (uint32_t i = 0; i < n; i++) {
        if (outbox_last(&live_slot(&m->regions.live, i)->outbox) >
            weights_stored(&m->regions.weights, i))
            return false;
    }
    return true;
}

/*
 * Every settled record must be in the journal before its memory goes. An aggregator that happens to
 * be dead, or dies now, gets a successor for it; one that is starting must be ready first, else
 * TERM would end it before it could begin.
 */
static void flush(struct master *m, uint64_t now_ms)
{
    struct child *c = &m->children[CHILD_AGGREGATOR];
    struct error err = ERROR_INIT;

    if (c->state == CHILD_READY)
        spawn_stop(c, m->stops > 1 ? STATUS_NOW_MS : STOP_WAIT_MS, now_ms);
    if (spawn_is_running(c) || reload_is_loading(m))
        return;
    c->wanted = false;
    if (!all_stored(m) && m->stops <= 2 && m->flushes++ < FLUSHES_MAX &&
        spawn_start(m, c, &err) == 0)
        return;
    if (!all_stored(m))
        log_error("records_left", "text=\"usage records could not be stored: %s\"",
                  err.text[0] != '\0' ? err.text : "see the aggregator's messages");
    m->phase = PHASE_DONE;
}

/* The rest in order: nobody asks admin or mock any more, then nobody sends to the aggregator. */
static void go_on_stopping(struct master *m, uint64_t now_ms)
{
    if (m->phase == PHASE_DRAINING && workers_running(m) == 0) {
        m->phase = PHASE_CLOSING;
        stop_role(m, CHILD_ADMIN, STOP_WAIT_MS, now_ms);
        stop_role(m, CHILD_MOCK, STOP_WAIT_MS, now_ms);
        stop_role(m, CHILD_CREDENTIAL, STOP_WAIT_MS, now_ms);
    }
    if (m->phase == PHASE_CLOSING && is_gone(m, CHILD_ADMIN) && is_gone(m, CHILD_MOCK) &&
        is_gone(m, CHILD_CREDENTIAL)) {
        m->phase = PHASE_FLUSHING;
    }
    if (m->phase == PHASE_FLUSHING)
        flush(m, now_ms);
}

/* A child that cannot even start: the daemon does not pretend. */
static void check_start(struct master *m, uint64_t now_ms)
{
    if (all_ready(m)) {
        announce(m);
        return;
    }
    for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
        const struct child *c = &m->children[i];
        char name[32];

        if (c->wanted && c->state == CHILD_WAITING) {
            log_error("start_failed", "text=\"%s did not start\"", spawn_name(c, name));
            m->exit_status = EXIT_MACHINE;
            on_stop(m, 2, now_ms);
            return;
        }
    }
}

/* --- messages from children --- */

static void on_call(struct child *c, struct master *m, const struct control_message *message)
{
    struct buf out = BUF_INIT;

    if (c->role != ROLE_ADMIN) {
        log_warn("call_refused", "child=%s", spawn_role(c));
        return;
    }
    if (calls_answer(m, message->head.seq, message->text, &out) &&
        control_send(c->control, CONTROL_REPLY, 0, message->head.seq, buf_view(&out)) != 0)
        log_warn("reply_lost", "errno=%d", errno);
    if (out.data != NULL)
        crypto_wipe(out.data, out.cap); /* it may have a new key in it */
    buf_fini(&out);
}

static void on_messages(struct master *m, struct child *c, uint64_t now_ms)
{
    struct control_message message;
    size_t room = CONTROL_TEXT_MAX + sizeof(struct control_head);

    for (;;) {
        int rc = control_receive(c->control, m->message, room, &message);

        if (rc < 0 && errno == EBADMSG) {
            log_warn("message_dropped", "child=%s", spawn_role(c));
            continue;
        }
        if (rc < 0 && errno == EAGAIN)
            return;
        if (rc <= 0) {
            fd_close(&c->control); /* it is dying; SIGCHLD tells the rest */
            return;
        }
        for (size_t i = 0; i < message.n_fds; i++)
            fd_close(&message.fds[i]); /* no child has any to give */
        if (message.head.type == CONTROL_READY)
            spawn_ready(m, c, now_ms);
        else if (message.head.type == CONTROL_CALL)
            on_call(c, m, &message);
        else
            log_warn("message_dropped", "child=%s type=%u", spawn_role(c), message.head.type);
    }
}

/* --- the loop --- */

static uint64_t keep_watchdog(struct master *m, uint64_t now_ms)
{
    if (m->notify.watchdog_ms == 0)
        return UINT64_MAX;
    if (now_ms >= m->next_notify_ms) {
        notify_send(&m->notify, "WATCHDOG=1");
        m->next_notify_ms = now_ms + m->notify.watchdog_ms;
    }
    return m->next_notify_ms;
}

/* The clock may jump, and the zones' files be renewed: nobody else looks. */
static void keep_calendars(struct master *m)
{
    uint64_t real_ms = clock_real_ms();
    struct error err = ERROR_INIT;
    uint32_t failed;

    if (!calendars_are_due(m->calendars_ms, real_ms))
        return;
    m->calendars_ms = real_ms;
    failed = calendars_renew(&m->regions.published, real_ms, &err);
    if (failed > 0)
        log_warn("calendars_kept", "n=%u text=\"%s\"", failed, err.text);
}

/* All that follows from signals, deaths and time, in a fixed order. Returns when to wake. */
static uint64_t turn(struct master *m, const struct signals_seen *seen)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t next;

    if (seen->child)
        spawn_reap(m, now_ms);
    if (seen->stops > 0)
        on_stop(m, seen->stops, now_ms);
    if (seen->reload && m->phase <= PHASE_RUNNING)
        reload_ask(m, 0);
    next = spawn_tick(m, now_ms);
    if (m->phase == PHASE_STARTING)
        check_start(m, now_ms);
    if (m->phase <= PHASE_DRAINING)
        keep_calendars(m);
    if (m->phase == PHASE_RUNNING)
        next = min_u64(next, min_u64(reload_tick(m, now_ms), rule_publish_tick(m, now_ms)));
    if (m->phase > PHASE_RUNNING)
        go_on_stopping(m, now_ms);
    return min_u64(next, keep_watchdog(m, now_ms));
}

static void loop(struct master *m)
{
    struct signals_seen seen = {0};

    for (;;) {
        struct pollfd fds[CHILDREN_MAX + 1] = {{m->signal_fd, POLLIN, 0}};
        struct child *owners[CHILDREN_MAX + 1];
        nfds_t n = 1;
        uint64_t next = turn(m, &seen);
        uint64_t now_ms = clock_mono_ms();

        if (m->phase == PHASE_DONE)
            return;
        for (uint32_t i = 0; i < CHILDREN_MAX; i++) {
            if (m->children[i].control < 0)
                continue;
            owners[n] = &m->children[i];
            fds[n++] = (struct pollfd){m->children[i].control, POLLIN, 0};
        }
        (void)poll(fds, n, next > now_ms ? (int)min_u64(next - now_ms, 60000) : 0);
        now_ms = clock_mono_ms();
        /* Their last words before their deaths. */
        for (nfds_t i = 1; i < n; i++) {
            if (fds[i].revents != 0)
                on_messages(m, owners[i], now_ms);
        }
        signals_read(m->signal_fd, &seen);
    }
}

int master_run(const struct options *options)
{
    struct master *m = &the_master;
    struct error err = ERROR_INIT;
    int status;

    m->options = options;
    status = start_run(m, &err);
    if (status != 0) {
        (void)dprintf(STDERR_FILENO, "bowfin: %s\n", err.text);
        /* Some children may run already. */
        for (uint32_t i = 0; i < CHILDREN_MAX; i++)
            spawn_kill(&m->children[i]);
    } else {
        loop(m);
        status = m->exit_status;
        log_info("stopped", "status=%d", status);
    }
    start_undo(m);
    return status;
}
