/*
 * regex - patterns that an operator writes, run over text that anybody sends.
 *
 * Runs in:  master (checks), worker (matches).   The door to PCRE2.   Reads, writes: nothing.
 * Compiled once (with PCRE2's JIT where it has one), then matched without allocating. A pattern that
 * backtracks without end is stopped and does not match: time per match is bounded.
 * Does not: capture, replace.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define REGEX_PATTERN_MAX 1024 /* bytes of a pattern */
#define REGEX_STEPS_MAX 20000  /* of backtracking in one match: some 100 us */

struct regex;

/* UTF-8, as far as the text is; a text that is not is matched as bytes. -1: *err says where it is wrong. */
BF_MUST_CHECK int regex_compile(struct str pattern, struct regex **out, struct error *err);
void regex_free(struct regex *r); /* takes NULL */
/* Anywhere in the text. */
bool regex_match(const struct regex *r, struct str text);

#endif
