/*
 * region - create, map, check and protect a shared region.
 *
 * Runs in:  master (create), every process (open).   Writes: the header, once, in create.
 * Does not: know what is inside; keep descriptors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SHM_REGION_H
#define SHM_REGION_H

#include <stddef.h>

#include "server/base/base.h"
#include "server/base/error.h"
#include "shm/layout.h"

struct region {
    enum region_kind kind;
    int fd;     /* memfd, close-on-exec; -1 when closed */
    void *base; /* NULL when not mapped */
    size_t bytes;
};

#define REGION_NONE(k)                                                                             \
    {                                                                                              \
        (k), -1, NULL, 0                                                                           \
    }

/* How large a region of this kind is. */
size_t region_bytes(enum region_kind kind);
/* The compile-time sum over all struct sizes of this build. */
uint64_t region_layout_sum(void);

/* A new memfd of region_bytes(kind), sealed against resizing, mapped read-write, header written. */
BF_MUST_CHECK int region_create(enum region_kind kind, uint64_t boot_id, struct region *out,
                                struct error *err);
/* Map an existing one (inherited, or from the fd store) read-write or read-only; verifies it. */
BF_MUST_CHECK int region_open(enum region_kind kind, int fd, bool writable, struct region *out,
                              struct error *err);
/* Magic, layout, sum, kind, size: 0, or -1 saying what differs. */
BF_MUST_CHECK int region_verify(const struct region *r, struct error *err);
/* From here on a store into it faults in this process. */
BF_MUST_CHECK int region_protect(const struct region *r, struct error *err);
/* Take that back: only of a mapping that was made writable. */
BF_MUST_CHECK int region_unprotect(const struct region *r, struct error *err);
/* Unmap and close; harmless on REGION_NONE. */
void region_close(struct region *r);

/* What a process holds: the regions, mapped as its role may. */
struct regions {
    struct region published, secrets, weights, live, tokens, counters;
};

#endif
