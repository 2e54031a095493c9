/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/entity_text.h"

#include <stdlib.h>
#include <string.h>

#include "server/admin/admin.h"
#include "server/admin/params.h"
#include "server/base/clock.h"
#include "server/base/when.h"
#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/owners.h"

#define HELD_MAX 262144 /* shares of open holds kept for one answer: 6 MiB */

/* What requests under way hold, looked at once for an answer, in the order of accounts and windows. */
struct held_look {
    uint32_t n, room;
    bool is_short; /* there were more */
    struct held *items;
    struct arena *arena;
};

static void add_held(void *ctx, const struct held *held)
{
    struct held_look *look = ctx;

    if (look->n == HELD_MAX) {
        look->is_short = true;
        return;
    }
    if (look->n == look->room) {
        struct held *more;

        look->room = look->room == 0 ? 256 : look->room * 2;
        more = arena_alloc(look->arena, look->room * sizeof(*more));
        if (look->n > 0)
            memcpy(more, look->items, look->n * sizeof(*more));
        look->items = more;
    }
    look->items[look->n++] = *held;
}

static int compare_held(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->window < y->window ? -1 : x->window > y->window;
}

static const struct held_look *look_of(struct exchange *ex)
{
    struct held_look *look;

    if (ex->held != NULL)
        return ex->held;
    look = arena_zalloc(ex->arena, sizeof(*look));
    look->arena = ex->arena;
    held_each(ex->admin->regions, add_held, look);
    if (look->n > 0)
        qsort(look->items, look->n, sizeof(*look->items), compare_held);
    ex->held = look;
    return look;
}

static uint64_t held_of(struct exchange *ex, const struct account *a, uint32_t number)
{
    const struct held_look *look = look_of(ex);
    const struct held wanted = {a->index, number, 0};
    uint32_t low = 0, high = look->n;
    uint64_t sum = 0;

    if (look->is_short)
        return account_held(ex->admin->regions, a, number);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (compare_held(&look->items[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < look->n && compare_held(&look->items[low], &wanted) == 0; low++)
        sum += look->items[low].amount;
    return sum;
}

void account_state_at(struct exchange *ex, const struct account *a, struct account_state *out)
{
    const struct regions *regions = ex->admin->regions;
    uint64_t now = clock_real_ms(), unused;
    struct usage_now usage;

    account_usage(regions, a, now, &usage);
    *out =
        (struct account_state){.limit = a->limit, .used = usage.used, .resets_ms = usage.reset_ms};
    if (a->kind == ACCOUNT_BUDGET) {
        uint32_t number = window_number(&regions->published, &a->window, now);

        if (usage.used > 0)
            out->held = min_u64(held_of(ex, a, number), usage.used);
        out->used -= out->held;
        window_bounds(&regions->published, &a->window, number, &out->begins_ms, &unused);
    }
    out->remaining = a->limit > usage.used ? a->limit - usage.used : 0;
}

bool account_state_of(struct exchange *ex, const struct json *rule, struct account_state *out)
{
    uint64_t row;
    struct account a;

    if (!json_u64(json_get(rule, "account"), &row) || row == ROW_NONE || row >= ACCOUNTS_MAX ||
        !account_read(&ex->admin->regions->published, (uint32_t)row, &a))
        return false;
    account_state_at(ex, &a, out);
    return true;
}

static void write_resets(struct writer *w, uint64_t resets_ms)
{
    struct buf text = BUF_INIT;

    if (resets_ms == 0) {
        writer_null(w, "resets_ms");
        writer_null(w, "resets_at");
        return;
    }
    when_format(&text, resets_ms);
    writer_u64(w, "resets_ms", resets_ms);
    writer_str(w, "resets_at", buf_view(&text));
    buf_fini(&text);
}

void account_state_write(struct writer *w, const struct account_state *state)
{
    writer_usd(w, "used", state->used);
    writer_usd(w, "held", state->held);
    writer_usd(w, "remaining", state->remaining);
    write_resets(w, state->resets_ms);
}

/* Everything but the row of the account, which is the inside's own. */
static void write_rule(struct exchange *ex, struct writer *w, const struct json *rule)
{
    for (const struct json *m = rule->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("account")))
            writer_raw(w, arena_cstr(ex->arena, m->key), m->raw);
    }
}

