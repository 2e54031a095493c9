#include "server/master/money.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/alloc.h"
#include "server/master/import.h"
#include "shm/limits.h"
#include "shm/owner_names.h"
#include "shm/scope.h"

/* --- rows that were there before --- */

static int compare_kept(const void *left, const void *right)
{
    const struct kept_row *a = left;
    const struct kept_row *b = right;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void find_kept(struct money *m)
{
    uint32_t high = owners_high(m->published);
    size_t room = 0;

    for (uint32_t row = 1; row < high; row++) {
        struct owner owner;

        if (!owner_read(m->published, row, &owner) || owner.kind == OWNER_KEY ||
            owner.kind == OWNER_KEY_PROVIDER)
            continue;
        if (m->n_kept == room) {
            room = room > 0 ? room * 2 : 64;
            m->kept = xrealloc(m->kept, room, sizeof(*m->kept));
        }
        m->kept[m->n_kept++] = (struct kept_row){owner.id, owner.kind, row};
    }
    if (m->n_kept > 0)
        qsort(m->kept, m->n_kept, sizeof(*m->kept), compare_kept);
}

uint32_t money_kept_row(const struct money *m, uint32_t kind, uint64_t id)
{
    const struct kept_row want = {id, kind, ROW_NONE};
    const struct kept_row *found =
        m->n_kept > 0 ? bsearch(&want, m->kept, m->n_kept, sizeof(want), compare_kept) : NULL;

    return found != NULL ? found->row : ROW_NONE;
}

/* --- */

struct money *money_open(struct region *published, struct region *counters,
                         const struct region *live, const char *state_dir)
{
    struct money *m = xcalloc(1, sizeof(*m));

    m->published = published;
    m->counters = counters;
    m->live = live;
    m->keys = key_table_open(published);
    m->rows = (struct rows){published, owner_table_open(published, counters, live)};
    m->json = json_parser_create();
    m->state_dir = state_dir;
    m->secret = "";
    find_kept(m);
    return m;
}

void money_close(struct money *m)
{
    if (m == NULL)
        return;
    import_free(m);
    key_table_close(m->keys);
    owner_table_close(m->rows.table);
    directory_fini(&m->directory);
    json_parser_free(m->json);
    free(m->kept);
    free(m);
}

void money_publish_limits(struct money *m)
{
    const struct places *all = &m->directory.kinds[PLACE_LIMIT];
    struct model_limit *items = xcalloc(MODEL_LIMITS_MAX, sizeof(*items));
    uint32_t n = 0;

    static_assert(CONF_MODEL_GLOB_MAX <= MODEL_LIMIT_GLOB_MAX, "a pattern fits its row");
    for (size_t i = 0; i < all->n && n < MODEL_LIMITS_MAX; i++) {
        struct model_limit *l = &items[n++];

        l->owner = all->by_name[i]->row;
        l->len = (uint32_t)all->by_name[i]->name.len;
        memcpy(l->glob, all->by_name[i]->name.p, l->len);
    }
    model_limits_put(m->published, items, n);
    free(items);
}

void money_publish_name(struct money *m, const struct place *p)
{
    if (p->row != ROW_NONE && (p->kind == PLACE_TEAM || p->kind == PLACE_CUSTOMER))
        owner_name_put(m->published, p->row, p->name);
}

/* --- rows that nobody has --- */

struct used {
    uint8_t *owners, *accounts; /* a bit each */
};

static void use(uint8_t *bits, uint32_t row)
{
    bits[row / 8] |= (uint8_t)(1u << row % 8);
}

static bool is_used(const uint8_t *bits, uint32_t row)
{
    return (bits[row / 8] & 1u << row % 8) != 0;
}

static void use_owner(struct money *m, struct used *u, uint32_t row)
{
    struct owner owner;

    if (!owner_read(m->published, row, &owner))
        return;
    use(u->owners, row);
    for (uint32_t i = 0; i < owner.n_accounts; i++) {
        if (owner.accounts[i] < ACCOUNTS_MAX)
            use(u->accounts, owner.accounts[i]);
    }
}

static void use_keys(struct money *m, struct used *u)
{
    struct arena *a = arena_create(KEY_BLOB_MAX);
    struct scope *scope = xcalloc(1, sizeof(*scope));
    uint32_t high = keys_high(m->published);

    for (uint32_t i = 0; i < high; i++) {
        struct virtual_key k;

        arena_reset(a);
        if (!keys_at(m->published, i, a, &k))
            continue;
        use_owner(m, u, k.owner);
        if (k.scope.len == 0 || scope_decode(k.scope, scope) != 0)
            continue;
        for (uint32_t p = 0; p < scope->n_providers; p++)
            use_owner(m, u, scope->providers[p].owner);
    }
    free(scope);
    arena_free(a);
}

void money_sweep(struct money *m)
{
    struct used u = {xcalloc(OWNERS_MAX / 8 + 1, 1), xcalloc(ACCOUNTS_MAX / 8 + 1, 1)};
    uint32_t high = owners_high(m->published);
    struct owner owner;
    struct account account;

    use_keys(m, &u);
    for (int k = 0; k < PLACE_KINDS; k++) {
        const struct places *all = &m->directory.kinds[k];

        for (size_t i = 0; i < all->n; i++)
            use_owner(m, &u, all->by_id[i]->row);
    }
    for (uint32_t row = 1; row < high; row++) {
        if (!is_used(u.owners, row) && owner_read(m->published, row, &owner))
            owner_table_remove(m->rows.table, row);
    }
    high = accounts_high(m->published);
    for (uint32_t row = 1; row < high; row++) {
        if (!is_used(u.accounts, row) && account_read(m->published, row, &account))
            account_table_remove(m->rows.table, row);
    }
    free(u.owners);
    free(u.accounts);
    free(m->kept);
    m->kept = NULL;
    m->n_kept = 0;
}
