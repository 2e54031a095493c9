/* governance_cel: names are translated both ways, and nothing else of a condition is. */
#include "server/admin/governance.h"

#include "server/base/arena.h"
#include "tests/unit/unit.h"

static void translates_both_ways(void **state)
{
    static const char *const cases[][2] = {
        {"model == 'gpt-4o'", "model == 'gpt-4o'"},
        {"virtual_key_name == \"virtual_key_name\"", "key.name == \"virtual_key_name\""},
        {"team_name.startsWith('team_name')", "key.team.startsWith('team_name')"},
        {"budget_used > 80 || headers[\"x-tier\"] == 'a'",
         "(budget.used * 100.0) > 80 || headers[\"x-tier\"] == 'a'"},
        {"headers.team_name == 'a' && my_team_name == team_names",
         "headers.team_name == 'a' && my_team_name == team_names"},
        {"customer_name in ['it\\'s customer_name', \"a\"] && virtual_key_id != ''",
         "key.customer in ['it\\'s customer_name', \"a\"] && key.id != ''"},
        {"model.matches(r'\\') && team_name == 'x'", "model.matches(r'\\') && key.team == 'x'"},
        {"'''team_name ' ''' == team_name", "'''team_name ' ''' == key.team"},
        {"\"\" == team_name", "\"\" == key.team"},
        {"'open team_name", "'open team_name"},
        {"", ""},
    };
    struct arena *a = arena_create(4096);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str ours = governance_cel_in(a, str_of(cases[i][0]));
        struct str theirs;

        if (!str_eq(ours, str_of(cases[i][1])))
            fail_msg("%s: %.*s", cases[i][0], STR_ARGS(ours));
        theirs = governance_cel_out(a, ours);
        if (!str_eq(theirs, str_of(cases[i][0])))
            fail_msg("%s came back as %.*s", cases[i][0], STR_ARGS(theirs));
    }
    arena_free(a);
}

static void names_what_it_cannot_say(void **state)
{
    const char *instead = NULL;

    (void)state;
    assert_string_equal(governance_cel_unknown(STR("tokens_used > 90"), &instead), "tokens_used");
    assert_string_equal(governance_cel_unknown(STR("model == 'a' && request > 90"), &instead),
                        "request");
    assert_string_equal(governance_cel_unknown(STR("request_type == 'chat'"), &instead),
                        "request_type");
    assert_non_null(strstr(instead, "request.type"));
    assert_null(governance_cel_unknown(STR("request.tokens > 9 && model == 'request'"), &instead));
    assert_null(governance_cel_unknown(STR("headers['team_id'] == 'a'"), &instead));
    assert_null(governance_cel_unknown(STR(""), &instead));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(translates_both_ways),
        cmocka_unit_test(names_what_it_cannot_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
