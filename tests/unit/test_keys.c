#include "tests/unit/unit.h"

#include <stdio.h>

#include "shm/key_index.h"
#include "shm/keys.h"

static struct region region;
static struct key_table *table;
static struct arena *arena;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(65536);
    if (region_create(REGION_PUBLISHED, 1, &region, &err) != 0)
        return -1;
    table = key_table_open(&region);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_table_close(table);
    key_table_close(NULL);
    region_close(&region);
    arena_free(arena);
    return 0;
}

static struct virtual_key key(uint64_t id, const char *plain, const char *name)
{
    struct virtual_key k = {.id = id,
                            .created_ms = 1000 + id,
                            .flags = KEY_ACTIVE,
                            .name = str_of(name),
                            .models = {"openai/*\0fast", 13},
                            .hint = STR("sk-bf-...x7Qa")};

    crypto_sha256(str_of(plain), k.hash);
    return k;
}

static bool find(const char *plain, struct virtual_key *out)
{
    uint8_t hash[SHA256_BYTES];

    crypto_sha256(str_of(plain), hash);
    return keys_find(&region, hash, arena, out);
}

static void puts_and_finds(void **state)
{
    struct virtual_key k = key(7, "sk-bf-a", "team-engineering");
    struct virtual_key out = {.id = 99};

    (void)state;
    assert_false(find("sk-bf-a", &out));
    assert_int_equal(out.id, 99);
    assert_int_equal(key_table_put(table, &k, &err), 0);
    assert_true(find("sk-bf-a", &out));
    assert_int_equal(out.id, 7);
    assert_int_equal(out.created_ms, 1007);
    assert_int_equal(out.expires_ms, 0);
    assert_int_equal(out.flags, KEY_ACTIVE);
    assert_str(out.name, "team-engineering");
    assert_int_equal(out.models.len, 13);
    assert_memory_equal(out.models.p, "openai/*\0fast", 13);
    assert_str(out.hint, "sk-bf-...x7Qa");
    assert_memory_equal(out.hash, k.hash, SHA256_BYTES);
    assert_false(find("sk-bf-b", &out));
    assert_int_equal(keys_count(&region), 1);
}

static void scope_and_owner_come_back(void **state)
{
    struct virtual_key k = key(8, "sk-bf-scoped", "scoped");
    struct virtual_key out;
    uint32_t at = UINT32_MAX;

    (void)state;
    k.scope = STR("\1\0\3any");
    k.owner = 4711;
    assert_int_equal(key_table_put(table, &k, &err), 0);
    assert_true(find("sk-bf-scoped", &out));
    assert_str(out.hint, "sk-bf-...x7Qa");
    assert_int_equal(out.scope.len, 6);
    assert_memory_equal(out.scope.p, "\1\0\3any", 6);
    assert_int_equal(out.owner, 4711);
    assert_true(key_table_has(table, &k, &at));
    assert_int_equal(key_table_owner(table, at), 4711);
    k.scope = STR("\1\0\3anz");
    assert_false(key_table_has(table, &k, &at));
    k.scope = STR_NONE;
    assert_false(key_table_has(table, &k, &at));
}

static void texts_of_every_size_come_back(void **state)
{
    static char models[KEY_BLOB_MAX];
    struct virtual_key out;

    (void)state;
    for (size_t i = 0; i < sizeof(models); i++)
        models[i] = (char)('a' + i % 26);
    for (size_t len = 0; len <= KEY_BLOB_MAX - 1; len += len < 200 ? 1 : 977) {
        struct virtual_key k = key(1, "k", "n");

        k.models = (struct str){models, len};
        k.hint = STR_NONE;
        assert_int_equal(key_table_put(table, &k, &err), 0);
        arena_reset(arena);
        assert_true(find("k", &out));
        assert_str(out.name, "n");
        assert_int_equal(out.models.len, len);
        assert_memory_equal(out.models.p, models, len);
    }
    assert_int_equal(keys_count(&region), 1);
    assert_true(keys_high(&region) <= 2); /* entries are used again */
}

