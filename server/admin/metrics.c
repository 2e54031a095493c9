/*
 * metrics - GET /metrics, from the regions alone: no call to another process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/health_row.h"
#include "server/admin/process.h"
#include "server/admin/snapshot.h"
#include "server/admin/text.h"
#include "server/aggregator/query.h"
#include "server/base/clock.h"
#include "shm/keys.h"
#include "shm/weights.h"

#define METRICS_ROUTES_MAX 2000 /* rows with traffic; a label set must not grow with a file */
#define BUCKETS_PER_LE 4        /* one `le` per power of two: the histogram's own step is finer */

static void one(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    text_family(b, name, type, help);
    text_sample(b, name, NULL, 0, value);
}

static void build_info(struct buf *b)
{
    text_family(b, "build_info", "gauge", "The version that runs; always 1.");
    text_sample(b, "build_info", &(struct text_label){"version", str_of(BF_VERSION)}, 1, 1);
}

static void totals(struct buf *b, const struct snapshot *s)
{
    for (uint32_t i = 0; i < STATS_N; i++) {
        const struct stat_info *info = stat_info(i);

        one(b, info->name, info->is_gauge ? "gauge" : "counter", info->help, s->totals[i]);
    }
}

static void histogram(struct buf *b, const char *name, const struct snapshot_histogram *h)
{
    char series[128], le[32];
    uint64_t sum = 0;

    (void)snprintf(series, sizeof(series), "%s_bucket", name);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t bound = histogram_bound_us(i);

        sum += h->buckets[i];
        if (i % BUCKETS_PER_LE != BUCKETS_PER_LE - 1 || bound == UINT64_MAX)
            continue;
        int n =
            snprintf(le, sizeof(le), "%" PRIu64 ".%06" PRIu64, bound / 1000000, bound % 1000000);
        text_sample(b, series, &(struct text_label){"le", {le, (size_t)n}}, 1, sum);
    }
    text_sample(b, series, &(struct text_label){"le", STR("+Inf")}, 1, h->count);
    (void)snprintf(series, sizeof(series), "%s_sum", name);
    text_sample_micro(b, series, NULL, 0, h->sum_us);
    (void)snprintf(series, sizeof(series), "%s_count", name);
    text_sample(b, series, NULL, 0, h->count);
}

static void histograms(struct buf *b, const struct region *live, const struct snapshot *s)
{
    struct snapshot_histogram h;

    for (uint32_t i = 0; i < HISTOGRAMS_N; i++) {
        const struct stat_info *info = histogram_info(i);

        snapshot_histogram(live, s, i, &h);
        text_family(b, info->name, "histogram", info->help);
        histogram(b, info->name, &h);
    }
}

/* --- workers --- */

static uint64_t worker_up(const struct snapshot_worker *w)
{
    return w->state == SLOT_READY || w->state == SLOT_DRAINING;
}

static uint64_t worker_restarts(const struct snapshot_worker *w)
{
    return w->restarts;
}

static uint64_t worker_generation(const struct snapshot_worker *w)
{
    return w->generation;
}

static uint64_t worker_requests(const struct snapshot_worker *w)
{
    return w->stats[STAT_REQUESTS];
}

static uint64_t worker_beat_age_us(const struct snapshot_worker *w)
{
    return w->beat_age_ms * 1000;
}

static uint64_t worker_memory(const struct snapshot_worker *w)
{
    return process_resident_bytes(w->pid);
}

static uint64_t worker_cpu_us(const struct snapshot_worker *w)
{
    return process_cpu_us(w->pid);
}

static const struct {
    const char *name, *type, *help;
    uint64_t (*value)(const struct snapshot_worker *w);
    bool is_micro;
} worker_families[] = {
    {"worker_up", "gauge", "1 when the worker serves.", worker_up, false},
    {"worker_restarts_total", "counter", "How often the worker was started again.", worker_restarts,
     false},
    {"worker_generation", "gauge", "Generation of the configuration that the worker uses.",
     worker_generation, false},
    {"worker_requests_total", "counter", "Requests begun, by worker.", worker_requests, false},
    {"worker_heartbeat_age_seconds", "gauge", "Since the worker's last sign of life.",
     worker_beat_age_us, true},
    {"worker_resident_memory_bytes", "gauge", "Resident memory of the worker.", worker_memory,
     false},
    {"worker_cpu_seconds_total", "counter", "Processor time of the worker process.", worker_cpu_us,
     true},
};

