/*
 * What the management API does to customers, teams, keys and limits, through the master's own calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/money_fixture.h"

#include <stdio.h>

#include "shm/scope.h"

#define HEAD "listen: [ 127.0.0.1:0 ]\nproviders: { mock: {}, two: { vendor: mock } }\n"
#define CREATE(kind, body) "{\"op\":\"entity_create\",\"kind\":\"" kind "\",\"body\":" body "}"

static const char *id_of(struct world *w, const struct json *reply)
{
    struct str id = json_str(json_get(reply, "id"));

    assert_int_equal(id.len, 16);
    return arena_cstr(w->arena, id);
}

/* A call about one id. */
static const struct json *with_id(struct world *w, const char *op, const char *kind, const char *id,
                                  const char *more)
{
    return world_ok(w, arena_printf(w->arena, "{\"op\":\"%s\",\"kind\":\"%s\",\"id\":\"%s\"%s%s}",
                                    op, kind, id, more[0] != '\0' ? "," : "", more)
                           .p);
}

static void refused_id(struct world *w, const char *op, const char *kind, const char *id,
                       const char *more, const char *why, const char *words)
{
    world_refused(w,
                  arena_printf(w->arena, "{\"op\":\"%s\",\"kind\":\"%s\",\"id\":\"%s\"%s%s}", op,
                               kind, id, more[0] != '\0' ? "," : "", more)
                      .p,
                  why, words);
}

static uint64_t number(const struct json *node)
{
    uint64_t n = 0;

    assert_true(json_u64(node, &n));
    return n;
}

/* The call of the issue, as it stands there. */
static void a_key_with_budget_and_limit(void **state)
{
    struct world *w = *state;
    const struct json *reply;
    const struct json *entity;
    struct virtual_key k;
    struct account budget;
    struct account rate;

    world_apply(w, HEAD);
    reply = world_ok(w, CREATE("key", "{\"name\":\"team-engineering\",\"budget\":1000,"
                                      "\"rate_limit\":100,\"models\":[\"openai/gpt-4o\"]}"));
    assert_true(world_find(w, json_str(json_get(reply, "key")), &k));
    budget = world_account(w, k.owner, 0);
    assert_int_equal(budget.kind, ACCOUNT_BUDGET);
    assert_true(budget.limit == 1000000000000ull);
    assert_true(budget.overshoot == OVERSHOOT_AUTO);
    assert_true(budget.window.length_ms == 30 * 86400000ull);
    assert_true(budget.window.anchor_ms >= k.created_ms);
    rate = world_account(w, k.owner, 1);
    assert_int_equal(rate.kind, ACCOUNT_REQUESTS);
    assert_int_equal(rate.limit, 100);
    assert_int_equal(rate.window.length_ms, 60000);
    assert_int_equal(json_get(reply, "defaults")->n, 3);
    entity = json_get(reply, "entity");
    assert_str(json_str(json_get(entity, "origin")), "api");
    entity = json_get(entity, "budgets")->child;
    assert_str(json_str(json_get(entity, "limit")), "1000.000000000");
    assert_int_equal(number(json_get(entity, "account")), budget.index);
    assert_true(number(json_get(entity, "limit_nanousd")) == budget.limit);
}

static void children_and_parents(void **state)
{
    struct world *w = *state;
    const char *customer;
    const char *team;
    const char *key;
    struct virtual_key k;
    struct owner o;
    const struct json *reply;
    uint32_t before[2];
    uint32_t after[2];

    world_apply(w, HEAD);
    world_count(w, &before[0], &before[1]);
    customer = id_of(w, world_ok(w, CREATE("customer", "{\"name\":\"acme\",\"budget\":9}")));
    team = id_of(w, world_ok(w, CREATE("team", "{\"name\":\"t\",\"customer\":\"acme\"}")));
    reply = world_ok(w, CREATE("key", "{\"name\":\"k\",\"team\":\"t\",\"providers\":["
                                      "{\"provider\":\"mock\",\"budget\":1},\"two\"]}"));
    key = id_of(w, reply);
    assert_str(json_str(json_get(json_get(reply, "entity"), "team_id")), team);
    assert_true(world_find(w, json_str(json_get(reply, "key")), &k));
    assert_true(owner_read(&w->regions.published, k.owner, &o));
    assert_int_equal(o.parent, world_row(w, PLACE_TEAM, "t"));

    refused_id(w, "entity_delete", "customer", customer, "", "conflict", "1 teams and 0 keys");
    refused_id(w, "entity_delete", "team", team, "", "conflict", "0 teams and 1 keys");
    (void)with_id(w, "entity_delete", "team", team, "\"children\":\"reparent\"");
    assert_true(owner_read(&w->regions.published, k.owner, &o));
    assert_int_equal(o.parent, world_row(w, PLACE_CUSTOMER, "acme"));
    reply = with_id(w, "entity_get", "key", key, "");
    assert_str(json_str(json_get(json_get(reply, "entity"), "customer")), "acme");
    assert_null(json_get(json_get(reply, "entity"), "team"));

    world_restart(w, HEAD, false);
    reply = with_id(w, "entity_get", "key", key, "");
    assert_str(json_str(json_get(json_get(reply, "entity"), "customer")), "acme");
    reply = with_id(w, "entity_delete", "customer", customer, "\"children\":\"delete\"");
    assert_int_equal(json_get(reply, "deleted")->n, 2);
    refused_id(w, "entity_get", "key", key, "", "not_found", "there is no key");
    world_count(w, &after[0], &after[1]);
    assert_int_equal(before[0], after[0]);
    assert_int_equal(before[1], after[1]);
    assert_int_equal(keys_count(&w->regions.published), 0);
}

