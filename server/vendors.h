/*
 * vendors - the table of vendors as a configuration must know it.
 *
 * Runs in:  master, bfctl check, tests.   Reads, writes: nothing shared.
 * conf/ and providers/ do not know each other; whoever loads a configuration brings them together
 * with this. Does not: allocate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVER_VENDORS_H
#define SERVER_VENDORS_H

#include "conf/config.h"
#include "providers/vendor.h"

#define VENDORS_MAX 256

static_assert((int)CONF_CLOUD_NONE == (int)CLOUD_NONE && (int)CONF_CLOUD_AWS == (int)CLOUD_AWS &&
                  (int)CONF_CLOUD_GCP == (int)CLOUD_GCP &&
                  (int)CONF_CLOUD_AZURE == (int)CLOUD_AZURE,
              "one list");
static_assert(CONF_VENDOR_PARTS_MAX == VENDOR_PARTS_MAX, "one bound");

static inline struct conf_vendor conf_vendor_of(const struct vendor *v)
{
    struct conf_vendor out = {
        .name = v->name,
        .key_env = v->key_env,
        .default_models = v->default_models,
        .needs_base_url = v->root == NULL && !v->is_mock,
        .needs_key = v->needs_key,
        .is_mock = v->is_mock,
        .dialects = vendor_dialects(v),
        .root = v->root,
        .root_env = v->root_env,
        .cloud = (enum conf_cloud)v->cloud,
    };

    for (size_t i = 0; i < VENDOR_PARTS_MAX; i++) {
        out.parts[i].name = v->parts[i].name;
        out.parts[i].env = v->parts[i].env;
        out.parts[i].fallback = v->parts[i].fallback;
    }
    return out;
}

/* Returns how many there are. */
static inline size_t conf_vendors_fill(struct conf_vendor out[VENDORS_MAX])
{
    must(vendor_count() <= VENDORS_MAX);
    for (size_t i = 0; i < vendor_count(); i++)
        out[i] = conf_vendor_of(vendor_get(i));
    return vendor_count();
}

#endif
