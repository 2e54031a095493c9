/*
 * journal - GET /api/usage and /api/logs: what the aggregator has stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"
#include "server/admin/writer.h"
#include "server/aggregator/query.h"
#include "server/base/crypto.h"
#include "shm/record.h"

/* A key by its id or, more handily, by its name; "none": requests without one. */
static bool key_param(struct exchange *ex, bool *out_has, uint64_t *out_id)
{
    struct str text = params_get(ex, "key");

    *out_has = text.len > 0;
    *out_id = 0;
    if (text.len == 0 || str_eq(text, STR("none")) || params_id_parse(text, out_id) ||
        key_text_id_of_name(&ex->admin->regions->published, text, out_id))
        return true;
    exchange_error(ex, 400, "unknown_key", "key",
                   "there is no virtual key with this name; give its name, its id, or \"none\"");
    return false;
}

static void refuse_journal(struct exchange *ex, const struct error *err)
{
    exchange_error(ex, 503, "journal", NULL, "the usage journal cannot be read: %s", err->text);
}

static void write_tokens(struct writer *w, const struct usage_tokens *t)
{
    writer_object(w, "tokens");
    writer_u64(w, "input", t->input);
    writer_u64(w, "output", t->output);
    writer_u64(w, "cached", t->cached);
    writer_u64(w, "reasoning", t->reasoning);
    writer_object_end(w);
}

/* Only what there is: most requests have none of it. */
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

static void write_key(struct writer *w, uint64_t key_id, struct str name)
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

/* --- usage --- */

static const struct {
    const char *name;
    uint32_t group;
} groups[] = {{"day", USAGE_BY_DAY},
              {"key", USAGE_BY_KEY},
              {"provider", USAGE_BY_PROVIDER},
              {"model", USAGE_BY_MODEL}};

static bool group_param(struct exchange *ex, uint32_t *out)
{
    struct str text = params_get(ex, "group_by");
    struct str name;

    if (text.len == 0)
        text = STR("key,provider,model");
    *out = 0;
    while (str_next(&text, ',', &name)) {
        uint32_t group = 0;

        for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
            if (str_eq(name, str_of(groups[i].name)))
                group = groups[i].group;
        }
        if (group == 0 && !str_eq(name, STR("none"))) {
            exchange_error(ex, 400, "bad_parameter", "group_by",
                           "group_by must be one or more of day, key, provider, model with commas "
                           "between them, or none");
            return false;
        }
        *out |= group;
    }
    return true;
}

