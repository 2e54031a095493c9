/*
 * governance_rules - budgets and rate limits: max_limit and reset_duration there, limit and window
 * here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "server/admin/entity_text.h"
#include "server/admin/governance.h"
#include "server/admin/params.h"
#include "server/base/when.h"

#define NANO 1000000000u

static const struct body_field budget_fields[] = {{"id", BODY_ANY, false},
                                                  {"max_limit", BODY_ANY, false},
                                                  {"reset_duration", BODY_STRING, false},
                                                  {"calendar_aligned", BODY_BOOL, false},
                                                  {"current_usage", BODY_ANY, false},
                                                  {"last_reset", BODY_ANY, false}};

static const struct body_field limit_fields[] = {{"id", BODY_ANY, false},
                                                 {"token_max_limit", BODY_U64, false},
                                                 {"token_reset_duration", BODY_STRING, false},
                                                 {"request_max_limit", BODY_U64, false},
                                                 {"request_reset_duration", BODY_STRING, false},
                                                 {"token_current_usage", BODY_ANY, false},
                                                 {"token_last_reset", BODY_ANY, false},
                                                 {"request_current_usage", BODY_ANY, false},
                                                 {"request_last_reset", BODY_ANY, false}};

/* --- from there --- */

/* What the whole owner says; each budget may say it for itself. */
struct rules {
    struct exchange *ex;
    struct writer *w;
    const struct json *current; /* the owner's, or NULL */
    bool calendar;
};

/* Windows that a calendar has; shorter ones roll, as they do there. */
static bool has_calendar(struct str window)
{
    static const char *const names[] = {"1d", "1w", "1M", "1Q", "1Y"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(window, str_of(names[i])))
            return true;
    }
    return false;
}

static const struct json *element(const struct json *list, size_t at)
{
    const struct json *e = list != NULL ? list->child : NULL;

    while (e != NULL && at-- > 0)
        e = e->next;
    return e;
}

static const struct json *budget_of_window(const struct json *budgets, struct str window)
{
    const struct json *b = budgets != NULL ? budgets->child : NULL;

    while (b != NULL && !str_eq(json_str(json_get(b, "window")), window))
        b = b->next;
    return b;
}

/* `was` (may be NULL) has what is not told, and what there are no words for there. */
static bool put_budget(const struct rules *r, const char *where, const struct json *budget,
                       const struct json *was)
{
    const struct json *limit = json_get(budget, "max_limit");
    struct str window = json_str(json_get(budget, "reset_duration"));
    bool calendar = r->calendar;

    if (!params_members(r->ex, budget, where, budget_fields, ARRAY_LEN(budget_fields)))
        return false;
    if (limit != NULL && (limit->type != JSON_NUMBER || limit->raw.p[0] == '-')) {
        exchange_error(r->ex, 400, "bad_field", arena_printf(r->ex->arena, "%smax_limit", where).p,
                       "%smax_limit must be a number of dollars, 0 or more", where);
        return false;
    }
    if (limit == NULL)
        limit = json_get(was, "limit");
    if (window.len == 0)
        window = json_str(json_get(was, "window"));
    if (limit == NULL || window.len == 0) {
        exchange_error(r->ex, 400, "missing_field",
                       arena_printf(r->ex->arena, "%s%s", where,
                                    limit == NULL ? "max_limit" : "reset_duration")
                           .p,
                       "%s%s is missing: %s", where, limit == NULL ? "max_limit" : "reset_duration",
                       limit == NULL ? "an amount of dollars" : "1m, 5m, 1h, 1d, 1w, 1M, 1Q or 1Y");
        return false;
    }
    if (was == NULL)
        was = budget_of_window(json_get(r->current, "budgets"), window);
    (void)json_bool(json_get(budget, "calendar_aligned"), &calendar); /* absent: the owner's */
    writer_object(r->w, NULL);
    writer_raw(r->w, "limit", limit->raw);
    writer_str(r->w, "window", window);
    if (calendar && has_calendar(window)) {
        writer_bool(r->w, "calendar", true);
        if (json_get(was, "time_zone") != NULL)
            writer_raw(r->w, "time_zone", json_get(was, "time_zone")->raw);
    }
    if (json_get(was, "overshoot") != NULL)
        writer_raw(r->w, "overshoot", json_get(was, "overshoot")->raw);
    writer_object_end(r->w);
    return true;
}

