/* Taking entities away, with or without what belongs to them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/master/children.h"
#include "server/master/entity.h"
#include "server/master/entity_load.h"

enum policy { POLICY_REFUSE, POLICY_REPARENT, POLICY_DELETE };

/* Everything that one call takes away or moves; it lies in the call's arena. */
struct removal {
    struct entity_call *call;
    enum policy policy;
    struct place *root;       /* NULL: a key */
    struct children below;    /* of the root */
    struct children *of_team; /* DELETE: of each of its teams */
    struct buf aliases;       /* DELETE: ids of what old texts of those keys have in the table */
};

static bool read_policy(const struct json *call, enum policy *out)
{
    static const char *const names[] = {"refuse", "reparent", "delete"};
    struct str word = json_str(json_get(call, "children"));

    *out = POLICY_REFUSE;
    if (json_get(call, "children") == NULL)
        return true;
    for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(word, str_of(names[i]))) {
            *out = (enum policy)i;
            return true;
        }
    }
    return false;
}

static int drop_record(struct entity_call *c, enum conf_kind kind, uint64_t id)
{
    char key[8];

    return store_delete(c->store, entity_table(kind), entity_store_key(id, key), &c->err);
}

/* --- in the store --- */

/* The record goes, and with it who knows of the old texts that are still good. */
static int drop_key(struct removal *r, uint64_t id)
{
    struct entity_call *c = r->call;
    struct arena *a = arena_create(4096);
    struct entity_record record;
    struct str value;
    char key[8];
    int rc = store_get(c->store, STORE_KEYS, entity_store_key(id, key), &value, &c->err);

    if (rc == 1 && entity_decode(arena_str(a, value), CONF_KEY, id, a, &record) == 0) {
        for (uint32_t i = 0; i < record.n_aliases; i++)
            buf_add(&r->aliases, &record.aliases[i].id, sizeof(record.aliases[i].id));
    }
    arena_free(a);
    return rc < 0 ? -1 : drop_record(c, CONF_KEY, id);
}

/* Its parent becomes the grandparent. */
static int move_record(struct entity_call *c, enum conf_kind kind, uint64_t id,
                       const struct place *to)
{
    struct arena *a = arena_create(4096);
    struct entity_record r;
    struct str value;
    char key[8];
    int rc = store_get(c->store, entity_table(kind), entity_store_key(id, key), &value, &c->err);

    if (rc == 1 && entity_decode(arena_str(a, value), kind, id, a, &r) != 0)
        rc = error_set(&c->err, "the stored %s %016jx cannot be read", conf_kind_names[kind],
                       (uintmax_t)id);
    if (rc == 1) {
        r.parent = to != NULL ? to->id : 0;
        r.parent_kind = CONF_CUSTOMER;
        rc = entity_put(c, &r) == ENTITY_OK ? 1 : -1;
    }
    arena_free(a);
    return rc == 1 ? 0 : -1;
}

static const struct place *grandparent(const struct removal *r)
{
    if (r->root->kind != PLACE_TEAM || r->root->parent == 0)
        return NULL;
    return directory_id(&r->call->money->directory, PLACE_CUSTOMER, r->root->parent);
}

static int store_children(struct removal *r)
{
    struct entity_call *c = r->call;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->below.n_keys; i++)
        rc = r->policy == POLICY_REPARENT
                 ? move_record(c, CONF_KEY, r->below.keys[i], grandparent(r))
                 : drop_key(r, r->below.keys[i]);
    for (size_t i = 0; rc == 0 && i < r->below.n_teams; i++) {
        if (r->policy == POLICY_REPARENT) {
            rc = move_record(c, CONF_TEAM, r->below.teams[i]->id, NULL);
            continue;
        }
        for (size_t j = 0; rc == 0 && j < r->of_team[i].n_keys; j++)
            rc = drop_key(r, r->of_team[i].keys[j]);
        if (rc == 0)
            rc = drop_record(c, CONF_TEAM, r->below.teams[i]->id);
    }
    return rc;
}

/* --- in the tables --- */

static void remove_key(struct entity_call *c, uint64_t id)
{
    struct arena *a = arena_create(4096);
    struct virtual_key k;

    if (key_table_get(c->money->keys, id, a, &k))
        key_remove(c->money, &k);
    arena_free(a);
}

static void set_parent(struct money *m, uint32_t row, uint32_t parent)
{
    struct owner owner;

    if (!owner_read(m->published, row, &owner))
        return;
    owner.parent = parent;
    owner_table_put(m->rows.table, &owner);
}

static void move_key(struct money *m, uint64_t id, uint32_t parent)
{
    struct arena *a = arena_create(4096);
    struct virtual_key k;

    if (key_table_get(m->keys, id, a, &k))
        set_parent(m, k.owner, parent);
    arena_free(a);
}

static void remove_place(struct money *m, struct place *p)
{
    bool is_limit = p->kind == PLACE_LIMIT;
    uint32_t row = p->row;

    directory_remove(&m->directory, p);
    if (is_limit)
        money_publish_limits(m);
    rows_remove(&m->rows, row);
}

/* First: an old text must not be good for a key that is gone, whose row another one may get. */
static void remove_old_texts(const struct removal *r)
{
    for (size_t at = 0; at < r->aliases.len; at += sizeof(uint64_t)) {
        uint64_t id;

        memcpy(&id, r->aliases.data + at, sizeof(id));
        (void)key_table_remove(r->call->money->keys, id); /* it may have ended before a start */
    }
}

