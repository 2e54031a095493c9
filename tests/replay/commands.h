/*
 * commands - what the lines of a scenario do and check.
 *
 * Runs in:  replay tests.   Reads, writes: the fakes.   The list of words is in README.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REPLAY_COMMANDS_H
#define REPLAY_COMMANDS_H

#include "server/base/error.h"
#include "tests/replay/scenario.h"

/* Carry out one command; 0, or -1 with what was expected and what there was. */
BF_MUST_CHECK int command_run(const struct command *c, struct error *err);
/* Is it a check (left out where a scenario is cut short)? */
bool command_is_check(const struct command *c);

#endif
