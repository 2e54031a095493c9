/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/key_text.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES_MAX 1024 /* compared: bounds what a wrong name costs */

void key_id_format(uint64_t id, char out[KEY_ID_TEXT])
{
    (void)snprintf(out, KEY_ID_TEXT, "%016" PRIx64, id);
}

void key_text_write(struct writer *w, const struct virtual_key *key)
{
    char id[KEY_ID_TEXT];

    key_id_format(key->id, id);
    writer_cstr(w, "id", id);
    writer_str(w, "name", key->name);
    writer_list(w, "models", key->models);
    writer_bool(w, "active", (key->flags & KEY_ACTIVE) != 0);
    writer_bool(w, "strict", (key->flags & KEY_STRICT) != 0);
    writer_u64(w, "created_ms", key->created_ms);
    if (key->expires_ms != 0)
        writer_u64(w, "expires_ms", key->expires_ms);
    else
        writer_null(w, "expires_ms");
    writer_cstr(w, "origin", (key->flags & KEY_ORIGIN_API) != 0 ? "api" : "file");
    writer_str(w, "hint", key->hint);
}

void key_text_write_hash(struct writer *w, const struct virtual_key *key)
{
    char text[7 + 2 * SHA256_BYTES + 1] = "sha256:";

    crypto_hex(key->hash, SHA256_BYTES, text + 7);
    writer_cstr(w, "hash", text);
}

bool key_text_id_of_name(const struct region *published, struct str name, uint64_t *out_id)
{
    struct arena *scratch = arena_create(KEY_BLOB_MAX);
    uint32_t high = keys_high(published);
    struct virtual_key key;
    bool found = false;

    for (uint32_t at = 0; name.len > 0 && !found && at < high; at++) {
        arena_reset(scratch); /* a key that is not wanted is forgotten at once */
        found = keys_at(published, at, scratch, &key) && str_eq(key.name, name);
    }
    if (found)
        *out_id = key.id;
    arena_free(scratch);
    return found;
}

const char *key_text_nearest(const struct region *published, struct str name, struct arena *a)
{
    const char **names = arena_alloc(a, NAMES_MAX * sizeof(*names));
    struct arena *scratch = arena_create(KEY_BLOB_MAX);
    uint32_t high = keys_high(published);
    struct virtual_key key;
    size_t n = 0;

    for (uint32_t at = 0; at < high && n < NAMES_MAX; at++) {
        arena_reset(scratch);
        if (keys_at(published, at, scratch, &key))
            names[n++] = arena_cstr(a, key.name);
    }
    arena_free(scratch);
    return str_nearest(name, names, n);
}
