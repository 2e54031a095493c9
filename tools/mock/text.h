/*
 * text - the mock's words, and how it counts tokens.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * A token is a run of blanks with at most TEXT_TOKEN_BYTES of what follows up to the next blank, cut
 * at a character's border: simple, and the same on every machine.
 * Does not: know any tokenizer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_TEXT_H
#define MOCK_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/str.h"

#define TEXT_TOKEN_BYTES 8

/* Bytes of the first token of `s`; 0 only when it is empty. */
size_t text_token(struct str s);
uint64_t text_count(struct str s);
/* The part of `s` that its first `n` tokens make. */
struct str text_head(struct str s, uint64_t n);
/* Exactly `n` tokens of filler, n <= MODEL_TOKENS_MAX; lives as long as the process. */
struct str text_lorem(uint32_t n);

#endif
