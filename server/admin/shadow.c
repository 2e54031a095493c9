/*
 * shadow - GET /api/shadow: requests and the copies that a second target got of them, compared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/journal.h"
#include "server/admin/params.h"
#include "server/aggregator/query.h"

static void write_times(struct writer *w, const char *name, const uint32_t *buckets, uint64_t sum,
                        uint64_t n)
{
    writer_object(w, name);
    writer_u64(w, "mean_us", n > 0 ? sum / n : 0);
    writer_u64(w, "p50_us", shadow_quantile_us(buckets, 500));
    writer_u64(w, "p95_us", shadow_quantile_us(buckets, 950));
    writer_object_end(w);
}

static void write_side(struct writer *w, const char *name, const struct shadow_row *row,
                       size_t which)
{
    const struct shadow_side *s = &row->sum.sides[which];

    writer_object(w, name);
    writer_str(w, "provider", row->key.providers[which]);
    writer_str(w, "model", row->key.models[which]);
    writer_u64(w, "failed", s->failed);
    write_times(w, "first_byte", s->first_byte, s->first_byte_us, s->n_first_byte);
    write_times(w, "total", s->total, s->total_us, row->sum.requests);
    writer_u64(w, "tokens_in", s->tokens_in);
    writer_u64(w, "tokens_out", s->tokens_out);
    writer_u64(w, "estimated", s->estimated);
    writer_usd(w, "cost", s->cost_nanousd);
    writer_u64(w, "unpriced", s->unpriced);
    writer_object_end(w);
}

static void write_row(struct writer *w, const struct shadow_row *row)
{
    writer_object(w, NULL);
    writer_str(w, "model", row->key.model);
    writer_u64(w, "requests", row->sum.requests);
    writer_u64(w, "same_status", row->sum.same_status);
    write_side(w, "primary", row, SHADOW_PRIMARY);
    write_side(w, "shadow", row, SHADOW_COPY);
    writer_object_end(w);
}

void api_shadow(struct exchange *ex, struct str tail)
{
    struct shadow_filter filter = {.model = params_get(ex, "model")};
    struct writer w = WRITER_INIT(&ex->out);
    struct error err = ERROR_INIT;
    struct shadow_answer answer;

    (void)tail;
    if (!params_time(ex, "since", 0, &filter.since_ms) ||
        !params_time(ex, "until", 0, &filter.until_ms))
        return;
    if (query_shadows(ex->admin->query, &filter, ex->arena, &answer, &err) != 0) {
        journal_unreadable(ex, &err);
        return;
    }
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i < answer.n; i++)
        write_row(&w, &answer.rows[i]);
    writer_array_end(&w);
    writer_null(&w, "next");
    writer_u64(&w, "truncated", answer.truncated);
    writer_object_end(&w);
    exchange_json(ex, 200);
}
