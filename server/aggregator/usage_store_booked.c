#include "server/aggregator/usage_store_impl.h"

static int write_one(struct usage_store *s, const struct booked_sum *b)
{
    uint8_t bytes[ACCOUNT_KEY_BYTES];
    MDB_val key = val(bytes, sizeof(bytes));
    struct account_sum sum = {.nanousd = 0};
    MDB_val value;
    int rc;

    account_key_encode(b->key, bytes);
    rc = mdb_get(s->txn, s->dbi[DBI_ACCOUNTS], &key, &value);
    if (rc == MDB_NOTFOUND && b->last_ms == 0)
        return 0; /* the log kept a row for longer than its window was kept */
    if (rc == 0 && account_sum_decode(value.mv_data, value.mv_size, &sum) != 0)
        return MDB_CORRUPTED;
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    sum.version = ACCOUNT_SUM_VERSION;
    sum.nanousd += min_u64(b->added, UINT64_MAX - sum.nanousd); /* never back to little */
    sum.forgotten = min_u64(sum.forgotten + b->forgotten, sum.nanousd);
    sum.last_ms = max_u64(sum.last_ms, b->last_ms);
    value = val(&sum, sizeof(sum));
    return mdb_put(s->txn, s->dbi[DBI_ACCOUNTS], &key, &value, 0);
}

int store_write_booked(struct usage_store *s)
{
    for (size_t i = 0; i < booked_count(s->booked); i++) {
        int rc = write_one(s, booked_item(s->booked, i));

        if (rc != 0)
            return rc;
    }
    return 0;
}
