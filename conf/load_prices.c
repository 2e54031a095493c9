/* `prices:` and what goes with it: from the file itself or from one of its own. */
#include "conf/load.h"

#include <string.h>

#include "conf/price.h"
#include "conf/values.h"

#define TIERS_OF_ONE 3 /* of the standard price or a service, beside its first */
#define RATE_DIGITS 6
#define FEE_DIGITS 9
#define TOKENS_MAX 1000000000000ull
#define RATE_HELP                                                                                  \
    "dollars per million tokens such as 2.50 (0 to 1000000, at most six digits behind the point)"
#define FEE_HELP "dollars such as 0.01 (0 to 1000, at most nine digits behind the point)"

const char *const conf_class_names[CONF_CLASSES] = {"input",       "output",         "cached",
                                                    "cache_write", "cache_write_1h", "reasoning",
                                                    "audio_input", "audio_output",   "image_input"};
const char *const conf_service_names[CONF_SERVICES] = {"standard", "batch", "priority", "flex"};
const char *const conf_fee_names[CONF_FEES] = {"request", "search", "image"};

/* What an entry says, before it is worked out. `rates` is first: one setter for all three. */
struct raw_tier {
    struct conf_rates rates;
    uint64_t above;
};

struct raw_service {
    struct conf_rates rates;
    struct raw_tier tiers[TIERS_OF_ONE];
    size_t n_tiers;
    uint32_t permille;
    bool is_told; /* with rates of its own */
};

struct raw_price {
    struct raw_service services[CONF_SERVICES]; /* the first one: the entry itself */
    struct conf_price price;
};

/* --- figures --- */

static void set_rate(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_rates *r = object;
    struct str text;
    uint64_t value;

    if (!load_text(l, at, &text, NULL))
        return;
    if (!value_decimal(text, RATE_DIGITS, CONF_RATE_MAX, &value)) {
        load_must_be(l, at, RATE_HELP);
        return;
    }
    r->rate[key->offset] = value;
    r->told |= 1u << key->offset;
}

static void set_fee(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct raw_price *raw = object;
    struct str text;

    if (load_text(l, at, &text, NULL) &&
        !value_decimal(text, FEE_DIGITS, CONF_FEE_MAX, &raw->price.fees[key->offset]))
        load_must_be(l, at, FEE_HELP);
}

#define RATE_KEYS(required)                                                                        \
    {"input", "price", set_rate, CONF_INPUT, 0, 0, required},                                      \
        {"output", "price", set_rate, CONF_OUTPUT, 0, 0, required},                                \
        {"cached", "price", set_rate, CONF_CACHED, 0, 0, false},                                   \
        {"cache_write", "price", set_rate, CONF_WRITTEN_5M, 0, 0, false},                          \
        {"cache_write_1h", "price", set_rate, CONF_WRITTEN_1H, 0, 0, false},                       \
        {"reasoning", "price", set_rate, CONF_REASONING, 0, 0, false},                             \
        {"audio_input", "price", set_rate, CONF_AUDIO_IN, 0, 0, false},                            \
        {"audio_output", "price", set_rate, CONF_AUDIO_OUT, 0, 0, false},                          \
    {                                                                                              \
        "image_input", "price", set_rate, CONF_IMAGE_IN, 0, 0, false                               \
    }

/* --- tiers and services --- */

static const struct load_key tier_keys[] = {
    {"above", "whole number", load_set_u64, offsetof(struct raw_tier, above), 1, TOKENS_MAX, true},
    RATE_KEYS(false),
};
const struct load_table table_price_tier = {"prices.<name>.tiers[]", tier_keys,
                                            ARRAY_LEN(tier_keys)};

static void set_tiers(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct raw_service *s = object;
    size_t index = 0;

    (void)key;
    if (!load_is_type(l, at, NODE_SEQUENCE, "a list such as [{ above: 200000, input: 6 }]"))
        return;
    if (at->node->n > TIERS_OF_ONE) {
        load_fail(l, at, "must have at most %d items, has %u", TIERS_OF_ONE, at->node->n);
        return;
    }
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct raw_tier *t = &s->tiers[s->n_tiers++];

        load_object(l, &down, &table_price_tier, t);
        if (s->n_tiers > 1 && t->above <= t[-1].above)
            load_fail(l, &down, "must begin above the one before it");
    }
}

