/*
 * outcome - what came of an attempt: for the route's health, for the client, and for the next attempt.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * The table of what is safe to try again stands here. Does not: try (relay_step), count (attempt.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_OUTCOME_H
#define WORKER_OUTCOME_H

#include "server/worker/request.h"

/* What follows an attempt that ended so, as long as nothing of it has gone to the client. */
struct outcome_rule {
    bool is_tried_again; /* on another route */
    bool is_for_work;    /* ... only where a model was to work: nothing else is done twice */
    bool is_of_provider; /* others first; itself again only after a pause (retry.h) */
};
const struct outcome_rule *outcome_rule(enum sample_outcome outcome);
/* May another route answer better than with this status? */
bool outcome_may_improve(int status);
/* A chat stream says that it is over; one that just stops was cut, whatever its framing says. */
bool outcome_is_cut(const struct request *r);
/* Nothing has gone out, and another route may do better: refused, dead before it said a word, too slow
 * to begin, or failed before the first content. */
bool outcome_is_worth_another(const struct request *r);
/* A head that looks good, but its content-type cannot be that of a model's answer. None at all may be. */
bool outcome_is_page(const struct request *r, const struct upstream_head *head);
/* What the client is told of a call that did not end well. */
const struct fail *outcome_fail(const struct request *r);

#endif
