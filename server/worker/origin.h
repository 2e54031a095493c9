/*
 * origin - does a request come from a web page that has no business here?
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * Where no key is needed (a listener on loopback), any page that the machine's user looks at could
 * have its browser send requests, and they would cost money. A browser tells: in Origin and
 * Sec-Fetch-Site; with DNS rebinding Origin and Host agree, but do not name this machine. No page
 * can set a credential header for another origin unless we allow it, which we never do; so a
 * client with one is a program (an extension has an Origin, too).
 * Does not: concern requests with a virtual key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_ORIGIN_H
#define WORKER_ORIGIN_H

#include <stdbool.h>

struct http_exchange;

bool origin_is_foreign(const struct http_exchange *ex);

#endif
