/*
 * scope - what a virtual key may do beyond its list of models, as bytes in the key's own row.
 *
 * Runs in:  master (packs), workers and admin (read).   Region: published, in a key's blob.
 * Fields of {kind, length, bytes}; unknown kinds are passed over. The bytes were made by the master,
 * but whoever reads them bounds every length all the same.
 * Does not: decide (server/worker/scope.c does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_SCOPE_H
#define SHM_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/str.h"

#define SCOPE_PROVIDERS_MAX 64
#define SCOPE_NETWORKS_MAX 64

/* A provider that a key may use. */
struct scope_provider {
    struct str name;   /* of the configured provider */
    struct str models; /* NUL-separated globs on the upstream model; empty: all */
    struct str denied; /* likewise; empty: none */
    uint32_t weight;   /* thousandths; 0: only when nothing else is left */
    uint32_t owner;    /* row of its own budgets and limits (owners.h); ROW_NONE */
};

struct scope_network {
    uint8_t address[16]; /* IPv4 mapped into IPv6 */
    uint32_t bits;       /* 0..128 */
};

struct scope {
    uint32_t n_providers; /* 0: every provider */
    struct scope_provider providers[SCOPE_PROVIDERS_MAX];
    struct str denied_models; /* NUL-separated globs on provider/model or a name */
    uint32_t routes;          /* SCOPE_* bits; 0: all */
    uint32_t n_networks;      /* 0: from everywhere */
    struct scope_network networks[SCOPE_NETWORKS_MAX];
    struct str mcp_tools; /* NUL-separated globs; empty: none are named */
    struct str tags;      /* NUL-separated */
    struct str aliases;   /* NUL-separated pairs: a name as clients write it, what it means */
    uint64_t books_as; /* a rotated key in its grace period: the id of the key it was; 0: itself */
    struct str books_name; /* likewise its name; the alias's own is the table's alone */
};

/* Bits of `routes`. */
#define SCOPE_CHAT 1u
#define SCOPE_COMPLETIONS 2u
#define SCOPE_RESPONSES 4u
#define SCOPE_EMBEDDINGS 8u
#define SCOPE_RERANK 16u
#define SCOPE_IMAGES 32u
#define SCOPE_AUDIO 64u
#define SCOPE_FILES 128u
#define SCOPE_BATCHES 256u
#define SCOPE_MODELS 512u
#define SCOPE_OTHER 1024u
#define SCOPE_ROUTES 11
extern const char *const scope_route_names[SCOPE_ROUTES]; /* "chat", ... by bit */

void scope_encode(const struct scope *s, struct buf *out); /* nothing at all for an empty one */
/* 0, or -1 when it is not sound. Texts point into `in`. Only what is present is touched: cheap for "". */
BF_MUST_CHECK int scope_decode(struct str in, struct scope *out);
/*
 * May the key be used from this address? "unix": from this machine. One that cannot be read is within
 * no network.
 */
BF_MUST_CHECK bool scope_is_from(const struct scope *s, struct str peer);

#endif
