#include "conf/check_models.h"

#include <string.h>

#include "conf/groups.h"
#include "conf/values.h"
#include "server/base/buf.h"
#include "server/base/pace.h"

#define TARGETS_ALL 32768 /* over all models, with their groups unfolded */
#define NAMES_SHOWN 256   /* that a suggestion is sought among */

/* --- targets --- */

static const char *nearest(const char *const *names, size_t n, const char *name)
{
    return str_nearest(str_of(name), names, n < NAMES_SHOWN ? n : NAMES_SHOWN);
}

static void unknown_provider(const struct groups *g, const struct conf_model *m,
                             const struct conf_target *t, struct findings *f)
{
    const char *near = nearest(g->providers, g->config->n_providers, t->provider);

    findings_add(f, t->origin.line, "models.%s: no provider %s for target %s%s%s%s", m->name,
                 findings_quote(f, str_of(t->provider)), t->name,
                 near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
                 near != NULL ? "\"?" : "");
}

static void unknown_group(const struct groups *g, const struct conf_model *m,
                          const struct conf_target *t, struct findings *f)
{
    const char *names[NAMES_SHOWN];
    const char *near;
    size_t n = 0;

    for (size_t i = 0; i < g->config->n_models && n < NAMES_SHOWN; i++) {
        if (g->models[i] != m)
            names[n++] = g->models[i]->name;
    }
    near = nearest(names, n, t->name);
    findings_add(f, t->origin.line,
                 "models.%s: target %s must be written provider/model, or be another name of "
                 "models:%s%s%s",
                 m->name, findings_quote(f, str_of(t->name)),
                 near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
                 near != NULL ? "\"?" : "");
}

static void check_target(const struct groups *g, const struct conf_model *m,
                         const struct conf_target *t, struct findings *f)
{
    for (const struct conf_target *other = m->targets; other != t; other++) {
        if (strcmp(other->name, t->name) == 0)
            findings_add(f, t->origin.line,
                         "models.%s: target %s is there twice; use weight to give it more", m->name,
                         t->name);
    }
    if (groups_is_known(g, t))
        return;
    if (t->provider != NULL)
        unknown_provider(g, m, t, f);
    else
        unknown_group(g, m, t, f);
}

/* --- groups --- */

static struct str route_of(struct findings *f, const struct flat *flat, size_t from)
{
    struct str text = STR_NONE;

    for (size_t i = from; i < flat->n_path; i++) {
        struct str parts[] = {text, i > from ? STR(" -> ") : STR_NONE, str_of(flat->path[i]->name)};

        text = arena_concat(f->arena, parts, 3);
    }
    return text;
}

/* A cycle is told once: by the first of its members in the file. */
static void cycle(const struct conf_model *m, const struct flat *flat, struct findings *f)
{
    if (flat->path[flat->n_path - 1] != m)
        return; /* it only leads there */
    for (size_t i = 0; i < flat->n_path; i++) {
        if (flat->path[i] < m)
            return;
    }
    findings_add(f, m->origin.line, "models.%s: its targets lead back to it: %.*s", m->name,
                 STR_ARGS(route_of(f, flat, 0)));
}

static uint64_t sum_of_shares(const struct conf_model *m)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n_targets; i++)
        sum += m->targets[i].share;
    return sum;
}

/* Who is on no target's share goes to the others, by weight. */
static void nobody_left(const struct conf_model *m, struct findings *f)
{
    uint64_t sum = sum_of_shares(m);
    struct buf percent = BUF_INIT;

    if (sum == 0) {
        findings_add(f, m->origin.line,
                     "models.%s: the weights of its targets sum to zero: at least one needs a "
                     "weight above 0",
                     m->name);
        return;
    }
    value_format_thousandths(&percent, sum);
    findings_add(f, m->origin.line,
                 "models.%s: the shares of its targets sum to %s%%, and nobody serves the others: "
                 "make them 100%%, or have a target without share and with a weight above 0",
                 m->name, percent.data);
    buf_fini(&percent);
}

static void too_much(const struct conf_model *m, enum groups_result why, const struct flat *flat,
                     struct findings *f)
{
    const struct conf_model *where = flat->path[flat->n_path - 1];

    switch (why) {
    case GROUPS_CYCLE:
        cycle(m, flat, f);
        break;
    case GROUPS_DEEP:
        findings_add(f, m->origin.line, "models.%s: groups may be %d deep at most: %.*s", m->name,
                     GROUP_DEPTH_MAX, STR_ARGS(route_of(f, flat, 0)));
        break;
    case GROUPS_MANY:
        findings_add(f, m->origin.line,
                     "models.%s: has more than %d targets with those of its groups", m->name,
                     GROUP_TARGETS_MAX);
        break;
    case GROUPS_SHARED:
        findings_add(f, m->origin.line,
                     "models.%s: %s has targets with share, which works only where clients ask for "
                     "it by its own name: give the share to the group as a target",
                     m->name, where->name);
        break;
    case GROUPS_NOTHING:
        if (where == m && m->n_targets > 0)
            nobody_left(m, f);
        break;
    case GROUPS_OK:
        break;
    }
}

static void check_shares(const struct conf_model *m, struct findings *f)
{
    if (sum_of_shares(m) > GROUP_SHARE_WHOLE)
        findings_add(f, m->origin.line,
                     "models.%s: the shares of its targets sum to more than 100%%", m->name);
}

void check_models(const struct config *c, struct findings *f)
{
    struct groups g;
    size_t targets = 0;

    groups_init(&g, c);
    for (size_t i = 0; i < c->n_models; i++) {
        const struct conf_model *m = &c->models[i];
        struct flat flat;
        enum groups_result result = groups_flatten(&g, m, &flat);

        pace();
        targets += flat.n;
        for (size_t j = 0; j < m->n_targets; j++)
            check_target(&g, m, &m->targets[j], f);
        check_shares(m, f);
        if (result != GROUPS_OK)
            too_much(m, result, &flat, f);
    }
    if (targets > TARGETS_ALL)
        findings_add(f, 0, "all models together have %zu targets, at most %d fit", targets,
                     TARGETS_ALL);
    if (g.n_tags > TAGS_ALL_MAX)
        findings_add(f, 0, "targets and provider keys have %zu different tags, at most %d fit",
                     g.n_tags, TAGS_ALL_MAX);
    groups_fini(&g);
}
