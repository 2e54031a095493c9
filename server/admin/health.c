/*
 * health - is the process there, and may clients be sent here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/snapshot.h"
#include "server/base/clock.h"

void api_healthz(struct exchange *ex, struct str tail)
{
    (void)tail;
    exchange_text(ex, 200, "ok\n");
}

void api_readyz(struct exchange *ex, struct str tail)
{
    const struct regions *regions = ex->admin->regions;
    struct snapshot *s = arena_alloc(ex->arena, sizeof(*s));
    char why[128], text[160];

    (void)tail;
    snapshot_take(&regions->live, clock_mono_ms(), s);
    bool is_ready =
        snapshot_is_ready(s, published_generation(&regions->published), why, sizeof(why));
    (void)snprintf(text, sizeof(text), "%s\n", why);
    exchange_text(ex, is_ready ? 200 : 503, text);
}
