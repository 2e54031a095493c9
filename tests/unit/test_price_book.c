/*
 * The built-in price book against what vendors say; and what a configuration's `prices:` makes of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/master_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/export.h"
#include "conf/price.h"
#include "server/base/fd.h"
#include "server/master/publish.h"
#include "tests/unit/price_goldens.h"

static int number(void *ctx, struct str identity, uint32_t limit, uint32_t *out, struct error *err)
{
    uint32_t *next = ctx;

    (void)identity;
    (void)limit;
    (void)err;
    *out = (*next)++;
    return 0;
}

static struct image build(const char *text, struct pub_view *out)
{
    struct config *conf = master_config(text);
    uint32_t next = 0;
    struct publish_request req = {conf, "http://127.0.0.1:4242", number, &next, NULL, NULL};
    struct error err = ERROR_INIT;
    struct image image;

    if (publish_build(&req, &image, &err) != 0)
        fail_msg("%s", err.text);
    *out = (struct pub_view){1, image.bytes, NULL};
    assert_non_null(pub_prices(out));
    assert_true(prices_is_sound(pub_prices(out), pub_prices(out)->bytes));
    config_free(conf);
    return image;
}

/* As a worker asks: the catalogue says what the id is. */
static bool find(const struct pub_view *v, const char *provider, const char *vendor,
                 const char *model, struct price *out)
{
    const struct cat_head *c = pub_catalogue(v);
    const struct cat_model *m = cat_find(c, str_of(vendor), str_of(model));
    struct price_ask ask = {str_of(provider), str_of(vendor), str_of(model), STR_NONE};

    if (m != NULL)
        ask.known = cat_text(c, m->name);
    return price_find(pub_prices(v), &ask, out);
}

/* What a million input tokens cost, in thousandths of a dollar; -1: not known. */
static int64_t input_price(const struct pub_view *v, const char *provider, const char *vendor,
                           const char *model)
{
    struct price_usage u = {.tokens = {.input = 1000000}};
    struct price p;

    if (!find(v, provider, vendor, model, &p))
        return -1;
    p.n_tiers = 1; /* not the one for long prompts */
    return (int64_t)(price_cost(&p, &u) / 1000000);
}

/* --- what is built in --- */

