#include "server/worker/wishes.h"

#include "server/worker/candidates.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/rules.h"
#include "server/worker/worker.h"

#define SHOWN_MAX 100 /* bytes of the client's own text in an answer */
#define TELL_MAX 20   /* keys or tags named in a refusal */

static void read_pin(struct request *r)
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
    r->wishes.is_pinned = true;
}

void wishes_read(struct request *r)
{
    struct str tags = str_trim(http_find(r->ex, STR("x-bf-tags")));

    read_pin(r);
    if (tags.len == 0)
        return;
    r->wishes.tags = arena_str(r->arena, tags);
    r->wishes.are_any = true;
}

/* The tag's bit in the image; 0: nothing has it. */
static uint64_t bit_of(const struct pub_view *v, struct str tag)
{
    struct str rest = pub_text(v, v->image->tags);
    struct str other;

    for (uint64_t bit = 1; bit != 0 && str_next(&rest, '\0', &other); bit <<= 1) {
        if (str_eq(tag, other))
            return bit;
    }
    return 0;
}

void wishes_renew(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    struct wishes *w = &r->wishes;
    struct str rest = w->tags;
    struct str tag;

    if (rest.len == 0 || w->generation == v->generation)
        return;
    w->generation = v->generation;
    w->bits = 0;
    w->is_unheard_of = false;
    while (str_next(&rest, ',', &tag)) {
        uint64_t bit;

        tag = str_trim(tag);
        if (tag.len == 0)
            continue;
        bit = bit_of(v, tag);
        /* What no route ever has may be for rules alone, if there is one that asks. */
        w->is_unheard_of = w->is_unheard_of || (bit == 0 && !rules_ask_for_tags(r->worker));
        w->bits |= bit;
    }
}

static bool is_pinned(const struct request *r, const struct pub_key *key)
{
    const struct pub_view *v = &r->worker->view;

    return !r->wishes.is_pinned ||
           (str_eq(pub_text(v, key->name), r->wishes.key) &&
            (r->wishes.provider.len == 0 ||
             str_eq(pub_text(v, pub_provider(v, key->provider)->name), r->wishes.provider)));
}

static bool has_tags(const struct request *r, const struct pub_key *key, uint64_t tags)
{
    const struct wishes *w = &r->wishes;

    return !w->is_unheard_of && ((key->tags | tags) & w->bits) == w->bits;
}

bool wishes_allow(const struct request *r, const struct pub_key *key, uint64_t tags)
{
    return !r->wishes.are_any || (is_pinned(r, key) && has_tags(r, key, tags));
}

bool wishes_fit(const struct request *r, const struct pub_provider *p)
{
    if (!r->wishes.are_any)
        return true;
    for (uint32_t i = 0; i < p->n_keys; i++) {
        const struct pub_key *key = pub_key(&r->worker->view, p->first_key + i);

        if (is_pinned(r, key) && has_tags(r, key, 0))
            return true;
    }
    return false;
}

/* --- what there is: of the name whose turn it is, as far as the virtual key may use it --- */

struct telling {
    struct str list;
    uint32_t n;
};

static void tell(struct request *r, struct telling *t, struct str text)
{
    if (t->n > TELL_MAX)
        return;
    t->list = arena_concat(r->arena,
                           (struct str[]){t->list, t->n > 0 ? STR(", ") : STR_NONE,
                                          t->n < TELL_MAX ? text : STR("...")},
                           3);
    t->n++;
}

static struct str tell_keys(struct request *r, const struct candidates *found)
{
    const struct pub_view *v = &r->worker->view;
    struct telling t = {STR_NONE, 0};

    for (size_t i = 0; i < found->n; i++) {
        const struct pub_key *key = pub_key(v, found->routes[i]->key);
        bool is_told = false;

        for (size_t j = 0; j < i && !is_told; j++) /* a group's targets often share their keys */
            is_told = found->routes[j]->key == found->routes[i]->key;
        if (!is_told)
            tell(r, &t,
                 arena_concat(r->arena,
                              (struct str[]){pub_text(v, pub_provider(v, key->provider)->name),
                                             STR("/"), pub_text(v, key->name)},
                              3));
    }
    return t.list;
}

static struct str tell_tags(struct request *r, const struct candidates *found)
{
    const struct pub_view *v = &r->worker->view;
    struct str rest = pub_text(v, v->image->tags);
    struct telling t = {STR_NONE, 0};
    uint64_t bits = 0;
    struct str tag;

    for (size_t i = 0; i < found->n; i++)
        bits |= found->tags[i];
    for (uint64_t bit = 1; bit != 0 && str_next(&rest, '\0', &tag); bit <<= 1) {
        if ((bits & bit) != 0)
            tell(r, &t, tag);
    }
    return t.n > 0 ? t.list : STR("none");
}

static struct str shown(struct str s)
{
    return (struct str){s.p, min_u64(s.len, SHOWN_MAX)};
}

enum step_result wishes_fail(struct request *r)
{
    struct candidates *found = arena_alloc(r->arena, sizeof(*found));
    struct wishes wishes = r->wishes;
    bool has_pinned = false;

    r->wishes = (struct wishes){.are_any = false};
    candidates_gather(r, found);
    r->wishes = wishes;
    for (size_t i = 0; i < found->n; i++)
        has_pinned = has_pinned || is_pinned(r, pub_key(&r->worker->view, found->routes[i]->key));
    if (!has_pinned)
        return request_fail(r, &FAIL_UNKNOWN_PROVIDER_KEY,
                            arena_printf(r->arena, "no \"%.*s\" among: %.*s",
                                         STR_ARGS(shown(wishes.key)),
                                         STR_ARGS(tell_keys(r, found))),
                            STR("x-bf-provider-key"));
    return request_fail(r, &FAIL_UNKNOWN_TAGS,
                        arena_printf(r->arena, "none has all of \"%.*s\"; there are: %.*s",
                                     STR_ARGS(shown(wishes.tags)), STR_ARGS(tell_tags(r, found))),
                        STR("x-bf-tags"));
}
