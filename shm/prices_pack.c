/*
 * prices_pack - the price book's bytes from rows: prices.h's other half.
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "shm/prices.h"

/* A row on its way. */
struct item {
    struct str vendor, model;
    enum price_kind kind;
    const struct price *price;
    uint32_t offset; /* of the price, in the pool */
};

struct pack {
    struct item *items; /* sorted as they are stored: rows, then globs */
    size_t n, n_vendor_rows, n_globs;
    const struct price *fallback;
    uint32_t fallback_offset;
    struct price_entry *entries;
    struct buf pool, text;
};

static size_t price_bytes(const struct price *p)
{
    return offsetof(struct price, tiers) + p->n_tiers * sizeof(struct price_tier);
}

/* Globs last, and the longest of them first; ties by their text, so that two packings are alike. */
static int compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    size_t a_len = a->vendor.len + a->model.len;
    size_t b_len = b->vendor.len + b->model.len;
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == PRICE_GLOB && a_len != b_len)
        return a_len > b_len ? -1 : 1;
    order = str_cmp(a->model, b->model);
    return order != 0 ? order : str_cmp(a->vendor, b->vendor);
}

static enum price_kind kind_of(const struct price_row *r)
{
    if (!r->is_override)
        return PRICE_ROW;
    return strchr(r->model, '*') != NULL || strchr(r->vendor, '*') != NULL ? PRICE_GLOB
                                                                           : PRICE_OVERRIDE;
}

static int take_row(struct pack *p, const struct price_row *r, struct error *err)
{
    struct item *i = &p->items[p->n];

    if (!price_is_sound(&r->price))
        return error_set(err, "prices: %s%s%s has a figure out of bounds",
                         r->vendor != NULL ? r->vendor : "the default",
                         r->vendor != NULL ? "/" : "", r->vendor != NULL ? r->model : "");
    if (r->vendor == NULL) {
        if (p->fallback != NULL)
            return error_set(err, "prices: there are two defaults");
        p->fallback = &r->price;
        return 0;
    }
    *i = (struct item){str_of(r->vendor), str_of(r->model), kind_of(r), &r->price, 0};
    if (i->model.len == 0 || i->model.len > PRICE_NAME_MAX || i->vendor.len > PRICE_NAME_MAX)
        return error_set(err, "prices: %s/%s is too long a name", r->vendor, r->model);
    p->n_globs += i->kind == PRICE_GLOB;
    p->n_vendor_rows += i->kind == PRICE_ROW;
    p->n++;
    return 0;
}

static int take_rows(struct pack *p, const struct price_row *rows, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (take_row(p, &rows[i], err) != 0)
            return -1;
    }
    if (p->n_globs > PRICE_GLOBS_MAX)
        return error_set(err, "prices: %zu globs, at most %d", p->n_globs, PRICE_GLOBS_MAX);
    qsort(p->items, p->n, sizeof(*p->items), compare_items);
    for (size_t i = 1; i < p->n; i++) {
        if (compare_items(&p->items[i - 1], &p->items[i]) == 0)
            return error_set(err, "prices: %.*s/%.*s is there twice", STR_ARGS(p->items[i].vendor),
                             STR_ARGS(p->items[i].model));
    }
    return 0;
}

/* --- the pool: what many cost alike is there once --- */

struct by_price {
    const struct price *price;
    uint32_t *offset; /* where to note it */
};

static int compare_prices(const void *left, const void *right)
{
    const struct by_price *a = left;
    const struct by_price *b = right;

    if (a->price->n_tiers != b->price->n_tiers)
        return a->price->n_tiers < b->price->n_tiers ? -1 : 1;
    return memcmp(a->price, b->price, price_bytes(a->price));
}

