/*
 * resolve - what it costs to find the route of a request: the worker's own code, without a network.
 *
 * 1,000 names, 200 rules that do not hold, 50 routes behind each name: course_begin (rules, the name,
 * may the key use it), candidates_gather, balance_choose. CPU of this process over many requests, each
 * for another name. Prints a line for each case; the last one begins with "resolve:" for bench.py.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/config.h"
#include "providers/dialect.h"
#include "server/base/alloc.h"
#include "server/base/fd.h"
#include "server/base/log.h"
#include "server/master/publish.h"
#include "server/vendors.h"
#include "server/worker/admit.h"
#include "server/worker/balance.h"
#include "server/worker/candidates.h"
#include "server/worker/explain_run.h"
#include "server/worker/loop_io.h"
#include "server/worker/worker.h"
#include "shm/keys.h"
#include "shm/weights.h"

#define MODELS 1000
#define PROVIDERS 10 /* targets of a name */
#define KEYS 5       /* of a provider */
#define RULES 200
#define REQUESTS 20000
#define ROUNDS 5

struct world {
    struct regions regions;
    struct pub_view view;
    struct explainer *explainer;
    struct arena *arena;
    char **rows; /* identities of routes */
    uint32_t n_rows;
    uint8_t key_hash[SHA256_BYTES];
};

struct plan {
    const char *what;
    uint32_t models, rules, providers, keys;
};

/* --- a configuration --- */

static void put_rules(struct buf *b, uint32_t n)
{
    if (n > 0)
        buf_cstr(b, "rules:\n");
    for (uint32_t i = 0; i < n; i++) {
        buf_cstr(b, "  - { when: '");
        switch (i % 5) {
        case 0:
            buf_printf(b, "headers[\"x-tier\"] == \"tier-%u\"", i);
            break;
        case 1:
            buf_printf(b, "key.team == \"team-%u\" && budget.used > 0.8", i);
            break;
        case 2:
            buf_printf(b, "request.tokens > %u000000", i);
            break;
        case 3:
            buf_printf(b, "model.startsWith(\"old-%u-\") && !request.stream", i);
            break;
        default:
            buf_printf(b, "key.name in [\"a\", \"b\", \"c-%u\"] || model.contains(\"x%u\")", i, i);
        }
        buf_cstr(b, "', use: m0 }\n");
    }
}

static void put_yaml(struct buf *b, const struct plan *p)
{
    buf_cstr(b, "require_key: false\nproviders:\n");
    for (uint32_t i = 0; i < p->providers; i++) {
        buf_printf(
            b, "  p%u:\n    vendor: openai-compatible\n    base_url: http://127.0.0.1:9/v1\n", i);
        buf_cstr(b, "    keys: [ ");
        for (uint32_t k = 0; k < p->keys; k++)
            buf_printf(b, "{ name: k%u, value: v, weight: %u }%s", k, k + 1,
                       k + 1 < p->keys ? ", " : " ]\n");
    }
    buf_cstr(b, "models:\n");
    for (uint32_t i = 0; i < p->models; i++) {
        buf_printf(b, "  m%u: { targets: [ ", i);
        for (uint32_t t = 0; t < p->providers; t++)
            buf_printf(b, "{ model: p%u/u%u, weight: %u }%s", t, i % 20, t + 1,
                       t + 1 < p->providers ? ", " : " ] }\n");
    }
    put_rules(b, p->rules);
}

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    struct world *w = ctx;

    for (*out = 0; *out < w->n_rows; (*out)++) {
        if (str_eq(str_of(w->rows[*out]), identity))
            return 0;
    }
    if (w->n_rows >= limit || w->n_rows == ROUTES_MAX)
        return error_set(err, "too many rows");
    w->rows[w->n_rows++] = xstrndup(identity);
    return 0;
}

static int load(struct world *w, const struct plan *p, struct error *err)
{
    char path[] = "/tmp/bowfin-resolve-XXXXXX";
    struct conf_overrides none = {NULL, 0, 0};
    struct conf_vendor *vendors = xcalloc(VENDORS_MAX, sizeof(*vendors));
    struct conf_vendors all = {vendors, vendor_count(), dialect_names, DIALECTS};
    struct publish_request req = {.mock_url = "http://mock.test", .number = number, .ctx = w};
    struct config *conf = NULL;
    struct buf yaml = BUF_INIT;
    struct image image;
    int fd = mkstemp(path);
    int rc = -1;

    put_yaml(&yaml, p);
    (void)conf_vendors_fill(vendors);
    if (fd >= 0 && fd_write_all(fd, yaml.data, yaml.len) == 0 &&
        config_load(path, &none, &all, &conf, err) == 0) {
        req.conf = conf;
        rc = publish_build(&req, &image, err);
    }
    if (rc == 0) {
        rc = published_flip(&w->regions.published, &w->regions.secrets, image.bytes,
                            (struct str){(const char *)image.secrets, image.secret_len}, err) < 0 ||
                     !published_view(&w->regions.published, NULL, &w->view)
                 ? -1
                 : 0;
        image_fini(&image);
    }
    fd_close(&fd);
    (void)unlink(path);
    config_free(conf);
    free(vendors);
    buf_fini(&yaml);
    return rc;
}

/* --- requests --- */

