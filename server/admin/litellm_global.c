/*
 * litellm_global - /spend/keys and /global/spend/...: sums over everybody.
 *
 * LiteLLM's own cover the last 30 days, unless dates are given; so do these.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/admin/admin.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_journal.h"
#include "server/admin/litellm_text.h"
#include "server/admin/params.h"
#include "server/aggregator/query.h"
#include "server/base/clock.h"

#define DAYS 30
#define TOP_DEFAULT 100
#define TOP_MAX 1000

/* Of the dates, else of the last 30 days. False: answered. */
static bool read_sums(struct exchange *ex, uint32_t group, struct usage_answer *out)
{
    struct usage_filter filter = {.group = group};
    struct error err = ERROR_INIT;

    if (!journal_dates(ex, &filter.since_ms, &filter.until_ms))
        return false;
    if (filter.since_ms == 0)
        filter.since_ms = clock_real_ms() - DAYS * MS_PER_DAY;
    if (query_usage(ex->admin->query, &filter, ex->arena, out, &err) == 0)
        return true;
    journal_refuse(ex, &err);
    return false;
}

static int by_cost(const void *a, const void *b)
{
    const struct usage_row *x = a, *y = b;

    return x->totals.cost_nanousd > y->totals.cost_nanousd
               ? -1
               : x->totals.cost_nanousd < y->totals.cost_nanousd;
}

/* The rows with the highest sums first; *n becomes how many are wanted. False: answered. */
static bool top(struct exchange *ex, struct usage_answer *answer, uint64_t *n)
{
    if (!params_u64(ex, "limit", TOP_DEFAULT, TOP_MAX, n))
        return false;
    if (answer->n > 1)
        qsort(answer->rows, answer->n, sizeof(*answer->rows), by_cost);
    *n = min_u64(*n, answer->n);
    return true;
}

