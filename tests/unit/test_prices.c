/*
 * The price book's bytes: packing, finding, the sum and its bounds, and what unsound ones must not do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/base/alloc.h"
#include "shm/prices.h"

#define TRILLION 1000000000000ull

static struct price flat(uint64_t input, uint64_t output)
{
    return (struct price){
        .n_tiers = 1,
        .is_known = 1,
        .service_permille = {1000, 1000, 1000, 1000},
        .tiers = {{.rates = {input, output, input, input, input, output, input, output, input}}},
    };
}

static struct price_head *pack(const struct price_row *rows, size_t n)
{
    struct buf b = BUF_INIT;
    struct error err = ERROR_INIT;

    if (prices_pack(rows, n, &b, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(prices_is_sound((void *)b.data, b.len));
    return (void *)b.data; /* given back by free() */
}

/* What a million input tokens cost, in whole dollars; -1: not known. */
static int64_t dollars(const struct price_head *b, const char *provider, const char *vendor,
                       const char *model, const char *known)
{
    struct price_ask ask = {str_of(provider), str_of(vendor), str_of(model), str_of(known)};
    struct price_usage u = {.tokens = {.input = 1000000}};
    struct price p;

    if (!price_find(b, &ask, &p)) {
        assert_int_equal(p.is_known, 0);
        assert_int_equal(price_cost(&p, &u), 0);
        return -1;
    }
    assert_int_equal(p.is_known, 1);
    return (int64_t)(price_cost(&p, &u) / 1000000000);
}

/* --- finding --- */

static void found_in_order(void **state)
{
    struct price_row rows[] = {
        {"openai", "large", false, flat(1000000, 0)},
        {"openai", "large-2024", false, flat(2000000, 0)},
        {"azure", "large", false, flat(3000000, 0)},
        {"house", "large", true, flat(4000000, 0)},
        {"house", "large-*", true, flat(5000000, 0)},
        {"hou*", "*", true, flat(6000000, 0)},
        {"", "small", true, flat(7000000, 0)},
        {"openai", "ft:large", false, flat(8000000, 0)},
        {"mock", "*", false, flat(9000000, 0)},
        {NULL, NULL, false, flat(10000000, 0)},
    };
    struct price_head *b = pack(rows, ARRAY_LEN(rows));
    struct price_head *bare = pack(rows, ARRAY_LEN(rows) - 1);

    (void)state;
    assert_int_equal(dollars(b, "openai", "openai", "large", ""), 1);
    assert_int_equal(dollars(b, "openai", "openai", "large-2025", "large"), 1);
    assert_int_equal(dollars(b, "openai", "openai", "large-2024", "large"), 2);
    assert_int_equal(dollars(b, "my-azure", "azure", "large", "large"), 3);
    assert_int_equal(dollars(b, "house", "openai", "large", "large"), 4);
    assert_int_equal(dollars(b, "house", "openai", "large-2024", "large"),
                     4); /* exact before glob */
    assert_int_equal(dollars(b, "house", "openai", "large-x", ""), 5);
    assert_int_equal(dollars(b, "housing", "openai", "large-2024", "large"), 6);
    assert_int_equal(dollars(b, "elsewhere", "groq", "small-1", "small"), 7);
    assert_int_equal(dollars(b, "openai", "openai", "ft:large-2024:org::id", "large"), 8);
    assert_int_equal(dollars(b, "mock", "mock", "anything", ""), 9);
    assert_int_equal(dollars(b, "groq", "groq", "large", "large"), 10);
    assert_int_equal(dollars(bare, "groq", "groq", "large", "large"), -1);
    /* A tuned model never costs what its base does. */
    assert_int_equal(dollars(bare, "azure", "azure", "ft:large:org", "large"), -1);
    assert_int_equal(dollars(NULL, "openai", "openai", "large", "large"), -1);
    assert_int_equal(prices_n(bare), 9);
    free(b);
    free(bare);
}

