#include "tests/unit/unit.h"

#include <stdio.h>

#include "shm/map.h"
#include "shm/published.h"

/* An image as publish.c builds it, small enough to be written down. */
struct example {
    struct pub_image head;
    struct pub_provider providers[2];
    struct pub_key keys[2];
    struct pub_route routes[4];
    struct pub_model models[2];
    struct pub_target targets[2];
    uint32_t by_name[2];
    char text[64];
};

#define TEXT "openaiacmehttp://xgpt-4ofastmainllama"
#define OPENAI                                                                                     \
    {                                                                                              \
        0, 6                                                                                       \
    }
#define ACME                                                                                       \
    {                                                                                              \
        6, 4                                                                                       \
    }
#define URL                                                                                        \
    {                                                                                              \
        10, 8                                                                                      \
    }
#define GPT                                                                                        \
    {                                                                                              \
        18, 6                                                                                      \
    }
#define FAST                                                                                       \
    {                                                                                              \
        24, 4                                                                                      \
    }
#define MAIN                                                                                       \
    {                                                                                              \
        28, 4                                                                                      \
    }
#define LLAMA                                                                                      \
    {                                                                                              \
        32, 5                                                                                      \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        0, 0                                                                                       \
    }

static const struct example sound = {
    .head = {.bytes = sizeof(struct example),
             .providers = offsetof(struct example, providers),
             .n_providers = 2,
             .keys = offsetof(struct example, keys),
             .n_keys = 2,
             .routes = offsetof(struct example, routes),
             .n_routes = 4,
             .models = offsetof(struct example, models),
             .n_models = 2,
             .targets = offsetof(struct example, targets),
             .n_targets = 2,
             .by_name = offsetof(struct example, by_name),
             .text = offsetof(struct example, text),
             .text_bytes = sizeof(TEXT),
             .body_max_bytes = 1234},
    .providers = {{.name = OPENAI, .base_url = URL, .n_keys = 1, .n_routes = 3},
                  {.name = ACME, .first_key = 1, .n_keys = 1, .first_route = 3, .n_routes = 1}},
    .keys = {{.name = MAIN, .secret_len = 4},
             {.name = MAIN, .provider = 1, .secret_offset = 4, .secret_len = 2}},
    .routes = {{.model = NOTHING, .row = 0},
               {.model = GPT, .row = 1},
               {.model = GPT, .row = 2},
               {.model = NOTHING, .provider = 1, .key = 1, .row = ROUTES_MAX - 1}},
    .models = {{.name = FAST, .n_targets = 2}, {.name = GPT, .first_target = 1, .n_targets = 1}},
    .targets = {{.model = GPT, .first_route = 1, .n_routes = 2}, {.model = LLAMA, .provider = 1}},
    .by_name = {1, 0},
    .text = TEXT,
};

static struct region published;
static struct region secrets;

static int set_up(void **state)
{
    struct error err;

    (void)state;
    return region_create(REGION_PUBLISHED, 1, &published, &err) != 0 ||
           region_create(REGION_SECRETS, 1, &secrets, &err) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    region_close(&published);
    region_close(&secrets);
    return 0;
}

static int64_t flip(const struct example *e, const char *secret_bytes)
{
    struct error err = ERROR_INIT;

    return published_flip(&published, &secrets, &e->head, str_of(secret_bytes), &err);
}

static void nothing_is_there_at_first(void **state)
{
    struct pub_view v = {.generation = 9};

    (void)state;
    assert_int_equal(published_generation(&published), 0);
    assert_false(published_view(&published, &secrets, &v));
    assert_int_equal(v.generation, 9);
}

static void flips_between_halves(void **state)
{
    struct example e = sound;
    struct pub_view old;
    struct pub_view v;

    (void)state;
    assert_int_equal(flip(&sound, "sk-1ab"), 1);
    assert_true(published_view(&published, &secrets, &old));
    assert_int_equal(old.generation, 1);
    assert_int_equal(old.image->body_max_bytes, 1234);
    assert_str(pub_secret(&old, pub_key(&old, 0)), "sk-1");
    assert_str(pub_secret(&old, pub_key(&old, 1)), "ab");
    e.head.body_max_bytes = 99;
    assert_int_equal(flip(&e, "sk-2cd"), 2);
    assert_true(published_view(&published, NULL, &v));
    assert_null(v.secrets);
    assert_int_equal(v.image->body_max_bytes, 99);
    /* who has not acknowledged yet reads on in the old half */
    assert_int_equal(old.image->body_max_bytes, 1234);
    assert_str(pub_secret(&old, pub_key(&old, 0)), "sk-1");
}

