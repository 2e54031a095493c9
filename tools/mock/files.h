/*
 * files - the mock's Files API: what was uploaded, in memory.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * At most FILES_MAX files of FILES_BYTES_MAX bytes together; the next upload past that is refused.
 * Does not: keep them over a restart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_FILES_H
#define MOCK_FILES_H

#include "tools/mock/answer.h"

#define FILES_MAX 64
#define FILES_BYTES_MAX (64u << 20)

/* `tail`: the path behind "/files": empty, "/ID" or "/ID/content". */
void files_answer(struct mock_call *call, struct str tail);

#endif