static void packing_refuses(void **state)
{
    struct price_row rows[] = {{"openai", "large", false, flat(1, 1)},
                               {"openai", "large", false, flat(2, 2)}};
    struct price_row defaults[] = {{NULL, NULL, false, flat(1, 1)},
                                   {NULL, NULL, false, flat(1, 1)}};
    struct error err = ERROR_INIT;
    struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(prices_pack(rows, 2, &b, &err), -1);
    assert_string_equal(err.text, "prices: openai/large is there twice");
    assert_int_equal(prices_pack(defaults, 2, &b, &err), -1);
    rows[0].price.tiers[0].rates.output = PRICE_RATE_MAX + 1;
    assert_int_equal(prices_pack(rows, 1, &b, &err), -1);
    rows[0].price = flat(1, 1);
    rows[0].price.n_tiers = 2; /* both from the first token on */
    assert_int_equal(prices_pack(rows, 1, &b, &err), -1);
    rows[0].price.n_tiers = 0;
    assert_int_equal(prices_pack(rows, 1, &b, &err), -1);
    rows[0].price = flat(1, 1);
    rows[0].price.service_permille[PRICE_BATCH] = 0;
    assert_int_equal(prices_pack(rows, 1, &b, &err), -1);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

/* Many rows of few prices: what they cost alike is stored once. */
static void equal_prices_are_shared(void **state)
{
    struct price_row *rows = xcalloc(1000, sizeof(*rows));
    char names[1000][8];
    struct price_head *b;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "m%zu", i);
        rows[i] = (struct price_row){"openai", names[i], false, flat(1 + i % 3, 5)};
    }
    b = pack(rows, 1000);
    assert_int_equal(b->pool_bytes,
                     3 * (offsetof(struct price, tiers) + sizeof(struct price_tier)));
    assert_true(b->bytes < 32768);
    free(b);
    free(rows);
}

/* --- the sum --- */

static struct price rich(void)
{
    struct price p = flat(2500000, 10000000);

    p.n_tiers = 3;
    p.tiers[0].rates = (struct price_rates){2500000,  10000000, 1250000,  3125000, 5000000,
                                            12000000, 40000000, 80000000, 2500000};
    p.tiers[1] =
        (struct price_tier){.from_input = 200001, .rates = flat(5000000, 15000000).tiers[0].rates};
    p.tiers[2] = (struct price_tier){.service = PRICE_PRIORITY,
                                     .rates = flat(9000000, 9000000).tiers[0].rates};
    p.service_permille[PRICE_BATCH] = 500;
    p.request_nanousd = 7;
    p.search_nanousd = 10000000;
    return p;
}

static void each_token_is_counted_once(void **state)
{
    struct price p = rich();
    struct price_usage u = {
        .tokens = {.input = 1000, .output = 500, .cached = 300, .reasoning = 200},
        .details = {.written_5m = 100,
                    .written_1h = 50,
                    .audio_in = 40,
                    .audio_out = 30,
                    .tool_input = 20,
                    .searches = 2},
    };

    (void)state;
    /* 510 plain, 300 cached, 100 + 50 written, 40 sound; 270 plain, 200 thought, 30 sound */
    assert_int_equal(price_cost(&p, &u), 510 * 2500 + 300 * 1250 + 100 * 3125 + 50 * 5000 +
                                             40 * 40000 + 270 * 10000 + 200 * 12000 + 30 * 80000 +
                                             20000000 + 7);
    /* Parts that claim more than the whole are cut to it. */
    u = (struct price_usage){.tokens = {.input = 10, .cached = 1000, .output = 5, .reasoning = 99}};
    assert_int_equal(price_cost(&p, &u), 10 * 1250 + 5 * 12000 + 7);
}

static void tiers_and_services(void **state)
{
    struct price p = rich();
    struct price_usage u = {.tokens = {.input = 200000, .output = 100}};

    (void)state;
    p.request_nanousd = 0;
    assert_int_equal(price_cost(&p, &u), 200000ull * 2500 + 100 * 10000);
    u.tokens.input++; /* the whole request moves */
    assert_int_equal(price_cost(&p, &u), 200001ull * 5000 + 100 * 15000);
    u.service = PRICE_BATCH;
    assert_int_equal(price_cost(&p, &u), (200001ull * 5000 + 100 * 15000) / 2);
    u.service = PRICE_PRIORITY; /* has rates of its own, and no tier for long ones */
    assert_int_equal(price_cost(&p, &u), 200101ull * 9000);
    u.service = PRICE_FLEX;
    assert_int_equal(price_cost(&p, &u), 200001ull * 5000 + 100 * 15000);
}

