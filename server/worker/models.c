#include "server/worker/models.h"

#include "server/base/buf.h"
#include "server/worker/admit.h"
#include "server/worker/answer.h"
#include "server/worker/catalogue.h"
#include "server/worker/fail.h"
#include "server/worker/model_entry.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

/* What is put together: Anthropic's list also names its first and last one. */
struct list {
    struct buf *out;
    const struct model_shape *shape;
    const struct cat_head *catalogue;
    struct str first, last;
};

static void add_model(struct list *l, struct str name, struct str owner,
                      const struct cat_model *known)
{
    const struct model_entry entry = {name, owner, l->catalogue, known};

    if (l->first.len > 0)
        buf_char(l->out, ',');
    else
        l->first = name;
    l->last = name;
    l->shape->put(l->out, &entry);
}

static void end_list(struct list *l)
{
    buf_cstr(l->out, l->shape->end);
    if (!l->shape->names_ends)
        return;
    if (l->first.len == 0) {
        buf_cstr(l->out, ",\"first_id\":null,\"last_id\":null}");
        return;
    }
    buf_cstr(l->out, ",\"first_id\":");
    buf_json(l->out, l->first);
    buf_cstr(l->out, ",\"last_id\":");
    buf_json(l->out, l->last);
    buf_char(l->out, '}');
}

/* --- which ones --- */

/* Whose it is: the provider of its first target, or the gateway when it has several. */
static struct str owner_of(const struct pub_view *v, const struct pub_model *m)
{
    if (m->n_targets == 0 || (m->flags & PUB_MODEL_DECLARED) == 0)
        return STR("bowfin");
    return pub_text(v, pub_provider(v, pub_target(v, m->first_target)->provider)->name);
}

/* A group is what its first target is: its members stand in for one another. */
static const struct cat_model *known_of(const struct pub_view *v, const struct pub_model *m)
{
    const struct pub_target *t;

    if (m->n_targets == 0)
        return NULL;
    t = pub_target(v, m->first_target);
    return catalogue_of(v, pub_provider(v, t->provider), pub_text(v, t->model));
}

static bool model_is_allowed(struct request *r, const struct pub_model *m)
{
    const struct pub_view *v = &r->worker->view;

    if ((m->flags & PUB_MODEL_STARRED) != 0)
        return false; /* a pattern is nothing that could be asked for */
    if (m->n_targets == 0)
        return admit_name(r, pub_text(v, m->name));
    if (scope_denies_name(r, pub_text(v, m->name)))
        return false;
    for (uint32_t i = 0; i < m->n_targets; i++) {
        const struct pub_target *t = pub_target(v, m->first_target + i);

        struct str provider = pub_text(v, pub_provider(v, t->provider)->name);
        struct str model = pub_text(v, t->model);

        if (scope_allows(r, provider, model) &&
            (admit_name(r, pub_text(v, m->name)) || admit_target(r, provider, model)))
            return true;
    }
    return false;
}

static void add_at_provider(struct request *r, struct list *l, const struct pub_provider *p,
                            struct str model)
{
    const struct pub_view *v = &r->worker->view;
    struct str provider = pub_text(v, p->name);

    if (scope_allows(r, provider, model) && admit_target(r, provider, model))
        add_model(l, arena_concat(r->arena, (struct str[]){provider, STR("/"), model}, 3), provider,
                  catalogue_of(v, p, model));
}

static bool is_declared(const struct pub_view *v, const struct pub_provider *p, struct str model)
{
    struct str rest = pub_text(v, p->models);
    struct str name;

    while (str_next(&rest, '\0', &name)) {
        if (str_eq(name, model))
            return true;
    }
    return false;
}

/* What stands behind a provider's globs, as far as the catalogue knows: by its own name as well. */
static void add_known(struct request *r, struct list *l, const struct cat_model *m)
{
    const struct pub_view *v = &r->worker->view;
    struct str name = cat_text(l->catalogue, m->name);
    bool is_listed = pub_find_model(v, name) != NULL;

    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        struct str provider = pub_text(v, p->name);
        struct str id = catalogue_served(v, p, m, name);

        if (id.len == 0 || scope_denies_name(r, name) || !scope_allows(r, provider, id))
            continue;
        if (!is_listed && (admit_name(r, name) || admit_target(r, provider, id))) {
            add_model(l, name, provider, m);
            is_listed = true;
        }
        if (!is_declared(v, p, id))
            add_at_provider(r, l, p, id);
    }
}

static void put_list(struct request *r, struct list *l)
{
    const struct pub_view *v = &r->worker->view;

    buf_cstr(l->out, l->shape->begin);
    for (uint32_t i = 0; i < v->image->n_models; i++) {
        const struct pub_model *m = pub_model(v, i);

        if (model_is_allowed(r, m))
            add_model(l, pub_text(v, m->name), owner_of(v, m), known_of(v, m));
    }
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        struct str rest = pub_text(v, p->models);
        struct str model;

        while (str_next(&rest, '\0', &model)) {
            if (model.len > 0 && str_index(model, '*') < 0)
                add_at_provider(r, l, p, model);
        }
    }
    for (uint32_t i = 0; i < cat_models(l->catalogue); i++)
        add_known(r, l, cat_model(l->catalogue, i));
    end_list(l);
}

/* SDKs encode the slash of provider/model as "%2F". What is no escape is not known here either. */
static struct str decode(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t len;

    (void)str_unescape(s, out, &len);
    return (struct str){out, len};
}

static enum step_result put_one(struct request *r, struct list *l)
{
    const struct pub_view *v = &r->worker->view;
    enum step_result result;

    r->asked = decode(r->arena, str_skip(r->path.tail, strlen(l->shape->tail) + 1));
    r->course.said = r->asked;
    r->course.name = scope_alias(r, r->asked);
    result = route_resolve(r);
    if (result != STEP_NEXT)
        return result;
    if (!admit_course(r))
        return suggest_model(r); /* what a key may not use does not exist for it */
    if (r->resolved.model != UINT32_MAX) {
        const struct pub_model *m = pub_model(v, r->resolved.model);

        add_model(l, r->asked, owner_of(v, m), known_of(v, m));
    } else {
        const struct pub_provider *p = pub_provider(v, r->resolved.provider);

        add_model(l, r->asked, pub_text(v, p->name), catalogue_of(v, p, r->resolved.name));
    }
    return STEP_NEXT;
}

enum step_result models_answer(struct request *r)
{
    struct buf b = BUF_INIT;
    struct list l = {&b, &model_shapes[r->path.dialect], pub_catalogue(&r->worker->view), STR_NONE,
                     STR_NONE};
    enum step_result result = STEP_NEXT;

    must(l.shape->put != NULL); /* paths.c: these dialects have such a list */
    if (str_eq(r->path.tail, str_of(l.shape->tail)))
        put_list(r, &l);
    else
        result = put_one(r, &l);
    if (result == STEP_NEXT) {
        answer_json(r, 200, arena_str(r->arena, buf_view(&b)), NULL, 0);
        result = STEP_DONE;
    }
    buf_fini(&b);
    return result;
}
