/*
 * changes - what a reload changed, as lines for people; and what a configuration declares, as rows.
 *
 * Runs in:  master.   Reads: a checked configuration.   Writes: private memory.
 * An entity is one thing that the file declares ("provider openai"), as JSON without secrets and
 * as a digest of all of it, secrets included: two sets of them are compared without keeping either
 * configuration. Virtual keys are many and are compared in the key table instead (keyring.h).
 * Does not: store or publish anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_CHANGES_H
#define MASTER_CHANGES_H

#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/base.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/str.h"

struct config;

#define CHANGES_SHOWN 200 /* lines; the rest is counted */

struct changes {
    struct buf lines; /* each ends in a newline */
    size_t n;         /* all of them, also those not shown */
};

void changes_add(struct changes *c, const char *kind, struct str name, const char *what);
/* As the members of a JSON array. */
void changes_json(const struct changes *c, struct buf *out);
void changes_fini(struct changes *c);

struct entity {
    const char *kind; /* "provider", "model", "listener", "setting" */
    struct str name;
    struct str json;
    uint8_t digest[SHA256_BYTES];
};

struct entities {
    struct arena *arena;  /* has all of it */
    struct entity *items; /* sorted by kind, then name */
    size_t n;
};

struct entities *entities_create(const struct config *conf);
void entities_free(struct entities *e); /* takes NULL */
/* What has to be done to come from `old` (NULL: nothing) to `new`. */
void entities_diff(const struct entities *old, const struct entities *new, struct changes *out);

#endif
