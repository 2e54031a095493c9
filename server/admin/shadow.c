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

#define NAMES_MAX 1024 /* compared with a wrong one */

/* Does somebody compare this one, in the configuration in force? Empty: any at all. */
static bool has_shadow(const struct pub_view *v, struct str model)
{
    for (uint32_t i = 0; i < v->image->n_models; i++) {
        const struct pub_model *m = pub_model(v, i);

        if (m->shadow_share > 0 && (model.len == 0 || str_eq(pub_text(v, m->name), model)))
            return true;
    }
    return false;
}

static void refuse_model(struct exchange *ex, const struct pub_view *v, struct str model)
{
    const char **names = arena_alloc(ex->arena, NAMES_MAX * sizeof(*names));
    const char *nearest;
    size_t n = 0;

    for (uint32_t i = 0; i < v->image->n_models && n < NAMES_MAX; i++)
        names[n++] = arena_cstr(ex->arena, pub_text(v, pub_model(v, i)->name));
    nearest = str_nearest(model, names, n);
    if (nearest != NULL)
        exchange_error(ex, 404, "not_found", "model",
                       "there is no model \"%.*s\" in models:; did you mean \"%s\"?",
                       STR_ARGS(model), nearest);
    else
        exchange_error(ex, 404, "not_found", "model",
                       "there is no model \"%.*s\" in models:, and nothing of one was compared",
                       STR_ARGS(model));
}

/* Why an answer is empty. */
static const char *note_of(const struct pub_view *v, struct str model)
{
    if (has_shadow(v, model))
        return "nothing was compared in this time: a copy goes out when the client's own answer is "
               "over, and counts some moments later";
    return model.len > 0 ? "this model has no shadow: in the configuration, and none was compared "
                           "in this time"
                         : "no model has a shadow: in the configuration, and nothing was compared "
                           "in this time";
}

void api_shadow(struct exchange *ex, struct str tail)
{
    struct shadow_filter filter = {.model = params_get(ex, "model")};
    struct writer w = WRITER_INIT(&ex->out);
    struct error err = ERROR_INIT;
    struct shadow_answer answer;
    const struct pub_view *v = admin_view(ex->admin);

    (void)tail;
    if (!params_span(ex, &filter.since_ms, &filter.until_ms))
        return;
    if (query_shadows(ex->admin->query, &filter, ex->arena, &answer, &err) != 0) {
        journal_unreadable(ex, &err);
        return;
    }
    if (answer.n == 0 && v != NULL && filter.model.len > 0 &&
        pub_find_model(v, filter.model) == NULL) {
        refuse_model(ex, v, filter.model);
        return;
    }
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i < answer.n; i++)
        write_row(&w, &answer.rows[i]);
    writer_array_end(&w);
    writer_null(&w, "next");
    writer_u64(&w, "truncated", answer.truncated);
    writer_cstr(&w, "note", answer.n == 0 && v != NULL ? note_of(v, filter.model) : NULL);
    writer_object_end(&w);
    exchange_json(ex, 200);
}
