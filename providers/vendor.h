/*
 * vendor - the table of vendors: a row is a name, a base URL, a dialect, a way to authenticate.
 *
 * Runs in:  every process.   Reads, writes: nothing.
 * A new OpenAI-compatible vendor is one row and no code.
 * Does not: do I/O; hold secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PROVIDERS_VENDOR_H
#define PROVIDERS_VENDOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "providers/chat.h"
#include "server/base/base.h"
#include "server/base/str.h"

enum vendor_auth { AUTH_NONE = 1, AUTH_BEARER };

struct vendor {
    const char *name;
    const char *base_url; /* as its documentation writes it, version segment included; NULL: must be
                             configured */
    enum dialect_id dialect;
    enum vendor_auth auth;
    const char *key_env;        /* usual environment variable; NULL: none */
    const char *default_models; /* comma-separated names and globs that bare names resolve through;
                                   NULL: none */
    bool needs_key;
    bool tells_usage; /* usage ends its streams unasked, and it refuses stream_options */
    bool is_mock;     /* the master starts the mock process and fills in the base URL */
};

size_t vendor_count(void);
const struct vendor *vendor_get(size_t index);     /* must be < vendor_count() */
const struct vendor *vendor_find(struct str name); /* NULL when unknown */

#endif
