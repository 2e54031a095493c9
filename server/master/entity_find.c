/* What exists: by id or name, of the file or of the API. */
#include <string.h>

#include "server/master/entity.h"
#include "server/master/entity_load.h"
#include "server/master/file_owners.h"

bool entity_read_id(const struct json *node, uint64_t *out)
{
    uint8_t bytes[8];

    if (crypto_unhex(json_str(node), bytes, sizeof(bytes)) != 0)
        return false;
    *out = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        *out = *out << 8 | bytes[i];
    return *out != 0;
}

static enum entity_result none(struct entity_call *c, enum conf_kind kind, uint64_t id)
{
    return entity_fail(c, ENTITY_NOT_FOUND, "there is no %s %016jx", conf_kind_names[kind],
                       (uintmax_t)id);
}

/* The mirror of the file: the same JSON, and a key's hash. */
static enum entity_result from_file(struct entity_call *c, struct entity_found *out,
                                    struct str name)
{
    struct entity_record *r = &out->record;
    struct str key = arena_printf(c->arena, "%s/%.*s", conf_kind_names[r->kind], STR_ARGS(name));
    struct str value;
    int found = store_get(c->store, STORE_FILE, key, &value, &c->err);

    out->origin = PLACE_FILE;
    if (found < 0)
        return ENTITY_INTERNAL;
    if (found == 0)
        return none(c, r->kind, r->id);
    r->body = arena_str(c->arena, value);
    if (entity_of_record(c->money, r, c->arena, &out->entity, &c->err) != 0)
        return ENTITY_INTERNAL;
    return ENTITY_OK;
}

/* A record's parent is an id; people want its name. */
static void name_parent(struct entity_call *c, struct entity_found *f)
{
    const struct entity_record *r = &f->record;
    const struct place *p =
        r->parent == 0
            ? NULL
            : directory_id(&c->money->directory, (enum place_kind)r->parent_kind, r->parent);
    struct conf_virtual_key *k = &f->entity.key;
    const char *name;

    if (p == NULL)
        return;
    name = arena_cstr(c->arena, p->name);
    if (r->kind == CONF_TEAM) {
        f->entity.team.customer = name;
        return;
    }
    if (k->scope == NULL)
        k->scope = arena_zalloc(c->arena, sizeof(*k->scope));
    *(r->parent_kind == CONF_TEAM ? &k->scope->team : &k->scope->customer) = name;
}

static enum entity_result from_store(struct entity_call *c, struct entity_found *out)
{
    struct entity_record *r = &out->record;
    enum conf_kind kind = r->kind;
    uint64_t id = r->id;
    struct str value;
    char key[8];
    int found = store_get(c->store, entity_table(kind), entity_store_key(id, key), &value, &c->err);

    out->origin = PLACE_API;
    if (found < 0)
        return ENTITY_INTERNAL;
    if (found == 0)
        return none(c, kind, id);
    if (entity_decode(arena_str(c->arena, value), kind, id, c->arena, r) != 0)
        return entity_fail(c, ENTITY_INTERNAL, "the stored %s %016jx cannot be read",
                           conf_kind_names[kind], (uintmax_t)id);
    if (entity_of_record(c->money, r, c->arena, &out->entity, &c->err) != 0)
        return ENTITY_INTERNAL;
    name_parent(c, out);
    return ENTITY_OK;
}

static enum entity_result find_key(struct entity_call *c, uint64_t id, struct entity_found *out)
{
    struct entity_record *r = &out->record;

    if (!key_table_get(c->money->keys, id, c->arena, &out->key) ||
        (out->key.flags & KEY_ALIAS) != 0)
        return none(c, CONF_KEY, id);
    if ((out->key.flags & KEY_ORIGIN_API) != 0)
        return from_store(c, out);
    r->created_ms = out->key.created_ms;
    memcpy(r->hash, out->key.hash, sizeof(r->hash));
    r->hint = out->key.hint;
    return from_file(c, out, out->key.name);
}

enum entity_result entity_find_id(struct entity_call *c, enum conf_kind kind, uint64_t id,
                                  struct entity_found *out)
{
    *out = (struct entity_found){.record = {.kind = kind, .id = id}};
    if (kind == CONF_KEY)
        return find_key(c, id, out);
    out->place = directory_id(&c->money->directory, (enum place_kind)kind, id);
    if (out->place == NULL || out->place->origin == PLACE_GONE)
        return none(c, kind, id);
    if (out->place->origin == PLACE_API)
        return from_store(c, out);
    out->record.created_ms = out->place->created_ms;
    return from_file(c, out, out->place->name);
}

/* --- names that nobody has --- */

#define NAMES_MAX 1024 /* compared: bounds what a wrong name costs */
#define SHOWN_MAX 100  /* bytes of it in an answer */

static size_t names_of_keys(struct entity_call *c, const char **names)
{
    struct directory *d = &c->money->directory;
    size_t at = directory_key_after(d, c->money->published, 0);
    size_t n = 0;

    for (; at < d->n_keys && n < NAMES_MAX; at++) {
        struct virtual_key k;

        if (key_table_get(c->money->keys, d->keys[at], c->arena, &k))
            names[n++] = arena_cstr(c->arena, k.name);
    }
    return n;
}

static size_t names_of_places(struct entity_call *c, enum conf_kind kind, const char **names)
{
    const struct places *p = &c->money->directory.kinds[kind];
    size_t n = 0;

    for (size_t i = 0; i < p->n && n < NAMES_MAX; i++) {
        if (p->by_name[i]->origin != PLACE_GONE)
            names[n++] = arena_cstr(c->arena, p->by_name[i]->name);
    }
    return n;
}

static enum entity_result unknown(struct entity_call *c, enum conf_kind kind, struct str name)
{
    const char **names = arena_alloc(c->arena, NAMES_MAX * sizeof(*names));
    size_t n = kind == CONF_KEY ? names_of_keys(c, names) : names_of_places(c, kind, names);
    const char *nearest;

    name.len = min_u64(name.len, SHOWN_MAX);
    nearest = str_nearest(name, names, n);
    if (nearest != NULL)
        return entity_fail(c, ENTITY_NOT_FOUND, "there is no %s \"%.*s\"; did you mean \"%s\"?",
                           conf_kind_names[kind], STR_ARGS(name), nearest);
    return entity_fail(c, ENTITY_NOT_FOUND, "there is no %s \"%.*s\"", conf_kind_names[kind],
                       STR_ARGS(name));
}

enum entity_result entity_find(struct entity_call *c, enum conf_kind kind, struct entity_found *out)
{
    const struct json *name = json_get(c->json, "name");
    const struct place *p;
    uint64_t id;

    if (json_get(c->json, "id") != NULL || name == NULL) {
        if (!entity_read_id(json_get(c->json, "id"), &id))
            return entity_fail(c, ENTITY_NOT_FOUND, "id: must be 16 hexadecimal digits");
        return entity_find_id(c, kind, id, out);
    }
    if (kind == CONF_KEY) {
        if (!key_table_id_of_name(c->money->keys, json_str(name), &id))
            return unknown(c, kind, json_str(name));
        return entity_find_id(c, kind, id, out);
    }
    p = directory_name(&c->money->directory, (enum place_kind)kind, json_str(name));
    if (p == NULL)
        return unknown(c, kind, json_str(name));
    return entity_find_id(c, kind, p->id, out);
}
