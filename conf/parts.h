/*
 * parts - the pieces of a vendor's address that differ between accounts: region, project, resource.
 *
 * Runs in:  master, `bowfin -t`, bfctl check.   Reads: the environment.   Writes: nothing shared.
 * Only included inside conf/. Does not: know vendors (config.h describes them).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_PARTS_H
#define CONF_PARTS_H

#include "conf/load.h"

load_set_fn load_set_part; /* const char *: letters, digits, . - _ : */

/* The first of comma-separated variables that is set and not empty: its name in *name. */
const char *parts_env(const struct load *l, const char *names, struct str *name);
/* Would parts_complete find all that this provider's address needs? */
bool parts_are_known(const struct load *l, const struct conf_provider *p,
                     const struct conf_vendor *vendor);
/* Fill p->root from what is said, else from the environment, else from fallbacks. */
void parts_complete(struct load *l, struct conf_provider *p, const struct conf_vendor *vendor);
/* A part of this name: what is said, else found; NULL: nothing. */
const char *parts_get(const struct load *l, const struct conf_provider *p,
                      const struct conf_vendor *vendor, const char *name);

#endif
