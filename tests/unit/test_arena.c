#include "tests/unit/unit.h"

#include "server/base/arena.h"

static void aligns_and_grows(void **state)
{
    struct arena *a = arena_create(256);
    size_t first = arena_bytes(a);

    (void)state;
    for (size_t i = 1; i < 100; i++) {
        unsigned char *p = arena_alloc(a, i);

        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, (int)i, i); /* a sanitizer sees what is too short */
    }
    assert_true(arena_bytes(a) > first);
    arena_reset(a);
    assert_int_equal(arena_bytes(a), first);
    arena_free(a);
    arena_free(NULL);
}

static void keeps_its_first_chunk(void **state)
{
    struct arena *a = arena_create(1024);
    void *p = arena_alloc(a, 100);

    (void)state;
    (void)arena_alloc(a, 5000);
    arena_reset(a);
    assert_ptr_equal(arena_alloc(a, 100), p);
    arena_free(a);
}

static void zeroes(void **state)
{
    struct arena *a = arena_create(1024);
    static const unsigned char zero[200];

    (void)state;
    memset(arena_alloc(a, 200), 0xff, 200);
    arena_reset(a);
    assert_memory_equal(arena_zalloc(a, 200), zero, 200);
    arena_free(a);
}

static void copies_texts(void **state)
{
    struct arena *a = arena_create(64);
    struct str parts[] = {STR("a"), STR_NONE, STR("bc")};
    struct str s = arena_concat(a, parts, 3);

    (void)state;
    assert_str(s, "abc");
    assert_int_equal(s.p[s.len], '\0');
    s = arena_printf(a, "%s-%d", "x", 42);
    assert_str(s, "x-42");
    assert_string_equal(arena_cstr(a, STR("abc")), "abc");
    assert_str(arena_str(a, STR_NONE), "");
    arena_free(a);
}

static void texts_grow(void **state)
{
    struct arena *a = arena_create(64);
    struct arena_text t = {.data = NULL};
    char want[3000];

    (void)state;
    assert_int_equal(arena_text_view(&t).len, 0);
    arena_append(a, &t, STR_NONE);
    assert_null(t.data);
    for (size_t i = 0; i < sizeof(want); i++) {
        want[i] = (char)('a' + i % 26);
        arena_append(a, &t, (struct str){&want[i], 1});
        if (i % 100 == 0)
            memset(arena_alloc(a, 16), 'X', 16); /* somebody else's, in between */
    }
    assert_int_equal(t.len, sizeof(want));
    assert_memory_equal(t.data, want, sizeof(want));
    assert_true(arena_bytes(a) < 8 * sizeof(want));
    arena_free(a);
}

static void alloc_absurd(void *ctx)
{
    (void)arena_alloc(ctx, SIZE_MAX - 8);
}

static void dies_of_absurd_sizes(void **state)
{
    struct arena *a = arena_create(64);

    (void)state;
    assert_int_equal(signal_of(alloc_absurd, a), SIGABRT);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_and_grows), cmocka_unit_test(keeps_its_first_chunk),
        cmocka_unit_test(zeroes),           cmocka_unit_test(copies_texts),
        cmocka_unit_test(texts_grow),       cmocka_unit_test(dies_of_absurd_sizes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
