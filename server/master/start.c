#include "server/master/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/paths.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/apply.h"
#include "server/master/dirs.h"
#include "server/master/listen.h"
#include "server/master/memory.h"
#include "server/master/pipes.h"
#include "server/master/priority.h"
#include "server/master/privileges.h"
#include "server/master/reload.h"
#include "server/master/restore.h"
#include "server/master/rule_publish.h"
#include "server/master/signals.h"
#include "server/master/spawn.h"
#include "server/master/state.h"
#include "server/master/workers.h"
#include "shm/control.h"

static int open_dirs(struct master *m, struct error *err)
{
    int n;

    if (paths_state(m->options->state_dir, m->state_dir, sizeof(m->state_dir), err) != 0 ||
        paths_run(m->options->run_dir, m->run_dir, sizeof(m->run_dir), err) != 0 ||
        dirs_make(m->state_dir, 0700, err) != 0 || dirs_make(m->run_dir, 0750, err) != 0)
        return -1;
    n = snprintf(m->admin_socket, sizeof(m->admin_socket), "%s/%s", m->run_dir, PATHS_SOCKET);
    if (n < 0 || (size_t)n >= sizeof(m->admin_socket))
        return error_set(err, "%s: the path is too long", m->run_dir);
    m->lock_fd = dirs_lock(m->state_dir, err);
    return m->lock_fd < 0 ? -1 : 0;
}

/* Everything that root may do and the user it becomes may not. */
static int become_user(struct master *m, const struct config *conf, struct error *err)
{
    struct identity who;

    if (privileges_find(conf->user, &who, err) != 0)
        return -1;
    if (geteuid() == 0 && !who.change)
        log_warn("stays_root", "text=\"there is no user %s; install the package or set user:\"",
                 conf->user);
    if (who.change && (dirs_give(m->state_dir, who.uid, who.gid, err) != 0 ||
                       dirs_give(m->run_dir, who.uid, who.gid, err) != 0))
        return -1;
    if (who.change)
        listeners_give(&m->listeners, who.uid, who.gid);
    privileges_raise_files();
    return privileges_drop(&who, err);
}

static int start_children(struct master *m, struct error *err)
{
    static const int others[] = {CHILD_AGGREGATOR, CHILD_ADMIN, CHILD_MOCK, CHILD_CREDENTIAL};

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct child *c = &m->children[others[i]];

        if ((others[i] == CHILD_MOCK && !m->settings.needs_mock) ||
            (others[i] == CHILD_CREDENTIAL && !m->settings.needs_credentials))
            continue;
        c->wanted = true;
        if (spawn_start(m, c, err) != 0)
            return -1;
    }
    return workers_adjust(m, clock_mono_ms(), err);
}

static void init(struct master *m)
{
    static const struct regions none = {
        REGION_NONE(REGION_PUBLISHED), REGION_NONE(REGION_SECRETS), REGION_NONE(REGION_WEIGHTS),
        REGION_NONE(REGION_LIVE),      REGION_NONE(REGION_TOKENS),  REGION_NONE(REGION_COUNTERS)};

    m->regions = none;
    m->pid = getpid();
    m->started_real_ms = clock_real_ms();
    m->lock_fd = m->signal_fd = m->admin_fd = m->mock_fd = -1;
    m->epoch = 1;
    spawn_init(m);
    m->reload = reload_create();
    m->rule_publish = rule_publish_create();
    m->json = json_parser_create();
    m->message = xalloc(CONTROL_TEXT_MAX + sizeof(struct control_head));
    notify_open(&m->notify);
    passed_open(&m->passed);
    priority_init();
}

/* In this order: see the header. Returns the exit status, or 0. */
static int prepare(struct master *m, const struct config *conf, struct error *err)
{
    struct listeners first = {0};
    struct changes changes = {.lines = BUF_INIT};
    struct apply how = {.changes = &changes};
    struct listeners_request req = {.conf = conf, .passed = &m->passed};
    bool fresh;
    bool wrong_file = false;

    if (open_dirs(m, err) != 0 || memory_open(&m->passed, &m->regions, &fresh, err) != 0)
        return EXIT_MACHINE;
    if (listeners_prepare(&req, &first, &wrong_file, err) != 0)
        return wrong_file ? EXIT_CONFIG : EXIT_MACHINE;
    listeners_commit(&m->listeners, &first);
    passed_close(&m->passed);
    if (apply_mock(m, conf, err) != 0 || become_user(m, conf, err) != 0)
        return EXIT_MACHINE;
    m->admin_fd = listen_admin(m->admin_socket, err);
    m->signal_fd = signals_open(err);
    if (m->admin_fd < 0 || m->signal_fd < 0)
        return EXIT_MACHINE;
    m->money =
        money_open(&m->regions.published, &m->regions.counters, &m->regions.live, m->state_dir);
    how.when = fresh ? APPLY_FRESH : APPLY_START;
    if (apply_config(m, conf, &how, err) != 0)
        return how.wrong_file ? EXIT_CONFIG : EXIT_MACHINE;
    money_sweep(m->money);
    if (fresh && restore_counters(m->money, err) != 0)
        return EXIT_MACHINE;
    changes_fini(&changes);
    log_init("master", m->settings.log_level);
    memory_store(&m->regions, &m->notify);
    return 0;
}

int start_run(struct master *m, struct error *err)
{
    struct config *conf = NULL;
    int status;

    init(m);
    m->config_path = m->options->config_path != NULL ? m->options->config_path : paths_config();
    if (apply_load(m->config_path, m->options, &conf, err) != 0)
        return EXIT_CONFIG;
    status = prepare(m, conf, err);
    config_free(conf); /* it holds secrets, and children would inherit them */
    if (status == 0 && start_children(m, err) != 0)
        status = EXIT_MACHINE;
    return status;
}

void start_undo(struct master *m)
{
    money_close(m->money);
    listeners_close(&m->listeners);
    if (m->admin_fd >= 0)
        (void)unlink(m->admin_socket); /* it may be gone */
    fd_close(&m->admin_fd);
    fd_close(&m->mock_fd);
    fd_close(&m->signal_fd);
    pipes_close(m);
    passed_close(&m->passed);
    memory_close(&m->regions);
    reload_free(m->reload);
    rule_publish_free(m->rule_publish);
    json_parser_free(m->json);
    entities_free(m->effective.entities);
    buf_fini(&m->effective.json);
    buf_fini(&m->effective.yaml);
    free(m->message);
    crypto_wipe(&m->settings, sizeof(m->settings));
    notify_close(&m->notify);
    fd_close(&m->lock_fd); /* last: now another may start */
}
