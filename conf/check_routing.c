/* Do rules and fallbacks name what is there? */
#include "conf/check_routing.h"

#include <string.h>

#include "conf/groups.h"
#include "conf/load_hedge.h"
#include "conf/load_shadow.h"
#include "conf/money.h"
#include "conf/routing.h"
#include "server/base/buf.h"

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
            return str_index(name, '*') < 0;
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

static const char *nearest(const struct config *c, const char *name)
{
    const char *names[NAMES_SHOWN];
    size_t n = 0;

    for (size_t i = 0; i < c->n_models && n < NAMES_SHOWN; i++)
        names[n++] = c->models[i].name;
    for (size_t i = 0; i < c->n_providers && n < NAMES_SHOWN; i++)
        names[n++] = c->providers[i].name;
    return str_nearest(str_of(name), names, n);
}

static void unknown(const struct config *c, int line, const char *where, const char *name,
                    struct findings *f)
{
    const char *near = nearest(c, name);

    findings_add(f, line,
                 "%s: there is no model %s: it must be a name of models:, or provider/model%s%s%s",
                 where, findings_quote(f, str_of(name)), near != NULL ? "; nearest: \"" : "",
                 near != NULL ? near : "", near != NULL ? "\"" : "");
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
        else if (!is_known(c, str_of(list->names[i])))
            unknown(c, m->origin.line, where.data, list->names[i], f);
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

static bool has_team(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_teams; i++) {
        if (strcmp(c->teams[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool has_customer(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_customers; i++) {
        if (strcmp(c->customers[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Keys, and teams and customers that the API made, come and go: a rule for one that is not there does nothing. Those
 * of the file are all known now, so a name that is like none of them is a slip when there are some. */
static void check_whose(const struct config *c, const struct conf_rule *r, struct findings *f)
{
    if (r->scope == CONF_RULE_TEAM && c->n_teams > 0 && !has_team(c, r->whose))
        findings_add(f, r->origin.line, "rules: there is no team %s",
                     findings_quote(f, str_of(r->whose)));
    if (r->scope == CONF_RULE_CUSTOMER && c->n_customers > 0 && !has_customer(c, r->whose))
        findings_add(f, r->origin.line, "rules: there is no customer %s",
                     findings_quote(f, str_of(r->whose)));
}

void check_key_aliases(const struct config *c, const struct conf_virtual_key *k, struct findings *f)
{
    const struct conf_key_scope *s = k->scope;
    struct buf where = BUF_INIT;

    if (s == NULL || s->n_aliases == 0)
        return;
    buf_printf(&where, "virtual key %s: aliases", findings_quote(f, str_of(k->name)));
    for (size_t i = 0; i + 1 < s->n_aliases; i += 2) {
        if (!is_known(c, str_of(s->aliases[i + 1])))
            unknown(c, k->origin.line, where.data, s->aliases[i + 1], f);
    }
    buf_fini(&where);
}

void check_routing(const struct config *c, struct findings *f)
{
    for (size_t i = 0; i < c->n_models; i++) {
        check_fallbacks(c, &c->models[i], f);
        check_hedge(c, &c->models[i], f);
        check_shadow(c, &c->models[i], f);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        if (!is_known(c, str_of(c->rules[i].use)))
            unknown(c, c->rules[i].origin.line, "rules", c->rules[i].use, f);
        check_whose(c, &c->rules[i], f);
    }
}
