#include "server/master/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "providers/vendor.h"
#include "server/base/alloc.h"
#include "server/base/crypto.h"
#include "server/master/build.h"
#include "server/master/credentials.h"

#define IDENTITY_MAX 500 /* a key in the store has 511 bytes */

/* --- texts --- */

struct pub_text build_text(struct build *b, struct str s)
{
    struct pub_text t = {(uint32_t)b->text.len, (uint32_t)s.len};

    buf_str(&b->text, s);
    buf_char(&b->text, '\0'); /* not counted: a courtesy to readers who hand it to C functions */
    return t;
}

static struct pub_text add_cstr(struct build *b, const char *s)
{
    return build_text(b, str_of(s));
}

struct pub_text build_list(struct build *b, const char *const *items, size_t n)
{
    struct pub_text t = {(uint32_t)b->text.len, 0};

    for (size_t i = 0; i < n; i++) {
        buf_cstr(&b->text, items[i]);
        buf_char(&b->text, '\0');
    }
    if (n > 0)
        t.len = (uint32_t)b->text.len - t.offset - 1;
    return t;
}

static struct pub_text add_headers(struct build *b, const struct conf_provider *p)
{
    struct pub_text t = {(uint32_t)b->text.len, 0};

    for (size_t i = 0; i < p->n_headers; i++) {
        buf_printf(&b->text, "%s: %s", p->headers[i].name, p->headers[i].value);
        buf_char(&b->text, '\0');
    }
    if (p->n_headers > 0)
        t.len = (uint32_t)b->text.len - t.offset - 1;
    return t;
}

/* --- providers and their keys --- */

static bool is_mock(const struct conf_provider *p)
{
    return p->base_url == NULL && vendor_get(p->vendor)->is_mock;
}

bool publish_needs_mock(const struct config *conf)
{
    for (size_t i = 0; i < conf->n_providers; i++) {
        if (is_mock(&conf->providers[i]))
            return true;
    }
    return false;
}

static int base_url(const struct build *b, const struct conf_provider *p, struct str *out,
                    struct error *err)
{
    const struct vendor *vendor = vendor_get(p->vendor);
    const struct vendor_face *face = vendor_face(vendor, p->dialect_index);
    const char *root = is_mock(p) ? b->req->mock_url : p->root != NULL ? p->root : vendor->root;

    if (face == NULL)
        return error_set(err, "provider %s: its vendor does not speak %s", p->name, p->dialect);
    if (p->base_url == NULL && root == NULL)
        return error_set(err, "provider %s: has no base_url", p->name);
    *out = p->base_url != NULL
               ? str_of(p->base_url)
               : arena_concat(b->conf->arena, (struct str[]){str_of(root), str_of(face->path)}, 2);
    while (out->len > 0 && out->p[out->len - 1] == '/')
        out->len--;
    return 0;
}

static uint32_t narrow_ms(uint64_t ms)
{
    return (uint32_t)min_u64(ms, UINT32_MAX);
}

static uint32_t provider_flags(const struct conf_provider *p)
{
    return (p->tls_verify ? 0 : PUB_PROVIDER_INSECURE) | (p->http2 ? 0 : PUB_PROVIDER_HTTP1) |
           (p->h2c ? PUB_PROVIDER_H2C : 0);
}

int build_number(const struct build *b, const struct buf *identity, uint32_t limit, uint32_t *out,
                 struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    char name[sizeof("route/") + sizeof(hex)];

    if (identity->len <= IDENTITY_MAX)
        return b->req->number(b->req->ctx, buf_view(identity), limit, out, err);
    crypto_sha256(buf_view(identity), hash);
    crypto_hex(hash, sizeof(hash), hex);
    (void)snprintf(name, sizeof(name), "route/%s", hex); /* fits */
    return b->req->number(b->req->ctx, str_of(name), limit, out, err);
}

/* A packed credential instead of a text; those that have to be fetched get a row for the token. */
static int add_credential(struct build *b, const struct conf_provider *p,
                          const struct conf_provider_key *k, struct pub_key *out, struct error *err)
{
    struct credential credential;
    struct buf identity = BUF_INIT;
    uint8_t hash[SHA256_BYTES];
    size_t start = b->secrets.len;
    int rc;

    if (!credentials_of(p, k, &credential)) {
        buf_str(&b->secrets, k->value.bytes);
        out->secret_len = (uint32_t)k->value.bytes.len;
        return 0;
    }
    credential_pack(&credential, &b->secrets);
    out->secret_len = (uint32_t)(b->secrets.len - start);
    out->region = build_text(b, credentials_region(p, k));
    if (credential_is_static(&credential)) {
        out->kind = PUB_KEY_AWS;
        return 0;
    }
    out->kind = credential.kind == CREDENTIAL_AWS ? PUB_KEY_AWS_TOKEN : PUB_KEY_TOKEN;
    crypto_sha256((struct str){b->secrets.data + start, out->secret_len}, hash);
    memcpy(&out->token_for, hash, sizeof(out->token_for));
    out->token_for |= 1; /* never 0 */
    buf_printf(&identity, "token/%s/%s", p->name, k->name);
    rc = build_number(b, &identity, TOKENS_MAX, &out->token, err);
    buf_fini(&identity);
    return rc;
}

