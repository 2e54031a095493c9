#include "server/worker/catalogue.h"

#include "server/worker/admit.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

static struct str vendor_name(const struct pub_provider *p)
{
    return str_of(vendor_get(p->vendor)->name);
}

const struct cat_model *catalogue_of(const struct pub_view *v, const struct pub_provider *p,
                                     struct str model)
{
    return cat_find(pub_catalogue(v), vendor_name(p), model);
}

struct str catalogue_served(const struct pub_view *v, const struct pub_provider *p,
                            const struct cat_model *m, struct str asked)
{
    return pub_served(v, p, vendor_name(p), m, asked);
}

static bool is_usable(struct request *r, const struct pub_provider *p, struct str id)
{
    if (!scope_allows(r, pub_text(&r->worker->view, p->name), id) || !wishes_fit(r, p))
        return false;
    if (r->key.models.len > 0 && !admit_name(r, r->course.name) &&
        !admit_target(r, pub_text(&r->worker->view, p->name), id))
        return false;
    return r->path.op == OP_MODELS || route_can_ask(r, p, id);
}

const struct pub_provider *catalogue_resolve(struct request *r, struct str *name)
{
    const struct pub_view *v = &r->worker->view;
    const struct cat_model *m = cat_find_any(pub_catalogue(v), r->course.name);
    const struct pub_provider *found = NULL;

    for (uint32_t i = 0; m != NULL && i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        bool is_own = r->path.vendor != NULL && str_eq(vendor_name(p), str_of(r->path.vendor));
        struct str id;

        if (found != NULL && !is_own)
            continue;
        id = catalogue_served(v, p, m, r->course.name);
        if (id.len == 0 || !is_usable(r, p, id))
            continue;
        found = p;
        *name = id;
        if (is_own)
            break;
    }
    if (found != NULL)
        *name = arena_str(r->arena, *name);
    return found;
}

void catalogue_target(const struct request *r, struct chat_target *target)
{
    const struct attempt *a = &r->attempt;
    const struct cat_model *m =
        cat_find(pub_catalogue(&r->worker->view), str_of(a->vendor->name), a->model);

    if (m == NULL)
        return;
    target->model_flags = m->flags;
    target->max_output = m->max_output;
}

/* --- images where none are taken --- */

static bool has_image(const struct chat_block *blocks)
{
    for (const struct chat_block *b = blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_IMAGE)
            return true;
        for (const struct chat_block *inner = b->content; inner != NULL; inner = inner->next) {
            if (inner->kind == BLOCK_IMAGE)
                return true;
        }
    }
    return false;
}

/* The message as the client's own wire counts it: most keep the system's text out of the list. */
static struct str place_of(struct request *r, const struct chat *chat,
                           const struct chat_message *found)
{
    bool counts_system = chat->from == DIALECT_OPENAI || chat->from == DIALECT_COHERE;
    bool is_leading = true;
    unsigned index = 0;

    if (chat->from == DIALECT_RESPONSES) /* its items are more than messages */
        return STR("input");
    for (const struct chat_message *m = chat->messages; m != found; m = m->next) {
        is_leading = is_leading && (m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER);
        if (counts_system || !is_leading)
            index++;
    }
    return arena_printf(r->arena, "%s[%u]", chat->from == DIALECT_GEMINI ? "contents" : "messages",
                        index);
}

enum step_result catalogue_check_images(struct request *r, const struct chat *chat,
                                        const struct chat_target *target)
{
    struct str place;

    if ((target->model_flags & (MODEL_KNOWN | MODEL_IMAGES)) != MODEL_KNOWN)
        return STEP_NEXT;
    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        if (!has_image(m->blocks))
            continue;
        place = place_of(r, chat, m);
        return request_fail(r, &FAIL_NO_IMAGES,
                            arena_printf(r->arena, "%.*s has one, and %.*s/%.*s reads none",
                                         STR_ARGS(place), STR_ARGS(r->attempt.provider),
                                         STR_ARGS(r->attempt.model)),
                            place);
    }
    return STEP_NEXT;
}
