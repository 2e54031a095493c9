#include "server/aggregator/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/aggregator/mapped.h"
#include "server/aggregator/query_impl.h"
#include "server/base/alloc.h"

#define FORGET_ROWS 1000 /* a call that looked at more gives the pages' memory back */

struct query *query_open(const char *state_dir)
{
    struct query *q = xcalloc(1, sizeof(*q));
    int n = snprintf(q->path, sizeof(q->path), "%s/" TABLES_DIR, state_dir);

    if (n < 0 || (size_t)n >= sizeof(q->path))
        q->path[0] = '\0';
    (void)snprintf(q->file, sizeof(q->file), "%s/data.mdb", q->path); /* has room for it */
    return q;
}

static void close_env(struct query *q)
{
    if (q->env != NULL)
        mdb_env_close(q->env);
    q->env = NULL;
}

void query_close(struct query *q)
{
    if (q == NULL)
        return;
    close_env(q);
    free(q);
}

/* --- snapshots --- */

static int open_tables(struct query *q)
{
    static const char *const names[DBIS] = {[DBI_USAGE] = TABLE_USAGE,
                                            [DBI_LOG] = TABLE_LOG,
                                            [DBI_SEQ] = TABLE_SEQ,
                                            [DBI_META] = TABLE_META};
    MDB_txn *txn;
    int rc = mdb_txn_begin(q->env, NULL, MDB_RDONLY, &txn);

    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < DBI_ACCOUNTS; i++)
        rc = mdb_dbi_open(txn, names[i], 0, &q->dbi[i]);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, TABLE_ACCOUNTS, 0, &q->dbi[DBI_ACCOUNTS]);
        q->has_accounts = rc == 0;
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, TABLE_SHADOWS, 0, &q->dbi[DBI_SHADOWS]);
        q->has_all = rc == 0 && q->has_accounts;
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    if (rc == 0)
        return mdb_txn_commit(txn); /* keeps the handles */
    mdb_txn_abort(txn);
    return rc;
}

static int open_env(struct query *q)
{
    struct stat st;
    int rc;

    if (stat(q->file, &st) != 0)
        return errno;
    if (q->env != NULL && q->inode == st.st_ino)
        return q->has_all ? 0 : open_tables(q);
    close_env(q); /* somebody removed it, and the aggregator has made another */
    rc = mdb_env_create(&q->env);
    if (rc != 0) {
        q->env = NULL;
        return rc;
    }
    if ((rc = mdb_env_set_maxdbs(q->env, TABLES_MAX)) == 0)
        rc = mdb_env_open(q->env, q->path, MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0640);
    if (rc == 0)
        rc = open_tables(q);
    if (rc != 0)
        close_env(q);
    q->inode = st.st_ino;
    return rc;
}

int query_begin(struct query *q, MDB_txn **out, struct error *err)
{
    int dead;
    int rc = open_env(q);

    /* It is being made: no file, no tables in it, no lock file beside it. */
    if (rc == ENOENT || rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = mdb_txn_begin(q->env, NULL, MDB_RDONLY, out);
    if (rc == MDB_MAP_RESIZED) { /* the aggregator was started with a larger one */
        rc = mdb_env_set_mapsize(q->env, 0);
        if (rc == 0)
            rc = mdb_txn_begin(q->env, NULL, MDB_RDONLY, out);
    } else if (rc == MDB_READERS_FULL) { /* by those who died in the middle */
        (void)mdb_reader_check(q->env, &dead);
        rc = mdb_txn_begin(q->env, NULL, MDB_RDONLY, out);
    }
    return rc == 0 ? 1 : error_set(err, "%s: %s", q->path, mdb_strerror(rc));
}

void query_end(struct query *q, MDB_txn *txn, size_t examined)
{
    mdb_filehandle_t fd;

    mdb_txn_abort(txn);
    if (examined > FORGET_ROWS && mdb_env_get_fd(q->env, &fd) == 0)
        mapped_forget(fd);
}

/* --- about --- */

int query_about(struct query *q, struct query_about *out, struct error *err)
{
    struct query_about about = {.log_rows = 0};
    MDB_val key = {strlen(META_COUNTERS), (void *)(uintptr_t)META_COUNTERS};
    MDB_val value;
    MDB_stat log;
    MDB_txn *txn = NULL;
    struct stat st;
    int rc = query_begin(q, &txn, err);

    if (rc < 0)
        return -1;
    if (rc == 0) {
        *out = about;
        return 0;
    }
    rc = mdb_get(txn, q->dbi[DBI_META], &key, &value);
    if (rc == 0)
        memcpy(&about.counters, value.mv_data, min_u64(value.mv_size, sizeof(about.counters)));
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = mdb_stat(txn, q->dbi[DBI_LOG], &log);
    query_end(q, txn, 0);
    if (rc != 0)
        return error_set(err, "%s: %s", q->path, mdb_strerror(rc));
    about.log_rows = log.ms_entries;
    about.file_bytes = stat(q->file, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    *out = about;
    return 0;
}
