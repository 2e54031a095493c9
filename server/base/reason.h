/*
 * reason - the words behind an HTTP status.
 *
 * Runs in:  worker, admin, mock.   Reads: nothing.   Writes: nothing shared.
 * Does not: know which status is right; a status that is not listed is called "Status".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

const char *reason_of(int status); /* static text, never NULL */

#endif
