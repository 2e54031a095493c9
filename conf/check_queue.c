/* Do the limits of targets agree, and is there room for the queues? */
#include "conf/check_routing.h"

#include <string.h>

#include "conf/groups.h"
#include "conf/money.h"
#include "conf/set.h"

/* Where a provider's model was limited first: a set keeps the line, a list what it said. */
struct limited {
    const struct conf_target *first;
    struct str name;
};

static size_t count(const struct config *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_models; i++) {
        for (size_t j = 0; j < c->models[i].n_targets; j++)
            n += c->models[i].targets[j].concurrency > 0;
    }
    return n;
}

/* Of a provider's model there is one; of a group or a pattern there would be many. */
static bool is_of_one_model(const struct groups *g, const struct conf_target *t, struct findings *f)
{
    if (t->provider != NULL && strchr(t->name, '*') == NULL && groups_of(g, t) == NULL)
        return true;
    findings_add(f, t->origin.line,
                 "models: %s is a group or a pattern and can have no concurrency: write it beside "
                 "provider/model, at the provider, or in model_limits:",
                 findings_quote(f, str_of(t->name)));
    return false;
}

/* It is one limit, whichever name a call comes by: it cannot be two numbers. */
static void check_target(const struct conf_target *t, struct set *seen, struct limited *list,
                         size_t *n, struct findings *f)
{
    struct str name = str_of(t->name);
    int number = set_add(seen, name, (int)*n + 1);
    const struct conf_target *first;

    if (number == 0) {
        list[(*n)++] = (struct limited){t, name};
        return;
    }
    first = list[number - 1].first;
    if (first->concurrency != t->concurrency)
        findings_add(f, t->origin.line,
                     "models: %s has concurrency %u here and %u on line %d: it is one limit, "
                     "whichever name a call comes by",
                     findings_quote(f, name), t->concurrency, first->concurrency,
                     first->origin.line);
}

/* --- is there anything to wait for? --- */

static bool limits_some(const struct config *c, const char *target)
{
    for (size_t i = 0; i < c->n_model_limits; i++) {
        const struct conf_model_limit *m = &c->model_limits[i];

        if (m->rules.concurrency > 0 && (target == NULL || strchr(target, '*') != NULL ||
                                         glob_match(str_of(m->model), str_of(target))))
            return true;
    }
    return false;
}

static bool provider_is_limited(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_providers; i++) {
        const struct conf_provider *p = &c->providers[i];

        if ((name == NULL || strcmp(p->name, name) == 0) && p->rules != NULL &&
            p->rules->concurrency > 0)
            return true;
    }
    return false;
}

static bool model_is_limited(const struct groups *g, const struct conf_model *m)
{
    struct flat flat;

    if (groups_flatten(g, m, &flat) != GROUPS_OK)
        return true; /* told elsewhere */
    for (size_t i = 0; i < flat.n; i++) {
        const struct conf_target *t = flat.items[i].target;

        if (t->concurrency > 0 || provider_is_limited(g->config, t->provider) ||
            limits_some(g->config, t->name))
            return true;
    }
    return false;
}

/* A queue is for places, and without a concurrency there is always one. */
static void warn_of_idle_queues(const struct groups *g, size_t targets, struct findings *f)
{
    static const char text[] =
        "nothing here has a concurrency, so that nobody ever waits: give one "
        "to a target, a provider or model_limits";
    const struct config *c = g->config;

    if (c->queue.line > 0 && targets == 0 && !provider_is_limited(c, NULL) && !limits_some(c, NULL))
        findings_warn(f, c->queue.line, "queue: %s", text);
    for (size_t i = 0; i < c->n_models; i++) {
        if (c->models[i].queue.at_most > 0 && !model_is_limited(g, &c->models[i]))
            findings_warn(f, c->models[i].queue.line, "models.%s.queue: %s", c->models[i].name,
                          text);
    }
}

void check_queues(const struct config *c, struct findings *f)
{
    size_t room = count(c);
    size_t queues = 0;
    size_t n = 0;
    struct limited *list;
    struct groups groups;
    struct set seen;

    for (size_t i = 0; i < c->n_models; i++) {
        queues += c->models[i].queue.at_most > 0;
        if (c->models[i].queue.at_most > 0 && queues == CONF_QUEUES_MAX + 1)
            findings_add(f, c->models[i].origin.line,
                         "models.%s.queue: at most %d models may have a queue of their own; the "
                         "others share the one at the top level",
                         c->models[i].name, CONF_QUEUES_MAX);
    }
    groups_init(&groups, c);
    warn_of_idle_queues(&groups, room, f);
    list = arena_alloc(f->arena, (room + 1) * sizeof(*list));
    set_init(&seen, room);
    for (size_t i = 0; i < c->n_models; i++) {
        for (size_t j = 0; j < c->models[i].n_targets; j++) {
            const struct conf_target *t = &c->models[i].targets[j];

            if (t->concurrency > 0 && is_of_one_model(&groups, t, f))
                check_target(t, &seen, list, &n, f);
        }
    }
    groups_fini(&groups);
    set_fini(&seen);
}
