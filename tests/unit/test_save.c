#include "conf/store.h"
#include "tests/unit/money_fixture.h"

#define HEAD "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {} }\n"
#define KEYS "virtual_keys:\n"
#define KEY_A "  - { name: a, value: sk-bf-aaaaaaaaaaaaaaaaaaaaaaaa, models: [ \"mock/*\" ] }\n"
#define KEY_B "  - { name: b, value: sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb }\n"
#define KEY_B_OFF "  - { name: b, value: sk-bf-bbbbbbbbbbbbbbbbbbbbbbbb, active: false }\n"

/* As apply.c does it; `forget`: what follows the commit failed, so the table is not like the store. */
static void save(struct world *w, const char *text, bool forget)
{
    struct config *conf = master_config(text);
    struct entities *entities = entities_create(conf);
    struct changes changes = {.lines = BUF_INIT};
    struct save_request req = {.state_dir = w->directory,
                               .conf = conf,
                               .entities = entities,
                               .mock_url = "http://127.0.0.1:1",
                               .money = w->money,
                               .mark = w->mark};
    struct saved saved;
    struct error err = ERROR_INIT;

    if (save_config(&req, &saved, &err) != 0)
        fail_msg("%s", err.text);
    w->mark = forget ? (struct mirror_mark){{0}} : saved.mark;
    file_commit(w->money, &saved.owners);
    if (!forget)
        assert_int_equal(keyring_apply(w->money, conf, &saved.keys, &changes, &err), 0);
    saved_fini(&saved);
    changes_fini(&changes);
    entities_free(entities);
    config_free(conf);
}

static bool add_row(void *ctx, struct str key, struct str value)
{
    buf_str(ctx, key);
    buf_char(ctx, ' ');
    buf_str(ctx, value);
    buf_char(ctx, '\n');
    return true;
}

/* The whole mirror as lines. */
static struct buf rows(const char *directory)
{
    struct buf out = BUF_INIT;
    struct error err = ERROR_INIT;
    struct store *s = NULL;

    assert_int_equal(store_open(directory, &s, &err), 0);
    assert_int_equal(store_each(s, STORE_FILE, add_row, &out, &err), 0);
    store_close(s);
    return out;
}

/* Whatever way it took, the mirror is what one fresh save makes of the same text. */
static void expect_mirror_of(struct world *w, const char *text)
{
    struct buf have = rows(w->directory);
    struct buf want;
    void *other;

    assert_int_equal(world_begin(&other), 0);
    save(other, text, false);
    want = rows(((struct world *)other)->directory);
    assert_true(want.len > 0);
    assert_string_equal(have.data, want.data);
    buf_fini(&have);
    buf_fini(&want);
    assert_int_equal(world_end(&other), 0);
}

static void only_what_differs_is_written(void **state)
{
    static const char *const steps[] = {
        HEAD KEYS KEY_A KEY_B,
        HEAD KEYS KEY_A KEY_B,
        HEAD KEYS KEY_A KEY_B_OFF,
        HEAD KEYS KEY_B KEY_A, /* the order says nothing */
        HEAD "models: { fast: { targets: [ mock/echo ] } }\n" KEYS KEY_B,
        HEAD,
        HEAD KEYS KEY_A,
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct mirror_mark before = w->mark;
        bool differs = i == 0 || strcmp(steps[i], steps[i - 1]) != 0;

        save(w, steps[i], false);
        assert_int_equal(memcmp(&before, &w->mark, sizeof(before)) != 0, differs);
        expect_mirror_of(w, steps[i]);
    }
}

static void put_row(const char *directory, enum store_table t, const char *key, const char *value)
{
    struct error err = ERROR_INIT;
    struct store *s = NULL;

    assert_int_equal(store_open(directory, &s, &err), 0);
    assert_int_equal(store_begin(s, &err), 0);
    assert_int_equal(store_put(s, t, str_of(key), str_of(value), &err), 0);
    assert_int_equal(store_commit(s, true, &err), 0);
    store_close(s);
}

/* A backup that was put back has another mark: then every row is looked at. */
static void a_store_of_another_mark_is_compared_whole(void **state)
{
    struct world *w = *state;

    save(w, HEAD KEYS KEY_A KEY_B, false);
    put_row(w->directory, STORE_FILE, "key/a", "{}");
    put_row(w->directory, STORE_FILE, "key/z", "{}");
    put_row(w->directory, STORE_META, "mirror", "another mark....");
    save(w, HEAD KEYS KEY_A KEY_B, false);
    expect_mirror_of(w, HEAD KEYS KEY_A KEY_B);
}

/* The store was committed and the key table was not: the next one must not trust the table. */
static void a_load_that_failed_behind_the_store_is_made_up_for(void **state)
{
    struct world *w = *state;

    save(w, HEAD KEYS KEY_A KEY_B, false);
    save(w, HEAD KEYS KEY_A KEY_B_OFF, true);
    save(w, HEAD KEYS KEY_A KEY_B, false);
    expect_mirror_of(w, HEAD KEYS KEY_A KEY_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_differs_is_written, world_begin, world_end),
        cmocka_unit_test_setup_teardown(a_store_of_another_mark_is_compared_whole, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(a_load_that_failed_behind_the_store_is_made_up_for,
                                        world_begin, world_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