/* Half a nano-dollar is rounded up, once, at the end. */
static void rounding(void **state)
{
    struct price p = flat(1, 499);
    struct price_usage u = {.tokens = {.input = 1, .output = 1}};

    (void)state;
    assert_int_equal(price_cost(&p, &u), 1); /* 500 pico */
    u.tokens.input = 0;
    assert_int_equal(price_cost(&p, &u), 0);
    u.tokens.output = 3;
    assert_int_equal(price_cost(&p, &u), 1); /* 1497: not three times nothing */
    p.service_permille[PRICE_BATCH] = 500;
    u.service = PRICE_BATCH;
    u.tokens.output = 2;
    assert_int_equal(price_cost(&p, &u), 0); /* 499 */
}

/* --- properties: any usage up to 10^12 tokens, any price up to a million dollars per million --- */

static uint64_t seed = 88172645463325252ull;

static uint64_t any(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static uint64_t any_size(uint64_t max) /* of every magnitude */
{
    return any((max >> any(40)) + 1);
}

static struct price any_price(void)
{
    struct price p = flat(0, 0);
    uint64_t *rates = &p.tiers[0].rates.input;

    for (size_t i = 0; i < sizeof(struct price_rates) / sizeof(uint64_t); i++)
        rates[i] = any_size(PRICE_RATE_MAX);
    p.request_nanousd = any_size(PRICE_FEE_MAX);
    p.search_nanousd = any_size(PRICE_FEE_MAX);
    p.service_permille[PRICE_BATCH] = 1 + (uint32_t)any(PRICE_PERMILLE_MAX);
    return p;
}

static struct price_usage any_usage(void)
{
    struct price_usage u = {.tokens = {.input = any_size(TRILLION), .output = any_size(TRILLION)},
                            .service = any(2) ? PRICE_STANDARD : PRICE_BATCH};

    u.tokens.cached = any_size(u.tokens.input + 1);
    u.tokens.reasoning = any_size(u.tokens.output + 1);
    u.details.written_5m = any_size(u.tokens.input + 1);
    u.details.written_1h = any_size(u.tokens.input + 1);
    u.details.audio_in = any_size(u.tokens.input + 1);
    u.details.audio_out = any_size(u.tokens.output + 1);
    u.details.searches = any_size(1000);
    return u;
}

/* The same in another way: floating point is near, and tells any overflow. */
static long double in_floats(const struct price *p, const struct price_usage *u)
{
    const struct price_rates *r = &p->tiers[0].rates;
    uint64_t in = u->tokens.input;
    uint64_t out = u->tokens.output;
    uint64_t w1 = min_u64(in, u->details.written_1h);
    uint64_t w5 = min_u64(in - w1, u->details.written_5m);
    uint64_t cached = min_u64(in - w1 - w5, u->tokens.cached);
    uint64_t audio = min_u64(in - w1 - w5 - cached, u->details.audio_in);
    uint64_t sound = min_u64(out, u->details.audio_out);
    uint64_t thought = min_u64(out - sound, u->tokens.reasoning);
    long double sum = (long double)w1 * r->written_1h + (long double)w5 * r->written_5m +
                      (long double)cached * r->cached + (long double)audio * r->audio_in +
                      (long double)(in - w1 - w5 - cached - audio) * r->input +
                      (long double)sound * r->audio_out + (long double)thought * r->reasoning +
                      (long double)(out - sound - thought) * r->output;

    return sum * p->service_permille[u->service] / 1000 / 1000 + p->request_nanousd +
           (long double)u->details.searches * p->search_nanousd;
}

static void sums_are_exact_or_told(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct price p = any_price();
        struct price_usage u = any_usage();
        uint64_t cost = price_cost(&p, &u);
        long double expected = in_floats(&p, &u);
        long double difference = (long double)cost - expected;

        if (expected >= (long double)UINT64_MAX) {
            if (cost != UINT64_MAX)
                fail_msg("round %d: too much for 64 bits, but %ju", i, (uintmax_t)cost);
        } else if (difference > 1 + expected / 1e18L || difference < -1 - expected / 1e18L) {
            fail_msg("round %d: %ju is not %Lf", i, (uintmax_t)cost, expected);
        }
    }
}

