/*
 * torture - what the torture tests share: random numbers, and children that are killed.
 *
 * Runs in:  tests.   Reads, writes: nothing.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TORTURE_TORTURE_H
#define TORTURE_TORTURE_H

#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "server/base/base.h"
#include "server/base/clock.h"
#include "tests/unit/unit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TORTURE_SANITIZED 1 /* slow, and figures mean nothing */
#else
#define TORTURE_SANITIZED 0
#endif

/* xorshift64: the same sequence each time, so that a failure can be had again. */
struct torture_random {
    uint64_t x;
};

static inline uint64_t torture_next(struct torture_random *r)
{
    r->x ^= r->x << 13;
    r->x ^= r->x >> 7;
    r->x ^= r->x << 17;
    return r->x;
}

/* A child that runs fn(ctx) until it is killed; it dies with us. */
static inline pid_t torture_start(void (*fn)(void *ctx), void *ctx)
{
    pid_t child;

    (void)fflush(stdout); /* so that the child has nothing to repeat */
    child = fork();

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that was stopped leaves nothing behind */
        fn(ctx);
        _exit(0);
    }
    assert_true(child > 0);
    return child;
}

static inline void torture_kill(pid_t child)
{
    int status;

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Zeroed memory that is shared with children. */
static inline void *torture_shared(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    assert_true(p != MAP_FAILED);
    return p;
}

#endif
