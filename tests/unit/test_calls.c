#include "server/master/calls.h"

#include "shm/control.h"
#include "tests/unit/unit.h"

/* All pieces, one behind the other, are the text; each fits a message. */
static void assert_pieces(struct str text)
{
    struct buf all = BUF_INIT;
    uint64_t offset = 0;

    do {
        struct buf json = BUF_INIT;
        uint64_t next;
        struct str piece = calls_piece(text, offset, &next);

        assert_true(next > offset || text.len == 0);
        buf_json(&json, piece);
        assert_true(json.len < CONTROL_TEXT_MAX);
        assert_null(memmem(json.data, json.len, "\xef\xbf\xbd", 3)); /* no character was cut */
        buf_str(&all, piece);
        buf_fini(&json);
        offset = next;
    } while (offset < text.len);
    assert_true(str_eq(buf_view(&all), text));
    buf_fini(&all);
}

static void pieces_make_the_whole(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    assert_pieces(STR(""));
    assert_pieces(STR("short"));
    for (int i = 0; i < 300000; i++)
        buf_char(&text, (char)('a' + i % 26));
    assert_pieces(buf_view(&text));
    buf_fini(&text);
}

static void characters_are_not_cut(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    buf_char(&text, 'x'); /* so that no boundary is a multiple */
    for (int i = 0; i < 60000; i++)
        buf_cstr(&text, "\xf0\x9f\x90\x9f");
    assert_pieces(buf_view(&text));
    buf_fini(&text);
}

static void what_grows_in_json_still_fits(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    for (int i = 0; i < 200000; i++)
        buf_char(&text, '\x01'); /* six bytes each */
    assert_pieces(buf_view(&text));
    buf_fini(&text);
}

static void past_the_end_is_nothing(void **state)
{
    uint64_t next;

    (void)state;
    assert_int_equal(calls_piece(STR("abc"), 99, &next).len, 0);
    assert_int_equal(next, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(characters_are_not_cut),
        cmocka_unit_test(what_grows_in_json_still_fits),
        cmocka_unit_test(past_the_end_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
