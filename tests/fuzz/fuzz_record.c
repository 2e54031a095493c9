/* A usage record of any bytes: refused, or the same after it was encoded and decoded again. */
#include <string.h>

#include "shm/outbox.h"
#include "shm/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct str s, const uint8_t *data, size_t size)
{
    must(s.len == 0 || ((const uint8_t *)s.p >= data && s.len <= RECORD_TEXT_MAX));
    must(s.len == 0 || (const uint8_t *)s.p + s.len <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[OUTBOX_RECORD_MAX];
    uint8_t again[OUTBOX_RECORD_MAX];
    struct record r;
    struct record copy;
    size_t len;

    if (record_decode(data, size, &r) != 0)
        return 0;
    check_text(r.key_name, data, size);
    check_text(r.provider, data, size);
    check_text(r.provider_key, data, size);
    check_text(r.model, data, size);
    check_text(r.asked, data, size);
    check_text(r.endpoint, data, size);
    check_text(r.fail, data, size);
    must(r.n_trail <= RECORD_ATTEMPTS_MAX);
    for (uint32_t i = 0; i < r.n_trail; i++) {
        check_text(r.trail[i].provider, data, size);
        check_text(r.trail[i].provider_key, data, size);
        check_text(r.trail[i].model, data, size);
    }
    len = record_encode(&r, bytes, sizeof(bytes));
    must(len > 0);
    must(record_decode(bytes, len, &copy) == 0);
    must(record_encode(&copy, again, sizeof(again)) == len);
    must(memcmp(bytes, again, len) == 0);
    return 0;
}
