#include "conf/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "conf/store_walk.h"
#include "server/base/alloc.h"

#define STORE_VERSION 2              /* 1: keys only, in another encoding, which is still read */
#define STORE_MAP_BYTES (4ull << 30) /* address space; the file grows as it is used */
#define STORE_KEY_MAX 511            /* LMDB's own bound */

static const char *const table_names[STORE_TABLES] = {
    "file", "keys", "index", "meta", "customers", "teams", "limits", "accounts", "once", "rules",
};

struct store {
    char path[PATH_MAX];
    MDB_env *env;
    MDB_dbi dbi[STORE_TABLES];
    MDB_txn *write; /* NULL: none open */
    MDB_txn *read;  /* for look-ups outside of a write transaction */
    struct numbers *numbers;
};

static int fail(const struct store *s, int rc, struct error *err)
{
    switch (rc) {
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return error_set(err,
                         "%s/data.mdb: not a sound database (%s); restore it from a backup, or "
                         "move the directory away to start without the keys that the API created",
                         s->path, mdb_strerror(rc));
    case MDB_VERSION_MISMATCH:
        return error_set(err, "%s/data.mdb: made by another version of LMDB", s->path);
    case MDB_MAP_FULL:
        return error_set(err, "%s: full, at most %llu GiB fit", s->path, STORE_MAP_BYTES >> 30);
    default:
        return error_set(err, "%s: %s", s->path, mdb_strerror(rc));
    }
}

static MDB_val val_of(struct str s)
{
    union {
        const char *in;
        void *out;
    } p = {s.p}; /* LMDB takes void * and does not write to it */

    return (MDB_val){s.len, p.out};
}

static struct str str_of_val(MDB_val v)
{
    return (struct str){v.mv_data, v.mv_size};
}

/* --- open and close --- */

/*
 * LMDB trusts its file: to touch a page past the file's end kills the process. A file may rightly
 * be short of pages that were taken and given back in one transaction; one that was cut is short of
 * pages in use. With a hole at its end both read as zeros, which LMDB calls corrupt where it needs
 * more.
 */
static int pad_file(struct store *s, struct error *err)
{
    char file[PATH_MAX + 16];
    MDB_envinfo info;
    MDB_stat pages;
    struct stat st;
    uint64_t need;
    int rc;

    (void)snprintf(file, sizeof(file), "%s/data.mdb", s->path);
    if ((rc = mdb_env_info(s->env, &info)) != 0 || (rc = mdb_env_stat(s->env, &pages)) != 0)
        return fail(s, rc, err);
    if (info.me_last_pgno >= STORE_MAP_BYTES / pages.ms_psize)
        return fail(s, MDB_CORRUPTED, err);
    need = (info.me_last_pgno + 1) * pages.ms_psize;
    if (stat(file, &st) != 0 || ((uint64_t)st.st_size < need && truncate(file, (off_t)need) != 0))
        return error_errno(err, "%s", file);
    return 0;
}

static int check_version(struct store *s, struct error *err)
{
    struct str text = STR_NONE;
    uint64_t version = 0;
    int found = store_get(s, STORE_META, STR("version"), &text, err);
    char mine[16];
    MDB_stat st;

    if (found < 0)
        return -1;
    (void)snprintf(mine, sizeof(mine), "%d", STORE_VERSION);
    if (found == 0) {
        for (int t = 0; t < STORE_TABLES; t++) {
            int rc = mdb_stat(s->write, s->dbi[t], &st);

            if (rc != 0 || st.ms_entries > 0)
                return fail(s, rc != 0 ? rc : MDB_CORRUPTED, err);
        }
        return store_put(s, STORE_META, STR("version"), str_of(mine), err);
    }
    if (!str_parse_u64(text, &version) || version == 0)
        return fail(s, MDB_CORRUPTED, err);
    if (version > STORE_VERSION)
        return error_set(err,
                         "%s: written by a newer bowfin (store version %llu, this one knows %d); "
                         "run that one, or move the directory away",
                         s->path, (unsigned long long)version, STORE_VERSION);
    return 0;
}

static int open_tables(struct store *s, struct error *err)
{
    if (store_begin(s, err) != 0)
        return -1;
    for (int t = 0; t < STORE_TABLES; t++) {
        int rc = mdb_dbi_open(s->write, table_names[t], MDB_CREATE, &s->dbi[t]);

        if (rc != 0)
            return fail(s, rc, err);
    }
    if (check_version(s, err) != 0)
        return -1;
    return store_commit(s, false, err);
}

static int open_env(struct store *s, struct error *err)
{
    int rc = mdb_env_create(&s->env);

    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, STORE_MAP_BYTES);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, STORE_TABLES);
    if (rc == 0)
        rc = mdb_env_open(s->env, s->path, MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc == EACCES || rc == EPERM)
        return error_set(err,
                         "%s: %s (the state directory must belong to the user that runs bowfin)",
                         s->path, strerror(rc));
    if (rc != 0)
        return fail(s, rc, err);
    return pad_file(s, err);
}

int store_open(const char *state_dir, struct store **out, struct error *err)
{
    struct store *s = xcalloc(1, sizeof(*s));
    int n = snprintf(s->path, sizeof(s->path), "%s/config", state_dir);
    int rc = -1;

    if (n < 0 || (size_t)n >= sizeof(s->path))
        error_set(err, "%s: the path is too long", state_dir);
    else if (mkdir(s->path, 0700) != 0 && errno != EEXIST)
        error_errno(err, "%s", s->path);
    else if (open_env(s, err) == 0 && open_tables(s, err) == 0)
        rc = 0;
    if (rc == 0)
        *out = s;
    else
        store_close(s);
    return rc;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    store_abort(s);
    if (s->read != NULL)
        mdb_txn_abort(s->read);
    if (s->env != NULL)
        mdb_env_close(s->env);
    free(s);
}

