/*
 * shadow - what a second target would have done: shadow.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

static void put_route(struct table *t, const struct json *side)
{
    struct str provider = ctl_str(side, "provider");
    struct str model = ctl_str(side, "model");

    table_printf(t, "%.*s/%.*s", STR_ARGS(provider), STR_ARGS(model));
}

static void put_ms(struct table *t, const struct json *side, const char *which)
{
    const struct json *times = json_get(side, which);

    table_printf(t, "%.1f/%.1f", (double)ctl_u64(times, "p50_us") / 1000,
                 (double)ctl_u64(times, "p95_us") / 1000);
}

static void put_usd(struct table *t, uint64_t nanousd)
{
    table_printf(t, "%llu.%09llu", (unsigned long long)(nanousd / 1000000000),
                 (unsigned long long)(nanousd % 1000000000));
}

/* Without a price on both sides there is nothing to compare. */
static void put_difference(struct table *t, const struct json *primary, const struct json *shadow)
{
    double a = (double)ctl_u64(primary, "cost_nanousd");
    double b = (double)ctl_u64(shadow, "cost_nanousd");

    if (ctl_u64(primary, "unpriced") + ctl_u64(shadow, "unpriced") > 0)
        table_str(t, STR("unpriced"));
    else if (a > 0)
        table_printf(t, "%+.1f%%", (b - a) / a * 100);
    else
        table_str(t, STR_NONE);
}

static void put_side(struct table *t, const struct json *side)
{
    table_count(t, ctl_u64(side, "failed"));
    put_ms(t, side, "first_byte");
    put_ms(t, side, "total");
    table_count(t, ctl_u64(side, "tokens_in"));
    table_count(t, ctl_u64(side, "tokens_out"));
    put_usd(t, ctl_u64(side, "cost_nanousd"));
}

/* Two lines: the route that answered, and the one that was tried beside it. */
static void pair(struct table *t, const struct json *row)
{
    const struct json *primary = json_get(row, "primary");
    const struct json *shadow = json_get(row, "shadow");

    table_str(t, ctl_str(row, "model"));
    put_route(t, primary);
    table_count(t, ctl_u64(row, "requests"));
    table_count(t, ctl_u64(row, "same_status"));
    put_side(t, primary);
    table_str(t, STR_NONE);
    table_str(t, STR("  shadow"));
    put_route(t, shadow);
    table_str(t, STR_NONE);
    table_str(t, STR_NONE);
    put_side(t, shadow);
    put_difference(t, primary, shadow);
}

struct shadow_options {
    const char *model, *since, *until;
};

#define OPTION(member) offsetof(struct shadow_options, member), ARG_ONE

static const struct arg shadow_args[] = {
    {"--model", "NAME", "of this name of models: only", OPTION(model)},
    {"--since", "TIME", "requests from then on", OPTION(since)},
    {"--until", "TIME", "requests up to then", OPTION(until)},
};

const struct args shadow_uses[] = {
    {"", "routes compared with their shadows: status, latency, tokens and cost of both",
     shadow_args, ARRAY_LEN(shadow_args),
     "A TIME is 2026-11-22, 2026-11-22T16:45:00Z, or an age: 15m, 24h, 7d.\n"
     "Sums are of whole days (UTC): each day that has a moment of the time counts.\n"
     "A model that is not there is an error (exit status 1).\n"},
    ARGS_END,
};

int command_shadow(struct ctl *c, int argc, char **argv)
{
    struct shadow_options o = {NULL, NULL, NULL};
    const struct json *answer = NULL;
    struct buf path = BUF_INIT;
    struct buf out = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, &shadow_uses[0], &o) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/shadow");
    ctl_query(&path, "model", o.model);
    ctl_query(&path, "since", o.since);
    ctl_query(&path, "until", o.until);
    if (!ctl_print_json(c, path.data, &status)) {
        table_init(&t, "model|route|>requests|>same status|>failed|>first byte ms p50/p95|"
                       ">total ms p50/p95|>tokens in|>tokens out|>cost $|>difference");
        status = ctl_call(c, "GET", path.data, STR_NONE, &answer);
        if (status == CTL_OK) {
            const struct json *data = json_get(answer, "data");

            for (const struct json *row = data != NULL ? data->child : NULL; row != NULL;
                 row = row->next)
                pair(&t, row);
            if (table_rows(&t) > 0)
                table_print(&t, &out);
            else
                ctl_nothing(c, "%.*s", STR_ARGS(ctl_str(answer, "note")));
            ctl_write(&out);
        }
        table_fini(&t);
    }
    buf_fini(&out);
    buf_fini(&path);
    return status;
}
