/*
 * journal - what the routes about usage, logs and money share.
 *
 * Runs in:  admin.   Reads: the usage journal, published.   Writes: nothing.
 * Does not: read the journal itself (aggregator/query.h does).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_JOURNAL_H
#define ADMIN_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/admin/owner_names.h"
#include "server/admin/writer.h"
#include "server/aggregator/query.h"
#include "server/base/base.h"
#include "server/base/error.h"

/* The parameter `key`: by its id or, more handily, by its name; "none": requests without one. False:
 * answered. */
BF_MUST_CHECK bool journal_key_param(struct exchange *ex, bool *out_has, uint64_t *out_id);
/* A cursor of the log; absent: 0. False: answered. */
BF_MUST_CHECK bool journal_cursor_param(struct exchange *ex, const char *name, uint64_t *out);
/* key, provider, model, since, until, status of a log filter; team and customer by owner_names. */
BF_MUST_CHECK bool journal_log_filter(struct exchange *ex, struct log_filter *out);
void journal_take_owners(struct log_filter *f, const struct owner_names *names);

/* Members "key_id" and "key"; null without a key. */
void journal_write_key(struct writer *w, uint64_t key_id, struct str name);
/* Objects "tokens" and "token_details", the latter with what there is. */
void journal_write_tokens(struct writer *w, const struct usage_tokens *t,
                          const struct usage_details *d);

/* The journal cannot be read: 503. (journal_refuse: litellm_journal.h has the same.) */
void journal_unreadable(struct exchange *ex, const struct error *err);

#endif
