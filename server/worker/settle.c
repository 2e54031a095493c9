#include "server/worker/settle.h"

#include "server/base/crypto.h"
#include "server/base/log.h"
#include "server/worker/fail.h"
#include "server/worker/money_tell.h"
#include "server/worker/queue.h"
#include "server/worker/relay.h"
#include "server/worker/report.h"
#include "server/worker/retry.h"
#include "server/worker/shadow.h"
#include "server/worker/worker.h"

#define STORED_WAIT_MS 5000 /* for a record to be on disk; then the answer goes out all the same */

static bool op_tells_usage(enum path_op op)
{
    return op == OP_CHAT || op == OP_COMPLETIONS || op == OP_EMBEDDINGS || op == OP_INVOKE;
}

/*
 * The request was with the provider, which may have worked on it whatever became of the answer. (What
 * was abandoned before has a record of its own, and nothing is held for it any more.)
 */
static bool may_have_worked(const struct request *r)
{
    return watch_is_work(r) && r->money.is_held && r->upstream_done &&
           (r->result == UPSTREAM_FIRST_BYTE || r->result == UPSTREAM_SILENCE ||
            r->result == UPSTREAM_TOTAL || r->result == UPSTREAM_CUT);
}

/* Nobody told us: what can be said of the tokens, as RECORD_* flags. */
static uint32_t estimate(struct request *r)
{
    bool was_answered = r->attempt.status >= 200 && r->attempt.status < 300;
    bool is_whole = was_answered && r->upstream_done && r->result == UPSTREAM_OK;
    uint64_t written = r->content_bytes;

    if (r->n_attempts == 0 || (r->attempt.status != 0 && !was_answered))
        return 0; /* nothing was used */
    if (!op_tells_usage(r->path.op))
        return RECORD_NO_USAGE;
    if (was_answered)
        stat_add(r->worker->slot, STAT_USAGE_MISSING, 1);
    /* A whole answer is mostly its text. */
    if (written == 0 && was_answered && !r->is_stream && r->money.ask.has_output)
        written = r->answer_bytes;
    /* Or a stream, or a call we gave up: the prompt was read, and what came through was written. */
    if (written == 0 && !r->gone && !is_whole && !may_have_worked(r))
        return was_answered ? RECORD_NO_USAGE : 0;
    r->usage.input = r->money.estimate.likely_input;
    r->usage.output = estimate_text(written);
    return RECORD_ESTIMATED;
}

static void count(struct request *r, uint64_t total_us)
{
    struct slot *slot = r->worker->slot;
    uint32_t row = r->attempt.row;

    if (r->n_attempts > 0 && row < ROUTES_MAX) {
        live_add(&slot->routes[row].tokens_in, r->usage.input);
        live_add(&slot->routes[row].tokens_out, r->usage.output);
    }
    if (r->shadow != NULL)
        return; /* no client's */
    if (r->status >= 500)
        stat_add(slot, STAT_ANSWERS_5XX, 1);
    else if (r->status >= 400)
        stat_add(slot, STAT_ANSWERS_4XX, 1);
    else if (r->status > 0)
        stat_add(slot, STAT_ANSWERS_2XX, 1);
    stat_add(slot, STAT_BYTES_OUT, r->bytes_out);
    stat_add(slot, STAT_TOKENS_IN, r->usage.input);
    stat_add(slot, STAT_TOKENS_OUT, r->usage.output);
    if (r->is_forward)
        return; /* the management API would blur the figures */
    histogram_add(&slot->histograms[HISTOGRAM_REQUEST], total_us);
    if (r->n_attempts == 1 && r->done_us > 0)
        histogram_add(&slot->histograms[HISTOGRAM_OVERHEAD],
                      r->attempt.sent_us - r->begun_us + (r->begun_us + total_us - r->done_us) -
                          queue_waited_us(r));
}

static struct usage_tokens tokens_of(const struct chat_usage *u)
{
    return (struct usage_tokens){
        .input = u->input,
        .output = u->output,
        .cached = u->cached,
        .reasoning = u->reasoning,
    };
}

static struct usage_details details_of(const struct chat_usage *u)
{
    return (struct usage_details){
        .written_5m = u->written_5m,
        .written_1h = u->written_1h,
        .audio_in = u->audio_in,
        .audio_out = u->audio_out,
        .tool_input = u->tool_input,
        .searches = u->searches,
    };
}

static struct record record_of(const struct request *r, uint32_t flags, uint64_t total_us)
{
    const struct attempt *a = &r->attempt;
    struct str model = r->n_attempts > 0 ? a->model : r->asked;

