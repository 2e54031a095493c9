/*
 * check_models - what can only be said of `models:` when all of the file was read.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * Targets that nobody serves, groups that lead back to themselves, weights without a sum, shares of
 * more than everything, more tags than there are bits. Does not: unfold (groups.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_CHECK_MODELS_H
#define CONF_CHECK_MODELS_H

#include "conf/config.h"
#include "conf/findings.h"

void check_models(const struct config *c, struct findings *f);

#endif
