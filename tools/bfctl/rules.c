/*
 * rules - routing rules: which there are, in the order in which they are tried; making and taking away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/table.h"

static void rule_row(void *ctx, const struct json *r)
{
    static const char *const scopes[] = {"key", "team", "customer"};
    struct table *t = ctx;
    bool is_owned = false;

    table_printf(t, "%" PRIu64, ctl_u64(r, "place"));
    table_str(t, json_str(json_get(r, "name")));
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        struct str whose = json_str(json_get(r, scopes[i]));

        if (whose.len > 0)
            table_printf(t, "%s %.*s", scopes[i], STR_ARGS(whose));
        is_owned = is_owned || whose.len > 0;
    }
    if (!is_owned)
        table_str(t, STR("everybody"));
    table_printf(t, "%" PRIu64, ctl_u64(r, "priority"));
    table_str(t, json_get(r, "when") != NULL ? ctl_str(r, "when") : STR("always"));
    table_str(t, ctl_str(r, "use"));
    table_str(t, ctl_str(r, "origin"));
}

struct rule_options {
    const char *use, *when, *key, *team, *customer, *priority;
};

#define OPTION(member) offsetof(struct rule_options, member), ARG_ONE

static const struct arg add_args[] = {
    {"--use", "MODEL", "the model that it leads to: a name of models:, or provider/model (needed)",
     OPTION(use)},
    {"--when", "CONDITION", "for which requests, as in the configuration (default: all)",
     OPTION(when)},
    {"--key", "NAME", "only requests of this virtual key", OPTION(key)},
    {"--team", "NAME", "only requests of this team", OPTION(team)},
    {"--customer", "NAME", "only requests of this customer", OPTION(customer)},
    {"--priority", "N", "lower goes first, 0 to 1000000 (default: 100)", OPTION(priority)},
};

const struct args rule_uses[] = {
    ARGS_NONE("list", "the rules of the file and of the API, in the order in which they are tried"),
    {"add NAME", "make a rule; it holds at once", add_args, ARRAY_LEN(add_args),
     "A CONDITION: 'key.team == \"research\" && budget.used > 0.8'; what it may ask for stands in\n"
     "conf/README.md (rules[]) and bowfin.yaml(5). bfctl explain shows which rules hold.\n"},
    ARGS_NONE("remove NAME|ID", "take one away that the API made"),
    ARGS_END,
};

static int list(struct ctl *c, int argc, char **argv)
{
    struct buf out = BUF_INIT;
    struct table t;
    int status;

    if (args_parse(&argc, argv, args_find(rule_uses, "list"), NULL) != 0 ||
        args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (c->json)
        return ctl_print_list(c, "/api/rules", 0);
    table_init(&t, ">place|name|of|>priority|when|use|origin");
    status = ctl_each(c, "/api/rules", 0, rule_row, &t);
    if (status == CTL_OK) {
        if (table_rows(&t) == 0)
            ctl_nothing(c, "there are no rules");
        else
            table_print(&t, &out);
        ctl_write(&out);
    }
    buf_fini(&out);
    table_fini(&t);
    return status;
}

static void put(struct buf *b, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    buf_json(b, str_of(value));
}

static int add(struct ctl *c, int argc, char **argv)
{
    struct rule_options o = {.use = NULL};
    const struct json *made;
    struct buf body = BUF_INIT;
    uint64_t n = 0;
    int status;

    if (args_parse(&argc, argv, args_find(rule_uses, "add"), &o) != 0 ||
        args_words(argc, argv, 1, 1, "the rule's name") != 0)
        return CTL_USAGE;
    if (o.use == NULL)
        return ctl_fail(CTL_USAGE, "--use is missing: the model that the rule leads to");
    if (o.priority != NULL && !str_parse_u64(str_of(o.priority), &n))
        return ctl_fail(CTL_USAGE, "--priority must be a whole number, is %s", o.priority);
    buf_char(&body, '{');
    put(&body, "name", argv[1]);
    put(&body, "use", o.use);
    put(&body, "when", o.when);
    put(&body, "key", o.key);
    put(&body, "team", o.team);
    put(&body, "customer", o.customer);
    if (o.priority != NULL)
        buf_printf(&body, ",\"priority\":%" PRIu64, n);
    buf_char(&body, '}');
    status = ctl_call(c, "POST", "/api/rules", buf_view(&body), &made);
    buf_fini(&body);
    if (status == CTL_OK && c->json)
        printf("%.*s\n", STR_ARGS(made->raw));
    else if (status == CTL_OK)
        printf("rule %s has place %" PRIu64 "\n", argv[1], ctl_u64(made, "place"));
    return status;
}

static int take_away(struct ctl *c, int argc, char **argv)
{
    const struct json *gone;
    struct buf path = BUF_INIT;
    int status;

    if (args_parse(&argc, argv, args_find(rule_uses, "remove"), NULL) != 0 ||
        args_words(argc, argv, 1, 1, "the rule's name or id") != 0)
        return CTL_USAGE;
    buf_cstr(&path, "/api/rules/");
    for (const char *p = argv[1]; *p != '\0'; p++)
        buf_printf(&path, "%%%02X", (unsigned char)*p);
    status = ctl_call(c, "DELETE", path.data, STR_NONE, &gone);
    buf_fini(&path);
    if (status == CTL_OK && c->json)
        printf("%.*s\n", STR_ARGS(gone->raw));
    else if (status == CTL_OK)
        printf("rule %s is gone\n", argv[1]);
    return status;
}

int command_rule(struct ctl *c, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct ctl *c, int argc, char **argv);
    } verbs[] = {{"list", list}, {"add", add}, {"remove", take_away}};

    const char *names[ARRAY_LEN(verbs)];

    if (argc < 2)
        return ctl_fail(CTL_USAGE,
                        "rule what? list, add, remove; `bfctl help rule` lists their options");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(c, argc - 1, argv + 1);
    }
    const char *nearest = str_nearest(str_of(argv[1]), names, ARRAY_LEN(names));
    return ctl_fail(CTL_USAGE, "rule %s is not known; did you mean rule %s?", argv[1],
                    nearest != NULL ? nearest : "list");
}
