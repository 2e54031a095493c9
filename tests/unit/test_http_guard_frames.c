/* An HTTP/2 client may use its connection; it may not make h2o work for nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/worker/http_guard.h"

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };
#define END_STREAM 1u

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static const struct http_guard_limits limits = {
    .streams_per_s = 10, .resets_max = 5, .header_ms = 1000, .body_ms = 3000};

static void frame(struct buf *b, int type, unsigned flags, uint32_t id, size_t len)
{
    const char head[9] = {(char)(len >> 16), (char)(len >> 8), (char)len,
                          (char)type,        (char)flags,      (char)(id >> 24),
                          (char)(id >> 16),  (char)(id >> 8),  (char)id};

    buf_add(b, head, sizeof(head));
    buf_reserve(b, len);
    for (size_t i = 0; i < len; i++)
        buf_char(b, 'x');
}

/* What h2o leaves for the next read is what is not whole. */
static enum http_guard_result take(struct http_guard_frames *f, struct buf *b, uint64_t now_ms)
{
    const char *why = NULL;
    enum http_guard_result r = http_guard_frames(f, &limits, buf_view(b), now_ms, &why);

    assert_true(r != GUARD_BAD || why != NULL);
    buf_clear(b);
    return r;
}

static void begin(struct http_guard_frames *f, struct buf *b)
{
    memset(f, 0, sizeof(*f));
    buf_clear(b);
    buf_cstr(b, preface);
    frame(b, SETTINGS, 0, 0, 12);
    assert_int_equal(take(f, b, 500), GUARD_OK);
}

static void usual_requests_pass(void **state)
{
    struct http_guard_frames f;
    struct buf b = BUF_INIT;

    (void)state;
    begin(&f, &b);
    for (uint32_t id = 1; id < 20; id += 2) {
        frame(&b, HEADERS, 4, id, 60);
        frame(&b, DATA, 0, id, 1000);
        frame(&b, DATA, END_STREAM, id, 10);
        frame(&b, WINDOW, 0, id, 4);
    }
    assert_int_equal(take(&f, &b, 900), GUARD_OK);
    assert_int_equal(f.n_open, 0);
    assert_int_equal(f.held, 0);
    frame(&b, HEADERS, 4 | END_STREAM, 21, 60);
    assert_int_equal(take(&f, &b, 1000), GUARD_OK); /* the next second */
    buf_fini(&b);
}

static void new_streams_are_counted_by_the_second(void **state)
{
    struct http_guard_frames f;
    struct buf b = BUF_INIT;

    (void)state;
    begin(&f, &b);
    for (uint32_t i = 0; i < 10; i++)
        frame(&b, HEADERS, 4 | END_STREAM, 2 * i + 1, 10);
    assert_int_equal(take(&f, &b, 900), GUARD_OK);
    frame(&b, HEADERS, 4 | END_STREAM, 21, 10);
    assert_int_equal(take(&f, &b, 999), GUARD_BAD);
    buf_fini(&b);
}

static void resets_are_counted(void **state)
{
    struct http_guard_frames f;
    struct buf b = BUF_INIT;

    (void)state;
    begin(&f, &b);
    for (uint32_t i = 0; i < 6; i++) {
        frame(&b, HEADERS, 4, 2 * i + 1, 10);
        frame(&b, RST, 0, 2 * i + 1, 4);
    }
    assert_int_equal(take(&f, &b, 900), GUARD_BAD);

    begin(&f, &b);
    for (int i = 0; i < 5; i++)
        assert_int_equal(http_guard_abort(&f, &limits, 900), GUARD_OK);
    assert_int_equal(http_guard_abort(&f, &limits, 1000), GUARD_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(http_guard_abort(&f, &limits, 1001), GUARD_OK);
    assert_int_equal(http_guard_abort(&f, &limits, 1002), GUARD_BAD);
    buf_fini(&b);
}

static void floods_are_counted(void **state)
{
    static const int kinds[] = {SETTINGS, PING, PRIORITY, DATA, 77};
    struct http_guard_frames f;
    struct buf b = BUF_INIT;

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        begin(&f, &b);
        for (int i = 0; i <= GUARD_CONTROLS_MAX; i++)
            frame(&b, kinds[k], 0, 1, 0);
        assert_int_equal(take(&f, &b, 900), GUARD_BAD);
    }
    begin(&f, &b);
    frame(&b, HEADERS, 0, 1, 10);
    for (int i = 0; i < GUARD_CONTINUATIONS_MAX; i++)
        frame(&b, CONTINUATION, 0, 1, 10);
    assert_int_equal(take(&f, &b, 900), GUARD_OK);
    frame(&b, CONTINUATION, 0, 1, 10);
    assert_int_equal(take(&f, &b, 900), GUARD_BAD);
    buf_fini(&b);
}

