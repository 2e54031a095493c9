/*
 * api - the routes of the management API: one table, and who may call what.
 *
 * Runs in:  admin.   Reads, writes: nothing shared itself.
 * api_handle finds the route, checks access, method and query names in this order, then runs the
 * handler, which answers now or later. Does not: know h2o.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include "server/admin/exchange.h"
#include "server/base/str.h"

#define API_PAGE_DEFAULT 100 /* rows in a page when none is asked for */
#define API_PAGE_MAX 1000    /* a page is built in one turn of the loop: it must be short */

/* `tail`: what stands in the path for "*", else empty. */
typedef void api_fn(struct exchange *ex, struct str tail);

void api_handle(struct exchange *ex);
/* May the caller manage the gateway? False: answered. */
BF_MUST_CHECK bool api_may_manage(struct exchange *ex);

/* The handlers, by file. */
api_fn api_page;                /* page.c */
api_fn api_healthz, api_readyz; /* health.c */
api_fn api_metrics;             /* metrics.c */
struct query_about;
void metrics_money(struct exchange *ex, const struct query_about *about); /* metrics_money.c */
struct metrics_owners;
void metrics_owners_free(struct metrics_owners *o); /* takes NULL */
void metrics_tokens(struct exchange *ex);           /* metrics_tokens.c: its part of them */
api_fn api_status, api_reload;                      /* status.c */
api_fn api_config;                                  /* config.c */
api_fn api_providers;                               /* routes.c */
api_fn api_routes;                                  /* route_list.c */
api_fn api_explain;                                 /* explain.c */
api_fn api_governance_rules, api_governance_rule, api_governance_rule_create,
    api_governance_rule_update, api_governance_rule_delete; /* governance_routing.c */
api_fn api_rules, api_rule, api_rule_create, api_rule_update, api_rule_delete;  /* rules.c */
api_fn api_models;                                                              /* models.c */
api_fn api_entity_create, api_entity_get, api_entity_update, api_entity_delete; /* entity.c */
api_fn api_entity_block, api_entity_unblock, api_entity_reset, api_keys_rotate;
api_fn api_entity_list, api_budgets; /* entity_list.c */
api_fn api_keys_import;              /* key_import.c */
api_fn api_prices, api_price;        /* prices.c */
api_fn api_governance_create, api_governance_get, api_governance_update, api_governance_delete,
    api_governance_provider_put, api_governance_provider_delete, api_governance_rotate,
    api_governance_rotate_many; /* governance.c */
api_fn api_governance_list, api_governance_budgets, api_governance_rate_limits,
    api_governance_quota;     /* governance_list.c */
api_fn api_logs;              /* journal.c */
api_fn api_usage;             /* usage.c */
api_fn api_reprice;           /* reprice.c */
api_fn api_audit, api_shadow; /* audit.c */

#endif
