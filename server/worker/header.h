/*
 * header - which header fields belong to one connection and are never passed on.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * The one list for both directions; send.c and head.c add what their own side hides.
 * Does not: know fields that `Connection:` names (send.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_HEADER_H
#define WORKER_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "server/base/str.h"

bool header_is_one_of(struct str name, const struct str *list, size_t n);
/* Hop-by-hop (RFC 9110, section 7.6.1), or the body's framing. `name` in lower case. */
bool header_is_hop(struct str name);

#endif