static void a_customer_goes_with_all_below(void **state)
{
    struct world *w = *state;
    const char *customer;

    world_apply(w, HEAD);
    customer = id_of(w, world_ok(w, CREATE("customer", "{\"name\":\"acme\"}")));
    (void)world_ok(w, CREATE("team", "{\"name\":\"t\",\"customer\":\"acme\",\"budget\":1}"));
    (void)world_ok(w, CREATE("key", "{\"name\":\"k\",\"team\":\"t\",\"budget\":2}"));
    (void)world_ok(w, CREATE("key", "{\"name\":\"l\",\"customer\":\"acme\"}"));
    assert_int_equal(
        json_get(with_id(w, "entity_delete", "customer", customer, "\"children\":\"delete\""),
                 "deleted")
            ->n,
        4);
    assert_int_equal(w->money->directory.kinds[PLACE_TEAM].n, 0);
    assert_int_equal(keys_count(&w->regions.published), 0);
    world_restart(w, HEAD, false);
    assert_int_equal(keys_count(&w->regions.published), 0);
    assert_int_equal(w->money->directory.kinds[PLACE_TEAM].n, 0);
}

/* Its account is the same while the window is; another window is another account. */
/* ... and with each key its old texts that were still good. */
static void old_texts_go_with_the_team(void **state)
{
    struct world *w = *state;
    const struct json *made;
    const char *team;
    struct virtual_key k;

    world_apply(w, HEAD);
    team = id_of(w, world_ok(w, CREATE("team", "{\"name\":\"t\"}")));
    made = world_ok(w, CREATE("key", "{\"name\":\"k\",\"team\":\"t\"}"));
    (void)with_id(w, "key_rotate", "key", id_of(w, made), "\"grace_ms\":60000");
    assert_true(world_find(w, json_str(json_get(made, "key")), &k));
    (void)with_id(w, "entity_delete", "team", team, "\"children\":\"delete\"");
    assert_false(world_find(w, json_str(json_get(made, "key")), &k));
    assert_int_equal(keys_count(&w->regions.published), 0);
}

static void a_changed_limit_goes_on_counting(void **state)
{
    struct world *w = *state;
    const char *id;
    uint32_t row;
    struct account a;
    struct account b;

    world_apply(w, HEAD);
    id = id_of(w, world_ok(w, CREATE("team", "{\"name\":\"t\",\"budget\":5,\"tags\":[\"x\"]}")));
    row = world_row(w, PLACE_TEAM, "t");
    a = world_account(w, row, 0);
    (void)with_id(w, "entity_update", "team", id, "\"body\":{\"budget\":7,\"rate_limit\":3}");
    b = world_account(w, row, 0);
    assert_true(b.id == a.id && b.index == a.index && b.window.anchor_ms == a.window.anchor_ms);
    assert_true(b.limit == 7000000000ull);
    assert_int_equal(world_account(w, row, 1).kind, ACCOUNT_REQUESTS);

    (void)with_id(w, "entity_update", "team", id,
                  "\"body\":{\"budgets\":[{\"limit\":7,\"window\":\"1d\"}],\"rate_limits\":null}");
    b = world_account(w, row, 0);
    assert_true(b.id != a.id);
    /* And back again: an id is never used twice. */
    (void)with_id(w, "entity_update", "team", id, "\"body\":{\"budget\":7}");
    assert_true(world_account(w, row, 0).id != a.id);

    b = world_account(w, row, 0);
    world_restart(w, HEAD, false);
    row = world_row(w, PLACE_TEAM, "t");
    assert_true(world_account(w, row, 0).id == b.id);
    assert_true(world_account(w, row, 0).window.anchor_ms == b.window.anchor_ms);
    (void)with_id(w, "entity_reset", "team", id, "");
    assert_true(world_account(w, row, 0).id != b.id);
    assert_str(
        json_str(
            json_get(json_get(with_id(w, "entity_get", "team", id, ""), "entity"), "tags")->child),
        "x");
}

