/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm_journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/admin/admin.h"
#include "server/admin/entity_walk.h"
#include "server/admin/key_text.h"
#include "server/admin/litellm.h"
#include "server/admin/params.h"
#include "server/aggregator/tables.h"
#include "shm/scope.h"

#define FEW_KEYS 8 /* that are looked for one by one */

/* --- keys --- */

static int by_id(const void *a, const void *b)
{
    const struct journal_key *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

/* The tag that stands for the key's user (litellm_user_tag). */
static struct str user_of(struct arena *a, const struct virtual_key *key)
{
    struct scope *scope = arena_alloc(a, sizeof(*scope));
    struct str tags, tag;

    if (key->scope.len == 0 || scope_decode(key->scope, scope) != 0)
        return STR_NONE;
    tags = scope->tags;
    while (str_next(&tags, '\0', &tag)) {
        if (str_starts(tag, STR("user:")))
            return str_skip(tag, 5);
    }
    return STR_NONE;
}

static void fill(struct exchange *ex, struct journal_key *row, const struct virtual_key *key)
{
    row->is_there = true;
    row->name = arena_str(ex->arena, key->name);
    row->hint = arena_str(ex->arena, key->hint);
    row->user = arena_str(ex->arena, user_of(ex->arena, key));
    crypto_hex(key->hash, SHA256_BYTES, row->token);
}

static void find_few(struct exchange *ex, struct journal_keys *keys)
{
    struct virtual_key key;

    for (size_t i = 0; i < keys->n; i++) {
        if (keys_find_id(&ex->admin->regions->published, keys->rows[i].id, ex->arena, &key))
            fill(ex, &keys->rows[i], &key);
    }
}

static void find_many(struct exchange *ex, struct journal_keys *keys)
{
    const struct region *published = &ex->admin->regions->published;
    struct arena *scratch = arena_create(KEY_BLOB_MAX);
    uint32_t high = keys_high(published);
    struct virtual_key key;

    for (uint32_t at = 0; at < high; at++) {
        arena_reset(scratch);
        if (!keys_at(published, at, scratch, &key))
            continue;
        struct journal_key wanted = {.id = key.id};
        struct journal_key *row = bsearch(&wanted, keys->rows, keys->n, sizeof(*keys->rows), by_id);
        if (row != NULL)
            fill(ex, row, &key);
    }
    arena_free(scratch);
}

void journal_keys_find(struct exchange *ex, const uint64_t *ids, size_t n, struct journal_keys *out)
{
    struct journal_key *rows = arena_zalloc(ex->arena, (n + 1) * sizeof(*rows));
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        rows[i].id = ids[i];
    if (n > 1)
        qsort(rows, n, sizeof(*rows), by_id);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].id != 0 && (kept == 0 || rows[kept - 1].id != rows[i].id))
            rows[kept++] = rows[i];
    }
    *out = (struct journal_keys){rows, kept};
    for (size_t i = 0; i < kept; i++)
        key_id_format(rows[i].id, rows[i].token);
    if (kept <= FEW_KEYS)
        find_few(ex, out);
    else
        find_many(ex, out);
}

const struct journal_key *journal_key_of(const struct journal_keys *keys, uint64_t id)
{
    struct journal_key wanted = {.id = id};

    return keys->n == 0 ? NULL : bsearch(&wanted, keys->rows, keys->n, sizeof(*keys->rows), by_id);
}

/* --- teams --- */

static void on_team(struct entity_walk *walk, struct exchange *ex, enum entity_kind kind,
                    const struct json *entity)
{
    struct journal_teams *teams = walk->ctx;
    struct journal_team *t = &teams->rows[teams->n];

    (void)kind;
    if (teams->n == JOURNAL_TEAMS_MAX || !params_id_parse(litellm_id_of(entity), &t->id))
        return;
    t->name = arena_str(ex->arena, json_str(json_get(entity, "name")));
    t->alias = arena_str(ex->arena, json_str(json_get(litellm_meta(entity), "team_alias")));
    teams->n++;
}

static void on_teams(struct entity_walk *walk, struct exchange *ex)
{
    struct journal_teams *teams = walk->ctx;

    teams->fn(ex, teams, teams->ctx);
}

void journal_teams_ask(struct exchange *ex, journal_teams_fn *fn, void *ctx)
{
    struct journal_teams *teams = arena_alloc(ex->arena, sizeof(*teams));
    struct entity_walk *walk = arena_zalloc(ex->arena, sizeof(*walk));

    teams->n = 0;
    teams->fn = fn;
    teams->ctx = ctx;
    *walk = (struct entity_walk){.kinds = {ENTITY_TEAM},
                                 .n_kinds = 1,
                                 .limit = JOURNAL_TEAMS_MAX,
                                 .on_entity = on_team,
                                 .on_end = on_teams,
                                 .ctx = teams};
    entity_walk_start(ex, walk);
}

const struct journal_team *journal_team_of(const struct journal_teams *teams, uint64_t id)
{
    for (size_t i = 0; i < teams->n; i++) {
        if (teams->rows[i].id == id)
            return &teams->rows[i];
    }
    return NULL;
}

/* --- queries --- */

bool journal_dates(struct exchange *ex, uint64_t *out_since, uint64_t *out_until)
{
    if (!params_time(ex, "start_date", 0, out_since) || !params_time(ex, "end_date", 0, out_until))
        return false;
    if (*out_until > 0 && params_get(ex, "end_date").len == sizeof("2026-11-22") - 1)
        *out_until += MS_PER_DAY;
    return true;
}

void journal_refuse(struct exchange *ex, const struct error *err)
{
    exchange_error(ex, 503, "journal", NULL, "the usage journal cannot be read: %s", err->text);
}
