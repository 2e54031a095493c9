#include "server/aggregator/usage_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/aggregator/mapped.h"
#include "server/aggregator/usage_store_impl.h"
#include "server/base/alloc.h"

/* Ends the batch. What it counted did not happen. */
void store_batch_abort(struct usage_store *s)
{
    if (!s->in_batch)
        return;
    if (s->log != NULL)
        mdb_cursor_close(s->log);
    mdb_txn_abort(s->txn); /* NULL when a commit failed: it took the transaction along */
    s->in_batch = false;
    s->txn = NULL;
    s->log = NULL;
    s->counters->records = s->saved.records;
    s->counters->bad_records = s->saved.bad_records;
    s->counters->log_dropped = s->saved.log_dropped;
    s->counters->log_deleted = s->saved.log_deleted;
    s->counters->models_folded = s->saved.models_folded;
    s->counters->windows_pruned = s->saved.windows_pruned;
    s->counters->totals = s->saved.totals;
    s->counters->commits = s->saved.commits;
    memcpy(s->batch_seq, s->seq, sizeof(s->seq));
    sums_clear(s->sums);
    booked_clear(s->booked);
    s->pending = s->added = 0;
}

int store_failed(struct usage_store *s, int rc, const char *what, struct error *err)
{
    store_batch_abort(s);
    s->map_was_full |= rc == MDB_MAP_FULL;
    return error_set(err, "%s: %s: %s", s->path, what, mdb_strerror(rc));
}

int store_batch_begin(struct usage_store *s, struct error *err)
{
    int rc = mdb_txn_begin(s->env, NULL, 0, &s->txn);

    if (rc != 0) {
        s->txn = NULL;
        return store_failed(s, rc, "begin", err);
    }
    s->in_batch = true;
    s->saved = *s->counters;
    s->batch_last_key = s->last_key;
    rc = mdb_cursor_open(s->txn, s->dbi[DBI_LOG], &s->log);
    if (rc != 0) {
        s->log = NULL;
        return store_failed(s, rc, "log", err);
    }
    return 0;
}

int store_batch_end(struct usage_store *s, struct error *err)
{
    int rc;

    mdb_cursor_close(s->log);
    s->log = NULL;
    rc = mdb_txn_commit(s->txn);
    s->txn = NULL;
    if (rc != 0)
        return store_failed(s, rc, "commit", err);
    s->in_batch = false;
    s->is_synced = s->options.strict;
    return 0;
}

/* --- opening --- */

int usage_store_open(const struct usage_store_options *options, struct agg_counters *counters,
                     struct usage_store **out, struct error *err)
{
    struct usage_store *s = xcalloc(1, sizeof(*s));
    int n = snprintf(s->path, sizeof(s->path), "%s/" TABLES_DIR, options->state_dir);

