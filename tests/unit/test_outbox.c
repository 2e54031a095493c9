#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/mman.h>

#include "server/base/base.h"
#include "shm/outbox.h"

static struct outbox *o;

static int set_up(void **state)
{
    (void)state;
    o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
             -1, 0);
    if (o == MAP_FAILED)
        return -1;
    outbox_open(o);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return munmap(o, sizeof(*o));
}

static uint64_t put(const char *text, uint64_t stored)
{
    return outbox_put(o, text, (uint32_t)strlen(text), stored);
}

/* Checks that the records are whole and numbered from `from` on; returns how many there are. */
static uint32_t check_run(const uint8_t *bytes, size_t len, uint64_t from)
{
    uint32_t n = 0;

    while (len > 0) {
        struct outbox_head head;

        assert_true(len >= sizeof(head));
        memcpy(&head, bytes, sizeof(head));
        assert_int_equal(head.magic, OUTBOX_MAGIC);
        assert_true(head.seq == from + n);
        assert_true(len - sizeof(head) >= head.len);
        bytes += sizeof(head) + head.len;
        len -= sizeof(head) + head.len;
        n++;
    }
    return n;
}

static void numbers_and_reads(void **state)
{
    uint8_t out[256];
    uint64_t next;
    size_t len;

    (void)state;
    assert_int_equal(outbox_last(o), 0);
    assert_int_equal(outbox_read(o, 1, out, sizeof(out), &next), 0);
    assert_int_equal(next, 1);
    assert_int_equal(put("one", 0), 1);
    assert_int_equal(put("", 0), 2);
    assert_int_equal(put("three", 0), 3);
    assert_int_equal(outbox_last(o), 3);
    len = outbox_read(o, 1, out, sizeof(out), &next);
    assert_int_equal(check_run(out, len, 1), 3);
    assert_memory_equal(out + sizeof(struct outbox_head), "one", 3);
    assert_int_equal(next, 4);
    len = outbox_read(o, 3, out, sizeof(out), &next);
    assert_int_equal(check_run(out, len, 3), 1);
    /* whole records only */
    len = outbox_read(o, 1, out, 2 * sizeof(struct outbox_head) + 4, &next);
    assert_int_equal(check_run(out, len, 1), 2);
    assert_int_equal(next, 3);
    assert_int_equal(outbox_read(o, 1, out, 3, &next), 0);
    assert_int_equal(outbox_read(o, 4, out, sizeof(out), &next), 0);
}

static void refuses_what_is_too_long(void **state)
{
    static uint8_t record[OUTBOX_RECORD_MAX + 1];

    (void)state;
    assert_int_equal(outbox_put(o, record, OUTBOX_RECORD_MAX + 1, 0), 0);
    assert_int_equal(outbox_put(o, record, OUTBOX_RECORD_MAX, 0), 1);
}

static void stays_in_few_pages(void **state)
{
    static uint8_t record[1000];
    uint64_t last = 0;

    (void)state;
    for (int i = 0; i < 10000; i++)
        last = outbox_put(o, record, sizeof(record), last);
    assert_int_equal(last, 10000);
    for (uint32_t chunk = 2; chunk < OUTBOX_CHUNKS; chunk++)
        assert_int_equal(o->bytes[chunk][0], 0);
}

static void is_full_and_goes_on(void **state)
{
    static uint8_t record[OUTBOX_RECORD_MAX];
    static uint8_t out[OUTBOX_CHUNK_BYTES];
    const uint64_t per_chunk = OUTBOX_CHUNK_BYTES / (sizeof(record) + sizeof(struct outbox_head));
    uint64_t seq = 0;
    uint64_t next = 1;
    uint64_t n = 0;

    (void)state;
    while ((n = outbox_put(o, record, sizeof(record), 0)) > 0)
        seq = n;
    assert_int_equal(seq, per_chunk * OUTBOX_CHUNKS);
    assert_int_equal(outbox_put(o, record, sizeof(record), per_chunk - 1), 0);
    assert_int_equal(outbox_put(o, record, sizeof(record), per_chunk), seq + 1);
    /* everything above what is stored is still there, over the ring's end */
    next = per_chunk + 1;
    while (next <= seq + 1) {
        uint64_t from = next;
        size_t len = outbox_read(o, from, out, sizeof(out), &next);

        assert_true(len > 0);
        assert_int_equal(check_run(out, len, from), next - from);
    }
    assert_int_equal(next, seq + 2);
}

static void trims_the_chunk_in_use_too(void **state)
{
    uint8_t out[64];
    uint64_t next;

    (void)state;
    assert_int_equal(put("a", 0), 1);
    assert_int_equal(put("b", 0), 2);
    outbox_trim(o, 1);
    assert_int_equal(check_run(out, outbox_read(o, 2, out, sizeof(out), &next), 2), 1);
    outbox_trim(o, 2);
    assert_int_equal(outbox_read(o, 3, out, sizeof(out), &next), 0);
    assert_int_equal(outbox_last(o), 2);
    assert_int_equal(put("c", 2), 3);
    assert_int_equal(check_run(out, outbox_read(o, 3, out, sizeof(out), &next), 3), 1);
}

static void a_successor_goes_on(void **state)
{
    uint8_t out[4096];
    uint64_t next;
    size_t len;

    (void)state;
    (void)put("one", 0);
    (void)put("two", 0);
    /* killed after the record was there and before its number was */
    o->next_seq = 2;
    outbox_open(o);
    assert_int_equal(outbox_last(o), 2);
    /* killed while copying a record: bytes behind `used` */
    memset(o->bytes[o->queue[0].at] + o->queue[0].used, 0xee, 40);
    outbox_open(o);
    assert_int_equal(put("three", 0), 3);
    len = outbox_read(o, 1, out, sizeof(out), &next);
    assert_int_equal(check_run(out, len, 1), 3);
}

static void survives_garbage(void **state)
{
    static uint8_t out[65536];
    uint64_t next;
    uint64_t seq = 0;

    (void)state;
    for (int i = 0; i < 2000; i++)
        seq = put("some record of some length, so that several chunks are in use", 0);
    assert_true(o->head >= 3);
    /* a mad worker overwrote the middle of the first chunk */
    memset(o->bytes[o->queue[0].at] + 1000, 0xff, 100);
    (void)outbox_read(o, 1, out, sizeof(out), &next);
    assert_true(next > 1 && next < 20);
    /* what lies behind is passed over, and the numbers jump */
    assert_true(outbox_read(o, next, out, sizeof(out), &next) > 0);
    assert_true(next > 400);
    outbox_open(o);
    assert_true(put("new", 0) > seq); /* no number is given twice */
    /* nonsense in every word of the queue */
    memset(o->queue, 0xa5, sizeof(o->queue));
    assert_int_equal(outbox_read(o, 1, out, sizeof(out), &next), 0);
    o->head = UINT64_MAX;
    assert_int_equal(outbox_read(o, 1, out, sizeof(out), &next), 0);
    outbox_open(o);
    assert_true(put("new", 0) > seq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_and_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stays_in_few_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_full_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trims_the_chunk_in_use_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_successor_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_garbage, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
