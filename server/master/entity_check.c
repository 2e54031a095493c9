/* Does what the API wants go with what there is? */
#include "server/master/entity.h"

#include "shm/limits.h"
#include "shm/published.h"

/* --- is it sound beside the others? --- */

enum entity_result entity_parent(struct entity_call *c, const struct conf_entity *e,
                                 struct entity_record *r, uint32_t *out)
{
    const struct conf_key_scope *s = e->kind == CONF_KEY ? e->key.scope : NULL;
    const char *team = s != NULL ? s->team : NULL;
    const char *customer = e->kind == CONF_TEAM ? e->team.customer : s != NULL ? s->customer : NULL;
    const char *name = team != NULL ? team : customer;
    const struct place *p;

    *out = ROW_NONE;
    r->parent = 0;
    r->parent_kind = team != NULL ? CONF_TEAM : CONF_CUSTOMER;
    if (name == NULL)
        return ENTITY_OK;
    p = directory_name(&c->money->directory, (enum place_kind)r->parent_kind, str_of(name));
    if (p == NULL)
        return entity_fail(c, ENTITY_INVALID, "%s: there is no %s \"%s\"",
                           conf_kind_names[r->parent_kind], conf_kind_names[r->parent_kind], name);
    r->parent = p->id;
    *out = p->row;
    return ENTITY_OK;
}

static enum entity_result check_providers(struct entity_call *c, const struct conf_key_scope *s)
{
    struct pub_view view;

    if (s == NULL || s->n_providers == 0 || !published_view(c->money->published, NULL, &view))
        return ENTITY_OK;
    for (size_t i = 0; i < s->n_providers; i++) {
        if (pub_find_provider(&view, str_of(s->providers[i].provider)) == NULL)
            return entity_fail(c, ENTITY_INVALID, "providers[%zu]: there is no provider \"%s\"", i,
                               s->providers[i].provider);
    }
    return ENTITY_OK;
}

bool entity_is_model(const struct pub_view *v, struct str name)
{
    ptrdiff_t slash = str_index(name, '/');
    struct str star;

    if (str_index(name, '*') >= 0) /* a pattern: nothing tells what its star would be */
        return false;
    if (pub_find_model(v, name) != NULL || pub_match_model(v, name, &star) != NULL ||
        (slash > 0 && pub_find_provider(v, (struct str){name.p, (size_t)slash}) != NULL) ||
        cat_find_any(pub_catalogue(v), name) != NULL)
        return true;
    for (uint32_t i = 0; i < v->image->n_providers; i++) {
        if (glob_list_match(pub_text(v, pub_provider(v, i)->models), name))
            return true;
    }
    return false;
}

static enum entity_result check_aliases(struct entity_call *c, const struct conf_key_scope *s)
{
    struct pub_view view;

    if (s == NULL || s->n_aliases == 0 || !published_view(c->money->published, NULL, &view))
        return ENTITY_OK;
    for (size_t i = 0; i + 1 < s->n_aliases; i += 2) {
        if (!entity_is_model(&view, str_of(s->aliases[i + 1])))
            return entity_fail(c, ENTITY_INVALID,
                               "aliases.%s: there is no model \"%s\": it must be a name that "
                               "clients may use, or provider/model, and no pattern",
                               s->aliases[i], s->aliases[i + 1]);
    }
    return ENTITY_OK;
}

static bool is_taken(const struct money *m, const struct conf_entity *e, uint64_t own)
{
    const struct place *p;
    uint64_t id;

    if (e->kind == CONF_KEY)
        return key_table_id_of_name(m->keys, str_of(e->name), &id) && id != own;
    p = directory_name(&m->directory, (enum place_kind)e->kind, str_of(e->name));
    return p != NULL && p->id != own;
}

enum entity_result entity_check(struct entity_call *c, const struct conf_entity *e, uint64_t id)
{
    const struct conf_rules *rules = conf_entity_rules(e);

    if (is_taken(c->money, e, id))
        return entity_fail(c, ENTITY_CONFLICT, "name: there is already a %s \"%s\"",
                           conf_kind_names[e->kind], e->name);
    if (e->kind == CONF_KEY && check_providers(c, e->key.scope) != ENTITY_OK)
        return ENTITY_INVALID;
    if (e->kind == CONF_KEY)
        return check_aliases(c, e->key.scope);
    if (e->kind != CONF_MODEL_LIMIT)
        return ENTITY_OK;
    if (rules->n_budgets + rules->n_limits == 0 && rules->concurrency == 0)
        return entity_fail(c, ENTITY_INVALID, "it limits nothing: give a budget or a limit");
    if (id == 0 && c->money->directory.kinds[PLACE_LIMIT].n >= MODEL_LIMITS_MAX)
        return entity_fail(c, ENTITY_FULL, "there are %d model limits already", MODEL_LIMITS_MAX);
    return ENTITY_OK;
}
