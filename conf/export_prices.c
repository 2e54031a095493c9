#include "conf/export_parts.h"

#include "conf/price.h"
#include "conf/values.h"

#define RATE_DIGITS 6
#define FEE_DIGITS 9

static void put_decimal(struct emitter *w, const char *key, uint64_t n, unsigned digits)
{
    struct buf b = BUF_INIT;

    value_format_decimal(&b, n, digits);
    emit_raw(w, key, b.data);
    buf_fini(&b);
}

/* What was written there: the rest is worked out anew when it is loaded. */
static void put_rates(struct emitter *w, const struct conf_rates *r)
{
    for (size_t i = 0; i < CONF_CLASSES; i++) {
        if ((r->told & (1u << i)) != 0)
            put_decimal(w, conf_class_names[i], r->rate[i], RATE_DIGITS);
    }
}

/* From the first tier of a service: its rates here, then the others as a list. Returns how many. */
static size_t put_tiers(struct emitter *w, const struct conf_price_tier *t, size_t n)
{
    size_t i = 1;

    put_rates(w, &t->rates);
    if (n > 1 && t[1].service == t->service)
        emit_open(w, "tiers", true);
    for (; i < n && t[i].service == t->service; i++) {
        emit_open(w, NULL, false);
        emit_number(w, "above", t[i].above);
        put_rates(w, &t[i].rates);
        emit_close(w);
    }
    if (i > 1)
        emit_close(w);
    return i;
}

static void put_price(struct emitter *w, const char *key, const struct conf_price *p)
{
    size_t n;

    emit_open(w, key, false);
    n = put_tiers(w, p->tiers, p->n_tiers);
    for (size_t i = CONF_BATCH; i < CONF_SERVICES; i++) {
        if (n < p->n_tiers && p->tiers[n].service == i) {
            emit_open(w, conf_service_names[i], false);
            n += put_tiers(w, &p->tiers[n], p->n_tiers - n);
            emit_close(w);
        } else if (p->permille[i] != 0) {
            put_decimal(w, conf_service_names[i], p->permille[i], 3);
        }
    }
    for (size_t i = 0; i < CONF_FEES; i++) {
        if (p->fees[i] != 0)
            put_decimal(w, conf_fee_names[i], p->fees[i], FEE_DIGITS);
    }
    if (p->n_vendors > 0)
        emit_texts(w, "vendors", p->vendors, p->n_vendors);
    if (p->n_also > 0)
        emit_texts(w, "also", p->also, p->n_also);
    emit_optional(w, "source", p->source);
    emit_date(w, "date", p->date);
    if (p->is_unchecked)
        emit_bool(w, "checked", false);
    emit_close(w);
}

void export_prices(struct emitter *w, const struct config *c)
{
    emit_optional(w, "prices", c->prices_file);
    if (c->prices_file == NULL && c->n_prices > 0) {
        emit_open(w, "prices", false);
        for (size_t i = 0; i < c->n_prices; i++)
            put_price(w, c->prices[i].name, &c->prices[i]);
        emit_close(w);
    }
    if (c->price_default != NULL)
        put_price(w, "price_default", c->price_default);
    emit_text(w, "unknown_price", c->unknown_price == CONF_PRICE_REFUSE ? "refuse" : "allow");
    if (c->budget_status != 0)
        emit_number(w, "budget_status", c->budget_status);
}
