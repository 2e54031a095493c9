#include "server/aggregator/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <lmdb.h>

#include "server/aggregator/mapped.h"
#include "server/aggregator/sums.h"
#include "server/base/alloc.h"

#define FORGET_ROWS 1000 /* a call that looked at more gives the pages' memory back */

enum dbi { DBI_USAGE, DBI_LOG, DBI_META, DBIS };

struct query {
    char path[512]; /* of the environment; empty: the state directory's name was too long */
    char file[528]; /* its data file */
    ino_t inode;    /* of the data file that is open */
    MDB_env *env;   /* NULL: not open */
    MDB_dbi dbi[DBIS];
};

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
    static const char *const names[DBIS] = {TABLE_USAGE, TABLE_LOG, TABLE_META};
    MDB_txn *txn;
    int rc = mdb_txn_begin(q->env, NULL, MDB_RDONLY, &txn);

    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < DBIS; i++)
        rc = mdb_dbi_open(txn, names[i], 0, &q->dbi[i]);
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
        return 0;
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

/* 1: *out is a snapshot (mdb_txn_abort ends it); 0: there is no journal yet; -1 with *err. */
static int begin(struct query *q, MDB_txn **out, struct error *err)
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

static void end(struct query *q, MDB_txn *txn, size_t examined)
{
    mdb_filehandle_t fd;

    mdb_txn_abort(txn);
    if (examined > FORGET_ROWS && mdb_env_get_fd(q->env, &fd) == 0)
        mapped_forget(fd);
}

/* --- usage --- */

static bool usage_matches(const struct usage_filter *f, const struct usage_key *key)
{
    return (!f->has_key_id || key->key_id == f->key_id) &&
           (f->provider.len == 0 || str_eq(f->provider, key->provider)) &&
           (f->model.len == 0 || str_eq(f->model, key->model));
}

static struct usage_key usage_reduce(const struct usage_key *key, uint32_t group)
{
    return (struct usage_key){
        .day = (group & USAGE_BY_DAY) != 0 ? key->day : 0,
        .key_id = (group & USAGE_BY_KEY) != 0 ? key->key_id : 0,
        .provider = (group & USAGE_BY_PROVIDER) != 0 ? key->provider : STR_NONE,
        .model = (group & USAGE_BY_MODEL) != 0 ? key->model : STR_NONE,
    };
}

static void usage_take(const struct usage_filter *f, const struct usage_key *key,
                       const MDB_val *value, struct sums *sums, struct usage_answer *out)
{
    struct usage_key reduced = usage_reduce(key, f->group);
    struct usage_totals totals;
    struct str name = {(const char *)value->mv_data + sizeof(totals),
                       value->mv_size - sizeof(totals)};

    memcpy(&totals, value->mv_data, sizeof(totals));
    if ((f->group & USAGE_BY_KEY) == 0)
        name = STR_NONE;
    if (!sums_add(sums, &reduced, name, &totals))
        out->truncated++;
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

        if (usage_key_decode(key.mv_data, key.mv_size, &k) != 0 ||
            value.mv_size < sizeof(struct usage_totals))
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
        if (usage_matches(f, &k))
            usage_take(f, &k, &value, sums, out);
        rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int usage_order(const void *a, const void *b)
{
    const struct usage_row *x = a;
    const struct usage_row *y = b;
    int by_provider = str_cmp(x->provider, y->provider);

    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->key_id != y->key_id)
        return x->key_id < y->key_id ? -1 : 1;
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
    int rc = begin(q, &txn, err);

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
    end(q, txn, examined);
    if (rc == 0) {
        usage_fill(sums, a, &answer);
        *out = answer;
    }
    sums_free(sums);
    return rc == 0 ? 0 : error_set(err, "%s: usage: %s", q->path, mdb_strerror(rc));
}

/* --- log --- */

static bool log_matches(const struct log_filter *f, const struct record *r)
{
    return (!f->has_key_id || r->key_id == f->key_id) &&
           (f->provider.len == 0 || str_eq(f->provider, r->provider)) &&
           (f->model.len == 0 || str_eq(f->model, r->model) || str_eq(f->model, r->asked)) &&
           (f->status_class == 0 || r->status / 100 == f->status_class) &&
           (f->status == 0 || r->status == f->status);
}

