/*
 * rule_index: no rule that holds is ever passed over. Thousands of conditions put together by chance, in
 * worlds put together by chance: whoever evaluates to true has its bit.
 */
#include "server/worker/rule_index.h"

#include "conf/routing.h"
#include "server/master/publish.h"
#include "shm/published.h"
#include "shm/region.h"
#include "tests/unit/master_fixture.h"

#define RULES 300
#define WORLDS 400

static uint64_t random_state = 88172645463325252u;

static uint32_t chance(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

static const char *const words[] = {"gold",     "gol",       "old", "openai/gpt-4o", "gpt-4o-mini",
                                    "research", "research2", "a",   "mini",          "ab"};

static const char *word(void)
{
    return words[chance(ARRAY_LEN(words))];
}

static void put_text_variable(struct buf *b)
{
    static const char *const names[] = {"model", "key.team", "key.name", "headers[\"x-tier\"]",
                                        "headers[\"x-y\"]"};

    buf_cstr(b, names[chance(ARRAY_LEN(names))]);
}

static void put_atom(struct buf *b)
{
    static const char *const orders[] = {"==", "!=", "<", "<=", ">", ">="};
    static const char *const tests[] = {"startsWith", "endsWith", "contains"};
    const char *order = orders[chance(ARRAY_LEN(orders))];

    switch (chance(9)) {
    case 0:
        put_text_variable(b);
        buf_printf(b, " %s \"%s\"", order, word());
        break;
    case 1:
        buf_printf(b, "\"%s\" %s ", word(), order);
        put_text_variable(b);
        break;
    case 2:
        put_text_variable(b);
        buf_printf(b, ".%s(\"%s\")", tests[chance(3)], word());
        break;
    case 3:
        buf_printf(b, "request.tokens %s %u", order, chance(10));
        break;
    case 4:
        buf_printf(b, "%u %s request.tokens", chance(10), order);
        break;
    case 5:
        buf_printf(b, "budget.used %s 0.%u", order, chance(10));
        break;
    case 6:
        buf_cstr(b, chance(2) ? "request.stream" : "request.stream == false");
        break;
    case 7:
        put_text_variable(b);
        buf_printf(b, " in [\"%s\", \"%s\"]", word(), word());
        break;
    default:
        buf_cstr(b, chance(2) ? "has(headers[\"x-y\"])" : chance(2) ? "true" : "false");
        break;
    }
}

static void put_condition(struct buf *b, uint32_t depth)
{
    uint32_t kind = depth == 0 ? 0 : chance(6);

    buf_char(b, '(');
    switch (kind) {
    case 1:
    case 2:
    case 3:
        put_condition(b, depth - 1);
        buf_cstr(b, kind == 1 ? " && " : " || ");
        put_condition(b, depth - 1);
        break;
    case 4:
        buf_char(b, '!');
        put_condition(b, depth - 1);
        break;
    case 5:
        put_condition(b, depth - 1);
        buf_cstr(b, " ? ");
        put_condition(b, depth - 1);
        buf_cstr(b, " : ");
        put_condition(b, depth - 1);
        break;
    default:
        put_atom(b);
        break;
    }
    buf_char(b, ')');
}

/* What a request says: NULL, or INT64_MIN, is nothing. */
struct facts {
    const char *texts[RULE_VARIABLES];
    const char *tier, *y;
    int64_t tokens;
    double used;
    bool stream;
    uint32_t gets;
};

static bool give(struct expr_value *out, const char *text)
{
    *out = (struct expr_value){.type = EXPR_STRING, .string = str_of(text)};
    return text != NULL;
}

static bool get(void *ctx, uint32_t variable, struct str key, struct expr_value *out)
{
    struct facts *f = ctx;

    f->gets++;
    switch (variable) {
    case RULE_HEADERS:
        return give(out, str_eq(key, STR("x-tier")) ? f->tier
                         : str_eq(key, STR("x-y"))  ? f->y
                                                    : NULL);
    case RULE_REQUEST_TOKENS:
        *out = (struct expr_value){.type = EXPR_INT, .integer = f->tokens};
        return f->tokens >= 0;
    case RULE_BUDGET_USED:
        *out = (struct expr_value){.type = EXPR_DOUBLE, .number = f->used};
        return f->used >= 0;
    case RULE_REQUEST_STREAM:
        *out = (struct expr_value){.type = EXPR_BOOL, .is_true = f->stream};
        return true;
    default:
        return give(out, f->texts[variable]);
    }
}

static bool matches(void *ctx, uint32_t number, struct str text)
{
    (void)ctx;
    (void)number;
    (void)text;
    return false;
}

static const char *maybe(void)
{
    return chance(4) == 0 ? NULL : word();
}

static struct facts make_facts(void)
{
    struct facts f = {.tier = maybe(),
                      .y = maybe(),
                      .tokens = (int64_t)chance(12) - 1,
                      .used = (double)chance(12) / 10 - 0.1,
                      .stream = chance(2) == 0};

    f.texts[RULE_MODEL] = maybe();
    f.texts[RULE_KEY_NAME] = maybe();
    f.texts[RULE_KEY_TEAM] = maybe();
    f.texts[RULE_KEY_CUSTOMER] = maybe();
    return f;
}

static bool holds(const struct pub_view *v, const struct pub_rule *rule, struct facts *f)
{
    static const uint32_t owners[] = {RULE_KEY_NAME, RULE_KEY_TEAM, RULE_KEY_CUSTOMER};
    const struct expr_program *p = pub_program(v, rule);

    if (rule->scope != RULE_OF_ALL &&
        (f->texts[owners[rule->scope]] == NULL ||
         !str_eq(str_of(f->texts[owners[rule->scope]]), pub_text(v, rule->whose))))
        return false;
    return p == NULL || expr_is_true(p, &(struct expr_world){get, matches, f});
}

/* --- a configuration --- */

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    uint32_t *n = ctx;

    (void)identity;
    (void)err;
    assert_true(*n < limit);
    *out = (*n)++;
    return 0;
}

