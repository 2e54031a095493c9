#include "server/master/priority.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "server/base/log.h"

#define STEPS_DOWN 15 /* some 3 % of a processor when all are busy: a load still ends in time */

/* This process's own, as it was started. */
static int usual;
static bool is_lowered;

/* RLIMIT_NICE counts the other way round: 20 allows nice 0, 40 allows nice -20. */
static rlim_t right_for(int nice)
{
    return (rlim_t)(20 - nice);
}

void priority_init(void)
{
    static const struct sched_param any = {0};
    struct rlimit right;

    /* No turn is taken from a worker that wakes up for a request. */
    (void)sched_setscheduler(0, SCHED_BATCH, &any); /* as it was will do */
    errno = 0;
    usual = getpriority(PRIO_PROCESS, 0);
    if (getrlimit(RLIMIT_NICE, &right) != 0 || right.rlim_cur >= right_for(usual))
        return;
    right.rlim_cur = right_for(usual);
    if (right.rlim_max < right.rlim_cur)
        right.rlim_max = right.rlim_cur;
    (void)setrlimit(RLIMIT_NICE, &right); /* refused: then nothing will be lowered */
}

void priority_lower(void)
{
    struct rlimit right;

    if (getrlimit(RLIMIT_NICE, &right) != 0 || right.rlim_cur < right_for(usual))
        return;
    is_lowered = setpriority(PRIO_PROCESS, 0, usual + STEPS_DOWN) == 0;
}

void priority_restore(void)
{
    if (!is_lowered)
        return;
    is_lowered = false;
    if (setpriority(PRIO_PROCESS, 0, usual) != 0)
        log_warn("priority_kept", "errno=%d", errno);
}
