#include "server/master/save.h"

#include <stdlib.h>
#include <string.h>

#include "conf/entity.h"
#include "conf/set.h"
#include "conf/store.h"
#include "server/base/alloc.h"
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/master/api_rules.h"
#include "server/master/entity_load.h"

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

/* As the API shows it, and its hash: entity_get reads it again. */
static struct str key_json(struct arena *a, const struct conf_virtual_key *k, struct buf *scratch)
{
    struct conf_entity e = {.kind = CONF_KEY, .name = k->name, .key = *k};
    char hash[2 * SHA256_BYTES + 1];
    struct buf body = BUF_INIT;

    buf_clear(scratch);
    crypto_hex(k->hash, sizeof(k->hash), hash);
    conf_entity_json(&e, &body);
    buf_printf(scratch, "{\"hash\":\"%s\",%s", hash, body.data + 1);
    buf_fini(&body);
    return arena_str(a, buf_view(scratch));
}

static void add_key(struct mirror *m, const struct conf_virtual_key *k, struct buf *scratch)
{
    const struct str parts[] = {STR("key/"), str_of(k->name)};

    m->rows[m->n++] = (struct row){arena_concat(m->arena, parts, ARRAY_LEN(parts)),
                                   key_json(m->arena, k, scratch)};
}

/* The rows to have: of the virtual keys only those that differ, unless all are to be compared. */
static void mirror_init(struct mirror *m, const struct save_request *req,
                        const struct keyring_diff *diff, bool all)
{
    const struct config *conf = req->conf;
    const struct entities *e = req->entities;
    size_t n_keys = all ? conf->n_keys : diff->n_differing;
    struct buf scratch = BUF_INIT;

    *m = (struct mirror){.arena = arena_create(65536), .stale = BUF_INIT};
    m->rows = xcalloc(e->n + n_keys + 1, sizeof(*m->rows));
    m->put = xcalloc(e->n + n_keys + 1, sizeof(struct row *));
    for (size_t i = 0; i < e->n; i++) {
        const struct entity *one = &e->items[i];

        m->rows[m->n++] = (struct row){
            arena_printf(m->arena, "%s/%.*s", one->kind, STR_ARGS(one->name)), one->json};
    }
    for (size_t i = 0; i < n_keys; i++)
        add_key(m, &conf->keys[all ? i : diff->differing[i]], &scratch);
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

static void want_below(struct mirror *m, struct str prefix)
{
    while (m->at < m->n && str_cmp(m->rows[m->at].key, prefix) < 0)
        want(m, &m->rows[m->at++]);
}

/* What is in the store and not in the key table's diff is as it should be. */
static int compare_rest(struct store *s, struct mirror *m, const struct keyring_diff *diff,
                        struct error *err)
{
    /* In the order in which the store has them. */
    static const char *const kinds[] = {"catalogue/", "customer/",    "key/",   "listener/",
                                        "model/",     "model_limit/", "price/", "provider/",
                                        "rule/",      "setting/",     "team/"};
    int rc = 0;

    for (size_t i = 0; i < diff->n_gone; i++) {
        buf_cstr(&m->stale, "key/");
        buf_str(&m->stale, diff->gone[i]);
        buf_char(&m->stale, '\0');
    }
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(kinds); i++) {
        struct store_rows rows = {STORE_FILE, str_of(kinds[i])};

        want_below(m, rows.prefix);
        if (strcmp(kinds[i], "key/") != 0)
            rc = store_each_below(s, &rows, on_stored, m, err);
        while (m->at < m->n && str_starts(m->rows[m->at].key, rows.prefix))
            want(m, &m->rows[m->at++]);
    }
    return rc;
}

static int write_rows(struct store *s, struct mirror *m, struct error *err)
{
    struct str rest = buf_view(&m->stale);
    struct str key;
    int rc = 0;

    while (rc == 0 && str_next(&rest, '\0', &key)) {
        if (key.len > 0)
            rc = store_delete(s, STORE_FILE, key, err);
    }
    for (size_t i = 0; rc == 0 && i < m->n_put; i++)
        rc = store_put(s, STORE_FILE, m->put[i]->key, m->put[i]->value, err);
    return rc;
}

