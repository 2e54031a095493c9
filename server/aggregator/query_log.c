#include "server/aggregator/query.h"

#include <stdio.h>
#include <string.h>

#include "server/aggregator/query_impl.h"

static bool log_matches(const struct log_filter *f, const struct record *r)
{
    return (!f->has_key_id || r->key_id == f->key_id) &&
           (!f->has_team_id || r->team_id == f->team_id) &&
           (!f->has_customer_id || r->customer_id == f->customer_id) &&
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
    for (uint32_t i = 0; i < r->n_trail; i++) {
        struct record_attempt *attempt = &row->record.trail[i];

        attempt->provider = arena_str(a, attempt->provider);
        attempt->provider_key = arena_str(a, attempt->provider_key);
        attempt->model = arena_str(a, attempt->model);
    }
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
    int rc = query_begin(q, &txn, err);

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
    query_end(q, txn, page.examined);
    if (rc != 0)
        return error_set(err, "%s: log: %s", q->path, mdb_strerror(rc));
    *out = page;
    return 0;
}

/* *examined counts, *next is `before` for what was not looked at. */
static int log_each(MDB_cursor *c, const struct log_each *each, size_t *examined, uint64_t *next)
{
    struct log_range bounds = log_bounds(&each->filter);
    MDB_val key;
    MDB_val value;
    int rc = log_seek(c, bounds.before, &key, &value);

    for (; rc == 0; rc = mdb_cursor_get(c, &key, &value, MDB_PREV)) {
        struct record record;
        uint64_t k;

        if (log_key_decode(key.mv_data, key.mv_size, &k) != 0)
            return MDB_CORRUPTED;
        if (k <= bounds.after)
            return 0;
        if (*examined == each->max) {
            *next = k + 1;
            return 0;
        }
        ++*examined;
        if (record_decode(value.mv_data, value.mv_size, &record) == 0 &&
            log_matches(&each->filter, &record))
            each->fn(each->ctx, &record);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int query_log_each(struct query *q, const struct log_each *each, uint64_t *out_next,
                   struct error *err)
{
    MDB_cursor *c;
    MDB_txn *txn = NULL;
    size_t examined = 0;
    int rc = query_begin(q, &txn, err);

    *out_next = 0;
    if (rc <= 0)
        return rc;
    rc = mdb_cursor_open(txn, q->dbi[DBI_LOG], &c);
    if (rc == 0) {
        rc = log_each(c, each, &examined, out_next);
        mdb_cursor_close(c);
    }
    query_end(q, txn, examined);
    return rc == 0 ? 0 : error_set(err, "%s: log: %s", q->path, mdb_strerror(rc));
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
