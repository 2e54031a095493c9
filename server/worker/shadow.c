#include "server/worker/shadow.h"

#include "server/worker/fail.h"
#include "server/worker/parse.h"
#include "server/worker/relay.h"
#include "server/worker/route.h"
#include "server/worker/send.h"
#include "server/worker/worker.h"

#define NO_MODEL UINT32_MAX
#define SHARE_WHOLE 100000 /* thousandths of a percent */

static step_fn shadow_step;

static const struct step shadow_steps[] = {
    {"shadow", shadow_step},
    {"send", send_step},
    {"relay", relay_step},
    {"settle", settle_step},
};

/* --- drawing --- */

/* What can be asked again of somebody else, and was understood. */
static bool can_be_copied(const struct request *r)
{
    enum path_op op = r->path.op;

    return (op == OP_CHAT || op == OP_COMPLETIONS || op == OP_EMBEDDINGS || op == OP_RERANK ||
            op == OP_INVOKE) &&
           watch_is_work(r) && r->openai.body.len > 0 && !r->openai.has_reference &&
           !r->path.is_vertex;
}

void shadow_draw(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *m;
    struct shadow_draw *d;

    if (r->resolved.model == NO_MODEL || r->resolved.generation != v->generation)
        return;
    m = pub_model(v, r->resolved.model);
    if (m->shadow_share == 0 || r->shadow != NULL || !can_be_copied(r) ||
        worker_random(r->worker) % SHARE_WHOLE >= m->shadow_share)
        return;
    d = arena_zalloc(r->arena, sizeof(*d));
    d->model = arena_str(r->arena, pub_text(v, m->name));
    d->provider = arena_str(r->arena, pub_text(v, m->shadow_provider));
    d->name = arena_str(r->arena, pub_text(v, m->shadow_model));
    d->ms = m->shadow_ms;
    r->drawn = d;
}

/* --- beginning --- */

static bool has_room(const struct worker *w, size_t bytes)
{
    return !w->draining && w->n_shadows < SHADOWS_MAX && bytes <= SHADOW_BODY_MAX &&
           bytes <= SHADOW_BYTES_MAX - w->shadow_bytes;
}

/* Those that may go to another server. `connection` does not, but names others that may not. */
static void copy_headers(struct arena *a, const struct http_exchange *from,
                         struct http_exchange *to)
{
    struct http_header h;
    struct http_header *copy;
    size_t n = 0;

    while (http_header_at(from, n, &h))
        n++;
    copy = arena_alloc(a, (n + 1) * sizeof(*copy));
    for (size_t i = 0; http_header_at(from, i, &h); i++) {
        if (send_header_passes(h.name) || str_eq(h.name, STR("connection")))
            copy[to->n_told++] = (struct http_header){arena_str(a, h.name), arena_str(a, h.value)};
    }
    to->told = copy;
}

static void copy_exchange(struct arena *a, const struct http_exchange *from,
                          struct http_exchange *to)
{
    *to = (struct http_exchange){
        .worker = from->worker,
        .method = arena_str(a, from->method),
        .path = arena_str(a, from->path),
        .query = arena_str(a, from->query),
        .authority = arena_str(a, from->authority),
        .body = arena_str(a, from->body),
    };
    copy_headers(a, from, to);
}

static struct record_primary primary_of(const struct request *r, const struct record *rec,
                                        struct arena *a)
{
    uint64_t end_us = r->upstream_done ? r->done_us : loop_now_us(r->worker->loop);
    struct record_primary p = {
        .provider = arena_str(a, rec->provider),
        .model = arena_str(a, rec->model),
        /* an answer that broke off behind a good head is a failure as well */
        .status = r->fail != NULL && rec->status < 400 ? (uint32_t)r->fail->status : rec->status,
        .flags = rec->flags & (RECORD_UNPRICED | RECORD_ESTIMATED | RECORD_NO_USAGE),
        .first_byte_us = r->attempt.first_byte_us,
        .total_us = end_us - min_u64(r->attempt.sent_us, end_us),
        .tokens_in = rec->tokens.input,
        .tokens_out = rec->tokens.output,
        .cost_nanousd = rec->cost_nanousd,
    };

    memcpy(p.id, rec->id, sizeof(p.id));
    return p;
}

static void link_in(struct worker *w, struct shadow *s)
{
    s->next = w->shadows;
    s->prev = &w->shadows;
    if (s->next != NULL)
        s->next->prev = &s->next;
    w->shadows = s;
    w->n_shadows++;
    w->shadow_bytes += s->bytes;
}

