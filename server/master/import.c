#include "server/master/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/set.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/pace.h"
#include "server/master/entity_load.h"

#define KEYS_AT_ONCE 1000000
#define BYTES_MAX (512u << 20) /* of records that wait for the last call */
#define IDLE_MS 120000         /* then another import may take its place */
#define ERRORS_SHOWN 100
#define TOKEN_MAX 64
#define PIECE_US 2000 /* rests cost a busy machine milliseconds each, and somebody waits for this */
#define REST_US 100

struct item {
    uint64_t id;
    size_t offset, len; /* of its record */
};

struct import {
    char token[TOKEN_MAX + 1];
    uint64_t seen_ms;    /* monotonic */
    struct arena *arena; /* names and hashes that the sets point to */
    struct set names, hashes;
    struct buf records;
    struct item *items;
    size_t n, room;
    size_t n_errors;
};

void import_free(struct money *m)
{
    struct import *im = m->import;

    if (im == NULL)
        return;
    set_fini(&im->names);
    set_fini(&im->hashes);
    arena_free(im->arena);
    buf_fini(&im->records);
    free(im->items);
    free(im);
    m->import = NULL;
}

static enum entity_result begin(struct entity_call *c, struct str token)
{
    struct import *im;

    if (token.len == 0 || token.len > TOKEN_MAX)
        return entity_fail(c, ENTITY_INVALID, "import: must be a text of 1 to %d bytes", TOKEN_MAX);
    if (c->money->import != NULL && clock_mono_ms() - c->money->import->seen_ms < IDLE_MS)
        return entity_fail(c, ENTITY_CONFLICT, "another import is under way");
    import_free(c->money);
    im = c->money->import = xcalloc(1, sizeof(*im));
    memcpy(im->token, token.p, token.len);
    im->arena = arena_create(65536);
    set_init(&im->names, 4096);
    set_init(&im->hashes, 4096);
    return ENTITY_OK;
}

/* --- one key --- */

static enum entity_result check_unique(struct entity_call *c, struct import *im,
                                       const struct conf_virtual_key *k)
{
    struct str hash = arena_str(im->arena, (struct str){(const char *)k->hash, sizeof(k->hash)});
    struct virtual_key other;

    if (set_add(&im->names, arena_str(im->arena, str_of(k->name)), 1) != 0)
        return entity_fail(c, ENTITY_CONFLICT, "name: \"%s\" is there twice", k->name);
    if (set_add(&im->hashes, hash, 1) != 0)
        return entity_fail(c, ENTITY_CONFLICT, "value: another key of the import has the same");
    if (keys_find(c->money->published, k->hash, c->arena, &other))
        return entity_fail(c, ENTITY_CONFLICT, "value: another key has the same value");
    return ENTITY_OK;
}

static void keep(struct import *im, const struct entity_record *r)
{
    if (im->n == im->room) {
        im->room = im->room > 0 ? im->room * 2 : 1024;
        im->items = xrealloc(im->items, im->room, sizeof(*im->items));
    }
    im->items[im->n] = (struct item){r->id, im->records.len, 0};
    entity_encode(r, &im->records);
    im->items[im->n].len = im->records.len - im->items[im->n].offset;
    im->n++;
}

static enum entity_result take_one(struct entity_call *c, struct import *im,
                                   const struct json *body)
{
    struct entity_record r = {.kind = CONF_KEY, .created_ms = clock_real_ms()};
    struct conf_entity e;
    uint32_t parent;
    enum entity_result result;

    if (conf_entity_load(&e, CONF_KEY, body, c->arena, NULL, &c->err) != 0)
        return ENTITY_INVALID;
    if (e.key.hint == NULL)
        return entity_fail(c, ENTITY_INVALID, "value: must be given, or hash");
    result = entity_parent(c, &e, &r, &parent);
    if (result == ENTITY_OK)
        result = entity_check(c, &e, 0);
    if (result == ENTITY_OK)
        result = check_unique(c, im, &e.key);
    if (result != ENTITY_OK)
        return result;
    if (im->n >= KEYS_AT_ONCE || im->records.len > BYTES_MAX)
        return entity_fail(c, ENTITY_FULL, "an import may have %d keys", KEYS_AT_ONCE);
    while (r.id == 0)
        crypto_random(&r.id, sizeof(r.id));
    entity_fill(c, &e, &r);
    keep(im, &r);
    return ENTITY_OK;
}

static void take_all(struct entity_call *c, struct import *im, const struct json *items,
                     struct buf *errors)
{
    struct arena *outer = c->arena;
    size_t index = 0;

    c->arena = arena_create(65536);
    for (const struct json *i = items != NULL ? items->child : NULL; i != NULL;
         i = i->next, index++) {
        pace();
        arena_reset(c->arena);
        if (take_one(c, im, i) == ENTITY_OK)
            continue;
        if (im->n_errors++ >= ERRORS_SHOWN)
            continue;
        buf_printf(errors, "%s{\"index\":%zu,\"error\":", errors->len > 0 ? "," : "", index);
        buf_json(errors, str_of(c->err.text));
        buf_char(errors, '}');
    }
    arena_free(c->arena);
    c->arena = outer;
}

