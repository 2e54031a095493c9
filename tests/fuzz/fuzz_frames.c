/*
 * Bytes from a record pipe: frames are found, records decoded, nothing is read past the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/aggregator/frames.h"
#include "server/base/base.h"
#include "shm/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct frame *f)
{
    struct record r;

    must(f->len > 0 && f->len <= OUTBOX_RECORD_MAX && f->seq != 0);
    if (record_decode(f->bytes, f->len, &r) == 0)
        must(r.model.len <= RECORD_TEXT_MAX && r.key_name.len <= RECORD_TEXT_MAX);
}

/* Every byte belongs to a frame, to garbage or to the rest: none is lost, none comes twice. */
static void check_all(const uint8_t *data, size_t size)
{
    uint64_t garbage = 0;
    uint64_t framed = 0;
    size_t at = 0;
    struct frame f;

    while (frames_next(data, size, &at, &f, &garbage)) {
        must(f.bytes >= data + sizeof(struct outbox_head) && f.bytes + f.len == data + at);
        framed += sizeof(struct outbox_head) + f.len;
        check_frame(&f);
    }
    must(at <= size && size - at < FRAME_MAX);
    must(garbage + framed == at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly the size, so that the sanitizer sees a byte too many. */
    uint8_t *copy = malloc(size > 0 ? size : 1);

    must(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    check_all(copy, size);
    free(copy);
    return 0;
}
