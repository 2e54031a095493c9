/* Numbers are known at once; names come through the loop, and their answers are kept. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "server/base/base.h"
#include "server/worker/loop_io.h"
#include "server/worker/resolve.h"

#define TURNS_MAX 3000 /* of 10 ms */

struct asker {
    struct resolve_wait wait;
    struct resolver *again; /* asks once more from its callback */
    int n_told;
    size_t n_found;
    const char *why;
};

static struct loop *loop;
static struct resolver *resolver;

static void on_found(struct resolve_wait *w, const struct addresses *found, const char *why)
{
    struct asker *a = container_of(w, struct asker, wait);
    struct resolver *again = a->again;

    a->n_told++;
    a->n_found = found->n;
    a->why = why;
    a->again = NULL;
    if (again != NULL)
        resolve_start(again, STR("no-such-host.invalid"), w, on_found);
}

static int open_all(void **state)
{
    struct error err = ERROR_INIT;

    (void)state;
    loop = loop_create();
    resolver = resolve_create(loop, &err);
    return resolver == NULL;
}

static int close_all(void **state)
{
    (void)state;
    resolve_free(resolver);
    loop_free(loop);
    return 0;
}

static void wait_told(const struct asker *a, int n)
{
    for (int i = 0; i < TURNS_MAX && a->n_told < n; i++)
        (void)loop_turn(loop, 10);
    assert_int_equal(a->n_told, n);
}

static void numbers_need_no_look_up(void **state)
{
    struct addresses found;

    (void)state;
    assert_true(resolve_find(resolver, STR("127.0.0.1"), &found));
    assert_int_equal(found.n, 1);
    assert_int_equal(found.items[0].v4.sin_family, AF_INET);
    assert_int_equal(ntohl(found.items[0].v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_true(resolve_find(resolver, STR("::1"), &found));
    assert_int_equal(found.items[0].v6.sin6_family, AF_INET6);
    assert_false(resolve_find(resolver, STR("127.0.0.256"), &found));
    assert_false(resolve_find(resolver, STR("localhost"), &found));
    assert_false(resolve_find(
        resolver, STR("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"), &found));
}

static void a_name_is_asked_once_and_kept(void **state)
{
    struct asker one = {0}, two = {0};
    struct addresses found;

    (void)state;
    resolve_start(resolver, STR("localhost"), &one.wait, on_found);
    resolve_start(resolver, STR("LocalHost"), &two.wait, on_found);
    assert_int_equal(one.n_told + two.n_told, 0); /* not before it returns */
    wait_told(&one, 1);
    assert_int_equal(two.n_told, 1);
    assert_true(one.n_found > 0 && one.n_found == two.n_found);
    assert_true(resolve_find(resolver, STR("localhost"), &found));
    assert_int_equal(found.n, one.n_found);
}

static void a_failure_says_why_and_is_not_kept(void **state)
{
    struct asker one = {.again = resolver};
    struct addresses found;

    (void)state;
    resolve_start(resolver, STR("no-such-host.invalid"), &one.wait, on_found);
    wait_told(&one, 2);
    assert_int_equal(one.n_found, 0);
    assert_true(one.why != NULL && one.why[0] != '\0');
    assert_false(resolve_find(resolver, STR("no-such-host.invalid"), &found));
}

static void who_has_stopped_is_not_told(void **state)
{
    struct asker gone = {0}, stays = {0};

    (void)state;
    resolve_start(resolver, STR("localhost"), &gone.wait, on_found);
    resolve_start(resolver, STR("localhost"), &stays.wait, on_found);
    resolve_stop(&gone.wait);
    resolve_stop(&gone.wait);
    wait_told(&stays, 1);
    assert_int_equal(gone.n_told, 0);
}

/* More than may be looked up at once: all are told in the end. */
static void many_names_wait_for_each_other(void **state)
{
    struct asker askers[3 * RESOLVE_THREADS_MAX] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "127.%zu", i + 1); /* for getaddrinfo() it is a number */
        resolve_start(resolver, str_of(name), &askers[i].wait, on_found);
    }
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        wait_told(&askers[i], 1);
        assert_true(askers[i].n_found > 0);
    }
}

/* Its thread may still be at work: nobody waits for it, and nothing of it is lost. */
static void the_end_does_not_wait(void **state)
{
    struct asker gone = {0};

    (void)state;
    resolve_start(resolver, STR("no-such-host.invalid"), &gone.wait, on_found);
    resolve_stop(&gone.wait);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_need_no_look_up),
        TEST(a_name_is_asked_once_and_kept),
        TEST(a_failure_says_why_and_is_not_kept),
        TEST(who_has_stopped_is_not_told),
        TEST(many_names_wait_for_each_other),
        TEST(the_end_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
