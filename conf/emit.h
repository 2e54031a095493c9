/*
 * emit - YAML or JSON, by the same calls.
 *
 * Runs in:  master, bfctl check.   Reads, writes: nothing shared.
 * An emitter begins as { .out = ..., .format = ... }; its first level has no key. Keys are NULL in lists.
 * Does not: know what it writes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_EMIT_H
#define CONF_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/export.h"
#include "server/base/buf.h"

#define EMIT_DEPTH_MAX 12

struct emitter {
    struct buf *out;
    enum config_format format;
    int depth;
    bool is_list[EMIT_DEPTH_MAX];
    bool has_items[EMIT_DEPTH_MAX];
    bool on_dash; /* YAML: the line's "- " is written, its first member follows on it */
};

void emit_open(struct emitter *w, const char *key, bool is_list);
void emit_close(struct emitter *w);
void emit_raw(struct emitter *w, const char *key, const char *text); /* as it is */
void emit_text(struct emitter *w, const char *key, const char *text);
void emit_optional(struct emitter *w, const char *key, const char *text); /* NULL: nothing */
void emit_bool(struct emitter *w, const char *key, bool value);
void emit_number(struct emitter *w, const char *key, uint64_t n);
void emit_formatted(struct emitter *w, const char *key, uint64_t value,
                    void (*format)(struct buf *, uint64_t));
void emit_texts(struct emitter *w, const char *key, const char *const *texts, size_t n);
void emit_date(struct emitter *w, const char *key, uint32_t date); /* yyyymmdd; 0: nothing */

#endif
