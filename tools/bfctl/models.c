/*
 * models - the names that clients may use, and what is known of the models behind them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

static void put_tokens(struct table *t, uint64_t n)
{
    if (n > 0)
        table_count(t, n);
    else
        table_str(t, STR_NONE);
}

/* "openai, azure": who serves it, in the order in which they are asked. */
static void put_providers(struct table *t, const struct json *targets)
{
    struct buf b = BUF_INIT;

    for (const struct json *target = targets != NULL ? targets->child : NULL; target != NULL;
         target = target->next) {
        if (b.len > 0)
            buf_cstr(&b, ", ");
        buf_str(&b, ctl_str(target, "provider"));
    }
    table_str(t, buf_view(&b));
    buf_fini(&b);
}

static void model_row(void *ctx, const struct json *m)
{
    struct table *t = ctx;
    const struct json *known = json_get(m, "known");

    table_str(t, ctl_str(m, "name"));
    put_providers(t, json_get(m, "targets"));
    put_tokens(t, ctl_u64(known, "context_length"));
    put_tokens(t, ctl_u64(known, "max_output_tokens"));
    table_list(t, json_get(known, "capabilities"), "");
    table_str(t, json_str(json_get(known, "knowledge")));
    table_str(t, ctl_str(m, "origin"));
}

const struct args models_uses[] = {
    ARGS_NONE("", "each name that clients may use, who serves it, and what is known of it"),
    ARGS_END,
};

int command_models(struct ctl *c, int argc, char **argv)
{
    struct buf out = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, &models_uses[0], NULL) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (c->json)
        return ctl_print_list(c, "/api/models", 0);
    table_init(&t, "model|providers|>context|>max output|can|knowledge|origin");
    status = ctl_each(c, "/api/models", 0, model_row, &t);
    if (status == CTL_OK) {
        if (table_rows(&t) == 0)
            ctl_nothing(c, "there are no models: no provider is configured");
        else
            table_print(&t, &out);
        ctl_write(&out);
    }
    buf_fini(&out);
    table_fini(&t);
    return status;
}
