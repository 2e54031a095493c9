/*
 * help - help, version, completion: what needs no gateway.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "tools/bfctl/args.h"
#include "tools/bfctl/commands.h"

/* The scripts that `make install` installs, put into the program as they are. */
#define EMBED(symbol, path)                                                                        \
    __asm__(".section .rodata\n" symbol ":\n.incbin \"" path "\"\n.byte 0\n.previous\n")

EMBED("completion_bash", "tools/completions/bfctl.bash");
EMBED("completion_zsh", "tools/completions/_bfctl");
EMBED("completion_fish", "tools/completions/bfctl.fish");
extern const char completion_bash[], completion_zsh[], completion_fish[];

static void print_command(const struct ctl_command *command)
{
    printf("  %-10s %-31s %s\n", command->name, command->args, command->help);
}

static const char options_text[] =
    "Options, before or behind the command:\n"
    "  --socket PATH   the gateway's admin socket (default: where bowfin puts it)\n"
    "  --url URL       talk to it over HTTP instead\n"
    "  --token TOKEN   the admin token for --url (or BOWFIN_ADMIN_TOKEN)\n"
    "  --ca FILE       certificates to trust for https\n"
    "  --json          the API's own JSON instead of tables\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong command line, 3 no gateway reached.\n";

static const char keys_text[] =
    "  keys create NAME [--models GLOB,GLOB...] [--deny-models GLOB,...] [--team NAME]\n"
    "              [--customer NAME] [--expires 30d|2027-01-31] [--inactive] [--strict]\n"
    "              [--priority high|normal|low]\n"
    "              [--value TEXT] and the options below\n"
    "              the key stands on stdout, once; it is stored nowhere\n"
    "  keys list   [--name GLOB] [--origin file|api] [--team NAME] [--customer NAME] [--tag TAG]\n"
    "  keys update NAME|ID [--name NEW] [the options of create; none takes one away]\n"
    "  keys show | delete | block | unblock | reset NAME|ID   (revoke is delete)\n"
    "  keys rotate NAME|ID [--grace 24h]: a new text; the old one works that long\n"
    "  keys import FILE: a JSON array, or a key in each line; all of them or none\n";

static const char owners_text[] =
    "  teams, customers: create | update | list | show | delete | block | unblock | reset NAME|ID\n"
    "              teams take --customer NAME; delete [--children refuse|reparent|delete]\n"
    "  Options of keys, teams and customers:\n"
    "    --budget 1000 or 5/1d,100/1M     dollars in a window (1m 5m 1h 1d 1w 1M 1Q 1Y, 7d)\n"
    "    --rate-limit 100 or 100/1m,5000/1d   requests; --token-limit 100000/1m   tokens\n"
    "    --concurrency N   requests at the same time;   --tags A,B\n";

static const char budgets_text[] =
    "  budgets     [--kind customer|team|key|model_limit|provider] [--name GLOB] [--team NAME]\n"
    "              [--customer NAME]: limit, used, held by requests under way, left\n";

static const char journal_text[] =
    "  Filters of usage and logs: --key NAME|ID|none  --team NAME|ID|none  --customer "
    "NAME|ID|none\n"
    "                             --model NAME  --provider NAME\n"
    "                             --since TIME  --until TIME  (logs: --status 404|4xx)\n"
    "  TIME is 2026-11-22, 2026-11-22T16:45:00Z, or an age: 15m, 24h, 7d.\n"
    "  usage --by LIST: of day, customer, team, key, provider, model with commas\n"
    "                   (default: key,provider,model).\n"
    "  usage reprice --from TIME --to TIME [--prices FILE]: what the log's tokens would have cost "
    "with\n"
    "                the book in force, or with FILE's entries before it; nothing is changed.\n"
    "  logs: the newest N requests (--limit, default 50), oldest first; -f goes on from there.\n";

int command_help(struct ctl *c, int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    bool found = false;

    (void)c;
    printf("usage: bfctl [--socket PATH | --url URL --token T] [--json] COMMAND ...\n\n");
    for (const struct ctl_command *command = ctl_commands; command->name != NULL; command++) {
        if (only != NULL && strcmp(only, command->name) != 0)
            continue;
        print_command(command);
        found = true;
    }
    if (only != NULL && !found)
        return ctl_fail(CTL_USAGE, "there is no command %s", only);
    if (only == NULL || strcmp(only, "keys") == 0)
        printf("\n%s", keys_text);
    if (only == NULL || strcmp(only, "keys") == 0 || strcmp(only, "teams") == 0 ||
        strcmp(only, "customers") == 0)
        printf("\n%s", owners_text);
    if (only == NULL || strcmp(only, "budgets") == 0)
        printf("\n%s", budgets_text);
    if (only == NULL || strcmp(only, "usage") == 0 || strcmp(only, "logs") == 0)
        printf("\n%s", journal_text);
    printf("\n%s", options_text);
    return CTL_OK;
}

int command_version(struct ctl *c, int argc, char **argv)
{
    if (args_words(argc, argv, 0, 0, "no words") != 0)
        return CTL_USAGE;
    if (c->json)
        printf("{\"version\":\"%s\"}\n", BF_VERSION);
    else
        printf("bfctl %s\n", BF_VERSION);
    return CTL_OK;
}

int command_completion(struct ctl *c, int argc, char **argv)
{
    const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

    (void)c;
    if (args_words(argc, argv, 1, 1, "one word: bash, zsh or fish") != 0)
        return CTL_USAGE;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (strcmp(argv[1], scripts[i].shell) == 0) {
            (void)fputs(scripts[i].script, stdout);
            return CTL_OK;
        }
    }
    return ctl_fail(CTL_USAGE, "there is no completion for %s, only for bash, zsh and fish",
                    argv[1]);
}
