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

/* Behind the virtual key: no version 1 key has it there, where the provider's length was. */
#define KEY_HAS_OWNERS 0xff
/* Before the numbers of a value: no version 1 value begins so, as it counted requests there. */
#define VALUE_MARK (0xbf02ull << 48)
#define VALUE_MARK_MASK (0xffffull << 48)
#define VERSION_1_NUMBERS 9

void usage_totals_add(struct usage_totals *to, const struct usage_totals *more)
{
    uint64_t sum[USAGE_NUMBERS];
    uint64_t add[USAGE_NUMBERS];

    memcpy(sum, to, sizeof(sum));
    memcpy(add, more, sizeof(add));
    for (size_t i = 0; i < USAGE_NUMBERS; i++)
        sum[i] += add[i];
    memcpy(to, sum, sizeof(sum));
}

struct usage_totals usage_of_record(const struct record *r)
{
    bool is_estimated = (r->flags & RECORD_ESTIMATED) != 0;
    bool failed = r->status >= 400 || r->fail.len > 0 || (r->flags & RECORD_CLIENT_GONE) != 0;

    return (struct usage_totals){
        .requests = 1,
        .failed = failed,
        .streams = (r->flags & RECORD_STREAM) != 0,
        .no_usage = (r->flags & RECORD_NO_USAGE) != 0,
        .estimated = is_estimated,
        .tokens = r->tokens,
        .details = r->details,
        .cost_nanousd = r->cost_nanousd,
        .estimated_nanousd = is_estimated ? r->cost_nanousd : 0,
        .unpriced = (r->flags & RECORD_UNPRICED) != 0,
    };
}

static uint8_t *put_text(uint8_t *out, struct str text, size_t len)
{
    if (len > 0)
        memcpy(out, text.p, len);
    return out + len;
}

/* Who has neither team nor customer has the key of version 1, which is also shorter. */
size_t usage_key_encode(const struct usage_key *k, uint8_t *out)
{
    size_t provider_len = min_u64(k->provider.len, USAGE_PROVIDER_MAX);
    uint8_t *at = out + 12;

    put_be(out, k->day, 4);
    put_be(out + 4, k->key_id, 8);
    if (k->team_id != 0 || k->customer_id != 0) {
        *at++ = KEY_HAS_OWNERS;
        put_be(at, k->team_id, 8);
        put_be(at + 8, k->customer_id, 8);
        at += 16;
    }
    *at++ = (uint8_t)provider_len;
    at = put_text(at, k->provider, provider_len);
    at = put_text(at, k->model, min_u64(k->model.len, USAGE_MODEL_MAX));
    return (size_t)(at - out);
}

int usage_key_decode(const void *in, size_t len, struct usage_key *out)
{
    const uint8_t *bytes = in;
    struct usage_key k = {.day = 0};
    size_t at = 12;
    size_t provider_len;

    if (len < 13 || len > USAGE_KEY_MAX)
        return -1;
    k.day = (uint32_t)get_be(bytes, 4);
    k.key_id = get_be(bytes + 4, 8);
    if (bytes[at] == KEY_HAS_OWNERS) {
        if (len < 30)
            return -1;
        k.team_id = get_be(bytes + 13, 8);
        k.customer_id = get_be(bytes + 21, 8);
        at = 29;
    }
    provider_len = bytes[at++];
    if (provider_len > USAGE_PROVIDER_MAX || provider_len > len - at)
        return -1;
    k.provider = (struct str){(const char *)bytes + at, provider_len};
    at += provider_len;
    k.model = (struct str){(const char *)bytes + at, len - at};
    *out = k;
    return 0;
}

size_t usage_value_encode(const struct usage_totals *t, struct str name, uint8_t *out)
{
    uint64_t head = VALUE_MARK | USAGE_NUMBERS;
    size_t name_len = min_u64(name.len, USAGE_NAME_MAX);

    memcpy(out, &head, 8);
    memcpy(out + 8, t, sizeof(*t));
    (void)put_text(out + 8 + sizeof(*t), name, name_len);
    return 8 + sizeof(*t) + name_len;
}

int usage_value_decode(const void *in, size_t len, struct usage_totals *out, struct str *out_name)
{
    const char *bytes = in;
    size_t at = 0;
    uint64_t n = VERSION_1_NUMBERS;
    uint64_t head;

    if (len < 8)
        return -1;
    memcpy(&head, bytes, 8);
    if ((head & VALUE_MARK_MASK) == VALUE_MARK) {
        n = head & ~VALUE_MARK_MASK;
        at = 8;
    }
    if (n > (len - at) / 8)
        return -1;
    *out = (struct usage_totals){.requests = 0};
    memcpy(out, bytes + at, min_u64(8 * n, sizeof(*out)));
    at += 8 * n;
    *out_name = (struct str){bytes + at, min_u64(len - at, USAGE_NAME_MAX)};
    return 0;
}

void account_key_encode(struct booking key, uint8_t out[ACCOUNT_KEY_BYTES])
{
    put_be(out, key.account, 8);
    put_be(out + 8, key.window, 4);
}

int account_key_decode(const void *in, size_t len, struct booking *out)
{
    if (len != ACCOUNT_KEY_BYTES)
        return -1;
    *out = (struct booking){get_be(in, 8), (uint32_t)get_be((const uint8_t *)in + 8, 4)};
    return 0;
}

int account_sum_decode(const void *in, size_t len, struct account_sum *out)
{
    if (len < sizeof(*out))
        return -1;
    memcpy(out, in, sizeof(*out));
    return out->version >= 1 && out->forgotten <= out->nanousd ? 0 : -1;
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
