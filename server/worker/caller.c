#include "server/worker/caller.h"

#include "server/base/mix.h"
#include "server/worker/explain.h"
#include "server/worker/request.h"
#include "server/worker/worker.h"

#define SHARE_WHOLE 100000 /* thousandths of a percent */

/* --- a field of the body --- */

struct sought {
    struct str name;
    struct str raw;
};

static bool on_member(void *ctx, const struct json_member *m)
{
    struct sought *s = ctx;

    if (!str_eq(m->key, s->name))
        return true;
    s->raw = m->raw;
    return false;
}

/* As it stands there: the same text is written in the same way by one client. */
static struct str body_field(const struct request *r, struct str name)
{
    struct sought s = {name, STR_NONE};
    struct json_error err;

    if (r->openai.body.len == 0 ||
        json_scan(r->worker->json, r->openai.body, on_member, &s, &err) != 0)
        return STR_NONE;
    return str_eq(s.raw, STR("null")) || str_eq(s.raw, STR("\"\"")) ? STR_NONE : s.raw;
}

/* --- numbers --- */

static uint64_t number_of(const struct request *r, const struct pub_caller *c)
{
    struct str name = pub_text(&r->worker->view, c->name);
    struct str value = STR_NONE;

    switch ((enum pub_caller_kind)c->kind) {
    case PUB_CALLER_KEY:
        return r->key.id != 0 ? mix_bits(r->key.id) | 1 : 0;
    case PUB_CALLER_HEADER:
        value = r->ex != NULL ? http_find(r->ex, name) : STR_NONE;
        break;
    case PUB_CALLER_BODY:
        value = r->ex != NULL ? body_field(r, name) : STR_NONE;
        break;
    case PUB_CALLER_NONE:
        break;
    }
    value.len = min_u64(value.len, CALLER_BYTES_MAX);
    return value.len > 0 ? mix_text(value) | 1 : 0;
}

const struct caller *caller_of(struct request *r, const struct pub_model *m)
{
    struct caller *c = &r->caller;

    if (c->generation == r->resolved.generation && c->model == r->resolved.model)
        return c;
    *c = (struct caller){.generation = r->resolved.generation, .model = r->resolved.model};
    if ((m->flags & PUB_MODEL_SHARED) != 0) {
        c->sticky = number_of(r, &m->sticky);
        c->is_random = c->sticky == 0; /* shares hold, but nobody is known again */
        if (c->is_random)
            c->sticky = worker_random(r->worker);
    }
    if (m->affinity.kind != PUB_CALLER_NONE)
        c->affinity = number_of(r, &m->affinity);
    return c;
}

/*
 * Each side draws for itself among those whom the sides before it did not get, so that one that grows
 * keeps whom it had, and so do the others as far as they can.
 */
uint32_t caller_side(const struct request *r, const struct pub_model *m, uint64_t sticky)
{
    const struct pub_view *v = &r->worker->view;
    uint64_t left = SHARE_WHOLE;
    uint32_t last = 0;

    if (r->explain != NULL && r->caller.is_random) /* each side is told, with its share */
        return r->explain->side;
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(v, m->first_target + i);

        if (t->side == 0 || t->side == last)
            continue;
        last = t->side;
        if (mix_share(mix_two(sticky, t->salt), left) < t->share)
            return t->side;
        left -= min_u64(t->share, left);
    }
    return 0;
}