    s->options = *options;
    s->options.state_dir = NULL; /* the caller's */
    if (s->options.day_rows_max == 0)
        s->options.day_rows_max = USAGE_DAY_ROWS_MAX;
    s->counters = counters;
    s->sums = sums_create(USAGE_BATCH_SUMS);
    s->booked = booked_create();
    if (n < 0 || (size_t)n >= sizeof(s->path)) {
        usage_store_close(s);
        return error_set(err, "%s/" TABLES_DIR ": the path is too long", options->state_dir);
    }
    if (store_env_open(s, err) != 0) {
        usage_store_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void usage_store_close(struct usage_store *s)
{
    if (s == NULL)
        return;
    store_batch_abort(s);
    if (s->env != NULL)
        mdb_env_close(s->env);
    sums_free(s->sums);
    booked_free(s->booked);
    free(s);
}

/* --- adding --- */

uint64_t usage_store_seq(const struct usage_store *s, uint32_t slot)
{
    must(slot < SLOTS_MAX);
    return s->seq[slot];
}

/* When it was over, as the worker's clock had it; never in the future. */
static uint64_t ended_ms(const struct record *r, uint64_t real_ms)
{
    uint64_t took_ms = r->total_us / 1000;

    return r->begun_ms < real_ms && took_ms < real_ms - r->begun_ms ? r->begun_ms + took_ms
                                                                    : real_ms;
}

static int append_log(struct usage_store *s, uint64_t ms, struct str bytes)
{
    uint8_t key_bytes[LOG_KEY_BYTES];
    MDB_val key = val(key_bytes, sizeof(key_bytes));
    MDB_val value = val(bytes.p, bytes.len);
    uint64_t k = max_u64(s->batch_last_key + 1, ms << LOG_KEY_SHIFT);
    int rc;

    if (s->options.log_max_records == 0) {
        s->counters->log_dropped++;
        return 0;
    }
    log_key_encode(k, key_bytes);
    rc = mdb_cursor_put(s->log, &key, &value, MDB_APPEND);
    if (rc != 0)
        return rc;
    s->batch_last_key = k;
    s->added++;
    return 0;
}

int usage_store_add(struct usage_store *s, const struct usage_entry *entry, uint64_t real_ms,
                    struct error *err)
{
    const struct record *r = entry->record;

    must(entry->slot < SLOTS_MAX && entry->seq > s->batch_seq[entry->slot]);
    must(!usage_store_is_full(s));
    if (!s->in_batch && store_batch_begin(s, err) != 0)
        return -1;
    if (r != NULL) {
        uint64_t ms = ended_ms(r, real_ms);
        struct usage_totals totals = usage_of_record(r);
        /* Without an attempt the model is whatever the client wrote: not worth a row. */
        struct usage_key key = {.day = usage_day(ms),
                                .key_id = r->key_id,
                                .team_id = r->team_id,
                                .customer_id = r->customer_id,
                                .provider = r->provider,
                                .model = r->provider.len > 0 ? r->model : STR_NONE};
        int rc = append_log(s, ms, entry->bytes);

        if (rc == 0)
            rc = store_add_shadow(s, r, ms);
        if (rc != 0)
            return store_failed(s, rc, "append to the log", err);
        must(sums_add(s->sums, &key, r->key_name, &totals)); /* else it were full */
        booked_add(s->booked, r, max_u64(real_ms, 1));
        if (s->options.log_max_records == 0)
            booked_forget(s->booked, r);
        usage_totals_add(&s->counters->totals, &totals);
        s->counters->records++;
    } else {
        s->counters->bad_records++;
    }
    s->batch_seq[entry->slot] = entry->seq;
    s->pending++;
    return 0;
}

uint32_t usage_store_pending(const struct usage_store *s)
{
    return s->pending;
}

bool usage_store_is_full(const struct usage_store *s)
{
    return s->pending >= USAGE_BATCH_RECORDS || sums_is_full(s->sums) ||
           booked_count(s->booked) >= USAGE_BATCH_BOOKED;
}

/* --- committing --- */

/* A row's value is the totals, and the key's name behind them. */
static int put_totals(struct usage_store *s, MDB_val *key, const struct sum *sum,
                      const MDB_val *old)
{
    uint8_t row[USAGE_VALUE_MAX];
    struct usage_totals totals = sum->totals;
    struct str name = sum->name;
    MDB_val value;

    if (old != NULL) {
        struct usage_totals before;
        struct str old_name;

        if (usage_value_decode(old->mv_data, old->mv_size, &before, &old_name) != 0)
            return MDB_CORRUPTED;
        usage_totals_add(&totals, &before);
        if (name.len == 0)
            name = old_name;
    }
    value = val(row, usage_value_encode(&totals, name, row));
    return mdb_put(s->txn, s->dbi[DBI_USAGE], key, &value, 0);
}

static int write_sum(struct usage_store *s, const struct sum *sum)
{
    uint8_t folded[USAGE_KEY_MAX];
    MDB_val key = val(sum->key.p, sum->key.len);
    MDB_val old;
    struct usage_key parts;
    int rc = mdb_get(s->txn, s->dbi[DBI_USAGE], &key, &old);

    if (rc == MDB_NOTFOUND && s->day_rows >= s->options.day_rows_max &&
        usage_key_decode(sum->key.p, sum->key.len, &parts) == 0 && parts.model.len > 0) {
        parts.model = STR(USAGE_OTHER_MODEL);
        key = val(folded, usage_key_encode(&parts, folded));
        s->counters->models_folded += sum->totals.requests;
        rc = mdb_get(s->txn, s->dbi[DBI_USAGE], &key, &old);
    }
    if (rc == MDB_NOTFOUND) {
        s->day_rows++;
        return put_totals(s, &key, sum, NULL);
    }
    return rc == 0 ? put_totals(s, &key, sum, &old) : rc;
}

static int write_sums(struct usage_store *s, uint64_t real_ms)
{
    uint32_t today = usage_day(real_ms);

    if (today != s->day) {
        s->day = today;
        s->day_rows = 0;
    }
    for (size_t i = 0; i < sums_count(s->sums); i++) {
        int rc = write_sum(s, sums_at(s->sums, i));

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int write_seqs(struct usage_store *s)
{
    uint8_t key_bytes[SEQ_KEY_BYTES];

    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
        MDB_val key = val(key_bytes, sizeof(key_bytes));
        MDB_val value = val(&s->batch_seq[slot], sizeof(s->batch_seq[slot]));
        int rc;

        if (s->batch_seq[slot] == s->seq[slot])
            continue;
        seq_key_encode(s->options.boot_id, slot, key_bytes);
        rc = mdb_put(s->txn, s->dbi[DBI_SEQ], &key, &value, 0);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int write_meta(struct usage_store *s)
{
    uint32_t day[2] = {s->day, s->day_rows};
    MDB_val key = val(META_COUNTERS, strlen(META_COUNTERS));
    MDB_val value = val(s->counters, sizeof(*s->counters));
    int rc = mdb_put(s->txn, s->dbi[DBI_META], &key, &value, 0);

    if (rc != 0)
        return rc;
    key = val(META_DAY, strlen(META_DAY));
    value = val(day, sizeof(day));
    return mdb_put(s->txn, s->dbi[DBI_META], &key, &value, 0);
}

static int write_batch(struct usage_store *s, uint64_t real_ms)
{
    uint64_t rows = s->log_rows + s->added;
    uint64_t too_many = rows - min_u64(rows, s->options.log_max_records);
    int rc = write_sums(s, real_ms);

    s->log_rows = rows;
    if (rc == 0)
        rc = write_seqs(s);
    if (rc == 0)
        rc = store_retain_log(s, 2 * (uint64_t)s->added + STORE_RETAIN_SLICE, too_many, real_ms);
    if (rc == 0)
        rc = store_write_booked(s);
    if (rc == 0)
        rc = store_prune_days(s, real_ms);
    if (rc == 0)
        rc = store_prune_windows(s, real_ms);
    return rc == 0 ? write_meta(s) : rc;
}

int usage_store_commit(struct usage_store *s, uint64_t real_ms, struct error *err)
{
    int rc;

    if (!s->in_batch && !usage_store_is_overdue(s, real_ms))
        return 0;
    if (!s->in_batch && store_batch_begin(s, err) != 0)
        return -1;
    s->counters->commits++;
    rc = write_batch(s, real_ms);
    if (rc != 0)
        return store_failed(s, rc, "write", err);
    if (store_batch_end(s, err) != 0)
        return -1;
    memcpy(s->seq, s->batch_seq, sizeof(s->seq));
    s->last_key = s->batch_last_key;
    sums_clear(s->sums);
    booked_clear(s->booked);
    s->pending = s->added = 0;
    return 0;
}

/* --- now and then --- */

int usage_store_sync(struct usage_store *s, struct error *err)
{
    int rc;

    if (s->is_synced)
        return 0;
    rc = mdb_env_sync(s->env, 1);
    if (rc != 0)
        return store_failed(s, rc, "sync", err);
    s->is_synced = true;
    return 0;
}

bool usage_store_is_synced(const struct usage_store *s)
{
    return s->is_synced;
}

bool usage_store_map_was_full(const struct usage_store *s)
{
    return s->map_was_full;
}

void usage_store_tidy(struct usage_store *s)
{
    mdb_filehandle_t fd;
    int dead;

    (void)mdb_reader_check(s->env, &dead); /* next time, if it cannot be done now */
    if (mdb_env_get_fd(s->env, &fd) == 0)
        mapped_forget(fd);
}
