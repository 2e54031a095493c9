/*
 * metrics_money - spend and tokens of everybody, and what is left of budgets.
 *
 * Sums come from the journal, budgets from the regions. Labels are bounded: budgets of teams,
 * customers, providers and models, and of keys as far as there is room, METRICS_BUDGETS_MAX in all. An owner's
 * label is its id, which stays when it is renamed; `owner_info` has the names. They are asked of the
 * master behind an answer, for the next one, so that a scrape never waits for another process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/ask.h"
#include "server/admin/call.h"
#include "server/admin/entity.h"
#include "server/admin/key_text.h"
#include "server/admin/params.h"
#include "server/admin/text.h"
#include "server/aggregator/query.h"
#include "server/base/alloc.h"
#include "server/base/clock.h"
#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/owners.h"

#define METRICS_BUDGETS_MAX 500
#define ACCOUNTS_EXAMINED_MAX 100000 /* rows looked at: some 20 ms */
#define OWNERS_MAX_NAMED 256
#define NAME_MAX_BYTES 128
#define NAMES_AGE_MS 300000 /* then they are asked again: somebody may have renamed one */

/* --- names --- */

struct named {
    enum entity_kind kind;
    uint64_t id;
    uint64_t asked_ms; /* monotonic; 0: never */
    char name[NAME_MAX_BYTES + 1];
};

struct metrics_owners {
    struct admin *admin;
    struct named items[OWNERS_MAX_NAMED];
    size_t n;
    bool is_asking;
    size_t asked; /* the item that is asked for */
};

void metrics_owners_free(struct metrics_owners *o)
{
    free(o);
}

static void want_name(struct admin *a, uint32_t owner_kind, uint64_t id)
{
    struct metrics_owners *o = a->owners;
    enum entity_kind kind = owner_kind == OWNER_TEAM ? ENTITY_TEAM : ENTITY_CUSTOMER;

    if (owner_kind != OWNER_TEAM && owner_kind != OWNER_CUSTOMER)
        return;
    if (o == NULL) {
        o = a->owners = xcalloc(1, sizeof(*o));
        o->admin = a;
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->items[i].id == id)
            return;
    }
    if (o->n < OWNERS_MAX_NAMED)
        o->items[o->n++] = (struct named){.kind = kind, .id = id};
}

static void ask_next(struct metrics_owners *o);

static void on_name(void *ctx, const struct json *reply)
{
    struct metrics_owners *o = ctx;
    struct named *item = &o->items[o->asked];
    struct str name = STR_NONE;

    o->is_asking = false;
    item->asked_ms = clock_mono_ms();
    if (reply == NULL)
        return; /* it does not answer: another time */
    if (call_is_ok(reply))
        name = json_str(json_get(json_get(reply, "entity"), "name"));
    name.len = min_u64(name.len, NAME_MAX_BYTES);
    if (name.len > 0)
        memcpy(item->name, name.p, name.len);
    item->name[name.len] = '\0';
    ask_next(o);
}

/* One at a time. */
static void ask_next(struct metrics_owners *o)
{
    uint64_t now_ms = clock_mono_ms();
    char id[KEY_ID_TEXT], text[128];
    size_t i = 0;

    while (i < o->n && o->items[i].asked_ms != 0 && now_ms - o->items[i].asked_ms < NAMES_AGE_MS)
        i++;
    if (i == o->n || o->is_asking)
        return;
    key_id_format(o->items[i].id, id);
    int n = snprintf(text, sizeof(text), "{\"op\":\"entity_get\",\"kind\":\"%s\",\"id\":\"%s\"}",
                     entity_infos[o->items[i].kind].name, id);
    o->asked = i;
    o->is_asking =
        ask_start(o->admin->ask, (struct str){text, (size_t)n}, CALL_TIMEOUT_MS, on_name, o) == 0;
}

static void owner_info(struct exchange *ex)
{
    const struct metrics_owners *o = ex->admin->owners;

    if (o == NULL)
        return;
    text_family(&ex->out, "owner_info", "gauge", "Names of teams and customers; always 1.");
    for (size_t i = 0; i < o->n; i++) {
        char id[KEY_ID_TEXT];
        struct text_label labels[3] = {{"owner", str_of(entity_infos[o->items[i].kind].name)},
                                       {"id", STR_NONE},
                                       {"name", str_of(o->items[i].name)}};

        key_id_format(o->items[i].id, id);
        labels[1].value = str_of(id);
        if (o->items[i].name[0] != '\0')
            text_sample(&ex->out, "owner_info", labels, 3, 1);
    }
}

/* --- budgets --- */

struct budget {
    const char *kind;
    const char *window;
    char id[KEY_ID_TEXT];
    uint64_t limit, used, left, resets_us;
};

static const char
    *const
        kinds
            [OWNER_KINDS] =
                {
                    [OWNER_FREE] = NULL,           [OWNER_CUSTOMER] = "customer",
                    [OWNER_TEAM] = "team",         [OWNER_KEY] = "key",
                    [OWNER_KEY_PROVIDER] = NULL, /* one for each provider of each key: too many */
                    [OWNER_PROVIDER] = "provider", [OWNER_MODEL] = "model_limit",
};