static void finds(void **state)
{
    const struct pub_provider *openai;
    const struct pub_route *r;
    struct pub_view v;
    uint32_t n;

    (void)state;
    assert_true(flip(&sound, "sk-1ab") > 0);
    assert_true(published_view(&published, &secrets, &v));
    openai = pub_find_provider(&v, STR("openai"));
    assert_ptr_equal(openai, pub_provider(&v, 0));
    assert_str(pub_text(&v, openai->base_url), "http://x");
    assert_ptr_equal(pub_find_provider(&v, STR("acme")), pub_provider(&v, 1));
    assert_null(pub_find_provider(&v, STR("acm")));
    assert_null(pub_find_provider(&v, STR_NONE));
    assert_ptr_equal(pub_find_model(&v, STR("fast")), pub_model(&v, 0));
    assert_ptr_equal(pub_find_model(&v, STR("gpt-4o")), pub_model(&v, 1));
    assert_null(pub_find_model(&v, STR("zzz")));
    assert_str(pub_text(&v, pub_target(&v, 1)->model), "llama");
    r = pub_find_routes(&v, openai, STR("gpt-4o"), &n);
    assert_int_equal(n, 2);
    assert_int_equal(r->row, 1);
    r = pub_find_routes(&v, openai, STR("gpt-5"), &n); /* has no rows of its own */
    assert_int_equal(n, 1);
    assert_int_equal(r->row, 0);
    r = pub_find_routes(&v, pub_provider(&v, 1), STR("x"), &n);
    assert_int_equal(n, 1);
    assert_int_equal(r->row, ROUTES_MAX - 1);
}

static void forgets_old_secrets(void **state)
{
    struct secrets_shared *s = secrets.base;
    struct example e = sound;
    uint64_t half;

    (void)state;
    assert_true(flip(&sound, "sk-long-secret") > 0);
    half = published_generation(&published) & 1;
    assert_true(flip(&sound, "sk-1ab") > 0);
    e.head.n_keys = 0;
    e.providers[0].n_keys = e.providers[1].n_keys = 0;
    e.providers[1].first_key = 0;
    e.head.n_routes = e.providers[0].n_routes = e.providers[1].n_routes = 0;
    e.providers[1].first_route = e.targets[0].first_route = e.targets[0].n_routes = 0;
    assert_true(flip(&e, "") > 0);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(s->halves[half][i], 0);
}

/* Each is refused before it is published, and seen when it is in the region all the same. */
static void expect_refused(const struct example *e)
{
    struct published_shared *p = published.base;
    uint64_t before = published_generation(&published);
    struct pub_view v;

    assert_int_equal(flip(e, "sk-1ab"), -1);
    assert_int_equal(published_generation(&published), before);
    memcpy(p->halves[before & 1], e, sizeof(*e));
    assert_false(published_view(&published, &secrets, &v));
    memcpy(p->halves[before & 1], &sound, sizeof(sound));
    assert_true(published_view(&published, &secrets, &v));
}

#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        struct example e = sound;                                                                  \
        e.field = (value);                                                                         \
        expect_refused(&e);                                                                        \
    } while (0)

static void refuses_wrong_heads(void **state)
{
    (void)state;
    assert_true(flip(&sound, "sk-1ab") > 0);
    REFUSED(head.bytes, 8);
    REFUSED(head.bytes, PUBLISHED_HALF_BYTES + 1);
    REFUSED(head.bytes, UINT32_MAX);
    REFUSED(head.providers, sizeof(struct example));
    REFUSED(head.providers, 0);
    REFUSED(head.providers, offsetof(struct example, providers) + 1);
    REFUSED(head.n_providers, 1000);
    REFUSED(head.n_providers, UINT32_MAX);
    REFUSED(head.keys, UINT32_MAX - 3);
    REFUSED(head.n_keys, UINT32_MAX);
    REFUSED(head.n_routes, ROUTES_MAX);
    REFUSED(head.n_models, MODELS_MAX);
    REFUSED(head.n_targets, TARGETS_MAX);
    REFUSED(head.by_name, sizeof(struct example) - 4);
    REFUSED(head.text, UINT32_MAX - 7);
    REFUSED(head.text_bytes, UINT32_MAX);
    REFUSED(head.text_bytes, 20); /* texts end behind it */
}

static void refuses_wrong_elements(void **state)
{
    (void)state;
    assert_true(flip(&sound, "sk-1ab") > 0);
    REFUSED(providers[1].name.offset, UINT32_MAX);
    REFUSED(providers[1].headers.len, 65);
    REFUSED(providers[0].n_keys, 3);
    REFUSED(providers[0].first_key, UINT32_MAX);
    REFUSED(providers[0].n_routes, 4); /* the last one is another provider's */
    REFUSED(providers[0].first_route, 5);
    REFUSED(keys[1].provider, 2);
    REFUSED(keys[1].models.offset, 65);
    REFUSED(keys[1].secret_offset, UINT32_MAX);
    REFUSED(keys[1].secret_len, SECRETS_HALF_BYTES);
    REFUSED(routes[1].provider, 2);
    REFUSED(routes[1].key, 2);
    REFUSED(routes[1].row, ROUTES_MAX);
    REFUSED(routes[0].model, ((struct pub_text)LLAMA)); /* not sorted */
    REFUSED(models[0].name, ((struct pub_text)LLAMA));
    REFUSED(models[0].name, ((struct pub_text)GPT)); /* twice */
    REFUSED(models[0].n_targets, 3);
    REFUSED(targets[1].provider, 2);
    REFUSED(targets[1].first_route, 5);
    REFUSED(by_name[0], 2);
    REFUSED(by_name[0], 0);
}

static void refuses_secrets_that_are_not_there(void **state)
{
    (void)state;
    assert_int_equal(flip(&sound, "sk-1a"), -1); /* the last key's end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_there_at_first),
        cmocka_unit_test(flips_between_halves),
        cmocka_unit_test(finds),
        cmocka_unit_test(forgets_old_secrets),
        cmocka_unit_test(refuses_wrong_heads),
        cmocka_unit_test(refuses_wrong_elements),
        cmocka_unit_test(refuses_secrets_that_are_not_there),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
