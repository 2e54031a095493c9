/*
 * Many keys at once: all of them or none, and how long it takes. BOWFIN_MANY=1000000 makes it a measurement.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/money_fixture.h"

#include <stdio.h>

#include "server/base/clock.h"

#define HEAD "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {} }\nteams: { t: { budget: 5 } }\n"
#define MANY_DEFAULT 20000
#define SLICE 400

static uint32_t many(void)
{
    const char *text = getenv("BOWFIN_MANY");
    uint64_t n = MANY_DEFAULT;

    if (text != NULL)
        (void)str_parse_u64(str_of(text), &n); /* else the default */
    return (uint32_t)n;
}

/* Keys `from` .. `to` as one call. */
static const struct json *import(struct world *w, uint32_t from, uint32_t to, bool more)
{
    struct buf text = BUF_IN(w->arena);

    buf_cstr(&text, "{\"op\":\"key_import\",\"import\":\"one\",\"items\":[");
    for (uint32_t i = from; i < to; i++)
        buf_printf(&text,
                   "%s{\"name\":\"user-%u\",\"value\":\"sk-imported-%010u\",\"team\":\"t\","
                   "\"budget\":100,\"rate_limit\":60,\"metadata\":{\"user\":%u}}",
                   i > from ? "," : "", i, i, i);
    buf_printf(&text, "],\"more\":%s}", more ? "true" : "false");
    assert_true(text.len < 131072);
    return world_ok(w, text.data);
}

static uint64_t number(const struct json *node)
{
    uint64_t n = 0;

    assert_true(json_u64(node, &n));
    return n;
}

static void import_all(struct world *w, uint32_t n)
{
    const struct json *reply = NULL;

    for (uint32_t from = 0; from < n; from += SLICE) {
        arena_reset(w->arena);
        reply = import(w, from, from + SLICE < n ? from + SLICE : n, from + SLICE < n);
    }
    assert_int_equal(number(json_get(reply, "created")), n);
}

static double seconds_since(uint64_t begun_ns)
{
    return (double)(clock_mono_ns() - begun_ns) / 1e9;
}

static void all_of_them_work(void **state)
{
    struct world *w = *state;
    uint32_t n = many();
    uint64_t begun = clock_mono_ns();
    uint64_t worst = 0;
    struct virtual_key k;

    world_apply(w, HEAD);
    import_all(w, n);
    print_message("import of %u keys: %.2f s\n", n, seconds_since(begun));
    assert_int_equal(keys_count(&w->regions.published), n);
    assert_true(world_find(w, STR("sk-imported-0000000007"), &k));
    assert_str(k.name, "user-7");
    assert_true(world_account(w, k.owner, 0).limit == 100000000000ull);

    for (int i = 0; i < 20; i++) {
        arena_reset(w->arena);
        begun = clock_mono_ns();
        (void)world_ok(w, arena_printf(w->arena,
                                       "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{"
                                       "\"name\":\"one-%d\",\"budget\":1000,\"rate_limit\":100,"
                                       "\"models\":[\"openai/gpt-4o\"]}}",
                                       i)
                              .p);
        if (clock_mono_ns() - begun > worst)
            worst = clock_mono_ns() - begun;
    }
    print_message("one more, the slowest of 20: %.2f ms\n", (double)worst / 1e6);
    begun = clock_mono_ns();
    (void)world_ok(w, "{\"op\":\"entity_list\",\"kind\":\"key\",\"limit\":100}");
    print_message("the first page of a list: %.2f ms\n", (double)(clock_mono_ns() - begun) / 1e6);
    begun = clock_mono_ns();
    (void)world_ok(w, "{\"op\":\"entity_list\",\"kind\":\"key\",\"limit\":100}");
    print_message("again: %.2f ms\n", (double)(clock_mono_ns() - begun) / 1e6);
    begun = clock_mono_ns();
    world_restart(w, HEAD, false);
    print_message("a start with them: %.2f s\n", seconds_since(begun));
    assert_int_equal(keys_count(&w->regions.published), n + 20);
    begun = clock_mono_ns();
    world_restart(w, HEAD, true);
    print_message("a start with kept regions: %.2f s\n", seconds_since(begun));
    assert_int_equal(keys_count(&w->regions.published), n + 20);
}

static void one_bad_key_and_there_is_none(void **state)
{
    struct world *w = *state;
    const struct json *reply;

    world_apply(w, HEAD);
    (void)import(w, 0, 10, true);
    assert_int_equal(keys_count(&w->regions.published), 0);
    reply = world_ok(w, "{\"op\":\"key_import\",\"import\":\"one\",\"more\":false,\"items\":["
                        "{\"name\":\"good\",\"value\":\"sk-0123456789abcdef\"},"
                        "{\"name\":\"user-3\",\"value\":\"sk-0123456789abcdeg\"},"
                        "{\"name\":\"none\"},"
                        "{\"name\":\"same\",\"value\":\"sk-imported-0000000004\"},"
                        "{\"name\":\"budget\",\"value\":\"sk-0123456789abcdeh\",\"budget\":-1}]}");
    assert_int_equal(number(json_get(reply, "created")), 0);
    assert_int_equal(json_get(reply, "errors")->n, 4);
    assert_int_equal(number(json_get(json_get(reply, "errors")->child, "index")), 1);
    assert_int_equal(keys_count(&w->regions.published), 0);
    world_restart(w, HEAD, false);
    assert_int_equal(keys_count(&w->regions.published), 0);
    (void)import(w, 0, 10, false); /* and the next one may come */
    assert_int_equal(keys_count(&w->regions.published), 10);
}

static void one_import_at_a_time(void **state)
{
    struct world *w = *state;

    world_apply(w, HEAD);
    (void)import(w, 0, 10, true);
    world_refused(w, "{\"op\":\"key_import\",\"import\":\"two\",\"items\":[],\"more\":true}",
                  "conflict", "another import");
    (void)world_ok(w, "{\"op\":\"key_import\",\"import\":\"one\",\"abort\":true}");
    (void)world_ok(w, "{\"op\":\"key_import\",\"import\":\"two\",\"items\":[],\"more\":false}");
    assert_int_equal(keys_count(&w->regions.published), 0);
}

/* A name that came into the world between the calls: nothing is half done. */
static void what_is_taken_meanwhile_undoes_all(void **state)
{
    struct world *w = *state;
    uint32_t before[2];
    uint32_t after[2];

    world_apply(w, HEAD);
    (void)import(w, 0, 10, true);
    (void)world_ok(w, "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"user-9\"}}");
    world_count(w, &before[0], &before[1]);
    world_refused(w, "{\"op\":\"key_import\",\"import\":\"one\",\"items\":[],\"more\":false}",
                  "full", "the name is taken");
    assert_int_equal(keys_count(&w->regions.published), 1);
    world_count(w, &after[0], &after[1]);
    assert_int_equal(before[0], after[0]);
    assert_int_equal(before[1], after[1]);
    world_restart(w, HEAD, false);
    assert_int_equal(keys_count(&w->regions.published), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_them_work, world_begin, world_end),
        cmocka_unit_test_setup_teardown(one_bad_key_and_there_is_none, world_begin, world_end),
        cmocka_unit_test_setup_teardown(one_import_at_a_time, world_begin, world_end),
        cmocka_unit_test_setup_teardown(what_is_taken_meanwhile_undoes_all, world_begin, world_end),
    };

    return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