static void write_day(struct writer *w, const char *key, uint32_t day)
{
    time_t seconds = (time_t)day * (time_t)(MS_PER_DAY / 1000);
    struct tm tm = {0};
    char text[32];

    (void)gmtime_r(&seconds, &tm); /* fails only past the year 2^31 */
    (void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
    writer_cstr(w, key, text);
}

/* --- everybody, models, providers --- */

void litellm_global_spend(struct exchange *ex, struct str tail)
{
    struct writer w = WRITER_INIT(&ex->out);
    struct usage_answer answer;

    (void)tail;
    if (!read_sums(ex, 0, &answer))
        return;
    writer_object(&w, NULL);
    litellm_write_dollars(&w, "spend", answer.n > 0 ? answer.rows[0].totals.cost_nanousd : 0);
    writer_null(&w, "max_budget"); /* there is no budget of everybody */
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void write_names(struct exchange *ex, uint32_t group, const char *name, const char *sum)
{
    struct writer w = WRITER_INIT(&ex->out);
    struct usage_answer answer;
    uint64_t n;

    if (!read_sums(ex, group, &answer) || !top(ex, &answer, &n))
        return;
    writer_array(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct usage_row *row = &answer.rows[i];

        writer_object(&w, NULL);
        writer_str(&w, name, group == USAGE_BY_MODEL ? row->model : row->provider);
        litellm_write_dollars(&w, sum, row->totals.cost_nanousd);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}

void litellm_global_models(struct exchange *ex, struct str tail)
{
    (void)tail;
    write_names(ex, USAGE_BY_MODEL, "model", "total_spend");
}

void litellm_global_provider(struct exchange *ex, struct str tail)
{
    (void)tail;
    write_names(ex, USAGE_BY_PROVIDER, "provider", "spend");
}

/* --- keys --- */

static void find_keys(struct exchange *ex, const struct usage_answer *answer, size_t n,
                      struct journal_keys *out)
{
    uint64_t *ids = arena_alloc(ex->arena, (n + 1) * sizeof(*ids));

    for (size_t i = 0; i < n; i++)
        ids[i] = answer->rows[i].key_id;
    journal_keys_find(ex, ids, n, out);
}

static void write_key(struct writer *w, const struct journal_keys *keys,
                      const struct usage_row *row)
{
    const struct journal_key *key = journal_key_of(keys, row->key_id);

    writer_cstr(w, "api_key", key != NULL ? key->token : "");
    writer_str(w, "key_alias", key != NULL && key->is_there ? key->name : row->key_name);
    writer_str(w, "key_name", key != NULL ? key->hint : STR_NONE);
}

/* `sum`: what LiteLLM calls it on this route. */
static void write_keys(struct exchange *ex, const char *sum)
{
    struct writer w = WRITER_INIT(&ex->out);
    struct usage_answer answer;
    struct journal_keys keys;
    uint64_t n = TOP_MAX;

    if (!read_sums(ex, USAGE_BY_KEY, &answer) || !top(ex, &answer, &n))
        return;
    find_keys(ex, &answer, n, &keys);
    writer_array(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        writer_object(&w, NULL);
        write_key(&w, &keys, &answer.rows[i]);
        litellm_write_dollars(&w, sum, answer.rows[i].totals.cost_nanousd);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}

void litellm_global_keys(struct exchange *ex, struct str tail)
{
    (void)tail;
    write_keys(ex, "total_spend");
}

void litellm_spend_keys(struct exchange *ex, struct str tail)
{
    (void)tail;
    write_keys(ex, "spend");
}

/* --- teams --- */

static struct str team_name(const struct journal_teams *teams, uint64_t id)
{
    const struct journal_team *t = journal_team_of(teams, id);

    if (t == NULL)
        return STR("Unassigned");
    return t->alias.len > 0 ? t->alias : t->name;
}

/* Rows of a day stand together. */
static void write_daily(struct exchange *ex, struct writer *w, const struct usage_answer *answer,
                        const struct journal_teams *teams)
{
    writer_array(w, "daily_spend");
    for (size_t i = 0; i < answer->n; i++) {
        if (i == 0 || answer->rows[i].day != answer->rows[i - 1].day) {
            writer_object(w, NULL);
            write_day(w, "date", answer->rows[i].day);
        }
        litellm_write_dollars(w, arena_cstr(ex->arena, team_name(teams, answer->rows[i].team_id)),
                              answer->rows[i].totals.cost_nanousd);
        if (i + 1 == answer->n || answer->rows[i].day != answer->rows[i + 1].day)
            writer_object_end(w);
    }
    writer_array_end(w);
}

static void on_teams(struct exchange *ex, const struct journal_teams *teams, void *ctx)
{
    const struct usage_answer *daily = ctx;
    struct writer w = WRITER_INIT(&ex->out);
    struct usage_answer sums;

    if (!read_sums(ex, USAGE_BY_TEAM, &sums))
        return;
    if (sums.n > 1)
        qsort(sums.rows, sums.n, sizeof(*sums.rows), by_cost);
    writer_object(&w, NULL);
    write_daily(ex, &w, daily, teams);
    writer_array(&w, "teams");
    for (size_t i = 0; i < sums.n; i++)
        writer_str(&w, NULL, team_name(teams, sums.rows[i].team_id));
    writer_array_end(&w);
    writer_array(&w, "total_spend_per_team");
    for (size_t i = 0; i < sums.n; i++) {
        writer_object(&w, NULL);
        writer_str(&w, "team_id", team_name(teams, sums.rows[i].team_id));
        litellm_write_dollars(&w, "total_spend", sums.rows[i].totals.cost_nanousd);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_global_teams(struct exchange *ex, struct str tail)
{
    struct usage_answer *daily = arena_alloc(ex->arena, sizeof(*daily));

    (void)tail;
    if (read_sums(ex, USAGE_BY_DAY | USAGE_BY_TEAM, daily))
        journal_teams_ask(ex, on_teams, daily);
}

/* --- the report: days, their teams, and what each used --- */

struct report {
    struct usage_answer answer;
    struct journal_keys keys;
};

static bool same_team(const struct usage_row *a, const struct usage_row *b)
{
    return a->day == b->day && a->team_id == b->team_id;
}

static int by_day_and_team(const void *a, const void *b)
{
    const struct usage_row *x = a, *y = b;

    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return x->team_id < y->team_id ? -1 : x->team_id > y->team_id;
}

/* From row `at` on, all of one day and team; returns where the next begins. */
static size_t write_team(struct writer *w, const struct report *r, size_t at,
                         const struct journal_teams *teams)
{
    const struct usage_row *rows = r->answer.rows;
    uint64_t sum = 0;
    size_t i = at;

    writer_object(w, NULL);
    writer_str(w, "team_name", team_name(teams, rows[at].team_id));
    writer_array(w, "metadata");
    for (; i < r->answer.n && same_team(&rows[i], &rows[at]); i++) {
        const struct usage_tokens *tokens = &rows[i].totals.tokens;

        sum += rows[i].totals.cost_nanousd;
        writer_object(w, NULL);
        writer_str(w, "model", rows[i].model);
        litellm_write_dollars(w, "spend", rows[i].totals.cost_nanousd);
        writer_u64(w, "total_tokens", tokens->input + tokens->output);
        write_key(w, &r->keys, &rows[i]);
        writer_object_end(w);
    }
    writer_array_end(w);
    litellm_write_dollars(w, "total_spend", sum);
    writer_object_end(w);
    return i;
}

static void write_report(struct exchange *ex, const struct journal_teams *teams, void *ctx)
{
    const struct report *r = ctx;
    struct writer w = WRITER_INIT(&ex->out);
    size_t at = 0;

    writer_array(&w, NULL);
    while (at < r->answer.n) {
        uint32_t day = r->answer.rows[at].day;

        writer_object(&w, NULL);
        write_day(&w, "group_by_day", day);
        writer_array(&w, "teams");
        while (at < r->answer.n && r->answer.rows[at].day == day)
            at = write_team(&w, r, at, teams);
        writer_array_end(&w);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}

void litellm_global_report(struct exchange *ex, struct str tail)
{
    struct report *r = arena_zalloc(ex->arena, sizeof(*r));
    struct str group = params_get(ex, "group_by");

    (void)tail;
    if (group.len > 0 && !str_eq(group, STR("team"))) {
        litellm_bad(ex, "group_by", "\"team\"; /api/usage groups by everything else");
        return;
    }
    if (!read_sums(ex, USAGE_BY_DAY | USAGE_BY_TEAM | USAGE_BY_KEY | USAGE_BY_MODEL, &r->answer))
        return;
    if (r->answer.n > 1)
        qsort(r->answer.rows, r->answer.n, sizeof(*r->answer.rows), by_day_and_team);
    find_keys(ex, &r->answer, r->answer.n, &r->keys);
    journal_teams_ask(ex, write_report, r);
}
