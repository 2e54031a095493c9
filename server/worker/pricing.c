#include "server/worker/pricing.h"

#include <stdlib.h>

#include "providers/vendor.h"
#include "server/base/alloc.h"
#include "server/worker/catalogue.h"
#include "server/worker/request.h"
#include "server/worker/worker.h"

#define ENTRIES 256 /* a power of two; 230 KiB when all are in use */

struct pricing {
    struct priced entries[ENTRIES];
    struct priced other; /* of a name too long to be kept */
};

struct pricing *pricing_create(void)
{
    return xcalloc(1, sizeof(struct pricing));
}

void pricing_free(struct pricing *p)
{
    free(p);
}

static uint64_t hash_of(uint32_t provider, struct str model)
{
    uint64_t h = 0xcbf29ce484222325ull ^ provider;

    for (size_t i = 0; i < model.len; i++)
        h = (h ^ (unsigned char)model.p[i]) * 0x100000001b3ull;
    h ^= h >> 32;
    return h != 0 ? h : 1;
}

static void look_up(struct worker *w, const struct pub_provider *p, struct str model,
                    struct priced *out)
{
    const struct pub_view *v = &w->view;
    const struct cat_model *known = model.len > 0 ? catalogue_of(v, p, model) : NULL;
    const struct price_ask ask = {
        .provider = pub_text(v, p->name),
        .vendor = str_of(vendor_get(p->vendor)->name),
        .model = model,
        .known = known != NULL ? cat_text(pub_catalogue(v), known->name) : STR_NONE,
    };

    (void)price_find(pub_prices(v), &ask, &out->price); /* is_known says as much */
    out->context = known != NULL ? known->context : 0;
    out->max_output = known != NULL ? known->max_output : 0;
}

static bool is_it(const struct priced *e, const struct pub_view *v, uint32_t provider,
                  struct str model)
{
    return e->generation == v->generation && e->provider == provider &&
           str_eq((struct str){e->model, e->model_len}, model);
}

const struct priced *pricing_find(struct worker *w, const struct pub_provider *p, struct str model)
{
    const struct pub_view *v = &w->view;
    uint32_t provider = (uint32_t)(p - pub_provider(v, 0));
    uint64_t hash = hash_of(p->id, model);
    struct priced *e = &w->pricing->entries[hash % ENTRIES];

    if (model.len > sizeof(e->model))
        e = &w->pricing->other;
    else if (is_it(e, v, provider, model))
        return e;
    look_up(w, p, model, e);
    e->generation = v->generation;
    e->hash = hash;
    e->provider = provider;
    e->model_len = (uint32_t)min_u64(model.len, sizeof(e->model));
    memcpy(e->model, model.p != NULL ? model.p : "", e->model_len);
    return e;
}

const struct price *pricing_keep(struct request *r, const struct priced *found)
{
    const struct price *p = &found->price;
    size_t bytes = offsetof(struct price, tiers) + p->n_tiers * sizeof(p->tiers[0]);
    struct price *copy = arena_alloc(r->arena, bytes);

    memcpy(copy, p, bytes);
    return copy;
}