static void on_begin(struct timer *t)
{
    request_run(container_of(t, struct request, timer));
}

/* Who never answers, or never ends, must not be listened to for ever. */
static void on_over(struct timer *t)
{
    struct request *r = container_of(t, struct request, patience);

    if (r->n_attempts > 0 && r->attempt.first_byte_us == 0)
        attempt_end(r, SAMPLE_TIMEOUT);
    r->fail = &FAIL_UPSTREAM_TIMEOUT;
    request_drop(r);
}

void shadow_begin(struct request *r, const struct record *rec)
{
    struct worker *w = r->worker;
    struct request *copy;
    struct shadow *s;
    struct arena *a;

    if (r->ex == NULL || r->gone || r->n_attempts == 0)
        return; /* who does not wait for the end has no end to compare with */
    if (!has_room(w, r->ex->body.len)) {
        stat_add(w->slot, STAT_SHADOWS_SKIPPED, 1);
        return;
    }
    a = worker_arena_take(w);
    s = arena_zalloc(a, sizeof(*s));
    copy_exchange(a, r->ex, &s->ex);
    s->to = (struct shadow_draw){arena_str(a, r->drawn->model), arena_str(a, r->drawn->provider),
                                 arena_str(a, r->drawn->name), r->drawn->ms};
    s->primary = primary_of(r, rec, a);
    s->bytes = s->ex.body.len;
    copy = request_make(w, &s->ex, a);
    copy->steps = shadow_steps;
    copy->ex = NULL; /* nobody is to be answered; shadow_step lends it to those who read it */
    copy->unheard = true;
    copy->admitted = true;
    copy->key.id = SHADOW_KEY_ID;
    copy->key.name = STR(SHADOW_KEY_NAME);
    copy->shadow = s;
    s->request = copy;
    link_in(w, s);
    stat_add(w->slot, STAT_SHADOWS, 1);
    /* The client's answer goes out first. */
    loop_timer_start(w->loop, &copy->timer, 0, on_begin);
    loop_timer_start(w->loop, &copy->patience, s->to.ms, on_over);
}

/* --- its way --- */

static enum step_result parse(struct request *r)
{
    enum step_result result = parse_path(r);

    if (result == STEP_NEXT)
        result = parse_method(r);
    if (result == STEP_NEXT)
        result = parse_step(r);
    r->shadow->is_parsed = result == STEP_NEXT;
    return result;
}

static enum step_result route(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    const struct shadow *s = r->shadow;
    const struct pub_provider *p = pub_find_provider(v, s->to.provider);

    if (p == NULL)
        return request_fail(r, &FAIL_UNKNOWN_PROVIDER, s->to.provider, STR_NONE);
    r->resolved = (struct resolved){.generation = v->generation,
                                    .model = NO_MODEL,
                                    .provider = (uint32_t)(p - pub_provider(v, 0)),
                                    .name = s->to.name};
    return route_by_name(r);
}

static enum step_result shadow_step(struct request *r)
{
    struct shadow *s = r->shadow;
    enum step_result result = STEP_NEXT;

    r->ex = &s->ex;
    if (!s->is_parsed)
        result = parse(r);
    if (result == STEP_NEXT)
        result = route(r);
    r->ex = NULL;
    return result;
}

/* --- its end --- */

void shadow_record(struct request *r, struct record *rec)
{
    const struct shadow *s = r->shadow;
    const struct attempt *a = &r->attempt;
    uint64_t end_us = r->upstream_done ? r->done_us : loop_now_us(r->worker->loop);

    rec->flags |= RECORD_SHADOW;
    rec->provider = s->to.provider;
    rec->model = s->to.name;
    rec->asked = s->to.model;
    rec->status = r->fail != NULL ? (uint32_t)r->fail->status : (uint32_t)r->status;
    rec->first_byte_us = a->first_byte_us;
    rec->total_us = r->n_attempts > 0 ? end_us - min_u64(a->sent_us, end_us) : 0;
    rec->primary = s->primary;
    if (rec->status < 200 || rec->status >= 400)
        stat_add(r->worker->slot, STAT_SHADOWS_FAILED, 1);
}

void shadow_release(struct request *r)
{
    struct worker *w = r->worker;
    struct shadow *s = r->shadow;

    *s->prev = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    w->n_shadows--;
    w->shadow_bytes -= s->bytes;
}

void shadow_end_all(struct worker *w)
{
    while (w->shadows != NULL)
        request_drop(w->shadows->request);
}