static int add_key(struct build *b, uint32_t provider, const struct conf_provider_key *k,
                   struct error *err)
{
    struct pub_key *out;

    must(b->keys != NULL);
    out = &b->keys[b->n_keys++];
    out->provider = provider;
    out->secret_offset = (uint32_t)b->secrets.len;
    out->name = add_cstr(b, k->name);
    out->models = build_list(b, k->models, k->n_models);
    out->weight = k->weight;
    out->tags = groups_tags(&b->groups, k->tags, k->n_tags);
    out->capacity_requests = k->capacity.requests.amount;
    out->capacity_requests_ms = k->capacity.requests.per_ms;
    out->capacity_tokens = k->capacity.tokens.amount;
    out->capacity_tokens_ms = k->capacity.tokens.per_ms;
    return add_credential(b, &b->conf->providers[provider], k, out, err);
}

static int add_provider(struct build *b, uint32_t index, struct error *err)
{
    const struct conf_provider *p = &b->conf->providers[index];
    struct pub_provider *out = &b->providers[index];
    struct buf identity = BUF_INIT;
    struct str url = STR_NONE;
    int rc;

    must(b->providers != NULL);
    if (base_url(b, p, &url, err) != 0)
        return -1;
    out->name = add_cstr(b, p->name);
    out->base_url = build_text(b, url);
    out->proxy = add_cstr(b, p->proxy);
    out->ca_file = add_cstr(b, p->ca_file);
    out->models = build_list(b, p->models, p->n_models);
    out->headers = add_headers(b, p);
    out->vendor = p->vendor;
    out->dialect = p->dialect_index;
    out->connect_ms = narrow_ms(p->connect_ms);
    out->first_byte_ms = narrow_ms(p->first_byte_ms);
    out->between_bytes_ms = narrow_ms(p->between_bytes_ms);
    out->total_ms = narrow_ms(p->total_ms);
    out->flags = provider_flags(p);
    out->owner = b->req->owners != NULL ? b->req->owners[index] : 0;
    out->first_key = b->n_keys;
    out->api_version = add_cstr(b, p->api_version);
    for (size_t i = 0; i < p->n_keys; i++) {
        if (add_key(b, index, &p->keys[i], err) != 0)
            return -1;
    }
    out->n_keys = b->n_keys - out->first_key;
    buf_printf(&identity, "provider/%s", p->name);
    rc = build_number(b, &identity, PROVIDERS_MAX, &out->id, err);
    buf_fini(&identity);
    return rc;
}

static int compare_names(const void *left, const void *right, void *ctx)
{
    const struct conf_provider *p = ctx;

    return strcmp(p[*(const uint32_t *)left].name, p[*(const uint32_t *)right].name);
}

static void sort_providers(struct build *b)
{
    for (uint32_t i = 0; i < b->conf->n_providers; i++)
        b->by_name[i] = i;
    qsort_r(b->by_name, b->conf->n_providers, sizeof(*b->by_name), compare_names,
            b->conf->providers);
}

int build_find_provider(const struct build *b, const char *name, uint32_t *out)
{
    size_t low = 0;
    size_t high = b->conf->n_providers;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, b->conf->providers[b->by_name[middle]].name);

        if (order == 0) {
            *out = b->by_name[middle];
            return 0;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* --- the image --- */

static bool is_open_loopback(const struct config *conf)
{
    if (!conf->is_zero_config)
        return false;
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (!config_address_is_loopback(conf->listeners[i].address))
            return false;
    }
    return true;
}

static bool has_queues(const struct config *conf)
{
    bool has = conf->queue.at_most > 0;

    for (size_t i = 0; i < conf->n_models; i++)
        has = has || conf->models[i].queue.at_most > 0;
    return has;
}