static void log_take(struct log_row *row, uint64_t cursor, const struct record *r, struct arena *a)
{
    row->cursor = cursor;
    row->record = *r;
    row->record.key_name = arena_str(a, r->key_name);
    row->record.provider = arena_str(a, r->provider);
    row->record.provider_key = arena_str(a, r->provider_key);
    row->record.model = arena_str(a, r->model);
    row->record.asked = arena_str(a, r->asked);
    row->record.endpoint = arena_str(a, r->endpoint);
    row->record.fail = arena_str(a, r->fail);
}

/* The newest row that is older than `before`. */
static int log_seek(MDB_cursor *c, uint64_t before, MDB_val *key, MDB_val *value)
{
    uint8_t bytes[LOG_KEY_BYTES];
    int rc;

    log_key_encode(before, bytes);
    *key = (MDB_val){sizeof(bytes), bytes};
    rc = mdb_cursor_get(c, key, value, MDB_SET_RANGE);
    return mdb_cursor_get(c, key, value, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
}

static uint64_t log_key_at(uint64_t real_ms)
{
    return real_ms < UINT64_MAX >> LOG_KEY_SHIFT ? real_ms << LOG_KEY_SHIFT : UINT64_MAX;
}

/* The keys that the filter's times and the range leave: from < key < before. */
static struct log_range log_bounds(const struct log_filter *f)
{
    struct log_range bounds = f->range;
    uint64_t since = log_key_at(f->since_ms);

    if (bounds.before == 0)
        bounds.before = UINT64_MAX;
    if (f->until_ms != 0)
        bounds.before = min_u64(bounds.before, log_key_at(f->until_ms));
    bounds.after = max_u64(bounds.after, since > 0 ? since - 1 : 0);
    bounds.limit = bounds.limit < 1 ? 1 : min_u64(bounds.limit, LOG_PAGE_MAX);
    return bounds;
}

static int log_walk(MDB_cursor *c, const struct log_filter *f, const struct log_range *bounds,
                    struct arena *a, struct log_page *page)
{
    MDB_val key;
    MDB_val value;
    int rc = log_seek(c, bounds->before, &key, &value);

    for (; rc == 0; rc = mdb_cursor_get(c, &key, &value, MDB_PREV)) {
        struct record record;
        uint64_t k;

        if (log_key_decode(key.mv_data, key.mv_size, &k) != 0)
            return MDB_CORRUPTED;
        if (k <= bounds->after)
            return 0;
        if (page->n == bounds->limit || page->examined == LOG_EXAMINED_MAX) {
            page->next = k + 1; /* the row that did not fit is the first of the next page */
            return 0;
        }
        page->examined++;
        if (record_decode(value.mv_data, value.mv_size, &record) == 0 && log_matches(f, &record))
            log_take(&page->rows[page->n++], k, &record, a);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int query_log(struct query *q, const struct log_filter *filter, struct arena *a,
              struct log_page *out, struct error *err)
{
    struct log_range bounds = log_bounds(filter);
    struct log_page page = {.n = 0};
    MDB_cursor *c;
    MDB_txn *txn = NULL;
    int rc = begin(q, &txn, err);

    if (rc < 0)
        return -1;
    if (rc == 0) {
        *out = page;
        return 0;
    }
    page.rows = arena_alloc(a, bounds.limit * sizeof(*page.rows));
    rc = mdb_cursor_open(txn, q->dbi[DBI_LOG], &c);
    if (rc == 0) {
        rc = log_walk(c, filter, &bounds, a, &page);
        mdb_cursor_close(c);
    }
    end(q, txn, page.examined);
    if (rc != 0)
        return error_set(err, "%s: log: %s", q->path, mdb_strerror(rc));
    *out = page;
    return 0;
}

void query_cursor_format(uint64_t cursor, char out[CURSOR_TEXT_LEN + 1])
{
    (void)snprintf(out, CURSOR_TEXT_LEN + 1, "%016llx", (unsigned long long)cursor);
}

bool query_cursor_parse(struct str text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t n = 0;

    if (text.len != CURSOR_TEXT_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.p[i] != '\0' ? strchr(digits, text.p[i]) : NULL;

        if (digit == NULL)
            return false;
        n = n << 4 | (uint64_t)(digit - digits);
    }
    *out = n;
    return true;
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
    int rc = begin(q, &txn, err);

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
    end(q, txn, 0);
    if (rc != 0)
        return error_set(err, "%s: %s", q->path, mdb_strerror(rc));
    about.log_rows = log.ms_entries;
    about.file_bytes = stat(q->file, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    *out = about;
    return 0;
}
