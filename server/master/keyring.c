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
#include "server/master/file_owners.h"
#include "server/master/key_rows.h"

#define DIRECTORY_MANY 256 /* past it the ids are sorted anew instead of one by one */

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

/* The row of its team or customer, which file_plan has made. */
static uint32_t parent_row(const struct money *m, const struct conf_virtual_key *k)
{
    const struct conf_key_scope *s = k->scope;
    const struct place *p;
    enum place_kind kind = PLACE_TEAM;
    const char *name;

    if (s == NULL || (s->team == NULL && s->customer == NULL))
        return ROW_NONE;
    name = s->team;
    if (name == NULL) {
        name = s->customer;
        kind = PLACE_CUSTOMER;
    }
    p = directory_id(&m->directory, kind, file_id(kind, str_of(name)));
    return p != NULL ? p->row : ROW_NONE;
}

static struct key_want wanted_key(const struct money *m, const struct conf_virtual_key *k)
{
    static const struct marks none = {.n = 0};

    return (struct key_want){.conf = k, .parent = parent_row(m, k), .marks = &none};
}

/* What differs, and a bit for each entry of the table that stays. */
static void find_differing(struct money *m, const struct config *conf, struct keyring_diff *d,
                           uint8_t *kept)
{
    struct arena *a = arena_create(KEY_BLOB_MAX);
    uint32_t at = UINT32_MAX;

    d->differing = xcalloc(conf->n_keys + 1, sizeof(*d->differing));
    for (size_t i = 0; i < conf->n_keys; i++) {
        struct key_want want = wanted_key(m, &conf->keys[i]);

        pace();
        arena_reset(a);
        if (key_is(m, &want, a, &at))
            kept[at / 8] |= (uint8_t)(1u << at % 8);
        else
            d->differing[d->n_differing++] = (uint32_t)i;
    }
    arena_free(a);
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
            n_api++; /* aliases take entries, too */
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

int keyring_compare(struct money *m, const struct config *conf, struct keyring_diff *out,
                    struct error *err)
{
    uint8_t *kept = xcalloc(keys_high(m->published) / 8 + 1, 1);
    struct arena *a = arena_create(4096);
    size_t n_api;
    int rc = 0;

    *out = (struct keyring_diff){.arena = arena_create(4096)};
    find_differing(m, conf, out, kept);
    n_api = find_gone(m->published, kept, out);
    free(kept);
    for (size_t i = 0; i < out->n_differing; i++) {
        if (check_one(m->keys, m->published, &conf->keys[out->differing[i]], a, err) != 0)
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

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

int keyring_marks(const struct config *conf, struct store *s, struct keyring_diff *d,
                  struct error *err)
{
    uint64_t *ids = arena_alloc(d->arena, (d->n_differing + 1) * sizeof(*ids));
    int rc = 0;

    d->marks = arena_zalloc(d->arena, (d->n_differing + 1) * sizeof(*d->marks));
    for (size_t i = 0; rc == 0 && i < d->n_differing; i++) {
        const struct conf_virtual_key *k = &conf->keys[d->differing[i]];
        const struct str parts[] = {STR("key/"), str_of(k->name)};
        struct file_marks what = {.kind = "key", .name = str_of(k->name)};
        struct marks_part *list;
        uint64_t unused;

        pace();
        ids[i] = keyring_file_id(what.name);
        what.key = arena_concat(d->arena, parts, ARRAY_LEN(parts));
        what.n_parts = key_parts(k, d->arena, &list);
        what.parts = list;
        rc = file_marks(s, &what, d->arena, &d->marks[i], &unused, err);
        d->changed |= d->marks[i].changed;
    }
    qsort(ids, d->n_differing, sizeof(*ids), compare_ids);
    for (size_t i = 0; rc == 0 && i < d->n_gone; i++) {
        const struct str parts[] = {STR("key/"), d->gone[i]};

        /* One that is declared otherwise is not gone: it is among the differing ones, too. */
        if (bsearch(&d->gone_ids[i], ids, d->n_differing, sizeof(*ids), compare_ids) == NULL)
            rc = file_marks_drop(s, arena_concat(d->arena, parts, ARRAY_LEN(parts)), err);
    }
    return rc;
}

/* --- applying --- */

/* Where a key goes, and what is told of it. */
struct target {
    struct money *money;
    struct arena *arena;
    struct changes *changes;
};

static int apply_one(const struct target *t, struct key_want *want, struct error *err)
{
    struct money *m = t->money;
    struct str name = str_of(want->conf->name);
    struct virtual_key have;
    struct virtual_key other;
    struct key_plan plan;
    bool is_there = key_table_get(m->keys, want->id, t->arena, &have);

    want->created_ms = is_there ? have.created_ms : clock_real_ms();
    /* A value that moved from one name of the file to another must leave the first at once. */
    if (keys_find(m->published, want->conf->hash, t->arena, &other) && other.id != want->id) {
        key_remove(m, &other);
        changes_add(t->changes, "key", other.name, "removed");
    }
    if (key_plan(m, want, is_there ? &have : NULL, t->arena, &plan, err) != 0 ||
        key_commit(m, &plan, err) != 0)
        return error_wrap(err, "virtual key \"%.*s\"", STR_ARGS(name));
    changes_add(t->changes, "key", name, is_there ? "changed" : "added");
    return 0;
}

static void remove_gone(const struct target *t, const struct keyring_diff *diff, size_t i)
{
    struct virtual_key have;

    arena_reset(t->arena);
    if (!key_table_get(t->money->keys, diff->gone_ids[i], t->arena, &have))
        return; /* a value that moved has removed it */
    key_remove(t->money, &have);
    changes_add(t->changes, "key", diff->gone[i], "removed");
}

int keyring_apply(struct money *m, const struct config *conf, const struct keyring_diff *diff,
                  struct changes *changes, struct error *err)
{
    const struct target target = {m, arena_create(KEY_BLOB_MAX), changes};
    uint64_t *ids = xcalloc(diff->n_differing + 1, sizeof(*ids)); /* what differs and stays */
    int rc = 0;

    must_be_role(ROLE_MASTER);
    if (diff->n_differing + diff->n_gone > DIRECTORY_MANY)
        directory_keys_changed(&m->directory);
    for (size_t i = 0; rc == 0 && i < diff->n_differing; i++) {
        struct key_want want = wanted_key(m, &conf->keys[diff->differing[i]]);

        pace();
        arena_reset(target.arena);
        want.id = ids[i] = keyring_file_id(str_of(want.conf->name));
        want.marks = &diff->marks[i];
        rc = apply_one(&target, &want, err);
    }
    qsort(ids, diff->n_differing, sizeof(*ids), compare_ids);
    for (size_t i = 0; rc == 0 && i < diff->n_gone; i++) {
        if (bsearch(&diff->gone_ids[i], ids, diff->n_differing, sizeof(*ids), compare_ids) == NULL)
            remove_gone(&target, diff, i);
    }
    free(ids);
    arena_free(target.arena);
    return rc;
}
