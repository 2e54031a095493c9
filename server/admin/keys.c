/*
 * keys - GET /api/keys and /api/keys/{id}.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"

/* Entries looked at for one page: a filter that matches nothing costs short calls, not a long one. */
#define KEYS_EXAMINED_MAX 50000

struct key_filter {
    struct str name; /* a glob; empty: all */
    struct str origin;
};

static bool filter_matches(const struct key_filter *f, const struct virtual_key *key)
{
    struct str origin = (key->flags & KEY_ORIGIN_API) != 0 ? STR("api") : STR("file");

    return (f->name.len == 0 || glob_match(f->name, key->name)) &&
           (f->origin.len == 0 || str_eq(f->origin, origin));
}

/*
 * The cursor is a place in the table: places do not move, so a page is never wrong, also when keys
 * come and go meanwhile.
 */
void api_keys_list(struct exchange *ex, struct str tail)
{
    const struct region *published = &ex->admin->regions->published;
    struct key_filter filter = {params_get(ex, "name"), params_get(ex, "origin")};
    struct writer w = WRITER_INIT(&ex->out);
    bool with_hash = str_eq(params_get(ex, "hashes"), STR("true"));
    struct arena *scratch = NULL;
    uint64_t at, limit;
    uint32_t examined = 0;

    (void)tail;
    if (!params_u64(ex, "limit", API_PAGE_DEFAULT, API_PAGE_MAX, &limit) ||
        !params_u64(ex, "cursor", 0, UINT32_MAX, &at))
        return;
    if (limit == 0)
        limit = 1;
    scratch = arena_create(KEY_BLOB_MAX);
    writer_object(&w, NULL);
    writer_array(&w, "data");
    uint32_t high = keys_high(published);
    for (; at < high && limit > 0 && examined < KEYS_EXAMINED_MAX; at++, examined++) {
        struct virtual_key key;

        arena_reset(scratch);
        if (!keys_at(published, (uint32_t)at, scratch, &key) || !filter_matches(&filter, &key))
            continue;
        writer_object(&w, NULL);
        key_text_write(&w, &key);
        if (with_hash)
            key_text_write_hash(&w, &key);
        writer_object_end(&w);
        limit--;
    }
    arena_free(scratch);
    writer_array_end(&w);
    if (at < high)
        writer_str(&w, "next", arena_printf(ex->arena, "%" PRIu64, at));
    else
        writer_null(&w, "next");
    writer_u64(&w, "total", keys_count(published));
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void api_keys_get(struct exchange *ex, struct str tail)
{
    struct writer w = WRITER_INIT(&ex->out);
    struct virtual_key key;
    uint64_t id;

    if (!params_id_parse(tail, &id) ||
        !keys_find_id(&ex->admin->regions->published, id, ex->arena, &key)) {
        exchange_error(ex, 404, "unknown_key", "id",
                       "there is no virtual key with this id (16 hex digits)");
        return;
    }
    writer_object(&w, NULL);
    key_text_write(&w, &key);
    writer_object_end(&w);
    exchange_json(ex, 200);
}