void entity_text_budget(struct exchange *ex, struct writer *w, const struct json *budget)
{
    struct account_state state;

    write_rule(ex, w, budget);
    if (account_state_of(ex, budget, &state))
        account_state_write(w, &state);
}

static void write_limit(struct exchange *ex, struct writer *w, const struct json *limit)
{
    struct account_state state;

    write_rule(ex, w, limit);
    if (!account_state_of(ex, limit, &state))
        return;
    writer_u64(w, "used", state.used);
    writer_u64(w, "remaining", state.remaining);
    write_resets(w, state.resets_ms);
}

typedef void write_element_fn(struct exchange *ex, struct writer *w, const struct json *element);

static void write_array(struct exchange *ex, struct writer *w, const struct json *array,
                        write_element_fn *write)
{
    writer_array(w, arena_cstr(ex->arena, array->key));
    for (const struct json *element = array->child; element != NULL; element = element->next) {
        writer_object(w, NULL);
        write(ex, w, element);
        writer_object_end(w);
    }
    writer_array_end(w);
}

/* What is shown otherwise than the master says it. */
static bool write_special(struct exchange *ex, struct writer *w, const struct json *member)
{
    struct account_state state;

    if (str_eq(member->key, STR("hash"))) { /* as a configuration's `value` takes it */
        if (str_eq(params_get(ex, "hashes"), STR("true")))
            writer_str(w, "hash",
                       arena_concat(ex->arena, (struct str[]){STR("sha256:"), member->text}, 2));
        return true;
    }
    if (!str_eq(member->key, STR("concurrency_account")))
        return false;
    const struct json rule = {
        .type = JSON_OBJECT,
        .child = &(struct json){
            .type = JSON_NUMBER, .key = STR("account"), .raw = member->raw, .text = member->text}};
    if (account_state_of(ex, &rule, &state))
        writer_u64(w, "concurrency_used", state.used);
    return true;
}

static void write_members(struct exchange *ex, struct writer *w, const struct json *object)
{
    static const struct {
        const char *name;
        write_element_fn *write;
    } arrays[] = {{"budgets", entity_text_budget},
                  {"rate_limits", write_limit},
                  {"providers", write_members}}; /* a key's: they have rules of their own */

    for (const struct json *m = object->child; m != NULL; m = m->next) {
        write_element_fn *write = NULL;

        if (write_special(ex, w, m))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(arrays); i++) {
            if (m->type == JSON_ARRAY && str_eq(m->key, str_of(arrays[i].name)))
                write = arrays[i].write;
        }
        if (write != NULL)
            write_array(ex, w, m, write);
        else
            writer_raw(w, arena_cstr(ex->arena, m->key), m->raw);
    }
}

/* What scripts rely on since before keys had budgets, as it is when nothing was said. */
static void write_key_defaults(struct writer *w, const struct json *key)
{
    static const struct {
        const char *name, *json;
    } defaults[] = {{"models", "[]"}, {"active", "true"}, {"strict", "false"}, {"expires", "null"}};
    uint64_t ms;

    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        if (json_get(key, defaults[i].name) == NULL)
            writer_raw(w, defaults[i].name, str_of(defaults[i].json));
    }
    if (json_get(key, "expires_ms") != NULL)
        return;
    if (when_parse(json_str(json_get(key, "expires")), &ms))
        writer_u64(w, "expires_ms", ms);
    else
        writer_null(w, "expires_ms");
}

void entity_text_write(struct exchange *ex, struct writer *w, enum entity_kind kind,
                       const struct json *entity)
{
    if (entity == NULL)
        return;
    write_members(ex, w, entity);
    if (kind == ENTITY_KEY)
        write_key_defaults(w, entity);
}
