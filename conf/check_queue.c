/* Do the limits of targets agree, and is there room for the queues? */
#include "conf/check_routing.h"

#include <string.h>

#include "conf/groups.h"
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
    if (room == 0)
        return;
    list = arena_alloc(f->arena, room * sizeof(*list));
    set_init(&seen, room);
    groups_init(&groups, c);
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
