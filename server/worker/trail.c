#include "server/worker/trail.h"

#include "server/worker/relay.h"
#include "server/worker/worker.h"

uint32_t trail_add(struct request *r, const struct attempt *a, bool is_hedge)
{
    struct trail *t = &r->trail;

    if (t->n == ATTEMPTS_MAX)
        return TRAIL_NONE;
    t->entries[t->n] = (struct trail_entry){
        .provider = a->provider,
        .provider_key = a->provider_key,
        .model = a->model,
        .text = "",
        .begun_us = a->sent_us - min_u64(r->begun_us, a->sent_us),
        .row = a->row,
        .is_hedge = is_hedge,
    };
    return t->n++;
}

void trail_note(struct trail *t, uint32_t which, const struct attempt *a,
                enum sample_outcome reason, uint64_t end_us)
{
    struct trail_entry *e;

    if (which == TRAIL_NONE)
        return;
    must(which < t->n);
    e = &t->entries[which];
    if (e->reason != 0)
        return;
    e->reason = reason;
    e->text = a->is_page ? "wrong_content_type" : sample_outcome_name(reason);
    e->status = a->status;
    e->first_byte_us = a->first_byte_us;
    e->total_us = end_us - min_u64(a->sent_us, end_us);
}

void trail_record(const struct request *r, uint32_t from, struct record *rec)
{
    static_assert(RECORD_ATTEMPTS_MAX >= ATTEMPTS_MAX, "room");

    for (uint32_t i = from; i < r->trail.n; i++) {
        const struct trail_entry *e = &r->trail.entries[i];

        rec->trail[rec->n_trail++] = (struct record_attempt){
            .provider = e->provider,
            .provider_key = e->provider_key,
            .model = e->model,
            .begun_us = e->begun_us,
            .first_byte_us = e->first_byte_us,
            .total_us = e->total_us,
            .reason = e->reason,
            .status = (uint32_t)e->status,
            .flags = e->is_hedge ? RECORD_ATTEMPT_HEDGE : 0,
        };
    }
}

/* --- told to the client --- */

/* Names are cut, and never carry what a header or its own commas could trip over. */
static void put_name(struct buf *b, struct str name)
{
    size_t len = name.len < TRAIL_NAME_MAX ? name.len : TRAIL_NAME_MAX;

    for (size_t i = 0; i < len; i++) {
        char c = name.p[i];
        bool is_plain = c > 0x20 && c < 0x7f && c != ',' && c != ';';

        buf_char(b, is_plain ? c : '?');
    }
}

static void put_entry(struct buf *b, const struct trail_entry *e)
{
    put_name(b, e->provider);
    if (e->model.len > 0) {
        buf_cstr(b, "/");
        put_name(b, e->model);
    }
    buf_cstr(b, " key=");
    put_name(b, e->provider_key);
    if (e->is_hedge)
        buf_cstr(b, " hedge");
    buf_printf(b, " %s", e->text);
    if (e->status != 0)
        buf_printf(b, " %d", e->status);
    buf_printf(b, " %llums", (unsigned long long)(e->total_us / 1000));
}

/* As it stands now, if it has not ended. */
static struct trail_entry seen_now(struct request *r, const struct trail_entry *e)
{
    struct trail_entry now = *e;
    uint64_t at_us = loop_now_us(r->worker->loop) - r->begun_us;

    if (e->reason != 0)
        return now;
    now.reason = relay_outcome(r);
    now.text = r->attempt.is_page ? "wrong_content_type" : sample_outcome_name(now.reason);
    now.status = r->attempt.status;
    now.total_us = at_us - min_u64(e->begun_us, at_us);
    return now;
}

struct str trail_text(struct request *r)
{
    const struct trail *t = &r->trail;
    struct buf b = BUF_IN(r->arena);
    struct trail_entry last;

    if (t->n == 0)
        return arena_printf(r->arena, "%u", r->n_attempts);
    last = seen_now(r, &t->entries[t->n - 1]);
    if (t->n == 1 && last.reason == SAMPLE_OK)
        return STR("1");
    buf_printf(&b, "%u", r->n_attempts);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct trail_entry e = seen_now(r, &t->entries[i]);

        buf_cstr(&b, i == 0 ? "; " : ", ");
        put_entry(&b, &e);
    }
    return buf_view(&b);
}
