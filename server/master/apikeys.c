/* The keys that the API created: in LMDB first, then in the table (keyring.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/store.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/inherit.h"
#include "server/master/keyring.h"

/* LMDB orders big-endian numbers as numbers. */
static struct str store_key(uint64_t id, char out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (char)(id >> (56 - 8 * i) & 0xff);
    return (struct str){out, 8};
}

/* --- loading --- */

struct loading {
    struct key_table *table;
    struct error *err;
    struct buf stale; /* uint64_t ids */
    size_t n;
    int rc;
};

static bool on_row(void *ctx, struct str key, struct str value)
{
    struct loading *l = ctx;
    struct virtual_key k;
    uint64_t id = 0;

    if (key.len != 8) {
        l->rc = error_set(l->err, "a stored virtual key has an id of %zu bytes", key.len);
        return false;
    }
    for (size_t i = 0; i < 8; i++)
        id = id << 8 | (uint8_t)key.p[i];
    if (key_decode(value, id, &k) != 0)
        l->rc = error_set(l->err, "the stored virtual key %016jx cannot be read", (uintmax_t)id);
    else
        l->rc = key_table_put(l->table, &k, l->err);
    l->n++;
    return l->rc == 0;
}

static void on_table_id(void *ctx, uint64_t id)
{
    buf_add(ctx, &id, sizeof(id));
}

/* Regions that outlived the daemon may still have a key that was deleted meanwhile. */
static int remove_stale(struct key_table *t, struct store *s, struct error *err)
{
    struct arena *a = arena_create(4096);
    struct buf ids = BUF_INIT;
    int rc = 0;

    key_table_each(t, on_table_id, &ids);
    for (size_t at = 0; rc >= 0 && at < ids.len; at += sizeof(uint64_t)) {
        struct virtual_key k;
        struct str value;
        char key[8];
        uint64_t id;

        memcpy(&id, ids.data + at, sizeof(id));
        arena_reset(a);
        if (!key_table_get(t, id, a, &k) || (k.flags & KEY_ORIGIN_API) == 0)
            continue;
        rc = store_get(s, STORE_KEYS, store_key(id, key), &value, err);
        if (rc == 0)
            (void)key_table_remove(t, id);
    }
    buf_fini(&ids);
    arena_free(a);
    return rc < 0 ? -1 : 0;
}

int keyring_load(struct key_table *t, struct store *s, struct error *err)
{
    struct loading l = {.table = t, .err = err, .rc = 0};

    if (remove_stale(t, s, err) != 0 || store_each(s, STORE_KEYS, on_row, &l, err) != 0)
        return -1;
    return l.rc;
}

/* --- changing --- */

static enum keyring_result check_wish(const struct key_wish *w, struct error *err)
{
    struct str rest = w->models;
    struct str model;
    size_t n = 0;

    if (w->has_name && (w->name.len == 0 || w->name.len > KEY_NAME_MAX)) {
        error_set(err, "name: must have 1 to %d bytes", KEY_NAME_MAX);
        return KEYRING_INVALID;
    }
    for (size_t i = 0; w->has_name && i < w->name.len; i++) {
        if ((unsigned char)w->name.p[i] < 0x20 || w->name.p[i] == 0x7f) {
            error_set(err, "name: must not have control characters");
            return KEYRING_INVALID;
        }
    }
    /* None at all means every model; str_next would see one empty pattern. */
    while (w->has_models && w->models.len > 0 && str_next(&rest, '\0', &model)) {
        if (model.len == 0 || model.len > KEY_MODEL_BYTES_MAX || ++n > KEY_MODELS_MAX) {
            error_set(err, "models: at most %d patterns of 1 to %u bytes", KEY_MODELS_MAX,
                      KEY_MODEL_BYTES_MAX);
            return KEYRING_INVALID;
        }
    }
    if (w->models.len > KEY_BLOB_MAX - 2 * KEY_NAME_MAX - 64) {
        error_set(err, "models: all patterns together must stay below %d bytes",
                  KEY_BLOB_MAX - 2 * KEY_NAME_MAX - 64);
        return KEYRING_INVALID;
    }
    return KEYRING_OK;
}

static enum keyring_result check_name(const struct key_table *t, struct str name, uint64_t id,
                                      struct error *err)
{
    uint64_t other;

    if (!key_table_id_of_name(t, name, &other) || other == id)
        return KEYRING_OK;
    error_set(err, "there is already a key \"%.*s\"", STR_ARGS(name));
    return KEYRING_CONFLICT;
}

/* On disk when it returns 0. An empty value deletes. */
static int save(const char *state_dir, uint64_t id, struct str value, struct error *err)
{
    struct store *s = NULL;
    char key[8];
    int rc = -1;

    must_be_role(ROLE_MASTER);
    if (store_open(state_dir, &s, err) != 0)
        return -1;
    if (store_begin(s, err) == 0) {
        if (value.len > 0)
            rc = store_put(s, STORE_KEYS, store_key(id, key), value, err);
        else
            rc = store_delete(s, STORE_KEYS, store_key(id, key), err);
        if (rc == 0)
            rc = store_commit(s, true, err);
        else
            store_abort(s);
    }
    store_close(s);
    return rc;
}

