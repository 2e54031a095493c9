/*
 * base64 - RFC 4648, the standard alphabet, for wires that carry bytes in JSON.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * Does not: know the URL-safe alphabet; break lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_BASE64_H
#define PROVIDERS_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/buf.h"
#include "server/base/str.h"

/* How long the text of so many bytes is. */
static inline size_t base64_len(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}
/* Into `out`, which has that much room. How much it was. */
size_t base64_write(char *out, struct str bytes);
void base64_put(struct buf *b, struct str bytes);
/* At most this many bytes come out of a text. */
static inline size_t base64_room(struct str text)
{
    return text.len / 4 * 3 + 3;
}
/* Into `out`, which has base64_room(text) bytes. False when it is not base64. Padding may lack. */
bool base64_read(struct str text, char *out, size_t *out_len);

#endif