static struct str mark_text(const struct mirror_mark *mark)
{
    return (struct str){(const char *)mark->bytes, sizeof(mark->bytes)};
}

/* 1: the store's mark is the one remembered, 0: another, or none. */
static int is_known(struct store *s, const struct mirror_mark *mark, struct error *err)
{
    static const struct mirror_mark none;
    struct str have;
    int found = store_get(s, STORE_META, STR("mirror"), &have, err);

    if (found < 0)
        return -1;
    return found > 0 && str_eq(have, mark_text(mark)) && !str_eq(have, mark_text(&none));
}

static int write_mirror(struct store *s, const struct save_request *req, struct saved *out,
                        struct error *err)
{
    int known = is_known(s, &req->mark, err);
    struct mirror m;
    int rc;

    if (known < 0)
        return -1;
    mirror_init(&m, req, &out->keys, !known);
    rc = known ? compare_rest(s, &m, &out->keys, err)
               : store_each(s, STORE_FILE, on_stored, &m, err);
    while (rc == 0 && m.at < m.n)
        want(&m, &m.rows[m.at++]);
    out->mark = req->mark;
    if (rc == 0 && (!known || m.n_put > 0 || m.stale.len > 0)) {
        crypto_random(out->mark.bytes, sizeof(out->mark.bytes));
        rc = store_put(s, STORE_META, STR("mirror"), mark_text(&out->mark), err);
    }
    if (rc == 0)
        rc = write_rows(s, &m, err);
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
        if (rc == 0)
            rc = store_retire(s, STR("token/"), keep, &c, err);
    }
    free(c.identities);
    arena_free(c.arena);
    return rc;
}

static int check_names(const struct config *conf, const struct api_rules *rules, struct error *err)
{
    for (size_t i = 0; i < rules->n; i++) {
        for (size_t j = 0; j < conf->n_rules; j++) {
            if (conf->rules[j].name != NULL &&
                strcmp(conf->rules[j].name, rules->items[i].rule.name) == 0)
                return error_set(err, "%s:%d: rule \"%s\" was made by the API as well: rename one",
                                 conf->rules[j].origin.file, conf->rules[j].origin.line,
                                 conf->rules[j].name);
        }
    }
    return 0;
}

/* Beside the file's rules those that the API made. */
static int add_rules(struct store *s, const struct save_request *req, struct image *image,
                     struct error *err)
{
    struct arena *a = arena_create(65536);
    struct pub_image *joined;
    struct api_rules rules;
    int rc = api_rules_load(s, req->money->json, a, &rules, err);

    if (rc == 0)
        rc = check_names(req->conf, &rules, err);
    if (rc == 0 && rules.n > 0 && (rc = api_rules_image(image->bytes, &rules, &joined, err)) == 0) {
        free(image->bytes);
        image->bytes = joined;
    }
    arena_free(a);
    return rc;
}

static int build(struct store *s, const struct save_request *req, const struct file_plan *owners,
                 struct image *out, struct error *err)
{
    struct numbering n = {s, false};
    struct publish_request p = {.conf = req->conf,
                                .mock_url = req->mock_url,
                                .number = number,
                                .ctx = &n,
                                .owners = owners->provider_rows,
                                .target_owners = owners->target_rows};

    if (req->fresh && retire(s, &p, err) != 0)
        return -1;
    if (publish_build(&p, out, err) == 0)
        return add_rules(s, req, out, err);
    if (!n.is_full || req->fresh || retire(s, &p, err) != 0 || publish_build(&p, out, err) != 0)
        return -1;
    return add_rules(s, req, out, err);
}

struct declared {
    struct set names;
    struct arena *arena;
    struct buf stale; /* keys, each NUL-terminated */
};

