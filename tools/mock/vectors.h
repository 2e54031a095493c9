/*
 * vectors - embeddings: the same text gives the same vector, of length one, on every machine.
 *
 * Runs in:  mock.   Reads, writes: nothing shared.
 * Does not: mean anything by them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_VECTORS_H
#define MOCK_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define EMBEDDING_DIMENSIONS 64 /* unless asked for otherwise */
#define EMBEDDING_DIMENSIONS_MAX 4096

/* A JSON array of numbers, or the 32-bit floats in base64. */
void vector_put(struct buf *out, struct arena *a, struct str text, uint32_t dimensions,
                bool base64);
/* The same in bytes, as Cohere's int8 and uint8 have them. */
void vector_put_bytes(struct buf *out, struct arena *a, struct str text, uint32_t dimensions,
                      bool is_signed);

#endif
