/*
 * zero - what holds where nothing was said: the loopback listener, providers from the environment.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads: the environment.   Writes: nothing shared.
 * Does not: override anything that a file says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_ZERO_H
#define CONF_ZERO_H

#include "conf/load.h"

/* Every scalar default, before the file is read. */
void zero_config(struct config *c);
/* A listener when there is none, providers when none were declared, require_key. */
void zero_fill(struct load *l);
/* The credentials and models of providers whose declaration leaves them out. */
void zero_complete(struct load *l);

#endif
