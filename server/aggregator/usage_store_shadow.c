/*
 * usage_store_shadow - comparisons of requests and their shadows, in the batch of the records.
 */
#include "server/aggregator/shadow_sum.h"
#include "server/aggregator/usage_store_impl.h"

#define SHADOW_ROWS_MAX 8192 /* of all days: some 32 MiB.  A pattern's names are its clients'. */

/* Days that nobody asks for any more; rows are in the order of their days. */
static int prune(struct usage_store *s, uint32_t today)
{
    MDB_cursor *c;
    int rc = mdb_cursor_open(s->txn, s->dbi[DBI_SHADOWS], &c);

    if (rc != 0)
        return rc;
    for (int n = 0; n < STORE_RETAIN_SLICE && rc == 0; n++) {
        struct shadow_key k;
        MDB_val key;
        MDB_val value;

        rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
        if (rc != 0 || (shadow_key_decode(key.mv_data, key.mv_size, &k) == 0 &&
                        k.day + USAGE_DAYS_KEPT >= today))
            break;
        rc = mdb_cursor_del(c, 0);
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* There is none yet: has it room? The names are folded into one row when it has not. */
static int find_room(struct usage_store *s, struct shadow_key *k, MDB_val *key, MDB_val *old)
{
    MDB_stat st;
    int rc = prune(s, k->day);

    if (rc == 0)
        rc = mdb_stat(s->txn, s->dbi[DBI_SHADOWS], &st);
    if (rc != 0 || st.ms_entries < SHADOW_ROWS_MAX)
        return rc == 0 ? MDB_NOTFOUND : rc;
    for (size_t i = 0; i < SHADOW_SIDES; i++)
        k->models[i] = STR(USAGE_OTHER_MODEL);
    key->mv_size = shadow_key_encode(k, key->mv_data);
    return mdb_get(s->txn, s->dbi[DBI_SHADOWS], key, old);
}

int store_add_shadow(struct usage_store *s, const struct record *r, uint64_t ms)
{
    uint8_t bytes[SHADOW_KEY_MAX];
    MDB_val key = val(bytes, 0);
    MDB_val old;
    MDB_val value;
    struct shadow_sum sum;
    struct shadow_sum before;
    struct shadow_key k;
    int rc;

    if (!shadow_sum_of(r, usage_day(ms), &k, &sum))
        return 0;
    key.mv_size = shadow_key_encode(&k, bytes);
    rc = mdb_get(s->txn, s->dbi[DBI_SHADOWS], &key, &old);
    if (rc == MDB_NOTFOUND)
        rc = find_room(s, &k, &key, &old);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    /* what a later version wrote begins anew */
    if (rc == 0 && shadow_sum_decode(old.mv_data, old.mv_size, &before) == 0)
        shadow_sum_add(&sum, &before);
    value = val(&sum, sizeof(sum));
    return mdb_put(s->txn, s->dbi[DBI_SHADOWS], &key, &value, 0);
}
