#include "server/master/entity_load.h"

#include <string.h>

#include "server/base/json.h"
#include "server/base/pace.h"
#include "server/inherit.h"
#include "server/master/file_owners.h"
#include "server/master/key_rows.h"

int entity_of_record(struct money *m, const struct entity_record *r, struct arena *a,
                     struct conf_entity *out, struct error *err)
{
    struct json_error wrong;
    const struct json *body = json_parse(m->json, a, r->body, &wrong);

    if (body == NULL)
        return error_set(err, "the stored %s %016jx cannot be read: %s", conf_kind_names[r->kind],
                         (uintmax_t)r->id, wrong.text);
    if (conf_entity_load(out, r->kind, body, a, NULL, err) != 0)
        return error_wrap(err, "the stored %s %016jx", conf_kind_names[r->kind], (uintmax_t)r->id);
    if (r->kind == CONF_KEY) {
        memcpy(out->key.hash, r->hash, sizeof(out->key.hash));
        out->key.hint = arena_cstr(a, r->hint);
    }
    return 0;
}

int entity_parent_row(struct money *m, const struct entity_record *r, uint32_t *out,
                      struct error *err)
{
    enum place_kind kind = (enum place_kind)r->parent_kind;
    const struct place *p;

    *out = ROW_NONE;
    if (r->parent == 0)
        return 0;
    p = directory_id(&m->directory, kind, r->parent);
    if (p == NULL)
        p = file_ghost(m, kind, r->parent, err);
    if (p == NULL)
        return -1;
    *out = p->row;
    return 0;
}

struct want_owner entity_want(const struct conf_entity *e, uint64_t id, uint32_t parent)
{
    static const uint32_t kinds[CONF_KINDS] = {OWNER_CUSTOMER, OWNER_TEAM, OWNER_KEY, OWNER_MODEL};
    bool blocked = (e->kind == CONF_CUSTOMER && e->customer.blocked) ||
                   (e->kind == CONF_TEAM && e->team.blocked);

    return (struct want_owner){.kind = kinds[e->kind],
                               .flags = blocked ? OWNER_BLOCKED : 0,
                               .parent = parent,
                               .id = id,
                               .rules = conf_entity_rules(e)};
}

/* --- loading --- */

struct loading {
    struct money *money;
    struct arena *arena; /* of one row */
    struct error *err;
    enum conf_kind kind;
    uint32_t at; /* in the key table: rows come in an order of their own, so it helps seldom */
    int rc;
};

static int load_parent(struct loading *l, const struct entity_record *r,
                       const struct conf_entity *e)
{
    struct money *m = l->money;
    uint32_t parent;
    struct want_owner want;
    struct rows_plan rows;
    struct place place = {.kind = (enum place_kind)r->kind,
                          .origin = PLACE_API,
                          .id = r->id,
                          .created_ms = r->created_ms,
                          .parent = r->parent,
                          .name = str_of(e->name)};

    if (entity_parent_row(m, r, &parent, l->err) != 0)
        return -1;
    want = entity_want(e, r->id, parent);
    if (rows_plan(&m->rows, money_kept_row(m, want.kind, r->id), &want, &r->marks, &rows, l->err) !=
        0)
        return -1;
    rows_commit(&m->rows, &rows);
    rows_clean(&m->rows, &rows);
    place.row = rows.row;
    money_publish_name(m, directory_add(&m->directory, &place)); /* owned there */
    return 0;
}

static int load_aliases(struct loading *l, const struct entity_record *r)
{
    struct virtual_key k;

    if (r->n_aliases == 0)
        return 0;
    if (!key_table_get(l->money->keys, r->id, l->arena, &k))
        return 0;
    for (uint32_t i = 0; i < r->n_aliases; i++) {
        if (key_put_alias(l->money, &k, &r->aliases[i], l->err) != 0)
            return -1;
    }
    return 0;
}

static int load_key(struct loading *l, const struct entity_record *r, const struct conf_entity *e)
{
    struct money *m = l->money;
    struct key_want want = {.conf = &e->key,
                            .id = r->id,
                            .created_ms = r->created_ms,
                            .flags = KEY_ORIGIN_API,
                            .marks = &r->marks};
    struct virtual_key have;
    struct key_plan plan;
    bool is_there;

    if (entity_parent_row(m, r, &want.parent, l->err) != 0)
        return -1;
    is_there = key_table_get(m->keys, r->id, l->arena, &have);
    if (is_there && key_is(m, &want, l->arena, &l->at))
        return load_aliases(l, r);
    if (key_plan(m, &want, is_there ? &have : NULL, l->arena, &plan, l->err) != 0 ||
        key_commit(m, &plan, l->err) != 0)
        return -1;
    return load_aliases(l, r);
}

static bool on_row(void *ctx, struct str key, struct str value)
{
    struct loading *l = ctx;
    struct entity_record r;
    struct conf_entity e;
    uint64_t id = 0;

    pace();
    arena_reset(l->arena);
    if (!entity_store_id(key, &id) || entity_decode(value, l->kind, id, l->arena, &r) != 0)
        l->rc = error_set(l->err, "the stored %s %016jx cannot be read", conf_kind_names[l->kind],
                          (uintmax_t)id);
    else if (entity_of_record(l->money, &r, l->arena, &e, l->err) != 0)
        l->rc = -1;
    else
        l->rc = l->kind == CONF_KEY ? load_key(l, &r, &e) : load_parent(l, &r, &e);
    return l->rc == 0;
}

static int load_kind(struct money *m, struct store *s, enum conf_kind kind, struct error *err)
{
    struct loading l = {
        .money = m, .arena = arena_create(65536), .err = err, .kind = kind, .at = UINT32_MAX};
    int rc = store_each(s, entity_table(kind), on_row, &l, err);

    arena_free(l.arena);
    return rc != 0 ? rc : l.rc;
}

int entity_load_parents(struct money *m, struct store *s, struct error *err)
{
    must_be_role(ROLE_MASTER);
    if (load_kind(m, s, CONF_CUSTOMER, err) != 0 || load_kind(m, s, CONF_TEAM, err) != 0)
        return -1;
    return load_kind(m, s, CONF_MODEL_LIMIT, err);
}

static void on_table_id(void *ctx, uint64_t id)
{
    buf_add(ctx, &id, sizeof(id));
}

/* Regions that outlived the daemon may still have a key that was deleted meanwhile. Aliases are put in
 * anew with their keys. */
static int remove_stale(struct money *m, struct store *s, struct error *err)
{
    struct arena *a = arena_create(4096);
    struct buf ids = BUF_INIT;
    int rc = 0;

    key_table_each(m->keys, on_table_id, &ids);
    for (size_t at = 0; rc >= 0 && at < ids.len; at += sizeof(uint64_t)) {
        struct virtual_key k;
        struct str value;
        char key[8];
        uint64_t id;

        memcpy(&id, ids.data + at, sizeof(id));
        arena_reset(a);
        if (!key_table_get(m->keys, id, a, &k) || (k.flags & KEY_ORIGIN_API) == 0)
            continue;
        rc = (k.flags & KEY_ALIAS) != 0
                 ? 0
                 : store_get(s, STORE_KEYS, entity_store_key(id, key), &value, err);
        if (rc == 0)
            key_remove(m, &k);
    }
    buf_fini(&ids);
    arena_free(a);
    return rc < 0 ? -1 : 0;
}

int entity_load_keys(struct money *m, struct store *s, struct error *err)
{
    if (remove_stale(m, s, err) != 0)
        return -1;
    directory_keys_changed(&m->directory);
    return load_kind(m, s, CONF_KEY, err);
}
