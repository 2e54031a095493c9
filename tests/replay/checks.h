/*
 * checks - the CHECK_ lines of a scenario.
 *
 * Runs in:  replay tests.   Reads: the fakes.   Writes: nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REPLAY_CHECKS_H
#define REPLAY_CHECKS_H

#include "server/base/error.h"
#include "server/base/str.h"

BF_MUST_CHECK int check_run(struct str word, struct str text, struct error *err);
/*
 * What must hold at the end of every scenario, however it was cut short: nothing is under way,
 * counted, pending or taken, and whoever was answered had been settled before the last byte.
 */
BF_MUST_CHECK int check_rest(struct error *err);

#endif