static bool put_budgets(const struct rules *r, const char *where, const struct json *budgets)
{
    size_t at = 0;

    writer_array(r->w, "budgets");
    for (const struct json *b = budgets->child; b != NULL; b = b->next, at++) {
        struct str path = arena_printf(r->ex->arena, "%sbudgets[%zu].", where, at);
        struct str window = json_str(json_get(b, "reset_duration"));

        if (b->type != JSON_OBJECT) {
            exchange_error(r->ex, 400, "bad_field", "budgets", "%sbudgets[%zu] must be an object",
                           where, at);
            return false;
        }
        for (const struct json *other = b->next; other != NULL; other = other->next) {
            if (window.len > 0 && str_eq(window, json_str(json_get(other, "reset_duration")))) {
                exchange_error(r->ex, 400, "bad_field", "budgets",
                               "Duplicate reset_duration in budgets: %.*s", STR_ARGS(window));
                return false;
            }
        }
        if (!put_budget(r, path.p, b, NULL))
            return false;
    }
    writer_array_end(r->w);
    return true;
}

/* The calendar of budgets that are not told again. */
static void put_calendar(const struct rules *r)
{
    const struct json *budgets = json_get(r->current, "budgets");

    if (budgets == NULL || budgets->child == NULL)
        return;
    writer_array(r->w, "budgets");
    for (const struct json *b = budgets->child; b != NULL; b = b->next) {
        static const struct json nothing = {.type = JSON_OBJECT};

        if (!put_budget(r, "budgets[].", &nothing, b))
            must(false); /* it has all that there must be */
    }
    writer_array_end(r->w);
}

/* Months and weeks are lengths here: a limit slides. */
static struct str length_of(struct str duration)
{
    static const struct {
        const char *from, *to;
    } rows[] = {{"1w", "7d"}, {"1M", "30d"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_eq(duration, str_of(rows[i].from)))
            return str_of(rows[i].to);
    }
    return duration;
}

/* The first limit of this class; the others of it have no place there. */
static const struct json *limit_of_class(const struct json *entity, const char *class)
{
    const struct json *limits = json_get(entity, "rate_limits");
    const struct json *l = limits != NULL ? limits->child : NULL;

    while (l != NULL && json_get(l, class) == NULL)
        l = l->next;
    return l;
}

struct class_fields {
    const char *class, *max, *duration;
};
static const struct class_fields classes[] = {
    {"requests", "request_max_limit", "request_reset_duration"},
    {"tokens", "token_max_limit", "token_reset_duration"}};

static bool put_class(const struct rules *r, const char *where, const struct json *limit,
                      const struct class_fields *c)
{
    const struct json *max = json_get(limit, c->max);
    const struct json *was = limit->child != NULL ? limit_of_class(r->current, c->class) : NULL;
    struct str duration = json_str(json_get(limit, c->duration));

    if (max == NULL)
        max = json_get(was, c->class);
    if (max == NULL || max->type == JSON_NULL)
        return true;
    if (duration.len == 0)
        duration = json_str(json_get(was, "per"));
    if (duration.len == 0) {
        exchange_error(r->ex, 400, "missing_field",
                       arena_printf(r->ex->arena, "%s%s", where, c->duration).p,
                       "%s%s is missing: 1m, 1h or 1d", where, c->duration);
        return false;
    }
    writer_object(r->w, NULL);
    writer_raw(r->w, c->class, max->raw);
    writer_str(r->w, "per", length_of(duration));
    writer_object_end(r->w);
    return true;
}

/* {} takes the limits away. */
static bool put_limits(const struct rules *r, const char *where, const struct json *limit)
{
    struct str path = arena_printf(r->ex->arena, "%srate_limit.", where);

    if (limit->type == JSON_NULL) {
        writer_null(r->w, "rate_limits");
        return true;
    }
    if (!params_members(r->ex, limit, path.p, limit_fields, ARRAY_LEN(limit_fields)))
        return false;
    writer_array(r->w, "rate_limits");
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (!put_class(r, path.p, limit, &classes[i]))
            return false;
    }
    writer_array_end(r->w);
    return true;
}

static bool put_one_budget(const struct rules *r, const char *where, const struct json *budget)
{
    struct str path = arena_printf(r->ex->arena, "%sbudget.", where);

    if (budget->child == NULL) { /* null, and {}: taken away */
        writer_null(r->w, "budgets");
        return true;
    }
    writer_array(r->w, "budgets");
    if (!put_budget(r, path.p, budget, element(json_get(r->current, "budgets"), 0)))
        return false;
    writer_array_end(r->w);
    return true;
}

