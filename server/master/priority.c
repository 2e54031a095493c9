#include "server/master/priority.h"

#include <sched.h>
#include <sys/resource.h>

#define STEPS_DOWN 15 /* some 3 % of a processor when all are busy: a load still ends in time */

void priority_init(void)
{
    static const struct sched_param any = {0};

    /* No turn is taken from a worker that wakes up for a request. */
    (void)sched_setscheduler(0, SCHED_BATCH, &any); /* as it was will do */
}

/* On Linux a thread has a nice value of its own, whatever POSIX says of processes. */
void priority_lower(void)
{
    int usual = getpriority(PRIO_PROCESS, 0);

    (void)setpriority(PRIO_PROCESS, 0, usual + STEPS_DOWN); /* as it was will do */
}
