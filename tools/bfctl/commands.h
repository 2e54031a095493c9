/*
 * commands - the commands, by file.
 *
 * Runs in:  bfctl.   Reads, writes: nothing shared.
 * Each gets its words (argv[0] is its name) and returns the exit status. Does not: exit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BFCTL_COMMANDS_H
#define BFCTL_COMMANDS_H

#include "tools/bfctl/args.h"
#include "tools/bfctl/ctl.h"

typedef int command_fn(struct ctl *c, int argc, char **argv);

command_fn command_status, command_workers, command_routes, command_reload; /* status.c */
command_fn command_check;                                                   /* check.c */
command_fn command_keys, command_teams, command_customers;                  /* keys.c */
command_fn command_budgets;                                                 /* budgets.c */
command_fn command_explain;                                                 /* explain.c */
command_fn command_rule;                                                    /* rules.c */
command_fn command_models;                                                  /* models.c */
command_fn command_usage, command_logs;                                     /* journal.c */
command_fn command_reprice, command_audit;                                  /* money.c */
command_fn command_shadow;                                                  /* shadow.c */
command_fn command_top;                                                     /* top.c */
command_fn command_export;                                                  /* export.c */
command_fn command_completion, command_version, command_help;               /* help.c */

/* What each takes; ARGS_END ends each list. */
extern const struct args status_uses[], check_uses[], reload_uses[], keys_uses[], teams_uses[],
    customers_uses[], budgets_uses[], routes_uses[], explain_uses[], rule_uses[], models_uses[],
    usage_uses[], shadow_uses[], audit_uses[], logs_uses[], top_uses[], workers_uses[],
    export_uses[], completion_uses[], version_uses[], help_uses[];

#endif
