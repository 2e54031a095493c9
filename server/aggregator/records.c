#include "server/aggregator/records.h"

#include <stdlib.h>
#include <string.h>

#include "server/aggregator/frames.h"
#include "server/base/alloc.h"
#include "shm/live.h"
#include "shm/outbox.h"
#include "shm/record.h"
#include "shm/weights.h"

#define FETCH_BYTES OUTBOX_CHUNK_BYTES /* outbox_read hands out a chunk at a time */

struct source {
    uint64_t next;    /* number of the record that comes next */
    uint64_t late_ms; /* monotonic: since when the outbox has it; 0: it has not */
    uint8_t *rest;    /* 2 * FRAME_MAX: begin of a frame whose end has not come yet */
    size_t rest_len;
    uint64_t
        first_garbage; /* bytes before the first frame: a predecessor may have read its begin */
    bool has_frame;
};

struct records {
    const struct region *live;
    struct region *weights;
    struct usage_store *store;
    struct agg_counters *counters;
    uint8_t *fetched; /* FETCH_BYTES */
    struct source sources[SLOTS_MAX];
};

struct records *records_create(const struct region *live, struct region *weights,
                               struct usage_store *store, struct agg_counters *counters)
{
    struct records *r = xcalloc(1, sizeof(*r));

    r->live = live;
    r->weights = weights;
    r->store = store;
    r->counters = counters;
    r->fetched = xalloc(FETCH_BYTES);
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        /* The journal may have been removed under regions that live on: what was told to be
         * stored is gone from the outbox. */
        uint64_t stored = max_u64(usage_store_seq(store, i), weights_stored(weights, i));

        r->sources[i].next = stored + 1;
        if (stored != weights_stored(weights, i))
            weights_set_stored(weights, i, stored);
    }
    return r;
}

void records_free(struct records *r)
{
    if (r == NULL)
        return;
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        free(r->sources[i].rest);
    free(r->fetched);
    free(r);
}

static const struct outbox *outbox_of(const struct records *r, uint32_t slot)
{
    return &live_slot(r->live, slot)->outbox;
}

int records_commit(struct records *r, uint64_t real_ms, struct error *err)
{
    if (usage_store_commit(r->store, real_ms, err) != 0)
        return -1;
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        uint64_t stored = usage_store_seq(r->store, i);

        if (stored > weights_stored(r->weights, i))
            weights_set_stored(r->weights, i, stored);
    }
    return 0;
}

/* The record that comes next. */
static int take(struct records *r, uint32_t slot, const struct frame *f, uint64_t real_ms,
                struct error *err)
{
    struct record record;
    bool is_sound = record_decode(f->bytes, f->len, &record) == 0;
    struct usage_entry entry = {slot, f->seq, is_sound ? &record : NULL,
                                (struct str){(const char *)f->bytes, f->len}};

    if (usage_store_is_full(r->store) && records_commit(r, real_ms, err) != 0)
        return -1;
    if (usage_store_add(r->store, &entry, real_ms, err) != 0)
        return -1;
    r->sources[slot].next = f->seq + 1;
    r->sources[slot].late_ms = 0;
    return 0;
}

/* A chunk of the outbox from the next number on. Returns the bytes read, 0: there is nothing. */
static int fetch(struct records *r, uint32_t slot, uint64_t real_ms, size_t *out_len,
                 struct error *err)
{
    struct source *s = &r->sources[slot];
    uint64_t next;
    size_t len = outbox_read(outbox_of(r, slot), s->next, r->fetched, FETCH_BYTES, &next);
    struct frame f;
    size_t at = 0;

    *out_len = len;
    while (frames_next(r->fetched, len, &at, &f, &r->counters->garbage_bytes)) {
        if (f.seq < s->next)
            continue;
        if (f.seq > s->next)
            r->counters->lost += f.seq - s->next;
        r->counters->fetched++;
        if (take(r, slot, &f, real_ms, err) != 0)
            return -1;
    }
    return 0;
}

static uint64_t *garbage_of(struct records *r, struct source *s)
{
    return s->has_frame ? &r->counters->garbage_bytes : &s->first_garbage;
}

