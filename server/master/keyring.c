#include "server/master/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/store.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/inherit.h"
#include "server/master/changes.h"

uint64_t keyring_file_id(struct str name)
{
    uint8_t hash[SHA256_BYTES];
    struct buf text = BUF_INIT;
    uint64_t id;

    buf_printf(&text, "file:%.*s", STR_ARGS(name));
    crypto_sha256(buf_view(&text), hash);
    buf_fini(&text);
    id = 0;
    for (int i = 0; i < 8; i++)
        id = id << 8 | hash[i];
    return id != 0 ? id : 1; /* 0 means none */
}

/* --- the file's keys --- */

struct id_list {
    uint64_t *ids;
    size_t n, room;
};

static void id_add(struct id_list *l, uint64_t id)
{
    if (l->n == l->room) {
        l->room = l->room > 0 ? l->room * 2 : 1024;
        l->ids = xrealloc(l->ids, l->room, sizeof(*l->ids));
    }
    l->ids[l->n++] = id;
}

static void on_id(void *ctx, uint64_t id)
{
    id_add(ctx, id);
}

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static bool id_has(const struct id_list *l, uint64_t id)
{
    return l->n > 0 && bsearch(&id, l->ids, l->n, sizeof(id), compare_ids) != NULL;
}

int keyring_check(const struct key_table *t, const struct region *published,
                  const struct config *conf, struct error *err)
{
    struct arena *a = arena_create(4096);
    struct id_list all = {0};
    size_t n_api = 0;
    int rc = 0;

    for (size_t i = 0; i < conf->n_keys; i++) {
        const struct conf_virtual_key *k = &conf->keys[i];
        struct virtual_key other;
        uint64_t id;

        arena_reset(a);
        if (key_table_id_of_name(t, str_of(k->name), &id) && id != keyring_file_id(str_of(k->name)))
            rc =
                error_add(err,
                          "%s:%d: virtual key \"%s\": the API has created one of that name; rename "
                          "this one, or delete the other with: bfctl keys revoke",
                          k->origin.file, k->origin.line, k->name);
        else if (keys_find(published, k->hash, a, &other) && (other.flags & KEY_ORIGIN_API) != 0)
            rc = error_add(err,
                           "%s:%d: virtual key \"%s\": the API's key \"%.*s\" has the same value",
                           k->origin.file, k->origin.line, k->name, STR_ARGS(other.name));
    }
    key_table_each(t, on_id, &all);
    for (size_t i = 0; i < all.n; i++) {
        struct virtual_key k;

        arena_reset(a);
        if (key_table_get(t, all.ids[i], a, &k) && (k.flags & KEY_ORIGIN_API) != 0)
            n_api++;
    }
    if (conf->n_keys + n_api > KEYS_MAX)
        rc = error_add(err, "%zu virtual keys (%zu of them the API's), at most %u fit",
                       conf->n_keys + n_api, n_api, KEYS_MAX);
    free(all.ids);
    arena_free(a);
    return rc;
}

static struct virtual_key wanted_key(const struct conf_virtual_key *k, struct buf *models)
{
    struct virtual_key out = {.id = keyring_file_id(str_of(k->name)),
                              .expires_ms = k->expires_ms,
                              .flags = k->active ? KEY_ACTIVE : 0,
                              .name = str_of(k->name),
                              .hint = str_of(k->hint)};

    memcpy(out.hash, k->hash, sizeof(out.hash));
    buf_clear(models);
    for (size_t i = 0; i < k->n_models; i++) {
        if (i > 0)
            buf_char(models, '\0');
        buf_cstr(models, k->models[i]);
    }
    out.models = buf_view(models);
    return out;
}

static bool same_key(const struct virtual_key *a, const struct virtual_key *b)
{
    return memcmp(a->hash, b->hash, SHA256_BYTES) == 0 && a->expires_ms == b->expires_ms &&
           a->flags == b->flags && str_eq(a->name, b->name) && str_eq(a->models, b->models) &&
           str_eq(a->hint, b->hint);
}

/* Where a key goes, and what is told of it. */
struct target {
    struct key_table *table;
    const struct region *published;
    struct arena *arena;
    struct changes *changes;
};

static int apply_one(const struct target *t, struct virtual_key *want, struct error *err)
{
    struct virtual_key have;
    struct virtual_key other;
    bool is_there = key_table_get(t->table, want->id, t->arena, &have);

    if (is_there && same_key(&have, want))
        return 0;
    want->created_ms = is_there ? have.created_ms : clock_real_ms();
    /* A value that moved from one name of the file to another must leave the first at once. */
    if (keys_find(t->published, want->hash, t->arena, &other) && other.id != want->id) {
        (void)key_table_remove(t->table, other.id);
        changes_add(t->changes, "key", other.name, "removed");
    }
    if (key_table_put(t->table, want, err) != 0)
        return error_wrap(err, "virtual key \"%.*s\"", STR_ARGS(want->name));
    changes_add(t->changes, "key", want->name, is_there ? "changed" : "added");
    return 0;
}

/* What the table has of the file's and the file no longer declares. `wanted` is sorted. */
static void remove_rest(struct key_table *t, const struct id_list *wanted, struct arena *a,
                        struct changes *changes)
{
    struct id_list all = {0};

    key_table_each(t, on_id, &all);
    for (size_t i = 0; i < all.n; i++) {
        struct virtual_key k;

        if (id_has(wanted, all.ids[i]))
            continue;
        arena_reset(a);
        if (!key_table_get(t, all.ids[i], a, &k) || (k.flags & KEY_ORIGIN_API) != 0)
            continue;
        changes_add(changes, "key", k.name, "removed");
        (void)key_table_remove(t, all.ids[i]);
    }
    free(all.ids);
}

int keyring_apply(struct key_table *t, const struct region *published, const struct config *conf,
                  struct changes *changes, struct error *err)
{
    struct arena *a = arena_create(4096);
    const struct target target = {t, published, a, changes};
    struct buf models = BUF_INIT;
    struct id_list wanted = {0};
    int rc = 0;

    must_be_role(ROLE_MASTER);
    for (size_t i = 0; rc == 0 && i < conf->n_keys; i++) {
        struct virtual_key want = wanted_key(&conf->keys[i], &models);

        arena_reset(a);
        id_add(&wanted, want.id);
        rc = apply_one(&target, &want, err);
    }
    if (rc == 0) {
        if (wanted.n > 0)
            qsort(wanted.ids, wanted.n, sizeof(*wanted.ids), compare_ids);
        remove_rest(t, &wanted, a, changes);
    }
    free(wanted.ids);
    buf_fini(&models);
    arena_free(a);
    return rc;
}