static void wrong_calls_change_nothing(void **state)
{
    struct world *w = *state;
    uint32_t before[2];
    uint32_t after[2];
    const char *id;

    world_apply(w, HEAD "customers: { file: { budget: 1 } }\n");
    id = id_of(w, world_ok(w, CREATE("team", "{\"name\":\"t\"}")));
    world_count(w, &before[0], &before[1]);
    world_refused(w, CREATE("customer", "{\"name\":\"file\"}"), "conflict", "already a customer");
    world_refused(w, CREATE("team", "{\"name\":\"t\"}"), "conflict", "already a team");
    world_refused(w, CREATE("team", "{\"name\":\"u\",\"customer\":\"none\"}"), "invalid",
                  "there is no customer");
    world_refused(w, CREATE("key", "{\"name\":\"k\",\"team\":\"t\",\"customer\":\"file\"}"),
                  "invalid", "team and customer");
    world_refused(w, CREATE("key", "{\"name\":\"k\",\"budget\":-1}"), "invalid", "budget must be");
    world_refused(w, CREATE("key", "{\"name\":\"k\",\"providers\":[\"none\"]}"), "invalid",
                  "there is no provider");
    world_refused(w,
                  CREATE("key", "{\"name\":\"k\",\"budgets\":[{\"limit\":1,\"calendar\":true,"
                                "\"time_zone\":\"No/Where\"}]}"),
                  "invalid", "time_zone");
    world_refused(w, CREATE("model_limit", "{\"model\":\"a\"}"), "invalid", "limits nothing");
    world_refused(w, CREATE("dog", "{}"), "invalid", "kind");
    world_refused(w, CREATE("key", "7"), "invalid", "must be an object");
    refused_id(w, "entity_update", "team", id, "\"body\":{\"budget\":\"x\"}", "invalid", "budget");
    refused_id(w, "entity_update", "team", id, "\"body\":{\"nmae\":\"x\"}", "invalid", "nmae");
    refused_id(w, "entity_update", "team", "zz", "\"body\":{}", "not_found", "id");
    refused_id(w, "entity_update", "team", "00000000000000aa", "\"body\":{}", "not_found",
               "no team");
    world_count(w, &after[0], &after[1]);
    assert_int_equal(before[0], after[0]);
    assert_int_equal(before[1], after[1]);
    assert_int_equal(keys_count(&w->regions.published), 0);
}

static void the_files_are_read_only(void **state)
{
    struct world *w = *state;
    const struct json *e;
    struct virtual_key k;

    world_apply(w, HEAD "teams: { t: { budget: 1, metadata: { a: 1 } } }\nvirtual_keys:\n"
                        "  - { name: k, value: sk-bf-kkkkkkkkkkkkkkkkkkkkkkkk, team: t, budget: 2, "
                        "tags: [x] }\n");
    e = json_get(world_ok(w, "{\"op\":\"entity_get\",\"kind\":\"team\",\"name\":\"t\"}"), "entity");
    assert_str(json_str(json_get(e, "origin")), "file");
    assert_str(json_get(e, "metadata")->raw, "{\"a\":1}");
    refused_id(w, "entity_update", "team", arena_cstr(w->arena, json_str(json_get(e, "id"))),
               "\"body\":{\"blocked\":true}", "read_only", "configuration file");
    refused_id(w, "entity_delete", "team", arena_cstr(w->arena, json_str(json_get(e, "id"))), "",
               "read_only", "configuration file");
    e = json_get(world_ok(w, "{\"op\":\"entity_get\",\"kind\":\"key\",\"name\":\"k\"}"), "entity");
    assert_str(json_str(json_get(e, "team")), "t");
    assert_str(json_str(json_get(e, "hint")), "sk-bf-...kkkk");
    assert_int_equal(json_str(json_get(e, "hash")).len, 64);
    refused_id(w, "key_rotate", "key", arena_cstr(w->arena, json_str(json_get(e, "id"))), "",
               "read_only", "configuration file");
    /* Its budgets may begin anew all the same, and do so for good. */
    assert_true(world_find(w, STR("sk-bf-kkkkkkkkkkkkkkkkkkkkkkkk"), &k));
    uint64_t id = world_account(w, k.owner, 0).id;
    (void)with_id(w, "entity_reset", "key", arena_cstr(w->arena, json_str(json_get(e, "id"))), "");
    assert_true(world_find(w, STR("sk-bf-kkkkkkkkkkkkkkkkkkkkkkkk"), &k));
    assert_true(world_account(w, k.owner, 0).id != id);
}