static void fill(struct exchange *ex, const struct account *a, const struct owner *owner,
                 struct budget *out)
{
    uint64_t now_ms = clock_real_ms();
    struct usage_now now;

    account_usage(ex->admin->regions, a, now_ms, &now);
    *out = (struct budget){
        .kind = kinds[owner->kind],
        .window =
            a->window.period < PERIOD_CUSTOM ? window_period_names[a->window.period] : "custom",
        .limit = a->limit,
        .used = now.used,
        .left = a->limit - min_u64(a->limit, now.used),
        .resets_us = now.reset_ms > now_ms ? (now.reset_ms - now_ms) * 1000 : 0,
    };
    key_id_format(owner->id, out->id);
}

/* Everybody's before the keys', of which there may be many. Returns how many were left out. */
static uint64_t collect(struct exchange *ex, bool of_keys, struct budget *out, size_t *n)
{
    const struct region *published = &ex->admin->regions->published;
    uint32_t high = accounts_high(published);
    uint32_t end = (uint32_t)min_u64(high, ACCOUNTS_EXAMINED_MAX);
    uint64_t left_out = 0;

    for (uint32_t i = ROW_NONE + 1; i < end; i++) {
        struct account a;
        struct owner owner;

        if (!account_read(published, i, &a) || a.kind != ACCOUNT_BUDGET ||
            (a.owner_kind == OWNER_KEY) != of_keys || !owner_read(published, a.owner, &owner) ||
            owner.kind >= OWNER_KINDS || kinds[owner.kind] == NULL)
            continue;
        if (*n == METRICS_BUDGETS_MAX) {
            left_out++;
            continue;
        }
        fill(ex, &a, &owner, &out[(*n)++]);
        want_name(ex->admin, owner.kind, owner.id);
    }
    return left_out;
}

enum budget_field { FIELD_LIMIT, FIELD_USED, FIELD_LEFT, FIELD_RESETS };

static const struct {
    const char *name, *help;
} budget_families[] = {
    [FIELD_LIMIT] = {"budget_limit_dollars", "What may be spent in a window."},
    [FIELD_USED] = {"budget_used_dollars", "Spent in the present window, and held by requests."},
    [FIELD_LEFT] = {"budget_remaining_dollars", "What is left of it."},
    [FIELD_RESETS] = {"budget_reset_seconds", "Until it begins anew."},
};

static void budgets(struct exchange *ex)
{
    struct buf *b = &ex->out;
    struct budget *rows = arena_alloc(ex->arena, METRICS_BUDGETS_MAX * sizeof(*rows));
    size_t n = 0;
    uint64_t left_out = collect(ex, false, rows, &n) + collect(ex, true, rows, &n);

    for (size_t f = 0; f < ARRAY_LEN(budget_families); f++) {
        const char *name = budget_families[f].name;

        text_family(b, name, "gauge", budget_families[f].help);
        for (size_t i = 0; i < n; i++) {
            const struct text_label labels[3] = {{"owner", str_of(rows[i].kind)},
                                                 {"id", str_of(rows[i].id)},
                                                 {"window", str_of(rows[i].window)}};
            const uint64_t values[] = {rows[i].limit, rows[i].used, rows[i].left};

            if (f == FIELD_RESETS)
                text_sample_micro(b, name, labels, 3, rows[i].resets_us);
            else
                text_sample_nano(b, name, labels, 3, values[f]);
        }
    }
    text_family(b, "budgets_not_shown", "gauge", "Budgets that did not fit into this answer.");
    text_sample(b, "budgets_not_shown", NULL, 0, left_out);
}

/* --- sums --- */

static void sums(struct buf *b, const struct usage_totals *t)
{
    const struct {
        const char *name;
        uint64_t n;
    } classes[] = {{"input", t->tokens.input},
                   {"output", t->tokens.output},
                   {"cached", t->tokens.cached},
                   {"reasoning", t->tokens.reasoning},
                   {"cache_write_5m", t->details.written_5m},
                   {"cache_write_1h", t->details.written_1h},
                   {"audio_input", t->details.audio_in},
                   {"audio_output", t->details.audio_out}};

    text_family(b, "spend_dollars_total", "counter", "Cost of all requests in the journal.");
    text_sample_nano(b, "spend_dollars_total", NULL, 0, t->cost_nanousd);
    text_family(b, "spend_estimated_dollars_total", "counter",
                "Part of it that was estimated because no usage was told.");
    text_sample_nano(b, "spend_estimated_dollars_total", NULL, 0, t->estimated_nanousd);
    text_family(b, "unpriced_requests_total", "counter",
                "Requests whose model has no price: not in the cost.");
    text_sample(b, "unpriced_requests_total", NULL, 0, t->unpriced);
    text_family(b, "tokens_total", "counter",
                "Tokens by class; all but input and output are parts of those.");
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        text_sample(b, "tokens_total", &(struct text_label){"class", str_of(classes[i].name)}, 1,
                    classes[i].n);
}

void metrics_money(struct exchange *ex, const struct query_about *about)
{
    sums(&ex->out, &about->counters.totals);
    budgets(ex);
    owner_info(ex);
    if (ex->admin->owners != NULL)
        ask_next(ex->admin->owners);
}
