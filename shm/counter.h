/*
 * counter - 16 bytes that change at once: an amount, and a tag of who changed it last.
 *
 * Runs in:  workers and whoever recovers a dead one (write), everybody (reads).   Region: counters.
 * x86-64 has had the instruction (CMPXCHG16B) since 2004, but a compiler uses it only when told to
 * (-mcx16 in the Makefile; without it the program does not link), and then only for the __sync
 * builtins: for stdatomic's it calls libatomic, which may take a lock, and a lock could be held by a
 * dead process. arm64 has it always.
 * A tag is unique while its operation is recent, so reading tag, amount, tag gives a pair that was
 * really there. Does not: know what amounts mean.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_COUNTER_H
#define SHM_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "shm/map.h"

typedef unsigned __int128 counter_bits __attribute__((may_alias, aligned(16)));

/* A full barrier. False: somebody else was faster. */
static inline bool counter_swap(struct counter *c, struct counter from, struct counter to)
{
    counter_bits old = (counter_bits)from.tag << 64 | from.amount;
    counter_bits new = (counter_bits)to.tag << 64 | to.amount;

    return __sync_bool_compare_and_swap((counter_bits *)(void *)c, old, new);
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the amount is the lower half");

/* The two halves as they are now, each whole but perhaps not of one moment. */
static inline struct counter counter_peek(const struct counter *c)
{
    struct counter now;

    now.tag = __atomic_load_n(&c->tag, __ATOMIC_ACQUIRE);
    now.amount = __atomic_load_n(&c->amount, __ATOMIC_ACQUIRE);
    return now;
}

/* Both of one moment. Another try is needed only when somebody has changed it meanwhile. */
static inline struct counter counter_look(const struct counter *c)
{
    struct counter now = counter_peek(c);

    for (;;) {
        uint64_t tag = __atomic_load_n(&c->tag, __ATOMIC_ACQUIRE);

        if (tag == now.tag)
            return now;
        now = counter_peek(c);
    }
}

/* --- tags: 8 bits of slot, 32 of operation, 24 of window --- */

static inline uint64_t counter_tag(uint32_t slot, uint64_t operation, uint32_t window)
{
    return (uint64_t)slot << 56 | (uint64_t)(uint32_t)operation << 24 | window;
}

static inline uint32_t tag_slot(uint64_t tag)
{
    return (uint32_t)(tag >> 56);
}

static inline uint32_t tag_operation(uint64_t tag) /* its lower half; 0: nobody's */
{
    return (uint32_t)(tag >> 24);
}

static inline uint32_t tag_window(uint64_t tag)
{
    return tag & 0xffffffu;
}

/* --- two windows --- */

#define COUNTER_NONE (-1)
#define COUNTER_NEAR 2 /* windows that a clock may have gone too far and come back */

/* Which of two counters has this window, or COUNTER_NONE. */
static inline int counter_find(const struct counter cells[2], uint32_t window)
{
    if (tag_window(__atomic_load_n(&cells[0].tag, __ATOMIC_ACQUIRE)) == window)
        return 0;
    if (tag_window(__atomic_load_n(&cells[1].tag, __ATOMIC_ACQUIRE)) == window)
        return 1;
    return COUNTER_NONE;
}

#endif