static void a_rotated_key_has_its_grace(void **state)
{
    struct world *w = *state;
    const struct json *made;
    const struct json *reply;
    const char *id;
    struct str first;
    struct virtual_key old;
    struct virtual_key now;
    struct scope scope;

    world_apply(w, HEAD);
    made = world_ok(w, CREATE("key", "{\"name\":\"k\",\"budget\":1,\"routes\":[\"chat\"]}"));
    id = id_of(w, made);
    first = json_str(json_get(made, "key"));
    reply = with_id(w, "key_rotate", "key", id, "\"grace_ms\":60000");
    assert_true(world_find(w, first, &old));
    assert_true(world_find(w, json_str(json_get(reply, "key")), &now));
    assert_true((old.flags & KEY_ALIAS) != 0 && (now.flags & KEY_ALIAS) == 0);
    assert_int_equal(old.owner, now.owner);
    assert_true(old.expires_ms > now.created_ms && now.expires_ms == 0);
    assert_int_equal(scope_decode(old.scope, &scope), 0);
    assert_true(scope.books_as == now.id && scope.routes == SCOPE_CHAT);
    assert_true(str_eq(scope.books_name, STR("k")));
    /* What the key is called from now on, its old text is called too. */
    (void)with_id(w, "entity_update", "key", id, "\"body\":{\"name\":\"kk\"}");
    assert_true(world_find(w, first, &old));
    assert_int_equal(scope_decode(old.scope, &scope), 0);
    assert_true(str_eq(scope.books_name, STR("kk")));
    /* What the key loses, its old text loses too; and it is no key of its own. */
    (void)with_id(w, "entity_update", "key", id, "\"body\":{\"active\":false}");
    assert_true(world_find(w, first, &old));
    assert_int_equal(old.flags & KEY_ACTIVE, 0);
    reply = world_ok(w, "{\"op\":\"entity_list\",\"kind\":\"key\"}");
    assert_int_equal(json_get(reply, "data")->n, 1);
    world_restart(w, HEAD, false);
    assert_true(world_find(w, first, &old));
    world_restart(w, HEAD, true);
    assert_true(world_find(w, first, &old));
    assert_true((old.flags & KEY_ALIAS) != 0);

    reply = with_id(w, "key_rotate", "key", id, "\"value\":\"my-own-text-of-some-length\"");
    assert_null(json_get(reply, "key"));
    world_refused(
        w,
        arena_printf(w->arena, "{\"op\":\"key_rotate\",\"id\":\"%s\",\"value\":\"short\"}", id).p,
        "invalid", "value");
    assert_true(world_find(w, STR("my-own-text-of-some-length"), &now));
    (void)with_id(w, "entity_delete", "key", id, "");
    assert_false(world_find(w, first, &old));
    assert_int_equal(keys_count(&w->regions.published), 0);
}

static void lists_go_by_pages(void **state)
{
    struct world *w = *state;
    char cursor[20] = "";
    size_t seen = 0;
    const struct json *reply;

    world_apply(w, HEAD);
    (void)world_ok(w, CREATE("team", "{\"name\":\"t\"}"));
    for (int i = 0; i < 25; i++)
        (void)world_ok(
            w, arena_printf(w->arena, CREATE("key", "{\"name\":\"key-%d\",\"tags\":[\"%s\"]%s}"), i,
                            i % 5 == 0 ? "five" : "other", i % 2 == 0 ? ",\"team\":\"t\"" : "")
                   .p);
    do {
        reply =
            world_ok(w, arena_printf(w->arena,
                                     "{\"op\":\"entity_list\",\"kind\":\"key\",\"limit\":10%s%s%s}",
                                     cursor[0] != '\0' ? ",\"after\":\"" : "", cursor,
                                     cursor[0] != '\0' ? "\"" : "")
                            .p);
        assert_int_equal(number(json_get(reply, "total")), 25);
        seen += json_get(reply, "data")->n;
        (void)snprintf(cursor, sizeof(cursor), "%.*s", STR_ARGS(json_str(json_get(reply, "next"))));
    } while (cursor[0] != '\0');
    assert_int_equal(seen, 25);
    reply = world_ok(w, "{\"op\":\"entity_list\",\"kind\":\"key\",\"filter\":{\"tag\":\"five\"}}");
    assert_int_equal(json_get(reply, "data")->n, 5);
    reply =
        world_ok(w, "{\"op\":\"entity_list\",\"kind\":\"key\",\"filter\":{\"name\":\"key-1*\"}}");
    assert_int_equal(json_get(reply, "data")->n, 11);
    assert_int_equal(number(json_get(reply, "total")), 11);
    reply = world_ok(w, "{\"op\":\"entity_get\",\"kind\":\"team\",\"name\":\"t\"}");
    reply = world_ok(w, arena_printf(w->arena,
                                     "{\"op\":\"entity_list\",\"kind\":\"key\",\"filter\":{"
                                     "\"team\":\"%.*s\",\"active\":true}}",
                                     STR_ARGS(json_str(json_get(json_get(reply, "entity"), "id"))))
                            .p);
    assert_int_equal(json_get(reply, "data")->n, 13);
    reply =
        world_ok(w, "{\"op\":\"entity_list\",\"kind\":\"key\",\"filter\":{\"origin\":\"file\"}}");
    assert_int_equal(json_get(reply, "data")->n, 0);
}

