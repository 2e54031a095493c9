/*
 * litellm_journal - the usage journal with LiteLLM's names of things.
 *
 * Runs in:  admin.   Reads: the usage journal, published (keys).   Writes: nothing.
 * The journal knows keys and teams by id; LiteLLM shows a key's hash, its user, a team's name. What
 * they are is looked up once for an answer. Does not: sum, format rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ADMIN_LITELLM_JOURNAL_H
#define ADMIN_LITELLM_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "server/admin/exchange.h"
#include "server/base/base.h"
#include "server/base/crypto.h"
#include "server/base/error.h"

#define JOURNAL_TEAMS_MAX 1000

/* What the table says of a key now; one that is gone keeps its id alone. */
struct journal_key {
    uint64_t id;
    bool is_there;
    char token[2 * SHA256_BYTES + 1]; /* its hash; its id when it is gone */
    struct str name, hint, user;
};

struct journal_keys {
    struct journal_key *rows; /* sorted by id */
    size_t n;
};

/* Of these ids, in any order and more than once; 0 is nobody's. One walk through the table at most. */
void journal_keys_find(struct exchange *ex, const uint64_t *ids, size_t n,
                       struct journal_keys *out);
const struct journal_key *journal_key_of(const struct journal_keys *keys, uint64_t id);

struct journal_team {
    uint64_t id;
    struct str name, alias;
};
struct journal_teams {
    struct journal_team rows[JOURNAL_TEAMS_MAX];
    size_t n;
    void (*fn)(struct exchange *ex, const struct journal_teams *teams, void *ctx);
    void *ctx;
};
typedef void journal_teams_fn(struct exchange *ex, const struct journal_teams *teams, void *ctx);
/* The names of the teams there are, at most JOURNAL_TEAMS_MAX; `fn` goes on with them. */
void journal_teams_ask(struct exchange *ex, journal_teams_fn *fn, void *ctx);
const struct journal_team *journal_team_of(const struct journal_teams *teams, uint64_t id);

/* start_date and end_date, which is a day to its end; 0: not given. False: answered. */
BF_MUST_CHECK bool journal_dates(struct exchange *ex, uint64_t *out_since, uint64_t *out_until);
/* /spend/logs with both dates (litellm_summary.c). */
struct usage_filter;
void litellm_spend_summary(struct exchange *ex, const struct usage_filter *filter);
void journal_refuse(struct exchange *ex, const struct error *err);

#endif
