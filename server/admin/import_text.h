/*
 * import_text - the objects of a long JSON array, or of lines of JSON, one after the other.
 *
 * Runs in:  admin.   Reads, writes: nothing shared.
 * Finds where an object ends by counting braces outside strings, so that a body of many megabytes
 * is not made into one tree. What is inside an object is for a parser: it is not checked here.
 * Does not: copy, allocate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_IMPORT_TEXT_H
#define ADMIN_IMPORT_TEXT_H

#include <stdbool.h>

#include "server/base/base.h"
#include "server/base/str.h"

struct import_text {
    struct str rest;
    size_t whole; /* bytes of all */
    bool is_array, is_begun, is_ended;
    const char *wrong; /* static: what is wrong, and at byte whole - rest.len */
};

void import_text_init(struct import_text *t, struct str text);
/* The next object with its braces; false at the end, or with t->wrong. */
BF_MUST_CHECK bool import_text_next(struct import_text *t, struct str *out);

#endif
