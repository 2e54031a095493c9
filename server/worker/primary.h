/*
 * primary - the first attempt's error, kept while others are tried.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * When all attempts fail the client is told what the first one said: its status, and the provider's own
 * body in the client's dialect (at home its bytes), or why there was none. What a fallback says of a
 * request that was not meant for it, a 400 perhaps, is no answer to what was asked. But:
 * - what is the caller's fault is told by whichever route of the name that was asked for says it;
 * - that one provider key was refused is our trouble: it gives way to what another route of that name says.
 * Kept is the head and a body of up to PRIMARY_BODY_MAX. Does not: decide whether another attempt is made.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_PRIMARY_H
#define WORKER_PRIMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "providers/chat.h"
#include "server/base/str.h"

struct fail;
struct http_header;
struct request;

#define PRIMARY_BODY_MAX 65536

struct primary {
    struct str name;            /* struct course.name: what was tried */
    struct str provider, model; /* whose error it is */
    int status; /* as the client is told; 0: there was no answer, or not a whole one */
    const struct http_header *headers; /* of the answer, to pass on */
    size_t n_headers;
    struct str body;
    const struct fail *fail; /* where there was none */
    struct str detail;
    struct chat_error error; /* the provider's own words for it, if has_error */
    bool has_error;
    bool is_of_key;   /* a key was refused, nothing else is known */
    bool is_told;     /* the client gets it now */
    bool is_deciding; /* the answer under way will not be told, and nothing else is tried */
};

/* Bytes of an answer that another attempt follows: wanted, if it is the one to be kept. */
void primary_body(struct request *r, struct str bytes);
/* The attempt has ended, and another one follows. `why`: what it failed of, if that was no answer. */
void primary_keep(struct request *r, const struct fail *why);
/* An error with this status is about to be the client's answer. Is the first one's to be told instead? */
bool primary_outranks(const struct request *r, int status);
/* The last attempt has failed without an answer: what is kept gives way where it should. */
void primary_yield(struct request *r);
/* Settle, and answer with what was kept. False: nothing was, or the answer has begun. */
bool primary_tell(struct request *r);

#endif
