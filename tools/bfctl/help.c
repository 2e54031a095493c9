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

static const struct arg global_args[] = {
    {"--socket", "PATH", "the gateway's admin socket (default: where bowfin puts it)", 0, ARG_ONE},
    {"--url", "URL", "talk to it over HTTP instead", 0, ARG_ONE},
    {"--token", "TOKEN", "the admin token for --url (or BOWFIN_ADMIN_TOKEN)", 0, ARG_ONE},
    {"--ca", "FILE", "certificates to trust for https", 0, ARG_ONE},
    {"--json", NULL, "the API's own JSON instead of tables", 0, ARG_ONE},
    {"--help", NULL, "what there is; behind a command: what that takes", 0, ARG_ONE},
};

static const char exit_text[] =
    "\nExit status: 0 done, 1 refused or failed, 2 wrong command line, 3 no gateway reached.\n";

const struct args help_uses[] = {
    ARGS_NONE("[COMMAND [VERB]]", "what there is; with --json all of it, options included"),
    ARGS_END,
};
const struct args version_uses[] = {
    ARGS_NONE("", "the version of bfctl"),
    ARGS_END,
};
const struct args completion_uses[] = {
    ARGS_NONE("bash|zsh|fish", "a completion script: source <(bfctl completion bash)"),
    ARGS_END,
};

/* --- for people --- */

#define OPTION_WIDTH 26 /* of an option with its value, before what it means */
#define LINE_WIDTH 100

/* Words from column `at` on, broken before LINE_WIDTH. */
static void print_wrapped(const char *text, int at)
{
    struct str rest = str_of(text), word;
    int column = at;

    while (str_next(&rest, ' ', &word)) {
        bool is_first = column == at;

        if (!is_first && column + 1 + (int)word.len > LINE_WIDTH) {
            printf("\n%*s", at, "");
            column = at;
            is_first = true;
        }
        printf("%s%.*s", is_first ? "" : " ", STR_ARGS(word));
        column += (int)word.len + !is_first;
    }
    printf("\n");
}

/* Other names stand in the rows behind it. */
static size_t print_option(const struct arg *items, size_t i, size_t n)
{
    char names[128];
    int len = snprintf(names, sizeof(names), "%s", items[i].name);
    size_t next = i + 1;

    for (; next < n && items[next].help == NULL; next++)
        len += snprintf(names + len, sizeof(names) - (size_t)len, ", %s", items[next].name);
    if (items[i].value != NULL)
        (void)snprintf(names + len, sizeof(names) - (size_t)len, " %s%s", items[i].value,
                       items[i].kind == ARG_MANY ? " ..." : "");
    if (strlen(names) > OPTION_WIDTH)
        printf("    %s\n    %*s", names, OPTION_WIDTH + 1, "");
    else
        printf("    %-*s ", OPTION_WIDTH, names);
    print_wrapped(items[i].help, 4 + OPTION_WIDTH + 1);
    return next;
}

static void print_options(const struct args *use)
{
    for (size_t i = 0; i < use->n;)
        i = print_option(use->items, i, use->n);
}

static void print_use(const struct ctl_command *command, const struct args *use)
{
    printf("\n  bfctl %s%s%s%s\n  %s\n", command->name, use->words[0] != '\0' ? " " : "",
           use->words, use->n > 0 ? " [OPTION ...]" : "", use->help);
    print_options(use);
    for (struct str rest = str_of(use->note != NULL ? use->note : ""), line;
         rest.len > 0 && str_next(&rest, '\n', &line) && line.len > 0;)
        printf("    %.*s\n", STR_ARGS(line));
}

static void print_all(void)
{
    printf("usage: bfctl [--socket PATH | --url URL --token T] [--json] COMMAND ...\n\n");
    for (const struct ctl_command *command = ctl_commands; command->name != NULL; command++)
        printf("  %-10s %-31s %s\n", command->name, command->args, command->help);
    printf("\n`bfctl help COMMAND` lists the options of a command.\n"
           "\nOptions, before or behind the command:\n");
    print_options(&(struct args){.items = global_args, .n = ARRAY_LEN(global_args)});
    printf("%s", exit_text);
}

/* --- for programs --- */

static void put_use(struct buf *b, const struct args *use)
{
    buf_cstr(b, "{\"words\":");
    buf_json(b, str_of(use->words));
    buf_cstr(b, ",\"help\":");
    buf_json(b, str_of(use->help));
    buf_cstr(b, ",\"options\":[");
    for (size_t i = 0; i < use->n; i++) {
        const struct arg *arg = &use->items[i];

        buf_cstr(b, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_json(b, str_of(arg->name));
        buf_cstr(b, ",\"value\":");
        if (arg->value != NULL)
            buf_json(b, str_of(arg->value));
        else
            buf_cstr(b, "null");
        buf_printf(b, ",\"repeated\":%s}", arg->kind == ARG_MANY ? "true" : "false");
    }
    buf_cstr(b, "]}");
}

static void put_command(struct buf *b, const struct ctl_command *command)
{
    buf_cstr(b, "{\"name\":");
    buf_json(b, str_of(command->name));
    buf_cstr(b, ",\"help\":");
    buf_json(b, str_of(command->help));
    buf_cstr(b, ",\"uses\":[");
    for (const struct args *use = command->uses; use->words != NULL; use++) {
        if (use != command->uses)
            buf_char(b, ',');
        put_use(b, use);
    }
    buf_cstr(b, "]}");
}

/* `only` NULL: all of them. */
static void print_json(const struct ctl_command *only)
{
    struct buf b = BUF_INIT;
    size_t n = 0;

    buf_cstr(&b, "{\"commands\":[");
    for (const struct ctl_command *command = ctl_commands; command->name != NULL; command++) {
        if (only != NULL && command != only)
            continue;
        if (n++ > 0)
            buf_char(&b, ',');
        put_command(&b, command);
    }
    buf_cstr(&b, "]}\n");
    ctl_write(&b);
    buf_fini(&b);
}

int command_help(struct ctl *c, int argc, char **argv)
{
    const struct ctl_command *only = NULL;
    const struct args *verb = NULL;

    if (argc > 1 && (only = ctl_find(argv[1])) == NULL)
        return CTL_USAGE;
    if (argc > 2 && (verb = args_find(only->uses, argv[2])) == NULL)
        return ctl_fail(CTL_USAGE, "%s has no %s; `bfctl help %s` lists what it has", argv[1],
                        argv[2], argv[1]);
    if (c->json) {
        print_json(only);
    } else if (only == NULL) {
        print_all();
    } else {
        printf("bfctl %s: %s\n", only->name, only->help);
        for (const struct args *use = only->uses; use->words != NULL; use++) {
            if (verb == NULL || use == verb)
                print_use(only, use);
        }
        printf(
            "\nOptions of every command: --socket, --url, --token, --ca, --json (`bfctl help`).\n");
        printf("%s", exit_text + 1);
    }
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
