/*
 * Customers, teams, keys and limits of the file: over reloads, restarts and what the API has beside them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/money_fixture.h"

#include <stdio.h>

#include "server/base/clock.h"
#include "shm/scope.h"

#define HEAD "listen: [ 127.0.0.1:0 ]\n"
#define PROVIDERS "providers: { mock: { budget: 8 } }\n"
#define TEAM(budget) "teams: { t: { customer: c, budget: " budget ", concurrency: 4 } }\n"
#define CUSTOMER "customers: { c: { budgets: [{ limit: 5, window: 1d, calendar: true }] } }\n"
#define KEY(more) "virtual_keys: [{ name: k, value: sk-bf-kkkkkkkkkkkkkkkkkkkkkkkk" more " }]\n"
#define ALL(budget) HEAD PROVIDERS CUSTOMER TEAM(budget) KEY(", team: t, budget: 2")

static struct account team_account(struct world *w, uint32_t i)
{
    return world_account(w, world_row(w, PLACE_TEAM, "t"), i);
}

static struct virtual_key the_key(struct world *w)
{
    struct virtual_key k;

    assert_true(world_find(w, STR("sk-bf-kkkkkkkkkkkkkkkkkkkkkkkk"), &k));
    return k;
}

static bool same_account(struct account a, struct account b)
{
    return a.id == b.id && a.window.anchor_ms == b.window.anchor_ms;
}

static void accounts_go_on(void **state)
{
    struct world *w = *state;
    struct account team;
    struct account key;

    world_apply(w, ALL("3"));
    team = team_account(w, 0);
    key = world_account(w, the_key(w).owner, 0);
    world_apply(w, ALL("4"));
    assert_true(same_account(team, team_account(w, 0)));
    assert_int_equal(team.index, team_account(w, 0).index);
    assert_true(team_account(w, 0).limit == 4000000000ull);
    assert_int_equal(team_account(w, 1).kind, ACCOUNT_CONCURRENCY);
    world_apply(w, ALL("4"));
    assert_int_equal(w->changes.n, 0);
    world_restart(w, ALL("4"), true);
    assert_true(same_account(team, team_account(w, 0)));
    assert_int_equal(team.index, team_account(w, 0).index); /* and with it its counter */
    assert_true(same_account(key, world_account(w, the_key(w).owner, 0)));
    world_restart(w, ALL("4"), false);
    assert_true(same_account(team, team_account(w, 0)));
    assert_true(same_account(key, world_account(w, the_key(w).owner, 0)));
}

/* What is taken away and comes again has spent nothing yet. */
static void what_comes_again_begins_anew(void **state)
{
    struct world *w = *state;
    struct account team;
    struct account key;
    uint32_t before[2];
    uint32_t after[2];

    world_apply(w, HEAD PROVIDERS);
    world_count(w, &before[0], &before[1]);
    world_apply(w, ALL("3"));
    team = team_account(w, 0);
    key = world_account(w, the_key(w).owner, 0);
    world_apply(w, HEAD PROVIDERS);
    world_count(w, &after[0], &after[1]);
    assert_int_equal(before[0], after[0]);
    assert_int_equal(before[1], after[1]);
    world_apply(w, ALL("3"));
    assert_true(team.id != team_account(w, 0).id);
    assert_true(key.id != world_account(w, the_key(w).owner, 0).id);
    /* Also when it was taken away while no daemon ran. */
    team = team_account(w, 0);
    key = world_account(w, the_key(w).owner, 0);
    world_restart(w, HEAD PROVIDERS, false);
    world_restart(w, ALL("3"), false);
    assert_true(team.id != team_account(w, 0).id);
    assert_true(key.id != world_account(w, the_key(w).owner, 0).id);
}

static void kept_regions_lose_what_nobody_has(void **state)
{
    struct world *w = *state;
    uint32_t before[2];
    uint32_t after[2];

    world_apply(w, HEAD PROVIDERS);
    world_count(w, &before[0], &before[1]);
    world_apply(w, ALL("3"));
    world_restart(w, HEAD PROVIDERS, true);
    world_count(w, &after[0], &after[1]);
    assert_int_equal(before[0], after[0]);
    assert_int_equal(before[1], after[1]);
    assert_int_equal(keys_count(&w->regions.published), 0);
}

static void a_keys_rules_may_change(void **state)
{
    struct world *w = *state;
    struct scope scope;
    struct account at_provider;

    world_apply(w, HEAD PROVIDERS KEY(""));
    assert_int_equal(the_key(w).owner, ROW_NONE);
    world_apply(w, HEAD PROVIDERS KEY(", providers: [{ provider: mock, budget: 1 }]"));
    assert_int_equal(the_key(w).owner, ROW_NONE); /* nothing of its own */
    assert_int_equal(scope_decode(the_key(w).scope, &scope), 0);
    at_provider = world_account(w, scope.providers[0].owner, 0);
    assert_true(at_provider.limit == 1000000000ull);
    assert_int_equal(at_provider.owner_kind, OWNER_KEY_PROVIDER);
    world_apply(w, HEAD PROVIDERS KEY(", providers: [{ provider: mock, budget: 3 }], tags: [a]"));
    assert_int_equal(scope_decode(the_key(w).scope, &scope), 0);
    assert_true(same_account(at_provider, world_account(w, scope.providers[0].owner, 0)));
    assert_true(world_account(w, scope.providers[0].owner, 0).limit == 3000000000ull);
    world_apply(w, HEAD PROVIDERS KEY(", rate_limit: 7"));
    assert_int_equal(world_account(w, the_key(w).owner, 0).limit, 7);
    assert_int_equal(the_key(w).scope.len, 0);
    world_apply(w, HEAD PROVIDERS KEY(""));
    assert_int_equal(the_key(w).owner, ROW_NONE);
}

