/*
 * publish - a configuration as the image that workers read.
 *
 * Runs in:  master.   Reads: a checked configuration, the vendor table.   Writes: private memory.
 * The image is built as a whole, so that published_flip only copies it. Each route and provider
 * gets its stable number from the caller's function (the store's, or a test's). Does not: touch a
 * region, log, keep the configuration.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MASTER_PUBLISH_H
#define MASTER_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"
#include "server/base/base.h"
#include "server/base/error.h"
#include "server/base/str.h"
#include "shm/published.h"

/* The stable number of "route/PROVIDER/KEY/MODEL" or "provider/NAME", below `limit`. */
typedef int publish_number_fn(void *ctx, struct str identity, uint32_t limit, uint32_t *out,
                              struct error *err);

struct publish_request {
    const struct config *conf;
    const char *mock_url; /* base URL of the mock process; NULL: there is none */
    publish_number_fn *number;
    void *ctx;
    const uint32_t *owners; /* rows of the providers' budgets and limits, by index; NULL: none */
    const uint32_t *target_owners; /* of targets' limits, model after model; NULL: none */
};

struct image {
    struct pub_image *bytes; /* heap */
    uint8_t *secrets;        /* heap; wiped by image_fini */
    size_t secret_len;
};

BF_MUST_CHECK int publish_build(const struct publish_request *req, struct image *out,
                                struct error *err);
void image_fini(struct image *image);

/* Does any provider need the mock process? */
bool publish_needs_mock(const struct config *conf);

#endif
