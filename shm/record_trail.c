#include "shm/record_trail.h"

#include <string.h>

#define OWN 0xff /* in the place of a length: the record's own name */

/* Anywhere to point to: the name will be the record's own. */
static const char own_mark[1];

static void put(uint8_t **at, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        (*at)[i] = (uint8_t)(n >> (8 * (bytes - 1 - i)));
    *at += bytes;
}

static uint64_t get(const uint8_t **at, size_t bytes)
{
    uint64_t n = 0;

    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | (*at)[i];
    *at += bytes;
    return n;
}

static void put_us(uint8_t **at, uint64_t us)
{
    put(at, min_u64(us, (1ull << 40) - 1), 5);
}

/* Not in the middle of a UTF-8 sequence. */
static size_t cut_len(struct str s)
{
    size_t n = s.len;

    if (n <= RECORD_TRAIL_TEXT_MAX)
        return n;
    n = RECORD_TRAIL_TEXT_MAX;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void put_name(uint8_t **at, struct str name, struct str own)
{
    size_t len = cut_len(name);

    if (str_eq(name, own)) {
        put(at, OWN, 1);
        return;
    }
    put(at, len, 1);
    memcpy(*at, name.p != NULL ? name.p : "", len);
    *at += len;
}

size_t record_trail_encode(const struct record *r, uint8_t out[RECORD_TRAIL_MAX])
{
    uint8_t *at = out;

    must(r->n_trail <= RECORD_ATTEMPTS_MAX);
    for (uint32_t i = 0; i < r->n_trail; i++) {
        const struct record_attempt *a = &r->trail[i];

        put(&at, a->reason, 1);
        put(&at, a->flags, 1);
        put(&at, a->status, 2);
        put_us(&at, a->begun_us);
        put_us(&at, a->first_byte_us);
        put_us(&at, a->total_us);
        put_name(&at, a->provider, r->provider);
        put_name(&at, a->provider_key, r->provider_key);
        put_name(&at, a->model, r->model);
    }
    return (size_t)(at - out);
}

static bool take_name(const uint8_t **at, const uint8_t *end, struct str *out)
{
    size_t len;

    if (*at == end)
        return false;
    len = *(*at)++;
    if (len == OWN) {
        *out = (struct str){own_mark, 0};
        return true;
    }
    if (len > RECORD_TRAIL_TEXT_MAX || len > (size_t)(end - *at))
        return false;
    *out = (struct str){(const char *)*at, len};
    *at += len;
    return true;
}

bool record_trail_decode(struct str in, struct record *out)
{
    const uint8_t *at = (const uint8_t *)in.p;
    const uint8_t *end = at + in.len;
    uint32_t n = 0;

    while (at != end) {
        struct record_attempt *a = &out->trail[n];

        if (n == RECORD_ATTEMPTS_MAX || (size_t)(end - at) < RECORD_TRAIL_HEAD)
            return false;
        a->reason = (uint32_t)get(&at, 1);
        a->flags = (uint32_t)get(&at, 1);
        a->status = (uint32_t)get(&at, 2);
        a->begun_us = get(&at, 5);
        a->first_byte_us = get(&at, 5);
        a->total_us = get(&at, 5);
        if (!take_name(&at, end, &a->provider) || !take_name(&at, end, &a->provider_key) ||
            !take_name(&at, end, &a->model))
            return false;
        n++;
    }
    out->n_trail = n;
    return true;
}

static void own(struct str *name, struct str of_record)
{
    if (name->p == own_mark)
        *name = of_record;
}

void record_trail_finish(struct record *r)
{
    for (uint32_t i = 0; i < r->n_trail; i++) {
        own(&r->trail[i].provider, r->provider);
        own(&r->trail[i].provider_key, r->provider_key);
        own(&r->trail[i].model, r->model);
    }
}
