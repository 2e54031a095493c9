#include "shm/prices.h"

#include <stdalign.h>
#include <string.h>

typedef unsigned __int128 u128;

#define TOKENS_TOP (1ull << 50) /* beyond any count; so that the sums below cannot overflow */

static const void *at(const struct price_head *b, uint32_t offset)
{
    return (const uint8_t *)b + offset;
}

static struct str text_of(const struct price_head *b, struct price_text t)
{
    return (struct str){at(b, b->text + t.offset), t.len};
}

static const struct price_entry *row_of(const struct price_head *b, uint32_t index)
{
    return (const struct price_entry *)at(b, b->rows) + index;
}

static const struct price_entry *glob_of(const struct price_head *b, uint32_t index)
{
    return (const struct price_entry *)at(b, b->globs) + index;
}

static const struct price *price_at(const struct price_head *b, uint32_t offset)
{
    return at(b, b->pool + offset);
}

static size_t price_bytes(uint32_t n_tiers)
{
    return offsetof(struct price, tiers) + n_tiers * sizeof(struct price_tier);
}

/* By kind, model, vendor. */
static int compare(const struct price_head *b, const struct price_entry *e, uint32_t kind,
                   struct str model, struct str vendor)
{
    int order;

    if (e->kind != kind)
        return e->kind < kind ? -1 : 1;
    order = str_cmp(text_of(b, e->model), model);
    return order != 0 ? order : str_cmp(text_of(b, e->vendor), vendor);
}

/* --- is it what it should be --- */

static bool array_fits(const struct price_head *b, uint32_t offset, uint32_t n, size_t size)
{
    return offset % alignof(uint64_t) == 0 && offset >= sizeof(*b) && offset <= b->bytes &&
           n <= (b->bytes - offset) / size;
}

static bool text_fits(const struct price_head *b, struct price_text t)
{
    return t.offset <= b->text_bytes && t.len <= b->text_bytes - t.offset &&
           t.len <= PRICE_NAME_MAX;
}

static bool rates_are_sound(const struct price_rates *r)
{
    return r->input <= PRICE_RATE_MAX && r->output <= PRICE_RATE_MAX &&
           r->cached <= PRICE_RATE_MAX && r->written_5m <= PRICE_RATE_MAX &&
           r->written_1h <= PRICE_RATE_MAX && r->reasoning <= PRICE_RATE_MAX &&
           r->audio_in <= PRICE_RATE_MAX && r->audio_out <= PRICE_RATE_MAX &&
           r->image_in <= PRICE_RATE_MAX;
}

static bool tiers_are_sound(const struct price *p)
{
    if (p->tiers[0].service != PRICE_STANDARD || p->tiers[0].from_input != 0)
        return false;
    for (uint32_t i = 0; i < p->n_tiers; i++) {
        const struct price_tier *t = &p->tiers[i];

        if (t->service >= PRICE_SERVICES || !rates_are_sound(&t->rates))
            return false;
        if (i > 0 && (t->service < t[-1].service ||
                      (t->service == t[-1].service && t->from_input <= t[-1].from_input)))
            return false;
        if (i > 0 && t->service != t[-1].service && t->from_input != 0)
            return false;
    }
    return true;
}

bool price_is_sound(const struct price *p)
{
    if (p->n_tiers == 0 || p->n_tiers > PRICE_TIERS_MAX || p->is_known != 1 ||
        p->request_nanousd > PRICE_FEE_MAX || p->search_nanousd > PRICE_FEE_MAX ||
        p->image_nanousd > PRICE_FEE_MAX)
        return false;
    for (size_t i = 0; i < PRICE_SERVICES; i++) {
        if (p->service_permille[i] == 0 || p->service_permille[i] > PRICE_PERMILLE_MAX)
            return false;
    }
    return tiers_are_sound(p);
}

static bool pool_is_sound(const struct price_head *b, uint32_t offset)
{
    const struct price *p;

    if (offset % alignof(struct price) != 0 || offset > b->pool_bytes ||
        b->pool_bytes - offset < offsetof(struct price, tiers))
        return false;
    p = price_at(b, offset);
    return p->n_tiers <= PRICE_TIERS_MAX && b->pool_bytes - offset >= price_bytes(p->n_tiers) &&
           price_is_sound(p);
}

static bool entry_is_sound(const struct price_head *b, const struct price_entry *e, bool is_glob)
{
    return text_fits(b, e->model) && text_fits(b, e->vendor) && pool_is_sound(b, e->price) &&
           (is_glob ? e->kind == PRICE_GLOB : e->kind < PRICE_GLOB);
}

