#include "server/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/config.h"
#include "providers/dialect.h"
#include "server/base/alloc.h"
#include "server/base/fd.h"
#include "server/master/publish.h"
#include "server/vendors.h"
#include "server/worker/estimate.h"
#include "server/worker/pricing.h"
#include "shm/keys.h"
#include "shm/ledger.h"
#include "shm/limits.h"
#include "shm/weights.h"
#include "tests/replay/fake.h"

#define ARENA_BYTES 16384
#define ROWS_MAX 512

uint64_t fake_random;

static struct worker worker;
static struct inherit inherit;
static struct key_table *keys;
static char *identities[ROWS_MAX];
static uint32_t n_identities;
static size_t arenas_out;
static uint32_t others_in_flight;

uint64_t worker_random(struct worker *w)
{
    (void)w;
    return fake_random;
}

struct arena *worker_arena_take(struct worker *w)
{
    arenas_out++;
    return w->n_free_arenas > 0 ? w->free_arenas[--w->n_free_arenas] : arena_create(ARENA_BYTES);
}

/* A credential must not outlive its request: it is looked for where it lay. */
static void check_wiped(void)
{
    for (size_t i = 0; provider.secret != NULL && i < provider.secret_len; i++)
        must(provider.secret[i] == 0);
    provider.secret = NULL;
}

void worker_scratch_reset(struct worker *w)
{
    arena_reset(w->scratch);
}

void worker_arena_give(struct worker *w, struct arena *a)
{
    must(arenas_out > 0);
    arenas_out--;
    check_wiped();
    must(w->n_free_arenas < ARRAY_LEN(w->free_arenas));
    arena_reset(a);
    w->free_arenas[w->n_free_arenas++] = a;
}

size_t world_arenas_out(void)
{
    return arenas_out;
}

struct worker *world_worker(void)
{
    return &worker;
}

int world_open(struct error *err)
{
    struct regions *r = &inherit.regions;

    if (region_create(REGION_PUBLISHED, 1, &r->published, err) != 0 ||
        region_create(REGION_SECRETS, 1, &r->secrets, err) != 0 ||
        region_create(REGION_WEIGHTS, 1, &r->weights, err) != 0 ||
        region_create(REGION_LIVE, 1, &r->live, err) != 0 ||
        region_create(REGION_COUNTERS, 1, &r->counters, err) != 0)
        return -1;
    (void)snprintf(inherit.admin_socket, sizeof(inherit.admin_socket), "/run/test/admin.sock");
    worker.in = &inherit;
    worker.slot = live_slot(&r->live, 0);
    worker.json = json_parser_create();
    worker.scratch = arena_create(ARENA_BYTES);
    live_take(worker.slot, 1, 1);
    keys = key_table_open(&r->published);
    owners_open();
    worker.ledger = ledger_open(r, 0);
    worker.estimator = estimator_create();
    worker.pricing = pricing_create();
    worker.limits = xcalloc(1, sizeof(*worker.limits));
    return 0;
}

void world_close(void)
{
    struct regions *r = &inherit.regions;

    key_table_close(keys);
    owners_close();
    ledger_close(worker.ledger);
    estimator_free(worker.estimator);
    pricing_free(worker.pricing);
    free(worker.limits);
    json_parser_free(worker.json);
    arena_free(worker.scratch);
    while (worker.n_free_arenas > 0)
        arena_free(worker.free_arenas[--worker.n_free_arenas]);
    while (n_identities > 0)
        free(identities[--n_identities]);
    region_close(&r->published);
    region_close(&r->secrets);
    region_close(&r->weights);
    region_close(&r->live);
    region_close(&r->counters);
}

uint64_t world_stat(enum stat_id which)
{
    return live_stat_sum(&inherit.regions.live, which);
}

void world_reset(void)
{
    struct weight healthy = {.weight = WEIGHT_FULL, .state = ROUTE_HEALTHY};

    for (uint32_t i = 0; i < n_identities; i++) {
        weights_publish(&inherit.regions.weights, i, &healthy);
        while (live_in_flight(worker.slot, i) > 0)
            live_leave(worker.slot, i);
    }
    others_in_flight = 0;
    estimator_free(worker.estimator);
    worker.estimator = estimator_create();
    for (enum stat_id i = 0; i < STATS_N; i++)
        stat_add(worker.slot, i, 0 - world_stat(i));
    fake_random = 0;
}

