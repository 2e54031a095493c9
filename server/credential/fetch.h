/*
 * fetch - HTTP requests to token endpoints, side by side; the door to libcurl.
 *
 * Runs in:  credential.   Reads, writes: nothing shared.
 * Answers are bounded; redirects are not followed, because a credential must not go elsewhere.
 * Does not: retry, understand answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CREDENTIAL_FETCH_H
#define CREDENTIAL_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "providers/auth/credential.h"
#include "server/base/error.h"

struct fetcher;
struct fetch; /* one request under way */

/* status 0: there was no answer, and `problem` says why. The fetch is gone behind it. */
typedef void fetch_fn(void *ctx, int status, struct str body, const char *problem);

struct fetcher *fetcher_create(struct error *err); /* NULL with *err */
void fetcher_free(struct fetcher *f);              /* takes NULL; no fetch is under way */
/* fn comes later, out of fetcher_wait. NULL: out of memory. */
struct fetch *fetch_start(struct fetcher *f, const struct credential_request *r, fetch_fn *fn,
                          void *ctx);
void fetch_cancel(struct fetch *one); /* takes NULL; fn does not come */
/* Wait for answers, for `ms` at most, or until one of the descriptors is readable. */
void fetcher_wait(struct fetcher *f, const int *fds, size_t n_fds, uint64_t ms);

#endif