static void set_limits(struct pub_image *image, const struct config *conf)
{
    const struct conf_limits *l = &conf->limits;

    image->flags = (conf->require_key ? PUB_REQUIRE_KEY : 0) | (conf->http2 ? 0 : PUB_HTTP2_OFF) |
                   (is_open_loopback(conf) ? PUB_API_OPEN_LOOPBACK : 0) |
                   (conf->unknown_price == CONF_PRICE_REFUSE ? PUB_UNKNOWN_PRICE_REFUSED : 0);
    image->flags |= (conf->durability_strict ? PUB_DURABILITY_STRICT : 0) |
                    (conf->finish_on_disconnect ? PUB_FINISH : 0);
    image->flags |= (conf->budget_status == 429 ? PUB_BUDGET_429 : 0) |
                    (conf->budget_status == 400 ? PUB_BUDGET_400 : 0);
    image->durability_ms = narrow_ms(conf->durability_ms);
    image->drain_ms = narrow_ms(conf->drain_ms);
    image->body_max_bytes = l->body_max_bytes;
    image->relay_max_bytes = l->relay_max_bytes;
    image->buffered_max_bytes = l->buffered_max_bytes;
    image->connections_max = l->connections;
    image->streams_max = l->streams;
    image->streams_per_s = l->streams_per_second;
    image->resets_max = l->resets;
    image->header_ms = narrow_ms(l->header_ms);
    image->body_ms = narrow_ms(l->body_ms);
    image->idle_ms = narrow_ms(l->idle_ms);
    static_assert(CONF_ATTEMPTS_MAX <= ATTEMPTS_MAX, "what may be configured is what happens");
    image->attempts_max = l->attempts;
    image->retry_ratio = l->retry_ratio;
    image->in_flight_max = l->in_flight;
    image->queue_at_most = conf->queue.at_most;
    image->queue_wait_ms = narrow_ms(conf->queue.wait_ms);
    image->flags |= has_queues(conf) ? PUB_QUEUES : 0;
}

/* Where a table of `bytes` goes; tables begin on 8 bytes. */
static uint32_t place(size_t *end, size_t bytes)
{
    uint32_t at = (uint32_t)*end;

    *end = (*end + bytes + 7) & ~(size_t)7;
    return at;
}

static void copy_table(struct pub_image *image, uint32_t at, const void *table, size_t bytes)
{
    if (bytes > 0)
        memcpy((char *)image + at, table, bytes);
}

static int finish(struct build *b, struct image *out, struct error *err)
{
    struct pub_image head = {.n_providers = (uint32_t)b->conf->n_providers,
                             .n_keys = b->n_keys,
                             .n_routes = b->n_routes,
                             .n_models = b->n_models,
                             .n_targets = b->n_targets,
                             .n_rules = b->n_rules,
                             .n_patterns = b->n_patterns,
                             .tags = b->tags,
                             .text_bytes = (uint32_t)b->text.len};
    size_t end = (sizeof(head) + 7) & ~(size_t)7;
    uint32_t programs;

    head.providers = place(&end, head.n_providers * sizeof(*b->providers));
    head.keys = place(&end, head.n_keys * sizeof(*b->keys));
    head.routes = place(&end, head.n_routes * sizeof(*b->routes));
    head.models = place(&end, head.n_models * sizeof(*b->models));
    head.targets = place(&end, head.n_targets * sizeof(*b->targets));
    head.by_name = place(&end, head.n_providers * sizeof(*b->by_name));
    head.text = place(&end, b->text.len);
    head.catalogue = place(&end, b->catalogue.len);
    head.prices = place(&end, b->prices.len);
    head.rules = place(&end, head.n_rules * sizeof(*b->rules));
    programs = place(&end, b->programs.len);
    head.patterns = place(&end, head.n_patterns * sizeof(*b->patterns));
    for (uint32_t i = 0; i < b->n_rules; i++)
        b->rules[i].program += b->rules[i].program != 0 ? programs : 0;
    if (end > PUBLISHED_HALF_BYTES)
        return error_set(err, "the configuration takes %zu bytes in shared memory, at most %u fit",
                         end, PUBLISHED_HALF_BYTES);
    if (b->secrets.len > SECRETS_HALF_BYTES)
        return error_set(err, "the providers' keys take %zu bytes, at most %u fit", b->secrets.len,
                         SECRETS_HALF_BYTES);
    head.bytes = (uint32_t)end;
    set_limits(&head, b->conf);
    out->bytes = xcalloc(1, end);
    *out->bytes = head;
    copy_table(out->bytes, head.providers, b->providers, head.n_providers * sizeof(*b->providers));
    copy_table(out->bytes, head.keys, b->keys, head.n_keys * sizeof(*b->keys));
    copy_table(out->bytes, head.routes, b->routes, head.n_routes * sizeof(*b->routes));
    copy_table(out->bytes, head.models, b->models, head.n_models * sizeof(*b->models));
    copy_table(out->bytes, head.targets, b->targets, head.n_targets * sizeof(*b->targets));
    copy_table(out->bytes, head.by_name, b->by_name, head.n_providers * sizeof(*b->by_name));
    copy_table(out->bytes, head.text, b->text.data, b->text.len);
    copy_table(out->bytes, head.catalogue, b->catalogue.data, b->catalogue.len);
    copy_table(out->bytes, head.prices, b->prices.data, b->prices.len);
    copy_table(out->bytes, head.rules, b->rules, head.n_rules * sizeof(*b->rules));
    copy_table(out->bytes, programs, b->programs.data, b->programs.len);
    copy_table(out->bytes, head.patterns, b->patterns, head.n_patterns * sizeof(*b->patterns));
    out->secrets = (uint8_t *)b->secrets.data;
    out->secret_len = b->secrets.len;
    b->secrets = (struct buf)BUF_INIT;
    return 0;
}

