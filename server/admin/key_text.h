/*
 * key_text - a virtual key as JSON.
 *
 * Runs in:  admin.   Reads: published (the key table).   Writes: nothing.
 * Does not: show the key, which nobody has; its hash only where an export asks for it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_KEY_TEXT_H
#define ADMIN_KEY_TEXT_H

#include <stdbool.h>

#include "server/admin/writer.h"
#include "server/base/arena.h"
#include "shm/keys.h"

#define KEY_ID_TEXT 17 /* 16 hex digits and a NUL */

void key_id_format(uint64_t id, char out[KEY_ID_TEXT]);
/* Members of the open object. */
void key_text_write(struct writer *w, const struct virtual_key *key);
void key_text_write_hash(struct writer *w, const struct virtual_key *key); /* "sha256:..." */
/* Looks through the whole table: some 150 ns a key, for what people ask by hand. */
BF_MUST_CHECK bool key_text_id_of_name(const struct region *published, struct str name,
                                       uint64_t *out_id);

/* A name that was not found: one that is like it, of the first ones; NULL: none is. */
const char *key_text_nearest(const struct region *published, struct str name, struct arena *a);

#endif
