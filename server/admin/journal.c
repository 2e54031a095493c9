/*
 * journal - GET /api/logs, and what the other routes about the journal share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/journal.h"

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"
#include "server/aggregator/query.h"
#include "server/base/crypto.h"
#include "shm/prices.h"
#include "shm/record.h"
#include "shm/sample.h"

bool journal_key_param(struct exchange *ex, bool *out_has, uint64_t *out_id)
{
    struct str text = params_get(ex, "key");
    const char *nearest;

    *out_has = text.len > 0;
    *out_id = 0;
    if (text.len == 0 || str_eq(text, STR("none")) || params_id_parse(text, out_id) ||
        key_text_id_of_name(&ex->admin->regions->published, text, out_id))
        return true;
    nearest = key_text_nearest(&ex->admin->regions->published, text, ex->arena);
    if (nearest != NULL)
        exchange_error(ex, 400, "unknown_key", "key",
                       "there is no virtual key \"%.*s\"; did you mean \"%s\"?", STR_ARGS(text),
                       nearest);
    else
        exchange_error(ex, 400, "unknown_key", "key",
                       "there is no virtual key \"%.*s\"; give its name, its id, or \"none\"",
                       STR_ARGS(text));
    return false;
}

void journal_unreadable(struct exchange *ex, const struct error *err)
{
    exchange_error(ex, 503, "journal", NULL, "the usage journal cannot be read: %s", err->text);
}

static void write_details(struct writer *w, const struct usage_details *d)
{
    const struct {
        const char *name;
        uint64_t n;
    } rows[] = {
        {"cache_written_5m", d->written_5m}, {"cache_written_1h", d->written_1h},
        {"audio_input", d->audio_in},        {"audio_output", d->audio_out},
        {"tool_input", d->tool_input},       {"searches", d->searches},
    };

    writer_object(w, "token_details");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].n > 0)
            writer_u64(w, rows[i].name, rows[i].n);
    }
    writer_object_end(w);
}

void journal_write_tokens(struct writer *w, const struct usage_tokens *t,
                          const struct usage_details *d)
{
    writer_object(w, "tokens");
    writer_u64(w, "input", t->input);
    writer_u64(w, "output", t->output);
    writer_u64(w, "cached", t->cached);
    writer_u64(w, "reasoning", t->reasoning);
    writer_object_end(w);
    write_details(w, d);
}

void journal_write_key(struct writer *w, uint64_t key_id, struct str name)
{
    char id[KEY_ID_TEXT];

    if (key_id == 0) {
        writer_null(w, "key_id");
        writer_null(w, "key");
        return;
    }
    key_id_format(key_id, id);
    writer_cstr(w, "key_id", id);
    writer_str(w, "key", name);
}

/* --- logs --- */

/* "404", or "4xx". */
static bool status_param(struct exchange *ex, struct log_filter *f)
{
    struct str text = params_get(ex, "status");
    uint64_t n = 0;

    if (text.len == 0)
        return true;
    if (text.len == 3 && text.p[0] >= '1' && text.p[0] <= '5' &&
        str_eq(str_skip(text, 1), STR("xx"))) {
        f->status_class = (uint32_t)(text.p[0] - '0');
        return true;
    }
    if (text.len == 3 && str_parse_u64(text, &n) && n >= 100 && n <= 599) {
        f->status = (uint32_t)n;
        return true;
    }
    exchange_error(ex, 400, "bad_parameter", "status",
                   "status must be a number like 404 or a class like 4xx");
    return false;
}

bool journal_cursor_param(struct exchange *ex, const char *name, uint64_t *out)
{
    struct str text = params_get(ex, name);

    *out = 0;
    if (text.len == 0 || query_cursor_parse(text, out))
        return true;
    exchange_error(ex, 400, "bad_parameter", name, "%s is not a cursor of this list", name);
    return false;
}

static void write_empty_as_null(struct writer *w, const char *key, struct str value)
{
    if (value.len > 0)
        writer_str(w, key, value);
    else
        writer_null(w, key);
}

/* What is not known is not shown as nothing. */
static void write_cost(struct writer *w, const struct record *r)
{
    static const char *const services[PRICE_SERVICES] = {"standard", "batch", "priority", "flex"};
    bool is_unpriced = (r->flags & RECORD_UNPRICED) != 0;

    writer_bool(w, "unpriced", is_unpriced);
    if (is_unpriced) {
        writer_null(w, "cost");
        writer_null(w, "cost_nanousd");
    } else {
        writer_usd(w, "cost", r->cost_nanousd);
    }
    writer_cstr(w, "service", r->service < PRICE_SERVICES ? services[r->service] : NULL);
    writer_array(w, "bookings");
    for (uint32_t i = 0; i < r->n_bookings; i++) {
        char id[KEY_ID_TEXT];

        key_id_format(r->bookings[i].account, id);
        writer_object(w, NULL);
        writer_cstr(w, "account_id", id);
        writer_u64(w, "window", r->bookings[i].window);
        writer_object_end(w);
    }
    writer_array_end(w);
}

