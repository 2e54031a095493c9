#include "server/master/restore.h"

#include <stdlib.h>

#include "server/aggregator/account_sums.h"
#include "server/base/alloc.h"
#include "shm/ledger.h"

struct budget {
    uint64_t id;
    uint32_t row;
};

struct restoring {
    struct money *money;
    struct budget *budgets; /* sorted by id */
    size_t n, room;
};

static int compare(const void *left, const void *right)
{
    uint64_t a = ((const struct budget *)left)->id;
    uint64_t b = ((const struct budget *)right)->id;

    return a < b ? -1 : a > b;
}

static void find_budgets(struct restoring *r)
{
    uint32_t high = accounts_high(r->money->published);

    for (uint32_t row = 1; row < high; row++) {
        struct account a;

        if (!account_read(r->money->published, row, &a) || a.kind != ACCOUNT_BUDGET)
            continue;
        if (r->n == r->room) {
            r->room = r->room > 0 ? r->room * 2 : 256;
            r->budgets = xrealloc(r->budgets, r->room, sizeof(*r->budgets));
        }
        r->budgets[r->n++] = (struct budget){a.id, row};
    }
    if (r->n > 0)
        qsort(r->budgets, r->n, sizeof(*r->budgets), compare);
}

/* Accounts that are no more have sums, too: those stay in the journal. */
static void on_sum(void *ctx, const struct booking *window, uint64_t nanousd)
{
    struct restoring *r = ctx;
    const struct budget want = {window->account, ROW_NONE};
    const struct budget *found =
        r->n > 0 ? bsearch(&want, r->budgets, r->n, sizeof(want), compare) : NULL;
    struct account a;

    if (found != NULL && account_read(r->money->published, found->row, &a))
        account_restore(r->money->counters, &a, window->window, nanousd);
}

int restore_counters(struct money *m, struct error *err)
{
    struct restoring r = {.money = m};
    int rc;

    find_budgets(&r);
    rc = account_sums_each(m->state_dir, on_sum, &r, err);
    free(r.budgets);
    return rc;
}
