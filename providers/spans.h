/*
 * spans - members and items of JSON that was found sound, without a tree of it.
 *
 * Runs in:  worker, tests.   Reads, writes: nothing shared.
 * For answers that are long lists of numbers (a hundred vectors of 3,072): a tree would have a node
 * for each. Spans point into the text. Does not: check JSON; on text that nobody has checked it
 * stays within it, but says nothing sensible.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_SPANS_H
#define PROVIDERS_SPANS_H

#include <stdbool.h>

#include "server/base/json.h"
#include "server/base/str.h"

/* Is it an object, all of it sound? */
bool spans_check(struct json_parser *p, struct str text);
/* The value of a member (the first of its name); empty: none, or `object` is no object. */
struct str spans_member(struct str object, const char *key);
/*
 * The next item of an array: `at` is the array's span at first and is moved on. False at its end, and
 * for what is no array.
 */
bool spans_next(struct str *at, struct str *item);
/* What stands between a string's quotes; empty for what is no string. */
struct str spans_text(struct str value);
bool spans_number(struct str value, uint64_t *out); /* whole, or cut down to it; not negative */

#endif
