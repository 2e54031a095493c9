/*
 * talk - a chat in any dialect: read it, say what the model says, write it down.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Requests are read and answers written with the gateway's own codecs (README.md says why that is
 * acceptable); what the vendor would refuse is found without them (check.h).
 * Does not: know the wire.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_TALK_H
#define MOCK_TALK_H

#include "tools/mock/answer.h"

/* The call's body is parsed and its model known. */
void talk_answer(struct mock_call *call);

#endif
