/* An answer's lines, body and end are the same wherever its bytes are cut into reads. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/worker/framing.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

struct heard {
    struct buf lines, body;
    enum framing_event end;
    const char *why;
    size_t left; /* bytes that do not belong to it */
    int n_heads;
    bool is_reusable;
};

static void feed(struct framing *f, struct str in, struct heard *h)
{
    struct str piece;

    for (;;) {
        h->end = framing_next(f, &in, &piece);
        if (h->end == FRAMING_LINE) {
            buf_str(&h->lines, piece);
            buf_char(&h->lines, '|');
        } else if (h->end == FRAMING_HEAD) {
            h->n_heads++;
        } else if (h->end == FRAMING_BODY) {
            assert_true(piece.len > 0);
            buf_str(&h->body, piece);
        } else {
            h->left = in.len;
            return;
        }
    }
}

/* The first `cut` bytes in one read, the rest in reads of `step`; then the peer closes, or not. */
static struct heard hear(struct str bytes, bool asked_head, bool closes, size_t cut, size_t step)
{
    struct framing f = {0};
    struct heard h = {.end = FRAMING_MORE};

    framing_begin(&f, asked_head);
    for (size_t at = 0; at < bytes.len && h.end == FRAMING_MORE;) {
        size_t n = min_u64(at == 0 ? cut : step, bytes.len - at);

        feed(&f, (struct str){bytes.p + at, n}, &h);
        at += n;
        if (h.end != FRAMING_MORE)
            h.left += bytes.len - at;
    }
    if (h.end == FRAMING_MORE && framing_is_whole(&f))
        h.end = FRAMING_END;
    if (h.end == FRAMING_MORE && closes)
        h.end = framing_eof(&f);
    h.why = f.why;
    h.is_reusable = h.end == FRAMING_END && framing_is_reusable(&f);
    framing_fini(&f);
    return h;
}

static void forget(struct heard *h)
{
    buf_fini(&h->lines);
    buf_fini(&h->body);
}

static void same(const struct heard *a, const struct heard *b)
{
    assert_int_equal(a->end, b->end);
    assert_ptr_equal(a->why, b->why);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->is_reusable, b->is_reusable);
    assert_true(str_eq(buf_view(&a->lines), buf_view(&b->lines)));
    assert_true(str_eq(buf_view(&a->body), buf_view(&b->body)));
    if (a->end == FRAMING_END)
        assert_int_equal(a->left, b->left);
}

struct sample {
    const char *text;
    bool asked_head, closes;
    enum framing_event end;
    const char *lines, *body; /* NULL: whatever came before it was bad */
    size_t left;
    bool is_reusable;
};

