/* Events come out the same wherever the stream is cut into chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "providers/sse.h"

struct seen {
    struct buf text; /* "name|data\n" of each event */
    struct buf raw;
    size_t n;
};

static void on_event(void *ctx, const struct sse_event *event)
{
    struct seen *seen = ctx;

    seen->n++;
    buf_str(&seen->text, event->name);
    buf_char(&seen->text, '|');
    buf_str(&seen->text, event->data);
    buf_char(&seen->text, '\n');
    buf_str(&seen->raw, event->raw);
}

static void feed(struct seen *seen, struct str stream, size_t first, size_t step)
{
    struct sse s = SSE_INIT;
    size_t at = 0;

    *seen = (struct seen){BUF_INIT, BUF_INIT, 0};
    while (at < stream.len) {
        size_t n = at == 0 && first > 0 ? first : step;

        if (n > stream.len - at)
            n = stream.len - at;
        assert_int_equal(sse_feed(&s, (struct str){stream.p + at, n}, on_event, seen), 0);
        at += n;
    }
    /* what was handed out and what is left make the stream */
    buf_str(&seen->raw, sse_rest(&s));
    assert_int_equal(seen->raw.len, stream.len);
    assert_memory_equal(seen->raw.data, stream.p, stream.len);
    sse_fini(&s);
}

static void seen_fini(struct seen *seen)
{
    buf_fini(&seen->text);
    buf_fini(&seen->raw);
}

static void check_everywhere(struct str stream, const char *expected)
{
    struct seen seen;

    for (size_t first = 1; first <= stream.len; first++) {
        feed(&seen, stream, first, stream.len);
        assert_string_equal(seen.text.data, expected);
        seen_fini(&seen);
    }
    for (size_t step = 1; step <= 3; step++) {
        feed(&seen, stream, 0, step);
        assert_string_equal(seen.text.data, expected);
        seen_fini(&seen);
    }
}

static void test_line_ends(void **state)
{
    (void)state;
    check_everywhere(STR("data: a\n\ndata: b\n\n"), "|a\n|b\n");
    check_everywhere(STR("data: a\r\n\r\ndata: b\r\n\r\n"), "|a\n|b\n");
    /* CR alone: the last event's end waits for the byte behind it */
    check_everywhere(STR("data: a\r\rdata: b\r\rx"), "|a\n|b\n");
    check_everywhere(STR("data: a\r\n\ndata: b\n\r\nx"), "|a\n|b\n");
}

static void test_fields(void **state)
{
    (void)state;
    check_everywhere(STR("event: ping\ndata: {}\n\n"), "ping|{}\n");
    check_everywhere(STR("data:x\n\n"), "|x\n");
    check_everywhere(STR("data:  x\n\n"), "| x\n");
    check_everywhere(STR("data: one\ndata: two\ndata\n\n"), "|one\ntwo\n\n");
    check_everywhere(STR(": comment\n\n"), "|\n");
    check_everywhere(STR("datax: no\nid: 1\nretry: 2\n\n"), "|\n");
    check_everywhere(STR("\xef\xbb\xbf"
                         "data: bom\n\n"),
                     "|bom\n");
}

static void test_unfinished(void **state)
{
    struct seen seen;
    struct sse s = SSE_INIT;

    (void)state;
    check_everywhere(STR("data: a\n\ndata: half\n"), "|a\n");
    seen = (struct seen){BUF_INIT, BUF_INIT, 0};
    assert_int_equal(sse_feed(&s, STR("data: a\n\ndata: half\n"), on_event, &seen), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(sse_rest(&s).len, strlen("data: half\n"));
    sse_reset(&s);
    assert_int_equal(sse_rest(&s).len, 0);
    sse_fini(&s);
    seen_fini(&seen);
}

static void test_no_copy_of_whole_events(void **state)
{
    struct sse s = SSE_INIT;
    struct seen seen = {BUF_INIT, BUF_INIT, 0};

    (void)state;
    assert_int_equal(sse_feed(&s, STR("data: a\n\ndata: b\n\n"), on_event, &seen), 0);
    assert_int_equal(seen.n, 2);
    assert_null(s.partial.data); /* nothing was ever kept */
    sse_fini(&s);
    seen_fini(&seen);
}

/* Looking for a LF through the rest at each of them would take half an hour. */
static void test_many_lines_without_lf(void **state)
{
    static char text[8 << 20];
    struct sse s = SSE_INIT;
    struct seen seen = {BUF_INIT, BUF_INIT, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "a\r", 2);
    assert_int_equal(sse_feed(&s, (struct str){text, sizeof(text)}, on_event, &seen), 0);
    assert_int_equal(seen.n, 0);
    assert_int_equal(sse_feed(&s, STR("\rdata: b\n\n"), on_event, &seen), 0);
    assert_int_equal(seen.n, 2);
    sse_fini(&s);
    seen_fini(&seen);
}

static void test_bound(void **state)
{
    static char block[1 << 20];
    struct sse s = SSE_INIT;
    struct seen seen = {BUF_INIT, BUF_INIT, 0};
    int rc = 0;
    int n = 0;

    (void)state;
    memset(block, 'x', sizeof(block));
    while (rc == 0 && n < 20) {
        rc = sse_feed(&s, (struct str){block, sizeof(block)}, on_event, &seen);
        n++;
    }
    assert_int_equal(rc, -1);
    assert_int_equal(n, 9); /* 8 MiB fit, the ninth does not */
    assert_int_equal(seen.n, 0);
    sse_fini(&s);
    seen_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_no_copy_of_whole_events),
        cmocka_unit_test(test_many_lines_without_lf),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
