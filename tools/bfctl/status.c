/*
 * status - status, workers, routes, reload: how the gateway is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "server/base/clock.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

static void print_table(struct table *t)
{
    struct buf out = BUF_INIT;

    table_print(t, &out);
    ctl_write(&out);
    buf_fini(&out);
    table_fini(t);
}

static uint64_t age_of(const struct json *object, const char *name)
{
    uint64_t then = ctl_u64(object, name), now = clock_real_ms();

    return then != 0 && now > then ? now - then : 0;
}

static void print_summary(const struct json *s)
{
    const struct json *totals = json_get(s, "totals"), *ready = json_get(s, "ready");
    const struct json *request = json_get(json_get(s, "latency"), "request");
    const struct json *reload = json_get(s, "last_reload");
    struct table t;

    table_init(&t, "what|value");
    table_str(&t, STR("version"));
    table_str(&t, ctl_str(s, "version"));
    table_str(&t, STR("ready"));
    table_str(&t, ctl_str(ready, "text"));
    table_str(&t, STR("up"));
    table_age(&t, (uint64_t)(ctl_double(s, "uptime_s") * 1000));
    table_str(&t, STR("configuration"));
    table_str(&t, json_str(json_get(s, "config_path")).len > 0 ? ctl_str(s, "config_path")
                                                               : STR("none (zero-config)"));
    table_str(&t, STR("last reload"));
    table_str(&t, ctl_str(reload, "text"));
    table_str(&t, STR("listens on"));
    table_list(&t, json_get(s, "listeners"), "");
    table_str(&t, STR("virtual keys"));
    table_count(&t, ctl_u64(s, "virtual_keys"));
    table_str(&t, STR("requests"));
    table_count(&t, ctl_u64(totals, "requests_total"));
    table_str(&t, STR("under way"));
    table_count(&t, ctl_u64(totals, "requests_open"));
    table_str(&t, STR("in queues"));
    table_count(&t, ctl_u64(totals, "queue_length"));
    table_str(&t, STR("p50 / p99"));
    table_printf(&t, "%.1f / %.1f ms", ctl_double(request, "p50_ms"),
                 ctl_double(request, "p99_ms"));
    print_table(&t);
}

static void print_children(const struct json *s)
{
    const struct json *children = json_get(s, "children");
    struct table t;

    table_init(&t, "process|>pid|>up|>restarts");
    for (const struct json *child = children != NULL ? children->child : NULL; child != NULL;
         child = child->next) {
        struct str proc = ctl_str(child, "proc");

        if (str_eq(proc, STR("worker")))
            table_printf(&t, "worker/%llu", (unsigned long long)ctl_u64(child, "slot"));
        else
            table_str(&t, proc);
        table_str(&t, ctl_str(child, "pid"));
        table_age(&t, age_of(child, "started_ms"));
        table_count(&t, ctl_u64(child, "restarts"));
    }
    print_table(&t);
}

const struct args status_uses[] = {
    ARGS_NONE("", "what runs, since when and how much; each child process"),
    ARGS_END,
};

int command_status(struct ctl *c, int argc, char **argv)
{
    const struct json *s = NULL;
    int status;

    if (args_parse(&argc, argv, &status_uses[0], NULL) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (ctl_print_json(c, "/api/status", &status))
        return status;
    status = ctl_call(c, "GET", "/api/status", STR_NONE, &s);
    if (status != CTL_OK)
        return status;
    print_summary(s);
    printf("\n");
    print_children(s);
    return CTL_OK;
}

const struct args workers_uses[] = {
    ARGS_NONE("", "each worker process with what it has under way"),
    ARGS_END,
};

int command_workers(struct ctl *c, int argc, char **argv)
{
    const struct json *s = NULL;
    struct table t;

    if (args_parse(&argc, argv, &workers_uses[0], NULL) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    int status = ctl_call(c, "GET", "/api/status", STR_NONE, &s);
    const struct json *workers = json_get(s, "workers");
    if (status != CTL_OK)
        return status;
    if (c->json) {
        printf("%.*s\n", STR_ARGS(workers != NULL ? workers->raw : STR("[]")));
        return CTL_OK;
    }
    table_init(&t, ">worker|>pid|state|>up|>restarts|>generation|>heartbeat|>requests|>open|"
                   ">streams|>connections");
    for (const struct json *w = workers != NULL ? workers->child : NULL; w != NULL; w = w->next) {
        const struct json *stats = json_get(w, "stats");

        table_str(&t, ctl_str(w, "slot"));
        table_str(&t, ctl_str(w, "pid"));
        table_str(&t, ctl_str(w, "state"));
        table_age(&t, age_of(w, "started_ms"));
        table_count(&t, ctl_u64(w, "restarts"));
        table_str(&t, ctl_str(w, "generation"));
        table_age(&t, ctl_u64(w, "heartbeat_age_ms"));
        table_count(&t, ctl_u64(stats, "requests_total"));
        table_count(&t, ctl_u64(stats, "requests_open"));
        table_count(&t, ctl_u64(stats, "streams_open"));
        table_count(&t, ctl_u64(stats, "connections_open"));
    }
    print_table(&t);
    return CTL_OK;
}

static void put_percent(struct table *t, double share)
{
    table_printf(t, "%.0f%%", share * 100);
}

/* Nothing happened since the start: empty. */
static void put_age(struct table *t, const struct json *r, const char *name)
{
    if (json_get(r, name) == NULL || json_get(r, name)->type != JSON_NUMBER ||
        ctl_u64(r, name) == 0)
        table_str(t, STR_NONE);
    else
        table_age(t, ctl_u64(r, name));
}

