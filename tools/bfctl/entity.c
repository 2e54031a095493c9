/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/bfctl/entity.h"

#include <stdio.h>
#include <string.h>

#include "tools/bfctl/table.h"

struct wanted {
    struct str name;
    struct str id; /* of the one with that name; empty: none yet */
};

static void match_name(void *ctx, const struct json *row)
{
    struct wanted *w = ctx;

    if (str_eq(ctl_str(row, "name"), w->name) || str_eq(ctl_str(row, "model"), w->name))
        w->id = ctl_str(row, "id");
}

static bool is_id(struct str s)
{
    return s.len == 16 && strspn(s.p, "0123456789abcdefABCDEF") == 16;
}

struct known {
    const char *names[CTL_PAGE];
    size_t n;
    struct arena *arena;
};

static void keep_name(void *ctx, const struct json *row)
{
    struct known *known = ctx;

    if (known->n < CTL_PAGE)
        known->names[known->n++] = arena_cstr(
            known->arena, ctl_str(row, json_get(row, "name") != NULL ? "name" : "model"));
}

/* Nobody has this name: one that is like it, if there is any among the first. */
static int refuse(struct ctl *c, const struct entity_verbs *v, const char *word)
{
    struct known *known = arena_zalloc(c->arena, sizeof(*known));

    known->arena = c->arena;
    int status = ctl_each(c, v->path, CTL_PAGE, keep_name, known);
    if (status != CTL_OK)
        return status;
    const char *nearest = str_nearest(str_of(word), known->names, known->n);
    if (nearest != NULL)
        return ctl_fail(CTL_FAILED, "there is no %s named %s; did you mean %s?", v->noun, word,
                        nearest);
    return ctl_fail(CTL_FAILED,
                    "there is no %s named %s; `bfctl %s list` shows those that there are", v->noun,
                    word, v->command);
}

int entity_resolve(struct ctl *c, const struct entity_verbs *v, const char *word,
                   struct str *out_id)
{
    struct wanted w = {str_of(word), STR_NONE};
    struct buf path = BUF_INIT;

    buf_cstr(&path, v->path);
    ctl_query(&path, "name", word);
    int status = ctl_each(c, path.data, 0, match_name, &w);
    buf_fini(&path);
    if (status != CTL_OK)
        return status;
    if (w.id.len == 0 && is_id(w.name))
        w.id = w.name;
    if (w.id.len == 0)
        return refuse(c, v, word);
    *out_id = w.id;
    return CTL_OK;
}

void entity_money(struct buf *out, struct str amount)
{
    ptrdiff_t point = str_index(amount, '.');

    while (point >= 0 && amount.len > (size_t)point + 3 && amount.p[amount.len - 1] == '0')
        amount.len--;
    table_clean(out, amount, false);
}

static void rule_text(struct buf *out, const struct json *rule)
{
    static const char *const classes[] = {"requests", "tokens", "tokens_in", "tokens_out"};

    if (out->len > 0)
        buf_cstr(out, ", ");
    if (json_get(rule, "limit") != NULL) {
        buf_char(out, '$');
        entity_money(out, ctl_str(rule, "limit"));
        buf_printf(out, "/%.*s", STR_ARGS(ctl_str(rule, "window")));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (json_get(rule, classes[i]) != NULL)
            buf_printf(out, "%.*s %s/%.*s", STR_ARGS(ctl_str(rule, classes[i])), classes[i],
                       STR_ARGS(ctl_str(rule, "per")));
    }
}

void entity_rules_cell(struct table *t, const struct json *entity)
{
    static const char *const lists[] = {"budgets", "rate_limits"};
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct json *list = json_get(entity, lists[i]);

        for (const struct json *r = list != NULL ? list->child : NULL; r != NULL; r = r->next)
            rule_text(&text, r);
    }
    if (json_get(entity, "concurrency") != NULL)
        buf_printf(&text, "%s%llu at once", text.len > 0 ? ", " : "",
                   (unsigned long long)ctl_u64(entity, "concurrency"));
    table_str(t, buf_view(&text));
    buf_fini(&text);
}

