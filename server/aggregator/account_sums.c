#include "server/aggregator/account_sums.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <lmdb.h>

#include "server/aggregator/tables.h"

static int walk(MDB_cursor *c, account_sums_fn *fn, void *ctx)
{
    MDB_val key;
    MDB_val value;
    int rc;

    while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
        struct booking window;
        struct account_sum sum;

        if (account_key_decode(key.mv_data, key.mv_size, &window) != 0 ||
            account_sum_decode(value.mv_data, value.mv_size, &sum) != 0)
            return MDB_CORRUPTED;
        fn(ctx, &window, sum.nanousd);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int each(MDB_env *env, account_sums_fn *fn, void *ctx)
{
    MDB_txn *txn;
    MDB_cursor *c;
    MDB_dbi dbi;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, TABLE_ACCOUNTS, 0, &dbi);
    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &c);
    if (rc == 0) {
        rc = walk(c, fn, ctx);
        mdb_cursor_close(c);
    }
    mdb_txn_abort(txn);
    return rc;
}

int account_sums_each(const char *state_dir, account_sums_fn *fn, void *ctx, struct error *err)
{
    char path[512];
    char file[528];
    unsigned flags = MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD;
    MDB_env *env;
    int n = snprintf(path, sizeof(path), "%s/" TABLES_DIR, state_dir);
    int rc;

    if (n < 0 || (size_t)n >= sizeof(path))
        return error_set(err, "%s/" TABLES_DIR ": the path is too long", state_dir);
    /* LMDB would make a lock file, which were root's and not the aggregator's. */
    (void)snprintf(file, sizeof(file), "%s/data.mdb", path);
    if (access(file, F_OK) != 0 && errno == ENOENT)
        return 0;
    (void)snprintf(file, sizeof(file), "%s/lock.mdb", path);
    if (access(file, F_OK) != 0 && errno == ENOENT)
        flags |= MDB_NOLOCK; /* and nobody writes: the state directory is ours */
    rc = mdb_env_create(&env);
    if (rc != 0)
        return error_set(err, "%s: %s", path, mdb_strerror(rc));
    rc = mdb_env_set_maxdbs(env, TABLES_MAX);
    if (rc == 0)
        rc = mdb_env_open(env, path, flags, 0640);
    if (rc == 0)
        rc = each(env, fn, ctx);
    mdb_env_close(env);
    if (rc == MDB_NOTFOUND) /* of a version that booked nothing to accounts */
        return 0;
    return rc == 0 ? 0 : error_set(err, "%s: accounts: %s", path, mdb_strerror(rc));
}