static void show_children(const struct removal *r)
{
    struct money *m = r->call->money;
    const struct place *up = r->policy == POLICY_REPARENT ? grandparent(r) : NULL;

    remove_old_texts(r);
    for (size_t i = 0; i < r->below.n_keys; i++) {
        if (r->policy == POLICY_REPARENT)
            move_key(m, r->below.keys[i], up != NULL ? up->row : ROW_NONE);
        else
            remove_key(r->call, r->below.keys[i]);
    }
    for (size_t i = 0; i < r->below.n_teams; i++) {
        struct place *team = r->below.teams[i];

        if (r->policy == POLICY_REPARENT) {
            team->parent = 0;
            set_parent(m, team->row, ROW_NONE);
            continue;
        }
        for (size_t j = 0; j < r->of_team[i].n_keys; j++)
            remove_key(r->call, r->of_team[i].keys[j]);
        remove_place(m, team);
    }
}

/* --- the call --- */

static void put_deleted(struct buf *out, uint64_t id, bool first)
{
    buf_printf(out, "%s\"%016jx\"", first ? "" : ",", (uintmax_t)id);
}

/* The ids of all that goes, the root's first. */
static struct str list_deleted(const struct removal *r, uint64_t root)
{
    struct buf out = BUF_IN(r->call->arena);

    put_deleted(&out, root, true);
    for (size_t i = 0; r->policy == POLICY_DELETE && i < r->below.n_keys; i++)
        put_deleted(&out, r->below.keys[i], false);
    for (size_t i = 0; r->policy == POLICY_DELETE && i < r->below.n_teams; i++) {
        put_deleted(&out, r->below.teams[i]->id, false);
        for (size_t j = 0; j < r->of_team[i].n_keys; j++)
            put_deleted(&out, r->of_team[i].keys[j], false);
    }
    return buf_view(&out);
}

static enum entity_result find_children(struct removal *r)
{
    struct entity_call *c = r->call;

    children_of(c->money, r->root, false, c->arena, &r->below);
    if (r->below.n_keys + r->below.n_teams == 0)
        return ENTITY_OK;
    if (r->policy == POLICY_REFUSE)
        return entity_fail(c, ENTITY_CONFLICT,
                           "%zu teams and %zu keys belong to it; delete them first, or say "
                           "children: reparent, or children: delete",
                           r->below.n_teams, r->below.n_keys);
    r->of_team = arena_zalloc(c->arena, (r->below.n_teams + 1) * sizeof(*r->of_team));
    for (size_t i = 0; r->policy == POLICY_DELETE && i < r->below.n_teams; i++)
        children_of(c->money, r->below.teams[i], false, c->arena, &r->of_team[i]);
    return ENTITY_OK;
}

static enum entity_result answer(struct entity_call *c, struct str deleted)
{
    /* A message has its bound; who deletes thousands knows what they were. */
    if (deleted.len > ONCE_TEXT_MAX)
        deleted.len = ONCE_TEXT_MAX / 19 * 19 - 1;
    buf_printf(c->out, "{\"ok\":true,\"deleted\":[%.*s]}", STR_ARGS(deleted));
    return ENTITY_OK;
}

static enum entity_result store_removal(struct removal *r, enum conf_kind kind, uint64_t id)
{
    struct entity_call *c = r->call;
    enum entity_result result = entity_begin(c);

    if (result == ENTITY_OK && (store_children(r) != 0 || drop_record(c, kind, id) != 0))
        result = ENTITY_INTERNAL;
    if (result == ENTITY_OK)
        result = entity_commit(c);
    if (result != ENTITY_OK)
        store_abort(c->store);
    return result;
}

static void remove_aliases(struct money *m, const struct entity_record *r)
{
    for (uint32_t i = 0; i < r->n_aliases; i++)
        (void)key_table_remove(m->keys, r->aliases[i].id); /* it may have ended before a start */
}

enum entity_result entity_delete(struct entity_call *c, enum conf_kind kind)
{
    struct removal r = {.call = c, .aliases = BUF_IN(c->arena)};
    struct entity_found f;
    struct str deleted;
    enum entity_result result;

    if (c->once.state == ONCE_AGAIN)
        return answer(c, c->once.note);
    if (!read_policy(c->json, &r.policy))
        return entity_fail(c, ENTITY_INVALID, "children: must be refuse, reparent or delete");
    result = entity_find(c, kind, &f);
    if (result == ENTITY_OK && f.origin != PLACE_API)
        result = entity_fail(c, ENTITY_READ_ONLY,
                             "%s \"%s\" is declared in the configuration file; remove it there and "
                             "reload",
                             conf_kind_names[kind], f.entity.name);
    r.root = f.place;
    if (result == ENTITY_OK && (kind == CONF_CUSTOMER || kind == CONF_TEAM))
        result = find_children(&r);
    if (result != ENTITY_OK)
        return result;
    deleted = list_deleted(&r, f.record.id);
    c->once.id = f.record.id;
    c->once.note = deleted.len <= ONCE_TEXT_MAX
                       ? deleted
                       : (struct str){deleted.p, ONCE_TEXT_MAX / 19 * 19 - 1};
    result = store_removal(&r, kind, f.record.id);
    if (result != ENTITY_OK)
        return result;
    if (r.root != NULL) {
        show_children(&r);
        remove_place(c->money, r.root);
    } else {
        remove_aliases(c->money, &f.record);
        key_remove(c->money, &f.key);
    }
    return answer(c, deleted);
}
