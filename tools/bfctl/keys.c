/*
 * keys - virtual keys, teams, customers and model limits: which verbs there are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/entity.h"

#define IMPORT_BYTES_MAX (64u << 20) /* the most that the API takes */

struct rotate_options {
    const char *grace;
};

static const struct arg rotate_args[] = {
    {"--grace", "24h", "the old text works that long (default: no more)",
     offsetof(struct rotate_options, grace), ARG_ONE},
};

#define LIMITS_NOTE "update: none takes a limit, team or customer away.\n"

const struct args keys_uses[] = {
    {"create NAME", "make one; it stands on stdout, once, and is stored nowhere",
     entity_options + 1, ENTITY_OPTIONS - 1, NULL},
    {"list", "those that there are", entity_filters, ENTITY_FILTERS, NULL},
    {"update NAME|ID", "change what is given", entity_options, ENTITY_OPTIONS, LIMITS_NOTE},
    ARGS_NONE("show NAME|ID", "one of them, with what it has used"),
    ARGS_NONE("delete NAME|ID", "end it"),
    ARGS_NONE("revoke NAME|ID", "another word for delete"),
    ARGS_NONE("block NAME|ID", "refuse its requests"),
    ARGS_NONE("unblock NAME|ID", "allow them again"),
    ARGS_NONE("reset NAME|ID", "begin its budgets anew"),
    {"rotate NAME|ID", "a new text, which stands on stdout, once", rotate_args,
     ARRAY_LEN(rotate_args), NULL},
    ARGS_NONE("import FILE", "objects with name, value (or hash) and what the API takes, as a JSON "
                             "array or one in each line; - is stdin; all or none"),
    ARGS_END,
};

#define OWNER_USES(n_options, n_filters)                                                           \
    {"create NAME", "make one", entity_options + 1, (n_options)-1, NULL},                          \
        {"list", "those that there are", entity_filters, n_filters, NULL},                         \
        {"update NAME|ID", "change what is given", entity_options, n_options, LIMITS_NOTE},        \
        ARGS_NONE("show NAME|ID", "one of them, with what it has used"),                           \
        {"delete NAME|ID", "take it away", entity_delete_options, 1, NULL},                        \
        ARGS_NONE("block NAME|ID", "refuse all requests below it"),                                \
        ARGS_NONE("unblock NAME|ID", "allow them again"),                                          \
        ARGS_NONE("reset NAME|ID", "begin its budgets anew"), ARGS_END

const struct args teams_uses[] = {OWNER_USES(ENTITY_OPTIONS_TEAM, ENTITY_FILTERS_TEAM)};
const struct args customers_uses[] = {OWNER_USES(ENTITY_OPTIONS_CUSTOMER, ENTITY_FILTERS_CUSTOMER)};

static const struct entity_verbs of_keys = {
    "keys",
    "/api/keys",
    "virtual key",
    "id|name|active|strict|models|belongs to|limits|created (UTC)|expires|origin|key",
    true,
    true,
    keys_uses};
static const struct entity_verbs of_teams = {
    "teams", "/api/teams", "team",    "id|name|customer|blocked|limits|created (UTC)|origin",
    false,   true,         teams_uses};
static const struct entity_verbs of_customers = {
    "customers", "/api/customers", "customer", "id|name|blocked|limits|created (UTC)|origin", false,
    false,       customers_uses};

static int keys_rotate(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    struct rotate_options o = {NULL};
    const struct json *reply = NULL;
    struct buf path = BUF_INIT, body = BUF_INIT;
    struct str id = STR_NONE;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), &o) != 0 ||
        args_words(argc, argv, 1, 1, "one word, a key's name or id") != 0)
        return CTL_USAGE;
    int status = entity_resolve(c, v, argv[1], &id);
    buf_printf(&path, "%s/%.*s/rotate", v->path, STR_ARGS(id));
    if (o.grace != NULL) {
        buf_cstr(&body, "{\"grace\":");
        buf_json(&body, str_of(o.grace));
        buf_char(&body, '}');
    }
    if (status == CTL_OK)
        status = ctl_call(c, "POST", path.data, buf_view(&body), &reply);
    if (status == CTL_OK && c->json) {
        printf("%.*s\n", STR_ARGS(reply->raw));
    } else if (status == CTL_OK) {
        printf("%.*s\n", STR_ARGS(ctl_str(reply, "key")));
        (void)fprintf(stderr, "rotated; the old text works %s%s\n",
                      o.grace != NULL ? "for another " : "no more", o.grace != NULL ? o.grace : "");
    }
    buf_fini(&path);
    buf_fini(&body);
    return status;
}

