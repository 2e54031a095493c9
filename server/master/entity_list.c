/* Lists, a page at a time in the order of ids, through a filter that the tables can answer. */
#include <stdio.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/master/entity.h"
#include "shm/control.h"
#include "shm/scope.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
#define BYTES_MAX (CONTROL_TEXT_MAX - 32768) /* one more entity goes on top of it */
#define LOOKED_MAX 50000 /* keys that one call looks at; then it says where it is */

struct filter {
    struct str name, tag, origin; /* empty: any */
    uint64_t team, customer;      /* 0: any */
    bool has_active, active, any;
};

static enum entity_result read_filter(struct entity_call *c, struct filter *out)
{
    const struct json *f = json_get(c->json, "filter");

    *out = (struct filter){.name = json_str(json_get(f, "name")),
                           .tag = json_str(json_get(f, "tag")),
                           .origin = json_str(json_get(f, "origin"))};
    if (json_get(f, "team") != NULL && !entity_read_id(json_get(f, "team"), &out->team))
        return entity_fail(c, ENTITY_INVALID, "filter.team: must be 16 hexadecimal digits");
    if (json_get(f, "customer") != NULL && !entity_read_id(json_get(f, "customer"), &out->customer))
        return entity_fail(c, ENTITY_INVALID, "filter.customer: must be 16 hexadecimal digits");
    if (out->origin.len > 0 && !str_eq(out->origin, STR("file")) &&
        !str_eq(out->origin, STR("api")))
        return entity_fail(c, ENTITY_INVALID, "filter.origin: must be file or api");
    out->has_active = json_bool(json_get(f, "active"), &out->active);
    out->any = out->name.len > 0 || out->tag.len > 0 || out->origin.len > 0 || out->team != 0 ||
               out->customer != 0 || out->has_active;
    return ENTITY_OK;
}

struct listing {
    struct entity_call *call;
    enum conf_kind kind;
    struct filter filter;
    struct entity_show show;
    struct scope *scope; /* scratch */
    uint64_t limit, n, after;
    uint32_t looked;
    bool more;
};

static bool name_fits(const struct filter *f, struct str name)
{
    return f->name.len == 0 || glob_match(f->name, name);
}

static bool origin_fits(const struct filter *f, bool is_api)
{
    return f->origin.len == 0 || str_eq(f->origin, STR("api")) == is_api;
}

/* A key's parents are rows: who they are, they say themselves. */
static bool parents_fit(const struct listing *l, uint32_t row)
{
    struct owner owner;
    bool team = l->filter.team == 0;
    bool customer = l->filter.customer == 0;

    for (int i = 0; i < OWNER_DEPTH_MAX && !(team && customer); i++) {
        if (!owner_read(l->call->money->published, row, &owner))
            return false;
        team |= owner.kind == OWNER_TEAM && owner.id == l->filter.team;
        customer |= owner.kind == OWNER_CUSTOMER && owner.id == l->filter.customer;
        row = owner.parent;
    }
    return team && customer;
}

static bool key_fits(struct listing *l, const struct virtual_key *k)
{
    const struct filter *f = &l->filter;

    if (!name_fits(f, k->name) || !origin_fits(f, (k->flags & KEY_ORIGIN_API) != 0) ||
        (f->has_active && f->active != ((k->flags & KEY_ACTIVE) != 0)) || !parents_fit(l, k->owner))
        return false;
    if (f->tag.len == 0)
        return true;
    return k->scope.len > 0 && scope_decode(k->scope, l->scope) == 0 &&
           glob_list_match(l->scope->tags, f->tag);
}

static bool has_tag(const struct conf_entity *e, struct str tag)
{
    bool is_team = e->kind == CONF_TEAM;
    const char *const *tags = is_team ? e->team.tags : e->customer.tags;
    size_t n = e->kind == CONF_MODEL_LIMIT ? 0 : is_team ? e->team.n_tags : e->customer.n_tags;

    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_of(tags[i]), tag))
            return true;
    }
    return false;
}

