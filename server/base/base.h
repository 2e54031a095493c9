/*
 * base - the few macros that every file uses, and must().
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared (the hook may).
 * Does not: allocate, log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_MUST_CHECK __attribute__((warn_unused_result))
#define BF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BF_NORETURN __attribute__((noreturn))

#define BF_VERSION "0.1.0"

/* What one writer owns; x86-64 and arm64 server cores. */
#define CACHE_LINE 64

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A programming error: always on, never for input, peers, files or memory whose size a client
 * or a file controls. The hook (set once per process) gets the text and may copy it into the
 * process's crash slot; then the process aborts and the master reports and respawns it.
 */
#define must(expr)                                                                                 \
    do {                                                                                           \
        if (__builtin_expect(!(expr), 0))                                                          \
            must_failed(__FILE__, __LINE__, #expr);                                                \
    } while (0)

typedef void must_hook_fn(const char *text);

BF_NORETURN void must_failed(const char *file, int line, const char *expr);
void must_set_hook(must_hook_fn *hook);

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#ifdef __cplusplus
}
#endif

#endif
