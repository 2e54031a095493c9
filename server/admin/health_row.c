/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/health_row.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/base/when.h"
#include "shm/lanes.h"
#include "shm/sample.h"

const char *health_row_state_name(uint32_t state)
{
    static const char *const names[] = {[ROUTE_HEALTHY] = "healthy",
                                        [ROUTE_DEGRADED] = "degraded",
                                        [ROUTE_OPEN] = "open",
                                        [ROUTE_HALF_OPEN] = "half_open"};

    return state < ARRAY_LEN(names) ? names[state] : "?";
}

/* One sentence for a human: what weighed most, and until when. */
static void write_why(struct writer *w, const struct weight *h, uint64_t mono_ms)
{
    char text[160];
    int n = 0;

    if (h->state == ROUTE_HEALTHY && h->reason == 0) {
        writer_null(w, "why");
        return;
    }
    n = snprintf(text, sizeof(text), "%s, %" PRIu32 ".%02" PRIu32 " %% errors",
                 h->reason != 0 ? sample_outcome_name(h->reason) : "slow", h->error_permyriad / 100,
                 h->error_permyriad % 100);
    if (h->retry_at_ms > mono_ms && n > 0 && (size_t)n < sizeof(text))
        (void)snprintf(text + n, sizeof(text) - (size_t)n, ", next try in %" PRIu64 " ms",
                       h->retry_at_ms - mono_ms);
    writer_cstr(w, "why", text);
}

static void write_when(struct writer *w, const char *key, uint64_t real_ms)
{
    struct buf b = BUF_INIT;

    if (real_ms == 0) {
        writer_null(w, key);
        return;
    }
    when_format(&b, real_ms);
    writer_str(w, key, buf_view(&b));
    buf_fini(&b);
}

/* What weighed most, in which state it is since when, and until when nobody is sent there. */
static void write_reason(struct writer *w, const struct weight *h, struct health_clock now)
{
    bool is_waiting = h->retry_at_ms > now.mono_ms;
    bool has_changed = h->changed_ms != 0 && now.mono_ms >= h->changed_ms;
    uint64_t ago_ms = has_changed ? now.mono_ms - h->changed_ms : 0;
    uint64_t wait_ms = is_waiting ? h->retry_at_ms - now.mono_ms : 0;

    writer_cstr(w, "reason", h->reason != 0 ? sample_outcome_name(h->reason) : NULL);
    write_when(w, "since", has_changed && now.real_ms > ago_ms ? now.real_ms - ago_ms : 0);
    if (has_changed)
        writer_u64(w, "changed_ago_ms", ago_ms);
    else
        writer_null(w, "changed_ago_ms");
    write_when(w, "waits_until", is_waiting ? now.real_ms + wait_ms : 0);
    writer_u64(w, "retry_in_ms", wait_ms);
}

/* Models of a route for any model that its provider told to wait. */
static uint64_t count_resting(const struct region *weights, uint32_t row, uint64_t mono_ms)
{
    uint64_t n = 0;

    for (uint32_t place = 0; lanes_are_used(weights) && place < LANES_MAX; place++) {
        struct lane lane;

        n += lanes_read(weights, place, &lane) && lane.row == row && lane.retry_at_ms > mono_ms;
    }
    return n;
}

void health_row_write(struct writer *w, const struct region *weights, uint32_t row,
                      struct health_clock now)
{
    struct weight h;

    if (row >= ROUTES_MAX || !weights_read(weights, row, &h)) {
        writer_cstr(w, "state", "unknown"); /* its writer died inside the row */
        return;
    }
    writer_cstr(w, "state", health_row_state_name(h.state));
    writer_milli(w, "weight", (uint64_t)h.weight * 1000 / WEIGHT_FULL);
    write_why(w, &h, now.mono_ms);
    write_reason(w, &h, now);
    writer_milli(w, "first_byte_ms", h.first_byte_us);
    writer_milli(w, "first_byte_p50_ms", h.first_byte_p50_us);
    writer_milli(w, "first_byte_p90_ms", h.first_byte_p90_us);
    writer_milli(w, "first_byte_p95_ms", h.first_byte_p95_us);
    writer_milli(w, "first_byte_p99_ms", h.first_byte_p99_us);
    writer_u64(w, "first_byte_samples", h.first_byte_n);
    writer_milli(w, "total_ms", h.total_us);
    writer_milli(w, "error_percent", (uint64_t)h.error_permyriad * 10);
    writer_u64(w, "requests_per_min", h.requests_per_min);
    writer_u64(w, "samples", h.samples);
    writer_milli(w, "headroom", (uint64_t)h.headroom * 1000 / WEIGHT_FULL);
    writer_u64(w, "resting_models", count_resting(weights, row, now.mono_ms));
}
