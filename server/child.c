/*
 * child - the first and last lines that all children share (inherit.h).
 */
#include <errno.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/error.h"
#include "server/inherit.h"
#include "shm/control.h"
#include "shm/live.h"

/* Set once after fork; the master's own value until then. */
static enum role current_role = ROLE_MASTER;
/* Where this worker's last words go; NULL in every other process. */
static struct slot *crash_slot;

/* What `ps` and `top` show; the kernel keeps 15 bytes. */
static const char *const role_titles[] = {
    [ROLE_MASTER] = "bowfin",          [ROLE_WORKER] = "bowfin-worker",
    [ROLE_AGGREGATOR] = "bowfin-aggr", [ROLE_ADMIN] = "bowfin-admin",
    [ROLE_MOCK] = "bowfin-mock",       [ROLE_CREDENTIAL] = "bowfin-cred",
};

enum role process_role(void)
{
    return current_role;
}

static void die_with_master(const struct inherit *in)
{
    /* A worker still finishes what it has open; the master's death is not its clients' fault. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) {
        log_error("child_pdeathsig", "errno=%d", errno);
        _exit(1);
    }
    /* It may have died between the fork and the line above. */
    if (getppid() != in->master)
        _exit(0);
}

static void protect(const struct region *r, bool writes)
{
    struct error err = ERROR_INIT;

    if (writes || r->base == NULL)
        return;
    if (region_protect(r, &err) != 0) {
        log_error("region_protect", "text=\"%s\"", err.text);
        _exit(1);
    }
}

static void on_must(const char *text)
{
    if (crash_slot != NULL)
        live_crash_text(crash_slot, text);
}

/* Only what is safe in a signal handler: the text is put together by hand. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
    char text[64] = "signal ";
    size_t n = strlen(text);
    uintptr_t address = (uintptr_t)info->si_addr;

    (void)context;
    text[n++] = (char)('0' + sig / 10 % 10);
    text[n++] = (char)('0' + sig % 10);
    memcpy(text + n, " at 0x", 6);
    n += 6;
    for (int shift = (int)sizeof(address) * 8 - 4; shift >= 0; shift -= 4)
        text[n++] = "0123456789abcdef"[(address >> shift) & 15];
    text[n] = '\0';
    on_must(text);
    /* SA_RESETHAND has put the default action back: the process dies of its own signal. */
    (void)raise(sig);
}

static void set_signals(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t none;
    struct sigaction action = {0};
    struct sigaction old;

    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)sigaction(ignored[i], &action, NULL); /* fails for bad numbers only */
    action.sa_handler = SIG_DFL;
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGCHLD, &action, NULL);
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        /* A sanitizer's own handler tells more than ours. */
        if (sigaction(faults[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            (void)sigaction(faults[i], &action, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_begin(const struct inherit *in, enum role role, const char *proc)
{
    struct sched_param normal = {0};

    must(role != ROLE_MASTER && role < ARRAY_LEN(role_titles));
    current_role = role;
    log_init(proc, in->log_level);
    (void)prctl(PR_SET_NAME, role_titles[role]); /* only a name */
    if (in->control >= 0)
        die_with_master(in);
    /* The master loads configurations as a batch job; a child serves. */
    (void)sched_setscheduler(0, SCHED_OTHER, &normal);
    set_signals();
    protect(&in->regions.published, false);
    protect(&in->regions.secrets, false);
    protect(&in->regions.weights, role == ROLE_AGGREGATOR);
    protect(&in->regions.live, role == ROLE_WORKER);
    protect(&in->regions.tokens, role == ROLE_CREDENTIAL);
    protect(&in->regions.counters, role == ROLE_WORKER);
    if (role == ROLE_WORKER)
        crash_slot = live_slot(&in->regions.live, in->slot);
    must_set_hook(on_must);
}

/* `bowfin mock` has no master to tell: whoever started it reads a line. */
static void announce(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";

    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0 ||
        getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    (void)dprintf(STDOUT_FILENO,
                  bound.ss_family == AF_INET6 ? "mock ready http://[%s]:%s\n"
                                              : "mock ready http://%s:%s\n",
                  host, port);
}

void child_ready(const struct inherit *in)
{
    if (in->control < 0) {
        announce(in->mock_fd);
        return;
    }
    if (control_send(in->control, CONTROL_READY, (uint16_t)in->slot, 0, STR_NONE) != 0) {
        log_error("child_ready", "errno=%d", errno);
        _exit(1);
    }
}
