/*
 * priority - a large file is loaded behind the workers' backs, not in their time.
 *
 * Runs in:  master.   Reads: its limits.   Writes: its own priority.
 * Lowering one's priority is easy; to come back from there takes a right (RLIMIT_NICE) that root
 * has at the start and the unit file gives. Without that right nothing is lowered: a master, and
 * every child that it forks later, must not stay behind for good.
 * Does not: touch another process. Nothing may be forked between lower and restore.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_PRIORITY_H
#define MASTER_PRIORITY_H

/* Once, while still root: leaves the processor to who waits for it, and keeps the way back open. */
void priority_init(void);
void priority_lower(void);
void priority_restore(void); /* harmless when nothing was lowered */

#endif
