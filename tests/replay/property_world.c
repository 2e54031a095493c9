#include "tests/replay/property_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/str.h"

uint32_t made_below(struct made *m, uint32_t n)
{
    uint64_t x = m->random;

    must(n > 0);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    m->random = x;
    return (uint32_t)(x >> 11) % n;
}

static bool one_in(struct made *m, uint32_t n)
{
    return made_below(m, n) == 0;
}

void made_name(struct made *m, char out[NAME_ROOM])
{
    if (one_in(m, 2))
        (void)snprintf(out, NAME_ROOM, "g%u", made_below(m, m->n_groups));
    else
        (void)snprintf(out, NAME_ROOM, "p%u/m%u", made_below(m, m->n_providers),
                       made_below(m, UPSTREAM_MODELS));
}

/* --- what is configured --- */

static void make_globs(struct made *m, struct made_list *out)
{
    out->n = 1 + made_below(m, GLOBS);
    for (uint32_t i = 0; i < out->n; i++) {
        if (one_in(m, 4))
            (void)snprintf(out->items[i], NAME_ROOM, "p%u/*", made_below(m, m->n_providers));
        else if (one_in(m, 8))
            (void)snprintf(out->items[i], NAME_ROOM, "*m%u", made_below(m, UPSTREAM_MODELS));
        else if (one_in(m, 8))
            (void)snprintf(out->items[i], NAME_ROOM, ALIAS);
        else
            made_name(m, out->items[i]);
    }
}

static void make_providers(struct made *m)
{
    m->n_providers = 1 + made_below(m, PROVIDERS);
    for (uint32_t i = 0; i < m->n_providers; i++) {
        struct made_provider *p = &m->providers[i];

        p->n_keys = 1 + made_below(m, PROVIDER_KEYS);
        for (uint32_t k = 0; k < p->n_keys; k++) {
            if (!one_in(m, 4))
                continue;
            p->models[k].n = 1;
            (void)snprintf(p->models[k].items[0], NAME_ROOM, "m%u", made_below(m, UPSTREAM_MODELS));
        }
    }
}

static bool has_own(const struct made_group *g, struct made_target t)
{
    for (uint32_t i = 0; i < g->n_targets; i++) {
        if (g->targets[i].provider == t.provider && g->targets[i].model == t.model)
            return true;
    }
    return false;
}

/* ... or of a group inside it? */
static bool has_target(const struct made *m, const struct made_group *g, struct made_target t)
{
    while (!has_own(g, t)) {
        if (g->inner == GROUPS)
            return false;
        g = &m->groups[g->inner];
    }
    return true;
}

/* The last fallback of a group: it, or one before it, would be an error if it came again. */
static bool is_new(const struct made_group *g, const char *own)
{
    const char *last = g->fallbacks[g->n_fallbacks];
    bool is_known = strcmp(last, own) == 0;

    for (uint32_t i = 0; i < g->n_fallbacks; i++)
        is_known = is_known || strcmp(g->fallbacks[i], last) == 0;
    return !is_known;
}

static void make_groups(struct made *m)
{
    m->n_groups = 1 + made_below(m, GROUPS);
    for (uint32_t i = 0; i < m->n_groups; i++) {
        struct made_group *g = &m->groups[i];
        uint32_t n = 1 + made_below(m, TARGETS);
        char own[NAME_ROOM];

        (void)snprintf(own, sizeof(own), "g%u", i);
        while (n-- > 0) {
            struct made_target t = {made_below(m, m->n_providers), made_below(m, UPSTREAM_MODELS)};

            if (!has_own(g, t))
                g->targets[g->n_targets++] = t;
        }
        g->inner = i > 0 && one_in(m, 3) ? made_below(m, i) : GROUPS;
        if (g->inner < GROUPS && m->groups[g->inner].depth < 3 && m->groups[g->inner].share == 0)
            g->depth = m->groups[g->inner].depth + 1;
        else
            g->inner = GROUPS;
        if (g->n_targets > 1 && one_in(m, 4))
            g->share = 1 + made_below(m, 60);
        for (n = made_below(m, FALLBACKS + 1); n > 0; n--) {
            made_name(m, g->fallbacks[g->n_fallbacks]);
            g->n_fallbacks += is_new(g, own);
        }
    }
}