static int on_frame(struct records *r, uint32_t slot, const struct frame *f, uint64_t real_ms,
                    struct error *err)
{
    struct source *s = &r->sources[slot];
    size_t len = 1;

    s->has_frame = true;
    if (f->seq < s->next) {
        r->counters->duplicates++;
        return 0;
    }
    /* A record is in the outbox before it is on the pipe: else it is only bytes that look so. */
    if (f->seq > outbox_last(outbox_of(r, slot))) {
        r->counters->garbage_bytes += f->len;
        return 0;
    }
    if (f->seq == s->next)
        return take(r, slot, f, real_ms, err);
    /* Some are missing. One chunk at once, which is nearly always all of it; the frames behind it
     * that are still ahead of us are in the outbox too, and the sweep fetches them. */
    return fetch(r, slot, real_ms, &len, err);
}

/* Frames of `in`; what is left of it becomes the rest. */
static int feed_whole(struct records *r, uint32_t slot, struct str in, uint64_t real_ms,
                      struct error *err)
{
    struct source *s = &r->sources[slot];
    const uint8_t *bytes = (const uint8_t *)in.p;
    struct frame f;
    size_t at = 0;

    while (frames_next(bytes, in.len, &at, &f, garbage_of(r, s))) {
        if (on_frame(r, slot, &f, real_ms, err) != 0)
            return -1;
    }
    must(in.len - at < FRAME_MAX);
    memmove(s->rest, bytes + at, in.len - at);
    s->rest_len = in.len - at;
    return 0;
}

/* Complete the frame that began in the last read. Takes what it used from *in. */
static int feed_rest(struct records *r, uint32_t slot, struct str *in, uint64_t real_ms,
                     struct error *err)
{
    struct source *s = &r->sources[slot];
    size_t more = min_u64(in->len, 2 * FRAME_MAX - s->rest_len);
    size_t had = s->rest_len;
    struct frame f;
    size_t at = 0;

    memcpy(s->rest + had, in->p, more);
    while (at < had && frames_next(s->rest, had + more, &at, &f, garbage_of(r, s))) {
        if (on_frame(r, slot, &f, real_ms, err) != 0)
            return -1;
    }
    if (at < had) { /* all of it still is the begin of a frame */
        memmove(s->rest, s->rest + at, had + more - at);
        s->rest_len = had + more - at;
        *in = str_skip(*in, more);
    } else {
        s->rest_len = 0;
        *in = str_skip(*in, at - had);
    }
    return 0;
}

int records_feed(struct records *r, uint32_t slot, struct str bytes, uint64_t real_ms,
                 struct error *err)
{
    struct source *s = &r->sources[slot];

    must(slot < SLOTS_MAX);
    if (s->rest == NULL)
        s->rest = xalloc(2 * FRAME_MAX);
    while (s->rest_len > 0 && bytes.len > 0) {
        if (feed_rest(r, slot, &bytes, real_ms, err) != 0)
            return -1;
    }
    return bytes.len > 0 ? feed_whole(r, slot, bytes, real_ms, err) : 0;
}

static bool is_late(struct records *r, uint32_t slot, uint64_t mono_ms)
{
    struct source *s = &r->sources[slot];

    if (outbox_last(outbox_of(r, slot)) < s->next) {
        s->late_ms = 0;
        return false;
    }
    if (s->late_ms == 0)
        s->late_ms = mono_ms;
    return mono_ms - s->late_ms >= RECORDS_LATE_MS;
}

int records_sweep(struct records *r, bool all, uint64_t mono_ms, uint64_t real_ms,
                  struct error *err)
{
    uint32_t n = live_slots(r->live);
    size_t left = RECORDS_FETCH_BYTES;

    for (uint32_t slot = 0; slot < n; slot++) {
        size_t len = 1;

        if (!all && !is_late(r, slot, mono_ms))
            continue;
        while (len > 0 && left > FETCH_BYTES) {
            if (fetch(r, slot, real_ms, &len, err) != 0)
                return -1;
            left -= len;
        }
        if (len > 0)
            return 1;
    }
    return 0;
}