static const struct load_key service_keys[] = {
    RATE_KEYS(false),
    {"tiers", "list of mappings", set_tiers, 0, 0, 0, false},
};
const struct load_table table_price_service = {"prices.<name>.<service>", service_keys,
                                               ARRAY_LEN(service_keys)};

static void set_service(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    struct raw_service *s = &((struct raw_price *)object)->services[key->offset];
    struct str text;
    uint64_t permille;

    if (at->node->type == NODE_MAPPING) {
        s->is_told = true;
        load_object(l, at, &table_price_service, s);
        return;
    }
    if (!load_text(l, at, &text, NULL))
        return;
    if (value_thousandths(text, &permille) && permille >= 1 && permille <= CONF_PERMILLE_MAX)
        s->permille = (uint32_t)permille;
    else
        load_must_be(l, at,
                     "prices of its own, or their share of the others such as 0.5 or 1.75 "
                     "(0.001 to 100)");
}

/* --- an entry --- */

static bool is_known_vendor(const struct load *l, struct str name)
{
    for (size_t i = 0; i < l->vendors->n; i++) {
        if (str_eq(name, str_of(l->vendors->items[i].name)))
            return true;
    }
    return false;
}

static void no_vendor(struct load *l, const struct load_at *at, struct str name)
{
    const char *names[128];
    const char *nearest;
    size_t n = 0;

    for (; n < l->vendors->n && n < ARRAY_LEN(names); n++)
        names[n] = l->vendors->items[n].name;
    nearest = str_nearest(name, names, n);
    if (nearest != NULL)
        load_fail(l, at, "names no vendor: %s, did you mean \"%s\"?",
                  findings_quote(l->findings, name), nearest);
    else
        load_fail(l, at, "names no vendor: %s", findings_quote(l->findings, name));
}

/* `vendors` and `also`: what stands before the slash, or all of it, is a vendor. */
static void set_vendors(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    bool with_id = key->offset == offsetof(struct raw_price, price.also);
    const char *const *texts;
    size_t n;

    load_set_texts(l, at, key, object);
    texts = *(const char *const **)(void *)((char *)object + key->offset);
    n = *(size_t *)(void *)((char *)object + key->offset + sizeof(texts));
    for (size_t i = 0; i < n; i++) {
        struct str text = str_of(texts[i]);
        ptrdiff_t slash = with_id ? str_index(text, '/') : (ptrdiff_t)text.len;

        must(text.p != NULL);
        if (slash <= 0 || (with_id && (size_t)slash + 1 == text.len))
            load_fail(l, at, "must be written vendor/id, is %s", findings_quote(l->findings, text));
        else if (!is_known_vendor(l, (struct str){text.p, (size_t)slash}))
            no_vendor(l, at, (struct str){text.p, (size_t)slash});
    }
}

static void set_checked(struct load *l, const struct load_at *at, const struct load_key *key,
                        void *object)
{
    bool checked = true;

    load_set_bool(l, at, &(struct load_key){.name = key->name}, &checked);
    ((struct raw_price *)object)->price.is_unchecked = !checked;
}