static struct request *make_request(struct world *w)
{
    static const struct http_header headers[] = {
        {{"content-type", 12}, {"application/json", 16}},
        {{"user-agent", 10}, {"OpenAI/Python 1.99.0", 20}},
        {{"x-stainless-lang", 16}, {"python", 6}},
        {{"x-stainless-os", 14}, {"Linux", 5}},
        {{"x-tier", 6}, {"silver", 6}},
    };
    const struct explain_ask ask = {
        .key_hash = w->key_hash,
        .method = STR("POST"),
        .path = STR("/v1/chat/completions"),
        .body =
            STR("{\"model\":\"m7\",\"messages\":[{\"role\":\"user\",\"content\":\"Why is the sky "
                "blue, and the evening red? Answer in a sentence.\"}]}"),
        .peer = STR("127.0.0.1"),
        .headers = headers,
        .n_headers = ARRAY_LEN(headers)};
    struct request *r = explain_run(w->explainer, &w->view, &ask, w->arena);

    r->explain = NULL; /* from here on it is a client's */
    return r;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* As admit and route do it, up to the choice; the request's memory is the caller's to reset. */
static size_t resolve_one(struct request *r, struct str model)
{
    struct candidates found;

    r->asked = model;
    r->course = (struct course){.n_skips = 0};
    r->resolved = (struct resolved){.generation = 0};
    r->money.is_asked = false;
    if (course_begin(r) != STEP_NEXT)
        return SIZE_MAX;
    candidates_gather(r, &found);
    return found.n > 0
               ? balance_choose(r->worker, found.items, found.n, loop_now_ms(r->worker->loop))
               : SIZE_MAX;
}

static double measure(struct world *w, const struct plan *p)
{
    struct request *r = make_request(w);
    struct arena *scratch = arena_create(16384);
    char names[MODELS][16];
    double best = 1e9;

    for (uint32_t i = 0; i < p->models; i++)
        (void)snprintf(names[i], sizeof(names[i]), "m%u", i);
    r->arena = scratch;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begun = cpu_ns();

        for (uint32_t i = 0; i < REQUESTS; i++) {
            if (resolve_one(r, str_of(names[i * 7 % p->models])) == SIZE_MAX) {
                fprintf(stderr, "resolve: a request found no route\n");
                exit(1);
            }
            arena_reset(scratch);
        }
        best = (double)(cpu_ns() - begun) / REQUESTS < best ? (double)(cpu_ns() - begun) / REQUESTS
                                                            : best;
    }
    arena_free(scratch);
    return best / 1000;
}

/* --- the world --- */

static int open_world(struct world *w, struct error *err)
{
    struct regions *r = &w->regions;
    struct virtual_key key = {
        .id = 1, .flags = KEY_ACTIVE, .name = STR("app"), .models = STR("m*\0p1/*"), .owner = 0};
    struct key_table *keys;

    if (region_create(REGION_PUBLISHED, 1, &r->published, err) != 0 ||
        region_create(REGION_SECRETS, 1, &r->secrets, err) != 0 ||
        region_create(REGION_WEIGHTS, 1, &r->weights, err) != 0 ||
        region_create(REGION_LIVE, 1, &r->live, err) != 0 ||
        region_create(REGION_COUNTERS, 1, &r->counters, err) != 0)
        return -1;
    memset(key.hash, 7, sizeof(key.hash));
    memcpy(w->key_hash, key.hash, sizeof(key.hash));
    keys = key_table_open(&r->published);
    if (key_table_put(keys, &key, err) != 0)
        return -1;
    key_table_close(keys);
    w->rows = xcalloc(ROUTES_MAX, sizeof(*w->rows));
    w->arena = arena_create(65536);
    w->explainer = explainer_create(r, err);
    return w->explainer != NULL ? 0 : -1;
}

static void set_weights(struct world *w)
{
    for (uint32_t i = 0; i < w->n_rows; i++) {
        struct weight row = {.weight = WEIGHT_FULL - i * 37 % 5000, .state = ROUTE_HEALTHY};

        weights_publish(&w->regions.weights, i, &row);
    }
}

static void close_world(struct world *w)
{
    struct regions *r = &w->regions;

    explainer_free(w->explainer);
    arena_free(w->arena);
    while (w->n_rows > 0)
        free(w->rows[--w->n_rows]);
    free(w->rows);
    region_close(&r->published);
    region_close(&r->secrets);
    region_close(&r->weights);
    region_close(&r->live);
    region_close(&r->counters);
}

int main(void)
{
    static const struct plan plans[] = {
        {"one name, one route, no rules", 1, 0, 1, 1},
        {"1,000 names, one route each, no rules", MODELS, 0, 1, 1},
        {"1,000 names, 50 routes each, no rules", MODELS, 0, PROVIDERS, KEYS},
        {"1,000 names, one route each, 200 rules", MODELS, RULES, 1, 1},
        {"1,000 names, 50 routes each, 200 rules", MODELS, RULES, PROVIDERS, KEYS},
    };
    struct world w = {.n_rows = 0};
    struct error err = ERROR_INIT;
    double us = 0;

    log_init("resolve", LOG_ERROR);
    if (open_world(&w, &err) != 0)
        goto failed;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        if (load(&w, &plans[i], &err) != 0)
            goto failed;
        set_weights(&w);
        us = measure(&w, &plans[i]);
        printf("%-42s %7.2f us\n", plans[i].what, us);
    }
    printf("resolve: %.3f us\n", us);
    close_world(&w);
    return 0;
failed:
    fprintf(stderr, "resolve: %s\n", err.text);
    return 1;
}