struct world {
    struct region published, secrets;
    struct pub_view view;
};

static void see(struct world *w, const char *yaml)
{
    struct config *conf = master_config(yaml);
    uint32_t numbers = 0;
    struct publish_request req = {
        .conf = conf, .mock_url = "http://127.0.0.1:1", .number = number, .ctx = &numbers};
    struct error err = ERROR_INIT;
    struct image image;

    *w = (struct world){.published = REGION_NONE(REGION_PUBLISHED),
                        .secrets = REGION_NONE(REGION_SECRETS)};
    assert_int_equal(region_create(REGION_PUBLISHED, 1, &w->published, &err), 0);
    assert_int_equal(region_create(REGION_SECRETS, 1, &w->secrets, &err), 0);
    if (publish_build(&req, &image, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(published_flip(&w->published, &w->secrets, image.bytes, STR_NONE, &err), 1);
    assert_true(published_view(&w->published, &w->secrets, &w->view));
    image_fini(&image);
    config_free(conf);
}

static void unsee(struct world *w)
{
    region_close(&w->published);
    region_close(&w->secrets);
}

static void put_rules(struct buf *yaml)
{
    static const char *const scopes[] = {"key", "team", "customer"};

    buf_cstr(yaml, "listen: [ 127.0.0.1:0 ]\nrules:\n");
    for (int i = 0; i < RULES; i++) {
        buf_cstr(yaml, "  - { use: mock/echo, ");
        if (chance(4) == 0)
            buf_printf(yaml, "%s: %s, ", scopes[chance(3)], word());
        buf_cstr(yaml, "when: '");
        put_condition(yaml, chance(4));
        buf_cstr(yaml, "' }\n");
    }
}

static void nothing_that_holds_is_passed_over(void **state)
{
    uint32_t held = 0, passed = 0;

    (void)state;
    for (int round = 0; round < 10; round++) {
        struct buf yaml = BUF_INIT;
        struct world w;
        struct rule_index *x;

        put_rules(&yaml);
        see(&w, yaml.data);
        x = rule_index_create(&w.view);
        for (int i = 0; i < WORLDS; i++) {
            struct facts f = make_facts();
            uint64_t bits[RULE_WORDS];

            rule_index_ask(x, get, &f, bits);
            for (uint32_t n = 0; n < w.view.image->n_rules; n++) {
                bool is_in = (bits[n / 64] >> n % 64 & 1) != 0;

                passed += is_in;
                if (!holds(&w.view, pub_rule(&w.view, n), &f))
                    continue;
                held++;
                if (!is_in)
                    fail_msg("rule %u of round %d was passed over", n, round);
            }
        }
        rule_index_free(x);
        unsee(&w);
        buf_fini(&yaml);
    }
    assert_true(held > 10000);                         /* it is no test of nothing */
    assert_true(passed < 10 * WORLDS * RULES * 3 / 4); /* nor does everything come through */
}

/* Rules as people write them: all are passed over, and each variable is looked up once. */
static void a_request_asks_once(void **state)
{
    struct facts f = {.texts = {[RULE_MODEL] = "openai/gpt-4o", [RULE_KEY_TEAM] = "none"},
                      .tier = "silver",
                      .tokens = 100,
                      .used = 0.2};
    struct buf yaml = BUF_INIT;
    uint64_t bits[RULE_WORDS];
    struct rule_index *x;
    struct world w;

    (void)state;
    buf_cstr(&yaml, "listen: [ 127.0.0.1:0 ]\nrules:\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&yaml,
                   "  - { use: mock/echo, when: 'headers[\"x-tier\"] == \"tier-%d\"' }\n"
                   "  - { use: mock/echo, when: 'budget.used > 0.8 && key.team == \"t%d\"' }\n"
                   "  - { use: mock/echo, team: team-%d, when: 'budget.used > 0.8' }\n"
                   "  - { use: mock/echo, when: 'request.tokens > %d000 && !request.stream' }\n"
                   "  - { use: mock/echo, when: 'model.startsWith(\"old-%d-\")' }\n",
                   i, i, i, i + 1, i);
    see(&w, yaml.data);
    x = rule_index_create(&w.view);
    rule_index_ask(x, get, &f, bits);
    for (uint32_t i = 0; i < 500; i++)
        if ((bits[i / 64] >> i % 64 & 1) != 0)
            fail_msg("rule %u came through", i);
    assert_in_range(
        f.gets, 4,
        5); /* tier, team, tokens or stream, model; the budget is only asked after the team */
    rule_index_free(x);
    unsee(&w);
    buf_fini(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_holds_is_passed_over),
        cmocka_unit_test(a_request_asks_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
