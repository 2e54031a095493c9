#include "server/worker/models.h"

#include "server/base/buf.h"
#include "server/worker/admit.h"
#include "server/worker/answer.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

/* Nobody knows when a model was made, but the SDKs' types want a number. */
#define MODEL_CREATED 1767225600u /* 2026-01-01 */

static void put_model(struct buf *b, struct str name, struct str owner)
{
    if (b->len > 0 && b->data[b->len - 1] == '}')
        buf_char(b, ',');
    buf_cstr(b, "{\"id\":");
    buf_json(b, name);
    buf_printf(b, ",\"object\":\"model\",\"created\":%u,\"owned_by\":", MODEL_CREATED);
    buf_json(b, owner);
    buf_char(b, '}');
}

/* Whose it is: the provider of its first target, or the gateway when it has several. */
static struct str owner_of(const struct pub_view *v, const struct pub_model *m)
{
    if (m->n_targets == 0 || (m->flags & PUB_MODEL_DECLARED) == 0)
        return STR("bowfin");
    return pub_text(v, pub_provider(v, pub_target(v, m->first_target)->provider)->name);
}

static bool model_is_allowed(struct request *r, const struct pub_model *m)
{
    const struct pub_view *v = &r->worker->view;

    if (admit_name(r, pub_text(v, m->name)))
        return true;
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(v, m->first_target + i);

        if (admit_target(r, pub_text(v, pub_provider(v, t->provider)->name), pub_text(v, t->model)))
            return true;
    }
    return false;
}

static void put_list(struct request *r, struct buf *b)
{
    const struct pub_view *v = &r->worker->view;

    buf_cstr(b, "{\"object\":\"list\",\"data\":[");
    for (uint32_t i = 0; i < v->image->n_models; i++) {
        const struct pub_model *m = pub_model(v, i);

        if (model_is_allowed(r, m))
            put_model(b, pub_text(v, m->name), owner_of(v, m));
    }
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        struct str provider = pub_text(v, p->name);
        struct str rest = pub_text(v, p->models);
        struct str model;

        while (str_next(&rest, '\0', &model)) {
            if (model.len == 0 || str_index(model, '*') >= 0 || !admit_target(r, provider, model))
                continue;
            put_model(b, arena_concat(r->arena, (struct str[]){provider, STR("/"), model}, 3),
                      provider);
        }
    }
    buf_cstr(b, "]}");
}

/* SDKs encode the slash of provider/model as "%2F". What is no escape is not known here either. */
static struct str decode(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t len;

    (void)str_unescape(s, out, &len);
    return (struct str){out, len};
}

static enum step_result put_one(struct request *r, struct buf *b)
{
    const struct pub_view *v = &r->worker->view;
    enum step_result result;

    r->asked = decode(r->arena, str_skip(r->path.tail, strlen("/models/")));
    result = route_resolve(r);
    if (result != STEP_NEXT)
        return result;
    if (r->key.models.len > 0 && !admit_name(r, r->asked) && !route_has_allowed(r))
        return suggest_model(r); /* what a key may not use does not exist for it */
    if (r->resolved.model != UINT32_MAX)
        put_model(b, r->asked, owner_of(v, pub_model(v, r->resolved.model)));
    else
        put_model(b, r->asked, pub_text(v, pub_provider(v, r->resolved.provider)->name));
    return STEP_NEXT;
}

enum step_result models_answer(struct request *r)
{
    struct buf b = BUF_INIT;
    enum step_result result = STEP_NEXT;

    if (str_eq(r->path.tail, STR("/models")))
        put_list(r, &b);
    else
        result = put_one(r, &b);
    if (result == STEP_NEXT) {
        answer_json(r, 200, arena_str(r->arena, buf_view(&b)), NULL, 0);
        result = STEP_DONE;
    }
    buf_fini(&b);
    return result;
}
