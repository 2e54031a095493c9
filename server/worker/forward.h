/*
 * forward - requests for the management API, the dashboard and the metrics: to the admin process.
 *
 * Runs in:  worker.   Reads: published (the token's hash).
 * Over its Unix socket, through the same relay as any answer. Admin decides who may; the worker
 * tells it who asks (x-bf-peer, x-bf-peer-loopback) and lets no client say so itself. Who cannot be
 * let in is asked about without his body, when that is large: refusing him must cost admin nothing.
 * Does not: authenticate, keep a usage record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_FORWARD_H
#define WORKER_FORWARD_H

#include "server/worker/request.h"

/* Is this path the admin process's? */
bool forward_wants(struct str path);

extern step_fn forward_step;

#endif
