#include "tests/unit/unit.h"

#include <msgpack.h>

#include "shm/outbox.h"
#include "shm/record.h"
#include "shm/record_trail.h"

static const struct record full = {
    .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255},
    .begun_ms = 1795305600123,
    .key_id = UINT64_MAX,
    .key_name = {"team", 4},
    .provider = {"openai", 6},
    .provider_key = {"main", 4},
    .model = {"gpt-4o-mini", 11},
    .asked = {"fast", 4},
    .endpoint = {"chat.completions", 16},
    .fail = {"upstream_cut", 12},
    .status = 200,
    .upstream_status = 503,
    .attempts = 2,
    .flags = RECORD_STREAM | RECORD_NO_USAGE,
    .slot = 127,
    .row = UINT32_MAX,
    .tokens = {1, 127, 128, 65536},
    .first_byte_us = 70000,
    .total_us = 1ull << 33,
    .bytes_in = 255,
    .bytes_out = 256,
    .details = {1, 2, 3, 4, 5, 6},
    .team_id = 1ull << 40,
    .customer_id = 77,
    .cost_nanousd = 1234500,
    .service = 2,
    .n_trail = 2,
    .trail = {{.provider = {"azure", 5},
               .provider_key = {"spare", 5},
               .model = {"gpt-4o-mini", 11},
               .begun_us = 17,
               .first_byte_us = 1ull << 33,
               .total_us = 1ull << 34,
               .reason = 9,
               .status = 999,
               .flags = RECORD_ATTEMPT_HEDGE},
              {.provider = {"openai", 6},
               .provider_key = {"", 0},
               .model = {"gpt-4o-mini", 11},
               .reason = 1,
               .status = 200}},
    .n_bookings = 2,
    .bookings = {{UINT64_MAX, 1}, {42, UINT32_MAX}},
};

static void assert_trail(const struct record *a, const struct record *b)
{
    assert_int_equal(a->n_trail, b->n_trail);
    for (uint32_t i = 0; i < a->n_trail; i++) {
        const struct record_attempt *x = &a->trail[i], *y = &b->trail[i];

        assert_true(str_eq(x->provider, y->provider) && str_eq(x->model, y->model));
        assert_true(str_eq(x->provider_key, y->provider_key));
        assert_true(x->begun_us == y->begun_us && x->first_byte_us == y->first_byte_us);
        assert_true(x->total_us == y->total_us && x->reason == y->reason);
        assert_true(x->status == y->status && x->flags == y->flags);
    }
}

static void assert_record(const struct record *a, const struct record *b)
{
    const struct str *x[] = {&a->key_name, &a->provider, &a->provider_key, &a->model,
                             &a->asked,    &a->endpoint, &a->fail};
    const struct str *y[] = {&b->key_name, &b->provider, &b->provider_key, &b->model,
                             &b->asked,    &b->endpoint, &b->fail};

    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        assert_true(str_eq(*x[i], *y[i]));
    assert_memory_equal(a->id, b->id, sizeof(a->id));
    assert_memory_equal(&a->tokens, &b->tokens, sizeof(a->tokens));
    assert_true(a->begun_ms == b->begun_ms && a->key_id == b->key_id);
    assert_true(a->status == b->status && a->upstream_status == b->upstream_status);
    assert_true(a->attempts == b->attempts && a->flags == b->flags);
    assert_true(a->slot == b->slot && a->row == b->row);
    assert_true(a->first_byte_us == b->first_byte_us && a->total_us == b->total_us);
    assert_true(a->bytes_in == b->bytes_in && a->bytes_out == b->bytes_out);
    assert_memory_equal(&a->details, &b->details, sizeof(a->details));
    assert_true(a->team_id == b->team_id && a->customer_id == b->customer_id);
    assert_true(a->cost_nanousd == b->cost_nanousd && a->service == b->service);
    assert_trail(a, b);
    assert_int_equal(a->n_bookings, b->n_bookings);
    for (uint32_t i = 0; i < a->n_bookings; i++)
        assert_true(a->bookings[i].account == b->bookings[i].account &&
                    a->bookings[i].window == b->bookings[i].window);
}

static void comes_back_as_it_went(void **state)
{
    static const struct record empty;
    uint8_t bytes[OUTBOX_RECORD_MAX];
    struct record out;
    size_t len = record_encode(&full, bytes, sizeof(bytes));

    (void)state;
    assert_true(len > 0);
    assert_int_equal(record_decode(bytes, len, &out), 0);
    assert_record(&full, &out);
    len = record_encode(&empty, bytes, sizeof(bytes));
    assert_in_range(len, 1, 32); /* what is zero is left out */
    assert_int_equal(record_decode(bytes, len, &out), 0);
    assert_record(&empty, &out);
}

