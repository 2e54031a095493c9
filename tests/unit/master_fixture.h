/*
 * master_fixture - configurations with this build's vendors, and regions to publish them in.
 *
 * Runs in:  tests of server/master/.   Reads, writes: nothing shared.
 * Does not: touch files or the process's environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MASTER_FIXTURE_H
#define TESTS_MASTER_FIXTURE_H

#include <string.h>

#include "conf/config.h"
#include "providers/dialect.h"
#include "server/vendors.h"
#include "tests/unit/unit.h"

static inline const char *master_env(const char *name)
{
    return strcmp(name, "SECRET") == 0 ? "sk-secret-1" : NULL;
}

/* The configuration that `text` is; `text` NULL: zero-config. Fails the test when it is not one. */
static inline struct config *master_config(const char *text)
{
    struct conf_vendor items[VENDORS_MAX];
    struct conf_vendors vendors = {items, conf_vendors_fill(items), dialect_names, DIALECTS};
    struct conf_source source = {text != NULL ? "t.yaml" : NULL, str_of(text), master_env};
    struct config *conf = NULL;
    struct error err = ERROR_INIT;

    if (config_load_text(&source, NULL, &vendors, &conf, &err) != 0)
        fail_msg("%s", err.text);
    return conf;
}

#endif
