#include "server/master/key_rows.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "shm/scope.h"

static_assert(CONF_KEY_PROVIDERS_MAX <= SCOPE_PROVIDERS_MAX, "what may be declared has room");
static_assert(CONF_NETWORKS_MAX <= SCOPE_NETWORKS_MAX, "what may be declared has room");
static_assert(CONF_ROUTES == SCOPE_ROUTES, "the same bits");
static_assert(CONF_NAME_MAX == KEY_NAME_MAX, "the same names");

/* --- the entry --- */

static struct str join(struct arena *a, const char *const *items, size_t n)
{
    struct buf out = BUF_IN(a);

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&out, '\0');
        buf_cstr(&out, items[i]);
    }
    return n > 0 ? buf_view(&out) : STR_NONE;
}

static void fill_scope(const struct conf_key_scope *s, struct arena *a, struct scope *out)
{
    out->n_providers = (uint32_t)s->n_providers;
    for (size_t i = 0; i < s->n_providers; i++) {
        const struct conf_key_provider *p = &s->providers[i];

        out->providers[i] = (struct scope_provider){.name = str_of(p->provider),
                                                    .models = join(a, p->models, p->n_models),
                                                    .denied = join(a, p->denied, p->n_denied),
                                                    .weight = p->weight};
    }
    out->denied_models = join(a, s->denied_models, s->n_denied);
    out->routes = s->routes;
    out->n_networks = (uint32_t)s->n_networks;
    for (size_t i = 0; i < s->n_networks; i++) {
        memcpy(out->networks[i].address, s->networks[i].address, sizeof(s->networks[i].address));
        out->networks[i].bits = s->networks[i].bits;
    }
    out->mcp_tools = join(a, s->mcp_tools, s->n_mcp_tools);
    out->tags = join(a, s->tags, s->n_tags);
    out->aliases = join(a, s->aliases, s->n_aliases);
}

static uint32_t priority_flags(const struct conf_virtual_key *k)
{
    return (k->priority == CONF_KEY_HIGH ? KEY_HIGH : 0) |
           (k->priority == CONF_KEY_LOW ? KEY_LOW : 0);
}

static struct virtual_key entry_of(const struct key_want *w, struct arena *a)
{
    const struct conf_virtual_key *k = w->conf;
    struct virtual_key out = {.id = w->id,
                              .created_ms = w->created_ms,
                              .expires_ms = k->expires_ms,
                              .flags = w->flags | (k->active ? KEY_ACTIVE : 0) |
                                       (k->strict ? KEY_STRICT : 0) | priority_flags(k),
                              .name = str_of(k->name),
                              .hint = str_of(k->hint)};

    memcpy(out.hash, k->hash, sizeof(out.hash));
    out.models = join(a, k->models, k->n_models);
    return out;
}

static struct str encode_scope(const struct scope *s, struct arena *a)
{
    struct buf out = BUF_IN(a);

    scope_encode(s, &out);
    return buf_view(&out);
}

/* The row that the entry has for a provider; ROW_NONE: none. */
static uint32_t row_of(const struct scope *s, struct str provider)
{
    for (uint32_t i = 0; i < s->n_providers; i++) {
        if (str_eq(s->providers[i].name, provider))
            return s->providers[i].owner;
    }
    return ROW_NONE;
}

/* --- its rows --- */

static const struct conf_rules *rules_of(const struct conf_virtual_key *k)
{
    return k->scope != NULL ? &k->scope->rules : NULL;
}

static struct want_owner want_own(const struct key_want *w)
{
    return (struct want_owner){
        .kind = OWNER_KEY, .parent = w->parent, .id = w->id, .rules = rules_of(w->conf)};
}

static struct want_owner want_provider(const struct key_want *w, size_t i, uint32_t own)
{
    const struct conf_key_provider *p = &w->conf->scope->providers[i];

