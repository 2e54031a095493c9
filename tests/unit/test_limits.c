#include "tests/unit/unit.h"

#include <stdio.h>

#include "server/base/alloc.h"
#include "shm/limits.h"
#include "shm/map.h"

static struct region region;
static struct model_limits *copy;

static int set_up(void **state)
{
    struct error err = ERROR_INIT;

    (void)state;
    copy = xcalloc(1, sizeof(*copy));
    return region_create(REGION_PUBLISHED, 1, &region, &err);
}

static int tear_down(void **state)
{
    (void)state;
    free(copy);
    region_close(&region);
    return 0;
}

static struct model_limit limit(uint32_t owner, const char *glob)
{
    struct model_limit l = {.owner = owner, .len = (uint32_t)strlen(glob)};

    memcpy(l.glob, glob, l.len);
    return l;
}

static void what_is_put_is_read(void **state)
{
    struct model_limit items[] = {limit(3, "openai/gpt-4o*"), limit(9, "*/o3")};

    (void)state;
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 0);
    model_limits_put(&region, items, 2);
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 2);
    assert_int_equal(model_limit_at(copy, 0)->owner, 3);
    assert_str(model_limit_glob(model_limit_at(copy, 0)), "openai/gpt-4o*");
    assert_str(model_limit_glob(model_limit_at(copy, 1)), "*/o3");
    model_limits_put(&region, items + 1, 1);
    assert_int_equal(copy->n, 2);
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 1);
    assert_int_equal(model_limit_at(copy, 0)->owner, 9);
}

/* The master was killed inside a change: what was known goes on to hold. */
static void a_dead_writer_leaves_the_copy(void **state)
{
    struct published_shared *p = region.base;
    struct model_limit one = limit(3, "a");

    (void)state;
    model_limits_put(&region, &one, 1);
    model_limits_refresh(&region, copy);
    seqlock_write_begin(&p->limits.lock);
    atomic_store(&p->limits.n, 200);
    atomic_store(&p->limits.words[0][0], UINT64_MAX);
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 1);
    assert_int_equal(model_limit_at(copy, 0)->owner, 3);
    model_limits_put(&region, &one, 1); /* the next one heals it */
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 1);
}

static void a_mad_count_is_not_followed(void **state)
{
    struct published_shared *p = region.base;
    struct model_limit one = limit(3, "a");

    (void)state;
    model_limits_put(&region, &one, 1);
    atomic_store(&p->limits.n, UINT32_MAX);
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 0);
    atomic_store(&p->limits.words[0][0], UINT64_MAX);
    atomic_store(&p->limits.n, 1);
    model_limits_refresh(&region, copy);
    assert_int_equal(copy->n, 1);
    assert_int_equal(model_limit_glob(model_limit_at(copy, 0)).len, MODEL_LIMIT_GLOB_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dead_writer_leaves_the_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mad_count_is_not_followed, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
