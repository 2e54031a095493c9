#include "tests/replay/property.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shm/weights.h"
#include "tests/replay/checks.h"
#include "tests/replay/fake.h"
#include "tests/replay/property_world.h"

#define REQUESTS 8     /* of one configuration */
#define TURNS_MAX 64   /* a request that is not over then never ends */
#define PATIENCE_MS 50 /* more than a backoff */

/* An attempt, as the provider sees it. */
struct asked {
    uint32_t provider, key, model;
};

struct story {
    struct made *made;
    uint32_t key; /* KEYS: none */
    struct asked asked[TURNS_MAX];
    uint32_t n;
};

/* --- a request --- */

static void add_header(const char *name, struct str value)
{
    client.headers[client.n_headers++] = (struct http_header){str_of(name), value};
}

static void begin(struct story *s)
{
    struct made *m = s->made;
    char name[NAME_ROOM];
    char more[3 * NAME_ROOM] = "";

    client.ex.method = STR("POST");
    client.ex.path = STR("/v1/chat/completions");
    add_header("content-type", STR("application/json"));
    s->key = m->n_keys > 0 && made_below(m, 4) > 0 ? made_below(m, m->n_keys) : KEYS;
    if (s->key < KEYS)
        add_header("x-bf-vk", arena_printf(client.arena, "sk-bf-property-%u000000", s->key));
    if (made_below(m, 3) == 0) {
        for (uint32_t i = 1 + made_below(m, 3); i > 0; i--) {
            made_name(m, name);
            (void)snprintf(more + strlen(more), sizeof(more) - strlen(more), "%s%s",
                           more[0] != '\0' ? ", " : "", name);
        }
        add_header("x-bf-fallbacks", arena_str(client.arena, str_of(more)));
    }
    if (made_below(m, 6) == 0)
        add_header("x-bf-provider-key", made_below(m, 2) == 0 ? STR("k1") : STR("p0/k0"));
    if (made_below(m, 3) == 0)
        add_header("x", STR("y"));
    made_name(m, name);
    client.ex.body =
        arena_printf(client.arena,
                     "{\"model\":\"%s\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                     "\"content\":\"hi\"}]%s}",
                     made_below(m, 12) == 0  ? "nobody/knows"
                     : made_below(m, 6) == 0 ? ALIAS
                                             : name,
                     made_below(m, 4) == 0 ? ",\"stream\":true" : "");
    client_begin(world_worker());
}

static void set_weights(struct made *m)
{
    for (uint32_t row = 0; row < 64; row++) {
        struct weight w = {.weight = made_below(m, WEIGHT_FULL + 1), .state = made_below(m, 4)};

        if (made_below(m, 3) == 0)
            w.retry_at_ms = fake_now_us / 1000 + made_below(m, 2000);
        world_set_weight(row, &w);
    }
}

/* --- a provider --- */

static bool number_behind(struct str text, const char *what, uint32_t *out)
{
    const char *at = text.len > 0 ? memmem(text.p, text.len, what, strlen(what)) : NULL;

    if (at == NULL)
        return false;
    *out = (uint32_t)(at[strlen(what)] - '0');
    return true;
}

static int take_down(struct story *s, struct error *err)
{
    struct asked *a = &s->asked[s->n];
    struct str headers = buf_view(&provider.headers);
    char key[NAME_ROOM];

    if (s->n == TURNS_MAX || !number_behind(provider.request.url, "http://p", &a->provider) ||
        !number_behind(buf_view(&provider.body), "\"model\":\"m", &a->model))
        return error_set(err, "a call that cannot be told: %.*s", STR_ARGS(provider.request.url));
    (void)snprintf(key, sizeof(key), "v-p%u-k", a->provider);
    if (!number_behind(headers, key, &a->key))
        return error_set(err, "p%u was asked without its key", a->provider);
    s->n++;
    return 0;
}

static int judge(const struct story *s, struct error *err)
{
    const struct asked *last = &s->asked[s->n - 1];

    if (s->n > s->made->attempts)
        return error_set(err, "%u attempts, %u are allowed", s->n, s->made->attempts);
    if (!made_may_use(s->made, s->key, (struct made_target){last->provider, last->model}))
        return error_set(err, "key%u may not use p%u/m%u", s->key, last->provider, last->model);
    if (!made_key_serves(s->made, last->provider, last->key, last->model))
        return error_set(err, "k%u of p%u is not for m%u", last->key, last->provider, last->model);
    for (uint32_t i = 0; i + 1 < s->n; i++) {
        if (memcmp(&s->asked[i], last, sizeof(*last)) == 0)
            return error_set(err, "p%u/m%u was asked twice with k%u", last->provider, last->model,
                             last->key);
    }
    return 0;
}

static void answer(struct made *m)
{
    static const int statuses[] = {503, 503, 500, 429, 429, 401, 403, 402, 404, 400};
    uint32_t how = made_below(m, 12);

    if (how < ARRAY_LEN(statuses)) {
        provider_head(statuses[how]);
        provider_body(STR("{\"error\":{\"message\":\"no\"}}"));
        provider_done(UPSTREAM_OK);
    } else if (how == 10) {
        provider_done(UPSTREAM_CONNECT);
    } else {
        provider_done(UPSTREAM_FIRST_BYTE);
    }
}

/* --- all of it --- */

static int run(struct story *s, struct error *err)
{
    uint32_t seen = 0;

    begin(s);
    for (uint32_t turn = 0; client.is_open; turn++) {
        if (turn == TURNS_MAX)
            return error_set(err, "the request does not end");
        if (provider.n_started > seen) {
            seen++;
            if (take_down(s, err) != 0 || judge(s, err) != 0)
                return -1;
        }
        if (provider.call != NULL)
            answer(s->made);
        client_take();
        time_passes(PATIENCE_MS);
    }
    return check_rest(err);
}

static int run_one(struct made *m, struct error *err)
{
    struct story s = {.made = m};
    int rc;

    client_reset();
    provider_reset();
    time_reset();
    reports_reset();
    world_reset();
    set_weights(m);
    fake_random = made_below(m, UINT32_MAX);
    rc = run(&s, err);
    if (rc != 0)
        client_gone();
    return rc;
}

int property_run(uint64_t seed, uint64_t n, struct error *err)
{
    struct buf yaml = BUF_INIT;
    int rc = 0;

    for (uint64_t i = 0; i < n && rc == 0; i++) {
        struct made m = {.random = (seed + i) * 0x9e3779b97f4a7c15ull | 1};

        buf_clear(&yaml);
        made_configure(&m, &yaml);
        rc = world_configure(buf_view(&yaml), err);
        for (uint32_t request = 0; request < REQUESTS && rc == 0; request++)
            rc = run_one(&m, err);
        if (rc != 0)
            rc = error_wrap(err, "seed %" PRIu64 " of this configuration:\n%.*s\nrequest %.*s",
                            seed + i, STR_ARGS(buf_view(&yaml)), STR_ARGS(client.ex.body));
    }
    buf_fini(&yaml);
    return rc;
}