static void declare(struct declared *d, const char *kind, const char *name)
{
    const struct str parts[] = {str_of(kind), STR("/"), str_of(name)};

    (void)set_add(&d->names, arena_concat(d->arena, parts, ARRAY_LEN(parts)), 1);
}

static bool on_account(void *ctx, struct str key, struct str value)
{
    struct declared *d = ctx;

    (void)value;
    /* One that was not there is in the set now, and nobody asks for it again. */
    if (set_add(&d->names, arena_str(d->arena, key), 1) == 0) {
        buf_str(&d->stale, key);
        buf_char(&d->stale, '\0');
    }
    return true;
}

/* Accounts of what is no longer in the file: at a start nobody else knows what was. */
static int retire_accounts(struct store *s, const struct config *c, struct error *err)
{
    struct declared d = {.arena = arena_create(65536), .stale = BUF_INIT};
    struct str rest;
    struct str key;
    int rc;

    set_init(&d.names, c->n_customers + c->n_teams + c->n_keys + c->n_providers);
    for (size_t i = 0; i < c->n_customers; i++)
        declare(&d, "customer", c->customers[i].name);
    for (size_t i = 0; i < c->n_teams; i++)
        declare(&d, "team", c->teams[i].name);
    for (size_t i = 0; i < c->n_model_limits; i++)
        declare(&d, "model_limit", c->model_limits[i].model);
    for (size_t i = 0; i < c->n_providers; i++)
        declare(&d, "provider", c->providers[i].name);
    for (size_t i = 0; i < c->n_keys; i++)
        declare(&d, "key", c->keys[i].name);
    rc = store_each(s, STORE_ACCOUNTS, on_account, &d, err);
    rest = buf_view(&d.stale);
    while (rc == 0 && str_next(&rest, '\0', &key)) {
        if (key.len > 0)
            rc = file_marks_drop(s, key, err);
    }
    set_fini(&d.names);
    buf_fini(&d.stale);
    arena_free(d.arena);
    return rc;
}

/* Whom money belongs to: the file's, then at a start the API's, then the file's keys beside them. */
static int plan_money(struct store *s, const struct save_request *req, struct saved *out,
                      struct error *err)
{
    struct money *m = req->money;

    if (req->load && retire_accounts(s, req->conf, err) != 0)
        return -1;
    out->wrong_file = true;
    if (file_plan(m, req->conf, s, &out->owners, err) != 0)
        return -1;
    out->planned = true;
    out->wrong_file = false;
    if (req->load && (entity_load_parents(m, s, err) != 0 || entity_load_keys(m, s, err) != 0))
        return -1;
    out->wrong_file = true;
    if (file_check(m, &out->owners, req->load, err) != 0 ||
        keyring_compare(m, req->conf, &out->keys, err) != 0)
        return -1;
    out->wrong_file = false;
    return keyring_marks(req->conf, s, &out->keys, err);
}

int save_config(const struct save_request *req, struct saved *out, struct error *err)
{
    struct store *s = NULL;
    int rc = -1;

    *out = (struct saved){0};
    if (store_open(req->state_dir, &s, err) != 0)
        return -1;
    if (store_begin(s, err) != 0 || plan_money(s, req, out, err) != 0)
        goto out;
    out->wrong_file = true;
    if (build(s, req, &out->owners, &out->image, err) != 0)
        goto out;
    out->wrong_file = false;
    /* The file is the record, but not of which accounts it has: those are on disk before they are used. */
    if (write_mirror(s, req, out, err) != 0 ||
        store_commit(s, out->owners.changed || out->keys.changed, err) != 0)
        goto out;
    rc = 0;
out:
    if (rc != 0)
        store_abort(s);
    store_close(s);
    if (rc != 0 && out->planned)
        file_abort(req->money, &out->owners);
    return rc;
}

void saved_fini(struct saved *s)
{
    image_fini(&s->image);
    keyring_diff_fini(&s->keys);
    file_plan_fini(&s->owners);
}
