/*
 * query_shadow - comparisons of requests and their shadows, summed over days.
 */
#include <stdlib.h>
#include <string.h>

#include "server/aggregator/query_impl.h"

static bool is_same(const struct shadow_row *row, const struct shadow_key *k)
{
    bool same = str_eq(row->key.model, k->model);

    for (size_t i = 0; i < SHADOW_SIDES; i++)
        same = same && str_eq(row->key.providers[i], k->providers[i]) &&
               str_eq(row->key.models[i], k->models[i]);
    return same;
}

static struct shadow_row *row_of(struct shadow_answer *out, const struct shadow_key *k,
                                 struct arena *a)
{
    struct shadow_row *row;

    for (size_t i = 0; i < out->n; i++) {
        if (is_same(&out->rows[i], k))
            return &out->rows[i];
    }
    if (out->n == SHADOW_PAIRS_MAX)
        return NULL;
    row = &out->rows[out->n++];
    row->key.model = arena_str(a, k->model);
    for (size_t i = 0; i < SHADOW_SIDES; i++) {
        row->key.providers[i] = arena_str(a, k->providers[i]);
        row->key.models[i] = arena_str(a, k->models[i]);
    }
    return row;
}

static int walk(MDB_cursor *c, const struct shadow_filter *f, struct arena *a,
                struct shadow_answer *out)
{
    uint32_t last = f->until_ms != 0 ? usage_day(f->until_ms - 1) : UINT32_MAX;
    uint8_t from[SHADOW_KEY_MAX];
    const struct shadow_key first = {.day = usage_day(f->since_ms)};
    MDB_val key = {shadow_key_encode(&first, from), from};
    MDB_val value;
    int rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);

    for (; rc == 0; rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) {
        struct shadow_key k;
        struct shadow_sum sum;
        struct shadow_row *row;

        if (shadow_key_decode(key.mv_data, key.mv_size, &k) != 0)
            return MDB_CORRUPTED;
        if (k.day > last)
            return 0;
        if (shadow_sum_decode(value.mv_data, value.mv_size, &sum) != 0 ||
            (f->model.len > 0 && !str_eq(f->model, k.model)))
            continue;
        row = row_of(out, &k, a);
        if (row != NULL)
            shadow_sum_add(&row->sum, &sum);
        else
            out->truncated++;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int query_shadows(struct query *q, const struct shadow_filter *filter, struct arena *a,
                  struct shadow_answer *out, struct error *err)
{
    struct shadow_answer answer = {.n = 0};
    MDB_cursor *c;
    MDB_txn *txn = NULL;
    int rc = query_begin(q, &txn, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || !q->has_all) {
        if (rc > 0)
            query_end(q, txn, 0);
        *out = answer;
        return 0;
    }
    answer.rows = arena_zalloc(a, SHADOW_PAIRS_MAX * sizeof(*answer.rows));
    rc = mdb_cursor_open(txn, q->dbi[DBI_SHADOWS], &c);
    if (rc == 0) {
        rc = walk(c, filter, a, &answer);
        mdb_cursor_close(c);
    }
    query_end(q, txn, answer.n);
    if (rc != 0)
        return error_set(err, "%s: shadows: %s", q->path, mdb_strerror(rc));
    *out = answer;
    return 0;
}