/* Room for as many as there can be; routes and targets are bounded where they are added. */
static int make_room(struct build *b, struct error *err)
{
    size_t keys = 0;
    size_t secret_bytes = 0;

    if (b->conf->n_providers > PROVIDERS_MAX)
        return error_set(err, "more than %d providers", PROVIDERS_MAX);
    for (size_t i = 0; i < b->conf->n_providers; i++) {
        const struct conf_provider *p = &b->conf->providers[i];

        must(p->n_keys > 0); /* the configuration gives each one */
        keys += p->n_keys;
        for (size_t j = 0; j < p->n_keys; j++)
            secret_bytes += credentials_bytes(p, &p->keys[j]);
    }
    /* At once: memory that a growing buffer gave back would keep them. */
    buf_reserve(&b->secrets, secret_bytes);
    if (keys > PROVIDER_KEYS_MAX)
        return error_set(err, "more than %d provider keys", PROVIDER_KEYS_MAX);
    b->providers = xcalloc(b->conf->n_providers + 1, sizeof(*b->providers));
    b->by_name = xcalloc(b->conf->n_providers + 1, sizeof(*b->by_name));
    b->keys = xcalloc(keys + 1, sizeof(*b->keys));
    b->routes = xcalloc(ROUTES_MAX, sizeof(*b->routes)); /* not touched, not resident */
    b->models = xcalloc(MODELS_MAX, sizeof(*b->models));
    b->targets = xcalloc(TARGETS_MAX, sizeof(*b->targets));
    return 0;
}

static void build_fini(struct build *b)
{
    free(b->providers);
    free(b->by_name);
    free(b->keys);
    free(b->routes);
    free(b->models);
    free(b->targets);
    free(b->known);
    free(b->rules);
    free(b->patterns);
    groups_fini(&b->groups);
    buf_fini(&b->programs);
    buf_fini(&b->text);
    buf_fini(&b->catalogue);
    buf_fini(&b->prices);
    if (b->secrets.data != NULL)
        crypto_wipe(b->secrets.data, b->secrets.cap);
    buf_fini(&b->secrets);
}

int publish_build(const struct publish_request *req, struct image *out, struct error *err)
{
    struct build b = {.req = req,
                      .conf = req->conf,
                      .text = BUF_INIT,
                      .secrets = BUF_INIT,
                      .catalogue = BUF_INIT,
                      .prices = BUF_INIT,
                      .programs = BUF_INIT};
    int rc = -1;

    *out = (struct image){0};
    groups_init(&b.groups, b.conf);
    b.tags = build_list(&b, b.groups.tags, b.groups.n_tags);
    if (make_room(&b, err) != 0)
        goto out;
    for (uint32_t i = 0; i < b.conf->n_providers; i++) {
        if (add_provider(&b, i, err) != 0)
            goto out;
    }
    sort_providers(&b);
    if (build_routes(&b, err) != 0 || build_models(&b, err) != 0 || build_catalogue(&b, err) != 0 ||
        build_prices(&b, err) != 0 || build_rules(&b, err) != 0 || finish(&b, out, err) != 0)
        goto out;
    rc = 0;
out:
    build_fini(&b);
    return rc;
}

void image_fini(struct image *image)
{
    free(image->bytes);
    if (image->secrets != NULL)
        crypto_wipe(image->secrets, image->secret_len);
    free(image->secrets);
    *image = (struct image){0};
}
