/*
 * status - GET /api/status and POST /api/reload.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/call.h"
#include "server/admin/snapshot.h"
#include "server/admin/writer.h"
#include "server/base/clock.h"
#include "shm/keys.h"
#include "shm/weights.h"

/* A member of the master's reply as it is; null when it is absent. */
static void copy_raw(struct writer *w, const struct json *reply, const char *name)
{
    const struct json *node = json_get(reply, name);

    writer_raw(w, name, node != NULL ? node->raw : STR("null"));
}

static void write_stats(struct writer *w, const char *key, const uint64_t stats[STATS_N])
{
    writer_object(w, key);
    for (uint32_t i = 0; i < STATS_N; i++)
        writer_u64(w, stat_info(i)->name, stats[i]);
    writer_object_end(w);
}

static void write_worker(struct writer *w, const struct snapshot_worker *worker)
{
    writer_object(w, NULL);
    writer_u64(w, "slot", worker->slot);
    writer_u64(w, "pid", worker->pid);
    writer_cstr(w, "state", snapshot_state_name(worker->state));
    writer_u64(w, "generation", worker->generation);
    writer_u64(w, "heartbeat_age_ms", worker->beat_age_ms);
    writer_u64(w, "started_ms", worker->started_ms);
    writer_u64(w, "restarts", worker->restarts);
    write_stats(w, "stats", worker->stats);
    writer_object_end(w);
}

static void write_latency(struct writer *w, const struct region *live, const struct snapshot *s)
{
    static const char *const keys[HISTOGRAMS_N] = {[HISTOGRAM_REQUEST] = "request",
                                                   [HISTOGRAM_FIRST_BYTE] = "first_byte",
                                                   [HISTOGRAM_OVERHEAD] = "overhead",
                                                   [HISTOGRAM_QUEUE] = "queue_wait"};
    struct snapshot_histogram h;

    writer_object(w, "latency");
    for (uint32_t i = 0; i < HISTOGRAMS_N; i++) {
        snapshot_histogram(live, s, i, &h);
        writer_object(w, keys[i]);
        writer_u64(w, "count", h.count);
        writer_milli(w, "p50_ms", h.count > 0 ? histogram_quantile_us(h.buckets, 500) : 0);
        writer_milli(w, "p95_ms", h.count > 0 ? histogram_quantile_us(h.buckets, 950) : 0);
        writer_milli(w, "p99_ms", h.count > 0 ? histogram_quantile_us(h.buckets, 990) : 0);
        writer_object_end(w);
    }
    writer_object_end(w);
}

static void write_ready(struct writer *w, const struct snapshot *s, uint64_t generation)
{
    char why[128];
    bool is_ready = snapshot_is_ready(s, generation, why, sizeof(why));

    writer_object(w, "ready");
    writer_bool(w, "ok", is_ready);
    writer_cstr(w, "text", why);
    writer_object_end(w);
}

static void on_status(struct exchange *ex, const struct json *reply)
{
    const struct regions *regions = ex->admin->regions;
    struct snapshot *s = arena_alloc(ex->arena, sizeof(*s));
    struct writer w = WRITER_INIT(&ex->out);
    uint64_t now = clock_mono_ms(), real = clock_real_ms(), started = real;
    uint64_t weights_ms = weights_beat_ms(&regions->weights);

    snapshot_take(&regions->live, now, s);
    (void)json_u64(json_get(reply, "started_ms"), &started); /* absent: as if it were now */
    writer_object(&w, NULL);
    copy_raw(&w, reply, "version");
    copy_raw(&w, reply, "pid");
    copy_raw(&w, reply, "started_ms");
    writer_milli(&w, "uptime_s", real > started ? real - started : 0);
    copy_raw(&w, reply, "config_path");
    writer_u64(&w, "generation", published_generation(&regions->published));
    write_ready(&w, s, published_generation(&regions->published));
    copy_raw(&w, reply, "listeners");
    copy_raw(&w, reply, "last_reload");
    copy_raw(&w, reply, "children");
    writer_array(&w, "workers");
    for (uint32_t i = 0; i < s->n; i++) {
        if (snapshot_is_used(&s->workers[i]))
            write_worker(&w, &s->workers[i]);
    }
    writer_array_end(&w);
    write_stats(&w, "totals", s->totals);
    write_latency(&w, &regions->live, s);
    writer_u64(&w, "virtual_keys", keys_count(&regions->published));
    if (weights_ms != 0)
        writer_u64(&w, "weights_age_ms", now > weights_ms ? now - weights_ms : 0);
    else
        writer_null(&w, "weights_age_ms");
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void api_status(struct exchange *ex, struct str tail)
{
    struct buf text = BUF_INIT;

    (void)tail;
    buf_cstr(&text, "{\"op\":\"status\"}");
    call_master(ex, &text, CALL_TIMEOUT_MS, on_status);
}

static void on_reload(struct exchange *ex, const struct json *reply)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_bool(&w, "ok", true);
    copy_raw(&w, reply, "generation");
    copy_raw(&w, reply, "changes");
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void api_reload(struct exchange *ex, struct str tail)
{
    struct buf text = BUF_INIT;

    (void)tail;
    buf_cstr(&text, "{\"op\":\"reload\"}");
    call_master(ex, &text, RELOAD_TIMEOUT_MS, on_reload);
}
