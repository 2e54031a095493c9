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

int command_budgets(struct ctl *c, int argc, char **argv)
{
    const char *values[4] = {NULL};
    static const char *const params[] = {"name", "kind", "team", "customer"};
    const struct arg args[] = {{"--name", &values[0], NULL},
                               {"--kind", &values[1], NULL},
                               {"--team", &values[2], NULL},
                               {"--customer", &values[3], NULL}};
    struct buf path = BUF_INIT, out = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, args, ARRAY_LEN(args)) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/budgets");
    for (size_t i = 0; i < ARRAY_LEN(args); i++) {
        if (values[i] != NULL)
            ctl_query(&path, params[i], values[i]);
    }
    if (c->json) {
        status = ctl_print_list(c, path.data, 0);
    } else {
        table_init(&t, "kind|owner|provider|window|>limit|>used|>held|>left|resets (UTC)");
        status = ctl_each(c, path.data, 0, put_row, &t);
        if (status == CTL_OK) {
            table_print(&t, &out);
            (void)fwrite(out.data, 1, out.len, stdout);
        }
        table_fini(&t);
    }
    buf_fini(&path);
    buf_fini(&out);
    return status;
}
