/*
 * suggest - what would have been right, for names that nobody knows. Error path only.
 */
#include "server/worker/admit.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

#define NAMES_MAX 512 /* candidates compared: bounds what a stream of wrong names costs */
#define TELL_MAX 8
#define SHOWN_MAX 100 /* bytes of the client's own text in an answer */

struct names {
    const char *items[NAMES_MAX];
    size_t n;
};

static void names_add(struct names *names, struct request *r, struct str name)
{
    if (names->n < NAMES_MAX)
        names->items[names->n++] = arena_cstr(r->arena, name);
}

static struct str shown(struct str s)
{
    return (struct str){s.p, s.len > SHOWN_MAX ? SHOWN_MAX : s.len};
}

static bool provider_is_visible(const struct request *r, struct str name)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_provider *p = pub_find_provider(v, name);
    struct str rest;
    struct str pattern;

    if (r->key.models.len == 0)
        return true;
    rest = p != NULL ? pub_text(v, p->models) : STR_NONE;
    while (str_next(&rest, '\0', &pattern)) {
        if (admit_target(r, name, pattern) || admit_name(r, pattern))
            return true;
    }
    return admit_target(r, name, STR("*"));
}

/* Exact names declared by a provider, as "provider/model". */
static void add_declared(struct names *names, struct request *r, const struct pub_provider *p)
{
    const struct pub_view *v = &r->worker->view;
    struct str provider = pub_text(v, p->name);
    struct str rest = pub_text(v, p->models);
    struct str model;

    while (str_next(&rest, '\0', &model) && names->n < NAMES_MAX) {
        if (model.len == 0 || str_index(model, '*') >= 0 || !admit_target(r, provider, model))
            continue;
        names_add(names, r, arena_concat(r->arena, (struct str[]){provider, STR("/"), model}, 3));
    }
}

static struct str list_of(struct request *r, struct str head, const struct names *names)
{
    struct str text = head;

    for (size_t i = 0; i < names->n && i < TELL_MAX; i++) {
        struct str parts[] = {text, i > 0 ? STR(", ") : STR_NONE, str_of(names->items[i])};

        text = arena_concat(r->arena, parts, 3);
    }
    if (names->n > TELL_MAX)
        text = arena_concat(r->arena, (struct str[]){text, STR(", ...")}, 2);
    return text;
}

enum step_result suggest_provider(struct request *r, struct str provider)
{
    const struct pub_view *v = &r->worker->view;
    struct names *names = arena_alloc(r->arena, sizeof(*names));
    const char *near;
    struct str detail;

    names->n = 0;
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        struct str name = pub_text(v, pub_provider(v, i)->name);

        if (provider_is_visible(r, name))
            names_add(names, r, name);
    }
    near = str_nearest(shown(provider), names->items, names->n);
    if (near != NULL)
        detail = arena_printf(r->arena, "there is no provider \"%.*s\"; did you mean \"%s\"?",
                              STR_ARGS(shown(provider)), near);
    else
        detail = list_of(r,
                         arena_printf(r->arena, "there is no provider \"%.*s\"; there are: ",
                                      STR_ARGS(shown(provider))),
                         names);
    return request_fail(r, &FAIL_UNKNOWN_PROVIDER, detail,
                        r->asked.len > 0 ? STR("model") : STR_NONE);
}

enum step_result suggest_model(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    struct names *names = arena_alloc(r->arena, sizeof(*names));
    const char *near;

    names->n = 0;
    for (uint32_t i = 0; i < v->image->n_models && names->n < NAMES_MAX; i++) {
        struct str name = pub_text(v, pub_model(v, i)->name);

        if ((pub_model(v, i)->flags & PUB_MODEL_STARRED) == 0 && admit_name(r, name))
            names_add(names, r, name);
    }
    for (uint32_t i = 0; i < v->image->n_providers && names->n < NAMES_MAX; i++)
        add_declared(names, r, pub_provider(v, i));
    near = str_nearest(shown(r->asked), names->items, names->n);
    if (near != NULL)
        return request_fail(r, &FAIL_UNKNOWN_MODEL,
                            arena_printf(r->arena, "\"%.*s\": did you mean \"%s\"?",
                                         STR_ARGS(shown(r->asked)), near),
                            STR("model"));
    if (names->n == 0) /* nobody declares exact names */
        return request_fail(r, &FAIL_UNKNOWN_MODEL,
                            arena_printf(r->arena, "\"%.*s\"", STR_ARGS(shown(r->asked))),
                            STR("model"));
    return request_fail(
        r, &FAIL_UNKNOWN_MODEL,
        list_of(r,
                arena_printf(r->arena, "\"%.*s\" is not among them; some that are: ",
                             STR_ARGS(shown(r->asked))),
                names),
        STR("model"));
}

enum step_result suggest_face(struct request *r, const struct pub_provider *p)
{
    const struct vendor *vendor = vendor_get(p->vendor);
    struct str text = arena_printf(r->arena, "\"%.*s\" is none of what provider \"%.*s\" has: ",
                                   STR_ARGS(shown(r->resolved.name)),
                                   STR_ARGS(pub_text(&r->worker->view, p->name)));

    for (size_t i = 0; i < FACES_MAX && vendor->faces[i].dialect != DIALECT_NONE; i++) {
        struct str parts[] = {text, i > 0 ? STR(",") : STR_NONE, str_of(vendor->faces[i].models)};

        must(vendor->faces[i].models != NULL); /* else that face would be for this model */
        text = arena_concat(r->arena, parts, 3);
    }
    return request_fail(r, &FAIL_UNKNOWN_MODEL, text, STR("model"));
}
