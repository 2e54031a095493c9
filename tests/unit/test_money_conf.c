/*
 * Customers, teams, keys and limits: what a file may say of money, and what it is told when it may not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "conf/amounts.h"
#include "conf/export.h"
#include "conf/money.h"
#include "shm/scope.h"
#include "tests/unit/conf_fixture.h"

#define KEY "value: env.TEAM_KEY"

static void expect(const char *text, const char *want)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    if (fixture_load(text, &c, &err) == 0) {
        config_free(c);
        fail_msg("was taken:\n%s", text);
    }
    if (strcmp(err.text, want) != 0)
        fail_msg("for:\n%s\ngot:  %s\nwant: %s", text, err.text, want);
}

static struct config *load(const char *text)
{
    struct error err = ERROR_INIT;
    struct config *c = NULL;

    if (fixture_load(text, &c, &err) != 0)
        fail_msg("%s", err.text);
    return c;
}

static void amounts_are_exact(void **state)
{
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {{"0", 0},
                {"1", 1000000000},
                {"12.50", 12500000000},
                {"0.000000001", 1},
                {"0.1000000000000000000000", 100000000},
                {"1e3", 1000000000000},
                {"2.5E-3", 2500000},
                {"1000000000", CONF_MONEY_MAX},
                {"999999999.999999999", CONF_MONEY_MAX - 1},
                {"-0", 0},
                {"0e999", 0},
                {"0.3", 300000000}};
    static const struct {
        const char *text;
        enum amount_result want;
    } bad[] = {{"", AMOUNT_NOT},
               {"-1", AMOUNT_NEGATIVE},
               {"-0.1", AMOUNT_NEGATIVE},
               {"1000000000.000000001", AMOUNT_HUGE},
               {"1e10", AMOUNT_HUGE},
               {"1e400", AMOUNT_HUGE},
               {"NaN", AMOUNT_NOT},
               {".inf", AMOUNT_NOT},
               {"0x10", AMOUNT_NOT},
               {"1,000", AMOUNT_NOT},
               {"1.", AMOUNT_NOT},
               {".5", AMOUNT_NOT},
               {"1e", AMOUNT_NOT},
               {"1e+", AMOUNT_NOT},
               {"$5", AMOUNT_NOT},
               {"5 ", AMOUNT_NOT},
               {"--5", AMOUNT_NOT},
               {"0.0000000001", AMOUNT_FINE},
               {"1e-10", AMOUNT_FINE},
               {"99999999999999999999999999999999999999999", AMOUNT_HUGE},
               {"0.00000000000000000000000000000000000000001", AMOUNT_FINE}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t out = 77;

        assert_int_equal(amount_parse(str_of(good[i].text), &out), AMOUNT_OK);
        assert_true(out == good[i].want);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t out = 77;

        if (amount_parse(str_of(bad[i].text), &out) != bad[i].want || out != 77)
            fail_msg("%s", bad[i].text);
    }
}

static void amounts_come_back(void **state)
{
    uint64_t seed = 42;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct buf text = BUF_INIT;
        uint64_t n;
        uint64_t out;

        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        n = (seed >> 4) % (CONF_MONEY_MAX + 1) >> i % 60;
        amount_format(&text, n);
        assert_int_equal(amount_parse(buf_view(&text), &out), AMOUNT_OK);
        assert_true(out == n);
        buf_fini(&text);
    }
}

static void windows_are_read(void **state)
{
    enum conf_period period;
    uint64_t ms;

    (void)state;
    for (int i = 0; i < CONF_PERIODS; i++) {
        assert_true(period_parse(str_of(conf_period_names[i]), &period, &ms));
        assert_int_equal(period, i);
        assert_int_equal(ms, 0);
    }
    assert_true(period_parse(STR("7d"), &period, &ms));
    assert_int_equal(period, CONF_CUSTOM);
    assert_true(ms == 7 * 86400000ull);
    assert_false(period_parse(STR("0d"), &period, &ms));
    assert_false(period_parse(STR("2M"), &period, &ms));
    assert_false(period_parse(STR("-1d"), &period, &ms));
    assert_false(period_parse(STR("9999999999999d"), &period, &ms));
}

static void the_words_are_those_of_the_rows(void **state)
{
    (void)state;
    assert_int_equal(CONF_ROUTES, SCOPE_ROUTES);
    for (int i = 0; i < CONF_ROUTES; i++)
        assert_string_equal(conf_route_names[i], scope_route_names[i]);
}

static const char all[] =
    "providers: { mock: { budget: 7, rate_limits: [{ tokens: 5, per: 1h }] } }\n"
    "customers:\n"
    "  acme:\n"
    "    budgets:\n"
    "      - { limit: 1000, window: 1M, calendar: true, time_zone: Europe/Berlin, overshoot: 5% }\n"
    "      - { limit: '0.5', window: 7d, overshoot: none }\n"
    "      - { limit: 9, window: 1d, overshoot: 2.50 }\n"
    "    tags: [eu]\n"
    "    metadata: { cost centre: 77, nested: [1, true, 'x', null, 01, 1.5e3] }\n"
    "  \"\xC3\xA9t\xC3\xA9 \xE2\x98\x83\": {}\n"
    "teams: { research: { customer: acme, rate_limit: 100, concurrency: 20, blocked: true } }\n"
    "model_limits: [{ model: mock/*, budget: 3 }]\n"
    "virtual_keys:\n"
    "  - name: a\n"
    "    " KEY "\n"
    "    team: research\n"
    "    budget: 1000\n"
    "    deny_models: [mock/x]\n"
    "    providers: [{ provider: mock, models: [echo], deny_models: [no], weight: 0.5, budget: 1 "
    "}]\n"
    "    routes: [chat, embeddings]\n"
    "    networks: [10.0.0.0/8, 192.0.2.7, '2001:db8::/32']\n"
    "    mcp_tools: [search*]\n"
    "    tags: [x, y]\n"
    "    metadata: { owner: me }\n"
    "durability: strict\n"
    "on_disconnect: finish\n";

static void all_of_it_is_read(void **state)
{
    struct config *c = load(all);
    const struct conf_rules *r = &c->customers[0].rules;
    const struct conf_key_scope *s = c->keys[0].scope;

    (void)state;
    assert_int_equal(c->n_customers, 2);
    assert_int_equal(r->n_budgets, 3);
    assert_true(r->budgets[0].limit_nanousd == 1000000000000ull);
    assert_int_equal(r->budgets[0].window, CONF_1MO);
    assert_true(r->budgets[0].calendar);
    assert_string_equal(r->budgets[0].time_zone, "Europe/Berlin");
    assert_true(r->budgets[0].overshoot_nanousd == 50000000000ull);
    assert_int_equal(r->budgets[1].window, CONF_CUSTOM);
    assert_true(r->budgets[1].overshoot_nanousd == 0);
    assert_true(r->budgets[2].overshoot_nanousd == 2500000000ull);
    assert_string_equal(c->customers[0].metadata,
                        "{\"cost centre\":77,\"nested\":[1,true,\"x\",null,\"01\",1.5e3]}");
    assert_string_equal(c->teams[0].customer, "acme");
    assert_int_equal(c->teams[0].rules.limits[0].kind, CONF_REQUESTS);
    assert_int_equal(c->teams[0].rules.limits[0].length_ms, 60000);
    assert_int_equal(c->teams[0].rules.concurrency, 20);
    assert_true(c->teams[0].blocked);
    assert_string_equal(c->model_limits[0].model, "mock/*");
    assert_int_equal(c->providers[0].rules->limits[0].kind, CONF_TOKENS);
    assert_string_equal(s->team, "research");
    assert_true(s->rules.budgets[0].overshoot_nanousd == CONF_OVERSHOOT_AUTO);
    assert_int_equal(s->rules.budgets[0].window, CONF_1MO);
    assert_string_equal(s->providers[0].models[0], "echo");
    assert_string_equal(s->providers[0].denied[0], "no");
    assert_int_equal(s->providers[0].weight, 500);
    assert_int_equal(s->routes, SCOPE_CHAT | SCOPE_EMBEDDINGS);
    assert_int_equal(s->n_networks, 3);
    assert_int_equal(s->networks[0].bits, 104);
    assert_int_equal(s->networks[1].bits, 128);
    assert_int_equal(s->networks[1].address[12], 192);
    assert_int_equal(s->networks[2].bits, 32);
    assert_int_equal(s->n_tags, 2);
    assert_true(c->durability_strict && c->finish_on_disconnect);
    config_free(c);
}

/* The export says the same again (but for keys, which are not in it). */
static void the_export_is_read_again(void **state)
{
    struct config *c = load(all);
    struct config *again;
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;

    (void)state;
    config_export(c, CONFIG_YAML, &first);
    again = load(first.data);
    config_export(again, CONFIG_YAML, &second);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "Europe/Berlin"));
    assert_int_equal(again->n_teams, 1);
    buf_fini(&first);
    buf_fini(&second);
    config_free(c);
    config_free(again);
}

