/*
 * property - whatever the configuration and the request: resolution ends, within its attempts, and
 * never uses what the key may not use.
 *
 * Runs in:  replay tests.   Reads, writes: the fakes.
 * Does not: know how a route is found; what a key may use is worked out here a second time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REPLAY_PROPERTY_H
#define REPLAY_PROPERTY_H

#include <stdint.h>

#include "server/base/base.h"
#include "server/base/error.h"

/* So many configurations with some requests each, beginning with this seed. */
BF_MUST_CHECK int property_run(uint64_t seed, uint64_t n, struct error *err);

#endif