struct listing {
    const struct entity_verbs *v;
    struct table t;
};

static void put_row(void *ctx, const struct json *e)
{
    struct listing *l = ctx;
    struct table *t = &l->t;

    table_str(t, ctl_str(e, "id"));
    table_str(t, ctl_str(e, json_get(e, "name") != NULL ? "name" : "model"));
    if (l->v->is_key) {
        table_str(t, ctl_bool(e, "active") ? STR("yes") : STR("no"));
        table_str(t, ctl_bool(e, "strict") ? STR("yes") : STR("no"));
        table_list(t, json_get(e, "models"), "*");
        table_str(t, ctl_str(e, json_get(e, "team") != NULL ? "team" : "customer"));
    } else if (l->v->has_customer) {
        table_str(t, ctl_str(e, "customer"));
    }
    if (!l->v->is_key)
        table_str(t, ctl_bool(e, "blocked") ? STR("yes") : STR("no"));
    entity_rules_cell(t, e);
    table_time(t, ctl_u64(e, "created_ms"));
    if (l->v->is_key)
        table_time(t, ctl_u64(e, "expires_ms"));
    table_str(t, ctl_str(e, "origin"));
    if (l->v->is_key)
        table_str(t, ctl_str(e, "hint"));
}

static int print_list(struct ctl *c, const struct entity_verbs *v, const char *path)
{
    bool is_filtered = strchr(path, '?') != NULL;
    struct listing l = {.v = v};
    struct buf out = BUF_INIT;

    if (c->json)
        return ctl_print_list(c, path, 0);
    table_init(&l.t, v->columns);
    int status = ctl_each(c, path, 0, put_row, &l);
    if (status == CTL_OK && table_rows(&l.t) == 0) {
        ctl_nothing(c, is_filtered ? "no %s matches" : "there is no %s", v->noun);
    } else if (status == CTL_OK) {
        table_print(&l.t, &out);
        ctl_write(&out);
    }
    table_fini(&l.t);
    buf_fini(&out);
    return status;
}

struct filters {
    const char *name, *origin, *tag, *customer, *team;
};

#define FILTER(member) offsetof(struct filters, member), ARG_ONE

const struct arg entity_filters[ENTITY_FILTERS] = {
    {"--name", "GLOB", "called so", FILTER(name)},
    {"--origin", "file|api", "made by the file, or by the API", FILTER(origin)},
    {"--tag", "TAG", "that have this tag", FILTER(tag)},
    {"--customer", "NAME", "of this customer", FILTER(customer)},
    {"--team", "NAME", "of this team", FILTER(team)},
};

int entity_list(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    struct filters f = {.name = NULL};
    struct buf path = BUF_INIT;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), &f) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    buf_cstr(&path, v->path);
    ctl_query(&path, "name", f.name);
    ctl_query(&path, "origin", f.origin);
    ctl_query(&path, "tag", f.tag);
    ctl_query(&path, "customer", f.customer);
    ctl_query(&path, "team", f.team);
    int status = print_list(c, v, path.data);
    buf_fini(&path);
    return status;
}

static void print_raw(const struct json *reply)
{
    printf("%.*s\n", STR_ARGS(reply->raw));
}

static void tell(const struct entity_verbs *v, const char *done, const struct json *reply)
{
    struct buf text = BUF_INIT;

    table_clean(&text, ctl_str(reply, json_get(reply, "name") != NULL ? "name" : "model"), false);
    printf("%s %s %.*s, id %.*s\n", done, v->noun, STR_ARGS(buf_view(&text)),
           STR_ARGS(ctl_str(reply, "id")));
    buf_fini(&text);
}

/* The key alone on stdout, for $(...); the rest is for the reader. */
static void tell_key(const struct json *reply)
{
    const struct json *defaults = json_get(reply, "defaults");
    struct buf text = BUF_INIT;

    table_clean(&text, ctl_str(reply, "key"), false);
    printf("%.*s\n", STR_ARGS(buf_view(&text)));
    buf_clear(&text);
    table_clean(&text, ctl_str(reply, "name"), false);
    (void)fprintf(stderr, "created %.*s, id %.*s; the key is shown only this once\n",
                  STR_ARGS(buf_view(&text)), STR_ARGS(ctl_str(reply, "id")));
    for (const struct json *d = defaults != NULL ? defaults->child : NULL; d != NULL; d = d->next) {
        buf_clear(&text);
        table_clean(&text, json_str(d), false);
        (void)fprintf(stderr, "  default: %.*s\n", STR_ARGS(buf_view(&text)));
    }
    buf_fini(&text);
}