/* --- transactions --- */

int store_begin(struct store *s, struct error *err)
{
    int rc;

    must(s->write == NULL);
    if (s->read != NULL)
        mdb_txn_abort(s->read);
    s->read = NULL;
    rc = mdb_txn_begin(s->env, NULL, 0, &s->write);
    if (rc != 0) {
        s->write = NULL;
        return fail(s, rc, err);
    }
    return 0;
}

/*
 * MDB_NOMETASYNC flushes the pages but not the one that makes them the current ones: a power
 * failure then shows the commit before. MDB_NOSYNC would be faster and may lose everything.
 */
int store_commit(struct store *s, bool sync, struct error *err)
{
    MDB_txn *txn = s->write;
    int rc = 0;

    must(txn != NULL);
    numbers_free(&s->numbers);
    s->write = NULL;
    if (sync)
        rc = mdb_env_set_flags(s->env, MDB_NOMETASYNC, 0);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return fail(s, rc, err);
    }
    rc = mdb_txn_commit(txn);
    if (sync) {
        int rc_sync = rc == 0 ? mdb_env_sync(s->env, 1) : 0;

        (void)mdb_env_set_flags(s->env, MDB_NOMETASYNC, 1); /* the same call worked above */
        rc = rc != 0 ? rc : rc_sync;
    }
    return rc == 0 ? 0 : fail(s, rc, err);
}

void store_abort(struct store *s)
{
    numbers_free(&s->numbers);
    if (s->write != NULL)
        mdb_txn_abort(s->write);
    s->write = NULL;
}

/* The open transaction, else a read one that lives until the next change. */
static int any_txn(struct store *s, MDB_txn **out, struct error *err)
{
    int rc;

    if (s->write != NULL) {
        *out = s->write;
        return 0;
    }
    if (s->read == NULL && (rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read)) != 0) {
        s->read = NULL;
        return fail(s, rc, err);
    }
    *out = s->read;
    return 0;
}

/* --- rows --- */

static int check_key(const struct store *s, struct str key, struct error *err)
{
    if (key.len == 0 || key.len > STORE_KEY_MAX)
        return error_set(err, "%s: a key of %zu bytes, it must have 1 to %d", s->path, key.len,
                         STORE_KEY_MAX);
    return 0;
}

int store_put(struct store *s, enum store_table t, struct str key, struct str value,
              struct error *err)
{
    MDB_val k = val_of(key);
    MDB_val v = val_of(value);
    int rc;

    must(s->write != NULL && t < STORE_TABLES);
    if (check_key(s, key, err) != 0)
        return -1;
    rc = mdb_put(s->write, s->dbi[t], &k, &v, 0);
    return rc == 0 ? 0 : fail(s, rc, err);
}

int store_delete(struct store *s, enum store_table t, struct str key, struct error *err)
{
    MDB_val k = val_of(key);
    int rc;

    must(s->write != NULL && t < STORE_TABLES);
    if (check_key(s, key, err) != 0)
        return -1;
    rc = mdb_del(s->write, s->dbi[t], &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : fail(s, rc, err);
}

int store_get(struct store *s, enum store_table t, struct str key, struct str *out,
              struct error *err)
{
    MDB_val k = val_of(key);
    MDB_val v = {0, NULL};
    MDB_txn *txn = NULL;
    int rc;

    must(t < STORE_TABLES);
    if (check_key(s, key, err) != 0 || any_txn(s, &txn, err) != 0)
        return -1;
    rc = mdb_get(txn, s->dbi[t], &k, &v);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return fail(s, rc, err);
    *out = str_of_val(v);
    return 1;
}

int store_walk(struct store *s, const struct store_walk *w, struct error *err)
{
    MDB_cursor *cursor;
    MDB_val k = val_of(w->prefix);
    MDB_val v = {0, NULL};
    MDB_txn *txn = NULL;
    int rc;

    if (any_txn(s, &txn, err) != 0)
        return -1;
    rc = mdb_cursor_open(txn, s->dbi[w->table], &cursor);
    if (rc != 0)
        return fail(s, rc, err);
    rc = mdb_cursor_get(cursor, &k, &v, w->prefix.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && str_starts(str_of_val(k), w->prefix)) {
        bool go_on = w->fn(w->ctx, str_of_val(k), str_of_val(v));

        if (!go_on && !w->drop)
            break;
        if (!go_on)
            rc = mdb_cursor_del(cursor, 0);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : fail(s, rc, err);
}

int store_each_below(struct store *s, const struct store_rows *rows, store_row_fn *fn, void *ctx,
                     struct error *err)
{
    struct store_walk w = {rows->table, rows->prefix, fn, ctx, false};

    must(rows->table < STORE_TABLES);
    return store_walk(s, &w, err);
}

int store_each(struct store *s, enum store_table t, store_row_fn *fn, void *ctx, struct error *err)
{
    struct store_rows all = {t, STR_NONE};

    return store_each_below(s, &all, fn, ctx, err);
}

const char *store_path(const struct store *s)
{
    return s->path;
}

bool store_is_writing(const struct store *s)
{
    return s->write != NULL;
}

struct numbers **store_numbers(struct store *s)
{
    return &s->numbers;
}
