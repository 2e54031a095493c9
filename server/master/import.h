/*
 * import - many keys in several calls, all of them or none.
 *
 * Runs in:  master.   Reads, writes: as entity.h.
 * Each call's keys are checked and kept, as the bytes that the store will have; with the last one they are
 * stored in one transaction and put into the tables. One import at a time; one that nobody goes on with
 * is forgotten when another begins.
 * Does not: parse what admin has cut into calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_IMPORT_H
#define MASTER_IMPORT_H

#include "server/master/entity.h"

void import_free(struct money *m); /* one that is under way */
enum entity_result import_call(struct entity_call *c);

#endif
