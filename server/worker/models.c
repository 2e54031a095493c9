#include "server/worker/models.h"

#include "server/base/buf.h"
#include "server/worker/admit.h"
#include "server/worker/answer.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

/* Nobody knows when a model was made, but the SDKs' types want a number. */
#define MODEL_CREATED 1767225600u /* 2026-01-01 */
#define MODEL_CREATED_TEXT "2026-01-01T00:00:00Z"

/* --- one model, as each dialect's own list has it --- */

static void put_openai(struct buf *b, struct str name, struct str owner)
{
    buf_cstr(b, "{\"id\":");
    buf_json(b, name);
    buf_printf(b, ",\"object\":\"model\",\"created\":%u,\"owned_by\":", MODEL_CREATED);
    buf_json(b, owner);
    buf_char(b, '}');
}

static void put_anthropic(struct buf *b, struct str name, struct str owner)
{
    (void)owner;
    buf_cstr(b, "{\"type\":\"model\",\"id\":");
    buf_json(b, name);
    buf_cstr(b, ",\"display_name\":");
    buf_json(b, name);
    buf_cstr(b, ",\"created_at\":\"" MODEL_CREATED_TEXT "\"}");
}

/* The inside of a JSON string. */
static void put_inside(struct buf *b, struct str s)
{
    size_t from = b->len;

    buf_json(b, s);
    memmove(b->data + from, b->data + from + 1, b->len - from - 2);
    b->len -= 2;
}

static void put_gemini(struct buf *b, struct str name, struct str owner)
{
    (void)owner;
    buf_cstr(b, "{\"name\":\"models/");
    put_inside(b, name);
    buf_cstr(b, "\",\"displayName\":");
    buf_json(b, name);
    buf_cstr(b, ",\"supportedGenerationMethods\":[\"generateContent\","
                "\"streamGenerateContent\",\"countTokens\",\"embedContent\"]}");
}

static void put_cohere(struct buf *b, struct str name, struct str owner)
{
    (void)owner;
    buf_cstr(b, "{\"name\":");
    buf_json(b, name);
    buf_cstr(b, ",\"endpoints\":[\"chat\",\"embed\",\"rerank\"],\"finetuned\":false}");
}

/* How a dialect writes its list: what stands before and behind, and one model. */
struct shape {
    const char *begin, *end;
    void (*put)(struct buf *b, struct str name, struct str owner);
    const char *tail; /* of the list's path */
};

static const struct shape shapes[DIALECTS] = {
    [DIALECT_OPENAI] = {"{\"object\":\"list\",\"data\":[", "]}", put_openai, "/models"},
    [DIALECT_ANTHROPIC] = {"{\"data\":[", "],\"has_more\":false", put_anthropic, "/models"},
    [DIALECT_GEMINI] = {"{\"models\":[", "]}", put_gemini, "/models"},
    [DIALECT_COHERE] = {"{\"models\":[", "]}", put_cohere, "/v1/models"},
};

/* What is put together: Anthropic's list also names its first and last one. */
struct list {
    struct buf *out;
    const struct shape *shape;
    struct str first, last;
};

static void add_model(struct list *l, struct str name, struct str owner)
{
    if (l->first.len > 0)
        buf_char(l->out, ',');
    else
        l->first = name;
    l->last = name;
    l->shape->put(l->out, name, owner);
}

static void end_list(struct list *l)
{
    buf_cstr(l->out, l->shape->end);
    if (l->shape->put != put_anthropic)
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

static void put_list(struct request *r, struct list *l)
{
    const struct pub_view *v = &r->worker->view;

    buf_cstr(l->out, l->shape->begin);
    for (uint32_t i = 0; i < v->image->n_models; i++) {
        const struct pub_model *m = pub_model(v, i);

        if (model_is_allowed(r, m))
            add_model(l, pub_text(v, m->name), owner_of(v, m));
    }
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        struct str provider = pub_text(v, p->name);
        struct str rest = pub_text(v, p->models);
        struct str model;

        while (str_next(&rest, '\0', &model)) {
            if (model.len == 0 || str_index(model, '*') >= 0 || !admit_target(r, provider, model))
                continue;
            add_model(l, arena_concat(r->arena, (struct str[]){provider, STR("/"), model}, 3),
                      provider);
        }
    }
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
    result = route_resolve(r);
    if (result != STEP_NEXT)
        return result;
    if (r->key.models.len > 0 && !admit_name(r, r->asked) && !route_has_allowed(r))
        return suggest_model(r); /* what a key may not use does not exist for it */
    if (r->resolved.model != UINT32_MAX)
        add_model(l, r->asked, owner_of(v, pub_model(v, r->resolved.model)));
    else
        add_model(l, r->asked, pub_text(v, pub_provider(v, r->resolved.provider)->name));
    return STEP_NEXT;
}

enum step_result models_answer(struct request *r)
{
    struct buf b = BUF_INIT;
    struct list l = {&b, &shapes[r->path.dialect], STR_NONE, STR_NONE};
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