/* --- the end --- */

static struct str record_of(const struct import *im, size_t i)
{
    return (struct str){im->records.data + im->items[i].offset, im->items[i].len};
}

static enum entity_result store_all(struct entity_call *c, const struct import *im)
{
    enum entity_result result = entity_begin(c);
    char key[8];

    for (size_t i = 0; result == ENTITY_OK && i < im->n; i++) {
        pace();
        if (store_put(c->store, STORE_KEYS, entity_store_key(im->items[i].id, key),
                      record_of(im, i), &c->err) != 0)
            result = ENTITY_INTERNAL;
    }
    if (result == ENTITY_OK)
        result = entity_commit(c);
    if (result != ENTITY_OK)
        store_abort(c->store);
    return result;
}

/* What was put in so far goes again; so does what is stored. */
static void undo(struct entity_call *c, const struct import *im, size_t shown)
{
    struct error ignored = ERROR_INIT;
    char key[8];
    int rc = store_begin(c->store, &ignored);

    for (size_t i = 0; i < shown; i++) {
        struct virtual_key k;

        arena_reset(c->arena);
        if (key_table_get(c->money->keys, im->items[i].id, c->arena, &k))
            key_remove(c->money, &k);
    }
    for (size_t i = 0; rc == 0 && i < im->n; i++)
        rc = store_delete(c->store, STORE_KEYS, entity_store_key(im->items[i].id, key), &ignored);
    if (rc != 0 || store_commit(c->store, true, &ignored) != 0) {
        store_abort(c->store);
        (void)error_add(&c->err, "%s", ignored.text);
    }
}

static enum entity_result show_one(struct entity_call *c, const struct import *im, size_t i)
{
    struct money *m = c->money;
    struct entity_record r;
    struct conf_entity e;
    struct key_want want = {.conf = &e.key, .flags = KEY_ORIGIN_API, .marks = &r.marks};
    struct key_plan plan;

    arena_reset(c->arena);
    if (entity_decode(record_of(im, i), CONF_KEY, im->items[i].id, c->arena, &r) != 0 ||
        entity_of_record(m, &r, c->arena, &e, &c->err) != 0)
        return ENTITY_INTERNAL;
    want.id = r.id;
    want.created_ms = r.created_ms;
    if (entity_parent_row(m, &r, &want.parent, &c->err) != 0 ||
        key_plan(m, &want, NULL, c->arena, &plan, &c->err) != 0 ||
        key_commit(m, &plan, &c->err) != 0)
        return ENTITY_FULL;
    return ENTITY_OK;
}

static enum entity_result commit(struct entity_call *c, const struct import *im)
{
    struct arena *outer = c->arena;
    enum entity_result result;

    if (keys_count(c->money->published) + im->n > KEYS_MAX)
        return entity_fail(c, ENTITY_FULL, "%u virtual keys fit, there are %u and %zu would come",
                           KEYS_MAX, keys_count(c->money->published), im->n);
    result = store_all(c, im);
    if (result != ENTITY_OK)
        return result;
    c->arena = arena_create(65536);
    directory_keys_changed(&c->money->directory);
    for (size_t i = 0; result == ENTITY_OK && i < im->n; i++) {
        pace();
        result = show_one(c, im, i);
        if (result != ENTITY_OK)
            undo(c, im, i);
    }
    arena_free(c->arena);
    c->arena = outer;
    return result;
}

static enum entity_result go_on(struct entity_call *c, struct import *im)
{
    struct buf errors = BUF_INIT;
    enum entity_result result = ENTITY_OK;
    bool more = false;
    size_t n;

    (void)json_bool(json_get(c->json, "more"), &more); /* absent: it was all */
    take_all(c, im, json_get(c->json, "items"), &errors);
    im->seen_ms = clock_mono_ms();
    n = im->n_errors == 0 ? im->n : 0;
    if (!more && im->n_errors == 0)
        result = commit(c, im);
    if (!more)
        import_free(c->money);
    if (result == ENTITY_OK)
        buf_printf(c->out, "{\"ok\":true,\"created\":%zu,\"errors\":[%.*s]}", more ? 0 : n,
                   STR_ARGS(buf_view(&errors)));
    buf_fini(&errors);
    return result;
}

enum entity_result import_call(struct entity_call *c)
{
    struct str token = json_str(json_get(c->json, "import"));
    struct import *im = c->money->import;
    bool abort = false;
    enum entity_result result = ENTITY_OK;

    (void)json_bool(json_get(c->json, "abort"), &abort);
    if (im == NULL || !str_eq(token, str_of(im->token))) {
        if (abort) {
            buf_cstr(c->out, "{\"ok\":true,\"created\":0,\"errors\":[]}");
            return ENTITY_OK;
        }
        result = begin(c, token.len > 0 ? token : STR("one call"));
    }
    if (result != ENTITY_OK)
        return result;
    if (abort) {
        import_free(c->money);
        buf_cstr(c->out, "{\"ok\":true,\"created\":0,\"errors\":[]}");
        return ENTITY_OK;
    }
    pace_begin(PIECE_US, REST_US);
    result = go_on(c, c->money->import);
    pace_end();
    return result;
}
