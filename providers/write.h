/*
 * write - JSON into a buf, member by member; commas put themselves.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * A comma goes before a key or value when the buf's last byte ends a value, so there is no state and
 * no nesting to keep. Does not: check that what is written is well nested (tests parse it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_WRITE_H
#define PROVIDERS_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/buf.h"
#include "server/base/str.h"

void write_open(struct buf *b, char bracket);   /* '{' or '[' */
void write_close(struct buf *b, char bracket);  /* '}' or ']' */
void write_name(struct buf *b, struct str key); /* static: nothing in it needs escaping */
static inline void write_key(struct buf *b, const char *key)
{
    write_name(b, str_of(key)); /* a literal's length is known when it is compiled */
}
void write_raw(struct buf *b, struct str raw); /* a JSON value */
void write_text(struct buf *b, struct str escaped);
static inline void write_cstr(struct buf *b, const char *plain) /* nothing in it needs escaping */
{
    write_text(b, str_of(plain));
}
void write_plain(struct buf *b, struct str plain); /* escapes it */
void write_u64(struct buf *b, uint64_t n);
void write_null(struct buf *b);

/* Key and value. The `_if` ones write nothing for an empty value. */
void write_member_raw(struct buf *b, const char *key, struct str raw);
void write_member_text(struct buf *b, const char *key, struct str escaped);
void write_member_cstr(struct buf *b, const char *key, const char *plain);
void write_member_u64(struct buf *b, const char *key, uint64_t n);
void write_member_bool(struct buf *b, const char *key, bool yes);
void write_raw_if(struct buf *b, const char *key, struct str raw);
void write_text_if(struct buf *b, const char *key, struct str escaped);

/* "data: " and the two line ends around a server-sent event; `name` NULL: none. */
void write_event_begin(struct buf *b, const char *name);
void write_event_end(struct buf *b);

#endif
