/* AWS event stream messages come out the same wherever the stream is cut; base64 beside it. */
#include "tests/unit/unit.h"

#include "providers/base64.h"
#include "providers/eventstream.h"
#include "providers/write.h"

struct seen {
    struct buf text; /* "type|payload\n" of each message, "!" before exceptions */
    struct buf raw;
};

static void on_message(void *ctx, const struct eventstream_message *m)
{
    struct seen *seen = ctx;

    if (m->is_exception)
        buf_char(&seen->text, '!');
    buf_str(&seen->text, m->type);
    buf_char(&seen->text, '|');
    buf_str(&seen->text, m->payload);
    buf_char(&seen->text, '\n');
    buf_str(&seen->raw, m->raw);
}

static int feed(struct seen *seen, struct str stream, size_t first, size_t step)
{
    struct eventstream s = EVENTSTREAM_INIT;
    size_t at = 0;
    int rc = 0;

    *seen = (struct seen){BUF_INIT, BUF_INIT};
    while (at < stream.len && rc == 0) {
        size_t n = min_u64(at == 0 && first > 0 ? first : step, stream.len - at);

        rc = eventstream_feed(&s, (struct str){stream.p + at, n}, on_message, seen);
        at += n;
    }
    buf_str(&seen->raw, eventstream_rest(&s));
    eventstream_fini(&s);
    return rc;
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
        assert_int_equal(feed(&seen, stream, first, stream.len), 0);
        assert_str(buf_view(&seen.text), expected);
        assert_int_equal(seen.raw.len, stream.len);
        assert_memory_equal(seen.raw.data, stream.p, stream.len);
        seen_fini(&seen);
    }
    for (size_t step = 1; step <= 3; step++) {
        assert_int_equal(feed(&seen, stream, 0, step), 0);
        assert_str(buf_view(&seen.text), expected);
        seen_fini(&seen);
    }
}

static void test_round_trip(void **state)
{
    struct buf b = BUF_INIT;
    size_t at;

    (void)state;
    at = eventstream_begin(&b, false, "messageStart");
    write_member_cstr(&b, "role", "assistant");
    eventstream_end(&b, at);
    at = eventstream_begin(&b, true, "throttlingException");
    write_member_cstr(&b, "message", "slow");
    eventstream_end(&b, at);
    eventstream_put(&b, "chunk", STR("not \"JSON\""));
    eventstream_put(&b, "empty", STR_NONE);
    /* a message cut off stays in the rest */
    eventstream_put(&b, "cut", STR("{}"));
    b.len -= 5;
    check_everywhere(buf_view(&b), "messageStart|{\"role\":\"assistant\"}\n"
                                   "!throttlingException|{\"message\":\"slow\"}\n"
                                   "chunk|not \"JSON\"\n"
                                   "empty|\n");
    buf_fini(&b);
}

/* Written by hand from the published format: the empty message and one with one header. */
static void test_known_bytes(void **state)
{
    (void)state;
    check_everywhere(STR("\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff"),
                     "|\n");
    check_everywhere(STR("\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96"
                         "\x0c"
                         "content-type\x07\x00\x10"
                         "application/json{'foo':'bar'}\x8d\x9c\x08\xb1"),
                     "|{'foo':'bar'}\n");
}

/* Every single wrong bit is found. */
static void test_wrong_bits(void **state)
{
    struct buf b = BUF_INIT;
    struct seen seen;

    (void)state;
    eventstream_put(&b, "metadata", STR("{\"a\":1}"));
    for (size_t i = 0; i < 8 * b.len; i++) {
        b.data[i / 8] = (char)(b.data[i / 8] ^ (1 << i % 8));
        assert_int_equal(feed(&seen, buf_view(&b), 0, b.len), -1);
        assert_int_equal(seen.text.len, 0);
        seen_fini(&seen);
        b.data[i / 8] = (char)(b.data[i / 8] ^ (1 << i % 8));
    }
    assert_int_equal(feed(&seen, buf_view(&b), 0, b.len), 0);
    seen_fini(&seen);
    /* nothing of it is waited for: text where a prelude should be is told at once */
    assert_int_equal(feed(&seen, STR("<html><body>"), 0, 100), -1);
    seen_fini(&seen);
    buf_fini(&b);
}

static void check_base64(struct str bytes, const char *text)
{
    struct buf b = BUF_INIT;
    char out[64];
    size_t len;

    base64_put(&b, bytes);
    assert_str(buf_view(&b), text);
    assert_true(base64_room(buf_view(&b)) <= sizeof(out));
    assert_true(base64_read(buf_view(&b), out, &len));
    assert_int_equal(len, bytes.len);
    assert_memory_equal(out, bytes.p, len);
    buf_fini(&b);
}

static void test_base64(void **state)
{
    char out[16];
    size_t len;

    (void)state;
    /* RFC 4648, section 10 */
    check_base64(STR(""), "");
    check_base64(STR("f"), "Zg==");
    check_base64(STR("fo"), "Zm8=");
    check_base64(STR("foo"), "Zm9v");
    check_base64(STR("foob"), "Zm9vYg==");
    check_base64(STR("fooba"), "Zm9vYmE=");
    check_base64(STR("foobar"), "Zm9vYmFy");
    check_base64(STR("\xff\xfe\xfb\x00"), "//77AA==");
    assert_true(base64_read(STR("Zm8"), out, &len));
    assert_int_equal(len, 2);
    assert_false(base64_read(STR("Z"), out, &len));
    assert_false(base64_read(STR("Zm-_"), out, &len));
    assert_false(base64_read(STR("Zm8=Zm8="), out, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_known_bytes),
        cmocka_unit_test(test_wrong_bits),
        cmocka_unit_test(test_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
