/* The mock's parser refuses what a gateway must never send. */
#include "tests/unit/unit.h"

#include "tools/mock/http1.h"

static int parse(const char *text, struct http1_request *out)
{
    static char bytes[4096]; /* spans point into it: it outlives the call */
    size_t len = strlen(text);

    assert_true(len < sizeof(bytes));
    memcpy(bytes, text, len);
    return http1_parse_head(bytes, len, out);
}

static void test_takes_a_request(void **state)
{
    static const char text[] = "POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Some-Name:  v w \r\n"
                               "Content-Length: 5\r\n\r\nhello";
    struct http1_request req;

    (void)state;
    assert_int_equal(parse(text, &req), sizeof(text) - 1 - 5);
    assert_str(req.method, "POST");
    assert_str(req.path, "/v1/x");
    assert_str(req.query, "a=b");
    assert_str(http1_find(&req, STR("x-some-name")), "v w");
    assert_int_equal(req.body_bytes, 5);
    assert_true(req.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", &req), 46);
    assert_false(req.keep_alive);
}

static void test_waits_for_the_rest(void **state)
{
    struct http1_request req;

    (void)state;
    assert_int_equal(parse("", &req), 0);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\n\r", &req), 0);
}

static void test_refuses(void **state)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\n\r\n",                                  /* no Host */
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",                      /* two blanks */
        "GET x HTTP/1.1\r\nHost: h\r\n\r\n",                       /* not a path */
        "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",                       /* not a token */
        "GET / HTTP/1.1\nHost: h\r\n\r\n",                         /* bare LF */
        "GET / HTTP/1.1\r\nHost: h\r\n b: c\r\n\r\n",              /* obs-fold */
        "GET / HTTP/1.1\r\nHost : h\r\n\r\n",                      /* blank before colon */
        "GET / HTTP/1.1\r\nHost: h\r\nA: \1\r\n\r\n",              /* control character */
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", /* sign */
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
    };
    struct http1_request req;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        assert_int_equal(parse(heads[i], &req), -400);
    assert_int_equal(parse("GET / HTTP/2.0\r\nHost: h\r\n\r\n", &req), -505);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 67108865\r\n\r\n", &req),
                     -413);
}

/* Whatever the borders between reads are. */
static void test_chunks_in_any_pieces(void **state)
{
    static const char raw[] = "4;x=y\r\nwiki\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n";

    (void)state;
    for (size_t step = 1; step < sizeof(raw); step++) {
        struct http1_chunks c = {0};
        char bytes[sizeof(raw)];
        size_t len = 0;
        int rc = 0;

        memcpy(bytes, raw, sizeof(raw));
        while (rc == 0 && len < sizeof(raw) - 1) {
            len = len + step < sizeof(raw) - 1 ? len + step : sizeof(raw) - 1;
            rc = http1_chunks_feed(&c, bytes, len);
        }
        assert_int_equal(rc, 1);
        assert_int_equal(c.written, 14);
        assert_memory_equal(bytes, "wiki0123456789", 14);
        assert_int_equal(c.read, sizeof(raw) - 1);
    }
}

static void test_refuses_chunks(void **state)
{
    static const struct {
        const char *raw;
        int rc;
    } cases[] = {{"x\r\n", -400},  {"4\nwiki\r\n", -400},           {"4\r\nwikiX\r\n", -400},
                 {"-1\r\n", -400}, {"fffffffffffffffff\r\n", -413}, {"4 \r\n", -400}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http1_chunks c = {0};
        char bytes[64];
        size_t len = strlen(cases[i].raw);

        memcpy(bytes, cases[i].raw, len);
        assert_int_equal(http1_chunks_feed(&c, bytes, len), cases[i].rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_request), cmocka_unit_test(test_waits_for_the_rest),
        cmocka_unit_test(test_refuses),         cmocka_unit_test(test_chunks_in_any_pieces),
        cmocka_unit_test(test_refuses_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
