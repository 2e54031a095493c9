/*
 * peek - finding a few members in JSON text without parsing it.
 *
 * Runs in:  worker, mock, tests.   Reads, writes: nothing shared.
 * For what is only looked at in passing (usage, the fate of a stream): a quote inside a JSON string
 * is always escaped, so `"usage"` with both its quotes is a key (or a whole string value, told apart
 * by the colon) wherever it stands. That costs a tenth of a parse, which counts at a chunk per token.
 * The text may be cut off anywhere. Does not: check JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_PEEK_H
#define PROVIDERS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

#define PEEK_OBJECT_MAX 8192 /* usage objects are some hundred bytes */

size_t peek_skip(struct str s, size_t at); /* over blanks */
/* Index of the quote that closes the string whose text begins at `at`; s.len when there is none. */
size_t peek_string(struct str s, size_t at);
/*
 * The next key from *at on, on whatever level: true with its text, and *at at its value's first byte.
 * Strings that are values are stepped over.
 */
bool peek_key(struct str s, size_t *at, struct str *key);
/* The object that begins at `at`, up to its closing brace; empty when it is none or longer than
 * PEEK_OBJECT_MAX. */
struct str peek_object(struct str s, size_t at);
/* Does the value that begins at `at` say nothing (yet, where it is cut off): null, "", [], {}? */
bool peek_is_nothing(struct str s, size_t at);
/* The text of the string that begins at `at`, still escaped; empty when it is none. */
struct str peek_text(struct str s, size_t at);
bool peek_number(struct str s, size_t at, uint64_t *out);
/*
 * The last object that is a member called `key` ("usage") before `end`: true with it, and *end where
 * its key begins, to go on from when it is not the one that is wanted. What comes behind what the
 * model wrote is best looked for from the end.
 */
bool peek_last(struct str s, const char *key, size_t *end, struct str *object);

#endif