/* More tokens, a higher rate, or another request never make it cheaper; the parts make the sum. */
static void sums_are_monotone_and_additive(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct price p = any_price();
        struct price_usage u = {
            .tokens = {.input = any_size(1000000000), .output = any_size(1000000000)}};
        struct price_usage in = {.tokens = {.input = u.tokens.input}};
        struct price_usage out = {.tokens = {.output = u.tokens.output}};
        struct price_usage more = u;
        uint64_t cost;
        uint64_t parts;

        p.request_nanousd = 0;
        cost = price_cost(&p, &u);
        more.tokens.input += any_size(1000);
        more.tokens.output += any_size(1000);
        assert_true(price_cost(&p, &more) >= cost);
        parts = price_cost(&p, &in) + price_cost(&p, &out);
        if (cost != UINT64_MAX && parts < UINT64_MAX / 2) /* each is rounded by half at most */
            assert_true(parts <= cost + 1 && cost <= parts + 1);
        assert_true(price_most(&p, u.tokens.input, u.tokens.output) >= cost);
    }
}

/* A billion dollars and a bit more fit: 64 bits hold 18 of them. */
static void large_sums(void **state)
{
    struct price p = flat(PRICE_RATE_MAX, PRICE_RATE_MAX);
    struct price_usage u = {.tokens = {.input = 1000000000}};

    (void)state;
    assert_int_equal(price_cost(&p, &u), 1000000000ull * 1000000000);
    u.tokens.input = TRILLION; /* a trillion dollars */
    assert_int_equal(price_cost(&p, &u), UINT64_MAX);
    u.tokens.input = UINT64_MAX;
    assert_int_equal(price_cost(&p, &u), UINT64_MAX);
    assert_int_equal(price_most(&p, UINT64_MAX, 1), UINT64_MAX);
    p = flat(100000, 0); /* ten cents per million */
    u.tokens.input = TRILLION;
    assert_int_equal(price_cost(&p, &u), 100000ull * 1000000000);
}

/* --- unsound bytes --- */

/* Any byte may be wrong: then it is refused, or still reads within its bounds (sanitizers watch). */
static void damaged_books(void **state)
{
    struct price_row rows[] = {
        {"openai", "large", false, rich()},
        {"house", "large-*", true, flat(5, 5)},
        {"house", "large", true, flat(4, 4)},
        {NULL, NULL, false, flat(6, 6)},
    };
    struct price_head *b = pack(rows, ARRAY_LEN(rows));
    size_t refused = 0;

    (void)state;
    for (uint32_t at = 0; at < b->bytes; at++) {
        struct price_head *copy = xcalloc(1, b->bytes);

        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, b, b->bytes);
            ((uint8_t *)copy)[at] ^= (uint8_t)(1 << bit);
            if (!prices_is_sound(copy, b->bytes)) {
                refused++;
                continue;
            }
            (void)dollars(copy, "house", "openai", "large-1", "large");
            for (uint32_t i = 0; i < prices_n(copy); i++) {
                struct price_view v;

                prices_at(copy, i, &v);
                assert_true(price_is_sound(&v.price));
            }
        }
        free(copy);
    }
    assert_true(refused > b->bytes); /* more than one bit of eight matters */
    for (size_t room = 0; room < b->bytes; room++)
        assert_false(prices_is_sound(b, room));
    free(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_in_order),
        cmocka_unit_test(packing_refuses),
        cmocka_unit_test(equal_prices_are_shared),
        cmocka_unit_test(each_token_is_counted_once),
        cmocka_unit_test(tiers_and_services),
        cmocka_unit_test(rounding),
        cmocka_unit_test(sums_are_exact_or_told),
        cmocka_unit_test(sums_are_monotone_and_additive),
        cmocka_unit_test(large_sums),
        cmocka_unit_test(damaged_books),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
