#include "server/master/children.h"

#include <stdlib.h>

#include "server/base/alloc.h"

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
    uint64_t *keys = NULL;
    size_t room = 0;

    *out = (struct children){.n_keys = 0};
    find_teams(m, parent, api_only, a, out);
    for (uint32_t row = 1; row < high; row++) {
        struct owner owner;

        if (!owner_read(m->published, row, &owner) || owner.kind != OWNER_KEY ||
            owner.parent != parent->row || !is_counted(m, owner.id, api_only, scratch))
            continue;
        if (out->n_keys == room) {
            room = room > 0 ? room * 2 : 64;
            keys = xrealloc(keys, room, sizeof(*keys));
        }
        keys[out->n_keys++] = owner.id;
    }
    out->keys = arena_alloc(a, (out->n_keys + 1) * sizeof(*out->keys));
    if (out->n_keys > 0)
        memcpy(out->keys, keys, out->n_keys * sizeof(*keys));
    free(keys);
    arena_free(scratch);
}
