/*
 * What providers answer: the first byte says whether HEAD was asked (bit 0) and whether the peer
 * then closes (bit 1). However the bytes are cut into reads, the same lines, the same body and the
 * same end come out, and an answer's own bytes account for all that it took.
 */
#include <string.h>

#include "server/base/base.h"
#include "server/worker/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum framing_event end;
    uint64_t n_lines, body_bytes, sum, used;
    uint32_t n_heads;
    bool is_reusable;
};

/* Sums that depend on the order of bytes and not on how they came. */
static void add(struct outcome *o, enum framing_event event, struct str piece)
{
    if (event == FRAMING_LINE) {
        must(o->n_heads == 0);
        o->n_lines++;
        o->sum = o->sum * 31 + piece.len;
    }
    if (event == FRAMING_HEAD)
        o->n_heads++;
    if (event == FRAMING_BODY) {
        must(o->n_heads == 1 && piece.len > 0);
        o->body_bytes += piece.len;
    }
    for (size_t i = 0; i < piece.len; i++)
        o->sum = o->sum * 131 + (uint8_t)piece.p[i];
}

static struct outcome read_all(struct str bytes, uint8_t how, size_t step)
{
    struct framing f = {0};
    struct outcome o = {.end = FRAMING_MORE};
    size_t at = 0;

    framing_begin(&f, (how & 1) != 0);
    while (at < bytes.len && o.end == FRAMING_MORE) {
        struct str in = {bytes.p + at, min_u64(step, bytes.len - at)};
        size_t len = in.len;

        do {
            const char *from = in.p;
            struct str piece = STR_NONE;

            o.end = framing_next(&f, &in, &piece);
            must(in.p >= from && in.p + in.len == bytes.p + at + len);
            if (o.end == FRAMING_LINE || o.end == FRAMING_HEAD || o.end == FRAMING_BODY)
                add(&o, o.end, o.end == FRAMING_HEAD ? STR_NONE : piece);
        } while (o.end == FRAMING_LINE || o.end == FRAMING_HEAD || o.end == FRAMING_BODY);
        must(o.end != FRAMING_MORE || in.len == 0);
        at += len - in.len;
    }
    /* The end is told when somebody asks: the last byte of a read may have been the last of all. */
    if (o.end == FRAMING_MORE && framing_is_whole(&f))
        o.end = FRAMING_END;
    if (o.end == FRAMING_MORE && (how & 2) != 0)
        o.end = framing_eof(&f);
    must(o.end != FRAMING_BAD || f.why != NULL);
    must(o.end != FRAMING_END || (o.n_heads == 1 && framing_is_whole(&f)));
    must(o.n_lines <= FRAMING_LINES_MAX + 1 && f.partial.len <= FRAMING_HEAD_MAX);
    o.used = o.end == FRAMING_END ? at : 0;
    o.is_reusable = o.end == FRAMING_END && framing_is_reusable(&f);
    framing_fini(&f);
    return o;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->end == b->end && a->n_lines == b->n_lines && a->body_bytes == b->body_bytes &&
           a->sum == b->sum && a->used == b->used && a->n_heads == b->n_heads &&
           a->is_reusable == b->is_reusable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 7, 61};

    if (size == 0)
        return 0;
    struct str bytes = {(const char *)data + 1, size - 1};
    struct outcome at_once = read_all(bytes, data[0], SIZE_MAX);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct outcome in_bits = read_all(bytes, data[0], steps[i]);
        must(same(&at_once, &in_bits));
    }
    return 0;
}
