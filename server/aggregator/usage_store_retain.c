#include "server/aggregator/usage_store_impl.h"

#define RELIEF_SLICE 4096 /* rows deleted when the map is full: about a megabyte */

static bool is_old(const struct usage_store *s, uint64_t key, uint64_t real_ms)
{
    return s->options.log_max_age_ms != 0 && log_key_ms(key) + s->options.log_max_age_ms < real_ms;
}

/* What a row that goes had booked is from now on only in the accounts' sums. */
static void forget(struct usage_store *s, const MDB_val *row)
{
    struct record r;

    if (record_decode(row->mv_data, row->mv_size, &r) == 0)
        booked_forget(s->booked, &r);
}

/* Delete from the old end: rows too many, then rows too old. At most `slice`. */
int store_retain_log(struct usage_store *s, uint64_t slice, uint64_t too_many, uint64_t real_ms)
{
    MDB_val row;
    int rc = 0;

    for (uint64_t n = 0; n < slice && rc == 0; n++) {
        uint64_t oldest;

        rc = store_log_end(s->log, MDB_FIRST, &oldest, &row);
        if (rc != 0)
            break;
        s->oldest_key = oldest;
        if (n >= too_many && !is_old(s, oldest, real_ms))
            return 0;
        forget(s, &row);
        rc = mdb_cursor_del(s->log, 0);
        s->counters->log_deleted++;
        s->log_rows--;
    }
    if (rc == 0)
        rc = store_log_end(s->log, MDB_FIRST, &s->oldest_key, &row);
    if (rc == MDB_NOTFOUND)
        s->oldest_key = NO_KEY;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Totals of days that nobody asks for any more: once a day, in slices as well. */
int store_prune_days(struct usage_store *s, uint64_t real_ms)
{
    uint32_t today = usage_day(real_ms);
    MDB_cursor *c;
    int rc;

    if (today == s->pruned_on)
        return 0;
    rc = mdb_cursor_open(s->txn, s->dbi[DBI_USAGE], &c);
    if (rc != 0)
        return rc;
    for (int n = 0; n < STORE_RETAIN_SLICE; n++) {
        MDB_val key;
        MDB_val value;
        struct usage_key parts;

        rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
        if (rc != 0 || (usage_key_decode(key.mv_data, key.mv_size, &parts) == 0 &&
                        parts.day + USAGE_DAYS_KEPT >= today)) {
            s->pruned_on = today;
            break;
        }
        if ((rc = mdb_cursor_del(c, 0)) != 0)
            break;
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int prune_window(struct usage_store *s, MDB_cursor *c, const MDB_val *value,
                        uint64_t real_ms)
{
    struct account_sum sum;

    if (account_sum_decode(value->mv_data, value->mv_size, &sum) == 0 &&
        sum.last_ms + ACCOUNT_DAYS_KEPT * MS_PER_DAY >= real_ms)
        return 0;
    s->counters->windows_pruned++;
    return mdb_cursor_del(c, 0);
}

/* A slice of the day's walk. */
static int prune_windows(struct usage_store *s, MDB_cursor *c, uint64_t real_ms)
{
    uint8_t bytes[ACCOUNT_KEY_BYTES];
    MDB_val key = val(bytes, sizeof(bytes));
    MDB_val value;
    int rc;

    account_key_encode(s->windows_pruned, bytes);
    rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
    for (int n = 0; n < STORE_RETAIN_SLICE && rc == 0; n++) {
        if (account_key_decode(key.mv_data, key.mv_size, &s->windows_pruned) != 0)
            return MDB_CORRUPTED;
        rc = prune_window(s, c, &value, real_ms);
        if (rc == 0)
            rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
    }
    return rc;
}

int store_prune_windows(struct usage_store *s, uint64_t real_ms)
{
    uint32_t today = usage_day(real_ms);
    MDB_cursor *c;
    int rc;

    if (today == s->windows_pruned_on)
        return 0;
    rc = mdb_cursor_open(s->txn, s->dbi[DBI_ACCOUNTS], &c);
    if (rc != 0)
        return rc;
    rc = prune_windows(s, c, real_ms);
    mdb_cursor_close(c);
    if (rc != MDB_NOTFOUND)
        return rc;
    s->windows_pruned_on = today;
    s->windows_pruned = (struct booking){0, 0};
    return 0;
}

bool usage_store_is_overdue(const struct usage_store *s, uint64_t real_ms)
{
    return s->log_rows > s->options.log_max_records ||
           (s->oldest_key != NO_KEY && is_old(s, s->oldest_key, real_ms));
}

int usage_store_relieve(struct usage_store *s, struct error *err)
{
    int dead;
    int rc;

    (void)mdb_reader_check(s->env, &dead); /* the dead may be what holds the pages */
    if (store_batch_begin(s, err) != 0)
        return -1;
    rc = store_retain_log(s, RELIEF_SLICE, RELIEF_SLICE, 0);
    if (rc == 0)
        rc = store_write_booked(s);
    if (rc != 0)
        return store_failed(s, rc, "make room", err);
    if (store_batch_end(s, err) != 0)
        return -1;
    booked_clear(s->booked);
    return 0;
}