bool governance_rules_write(struct exchange *ex, struct writer *w, const char *where,
                            const struct json *body, const struct json *current)
{
    const struct json *budgets = json_get(body, "budgets");
    const struct json *budget = json_get(body, "budget");
    const struct json *limit = json_get(body, "rate_limit");
    struct rules r = {ex, w, current, false};
    bool has_calendar_word = json_bool(json_get(body, "calendar_aligned"), &r.calendar);

    if (!has_calendar_word) {
        const struct json *first = element(json_get(current, "budgets"), 0);

        (void)json_bool(json_get(first, "calendar"), &r.calendar); /* none: it rolls */
    }
    if (budgets != NULL && budget != NULL) {
        exchange_error(ex, 400, "bad_field", "budget", "give %sbudget or %sbudgets, not both",
                       where, where);
        return false;
    }
    if (budgets != NULL && budgets->type == JSON_NULL)
        writer_null(w, "budgets");
    else if (budgets != NULL && !put_budgets(&r, where, budgets))
        return false;
    if (budget != NULL && !put_one_budget(&r, where, budget))
        return false;
    if (has_calendar_word && budgets == NULL && budget == NULL)
        put_calendar(&r);
    return limit == NULL || put_limits(&r, where, limit);
}

/* --- to there --- */

static void write_when(struct writer *w, const char *key, uint64_t ms)
{
    struct buf text = BUF_INIT;

    if (ms == 0) {
        writer_null(w, key);
        return;
    }
    when_format(&text, ms);
    writer_str(w, key, buf_view(&text));
    buf_fini(&text);
}

/* Dollars as a number, digit by digit. */
static void write_dollars(struct exchange *ex, struct writer *w, const char *key, uint64_t nanousd)
{
    struct str text =
        arena_printf(ex->arena, "%" PRIu64 ".%09" PRIu64, nanousd / NANO, nanousd % NANO);

    while (text.p[text.len - 1] == '0')
        text.len--;
    if (text.p[text.len - 1] == '.')
        text.len--;
    writer_raw(w, key, text);
}

void governance_budget_text(struct exchange *ex, struct writer *w, const struct json *budget,
                            const struct governance_owner *owner)
{
    struct account_state state = {0};
    uint64_t limit = 0;
    bool calendar = false;

    (void)json_u64(json_get(budget, "limit_nanousd"), &limit); /* the master always says it */
    (void)json_bool(json_get(budget, "calendar"), &calendar);
    bool is_known = account_state_of(ex, budget, &state);
    writer_object(w, NULL);
    writer_str(w, "id", json_str(json_get(budget, "account_id")));
    write_dollars(ex, w, "max_limit", limit);
    writer_str(w, "reset_duration", json_str(json_get(budget, "window")));
    writer_bool(w, "calendar_aligned", calendar);
    if (is_known) {
        write_dollars(ex, w, "current_usage", state.used + state.held);
        write_when(w, "last_reset", state.begins_ms);
    }
    if (owner->field != NULL)
        writer_str(w, owner->field, owner->id);
    writer_object_end(w);
}

static void write_class(struct exchange *ex, struct writer *w, const struct json *limit,
                        const char *prefix, const char *class)
{
    struct account_state state = {0};

    if (limit == NULL)
        return;
    bool is_known = account_state_of(ex, limit, &state);
    writer_raw(w, arena_printf(ex->arena, "%s_max_limit", prefix).p, json_get(limit, class)->raw);
    writer_str(w, arena_printf(ex->arena, "%s_reset_duration", prefix).p,
               json_str(json_get(limit, "per")));
    if (is_known)
        writer_u64(w, arena_printf(ex->arena, "%s_current_usage", prefix).p, state.used);
}

bool governance_limit_text(struct exchange *ex, struct writer *w, const char *key,
                           const struct json *entity, const struct governance_owner *owner)
{
    const struct json *tokens = limit_of_class(entity, "tokens");
    const struct json *requests = limit_of_class(entity, "requests");

    if (tokens == NULL && requests == NULL)
        return false;
    writer_object(w, key);
    writer_str(w, "id", json_str(json_get(tokens != NULL ? tokens : requests, "account_id")));
    write_class(ex, w, tokens, "token", "tokens");
    write_class(ex, w, requests, "request", "requests");
    if (owner->field != NULL)
        writer_str(w, owner->field, owner->id);
    writer_object_end(w);
    return true;
}

void governance_rules_text(struct exchange *ex, struct writer *w, const struct json *entity,
                           const struct governance_owner *owner)
{
    const struct json *budgets = json_get(entity, "budgets");
    const struct governance_owner nobody = {NULL, STR_NONE};
    bool calendar = false;

    writer_array(w, "budgets");
    for (const struct json *b = budgets != NULL ? budgets->child : NULL; b != NULL; b = b->next) {
        (void)json_bool(json_get(b, "calendar"), &calendar); /* the last one's, as good as any */
        governance_budget_text(ex, w, b, owner);
    }
    writer_array_end(w);
    writer_bool(w, "calendar_aligned", calendar);
    if (!governance_limit_text(ex, w, "rate_limit", entity, &nobody))
        writer_null(w, "rate_limit");
}
