/*
 * aggregator - the process: polls the workers' pipes, keeps time, ends in order.
 *
 * Pipes are read some milliseconds after the first of them became readable, so that a busy gateway
 * wakes this process a hundred times a second and not for each request; an idle one wakes it once
 * a second.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/aggregator/journal.h"
#include "server/aggregator/orphans.h"
#include "server/aggregator/samples.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/inherit.h"
#include "shm/control.h"

#define COALESCE_MS 20   /* 64 KiB, the smallest pipe, hold 20,000 records a second */
#define PUBLISH_MS 250   /* weights, while samples come */
#define URGENT_MS 20     /* and when one was shut: who dies is left alone at once */
#define BEAT_MS 1000     /* and when none do */
#define READ_BYTES 65536 /* a pipe's capacity */
#define READS_MAX 8      /* of one pipe in a row: the others wait */

/* pollfds: the first two are always watched. */
enum { POLL_CONTROL, POLL_SIGNAL, POLL_PIPES };

struct pipes {
    int samples, records; /* -1: none */
};

struct aggregator {
    const struct inherit *in;
    struct region weights; /* a copy: its mapping is written to */
    struct agg_counters counters;
    struct samples *samples;
    struct journal *journal;
    int control, signals;
    struct pipes pipes[SLOTS_MAX];
    struct pollfd polls[POLL_PIPES + 2 * SLOTS_MAX];
    nfds_t n_polls;
    uint8_t *buffer; /* READ_BYTES */
    void *message;   /* of control */
    uint64_t published_ms, beaten_ms;
    bool has_samples; /* since the last publication */
    bool sweep_again; /* an outbox holds more than one sweep may take */
    bool is_asked_to_stop;
    bool is_done;
};

/* --- pipes --- */

static void close_pipes(struct pipes *p)
{
    fd_close(&p->samples);
    fd_close(&p->records);
}

/* Reads what there is, at most READS_MAX times. `fn` gets it. Closes a pipe that has ended. */
typedef void feed_fn(struct aggregator *a, uint32_t slot, size_t len);

static void drain(struct aggregator *a, uint32_t slot, int *fd, feed_fn *fn)
{
    for (int i = 0; i < READS_MAX && *fd >= 0; i++) {
        ssize_t n = read(*fd, a->buffer, READ_BYTES);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) { /* all writers are gone: master and worker */
            fd_close(fd);
            return;
        }
        fn(a, slot, (size_t)n);
        if (n < READ_BYTES)
            return;
    }
}

static void feed_samples(struct aggregator *a, uint32_t slot, size_t len)
{
    (void)slot; /* each sample names its own */
    a->has_samples = true;
    samples_feed(a->samples, a->buffer, len, clock_mono_ms());
}

static void feed_records(struct aggregator *a, uint32_t slot, size_t len)
{
    journal_feed(a->journal, slot, (struct str){(const char *)a->buffer, len});
}

static void read_pipes(struct aggregator *a)
{
    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
        struct pipes *p = &a->pipes[slot];

        drain(a, slot, &p->samples, feed_samples);
        /* While the journal is closed records wait in the outboxes, and pipes may fill. */
        if (journal_is_open(a->journal))
            drain(a, slot, &p->records, feed_records);
    }
}

/* --- the master --- */

static void take_pipes(struct aggregator *a, struct control_message *m)
{
    struct pipes *p = &a->pipes[m->head.slot];

    if (m->n_fds != 2 || fd_set_nonblock(m->fds[0], true) != 0 ||
        fd_set_nonblock(m->fds[1], true) != 0) {
        log_warn("control_pipes", "slot=%u descriptors=%zu", m->head.slot, m->n_fds);
        return;
    }
    read_pipes(a); /* what the old ones still hold */
    close_pipes(p);
    p->samples = m->fds[0];
    p->records = m->fds[1];
    m->n_fds = 0;
}