static bool place_fits(const struct listing *l, const struct place *p)
{
    const struct filter *f = &l->filter;

    return p->origin != PLACE_GONE && name_fits(f, p->name) &&
           origin_fits(f, p->origin == PLACE_API) && f->team == 0 &&
           (f->customer == 0 || (p->kind == PLACE_TEAM && p->parent == f->customer));
}

static enum entity_result put_one(struct listing *l, uint64_t id)
{
    struct entity_found found;
    enum entity_result result = entity_find_id(l->call, l->kind, id, &found);

    if (result != ENTITY_OK)
        return result;
    if (l->filter.tag.len > 0 && found.place != NULL && !has_tag(&found.entity, l->filter.tag))
        return ENTITY_OK;
    if (l->n++ > 0)
        buf_char(l->call->out, ',');
    entity_show(l->call->money, &found, &l->show, l->call->out);
    l->after = id;
    return ENTITY_OK;
}

/* The page is full: there may be more behind `after`. */
static bool is_full(struct listing *l)
{
    l->more = l->n >= l->limit || l->call->out->len >= BYTES_MAX || l->looked >= LOOKED_MAX;
    return l->more;
}

static enum entity_result list_keys(struct listing *l)
{
    struct money *m = l->call->money;
    struct directory *d = &m->directory;
    struct arena *a = arena_create(KEY_BLOB_MAX);
    enum entity_result result = ENTITY_OK;
    size_t at = directory_key_after(d, m->published, l->after);

    for (; result == ENTITY_OK && at < d->n_keys && !is_full(l); at++) {
        struct virtual_key k;

        arena_reset(a);
        l->looked++;
        if (l->filter.any && (!key_table_get(m->keys, d->keys[at], a, &k) || !key_fits(l, &k))) {
            l->after = d->keys[at];
            continue;
        }
        result = put_one(l, d->keys[at]);
    }
    arena_free(a);
    return result;
}

static enum entity_result list_places(struct listing *l)
{
    const struct directory *d = &l->call->money->directory;
    enum place_kind kind = (enum place_kind)l->kind;
    enum entity_result result = ENTITY_OK;
    size_t at = directory_after(d, kind, l->after);

    for (; result == ENTITY_OK && at < d->kinds[kind].n && !is_full(l); at++) {
        const struct place *p = d->kinds[kind].by_id[at];

        if (place_fits(l, p) && !l->filter.has_active)
            result = put_one(l, p->id);
    }
    return result;
}

/* Of all that there are; through a filter nobody has counted them. */
static void put_total(struct listing *l)
{
    struct directory *d = &l->call->money->directory;
    size_t n = l->kind == CONF_KEY ? d->n_keys : d->kinds[l->kind].n;

    if (!l->filter.any)
        buf_printf(l->call->out, ",\"total\":%zu", n);
    else if (!l->more && json_get(l->call->json, "after") == NULL)
        buf_printf(l->call->out, ",\"total\":%ju", (uintmax_t)l->n);
}

enum entity_result entity_list(struct entity_call *c, enum conf_kind kind)
{
    struct listing l = {.call = c, .kind = kind, .limit = LIMIT_DEFAULT};
    enum entity_result result = read_filter(c, &l.filter);

    if (result != ENTITY_OK)
        return result;
    (void)json_u64(json_get(c->json, "limit"), &l.limit); /* its default stays */
    l.limit = l.limit == 0 ? 1 : min_u64(l.limit, LIMIT_MAX);
    (void)json_bool(json_get(c->json, "hashes"), &l.show.hash);
    if (json_get(c->json, "after") != NULL && !entity_read_id(json_get(c->json, "after"), &l.after))
        return entity_fail(c, ENTITY_INVALID, "after: is not a cursor of this list");
    l.scope = arena_zalloc(c->arena, sizeof(*l.scope));
    buf_cstr(c->out, "{\"ok\":true,\"data\":[");
    result = kind == CONF_KEY ? list_keys(&l) : list_places(&l);
    if (result != ENTITY_OK)
        return result;
    buf_char(c->out, ']');
    if (l.more)
        buf_printf(c->out, ",\"next\":\"%016jx\"", (uintmax_t)l.after);
    else
        buf_cstr(c->out, ",\"next\":null");
    put_total(&l);
    buf_char(c->out, '}');
    return ENTITY_OK;
}
