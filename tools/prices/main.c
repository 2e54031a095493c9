/*
 * prices - packs conf/prices.yaml into the bytes that the program carries. Run by make.
 *
 *   prices conf/prices.yaml OUT
 *
 * The file is read by the configuration's own parser, so what stands in it is checked as what a user
 * writes below `prices:` is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/priced.h"
#include "tools/pack/pack.h"

/* Here every entry says whose price it is and where it comes from. */
static int check(const struct conf_price *p, struct error *err)
{
    bool names_one = str_index(str_of(p->name), '/') > 0;

    if (!names_one && p->n_vendors == 0)
        return error_set(err, "%s:%d: %s needs vendors", p->origin.file, p->origin.line, p->name);
    if (p->source == NULL || p->date == 0)
        return error_set(err, "%s:%d: %s needs source and date", p->origin.file, p->origin.line,
                         p->name);
    if (str_index(str_of(p->name), '*') >= 0 && !str_eq(str_of(p->name), STR("*")))
        return error_set(err, "%s:%d: %s is a pattern", p->origin.file, p->origin.line, p->name);
    return 0;
}

static int pack(const struct config *conf, struct buf *out, struct error *err)
{
    struct arena *a = arena_create(64u << 10);
    struct price_row *rows;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < conf->n_prices; i++)
        n += priced_n(&conf->prices[i]);
    rows = xcalloc(n + 1, sizeof(*rows));
    n = 0;
    for (size_t i = 0; i < conf->n_prices && rc == 0; i++) {
        rc = check(&conf->prices[i], err);
        n += priced_rows(&conf->prices[i], true, a, &rows[n]);
    }
    if (rc == 0)
        rc = prices_pack(rows, n, out, err);
    arena_free(a);
    free(rows);
    return rc;
}

int main(int argc, char **argv)
{
    return pack_main(argc, argv, "prices", pack);
}
