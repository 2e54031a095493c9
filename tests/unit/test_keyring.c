#include "server/master/keyring.h"

#include <stdio.h>

#include "conf/store.h"
#include "server/master/changes.h"
#include "shm/region.h"
#include "tests/unit/master_fixture.h"
#include "tests/unit/temp_dir.h"

struct world {
    struct region published;
    struct key_table *keys;
    struct arena *arena;
    struct changes changes;
    char directory[TEMP_DIR_MAX];
};

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct error err = ERROR_INIT;

    assert_non_null(w);
    assert_int_equal(region_create(REGION_PUBLISHED, 1, &w->published, &err), 0);
    w->keys = key_table_open(&w->published);
    w->arena = arena_create(4096);
    assert_int_equal(temp_dir_make(w->directory), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    (void)temp_dir_remove(w->directory); /* what is left is not this test's subject */
    key_table_close(w->keys);
    region_close(&w->published);
    arena_free(w->arena);
    changes_fini(&w->changes);
    free(w);
    return 0;
}

#define HEAD "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {} }\nvirtual_keys:\n"
#define KEY_A "  - { name: a, value: sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa, models: [ \"mock/*\" ] }\n"
#define KEY_B "  - { name: b, value: sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb }\n"

static void apply(struct world *w, const char *text)
{
    struct config *conf = master_config(text);
    struct keyring_diff diff;
    struct error err = ERROR_INIT;

    changes_fini(&w->changes);
    if (keyring_compare(w->keys, &w->published, conf, &diff, &err) != 0 ||
        keyring_apply(w->keys, &w->published, conf, &diff, &w->changes, &err) != 0)
        fail_msg("%s", err.text);
    keyring_diff_fini(&diff);
    config_free(conf);
}

static bool find(struct world *w, const char *plain, struct virtual_key *out)
{
    uint8_t hash[SHA256_BYTES];

    crypto_sha256(str_of(plain), hash);
    return keys_find(&w->published, hash, w->arena, out);
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
    assert_int_equal(keys_count(&w->published), 2);
}

static struct new_key create(struct world *w, const char *name)
{
    struct key_wish wish = {.has_name = true, .name = str_of(name)};
    struct error err = ERROR_INIT;
    struct new_key made;

    if (keyring_create(w->keys, w->directory, &wish, &made, &err) != KEYRING_OK)
        fail_msg("%s", err.text);
    return made;
}

static void a_created_key_works_and_survives(void **state)
{
    struct world *w = *state;
    struct new_key made = create(w, "team");
    struct error err = ERROR_INIT;
    struct store *s = NULL;
    struct virtual_key k;

    assert_int_equal(strlen(made.text), KEY_TEXT_LEN);
    assert_int_equal(strncmp(made.text, "sk-bf-", 6), 0);
    assert_true(find(w, made.text, &k));
    assert_int_equal(k.id, made.id);
    assert_str(k.hint, made.hint);
    assert_int_equal(k.flags, KEY_ACTIVE | KEY_ORIGIN_API);

    /* Another daemon, new regions: the store has it. */
    key_table_close(w->keys);
    region_close(&w->published);
    assert_int_equal(region_create(REGION_PUBLISHED, 2, &w->published, &err), 0);
    w->keys = key_table_open(&w->published);
    assert_false(find(w, made.text, &k));
    assert_int_equal(store_open(w->directory, &s, &err), 0);
    assert_int_equal(store_begin(s, &err), 0);
    assert_int_equal(keyring_load(w->keys, s, &err), 0);
    store_abort(s);
    store_close(s);
    assert_true(find(w, made.text, &k));
    assert_str(k.name, "team");
}

