#include "server/aggregator/usage_store_impl.h"

#define RELIEF_SLICE 4096 /* rows deleted when the map is full: about a megabyte */

static bool is_old(const struct usage_store *s, uint64_t key, uint64_t real_ms)
{
    return s->options.log_max_age_ms != 0 && log_key_ms(key) + s->options.log_max_age_ms < real_ms;
}

/* Delete from the old end: rows too many, then rows too old. At most `slice`. */
int store_retain_log(struct usage_store *s, uint64_t slice, uint64_t too_many, uint64_t real_ms)
{
    int rc = 0;

    for (uint64_t n = 0; n < slice && rc == 0; n++) {
        uint64_t oldest;

        rc = store_log_end(s->log, MDB_FIRST, &oldest);
        if (rc != 0)
            break;
        s->oldest_key = oldest;
        if (n >= too_many && !is_old(s, oldest, real_ms))
            return 0;
        rc = mdb_cursor_del(s->log, 0);
        s->counters->log_deleted++;
        s->log_rows--;
    }
    if (rc == 0)
        rc = store_log_end(s->log, MDB_FIRST, &s->oldest_key);
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
    if (rc != 0)
        return store_failed(s, rc, "make room", err);
    return store_batch_end(s, err);
}