static void goldens_hold(void **state)
{
    struct pub_view v;
    struct image image = build("", &v);
    size_t wrong = 0;

    (void)state;
    assert_true(ARRAY_LEN(goldens) >= 60);
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        const struct golden *g = &goldens[i];
        struct price p;
        uint64_t cost;

        if (!find(&v, g->vendor, g->vendor, g->model, &p)) {
            print_error("%s: %s has no price for %s\n", g->source, g->vendor, g->model);
            wrong++;
            continue;
        }
        cost = price_cost(&p, &g->usage);
        if (cost != g->nanousd) {
            print_error("%s: %s's %s: %ju nano-dollars, not %ju\n", g->source, g->vendor, g->model,
                        (uintmax_t)g->nanousd, (uintmax_t)cost);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    image_fini(&image);
}

/* Every chat and embedding model of these vendors that the catalogue names, by each of its ids. */
static void the_catalogue_is_priced(void **state)
{
    static const char *const vendors[] = {"openai", "anthropic", "mistral", "xai",
                                          "groq",   "cerebras",  "voyage",  "perplexity"};
    struct pub_view v;
    struct image image = build("", &v);
    const struct cat_head *c = pub_catalogue(&v);
    size_t priced = 0;

    (void)state;
    for (uint32_t i = 0; i < cat_models(c); i++) {
        const struct cat_model *m = cat_model(c, i);

        for (uint32_t j = 0; j < m->n; j++) {
            const struct cat_id *id = cat_model_id(c, m, j);
            struct str vendor = cat_text(c, id->vendor);
            struct price_ask ask = {vendor, vendor, cat_text(c, id->id), cat_text(c, m->name)};
            struct price p;
            bool known = price_find(pub_prices(&v), &ask, &p);

            priced += known;
            for (size_t k = 0; k < ARRAY_LEN(vendors); k++) {
                if (!known && str_eq(vendor, str_of(vendors[k])))
                    fail_msg("%s's %.*s has no price", vendors[k], STR_ARGS(ask.model));
            }
        }
    }
    assert_true(priced > 400);
    image_fini(&image);
}

/* A tier never makes a request cheaper, a cache never makes reading it dearer. */
static void the_book_is_plausible(void **state)
{
    struct pub_view v;
    struct image image = build("", &v);
    const struct price_head *b = pub_prices(&v);

    (void)state;
    for (uint32_t i = 0; i < prices_n(b); i++) {
        struct price_view row;

        prices_at(b, i, &row);
        for (uint32_t j = 0; j < row.price.n_tiers; j++) {
            const struct price_tier *t = &row.price.tiers[j];

            if (t->rates.cached > t->rates.input || t->rates.written_5m < t->rates.input ||
                t->rates.written_1h < t->rates.written_5m || t->rates.output > 1000000000)
                fail_msg("%.*s/%.*s is odd", STR_ARGS(row.vendor), STR_ARGS(row.model));
            if (j > 0 && t->service == t[-1].service &&
                (t->rates.input < t[-1].rates.input || t->rates.output < t[-1].rates.output))
                fail_msg("%.*s/%.*s: more is cheaper", STR_ARGS(row.vendor), STR_ARGS(row.model));
        }
    }
    image_fini(&image);
}

/* --- what a configuration adds --- */

static void entries_win(void **state)
{
    struct pub_view v;
    struct image image = build("providers:\n"
                               "  openai: { keys: [{ value: k }] }\n"
                               "  house: { vendor: openai, keys: [{ value: k }] }\n"
                               "prices:\n"
                               "  house/gpt-4o: { input: 1, output: 2 }\n"
                               "  house/llama-*: { input: 0.003, output: 2 }\n"
                               "  gpt-5: { vendors: [openai], input: 7, output: 8 }\n"
                               "  claude-opus-5: { input: 9, output: 9, also: [groq/x-1] }\n"
                               "price_default: { input: 0.5, output: 1 }\n"
                               "unknown_price: refuse\n",
                               &v);
    struct pub_view plain_view;
    struct image plain = build("", &plain_view);

    (void)state;
    assert_int_equal(input_price(&v, "house", "openai", "gpt-4o-2024-08-06"), 1000);
    assert_int_equal(input_price(&v, "openai", "openai", "gpt-4o-2024-08-06"), 2500);
    assert_int_equal(input_price(&v, "house", "openai", "llama-9"), 3);
    assert_int_equal(input_price(&v, "openai", "openai", "gpt-5"), 7000);
    assert_int_equal(input_price(&v, "azure", "azure", "gpt-5"), 1250);
    assert_int_equal(input_price(&v, "bedrock", "bedrock", "us.anthropic.claude-opus-5"), 9000);
    assert_int_equal(input_price(&v, "groq", "groq", "x-1"), 9000);
    assert_int_equal(input_price(&v, "groq", "groq", "nobody-knows"), 500);
    assert_true((v.image->flags & PUB_UNKNOWN_PRICE_REFUSED) != 0);
    assert_int_equal(input_price(&plain_view, "groq", "groq", "nobody-knows"), -1);
    assert_int_equal(input_price(&plain_view, "mock", "mock", "whatever"), 1000);
    assert_true((plain_view.image->flags & PUB_UNKNOWN_PRICE_REFUSED) == 0);
    image_fini(&image);
    image_fini(&plain);
}

static void a_damaged_book_is_not_published(void **state)
{
    struct region published = REGION_NONE(REGION_PUBLISHED);
    struct region secrets = REGION_NONE(REGION_SECRETS);
    struct pub_view v;
    struct image image = build("", &v);
    struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(region_create(REGION_PUBLISHED, 1, &published, &err), 0);
    assert_int_equal(region_create(REGION_SECRETS, 1, &secrets, &err), 0);
    image.bytes->prices += 8;
    assert_int_equal(published_flip(&published, &secrets, image.bytes, STR_NONE, &err), -1);
    image.bytes->prices = image.bytes->bytes;
    assert_int_equal(published_flip(&published, &secrets, image.bytes, STR_NONE, &err), -1);
    image.bytes->prices = 0;
    assert_int_equal(published_flip(&published, &secrets, image.bytes, STR_NONE, &err), 1);
    assert_null(pub_prices(&v));
    region_close(&published);
    region_close(&secrets);
    image_fini(&image);
}

/* --- findings, files, export --- */

static int load(const char *text, struct config **out, struct error *err)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct conf_source source = {"t.yaml", str_of(text), master_env};

    err->text[0] = '\0';
    return config_load_text(&source, NULL, &vendors, out, err);
}

