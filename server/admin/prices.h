/*
 * prices - how a model's price is asked for, as the workers do it.
 *
 * Runs in:  admin.   Reads: published.   Writes: nothing.   Does not: sum.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_PRICES_H
#define ADMIN_PRICES_H

#include "server/base/str.h"
#include "shm/prices.h"
#include "shm/published.h"

/* By the name of a configured provider, else as if a vendor's name were one. */
void price_ask_fill(const struct pub_view *v, struct str provider, struct str model,
                    struct price_ask *out);

#endif
