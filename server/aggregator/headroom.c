#include "server/aggregator/headroom.h"

#include <math.h>

/* Debt has an end: a burst must not shut a route for longer than its window. */
#define DEBT_MOST 1.0

static void flow(struct bucket *b, uint64_t at_ms)
{
    if (at_ms <= b->at_ms)
        return;
    b->left = fmin(b->most, b->left + b->per_ms * (double)(at_ms - b->at_ms));
    b->at_ms = at_ms;
}

static void tell(struct bucket *b, const struct sample_headroom *told, uint32_t reset_ds,
                 uint64_t at_ms)
{
    double missing = (double)told->most - told->left;

    if (told->most == 0 || at_ms < b->at_ms)
        return;
    *b = (struct bucket){.left = told->left, .most = told->most, .at_ms = at_ms};
    b->per_ms = reset_ds > 0 ? fmax(missing, 1) / (reset_ds * 100.0) : b->most / HEADROOM_MINUTE_MS;
}

void headroom_told(struct headroom *h, const struct sample *s, uint64_t at_ms)
{
    if ((s->flags & SAMPLE_REQUESTS_TOLD) != 0)
        tell(&h->requests, &s->requests, s->requests_reset_ds, at_ms);
    if ((s->flags & SAMPLE_TOKENS_TOLD) != 0)
        tell(&h->tokens, &s->tokens, s->tokens_reset_ds, at_ms);
}

static void declare(struct bucket *b, uint64_t amount, uint64_t per_ms)
{
    double used = b->most - b->left;

    if (amount == 0 || per_ms == 0) {
        *b = (struct bucket){.most = 0};
        return;
    }
    b->most = (double)amount;
    b->left = b->most - used;
    b->per_ms = b->most / (double)per_ms;
}

void headroom_declare(struct headroom *h, const struct headroom_capacity *c)
{
    declare(&h->requests, c->requests, c->requests_ms);
    declare(&h->tokens, c->tokens, c->tokens_ms);
}

static void use(struct bucket *b, double amount, uint64_t at_ms)
{
    if (b->most <= 0)
        return;
    flow(b, at_ms);
    b->left = fmax(b->left - amount, -DEBT_MOST * b->most);
}

void headroom_use(struct headroom *h, const struct sample *s, uint64_t at_ms)
{
    use(&h->requests, 1, at_ms);
    use(&h->tokens, (double)s->tokens_in + (double)s->tokens_out, at_ms);
}

bool headroom_is_known(const struct headroom *h)
{
    return h->requests.most > 0 || h->tokens.most > 0;
}

static double share_of(struct bucket b, uint64_t now_ms)
{
    if (b.most <= 0)
        return 1;
    flow(&b, now_ms);
    return fmax(b.left, 0) / b.most;
}

double headroom_share(const struct headroom *h, uint64_t now_ms)
{
    return fmin(share_of(h->requests, now_ms), share_of(h->tokens, now_ms));
}

double headroom_factor(double share)
{
    return fmin(fmax(share / HEADROOM_FREE, HEADROOM_FLOOR), 1);
}
