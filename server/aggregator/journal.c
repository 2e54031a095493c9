#include "server/aggregator/journal.h"

#include <stdlib.h>

#include "server/aggregator/records.h"
#include "server/aggregator/usage_store.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "server/base/log.h"

struct journal {
    struct journal_options options;
    const struct region *live;
    struct region *weights;
    struct agg_counters *counters;
    struct usage_store *store; /* NULL while it is closed */
    struct records *records;   /* likewise */
    uint64_t retry_ms;         /* monotonic, while it is closed */
    uint64_t complained_ms;    /* 0: since it was opened well there was no cause */
    uint64_t commit_ms;        /* when the batch is due; 0: there is none */
    uint64_t sync_ms;          /* when the disk is due; 0: nothing new */
    uint64_t tidy_ms;          /* likewise */
    bool needs_relief;         /* it was closed because its map was full */
    bool is_told;              /* the log says that it is closed */
    struct agg_counters told;  /* as the last warning about them had them */
};

static void close_all(struct journal *j)
{
    records_free(j->records);
    usage_store_close(j->store);
    j->records = NULL;
    j->store = NULL;
    j->commit_ms = j->sync_ms = j->tidy_ms = 0;
}

/* Nothing is lost: what was not committed is still in the outboxes. */
static void fall(struct journal *j, const struct error *err)
{
    uint64_t now_ms = clock_mono_ms();

    j->needs_relief = j->store != NULL && usage_store_map_was_full(j->store);
    close_all(j);
    j->counters->store_failures++;
    j->retry_ms = now_ms + JOURNAL_RETRY_MS;
    if (j->complained_ms != 0 && now_ms - j->complained_ms < JOURNAL_COMPLAIN_MS)
        return;
    j->complained_ms = now_ms;
    j->is_told = true;
    log_error("journal_failed",
              "text=\"%s\" failures=%llu note=\"records wait in memory; trying each second\"",
              err->text, (unsigned long long)j->counters->store_failures);
}

static void open_all(struct journal *j)
{
    struct usage_store_options options = {
        .state_dir = j->options.state_dir,
        .boot_id = ((const struct region_header *)j->live->base)->boot_id,
        .log_max_records = j->options.log_max_records,
        .log_max_age_ms = j->options.log_max_age_ms,
        .strict = j->options.strict,
    };
    struct error err = ERROR_INIT;

    if (usage_store_open(&options, j->counters, &j->store, &err) != 0 ||
        (j->needs_relief && usage_store_relieve(j->store, &err) != 0)) {
        fall(j, &err);
        return;
    }
    j->records = records_create(j->live, j->weights, j->store, j->counters);
    /* A disk that is nearly full takes a small commit and refuses the next: one pair of lines a minute. */
    if (j->is_told)
        log_info("journal_resumed", "failures=%llu",
                 (unsigned long long)j->counters->store_failures);
    j->is_told = false;
}

struct journal *journal_create(const struct journal_options *options, const struct region *live,
                               struct region *weights, struct agg_counters *counters)
{
    struct journal *j = xcalloc(1, sizeof(*j));

    j->options = *options;
    if (j->options.durability_ms == 0)
        j->options.durability_ms = JOURNAL_DURABILITY_MS;
    j->live = live;
    j->weights = weights;
    j->counters = counters;
    open_all(j);
    j->told = *counters;
    return j;
}

void journal_free(struct journal *j)
{
    if (j == NULL)
        return;
    close_all(j);
    free(j);
}

bool journal_is_open(const struct journal *j)
{
    return j->store != NULL;
}

static uint64_t commit_after_ms(const struct journal *j)
{
    return j->options.strict ? 0 : min_u64(JOURNAL_COMMIT_MS, j->options.durability_ms / 5);
}

/* After records were added: when must they be in the file? */
static void set_due(struct journal *j)
{
    if (usage_store_pending(j->store) == 0)
        j->commit_ms = 0;
    else if (j->commit_ms == 0)
        j->commit_ms = clock_mono_ms() + commit_after_ms(j);
}

