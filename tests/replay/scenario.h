/*
 * scenario - a scenario file as a list of commands.
 *
 * Runs in:  replay tests.   Reads: the file.   Writes: nothing shared.
 * One command a line: a word and its text, in which \n \r \t \\ \" and \xNN stand for bytes. CONFIG
 * takes the lines up to END as they are. '#' begins a comment line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REPLAY_SCENARIO_H
#define REPLAY_SCENARIO_H

#include "server/base/arena.h"
#include "server/base/error.h"
#include "server/base/str.h"

#define COMMANDS_MAX 200

struct command {
    struct str word, text;
    int line;
};

struct scenario {
    const char *path;
    struct arena *arena;
    struct command commands[COMMANDS_MAX];
    size_t n;
};

BF_MUST_CHECK int scenario_load(const char *path, struct scenario *out, struct error *err);
void scenario_fini(struct scenario *s);

#endif