    return (struct want_owner){.kind = OWNER_KEY_PROVIDER,
                               .parent = own,
                               .id = w->id,
                               .part = str_of(p->provider),
                               .rules = &p->rules};
}

static size_t n_providers(const struct conf_virtual_key *k)
{
    return k->scope != NULL ? k->scope->n_providers : 0;
}

size_t key_parts(const struct conf_virtual_key *k, struct arena *a, struct marks_part **out)
{
    size_t n = 1 + n_providers(k);

    *out = arena_zalloc(a, n * sizeof(**out));
    (*out)[0].rules = rules_of(k);
    for (size_t i = 1; i < n; i++)
        (*out)[i] = (struct marks_part){str_of(k->scope->providers[i - 1].provider),
                                        &k->scope->providers[i - 1].rules};
    return n;
}

/* --- is it so already? --- */

/* The scope with the rows that the entry of this name has. False: there is none, or not with these. */
static bool like_scope(struct money *m, const struct key_want *w, struct arena *a, struct str *out)
{
    const struct conf_key_scope *s = w->conf->scope;
    struct scope *want = arena_zalloc(a, sizeof(*want));
    struct scope *have;
    struct virtual_key k;
    uint64_t id;

    fill_scope(s, a, want);
    if (want->n_providers > 0) {
        have = arena_zalloc(a, sizeof(*have));
        if (!key_table_id_of_name(m->keys, str_of(w->conf->name), &id) ||
            !key_table_get(m->keys, id, a, &k) || scope_decode(k.scope, have) != 0)
            return false;
        for (uint32_t i = 0; i < want->n_providers; i++) {
            struct want_owner owner = want_provider(w, i, k.owner);
            uint32_t row = row_of(have, want->providers[i].name);

            if (!rows_are(&m->rows, row, &owner))
                return false;
            want->providers[i].owner = row;
        }
    }
    *out = encode_scope(want, a);
    return true;
}

bool key_is(struct money *m, const struct key_want *w, struct arena *a, uint32_t *at)
{
    struct virtual_key want = entry_of(w, a);
    struct want_owner owner = want_own(w);

    if (w->conf->scope != NULL && !like_scope(m, w, a, &want.scope))
        return false;
    return key_table_has(m->keys, &want, at) &&
           rows_are(&m->rows, key_table_owner(m->keys, *at), &owner);
}

/* --- planning --- */

/* Rows of providers that the key had and will not have. */
static void find_unused(const struct scope *have, const struct scope *want, struct arena *a,
                        struct key_plan *out)
{
    out->unused = arena_zalloc(a, (have->n_providers + 1) * sizeof(*out->unused));
    for (uint32_t i = 0; i < have->n_providers; i++) {
        bool has = false;

        for (uint32_t j = 0; j < want->n_providers; j++)
            has |= str_eq(have->providers[i].name, want->providers[j].name);
        if (!has && have->providers[i].owner != ROW_NONE)
            out->unused[out->n_unused++] = have->providers[i].owner;
    }
}

static int plan_scope(struct money *m, const struct key_want *w, const struct virtual_key *have,
                      struct arena *a, struct key_plan *out, struct error *err)
{
    struct scope *old = arena_zalloc(a, sizeof(*old));
    struct scope *want = arena_zalloc(a, sizeof(*want));

    if (have != NULL && have->scope.len > 0 && scope_decode(have->scope, old) != 0)
        *old = (struct scope){.n_providers = 0};
    if (w->conf->scope != NULL)
        fill_scope(w->conf->scope, a, want);
    out->providers = arena_zalloc(a, (want->n_providers + 1) * sizeof(*out->providers));
    for (uint32_t i = 0; i < want->n_providers; i++) {
        struct want_owner owner = want_provider(w, i, out->own.row);

        if (rows_plan(&m->rows, row_of(old, want->providers[i].name), &owner, w->marks,
                      &out->providers[i], err) != 0)
            return -1;
        out->n_providers++;
        want->providers[i].owner = out->providers[i].row;
    }
    find_unused(old, want, a, out);
    out->key.scope = encode_scope(want, a);
    return 0;
}

