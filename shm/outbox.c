#include "shm/outbox.h"

#include <string.h>

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define ACQUIRE(field) atomic_load_explicit(&(field), memory_order_acquire)
#define RELEASE(field, value) atomic_store_explicit(&(field), (value), memory_order_release)

static struct outbox_chunk *chunk_at(struct outbox *o, uint64_t position)
{
    return &o->queue[position % OUTBOX_CHUNKS];
}

static const struct outbox_chunk *chunk_at_const(const struct outbox *o, uint64_t position)
{
    return &o->queue[position % OUTBOX_CHUNKS];
}

static bool is_taken(const struct outbox *o, uint32_t at)
{
    return (LOAD(o->taken[at / 64]) >> (at % 64) & 1) != 0;
}

static void set_taken(struct outbox *o, uint32_t at, bool taken)
{
    uint64_t bit = 1ull << (at % 64);
    uint64_t word = LOAD(o->taken[at / 64]);

    STORE(o->taken[at / 64], taken ? word | bit : word & ~bit);
}

/* The lowest free memory chunk, so that the same pages are used again; OUTBOX_CHUNKS: none. */
static uint32_t lowest_free(const struct outbox *o)
{
    for (uint32_t i = 0; i < OUTBOX_CHUNKS / 64; i++) {
        uint64_t word = LOAD(o->taken[i]);

        if (word != UINT64_MAX)
            return i * 64 + (uint32_t)__builtin_ctzll(~word);
    }
    return OUTBOX_CHUNKS;
}

/* The sound record at `offset` of a chunk's first `used` bytes; its whole size, 0 when unsound. */
static uint32_t record_at(const uint8_t *bytes, uint32_t offset, uint32_t used,
                          struct outbox_head *head)
{
    if (used - offset < sizeof(*head))
        return 0;
    memcpy(head, bytes + offset, sizeof(*head));
    if (head->magic != OUTBOX_MAGIC || head->len > OUTBOX_RECORD_MAX)
        return 0;
    if (used - offset - sizeof(*head) < head->len)
        return 0;
    return (uint32_t)sizeof(*head) + head->len;
}

/*
 * Cut a chunk behind its last sound record with the right number. Returns the number of the record
 * that comes after it.
 */
static uint64_t heal_chunk(struct outbox *o, struct outbox_chunk *c)
{
    const uint8_t *bytes = o->bytes[LOAD(c->at)];
    uint32_t used = LOAD(c->used);
    uint64_t seq = LOAD(c->first_seq);
    uint32_t offset = 0;
    struct outbox_head head;

    if (used > OUTBOX_CHUNK_BYTES)
        used = OUTBOX_CHUNK_BYTES;
    while (offset < used) {
        uint32_t size = record_at(bytes, offset, used, &head);

        if (size == 0 || head.seq != seq)
            break;
        offset += size;
        seq++;
    }
    STORE(c->used, offset);
    return seq;
}

/* A killed worker leaves at worst the newest step half done; a mad one may leave anything. */
void outbox_open(struct outbox *o)
{
    uint64_t tail = LOAD(o->tail);
    uint64_t head = LOAD(o->head);
    uint64_t next = LOAD(o->next_seq);
    uint64_t position;

    for (uint32_t i = 0; i < OUTBOX_CHUNKS / 64; i++)
        STORE(o->taken[i], 0);
    if (head < tail || head - tail > OUTBOX_CHUNKS)
        head = tail;
    for (position = tail; position < head; position++) {
        struct outbox_chunk *c = chunk_at(o, position);
        uint32_t at = LOAD(c->at);

        if (at >= OUTBOX_CHUNKS || is_taken(o, at))
            break;
        if (position > tail && LOAD(c->first_seq) < next)
            break;
        set_taken(o, at, true);
        next = heal_chunk(o, c);
    }
    /* Behind an unsound chunk nothing can be trusted; numbers are never given out twice. */
    next = max_u64(next, LOAD(o->next_seq));
    STORE(o->next_seq, next > 0 ? next : 1);
    RELEASE(o->head, position);
}

static uint64_t last_seq_of(const struct outbox *o, uint64_t position, uint64_t head)
{
    if (position + 1 < head)
        return LOAD(chunk_at_const(o, position + 1)->first_seq) - 1;
    return LOAD(o->next_seq) - 1;
}

