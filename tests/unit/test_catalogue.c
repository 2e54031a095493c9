/*
 * The catalogue's bytes: packing, looking up, and what unsound ones must not do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "shm/catalogue.h"

static const struct cat_row_id large_ids[] = {{"openai", "large-2025"},
                                              {"openai", "large"},
                                              {"bedrock", "global.maker.large-v1:0"},
                                              {"bedrock", "maker.large-v1:0"}};
static const struct cat_row_id small_ids[] = {{"openai", "small"}, {"azure", "large-2025"}};
static const struct cat_row rows[] = {
    {.name = "the-small", .flags = 2, .ids = small_ids, .n_ids = ARRAY_LEN(small_ids)},
    {.name = "the-large",
     .title = "The Large",
     .maker = "maker",
     .flags = 5,
     .context = 1000,
     .max_output = 100,
     .knowledge = 20250100,
     .released = 20250929,
     .ids = large_ids,
     .n_ids = ARRAY_LEN(large_ids)},
    {.name = "alone"},
};

static struct cat_head *pack(const struct cat_row *from, size_t n)
{
    struct buf b = BUF_INIT;
    struct error err = ERROR_INIT;

    if (catalogue_pack(from, n, &b, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(catalogue_is_sound((void *)b.data, b.len));
    return (void *)b.data; /* given back by free() */
}

static void expect_name(const struct cat_head *c, const struct cat_model *m, const char *name)
{
    assert_non_null(m);
    assert_true(str_eq(cat_text(c, m->name), str_of(name)));
}

static void rows_come_back(void **state)
{
    struct cat_head *c = pack(rows, ARRAY_LEN(rows));
    const struct cat_model *m;

    (void)state;
    assert_int_equal(cat_models(c), 3);
    expect_name(c, cat_model(c, 0), "alone");
    m = cat_model(c, 1);
    expect_name(c, m, "the-large");
    assert_true(str_eq(cat_text(c, m->title), STR("The Large")));
    assert_true(str_eq(cat_text(c, m->maker), STR("maker")));
    assert_int_equal(m->flags, 5);
    assert_int_equal(m->context, 1000);
    assert_int_equal(m->max_output, 100);
    assert_int_equal(m->knowledge, 20250100);
    assert_int_equal(m->released, 20250929);
    assert_int_equal(m->n, 4);
    for (uint32_t i = 0; i < m->n; i++) { /* in the order they were written */
        const struct cat_id *id = cat_model_id(c, m, i);

        assert_true(str_eq(cat_text(c, id->vendor), str_of(large_ids[i].vendor)));
        assert_true(str_eq(cat_text(c, id->id), str_of(large_ids[i].id)));
    }
    free(c);
}

static void finds_by_vendor_and_id(void **state)
{
    struct cat_head *c = pack(rows, ARRAY_LEN(rows));

    (void)state;
    expect_name(c, cat_find(c, STR("openai"), STR("large-2025")), "the-large");
    expect_name(c, cat_find(c, STR("azure"), STR("large-2025")), "the-small");
    expect_name(c, cat_find(c, STR("bedrock"), STR("maker.large-v1:0")), "the-large");
    expect_name(c, cat_find(c, STR("bedrock"), STR("eu.maker.large-v1:0")), "the-large");
    expect_name(c, cat_find(c, STR("openai"), STR("ft:small:org::id")), "the-small");
    expect_name(c, cat_find(c, STR("openai"), STR("ft:small")), "the-small");
    expect_name(c, cat_find(c, STR("whoever"), STR("the-small")), "the-small");
    assert_null(cat_find(c, STR("bedrock"), STR("xx.maker.large-v1:0")));
    assert_null(cat_find(c, STR("groq"), STR("small")));
    assert_null(cat_find(c, STR("openai"), STR("")));
    assert_null(cat_find(c, STR("openai"), STR("ft:")));
    assert_null(cat_find(NULL, STR("openai"), STR("small")));
    free(c);
}

static void finds_bare_names(void **state)
{
    struct cat_head *c = pack(rows, ARRAY_LEN(rows));

    (void)state;
    expect_name(c, cat_find_any(c, STR("alone")), "alone");
    expect_name(c, cat_find_any(c, STR("large")), "the-large");
    expect_name(c, cat_find_any(c, STR("us.maker.large-v1:0")), "the-large");
    expect_name(c, cat_find_any(c, STR("large-2025")), "the-small"); /* azure's stands first */
    assert_null(cat_find_any(c, STR("larg")));
    assert_null(cat_find_any(c, STR("")));
    assert_null(cat_find_any(NULL, STR("alone")));
    free(c);
}