static void write_day(struct writer *w, uint32_t day)
{
    time_t seconds = (time_t)day * (time_t)(MS_PER_DAY / 1000);
    struct tm tm = {0};
    char text[32];

    (void)gmtime_r(&seconds, &tm); /* fails only past the year 2^31 */
    (void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
    writer_cstr(w, "day", text);
}

static void write_usage(struct writer *w, const struct usage_row *row, uint32_t group)
{
    writer_object(w, NULL);
    if ((group & USAGE_BY_DAY) != 0)
        write_day(w, row->day);
    if ((group & USAGE_BY_KEY) != 0)
        write_key(w, row->key_id, row->key_name);
    if ((group & USAGE_BY_PROVIDER) != 0)
        writer_str(w, "provider", row->provider);
    if ((group & USAGE_BY_MODEL) != 0)
        writer_str(w, "model", row->model);
    writer_u64(w, "requests", row->totals.requests);
    writer_u64(w, "failed", row->totals.failed);
    writer_u64(w, "streams", row->totals.streams);
    writer_u64(w, "no_usage", row->totals.no_usage);
    writer_u64(w, "estimated", row->totals.estimated);
    write_tokens(w, &row->totals.tokens);
    writer_object_end(w);
}

void api_usage(struct exchange *ex, struct str tail)
{
    struct usage_filter filter = {.provider = params_get(ex, "provider"),
                                  .model = params_get(ex, "model")};
    struct writer w = WRITER_INIT(&ex->out);
    struct usage_answer answer = {.n = 0};
    struct error err = ERROR_INIT;

    (void)tail;
    if (!key_param(ex, &filter.has_key_id, &filter.key_id) ||
        !params_time(ex, "since", 0, &filter.since_ms) ||
        !params_time(ex, "until", 0, &filter.until_ms) || !group_param(ex, &filter.group))
        return;
    if (query_usage(ex->admin->query, &filter, ex->arena, &answer, &err) != 0) {
        refuse_journal(ex, &err);
        return;
    }
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i < answer.n; i++)
        write_usage(&w, &answer.rows[i], filter.group);
    writer_array_end(&w);
    writer_null(&w, "next");
    writer_u64(&w, "truncated", answer.truncated);
    writer_bool(&w, "partial", answer.is_partial);
    writer_object_end(&w);
    exchange_json(ex, 200);
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

static bool cursor_param(struct exchange *ex, const char *name, uint64_t *out)
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

static void write_record(struct writer *w, const struct log_row *row)
{
    const struct record *r = &row->record;
    char cursor[CURSOR_TEXT_LEN + 1], id[UUID_TEXT_LEN + 1];

    query_cursor_format(row->cursor, cursor);
    crypto_uuid_format(r->id, id);
    writer_object(w, NULL);
    writer_cstr(w, "cursor", cursor);
    writer_cstr(w, "id", id);
    writer_u64(w, "begun_ms", r->begun_ms);
    write_key(w, r->key_id, r->key_name);
    writer_str(w, "endpoint", r->endpoint);
    write_empty_as_null(w, "provider", r->provider);
    write_empty_as_null(w, "provider_key", r->provider_key);
    writer_str(w, "model", r->model);
    write_empty_as_null(w, "asked", r->asked);
    writer_u64(w, "status", r->status);
    writer_u64(w, "upstream_status", r->upstream_status);
    write_empty_as_null(w, "fail", r->fail);
    writer_u64(w, "attempts", r->attempts);
    writer_bool(w, "stream", (r->flags & RECORD_STREAM) != 0);
    writer_bool(w, "client_gone", (r->flags & RECORD_CLIENT_GONE) != 0);
    writer_bool(w, "estimated", (r->flags & RECORD_ESTIMATED) != 0);
    writer_bool(w, "no_usage", (r->flags & RECORD_NO_USAGE) != 0);
    write_tokens(w, &r->tokens);
    write_details(w, &r->details);
    writer_milli(w, "first_byte_ms", r->first_byte_us);
    writer_milli(w, "total_ms", r->total_us);
    writer_u64(w, "bytes_in", r->bytes_in);
    writer_u64(w, "bytes_out", r->bytes_out);
    writer_u64(w, "worker", r->slot);
    writer_object_end(w);
}

void api_logs(struct exchange *ex, struct str tail)
{
    struct log_filter filter = {.provider = params_get(ex, "provider"),
                                .model = params_get(ex, "model")};
    struct writer w = WRITER_INIT(&ex->out);
    struct log_page page = {NULL, 0, 0, 0};
    struct error err = ERROR_INIT;
    uint64_t limit;
    char next[CURSOR_TEXT_LEN + 1];

    (void)tail;
    if (!key_param(ex, &filter.has_key_id, &filter.key_id) ||
        !params_time(ex, "since", 0, &filter.since_ms) ||
        !params_time(ex, "until", 0, &filter.until_ms) || !status_param(ex, &filter) ||
        !cursor_param(ex, "cursor", &filter.range.before) ||
        !cursor_param(ex, "after", &filter.range.after) ||
        !params_u64(ex, "limit", API_PAGE_DEFAULT, LOG_PAGE_MAX, &limit))
        return;
    filter.range.limit = limit;
    if (query_log(ex->admin->query, &filter, ex->arena, &page, &err) != 0) {
        refuse_journal(ex, &err);
        return;
    }
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i < page.n; i++)
        write_record(&w, &page.rows[i]);
    writer_array_end(&w);
    query_cursor_format(page.next, next);
    writer_cstr(&w, "next", page.next != 0 ? next : NULL);
    writer_object_end(&w);
    exchange_json(ex, 200);
}