static void bad_rules_are_told(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"customers: { a: { budget: -5 } }\n",
         "t.yaml:1: customers.a.budget must be an amount of dollars that is not negative, is "
         "\"-5\""},
        {"customers: { a: { budget: 1e12 } }\n",
         "t.yaml:1: customers.a.budget must be at most 1000000000 dollars, is \"1e12\""},
        {"customers: { a: { budget: .nan } }\n",
         "t.yaml:1: customers.a.budget must be an amount of dollars such as 100 or 12.50, is "
         "\".nan\""},
        {"customers: { a: { budget: lots } }\n",
         "t.yaml:1: customers.a.budget must be an amount of dollars such as 100 or 12.50, is "
         "\"lots\""},
        {"customers: { a: { budget: 0.0000000001 } }\n",
         "t.yaml:1: customers.a.budget must be an amount of dollars with at most nine digits "
         "behind the point, is \"0.0000000001\""},
        {"customers: { a: { budget: [1] } }\n",
         "t.yaml:1: customers.a.budget must be an amount of dollars such as 100 or 12.50 (several "
         "budgets: budgets), is a list"},
        {"customers: { a: { budgets: [{ window: 1d }] } }\n",
         "t.yaml:1: customers.a.budgets[0] needs limit (amount)"},
        {"customers: { a: { budgets: [{ limit: 1, window: 2M }] } }\n",
         "t.yaml:1: customers.a.budgets[0].window must be one of 1m, 5m, 1h, 1d, 1w, 1M, 1Q, 1Y, "
         "or "
         "a number of days or hours such as 7d, is \"2M\""},
        {"customers: { a: { budgets: [{ limit: 1, window: 7d, calendar: true }] } }\n",
         "t.yaml:1: customers.a.budgets[0] has calendar with a window that no calendar has; use "
         "1d, 1w, 1M, 1Q, 1Y"},
        {"customers: { a: { budgets: [{ limit: 1, time_zone: Europe/Berlin }] } }\n",
         "t.yaml:1: customers.a.budgets[0] has time_zone without calendar: true, where it would "
         "mean nothing"},
        {"customers: { a: { budgets: [{ limit: 1, time_zone: ../etc/passwd }] } }\n",
         "t.yaml:1: customers.a.budgets[0].time_zone must be the name of a time zone such as "
         "Europe/Berlin that this machine knows, is \"../etc/passwd\""},
        {"customers: { a: { budgets: [{ limit: 1, calendar: true, time_zone: Europe/Berlni }] } "
         "}\n",
         "t.yaml:1: customers.a.budgets[0].time_zone must be the name of a time zone such as "
         "Europe/Berlin that this machine knows, is \"Europe/Berlni\""},
        {"customers: { a: { budgets: [{ limit: 1, overshoot: 101% }] } }\n",
         "t.yaml:1: customers.a.budgets[0].overshoot must be none, auto, an amount of dollars, or "
         "a "
         "percentage of the limit up to 100% such as 5%, is \"101%\""},
        {"customers: { a: { budgets: [{ limit: 1 }, { limit: 2, window: 1M }] } }\n",
         "t.yaml:1: customers.a has two budgets with the same window"},
        {"customers: { a: { budget: 1, budgets: [{ limit: 2 }] } }\n",
         "t.yaml:1: customers.a.budget stands beside budgets: write one of the two"},
        {"customers: { a: { rate_limit: 0 } }\n",
         "t.yaml:1: customers.a.rate_limit must be between 1 and 1000000000000, is \"0\""},
        {"customers: { a: { rate_limits: [{ per: 1m }] } }\n",
         "t.yaml:1: customers.a.rate_limits[0] needs requests, tokens, tokens_in or tokens_out"},
        {"customers: { a: { rate_limits: [{ requests: 1, per: 1M }] } }\n",
         "t.yaml:1: customers.a.rate_limits[0].per must be a length of time up to 31d such as 1m, "
         "1h or 1d, is \"1M\""},
        {"customers: { a: { rate_limits: [{ requests: 1 }, { requests: 2, per: 60s }] } }\n",
         "t.yaml:1: customers.a has two limits of the same thing in the same time"},
        {"customers: { a: { concurency: 1 } }\n",
         "t.yaml:1: unknown key \"concurency\" in customers.a, did you mean \"concurrency\"?"},
        {"customers: { a: { budgets: [{limit: 1, window: 1m}, {limit: 1, window: 1h}, {limit: 1, "
         "window: 1d}, {limit: 1}], rate_limits: [{requests: 1, tokens: 1, tokens_in: 1, "
         "tokens_out: 1}], concurrency: 3 } }\n",
         "t.yaml:1: customers.a has 9 budgets and limits, at most 8 fit"},
        {"customers: { a: { metadata: [1] } }\n",
         "t.yaml:1: customers.a.metadata must be a mapping, is a list"},
        {"durability: 2h\n", "t.yaml:1: durability must be between 10ms and 1m, is \"2h\""},
        {"on_disconnect: stop\n", "t.yaml:1: on_disconnect must be cancel or finish, is \"stop\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].text, cases[i].want);
}

