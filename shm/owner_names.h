/*
 * owner_names - what teams and customers are called, for who is refused because of them.
 *
 * Runs in:  master (writes), workers and admin (read).   Region: published.
 * Beside the owners' rows, so that a request's walk does not read them; a key's own name is in its
 * row. Does not: know who the owners are; names are for people, nobody is found by them here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_OWNER_NAMES_H
#define SHM_OWNER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/str.h"
#include "shm/region.h"

#define OWNER_NAME_MAX 120 /* bytes; longer ones are cut */

/* Of the owner with this row. False: it has none, or it could not be read consistently. */
BF_MUST_CHECK bool owner_name_read(const struct region *published, uint32_t index,
                                   char out[OWNER_NAME_MAX], size_t *out_len);
void owner_name_put(struct region *published, uint32_t index, struct str name); /* master */

#endif
