/*
 * writer - JSON text, member by member, with the commas in their places.
 *
 * Runs in:  admin.   Reads: nothing.   Writes: the buffer it was given.
 * Does not: remember levels; each open has its close by the caller's hand.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_WRITER_H
#define ADMIN_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

struct writer {
    struct buf *out;
    bool comma; /* something stands before on this level */
};

#define WRITER_INIT(buffer)                                                                        \
    {                                                                                              \
        (buffer), false                                                                            \
    }

/* `key` NULL: an element of an array, or the text's root. */
void writer_object(struct writer *w, const char *key);
void writer_object_end(struct writer *w);
void writer_array(struct writer *w, const char *key);
void writer_array_end(struct writer *w);
void writer_str(struct writer *w, const char *key, struct str value);
void writer_cstr(struct writer *w, const char *key, const char *value); /* NULL: null */
void writer_u64(struct writer *w, const char *key, uint64_t value);
/* value / 1000 with three digits, trailing zeros cut: 1500 is 1.5. */
void writer_milli(struct writer *w, const char *key, uint64_t value);
/* An amount of money: "key" as dollars with nine digits, "key_nanousd" as a whole number. */
void writer_usd(struct writer *w, const char *key, uint64_t nanousd);
void writer_bool(struct writer *w, const char *key, bool value);
void writer_null(struct writer *w, const char *key);
void writer_raw(struct writer *w, const char *key, struct str json); /* is JSON already */
/* The parts of a NUL-separated list as an array of strings. */
void writer_list(struct writer *w, const char *key, struct str list);

#endif
