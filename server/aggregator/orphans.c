#include "server/aggregator/orphans.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "shm/ledger.h"
#include "shm/live.h"

#define ORPHAN_BEAT_MS 10000 /* a worker that has not beaten for so long has ended */
#define KILL_WAIT_MS 1000
#define NAME_MAX_LEN 32

static pid_t pid_of(const struct slot *s)
{
    return (pid_t)atomic_load_explicit(&s->pid, memory_order_relaxed);
}

bool orphans_live(const struct region *live, uint64_t mono_ms)
{
    uint32_t n = live_slots(live);

    for (uint32_t i = 0; i < n; i++) {
        const struct slot *s = live_slot(live, i);
        pid_t pid = pid_of(s);
        uint64_t beat_ms = atomic_load_explicit(&s->beat_ms, memory_order_relaxed);

        if (pid > 0 && kill(pid, 0) == 0 && mono_ms - min_u64(beat_ms, mono_ms) < ORPHAN_BEAT_MS)
            return true;
    }
    return false;
}

/* Its number may belong to another process by now. */
static bool is_worker(pid_t pid)
{
    char path[64];
    char name[NAME_MAX_LEN] = "";
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(name, sizeof(name), file) == NULL)
        name[0] = '\0';
    (void)fclose(file); /* only read */
    return strncmp(name, "bowfin-worker", strlen("bowfin-worker")) == 0;
}

/*
 * Is the slot nobody's? A worker that hangs would go on in it when it comes round: it is ended for
 * good first. The descriptor means this very process, and is readable when it has ended, also when
 * nobody has reaped it.
 */
static bool has_ended(const struct slot *s)
{
    pid_t pid = pid_of(s);
    struct pollfd poll_fd;
    bool ended;

    if (pid <= 0)
        return true;
    poll_fd = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (poll_fd.fd < 0)
        return errno == ESRCH;
    ended = poll(&poll_fd, 1, 0) == 1 || !is_worker(pid);
    if (!ended) {
        (void)syscall(SYS_pidfd_send_signal, poll_fd.fd, SIGKILL, NULL, 0);
        ended = poll(&poll_fd, 1, KILL_WAIT_MS) == 1;
    }
    fd_close(&poll_fd.fd);
    return ended;
}

void orphans_recover(const struct regions *regions, uint64_t real_ms)
{
    struct error err = ERROR_INIT;
    uint32_t n = live_slots(&regions->live);

    if (region_unprotect(&regions->live, &err) != 0 ||
        region_unprotect(&regions->counters, &err) != 0) {
        log_error("holds_not_ended", "text=\"%s\"", err.text);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct recovered r;

        if (!has_ended(live_slot(&regions->live, i))) {
            log_error("holds_not_ended", "slot=%u text=\"its worker cannot be killed\"", i);
            continue;
        }
        r = ledger_recover(regions, i, real_ms);
        if (r.returned + r.settled > 0)
            log_warn("holds_ended", "slot=%u returned=%u settled=%u unrecorded=%u", i, r.returned,
                     r.settled, r.unrecorded);
    }
}