static void bad_keys_are_told(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"customers: { acme: {} }\nteams: { t: { customer: amce } }\n",
         "t.yaml:2: teams.t: there is no customer \"amce\", did you mean \"acme\"?"},
        {"teams: { research: {} }\nvirtual_keys: [{ name: a, " KEY ", team: reserch }]\n",
         "t.yaml:2: virtual key \"a\": there is no team \"reserch\", did you mean \"research\"?"},
        {"customers: { c: {} }\nteams: { t: {} }\n"
         "virtual_keys: [{ name: a, " KEY ", team: t, customer: c }]\n",
         "t.yaml:3: virtual_keys[0] has team and customer: a team's key has the team's customer"},
        {"providers: { mock: {} }\nvirtual_keys: [{ name: a, " KEY ", providers: [mokc] }]\n",
         "t.yaml:2: virtual key \"a\": there is no provider \"mokc\", did you mean \"mock\"?"},
        {"providers: { mock: {} }\nvirtual_keys: [{ name: a, " KEY ", providers: [mock, mock] }]\n",
         "t.yaml:2: virtual_keys[0].providers[1] names provider mock a second time"},
        {"virtual_keys: [{ name: a, " KEY ", routes: [caht] }]\n",
         "t.yaml:1: virtual_keys[0].routes[0] names no kind of route, did you mean \"chat\"?, is "
         "\"caht\""},
        {"virtual_keys: [{ name: a, " KEY ", networks: [10.0.0.0/33] }]\n",
         "t.yaml:1: virtual_keys[0].networks[0] must be a network such as 10.0.0.0/8, 192.0.2.7 or "
         "2001:db8::/32, is \"10.0.0.0/33\""},
        {"virtual_keys: [{ name: a, " KEY ", networks: [10.1.2.3/8] }]\n",
         "t.yaml:1: virtual_keys[0].networks[0] has an address that goes on behind its prefix, is "
         "\"10.1.2.3/8\""},
        {"virtual_keys: [{ name: a, " KEY ", hash: abc }]\n",
         "t.yaml:1: virtual_keys[0].hash must have 64 hexadecimal digits"},
        {"virtual_keys: [{ name: a }]\n", "t.yaml:1: virtual_keys[0] needs value (secret)"},
        {"model_limits: [{ model: a, budget: 1 }, { model: a, budget: 2 }]\n",
         "t.yaml:1: model_limits: \"a\" is there twice, first on line 1"},
        {"model_limits: [{ model: a }]\n", "t.yaml:1: model_limits: \"a\" limits nothing"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].text, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_exact),  cmocka_unit_test(amounts_come_back),
        cmocka_unit_test(windows_are_read),   cmocka_unit_test(the_words_are_those_of_the_rows),
        cmocka_unit_test(all_of_it_is_read),  cmocka_unit_test(the_export_is_read_again),
        cmocka_unit_test(bad_rules_are_told), cmocka_unit_test(bad_keys_are_told),
    };

    return cmocka_run_group_tests_name("money_conf", tests, NULL, NULL);
}