static void providers_have_rows_of_their_own(void **state)
{
    struct world *w = *state;
    struct pub_view view;
    const struct pub_provider *p;

    world_apply(w, HEAD PROVIDERS);
    assert_true(published_view(&w->regions.published, NULL, &view));
    p = pub_find_provider(&view, STR("mock"));
    assert_non_null(p);
    assert_true(world_account(w, p->owner, 0).limit == 8000000000ull);
    world_apply(w, HEAD "providers: { mock: {} }\n");
    assert_true(published_view(&w->regions.published, NULL, &view));
    assert_int_equal(pub_find_provider(&view, STR("mock"))->owner, ROW_NONE);
}

static void what_the_api_has_is_respected(void **state)
{
    struct world *w = *state;
    uint32_t before[2];
    uint32_t after[2];

    world_apply(w, ALL("3"));
    (void)world_ok(w, "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"api\","
                      "\"team\":\"t\",\"value\":\"sk-0123456789abcdef\"}}");
    (void)world_ok(w, "{\"op\":\"entity_create\",\"kind\":\"team\",\"body\":{\"name\":\"mine\"}}");
    world_count(w, &before[0], &before[1]);
    assert_int_equal(world_try(w, HEAD PROVIDERS CUSTOMER, false), -1);
    assert_non_null(strstr(w->err.text, "0 teams and 1 keys that the API made belong to it"));
    assert_int_equal(
        world_try(w, HEAD PROVIDERS CUSTOMER "teams: { t: { customer: c }, mine: {} }\n", false),
        -1);
    assert_non_null(strstr(w->err.text, "t.yaml:4: team \"mine\": the API has created one"));
    world_count(w, &after[0], &after[1]);
    assert_int_equal(before[0], after[0]);
    assert_int_equal(before[1], after[1]);
    assert_true(team_account(w, 0).limit == 3000000000ull);
}

/* A start does not fail for it, but nothing is spent on nobody's account. */
static void an_orphan_is_refused_until_its_parent_comes(void **state)
{
    struct world *w = *state;
    struct virtual_key k;
    struct owner o;

    world_apply(w, ALL("3"));
    (void)world_ok(w, "{\"op\":\"entity_create\",\"kind\":\"key\",\"body\":{\"name\":\"api\","
                      "\"team\":\"t\",\"value\":\"sk-0123456789abcdef\"}}");
    world_restart(w, HEAD PROVIDERS, false);
    assert_true(world_find(w, STR("sk-0123456789abcdef"), &k));
    assert_true(owner_read(&w->regions.published, k.owner, &o));
    assert_true(owner_read(&w->regions.published, o.parent, &o));
    assert_int_equal(o.flags & OWNER_BLOCKED, OWNER_BLOCKED);
    world_apply(w, ALL("3"));
    assert_true(owner_read(&w->regions.published, k.owner, &o));
    assert_int_equal(o.parent, world_row(w, PLACE_TEAM, "t"));
    assert_true(owner_read(&w->regions.published, o.parent, &o));
    assert_int_equal(o.flags, 0);
    assert_int_equal(o.n_accounts, 2);
}

#define MANY 20000

static struct buf many_keys(uint32_t n, uint32_t budget)
{
    struct buf text = BUF_INIT;

    buf_cstr(&text, HEAD PROVIDERS "teams: { t: {} }\nvirtual_keys:\n");
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&text,
                   "- {name: key-%u, value: sk-bf-0123456789-%u, team: t, budget: %u, "
                   "rate_limit: 60}\n",
                   i, i, i == n / 2 ? budget : 100);
    return text;
}

static void many_keys_are_compared_fast(void **state)
{
    const char *wish = getenv("BOWFIN_MANY");
    uint64_t n = MANY;
    struct world *w = *state;
    struct buf text;
    uint64_t begun;
    uint64_t same;

    if (wish != NULL)
        (void)str_parse_u64(str_of(wish), &n); /* else the default */
    text = many_keys((uint32_t)n, 100);
    begun = clock_mono_ns();
    world_apply(w, text.data);
    print_message("%ju keys with a budget and a limit: %.2f s\n", (uintmax_t)n,
                  (double)(clock_mono_ns() - begun) / 1e9);
    begun = clock_mono_ns();
    world_apply(w, text.data);
    same = clock_mono_ns() - begun;
    print_message("... unchanged: %.2f s\n", (double)same / 1e9);
    assert_int_equal(w->changes.n, 0);
    buf_fini(&text);
    text = many_keys((uint32_t)n, 101);
    begun = clock_mono_ns();
    world_apply(w, text.data);
    print_message("... one changed: %.2f s\n", (double)(clock_mono_ns() - begun) / 1e9);
    assert_int_equal(w->changes.n, 1);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(accounts_go_on, world_begin, world_end),
        cmocka_unit_test_setup_teardown(what_comes_again_begins_anew, world_begin, world_end),
        cmocka_unit_test_setup_teardown(kept_regions_lose_what_nobody_has, world_begin, world_end),
        cmocka_unit_test_setup_teardown(a_keys_rules_may_change, world_begin, world_end),
        cmocka_unit_test_setup_teardown(providers_have_rows_of_their_own, world_begin, world_end),
        cmocka_unit_test_setup_teardown(what_the_api_has_is_respected, world_begin, world_end),
        cmocka_unit_test_setup_teardown(an_orphan_is_refused_until_its_parent_comes, world_begin,
                                        world_end),
        cmocka_unit_test_setup_teardown(many_keys_are_compared_fast, world_begin, world_end),
    };

    return cmocka_run_group_tests_name("file_owners", tests, NULL, NULL);
}
