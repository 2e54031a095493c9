#include "server/master/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/apply.h"
#include "server/master/loading.h"
#include "server/master/spawn.h"
#include "server/master/state.h"
#include "server/master/workers.h"
#include "shm/control.h"

#define WAITERS_MAX 64 /* calls that wait for one reload; admin has no more under way */
#define LOOK_MS 10     /* while workers take up a generation: they need one turn of their loops */

enum reload_step { RELOAD_IDLE, RELOAD_ASKED, RELOAD_LOADING, RELOAD_ACKS, RELOAD_ADOPT };

struct waiters {
    uint64_t seqs[WAITERS_MAX];
    size_t n;
};

struct reload {
    enum reload_step step;
    bool again; /* asked for while one was under way */
    struct waiters now, next;
    struct loading *loading;
    struct config *conf;
    struct listeners listeners;
    struct changes changes;
    bool replaces; /* new workers take over from old ones */
    bool restarts_admin;
    uint64_t due_ms;

    bool has_last, last_ok;
    uint64_t last_ms;
    struct buf last_text;
};

struct reload *reload_create(void)
{
    return xcalloc(1, sizeof(struct reload));
}

void reload_free(struct reload *r)
{
    if (r == NULL)
        return;
    loading_free(r->loading);
    config_free(r->conf);
    listeners_abort(&r->listeners);
    changes_fini(&r->changes);
    buf_fini(&r->last_text);
    free(r);
}

void reload_ask(struct master *m, uint64_t seq)
{
    struct reload *r = m->reload;
    struct waiters *w = &r->now;

    if (r->step == RELOAD_IDLE) {
        r->step = RELOAD_ASKED;
    } else if (r->step != RELOAD_ASKED) {
        r->again = true;
        w = &r->next;
    }
    if (seq != 0 && w->n < WAITERS_MAX)
        w->seqs[w->n++] = seq;
}

bool reload_is_loading(const struct master *m)
{
    return m->reload->loading != NULL && !loading_is_done(m->reload->loading);
}

void reload_last(const struct master *m, struct buf *out)
{
    const struct reload *r = m->reload;

    if (!r->has_last) {
        buf_cstr(out, "null");
        return;
    }
    buf_printf(out, "{\"ok\":%s,\"at_ms\":%ju,\"text\":", r->last_ok ? "true" : "false",
               (uintmax_t)r->last_ms);
    buf_json(out, buf_view(&r->last_text));
    buf_char(out, '}');
}

/* --- the end --- */

static void answer(struct master *m, const char *error)
{
    struct reload *r = m->reload;
    struct buf text = BUF_INIT;

    if (error == NULL) {
        buf_printf(&text, "{\"ok\":true,\"generation\":%ju,\"changes\":[",
                   (uintmax_t)m->generation);
        changes_json(&r->changes, &text);
        buf_cstr(&text, "]}");
    } else {
        buf_cstr(&text, "{\"ok\":false,\"kind\":\"invalid\",\"error\":");
        buf_json(&text, str_of(error));
        buf_char(&text, '}');
    }
    for (size_t i = 0; i < r->now.n; i++) {
        int control = m->children[CHILD_ADMIN].control;

        /* An admin process that has died meanwhile has no client waiting. */
        if (control >= 0 &&
            control_send(control, CONTROL_REPLY, 0, r->now.seqs[i], buf_view(&text)) != 0)
            log_warn("reply_lost", "seq=%ju", (uintmax_t)r->now.seqs[i]);
    }
    buf_fini(&text);
}

static void finish(struct master *m, const char *error)
{
    struct reload *r = m->reload;

    r->has_last = true;
    r->last_ok = error == NULL;
    /* Two reloads within a millisecond are still two. */
    r->last_ms = max_u64(clock_real_ms(), r->last_ms + 1);
    buf_clear(&r->last_text);
    if (error == NULL)
        buf_printf(&r->last_text, "%zu changes", r->changes.n);
    else
        buf_cstr(&r->last_text, error);
    answer(m, error);
    if (error == NULL)
        log_info("reloaded", "generation=%ju changes=%zu", (uintmax_t)m->generation, r->changes.n);
    notify_send(&m->notify, "READY=1\nSTATUS=%s", error == NULL ? "" : "the last reload failed");
    config_free(r->conf);
    r->conf = NULL;
    listeners_abort(&r->listeners);
    changes_fini(&r->changes);
    r->now = r->next;
    r->next = (struct waiters){.n = 0};
    r->step = r->again ? RELOAD_ASKED : RELOAD_IDLE;
    r->again = false;
}

/* Each finding on a line of its own, as in the terminal. */
static void fail(struct master *m, const char *text)
{
    struct str rest = str_of(text);
    struct str line;

    while (str_next(&rest, '\n', &line))
        log_error("reload_failed", "text=\"%.*s\"", STR_ARGS(line));
    finish(m, text);
}

/* --- the steps --- */

static void begin(struct master *m)
{
    struct reload *r = m->reload;
    struct error err = ERROR_INIT;

    notify_send(&m->notify, "RELOADING=1\nMONOTONIC_USEC=%ju", (uintmax_t)clock_mono_ns() / 1000);
    if (loading_start(m->config_path, m->options, &r->loading, &err) != 0)
        fail(m, err.text);
    else
        r->step = RELOAD_LOADING;
}