static void workers(struct buf *b, const struct snapshot *s)
{
    for (size_t f = 0; f < ARRAY_LEN(worker_families); f++) {
        text_family(b, worker_families[f].name, worker_families[f].type, worker_families[f].help);
        for (uint32_t i = 0; i < s->n; i++) {
            if (!snapshot_is_used(&s->workers[i]))
                continue;
            char slot[12];
            int n = snprintf(slot, sizeof(slot), "%" PRIu32, s->workers[i].slot);
            struct text_label label = {"worker", {slot, (size_t)n}};
            uint64_t value = worker_families[f].value(&s->workers[i]);

            if (worker_families[f].is_micro)
                text_sample_micro(b, worker_families[f].name, &label, 1, value);
            else
                text_sample(b, worker_families[f].name, &label, 1, value);
        }
    }
}

/* --- routes --- */

struct route_values {
    struct text_label labels[3];
    struct snapshot_route traffic;
    struct weight health;
};

enum route_field {
    FIELD_ATTEMPTS,
    FIELD_ERRORS,
    FIELD_IN_FLIGHT,
    FIELD_TOKENS_IN,
    FIELD_TOKENS_OUT,
    FIELD_FIRST_BYTE,
    FIELD_TOTAL,
    FIELD_WEIGHT,
    FIELD_ERROR_RATIO,
    FIELD_STATE
};

static const struct {
    const char *name, *type, *help;
    bool is_micro;
} route_families[] = {
    [FIELD_ATTEMPTS] = {"route_attempts_total", "counter", "Calls sent over the route.", false},
    [FIELD_ERRORS] = {"route_errors_total", "counter",
                      "Calls over the route that failed by the provider's fault.", false},
    [FIELD_IN_FLIGHT] = {"route_in_flight", "gauge", "Calls under way over the route.", false},
    [FIELD_TOKENS_IN] = {"route_tokens_input_total", "counter", "Prompt tokens over the route.",
                         false},
    [FIELD_TOKENS_OUT] = {"route_tokens_output_total", "counter",
                          "Completion tokens over the route.", false},
    [FIELD_FIRST_BYTE] = {"route_first_byte_seconds_total", "counter",
                          "Sum of the times to the first body byte; divide by the attempts.", true},
    [FIELD_TOTAL] = {"route_duration_seconds_total", "counter",
                     "Sum of the calls' durations; divide by the attempts.", true},
    [FIELD_WEIGHT] = {"route_weight_ratio", "gauge",
                      "Share of the configured weight that the route's health leaves, 0 to 1.",
                      true},
    [FIELD_ERROR_RATIO] = {"route_error_ratio", "gauge",
                           "Recent share of failed calls, decayed, 0 to 1.", true},
    [FIELD_STATE] = {"route_state", "gauge", "1 for the state that the route is in.", false},
};

static uint64_t route_value(const struct route_values *v, enum route_field field)
{
    switch (field) {
    case FIELD_ATTEMPTS:
        return v->traffic.attempts;
    case FIELD_ERRORS:
        return v->traffic.errors;
    case FIELD_IN_FLIGHT:
        return v->traffic.in_flight;
    case FIELD_TOKENS_IN:
        return v->traffic.tokens_in;
    case FIELD_TOKENS_OUT:
        return v->traffic.tokens_out;
    case FIELD_FIRST_BYTE:
        return v->traffic.first_byte_us_sum;
    case FIELD_TOTAL:
        return v->traffic.total_us_sum;
    case FIELD_WEIGHT:
        return (uint64_t)v->health.weight * 1000000 / WEIGHT_FULL;
    case FIELD_ERROR_RATIO:
        return (uint64_t)v->health.error_permyriad * 100;
    case FIELD_STATE:
        break;
    }
    return 0;
}

static void route_states(struct buf *b, const struct route_values *v)
{
    for (uint32_t state = ROUTE_HEALTHY; state <= ROUTE_HALF_OPEN; state++) {
        struct text_label labels[4] = {v->labels[0],
                                       v->labels[1],
                                       v->labels[2],
                                       {"state", str_of(health_row_state_name(state))}};

        text_sample(b, route_families[FIELD_STATE].name, labels, ARRAY_LEN(labels),
                    v->health.state == state);
    }
}

/* The rows that have seen a call, up to the bound; *out_left is what did not fit. */
static size_t collect_routes(struct exchange *ex, const struct snapshot *s,
                             struct route_values *out, uint64_t *out_left)
{
    const struct regions *regions = ex->admin->regions;
    const struct pub_view *v = admin_view(ex->admin);
    size_t n = 0;

