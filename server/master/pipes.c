#include "server/master/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/state.h"
#include "shm/control.h"

/* Some seconds of a busy worker; an unprivileged daemon may get less, which the outbox makes up. */
#define PIPE_BYTES (1 << 20)

int pipes_open(struct master *m, uint32_t slot, struct error *err)
{
    struct slot_pipes *p = &m->pipes[slot];

    if (p->open)
        return 0;
    if (pipe2(p->sample, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_errno(err, "pipe");
    if (pipe2(p->record, O_CLOEXEC | O_NONBLOCK) != 0) {
        error_errno(err, "pipe");
        fd_close(&p->sample[0]);
        fd_close(&p->sample[1]);
        return -1;
    }
    (void)fcntl(p->sample[1], F_SETPIPE_SZ, PIPE_BYTES); /* see above */
    (void)fcntl(p->record[1], F_SETPIPE_SZ, PIPE_BYTES);
    p->open = true;
    p->told = false;
    return 0;
}

void pipes_tell(struct master *m)
{
    struct child *c = &m->children[CHILD_AGGREGATOR];

    if (c->control < 0)
        return;
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        struct slot_pipes *p = &m->pipes[i];
        const int ends[2] = {p->sample[0], p->record[0]};

        if (!p->open || p->told)
            continue;
        if (control_pass(c->control, CONTROL_PIPES, (uint16_t)i, ends, 2) != 0)
            return; /* a full socket: on the next turn */
        p->told = true;
    }
}

void pipes_forget(struct master *m)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        m->pipes[i].told = false;
}

void pipes_close(struct master *m)
{
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        struct slot_pipes *p = &m->pipes[i];

        if (!p->open)
            continue;
        for (int end = 0; end < 2; end++) {
            fd_close(&p->sample[end]);
            fd_close(&p->record[end]);
        }
        p->open = false;
    }
}
