/*
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/entity_text.h"

#include "server/admin/admin.h"
#include "server/base/clock.h"
#include "server/base/when.h"
#include "shm/calendar.h"
#include "shm/ledger.h"
#include "shm/owners.h"

bool account_state_of(const struct exchange *ex, const struct json *rule, struct account_state *out)
{
    const struct regions *regions = ex->admin->regions;
    uint64_t row, now = clock_real_ms(), unused;
    struct account a;
    struct usage_now usage;

    if (!json_u64(json_get(rule, "account"), &row) || row == ROW_NONE || row >= ACCOUNTS_MAX ||
        !account_read(&regions->published, (uint32_t)row, &a))
        return false;
    account_usage(regions, &a, now, &usage);
    *out =
        (struct account_state){.limit = a.limit, .used = usage.used, .resets_ms = usage.reset_ms};
    if (a.kind == ACCOUNT_BUDGET) {
        uint32_t number = window_number(&regions->published, &a.window, now);

        /* Looks at every open hold; most accounts of a long list are untouched. */
        if (usage.used > 0)
            out->held = min_u64(account_held(regions, &a, number), usage.used);
        out->used -= out->held;
        window_bounds(&regions->published, &a.window, number, &out->begins_ms, &unused);
    }
    out->remaining = a.limit > usage.used ? a.limit - usage.used : 0;
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
    if (!account_state_of(ex, budget, &state))
        return;
    writer_usd(w, "used", state.used);
    writer_usd(w, "held", state.held);
    writer_usd(w, "remaining", state.remaining);
    write_resets(w, state.resets_ms);
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
