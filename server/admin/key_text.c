/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/key_text.h"

#include <inttypes.h>
#include <stdio.h>

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

/* Walk the table; texts of a key that is not wanted are forgotten at once. */
static bool find(const struct region *published, uint64_t id, struct str name,
                 struct virtual_key *out, struct arena *scratch)
{
    uint32_t high = keys_high(published);

    for (uint32_t at = 0; at < high; at++) {
        arena_reset(scratch);
        if (keys_at(published, at, scratch, out) &&
            (id != 0 ? out->id == id : str_eq(out->name, name)))
            return true;
    }
    return false;
}

bool key_text_find(const struct region *published, uint64_t id, struct arena *a,
                   struct virtual_key *out)
{
    struct arena *scratch = arena_create(KEY_BLOB_MAX);
    struct virtual_key key;
    bool found = id != 0 && find(published, id, STR_NONE, &key, scratch);

    if (found) {
        *out = key;
        out->name = arena_str(a, key.name);
        out->models = arena_str(a, key.models);
        out->hint = arena_str(a, key.hint);
    }
    arena_free(scratch);
    return found;
}

bool key_text_id_of_name(const struct region *published, struct str name, uint64_t *out_id)
{
    struct arena *scratch = arena_create(KEY_BLOB_MAX);
    struct virtual_key key;
    bool found = name.len > 0 && find(published, 0, name, &key, scratch);

    if (found)
        *out_id = key.id;
    arena_free(scratch);
    return found;
}
