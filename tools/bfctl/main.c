/*
 * bfctl - the administrator's command line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bfctl/client.h"
#include "tools/bfctl/commands.h"
#include "tools/bfctl/ctl.h"

const struct ctl_command ctl_commands[] = {
    {"status", "", "what runs, since when, how much", command_status, status_uses},
    {"check", "[FILE]", "is this configuration sound? (as bowfin -t)", command_check, check_uses},
    {"reload", "", "load the configuration again; prints what changed or why not", command_reload,
     reload_uses},
    {"keys", "list|create|update|show ...", "virtual keys", command_keys, keys_uses},
    {"teams", "list|create|update|show ...", "teams: budgets that keys share", command_teams,
     teams_uses},
    {"customers", "list|create|update|show ...", "customers: budgets that teams share",
     command_customers, customers_uses},
    {"budgets", "[--kind KIND] [--name G] ...", "what is used and left of every budget",
     command_budgets, budgets_uses},
    {"routes", "[--provider P] [--model M]", "weights and health of every route, and why",
     command_routes, routes_uses},
    {"explain", "--model NAME [--key KEY] ...", "what a request would get, step by step",
     command_explain, explain_uses},
    {"rule", "list|add ...|remove NAME", "which model serves which request", command_rule,
     rule_uses},
    {"models", "", "the models that clients may use, and what is known of them", command_models,
     models_uses},
    {"usage", "[--by LIST] ... | reprice ...", "who spent what; what it would cost", command_usage,
     usage_uses},
    {"shadow", "[--model M] [--since TIME]", "routes compared with their shadows", command_shadow,
     shadow_uses},
    {"audit", "money", "do counters, journal and log agree? (exit 1: no)", command_audit,
     audit_uses},
    {"logs", "[-f] [--limit N] ...", "one line per request; -f follows", command_logs, logs_uses},
    {"top", "[--once] [--interval SECONDS]", "a live table of workers and routes", command_top,
     top_uses},
    {"workers", "", "the worker processes", command_workers, workers_uses},
    {"export", "", "everything as YAML: configuration and virtual keys", command_export,
     export_uses},
    {"completion", "bash|zsh|fish", "a completion script for the shell", command_completion,
     completion_uses},
    {"version", "", "the version of bfctl", command_version, version_uses},
    {"help", "[COMMAND [VERB]]", "this text; of a command with its options", command_help,
     help_uses},
    {NULL, NULL, NULL, NULL, NULL},
};

struct global {
    const char *name;
    const char **value;
    bool *flag;
};

/* Global options may stand before or behind the command. Returns words taken, 0: not one, -1. */
static int take_global(int argc, char **argv, int i, const struct global *globals, size_t n)
{
    for (size_t g = 0; g < n; g++) {
        size_t len = strlen(globals[g].name);

        if (strncmp(argv[i], globals[g].name, len) != 0)
            continue;
        if (globals[g].flag != NULL && argv[i][len] == '\0') {
            *globals[g].flag = true;
            return 1;
        }
        if (globals[g].flag != NULL && argv[i][len] == '=' && len > 2)
            return ctl_fail(-1, "%s takes no value", globals[g].name);
        if (globals[g].value != NULL && argv[i][len] == '=') {
            *globals[g].value = argv[i] + len + 1;
            return 1;
        }
        if (globals[g].value != NULL && argv[i][len] == '\0') {
            if (i + 1 >= argc)
                return ctl_fail(-1, "%s needs a value", globals[g].name);
            *globals[g].value = argv[i + 1];
            return 2;
        }
    }
    return 0;
}

static int take_globals(struct ctl *c, int *argc, char **argv, bool *out_help, bool *out_version)
{
    const struct global globals[] = {
        {"--socket", &c->socket, NULL}, {"--url", &c->url, NULL},
        {"--token", &c->token, NULL},   {"--ca", &c->ca_file, NULL},
        {"--json", NULL, &c->json},     {"--help", NULL, out_help},
        {"-h", NULL, out_help},         {"--version", NULL, out_version},
    };
    int out = 1;

    for (int i = 1; i < *argc;) {
        int taken = take_global(*argc, argv, i, globals, ARRAY_LEN(globals));

        if (taken < 0)
            return -1;
        if (taken == 0)
            argv[out++] = argv[i++];
        i += taken;
    }
    *argc = out;
    return 0;
}

const struct ctl_command *ctl_find(const char *name)
{
    const char *names[ARRAY_LEN(ctl_commands)];
    size_t n = 0;

    for (; ctl_commands[n].name != NULL; n++) {
        names[n] = ctl_commands[n].name;
        if (strcmp(name, names[n]) == 0)
            return &ctl_commands[n];
    }
    const char *nearest = str_nearest(str_of(name), names, n);
    if (nearest != NULL)
        (void)ctl_fail(CTL_USAGE, "unknown command %s; did you mean %s?", name, nearest);
    else
        (void)ctl_fail(CTL_USAGE, "unknown command %s; `bfctl help` lists what there is", name);
    return NULL;
}

/* Before a command stand options of all commands only. */
static int refuse_option(const char *word)
{
    static const char *const names[] = {"--socket", "--url",  "--token",  "--ca",
                                        "--json",   "--help", "--version"};
    const char *nearest = str_nearest(str_of(word), names, ARRAY_LEN(names));

    if (nearest != NULL)
        return ctl_fail(CTL_USAGE, "unknown option %s; did you mean %s?", word, nearest);
    return ctl_fail(CTL_USAGE,
                    "unknown option %s before the command; `bfctl help` lists what there "
                    "is",
                    word);
}

static int run(struct ctl *c, int argc, char **argv)
{
    bool help = false, version = false;
    char *help_words[] = {"help", NULL, NULL, NULL};

    if (take_globals(c, &argc, argv, &help, &version) != 0)
        return CTL_USAGE;
    if (version)
        return command_version(c, 1, (char *[]){"version", NULL});
    if (help) {
        for (int i = 1; i < argc && i < 3 && argv[i][0] != '-'; i++)
            help_words[i] = argv[i];
        return command_help(c,
                            help_words[1] == NULL   ? 1
                            : help_words[2] == NULL ? 2
                                                    : 3,
                            help_words);
    }
    if (argc < 2) {
        (void)command_help(c, 1, help_words);
        return CTL_USAGE;
    }
    if (c->socket != NULL && c->url != NULL)
        return ctl_fail(CTL_USAGE, "--socket and --url exclude each other");
    if (argv[1][0] == '-')
        return refuse_option(argv[1]);
    const struct ctl_command *command = ctl_find(argv[1]);
    return command != NULL ? command->run(c, argc - 1, argv + 1) : CTL_USAGE;
}

int main(int argc, char **argv)
{
    struct ctl c = {.token = getenv("BOWFIN_ADMIN_TOKEN")};

    /* A closed pipe (`bfctl logs | head`) is an error of write, not a death without a word. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (c.token != NULL && c.token[0] == '\0')
        c.token = NULL;
    c.parser = json_parser_create();
    c.arena = arena_create(65536);
    int status = ctl_flush(run(&c, argc, argv));
    client_free(c.client);
    arena_free(c.arena);
    json_parser_free(c.parser);
    return status;
}
