#include "server/master/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/store.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/pace.h"
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

/* All but the id, which takes a hash to know. */
static struct virtual_key wanted_key(const struct conf_virtual_key *k, struct buf *models)
{
    struct virtual_key out = {.expires_ms = k->expires_ms,
                              .flags = (k->active ? KEY_ACTIVE : 0) | (k->strict ? KEY_STRICT : 0),
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

/* What differs, and a bit for each entry of the table that stays. */
static void find_differing(const struct key_table *t, const struct config *conf,
                           struct keyring_diff *d, uint8_t *kept)
{
    struct buf models = BUF_INIT;
    uint32_t at = UINT32_MAX;

    d->differing = xcalloc(conf->n_keys + 1, sizeof(*d->differing));
    for (size_t i = 0; i < conf->n_keys; i++) {
        struct virtual_key want = wanted_key(&conf->keys[i], &models);

        pace();
        if (key_table_has(t, &want, &at))
            kept[at / 8] |= (uint8_t)(1u << at % 8);
        else
            d->differing[d->n_differing++] = (uint32_t)i;
    }
    buf_fini(&models);
}

/* The file's keys among the entries that do not stay. Returns how many of those are the API's. */
static size_t find_gone(const struct region *published, const uint8_t *kept, struct keyring_diff *d)
{
    uint32_t high = keys_high(published);
    struct arena *a = arena_create(4096);
    size_t room = 0;
    size_t n_api = 0;

    for (uint32_t at = 0; at < high; at++) {
        struct virtual_key k;

        pace();
        arena_reset(a);
        if ((kept[at / 8] & 1u << at % 8) != 0 || !keys_at(published, at, a, &k))
            continue;
        if ((k.flags & KEY_ORIGIN_API) != 0) {
            n_api++;
            continue;
        }
        if (d->n_gone == room) {
            room = room > 0 ? room * 2 : 64;
            d->gone = xrealloc(d->gone, room, sizeof(*d->gone));
            d->gone_ids = xrealloc(d->gone_ids, room, sizeof(*d->gone_ids));
        }
        d->gone_ids[d->n_gone] = k.id;
        d->gone[d->n_gone++] = arena_str(d->arena, k.name);
    }
    arena_free(a);
    return n_api;
}

/* A key that is in the table already has passed this before. */
static int check_one(const struct key_table *t, const struct region *published,
                     const struct conf_virtual_key *k, struct arena *a, struct error *err)
{
    struct virtual_key other;
    uint64_t id;

    arena_reset(a);
    if (key_table_id_of_name(t, str_of(k->name), &id) && id != keyring_file_id(str_of(k->name)))
        return error_add(err,
                         "%s:%d: virtual key \"%s\": the API has created one of that name; rename "
                         "this one, or delete the other with: bfctl keys revoke",
                         k->origin.file, k->origin.line, k->name);
    if (keys_find(published, k->hash, a, &other) && (other.flags & KEY_ORIGIN_API) != 0)
        return error_add(err,
                         "%s:%d: virtual key \"%s\": the API's key \"%.*s\" has the same value",
                         k->origin.file, k->origin.line, k->name, STR_ARGS(other.name));
    return 0;
}

int keyring_compare(const struct key_table *t, const struct region *published,
                    const struct config *conf, struct keyring_diff *out, struct error *err)
{
    uint8_t *kept = xcalloc(keys_high(published) / 8 + 1, 1);
    struct arena *a = arena_create(4096);
    size_t n_api;
    int rc = 0;

    *out = (struct keyring_diff){.arena = arena_create(4096)};
    find_differing(t, conf, out, kept);
    n_api = find_gone(published, kept, out);
    free(kept);
    for (size_t i = 0; i < out->n_differing; i++) {
        if (check_one(t, published, &conf->keys[out->differing[i]], a, err) != 0)
            rc = -1;
    }
    arena_free(a);
    if (conf->n_keys + n_api > KEYS_MAX)
        rc = error_add(err, "%zu virtual keys (%zu of them the API's), at most %u fit",
                       conf->n_keys + n_api, n_api, KEYS_MAX);
    return rc;
}

void keyring_diff_fini(struct keyring_diff *d)
{
    free(d->differing);
    free(d->gone);
    free(d->gone_ids);
    arena_free(d->arena);
    *d = (struct keyring_diff){0};
}

/* --- applying --- */

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
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

int keyring_apply(struct key_table *t, const struct region *published, const struct config *conf,
                  const struct keyring_diff *diff, struct changes *changes, struct error *err)
{
    struct arena *a = arena_create(4096);
    const struct target target = {t, published, a, changes};
    uint64_t *ids = xcalloc(diff->n_differing + 1, sizeof(*ids)); /* what differs and stays */
    struct buf models = BUF_INIT;
    int rc = 0;

    must_be_role(ROLE_MASTER);
    for (size_t i = 0; rc == 0 && i < diff->n_differing; i++) {
        struct virtual_key want = wanted_key(&conf->keys[diff->differing[i]], &models);

        arena_reset(a);
        want.id = ids[i] = keyring_file_id(want.name);
        rc = apply_one(&target, &want, err);
    }
    qsort(ids, diff->n_differing, sizeof(*ids), compare_ids);
    for (size_t i = 0; rc == 0 && i < diff->n_gone; i++) {
        const uint64_t *id = &diff->gone_ids[i];

        if (bsearch(id, ids, diff->n_differing, sizeof(*ids), compare_ids) == NULL &&
            key_table_remove(t, *id)) /* else a value that moved has removed it */
            changes_add(changes, "key", diff->gone[i], "removed");
    }
    free(ids);
    buf_fini(&models);
    arena_free(a);
    return rc;
}
