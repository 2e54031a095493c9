/*
 * prices - the price book that is published: the built-in one, with what the configuration says.
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/master/build.h"
#include "server/priced.h"

/* conf/prices.yaml as tools/prices packed it when the program was built. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "prices_begin:\n"
        ".incbin \"prices.bin\"\n" /* found by the assembler's -I */
        "prices_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char prices_begin[], prices_end[];

static const struct price_head *built_in(void)
{
    return (const void *)prices_begin;
}

/* By vendor and model: the rows of a configuration stand before those that are built in. */
static int compare(const void *left, const void *right)
{
    const struct price_row *a = *(const struct price_row *const *)left;
    const struct price_row *b = *(const struct price_row *const *)right;
    int order = strcmp(a->model, b->model);

    if (order == 0)
        order = strcmp(a->vendor, b->vendor);
    return order != 0 ? order : a < b ? -1 : a > b;
}

/* Without the built-in rows that the configuration has rows for; `n_own` of them come first. */
static size_t drop_replaced(struct price_row *rows, size_t n_own, size_t n)
{
    const struct price_row **sorted = xcalloc(n + 1, sizeof(struct price_row *));
    bool *replaced = xcalloc(n + 1, sizeof(*replaced));
    size_t n_sorted = 0;
    size_t kept = n_own;

    for (size_t i = 0; i < n; i++) {
        if (!rows[i].is_override && rows[i].vendor != NULL)
            sorted[n_sorted++] = &rows[i];
    }
    qsort(sorted, n_sorted, sizeof(struct price_row *), compare);
    for (size_t i = 1; i < n_sorted; i++) {
        size_t at = (size_t)(sorted[i] - rows);

        if (at >= n_own && strcmp(sorted[i - 1]->model, rows[at].model) == 0 &&
            strcmp(sorted[i - 1]->vendor, rows[at].vendor) == 0)
            replaced[at] = true;
    }
    for (size_t i = n_own; i < n; i++) {
        if (!replaced[i])
            rows[kept++] = rows[i];
    }
    free(sorted);
    free(replaced);
    return kept;
}

static size_t add_built_in(struct arena *a, struct price_row *rows)
{
    const struct price_head *b = built_in();
    size_t n = 0;

    for (uint32_t i = 0; i < prices_n(b); i++) {
        struct price_view v;

        prices_at(b, i, &v);
        rows[n++] =
            (struct price_row){arena_cstr(a, v.vendor), arena_cstr(a, v.model), false, v.price};
    }
    return n;
}

static int merge(struct build *b, struct arena *a, struct error *err)
{
    const struct config *conf = b->conf;
    size_t room = prices_n(built_in()) + 1;
    struct price_row *rows;
    size_t n = 0;
    size_t n_own;
    int rc;

    for (size_t i = 0; i < conf->n_prices; i++)
        room += priced_n(&conf->prices[i]);
    rows = xcalloc(room, sizeof(*rows));
    for (size_t i = 0; i < conf->n_prices; i++)
        n += priced_rows(&conf->prices[i], false, a, &rows[n]);
    if (conf->price_default != NULL)
        n += priced_rows(conf->price_default, false, a, &rows[n]);
    n_own = n;
    n += add_built_in(a, &rows[n]);
    must(n <= room);
    n = drop_replaced(rows, n_own, n);
    rc = prices_pack(rows, n, &b->prices, err);
    free(rows);
    return rc;
}

int build_prices(struct build *b, struct error *err)
{
    struct arena *a;
    int rc;

    must(built_in()->bytes == (size_t)(prices_end - prices_begin));
    if (b->conf->n_prices == 0 && b->conf->price_default == NULL) { /* nothing to sort */
        buf_add(&b->prices, built_in(), built_in()->bytes);
        return 0;
    }
    a = arena_create(64u << 10);
    rc = merge(b, a, err);
    arena_free(a);
    return rc;
}