    *out_left = 0;
    for (uint32_t i = 0; v != NULL && i < v->image->n_routes; i++) {
        const struct pub_route *route = pub_route(v, i);
        struct route_values row;

        snapshot_route(&regions->live, s, route->row, &row.traffic);
        if (row.traffic.attempts == 0)
            continue;
        if (n == METRICS_ROUTES_MAX) {
            ++*out_left;
            continue;
        }
        if (!weights_read(&regions->weights, route->row, &row.health))
            row.health = (struct weight){.weight = WEIGHT_FULL};
        row.labels[0] =
            (struct text_label){"provider", pub_text(v, pub_provider(v, route->provider)->name)};
        row.labels[1] = (struct text_label){"key", pub_text(v, pub_key(v, route->key)->name)};
        row.labels[2] = (struct text_label){"model", pub_text(v, route->model)};
        out[n++] = row;
    }
    return n;
}

static void routes(struct exchange *ex, const struct snapshot *s)
{
    struct buf *b = &ex->out;
    struct route_values *rows =
        arena_alloc(ex->arena, METRICS_ROUTES_MAX * sizeof(struct route_values));
    uint64_t left;
    size_t n = collect_routes(ex, s, rows, &left);

    for (uint32_t f = 0; f < ARRAY_LEN(route_families); f++) {
        text_family(b, route_families[f].name, route_families[f].type, route_families[f].help);
        for (size_t i = 0; i < n; i++) {
            if (f == FIELD_STATE)
                route_states(b, &rows[i]);
            else if (route_families[f].is_micro)
                text_sample_micro(b, route_families[f].name, rows[i].labels, 3,
                                  route_value(&rows[i], f));
            else
                text_sample(b, route_families[f].name, rows[i].labels, 3, route_value(&rows[i], f));
        }
    }
    one(b, "routes_not_shown", "gauge", "Routes with traffic that did not fit into this answer.",
        left);
}

/* --- the journal --- */

static void journal(struct exchange *ex)
{
    struct buf *b = &ex->out;
    struct query_about about = {0};
    struct error err = ERROR_INIT;
    bool ok = query_about(ex->admin->query, &about, &err) == 0;

    one(b, "journal_readable", "gauge", "1 when the usage journal can be read.", ok);
    if (!ok)
        return;
    metrics_money(ex, &about);
    one(b, "journal_records_total", "counter", "Usage records in the totals.",
        about.counters.records);
    one(b, "journal_duplicates_total", "counter", "Usage records that came twice, dropped.",
        about.counters.duplicates);
    one(b, "journal_fetched_total", "counter",
        "Usage records read from shared memory because the pipe did not bring them.",
        about.counters.fetched);
    one(b, "journal_lost_total", "counter", "Usage records that were nowhere any more: a fault.",
        about.counters.lost);
    one(b, "journal_bad_records_total", "counter", "Usage records that could not be read.",
        about.counters.bad_records);
    one(b, "journal_store_failures_total", "counter",
        "Transactions that failed and were done again.", about.counters.store_failures);
    one(b, "journal_samples_total", "counter", "Health samples taken.", about.counters.samples);
    one(b, "journal_log_rows", "gauge", "Rows in the request log.", about.log_rows);
    one(b, "journal_file_bytes", "gauge", "Size of the journal's file.", about.file_bytes);
}

void api_metrics(struct exchange *ex, struct str tail)
{
    const struct regions *regions = ex->admin->regions;
    struct snapshot *s = arena_alloc(ex->arena, sizeof(*s));
    uint64_t now = clock_mono_ms(), beat = weights_beat_ms(&regions->weights);
    struct buf *b = &ex->out;
    char why[128];

    (void)tail;
    snapshot_take(&regions->live, now, s);
    build_info(b);
    one(b, "ready", "gauge", "1 when clients may be sent here, as /readyz says.",
        snapshot_is_ready(s, published_generation(&regions->published), why, sizeof(why)));
    one(b, "config_generation", "gauge", "Generation of the configuration in force.",
        published_generation(&regions->published));
    one(b, "virtual_keys", "gauge", "Virtual keys in the table.", keys_count(&regions->published));
    text_family(b, "weights_age_seconds", "gauge",
                "Since the aggregator last published weights; it does so four times a second.");
    if (beat != 0)
        text_sample_micro(b, "weights_age_seconds", NULL, 0, (now > beat ? now - beat : 0) * 1000);
    totals(b, s);
    histograms(b, &regions->live, s);
    workers(b, s);
    routes(ex, s);
    metrics_tokens(ex);
    journal(ex);
    ex->status = 200;
    ex->content_type_out = "text/plain; version=0.0.4; charset=utf-8";
    exchange_finish(ex);
}
