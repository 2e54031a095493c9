#include "shm/published.h"

#include <inttypes.h>
#include <stdalign.h>
#include <string.h>

#include "shm/map.h"

static struct published_shared *shared(const struct region *published)
{
    must(published->kind == REGION_PUBLISHED && published->base != NULL);
    return published->base;
}

static struct secrets_shared *secrets_shared(const struct region *secrets)
{
    must(secrets->kind == REGION_SECRETS && secrets->base != NULL);
    return secrets->base;
}

/* --- checking an image: once, so that every later access is a plain one --- */

static const void *at(const struct pub_image *image, uint32_t offset)
{
    return (const uint8_t *)image + offset;
}

static struct str text_of(const struct pub_image *image, struct pub_text t)
{
    return (struct str){at(image, image->text + t.offset), t.len};
}

/* Does an array of n elements lie inside the image, aligned? */
static bool array_fits(const struct pub_image *image, uint32_t offset, uint32_t n, size_t size)
{
    return offset % alignof(uint32_t) == 0 && offset >= sizeof(*image) && offset <= image->bytes &&
           n <= (image->bytes - offset) / size;
}

static bool text_fits(const struct pub_image *image, struct pub_text t)
{
    return t.offset <= image->text_bytes && t.len <= image->text_bytes - t.offset;
}

static bool range_fits(uint32_t first, uint32_t n, uint32_t total)
{
    return first <= total && n <= total - first;
}

static bool arrays_fit(const struct pub_image *i)
{
    return i->n_providers <= PROVIDERS_MAX && i->n_keys <= PROVIDER_KEYS_MAX &&
           i->n_routes <= ROUTES_MAX && i->n_models <= MODELS_MAX && i->n_targets <= TARGETS_MAX &&
           array_fits(i, i->providers, i->n_providers, sizeof(struct pub_provider)) &&
           array_fits(i, i->keys, i->n_keys, sizeof(struct pub_key)) &&
           array_fits(i, i->routes, i->n_routes, sizeof(struct pub_route)) &&
           array_fits(i, i->models, i->n_models, sizeof(struct pub_model)) &&
           array_fits(i, i->targets, i->n_targets, sizeof(struct pub_target)) &&
           i->n_rules <= RULES_MAX &&
           (i->n_rules == 0 || array_fits(i, i->rules, i->n_rules, sizeof(struct pub_rule))) &&
           (i->n_patterns == 0 ||
            array_fits(i, i->patterns, i->n_patterns, sizeof(struct pub_pattern))) &&
           array_fits(i, i->by_name, i->n_providers, sizeof(uint32_t)) &&
           array_fits(i, i->text, i->text_bytes, 1);
}

static bool route_is_sound(const struct pub_image *i, const struct pub_route *r)
{
    return text_fits(i, r->model) && r->provider < i->n_providers && r->key < i->n_keys &&
           r->row < ROUTES_MAX;
}

/* Its routes are its own and sorted by model: pub_find_routes searches them. */
static bool provider_routes_are_sound(const struct pub_image *i, uint32_t index,
                                      const struct pub_provider *p)
{
    const struct pub_route *routes = at(i, i->routes);

    for (uint32_t n = p->first_route; n < p->first_route + p->n_routes; n++) {
        if (routes[n].provider != index)
            return false;
        if (n > p->first_route &&
            str_cmp(text_of(i, routes[n - 1].model), text_of(i, routes[n].model)) > 0)
            return false;
    }
    return true;
}

static bool provider_is_sound(const struct pub_image *i, uint32_t index)
{
    const struct pub_provider *p = (const struct pub_provider *)at(i, i->providers) + index;

    return text_fits(i, p->name) && text_fits(i, p->base_url) && text_fits(i, p->proxy) &&
           text_fits(i, p->ca_file) && text_fits(i, p->models) && text_fits(i, p->headers) &&
           text_fits(i, p->api_version) && range_fits(p->first_key, p->n_keys, i->n_keys) &&
           range_fits(p->first_route, p->n_routes, i->n_routes) &&
           provider_routes_are_sound(i, index, p);
}

