/*
 * schema - a JSON value that obeys a JSON Schema.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * Knows type, properties, required, items, minItems, enum, const, default, minimum,
 * exclusiveMinimum, multipleOf, minLength, format, anyOf, oneOf, allOf and $ref into the same
 * schema: what SDKs generate. All properties are given. Does not: honour `pattern`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_SCHEMA_H
#define MOCK_SCHEMA_H

#include "server/base/buf.h"
#include "server/base/json.h"

/* Append one value. A NULL schema gives an empty object. `text` is what strings say. */
void schema_example(const struct json *schema, struct str text, struct buf *out);

#endif
