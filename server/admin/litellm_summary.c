/*
 * litellm_summary - /spend/logs between two dates: a row a day, by key, user and model.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <time.h>

#include "server/admin/admin.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_journal.h"
#include "server/admin/litellm_text.h"
#include "server/aggregator/query.h"

/* The same days three times, ascending; `at` moves through each. */
struct sums {
    struct usage_answer answer;
    size_t at;
};

struct user_sum {
    struct str user;
    uint64_t nanousd;
};

static int by_user(const void *a, const void *b)
{
    return str_cmp(((const struct user_sum *)a)->user, ((const struct user_sum *)b)->user);
}

static bool has_more(const struct sums *s, uint32_t day)
{
    return s->at < s->answer.n && s->answer.rows[s->at].day == day;
}

/* A member for each key of the day, and "users" behind them. */
static void write_keys(struct exchange *ex, struct writer *w, struct sums *s, uint32_t day,
                       const struct journal_keys *keys)
{
    struct user_sum *users = arena_alloc(ex->arena, (s->answer.n + 1) * sizeof(*users));
    size_t n = 0;

    for (; has_more(s, day); s->at++) {
        const struct usage_row *row = &s->answer.rows[s->at];
        const struct journal_key *key = journal_key_of(keys, row->key_id);

        litellm_write_dollars(w, key != NULL ? key->token : "", row->totals.cost_nanousd);
        users[n++] =
            (struct user_sum){key != NULL ? key->user : STR_NONE, row->totals.cost_nanousd};
    }
    if (n > 1)
        qsort(users, n, sizeof(*users), by_user);
    writer_object(w, "users");
    for (size_t i = 0; i < n;) {
        uint64_t sum = 0;
        size_t first = i;

        for (; i < n && str_eq(users[i].user, users[first].user); i++)
            sum += users[i].nanousd;
        litellm_write_dollars(w, arena_cstr(ex->arena, users[first].user), sum);
    }
    writer_object_end(w);
}

static void write_models(struct exchange *ex, struct writer *w, struct sums *s, uint32_t day)
{
    writer_object(w, "models");
    for (; has_more(s, day); s->at++)
        litellm_write_dollars(w, arena_cstr(ex->arena, s->answer.rows[s->at].model),
                              s->answer.rows[s->at].totals.cost_nanousd);
    writer_object_end(w);
}

static bool read_sums(struct exchange *ex, const struct usage_filter *filter, uint32_t group,
                      struct sums *out)
{
    struct usage_filter f = *filter;
    struct error err = ERROR_INIT;

    f.group = group;
    out->at = 0;
    if (query_usage(ex->admin->query, &f, ex->arena, &out->answer, &err) == 0)
        return true;
    journal_refuse(ex, &err);
    return false;
}

static void write_day(struct writer *w, uint32_t day)
{
    time_t seconds = (time_t)day * (time_t)(MS_PER_DAY / 1000);
    struct tm tm = {0};
    char text[32];

    (void)gmtime_r(&seconds, &tm); /* fails only past the year 2^31 */
    (void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
    writer_cstr(w, "startTime", text);
}

void litellm_spend_summary(struct exchange *ex, const struct usage_filter *filter)
{
    struct sums days, keys, models;
    struct journal_keys found;
    struct writer w = WRITER_INIT(&ex->out);

    if (!read_sums(ex, filter, USAGE_BY_DAY, &days) ||
        !read_sums(ex, filter, USAGE_BY_DAY | USAGE_BY_KEY, &keys) ||
        !read_sums(ex, filter, USAGE_BY_DAY | USAGE_BY_MODEL, &models))
        return;
    uint64_t *ids = arena_alloc(ex->arena, (keys.answer.n + 1) * sizeof(*ids));
    for (size_t i = 0; i < keys.answer.n; i++)
        ids[i] = keys.answer.rows[i].key_id;
    journal_keys_find(ex, ids, keys.answer.n, &found);
    writer_array(&w, NULL);
    for (; days.at < days.answer.n; days.at++) {
        const struct usage_row *row = &days.answer.rows[days.at];

        writer_object(&w, NULL);
        write_day(&w, row->day);
        litellm_write_dollars(&w, "spend", row->totals.cost_nanousd);
        write_keys(ex, &w, &keys, row->day, &found);
        write_models(ex, &w, &models, row->day);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}
