#include "server/master/publish.h"

#include "shm/published.h"
#include "shm/region.h"
#include "tests/unit/master_fixture.h"

/* What a worker would see, and the identities that were asked for. */
struct world {
    struct region published, secrets;
    struct pub_view view;
    char identities[64][128];
    uint32_t n;
};

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    struct world *w = ctx;

    (void)err;
    assert_true(w->n < 64 && w->n < limit);
    assert_true(identity.len < sizeof(w->identities[0]));
    memcpy(w->identities[w->n], identity.p, identity.len);
    *out = w->n++;
    return 0;
}

static int no_number(void *ctx, struct str identity, uint32_t limit, uint32_t *out,
                     struct error *err)
{
    (void)ctx;
    (void)identity;
    (void)limit;
    (void)out;
    return error_set(err, "no number is left");
}

static void see(struct world *w, const char *text)
{
    struct config *conf = master_config(text);
    struct publish_request req = {conf, "http://127.0.0.1:4242", number, w, NULL, NULL};
    struct error err = ERROR_INIT;
    struct image image;

    *w = (struct world){.published = REGION_NONE(REGION_PUBLISHED),
                        .secrets = REGION_NONE(REGION_SECRETS)};
    assert_int_equal(region_create(REGION_PUBLISHED, 1, &w->published, &err), 0);
    assert_int_equal(region_create(REGION_SECRETS, 1, &w->secrets, &err), 0);
    if (publish_build(&req, &image, &err) != 0)
        fail_msg("%s", err.text);
    if (published_flip(&w->published, &w->secrets, image.bytes,
                       (struct str){(const char *)image.secrets, image.secret_len}, &err) != 1)
        fail_msg("%s", err.text);
    assert_true(published_view(&w->published, &w->secrets, &w->view));
    image_fini(&image);
    config_free(conf);
}

static void unsee(struct world *w)
{
    region_close(&w->published);
    region_close(&w->secrets);
}

static const char two_providers[] =
    "listen: [ 127.0.0.1:0 ]\n"
    "providers:\n"
    "  openai:\n"
    "    keys:\n"
    "      - { name: main, value: env.SECRET }\n"
    "      - { name: spare, value: second, weight: 0.2, models: [ \"gpt-4o*\" ] }\n"
    "    models: [ gpt-4o, o3, \"gpt-*\" ]\n"
    "    timeout: { connect: 5s, first_byte: 120s }\n"
    "  house:\n"
    "    vendor: openai-compatible\n"
    "    base_url: http://10.0.0.5:8000/v1/\n"
    "    keys: [ { name: none, value: unused } ]\n"
    "    models: [ gpt-4o, llama ]\n"
    "models:\n"
    "  fast: { targets: [ { model: openai/gpt-4o-mini, weight: 8 }, { model: house/llama, weight: "
    "2 } "
    "], hedge: { after: p95, at_most: 2.5% } }\n"
    "  o3: { targets: [ { model: house/other } ] }\n";

static void providers_carry_their_settings(void **state)
{
    struct world w;
    const struct pub_provider *p;
    const struct pub_key *k;

    (void)state;
    see(&w, two_providers);
    p = pub_find_provider(&w.view, STR("openai"));
    assert_non_null(p);
    assert_str(pub_text(&w.view, p->base_url), "https://api.openai.com/v1");
    assert_int_equal(p->connect_ms, 5000);
    assert_int_equal(p->first_byte_ms, 120000);
    assert_int_equal(p->n_keys, 2);
    k = pub_key(&w.view, p->first_key);
    assert_str(pub_text(&w.view, k->name), "main");
    assert_int_equal(k->secret_len, 11);
    assert_memory_equal(w.view.secrets + k->secret_offset, "sk-secret-1", 11);
    k = pub_key(&w.view, p->first_key + 1);
    assert_int_equal(k->weight, 200);
    assert_true(glob_list_match(pub_text(&w.view, p->models), STR("gpt-5-unheard-of")));
    p = pub_find_provider(&w.view, STR("house"));
    assert_str(pub_text(&w.view, p->base_url), "http://10.0.0.5:8000/v1"); /* no slash at the end */
    assert_null(pub_find_provider(&w.view, STR("hous")));
    unsee(&w);
}

/* The secret must be in no other place than the secrets. */
static void no_secret_is_in_the_image(void **state)
{
    struct world w;

    (void)state;
    see(&w, two_providers);
    assert_null(memmem(w.view.image, w.view.image->bytes, "sk-secret-1", 11));
    unsee(&w);
}

