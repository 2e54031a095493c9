/*
 * check - what no single value shows: names used twice, targets that nobody serves, files.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads: the certificate and CA files.   Writes:
 * nothing.
 * Does not: verify that a certificate and its key belong together (the TLS set-up does), resolve
 * host names, bind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf/config.h"
#include "conf/findings.h"

void check_config(const struct config *c, const struct conf_vendors *vendors, struct findings *f);

#endif
