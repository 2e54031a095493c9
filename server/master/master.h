/*
 * master - load, fork, supervise, reload, drain.
 *
 * Runs in:  master.   Reads: YAML, environment, LMDB config.   Writes: regions published and
 * secrets; dead slots in live.
 * Does not: speak HTTP, call a provider, parse a client's bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

struct options;

/* bowfin's command line. Returns the exit status: 0 asked to stop, 1
 * configuration, 2 usage, 3 could not run. */
int master_command(int argc, char **argv);

/* The daemon's life, from start to end; the same exit status. */
int master_run(const struct options *options);

#endif
