/*
 * unit - what each unit test includes first: cmocka and its prerequisites, and a few helpers.
 *
 * Runs in:  tests.   Reads, writes: nothing.   Does not: belong to the product.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/str.h"

#define assert_str(actual, expected)                                                               \
    do {                                                                                           \
        struct str actual_ = (actual);                                                             \
        struct str expected_ = str_of(expected);                                                   \
        assert_int_equal(actual_.len, expected_.len);                                              \
        if (expected_.len > 0)                                                                     \
            assert_memory_equal(actual_.p, expected_.p, expected_.len);                            \
    } while (0)

/* The signal that ends a child running fn(ctx), 0 when it returns. No core file, no message. */
static inline int signal_of(void (*fn)(void *ctx), void *ctx)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none); /* a core file would only be in the way */
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        (void)signal(SIGSEGV, SIG_DFL);
        fn(ctx);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#endif
