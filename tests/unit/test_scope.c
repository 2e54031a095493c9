#include "tests/unit/unit.h"

#include "shm/owners.h"
#include "shm/scope.h"

static struct scope full(void)
{
    struct scope s = {.n_providers = 2, .n_networks = 2};

    s.providers[0] = (struct scope_provider){.name = STR("openai"),
                                             .models = STR("gpt-4o\0o3*"),
                                             .denied = STR("*-preview"),
                                             .weight = 500,
                                             .owner = 77};
    s.providers[1] = (struct scope_provider){.name = STR("mistral"), .weight = 1000};
    s.denied_models = STR("openai/gpt-5*\0expensive");
    s.routes = SCOPE_CHAT | SCOPE_EMBEDDINGS;
    memcpy(s.networks[0].address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\0", 16);
    s.networks[0].bits = 104;
    s.networks[1].address[15] = 1;
    s.networks[1].bits = 128;
    s.mcp_tools = STR("search\0files.*");
    s.tags = STR("eu\0batch");
    s.books_as = 0x1122334455667788ull;
    s.books_name = STR("what it was called");
    return s;
}

static bool same_text(struct str a, struct str b)
{
    return str_eq(a, b);
}

static void comes_back_as_it_was(void **state)
{
    struct scope in = full();
    struct scope out = {.n_providers = 9};
    struct buf b = BUF_INIT;

    (void)state;
    scope_encode(&in, &b);
    assert_int_equal(scope_decode(buf_view(&b), &out), 0);
    assert_int_equal(out.n_providers, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(same_text(out.providers[i].name, in.providers[i].name));
        assert_true(same_text(out.providers[i].models, in.providers[i].models));
        assert_true(same_text(out.providers[i].denied, in.providers[i].denied));
        assert_int_equal(out.providers[i].weight, in.providers[i].weight);
        assert_int_equal(out.providers[i].owner, in.providers[i].owner);
        assert_int_equal(out.networks[i].bits, in.networks[i].bits);
        assert_memory_equal(out.networks[i].address, in.networks[i].address, 16);
    }
    assert_int_equal(out.n_networks, 2);
    assert_true(same_text(out.denied_models, in.denied_models));
    assert_true(same_text(out.mcp_tools, in.mcp_tools));
    assert_true(same_text(out.tags, in.tags));
    assert_int_equal(out.routes, in.routes);
    assert_true(out.books_as == in.books_as);
    assert_true(same_text(out.books_name, in.books_name));
    buf_fini(&b);
}

static void nothing_takes_no_bytes(void **state)
{
    struct scope in = {.n_providers = 0};
    struct scope out;
    struct buf b = BUF_INIT;

    (void)state;
    scope_encode(&in, &b);
    assert_int_equal(b.len, 0);
    memset(&out, 0xee, sizeof(out));
    assert_int_equal(scope_decode(STR_NONE, &out), 0);
    assert_int_equal(out.n_providers, 0);
    assert_int_equal(out.n_networks, 0);
    assert_int_equal(out.routes, 0);
    assert_int_equal(out.tags.len, 0);
    assert_true(out.books_as == 0);
    assert_int_equal(out.books_name.len, 0);
    buf_fini(&b);
}

/* Wherever it is cut, it is refused or is what ended there; nothing is read behind its end. */
static void what_is_cut_is_refused(void **state)
{
    struct scope in = full();
    struct scope out;
    struct buf b = BUF_INIT;
    size_t good = 0;

    (void)state;
    scope_encode(&in, &b);
    for (size_t n = 1; n < b.len; n++) {
        char *copy = malloc(n);

        assert_non_null(copy);
        memcpy(copy, b.data, n);
        good += scope_decode((struct str){copy, n}, &out) == 0;
        free(copy);
    }
    assert_int_equal(good, 9); /* between its ten fields */
    buf_fini(&b);
}

static void unknown_fields_are_passed_over(void **state)
{
    struct scope out;
    static const char text[] = {99, 3, 0, 'a', 'b', 'c', 3, 4, 0, 2, 0, 0, 0};

    (void)state;
    assert_int_equal(scope_decode((struct str){text, sizeof(text)}, &out), 0);
    assert_int_equal(out.routes, SCOPE_COMPLETIONS);
}

static void bounds_hold(void **state)
{
    struct scope in = {.n_providers = SCOPE_PROVIDERS_MAX};
    struct scope out;
    struct buf b = BUF_INIT;

    (void)state;
    for (uint32_t i = 0; i < SCOPE_PROVIDERS_MAX; i++)
        in.providers[i] = (struct scope_provider){.name = STR("p"), .owner = i};
    scope_encode(&in, &b);
    assert_int_equal(scope_decode(buf_view(&b), &out), 0);
    assert_int_equal(out.n_providers, SCOPE_PROVIDERS_MAX);
    in.n_providers = 1;
    scope_encode(&in, &b);
    assert_int_equal(scope_decode(buf_view(&b), &out), -1);

    buf_clear(&b);
    in.providers[0].owner = OWNERS_MAX; /* no row: nobody may follow it */
    scope_encode(&in, &b);
    assert_int_equal(scope_decode(buf_view(&b), &out), 0);
    assert_int_equal(out.providers[0].owner, ROW_NONE);

    buf_clear(&b);
    in = (struct scope){.n_networks = 1};
    in.networks[0].bits = 129;
    scope_encode(&in, &b);
    assert_int_equal(scope_decode(buf_view(&b), &out), -1);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(nothing_takes_no_bytes),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(bounds_hold),
    };

    return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
