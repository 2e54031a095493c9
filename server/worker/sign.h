/*
 * sign - headers from credentials that are more than a text: tokens that were fetched, AWS keys.
 *
 * Runs in:  worker.   Reads: published, secrets, tokens.   Writes: nothing shared.
 * Tokens are read where the credential process has put them, without waiting; who finds none waits
 * in route.c. Does not: fetch, choose.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_SIGN_H
#define WORKER_SIGN_H

#include "server/worker/request.h"

#define TOKEN_WAIT_MS 10000 /* when there has never been a token: for this long at most */
#define TOKEN_LOOK_MS 50

#define SIGN_LINES 4

struct signers;                    /* keys derived for signatures, by provider key */
void sign_free(struct signers *s); /* takes NULL; wipes */

/* Is there something to show? False: the key's token was never fetched. */
bool sign_is_ready(const struct worker *w, const struct pub_key *key);
/*
 * The lines that show the key's credential; r->attempt.upstream has method, URL and body. `lines`
 * are the other headers: those that AWS wants signed are. What is secret is r->attempt.secret.
 */
size_t sign_lines(struct request *r, const struct pub_key *key, const struct str *lines,
                  size_t n_lines, struct str out[SIGN_LINES]);

#endif
