#include "server/aggregator/shadow_sum.h"

#include <string.h>

static bool is_bad(uint32_t status)
{
    return status < 200 || status >= 400;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void add_times(struct shadow_side *s, uint64_t first_byte_us, uint64_t total_us)
{
    s->total_us = total_us;
    s->total[histogram_bucket(total_us)] = 1;
    if (first_byte_us == 0)
        return;
    s->first_byte_us = first_byte_us;
    s->n_first_byte = 1;
    s->first_byte[histogram_bucket(first_byte_us)] = 1;
}

bool shadow_sum_of(const struct record *r, uint32_t day, struct shadow_key *out_key,
                   struct shadow_sum *out)
{
    static const uint8_t nobody[sizeof(r->primary.id)];
    const struct record_primary *p = &r->primary;

    /* A worker that died had no time to say of whom it was a copy. */
    if ((r->flags & RECORD_SHADOW) == 0 || memcmp(p->id, nobody, sizeof(nobody)) == 0)
        return false;
    *out_key = (struct shadow_key){.day = day,
                                   .model = r->asked,
                                   .providers = {p->provider, r->provider},
                                   .models = {p->model, r->model}};
    *out = (struct shadow_sum){
        .version = SHADOW_SUM_VERSION, .requests = 1, .same_status = p->status == r->status};
    out->sides[SHADOW_PRIMARY] =
        (struct shadow_side){.failed = is_bad(p->status),
                             .estimated = (p->flags & RECORD_ESTIMATED) != 0,
                             .unpriced = (p->flags & RECORD_UNPRICED) != 0,
                             .tokens_in = p->tokens_in,
                             .tokens_out = p->tokens_out,
                             .cost_nanousd = p->cost_nanousd};
    out->sides[SHADOW_COPY] = (struct shadow_side){.failed = is_bad(r->status),
                                                   .estimated = (r->flags & RECORD_ESTIMATED) != 0,
                                                   .unpriced = (r->flags & RECORD_UNPRICED) != 0,
                                                   .tokens_in = r->tokens.input,
                                                   .tokens_out = r->tokens.output,
                                                   .cost_nanousd = r->cost_nanousd};
    add_times(&out->sides[SHADOW_PRIMARY], p->first_byte_us, p->total_us);
    add_times(&out->sides[SHADOW_COPY], r->first_byte_us, r->total_us);
    return true;
}

static void add_buckets(uint32_t to[HISTOGRAM_BUCKETS], const uint32_t more[HISTOGRAM_BUCKETS])
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to[i] = to[i] > UINT32_MAX - more[i] ? UINT32_MAX : to[i] + more[i];
}

static void add_side(struct shadow_side *to, const struct shadow_side *more)
{
    to->failed = add(to->failed, more->failed);
    to->estimated = add(to->estimated, more->estimated);
    to->unpriced = add(to->unpriced, more->unpriced);
    to->tokens_in = add(to->tokens_in, more->tokens_in);
    to->tokens_out = add(to->tokens_out, more->tokens_out);
    to->cost_nanousd = add(to->cost_nanousd, more->cost_nanousd);
    to->first_byte_us = add(to->first_byte_us, more->first_byte_us);
    to->total_us = add(to->total_us, more->total_us);
    to->n_first_byte = add(to->n_first_byte, more->n_first_byte);
    add_buckets(to->first_byte, more->first_byte);
    add_buckets(to->total, more->total);
}

void shadow_sum_add(struct shadow_sum *to, const struct shadow_sum *more)
{
    to->version = SHADOW_SUM_VERSION;
    to->requests = add(to->requests, more->requests);
    to->same_status = add(to->same_status, more->same_status);
    for (size_t i = 0; i < SHADOW_SIDES; i++)
        add_side(&to->sides[i], &more->sides[i]);
}

int shadow_sum_decode(const void *in, size_t len, struct shadow_sum *out)
{
    struct shadow_sum s;

    if (len < sizeof(s))
        return -1;
    memcpy(&s, in, sizeof(s));
    if (s.version != SHADOW_SUM_VERSION)
        return -1;
    *out = s;
    return 0;
}

uint64_t shadow_quantile_us(const uint32_t buckets[HISTOGRAM_BUCKETS], uint32_t permille)
{
    uint64_t wide[HISTOGRAM_BUCKETS];

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        wide[i] = buckets[i];
    return histogram_quantile_us(wide, permille);
}

/* --- keys --- */

static uint8_t *put_text(uint8_t *at, struct str text)
{
    size_t len = min_u64(text.len, SHADOW_TEXT_MAX);

    /* not in the middle of a UTF-8 sequence */
    while (len > 0 && len < text.len && ((unsigned char)text.p[len] & 0xc0) == 0x80)
        len--;
    *at++ = (uint8_t)len;
    if (len > 0)
        memcpy(at, text.p, len);
    return at + len;
}

size_t shadow_key_encode(const struct shadow_key *k, uint8_t out[SHADOW_KEY_MAX])
{
    uint8_t *at = out;

    for (int i = 3; i >= 0; i--)
        *at++ = (uint8_t)(k->day >> (8 * i));
    at = put_text(at, k->model);
    for (size_t i = 0; i < SHADOW_SIDES; i++) {
        at = put_text(at, k->providers[i]);
        at = put_text(at, k->models[i]);
    }
    return (size_t)(at - out);
}

static bool take_text(struct str *in, struct str *out)
{
    size_t len;

    if (in->len == 0)
        return false;
    len = (uint8_t)in->p[0];
    *in = str_skip(*in, 1);
    if (len > in->len || len > SHADOW_TEXT_MAX)
        return false;
    *out = (struct str){in->p, len};
    *in = str_skip(*in, len);
    return true;
}

int shadow_key_decode(const void *in, size_t len, struct shadow_key *out)
{
    struct str rest = {in, len};
    struct shadow_key k = {.day = 0};

    if (len < 4)
        return -1;
    for (size_t i = 0; i < 4; i++)
        k.day = k.day << 8 | (uint8_t)rest.p[i];
    rest = str_skip(rest, 4);
    if (!take_text(&rest, &k.model))
        return -1;
    for (size_t i = 0; i < SHADOW_SIDES; i++) {
        if (!take_text(&rest, &k.providers[i]) || !take_text(&rest, &k.models[i]))
            return -1;
    }
    if (rest.len > 0)
        return -1;
    *out = k;
    return 0;
}