static bool entries_are_sound(const struct price_head *b)
{
    for (uint32_t i = 0; i < b->n_rows; i++) {
        const struct price_entry *e = row_of(b, i);

        if (!entry_is_sound(b, e, false) || (e->kind == PRICE_ROW) != (i < b->n_vendor_rows))
            return false;
        if (i > 0 && compare(b, e - 1, e->kind, text_of(b, e->model), text_of(b, e->vendor)) >= 0)
            return false;
    }
    for (uint32_t i = 0; i < b->n_globs; i++) {
        if (!entry_is_sound(b, glob_of(b, i), true))
            return false;
    }
    return true;
}

bool prices_is_sound(const struct price_head *b, size_t room)
{
    return room >= sizeof(*b) && b->bytes >= sizeof(*b) && b->bytes <= room &&
           b->bytes <= PRICES_BYTES_MAX && b->n_rows <= PRICES_MAX &&
           b->n_vendor_rows <= b->n_rows && b->n_globs <= PRICE_GLOBS_MAX &&
           array_fits(b, b->rows, b->n_rows, sizeof(struct price_entry)) &&
           array_fits(b, b->globs, b->n_globs, sizeof(struct price_entry)) &&
           array_fits(b, b->pool, b->pool_bytes, 1) && array_fits(b, b->text, b->text_bytes, 1) &&
           (b->has_fallback == 0 || pool_is_sound(b, b->fallback)) && entries_are_sound(b);
}

/* --- finding --- */

static const struct price_entry *find_row(const struct price_head *b, enum price_kind kind,
                                          struct str vendor, struct str model)
{
    uint32_t low = kind == PRICE_ROW ? 0 : b->n_vendor_rows;
    uint32_t high = kind == PRICE_ROW ? b->n_vendor_rows : b->n_rows;

    if (model.len == 0)
        return NULL;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(b, row_of(b, middle), kind, model, vendor);

