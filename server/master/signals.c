#include "server/master/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(struct error *err)
{
    static const int wanted[] = {SIGHUP, SIGTERM, SIGQUIT, SIGINT, SIGCHLD, SIGUSR1, SIGUSR2};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;
    int fd;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        (void)sigaddset(&set, wanted[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || sigaction(SIGPIPE, &ignore, NULL) != 0)
        return error_errno(err, "signals");
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : error_errno(err, "signalfd");
}

void signals_read(int fd, struct signals_seen *out)
{
    struct signalfd_siginfo info;

    *out = (struct signals_seen){0};
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGHUP:
            out->reload = true;
            break;
        case SIGCHLD:
            out->child = true;
            break;
        case SIGTERM:
        case SIGQUIT:
        case SIGINT:
            out->stops++;
            break;
        default:
            break; /* USR1, USR2: logs go to stderr, nothing to reopen */
        }
    }
}
