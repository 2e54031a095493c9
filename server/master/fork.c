#include "server/master/fork.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/master/state.h"

#define KEEP_MAX (LISTENERS_MAX + 8)

struct keep {
    int fds[KEEP_MAX];
    size_t n;
};

static void keep(struct keep *k, int fd)
{
    must(k->n < KEEP_MAX);
    if (fd > STDERR_FILENO)
        k->fds[k->n++] = fd;
}

static int compare(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Everything between the kept ones: also what a library opened without telling. */
static void close_others(struct keep *k)
{
    unsigned from = STDERR_FILENO + 1;

    qsort(k->fds, k->n, sizeof(k->fds[0]), compare);
    for (size_t i = 0; i < k->n; i++) {
        if ((unsigned)k->fds[i] > from)
            (void)close_range(from, (unsigned)k->fds[i] - 1, 0);
        from = (unsigned)k->fds[i] + 1;
    }
    (void)close_range(from, ~0u, 0);
}

static void fill(struct inherit *in, const struct master *m, int control)
{
    in->regions = m->regions;
    /* Mappings stay; a descriptor could be mapped writable again. */
    in->regions.published.fd = in->regions.secrets.fd = -1;
    in->regions.weights.fd = in->regions.live.fd = in->regions.tokens.fd = -1;
    in->regions.counters.fd = -1;
    in->control = control;
    in->master = m->pid;
    in->log_level = m->settings.log_level;
    (void)snprintf(in->state_dir, sizeof(in->state_dir), "%s", m->state_dir); /* same sizes */
    (void)snprintf(in->run_dir, sizeof(in->run_dir), "%s", m->run_dir);
    (void)snprintf(in->admin_socket, sizeof(in->admin_socket), "%s", m->admin_socket);
    in->sample_fd = in->record_fd = in->admin_fd = in->mock_fd = -1;
}

static int run(const struct inherit *in, enum role role)
{
    switch (role) {
    case ROLE_WORKER:
        return worker_main(in);
    case ROLE_AGGREGATOR:
        return aggregator_main(in);
    case ROLE_ADMIN:
        return admin_main(in);
    case ROLE_CREDENTIAL:
        return credential_main(in);
    default:
        return mock_main(in);
    }
}

void fork_run(struct master *m, const struct child *c, int control)
{
    static struct inherit in; /* outlives this frame for leak checkers' sake */
    struct keep k = {.n = 0};
    enum role role = c->role;

    fill(&in, m, control);
    keep(&k, control);
    if (role == ROLE_WORKER) {
        in.slot = c->slot;
        in.sample_fd = m->pipes[c->slot].sample[1];
        in.record_fd = m->pipes[c->slot].record[1];
        in.listeners = m->listeners.items;
        in.n_listeners = m->listeners.n;
        keep(&k, in.sample_fd);
        keep(&k, in.record_fd);
        for (uint32_t i = 0; i < in.n_listeners; i++)
            keep(&k, in.listeners[i].fd);
    } else {
        /* Private TLS keys are the workers' alone; credentials also whose work they are. */
        if (role != ROLE_CREDENTIAL)
            region_close(&in.regions.secrets);
        if (role == ROLE_AGGREGATOR || role == ROLE_MOCK)
            region_close(&in.regions.tokens);
        listeners_wipe(&m->listeners);
    }
    if (role == ROLE_ADMIN) {
        in.admin_fd = m->admin_fd;
        (void)snprintf(in.admin_token, sizeof(in.admin_token), "%s", m->settings.admin_token);
        keep(&k, in.admin_fd);
    }
    if (role == ROLE_MOCK) {
        in.mock_fd = m->mock_fd;
        keep(&k, in.mock_fd);
    }
    if (role == ROLE_AGGREGATOR) {
        in.log_max_records = m->settings.log_max_records;
        in.log_max_age_ms = m->settings.log_max_age_ms;
        in.durability_ms = m->settings.durability_ms;
        in.durability_strict = m->settings.durability_strict;
        keep(&k, m->lock_fd); /* dirs.h */
    }
    crypto_wipe(m->settings.admin_token, sizeof(m->settings.admin_token));
    close_others(&k);
    /* Not exit: what libraries left to atexit would be torn down under their own threads. */
    _exit(run(&in, role));
}
