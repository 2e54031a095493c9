/*
 * litellm_spend - /spend/logs and /spend/calculate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "providers/vendor.h"
#include "server/admin/admin.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_journal.h"
#include "server/admin/litellm_text.h"
#include "server/admin/params.h"
#include "server/aggregator/query.h"
#include "shm/prices.h"

#define BYTES_A_TOKEN 4
#define PAGES_MAX 10                   /* of the journal, for one answer: some 200 ms at the most */
#define REQUEST_SPAN_MS (6 * 3600000u) /* a request is in the log that long after it began */

/* --- /spend/logs --- */

struct logs {
    struct log_row *rows;
    size_t n;
    struct journal_keys keys;
    struct str user; /* empty: all */
};

static bool is_wanted(const struct logs *l, const struct record *r)
{
    const struct journal_key *key = journal_key_of(&l->keys, r->key_id);

    return l->user.len == 0 || (key != NULL && str_eq(key->user, l->user));
}

static void write_key(struct writer *w, const struct logs *l, const struct record *r)
{
    const struct journal_key *key = journal_key_of(&l->keys, r->key_id);

    writer_cstr(w, "api_key", key != NULL ? key->token : "");
    writer_str(w, "user", key != NULL ? key->user : STR_NONE);
    writer_object(w, "metadata");
    writer_str(w, "user_api_key_alias", r->key_name);
    writer_bool(w, "estimated", (r->flags & RECORD_ESTIMATED) != 0);
    writer_bool(w, "unpriced", (r->flags & RECORD_UNPRICED) != 0);
    writer_object_end(w);
}

static void write_row(struct writer *w, const struct logs *l, const struct record *r,
                      const struct journal_teams *teams)
{
    const struct journal_team *team = journal_team_of(teams, r->team_id);
    bool has_failed = r->status >= 400 || r->fail.len > 0;
    char id[UUID_TEXT_LEN + 1];

    crypto_uuid_format(r->id, id);
    writer_object(w, NULL);
    writer_cstr(w, "request_id", id);
    writer_str(w, "call_type", r->endpoint);
    litellm_write_dollars(w, "spend", r->cost_nanousd);
    writer_u64(w, "total_tokens", r->tokens.input + r->tokens.output);
    writer_u64(w, "prompt_tokens", r->tokens.input);
    writer_u64(w, "completion_tokens", r->tokens.output);
    litellm_write_time(w, "startTime", r->begun_ms);
    litellm_write_time(w, "endTime", r->begun_ms + r->total_us / 1000);
    litellm_write_time(w, "completionStartTime", r->begun_ms + r->first_byte_us / 1000);
    writer_str(w, "model", r->model);
    writer_str(w, "model_group", r->asked.len > 0 ? r->asked : r->model);
    writer_str(w, "custom_llm_provider", r->provider);
    write_key(w, l, r);
    if (team != NULL)
        writer_str(w, "team_id", team->name);
    else
        writer_null(w, "team_id");
    writer_cstr(w, "status", has_failed ? "failure" : "success");
    writer_cstr(w, "cache_hit", "False");
    writer_null(w, "end_user");
    writer_object_end(w);
}

static void write_logs(struct exchange *ex, const struct journal_teams *teams, void *ctx)
{
    const struct logs *l = ctx;
    struct writer w = WRITER_INIT(&ex->out);

    writer_array(&w, NULL);
    for (size_t i = 0; i < l->n; i++) {
        if (is_wanted(l, &l->rows[i].record))
            write_row(&w, l, &l->rows[i].record, teams);
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}

/* Its number's first 48 bits are the milliseconds at which it began. */
static bool request_param(struct exchange *ex, uint8_t out[16], bool *out_any,
                          struct log_filter *filter)
{
    struct str text = params_get(ex, "request_id");
    char hex[33];
    size_t n = 0;

    *out_any = text.len > 0;
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < text.len && n < sizeof(hex) - 1; i++) {
        if (text.p[i] != '-')
            hex[n++] = text.p[i];
    }
    if (text.len != UUID_TEXT_LEN || crypto_unhex((struct str){hex, n}, out, 16) != 0) {
        litellm_bad(ex, "request_id", "a request's id, as in x-bf-request-id");
        return false;
    }
    for (size_t i = 0; i < 6; i++)
        filter->since_ms = filter->since_ms << 8 | out[i];
    filter->until_ms = filter->since_ms + REQUEST_SPAN_MS;
    filter->since_ms -= min_u64(filter->since_ms, 1000); /* the clock may have been set meanwhile */
    return true;
}

static bool key_param(struct exchange *ex, struct log_filter *filter)
{
    struct str text = params_get(ex, "api_key");
    struct virtual_key key;

    if (text.len == 0)
        return true;
    if (!litellm_find_key(ex, text, &key))
        return false;
    filter->has_key_id = true;
    filter->key_id = key.id;
    return true;
}

/* Rows of some pages, newest first; only the one of `id` unless that is NULL. False: answered. */
static bool read_rows(struct exchange *ex, struct log_filter *filter, const uint8_t *id,
                      struct logs *l)
{
    struct error err = ERROR_INIT;
    struct log_page page;

    l->rows = arena_alloc(ex->arena, LOG_PAGE_MAX * sizeof(*l->rows));
    for (uint32_t pages = 0; pages < PAGES_MAX && l->n < LOG_PAGE_MAX; pages++) {
        filter->range.limit = LOG_PAGE_MAX - l->n;
        if (query_log(ex->admin->query, filter, ex->arena, &page, &err) != 0) {
            journal_refuse(ex, &err);
            return false;
        }
        for (size_t i = 0; i < page.n && l->n < LOG_PAGE_MAX; i++) {
            if (id == NULL || crypto_equal(page.rows[i].record.id, id, 16))
                l->rows[l->n++] = page.rows[i];
        }
        filter->range.before = page.next;
        if (page.next == 0)
            break;
    }
    return true;
}

