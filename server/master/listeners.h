/*
 * listeners - the set of sockets that workers inherit: bound once, kept over reloads.
 *
 * Runs in:  master.   Reads: certificates and keys.   Writes: nothing shared.
 * A new set is prepared beside the old one; addresses that are in both keep their socket, so no
 * connection is refused. Commit closes what only the old set had, abort what only the new one had.
 * Does not: accept, or speak TLS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_LISTENERS_H
#define MASTER_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/config.h"
#include "server/base/base.h"
#include "server/base/crypto.h"
#include "server/base/error.h"
#include "server/inherit.h"

struct changes;
struct passed;

#define LISTENER_SPEC_MAX 256

struct listeners {
    struct inherit_listener *items;   /* heap */
    char (*specs)[LISTENER_SPEC_MAX]; /* as written in the configuration: what is compared */
    bool *is_kept;                    /* taken over from the set before */
    uint32_t n;
    uint8_t digest[SHA256_BYTES]; /* of addresses, certificates and keys: equal means no change */
};

struct listeners_request {
    const struct config *conf;
    const struct listeners *old; /* NULL: none */
    struct passed *passed;       /* NULL: none */
};

/*
 * Sockets for the configuration's listeners: taken from `old`, from systemd (`passed`), or bound
 * new. Certificates are read and checked. -1: "FILE:LINE: ..."; nothing is left open, and
 * *out_wrong_file says whether the file is to blame or the machine.
 */
BF_MUST_CHECK int listeners_prepare(const struct listeners_request *req, struct listeners *out,
                                    bool *out_wrong_file, struct error *err);
/* Listeners of both sets whose certificate or key has other bytes now. */
void listeners_diff(const struct listeners *old, const struct listeners *new, struct changes *out);
/* `next` becomes *current. */
void listeners_commit(struct listeners *current, struct listeners *next);
void listeners_abort(struct listeners *next);
/* The sockets become that user's, who may then bind others beside them in a reload. */
void listeners_give(const struct listeners *l, uid_t uid, gid_t gid);
void listeners_close(struct listeners *l); /* all of it; harmless when empty */
void listeners_wipe(struct listeners *l); /* the private keys, in a child that must not have them */

/* Only the certificates: for `bowfin -t`. Every finding is added to *err. */
BF_MUST_CHECK int listeners_check(const struct config *conf, struct error *err);

#endif
