/*
 * onward - when a name is left for its fallbacks, though it has routes that were not tried.
 *
 * Runs in:  worker.   Reads: published, weights (through balance).   Writes: nothing shared.
 * Fallbacks are there for the day on which a name's routes are dead, so these must not eat up what a
 * request may do:
 *   - a name none of whose routes is well (all open, or told to wait) is passed over, before the first attempt
 *     too, when a later one is well. Half-open routes count as well: traffic heals them.
 *   - of limits.attempts each later name that is well keeps one. Where the last failure was a provider key's own
 *     (refused, rate limited), or another provider of the same name is well, one is kept for all of
 *     them together: the model that was asked for goes before another one. Every name gets an attempt.
 *   - when limits.retry_ratio is used up, a fallback of a provider that is well may still be asked, and nothing
 *     else: that adds no load where the outage is, and once it fails as well its routes open.
 * Does not: choose routes (route.c), know the lists (course.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ONWARD_H
#define WORKER_ONWARD_H

#include <stdbool.h>

struct candidates;
struct request;

/* Leave the name whose routes these are? `is_narrow`: they are those of retry_narrow. */
bool onward_is_time(struct request *r, const struct candidates *found, bool is_narrow);
/* Is any of its routes to be asked by its own right, not only because nothing else is left? */
bool onward_name_is_well(struct request *r, const struct candidates *found);
/* No retry is left in the budget: is a fallback well? Then the next attempt is at one. */
bool onward_may_step_aside(struct request *r);
/* ... and was that said of the attempt that comes next? */
bool onward_is_aside(const struct request *r);

#endif