static void expect_findings(const char *text, const char *findings)
{
    struct config *conf = NULL;
    struct error err;

    if (load(text, &conf, &err) == 0)
        fail_msg("nothing was found in %s", text);
    assert_string_equal(err.text, findings);
}

#define RATE_HELP                                                                                  \
    "dollars per million tokens such as 2.50 (0 to 1000000, at most six digits behind the point)"

static void amounts_are_plain_numbers(void **state)
{
    static const char *const bad[] = {"-1",
                                      ".nan",
                                      "NaN",
                                      ".inf",
                                      "1e3",
                                      "$2",
                                      "cheap",
                                      "1000001",
                                      "1.0000001",
                                      "1.",
                                      ".5",
                                      "1,5",
                                      "0x10",
                                      "+1",
                                      "1 ",
                                      "1.2.3",
                                      "99999999999999999999",
                                      "true"};
    char text[128];
    char findings[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "prices:\n  mock/x: { input: \"%s\", output: 1 }\n",
                       bad[i]);
        (void)snprintf(findings, sizeof(findings),
                       "t.yaml:2: prices.mock/x.input must be " RATE_HELP ", is \"%s\"", bad[i]);
        expect_findings(text, findings);
    }
    expect_findings("prices:\n  mock/x: { input: 1, output: 1, request: -0.1 }\n",
                    "t.yaml:2: prices.mock/x.request must be dollars such as 0.01 (0 to 1000, at "
                    "most nine digits behind the point), is \"-0.1\"");
}

static void findings_name_the_line(void **state)
{
    (void)state;
    expect_findings("prices: [ a ]\n",
                    "t.yaml:1: prices must be a mapping of models, or a file's name, is a list");
    expect_findings("prices:\n  mock/x:\n    input: 1\n    output: 1\n    cahced: 1\n",
                    "t.yaml:5: unknown key \"cahced\" in prices.mock/x, did you mean \"cached\"?");
    expect_findings("prices:\n  mock/x: { input: 1 }\n",
                    "t.yaml:2: prices.mock/x needs output (price)");
    expect_findings("providers: { mock: }\nprices:\n  mcok/x: { input: 1, output: 1 }\n",
                    "t.yaml:3: prices: there is neither a provider nor a vendor \"mcok\" (mcok/x), "
                    "did you mean \"mock\"?");
    expect_findings("prices:\n  x: { input: 1, output: 1, vendors: [opneai] }\n",
                    "t.yaml:2: prices.x.vendors names no vendor: \"opneai\", did you mean "
                    "\"openai\"?");
    expect_findings("prices:\n  x: { input: 1, output: 1, also: [openai] }\n",
                    "t.yaml:2: prices.x.also must be written vendor/id, is \"openai\"");
    expect_findings("prices:\n  mock/x: { input: 1, output: 1, vendors: [mock] }\n",
                    "t.yaml:2: prices.mock/x says its provider already, vendors goes with a "
                    "model's name alone");
    expect_findings("prices:\n  \"a b\": { input: 1, output: 1 }\n",
                    "t.yaml:2: prices: an entry's name is provider/model, a pattern of it, or a "
                    "model's name, without blanks, at most 256 bytes, is \"a b\"");
    expect_findings("prices:\n  x: { input: 1, output: 1, batch: 0 }\n",
                    "t.yaml:2: prices.x.batch must be prices of its own, or their share of the "
                    "others such as 0.5 or 1.75 (0.001 to 100), is \"0\"");
    expect_findings("prices:\n  x:\n    input: 1\n    output: 1\n    tiers:\n"
                    "      - { above: 9, input: 2 }\n      - { above: 9, input: 3 }\n",
                    "t.yaml:7: prices.x.tiers[1] must begin above the one before it");
    expect_findings("prices:\n  x: { input: 1, output: 1, vendors: [openai] }\n"
                    "  y: { input: 1, output: 1, also: [openai/x] }\n",
                    "t.yaml:3: prices.y: the price of \"openai/x\" is in line 2");
    expect_findings("price_default: { input: 1, output: 1, vendors: [openai] }\n",
                    "t.yaml:1: price_default holds for everything, vendors and also have no place "
                    "in it");
    expect_findings("unknown_price: maybe\n",
                    "t.yaml:1: unknown_price must be allow or refuse, is \"maybe\"");
    expect_findings("prices: /dev/zero\n",
                    "t.yaml:1: prices must name a regular file, /dev/zero is none");
}