static void expect_id(const struct cat_head *c, const char *vendor, const char *like,
                      const char *id)
{
    const struct cat_model *m = cat_find(c, STR(""), STR("the-large"));

    assert_true(str_eq(cat_id_at(c, m, str_of(vendor), str_of(like)), str_of(id)));
}

static void a_vendor_is_asked_by_its_own_id(void **state)
{
    struct cat_head *c = pack(rows, ARRAY_LEN(rows));

    (void)state;
    expect_id(c, "openai", "the-large", "large-2025");
    expect_id(c, "openai", "large", "large"); /* as it was asked for */
    expect_id(c, "bedrock", "large", "global.maker.large-v1:0");
    expect_id(c, "bedrock", "maker.large-v1:0", "maker.large-v1:0");
    expect_id(c, "bedrock", "eu.maker.large-v1:0", "eu.maker.large-v1:0");
    expect_id(c, "azure", "large", "");
    free(c);
}

static void expect_unpackable(const struct cat_row *from, size_t n, const char *text)
{
    struct buf b = BUF_INIT;
    struct error err = ERROR_INIT;

    assert_int_equal(catalogue_pack(from, n, &b, &err), -1);
    assert_string_equal(err.text, text);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static void twice_is_refused(void **state)
{
    static const struct cat_row_id ids[] = {{"openai", "x"}};
    const struct cat_row names[] = {{.name = "a"}, {.name = "b"}, {.name = "a"}};
    const struct cat_row same[] = {{.name = "a", .ids = ids, .n_ids = 1},
                                   {.name = "b", .ids = ids, .n_ids = 1}};

    (void)state;
    expect_unpackable(names, 3, "catalogue: a is there twice");
    expect_unpackable(same, 2, "catalogue: openai's x is both a and b");
}

static void nothing_is_a_catalogue_too(void **state)
{
    struct cat_head *c = pack(NULL, 0);

    (void)state;
    assert_int_equal(cat_models(c), 0);
    assert_int_equal(cat_models(NULL), 0);
    assert_null(cat_find(c, STR("openai"), STR("x")));
    assert_null(cat_find_any(c, STR("x")));
    free(c);
}

/* Any byte that is not what it was is refused, or changes nothing that reading relies on. */
static void damage_never_leads_outside(void **state)
{
    struct cat_head *c = pack(rows, ARRAY_LEN(rows));
    uint32_t bytes = c->bytes;
    uint8_t *copy = malloc(bytes); /* exactly: a sanitizer sees the first byte behind */
    size_t refused = 0;

    (void)state;
    assert_non_null(copy);
    for (uint32_t i = 0; i < bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            const struct cat_head *damaged = (const void *)copy;

            memcpy(copy, c, bytes);
            copy[i] ^= (uint8_t)(1 << bit);
            if (!catalogue_is_sound(damaged, bytes)) {
                refused++;
                continue;
            }
            (void)cat_find(damaged, STR("openai"), STR("large-2025"));
            (void)cat_find_any(damaged, STR("us.maker.large-v1:0"));
            for (uint32_t j = 0; j < cat_models(damaged); j++)
                (void)cat_id_at(damaged, cat_model(damaged, j), STR("bedrock"), STR("x"));
        }
    }
    assert_true(refused > bytes); /* most of it is offsets */
    for (size_t room = 0; room < bytes; room++) {
        memcpy(copy, c, bytes);
        assert_false(catalogue_is_sound((const void *)copy, room));
    }
    free(copy);
    free(c);
}

static void dates_as_far_as_they_are_told(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    cat_date(&b, 0);
    assert_int_equal(b.len, 0);
    cat_date(&b, 20250929);
    buf_char(&b, ' ');
    cat_date(&b, 20250100);
    buf_char(&b, ' ');
    cat_date(&b, 20250000);
    assert_string_equal(b.data, "2025-09-29 2025-01 2025");
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(finds_by_vendor_and_id),
        cmocka_unit_test(finds_bare_names),
        cmocka_unit_test(a_vendor_is_asked_by_its_own_id),
        cmocka_unit_test(twice_is_refused),
        cmocka_unit_test(nothing_is_a_catalogue_too),
        cmocka_unit_test(damage_never_leads_outside),
        cmocka_unit_test(dates_as_far_as_they_are_told),
    };

    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