        if (order == 0)
            return row_of(b, middle);
        if (order > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const struct price_entry *find_glob(const struct price_head *b, const struct price_ask *ask)
{
    for (uint32_t i = 0; i < b->n_globs; i++) {
        const struct price_entry *e = glob_of(b, i);

        if (glob_match(text_of(b, e->vendor), ask->provider) &&
            glob_match(text_of(b, e->model), ask->model))
            return e;
    }
    return NULL;
}

static const struct price_entry *find(const struct price_head *b, const struct price_ask *ask)
{
    const struct price_entry *e = find_row(b, PRICE_OVERRIDE, ask->provider, ask->model);

    if (e == NULL)
        e = find_row(b, PRICE_OVERRIDE, ask->provider, ask->known);
    if (e == NULL)
        e = find_glob(b, ask);
    if (e == NULL)
        e = find_row(b, PRICE_OVERRIDE, STR(""), ask->model);
    if (e == NULL)
        e = find_row(b, PRICE_OVERRIDE, STR(""), ask->known);
    if (e == NULL)
        e = find_row(b, PRICE_ROW, ask->vendor, ask->model);
    if (e == NULL)
        e = find_row(b, PRICE_ROW, ask->vendor, ask->known);
    if (e == NULL)
        e = find_row(b, PRICE_ROW, ask->vendor, STR("*"));
    return e;
}

static void copy(const struct price_head *b, uint32_t offset, struct price *out)
{
    const struct price *p = price_at(b, offset);

    memcpy(out, p, price_bytes(p->n_tiers));
}

bool price_find(const struct price_head *b, const struct price_ask *ask, struct price *out)
{
    const struct price_entry *e = NULL;
    struct price_ask tuned = *ask;
    char known[PRICE_NAME_MAX + 4] = "ft:";

    if (str_starts(ask->model, STR("ft:")) && ask->known.len <= PRICE_NAME_MAX &&
        !str_starts(ask->known, STR("ft:"))) {
        tuned.known = (struct str){known, ask->known.len > 0 ? ask->known.len + 3 : 0};
        if (ask->known.len > 0)
            memcpy(known + 3, ask->known.p, ask->known.len);
    }
    if (b != NULL)
        e = find(b, &tuned);
    if (e != NULL) {
        copy(b, e->price, out);
    } else if (b == NULL || !prices_default(b, out)) {
        *out = (struct price){.n_tiers = 1, .service_permille = {1000, 1000, 1000, 1000}};
        return false;
    }
    return true;
}

/* --- looking through --- */

uint32_t prices_n(const struct price_head *b)
{
    return b != NULL ? b->n_rows + b->n_globs : 0;
}

void prices_at(const struct price_head *b, uint32_t index, struct price_view *out)
{
    const struct price_entry *e;

    must(index < prices_n(b));
    e = index < b->n_rows ? row_of(b, index) : glob_of(b, index - b->n_rows);
    *out = (struct price_view){.vendor = text_of(b, e->vendor),
                               .model = text_of(b, e->model),
                               .kind = (enum price_kind)e->kind};
    copy(b, e->price, &out->price);
}

bool prices_default(const struct price_head *b, struct price *out)
{
    if (b == NULL || b->has_fallback == 0)
        return false;
    copy(b, b->fallback, out);
    return true;
}

/* --- the sum --- */

/* The last tier of the service that the request reaches; its own rates need no factor. */
static const struct price_tier *tier_of(const struct price *p, enum price_service service,
                                        uint64_t input, uint32_t *permille)
{
    const struct price_tier *own = NULL;
    const struct price_tier *standard = &p->tiers[0];

    for (uint32_t i = 0; i < p->n_tiers; i++) {
        const struct price_tier *t = &p->tiers[i];

        if (input < t->from_input)
            continue;
        if (t->service == service)
            own = t;
        if (t->service == PRICE_STANDARD)
            standard = t;
    }
    *permille = own != NULL ? 1000 : p->service_permille[service];
    return own != NULL ? own : standard;
}

static uint64_t take(uint64_t *left, uint64_t part)
{
    uint64_t n = min_u64(*left, part);

    *left -= n;
    return n;
}

/* `pico` for the tokens, times the service's factor, with the fees; rounded here and only here. */
static uint64_t sum(u128 pico, uint32_t permille, u128 fees_nano)
{
    const u128 unit = (u128)1000 * PICO_PER_NANO;
    u128 nano = (pico * permille + unit / 2) / unit + fees_nano;

    return nano < UINT64_MAX ? (uint64_t)nano : UINT64_MAX;
}

uint64_t price_cost(const struct price *p, const struct price_usage *u)
{
    uint64_t in = u->tokens.input;
    uint64_t out = u->tokens.output;
    const struct price_rates *r;
    uint32_t permille;
    u128 pico = 0;

    must(p->n_tiers >= 1 && p->n_tiers <= PRICE_TIERS_MAX && u->service < PRICE_SERVICES);
    if (in > TOKENS_TOP || out > TOKENS_TOP)
        return UINT64_MAX;
    r = &tier_of(p, u->service, in, &permille)->rates;
    pico += (u128)take(&in, u->details.written_1h) * r->written_1h;
    pico += (u128)take(&in, u->details.written_5m) * r->written_5m;
    pico += (u128)take(&in, u->tokens.cached) * r->cached;
    pico += (u128)take(&in, u->details.audio_in) * r->audio_in;
    pico += (u128)in * r->input;
    pico += (u128)take(&out, u->details.audio_out) * r->audio_out;
    pico += (u128)take(&out, u->tokens.reasoning) * r->reasoning;
    pico += (u128)out * r->output;
    return sum(pico, permille, (u128)u->details.searches * p->search_nanousd + p->request_nanousd);
}

static uint64_t dearest_in(const struct price_rates *r)
{
    return max_u64(max_u64(max_u64(r->input, r->cached), max_u64(r->written_5m, r->written_1h)),
                   r->audio_in);
}

static uint64_t dearest_out(const struct price_rates *r)
{
    return max_u64(max_u64(r->output, r->reasoning), r->audio_out);
}

uint64_t price_most_at(const struct price *p, enum price_service service, uint64_t input,
                       uint64_t output)
{
    const struct price_rates *r;
    uint32_t permille;

    must(p->n_tiers >= 1 && p->n_tiers <= PRICE_TIERS_MAX && service < PRICE_SERVICES);
    if (input > TOKENS_TOP || output > TOKENS_TOP)
        return UINT64_MAX;
    r = &tier_of(p, service, input, &permille)->rates;
    return sum((u128)input * dearest_in(r) + (u128)output * dearest_out(r), permille,
               p->request_nanousd);
}

uint64_t price_most(const struct price *p, uint64_t input, uint64_t output)
{
    return price_most_at(p, PRICE_STANDARD, input, output);
}