static void fill_pool(struct pack *p)
{
    struct by_price *all = xcalloc(p->n + 1, sizeof(*all));
    size_t n = 0;

    for (; n < p->n; n++)
        all[n] = (struct by_price){p->items[n].price, &p->items[n].offset};
    if (p->fallback != NULL)
        all[n++] = (struct by_price){p->fallback, &p->fallback_offset};
    qsort(all, n, sizeof(*all), compare_prices);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare_prices(&all[i - 1], &all[i]) == 0) {
            *all[i].offset = *all[i - 1].offset;
            continue;
        }
        *all[i].offset = (uint32_t)p->pool.len;
        buf_add(&p->pool, all[i].price, price_bytes(all[i].price));
    }
    free(all);
}

/* --- the texts: a vendor has many rows, a name several --- */

static struct price_text add_text(struct pack *p, struct str s, struct price_text last)
{
    struct price_text t = {(uint32_t)p->text.len, (uint32_t)s.len};

    if (last.len == t.len && (t.len == 0 || memcmp(p->text.data + last.offset, s.p, t.len) == 0))
        return last;
    buf_str(&p->text, s);
    return t;
}

static void fill_entries(struct pack *p)
{
    struct price_text vendor = {0, 0};
    struct price_text model = {0, 0};

    for (size_t i = 0; i < p->n; i++) {
        const struct item *item = &p->items[i];

        model = add_text(p, item->model, model);
        vendor = add_text(p, item->vendor, vendor);
        p->entries[i] = (struct price_entry){model, vendor, item->kind, item->offset};
    }
}

/* --- the whole --- */

static uint32_t place(uint32_t *end, size_t bytes)
{
    uint32_t here = *end;

    *end += (uint32_t)((bytes + 7) & ~(size_t)7);
    return here;
}

static void put(struct buf *out, size_t begin, uint32_t offset, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(out->data + begin + offset, bytes, len);
}

static int write_out(const struct pack *p, struct buf *out, struct error *err)
{
    size_t n_rows = p->n - p->n_globs;
    uint32_t end = (sizeof(struct price_head) + 7) & ~7u;
    struct price_head head = {.n_rows = (uint32_t)n_rows,
                              .n_vendor_rows = (uint32_t)p->n_vendor_rows,
                              .n_globs = (uint32_t)p->n_globs,
                              .pool_bytes = (uint32_t)p->pool.len,
                              .text_bytes = (uint32_t)p->text.len,
                              .has_fallback = p->fallback != NULL,
                              .fallback = p->fallback_offset};
    size_t begin = out->len;

    head.rows = place(&end, n_rows * sizeof(*p->entries));
    head.globs = place(&end, p->n_globs * sizeof(*p->entries));
    head.pool = place(&end, p->pool.len);
    head.text = place(&end, p->text.len);
    head.bytes = end;
    if (end > PRICES_BYTES_MAX)
        return error_set(err, "prices: they take %u bytes, at most %u fit", end, PRICES_BYTES_MAX);
    buf_reserve(out, end);
    memset(out->data + begin, 0, end);
    out->len += end;
    put(out, begin, 0, &head, sizeof(head));
    put(out, begin, head.rows, p->entries, n_rows * sizeof(*p->entries));
    put(out, begin, head.globs, p->entries + n_rows, p->n_globs * sizeof(*p->entries));
    put(out, begin, head.pool, p->pool.data, p->pool.len);
    put(out, begin, head.text, p->text.data, p->text.len);
    return 0;
}

int prices_pack(const struct price_row *rows, size_t n, struct buf *out, struct error *err)
{
    struct pack p = {.pool = BUF_INIT, .text = BUF_INIT};
    int rc = -1;

    if (n > PRICES_MAX)
        return error_set(err, "prices: %zu rows, at most %d", n, PRICES_MAX);
    p.items = xcalloc(n + 1, sizeof(*p.items));
    p.entries = xcalloc(n + 1, sizeof(*p.entries));
    if (take_rows(&p, rows, n, err) == 0) {
        fill_pool(&p);
        fill_entries(&p);
        rc = write_out(&p, out, err);
    }
    free(p.items);
    free(p.entries);
    buf_fini(&p.pool);
    buf_fini(&p.text);
    return rc;
}
