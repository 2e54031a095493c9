/* Do rules and fallbacks name what is there? */
#include "conf/check_routing.h"

#include <string.h>

#include "conf/groups.h"
#include "conf/load_hedge.h"
#include "conf/load_shadow.h"
#include "conf/money.h"
#include "conf/routing.h"
#include "conf/set.h"
#include "server/base/buf.h"
#include "server/base/pace.h"

#define NAMES_SHOWN 256 /* that a suggestion is sought among */

static bool is_provider(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->n_providers; i++) {
        if (str_eq(name, str_of(c->providers[i].name)))
            return true;
    }
    return false;
}

static bool declares(const struct conf_provider *p, struct str name)
{
    for (size_t i = 0; i < p->n_models; i++) {
        if (glob_match(str_of(p->models[i]), name))
            return true;
    }
    return false;
}

/*
 * provider/model with a provider that is configured, a name of `models:`, one that a provider declares, or
 * a bare name, which the catalogue may know: only the daemon can tell.
 */
static bool is_known(const struct config *c, struct str name)
{
    ptrdiff_t slash = str_index(name, '/');

    for (size_t i = 0; i < c->n_models; i++) {
        if (str_eq(name, str_of(c->models[i].name)))
            return true;
    }
    if (groups_match(c, name) != NULL)
        return true;
    for (size_t i = 0; i < c->n_providers; i++) {
        if (declares(&c->providers[i], name))
            return true;
    }
    return slash > 0 && (size_t)slash + 1 < name.len &&
           is_provider(c, (struct str){name.p, (size_t)slash});
}

static const char *nearest(const struct config *c, struct str name, bool models, bool providers)
{
    const char *names[NAMES_SHOWN];
    size_t n = 0;

    for (size_t i = 0; models && i < c->n_models && n < NAMES_SHOWN; i++)
        names[n++] = c->models[i].name;
    for (size_t i = 0; providers && i < c->n_providers && n < NAMES_SHOWN; i++)
        names[n++] = c->providers[i].name;
    return str_nearest(name, names, n);
}

/* What stands before the slash is no provider, or the whole of it no name of `models:`. */
static void unknown(const struct config *c, const struct check_naming *at, const char *name,
                    struct findings *f)
{
    ptrdiff_t slash = str_index(str_of(name), '/');
    struct str provider = {name, slash > 0 ? (size_t)slash : 0};
    const char *near = nearest(c, str_of(name), true, slash <= 0);
    bool is_provider_wrong = slash > 0 && near == NULL;

    if (is_provider_wrong)
        near = nearest(c, provider, false, true);
    if (is_provider_wrong)
        findings_add(f, at->line, "%s: there is no provider %s for %s%s%s%s", at->where,
                     findings_quote(f, provider), name, near != NULL ? "; nearest: \"" : "",
                     near != NULL ? near : "", near != NULL ? "\"" : "");
    else
        findings_add(
            f, at->line,
            "%s: there is no model %s: it must be a name of models:, or provider/model%s%s%s",
            at->where, findings_quote(f, str_of(name)), near != NULL ? "; nearest: \"" : "",
            near != NULL ? near : "", near != NULL ? "\"" : "");
}

void check_name(const struct config *c, const struct check_naming *at, const char *name,
                struct findings *f)
{
    if (strchr(name, '*') != NULL)
        findings_add(f, at->line,
                     "%s: %s is a pattern, and nothing tells what its * would be: name one model "
                     "(only a target carries over the * of its own name in models:)",
                     at->where, findings_quote(f, str_of(name)));
    else if (!is_known(c, str_of(name)))
        unknown(c, at, name, f);
}

struct fallback_list {
    const char *key; /* in the file */
    const char *const *names;
    size_t n;
};

static void check_list(const struct config *c, const struct conf_model *m,
                       const struct fallback_list *list, struct findings *f)
{
    struct buf where = BUF_INIT;

    buf_printf(&where, "models.%s.%s", m->name, list->key);
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], m->name) == 0)
            findings_add(f, m->origin.line, "%s: a model cannot be its own fallback", where.data);
        else
            check_name(c, &(struct check_naming){where.data, m->origin.line}, list->names[i], f);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(list->names[i], list->names[j]) == 0)
                findings_add(f, m->origin.line, "%s: %s is there twice", where.data,
                             list->names[i]);
        }
    }
    buf_fini(&where);
}