/* The file as it is: a JSON array, or one key in each line. */
static int read_file(const char *path, struct buf *out)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    char piece[65536];
    size_t n;

    if (f == NULL)
        return ctl_fail(CTL_FAILED, "cannot open %s", path);
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0 && out->len <= IMPORT_BYTES_MAX)
        buf_add(out, piece, n);
    int failed = ferror(f);
    if (f != stdin)
        (void)fclose(f); /* only read */
    if (failed != 0)
        return ctl_fail(CTL_FAILED, "cannot read %s", path);
    if (out->len > IMPORT_BYTES_MAX)
        return ctl_fail(CTL_FAILED, "%s is longer than the 64 MiB of one import; cut it", path);
    return out->len > 0 ? CTL_OK : ctl_fail(CTL_FAILED, "%s is empty", path);
}

static int keys_import(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    const struct json *reply = NULL;
    struct buf body = BUF_INIT;

    if (args_parse(&argc, argv, args_find(v->uses, argv[0]), NULL) != 0 ||
        args_words(argc, argv, 1, 1, "one word, a file (- is stdin)") != 0)
        return CTL_USAGE;
    int status = read_file(argv[1], &body);
    if (status == CTL_OK)
        status = ctl_call(c, "POST", "/api/keys/import", buf_view(&body), &reply);
    if (status == CTL_OK && c->json)
        printf("%.*s\n", STR_ARGS(reply->raw));
    else if (status == CTL_OK)
        printf("created %llu keys\n", (unsigned long long)ctl_u64(reply, "created"));
    buf_fini(&body);
    return status;
}

static int do_block(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    return entity_post(c, v, argc, argv, "/block", "blocked");
}

static int do_unblock(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    return entity_post(c, v, argc, argv, "/unblock", "unblocked");
}

static int do_reset(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    return entity_post(c, v, argc, argv, "/reset", "began the budgets anew of");
}

static const struct {
    const char *name;
    int (*run)(struct ctl *c, const struct entity_verbs *v, int argc, char **argv);
    bool of_keys_only;
} verbs[] = {
    {"list", entity_list, false},     {"create", entity_create, false},
    {"update", entity_update, false}, {"show", entity_show, false},
    {"delete", entity_delete, false}, {"revoke", entity_delete, true},
    {"rotate", keys_rotate, true},    {"block", do_block, false},
    {"unblock", do_unblock, false},   {"reset", do_reset, false},
    {"import", keys_import, true},
};

static int run(struct ctl *c, const struct entity_verbs *v, int argc, char **argv)
{
    const char *names[ARRAY_LEN(verbs)];
    size_t n = 0;

    if (argc < 2)
        return ctl_fail(CTL_USAGE,
                        "%s what? list, create, update, show, delete, ...; `bfctl help %s` lists "
                        "them with their options",
                        v->command, v->command);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (verbs[i].of_keys_only && !v->is_key)
            continue;
        names[n++] = verbs[i].name;
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(c, v, argc - 1, argv + 1);
    }
    const char *nearest = str_nearest(str_of(argv[1]), names, n);
    return ctl_fail(CTL_USAGE, "%s %s is not known; did you mean %s %s?", v->command, argv[1],
                    v->command, nearest != NULL ? nearest : "list");
}

int command_keys(struct ctl *c, int argc, char **argv)
{
    return run(c, &of_keys, argc, argv);
}

int command_teams(struct ctl *c, int argc, char **argv)
{
    return run(c, &of_teams, argc, argv);
}

int command_customers(struct ctl *c, int argc, char **argv)
{
    return run(c, &of_customers, argc, argv);
}
