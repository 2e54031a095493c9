/*
 * process - what the kernel says of a process.
 *
 * Runs in:  admin.   Reads: /proc.   Writes: nothing.
 * Does not: fail; what is not to be had is 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_PROCESS_H
#define ADMIN_PROCESS_H

#include <stdint.h>

uint64_t process_resident_bytes(uint32_t pid);
uint64_t process_cpu_us(uint32_t pid); /* user and system */

#endif