static void routes_are_by_key_and_exact_model(void **state)
{
    struct world w;
    const struct pub_provider *p;
    const struct pub_route *r;
    uint32_t n;

    (void)state;
    see(&w, two_providers);
    p = pub_find_provider(&w.view, STR("openai"));
    r = pub_find_routes(&w.view, p, STR("gpt-4o"), &n);
    assert_int_equal(n, 2); /* both keys may serve it */
    assert_str(pub_text(&w.view, r->model), "gpt-4o");
    r = pub_find_routes(&w.view, p, STR("o3"), &n);
    assert_int_equal(n, 1); /* the spare one may not */
    assert_str(pub_text(&w.view, pub_key(&w.view, r->key)->name), "main");
    r = pub_find_routes(&w.view, p, STR("gpt-5-unheard-of"), &n);
    assert_int_equal(n, 2); /* any-model rows */
    assert_int_equal(r->model.len, 0);
    unsee(&w);
}

static bool was_asked(const struct world *w, const char *identity)
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (strcmp(w->identities[i], identity) == 0)
            return true;
    }
    return false;
}

static void numbers_go_by_identity(void **state)
{
    struct world w;

    (void)state;
    see(&w, two_providers);
    assert_true(was_asked(&w, "provider/openai"));
    assert_true(was_asked(&w, "route/openai/main/"));
    assert_true(was_asked(&w, "route/openai/spare/gpt-4o"));
    assert_true(was_asked(&w, "route/openai/main/gpt-4o-mini")); /* a target of `models:` */
    assert_false(was_asked(&w, "route/openai/spare/o3"));
    unsee(&w);
}

static void names_lead_to_targets(void **state)
{
    struct world w;
    const struct pub_model *m;
    const struct pub_target *t;

    (void)state;
    see(&w, two_providers);
    m = pub_find_model(&w.view, STR("fast"));
    assert_int_equal(m->hedge_percentile, 95);
    assert_int_equal(m->hedge_share, 2500);
    assert_int_equal(m->hedge_ms, 0);
    assert_non_null(m);
    assert_int_equal(m->n_targets, 2);
    assert_int_equal(m->flags & PUB_MODEL_DECLARED, 0);
    t = pub_target(&w.view, m->first_target);
    assert_str(pub_text(&w.view, t->model), "gpt-4o-mini");
    assert_int_equal(t->weight, 8000);
    assert_str(pub_text(&w.view, pub_provider(&w.view, t->provider)->name), "openai");
    m = pub_find_model(&w.view, STR("gpt-4o")); /* two providers declare it */
    assert_int_equal(m->n_targets, 2);
    assert_int_equal(m->flags & PUB_MODEL_DECLARED, PUB_MODEL_DECLARED);
    m = pub_find_model(&w.view, STR("o3")); /* `models:` wins over a provider's list */
    assert_int_equal(m->n_targets, 1);
    t = pub_target(&w.view, m->first_target);
    assert_str(pub_text(&w.view, t->model), "other");
    assert_null(pub_find_model(&w.view, STR("gpt-*")));
    unsee(&w);
}

static void zero_config_points_at_the_mock(void **state)
{
    struct world w;
    const struct pub_provider *p;
    struct config *conf = master_config(NULL);

    (void)state;
    assert_true(publish_needs_mock(conf));
    config_free(conf);
    see(&w, NULL);
    p = pub_find_provider(&w.view, STR("mock"));
    assert_non_null(p);
    assert_str(pub_text(&w.view, p->base_url), "http://127.0.0.1:4242/v1");
    assert_int_equal(p->n_keys, 1);
    assert_int_not_equal(w.view.image->flags & PUB_API_OPEN_LOOPBACK, 0);
    assert_int_equal(w.view.image->flags & PUB_REQUIRE_KEY, 0);
    unsee(&w);
}

static void a_file_does_not_open_the_api(void **state)
{
    struct world w;

    (void)state;
    see(&w, two_providers);
    assert_int_equal(w.view.image->flags & PUB_API_OPEN_LOOPBACK, 0);
    unsee(&w);
}

static void without_a_number_nothing_is_built(void **state)
{
    struct config *conf = master_config(two_providers);
    struct publish_request req = {conf, NULL, no_number, NULL, NULL, NULL};
    struct error err = ERROR_INIT;
    struct image image;

    (void)state;
    assert_int_equal(publish_build(&req, &image, &err), -1);
    assert_string_equal(err.text, "no number is left");
    assert_null(image.bytes);
    config_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(providers_carry_their_settings),
        cmocka_unit_test(no_secret_is_in_the_image),
        cmocka_unit_test(routes_are_by_key_and_exact_model),
        cmocka_unit_test(numbers_go_by_identity),
        cmocka_unit_test(names_lead_to_targets),
        cmocka_unit_test(zero_config_points_at_the_mock),
        cmocka_unit_test(a_file_does_not_open_the_api),
        cmocka_unit_test(without_a_number_nothing_is_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
