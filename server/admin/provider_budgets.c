/*
 * provider_budgets - the budgets of providers for everybody, which only a configuration file has.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conf/amounts.h"
#include "server/admin/admin.h"
#include "server/admin/entity_text.h"
#include "server/admin/params.h"
#include "shm/owners.h"

static void write_budget(struct exchange *ex, struct writer *w, struct str provider,
                         const struct account *a)
{
    struct account_state state;
    struct buf window = BUF_IN(ex->arena);

    account_state_at(ex, a, &state);
    period_format(&window, (enum conf_period)a->window.period, a->window.length_ms);
    writer_object(w, NULL);
    writer_cstr(w, "kind", "provider");
    writer_str(w, "owner", provider);
    writer_usd(w, "limit", a->limit);
    writer_str(w, "window", buf_view(&window));
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