static void replaces_in_place(void **state)
{
    struct virtual_key k = key(7, "old", "team");
    struct virtual_key out;
    uint64_t id = 0;

    (void)state;
    assert_int_equal(key_table_put(table, &k, &err), 0);
    k = key(7, "old", "renamed");
    k.flags = 0;
    k.expires_ms = 5;
    assert_int_equal(key_table_put(table, &k, &err), 0);
    assert_true(find("old", &out));
    assert_str(out.name, "renamed");
    assert_int_equal(out.flags, 0);
    assert_int_equal(out.expires_ms, 5);
    assert_false(key_table_id_of_name(table, STR("team"), &id));
    assert_true(key_table_id_of_name(table, STR("renamed"), &id));
    assert_int_equal(id, 7);
    k = key(7, "new", "renamed");
    assert_int_equal(key_table_put(table, &k, &err), 0);
    assert_false(find("old", &out));
    assert_true(find("new", &out));
    assert_true(key_table_get(table, 7, arena, &out));
    assert_int_equal(keys_count(&region), 1);
}

static void refuses_conflicts(void **state)
{
    static char long_text[KEY_BLOB_MAX + 1];
    struct virtual_key a = key(1, "a", "one");
    struct virtual_key b = key(2, "b", "one");
    struct virtual_key out;

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    assert_int_equal(key_table_put(table, &a, &err), 0);
    assert_int_equal(key_table_put(table, &b, &err), -1);
    assert_string_equal(err.text, "virtual key one: the name is taken");
    b = key(2, "a", "two");
    assert_int_equal(key_table_put(table, &b, &err), -1);
    assert_string_equal(err.text, "virtual key two: another key has the same value");
    b = key(0, "c", "three");
    assert_int_equal(key_table_put(table, &b, &err), -1);
    b = key(3, "c", "");
    assert_int_equal(key_table_put(table, &b, &err), -1);
    b = key(3, "c", "x");
    b.name = (struct str){long_text, KEY_NAME_MAX + 1};
    assert_int_equal(key_table_put(table, &b, &err), -1);
    assert_non_null(strstr(err.text, "128 bytes"));
    b = key(3, "c", "x");
    b.models = (struct str){long_text, KEY_BLOB_MAX};
    assert_int_equal(key_table_put(table, &b, &err), -1);
    assert_non_null(strstr(err.text, "16384 bytes"));
    assert_int_equal(keys_count(&region), 1);
    assert_true(find("a", &out));
    assert_false(find("c", &out));
}

static void removes(void **state)
{
    struct virtual_key a = key(1, "a", "one");
    struct virtual_key out;

    (void)state;
    assert_false(key_table_remove(table, 1));
    assert_int_equal(key_table_put(table, &a, &err), 0);
    assert_true(key_table_remove(table, 1));
    assert_false(key_table_remove(table, 1));
    assert_false(key_table_remove(table, 0));
    assert_false(find("a", &out));
    assert_false(key_table_get(table, 1, arena, &out));
    assert_false(keys_at(&region, 0, arena, &out));
    assert_false(keys_find_id(&region, 1, arena, &out));
    assert_false(keys_find_id(&region, 0, arena, &out)); /* the mark of a free entry */
    assert_int_equal(keys_count(&region), 0);
    assert_int_equal(key_table_put(table, &a, &err), 0);
    assert_true(find("a", &out));
    assert_true(keys_find_id(&region, 1, arena, &out));
    assert_true(str_eq(out.name, STR("one")));
}

static void put_numbered(uint64_t i)
{
    char plain[32];
    char name[32];
    struct virtual_key k;

    (void)snprintf(plain, sizeof(plain), "plain-%lu", i);
    (void)snprintf(name, sizeof(name), "name-%lu", i);
    k = key(i, plain, name);
    if (i % 3 == 0)
        k.models = STR_NONE;
    assert_int_equal(key_table_put(table, &k, &err), 0);
}

static bool has_numbered(uint64_t i)
{
    char plain[32];
    struct virtual_key out;

    arena_reset(arena);
    (void)snprintf(plain, sizeof(plain), "plain-%lu", i);
    return find(plain, &out) && out.id == i;
}

