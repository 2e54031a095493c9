/*
 * seqlock - two fields that must agree, one writer, readers that never wait.
 *
 * Runs in:  every process.   Writer: exactly one process per lock.
 * Payload fields are relaxed atomics, so a torn read is legal C and clean under TSan; the fences
 * are only here. A reader tries SEQLOCK_TRIES times and then keeps what it had: a writer killed
 * in the middle costs freshness, never liveness. The next writer continues from the odd number it
 * finds, so nothing needs repair. Between begin and end: straight-line stores, no must(), no calls
 * out of the module.
 * Does not: work with two writers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_SEQLOCK_H
#define SHM_SEQLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SEQLOCK_TRIES 64 /* a write is some tens of stores; more tries mean the writer is gone */

struct seqlock {
    _Atomic uint32_t n; /* even: stable.  odd: being written. */
};

static inline void seqlock_write_begin(struct seqlock *s)
{
    uint32_t n = atomic_load_explicit(&s->n, memory_order_relaxed);

    atomic_store_explicit(&s->n, n | 1, memory_order_relaxed); /* n + 1, or a dead writer's odd n */
    atomic_thread_fence(memory_order_release); /* odd is seen before any new field */
}

static inline void seqlock_write_end(struct seqlock *s)
{
    uint32_t n = atomic_load_explicit(&s->n, memory_order_relaxed);

    atomic_store_explicit(&s->n, n + 1, memory_order_release);
}

static inline bool seqlock_read_begin(const struct seqlock *s, uint32_t *n)
{
    *n = atomic_load_explicit(&s->n, memory_order_acquire);
    return (*n & 1) == 0;
}

static inline bool seqlock_read_ok(const struct seqlock *s, uint32_t n)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&s->n, memory_order_relaxed) == n;
}

#endif
