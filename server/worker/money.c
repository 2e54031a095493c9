#include "server/worker/money.h"

#include "providers/peek.h"
#include "server/worker/explain.h"
#include "server/worker/hedge.h"
#include "server/worker/pricing.h"
#include "server/worker/queue.h"
#include "server/worker/relay.h"
#include "server/worker/report.h"
#include "server/worker/translate_task.h"
#include "server/worker/worker.h"
#include "shm/calendar.h"

#define EDGE_SHARE 10 /* the last tenth of a budget: whole answers must fit in full there */

/* --- what is asked --- */

/* Does it make a model work, and is there one whose price could be known? */
static bool is_priced(const struct request *r, struct str model)
{
    return model.len > 0 && r->path.op != OP_FILES && r->path.op != OP_COUNT_TOKENS &&
           watch_is_work(r);
}

static bool has_output(const struct request *r)
{
    enum path_op op = task_of(r) != OP_NONE ? task_of(r) : r->path.op;

    return op != OP_EMBEDDINGS && op != OP_RERANK && op != OP_COUNT_TOKENS && op != OP_FILES &&
           !str_eq(str_of(r->path.endpoint), STR("moderations"));
}

/* Nobody has looked into it: uploads, forms. */
static bool is_opaque(const struct request *r)
{
    return r->openai.body.len == 0;
}

static void ask_for(struct request *r, struct estimate_ask *ask)
{
    const struct openai_request *o = &r->openai;
    struct str body = r->ex->body;

    if (is_opaque(r))
        ask->body = (struct estimate_body){.media_bytes = body.len, .n_media = body.len > 0};
    else
        estimate_look(body, &ask->body);
    ask->key = r->key.id;
    ask->max_tokens = o->max_tokens;
    ask->choices = (uint32_t)min_u64(o->choices, UINT16_MAX);
    ask->has_tools = o->has_tools;
    ask->has_output = has_output(r) && watch_is_work(r);
    r->money.is_asked = true;
}

void money_estimate(struct request *r, struct estimate *out)
{
    if (!r->money.is_asked) /* each rule may want to know, and the body may be long */
        ask_for(r, &r->money.ask);
    estimate_make(r->worker->estimator, &r->money.ask, out);
}

static bool is_streamed(const struct request *r)
{
    return r->openai.stream || r->path.stream;
}

