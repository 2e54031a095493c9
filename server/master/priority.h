/*
 * priority - what the master does is done behind the workers' backs, not in their time.
 *
 * Runs in:  master.   Reads: nothing.   Writes: the priority of the calling thread.
 * Lowering one's priority is easy; to come back from there takes a right. A thread that ends needs
 * none, so a large file is loaded in one (loading.h).
 * Does not: touch another process. What is lowered may not fork: children would stay behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_PRIORITY_H
#define MASTER_PRIORITY_H

/* Once: leaves the processor to who waits for it. */
void priority_init(void);
/* The calling thread, until it ends. */
void priority_lower(void);

#endif
