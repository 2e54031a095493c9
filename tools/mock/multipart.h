/*
 * multipart - the fields of a multipart/form-data body.
 *
 * Runs in:  mock, tests.   Reads, writes: nothing shared.
 * Wire: RFC 7578. Does not: decode transfer encodings, copy.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOCK_MULTIPART_H
#define MOCK_MULTIPART_H

#include "server/base/base.h"
#include "server/base/str.h"

struct multipart_field {
    struct str name, filename, value; /* filename empty: not a file */
};

/* The first field of that name. False: none, or the body is not well formed up to it. */
bool multipart_find(struct str content_type, struct str body, struct str name,
                    struct multipart_field *out);

#endif