static uint64_t images_nanousd(const struct request *r)
{
    const struct price *p = r->money.price;
    uint64_t n = max_u64(r->openai.choices, 1);

    if (p->image_nanousd == 0 || !str_eq(str_of(r->path.endpoint), STR("images")))
        return 0;
    return p->image_nanousd * min_u64(n, 1000); /* a fee is no more than 10^12 */
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t cost_of(const struct request *r, uint64_t input, uint64_t output)
{
    const struct price_usage u = {.tokens = {.input = input, .output = output},
                                  .service = r->money.service};

    return add(price_cost(r->money.price, &u), images_nanousd(r));
}

/* Whichever tier it is served in. */
static uint64_t most_of(const struct request *r, uint64_t output)
{
    const struct money *m = &r->money;
    uint64_t input = m->estimate.most_input;

    return add(max_u64(price_most(m->price, input, output),
                       price_most_at(m->price, m->service, input, output)),
               images_nanousd(r));
}

static enum price_service service_of(struct str tier)
{
    if (str_eq(tier, STR("priority")))
        return PRICE_PRIORITY;
    if (str_eq(tier, STR("flex")))
        return PRICE_FLEX;
    return str_eq(tier, STR("batch")) ? PRICE_BATCH : PRICE_STANDARD;
}

/* --- taking --- */

static void set_price(struct request *r, const struct priced *found)
{
    struct money *m = &r->money;

    if (!m->is_asked)
        ask_for(r, &m->ask);
    m->price = pricing_keep(r, found);
    m->service = service_of(r->openai.service_tier);
    if (m->service == PRICE_BATCH) /* nobody serves a call as one: what says so is dropped */
        m->service = PRICE_STANDARD;
    m->ask.route = found->hash;
    m->ask.max_output = found->max_output;
    m->ask.context = r->openai.has_reference ? found->context : 0;
    estimate_make(r->worker->estimator, &m->ask, &m->estimate);
}

/* From how many bytes of streamed text on is it dearer than what is held? */
static uint64_t raise_point(const struct request *r)
{
    const struct money *m = &r->money;
    uint64_t base = cost_of(r, m->estimate.input, 0);
    uint64_t pico = m->price->tiers[0].rates.output;
    uint64_t bytes;

    if (!m->is_raisable || pico == 0)
        return UINT64_MAX;
    bytes = m->likely > base
                ? (m->likely - base) / (pico / PICO_PER_NANO + 1) * ESTIMATE_BYTES_PER_TOKEN
                : 0;
    return bytes > MONEY_AHEAD ? bytes - MONEY_AHEAD : 1;
}

static struct hold_note note_of(const struct request *r, const struct pub_route *route,
                                struct str model)
{
    const struct pub_view *v = &r->worker->view;
    const struct money *m = &r->money;
    const struct price *p = m->price;
    struct hold_note note = {
        .begun_ms = r->begun_ms,
        .key_id = r->key.id,
        .team_id = r->payers.team_id,
        .customer_id = r->payers.customer_id,
        .row = route->row,
        .attempts = r->n_attempts + 1,
        .flags = (is_streamed(r) ? RECORD_STREAM : 0) | (r->shadow != NULL ? RECORD_SHADOW : 0) |
                 (p != NULL && p->is_known == 0 ? RECORD_UNPRICED : 0),
        .input = p != NULL ? (uint32_t)min_u64(m->estimate.input, UINT32_MAX) : 0,
        .input_pico = p != NULL ? p->tiers[0].rates.input : 0,
        .output_pico = p != NULL ? p->tiers[0].rates.output : 0,
        .request_nanousd = p != NULL ? p->request_nanousd : 0,
        .key_name = r->key.name,
        .provider = pub_text(v, pub_provider(v, route->provider)->name),
        .provider_key = pub_text(v, pub_key(v, route->key)->name),
        .model = model,
        .asked = str_eq(r->asked, model) ? STR_NONE : r->asked,
        .endpoint = str_of(r->path.endpoint),
    };

    memcpy(note.id, r->id, sizeof(note.id));
    hedge_mark(r, &note);
    return note;
}

static bool nears_its_end(struct request *r, uint64_t real_ms)
{
    const struct money *m = &r->money;

    for (uint32_t i = 0; i < m->accounts.n; i++) {
        const struct account *a = &m->accounts.items[i];
        struct usage_now now;

        if (a->kind != ACCOUNT_BUDGET || a->overshoot != OVERSHOOT_AUTO)
            continue;
        account_usage(&r->worker->in->regions, a, real_ms, &now);
        now.used += r->explain != NULL ? m->likely : 0; /* which is not held there */
        if (now.used > a->limit - a->limit / EDGE_SHARE)
            return true;
    }
    return false;
}

/*
 * A whole answer comes at once, whatever it costs. So near a budget's end it is held at what is seldom
 * exceeded, within what the budget may overshoot; before that its likely cost is enough.
 */
static bool fits_whole(struct request *r, uint64_t real_ms, struct refusal *why)
{
    struct money *m = &r->money;
    uint64_t careful = most_of(r, m->estimate.careful_output);

    if (!m->is_raisable || is_streamed(r) || careful <= m->likely || !nears_its_end(r, real_ms))
        return true;
    if (r->explain != NULL ? !explain_raise(r, careful, why)
                           : !hold_raise(r->worker->ledger, m->hold, careful, why)) {
        m->needed = careful;
        m->tenth = EDGE_SHARE;
        return false;
    }
    m->likely = careful;
    return true;
}

static bool has_raisable(const struct accounts *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i].kind == ACCOUNT_BUDGET && list->items[i].overshoot == OVERSHOOT_AUTO)
            return true;
    }
    return false;
}

static enum money_result refused(const struct refusal *why)
{
    return payers_is_of_route(&why->account) ? MONEY_ELSEWHERE : MONEY_REFUSED;
}

bool money_may_come_free(struct request *r, const struct refusal *why)
{
    const struct regions *regions = &r->worker->in->regions;
    const struct account *a = &why->account;
    const struct money *m = &r->money;
    uint64_t real_ms = request_real_ms(r);
    uint64_t limit = a->limit + (m->tenth > 0 ? a->limit / m->tenth : 0);
    struct usage_now now;
    uint64_t held;

    if (a->kind != ACCOUNT_BUDGET || m->needed > limit)
        return false;
    held = payers_held(r, a, window_number(&regions->published, &a->window, real_ms));
    account_usage(regions, a, real_ms, &now);
    return held > 0 && now.used - min_u64(held, now.used) <= limit - m->needed;
}

