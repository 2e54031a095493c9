/*
 * names - from a name to what it stands for: route.h's first half.
 */
#include "providers/dialect.h"
#include "providers/vendor.h"
#include "server/worker/catalogue.h"
#include "server/worker/fail.h"
#include "server/worker/parse.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

#define NO_MODEL UINT32_MAX

static bool is_openai_family(enum dialect_id d)
{
    return d == DIALECT_OPENAI || d == DIALECT_RESPONSES;
}

static uint32_t provider_index(const struct pub_view *v, const struct pub_provider *p)
{
    return (uint32_t)(p - pub_provider(v, 0));
}

static void resolve_to(struct request *r, const struct pub_provider *p, struct str name)
{
    const struct pub_view *v = &r->worker->view;

    r->resolved = (struct resolved){.generation = v->generation,
                                    .model = NO_MODEL,
                                    .provider = provider_index(v, p),
                                    .name = name};
}

static bool is_of(const struct pub_provider *p, struct str vendor)
{
    return str_eq(str_of(vendor_get(p->vendor)->name), vendor);
}

static bool speaks(const struct pub_provider *p, enum dialect_id dialect)
{
    const struct vendor_face *face =
        vendor_face(vendor_get(p->vendor), p->dialect != DIALECT_NONE ? p->dialect : dialect);

    return face != NULL && (face->dialect == dialect ||
                            (is_openai_family(dialect) && is_openai_family(face->dialect)));
}

/* Of those that speak a dialect: the first of its own vendor, else the first real one, else the mock. */
static const struct pub_provider *first_with(const struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    enum dialect_id dialect = r->path.dialect;
    struct str home = str_of(dialect_names[is_openai_family(dialect) ? DIALECT_OPENAI : dialect]);
    const struct pub_provider *real = NULL, *mock = NULL;

    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);

        if (!speaks(p, dialect) || !wishes_fit(r, p))
            continue;
        if (is_of(p, home))
            return p;
        if (vendor_get(p->vendor)->is_mock)
            mock = mock != NULL ? mock : p;
        else
            real = real != NULL ? real : p;
    }
    return real != NULL ? real : mock;
}

/* The provider that is called like a vendor, else the first one of it. */
static const struct pub_provider *first_of(const struct pub_view *v, struct str vendor)
{
    const struct pub_provider *named = pub_find_provider(v, vendor);

    for (uint32_t i = 0; named == NULL && i < v->image->n_providers; i++) {
        if (is_of(pub_provider(v, i), vendor))
            named = pub_provider(v, i);
    }
    return named;
}

/*
 * Whose a name must be that nobody here knows: "/anthropic" and the like are a vendor's own. Names of
 * deployments are made up by Azure's customers, so they are looked for there first.
 */
static const struct pub_provider *own_provider(const struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_provider *p = r->path.is_azure ? first_of(v, STR("azure")) : NULL;

    if (p == NULL && r->path.vendor != NULL)
        p = first_of(v, str_of(r->path.vendor));
    return p;
}

/* A provider for what has no model: named by the client, else as first_with() says. */
static enum step_result resolve_default(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    struct str named = http_find(r->ex, STR("x-bf-provider"));
    const struct pub_provider *p;

    if (named.len == 0)
        named = query_find(r->ex->query, STR("provider"));
    if (named.len > 0) {
        p = pub_find_provider(v, named);
        if (p == NULL)
            return suggest_provider(r, named);
        resolve_to(r, p, STR_NONE);
        return STEP_NEXT;
    }
    if (v->image->n_providers == 0)
        return request_fail(r, &FAIL_NO_UPSTREAM_KEY, STR("no provider is configured"), STR_NONE);
    p = first_with(r);
    if (p == NULL && r->wishes.are_any) {
        r->wishes.are_any = false;
        p = first_with(r);
        r->wishes.are_any = true;
    }
    if (p == NULL)
        return request_fail(
            r, &FAIL_NO_UPSTREAM_KEY,
            arena_printf(r->arena, "no provider speaks %s", dialect_names[r->path.dialect]),
            STR_NONE);
    resolve_to(r, p, STR_NONE);
    return STEP_NEXT;
}

/* The first provider, in configuration order, that declares a matching glob. */
static const struct pub_provider *find_by_glob(const struct request *r, struct str name)
{
    const struct pub_view *v = &r->worker->view;

    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);

        if (glob_list_match(pub_text(v, p->models), name) && wishes_fit(r, p))
            return p;
    }
    return NULL;
}

/* A provider for a bare name, and what that provider calls it. */
static const struct pub_provider *find_bare(struct request *r, struct str *name, bool *is_known)
{
    const struct pub_provider *p = catalogue_resolve(r, name);

    *is_known = p != NULL;
    if (p == NULL)
        p = find_by_glob(r, *name);
    if (p != NULL || !r->wishes.are_any)
        return p;
    /* Nobody who was wished for: whoever it is will say what may be wished for. */
    r->wishes.are_any = false;
    p = find_bare(r, name, is_known);
    r->wishes.are_any = true;
    return p;
}

/* Exact names of `models:`, then its patterns, then what providers declare. */
static const struct pub_model *find_model(const struct pub_view *v, struct str name,
                                          struct str *star)
{
    const struct pub_model *exact = pub_find_model(v, name);
    const struct pub_model *pattern;

    if (v->image->n_patterns == 0 || (exact != NULL && (exact->flags & PUB_MODEL_DECLARED) == 0))
        return exact;
    pattern = pub_match_model(v, name, star);
    return pattern != NULL ? pattern : exact;
}

enum step_result route_resolve(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *model;
    const struct pub_provider *p = NULL;
    struct str star = STR_NONE;
    struct str name;
    ptrdiff_t slash;
    bool is_known;

    if (r->resolved.generation == v->generation)
        return STEP_NEXT;
    wishes_renew(r);
    if (r->course.name.len == 0)
        return resolve_default(r);
    /* A pattern is no model: not for clients, whose star would be sent upstream as it is. */
    if (str_index(r->course.name, '*') >= 0)
        return suggest_model(r);
    model = find_model(v, r->course.name, &star);
    if (model != NULL) {
        r->resolved = (struct resolved){.generation = v->generation,
                                        .model = (uint32_t)(model - pub_model(v, 0)),
                                        .star = star};
        return STEP_NEXT;
    }
    slash = str_index(r->course.name, '/');
    if (slash > 0)
        p = pub_find_provider(v, (struct str){r->course.name.p, (size_t)slash});
    if (p != NULL) {
        name = str_skip(r->course.name, (size_t)slash + 1);
        if (name.len == 0)
            return suggest_model(r);
        resolve_to(r, p, name);
        return STEP_NEXT;
    }
    name = r->course.name;
    p = find_bare(r, &name, &is_known);
    if (p != NULL) {
        resolve_to(r, p, name);
        r->resolved.is_known = is_known;
        return STEP_NEXT;
    }
    if (slash < 0 && r->path.op != OP_MODELS && (p = own_provider(r)) != NULL) {
        resolve_to(r, p, r->course.name);
        return STEP_NEXT;
    }
    if (slash > 0)
        return suggest_provider(r, (struct str){r->course.name.p, (size_t)slash});
    return suggest_model(r);
}