static void on_control(struct aggregator *a)
{
    struct control_message m;
    int rc =
        control_receive(a->control, a->message, CONTROL_TEXT_MAX + sizeof(struct control_head), &m);

    if (rc < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (rc < 0 && errno == EBADMSG) {
        log_warn("control_unsound", "from=master");
        return;
    }
    if (rc <= 0) {
        fd_close(&a->control); /* the master has died: see is_orphan */
        return;
    }
    if (m.head.type == CONTROL_PIPES)
        take_pipes(a, &m);
    for (size_t i = 0; i < m.n_fds; i++)
        fd_close(&m.fds[i]);
}

static void on_signal(struct aggregator *a)
{
    struct signalfd_siginfo info;

    if (read(a->signals, &info, sizeof(info)) == sizeof(info))
        a->is_asked_to_stop = true;
}

static bool is_orphan(const struct aggregator *a)
{
    return a->control < 0 || getppid() != a->in->master;
}

/*
 * The master stops its workers before it stops us: then everything is in pipes and outboxes. When
 * it is the master that died, workers still finish what they have open, and their records end with
 * the memory they are in: stay until the last worker has gone.
 */
static bool may_stop(struct aggregator *a, uint64_t mono_ms)
{
    return is_orphan(a) ? !orphans_live(&a->in->regions.live, mono_ms) : a->is_asked_to_stop;
}

/* --- time --- */

static uint64_t publish_due_ms(const struct aggregator *a)
{
    return a->published_ms + (samples_are_urgent(a->samples) ? URGENT_MS : PUBLISH_MS);
}

static void turn(struct aggregator *a, uint64_t mono_ms)
{
    bool beat = mono_ms - a->beaten_ms >= BEAT_MS;

    if (beat || (a->has_samples && mono_ms >= publish_due_ms(a))) {
        (void)samples_publish(a->samples, beat, mono_ms); /* what fades is told at each beat */
        a->published_ms = mono_ms;
        a->has_samples = false;
        a->beaten_ms = beat ? mono_ms : a->beaten_ms;
        a->sweep_again = journal_sweep(a->journal);
        a->is_done = may_stop(a, mono_ms);
    } else if (a->sweep_again) {
        a->sweep_again = journal_sweep(a->journal);
    }
    journal_turn(a->journal, mono_ms);
    a->is_done = a->is_done || (a->is_asked_to_stop && may_stop(a, mono_ms));
}

static int timeout_ms(const struct aggregator *a, uint64_t mono_ms)
{
    uint64_t due = min_u64(a->beaten_ms + BEAT_MS, journal_due_ms(a->journal));

    if (a->has_samples)
        due = min_u64(due, publish_due_ms(a));
    if (a->sweep_again || due <= mono_ms)
        return 0;
    return (int)(due - mono_ms);
}

/* --- the loop --- */

static void set_polls(struct aggregator *a)
{
    a->n_polls = POLL_PIPES;
    a->polls[POLL_CONTROL] = (struct pollfd){.fd = a->control, .events = POLLIN};
    a->polls[POLL_SIGNAL] = (struct pollfd){.fd = a->signals, .events = POLLIN};
    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
        const struct pipes *p = &a->pipes[slot];

        if (p->samples >= 0)
            a->polls[a->n_polls++] = (struct pollfd){.fd = p->samples, .events = POLLIN};
        if (p->records >= 0 && journal_is_open(a->journal))
            a->polls[a->n_polls++] = (struct pollfd){.fd = p->records, .events = POLLIN};
    }
}

static bool is_readable(const struct aggregator *a)
{
    for (nfds_t i = POLL_PIPES; i < a->n_polls; i++) {
        if (a->polls[i].revents != 0)
            return true;
    }
    return false;
}

static void wait_for(struct aggregator *a, nfds_t n, int ms)
{
    if (poll(a->polls, n, ms) < 0) {
        for (nfds_t i = 0; i < n; i++)
            a->polls[i].revents = 0; /* EINTR: nothing is known */
        return;
    }
    if (a->polls[POLL_SIGNAL].revents != 0)
        on_signal(a);
    if (a->polls[POLL_CONTROL].revents != 0)
        on_control(a);
}

static void run(struct aggregator *a)
{
    while (!a->is_done) {
        set_polls(a);
        wait_for(a, a->n_polls, timeout_ms(a, clock_mono_ms()));
        if (is_readable(a)) {
            if (!a->is_asked_to_stop && !a->in->durability_strict)
                wait_for(a, POLL_PIPES, COALESCE_MS); /* more of it comes in a moment */
            read_pipes(a);
        }
        turn(a, clock_mono_ms());
    }
}

/* --- begin and end --- */

static int open_signals(void)
{
    sigset_t set;

    /* A limit of file sizes is a full disk for us: an error that we wait out. */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct aggregator *create(const struct inherit *in)
{
    struct aggregator *a = xcalloc(1, sizeof(*a));
    struct journal_options options = {.state_dir = in->state_dir,
                                      .log_max_records = in->log_max_records,
                                      .log_max_age_ms = in->log_max_age_ms,
                                      .durability_ms = in->durability_ms,
                                      .strict = in->durability_strict};

    a->in = in;
    a->weights = in->regions.weights;
    a->control = in->control;
    a->buffer = xalloc(READ_BYTES);
    a->message = xalloc(CONTROL_TEXT_MAX + sizeof(struct control_head));
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        a->pipes[i] = (struct pipes){-1, -1};
    a->journal = journal_create(&options, &in->regions.live, &a->weights, &a->counters);
    a->samples = samples_create(&in->regions.published, &a->weights, &a->counters);
    return a;
}

static void destroy(struct aggregator *a)
{
    samples_free(a->samples);
    journal_free(a->journal);
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        close_pipes(&a->pipes[i]);
    fd_close(&a->signals);
    free(a->message);
    free(a->buffer);
    free(a);
}

int aggregator_main(const struct inherit *in)
{
    struct aggregator *a;
    int signals;
    int status = 0;

    child_begin(in, ROLE_AGGREGATOR, "aggregator");
    signals = open_signals();
    if (signals < 0) {
        log_error("signalfd", "errno=%d", errno);
        return 1;
    }
    /* Before the journal is open: a slow disk must not delay the first request, and workers can
     * wait for us a long time. */
    child_ready(in);
    a = create(in);
    a->signals = signals;
    run(a);
    if (is_orphan(a))
        orphans_recover(&in->regions, clock_real_ms());
    read_pipes(a);
    if (!journal_finish(a->journal)) {
        log_error("journal_unfinished", "note=\"records stay in shared memory\"");
        status = 1;
    }
    log_info("aggregator_stopped", "records=%llu duplicates=%llu fetched=%llu lost=%llu",
             (unsigned long long)a->counters.records, (unsigned long long)a->counters.duplicates,
             (unsigned long long)a->counters.fetched, (unsigned long long)a->counters.lost);
    destroy(a);
    return status;
}