void outbox_trim(struct outbox *o, uint64_t stored)
{
    uint64_t head = LOAD(o->head);
    uint64_t tail = LOAD(o->tail);

    while (tail < head && last_seq_of(o, tail, head) <= stored) {
        uint32_t at = LOAD(chunk_at(o, tail)->at);

        tail++;
        RELEASE(o->tail, tail);
        set_taken(o, at, false);
    }
}

/* A chunk with room for `size` bytes at the head of the queue; NULL when all are full. */
static struct outbox_chunk *chunk_for(struct outbox *o, uint32_t size, uint64_t stored)
{
    uint64_t head = LOAD(o->head);
    struct outbox_chunk *c;
    uint32_t at;

    if (head > LOAD(o->tail)) {
        c = chunk_at(o, head - 1);
        if (OUTBOX_CHUNK_BYTES - LOAD(c->used) >= size)
            return c;
    }
    outbox_trim(o, stored);
    at = lowest_free(o);
    if (at == OUTBOX_CHUNKS)
        return NULL;
    c = chunk_at(o, head);
    STORE(c->at, at);
    STORE(c->used, 0);
    STORE(c->first_seq, LOAD(o->next_seq));
    set_taken(o, at, true);
    RELEASE(o->head, head + 1);
    return c;
}

uint64_t outbox_put(struct outbox *o, const void *record, uint32_t len, uint64_t stored)
{
    struct outbox_head head = {OUTBOX_MAGIC, len, LOAD(o->next_seq)};
    struct outbox_chunk *c;
    uint32_t used;
    uint8_t *to;

    must(head.seq > 0); /* outbox_open was called */
    if (len > OUTBOX_RECORD_MAX)
        return 0;
    c = chunk_for(o, (uint32_t)sizeof(head) + len, stored);
    if (c == NULL)
        return 0;
    used = LOAD(c->used);
    to = o->bytes[LOAD(c->at)] + used;
    memcpy(to, &head, sizeof(head));
    memcpy(to + sizeof(head), record, len);
    /* From here on the record exists, whatever happens to this process. */
    RELEASE(c->used, used + (uint32_t)sizeof(head) + len);
    RELEASE(o->next_seq, head.seq + 1);
    return head.seq;
}

uint64_t outbox_last(const struct outbox *o)
{
    uint64_t next = ACQUIRE(o->next_seq);

    return next > 0 ? next - 1 : 0;
}

/* What a reader wants and where it goes. */
struct reading {
    uint64_t next;
    uint8_t *out;
    size_t room;
};

/* The records of one chunk from number `next` on, as many as fit; how many bytes. */
static size_t copy_chunk(const struct outbox *o, const struct outbox_chunk *c, struct reading *r)
{
    const uint64_t from = r->next;
    uint32_t at = LOAD(c->at);
    uint32_t used = ACQUIRE(c->used);
    uint32_t offset = 0;
    size_t copied = 0;
    struct outbox_head head;

    if (at >= OUTBOX_CHUNKS || used > OUTBOX_CHUNK_BYTES)
        return 0;
    while (offset < used) {
        uint32_t size = record_at(o->bytes[at], offset, used, &head);

        if (size == 0 || size > r->room - copied)
            break;
        if (head.seq >= from) {
            memcpy(r->out + copied, o->bytes[at] + offset, size);
            copied += size;
            r->next = head.seq + 1;
        }
        offset += size;
    }
    return copied;
}

size_t outbox_read(const struct outbox *o, uint64_t from, void *out, size_t room, uint64_t *next)
{
    uint64_t head = ACQUIRE(o->head);
    uint64_t tail = ACQUIRE(o->tail);
    uint64_t position = head;
    struct reading r = {from, out, room};
    size_t copied = 0;

    *next = from;
    if (head < tail || head - tail > OUTBOX_CHUNKS)
        return 0;
    /* Backwards: entries below `from` may be taken for new chunks while we look, these may not. */
    while (position > tail) {
        position--;
        if (LOAD(chunk_at_const(o, position)->first_seq) <= from)
            break;
    }
    for (; position < head && copied == 0; position++)
        copied = copy_chunk(o, chunk_at_const(o, position), &r);
    *next = r.next;
    return copied;
}
