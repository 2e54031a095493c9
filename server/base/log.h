/*
 * log - one line per event to stderr.
 *
 * Runs in:  every process of server/; libraries (shm, conf, providers) return errors instead.
 * Reads: nothing.   Writes: stderr, one write() a line.
 *   2026-11-22T16:45:09.123Z warn proc=worker/3 req=7f3a event=upstream_cut ms=812
 * The event is a literal name that tests and alerts match; the tail is key=value. More than
 * LOG_BURST lines of one call site a second are counted and told in one line instead.
 * errno is kept. Never prompt text, never keys.
 * Does not: keep files open, or buffer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "server/base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

#define LOG_BURST 20 /* lines a second from one call site: enough to see it, too few to drown */

/* A call site's own counter for the rate limit. */
struct log_site {
    uint64_t second;
    uint32_t n;
};

/* `proc` ("worker/3") is copied. Called once after each fork; the level holds for the process. */
void log_init(const char *proc, enum log_level level);
bool log_enabled(enum log_level level);
int log_level_parse(const char *name, enum log_level *out); /* 0 or -1 */
void log_write(struct log_site *site, enum log_level level, const char *event, const char *fmt, ...)
    BF_PRINTF(4, 5);

#define log_at(level, event, ...)                                                                  \
    do {                                                                                           \
        static struct log_site site_;                                                              \
        if (log_enabled(level))                                                                    \
            log_write(&site_, level, event, __VA_ARGS__);                                          \
    } while (0)

/* error: someone must look.  warn: we coped.  info: life cycle.  debug: steps. */
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)

#endif