static void count_ids(void *ctx, uint64_t id)
{
    uint64_t *sums = ctx;

    sums[0]++;
    sums[1] += id;
}

static void expect_every_third_gone(uint64_t n)
{
    uint64_t sums[2] = {0, 0};
    uint32_t listed = 0;

    for (uint64_t i = 1; i <= n; i++)
        assert_int_equal(has_numbered(i), i % 3 != 1);
    for (uint32_t at = 0; at < keys_high(&region); at++) {
        struct virtual_key out;

        arena_reset(arena);
        listed += keys_at(&region, at, arena, &out);
    }
    key_table_each(table, count_ids, sums);
    assert_int_equal(listed, n - n / 3);
    assert_int_equal(sums[0], n - n / 3);
    assert_int_equal(keys_count(&region), n - n / 3);
}

static void grows_and_is_taken_over(void **state)
{
    const uint64_t n = 30000;

    (void)state;
    for (uint64_t i = 1; i <= n; i++)
        put_numbered(i);
    for (uint64_t i = 1; i <= n; i += 3)
        assert_true(key_table_remove(table, i));
    expect_every_third_gone(n);
    key_table_close(table);
    table = key_table_open(&region);
    expect_every_third_gone(n);
    for (uint64_t i = 1; i <= n; i += 3)
        put_numbered(i);
    assert_true(keys_high(&region) <= n + 1); /* found the free ones */
    for (uint64_t i = 1; i <= n; i++)
        assert_true(has_numbered(i));
}

static void churn_does_not_fill_it(void **state)
{
    struct published_shared *p = region.base;
    struct virtual_key out;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char plain[32];
        struct virtual_key k;

        (void)snprintf(plain, sizeof(plain), "%d", i);
        k = key(1, plain, "n");
        assert_int_equal(key_table_put(table, &k, &err), 0);
        arena_reset(arena);
        assert_true(find(plain, &out));
    }
    assert_int_equal(key_index_mask(p->key_index), (1u << KEY_INDEX_MIN_LOG2) - 1);
    assert_true(p->blobs_high <= 4);
}

/* What a killed master may leave: each state is healed by the next one. */
static void heals(void **state)
{
    struct published_shared *p = region.base;
    struct virtual_key out;

    (void)state;
    for (uint64_t i = 1; i <= 5; i++)
        put_numbered(i);
    /* killed inside an entry: the key is gone until it is put again */
    seqlock_write_begin(&p->entries[0].lock);
    assert_false(has_numbered(1));
    /* killed with an entry written and not yet in the index */
    key_table_close(table);
    p->entries[5].id = 6;
    p->keys_high = 6;
    /* and one that cannot be */
    p->entries[1].name_len = UINT16_MAX;
    p->entries[2].blob = KEY_BLOBS;
    table = key_table_open(&region);
    assert_int_equal(keys_count(&region), 2);
    assert_false(keys_at(&region, 5, arena, &out));
    assert_true(has_numbered(4));
    assert_true(has_numbered(5));
    for (uint64_t i = 1; i <= 6; i++)
        put_numbered(i);
    for (uint64_t i = 1; i <= 6; i++)
        assert_true(has_numbered(i));
    assert_int_equal(keys_high(&region), 6); /* the dropped ones were used again */
}

static void a_mad_index_hurts_nobody(void **state)
{
    struct published_shared *p = region.base;
    struct virtual_key out;

    (void)state;
    put_numbered(1);
    p->key_index = 63; /* 2^63 slots */
    assert_false(has_numbered(1));
    key_table_close(table);
    table = key_table_open(&region);
    assert_int_equal(keys_count(&region), 0);
    put_numbered(1);
    memset(p->index[key_index_area(p->key_index)], 0xee, 8 << KEY_INDEX_MIN_LOG2);
    assert_false(has_numbered(1));
    p->keys_high = UINT32_MAX;
    assert_int_equal(keys_high(&region), KEYS_MAX);
    assert_false(keys_at(&region, KEYS_MAX, arena, &out));
    p->keys_high = 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(puts_and_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scope_and_owner_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_of_every_size_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaces_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_conflicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(grows_and_is_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(churn_does_not_fill_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mad_index_hurts_nobody, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
