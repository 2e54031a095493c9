/*
 * abilities - what a model can do, in the words that lists of models use.
 *
 * Runs in:  worker, admin, tests.   Reads, writes: nothing.
 * How a model is to be asked to think (MODEL_ADAPTIVE and its like) is no ability and not among them.
 * Does not: know any model.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_ABILITIES_H
#define PROVIDERS_ABILITIES_H

#include <stdint.h>

#include "server/base/buf.h"

/* ["chat","tools"], of MODEL_* flags. */
void abilities_json(struct buf *b, uint32_t flags);

#endif
