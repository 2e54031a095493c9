#include "shm/stats.h"

#define SUB_LOG2 2 /* 4 buckets per power of two */
#define SUB (1u << SUB_LOG2)

static const struct stat_info stats[STATS_N] = {
    [STAT_CONNECTIONS_OPEN] = {"connections_open", "Client connections that are open.", true},
    [STAT_CONNECTIONS] = {"connections_total", "Client connections accepted.", false},
    [STAT_CONNECTIONS_REFUSED] = {"connections_refused_total",
                                  "Client connections closed at once, over the limit.", false},
    [STAT_CONNECTIONS_CUT] = {"connections_cut_total",
                              "Client connections cut by the HTTP/2 guards.", false},
    [STAT_REQUESTS] = {"requests_total", "Requests begun.", false},
    [STAT_REQUESTS_OPEN] = {"requests_open", "Requests under way.", true},
    [STAT_ANSWERS_2XX] = {"answers_2xx_total", "Answers with a status of 200 to 299.", false},
    [STAT_ANSWERS_4XX] = {"answers_4xx_total", "Answers with a status of 400 to 499.", false},
    [STAT_ANSWERS_5XX] = {"answers_5xx_total", "Answers with a status of 500 to 599.", false},
    [STAT_CLIENT_GONE] = {"clients_gone_total", "Clients that left before the answer's end.",
                          false},
    [STAT_STREAMS_OPEN] = {"streams_open", "Streamed answers under way.", true},
    [STAT_BYTES_IN] = {"request_body_bytes_total", "Bytes of request bodies.", false},
    [STAT_BYTES_OUT] = {"answer_body_bytes_total", "Bytes of answer bodies.", false},
    [STAT_ATTEMPTS] = {"attempts_total", "Calls to providers.", false},
    [STAT_RETRIES] = {"retries_total", "Calls to providers after a failed one of the same request.",
                      false},
    [STAT_UPSTREAM_ERRORS] = {"upstream_errors_total",
                              "Calls to providers that failed by the provider's fault.", false},
    [STAT_UPSTREAM_CONNECTIONS] = {"upstream_connections_total", "Connections made to providers.",
                                   false},
    [STAT_TOKENS_IN] = {"tokens_input_total", "Prompt tokens, as providers told.", false},
    [STAT_TOKENS_OUT] = {"tokens_output_total", "Completion tokens, as providers told.", false},
    [STAT_USAGE_MISSING] = {"usage_missing_total", "Answers for which the provider told no usage.",
                            false},
    [STAT_AUTH_FAILURES] = {"auth_failures_total", "Requests refused for their key.", false},
    [STAT_SAMPLES_DROPPED] = {"samples_dropped_total",
                              "Health samples dropped because their pipe was full.", false},
    [STAT_RECORDS] = {"records_total", "Usage records written to the journal.", false},
    [STAT_RECORDS_SPILLED] = {"records_spilled_total",
                              "Usage records lost because the journal was full: a fault.", false},
    [STAT_FORWARDED] = {"forwarded_total", "Requests passed on to the admin process.", false},
    [STAT_BODY_BYTES_HELD] = {"body_bytes_held", "Bytes of request bodies held in memory.", true},
    [STAT_RECORDS_LATE] =
        {"records_late_total",
         "Answers that ended before their record was on disk (durability: strict).", false},
    [STAT_HEDGES] = {"hedges_total", "Second calls begun because the first one was late.", false},
    [STAT_HEDGES_WON] = {"hedges_won_total", "Second calls that answered first.", false},
    [STAT_HEDGES_REFUSED] =
        {"hedges_refused_total",
         "Second calls not begun because the share of requests that may have one was used up.",
         false},
    [STAT_QUEUE_LENGTH] = {"queue_length", "Requests that wait for a provider to have room.", true},
    [STAT_QUEUE_PASSED] = {"queue_passed_total", "Requests that waited and were then served.",
                           false},
    [STAT_QUEUE_FULL] = {"queue_full_total",
                         "Requests refused because as many waited as may (queue.at_most).", false},
    [STAT_QUEUE_TIMEOUTS] = {"queue_timeouts_total",
                             "Requests refused because they waited too long (queue.wait).", false},
    [STAT_QUEUE_LEFT] = {"queue_left_total", "Requests whose clients left while they waited.",
                         false},
    [STAT_SHED_LOW] = {"shed_low_total",
                       "Requests of keys with priority low refused because the worker was full.",
                       false},
    [STAT_SHED_NORMAL] =
        {"shed_normal_total",
         "Requests of keys with priority normal refused because the worker was full.", false},
    [STAT_SHED_HIGH] = {"shed_high_total",
                        "Requests of keys with priority high refused because the worker was full.",
                        false},
    [STAT_SHADOWS] = {"shadows_total", "Copies of requests sent to a shadow.", false},
    [STAT_SHADOWS_FAILED] = {"shadows_failed_total", "Shadows that brought no good answer.", false},
    [STAT_SHADOWS_SKIPPED] =
        {"shadows_skipped_total",
         "Requests not copied to a shadow: too many were under way, or it was too long.", false},
    [STAT_RETRIES_REFUSED] = {"retries_refused_total",
                              "Failed requests that limits.retry_ratio did not let try again.",
                              false},
};