int key_plan(struct money *m, const struct key_want *w, const struct virtual_key *have,
             struct arena *a, struct key_plan *out, struct error *err)
{
    struct want_owner owner = want_own(w);

    *out = (struct key_plan){.key = entry_of(w, a)};
    if (rows_plan(&m->rows, have != NULL ? have->owner : ROW_NONE, &owner, w->marks, &out->own,
                  err) != 0)
        return -1;
    out->key.owner = out->own.row;
    if ((w->conf->scope == NULL && (have == NULL || have->scope.len == 0)) ||
        plan_scope(m, w, have, a, out, err) == 0)
        return 0;
    key_abort(m, out);
    return -1;
}

void key_abort(struct money *m, const struct key_plan *plan)
{
    rows_abort(&m->rows, &plan->own);
    for (uint32_t i = 0; i < plan->n_providers; i++)
        rows_abort(&m->rows, &plan->providers[i]);
}

/* Rows that nobody points to yet, or those that the key has already. */
static void commit_rows(struct money *m, const struct key_plan *plan, bool new_ones)
{
    if ((plan->own.old == ROW_NONE) == new_ones)
        rows_commit(&m->rows, &plan->own);
    for (uint32_t i = 0; i < plan->n_providers; i++) {
        if ((plan->providers[i].old == ROW_NONE) == new_ones)
            rows_commit(&m->rows, &plan->providers[i]);
    }
}

int key_commit(struct money *m, const struct key_plan *plan, struct error *err)
{
    commit_rows(m, plan, true);
    if (key_table_put(m->keys, &plan->key, err) != 0) {
        key_abort(m, plan);
        return -1;
    }
    commit_rows(m, plan, false);
    rows_clean(&m->rows, &plan->own);
    for (uint32_t i = 0; i < plan->n_providers; i++)
        rows_clean(&m->rows, &plan->providers[i]);
    for (uint32_t i = 0; i < plan->n_unused; i++)
        rows_remove(&m->rows, plan->unused[i]);
    directory_key_added(&m->directory, plan->key.id);
    return 0;
}

int key_put_alias(struct money *m, const struct virtual_key *key, const struct alias *alias,
                  struct error *err)
{
    struct arena *a = arena_create(4096);
    struct scope *scope = arena_zalloc(a, sizeof(*scope));
    struct virtual_key old = *key;
    int rc;

    if (key->scope.len > 0 && scope_decode(key->scope, scope) != 0)
        *scope = (struct scope){.n_providers = 0};
    scope->books_as = key->id;
    scope->books_name = key->name;
    old.id = alias->id;
    memcpy(old.hash, alias->hash, sizeof(old.hash));
    /* No other key can have such a name. */
    old.name = arena_printf(a, "\x01%016jx", (uintmax_t)alias->id);
    old.flags |= KEY_ALIAS;
    old.scope = encode_scope(scope, a);
    if (old.expires_ms == 0 || old.expires_ms > alias->expires_ms)
        old.expires_ms = alias->expires_ms;
    rc = key_table_put(m->keys, &old, err);
    arena_free(a);
    return rc;
}

void key_remove(struct money *m, const struct virtual_key *have)
{
    struct scope *scope;

    (void)key_table_remove(m->keys, have->id); /* it was there */
    directory_key_removed(&m->directory, have->id);
    if ((have->flags & KEY_ALIAS) != 0)
        return; /* its rows are those of the key that it was */
    rows_remove(&m->rows, have->owner);
    if (have->scope.len == 0)
        return;
    scope = xcalloc(1, sizeof(*scope));
    if (scope_decode(have->scope, scope) == 0) {
        for (uint32_t i = 0; i < scope->n_providers; i++)
            rows_remove(&m->rows, scope->providers[i].owner);
    }
    free(scope);
}