/* Between two dates LiteLLM sums, unless it is asked not to. */
static bool is_summary(struct exchange *ex, const struct log_filter *f)
{
    return f->since_ms > 0 && f->until_ms > 0 && params_get(ex, "user_id").len == 0 &&
           params_get(ex, "request_id").len == 0 &&
           !str_eq_nocase(params_get(ex, "summarize"), STR("false"));
}

static void summarize(struct exchange *ex, const struct log_filter *f)
{
    struct usage_filter filter = {.since_ms = f->since_ms,
                                  .until_ms = f->until_ms - 1, /* whole days: not the next one */
                                  .has_key_id = f->has_key_id,
                                  .key_id = f->key_id};

    litellm_spend_summary(ex, &filter);
}

void litellm_spend_logs(struct exchange *ex, struct str tail)
{
    struct logs *l = arena_zalloc(ex->arena, sizeof(*l));
    struct log_filter filter = {.since_ms = 0};
    uint8_t id[16];
    bool has_id, any_team = false;

    (void)tail;
    l->user = params_get(ex, "user_id");
    if (!journal_dates(ex, &filter.since_ms, &filter.until_ms) || !key_param(ex, &filter))
        return;
    if (is_summary(ex, &filter)) {
        summarize(ex, &filter);
        return;
    }
    if (!request_param(ex, id, &has_id, &filter) || !read_rows(ex, &filter, has_id ? id : NULL, l))
        return;
    uint64_t *ids = arena_alloc(ex->arena, (l->n + 1) * sizeof(*ids));
    for (size_t i = 0; i < l->n; i++) {
        ids[i] = l->rows[i].record.key_id;
        any_team |= l->rows[i].record.team_id != 0;
    }
    journal_keys_find(ex, ids, l->n, &l->keys);
    if (any_team)
        journal_teams_ask(ex, write_logs, l);
    else
        write_logs(ex, &(const struct journal_teams){.n = 0}, l);
}

/* --- /spend/calculate --- */

static const struct litellm_field calculate_fields[] = {
    {"model", LITELLM_TEXT}, {"messages", LITELLM_LIST}, {"completion_response", LITELLM_OBJECT}};

/* The price of the first target that a name has, or of "provider/model". */
static bool find_price(const struct pub_view *v, struct str name, struct price *out)
{
    const struct pub_model *m = pub_find_model(v, name);
    ptrdiff_t slash = str_index(name, '/');
    struct price_ask ask = {.model = name};
    const struct pub_provider *p = NULL;

    if (m != NULL && m->n_targets > 0) {
        const struct pub_target *t = pub_target(v, m->first_target);

        p = pub_provider(v, t->provider);
        ask.model = pub_text(v, t->model);
    } else if (slash > 0) {
        p = pub_find_provider(v, (struct str){name.p, (size_t)slash});
        ask.model = str_skip(name, (size_t)slash + 1);
    }
    if (p == NULL)
        return false;
    ask.provider = pub_text(v, p->name);
    if (p->vendor < vendor_count())
        ask.vendor = str_of(vendor_get(p->vendor)->name);
    const struct cat_model *known = cat_find(pub_catalogue(v), ask.vendor, ask.model);
    if (known != NULL)
        ask.known = cat_text(pub_catalogue(v), known->name);
    return price_find(pub_prices(v), &ask, out);
}

static void read_usage(const struct json *usage, struct usage_tokens *out)
{
    const struct json *details = json_get(usage, "prompt_tokens_details");

    /* what is absent stays 0 */
    (void)json_u64(json_get(usage, "prompt_tokens"), &out->input);
    (void)json_u64(json_get(usage, "completion_tokens"), &out->output);
    (void)json_u64(json_get(details, "cached_tokens"), &out->cached);
}

/* Four bytes a token, as nobody counted them. */
static uint64_t estimate(const struct json *messages)
{
    uint64_t bytes = 0;

    for (const struct json *m = messages->child; m != NULL; m = m->next) {
        const struct json *content = json_get(m, "content");

        bytes += json_str(content).len;
        for (const struct json *part = content != NULL ? content->child : NULL; part != NULL;
             part = part->next)
            bytes += json_str(json_get(part, "text")).len;
    }
    return (bytes + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN;
}

void litellm_spend_calculate(struct exchange *ex, struct str tail)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){calculate_fields, ARRAY_LEN(calculate_fields)});
    const struct json *response = litellm_get(body, "completion_response");
    const struct json *messages = litellm_get(body, "messages");
    const struct pub_view *v = admin_view(ex->admin);
    struct str model = json_str(litellm_get(body, "model"));
    struct writer w = WRITER_INIT(&ex->out);
    struct price_usage usage = {.service = PRICE_STANDARD};
    struct price price;

    (void)tail;
    if (body == NULL)
        return;
    if (model.len == 0)
        model = json_str(json_get(response, "model"));
    if (model.len == 0 || (response == NULL && messages == NULL)) {
        exchange_error(ex, 400, "missing_field", "model",
                       "Bad Request - Either 'model' with 'messages', or 'completion_response' "
                       "must be provided");
        return;
    }
    if (v == NULL || !find_price(v, model, &price)) {
        exchange_error(ex, 400, "unknown_price", "model", "the price of \"%.*s\" is not known",
                       STR_ARGS(model));
        return;
    }
    if (response != NULL)
        read_usage(json_get(response, "usage"), &usage.tokens);
    else
        usage.tokens.input = estimate(messages);
    writer_object(&w, NULL);
    litellm_write_dollars(&w, "cost", price_cost(&price, &usage));
    writer_object_end(&w);
    exchange_json(ex, 200);
}