static void write_trail(struct writer *w, const struct record *r)
{
    writer_array(w, "trail");
    for (uint32_t i = 0; i < r->n_trail; i++) {
        const struct record_attempt *a = &r->trail[i];

        writer_object(w, NULL);
        writer_str(w, "provider", a->provider);
        write_empty_as_null(w, "provider_key", a->provider_key);
        write_empty_as_null(w, "model", a->model);
        writer_cstr(w, "reason", sample_outcome_name(a->reason));
        writer_u64(w, "upstream_status", a->status);
        writer_bool(w, "hedge", (a->flags & RECORD_ATTEMPT_HEDGE) != 0);
        writer_milli(w, "begun_ms", a->begun_us);
        writer_milli(w, "first_byte_ms", a->first_byte_us);
        writer_milli(w, "total_ms", a->total_us);
        writer_object_end(w);
    }
    writer_array_end(w);
}

static void write_record(struct writer *w, const struct owner_names *names,
                         const struct log_row *row)
{
    const struct record *r = &row->record;
    char cursor[CURSOR_TEXT_LEN + 1], id[UUID_TEXT_LEN + 1];

    query_cursor_format(row->cursor, cursor);
    crypto_uuid_format(r->id, id);
    writer_object(w, NULL);
    writer_cstr(w, "cursor", cursor);
    writer_cstr(w, "id", id);
    writer_u64(w, "begun_ms", r->begun_ms);
    journal_write_key(w, r->key_id, r->key_name);
    owner_names_write(w, names, OWNER_SIDE_TEAM, r->team_id);
    owner_names_write(w, names, OWNER_SIDE_CUSTOMER, r->customer_id);
    writer_str(w, "endpoint", r->endpoint);
    write_empty_as_null(w, "provider", r->provider);
    write_empty_as_null(w, "provider_key", r->provider_key);
    writer_str(w, "model", r->model);
    write_empty_as_null(w, "asked", r->asked);
    writer_u64(w, "status", r->status);
    writer_u64(w, "upstream_status", r->upstream_status);
    write_empty_as_null(w, "fail", r->fail);
    writer_u64(w, "attempts", r->attempts);
    write_trail(w, r);
    writer_bool(w, "stream", (r->flags & RECORD_STREAM) != 0);
    writer_bool(w, "client_gone", (r->flags & RECORD_CLIENT_GONE) != 0);
    writer_bool(w, "estimated", (r->flags & RECORD_ESTIMATED) != 0);
    writer_bool(w, "no_usage", (r->flags & RECORD_NO_USAGE) != 0);
    writer_bool(w, "shadow", (r->flags & RECORD_SHADOW) != 0);
    writer_bool(w, "crashed", (r->flags & RECORD_CRASHED) != 0);
    writer_bool(w, "hedge", (r->flags & RECORD_HEDGE) != 0);
    write_cost(w, r);
    journal_write_tokens(w, &r->tokens, &r->details);
    writer_milli(w, "first_byte_ms", r->first_byte_us);
    writer_milli(w, "total_ms", r->total_us);
    writer_u64(w, "bytes_in", r->bytes_in);
    writer_u64(w, "bytes_out", r->bytes_out);
    writer_u64(w, "worker", r->slot);
    writer_object_end(w);
}

bool journal_log_filter(struct exchange *ex, struct log_filter *out)
{
    *out = (struct log_filter){.provider = params_get(ex, "provider"),
                               .model = params_get(ex, "model")};
    return journal_key_param(ex, &out->has_key_id, &out->key_id) &&
           params_span(ex, &out->since_ms, &out->until_ms) && status_param(ex, out);
}

void journal_take_owners(struct log_filter *f, const struct owner_names *names)
{
    f->has_team_id = names->filters[OWNER_SIDE_TEAM].has;
    f->team_id = names->filters[OWNER_SIDE_TEAM].id;
    f->has_customer_id = names->filters[OWNER_SIDE_CUSTOMER].has;
    f->customer_id = names->filters[OWNER_SIDE_CUSTOMER].id;
}

struct log_call {
    struct owner_names names; /* first: owner_names.h */
    struct log_filter filter;
    struct log_page page;
};

static void write_page(struct exchange *ex)
{
    const struct log_call *c = ex->state;
    struct writer w = WRITER_INIT(&ex->out);
    char next[CURSOR_TEXT_LEN + 1];

    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i < c->page.n; i++)
        write_record(&w, &c->names, &c->page.rows[i]);
    writer_array_end(&w);
    query_cursor_format(c->page.next, next);
    writer_cstr(&w, "next", c->page.next != 0 ? next : NULL);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void read_page(struct exchange *ex)
{
    struct log_call *c = ex->state;
    struct error err = ERROR_INIT;

    journal_take_owners(&c->filter, &c->names);
    if (query_log(ex->admin->query, &c->filter, ex->arena, &c->page, &err) != 0) {
        journal_unreadable(ex, &err);
        return;
    }
    for (size_t i = 0; i < c->page.n; i++) {
        owner_names_want(&c->names, OWNER_SIDE_TEAM, c->page.rows[i].record.team_id);
        owner_names_want(&c->names, OWNER_SIDE_CUSTOMER, c->page.rows[i].record.customer_id);
    }
    owner_names_find(ex, write_page);
}

void api_logs(struct exchange *ex, struct str tail)
{
    struct log_call *c = arena_zalloc(ex->arena, sizeof(*c));
    uint64_t limit;

    (void)tail;
    if (!journal_log_filter(ex, &c->filter) ||
        !journal_cursor_param(ex, "cursor", &c->filter.range.before) ||
        !journal_cursor_param(ex, "after", &c->filter.range.after) ||
        !params_u64(ex, "limit", API_PAGE_DEFAULT, LOG_PAGE_MAX, &limit))
        return;
    c->filter.range.limit = limit;
    ex->state = c;
    owner_names_filters(ex, read_page);
}