static void route_row(void *ctx, const struct json *r)
{
    struct table *t = ctx;
    struct str model = ctl_str(r, "model");

    table_str(t, ctl_str(r, "provider"));
    table_str(t, ctl_str(r, "provider_key"));
    table_str(t, model.len > 0 ? model : STR("*"));
    table_str(t, ctl_str(r, "state"));
    if (ctl_str(r, "caller_share_percent").len > 0)
        table_printf(t, "%.*s%%", STR_ARGS(ctl_str(r, "caller_share_percent")));
    else
        table_str(t, ctl_str(r, "configured_weight"));
    put_percent(t, ctl_double(r, "weight"));
    put_percent(t, ctl_double(r, "declared_share"));
    put_percent(t, ctl_double(r, "share"));
    table_count(t, ctl_u64(r, "in_flight"));
    table_count(t, ctl_u64(r, "attempts"));
    table_count(t, ctl_u64(r, "errors"));
    table_printf(t, "%.1f", ctl_double(r, "first_byte_ms"));
    if (ctl_double(r, "headroom") < 1) /* nothing is known of most */
        put_percent(t, ctl_double(r, "headroom"));
    else
        table_str(t, STR_NONE);
    put_age(t, r, "changed_ago_ms");
    put_age(t, r, "retry_in_ms");
    table_str(t, ctl_str(r, "why"));
}

struct routes_options {
    const char *provider, *model;
};

static const struct arg routes_args[] = {
    {"--provider", "NAME", "only routes of this provider",
     offsetof(struct routes_options, provider), ARG_ONE},
    {"--model", "NAME",
     "only routes that serve it: a name as a client writes it (also provider/model), or as a "
     "provider calls it",
     offsetof(struct routes_options, model), ARG_ONE},
};

const struct args routes_uses[] = {
    {"", "each route (provider, key, model): weight, share, health, traffic, and why", routes_args,
     ARRAY_LEN(routes_args),
     "Shares are among the routes of one target; with --model among all that serve the name.\n"
     "A name that is not there, or that nobody serves, is an error (exit status 1).\n"},
    ARGS_END,
};

int command_routes(struct ctl *c, int argc, char **argv)
{
    struct routes_options o = {NULL, NULL};
    struct buf path = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, &routes_uses[0], &o) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/routes");
    ctl_query(&path, "provider", o.provider);
    ctl_query(&path, "model", o.model);
    if (c->json) {
        status = ctl_print_list(c, path.data, 0);
    } else {
        table_init(&t, "provider|key|model|state|>weight|>health|>share|>now|>in flight|>calls|"
                       ">errors|>first byte ms|>headroom|>since|>waits|why");
        status = ctl_each(c, path.data, 0, route_row, &t);
        if (status == CTL_OK && table_rows(&t) == 0)
            ctl_nothing(c, "there are no routes: no provider has a key that serves anything");
        if (status == CTL_OK && table_rows(&t) > 0)
            print_table(&t);
        else
            table_fini(&t);
    }
    buf_fini(&path);
    return status;
}

const struct args reload_uses[] = {
    ARGS_NONE("",
              "reads the configuration again, waits, and prints what changed or why nothing did"),
    ARGS_END,
};

int command_reload(struct ctl *c, int argc, char **argv)
{
    const struct json *reply = NULL;
    struct buf text = BUF_INIT;

    if (args_parse(&argc, argv, &reload_uses[0], NULL) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    int status = ctl_call(c, "POST", "/api/reload", STR_NONE, &reply);
    if (status != CTL_OK)
        return status;
    if (c->json) {
        printf("%.*s\n", STR_ARGS(reply->raw));
        return CTL_OK;
    }
    const struct json *changes = json_get(reply, "changes");
    for (const struct json *line = changes != NULL ? changes->child : NULL; line != NULL;
         line = line->next) {
        table_clean(&text, line->text, false);
        buf_char(&text, '\n');
    }
    if (text.len == 0)
        buf_cstr(&text, "nothing changed\n");
    buf_printf(&text, "generation %llu is in force\n",
               (unsigned long long)ctl_u64(reply, "generation"));
    ctl_write(&text);
    buf_fini(&text);
    return CTL_OK;
}