static const struct sample samples[] = {
    {OK "Content-Length: 5\r\n\r\nhello", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Content-Length: 5|", .body = "hello", .is_reusable = true},
    {OK "content-length:0\r\n\r\n", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|content-length:0|", .body = "", .is_reusable = true},
    {OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2|", .body = "ok",
     .is_reusable = true},
    {OK "Content-Length: 2\r\n\r\nokHTTP/1.1 200", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Content-Length: 2|", .body = "ok", .left = 12, .is_reusable = true},
    {"HTTP/1.1 200\nX:\ty\n\nbody", .closes = true, .end = FRAMING_END,
     .lines = "HTTP/1.1 200|X:\ty|", .body = "body"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", .end = FRAMING_END,
     .lines = "HTTP/1.0 200 OK|Content-Length: 1|Connection: keep-alive|", .body = "x"},
    {OK "Content-Length: 1\r\nConnection: x , Close\r\n\r\nx", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Content-Length: 1|Connection: x , Close|", .body = "x"},
    {CHUNKED "5\r\nhello\r\nA ;x=\"y\"\r\n, world!!!\r\n0\r\nTrailer: x\r\n\r\n",
     .end = FRAMING_END, .lines = "HTTP/1.1 200 OK|Transfer-Encoding: chunked|",
     .body = "hello, world!!!", .is_reusable = true},
    {OK "Content-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n1\na\n000\n\n", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Content-Length: 9|Transfer-Encoding: Chunked|", .body = "a"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
     "Content-Length: 1\r\n\r\nx",
     .end = FRAMING_END, .lines = "HTTP/1.1 200 OK|Content-Length: 1|", .body = "x",
     .is_reusable = true},
    {OK "Content-Length: 500\r\n\r\n", .asked_head = true, .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Content-Length: 500|", .body = "", .is_reusable = true},
    {"HTTP/1.1 204 No Content\r\n\r\n", .end = FRAMING_END, .lines = "HTTP/1.1 204 No Content|",
     .body = "", .is_reusable = true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .end = FRAMING_END,
     .lines = "HTTP/1.1 304 Not Modified|Content-Length: 5|", .body = "", .is_reusable = true},
    {"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", .end = FRAMING_END,
     .lines = "HTTP/1.1 500 |Content-Length: 0|", .body = "", .is_reusable = true},

    /* Lines that are no header: dropped, and nothing may follow on the connection. */
    {OK "X: a\r\n folded: 1\r\nContent-Length: 1\r\n\r\nx", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|X: a|Content-Length: 1|", .body = "x"},
    {OK "Content-Length : 5\r\nContent-Length: 1\r\n: nameless\r\nno colon\r\n\r\nx",
     .end = FRAMING_END, .lines = "HTTP/1.1 200 OK|Content-Length: 1|", .body = "x"},
    {CHUNKED "0\r\n folded\r\n\r\n", .end = FRAMING_END,
     .lines = "HTTP/1.1 200 OK|Transfer-Encoding: chunked|", .body = ""},

    /* Not whole: more must come, or it was cut. */
    {OK "Content-Length: 9\r\n\r\nhello", .end = FRAMING_MORE,
     .lines = "HTTP/1.1 200 OK|Content-Length: 9|", .body = "hello"},
    {OK "Content-Length: 9\r\n\r\nhello", .closes = true, .end = FRAMING_BAD,
     .lines = "HTTP/1.1 200 OK|Content-Length: 9|", .body = "hello"},
    {CHUNKED "5\r\nhello\r\n", .closes = true, .end = FRAMING_BAD,
     .lines = "HTTP/1.1 200 OK|Transfer-Encoding: chunked|", .body = "hello"},
    {CHUNKED "5\r\nhello\r\n0\r\n", .closes = true, .end = FRAMING_BAD,
     .lines = "HTTP/1.1 200 OK|Transfer-Encoding: chunked|", .body = "hello"},
    {"HTTP/1.1 200 OK\r\nX: y", .closes = true, .end = FRAMING_BAD, .lines = "HTTP/1.1 200 OK|",
     .body = ""},
    {"", .closes = true, .end = FRAMING_BAD, .lines = "", .body = ""},

    /* Nonsense. */
    {"this is not HTTP\r\n\r\n", .end = FRAMING_BAD},
    {"\r\n" OK "\r\n", .end = FRAMING_BAD},
    {"HTTP/2 200\r\n\r\n", .end = FRAMING_BAD},
    {"HTTP/1.1 20 OK\r\n\r\n", .end = FRAMING_BAD},
    {"HTTP/1.1 2000 OK\r\n\r\n", .end = FRAMING_BAD},
    {"HTTP/1.1 099 OK\r\n\r\n", .end = FRAMING_BAD},
    {"HTTP/1.1  200 OK\r\n\r\n", .end = FRAMING_BAD},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", .end = FRAMING_BAD},
    {OK "X: a\rb\r\n\r\n", .end = FRAMING_BAD},
    {OK "X: \x01\r\n\r\n", .end = FRAMING_BAD},
    {OK "X: \x7f\r\n\r\n", .end = FRAMING_BAD},
    {OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", .end = FRAMING_BAD},
    {OK "Content-Length: 5, 5\r\n\r\nhello", .end = FRAMING_BAD},
    {OK "Content-Length: -1\r\n\r\n", .end = FRAMING_BAD},
    {OK "Content-Length: 18446744073709551616\r\n\r\n", .end = FRAMING_BAD},
    {OK "Content-Length:\r\n\r\n", .end = FRAMING_BAD},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", .end = FRAMING_BAD},
    {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .end = FRAMING_BAD},
    {OK "Transfer-Encoding: identity\r\n\r\n", .end = FRAMING_BAD},
    {CHUNKED "\r\n", .end = FRAMING_BAD},
    {CHUNKED "x\r\n", .end = FRAMING_BAD},
    {CHUNKED "-1\r\n", .end = FRAMING_BAD},
    {CHUNKED "5 5\r\nhello\r\n", .end = FRAMING_BAD},
    {CHUNKED "10000000000000000\r\n", .end = FRAMING_BAD},
    {CHUNKED "5\r\nhello!", .end = FRAMING_BAD},
    {CHUNKED "5\r\nhello!\r\n", .end = FRAMING_BAD},
};

static void all_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *s = &samples[i];
        struct str bytes = str_of(s->text);
        struct heard at_once = hear(bytes, s->asked_head, s->closes, SIZE_MAX, SIZE_MAX);

        if (at_once.end != s->end || at_once.is_reusable != s->is_reusable)
            fail_msg("sample %zu: %d, %d: %s", i, at_once.end, at_once.is_reusable, s->text);
        assert_true(s->end != FRAMING_BAD || at_once.why != NULL);
        if (s->lines != NULL) {
            assert_str(buf_view(&at_once.lines), s->lines);
            assert_str(buf_view(&at_once.body), s->body);
            assert_int_equal(at_once.left, s->left);
        }
        for (size_t cut = 1; cut <= bytes.len; cut++) {
            struct heard in_two = hear(bytes, s->asked_head, s->closes, cut, SIZE_MAX);
            struct heard in_bits = hear(bytes, s->asked_head, s->closes, cut, 1);

            same(&at_once, &in_two);
            same(&at_once, &in_bits);
            forget(&in_two);
            forget(&in_bits);
        }
        forget(&at_once);
    }
}

static enum framing_event end_of(const struct buf *text)
{
    struct heard h = hear(buf_view(text), false, false, 1000, 1000);
    enum framing_event end = h.end;

    forget(&h);
    return end;
}

/* `n` times `what` behind a beginning, then the rest. */
static enum framing_event end_with(const char *begin, size_t n, const char *what, const char *rest)
{
    struct buf text = BUF_INIT;
    enum framing_event end;

    buf_cstr(&text, begin);
    for (size_t i = 0; i < n; i++)
        buf_cstr(&text, what);
    buf_cstr(&text, rest);
    end = end_of(&text);
    buf_fini(&text);
    return end;
}

static void everything_has_a_bound(void **state)
{
    const char *interim = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *last = OK "Content-Length: 0\r\n\r\n";

    (void)state;
    assert_int_equal(end_with(OK "X: ", FRAMING_HEAD_MAX - 100, "a", "\r\n\r\n"), FRAMING_MORE);
    assert_int_equal(end_with(OK "X: ", FRAMING_HEAD_MAX, "a", ""), FRAMING_BAD);
    assert_int_equal(end_with(OK, FRAMING_LINES_MAX, "X: y\r\n", "\r\n"), FRAMING_MORE);
    assert_int_equal(end_with(OK, FRAMING_LINES_MAX + 1, "X: y\r\n", ""), FRAMING_BAD);
    assert_int_equal(end_with("", FRAMING_INTERIM_MAX, interim, last), FRAMING_END);
    assert_int_equal(end_with("", FRAMING_INTERIM_MAX + 1, interim, ""), FRAMING_BAD);
    assert_int_equal(end_with(CHUNKED "5;", 1000, "x", "\r\nhello\r\n0\r\n\r\n"), FRAMING_END);
    assert_int_equal(end_with(CHUNKED "5;", FRAMING_CHUNK_LINE_MAX, "x", ""), FRAMING_BAD);
    assert_int_equal(end_with(CHUNKED, FRAMING_CHUNK_LINE_MAX + 1, "0", ""), FRAMING_BAD);
    assert_int_equal(end_with(CHUNKED "0\r\n", FRAMING_LINES_MAX + 1, "X: y\r\n", ""), FRAMING_BAD);
    assert_int_equal(end_with(CHUNKED "0\r\nX: ", FRAMING_HEAD_MAX, "a", ""), FRAMING_BAD);
    /* and what has none: a body, however it comes */
    assert_int_equal(end_with(OK "\r\n", 300000, "a", ""), FRAMING_MORE);
    assert_int_equal(end_with(CHUNKED, 50000, "1;x\r\na\r\n", "0\r\n\r\n"), FRAMING_END);
}

/* No line's end need come for what cannot be HTTP. */
static void nonsense_is_told_at_once(void **state)
{
    struct heard h = hear(STR("HTTP/1x"), false, false, SIZE_MAX, SIZE_MAX);

    (void)state;
    assert_int_equal(h.end, FRAMING_BAD);
    forget(&h);
    h = hear((struct str){"\0\1\2\3", 4}, false, false, SIZE_MAX, SIZE_MAX);
    assert_int_equal(h.end, FRAMING_BAD);
    forget(&h);
    h = hear((struct str){OK "X: a\0b\r\n\r\n", sizeof(OK) + 10}, false, false, SIZE_MAX, SIZE_MAX);
    assert_int_equal(h.end, FRAMING_BAD);
    forget(&h);
}

/* One parser serves one answer after the other, whatever the one before was like. */
static void it_begins_again(void **state)
{
    struct framing f = {0};
    struct str in = STR("HTTP/1.1 200 OK\r\nContent-Len");
    struct str piece;

    (void)state;
    framing_begin(&f, true);
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_LINE);
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_MORE);
    framing_begin(&f, false);
    in = STR("HTTP/1.1 201 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_LINE);
    assert_str(piece, "HTTP/1.1 201 OK");
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_LINE);
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_HEAD);
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_BODY);
    assert_true(framing_is_whole(&f)); /* before anybody has asked for its end */
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_END);
    assert_int_equal(framing_next(&f, &in, &piece), FRAMING_END);
    framing_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_samples),
        cmocka_unit_test(everything_has_a_bound),
        cmocka_unit_test(nonsense_is_told_at_once),
        cmocka_unit_test(it_begins_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
