/*
 * keys - list, create and revoke virtual keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/values.h"
#include "server/base/clock.h"
#include "server/base/when.h"
#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

static void key_row(void *ctx, const struct json *k)
{
    struct table *t = ctx;

    table_str(t, ctl_str(k, "id"));
    table_str(t, ctl_str(k, "name"));
    table_str(t, ctl_bool(k, "active") ? STR("yes") : STR("no"));
    table_str(t, ctl_bool(k, "strict") ? STR("yes") : STR("no"));
    table_list(t, json_get(k, "models"), "*");
    table_time(t, ctl_u64(k, "created_ms"));
    table_time(t, ctl_u64(k, "expires_ms"));
    table_str(t, ctl_str(k, "origin"));
    table_str(t, ctl_str(k, "hint"));
}

static int keys_list(struct ctl *c, int argc, char **argv)
{
    const char *name = NULL, *origin = NULL;
    const struct arg args[] = {{"--name", &name, NULL}, {"--origin", &origin, NULL}};
    struct buf path = BUF_INIT, out = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, args, ARRAY_LEN(args)) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/keys");
    if (name != NULL)
        ctl_query(&path, "name", name);
    if (origin != NULL)
        ctl_query(&path, "origin", origin);
    if (c->json) {
        status = ctl_print_list(c, path.data, 0);
    } else {
        table_init(&t, "id|name|active|strict|models|created (UTC)|expires|origin|key");
        status = ctl_each(c, path.data, 0, key_row, &t);
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

/* "30d" from now, or a date. */
static bool parse_expiry(const char *text, uint64_t *out_ms)
{
    uint64_t ms;

    if (value_duration(str_of(text), &ms) && ms > 0) {
        *out_ms = clock_real_ms() + ms;
        return true;
    }
    return when_parse(str_of(text), out_ms);
}

static void write_models(struct buf *body, const char *models)
{
    struct str rest = str_of(models), model;
    bool comma = false;

    buf_cstr(body, ",\"models\":[");
    while (str_next(&rest, ',', &model)) {
        if (comma)
            buf_char(body, ',');
        buf_json(body, str_trim(model));
        comma = true;
    }
    buf_char(body, ']');
}

/* The key alone on stdout, for $(...); the rest is for the reader. */
static void print_created(const struct json *reply)
{
    struct buf text = BUF_INIT;

    table_clean(&text, ctl_str(reply, "key"), false);
    printf("%.*s\n", STR_ARGS(buf_view(&text)));
    buf_clear(&text);
    table_clean(&text, ctl_str(reply, "name"), false);
    (void)fprintf(stderr, "created %.*s, id %.*s; the key is shown only this once\n",
                  STR_ARGS(buf_view(&text)), STR_ARGS(ctl_str(reply, "id")));
    buf_fini(&text);
}

static int keys_create(struct ctl *c, int argc, char **argv)
{
    const char *models = NULL, *expires = NULL;
    bool inactive = false, strict = false;
    const struct arg args[] = {{"--models", &models, NULL},
                               {"--expires", &expires, NULL},
                               {"--inactive", NULL, &inactive},
                               {"--strict", NULL, &strict}};
    const struct json *reply = NULL;
    struct buf body = BUF_INIT;
    uint64_t expires_ms = 0;

    if (args_parse(&argc, argv, args, ARRAY_LEN(args)) != 0 ||
        args_words(argc, argv, 1, 1, "one word, the key's name") != 0)
        return CTL_USAGE;
    if (expires != NULL && !parse_expiry(expires, &expires_ms))
        return ctl_fail(CTL_USAGE, "--expires must be a duration from now (30d) or %s",
                        VALUE_TIME_HELP);
    buf_cstr(&body, "{\"name\":");
    buf_json(&body, str_of(argv[1]));
    if (models != NULL)
        write_models(&body, models);
    if (expires_ms != 0)
        buf_printf(&body, ",\"expires_ms\":%" PRIu64, expires_ms);
    buf_printf(&body, ",\"active\":%s,\"strict\":%s}", inactive ? "false" : "true",
               strict ? "true" : "false");
    int status = ctl_call(c, "POST", "/api/keys", buf_view(&body), &reply);
    if (status == CTL_OK && c->json)
        printf("%.*s\n", STR_ARGS(reply->raw));
    else if (status == CTL_OK)
        print_created(reply);
    buf_fini(&body);
    return status;
}

struct wanted {
    struct str name;
    struct str id; /* of the key with that name; empty: none yet */
};

static void match_name(void *ctx, const struct json *row)
{
    struct wanted *w = ctx;

    if (str_eq(ctl_str(row, "name"), w->name))
        w->id = ctl_str(row, "id");
}

static bool is_id(struct str s)
{
    return s.len == 16 && strspn(s.p, "0123456789abcdefABCDEF") == 16;
}

/* A name is looked up; only what is no name counts as an id. */
static int resolve(struct ctl *c, const char *word, struct str *out_id)
{
    struct wanted w = {str_of(word), STR_NONE};
    struct buf path = BUF_INIT;

    buf_cstr(&path, "/api/keys");
    ctl_query(&path, "name", word);
    int status = ctl_each(c, path.data, 0, match_name, &w);
    buf_fini(&path);
    if (status != CTL_OK)
        return status;
    if (w.id.len == 0 && is_id(w.name))
        w.id = w.name;
    if (w.id.len == 0)
        return ctl_fail(CTL_FAILED, "there is no virtual key named %s", word);
    *out_id = w.id;
    return CTL_OK;
}

static int keys_revoke(struct ctl *c, int argc, char **argv)
{
    const struct json *reply = NULL;
    struct buf path = BUF_INIT;
    struct str id = STR_NONE;

    if (args_parse(&argc, argv, NULL, 0) != 0 ||
        args_words(argc, argv, 1, 1, "one word, a key's name or id") != 0)
        return CTL_USAGE;
    int status = resolve(c, argv[1], &id);
    if (status != CTL_OK)
        return status;
    buf_printf(&path, "/api/keys/%.*s", STR_ARGS(id));
    status = ctl_call(c, "DELETE", path.data, STR_NONE, &reply);
    if (status == CTL_OK && c->json)
        printf("%.*s\n", STR_ARGS(reply->raw));
    else if (status == CTL_OK)
        printf("revoked %.*s\n", STR_ARGS(id));
    buf_fini(&path);
    return status;
}

int command_keys(struct ctl *c, int argc, char **argv)
{
    static const struct {
        const char *name;
        command_fn *run;
    } verbs[] = {{"list", keys_list}, {"create", keys_create}, {"revoke", keys_revoke}};
    const char *names[ARRAY_LEN(verbs)];

    if (argc < 2)
        return ctl_fail(CTL_USAGE, "keys what? list, create or revoke");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(c, argc - 1, argv + 1);
    }
    const char *nearest = str_nearest(str_of(argv[1]), names, ARRAY_LEN(names));
    return ctl_fail(CTL_USAGE, "keys %s is not known; did you mean keys %s?", argv[1],
                    nearest != NULL ? nearest : "list");
}