static void bodies_under_way_are_known(void **state)
{
    struct http_guard_frames f;
    struct buf b = BUF_INIT;

    (void)state;
    begin(&f, &b);
    frame(&b, HEADERS, 4, 1, 10);
    frame(&b, DATA, 0, 1, 100);
    frame(&b, HEADERS, 4, 3, 10);
    frame(&b, DATA, 0, 3, 11);
    assert_int_equal(take(&f, &b, 1000), GUARD_OK);
    assert_int_equal(f.held, 111);
    assert_false(http_guard_is_late(&f, &limits, 3999));
    assert_true(http_guard_is_late(&f, &limits, 4000));
    frame(&b, HEADERS, 4 | END_STREAM, 1, 5); /* trailers */
    frame(&b, RST, 0, 3, 4);
    assert_int_equal(take(&f, &b, 4000), GUARD_OK);
    assert_int_equal(f.held, 0);
    assert_false(http_guard_is_late(&f, &limits, 9000));
    buf_fini(&b);
}

static void a_frame_may_not_be_late(void **state)
{
    struct http_guard_frames f;
    struct buf b = BUF_INIT;
    const char *why;

    (void)state;
    begin(&f, &b);
    frame(&b, HEADERS, 4, 1, 100);
    for (size_t n = 1; n < b.len; n++) {
        struct str part = {b.data, n};
        assert_int_equal(http_guard_frames(&f, &limits, part, 1000 + n, &why), GUARD_OK);
        assert_int_equal(f.streams, 0);
    }
    assert_false(http_guard_is_late(&f, &limits, 2000));
    assert_true(http_guard_is_late(&f, &limits, 2001));
    assert_int_equal(take(&f, &b, 2001), GUARD_OK);
    assert_int_equal(f.streams, 1);
    assert_false(http_guard_is_late(&f, &limits, 2001));

    memset(&f, 0, sizeof(f));
    assert_int_equal(http_guard_frames(&f, &limits, STR("PRI *"), 10, &why), GUARD_MORE);
    assert_true(http_guard_is_late(&f, &limits, 1010));
    buf_fini(&b);
}

static void too_many_open_bodies_are_cut(void **state)
{
    struct http_guard_limits generous = limits;
    struct http_guard_frames f;
    struct buf b = BUF_INIT;
    const char *why = NULL;

    (void)state;
    generous.streams_per_s = 1000;
    begin(&f, &b);
    for (uint32_t i = 0; i <= GUARD_OPEN_MAX; i++)
        frame(&b, HEADERS, 4, 2 * i + 1, 10);
    assert_int_equal(http_guard_frames(&f, &generous, buf_view(&b), 900, &why), GUARD_BAD);
    assert_non_null(why);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_requests_pass),
        cmocka_unit_test(new_streams_are_counted_by_the_second),
        cmocka_unit_test(resets_are_counted),
        cmocka_unit_test(floods_are_counted),
        cmocka_unit_test(bodies_under_way_are_known),
        cmocka_unit_test(a_frame_may_not_be_late),
        cmocka_unit_test(too_many_open_bodies_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
