#include "server/aggregator/query.h"

#include <stdlib.h>
#include <string.h>

#include "server/aggregator/query_impl.h"
#include "server/aggregator/sums.h"

static bool usage_matches(const struct usage_filter *f, const struct usage_key *key)
{
    return (!f->has_key_id || key->key_id == f->key_id) &&
           (!f->has_team_id || key->team_id == f->team_id) &&
           (!f->has_customer_id || key->customer_id == f->customer_id) &&
           (f->provider.len == 0 || str_eq(f->provider, key->provider)) &&
           (f->model.len == 0 || str_eq(f->model, key->model));
}

static struct usage_key usage_reduce(const struct usage_key *key, uint32_t group)
{
    return (struct usage_key){
        .day = (group & USAGE_BY_DAY) != 0 ? key->day : 0,
        .key_id = (group & USAGE_BY_KEY) != 0 ? key->key_id : 0,
        .team_id = (group & USAGE_BY_TEAM) != 0 ? key->team_id : 0,
        .customer_id = (group & USAGE_BY_CUSTOMER) != 0 ? key->customer_id : 0,
        .provider = (group & USAGE_BY_PROVIDER) != 0 ? key->provider : STR_NONE,
        .model = (group & USAGE_BY_MODEL) != 0 ? key->model : STR_NONE,
    };
}

static int usage_take(const struct usage_filter *f, const struct usage_key *key,
                      const MDB_val *value, struct sums *sums, struct usage_answer *out)
{
    struct usage_key reduced = usage_reduce(key, f->group);
    struct usage_totals totals;
    struct str name;

    if (usage_value_decode(value->mv_data, value->mv_size, &totals, &name) != 0)
        return MDB_CORRUPTED;
    if ((f->group & USAGE_BY_KEY) == 0)
        name = STR_NONE;
    if (!sums_add(sums, &reduced, name, &totals))
        out->truncated++;
    return 0;
}

/* Go to the first row at or behind (day, key). */
static int usage_seek(MDB_cursor *c, uint32_t day, uint64_t key_id, MDB_val *key, MDB_val *value)
{
    uint8_t bytes[USAGE_KEY_MAX];
    struct usage_key from = {.day = day, .key_id = key_id};

    *key = (MDB_val){usage_key_encode(&from, bytes), bytes};
    return mdb_cursor_get(c, key, value, MDB_SET_RANGE);
}

struct usage_days {
    uint32_t first, last;
};

static struct usage_days days_of(const struct usage_filter *f)
{
    return (struct usage_days){usage_day(f->since_ms),
                               f->until_ms != 0 ? usage_day(f->until_ms - 1) : UINT32_MAX - 1};
}

/* Sums the rows of the filter's days. An LMDB code; *examined counts. */
static int usage_walk(MDB_cursor *c, const struct usage_filter *f, struct sums *sums,
                      struct usage_answer *out, size_t *examined)
{
    struct usage_days days = days_of(f);
    uint64_t only = f->has_key_id ? f->key_id : 0;
    MDB_val key;
    MDB_val value;
    int rc = usage_seek(c, days.first, only, &key, &value);

    for (; rc == 0; (*examined)++) {
        struct usage_key k;

        if (usage_key_decode(key.mv_data, key.mv_size, &k) != 0)
            return MDB_CORRUPTED;
        if (k.day > days.last)
            return 0;
        if (*examined == USAGE_EXAMINED_MAX) {
            out->is_partial = true;
            return 0;
        }
        if (f->has_key_id && k.key_id != only) {
            rc = usage_seek(c, k.key_id < only ? k.day : k.day + 1, only, &key, &value);
            continue;
        }
        if (usage_matches(f, &k) && (rc = usage_take(f, &k, &value, sums, out)) != 0)
            return rc;
        rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int usage_order(const void *a, const void *b)
{
    const struct usage_row *x = a;
    const struct usage_row *y = b;
    const uint64_t ids[3][2] = {
        {x->customer_id, y->customer_id}, {x->team_id, y->team_id}, {x->key_id, y->key_id}};
    int by_provider = str_cmp(x->provider, y->provider);

    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (ids[i][0] != ids[i][1])
            return ids[i][0] < ids[i][1] ? -1 : 1;
    }
    return by_provider != 0 ? by_provider : str_cmp(x->model, y->model);
}

static void usage_fill(const struct sums *sums, struct arena *a, struct usage_answer *out)
{
    size_t n = sums_count(sums);
    struct usage_row *rows = arena_zalloc(a, (n + 1) * sizeof(*rows));

    for (size_t i = 0; i < n; i++) {
        const struct sum *sum = sums_at(sums, i);
        struct usage_key key;

        must(usage_key_decode(sum->key.p, sum->key.len, &key) == 0); /* encoded by sums_add */
        rows[i].day = key.day;
        rows[i].key_id = key.key_id;
        rows[i].team_id = key.team_id;
        rows[i].customer_id = key.customer_id;
        rows[i].key_name = arena_str(a, sum->name);
        rows[i].provider = arena_str(a, key.provider);
        rows[i].model = arena_str(a, key.model);
        rows[i].totals = sum->totals;
    }
    qsort(rows, n, sizeof(*rows), usage_order);
    out->rows = rows;
    out->n = n;
}

int query_usage(struct query *q, const struct usage_filter *filter, struct arena *a,
                struct usage_answer *out, struct error *err)
{
    struct usage_answer answer = {.n = 0};
    struct sums *sums;
    MDB_cursor *c;
    MDB_txn *txn = NULL;
    size_t examined = 0;
    int rc = query_begin(q, &txn, err);

    if (rc < 0)
        return -1;
    if (rc == 0) {
        *out = answer;
        return 0;
    }
    sums = sums_create(USAGE_ROWS_MAX);
    rc = mdb_cursor_open(txn, q->dbi[DBI_USAGE], &c);
    if (rc == 0) {
        rc = usage_walk(c, filter, sums, &answer, &examined);
        mdb_cursor_close(c);
    }
    query_end(q, txn, examined);
    if (rc == 0) {
        usage_fill(sums, a, &answer);
        *out = answer;
    }
    sums_free(sums);
    return rc == 0 ? 0 : error_set(err, "%s: usage: %s", q->path, mdb_strerror(rc));
}