static void names_stay_unique_over_both_origins(void **state)
{
    struct world *w = *state;
    struct key_wish wish = {.has_name = true, .name = STR("a")};
    struct keyring_diff diff;
    struct config *conf;
    struct error err = ERROR_INIT;
    struct new_key made;

    apply(w, HEAD KEY_A);
    assert_int_equal(keyring_create(w->keys, w->directory, &wish, &made, &err), KEYRING_CONFLICT);
    (void)create(w, "b");
    conf = master_config(HEAD KEY_A KEY_B);
    assert_int_equal(keyring_compare(w->keys, &w->published, conf, &diff, &err), -1);
    keyring_diff_fini(&diff);
    assert_non_null(strstr(err.text, "t.yaml:5: virtual key \"b\""));
    config_free(conf);
    apply(w, HEAD KEY_A); /* the API's key is not the file's to remove */
    assert_int_equal(w->changes.n, 0);
    assert_int_equal(keys_count(&w->published), 2);
}

static void the_files_keys_are_read_only(void **state)
{
    struct world *w = *state;
    struct key_wish wish = {.has_active = true, .active = false};
    struct error err = ERROR_INIT;
    uint64_t id = keyring_file_id(STR("a"));

    apply(w, HEAD KEY_A);
    assert_int_equal(keyring_update(w->keys, w->directory, id, &wish, &err), KEYRING_READ_ONLY);
    assert_int_equal(keyring_delete(w->keys, w->directory, id, &err), KEYRING_READ_ONLY);
    assert_int_equal(keyring_delete(w->keys, w->directory, id + 1, &err), KEYRING_NOT_FOUND);
}

static void a_key_can_be_changed_and_deleted(void **state)
{
    struct world *w = *state;
    struct new_key made = create(w, "team");
    struct key_wish wish = {
        .has_active = true, .active = false, .has_models = true, .models = STR("mock/echo\0fast")};
    struct error err = ERROR_INIT;
    struct virtual_key k;

    assert_int_equal(keyring_update(w->keys, w->directory, made.id, &wish, &err), KEYRING_OK);
    assert_true(find(w, made.text, &k));
    assert_int_equal(k.flags & KEY_ACTIVE, 0);
    assert_str(k.name, "team");
    assert_int_equal(k.models.len, 14);
    assert_int_equal(keyring_delete(w->keys, w->directory, made.id, &err), KEYRING_OK);
    assert_false(find(w, made.text, &k));
    assert_int_equal(keyring_delete(w->keys, w->directory, made.id, &err), KEYRING_NOT_FOUND);
}

static void wishes_are_bounded(void **state)
{
    struct world *w = *state;
    char many[2 * KEY_MODELS_MAX + 2];
    char name[KEY_NAME_MAX + 1];
    struct key_wish wish = {.has_name = true, .name = {name, sizeof(name)}};
    struct error err = ERROR_INIT;
    struct new_key made;

    memset(name, 'n', sizeof(name));
    assert_int_equal(keyring_create(w->keys, w->directory, &wish, &made, &err), KEYRING_INVALID);
    wish.name = STR("");
    assert_int_equal(keyring_create(w->keys, w->directory, &wish, &made, &err), KEYRING_INVALID);
    wish.name = STR("a\nb");
    assert_int_equal(keyring_create(w->keys, w->directory, &wish, &made, &err), KEYRING_INVALID);
    wish.name = STR("good");
    wish.has_models = true;
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = i % 2 == 0 ? 'm' : '\0';
    wish.models = (struct str){many, sizeof(many) - 1};
    assert_int_equal(keyring_create(w->keys, w->directory, &wish, &made, &err), KEYRING_INVALID);
    wish.models = STR("a\0\0b");
    assert_int_equal(keyring_create(w->keys, w->directory, &wish, &made, &err), KEYRING_INVALID);
    assert_int_equal(keys_count(&w->published), 0);
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
        cmocka_unit_test_setup_teardown(a_reload_does_what_differs, begin, end),
        cmocka_unit_test_setup_teardown(the_order_in_the_file_says_nothing, begin, end),
        cmocka_unit_test_setup_teardown(values_may_change_places, begin, end),
        cmocka_unit_test_setup_teardown(a_created_key_works_and_survives, begin, end),
        cmocka_unit_test_setup_teardown(names_stay_unique_over_both_origins, begin, end),
        cmocka_unit_test_setup_teardown(the_files_keys_are_read_only, begin, end),
        cmocka_unit_test_setup_teardown(a_key_can_be_changed_and_deleted, begin, end),
        cmocka_unit_test_setup_teardown(wishes_are_bounded, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
