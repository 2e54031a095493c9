#include "server/aggregator/usage_store_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAP_SPARE (256u << 20) /* for totals, numbers and pages that readers still hold */
/* A record of the largest size has an overflow page of its own and a node. */
#define MAP_PER_RECORD 4608u
#define MAP_MAX (1ull << 40)

static int open_tables(struct usage_store *s, struct error *err)
{
    static const char *const names[DBIS] = {
        [DBI_USAGE] = TABLE_USAGE, [DBI_ACCOUNTS] = TABLE_ACCOUNTS, [DBI_LOG] = TABLE_LOG,
        [DBI_SEQ] = TABLE_SEQ,     [DBI_META] = TABLE_META,         [DBI_SHADOWS] = TABLE_SHADOWS};
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

    for (size_t i = 0; rc == 0 && i < DBIS; i++)
        rc = mdb_dbi_open(txn, names[i], MDB_CREATE, &s->dbi[i]);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn); /* of NULL when it did not begin: harmless */
    return rc == 0 ? 0 : store_failed(s, rc, "open the tables", err);
}

/* Numbers of this boot are taken over, those of regions that are gone are removed. */
static int load_seqs(struct usage_store *s, MDB_cursor *c)
{
    MDB_val key;
    MDB_val value;
    int rc;

    while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
        uint64_t boot_id;
        uint32_t slot;

        if (seq_key_decode(key.mv_data, key.mv_size, &boot_id, &slot) != 0 ||
            boot_id != s->options.boot_id || slot >= SLOTS_MAX ||
            value.mv_size != sizeof(s->seq[slot])) {
            if ((rc = mdb_cursor_del(c, 0)) != 0)
                return rc;
            continue;
        }
        memcpy(&s->seq[slot], value.mv_data, sizeof(s->seq[slot]));
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int load_meta(struct usage_store *s, MDB_txn *txn)
{
    MDB_val key = val(META_COUNTERS, strlen(META_COUNTERS));
    MDB_val value;
    int rc = mdb_get(txn, s->dbi[DBI_META], &key, &value);

    /* An older version knew fewer counters. */
    if (rc == 0 && s->counters->commits == 0)
        memcpy(s->counters, value.mv_data, min_u64(value.mv_size, sizeof(*s->counters)));
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    key = val(META_DAY, strlen(META_DAY));
    rc = mdb_get(txn, s->dbi[DBI_META], &key, &value);
    if (rc == 0 && value.mv_size == 8) {
        memcpy(&s->day, value.mv_data, 4);
        memcpy(&s->day_rows, (const char *)value.mv_data + 4, 4);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int store_log_end(MDB_cursor *c, MDB_cursor_op which, uint64_t *out, MDB_val *row)
{
    MDB_val key;
    int rc = mdb_cursor_get(c, &key, row, which);

    if (rc != 0)
        return rc;
    return log_key_decode(key.mv_data, key.mv_size, out) == 0 ? 0 : MDB_CORRUPTED;
}

static int load_log(struct usage_store *s, MDB_cursor *c)
{
    MDB_stat stat;
    MDB_val row;
    int rc = mdb_stat(mdb_cursor_txn(c), s->dbi[DBI_LOG], &stat);

    if (rc != 0)
        return rc;
    s->log_rows = stat.ms_entries;
    s->oldest_key = NO_KEY;
    rc = store_log_end(c, MDB_LAST, &s->last_key, &row);
    if (rc == 0)
        rc = store_log_end(c, MDB_FIRST, &s->oldest_key, &row);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int load(struct usage_store *s, struct error *err)
{
    MDB_cursor *seqs = NULL;
    int rc = store_batch_begin(s, err);

    if (rc != 0)
        return rc;
    rc = mdb_cursor_open(s->txn, s->dbi[DBI_SEQ], &seqs);
    if (rc == 0) {
        rc = load_seqs(s, seqs);
        mdb_cursor_close(seqs);
    }
    if (rc == 0)
        rc = load_meta(s, s->txn);
    if (rc == 0)
        rc = load_log(s, s->log);
    if (rc != 0)
        return store_failed(s, rc, "load", err);
    memcpy(s->batch_seq, s->seq, sizeof(s->seq));
    return store_batch_end(s, err);
}

static size_t map_bytes(const struct usage_store_options *o)
{
    uint64_t records = min_u64(o->log_max_records, MAP_MAX / MAP_PER_RECORD);

    return o->map_bytes != 0 ? o->map_bytes : MAP_SPARE + records * MAP_PER_RECORD;
}

/*
 * NOMETASYNC: a commit writes and syncs its pages and then writes the meta page without waiting
 * for that, so a power cut may undo the last commit but never tears the tree; with NOSYNC it could.
 * `strict` waits for the meta page, too.
 * No WRITEMAP: a full disk must be an error of write(), not SIGBUS. See README.md.
 */
static int open_env(struct usage_store *s, struct error *err)
{
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
    int rc = mdb_env_create(&s->env);

    if (rc != 0) {
        s->env = NULL;
        return store_failed(s, rc, "create", err);
    }
    if (mkdir(s->path, 0750) != 0 && errno != EEXIST)
        return error_errno(err, "%s: cannot be made", s->path);
    if (!s->options.strict)
        flags |= MDB_NOMETASYNC;
    if ((rc = mdb_env_set_maxdbs(s->env, TABLES_MAX)) != 0 ||
        (rc = mdb_env_set_maxreaders(s->env, TABLES_READERS)) != 0 ||
        (rc = mdb_env_set_mapsize(s->env, map_bytes(&s->options))) != 0 ||
        (rc = mdb_env_open(s->env, s->path, flags, 0640)) != 0)
        return store_failed(s, rc, "open", err);
    return 0;
}

int store_env_open(struct usage_store *s, struct error *err)
{
    int dead;

    if (open_env(s, err) != 0 || open_tables(s, err) != 0 || load(s, err) != 0)
        return -1;
    (void)mdb_reader_check(s->env, &dead); /* what a killed predecessor or admin left */
    return 0;
}
