#include <stdatomic.h>

#include "shm/outbox.h"
#include "tests/torture/torture.h"

#define KILLS (TORTURE_SANITIZED ? 100 : 300)

/* What the two sides share besides the outbox. */
struct desk {
    struct outbox outbox;
    _Atomic uint64_t stored;   /* as region weights has it */
    _Atomic uint64_t returned; /* newest number that outbox_put returned */
    _Atomic uint64_t seed;
};

static struct desk *desk;

static uint32_t len_of(uint64_t seq)
{
    return (uint32_t)(seq * 2654435761u % (OUTBOX_RECORD_MAX + 1));
}

static void fill(uint8_t *record, uint64_t seq)
{
    for (uint32_t i = 0; i < len_of(seq); i++)
        record[i] = (uint8_t)(seq * 31 + i);
}

static void write_on(void *ctx)
{
    uint8_t record[OUTBOX_RECORD_MAX];

    (void)ctx;
    outbox_open(&desk->outbox);
    for (;;) {
        uint64_t seq = outbox_last(&desk->outbox) + 1;
        uint64_t put;

        fill(record, seq);
        put = outbox_put(&desk->outbox, record, len_of(seq), atomic_load(&desk->stored));
        if (put == 0)
            continue; /* full until the reader comes along */
        if (put != seq)
            _exit(1);
        atomic_store(&desk->returned, put);
        if (put % 64 == 0)
            outbox_trim(&desk->outbox, atomic_load(&desk->stored));
    }
}

/* Checks a batch byte by byte; returns the number after its last record. */
static uint64_t check(const uint8_t *bytes, size_t len, uint64_t expected)
{
    uint8_t record[OUTBOX_RECORD_MAX];

    while (len > 0) {
        struct outbox_head head;

        assert_true(len >= sizeof(head));
        memcpy(&head, bytes, sizeof(head));
        assert_true(head.seq == expected);
        assert_int_equal(head.len, len_of(expected));
        fill(record, expected);
        assert_memory_equal(bytes + sizeof(head), record, head.len);
        bytes += sizeof(head) + head.len;
        len -= sizeof(head) + head.len;
        expected++;
    }
    return expected;
}

/* Reads like the aggregator; now and then it "dies" before it had published what it stored. */
static uint64_t read_some(uint64_t next, struct torture_random *random)
{
    static uint8_t out[65536];
    uint64_t after;
    size_t len = outbox_read(&desk->outbox, next, out, sizeof(out), &after);

    assert_true(check(out, len, next) == after);
    if (torture_next(random) % 16 == 0)
        return atomic_load(&desk->stored) + 1;
    if (torture_next(random) % 4 == 0)
        atomic_store(&desk->stored, after - 1);
    return after;
}

static void nothing_is_lost_and_nothing_twice(void **state)
{
    struct torture_random random = {88172645463325252ull};
    uint64_t next = 1;
    uint64_t last;

    (void)state;
    desk = torture_shared(sizeof(*desk));
    for (int i = 0; i < KILLS; i++) {
        uint64_t until = atomic_load(&desk->returned) + 1 + torture_next(&random) % 600;
        pid_t child = torture_start(write_on, NULL);

        while (atomic_load(&desk->returned) < until)
            next = read_some(next, &random);
        torture_kill(child);
    }
    outbox_open(&desk->outbox);
    last = outbox_last(&desk->outbox);
    assert_true(last >= atomic_load(&desk->returned));
    next = atomic_load(&desk->stored) + 1;
    while (next <= last) {
        uint64_t before = next;

        next = read_some(next, &random);
        assert_true(next != before || before == atomic_load(&desk->stored) + 1);
    }
    printf("figure: outbox: %d writers killed, %lu records, none lost\n", KILLS, last);
    assert_int_equal(munmap(desk, sizeof(*desk)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_and_nothing_twice)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
