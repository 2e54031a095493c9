/*
 * text - Prometheus text exposition (0.0.4), line by line.
 *
 * Runs in:  admin.   Reads: nothing.   Writes: the buffer it was given.
 * Does not: know what is measured.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_TEXT_H
#define ADMIN_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

struct text_label {
    const char *name;
    struct str value;
};

/* HELP and TYPE; once per family, before its samples. `name` without "bowfin_". */
void text_family(struct buf *b, const char *name, const char *type, const char *help);
void text_sample(struct buf *b, const char *name, const struct text_label *labels, size_t n,
                 uint64_t value);
/* value / 1000000: microseconds as seconds. */
void text_sample_micro(struct buf *b, const char *name, const struct text_label *labels, size_t n,
                       uint64_t value);
/* value / 1000000000: nano-dollars as dollars. */
void text_sample_nano(struct buf *b, const char *name, const struct text_label *labels, size_t n,
                      uint64_t value);

#endif
