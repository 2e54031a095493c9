/*
 * reprice - POST /api/usage/reprice: what the log's tokens would have cost with another book.
 *
 * The past is not changed. The body may bring a packed book (prices.h) as hexadecimal digits, whose
 * entries are looked at before those of the book in force. A call sums REPRICE_ROWS rows of log and
 * says where to go on, so that a long log keeps nobody waiting. What was billed apart from tokens and
 * searches (images) is not in the log's rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/journal.h"
#include "server/admin/params.h"
#include "server/admin/prices.h"
#include "server/base/alloc.h"
#include "server/base/crypto.h"
#include "server/base/json.h"

#define REPRICE_ROWS 200000 /* looked at in a call: some 150 ms */
#define REPRICE_SUMS 4096   /* models in an answer; what is more is one row without names */

struct sum {
    struct str provider, model; /* in the arena; of row 0: empty, all that did not fit */
    struct price price;
    uint64_t requests, booked, would_be;
    uint64_t unpriced_before, unpriced_now;
};

struct reprice_call {
    struct owner_names names; /* first: owner_names.h */
    struct log_each each;
    const struct price_head *book; /* NULL: only the one in force */
    const struct pub_view *view;
    struct arena *arena;
    struct sum *sums; /* REPRICE_SUMS + 1 */
    size_t n;
    uint16_t index[2 * REPRICE_SUMS]; /* of a sum; 0: free */
};

static void find_price(const struct reprice_call *c, struct sum *s, const struct record *r)
{
    struct price_ask ask;

    price_ask_fill(c->view, r->provider, r->model, &ask);
    if (c->book == NULL || !price_find(c->book, &ask, &s->price))
        (void)price_find(pub_prices(c->view), &ask, &s->price); /* else is_known is 0 */
}

static struct sum *sum_of(struct reprice_call *c, const struct record *r)
{
    uint64_t h = 14695981039346656037ull;
    struct sum *s;
    size_t at;

    for (size_t i = 0; i < r->model.len; i++)
        h = (h ^ (uint8_t)r->model.p[i]) * 1099511628211ull;
    for (size_t i = 0; i < r->provider.len; i++)
        h = (h ^ (uint8_t)r->provider.p[i]) * 1099511628211ull;
    at = (size_t)(h ^ h >> 32) % ARRAY_LEN(c->index);
    for (; c->index[at] != 0; at = (at + 1) % ARRAY_LEN(c->index)) {
        s = &c->sums[c->index[at]];
        if (str_eq(s->model, r->model) && str_eq(s->provider, r->provider))
            return s;
    }
    s = &c->sums[0];
    if (c->n < REPRICE_SUMS) {
        s = &c->sums[++c->n];
        s->provider = arena_str(c->arena, r->provider);
        s->model = arena_str(c->arena, r->model);
        c->index[at] = (uint16_t)c->n;
    }
    find_price(c, s, r);
    return s;
}

/* As the worker bills: a call that was refused and used nothing costs nothing. */
static uint64_t cost_of(const struct price *p, const struct record *r)
{
    struct price_usage usage = {r->tokens, r->details,
                                r->service < PRICE_SERVICES ? r->service : PRICE_STANDARD};
    bool was_used = r->upstream_status >= 200 && r->upstream_status < 300;

    if (!was_used && r->tokens.input == 0 && r->tokens.output == 0)
        return 0;
    return price_cost(p, &usage);
}

static void take_record(void *ctx, const struct record *r)
{
    struct reprice_call *c = ctx;
    struct sum *s;

    if (r->provider.len == 0)
        return; /* no call was made */
    s = sum_of(c, r);
    s->requests++;
    s->booked += r->cost_nanousd;
    s->unpriced_before += (r->flags & RECORD_UNPRICED) != 0;
    if (s->price.is_known == 0)
        s->unpriced_now++;
    else
        s->would_be += cost_of(&s->price, r);
}

/* An absent body, or {"book": "..."}. False: answered. */
static bool read_book(struct exchange *ex, struct reprice_call *c)
{
    static const struct body_field fields[] = {{"book", BODY_STRING, false}};
    const struct json *body;
    struct str hex;
    uint8_t *bytes;

    if (ex->body.len == 0)
        return true;
    body = params_body(ex, fields, ARRAY_LEN(fields));
    if (body == NULL)
        return false;
    hex = json_str(json_get(body, "book"));
    if (hex.len == 0)
        return true;
    bytes = arena_alloc(ex->arena, hex.len / 2 + 1);
    if (crypto_unhex(hex, bytes, hex.len / 2) != 0 ||
        !prices_is_sound((const struct price_head *)(const void *)bytes, hex.len / 2)) {
        exchange_error(ex, 400, "bad_book", "book", "this is not a packed price book");
        return false;
    }
    c->book = (const struct price_head *)(const void *)bytes;
    return true;
}

static void write_sum(struct writer *w, const struct sum *s)
{
    writer_object(w, NULL);
    if (s->provider.len > 0) {
        writer_str(w, "provider", s->provider);
        writer_str(w, "model", s->model);
    } else {
        writer_null(w, "provider");
        writer_null(w, "model");
    }
    writer_u64(w, "requests", s->requests);
    writer_usd(w, "booked", s->booked);
    writer_u64(w, "booked_unpriced", s->unpriced_before);
    writer_usd(w, "would_be", s->would_be);
    writer_u64(w, "would_be_unpriced", s->unpriced_now);
    writer_object_end(w);
}

static void sum_up(struct exchange *ex)
{
    struct reprice_call *c = ex->state;
    struct writer w = WRITER_INIT(&ex->out);
    struct error err = ERROR_INIT;
    char cursor[CURSOR_TEXT_LEN + 1];
    uint64_t next;

    journal_take_owners(&c->each.filter, &c->names);
    c->view = admin_view(ex->admin);
    if (c->view == NULL) {
        exchange_error(ex, 503, "not_ready", NULL, "no configuration is published yet");
        return;
    }
    if (query_log_each(ex->admin->query, &c->each, &next, &err) != 0) {
        journal_unreadable(ex, &err);
        return;
    }
    writer_object(&w, NULL);
    writer_array(&w, "data");
    for (size_t i = 0; i <= c->n; i++) {
        if (c->sums[i].requests > 0)
            write_sum(&w, &c->sums[i]);
    }
    writer_array_end(&w);
    query_cursor_format(next, cursor);
    writer_cstr(&w, "next", next != 0 ? cursor : NULL);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void api_reprice(struct exchange *ex, struct str tail)
{
    struct reprice_call *c = arena_zalloc(ex->arena, sizeof(*c));

    (void)tail;
    c->arena = ex->arena;
    c->each.max = REPRICE_ROWS;
    c->each.fn = take_record;
    c->each.ctx = c;
    c->sums = arena_zalloc(ex->arena, (REPRICE_SUMS + 1) * sizeof(*c->sums));
    if (!read_book(ex, c) || !journal_log_filter(ex, &c->each.filter) ||
        !journal_cursor_param(ex, "cursor", &c->each.filter.range.before))
        return;
    ex->state = c;
    owner_names_filters(ex, sum_up);
}
