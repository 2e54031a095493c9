#include "server/worker/explain_run.h"

#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/base/json.h"
#include "server/inherit.h"
#include "server/worker/estimate.h"
#include "server/worker/loop_io.h"
#include "server/worker/pricing.h"
#include "server/worker/rules.h"
#include "server/worker/sign.h"
#include "server/worker/worker.h"
#include "shm/ledger.h"
#include "shm/limits.h"
#include "shm/live.h"

#define SCRATCH_BYTES 16384

struct explainer {
    struct worker worker;
    struct inherit in; /* the regions, with a region of its own in the place of `live` */
};

struct explainer *explainer_create(const struct regions *regions, struct error *err)
{
    struct explainer *e = xcalloc(1, sizeof(*e));
    struct worker *w = &e->worker;

    e->in.regions = *regions;
    e->in.regions.live = (struct region){.base = NULL, .fd = -1};
    if (region_create(REGION_LIVE, 1, &e->in.regions.live, err) != 0) {
        free(e);
        return NULL;
    }
    w->in = &e->in;
    w->slot = live_slot(&e->in.regions.live, 0);
    live_take(w->slot, 1, 1);
    w->ledger = ledger_open(&e->in.regions, 0);
    w->estimator = estimator_create();
    w->pricing = pricing_create();
    w->limits = xcalloc(1, sizeof(*w->limits));
    w->json = json_parser_create();
    w->scratch = arena_create(SCRATCH_BYTES);
    w->random = 1;
    return e;
}

void explainer_free(struct explainer *e)
{
    if (e == NULL)
        return;
    loop_free(e->worker.loop);
    rules_free(e->worker.rules);
    sign_free(e->worker.signers);
    ledger_close(e->worker.ledger);
    estimator_free(e->worker.estimator);
    pricing_free(e->worker.pricing);
    free(e->worker.limits);
    json_parser_free(e->worker.json);
    arena_free(e->worker.scratch);
    region_close(&e->in.regions.live);
    free(e);
}

struct worker *explainer_worker(struct explainer *e)
{
    return &e->worker;
}

/* A loop knows the time of its last turn, and this one never turns: so it is always a new one. */
static void look_at_the_clock(struct worker *w)
{
    loop_free(w->loop);
    w->loop = loop_create();
}

struct request *explain_run(struct explainer *e, const struct pub_view *view,
                            const struct explain_ask *ask, struct arena *arena)
{
    struct worker *w = &e->worker;
    struct http_exchange *ex = arena_zalloc(arena, sizeof(*ex));
    struct explain *explain = arena_zalloc(arena, sizeof(*explain));
    struct request *r;

    look_at_the_clock(w);
    w->view = *view;
    *ex = (struct http_exchange){.worker = w,
                                 .method = ask->method,
                                 .path = ask->path,
                                 .query = ask->query,
                                 .body = ask->body,
                                 .authority = STR("localhost"),
                                 .peer = ask->peer,
                                 .peer_is_loopback = true,
                                 .told = ask->headers,
                                 .n_told = ask->n_headers};
    explain->arena = arena;
    explain->at_ms = ask->at_ms;
    explain->has_used = ask->has_used;
    explain->used = ask->used;
    if (ask->key_hash != NULL) {
        explain->has_key = true;
        memcpy(explain->key_hash, ask->key_hash, sizeof(explain->key_hash));
    }
    r = request_make(w, ex, arena);
    r->explain = explain;
    (void)request_look(r);
    explain_diverts(r);
    worker_scratch_reset(w);
    return r;
}