void journal_feed(struct journal *j, uint32_t slot, struct str bytes)
{
    struct error err = ERROR_INIT;

    if (j->store == NULL)
        return;
    if (records_feed(j->records, slot, bytes, clock_real_ms(), &err) != 0)
        fall(j, &err);
    else
        set_due(j);
}

bool journal_sweep(struct journal *j)
{
    struct error err = ERROR_INIT;
    int more;

    if (j->store == NULL)
        return false;
    more = records_sweep(j->records, false, clock_mono_ms(), clock_real_ms(), &err);
    if (more < 0) {
        fall(j, &err);
        return false;
    }
    set_due(j);
    return more > 0;
}

/* What should not happen between processes of one build is told, once for each time it grows. */
static void warn_of_peers(struct journal *j)
{
    const struct agg_counters *now = j->counters;

    if (now->lost != j->told.lost)
        log_error("records_lost", "n=%llu", (unsigned long long)(now->lost - j->told.lost));
    if (now->bad_records != j->told.bad_records || now->garbage_bytes != j->told.garbage_bytes)
        log_warn("records_unsound", "records=%llu bytes=%llu",
                 (unsigned long long)(now->bad_records - j->told.bad_records),
                 (unsigned long long)(now->garbage_bytes - j->told.garbage_bytes));
    if (now->bad_samples != j->told.bad_samples)
        log_warn("samples_unsound", "n=%llu",
                 (unsigned long long)(now->bad_samples - j->told.bad_samples));
    j->told = *now;
}

static void commit(struct journal *j, uint64_t mono_ms)
{
    struct error err = ERROR_INIT;

    j->commit_ms = 0;
    if (records_commit(j->records, clock_real_ms(), &err) != 0) {
        fall(j, &err);
        return;
    }
    if (!usage_store_is_synced(j->store))
        /* A later commit syncs this one, and moves it. What waited for the commit counts. */
        j->sync_ms = mono_ms + j->options.durability_ms - commit_after_ms(j);
    if (j->tidy_ms == 0)
        j->tidy_ms = mono_ms + JOURNAL_TIDY_MS;
    warn_of_peers(j);
}

static void sync_disk(struct journal *j)
{
    struct error err = ERROR_INIT;

    j->sync_ms = 0;
    if (usage_store_sync(j->store, &err) != 0)
        fall(j, &err);
}

void journal_turn(struct journal *j, uint64_t mono_ms)
{
    if (j->store == NULL && mono_ms >= j->retry_ms)
        open_all(j);
    if (j->store != NULL && ((j->commit_ms != 0 && mono_ms >= j->commit_ms) ||
                             usage_store_is_overdue(j->store, clock_real_ms())))
        commit(j, mono_ms);
    if (j->store != NULL && j->sync_ms != 0 && mono_ms >= j->sync_ms)
        sync_disk(j);
    if (j->store != NULL && j->tidy_ms != 0 && mono_ms >= j->tidy_ms) {
        j->tidy_ms = 0;
        usage_store_tidy(j->store);
    }
}

uint64_t journal_due_ms(const struct journal *j)
{
    uint64_t due = UINT64_MAX;

    if (j->store == NULL)
        return j->retry_ms;
    if (j->commit_ms != 0)
        due = j->commit_ms;
    if (j->sync_ms != 0)
        due = min_u64(due, j->sync_ms);
    if (j->tidy_ms != 0)
        due = min_u64(due, j->tidy_ms);
    return due;
}

bool journal_finish(struct journal *j)
{
    struct error err = ERROR_INIT;
    int more = 1;

    if (j->store == NULL)
        open_all(j);
    while (j->store != NULL && more > 0) {
        more = records_sweep(j->records, true, clock_mono_ms(), clock_real_ms(), &err);
        if (more < 0 || records_commit(j->records, clock_real_ms(), &err) != 0)
            fall(j, &err);
    }
    if (j->store != NULL && usage_store_sync(j->store, &err) != 0)
        fall(j, &err);
    return j->store != NULL;
}