static enum money_result hold(struct request *r, const struct pub_route *route, struct str model,
                              struct refusal *why)
{
    struct money *m = &r->money;
    struct ledger *ledger = r->worker->ledger;
    struct hold_note note = note_of(r, route, model);
    struct hold_want want = {.accounts = m->accounts.items,
                             .n = m->accounts.n,
                             .real_ms = request_real_ms(r),
                             .note = &note};

    m->likely = 0;
    if (m->price != NULL) {
        m->likely = cost_of(r, m->estimate.input, m->estimate.output);
        want.worst = max_u64(most_of(r, m->estimate.most_output), m->likely);
    }
    want.likely = m->likely;
    switch (r->explain != NULL ? explain_take(r, &want, why)
                               : hold_take(ledger, &want, &m->hold, why)) {
    case HOLD_OVER:
        m->needed = why->account.overshoot == 0 ? want.worst : want.likely;
        m->tenth = 0;
        return refused(why);
    case HOLD_FULL:
        return MONEY_FULL;
    case HOLD_OK:
        break;
    }
    if (m->price != NULL && !fits_whole(r, want.real_ms, why)) {
        if (r->explain == NULL)
            hold_release(ledger, m->hold);
        return refused(why);
    }
    m->raise_at = m->price != NULL ? raise_point(r) : UINT64_MAX;
    m->is_held = true;
    return MONEY_HELD;
}

enum money_result money_take(struct request *r, const struct pub_route *route, struct str model,
                             struct refusal *why)
{
    const struct pub_provider *p = pub_provider(&r->worker->view, route->provider);
    struct money *m = &r->money;
    enum money_result result;

    must(!m->is_held);
    m->provider = arena_str(r->arena, pub_text(&r->worker->view, p->name));
    m->price = NULL;
    m->estimate = (struct estimate){.input = 0};
    if (is_priced(r, model)) {
        const struct priced *found = pricing_find(r->worker, p, model);

        if (found->price.is_known == 0 &&
            (r->worker->view.image->flags & PUB_UNKNOWN_PRICE_REFUSED) != 0)
            return MONEY_UNPRICED;
        set_price(r, found);
    }
    m->accounts = payers_of_route(r, route, model);
    if (r->queued != NULL && !queue_may_take(r, &m->accounts, why))
        return MONEY_ELSEWHERE;
    m->is_raisable = has_raisable(&m->accounts);
    m->rates_from = r->rates.n;
    if (m->accounts.items != r->payers.accounts.items &&
        !rates_take(r, &m->accounts, &m->estimate, why))
        return MONEY_ELSEWHERE;
    result = hold(r, route, model, why);
    if (result != MONEY_HELD)
        rates_give_back(r, m->rates_from);
    return result;
}

/* --- while it is under way --- */

void money_sent(struct request *r)
{
    if (r->money.is_held)
        hold_sent(r->worker->ledger, r->money.hold);
}

bool money_streamed(struct request *r, struct refusal *why)
{
    struct money *m = &r->money;
    struct ledger *ledger = r->worker->ledger;
    uint64_t cost;

    if (!m->is_held)
        return true;
    hold_streamed(ledger, m->hold, r->content_bytes);
    if (r->content_bytes < m->raise_at)
        return true;
    cost = cost_of(r, m->estimate.input, estimate_text(r->content_bytes + MONEY_AHEAD));
    if (hold_raise(ledger, m->hold, add(cost, cost / MONEY_RAISE_STEP), why))
        m->likely = add(cost, cost / MONEY_RAISE_STEP);
    else if (hold_raise(ledger, m->hold, cost, why))
        m->likely = cost;
    else
        return false;
    m->raise_at = max_u64(raise_point(r), r->content_bytes + 1);
    return true;
}

void money_untake(struct request *r)
{
    rates_give_back(r, r->money.rates_from);
    money_release(r);
}

void money_release(struct request *r)
{
    struct money *m = &r->money;

    if (!m->is_held)
        return;
    m->is_held = false;
    hold_release(r->worker->ledger, m->hold);
    queue_freed(r->worker);
    rates_settle(r, m->rates_from, 0, 0); /* the provider was asked, but read and wrote nothing */
    r->rates.n = m->rates_from;
}

/* Their answers have another word for it; and what a model writes stands in them as it is. */
static bool tells_service(const struct request *r)
{
    return r->attempt.face != NULL && r->attempt.face->dialect != DIALECT_GEMINI &&
           r->attempt.face->dialect != DIALECT_BEDROCK;
}