/* msgpack-c itself, which wrote none of the decoder, reads the same. */
static void is_msgpack(void **state)
{
    uint8_t bytes[OUTBOX_RECORD_MAX];
    size_t len = record_encode(&full, bytes, sizeof(bytes));
    msgpack_unpacked unpacked;
    size_t at = 0;

    (void)state;
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)bytes, len, &at),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, len);
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(unpacked.data.via.map.size, 37);
    for (uint32_t i = 0; i < unpacked.data.via.map.size; i++)
        assert_int_equal(unpacked.data.via.map.ptr[i].key.via.u64, i);
    msgpack_unpacked_destroy(&unpacked);
}

static void cuts_long_texts_between_characters(void **state)
{
    char text[1000];
    uint8_t bytes[OUTBOX_RECORD_MAX];
    struct record in = full;
    struct record out;
    size_t len;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + RECORD_TEXT_MAX - 1, "\xe2\x82\xac", 3);
    in.key_name = in.provider = in.provider_key = in.model = (struct str){text, sizeof(text)};
    in.asked = in.endpoint = in.fail = in.model;
    in.begun_ms = in.tokens.input = in.tokens.output = in.tokens.cached = UINT64_MAX;
    in.tokens.reasoning = in.first_byte_us = in.total_us = in.bytes_in = UINT64_MAX;
    in.bytes_out = in.team_id = in.customer_id = in.cost_nanousd = UINT64_MAX;
    memset(&in.details, 0xff, sizeof(in.details));
    memset(in.bookings, 0xff, sizeof(in.bookings));
    in.n_bookings = RECORD_BOOKINGS_MAX;
    in.n_trail = RECORD_ATTEMPTS_MAX;
    for (uint32_t i = 0; i < RECORD_ATTEMPTS_MAX; i++) {
        struct str other = {text + 1, sizeof(text) - 1}; /* not the record's own */

        in.trail[i] = (struct record_attempt){other,      other, other, UINT64_MAX, UINT64_MAX,
                                              UINT64_MAX, 255,   65535, 255};
    }
    in.service = in.status = in.upstream_status = in.attempts = in.flags = in.slot = UINT32_MAX;
    len = record_encode(&in, bytes, sizeof(bytes)); /* the largest record there is */
    assert_true(len > 0);
    assert_int_equal(record_decode(bytes, len, &out), 0);
    assert_int_equal(out.model.len, RECORD_TEXT_MAX - 1);
    assert_int_equal(out.n_trail, RECORD_ATTEMPTS_MAX);
    assert_int_equal(out.trail[RECORD_ATTEMPTS_MAX - 1].model.len, RECORD_TRAIL_TEXT_MAX);
    assert_true(out.trail[RECORD_ATTEMPTS_MAX - 1].total_us == (1ull << 40) - 1);
    assert_int_equal(out.n_bookings, RECORD_BOOKINGS_MAX);
    assert_true(out.bookings[RECORD_BOOKINGS_MAX - 1].account == UINT64_MAX);
}

