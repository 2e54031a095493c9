/*
 * mapped - give back the memory of a file's mapped pages.
 *
 * Runs in:  aggregator, admin.   Reads: /proc/self/maps.   Writes: nothing.
 * Pages of a mapped file that were once touched count as this process's memory until the kernel
 * needs them. They stay in its cache when they are given back, so the next touch costs a fault and
 * no read. LMDB does not tell where its map is, hence the look into /proc. Does not: know LMDB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGGREGATOR_MAPPED_H
#define AGGREGATOR_MAPPED_H

/* All mappings of the file behind `fd`. Quietly nothing when it cannot be done. */
void mapped_forget(int fd);

#endif
