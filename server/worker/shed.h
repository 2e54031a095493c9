/*
 * shed - refuse at once what a full worker cannot take, the least important first.
 *
 * Runs in:  worker.   Reads: published (limits), its own gauges.   Writes: its own slot (stats).
 * A worker is as full as the fuller of two: requests under way of `limits.in_flight`, bytes of bodies
 * held of `limits.buffered_max`. Keys of low priority are refused from 80 % on, normal ones (and who
 * has no key) from 90 %, high ones at 100 %. It is asked behind auth, which knows the key, and before
 * anything is read of the body: a refusal costs a look at two numbers.
 * Does not: wait (queue.h does, for providers), count connections (http_accept.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_SHED_H
#define WORKER_SHED_H

#include "server/worker/request.h"

#define SHED_LOW 80 /* percent */
#define SHED_NORMAL 90
#define SHED_HIGH 100

/* STEP_NEXT; or STEP_FAIL, it is counted, and `limits.in_flight` is set. */
enum step_result shed_look(struct request *r);

#endif
