/*
 * json_token - the text of one JSON token: strings' escapes, numbers, words.
 *
 * Runs in:  every process and tool, behind json.h: nobody else includes it (it is C++).
 * Reads, writes: nothing.   Does not: check UTF-8 and control characters; json.cc's first stage
 * has.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_JSON_TOKEN_H
#define BASE_JSON_TOKEN_H

#include "server/base/json.h"

/* `inside`: what is between a string's quotes. Lone surrogates are not sound. */
bool json_escapes_are_sound(struct str inside);
/* What kind of scalar a token is; false with a text in *fault when it is none. Not empty. */
bool json_scalar_type(struct str raw, enum json_type *type, const char **fault);

#endif
