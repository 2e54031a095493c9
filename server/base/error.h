/*
 * error - a failure of the cold path, told to a human.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * The text says where and what would be right: "bowfin.yaml:35: timeout must be ..., is -5".
 * Several findings (a configuration's) are kept one a line.
 * Does not: log, or carry secrets (callers never put a value of a secret in it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "server/base/base.h"

#define ERROR_TEXT_MAX 4096 /* some thirty findings of a file; more help nobody */

struct error {
    char text[ERROR_TEXT_MAX];
};

#define ERROR_INIT                                                                                 \
    {                                                                                              \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* Replace the text. Returns -1, so that `return error_set(err, ...)` reads well. */
int error_set(struct error *err, const char *fmt, ...) BF_PRINTF(2, 3);
/* Like error_set, with ": " and the text of errno behind it. */
int error_errno(struct error *err, const char *fmt, ...) BF_PRINTF(2, 3);
/* Put "context: " before the text. */
int error_wrap(struct error *err, const char *fmt, ...) BF_PRINTF(2, 3);
/* Another finding on a line of its own; past the room it is counted in a last line. */
int error_add(struct error *err, const char *fmt, ...) BF_PRINTF(2, 3);

#endif
