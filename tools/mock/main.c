/*
 * main - the mock provider's process (server/inherit.h).
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/inherit.h"
#include "tools/mock/serve.h"

/* As many connections as the system lets it have; fewer only mean that others queue. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Readable when it is asked to stop; -1 when the kernel gives none. */
static int stop_signals(bool alone)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    if (alone) {
        /* A child leaves Ctrl-C to its master; alone it is its own master. */
        (void)signal(SIGINT, SIG_DFL);
        (void)sigaddset(&set, SIGINT);
    }
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int mock_main(const struct inherit *in)
{
    int stop[2];
    int rc;

    child_begin(in, ROLE_MOCK, "mock");
    raise_descriptors();
    stop[0] = in->control; /* at its end when the master is gone */
    stop[1] = stop_signals(in->control < 0);
    if (stop[1] < 0) {
        log_error("mock_signals", "errno=%d", errno);
        return 3;
    }
    child_ready(in);
    rc = serve_run(in->mock_fd, stop);
    fd_close(&stop[1]);
    return rc == 0 ? 0 : 3;
}
