/* What h2o would let through is refused, wherever the bytes are cut into reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/base.h"
#include "server/worker/http_guard.h"

#define POST "POST /v1/chat/completions HTTP/1.1\r\n"
#define HOST "Host: gateway:8080\r\n"

/* The head's verdict when it arrives `step` bytes at a time. */
static enum http_guard_result head_in_steps(struct http_guard_head *h, struct str bytes,
                                            size_t step)
{
    const char *why = NULL;
    enum http_guard_result r = GUARD_MORE;

    *h = (struct http_guard_head){0};
    for (size_t n = step; r == GUARD_MORE; n += step) {
        r = http_guard_head(h, (struct str){bytes.p, min_u64(n, bytes.len)}, &why);
        if (n >= bytes.len)
            break;
    }
    if (r == GUARD_BAD || r == GUARD_TOO_LARGE)
        assert_non_null(why);
    return r;
}

static enum http_guard_result head(struct http_guard_head *h, const char *text)
{
    struct str bytes = str_of(text);
    enum http_guard_result at_once = head_in_steps(h, bytes, bytes.len);
    struct http_guard_head in_bits;

    assert_int_equal(head_in_steps(&in_bits, bytes, 1), at_once);
    assert_int_equal(head_in_steps(&in_bits, bytes, 7), at_once);
    if (at_once == GUARD_OK)
        assert_memory_equal(&in_bits, h, sizeof(in_bits));
    return at_once;
}

static void good_heads(void **state)
{
    struct http_guard_head h;

    (void)state;
    assert_int_equal(head(&h, POST HOST "Content-Length: 12\r\n\r\n"), GUARD_OK);
    assert_int_equal(h.body, GUARD_BODY_LENGTH);
    assert_int_equal(h.content_length, 12);
    assert_int_equal(h.minor, 1);
    assert_int_equal(h.len, sizeof(POST HOST "Content-Length: 12\r\n\r\n") - 1);

    assert_int_equal(head(&h, "\r\n" POST HOST "Transfer-Encoding: Chunked\r\n\r\n"), GUARD_OK);
    assert_int_equal(h.body, GUARD_BODY_CHUNKED);

    assert_int_equal(head(&h, "GET /healthz HTTP/1.0\r\n\r\nrest"), GUARD_OK);
    assert_int_equal(h.body, GUARD_BODY_NONE);
    assert_int_equal(h.minor, 0);
    assert_int_equal(h.len, 25);

    assert_int_equal(head(&h, POST HOST "x-y: caf\xc3\xa9 \t \r\n\r\n"), GUARD_OK);
}

static void expect_is_found_to_be_cut_out(void **state)
{
    static const char text[] = POST HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    struct http_guard_head h;

    (void)state;
    assert_int_equal(head(&h, text), GUARD_OK);
    assert_true(h.expects_continue);
    assert_int_equal(h.expect_at, sizeof(POST HOST) - 1);
    assert_int_equal(h.expect_len, sizeof("Expect: 100-continue\r\n") - 1);
    assert_int_equal(head(&h, POST HOST "Expect: miracles\r\n\r\n"), GUARD_OK);
    assert_false(h.expects_continue);
    assert_int_not_equal(h.expect_len, 0);
}

static void smuggling_shapes_are_refused(void **state)
{
    static const char *const bad[] = {
        POST HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        POST HOST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n",
        POST HOST "Content-Length: 5, 5\r\n\r\n",
        POST HOST "Content-Length: +5\r\n\r\n",
        POST HOST "Content-Length: -1\r\n\r\n",
        POST HOST "Content-Length: 99999999999999999999999\r\n\r\n",
        POST HOST "Content-Length:\r\n\r\n",
        POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
        POST HOST "Transfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
        POST "Content-Length: 5\r\n\r\n",
        POST HOST "Host: other\r\n\r\n",
        POST "Host: a b\r\n\r\n",
        POST "Host: a/b\r\n\r\n",
        POST "Host: user@a\r\n\r\n",
        POST HOST "x: a\r\n folded\r\n\r\n",
        POST HOST "x: a\r\n\tfolded\r\n\r\n",
        POST HOST "x: a\n\r\n",
        POST HOST "x: a\r\n\n",
        "POST / HTTP/1.1\n" HOST "\r\n",
        "\n" POST HOST "\r\n",
        "\r\n\r\n" POST HOST "\r\n",
        POST HOST "x : a\r\n\r\n",
        POST HOST ": a\r\n\r\n",
        POST HOST "no colon\r\n\r\n",
        POST HOST "x: a\rb\r\n\r\n",
        POST HOST "x: a\x01"
                  "b\r\n\r\n",
        POST HOST "x: a\x7f\r\n\r\n",
        "POST  / HTTP/1.1\r\n" HOST "\r\n",
        "POST / HTTP/1.1 \r\n" HOST "\r\n",
        "POST / HTTP/2.0\r\n" HOST "\r\n",
        "POST / HTTP/1.2\r\n" HOST "\r\n",
        "POST /\r\n" HOST "\r\n",
        "POST /a\x01 HTTP/1.1\r\n" HOST "\r\n",
        " / HTTP/1.1\r\n" HOST "\r\n",
        "\x16\x03\x01\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_guard_head h;
        if (head(&h, bad[i]) != GUARD_BAD)
            fail_msg("taken: %s", bad[i]);
    }
}

