#include "server/master/children.h"

#include <string.h>

#include "server/base/buf.h"

static void find_teams(struct money *m, const struct place *parent, bool api_only, struct arena *a,
                       struct children *out)
{
    const struct places *teams = &m->directory.kinds[PLACE_TEAM];

    out->teams = arena_alloc(a, (teams->n + 1) * sizeof(struct place *));
    for (size_t i = 0; parent->kind == PLACE_CUSTOMER && i < teams->n; i++) {
        struct place *t = teams->by_id[i];

        if (t->parent == parent->id && (!api_only || t->origin == PLACE_API))
            out->teams[out->n_teams++] = t;
    }
}

static bool is_counted(struct money *m, uint64_t id, bool api_only, struct arena *scratch)
{
    struct virtual_key k;

    arena_reset(scratch);
    return key_table_get(m->keys, id, scratch, &k) &&
           (!api_only || (k.flags & KEY_ORIGIN_API) != 0);
}

void children_of(struct money *m, const struct place *parent, bool api_only, struct arena *a,
                 struct children *out)
{
    uint32_t high = owners_high(m->published);
    struct arena *scratch = arena_create(4096);
    struct buf keys = BUF_IN(a);

    *out = (struct children){.n_keys = 0};
    find_teams(m, parent, api_only, a, out);
    for (uint32_t row = 1; row < high; row++) {
        struct owner owner;

        if (!owner_read(m->published, row, &owner) || owner.kind != OWNER_KEY ||
            owner.parent != parent->row || !is_counted(m, owner.id, api_only, scratch))
            continue;
        buf_add(&keys, &owner.id, sizeof(owner.id));
    }
    out->n_keys = keys.len / sizeof(*out->keys);
    out->keys = arena_zalloc(a, keys.len + sizeof(*out->keys));
    if (keys.len > 0)
        memcpy(out->keys, keys.data, keys.len);
    arena_free(scratch);
}