static void needs_room(void **state)
{
    uint8_t bytes[OUTBOX_RECORD_MAX];
    size_t len = record_encode(&full, bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(record_encode(&full, bytes, len), len);
    for (size_t room = 0; room < len; room++)
        assert_int_equal(record_encode(&full, bytes, room), 0);
}

static void refuses_what_is_not_sound(void **state)
{
    uint8_t bytes[OUTBOX_RECORD_MAX + 1];
    struct record out = {.status = 77};
    size_t len = record_encode(&full, bytes, OUTBOX_RECORD_MAX);

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(record_decode(bytes, cut, &out), -1);
    bytes[len] = 0;
    assert_int_equal(record_decode(bytes, len + 1, &out), -1);
    /* heads that claim gigabytes */
    assert_int_equal(record_decode("\xdf\xff\xff\xff\xff\x00", 6, &out), -1);
    assert_int_equal(record_decode("\x81\x63\xdd\xff\xff\xff\xff\x00", 8, &out), -1);
    assert_int_equal(record_decode("\x81\x63\xdb\xff\xff\xff\xff\x00", 8, &out), -1);
    assert_int_equal(record_decode("\x80", 1, &out), -1); /* neither version nor id */
    assert_int_equal(record_decode("\x93\x01\x02\x03", 4, &out), -1);
    assert_int_equal(out.status, 77);
}

static int decode_bookings(size_t len)
{
    static const char head[] = "\x83\x00\x01\x01\xc4\x10"
                               "0123456789abcdef\x23\xc5";
    uint8_t bytes[sizeof(head) + 1024] = {0};
    struct record out;

    memcpy(bytes, head, sizeof(head) - 1);
    bytes[sizeof(head) - 1] = (uint8_t)(len >> 8);
    bytes[sizeof(head)] = (uint8_t)len;
    return record_decode(bytes, sizeof(head) + 1 + len, &out) == 0 ? (int)out.n_bookings : -1;
}

static void bounds_the_bookings(void **state)
{
    (void)state;
    assert_int_equal(decode_bookings(0), 0);
    assert_int_equal(decode_bookings(12), 1);
    assert_int_equal(decode_bookings(13), -1);
    assert_int_equal(decode_bookings((size_t)12 * RECORD_BOOKINGS_MAX), RECORD_BOOKINGS_MAX);
    assert_int_equal(decode_bookings((size_t)12 * RECORD_BOOKINGS_MAX + 12), -1);
}

static int decode_trail(const void *trail, size_t len)
{
    static const char head[] = "\x83\x00\x01\x01\xc4\x10"
                               "0123456789abcdef\x24\xc5";
    uint8_t bytes[sizeof(head) + 2048] = {0};
    struct record out;

    memcpy(bytes, head, sizeof(head) - 1);
    bytes[sizeof(head) - 1] = (uint8_t)(len >> 8);
    bytes[sizeof(head)] = (uint8_t)len;
    memcpy(bytes + sizeof(head) + 1, trail, len);
    return record_decode(bytes, sizeof(head) + 1 + len, &out) == 0 ? (int)out.n_trail : -1;
}

static void bounds_the_trail(void **state)
{
    uint8_t bytes[22 * (RECORD_ATTEMPTS_MAX + 1)] = {0}; /* attempts without names */
    uint8_t named[22 + 49] = {0};

    (void)state;
    assert_int_equal(decode_trail(bytes, 0), 0);
    assert_int_equal(decode_trail(bytes, 22), 1);
    for (size_t cut = 1; cut < 22; cut++)
        assert_int_equal(decode_trail(bytes, cut), -1);
    assert_int_equal(decode_trail(bytes, (size_t)22 * RECORD_ATTEMPTS_MAX), RECORD_ATTEMPTS_MAX);
    assert_int_equal(decode_trail(bytes, sizeof(bytes)), -1);
    named[19] = RECORD_TRAIL_TEXT_MAX;
    assert_int_equal(decode_trail(named, 22 + RECORD_TRAIL_TEXT_MAX), 1);
    named[19] = RECORD_TRAIL_TEXT_MAX + 1; /* longer than any that is written */
    assert_int_equal(decode_trail(named, 22 + RECORD_TRAIL_TEXT_MAX + 1), -1);
    named[19] = 1; /* and then not all of the names */
    assert_int_equal(decode_trail(named, 21), -1);
}

/* A later version's fields of any type are passed over. */
static void skips_unknown_fields(void **state)
{
    static const char head[] = "\x85\x00\x02\x01\xc4\x10"
                               "0123456789abcdef\x0b\xcc\xc8";
    static const char tail[] = "\x70\x82\xa1"
                               "a\x93\xc3\xc0\xcb\x40\x00\x00\x00\x00\x00\x00\x00\xd0\xff\xd5\x01zz"
                               "\x71\xdc\x00\x02\xa0\xff";
    char bytes[sizeof(head) + sizeof(tail)];
    struct record out;

    (void)state;
    memcpy(bytes, head, sizeof(head) - 1);
    memcpy(bytes + sizeof(head) - 1, tail, sizeof(tail) - 1);
    assert_int_equal(record_decode(bytes, sizeof(head) + sizeof(tail) - 2, &out), 0);
    assert_int_equal(out.status, 200);
    assert_memory_equal(out.id, "0123456789abcdef", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(is_msgpack),
        cmocka_unit_test(cuts_long_texts_between_characters),
        cmocka_unit_test(needs_room),
        cmocka_unit_test(refuses_what_is_not_sound),
        cmocka_unit_test(bounds_the_bookings),
        cmocka_unit_test(bounds_the_trail),
        cmocka_unit_test(skips_unknown_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
