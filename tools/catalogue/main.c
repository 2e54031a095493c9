/*
 * catalogue - packs conf/catalogue.yaml into the bytes that the program carries. Run by make.
 *
 *   catalogue conf/catalogue.yaml OUT
 *
 * The file is read by the configuration's own parser, so what stands in it is checked as what a user
 * writes below `catalogue:` is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "server/base/alloc.h"
#include "server/known.h"
#include "tools/pack/pack.h"

static int pack(const struct config *conf, struct buf *out, struct error *err)
{
    struct cat_row *rows = xcalloc(conf->n_catalogue + 1, sizeof(*rows));
    struct arena *a = arena_create(64u << 10);
    int rc;

    for (size_t i = 0; i < conf->n_catalogue; i++) {
        const struct conf_known *k = &conf->catalogue[i];

        rows[i] = known_row(k, arena_alloc(a, (k->n_ids + 1) * sizeof(struct cat_row_id)));
    }
    rc = catalogue_pack(rows, conf->n_catalogue, out, err);
    arena_free(a);
    free(rows);
    return rc;
}

int main(int argc, char **argv)
{
    return pack_main(argc, argv, "catalogue", pack);
}
