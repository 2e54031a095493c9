/* Do the names that a virtual key lists lead anywhere? */
#include <string.h>

#include "conf/check_routing.h"
#include "conf/groups.h"
#include "conf/money.h"
#include "server/base/buf.h"

#define NAMES_SHOWN 256 /* that a suggestion is sought among */

static bool is_listed(const char *const *globs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (glob_match(str_of(globs[i]), str_of(name)))
            return true;
    }
    return false;
}

static bool is_denied(const struct conf_virtual_key *k, const char *name)
{
    return is_listed(k->scope->denied_models, k->scope->n_denied, name);
}

static bool has_provider(const struct conf_virtual_key *k, struct str provider)
{
    for (size_t i = 0; i < k->scope->n_providers; i++) {
        if (str_eq(provider, str_of(k->scope->providers[i].provider)))
            return true;
    }
    return k->scope->n_providers == 0;
}

/* `by_name`: its list has the name that stands for this target. */
static bool may_use(const struct conf_virtual_key *k, const char *target, bool by_name)
{
    ptrdiff_t slash = str_index(str_of(target), '/');

    if (strchr(target, '*') != NULL) /* what it becomes depends on the request */
        return true;
    return has_provider(k, (struct str){target, slash > 0 ? (size_t)slash : 0}) &&
           !is_denied(k, target) &&
           (by_name || k->n_models == 0 || is_listed(k->models, k->n_models, target));
}

/* As the worker judges it: by the alias, by what it stands for, or by one of that one's targets. */
static bool alias_may_be_used(const struct groups *g, const struct conf_virtual_key *k,
                              const char *alias, const char *name)
{
    bool by_name =
        is_listed(k->models, k->n_models, alias) || is_listed(k->models, k->n_models, name);
    const struct conf_model *m = groups_find(g, str_of(name));
    ptrdiff_t slash = str_index(str_of(name), '/');
    struct flat flat;

    if (is_denied(k, alias) || is_denied(k, name))
        return false;
    if (m == NULL)
        m = groups_match(g->config, str_of(name));
    if (m == NULL) /* a bare name is the catalogue's, which is not known here */
        return slash <= 0 || !groups_has_provider(g, (struct str){name, (size_t)slash}) ||
               may_use(k, name, by_name);
    if (groups_flatten(g, m, &flat) != GROUPS_OK)
        return true; /* told elsewhere */
    for (size_t i = 0; i < flat.n; i++) {
        if (may_use(k, flat.items[i].target->name, by_name))
            return true;
    }
    return false;
}

static void check_aliases(const struct groups *g, const struct conf_virtual_key *k,
                          struct findings *f)
{
    const struct conf_key_scope *s = k->scope;
    struct buf where = BUF_INIT;

    for (size_t i = 0; i + 1 < s->n_aliases; i += 2) {
        const char *alias = s->aliases[i], *name = s->aliases[i + 1];

        buf_clear(&where);
        buf_printf(&where, "virtual key %s: aliases.%s", findings_quote(f, str_of(k->name)), alias);
        check_name(g->config, &(struct check_naming){where.data, k->origin.line}, name, f);
        if (f->n_warnings < WARNINGS_MAX && !alias_may_be_used(g, k, alias, name))
            findings_warn(f, k->origin.line,
                          "%s stands for %s, which the key may not use: add it to the key's "
                          "models, or this alias is of no use",
                          where.data, findings_quote(f, str_of(name)));
    }
    buf_fini(&where);
}

/*
 * "opnai/gpt-4o": of no provider, and of no name in `models:` either. What is like no provider may be a model's
 * own name with a slash, such as meta-llama/Llama-3.1-8B, which the catalogue has: only a slip is told.
 */
static bool leads_nowhere(const struct groups *g, const char *glob)
{
    ptrdiff_t slash = str_index(str_of(glob), '/');
    struct str provider = {glob, slash > 0 ? (size_t)slash : 0};

    if (slash <= 0 || str_index(provider, '*') >= 0 || groups_has_provider(g, provider) ||
        groups_find(g, str_of(glob)) != NULL || groups_match(g->config, str_of(glob)) != NULL)
        return false;
    for (size_t i = 0; i < g->config->n_models; i++) {
        if (glob_match(str_of(glob), str_of(g->config->models[i].name)))
            return false;
    }
    return true;
}

static void check_list(const struct groups *g, const struct conf_virtual_key *k, struct findings *f)
{
    for (size_t i = 0; i < k->n_models && f->n_warnings < WARNINGS_MAX; i++) {
        size_t n = g->config->n_providers < NAMES_SHOWN ? g->config->n_providers : NAMES_SHOWN;
        struct str provider;
        const char *near;

        if (!leads_nowhere(g, k->models[i]))
            continue;
        provider = (struct str){k->models[i], (size_t)str_index(str_of(k->models[i]), '/')};
        near = str_nearest(provider, g->providers, n);
        if (near == NULL)
            continue;
        findings_warn(f, k->origin.line,
                      "virtual key %s: models: %s allows nothing: there is no provider %s, did you "
                      "mean \"%s\"?",
                      findings_quote(f, str_of(k->name)), findings_quote(f, str_of(k->models[i])),
                      findings_quote(f, provider), near);
    }
}

void check_key_names(const struct groups *g, const struct conf_virtual_key *k, struct findings *f)
{
    if (k->scope != NULL)
        check_aliases(g, k, f);
    check_list(g, k, f);
}
