#include "conf/groups.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/base/mix.h"

#define STEPS_MAX 4096       /* of one unfolding: also names that lead nowhere take time */
#define NAME_BYTES_MAX 256   /* of a name of `models:` */
#define WEIGHT_TOP 1000000.0 /* thousandths: the greatest that a file may write */

/* --- names --- */

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_models(const void *left, const void *right)
{
    const struct conf_model *a = *(const struct conf_model *const *)left;
    const struct conf_model *b = *(const struct conf_model *const *)right;

    return strcmp(a->name, b->name);
}

static size_t count_tags(const struct config *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_providers; i++) {
        for (size_t j = 0; j < c->providers[i].n_keys; j++)
            n += c->providers[i].keys[j].n_tags;
    }
    for (size_t i = 0; i < c->n_models; i++) {
        for (size_t j = 0; j < c->models[i].n_targets; j++)
            n += c->models[i].targets[j].n_tags;
    }
    return n;
}

static void add_tags(struct groups *g, const char *const *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        g->tags[g->n_tags++] = tags[i];
}

static void gather_tags(struct groups *g)
{
    const struct config *c = g->config;
    size_t kept = 0;

    g->tags = xcalloc(count_tags(c) + 1, sizeof(*g->tags));
    for (size_t i = 0; i < c->n_providers; i++) {
        for (size_t j = 0; j < c->providers[i].n_keys; j++)
            add_tags(g, c->providers[i].keys[j].tags, c->providers[i].keys[j].n_tags);
    }
    for (size_t i = 0; i < c->n_models; i++) {
        for (size_t j = 0; j < c->models[i].n_targets; j++)
            add_tags(g, c->models[i].targets[j].tags, c->models[i].targets[j].n_tags);
    }
    qsort(g->tags, g->n_tags, sizeof(*g->tags), compare_texts);
    for (size_t i = 0; i < g->n_tags; i++) {
        if (kept == 0 || strcmp(g->tags[kept - 1], g->tags[i]) != 0)
            g->tags[kept++] = g->tags[i];
    }
    g->n_tags = kept;
}

void groups_init(struct groups *g, const struct config *c)
{
    *g = (struct groups){.config = c};
    g->providers = xcalloc(c->n_providers + 1, sizeof(*g->providers));
    g->models = xcalloc(c->n_models + 1, sizeof(const struct conf_model *));
    for (size_t i = 0; i < c->n_providers; i++)
        g->providers[i] = c->providers[i].name;
    for (size_t i = 0; i < c->n_models; i++)
        g->models[i] = &c->models[i];
    qsort(g->providers, c->n_providers, sizeof(*g->providers), compare_texts);
    qsort(g->models, c->n_models, sizeof(const struct conf_model *), compare_models);
    gather_tags(g);
}

void groups_fini(struct groups *g)
{
    free(g->providers);
    free(g->models);
    free(g->tags);
    *g = (struct groups){.config = NULL};
}

bool groups_has_provider(const struct groups *g, struct str name)
{
    size_t low = 0;
    size_t high = g->config->n_providers;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(name, str_of(g->providers[middle]));

        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

const struct conf_model *groups_find(const struct groups *g, struct str name)
{
    size_t low = 0;
    size_t high = g->config->n_models;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(name, str_of(g->models[middle]->name));

        if (order == 0)
            return g->models[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool is_providers(const struct groups *g, const struct conf_target *t)
{
    return t->provider != NULL && groups_has_provider(g, str_of(t->provider));
}

const struct conf_model *groups_of(const struct groups *g, const struct conf_target *t)
{
    if (is_providers(g, t) || strchr(t->name, '*') != NULL)
        return NULL;
    return groups_find(g, str_of(t->name));
}

bool groups_is_known(const struct groups *g, const struct conf_target *t)
{
    return is_providers(g, t) || groups_of(g, t) != NULL;
}

/* How well a name with a star fits; 0: not at all. What the star stands for is never nothing. */
static size_t fit(const char *pattern, struct str name)
{
    const char *star = strchr(pattern, '*');
    struct str begin, end;

    if (star == NULL)
        return 0;
    begin = (struct str){pattern, (size_t)(star - pattern)};
    end = str_of(star + 1);
    if (name.len <= begin.len + end.len || !str_starts(name, begin) || !str_ends(name, end))
        return 0;
    return (begin.len + 1) * (NAME_BYTES_MAX + 1) + end.len;
}

const struct conf_model *groups_match(const struct config *c, struct str name)
{
    const struct conf_model *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < c->n_models; i++) {
        size_t this = fit(c->models[i].name, name);

        if (this > most) {
            most = this;
            best = &c->models[i];
        }
    }
    return best;
}

/* --- tags --- */

uint64_t groups_tags(const struct groups *g, const char *const *tags, size_t n)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        const char **at = bsearch(&tags[i], g->tags, g->n_tags, sizeof(*g->tags), compare_texts);

        must(at != NULL);
        if (at - g->tags < TAGS_ALL_MAX)
            bits |= 1ull << (at - g->tags);
    }
    return bits;
}

