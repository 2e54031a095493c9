/*
 * routes - from a request's path to the handler, and what the model's name does to all of them.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * The API stands under /v1 (and without it); GET and DELETE /requests are the journal.
 * Does not: read from sockets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_ROUTES_H
#define MOCK_ROUTES_H

#include "tools/mock/answer.h"

/*
 * Fill *out; its arena and body are the caller's. *journal: the request's number there, 0 when it is
 * not kept (the journal's own).
 */
void routes_answer(const struct http1_request *req, const struct chat_codec *codec,
                   struct answer *out, uint64_t connection, uint64_t *journal);

#endif