static bool providers_are_sound(const struct pub_image *i)
{
    const struct pub_provider *providers = at(i, i->providers);
    const uint32_t *by_name = at(i, i->by_name);

    for (uint32_t n = 0; n < i->n_providers; n++) {
        if (!provider_is_sound(i, n) || by_name[n] >= i->n_providers)
            return false;
    }
    for (uint32_t n = 1; n < i->n_providers; n++) {
        if (str_cmp(text_of(i, providers[by_name[n - 1]].name),
                    text_of(i, providers[by_name[n]].name)) >= 0)
            return false;
    }
    return true;
}

static bool keys_are_sound(const struct pub_image *i, size_t secret_len)
{
    const struct pub_key *keys = at(i, i->keys);

    for (uint32_t n = 0; n < i->n_keys; n++) {
        if (!text_fits(i, keys[n].name) || !text_fits(i, keys[n].models) ||
            !text_fits(i, keys[n].region) || keys[n].provider >= i->n_providers ||
            keys[n].kind >= PUB_KEY_KINDS || keys[n].token >= TOKENS_MAX ||
            !range_fits(keys[n].secret_offset, keys[n].secret_len, (uint32_t)secret_len))
            return false;
    }
    return true;
}

static bool caller_is_sound(const struct pub_image *i, const struct pub_caller *c)
{
    return c->kind <= PUB_CALLER_BODY && text_fits(i, c->name);
}

/* Each leads to an earlier one, so that every search ends. */
static bool patterns_are_sound(const struct pub_image *i)
{
    const struct pub_pattern *patterns = at(i, i->patterns);

    for (uint32_t n = 0; n < i->n_patterns; n++) {
        if (!text_fits(i, patterns[n].begin) || !text_fits(i, patterns[n].end) ||
            patterns[n].model >= i->n_models ||
            (patterns[n].next != NO_PATTERN && patterns[n].next >= n))
            return false;
    }
    return text_fits(i, i->tags);
}

static bool models_are_sound(const struct pub_image *i)
{
    const struct pub_model *models = at(i, i->models);
    const struct pub_target *targets = at(i, i->targets);

    for (uint32_t n = 0; n < i->n_models; n++) {
        if (!text_fits(i, models[n].name) || !text_fits(i, models[n].fallbacks) ||
            !caller_is_sound(i, &models[n].sticky) || !caller_is_sound(i, &models[n].affinity) ||
            !range_fits(models[n].first_target, models[n].n_targets, i->n_targets))
            return false;
        if (n > 0 && str_cmp(text_of(i, models[n - 1].name), text_of(i, models[n].name)) >= 0)
            return false;
    }
    for (uint32_t n = 0; n < i->n_targets; n++) {
        if (!text_fits(i, targets[n].model) || targets[n].provider >= i->n_providers ||
            !range_fits(targets[n].first_route, targets[n].n_routes, i->n_routes))
            return false;
    }
    return true;
}

static bool catalogue_fits(const struct pub_image *i)
{
    if (i->catalogue == 0)
        return true;
    return array_fits(i, i->catalogue, 1, sizeof(struct cat_head)) &&
           catalogue_is_sound(at(i, i->catalogue), i->bytes - i->catalogue);
}

static bool rules_are_sound(const struct pub_image *i)
{
    const struct pub_rule *rules = at(i, i->rules);

    for (uint32_t n = 0; n < i->n_rules; n++) {
        uint32_t program = rules[n].program;

        if (!text_fits(i, rules[n].name) || !text_fits(i, rules[n].use) ||
            !text_fits(i, rules[n].whose) || !text_fits(i, rules[n].when) ||
            rules[n].scope >= RULE_SCOPES)
            return false;
        if (program != 0 && (program % 8 != 0 || program < sizeof(*i) || program >= i->bytes ||
                             !expr_is_sound((const void *)at(i, program), i->bytes - program)))
            return false;
    }
    return true;
}

static bool base_is_sound(const struct pub_image *i)
{
    return i->base_bytes == 0 || (i->base_bytes >= sizeof(*i) && i->base_bytes <= i->bytes &&
                                  array_fits(i, i->base_text, i->base_text_bytes, 1) &&
                                  i->base_text + i->base_text_bytes <= i->base_bytes);
}

static bool prices_fit(const struct pub_image *i)
{
    if (i->prices == 0)
        return true;
    return i->prices % alignof(struct price) == 0 &&
           array_fits(i, i->prices, 1, sizeof(struct price_head)) &&
           prices_is_sound(at(i, i->prices), i->bytes - i->prices);
}

