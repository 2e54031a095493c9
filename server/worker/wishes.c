#include "server/worker/wishes.h"

#include "server/worker/candidates.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/worker.h"

#define SHOWN_MAX 100 /* bytes of the client's own text in an answer */
#define TELL_MAX 20   /* keys named in a refusal */

void wishes_read(struct request *r)
{
    struct str pin = str_trim(http_find(r->ex, STR("x-bf-provider-key")));
    ptrdiff_t slash;

    if (pin.len == 0)
        return;
    pin = arena_str(r->arena, pin);
    slash = str_index(pin, '/');
    r->wishes.are_any = true;
    if (slash >= 0)
        r->wishes.provider = (struct str){pin.p, (size_t)slash};
    r->wishes.key = str_skip(pin, (size_t)(slash + 1));
}

static bool is_pinned(const struct request *r, const struct pub_key *key)
{
    const struct pub_view *v = &r->worker->view;

    return str_eq(pub_text(v, key->name), r->wishes.key) &&
           (r->wishes.provider.len == 0 ||
            str_eq(pub_text(v, pub_provider(v, key->provider)->name), r->wishes.provider));
}

bool wishes_allow(const struct request *r, const struct pub_route *route)
{
    return !r->wishes.are_any || is_pinned(r, pub_key(&r->worker->view, route->key));
}

bool wishes_fit(const struct request *r, const struct pub_provider *p)
{
    if (!r->wishes.are_any)
        return true;
    for (uint32_t i = 0; i < p->n_keys; i++) {
        if (is_pinned(r, pub_key(&r->worker->view, p->first_key + i)))
            return true;
    }
    return false;
}

/* --- what there is: of the name whose turn it is, as far as the virtual key may use it --- */

struct telling {
    struct str list;
    uint32_t n;
    uint32_t last; /* a group's targets often share their keys */
};

static void tell_key(struct request *r, struct telling *t, uint32_t index)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_key *key = pub_key(v, index);

    if (t->n > TELL_MAX || (t->n > 0 && t->last == index))
        return;
    t->last = index;
    if (t->n++ == TELL_MAX) {
        t->list = arena_concat(r->arena, (struct str[]){t->list, STR(", ...")}, 2);
        return;
    }
    t->list = arena_concat(r->arena,
                           (struct str[]){t->list, t->n > 1 ? STR(", ") : STR_NONE,
                                          pub_text(v, pub_provider(v, key->provider)->name),
                                          STR("/"), pub_text(v, key->name)},
                           5);
}

enum step_result wishes_fail(struct request *r)
{
    struct candidates *found = arena_alloc(r->arena, sizeof(*found));
    struct wishes wishes = r->wishes;
    struct telling t = {STR_NONE, 0, 0};

    r->wishes = (struct wishes){.are_any = false};
    candidates_gather(r, found);
    r->wishes = wishes;
    for (size_t i = 0; i < found->n; i++)
        tell_key(r, &t, found->routes[i]->key);
    wishes.key.len = min_u64(wishes.key.len, SHOWN_MAX);
    return request_fail(
        r, &FAIL_UNKNOWN_PROVIDER_KEY,
        arena_printf(r->arena, "no \"%.*s\" among: %.*s", STR_ARGS(wishes.key), STR_ARGS(t.list)),
        STR("x-bf-provider-key"));
}
