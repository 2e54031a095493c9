/*
 * signature - what a thinking model signs, and sees again in the next turn.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * Made from the text that it is for and the dialect that made it, so that the mock need remember
 * nothing: a signature that was changed, cut, wrapped, or put beside another text is not valid.
 * It is base64 without padding and without the letters in which the two alphabets differ, because
 * some SDKs decode it and encode it again. Does not: keep anything secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_SIGNATURE_H
#define MOCK_SIGNATURE_H

#include <stdbool.h>

#include "providers/chat.h"
#include "server/base/arena.h"
#include "server/base/str.h"

struct str signature_make(struct arena *a, enum dialect_id dialect, struct str text);
bool signature_is_valid(struct arena *a, enum dialect_id dialect, struct str text,
                        struct str signature);
/* Who reads the signatures of this dialect; SIGNER_NONE: it has none. */
enum chat_signer signature_signer(enum dialect_id dialect);

#endif