static void make_keys(struct made *m)
{
    m->n_keys = made_below(m, KEYS + 1);
    for (uint32_t i = 0; i < m->n_keys; i++) {
        struct made_key *k = &m->keys[i];

        if (!one_in(m, 3))
            make_globs(m, &k->models);
        if (one_in(m, 3))
            make_globs(m, &k->denied);
        if (one_in(m, 3))
            k->providers = 1 + made_below(m, (1u << m->n_providers) - 1);
        if (one_in(m, 3))
            made_name(m, k->alias);
    }
}

/* --- as YAML --- */

static void put_list(struct buf *b, const char *key, const struct made_list *l)
{
    if (l->n == 0)
        return;
    buf_printf(b, ", %s: [ ", key);
    for (uint32_t i = 0; i < l->n; i++)
        buf_printf(b, "\"%s\"%s", l->items[i], i + 1 < l->n ? ", " : " ]");
}

static void put_providers(struct made *m, struct buf *b)
{
    buf_cstr(b, "providers:\n");
    for (uint32_t i = 0; i < m->n_providers; i++) {
        const struct made_provider *p = &m->providers[i];

        buf_printf(b, "  p%u:\n    vendor: %s\n    base_url: http://p%u.test/v1\n    keys:\n", i,
                   one_in(m, 4) ? "anthropic-compatible" : "openai-compatible", i);
        for (uint32_t k = 0; k < p->n_keys; k++) {
            buf_printf(b, "      - { name: k%u, value: v-p%u-k%u, weight: %u", k, i, k,
                       made_below(m, 4));
            put_list(b, "models", &p->models[k]);
            buf_cstr(b, " }\n");
        }
    }
}

static void put_targets(struct made *m, const struct made_group *g, struct buf *b)
{
    for (uint32_t t = 0; t < g->n_targets; t++) {
        buf_printf(b, "      - { model: p%u/m%u", g->targets[t].provider, g->targets[t].model);
        if (g->share > 0 && t + 1 == g->n_targets)
            buf_printf(b, ", share: %u%% }\n", g->share);
        else
            buf_printf(b, ", weight: %u }\n", (t == 0 ? 1 : 0) + made_below(m, 9));
    }
    if (g->inner < GROUPS)
        buf_printf(b, "      - { model: g%u, weight: %u }\n", g->inner, made_below(m, 9));
}

static void put_groups(struct made *m, struct buf *b)
{
    static const char *const callers[] = {"key", "\"header:x\"", "\"body:model\""};

    buf_cstr(b, "models:\n");
    for (uint32_t i = 0; i < m->n_groups; i++) {
        const struct made_group *g = &m->groups[i];

        buf_printf(b, "  g%u:\n    targets:\n", i);
        put_targets(m, g, b);
        if (one_in(m, 4))
            buf_printf(b, "    affinity: %s\n", callers[made_below(m, ARRAY_LEN(callers))]);
        if (g->share > 0)
            buf_printf(b, "    sticky: %s\n", callers[made_below(m, ARRAY_LEN(callers))]);
        for (uint32_t f = 0; f < g->n_fallbacks; f++)
            buf_printf(b, "%s\"%s\"%s", f == 0 ? "    fallbacks: [ " : ", ", g->fallbacks[f],
                       f + 1 == g->n_fallbacks ? " ]\n" : "");
    }
}

static void put_keys(struct made *m, struct buf *b)
{
    if (m->n_keys > 0)
        buf_cstr(b, "virtual_keys:\n");
    for (uint32_t i = 0; i < m->n_keys; i++) {
        const struct made_key *k = &m->keys[i];
        const char *between = ", providers: [ ";

        buf_printf(b, "  - { name: key%u, value: sk-bf-property-%u000000", i, i);
        put_list(b, "models", &k->models);
        put_list(b, "deny_models", &k->denied);
        if (k->alias[0] != '\0')
            buf_printf(b, ", aliases: { " ALIAS ": \"%s\" }", k->alias);
        for (uint32_t p = 0; p < m->n_providers; p++) {
            if ((k->providers & 1u << p) == 0)
                continue;
            buf_printf(b, "%s{ provider: p%u, weight: %u }", between, p, made_below(m, 3));
            between = ", ";
        }
        buf_cstr(b, k->providers != 0 ? " ] }\n" : " }\n");
    }
}