/* --- unfolding --- */

struct unfolding {
    const struct groups *groups;
    struct flat *out;
    double weights[GROUP_TARGETS_MAX];
    size_t steps;
    bool has_inner;
};

/* What a group's targets get from above. */
struct above {
    double weight; /* of the whole group; 0 at the outermost: its own weights count as they are */
    uint64_t tags;
    uint32_t side, share;
    uint64_t salt;
};

static enum groups_result add(struct unfolding *u, const struct conf_target *t,
                              const struct above *a)
{
    struct flat *out = u->out;

    for (size_t i = 0; i < out->n; i++) {
        struct flat_target *f = &out->items[i];

        if (f->side == a->side && f->tags == a->tags && strcmp(f->target->name, t->name) == 0) {
            u->weights[i] += a->weight;
            return GROUPS_OK;
        }
    }
    if (out->n == GROUP_TARGETS_MAX)
        return GROUPS_MANY;
    u->weights[out->n] = a->weight;
    out->items[out->n++] = (struct flat_target){
        .target = t, .side = a->side, .tags = a->tags, .salt = a->salt, .share = a->share};
    return GROUPS_OK;
}

static double sum_of(const struct conf_model *m)
{
    double sum = 0;

    for (size_t i = 0; i < m->n_targets; i++)
        sum += m->targets[i].share == 0 ? m->targets[i].weight : 0;
    return sum;
}

/* Nobody is left for the others to have. */
static bool shares_are_all(const struct conf_model *m)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n_targets; i++)
        sum += m->targets[i].share;
    return sum >= GROUP_SHARE_WHOLE;
}

static enum groups_result unfold(struct unfolding *u, const struct conf_model *m,
                                 const struct above *above);

static enum groups_result unfold_target(struct unfolding *u, const struct conf_target *t,
                                        const struct above *a)
{
    const struct conf_model *inner = groups_of(u->groups, t);

    if (inner != NULL) {
        u->has_inner = true;
        return unfold(u, inner, a);
    }
    return is_providers(u->groups, t) ? add(u, t, a) : GROUPS_OK; /* told by check_groups.c */
}

static enum groups_result enter(struct flat *out, const struct conf_model *m)
{
    bool is_cycle = false;

    for (size_t i = 0; i < out->n_path; i++)
        is_cycle = is_cycle || out->path[i] == m;
    out->path[out->n_path++] = m;
    if (is_cycle)
        return GROUPS_CYCLE;
    return out->n_path > GROUP_DEPTH_MAX ? GROUPS_DEEP : GROUPS_OK;
}

static enum groups_result unfold(struct unfolding *u, const struct conf_model *m,
                                 const struct above *above)
{
    bool is_outermost = u->out->n_path == 0;
    enum groups_result result = enter(u->out, m);
    double sum = sum_of(m);
    uint32_t sides = 0;

    if (result == GROUPS_OK && sum <= 0 && !shares_are_all(m))
        result = GROUPS_NOTHING;
    for (size_t i = 0; i < m->n_targets && result == GROUPS_OK; i++) {
        const struct conf_target *t = &m->targets[i];
        struct above down = *above;

        down.tags |= groups_tags(u->groups, t->tags, t->n_tags);
        down.weight = is_outermost ? t->weight : t->weight * above->weight / sum;
        if (++u->steps > STEPS_MAX)
            return GROUPS_MANY;
        if (t->share > 0 && !is_outermost)
            return GROUPS_SHARED;
        if (t->share > 0)
            down = (struct above){WEIGHT_TOP, down.tags, ++sides, t->share,
                                  mix_two(mix_text(str_of(m->name)), mix_text(str_of(t->name)))};
        result = unfold_target(u, t, &down);
    }
    if (result == GROUPS_OK)
        u->out->n_path--;
    return result;
}

/* As many digits as fit: what is not zero stays so. */
static void weigh(const struct unfolding *u)
{
    double top = 1;

    for (size_t i = 0; i < u->out->n; i++)
        top = u->weights[i] > top ? u->weights[i] : top;
    for (size_t i = 0; i < u->out->n; i++) {
        double w = u->has_inner ? u->weights[i] * WEIGHT_TOP / top : u->weights[i];

        u->out->items[i].weight = w > 0 && w < 1 ? 1 : (uint32_t)(w + 0.5);
    }
}

enum groups_result groups_flatten(const struct groups *g, const struct conf_model *m,
                                  struct flat *out)
{
    struct unfolding u = {.groups = g, .out = out};
    enum groups_result result;

    out->n = out->n_path = 0;
    result = unfold(&u, m, &(struct above){.weight = 0});
    weigh(&u);
    return result;
}