int world_row(struct str identity)
{
    for (uint32_t i = 0; i < n_identities; i++) {
        if (str_eq(str_of(identities[i]), identity))
            return (int)i;
    }
    return -1;
}

void world_set_weight(uint32_t row, const struct weight *w)
{
    weights_publish(&inherit.regions.weights, row, w);
}

void world_set_in_flight(uint32_t row, uint32_t n)
{
    others_in_flight += n;
    while (n-- > 0)
        live_enter(worker.slot, row);
}

uint32_t world_in_flight(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < n_identities; i++)
        n += live_in_flight(worker.slot, i);
    return n - others_in_flight;
}

uint32_t world_holds(void)
{
    return ledger_holds(&inherit.regions.live, 0);
}

bool world_in_request(void)
{
    char request[LIVE_HINT_LEN + 1];
    uint32_t step;

    return live_where(worker.slot, &step, request);
}

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    int row = world_row(identity);

    (void)ctx;
    if (row < 0) {
        if (n_identities == ROWS_MAX || n_identities >= limit)
            return error_set(err, "more rows than a scenario may have");
        row = (int)n_identities;
        identities[n_identities++] = xstrndup(identity);
    }
    *out = (uint32_t)row;
    return 0;
}

static void put_keys(const struct config *conf, struct error *err)
{
    struct arena *a = arena_create(4096);

    for (size_t i = 0; i < conf->n_keys; i++) {
        const struct conf_virtual_key *from = &conf->keys[i];
        struct virtual_key key = {.id = i + 1,
                                  .expires_ms = from->expires_ms,
                                  .flags = (from->active ? KEY_ACTIVE : 0) |
                                           (from->strict ? KEY_STRICT : 0),
                                  .name = str_of(from->name),
                                  .hint = str_of(from->hint)};
        struct buf models = BUF_INIT;

        memcpy(key.hash, from->hash, sizeof(key.hash));
        for (size_t m = 0; m < from->n_models; m++) {
            if (m > 0)
                buf_char(&models, '\0');
            buf_cstr(&models, from->models[m]);
        }
        key.models = buf_view(&models);
        if (from->scope != NULL)
            key.owner = owners_put_key(conf, from->scope, a, &key.scope);
        must(key_table_put(keys, &key, err) == 0);
        buf_fini(&models);
    }
    arena_free(a);
}

static int publish(const struct config *conf, struct error *err)
{
    struct publish_request req = {conf, "http://mock.test", number, NULL, NULL, NULL};
    struct regions *r = &inherit.regions;
    struct image image;
    int rc = 0;

    if (publish_build(&req, &image, err) != 0)
        return -1;
    if (published_flip(&r->published, &r->secrets, image.bytes,
                       (struct str){(const char *)image.secrets, image.secret_len}, err) < 0 ||
        !published_view(&r->published, &r->secrets, &worker.view))
        rc = -1;
    image_fini(&image);
    return rc;
}

int world_configure(struct str yaml, struct error *err)
{
    char path[] = "/tmp/bowfin-replay-XXXXXX";
    struct conf_overrides none = {NULL, 0, 0};
    struct conf_vendor *vendors = xcalloc(VENDORS_MAX, sizeof(*vendors));
    struct conf_vendors all = {vendors, vendor_count(), dialect_names, DIALECTS};
    struct config *conf = NULL;
    int fd = mkstemp(path);
    int rc = -1;

    if (fd < 0 || fd_write_all(fd, yaml.p, yaml.len) != 0) {
        (void)error_errno(err, "%s", path);
        goto out;
    }
    for (uint64_t id = 1; id <= 16; id++)
        (void)key_table_remove(keys, id); /* the last scenario's, if any */
    (void)conf_vendors_fill(vendors);
    if (config_load(path, &none, &all, &conf, err) != 0)
        goto out;
    put_keys(conf, err);
    rc = publish(conf, err);
out:
    fd_close(&fd);
    (void)unlink(path);
    config_free(conf);
    free(vendors);
    return rc;
}
