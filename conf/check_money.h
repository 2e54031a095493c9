/*
 * check_money - do customers, teams and keys name one another rightly?
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads, writes: nothing shared.
 * What the file declares belongs to what the file declares: it is whole without the API's.
 * Only included inside conf/. Does not: check one value by itself (load_rules.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_CHECK_MONEY_H
#define CONF_CHECK_MONEY_H

#include "conf/findings.h"
#include "conf/money.h"
#include "conf/set.h"

/* Names that keys may belong to, found by hashing: there are many keys. */
struct parents {
    struct set customers, teams, providers;
    const char *last; /* a team that was found: neighbours often have the same */
};
void check_parents_init(struct parents *p, const struct config *c);
void check_parents_fini(struct parents *p);
void check_key_parents(const struct config *c, const struct conf_virtual_key *k, struct parents *p,
                       struct findings *f);
/* Do its texts fit a row of the key table? Also for the API's keys. */
void check_key_size(const struct conf_virtual_key *k, struct findings *f);
/* Customers, teams and model limits among themselves. */
void check_money(const struct config *c, struct findings *f);

#endif
