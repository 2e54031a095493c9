/*
 * budgets - every budget: whose, how much, what is used and left, when it begins anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/entity.h"
#include "tools/bfctl/table.h"

static void money(struct table *t, const struct json *b, const char *field)
{
    struct buf text = BUF_INIT;

    entity_money(&text, ctl_str(b, field));
    table_str(t, buf_view(&text));
    buf_fini(&text);
}

static void put_row(void *ctx, const struct json *b)
{
    struct table *t = ctx;

    table_str(t, ctl_str(b, "kind"));
    table_str(t, ctl_str(b, "owner"));
    table_str(t, ctl_str(b, "provider"));
    table_printf(t, "%.*s%s", STR_ARGS(ctl_str(b, "window")),
                 ctl_bool(b, "calendar") ? " calendar" : "");
    money(t, b, "limit");
    money(t, b, "used");
    money(t, b, "held");
    money(t, b, "remaining");
    table_time(t, ctl_u64(b, "resets_ms"));
}

struct budgets_options {
    const char *name, *kind, *team, *customer;
};

#define OPTION(member) offsetof(struct budgets_options, member), ARG_ONE

static const struct arg budgets_args[] = {
    {"--kind", "KIND", "of these owners: customer, team, key, model_limit or provider",
     OPTION(kind)},
    {"--name", "GLOB", "of owners called so", OPTION(name)},
    {"--team", "NAME", "of this team and its keys", OPTION(team)},
    {"--customer", "NAME", "of this customer, its teams and keys", OPTION(customer)},
};

const struct args budgets_uses[] = {
    {"", "each budget: limit, used, held by requests under way, left, when it begins anew",
     budgets_args, ARRAY_LEN(budgets_args), NULL},
    ARGS_END,
};

static bool is_filtered(const struct budgets_options *o)
{
    return o->name != NULL || o->kind != NULL || o->team != NULL || o->customer != NULL;
}

int command_budgets(struct ctl *c, int argc, char **argv)
{
    struct budgets_options o = {.name = NULL};
    struct buf path = BUF_INIT, out = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, &budgets_uses[0], &o) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/budgets");
    ctl_query(&path, "name", o.name);
    ctl_query(&path, "kind", o.kind);
    ctl_query(&path, "team", o.team);
    ctl_query(&path, "customer", o.customer);
    if (c->json) {
        status = ctl_print_list(c, path.data, 0);
    } else {
        table_init(&t, "kind|owner|provider|window|>limit|>used|>held|>left|resets (UTC)");
        status = ctl_each(c, path.data, 0, put_row, &t);
        if (status == CTL_OK) {
            if (table_rows(&t) == 0)
                ctl_nothing(c, "no budget %s", is_filtered(&o) ? "matches" : "is set anywhere");
            else
                table_print(&t, &out);
            ctl_write(&out);
        }
        table_fini(&t);
    }
    buf_fini(&path);
    buf_fini(&out);
    return status;
}
