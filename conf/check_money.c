#include "conf/check_money.h"

#include <string.h>

#define NAMES_SHOWN 64
#define KEY_TEXTS_MAX 16000 /* of a row of the key table, which has room for the hint beside it */
#define FIELD_BYTES 32      /* what a list's or provider's place takes beside its texts */
#define NETWORK_BYTES 20

/* --- sizes --- */

static size_t list_bytes(const char *const *items, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(items[i]) + 1;
    return bytes;
}

static size_t scope_bytes(const struct conf_key_scope *s)
{
    size_t bytes = 3 * FIELD_BYTES + s->n_networks * NETWORK_BYTES +
                   list_bytes(s->denied_models, s->n_denied) +
                   list_bytes(s->mcp_tools, s->n_mcp_tools) + list_bytes(s->tags, s->n_tags) +
                   list_bytes(s->aliases, s->n_aliases);

    for (size_t i = 0; i < s->n_providers; i++) {
        const struct conf_key_provider *p = &s->providers[i];

        bytes += FIELD_BYTES + strlen(p->provider) + list_bytes(p->models, p->n_models) +
                 list_bytes(p->denied, p->n_denied);
    }
    return bytes;
}

void check_key_size(const struct conf_virtual_key *k, struct findings *f)
{
    size_t bytes = strlen(k->name) + list_bytes(k->models, k->n_models) +
                   (k->scope != NULL ? scope_bytes(k->scope) : 0);

    if (bytes > KEY_TEXTS_MAX)
        findings_add(f, k->origin.line,
                     "virtual key %s: its models and other lists take %zu bytes, at most %d fit; "
                     "use patterns",
                     findings_quote(f, str_of(k->name)), bytes, KEY_TEXTS_MAX);
}

/* --- parents --- */

void check_parents_init(struct parents *p, const struct config *c)
{
    p->last = NULL;
    set_init(&p->customers, c->n_customers);
    set_init(&p->teams, c->n_teams);
    set_init(&p->providers, c->n_providers);
    for (size_t i = 0; i < c->n_customers; i++)
        (void)set_add(&p->customers, str_of(c->customers[i].name), 1);
    for (size_t i = 0; i < c->n_teams; i++)
        (void)set_add(&p->teams, str_of(c->teams[i].name), 1);
    for (size_t i = 0; i < c->n_providers; i++)
        (void)set_add(&p->providers, str_of(c->providers[i].name), 1);
}

void check_parents_fini(struct parents *p)
{
    set_fini(&p->customers);
    set_fini(&p->teams);
    set_fini(&p->providers);
}

/* "..., did you mean X?" of the first names; NULL: none is near. */
static const char *nearest(const struct config *c, const char *kind, const char *word)
{
    const char *names[NAMES_SHOWN];
    size_t n = 0;

    if (strcmp(kind, "customer") == 0) {
        for (; n < c->n_customers && n < NAMES_SHOWN; n++)
            names[n] = c->customers[n].name;
    } else if (strcmp(kind, "team") == 0) {
        for (; n < c->n_teams && n < NAMES_SHOWN; n++)
            names[n] = c->teams[n].name;
    } else {
        for (; n < c->n_providers && n < NAMES_SHOWN; n++)
            names[n] = c->providers[n].name;
    }
    return n > 0 ? str_nearest(str_of(word), names, n) : NULL;
}

struct missing {
    const char *who; /* NULL: a virtual key, whose name is put into words when it is needed */
    const char *key;
    const char *kind, *name;
    int line;
};

static void tell_missing(const struct config *c, const struct missing *m, struct findings *f)
{
    const char *near = nearest(c, m->kind, m->name);

    findings_add(f, m->line, "%s%s: there is no %s %s%s%s%s",
                 m->who != NULL ? m->who : "virtual key ",
                 m->who != NULL ? "" : findings_quote(f, str_of(m->key)), m->kind,
                 findings_quote(f, str_of(m->name)), near != NULL ? ", did you mean \"" : "",
                 near != NULL ? near : "", near != NULL ? "\"?" : "");
}

void check_key_parents(const struct config *c, const struct conf_virtual_key *k, struct parents *p,
                       struct findings *f)
{
    const struct conf_key_scope *s = k->scope;
    struct missing m = {.key = k->name, .line = k->origin.line};

    if (s == NULL)
        return;
    /* To add what is missing is how a set is asked; a finding was made, so nothing comes of it. */
    if (s->team != NULL && (p->last == NULL || strcmp(s->team, p->last) != 0)) {
        m.kind = "team";
        m.name = s->team;
        if (set_add(&p->teams, str_of(s->team), 1) == 0)
            tell_missing(c, &m, f);
        p->last = s->team;
    }
    if (s->customer != NULL && set_add(&p->customers, str_of(s->customer), 1) == 0) {
        m.kind = "customer";
        m.name = s->customer;
        tell_missing(c, &m, f);
    }
    for (size_t i = 0; i < s->n_providers; i++) {
        m.kind = "provider";
        m.name = s->providers[i].provider;
        if (set_add(&p->providers, str_of(m.name), 1) == 0)
            tell_missing(c, &m, f);
    }
}

void check_money(const struct config *c, struct findings *f)
{
    struct parents parents;
    struct set globs;

    check_parents_init(&parents, c);
    for (size_t i = 0; i < c->n_teams; i++) {
        const struct conf_team *t = &c->teams[i];
        struct missing m = {.kind = "customer", .name = t->customer, .line = t->origin.line};

        if (t->customer == NULL || set_add(&parents.customers, str_of(t->customer), 1) != 0)
            continue;
        m.who = arena_printf(f->arena, "teams.%s", t->name).p;
        tell_missing(c, &m, f);
    }
    check_parents_fini(&parents);
    set_init(&globs, c->n_model_limits);
    for (size_t i = 0; i < c->n_model_limits; i++) {
        const struct conf_model_limit *m = &c->model_limits[i];
        int line = m->origin.line > 0 ? m->origin.line : 1;
        int first = set_add(&globs, str_of(m->model), line);

        if (first != 0)
            findings_add(f, m->origin.line, "model_limits: %s is there twice, first on line %d",
                         findings_quote(f, str_of(m->model)), first);
        if (m->rules.n_budgets + m->rules.n_limits == 0 && m->rules.concurrency == 0)
            findings_add(f, m->origin.line, "model_limits: %s limits nothing",
                         findings_quote(f, str_of(m->model)));
    }
    set_fini(&globs);
}