/* Texts are inside before anything compares them: routes and models first, then the orders. */
static bool image_is_sound(const struct pub_image *i, size_t secret_len)
{
    const struct pub_route *routes;

    if (i->bytes < sizeof(*i) || i->bytes > PUBLISHED_HALF_BYTES || !arrays_fit(i))
        return false;
    routes = at(i, i->routes);
    for (uint32_t n = 0; n < i->n_routes; n++) {
        if (!route_is_sound(i, &routes[n]))
            return false;
    }
    return providers_are_sound(i) && keys_are_sound(i, secret_len) && models_are_sound(i) &&
           patterns_are_sound(i) && base_is_sound(i) && catalogue_fits(i) && prices_fit(i) &&
           rules_are_sound(i);
}

/* --- reading --- */

uint64_t published_generation(const struct region *published)
{
    return atomic_load_explicit(&shared(published)->generation, memory_order_acquire);
}

bool published_view(const struct region *published, const struct region *secrets,
                    struct pub_view *out)
{
    uint64_t generation = published_generation(published);
    const struct pub_image *image;

    if (generation == 0)
        return false;
    image = (const void *)shared(published)->halves[generation & 1];
    if (!image_is_sound(image, SECRETS_HALF_BYTES))
        return false;
    *out = (struct pub_view){generation, image, NULL};
    if (secrets != NULL && secrets->base != NULL)
        out->secrets = secrets_shared(secrets)->halves[generation & 1];
    return true;
}

struct str pub_text(const struct pub_view *v, struct pub_text t)
{
    return text_of(v->image, t);
}

const struct pub_provider *pub_provider(const struct pub_view *v, uint32_t index)
{
    must(index < v->image->n_providers);
    return (const struct pub_provider *)at(v->image, v->image->providers) + index;
}

const struct pub_key *pub_key(const struct pub_view *v, uint32_t index)
{
    must(index < v->image->n_keys);
    return (const struct pub_key *)at(v->image, v->image->keys) + index;
}

struct str pub_secret(const struct pub_view *v, const struct pub_key *key)
{
    must(v->secrets != NULL);
    return (struct str){(const char *)v->secrets + key->secret_offset, key->secret_len};
}

const struct pub_route *pub_route(const struct pub_view *v, uint32_t index)
{
    must(index < v->image->n_routes);
    return (const struct pub_route *)at(v->image, v->image->routes) + index;
}

const struct pub_model *pub_model(const struct pub_view *v, uint32_t index)
{
    must(index < v->image->n_models);
    return (const struct pub_model *)at(v->image, v->image->models) + index;
}

const struct pub_rule *pub_rule(const struct pub_view *v, uint32_t index)
{
    must(index < v->image->n_rules);
    return (const struct pub_rule *)at(v->image, v->image->rules) + index;
}

const struct expr_program *pub_program(const struct pub_view *v, const struct pub_rule *r)
{
    return r->program != 0 ? (const void *)at(v->image, r->program) : NULL;
}

const struct pub_target *pub_target(const struct pub_view *v, uint32_t index)
{
    must(index < v->image->n_targets);
    return (const struct pub_target *)at(v->image, v->image->targets) + index;
}

const struct cat_head *pub_catalogue(const struct pub_view *v)
{
    return v->image->catalogue != 0 ? at(v->image, v->image->catalogue) : NULL;
}

const struct price_head *pub_prices(const struct pub_view *v)
{
    return v->image->prices != 0 ? at(v->image, v->image->prices) : NULL;
}

struct str pub_served(const struct pub_view *v, const struct pub_provider *p, struct str vendor,
                      const struct cat_model *m, struct str asked)
{
    struct str id = cat_id_at(pub_catalogue(v), m, vendor, asked);
    struct str declared = pub_text(v, p->models);

    if (id.len > 0 && declared.len > 0 && !glob_list_match(declared, id) &&
        !glob_list_match(declared, asked))
        return STR_NONE;
    return id;
}

