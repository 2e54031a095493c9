#include "tests/unit/money_fixture.h"

#define HEAD "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {} }\nvirtual_keys:\n"
#define KEY_A "  - { name: a, value: sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa, models: [ \"mock/*\" ] }\n"
#define KEY_B "  - { name: b, value: sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb }\n"

static bool find(struct world *w, const char *plain, struct virtual_key *out)
{
    return world_find(w, str_of(plain), out);
}

static void apply(struct world *w, const char *text)
{
    world_apply(w, text);
}

static void a_reload_does_what_differs(void **state)
{
    struct world *w = *state;
    struct virtual_key k;
    uint64_t id;

    apply(w, HEAD KEY_A KEY_B);
    assert_int_equal(w->changes.n, 2);
    assert_true(find(w, "sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa", &k));
    assert_str(k.name, "a");
    assert_str(k.models, "mock/*");
    id = k.id;
    apply(w, HEAD KEY_A KEY_B);
    assert_int_equal(w->changes.n, 0);
    apply(w, HEAD "  - { name: a, value: sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa, active: false }\n");
    assert_int_equal(w->changes.n, 2);
    assert_string_equal(w->changes.lines.data, "key a: changed\nkey b: removed\n");
    assert_true(find(w, "sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa", &k));
    assert_int_equal(k.id, id); /* from its name, so usage goes on */
    assert_int_equal(k.flags & KEY_ACTIVE, 0);
    assert_false(find(w, "sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb", &k));
}

static void the_order_in_the_file_says_nothing(void **state)
{
    struct world *w = *state;

    apply(w, HEAD KEY_A KEY_B);
    apply(w, HEAD KEY_B KEY_A);
    assert_int_equal(w->changes.n, 0);
    apply(w, HEAD KEY_B);
    assert_string_equal(w->changes.lines.data, "key a: removed\n");
    apply(w,
          HEAD "  - { name: b, value: sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb, models: [ \"mock/*\" ] }\n");
    assert_string_equal(w->changes.lines.data, "key b: changed\n");
}

static void values_may_change_places(void **state)
{
    struct world *w = *state;
    struct virtual_key k;

    apply(w, HEAD KEY_A KEY_B);
    apply(w, HEAD "  - { name: b, value: sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa }\n"
                  "  - { name: a, value: sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb }\n");
    assert_true(find(w, "sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa", &k));
    assert_str(k.name, "b");
    assert_true(find(w, "sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb", &k));
    assert_str(k.name, "a");
    assert_int_equal(keys_count(&w->regions.published), 2);
}

static void what_is_encoded_is_decoded(void **state)
{
    struct virtual_key k = {.id = 7,
                            .created_ms = 1,
                            .expires_ms = 2,
                            .flags = KEY_ACTIVE | KEY_ORIGIN_API | KEY_STRICT,
                            .name = STR("name"),
                            .models = STR("a\0b"),
                            .hint = STR("sk-bf-...abcd")};
    struct virtual_key back;
    struct buf text = BUF_INIT;

    (void)state;
    memset(k.hash, 0x5a, sizeof(k.hash));
    key_encode(&k, &text);
    assert_int_equal(key_decode(buf_view(&text), 7, &back), 0);
    assert_int_equal(back.created_ms, 1);
    assert_int_equal(back.expires_ms, 2);
    assert_int_equal(back.flags, k.flags);
    assert_memory_equal(back.hash, k.hash, sizeof(k.hash));
    assert_true(str_eq(back.name, k.name));
    assert_true(str_eq(back.models, k.models));
    assert_true(str_eq(back.hint, k.hint));
    /* Cut anywhere, with something behind it, or of another version: not one. */
    for (size_t len = 0; len < text.len; len++)
        assert_int_equal(key_decode((struct str){text.data, len}, 7, &back), -1);
    buf_char(&text, 'x');
    assert_int_equal(key_decode(buf_view(&text), 7, &back), -1);
    text.data[0] = 9;
    assert_int_equal(key_decode((struct str){text.data, text.len - 1}, 7, &back), -1);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test_setup_teardown(a_reload_does_what_differs, world_begin, world_end),
        cmocka_unit_test_setup_teardown(the_order_in_the_file_says_nothing, world_begin, world_end),
        cmocka_unit_test_setup_teardown(values_may_change_places, world_begin, world_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
