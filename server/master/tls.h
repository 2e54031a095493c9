/*
 * tls - is this a certificate with its key?
 *
 * Runs in:  master.   Reads, writes: nothing.
 * Asked before a configuration is taken, so that no worker meets a certificate it cannot use.
 * Does not: set up TLS for a connection (the worker does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_TLS_H
#define MASTER_TLS_H

#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"

/* PEM texts; the paths are for the message. */
BF_MUST_CHECK int tls_check(struct str certificate, struct str key, const char *certificate_path,
                            const char *key_path, struct error *err);

#endif