const struct pub_provider *pub_find_provider(const struct pub_view *v, struct str name)
{
    const uint32_t *by_name = at(v->image, v->image->by_name);
    uint32_t low = 0;
    uint32_t high = v->image->n_providers;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct pub_provider *p = pub_provider(v, by_name[middle]);
        int order = str_cmp(name, pub_text(v, p->name));

        if (order == 0)
            return p;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct pub_model *pub_find_model(const struct pub_view *v, struct str name)
{
    uint32_t low = 0;
    uint32_t high = v->image->n_models;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct pub_model *m = pub_model(v, middle);
        int order = str_cmp(name, pub_text(v, m->name));

        if (order == 0)
            return (m->flags & PUB_MODEL_STARRED) == 0 ? m : NULL;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool fits(const struct pub_view *v, const struct pub_pattern *p, struct str name)
{
    return name.len > p->begin.len + p->end.len && str_starts(name, pub_text(v, p->begin)) &&
           str_ends(name, pub_text(v, p->end));
}

/*
 * Every pattern whose beginning is the name's lies at or before the last one that is not above it, and
 * on the way that begins there.
 */
const struct pub_model *pub_match_model(const struct pub_view *v, struct str name, struct str *star)
{
    const struct pub_pattern *patterns = at(v->image, v->image->patterns);
    uint32_t low = 0;
    uint32_t high = v->image->n_patterns;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (str_cmp(pub_text(v, patterns[middle].begin), name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = low > 0 ? low - 1 : NO_PATTERN; i != NO_PATTERN; i = patterns[i].next) {
        const struct pub_pattern *p = &patterns[i];

        if (!fits(v, p, name))
            continue;
        *star = (struct str){name.p + p->begin.len, name.len - p->begin.len - p->end.len};
        return pub_model(v, p->model);
    }
    return NULL;
}

/* The first of the provider's routes whose model is not below `model` (or, `past`, is above it). */
static uint32_t route_bound(const struct pub_view *v, const struct pub_provider *p,
                            struct str model, bool past)
{
    uint32_t low = p->first_route;
    uint32_t high = p->first_route + p->n_routes;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_cmp(pub_text(v, pub_route(v, middle)->model), model);

        if (order < 0 || (past && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct pub_route *pub_find_routes(const struct pub_view *v, const struct pub_provider *p,
                                        struct str model, uint32_t *n)
{
    uint32_t first = route_bound(v, p, model, false);
    uint32_t past = route_bound(v, p, model, true);

    if (first == past && model.len > 0) {
        first = p->first_route;
        past = route_bound(v, p, STR(""), true);
    }
    *n = past - first;
    return *n > 0 ? pub_route(v, first) : NULL;
}

/* --- writing --- */

struct str published_secrets(const struct region *published, const struct region *secrets)
{
    const struct secrets_shared *s = secrets_shared(secrets);
    uint64_t half = published_generation(published) & 1;

    return (struct str){(const char *)s->halves[half], s->used[half]};
}

static void copy_secrets(struct region *secrets, uint64_t half, struct str bytes)
{
    struct secrets_shared *s = secrets_shared(secrets);

    if (bytes.len > 0)
        memcpy(s->halves[half], bytes.p, bytes.len);
    /* What an older and longer set left behind is gone from memory, too. */
    if (s->used[half] > bytes.len)
        memset(s->halves[half] + bytes.len, 0, s->used[half] - bytes.len);
    s->used[half] = bytes.len;
}

int64_t published_flip(struct region *published, struct region *secrets,
                       const struct pub_image *image, struct str secret_bytes, struct error *err)
{
    struct published_shared *p = shared(published);
    uint64_t next = published_generation(published) + 1;

    if (image->bytes > PUBLISHED_HALF_BYTES)
        return error_set(err, "the configuration takes %" PRIu32 " bytes, %u is the most",
                         image->bytes, PUBLISHED_HALF_BYTES);
    if (secret_bytes.len > SECRETS_HALF_BYTES)
        return error_set(err, "the provider keys take %zu bytes, %u is the most", secret_bytes.len,
                         SECRETS_HALF_BYTES);
    if (!image_is_sound(image, secret_bytes.len))
        return error_set(err, "the configuration's image is not sound");
    memcpy(p->halves[next & 1], image, image->bytes);
    copy_secrets(secrets, next & 1, secret_bytes);
    atomic_store_explicit(&p->generation, next, memory_order_release);
    return (int64_t)next;
}
