/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void snapshot_take(const struct region *live, uint64_t mono_ms, struct snapshot *out)
{
    const uint32_t n = live_slots(live);

    out->n = 0;
    memset(out->totals, 0, sizeof(out->totals));
    /* A dead slot keeps its counters: they never go back. */
    for (uint32_t i = 0; i < n; i++) {
        const struct slot *slot = live_slot(live, i);
        uint32_t state = slot->state;
        struct snapshot_worker *w = &out->workers[out->n++];
        uint64_t beat_ms = slot->beat_ms;
        w->slot = i;
        w->pid = slot->pid;
        w->state = state;
        w->restarts = slot->restarts;
        w->generation = slot->generation;
        w->started_ms = slot->started_ms;
        w->beat_age_ms = beat_ms != 0 && mono_ms > beat_ms ? mono_ms - beat_ms : 0;
        for (uint32_t s = 0; s < STATS_N; s++) {
            w->stats[s] = slot->stats[s];
            out->totals[s] += w->stats[s];
        }
    }
}

void snapshot_route(const struct region *live, const struct snapshot *s, uint32_t row,
                    struct snapshot_route *out)
{
    memset(out, 0, sizeof(*out));
    if (row >= ROUTES_MAX)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct route_live *r = &live_slot(live, s->workers[i].slot)->routes[row];

        out->in_flight += r->in_flight;
        out->attempts += r->attempts;
        out->errors += r->errors;
        out->tokens_in += r->tokens_in;
        out->tokens_out += r->tokens_out;
        out->first_byte_us_sum += r->first_byte_us_sum;
        out->total_us_sum += r->total_us_sum;
    }
}

void snapshot_histogram(const struct region *live, const struct snapshot *s,
                        enum stat_histogram which, struct snapshot_histogram *out)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < s->n; i++) {
        const struct histogram *h = &live_slot(live, s->workers[i].slot)->histograms[which];

        for (uint32_t b = 0; b < HISTOGRAM_BUCKETS; b++)
            out->buckets[b] += h->buckets[b];
        out->sum_us += h->sum_us;
    }
    for (uint32_t b = 0; b < HISTOGRAM_BUCKETS; b++)
        out->count += out->buckets[b];
}

const char *snapshot_state_name(uint32_t state)
{
    static const char *const names[] = {
        [SLOT_FREE] = "free",         [SLOT_STARTING] = "starting", [SLOT_READY] = "ready",
        [SLOT_DRAINING] = "draining", [SLOT_DEAD] = "dead",         [SLOT_RETIRED] = "retired"};

    return state < ARRAY_LEN(names) ? names[state] : "?";
}

bool snapshot_is_used(const struct snapshot_worker *w)
{
    return w->state != SLOT_FREE && w->state != SLOT_RETIRED;
}

bool snapshot_is_ready(const struct snapshot *s, uint64_t generation, char *why, size_t room)
{
    uint32_t n_ready = 0, n_behind = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        const struct snapshot_worker *w = &s->workers[i];

        if (w->state != SLOT_READY || w->beat_age_ms > SNAPSHOT_BEAT_MAX_MS)
            continue;
        n_ready++;
        n_behind += w->generation < generation;
    }
    if (generation == 0)
        (void)snprintf(why, room, "no configuration is published yet");
    else if (n_ready == 0)
        (void)snprintf(why, room, "no worker is ready");
    else if (n_behind > 0)
        (void)snprintf(why, room, "%u of %u workers do not use generation %" PRIu64 " yet",
                       n_behind, n_ready, generation);
    else
        (void)snprintf(why, room, "ready: workers=%u generation=%" PRIu64, n_ready, generation);
    return generation != 0 && n_ready > 0 && n_behind == 0;
}
