/*
 * tls - the TLS side of a listener: certificate, versions, ALPN.
 *
 * Runs in:  worker.   Reads, writes: nothing shared.
 * TLS 1.2 and 1.3, "h2" before "http/1.1". The master read the files before it dropped root, so the
 * texts come from memory. Does not: do I/O (h2o does, with the SSL_CTX), verify clients.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WORKER_TLS_H
#define WORKER_TLS_H

#include <stdbool.h>

#include "server/base/error.h"
#include "server/inherit.h"

struct listener_tls;
struct ssl_ctx_st;

/* NULL with *err, which says what is wrong with the certificate or the key. */
struct listener_tls *tls_create(const struct inherit_listener *listener, struct error *err);
void tls_free(struct listener_tls *tls); /* takes NULL */
void tls_offer_http2(struct listener_tls *tls, bool on);
struct ssl_ctx_st *tls_context(struct listener_tls *tls);

#endif