#define PRICE(member) offsetof(struct raw_price, price.member)
static const struct load_key price_keys[] = {
    RATE_KEYS(true),
    {"tiers", "list of mappings", set_tiers, 0, 0, 0, false},
    {"batch", "share or mapping", set_service, CONF_BATCH, 0, 0, false},
    {"priority", "share or mapping", set_service, CONF_PRIORITY, 0, 0, false},
    {"flex", "share or mapping", set_service, CONF_FLEX, 0, 0, false},
    {"request", "money", set_fee, CONF_FEE_REQUEST, 0, 0, false},
    {"search", "money", set_fee, CONF_FEE_SEARCH, 0, 0, false},
    {"image", "money", set_fee, CONF_FEE_IMAGE, 0, 0, false},
    {"vendors", "list of vendors", set_vendors, PRICE(vendors), 0, 0, false},
    {"also", "list of vendor/id", set_vendors, PRICE(also), 0, 0, false},
    {"source", "text", load_set_text, PRICE(source), 0, 0, false},
    {"date", "date", load_set_date, PRICE(date), 0, 0, false},
    {"checked", "true or false", set_checked, 0, 0, 0, false},
};
const struct load_table table_price = {"prices.<name>", price_keys, ARRAY_LEN(price_keys)};
static_assert(offsetof(struct raw_price, services) == 0 &&
                  offsetof(struct raw_service, rates) == 0 && offsetof(struct raw_tier, rates) == 0,
              "set_rate and set_tiers write to all of them");
static_assert(offsetof(struct conf_price, n_vendors) ==
                      offsetof(struct conf_price, vendors) + sizeof(char **) &&
                  offsetof(struct conf_price, n_also) ==
                      offsetof(struct conf_price, also) + sizeof(char **),
              "load_set_texts");

/* What `own` says, and the rest from `below`. */
static struct conf_rates over(const struct conf_rates *below, const struct conf_rates *own)
{
    struct conf_rates out = *own;

    for (size_t i = 0; i < CONF_CLASSES; i++) {
        if ((own->told & (1u << i)) == 0)
            out.rate[i] = below->rate[i];
    }
    out.told = own->told | below->told;
    return out;
}

/* What nobody has told costs what it is a part of. */
static void complete(struct conf_rates *r)
{
    static const uint8_t part_of[CONF_CLASSES] = {
        [CONF_CACHED] = CONF_INPUT,          [CONF_WRITTEN_5M] = CONF_INPUT,
        [CONF_WRITTEN_1H] = CONF_WRITTEN_5M, /* which comes before it */
        [CONF_REASONING] = CONF_OUTPUT,      [CONF_AUDIO_IN] = CONF_INPUT,
        [CONF_AUDIO_OUT] = CONF_OUTPUT,      [CONF_IMAGE_IN] = CONF_INPUT,
    };

    for (size_t i = CONF_CACHED; i < CONF_CLASSES; i++) {
        if ((r->told & (1u << i)) == 0)
            r->rate[i] = r->rate[part_of[i]];
    }
}

static void add_tier(struct conf_price *p, const struct conf_rates *below,
                     const struct conf_price_tier *tier)
{
    struct conf_price_tier *t = &p->tiers[p->n_tiers++];

    *t = *tier;
    t->rates = over(below, &tier->rates);
    complete(&t->rates);
    t->rates.told = tier->rates.told;
}

static void add_service(struct conf_price *p, const struct conf_rates *base, uint32_t service,
                        const struct raw_service *s)
{
    struct conf_rates own = over(base, &s->rates);

    add_tier(p, base,
             &(struct conf_price_tier){.always = true, .service = service, .rates = s->rates});
    for (size_t i = 0; i < s->n_tiers; i++)
        add_tier(p, &own,
                 &(struct conf_price_tier){s->tiers[i].above, false, service, s->tiers[i].rates});
}

static void work_out(struct load *l, const struct load_at *at, struct raw_price *raw,
                     struct conf_price *out)
{
    size_t n = 1 + raw->services[CONF_STANDARD].n_tiers;

    *out = raw->price;
    for (uint32_t i = CONF_BATCH; i < CONF_SERVICES; i++) {
        out->permille[i] = raw->services[i].permille;
        n += raw->services[i].is_told ? 1 + raw->services[i].n_tiers : 0;
    }
    if (n > CONF_PRICE_TIERS_MAX)
        load_fail(l, at, "must have at most %d tiers, those of its services included",
                  CONF_PRICE_TIERS_MAX);
    out->tiers = arena_zalloc(l->arena, n * sizeof(*out->tiers));
    for (uint32_t i = 0; i < CONF_SERVICES; i++) {
        if (i == CONF_STANDARD || raw->services[i].is_told)
            add_service(out, &raw->services[CONF_STANDARD].rates, i, &raw->services[i]);
    }
}

