/*
 * export - the configuration in effect as text, without what must not be seen.
 *
 * Runs in:  master, bfctl check.   Reads, writes: nothing shared.
 * Defaults are written out; virtual keys are left out. A secret is shown as its env.NAME, or as
 * ******** when the file holds it; a password in a proxy's URL likewise. YAML that holds no ********
 * loads again to the same configuration. Does not: read the environment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONF_EXPORT_H
#define CONF_EXPORT_H

#include "conf/config.h"
#include "server/base/buf.h"

#define EXPORT_MASK "********"

enum config_format { CONFIG_JSON, CONFIG_YAML };

void config_export(const struct config *c, enum config_format format, struct buf *out);

#endif