static void a_file_of_its_own(void **state)
{
    char good[] = "/tmp/bowfin-prices-XXXXXX";
    char text[100];
    char findings[300];
    struct config *conf = NULL;
    struct error err;
    int fd = mkstemp(good);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, "# ours\nmock/x: { input: 5, output: 6.25 }\n", 42), 0);
    (void)snprintf(text, sizeof(text), "prices: %s\n", good);
    if (load(text, &conf, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(conf->n_prices, 1);
    assert_int_equal(conf->prices[0].tiers[0].rates.rate[CONF_OUTPUT], 6250000);
    config_free(conf);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(fd_write_all(fd, "mock/x:\n  input: much\n  output: 1\n", 34), 0);
    (void)snprintf(findings, sizeof(findings),
                   "t.yaml:1: %s:2: mock/x.input must be " RATE_HELP ", is \"much\"", good);
    expect_findings(text, findings);
    fd_close(&fd);
    (void)unlink(good);
}

static void export_loads_again(void **state)
{
    static const char text[] =
        "prices:\n"
        "  \"openai/gpt-*\": { input: 1, output: 2, cached: 0.000001, request: 0.000000001 }\n"
        "  gpt-5: { vendors: [openai, azure], also: [groq/x], input: 1.25, output: 10, batch: "
        "0.5,\n"
        "           tiers: [{ above: 200000, input: 2.5 }, { above: 400000, output: 30 }],\n"
        "           priority: { input: 3, tiers: [{ above: 7, output: 99 }] }, flex: 0.625,\n"
        "           source: \"A: B\", date: 2026-11-22, checked: no }\n"
        "price_default: { input: 1000000, output: 0 }\n"
        "unknown_price: refuse\n";
    struct config *conf = NULL;
    struct config *again = NULL;
    struct error err;
    struct buf a = BUF_INIT;
    struct buf b = BUF_INIT;

    (void)state;
    if (load(text, &conf, &err) != 0)
        fail_msg("%s", err.text);
    config_export(conf, CONFIG_YAML, &a);
    if (load(a.data, &again, &err) != 0)
        fail_msg("%s in\n%s", err.text, a.data);
    config_export(again, CONFIG_YAML, &b);
    assert_string_equal(a.data, b.data);
    assert_int_equal(again->n_prices, 2);
    assert_int_equal(again->prices[1].n_tiers, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(again->prices[1].tiers[i].above, conf->prices[1].tiers[i].above);
        assert_int_equal(again->prices[1].tiers[i].service, conf->prices[1].tiers[i].service);
        assert_memory_equal(again->prices[1].tiers[i].rates.rate,
                            conf->prices[1].tiers[i].rates.rate, CONF_CLASSES * sizeof(uint64_t));
    }
    /* What a tier or service does not say is what holds without it. */
    assert_int_equal(again->prices[1].tiers[2].rates.rate[CONF_INPUT], 1250000);
    assert_int_equal(again->prices[1].tiers[2].rates.rate[CONF_OUTPUT], 30000000);
    assert_int_equal(again->prices[1].tiers[4].rates.rate[CONF_INPUT], 3000000);
    assert_int_equal(again->prices[1].permille[CONF_FLEX], 625);
    assert_true(again->prices[1].is_unchecked);
    assert_int_equal(again->prices[0].fees[CONF_FEE_REQUEST], 1);
    assert_int_equal(again->prices[0].tiers[0].rates.rate[CONF_CACHED], 1);
    assert_int_equal(again->price_default->tiers[0].rates.rate[CONF_INPUT], CONF_RATE_MAX);
    config_free(conf);
    config_free(again);
    buf_fini(&a);
    buf_fini(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens_hold),
        cmocka_unit_test(the_catalogue_is_priced),
        cmocka_unit_test(the_book_is_plausible),
        cmocka_unit_test(entries_win),
        cmocka_unit_test(a_damaged_book_is_not_published),
        cmocka_unit_test(amounts_are_plain_numbers),
        cmocka_unit_test(findings_name_the_line),
        cmocka_unit_test(a_file_of_its_own),
        cmocka_unit_test(export_loads_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