    return (struct record){
        .begun_ms = r->begun_ms,
        .key_id = r->key.id,
        .key_name = r->key.name,
        .provider = r->n_attempts > 0 ? a->provider : STR_NONE,
        .provider_key = r->n_attempts > 0 ? a->provider_key : STR_NONE,
        .model = model,
        .asked = str_eq(r->asked, model) ? STR_NONE : r->asked,
        .endpoint = str_of(r->path.endpoint),
        .fail = r->fail != NULL ? str_of(r->fail->name) : STR_NONE,
        .status = r->gone || r->unheard ? 499 : (uint32_t)r->status,
        .upstream_status = (uint32_t)a->status,
        .attempts = r->n_attempts,
        .flags = flags,
        .slot = r->worker->in->slot,
        .row = r->n_attempts > 0 ? a->row : UINT32_MAX,
        .first_byte_us = r->first_byte_us,
        .total_us = total_us,
        .bytes_in = r->body_bytes,
        .bytes_out = r->bytes_out,
    };
}

static void record(struct request *r, uint32_t flags, uint64_t total_us)
{
    struct record rec = record_of(r, flags, total_us);

    rec.tokens = tokens_of(&r->usage);
    rec.details = details_of(&r->usage);
    trail_record(r, 0, &rec);
    memcpy(rec.id, r->id, sizeof(rec.id));
    if (r->shadow != NULL)
        shadow_record(r, &rec);
    (void)money_settle(r, &rec); /* a lost one is counted there, and money stays booked */
    if (r->drawn != NULL)
        shadow_begin(r, &rec);
}

void settle_abandoned(struct request *r, const struct fail *why)
{
    struct record rec = record_of(r, 0, loop_now_us(r->worker->loop) - r->begun_us);

    rec.fail = str_of(why->name);
    if (r->usage.known) { /* as far as it was told when it ended */
        rec.tokens = tokens_of(&r->usage);
        rec.details = details_of(&r->usage);
    }
    trail_record(r, r->trail.n > 0 ? r->trail.n - 1 : 0, &rec); /* its own */
    crypto_uuid(r->begun_ms, rec.id); /* the request's own is for the record of its answer */
    money_abandon(r, &rec);
}

void settle_hedged(struct request *r)
{
    struct record rec = record_of(r, RECORD_HEDGE, loop_now_us(r->worker->loop) - r->begun_us);

    crypto_uuid(r->begun_ms, rec.id);
    money_abandon(r, &rec);
}

void settle(struct request *r)
{
    uint64_t total_us = loop_now_us(r->worker->loop) - r->begun_us;
    bool has_left = (r->gone || r->unheard) && r->shadow == NULL;
    uint32_t flags = 0;

    if (r->settled)
        return;
    r->settled = true;
    retry_ends(r);
    if (r->is_stream)
        flags |= RECORD_STREAM;
    if (has_left)
        flags |= RECORD_CLIENT_GONE;
    if (!r->is_forward && !r->usage.known)
        flags |= estimate(r);
    if (has_left)
        stat_add(r->worker->slot, STAT_CLIENT_GONE, 1);
    count(r, total_us);
    if (!r->is_forward && r->admitted && r->path.op != OP_NONE && r->path.op != OP_MODELS)
        record(r, flags, total_us);
    else
        money_release(r);
    log_debug("request", "id=%s endpoint=%s status=%d attempts=%u us=%llu fail=%s", r->id_text,
              r->path.endpoint != NULL ? r->path.endpoint : "none", r->status, r->n_attempts,
              (unsigned long long)total_us, r->fail != NULL ? r->fail->name : "none");
}

/* --- durability: strict --- */

static bool settle_waits(struct request *r);

static void on_stored_timer(struct timer *t)
{
    struct request *r = container_of(t, struct request, timer);

    request_enter(r);
    if (!r->gone && !settle_waits(r))
        relay_end(r);
    request_leave(r);
}

/* Must the answer's last bytes wait for its record to be on disk? Then it is looked again soon. */
static bool settle_waits(struct request *r)
{
    uint64_t now_ms = loop_now_ms(r->worker->loop);
    struct money *m = &r->money;

    if (r->ex == NULL || money_is_stored(r))
        return false;
    if (m->stored_since_ms == 0)
        m->stored_since_ms = max_u64(now_ms, 1);
    if (now_ms - min_u64(m->stored_since_ms, now_ms) >= STORED_WAIT_MS) {
        stat_add(r->worker->slot, STAT_RECORDS_LATE, 1);
        log_warn("record_late", "req=%s text=\"its answer ends before it is on disk\"", r->id_text);
        return false;
    }
    loop_timer_start(r->worker->loop, &r->timer, 1, on_stored_timer); /* the very next tick */
    return true;
}

enum step_result settle_step(struct request *r)
{
    settle(r);
    money_tell(r);
    if (settle_waits(r))
        return STEP_WAIT;
    relay_end(r);
    return STEP_DONE;
}
