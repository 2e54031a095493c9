#include "shm/record_primary.h"

#include <string.h>

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

/* Not in the middle of a UTF-8 sequence. */
static size_t cut_len(struct str s)
{
    size_t n = s.len;

    if (n <= RECORD_PRIMARY_TEXT_MAX)
        return n;
    n = RECORD_PRIMARY_TEXT_MAX;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void put_name(uint8_t **at, struct str name)
{
    size_t len = cut_len(name);

    put(at, len, 1);
    memcpy(*at, name.p != NULL ? name.p : "", len);
    *at += len;
}

size_t record_primary_encode(const struct record_primary *p, uint8_t out[RECORD_PRIMARY_MAX])
{
    uint8_t *at = out;

    memcpy(at, p->id, sizeof(p->id));
    at += sizeof(p->id);
    put(&at, p->status, 4);
    put(&at, p->flags, 4);
    put(&at, p->first_byte_us, 8);
    put(&at, p->total_us, 8);
    put(&at, p->tokens_in, 8);
    put(&at, p->tokens_out, 8);
    put(&at, p->cost_nanousd, 8);
    put_name(&at, p->provider);
    put_name(&at, p->model);
    return (size_t)(at - out);
}

static bool take_name(const uint8_t **at, const uint8_t *end, struct str *out)
{
    size_t len;

    if (*at == end)
        return false;
    len = *(*at)++;
    if (len > RECORD_PRIMARY_TEXT_MAX || len > (size_t)(end - *at))
        return false;
    *out = (struct str){(const char *)*at, len};
    *at += len;
    return true;
}

bool record_primary_decode(struct str in, struct record_primary *out)
{
    const uint8_t *at = (const uint8_t *)in.p;
    const uint8_t *end = at + in.len;
    struct record_primary p;

    if (in.len < RECORD_PRIMARY_HEAD)
        return false;
    memcpy(p.id, at, sizeof(p.id));
    at += sizeof(p.id);
    p.status = (uint32_t)get(&at, 4);
    p.flags = (uint32_t)get(&at, 4);
    p.first_byte_us = get(&at, 8);
    p.total_us = get(&at, 8);
    p.tokens_in = get(&at, 8);
    p.tokens_out = get(&at, 8);
    p.cost_nanousd = get(&at, 8);
    if (!take_name(&at, end, &p.provider) || !take_name(&at, end, &p.model) || at != end)
        return false;
    *out = p;
    return true;
}