static void put_rules(struct made *m, struct buf *b)
{
    static const char *const conditions[] = {"has(headers.x)", "model.startsWith(\"g\")",
                                             "request.stream", "model.contains(\"/m1\")"};
    uint32_t n = made_below(m, 4);

    if (n > 0)
        buf_cstr(b, "rules:\n");
    while (n-- > 0) {
        char name[NAME_ROOM];

        made_name(m, name);
        buf_printf(b, "  - { when: '%s', use: \"%s\"",
                   conditions[made_below(m, ARRAY_LEN(conditions))], name);
        if (m->n_keys > 0 && one_in(m, 3))
            buf_printf(b, ", key: key%u", made_below(m, m->n_keys));
        buf_cstr(b, " }\n");
    }
}

void made_configure(struct made *m, struct buf *yaml)
{
    uint64_t seed = m->random;

    *m = (struct made){.random = seed};
    m->attempts = 1 + made_below(m, 5);
    make_providers(m);
    make_groups(m);
    make_keys(m);
    buf_printf(yaml, "require_key: false\nlimits: { attempts: %u }\n", m->attempts);
    put_providers(m, yaml);
    put_groups(m, yaml);
    put_keys(m, yaml);
    put_rules(m, yaml);
}

/* --- what may be used --- */

static bool matches(const struct made_list *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (glob_match(str_of(l->items[i]), str_of(name)))
            return true;
    }
    return false;
}

/* Does a name stand for this target? */
static bool leads_to(const struct made *m, const char *name, struct made_target t)
{
    char text[NAME_ROOM];

    if (name[0] == 'g')
        return has_target(m, &m->groups[strtoul(name + 1, NULL, 10)], t);
    (void)snprintf(text, sizeof(text), "p%u/m%u", t.provider, t.model);
    return strcmp(name, text) == 0;
}

/* By a name that it may use: what it stands for, and its own fallbacks that are not denied. */
static bool by_name(const struct made *m, const struct made_key *k, const char *name,
                    struct made_target t)
{
    const struct made_group *g;

    if (matches(&k->denied, name))
        return false;
    if (leads_to(m, name, t))
        return true;
    if (name[0] != 'g')
        return false;
    g = &m->groups[strtoul(name + 1, NULL, 10)];
    for (uint32_t i = 0; i < g->n_fallbacks; i++) {
        if (!matches(&k->denied, g->fallbacks[i]) && leads_to(m, g->fallbacks[i], t))
            return true;
    }
    return false;
}

bool made_may_use(const struct made *m, uint32_t key, struct made_target t)
{
    const struct made_key *k = &m->keys[key];
    char target[NAME_ROOM];

    if (key == KEYS)
        return true;
    (void)snprintf(target, sizeof(target), "p%u/m%u", t.provider, t.model);
    if (k->providers != 0 && (k->providers & 1u << t.provider) == 0)
        return false;
    if (matches(&k->denied, target) || matches(&k->denied, target + 3)) /* "m2" as well */
        return false;
    if (k->models.n == 0 || matches(&k->models, target))
        return true;
    for (uint32_t g = 0; g < m->n_groups; g++) {
        char name[NAME_ROOM];

        (void)snprintf(name, sizeof(name), "g%u", g);
        if (matches(&k->models, name) && by_name(m, k, name, t))
            return true;
    }
    return k->alias[0] != '\0' && matches(&k->models, ALIAS) && !matches(&k->denied, ALIAS) &&
           by_name(m, k, k->alias, t);
}

bool made_key_serves(const struct made *m, uint32_t provider, uint32_t key, uint32_t model)
{
    char name[NAME_ROOM];

    (void)snprintf(name, sizeof(name), "m%u", model);
    return m->providers[provider].models[key].n == 0 ||
           matches(&m->providers[provider].models[key], name);
}