static void zero_bytes_are_refused(void **state)
{
    static const char text[] = POST HOST "x: a\0b\r\n\r\n";
    struct http_guard_head h;

    (void)state;
    assert_int_equal(head_in_steps(&h, (struct str){text, sizeof(text) - 1}, 1), GUARD_BAD);
}

static void heads_are_bounded(void **state)
{
    static char big[GUARD_HEAD_MAX + 100];
    static char many[8 * (GUARD_HEADERS_MAX + 2) + sizeof(POST HOST)];
    struct http_guard_head h;
    size_t n = sizeof(POST HOST) - 1;

    (void)state;
    memset(big, 'a', sizeof(big));
    memcpy(big, POST HOST "x:", sizeof(POST HOST "x:") - 1);
    assert_int_equal(head_in_steps(&h, (struct str){big, GUARD_HEAD_MAX}, 4096), GUARD_MORE);
    assert_int_equal(head_in_steps(&h, (struct str){big, sizeof(big)}, 4096), GUARD_TOO_LARGE);
    memcpy(big + sizeof(big) - 4, "\r\n\r\n", 4);
    assert_int_equal(head_in_steps(&h, (struct str){big, sizeof(big)}, sizeof(big)),
                     GUARD_TOO_LARGE);

    memcpy(many, POST HOST, n);
    for (int i = 1; i < GUARD_HEADERS_MAX; i++, n += 6)
        memcpy(many + n, "x: y\r\n", 6);
    memcpy(many + n, "\r\n", 2);
    assert_int_equal(head_in_steps(&h, (struct str){many, n + 2}, n + 2), GUARD_OK);
    memcpy(many + n, "x: y\r\n\r\n", 8);
    assert_int_equal(head_in_steps(&h, (struct str){many, n + 8}, n + 8), GUARD_TOO_LARGE);
}

/* --- chunked bodies --- */

static enum http_guard_result chunks(const char *text, size_t step, struct http_guard_chunks *c,
                                     size_t *used)
{
    struct str rest = str_of(text);
    enum http_guard_result r = GUARD_MORE;

    *c = (struct http_guard_chunks){0};
    *used = 0;
    while (r == GUARD_MORE && rest.len > 0) {
        size_t n = min_u64(step, rest.len);
        size_t taken;
        r = http_guard_chunks(c, (struct str){rest.p, n}, &taken);
        *used += taken;
        rest = str_skip(rest, n);
    }
    return r;
}

static void chunked_bodies_end_where_they_end(void **state)
{
    static const char text[] = "5\r\nhello\r\n00A;x=y\r\n0123456789\r\n0\r\nx: y\r\n\r\nGET";
    struct http_guard_chunks c;
    size_t used;

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        assert_int_equal(chunks(text, step, &c, &used), GUARD_OK);
        assert_int_equal(c.decoded, 15);
        assert_int_equal(used, sizeof(text) - 1 - 3);
    }
    assert_int_equal(chunks("0\r\n\r\n", 5, &c, &used), GUARD_OK);
    assert_int_equal(chunks("5\r\nhel", 6, &c, &used), GUARD_MORE);
}

static void broken_chunks_are_refused(void **state)
{
    static const char *const bad[] = {
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n",
        ";x\r\n",
        "g\r\n",
        "0000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "5;a\x01\r\nhello\r\n0\r\n\r\n",
        "0\r\n\n",
        "0\r\nx: y\n\r\n",
        "0\r\n x: y\r\n\r\n",
    };
    struct http_guard_chunks c;
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (chunks(bad[i], 100, &c, &used) != GUARD_BAD ||
            chunks(bad[i], 1, &c, &used) != GUARD_BAD)
            fail_msg("taken: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads),
        cmocka_unit_test(expect_is_found_to_be_cut_out),
        cmocka_unit_test(smuggling_shapes_are_refused),
        cmocka_unit_test(zero_bytes_are_refused),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(chunked_bodies_end_where_they_end),
        cmocka_unit_test(broken_chunks_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
