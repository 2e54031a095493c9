#include "server/master/save.h"

#include <stdlib.h>
#include <string.h>

#include "conf/store.h"
#include "server/base/alloc.h"
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/master/keyring.h"

/* --- the mirror of what the file declares --- */

struct row {
    struct str key, value;
};

struct mirror {
    struct row *rows; /* wanted, sorted by key */
    size_t n, at;     /* `at`: merged so far */
    struct arena *arena;
    struct buf stale; /* keys to delete, each NUL-terminated */
    struct row **put; /* to write */
    size_t n_put;
};

static int compare_rows(const void *left, const void *right)
{
    return str_cmp(((const struct row *)left)->key, ((const struct row *)right)->key);
}

static struct str key_json(struct arena *a, const struct conf_virtual_key *k, struct buf *scratch)
{
    char hash[2 * SHA256_BYTES + 1];

    buf_clear(scratch);
    crypto_hex(k->hash, sizeof(k->hash), hash);
    buf_printf(scratch, "{\"sha256\":\"%s\",\"expires_ms\":%ju,\"active\":%s,\"models\":[", hash,
               (uintmax_t)k->expires_ms, k->active ? "true" : "false");
    for (size_t i = 0; i < k->n_models; i++) {
        if (i > 0)
            buf_char(scratch, ',');
        buf_json(scratch, str_of(k->models[i]));
    }
    buf_cstr(scratch, "]}");
    return arena_str(a, buf_view(scratch));
}

static void mirror_init(struct mirror *m, const struct config *conf, const struct entities *e)
{
    struct buf scratch = BUF_INIT;

    *m = (struct mirror){.arena = arena_create(65536), .stale = BUF_INIT};
    m->rows = xcalloc(e->n + conf->n_keys + 1, sizeof(*m->rows));
    m->put = xcalloc(e->n + conf->n_keys + 1, sizeof(struct row *));
    for (size_t i = 0; i < e->n; i++) {
        const struct entity *one = &e->items[i];

        m->rows[m->n++] = (struct row){
            arena_printf(m->arena, "%s/%.*s", one->kind, STR_ARGS(one->name)), one->json};
    }
    for (size_t i = 0; i < conf->n_keys; i++) {
        m->rows[m->n++] = (struct row){arena_printf(m->arena, "key/%s", conf->keys[i].name),
                                       key_json(m->arena, &conf->keys[i], &scratch)};
    }
    qsort(m->rows, m->n, sizeof(*m->rows), compare_rows);
    buf_fini(&scratch);
}

static void mirror_fini(struct mirror *m)
{
    free(m->rows);
    free(m->put);
    arena_free(m->arena);
    buf_fini(&m->stale);
}

static void want(struct mirror *m, struct row *r)
{
    m->put[m->n_put++] = r;
}

/* Both sides come in the same order: a merge finds what is new, different and gone. */
static bool on_stored(void *ctx, struct str key, struct str value)
{
    struct mirror *m = ctx;

    while (m->at < m->n && str_cmp(m->rows[m->at].key, key) < 0)
        want(m, &m->rows[m->at++]);
    if (m->at < m->n && str_eq(m->rows[m->at].key, key)) {
        if (!str_eq(m->rows[m->at].value, value))
            want(m, &m->rows[m->at]);
        m->at++;
    } else {
        buf_str(&m->stale, key);
        buf_char(&m->stale, '\0');
    }
    return true;
}

static int write_mirror(struct store *s, const struct save_request *req, struct error *err)
{
    struct mirror m;
    struct str rest;
    struct str key;
    int rc;

    mirror_init(&m, req->conf, req->entities);
    rc = store_each(s, STORE_FILE, on_stored, &m, err);
    while (rc == 0 && m.at < m.n)
        want(&m, &m.rows[m.at++]);
    rest = buf_view(&m.stale);
    while (rc == 0 && str_next(&rest, '\0', &key)) {
        if (key.len > 0)
            rc = store_delete(s, STORE_FILE, key, err);
    }
    for (size_t i = 0; rc == 0 && i < m.n_put; i++)
        rc = store_put(s, STORE_FILE, m.put[i]->key, m.put[i]->value, err);
    mirror_fini(&m);
    return rc;
}

/* --- stable numbers --- */

struct numbering {
    struct store *store;
    bool is_full; /* a number could not be had */
};

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    struct numbering *n = ctx;

    if (store_number(n->store, identity, limit, out, err) == 0)
        return 0;
    n->is_full = true;
    return -1;
}

/* What the configuration will ask numbers for, without taking any. */
struct census {
    struct arena *arena;
    struct str *identities;
    size_t n, room;
};

static int count(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    struct census *c = ctx;

    (void)limit;
    (void)err;
    if (c->n == c->room) {
        c->room = c->room > 0 ? c->room * 2 : 256;
        c->identities = xrealloc(c->identities, c->room, sizeof(*c->identities));
    }
    c->identities[c->n++] = arena_str(c->arena, identity);
    *out = 0;
    return 0;
}

static int compare_strs(const void *left, const void *right)
{
    return str_cmp(*(const struct str *)left, *(const struct str *)right);
}

static bool keep(void *ctx, struct str identity)
{
    struct census *c = ctx;

    return c->n > 0 &&
           bsearch(&identity, c->identities, c->n, sizeof(*c->identities), compare_strs) != NULL;
}

/* A number's row has counters and health in the regions, so it is given back only when no region
 * knows it, or when there is no other left. */
static int retire(struct store *s, const struct publish_request *base, struct error *err)
{
    struct census c = {.arena = arena_create(16384)};
    struct publish_request dry = *base;
    struct image image;
    int rc;

    dry.number = count;
    dry.ctx = &c;
    rc = publish_build(&dry, &image, err);
    if (rc == 0) {
        image_fini(&image);
        qsort(c.identities, c.n, sizeof(*c.identities), compare_strs);
        rc = store_retire(s, STR("route/"), keep, &c, err);
        if (rc == 0)
            rc = store_retire(s, STR("provider/"), keep, &c, err);
    }
    free(c.identities);
    arena_free(c.arena);
    return rc;
}

static int build(struct store *s, const struct save_request *req, struct image *out,
                 struct error *err)
{
    struct numbering n = {s, false};
    struct publish_request p = {req->conf, req->mock_url, number, &n};

    if (req->fresh && retire(s, &p, err) != 0)
        return -1;
    if (publish_build(&p, out, err) == 0)
        return 0;
    if (!n.is_full || req->fresh || retire(s, &p, err) != 0)
        return -1;
    return publish_build(&p, out, err);
}

int save_config(const struct save_request *req, struct image *out, bool *out_wrong_file,
                struct error *err)
{
    struct store *s = NULL;
    int rc = -1;

    *out = (struct image){0};
    *out_wrong_file = false;
    if (store_open(req->state_dir, &s, err) != 0)
        return -1;
    if (store_begin(s, err) != 0 || (req->load_keys && keyring_load(req->keys, s, err) != 0))
        goto out;
    *out_wrong_file = true;
    if (keyring_check(req->keys, req->published, req->conf, err) != 0 ||
        build(s, req, out, err) != 0)
        goto out;
    *out_wrong_file = false;
    /* The file is the record: nothing to sync. */
    if (write_mirror(s, req, err) != 0 || store_commit(s, false, err) != 0)
        goto out;
    rc = 0;
out:
    if (rc != 0) {
        store_abort(s);
        image_fini(out);
    }
    store_close(s);
    return rc;
}
