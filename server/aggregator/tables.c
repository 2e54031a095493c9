#include "server/aggregator/tables.h"

#include <string.h>

static void put_be(uint8_t *out, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(n >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const uint8_t *in, size_t bytes)
{
    uint64_t n = 0;

    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | in[i];
    return n;
}

void usage_totals_add(struct usage_totals *to, const struct usage_totals *more)
{
    to->requests += more->requests;
    to->failed += more->failed;
    to->streams += more->streams;
    to->no_usage += more->no_usage;
    to->estimated += more->estimated;
    to->tokens.input += more->tokens.input;
    to->tokens.output += more->tokens.output;
    to->tokens.cached += more->tokens.cached;
    to->tokens.reasoning += more->tokens.reasoning;
}

struct usage_totals usage_of_record(const struct record *r)
{
    bool failed = r->status >= 400 || r->fail.len > 0 || (r->flags & RECORD_CLIENT_GONE) != 0;

    return (struct usage_totals){
        .requests = 1,
        .failed = failed,
        .streams = (r->flags & RECORD_STREAM) != 0,
        .no_usage = (r->flags & RECORD_NO_USAGE) != 0,
        .estimated = (r->flags & RECORD_ESTIMATED) != 0,
        .tokens = r->tokens,
    };
}

size_t usage_key_encode(const struct usage_key *k, uint8_t *out)
{
    size_t provider_len = min_u64(k->provider.len, USAGE_PROVIDER_MAX);
    size_t model_len = min_u64(k->model.len, USAGE_MODEL_MAX);

    put_be(out, k->day, 4);
    put_be(out + 4, k->key_id, 8);
    out[12] = (uint8_t)provider_len;
    if (provider_len > 0)
        memcpy(out + 13, k->provider.p, provider_len);
    if (model_len > 0)
        memcpy(out + 13 + provider_len, k->model.p, model_len);
    return 13 + provider_len + model_len;
}

int usage_key_decode(const void *in, size_t len, struct usage_key *out)
{
    const uint8_t *bytes = in;
    size_t provider_len;

    if (len < 13 || len > USAGE_KEY_MAX)
        return -1;
    provider_len = bytes[12];
    if (provider_len > USAGE_PROVIDER_MAX || 13 + provider_len > len)
        return -1;
    out->day = (uint32_t)get_be(bytes, 4);
    out->key_id = get_be(bytes + 4, 8);
    out->provider = (struct str){(const char *)bytes + 13, provider_len};
    out->model = (struct str){(const char *)bytes + 13 + provider_len, len - 13 - provider_len};
    return 0;
}

void seq_key_encode(uint64_t boot_id, uint32_t slot, uint8_t out[SEQ_KEY_BYTES])
{
    put_be(out, boot_id, 8);
    put_be(out + 8, slot, 4);
}

int seq_key_decode(const void *in, size_t len, uint64_t *boot_id, uint32_t *slot)
{
    if (len != SEQ_KEY_BYTES)
        return -1;
    *boot_id = get_be(in, 8);
    *slot = (uint32_t)get_be((const uint8_t *)in + 8, 4);
    return 0;
}

void log_key_encode(uint64_t key, uint8_t out[LOG_KEY_BYTES])
{
    put_be(out, key, LOG_KEY_BYTES);
}

int log_key_decode(const void *in, size_t len, uint64_t *out)
{
    if (len != LOG_KEY_BYTES)
        return -1;
    *out = get_be(in, LOG_KEY_BYTES);
    return 0;
}
