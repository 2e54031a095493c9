/*
 * Who may use the management API: the whole rule, with what a browser can be made to send.
 */
#include "server/admin/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "0123456789abcdef-admin"

/* A request as a worker forwards it. */
static struct exchange forwarded(const char *host)
{
    struct exchange ex = {0};

    ex.method = STR("GET");
    ex.has_peer = true;
    ex.peer_is_loopback = true;
    ex.host = str_of(host);
    return ex;
}

static enum access_result check(const struct exchange *ex, bool open, bool is_change)
{
    struct access_rule rule = {open, STR(TOKEN), is_change};

    return access_check(ex, &rule);
}

static void test_socket_is_trusted(void **state)
{
    struct exchange ex = {0};

    (void)state;
    assert_int_equal(check(&ex, false, false), ACCESS_OK);
    ex.content_type = STR("application/json; charset=utf-8");
    ex.body = STR("{}");
    assert_int_equal(check(&ex, false, true), ACCESS_OK);
    ex.content_type = STR("text/plain");
    assert_int_equal(check(&ex, false, true), ACCESS_NOT_JSON);
}

static void test_loopback_hosts(void **state)
{
    static const char *const good[] = {"localhost", "localhost:8080",  "LocalHost:1",
                                       "127.0.0.1", "127.0.0.1:65535", "127.255.0.3:80",
                                       "[::1]",     "[::1]:8080"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "127.evil.example",
                                      "127.0.0.1:x",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0",
                                      "127.0.0.256",
                                      "127.0.0.1.",
                                      "127.0.0.1.2",
                                      "[::1]x",
                                      "[::1].evil",
                                      "[::2]:80",
                                      "::1",
                                      "0.0.0.0",
                                      "128.0.0.1",
                                      "localhost@evil.example",
                                      "10.0.0.1:8080",
                                      "localhost:8080:80",
                                      "127.0.0.+1",
                                      "127.0.0.0001",
                                      "127..0.1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!access_host_is_loopback(str_of(good[i])))
            fail_msg("%s must be loopback", good[i]);
        struct exchange ex = forwarded(good[i]);
        assert_int_equal(check(&ex, true, false), ACCESS_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (access_host_is_loopback(str_of(bad[i])))
            fail_msg("%s must not be loopback", bad[i]);
        /* DNS rebinding: the peer is loopback, the name is the attacker's. */
        struct exchange ex = forwarded(bad[i]);
        assert_int_equal(check(&ex, true, false), ACCESS_FOREIGN_HOST);
    }
}

static void test_origins(void **state)
{
    static const char *const bad[] = {"https://evil.example",
                                      "null",
                                      "http://localhost:3000",
                                      "http://127.0.0.1:8080",
                                      "http://localhost:8080.evil.example",
                                      "http://localhost:8080/",
                                      "file://",
                                      "localhost:8080"};
    struct exchange ex = forwarded("localhost:8080");

    (void)state;
    ex.origin = STR("http://localhost:8080");
    assert_int_equal(check(&ex, true, false), ACCESS_OK);
    ex.origin = STR("https://LOCALHOST:8080");
    assert_int_equal(check(&ex, true, false), ACCESS_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ex.origin = str_of(bad[i]);
        assert_int_equal(check(&ex, true, false), ACCESS_FOREIGN_ORIGIN);
    }
}

static void test_fetch_site(void **state)
{
    struct exchange ex = forwarded("localhost");

    (void)state;
    ex.fetch_site = STR("same-origin");
    assert_int_equal(check(&ex, true, false), ACCESS_OK);
    ex.fetch_site = STR("none");
    assert_int_equal(check(&ex, true, false), ACCESS_OK);
    ex.fetch_site = STR("same-site");
    assert_int_equal(check(&ex, true, false), ACCESS_CROSS_SITE);
    ex.fetch_site = STR("Cross-Site");
    assert_int_equal(check(&ex, true, false), ACCESS_CROSS_SITE);
    /* Not even with the token: a script of ours sends no such header, a browser's page does. */
    ex.authorization = STR("Bearer " TOKEN);
    assert_int_equal(check(&ex, true, false), ACCESS_CROSS_SITE);
}

static void test_forms_do_not_pass(void **state)
{
    static const char *const types[] = {"application/x-www-form-urlencoded",
                                        "text/plain",
                                        "multipart/form-data; boundary=x",
                                        "",
                                        "application/jsonx",
                                        "text/json"};
    struct exchange ex = forwarded("localhost");

    (void)state;
    ex.body = STR("{\"name\":\"x\"}");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        ex.content_type = str_of(types[i]);
        assert_int_equal(check(&ex, true, true), ACCESS_NOT_JSON);
    }
    ex.content_type = STR(" Application/JSON ; charset=utf-8");
    assert_int_equal(check(&ex, true, true), ACCESS_OK);
    /* An empty form names its type all the same. */
    ex.body = STR_NONE;
    ex.content_type = STR("application/x-www-form-urlencoded");
    assert_int_equal(check(&ex, true, true), ACCESS_NOT_JSON);
    ex.content_type = STR_NONE;
    assert_int_equal(check(&ex, true, true), ACCESS_OK);
}