static const struct stat_info histograms[HISTOGRAMS_N] = {
    [HISTOGRAM_REQUEST] = {"request_duration_seconds",
                           "From a request's beginning to the last byte of its answer.", false},
    [HISTOGRAM_FIRST_BYTE] = {"upstream_first_byte_seconds",
                              "From a call's sending to the provider's first body byte.", false},
    [HISTOGRAM_OVERHEAD] = {"overhead_seconds",
                            "What the gateway itself adds: before the call is sent, and after its "
                            "last byte has come.",
                            false},
    [HISTOGRAM_QUEUE] = {"queue_wait_seconds",
                         "Waited for a provider to have room, whatever came of it.", false},
};

const struct stat_info *stat_info(enum stat_id which)
{
    must(which < STATS_N);
    return &stats[which];
}

const struct stat_info *histogram_info(enum stat_histogram which)
{
    must(which < HISTOGRAMS_N);
    return &histograms[which];
}

/* 0, 1, 2, 3, then four buckets per power of two. */
uint32_t histogram_bucket(uint64_t us)
{
    uint32_t log2;
    uint64_t bucket;

    if (us < SUB)
        return (uint32_t)us;
    log2 = 63 - (uint32_t)__builtin_clzll(us);
    bucket = (uint64_t)(log2 - SUB_LOG2 + 1) * SUB + ((us >> (log2 - SUB_LOG2)) & (SUB - 1));
    return bucket < HISTOGRAM_BUCKETS ? (uint32_t)bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_start_us(uint32_t bucket)
{
    if (bucket < SUB)
        return bucket;
    return (uint64_t)(SUB + bucket % SUB) << (bucket / SUB - 1);
}

void histogram_add(struct histogram *h, uint64_t us)
{
    _Atomic uint64_t *bucket = &h->buckets[histogram_bucket(us)];
    uint64_t n = atomic_load_explicit(bucket, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&h->sum_us, memory_order_relaxed);

    atomic_store_explicit(bucket, n + 1, memory_order_relaxed);
    atomic_store_explicit(&h->sum_us, sum + us, memory_order_relaxed);
}

uint64_t histogram_bound_us(uint32_t bucket)
{
    must(bucket < HISTOGRAM_BUCKETS);
    return bucket == HISTOGRAM_BUCKETS - 1 ? UINT64_MAX : bucket_start_us(bucket + 1) - 1;
}

uint64_t histogram_quantile_us(const uint64_t buckets[HISTOGRAM_BUCKETS], uint32_t permille)
{
    uint64_t total = 0;
    uint64_t below = 0;
    double rank;

    must(permille <= 1000);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += buckets[i];
    if (total == 0)
        return 0;
    rank = (double)total * permille / 1000.0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (buckets[i] > 0 && (double)(below + buckets[i]) >= rank) {
            uint64_t start = bucket_start_us(i);
            /* the last bucket has no end; its start is the honest answer */
            uint64_t width = i == HISTOGRAM_BUCKETS - 1 ? 0 : histogram_bound_us(i) - start;
            double part = (rank - (double)below) / (double)buckets[i];

            return start + (uint64_t)((double)width * part + 0.5);
        }
        below += buckets[i];
    }
    return bucket_start_us(HISTOGRAM_BUCKETS - 1);
}
