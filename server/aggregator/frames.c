#include "server/aggregator/frames.h"

#include <string.h>

static bool head_is_sound(const struct outbox_head *head)
{
    return head->magic == OUTBOX_MAGIC && head->len > 0 && head->len <= OUTBOX_RECORD_MAX &&
           head->seq != 0;
}

/* Where the magic's first byte comes again: the earliest place where a frame can begin. */
static size_t skip_garbage(const uint8_t *bytes, size_t len, size_t at)
{
    const uint32_t magic = OUTBOX_MAGIC;
    const uint8_t *found = NULL;

    if (at + 1 < len)
        found = memchr(bytes + at + 1, ((const uint8_t *)&magic)[0], len - at - 1);
    return found != NULL ? (size_t)(found - bytes) : len;
}

bool frames_next(const uint8_t *bytes, size_t len, size_t *at, struct frame *out, uint64_t *garbage)
{
    while (len - *at >= sizeof(struct outbox_head)) {
        struct outbox_head head;
        size_t next;

        memcpy(&head, bytes + *at, sizeof(head));
        if (head_is_sound(&head)) {
            if (len - *at - sizeof(head) < head.len)
                return false;
            *out = (struct frame){head.seq, bytes + *at + sizeof(head), head.len};
            *at += sizeof(head) + head.len;
            return true;
        }
        next = skip_garbage(bytes, len, *at);
        *garbage += next - *at;
        *at = next;
    }
    return false;
}
