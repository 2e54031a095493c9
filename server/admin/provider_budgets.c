/*
 * provider_budgets - the budgets of providers for everybody, which only a configuration file has.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/entity_text.h"
#include "server/admin/params.h"
#include "shm/calendar.h"

/* As a configuration writes it (conf/amounts.c). */
static struct str window_text(struct exchange *ex, const struct window *w)
{
    static const struct {
        uint64_t ms;
        char letter;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t i = 0;

    if (w->period < PERIOD_CUSTOM)
        return str_of(window_period_names[w->period]);
    while (i + 1 < ARRAY_LEN(units) && w->length_ms % units[i].ms != 0)
        i++;
    return arena_printf(ex->arena, "%llu%c", (unsigned long long)(w->length_ms / units[i].ms),
                        units[i].letter);
}

static void write_budget(struct exchange *ex, struct writer *w, struct str provider,
                         const struct account *a)
{
    struct account_state state;

    account_state_at(ex, a, &state);
    writer_object(w, NULL);
    writer_cstr(w, "kind", "provider");
    writer_str(w, "owner", provider);
    writer_usd(w, "limit", a->limit);
    writer_str(w, "window", window_text(ex, &a->window));
    account_state_write(w, &state);
    writer_object_end(w);
}

void provider_budgets_write(struct exchange *ex, struct writer *w)
{
    const struct region *published = &ex->admin->regions->published;
    struct str glob = params_get(ex, "name");
    const struct pub_view *v = admin_view(ex->admin);

    for (uint32_t i = 0; v != NULL && i < v->image->n_providers; i++) {
        const struct pub_provider *p = pub_provider(v, i);
        struct str name = pub_text(v, p->name);
        struct owner owner;

        if (p->owner == 0 || (glob.len > 0 && !glob_match(glob, name)) ||
            !owner_read(published, p->owner, &owner))
            continue;
        for (uint32_t k = 0; k < owner.n_accounts; k++) {
            struct account a;

            if (account_read(published, owner.accounts[k], &a) && a.kind == ACCOUNT_BUDGET)
                write_budget(ex, w, name, &a);
        }
    }
}