static void test_token(void **state)
{
    struct exchange ex = forwarded("gateway.example");

    (void)state;
    ex.peer_is_loopback = false;
    assert_int_equal(check(&ex, false, false), ACCESS_NO_TOKEN);
    ex.authorization = STR("Bearer " TOKEN);
    assert_int_equal(check(&ex, false, false), ACCESS_OK);
    ex.authorization = STR("bearer   " TOKEN " ");
    assert_int_equal(check(&ex, false, false), ACCESS_OK);
    ex.authorization = STR("Bearer " TOKEN "x");
    assert_int_equal(check(&ex, false, false), ACCESS_BAD_TOKEN);
    ex.authorization = STR("Bearer ");
    assert_int_equal(check(&ex, false, false), ACCESS_BAD_TOKEN);
    ex.authorization = STR("Basic " TOKEN);
    assert_int_equal(check(&ex, false, false), ACCESS_NO_TOKEN);
    /* A wrong token is wrong, also where none is needed. */
    ex = forwarded("localhost");
    ex.authorization = STR("Bearer sk-bf-something");
    assert_int_equal(check(&ex, true, false), ACCESS_BAD_TOKEN);
}

static void test_no_token_configured_opens_nothing(void **state)
{
    struct exchange ex = forwarded("gateway.example");
    struct access_rule rule = {false, STR_NONE, false};

    (void)state;
    ex.authorization = STR("Bearer ");
    assert_int_equal(access_check(&ex, &rule), ACCESS_BAD_TOKEN);
    ex.authorization = STR_NONE;
    assert_int_equal(access_check(&ex, &rule), ACCESS_NO_TOKEN);
}

static void test_open_only_to_loopback_peers(void **state)
{
    struct exchange ex = forwarded("localhost");

    (void)state;
    assert_int_equal(check(&ex, true, false), ACCESS_OK);
    assert_int_equal(check(&ex, false, false), ACCESS_NO_TOKEN);
    ex.peer_is_loopback = false;
    assert_int_equal(check(&ex, true, false), ACCESS_FOREIGN_PEER);
    /* A proxy on this machine: everybody looks like loopback. */
    ex.peer_is_loopback = true;
    ex.is_proxied = true;
    assert_int_equal(check(&ex, true, false), ACCESS_FOREIGN_PEER);
}

static void test_every_refusal_has_words(void **state)
{
    (void)state;
    for (enum access_result r = ACCESS_OK + 1; r < ACCESS_RESULTS; r++) {
        const struct access_refusal *refusal = access_refusal(r);

        assert_true(refusal->status == 401 || refusal->status == 403 || refusal->status == 415);
        assert_non_null(refusal->code);
        assert_true(strlen(refusal->text) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_is_trusted),
        cmocka_unit_test(test_loopback_hosts),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_fetch_site),
        cmocka_unit_test(test_forms_do_not_pass),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_no_token_configured_opens_nothing),
        cmocka_unit_test(test_open_only_to_loopback_peers),
        cmocka_unit_test(test_every_refusal_has_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