static void check_fallbacks(const struct config *c, const struct conf_model *m, struct findings *f)
{
    const struct fallback_list lists[] = {
        {"fallbacks", m->fallbacks, m->n_fallbacks},
        {"context_fallbacks", m->context_fallbacks, m->n_context_fallbacks},
        {"content_filter_fallbacks", m->filter_fallbacks, m->n_filter_fallbacks},
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        check_list(c, m, &lists[i], f);
}

/* --- whose rules are --- */

/* Keys, teams and customers of the file: when there are some, a name that is none of them is a slip, for
 * rules about those that the API made can be made there, too. */
static bool is_whose(const struct config *c, const struct conf_rule *r, struct set *keys)
{
    switch ((enum conf_rule_scope)r->scope) {
    case CONF_RULE_KEY: /* to add what is missing is how a set is asked; nothing comes of it then */
        return c->n_keys == 0 || set_add(keys, str_of(r->whose), 1) != 0;
    case CONF_RULE_TEAM:
        for (size_t i = 0; i < c->n_teams; i++) {
            if (strcmp(c->teams[i].name, r->whose) == 0)
                return true;
        }
        return c->n_teams == 0;
    case CONF_RULE_CUSTOMER:
        for (size_t i = 0; i < c->n_customers; i++) {
            if (strcmp(c->customers[i].name, r->whose) == 0)
                return true;
        }
        return c->n_customers == 0;
    default:
        return true;
    }
}

static const char *nearest_whose(const struct config *c, const struct conf_rule *r)
{
    const char *names[NAMES_SHOWN];
    size_t n = 0;

    if (r->scope == CONF_RULE_KEY) {
        for (; n < c->n_keys && n < NAMES_SHOWN; n++)
            names[n] = c->keys[n].name;
    } else if (r->scope == CONF_RULE_TEAM) {
        for (; n < c->n_teams && n < NAMES_SHOWN; n++)
            names[n] = c->teams[n].name;
    } else {
        for (; n < c->n_customers && n < NAMES_SHOWN; n++)
            names[n] = c->customers[n].name;
    }
    return str_nearest(str_of(r->whose), names, n);
}

static void check_whose(const struct config *c, const struct conf_rule *r, struct set *keys,
                        struct findings *f)
{
    static const char *const kinds[] = {"key", "team", "customer"};
    const char *near;

    if (is_whose(c, r, keys))
        return;
    near = nearest_whose(c, r);
    findings_add(f, r->origin.line, "rules: there is no %s %s%s%s%s", kinds[r->scope],
                 findings_quote(f, str_of(r->whose)), near != NULL ? ", did you mean \"" : "",
                 near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* Hashing a million names takes a while: only when a rule asks. */
static void gather_keys(const struct config *c, struct set *keys)
{
    bool are_asked = false;

    for (size_t i = 0; i < c->n_rules; i++)
        are_asked = are_asked || c->rules[i].scope == CONF_RULE_KEY;
    set_init(keys, are_asked ? c->n_keys + c->n_rules : 0);
    for (size_t i = 0; are_asked && i < c->n_keys; i++) {
        pace();
        if (c->keys[i].name != NULL)
            (void)set_add(keys, str_of(c->keys[i].name), 1);
    }
}

static void check_rules(const struct config *c, struct findings *f)
{
    struct set keys;

    gather_keys(c, &keys);
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct conf_rule *r = &c->rules[i];

        check_name(c, &(struct check_naming){"rules", r->origin.line}, r->use, f);
        check_whose(c, r, &keys, f);
    }
    set_fini(&keys);
}

void check_routing(const struct config *c, struct findings *f)
{
    for (size_t i = 0; i < c->n_models; i++) {
        check_fallbacks(c, &c->models[i], f);
        check_hedge(c, &c->models[i], f);
        check_shadow(c, &c->models[i], f);
    }
    check_rules(c, f);
}