static enum keyring_result store_and_show(struct key_table *t, const char *state_dir,
                                          const struct virtual_key *k,
                                          const struct virtual_key *before, struct error *err)
{
    struct buf value = BUF_INIT;
    struct buf old = BUF_INIT;
    struct error undo = ERROR_INIT;
    enum keyring_result result = KEYRING_OK;

    key_encode(k, &value);
    if (before != NULL)
        key_encode(before, &old);
    if (save(state_dir, k->id, buf_view(&value), err) != 0) {
        result = KEYRING_INTERNAL;
    } else if (key_table_put(t, k, err) != 0) {
        /* What the workers cannot see must not come back at the next start. */
        if (save(state_dir, k->id, buf_view(&old), &undo) != 0)
            (void)error_add(err, "%s", undo.text);
        result = KEYRING_FULL;
    }
    buf_fini(&old);
    buf_fini(&value);
    return result;
}

enum keyring_result keyring_create(struct key_table *t, const char *state_dir,
                                   const struct key_wish *wish, struct new_key *out,
                                   struct error *err)
{
    struct virtual_key k = {.flags = KEY_ORIGIN_API, .created_ms = clock_real_ms()};
    enum keyring_result result = check_wish(wish, err);

    if (result != KEYRING_OK)
        return result;
    if (!wish->has_name) {
        error_set(err, "name: is missing");
        return KEYRING_INVALID;
    }
    result = check_name(t, wish->name, 0, err);
    if (result != KEYRING_OK)
        return result;
    while (k.id == 0)
        crypto_random(&k.id, sizeof(k.id));
    memcpy(out->text, KEY_TEXT_PREFIX, sizeof(KEY_TEXT_PREFIX) - 1);
    crypto_token(out->text + sizeof(KEY_TEXT_PREFIX) - 1, KEY_TEXT_TOKEN);
    (void)snprintf(out->hint, sizeof(out->hint), KEY_TEXT_PREFIX "...%s",
                   out->text + KEY_TEXT_LEN - 4);
    crypto_sha256(str_of(out->text), k.hash);
    k.name = wish->name;
    k.models = wish->models;
    k.hint = str_of(out->hint);
    k.expires_ms = wish->expires_ms;
    k.flags |= !wish->has_active || wish->active ? KEY_ACTIVE : 0;
    k.flags |= wish->strict ? KEY_STRICT : 0;
    out->id = k.id;
    out->created_ms = k.created_ms;
    result = store_and_show(t, state_dir, &k, NULL, err);
    if (result != KEYRING_OK)
        crypto_wipe(out->text, sizeof(out->text));
    return result;
}

/* The key, when there is one and the API may change it. */
static enum keyring_result find_own(const struct key_table *t, uint64_t id, struct arena *a,
                                    struct virtual_key *out, struct error *err)
{
    if (!key_table_get(t, id, a, out)) {
        error_set(err, "there is no key %016jx", (uintmax_t)id);
        return KEYRING_NOT_FOUND;
    }
    if ((out->flags & KEY_ORIGIN_API) == 0) {
        error_set(err,
                  "key \"%.*s\" is declared in the configuration file; change it there and "
                  "reload",
                  STR_ARGS(out->name));
        return KEYRING_READ_ONLY;
    }
    return KEYRING_OK;
}

enum keyring_result keyring_update(struct key_table *t, const char *state_dir, uint64_t id,
                                   const struct key_wish *wish, struct error *err)
{
    struct arena *a = arena_create(4096);
    struct virtual_key k;
    enum keyring_result result = find_own(t, id, a, &k, err);

    if (result == KEYRING_OK)
        result = check_wish(wish, err);
    if (result == KEYRING_OK && wish->has_name)
        result = check_name(t, wish->name, id, err);
    if (result == KEYRING_OK) {
        struct virtual_key before = k;

        if (wish->has_name)
            k.name = wish->name;
        if (wish->has_models)
            k.models = wish->models;
        if (wish->has_expires)
            k.expires_ms = wish->expires_ms;
        if (wish->has_active)
            k.flags = (k.flags & ~KEY_ACTIVE) | (wish->active ? KEY_ACTIVE : 0);
        if (wish->has_strict)
            k.flags = (k.flags & ~KEY_STRICT) | (wish->strict ? KEY_STRICT : 0);
        result = store_and_show(t, state_dir, &k, &before, err);
    }
    arena_free(a);
    return result;
}

enum keyring_result keyring_delete(struct key_table *t, const char *state_dir, uint64_t id,
                                   struct error *err)
{
    struct arena *a = arena_create(4096);
    struct virtual_key k;
    enum keyring_result result = find_own(t, id, a, &k, err);

    if (result == KEYRING_OK && save(state_dir, id, STR_NONE, err) != 0)
        result = KEYRING_INTERNAL;
    if (result == KEYRING_OK)
        (void)key_table_remove(t, id);
    arena_free(a);
    return result;
}