static void prepare(struct master *m, uint64_t now_ms)
{
    struct reload *r = m->reload;
    struct listeners_request req = {.old = &m->listeners};
    struct error err = ERROR_INIT;
    bool wrong_file;

    if (loading_take(&r->loading, &r->conf, &err) != 0) {
        fail(m, err.text);
        return;
    }
    req.conf = r->conf;
    if (listeners_prepare(&req, &r->listeners, &wrong_file, &err) != 0 ||
        apply_mock(m, r->conf, &err) != 0) {
        fail(m, err.text);
        return;
    }
    r->step = RELOAD_ACKS;
    r->due_ms = now_ms + ACK_WAIT_MS;
}

/* TERM, and another one with the new settings takes its place. */
static void restart(struct child *c, uint64_t now_ms)
{
    if (!spawn_is_running(c))
        return; /* the next one has them anyway */
    spawn_stop(c, STOP_WAIT_MS, now_ms);
    c->wanted = true;
}

/* True: it was stopped. */
static bool follow_need(struct child *c, bool is_needed, uint64_t now_ms)
{
    if (is_needed && !c->wanted) {
        c->wanted = true;
        if (c->state == CHILD_NONE) {
            c->state = CHILD_WAITING;
            c->due_ms = now_ms;
        }
    } else if (!is_needed && c->wanted) {
        spawn_stop(c, STOP_WAIT_MS, now_ms);
        return true;
    }
    return false;
}

static void follow_needs(struct master *m, uint64_t now_ms)
{
    if (follow_need(&m->children[CHILD_MOCK], m->settings.needs_mock, now_ms))
        fd_close(&m->mock_fd);
    (void)follow_need(&m->children[CHILD_CREDENTIAL], m->settings.needs_credentials, now_ms);
}

static void swap(struct master *m, uint64_t now_ms)
{
    struct reload *r = m->reload;
    struct settings old = m->settings;
    struct apply how = {.when = APPLY_RELOAD, .changes = &r->changes};
    struct error err = ERROR_INIT;

    if (apply_config(m, r->conf, &how, &err) != 0) {
        fail(m, err.text);
        return;
    }
    config_free(r->conf); /* it holds secrets */
    r->conf = NULL;
    r->replaces =
        memcmp(r->listeners.digest, m->listeners.digest, sizeof(r->listeners.digest)) != 0 ||
        old.log_level != m->settings.log_level;
    listeners_diff(&m->listeners, &r->listeners, &r->changes);
    listeners_commit(&m->listeners, &r->listeners);
    log_init("master", m->settings.log_level);
    r->restarts_admin = old.log_level != m->settings.log_level ||
                        strcmp(old.admin_token, m->settings.admin_token) != 0;
    if (old.log_max_records != m->settings.log_max_records ||
        old.log_max_age_ms != m->settings.log_max_age_ms ||
        old.durability_ms != m->settings.durability_ms ||
        old.durability_strict != m->settings.durability_strict ||
        old.log_level != m->settings.log_level)
        restart(&m->children[CHILD_AGGREGATOR], now_ms);
    crypto_wipe(&old, sizeof(old));
    follow_needs(m, now_ms);
    m->epoch += r->replaces;
    r->step = RELOAD_ADOPT;
    r->due_ms = now_ms + READY_WAIT_MS;
    if (workers_adjust(m, now_ms, &err) != 0) {
        workers_give_up(m);
        fail(m, err.text);
    }
}

static void adopted(struct master *m, uint64_t now_ms)
{
    struct reload *r = m->reload;

    struct error err = ERROR_INIT;

    if (r->replaces)
        workers_retire(m, now_ms);
    /* An old one that died meanwhile was started again as a new one: there may be one too many. */
    if (workers_adjust(m, now_ms, &err) != 0)
        log_warn("workers_not_adjusted", "text=\"%s\"", err.text);
    finish(m, NULL);
    if (r->restarts_admin) /* after the answer, which went through it */
        restart(&m->children[CHILD_ADMIN], now_ms);
    r->restarts_admin = false;
}

/* The configuration is in effect; only the workers of the new epoch did not come. */
static void not_adopted(struct master *m)
{
    char text[128];

    if (m->reload->replaces) {
        workers_give_up(m);
        fail(m, "the new workers did not become ready (the log says why); the old ones serve on, "
                "with the listeners that they have");
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "published, but not every worker has taken up generation %ju yet",
                   (uintmax_t)m->generation);
    fail(m, text);
}

static bool new_ones_failed(const struct master *m)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        const struct child *c = &m->children[i];

        if (c->wanted && c->epoch == m->epoch && c->throttle.failures > 2)
            return true;
    }
    return false;
}

uint64_t reload_tick(struct master *m, uint64_t now_ms)
{
    struct reload *r = m->reload;
    char who[32];
    char text[128];

    if (r->step == RELOAD_ASKED)
        begin(m);
    if (r->step == RELOAD_LOADING && loading_is_done(r->loading))
        prepare(m, now_ms);
    if (r->step == RELOAD_ACKS) {
        if (workers_have_acked(m, who)) {
            swap(m, now_ms);
        } else if (now_ms >= r->due_ms) {
            (void)snprintf(text, sizeof(text),
                           "nothing changed: %s has not taken up generation %ju; is it stopped?",
                           who, (uintmax_t)m->generation);
            fail(m, text);
        }
    }
    if (r->step == RELOAD_ADOPT) {
        if (workers_are_current(m))
            adopted(m, now_ms);
        else if (now_ms >= r->due_ms || (r->replaces && new_ones_failed(m)))
            not_adopted(m);
    }
    if (r->step == RELOAD_IDLE)
        return UINT64_MAX;
    return now_ms + LOOK_MS;
}