#define ONCE(text, body)                                                                           \
    "{\"op\":\"entity_create\",\"kind\":\"key\",\"idempotency\":\"" text "\",\"body\":" body "}"

static void the_same_call_is_made_once(void **state)
{
    struct world *w = *state;
    const struct json *first;
    const struct json *again;

    world_apply(w, HEAD);
    first = world_ok(w, ONCE("abc", "{\"name\":\"k\",\"expires\":\"2030-01-01T00:00:01Z\"}"));
    again = world_ok(w, ONCE("abc", "{\"name\":\"k\",\"expires\":\"2030-01-01T00:00:02Z\"}"));
    assert_true(str_eq(first->raw, again->raw));
    world_restart(w, HEAD, false);
    again = world_ok(w, ONCE("abc", "{\"name\":\"k\",\"expires\":\"2030-01-01T00:00:01Z\"}"));
    assert_true(str_eq(first->raw, again->raw));
    world_refused(w, ONCE("abc", "{\"name\":\"other\"}"), "conflict", "idempotency");
    world_refused(w, ONCE("def", "{\"name\":\"k\"}"), "conflict", "already a key");
    assert_int_equal(keys_count(&w->regions.published), 1);
    (void)world_ok(w, ONCE("def", "{\"name\":\"l\"}")); /* a refusal is not remembered */
}

static void limits_of_models_hold_at_once(void **state)
{
    struct world *w = *state;
    struct model_limits *limits = xcalloc(1, sizeof(*limits));
    const char *id;

    world_apply(w, HEAD "model_limits: [{ model: \"mock/*\", budget: 4 }]\n");
    id = id_of(w, world_ok(w, CREATE("model_limit", "{\"model\":\"a*\",\"rate_limit\":5}")));
    model_limits_refresh(&w->regions.published, limits);
    assert_int_equal(limits->n, 2);
    assert_str(model_limit_glob(model_limit_at(limits, 0)), "a*");
    assert_int_equal(world_account(w, model_limit_at(limits, 0)->owner, 0).limit, 5);
    assert_true(world_account(w, model_limit_at(limits, 1)->owner, 0).limit == 4000000000ull);
    (void)with_id(w, "entity_delete", "model_limit", id, "");
    model_limits_refresh(&w->regions.published, limits);
    assert_int_equal(limits->n, 1);
    free(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_with_budget_and_limit, world_begin, world_end),
        cmocka_unit_test_setup_teardown(children_and_parents, world_begin, world_end),
        cmocka_unit_test_setup_teardown(a_customer_goes_with_all_below, world_begin, world_end),
        cmocka_unit_test_setup_teardown(a_changed_limit_goes_on_counting, world_begin, world_end),
        cmocka_unit_test_setup_teardown(wrong_calls_change_nothing, world_begin, world_end),
        cmocka_unit_test_setup_teardown(the_files_are_read_only, world_begin, world_end),
        cmocka_unit_test_setup_teardown(a_rotated_key_has_its_grace, world_begin, world_end),
        cmocka_unit_test_setup_teardown(old_texts_go_with_the_team, world_begin, world_end),
        cmocka_unit_test_setup_teardown(lists_go_by_pages, world_begin, world_end),
        cmocka_unit_test_setup_teardown(the_same_call_is_made_once, world_begin, world_end),
        cmocka_unit_test_setup_teardown(limits_of_models_hold_at_once, world_begin, world_end),
    };

    return cmocka_run_group_tests_name("entities", tests, NULL, NULL);
}