static void load_price(struct load *l, const struct load_at *at, struct conf_price *out)
{
    struct raw_price *raw = arena_zalloc(l->arena, sizeof(*raw));

    load_object(l, at, &table_price, raw);
    work_out(l, at, raw, out);
    out->origin = load_origin(l, at->node);
    if (at->node->key_line > 0)
        out->origin.line = at->node->key_line;
}

static bool name_is_good(struct load *l, const struct load_at *at, struct str name)
{
    ptrdiff_t slash = str_index(name, '/');
    bool good = name.len > 0 && name.len <= MODEL_MAX_BYTES && slash != 0 &&
                slash + 1 != (ptrdiff_t)name.len;

    for (size_t i = 0; i < name.len && good; i++)
        good = (unsigned char)name.p[i] > 0x20 && name.p[i] != 0x7f;
    if (!good)
        findings_add(l->findings, at->node->key_line,
                     "%s: an entry's name is provider/model, a pattern of it, or a model's name, "
                     "without blanks, at most %d bytes, is %s",
                     load_path(l, at->up), MODEL_MAX_BYTES, findings_quote(l->findings, name));
    return good;
}

static void set_prices(struct load *l, const struct load_at *at)
{
    struct config *c = l->config;

    if (at->node->n > CONF_PRICES_MAX) {
        load_fail(l, at, "must have at most %d members, has %u", CONF_PRICES_MAX, at->node->n);
        return;
    }
    c->prices = arena_zalloc(l->arena, ((size_t)at->node->n + 1) * sizeof(*c->prices));
    for (const struct node *member = at->node->child; member != NULL; member = member->next) {
        struct load_at down = load_down(at, member);
        struct conf_price *p = &c->prices[c->n_prices];

        if (!name_is_good(l, &down, member->key))
            continue;
        load_price(l, &down, p);
        p->name = arena_cstr(l->arena, member->key);
        if (str_index(member->key, '/') >= 0 && p->n_vendors > 0)
            load_fail(l, &down,
                      "says its provider already, vendors goes with a model's name alone");
        c->n_prices++;
    }
}

void load_set_prices(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct config *c = object;
    struct str path;

    (void)key;
    if (at->node->type == NODE_SCALAR) {
        if (load_text(l, at, &path, NULL)) {
            c->prices_file = path.p;
            load_other_file(l, at, path.p, set_prices, "a price book is a mapping of models");
        }
    } else if (load_is_type(l, at, NODE_MAPPING, "a mapping of models, or a file's name")) {
        set_prices(l, at);
    }
}

void load_set_price_default(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    struct config *c = object;

    (void)key;
    if (!load_is_type(l, at, NODE_MAPPING, "a mapping such as { input: 1, output: 4 }"))
        return;
    c->price_default = arena_zalloc(l->arena, sizeof(*c->price_default));
    load_price(l, at, c->price_default);
    if (c->price_default->n_vendors + c->price_default->n_also > 0)
        load_fail(l, at, "holds for everything, vendors and also have no place in it");
}

void load_set_unknown_price(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    struct config *c = object;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (str_eq(text, STR("allow")))
        c->unknown_price = CONF_PRICE_ALLOW;
    else if (str_eq(text, STR("refuse")))
        c->unknown_price = CONF_PRICE_REFUSE;
    else
        load_must_be(l, at, "allow or refuse");
}

void load_set_budget_status(struct load *l, const struct load_at *at, const struct load_key *key,
                            void *object)
{
    struct config *c = object;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (str_eq(text, STR("402")))
        c->budget_status = 402;
    else if (str_eq(text, STR("429")))
        c->budget_status = 429;
    else if (str_eq(text, STR("400")))
        c->budget_status = 400;
    else
        load_must_be(l, at, "402, 429 or 400");
}
