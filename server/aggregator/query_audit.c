#include "server/aggregator/query_audit.h"

#include <stdlib.h>
#include <string.h>

#include "server/aggregator/query_impl.h"
#include "server/base/alloc.h"
#include "shm/layout.h"

struct journal_view {
    struct query *q;
    MDB_txn *txn; /* NULL: there is no journal yet */
    uint64_t seq[SLOTS_MAX];
    size_t examined;
    int rc; /* of the first read that failed */
};

static int load_seqs(struct journal_view *v, uint64_t boot_id)
{
    MDB_cursor *c;
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_open(v->txn, v->q->dbi[DBI_SEQ], &c);

    if (rc != 0)
        return rc;
    while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
        uint64_t boot;
        uint32_t slot;

        if (seq_key_decode(key.mv_data, key.mv_size, &boot, &slot) == 0 && boot == boot_id &&
            slot < SLOTS_MAX && value.mv_size == sizeof(v->seq[slot]))
            memcpy(&v->seq[slot], value.mv_data, sizeof(v->seq[slot]));
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int journal_view_open(struct query *q, uint64_t boot_id, struct journal_view **out,
                      struct error *err)
{
    struct journal_view *v = xcalloc(1, sizeof(*v));
    int rc = query_begin(q, &v->txn, err);

    v->q = q;
    if (rc < 0) {
        free(v);
        return -1;
    }
    if (rc == 0)
        v->txn = NULL;
    else
        v->rc = load_seqs(v, boot_id);
    if (journal_view_failed(v, err) != 0) {
        journal_view_close(v);
        return -1;
    }
    *out = v;
    return 0;
}

void journal_view_close(struct journal_view *v)
{
    if (v == NULL)
        return;
    if (v->txn != NULL)
        query_end(v->q, v->txn, v->examined);
    free(v);
}

int journal_view_failed(const struct journal_view *v, struct error *err)
{
    return v->rc == 0 ? 0 : error_set(err, "%s: audit: %s", v->q->path, mdb_strerror(v->rc));
}

uint64_t journal_view_seq(const struct journal_view *v, uint32_t slot)
{
    must(slot < SLOTS_MAX);
    return v->seq[slot];
}

static void fail(struct journal_view *v, int rc)
{
    if (v->rc == 0 && rc != MDB_NOTFOUND)
        v->rc = rc;
}

void journal_view_account(struct journal_view *v, struct booking key, struct account_sum *out)
{
    uint8_t bytes[ACCOUNT_KEY_BYTES];
    MDB_val k = {sizeof(bytes), bytes};
    MDB_val value;
    int rc;

    *out = (struct account_sum){.nanousd = 0};
    if (v->txn == NULL || !v->q->has_accounts)
        return;
    account_key_encode(key, bytes);
    rc = mdb_get(v->txn, v->q->dbi[DBI_ACCOUNTS], &k, &value);
    v->examined++;
    if (rc == 0 && account_sum_decode(value.mv_data, value.mv_size, out) != 0)
        rc = MDB_CORRUPTED;
    fail(v, rc);
}

void journal_view_each(struct journal_view *v, journal_view_fn *fn, void *ctx)
{
    MDB_cursor *c;
    MDB_val key;
    MDB_val value;
    int rc;

    if (v->txn == NULL || !v->q->has_accounts)
        return;
    rc = mdb_cursor_open(v->txn, v->q->dbi[DBI_ACCOUNTS], &c);
    if (rc != 0) {
        fail(v, rc);
        return;
    }
    while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
        struct booking window;
        struct account_sum sum;

        v->examined++;
        if (account_key_decode(key.mv_data, key.mv_size, &window) == 0 &&
            account_sum_decode(value.mv_data, value.mv_size, &sum) == 0)
            fn(ctx, &window, &sum);
        else
            fail(v, MDB_CORRUPTED);
    }
    mdb_cursor_close(c);
    fail(v, rc);
}

static void sum_log(struct journal_view *v, MDB_cursor *c, struct booked *sums,
                    struct journal_log *out)
{
    MDB_val key;
    MDB_val value;
    int rc;

    while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
        struct record r;
        uint64_t k;

        v->examined++;
        if (log_key_decode(key.mv_data, key.mv_size, &k) != 0) {
            rc = MDB_CORRUPTED;
            break;
        }
        if (out->rows++ == 0)
            out->begin_ms = log_key_ms(k);
        if (record_decode(value.mv_data, value.mv_size, &r) == 0)
            booked_add(sums, &r, log_key_ms(k));
    }
    fail(v, rc);
}

void journal_view_log(struct journal_view *v, uint64_t max, struct booked *sums,
                      struct journal_log *out)
{
    MDB_stat stat = {.ms_entries = 0};
    MDB_cursor *c;
    int rc;

    *out = (struct journal_log){.is_whole = true};
    if (v->txn == NULL)
        return;
    rc = mdb_stat(v->txn, v->q->dbi[DBI_LOG], &stat);
    if (rc == 0 && stat.ms_entries > max) {
        *out = (struct journal_log){.rows = stat.ms_entries, .is_whole = false};
        return;
    }
    if (rc == 0)
        rc = mdb_cursor_open(v->txn, v->q->dbi[DBI_LOG], &c);
    if (rc != 0) {
        fail(v, rc);
        return;
    }
    sum_log(v, c, sums, out);
    mdb_cursor_close(c);
}