int entity_create(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    struct entity_options o = {0};
    const struct json *reply = NULL;
    struct buf body = BUF_INIT;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), &o) != 0 ||
        args_words(argc, argv, 1, 1, "one word, the name") != 0)
        return CTL_USAGE;
    o.name = argv[1];
    int status = entity_body(&o, false, &body);
    if (status == CTL_OK)
        status = ctl_call(c, "POST", v->path, buf_view(&body), &reply);
    if (status == CTL_OK && c->json)
        print_raw(reply);
    else if (status == CTL_OK && v->is_key)
        tell_key(reply);
    else if (status == CTL_OK)
        tell(v, "created", reply);
    buf_fini(&body);
    return status;
}

int entity_path(struct ctl *c, const struct entity_verbs *v, int argc, char **argv, const char *end,
                struct buf *out)
{
    struct str id = STR_NONE;

    if (args_words(argc, argv, 1, 1, "one word, a name or an id") != 0)
        return CTL_USAGE;
    int status = entity_resolve(c, v, argv[1], &id);
    if (status == CTL_OK)
        buf_printf(out, "%s/%.*s%s", v->path, STR_ARGS(id), end);
    return status;
}

int entity_update(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    struct entity_options o = {0};
    const struct json *reply = NULL;
    struct buf body = BUF_INIT, path = BUF_INIT;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), &o) != 0)
        return CTL_USAGE;
    int status = entity_body(&o, true, &body);
    if (status == CTL_OK && body.len == 2)
        status = ctl_fail(CTL_USAGE, "%s update: say what to change (--budget, --models, ...)",
                          v->command);
    if (status == CTL_OK)
        status = entity_path(c, v, argc, argv, "", &path);
    if (status == CTL_OK)
        status = ctl_call(c, "PATCH", path.data, buf_view(&body), &reply);
    if (status == CTL_OK && c->json)
        print_raw(reply);
    else if (status == CTL_OK)
        tell(v, "updated", reply);
    buf_fini(&body);
    buf_fini(&path);
    return status;
}

struct delete_options {
    const char *children;
};

const struct arg entity_delete_options[1] = {
    {"--children", "WORD", "refuse (default), reparent or delete: what becomes of those below it",
     offsetof(struct delete_options, children), ARG_ONE},
};

int entity_delete(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    struct delete_options o = {NULL};
    const struct json *reply = NULL;
    struct buf path = BUF_INIT;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), &o) != 0)
        return CTL_USAGE;
    int status = entity_path(c, v, argc, argv, "", &path);
    if (status == CTL_OK)
        ctl_query(&path, "children", o.children);
    if (status == CTL_OK)
        status = ctl_call(c, "DELETE", path.data, STR_NONE, &reply);
    if (status == CTL_OK && c->json)
        print_raw(reply);
    else if (status == CTL_OK)
        printf("%s %.*s\n", strcmp(argv[0], "revoke") == 0 ? "revoked" : "deleted",
               STR_ARGS(ctl_str(reply, "id")));
    buf_fini(&path);
    return status;
}

int entity_post(struct ctl *c, const struct entity_verbs *v, int argc, char **argv,
                const char *verb, const char *done)
{
    const struct json *reply = NULL;
    struct buf path = BUF_INIT;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), NULL) != 0)
        return CTL_USAGE;
    int status = entity_path(c, v, argc, argv, verb, &path);
    if (status == CTL_OK)
        status = ctl_call(c, "POST", path.data, STR_NONE, &reply);
    if (status == CTL_OK && c->json)
        print_raw(reply);
    else if (status == CTL_OK)
        tell(v, done, reply);
    buf_fini(&path);
    return status;
}
