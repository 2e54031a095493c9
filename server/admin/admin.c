/*
 * admin - the process: set-up, the loop, the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/admin/ask.h"
#include "server/admin/http.h"
#include "server/admin/idempotency.h"
#include "server/aggregator/query.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/inherit.h"
#include "server/worker/explain_run.h"

#define TURN_IDLE_MS 10000
#define TURN_ASKING_MS 250 /* how late a deadline may be noticed */
#define DRAIN_MS 2000      /* for answers under way when the process is told to stop */

struct life {
    struct admin admin;
    int signals; /* signalfd: TERM */
    bool stopping, orphaned;
};

static void on_signal(void *ctx)
{
    struct life *life = ctx;
    struct signalfd_siginfo info;

    while (read(life->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        life->stopping = true;
}

static void on_control(void *ctx)
{
    struct life *life = ctx;

    if (!ask_on_readable(life->admin.ask))
        life->orphaned = true;
}

/* TERM as a descriptor: no handler, no race between looking at a flag and waiting. */
static int open_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set); /* these two fail for bad numbers only */
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void serve(struct life *life, struct admin_http *http)
{
    uint64_t end_ms = UINT64_MAX;

    while (!life->orphaned && clock_mono_ms() < end_ms) {
        if (life->stopping && end_ms == UINT64_MAX) {
            end_ms = clock_mono_ms() + DRAIN_MS;
            admin_http_drain(http);
        }
        if (life->stopping && admin_http_open(http) == 0)
            break;
        bool asking = ask_pending(life->admin.ask) > 0;
        admin_http_turn(http, asking || life->stopping ? TURN_ASKING_MS : TURN_IDLE_MS);
        ask_expire(life->admin.ask);
    }
}

int admin_main(const struct inherit *in)
{
    struct life life = {.signals = -1};
    struct admin *a = &life.admin;

    child_begin(in, ROLE_ADMIN, "admin");
    life.signals = open_signals();
    if (life.signals < 0 || fd_set_nonblock(in->control, true) != 0 ||
        fd_set_nonblock(in->admin_fd, true) != 0) {
        log_error("admin_start", "errno=%d", errno);
        return 1;
    }
    a->regions = &in->regions;
    a->json = json_parser_create();
    a->ask = ask_create(in->control, a->json);
    a->query = query_open(in->state_dir);
    a->idempotency = idempotency_create();
    a->token = (struct str){in->admin_token, strnlen(in->admin_token, sizeof(in->admin_token))};
    a->started_ms = clock_real_ms();
    struct admin_http *http = admin_http_create(in->admin_fd, a);
    admin_http_watch(http, in->control, on_control, &life);
    admin_http_watch(http, life.signals, on_signal, &life);
    child_ready(in);
    log_info("admin_started", "socket=%s", in->admin_socket);
    serve(&life, http);
    log_info("admin_stopped", "orphaned=%d", life.orphaned);
    /* The exchanges under way are the exiting process's; what is on disk is another's. */
    ask_free(a->ask);
    query_close(a->query);
    idempotency_free(a->idempotency);
    metrics_owners_free(a->owners);
    explainer_free(a->explainer);
    admin_view_fini(a);
    json_parser_free(a->json);
    return 0;
}
