/*
 * What clients send first: an HTTP/1 head and its chunked body, or HTTP/2 frames. The verdict must
 * be the same wherever the bytes are cut into reads, and offsets stay inside them.
 */
#include <string.h>

#include "server/base/base.h"
#include "server/worker/http_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void body_is_sound(struct str rest)
{
    struct http_guard_chunks at_once = {0}, in_bits = {0};
    size_t used;
    size_t sum = 0;
    enum http_guard_result r = http_guard_chunks(&at_once, rest, &used);

    must(used <= rest.len && at_once.decoded <= used);
    for (size_t i = 0; i < used; i++) {
        size_t one;
        enum http_guard_result bit = http_guard_chunks(&in_bits, (struct str){rest.p + i, 1}, &one);
        must((bit == GUARD_MORE) == (i + 1 < used || r == GUARD_MORE));
        sum += one;
    }
    must(sum == used && in_bits.decoded == at_once.decoded);
}

static void head_is_sound(struct str bytes)
{
    struct http_guard_head at_once = {0}, in_bits = {0};
    const char *why = NULL;
    enum http_guard_result r = http_guard_head(&at_once, bytes, &why);
    enum http_guard_result bit = GUARD_MORE;

    must((r != GUARD_BAD && r != GUARD_TOO_LARGE) || why != NULL);
    for (size_t n = 1; n <= bytes.len && bit == GUARD_MORE; n++)
        bit = http_guard_head(&in_bits, (struct str){bytes.p, n}, &why);
    must(bit == r || bytes.len == 0);
    if (r != GUARD_OK)
        return;
    must(at_once.len <= bytes.len && at_once.len <= GUARD_HEAD_MAX);
    must(at_once.expect_at + at_once.expect_len <= at_once.len);
    must(at_once.n_headers <= GUARD_HEADERS_MAX);
    if (at_once.body == GUARD_BODY_CHUNKED)
        body_is_sound(str_skip(bytes, at_once.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_guard_limits limits = {1000, 100, 1000, 1000};
    static struct http_guard_frames frames;
    struct str bytes = {(const char *)data, size};
    const char *why = NULL;

    if (size > 0) /* whole, for the reads are what is cut */
        head_is_sound(bytes);
    memset(&frames, 0, sizeof(frames));
    (void)http_guard_frames(&frames, &limits, bytes, 1000, &why);
    must(frames.n_open <= GUARD_OPEN_MAX && frames.held <= size);
    return 0;
}