static bool is_dearer(enum price_service a, enum price_service b)
{
    static const int order[PRICE_SERVICES] = {
        [PRICE_BATCH] = 0, [PRICE_FLEX] = 1, [PRICE_STANDARD] = 2, [PRICE_PRIORITY] = 3};

    return order[a] > order[b];
}

/* A model can be made to write a member of that name as well, and must not make itself cheap. */
void money_look_service(struct request *r, struct str json)
{
    static const char key[] = "\"service_tier\"";
    bool is_told = false;
    const char *p;

    if (!tells_service(r))
        return;
    while (json.len > 0 && (p = memmem(json.p, json.len, key, sizeof(key) - 1)) != NULL) {
        struct str tier;

        json = str_skip(json, (size_t)(p - json.p) + sizeof(key) - 1);
        json = str_skip(json, peek_skip(json, 0));
        if (json.len == 0 || json.p[0] != ':')
            continue;
        tier = peek_text(json, peek_skip(json, 1));
        if (tier.len == 0 || (is_told && !is_dearer(service_of(tier), r->money.service)))
            continue;
        r->money.service = service_of(tier);
        is_told = true;
    }
}

/* --- the end --- */

static void price_record(const struct request *r, struct record *rec)
{
    const struct money *m = &r->money;
    const struct price_usage u = {rec->tokens, rec->details, m->service};
    bool was_used = r->attempt.status >= 200 && r->attempt.status < 300;

    rec->service = m->service;
    if (m->price == NULL)
        return;
    if (m->price->is_known == 0) {
        rec->flags |= RECORD_UNPRICED;
        return;
    }
    if (!was_used && rec->tokens.input == 0 && rec->tokens.output == 0)
        return;
    /* A provider may say anything of its tokens; the sums of the journal must not overflow. */
    rec->cost_nanousd =
        min_u64(add(price_cost(m->price, &u), was_used ? images_nanousd(r) : 0), HOLD_AMOUNT_MAX);
}

static void learn(struct request *r, const struct record *rec)
{
    if (r->money.price != NULL && r->usage.known && (rec->flags & RECORD_ESTIMATED) == 0 &&
        rec->tokens.input > 0)
        estimate_learn(r->worker->estimator, &r->money.ask, rec->tokens.input, rec->tokens.output);
}

bool money_settle(struct request *r, struct record *rec)
{
    struct money *m = &r->money;
    struct report *report = r->worker->report;

    rates_settle(r, 0, rec->tokens.input, rec->tokens.output);
    rec->team_id = r->payers.team_id;
    rec->customer_id = r->payers.customer_id;
    if (!m->is_held || r->n_attempts == 0) {
        money_release(r);
        m->record = report_record(report, rec);
        return m->record != 0;
    }
    price_record(r, rec);
    learn(r, rec);
    if (rec->cost_nanousd > 0)
        hold_bookings(r->worker->ledger, m->hold, rec);
    m->is_held = false;
    m->cost_nanousd = rec->cost_nanousd;
    m->record = hold_settle(r->worker->ledger, m->hold, rec, report_stored(report));
    report_settled(report, m->record);
    queue_freed(r->worker);
    return m->record != 0;
}

void money_abandon(struct request *r, struct record *rec)
{
    struct money *m = &r->money;
    struct report *report = r->worker->report;

    if (!m->is_held)
        return;
    if (!r->usage.known)
        rec->tokens.input = m->estimate.likely_input;
    if (!r->usage.known || !r->stream_finished)
        rec->flags |= RECORD_ESTIMATED;
    rates_settle(r, m->rates_from, rec->tokens.input, rec->tokens.output);
    r->rates.n = m->rates_from;
    rec->team_id = r->payers.team_id;
    rec->customer_id = r->payers.customer_id;
    price_record(r, rec);
    if (rec->cost_nanousd > 0)
        hold_bookings(r->worker->ledger, m->hold, rec);
    m->is_held = false;
    report_settled(report, hold_settle(r->worker->ledger, m->hold, rec, report_stored(report)));
    queue_freed(r->worker);
}

bool money_is_stored(const struct request *r)
{
    const struct worker *w = r->worker;

    return r->money.record == 0 || (w->view.image->flags & PUB_DURABILITY_STRICT) == 0 ||
           report_stored(w->report) >= r->money.record;
}
