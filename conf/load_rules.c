/* Budgets and limits, wherever they stand. */
#include <stdio.h>
#include <string.h>

#include "conf/amounts.h"
#include "conf/load_money.h"
#include "conf/values.h"
#include "server/base/zone.h"

#define MINUTE_MS 60000ull
#define BUDGET_LENGTH_MAX (3660 * 86400000ull)
#define LIMIT_LENGTH_MAX (31 * 86400000ull)
#define CONCURRENCY_MAX 1000000
#define WINDOW_HELP "one of 1m, 5m, 1h, 1d, 1w, 1M, 1Q, 1Y, or a number of days or hours such as 7d"
#define PERCENT_MAX 100000 /* thousandths */

static struct conf_rules *rules_of(struct load *l, const struct load_key *key, void *object)
{
    void *place = (char *)object + key->offset;
    struct conf_rules **out = place;

    if (key->min == LOAD_RULES_INSIDE)
        return place;
    if (key->min == LOAD_RULES_OF_KEY)
        return &load_scope(l, object)->rules;
    if (*out == NULL)
        *out = arena_zalloc(l->arena, sizeof(**out));
    return *out;
}

static bool load_amount(struct load *l, const struct load_at *at, uint64_t *out)
{
    enum amount_result result;
    struct str text;

    if (!load_is_type(l, at, NODE_SCALAR,
                      "an amount of dollars such as 100 or 12.50 (several budgets: budgets)") ||
        !load_text(l, at, &text, NULL))
        return false;
    result = amount_parse(text, out);
    if (result != AMOUNT_OK)
        load_must_be(l, at, amount_problem(result));
    return result == AMOUNT_OK;
}

/* --- budgets --- */

/* A budget while it is read: what depends on another of its values waits for the end. */
struct draft {
    struct conf_budget budget;
    uint64_t percent; /* thousandths; when has_percent */
    bool has_limit, has_window, has_overshoot, has_percent;
};

static void set_limit(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct draft *d = object;

    (void)key;
    d->has_limit = load_amount(l, at, &d->budget.limit_nanousd);
}

static void set_window(struct load *l, const struct load_at *at, const struct load_key *key,
                       void *object)
{
    struct draft *d = object;
    enum conf_period period;
    uint64_t length;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    d->has_window = true;
    if (!period_parse(text, &period, &length) ||
        (period == CONF_CUSTOM && (length < MINUTE_MS || length > BUDGET_LENGTH_MAX))) {
        load_must_be(l, at, WINDOW_HELP);
        return;
    }
    d->budget.window = period;
    d->budget.length_ms = length;
}

static void set_time_zone(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    struct draft *d = object;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (!zone_is_there(text))
        load_must_be(l, at,
                     "the name of a time zone such as Europe/Berlin that this machine knows");
    else
        d->budget.time_zone = text.p;
}

static void set_overshoot(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    static const char help[] = "none, auto, an amount of dollars, or a percentage of the limit up "
                               "to 100% such as 5%";
    struct draft *d = object;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    d->has_overshoot = true;
    if (str_eq(text, STR("auto")))
        return;
    if (str_eq(text, STR("none"))) {
        d->budget.overshoot_nanousd = 0;
        return;
    }
    if (str_ends(text, STR("%"))) {
        text.len--;
        d->has_percent = value_thousandths(text, &d->percent) && d->percent <= PERCENT_MAX;
        if (!d->has_percent)
            load_must_be(l, at, help);
        return;
    }
    if (amount_parse(text, &d->budget.overshoot_nanousd) != AMOUNT_OK)
        load_must_be(l, at, help);
}

#define DRAFT(member) offsetof(struct draft, budget.member)
static const struct load_key budget_keys[] = {
    {"limit", "amount", set_limit, 0, 0, 0, true},
    {"window", "window", set_window, 0, 0, 0, false},
    {"calendar", "true or false", load_set_bool, DRAFT(calendar), 0, 0, false},
    {"time_zone", "name of a time zone", set_time_zone, 0, 0, 0, false},
    {"overshoot", "none, auto, amount or percentage", set_overshoot, 0, 0, 0, false},
};
const struct load_table table_budget = {"budgets[]", budget_keys, ARRAY_LEN(budget_keys)};

static void finish_budget(struct load *l, const struct load_at *at, struct draft *d)
{
    struct conf_budget *b = &d->budget;

    if (d->has_percent)
        b->overshoot_nanousd =
            (uint64_t)((unsigned __int128)b->limit_nanousd * d->percent / PERCENT_MAX);
    if (b->calendar && b->window == CONF_CUSTOM)
        load_fail(l, at, "has calendar with a window that no calendar has; use 1d, 1w, 1M, 1Q, 1Y");
    if (!b->calendar && strcmp(b->time_zone, "UTC") != 0)
        load_fail(l, at, "has time_zone without calendar: true, where it would mean nothing");
    if (!d->has_window)
        load_default(l, at, "window: 1M");
    if (!b->calendar)
        load_default(l, at, "calendar: false (it rolls from when it was made)");
    else if (strcmp(b->time_zone, "UTC") == 0)
        load_default(l, at, "time_zone: UTC");
    if (!d->has_overshoot)
        load_default(l, at, "overshoot: auto");
}

static struct draft new_draft(void)
{
    return (struct draft){.budget = {.window = CONF_1MO,
                                     .time_zone = "UTC",
                                     .overshoot_nanousd = CONF_OVERSHOOT_AUTO}};
}

void load_set_budget(struct load *l, const struct load_at *at, const struct load_key *key,
                     void *object)
{
    struct conf_rules *rules = rules_of(l, key, object);
    struct draft d = new_draft();

    if (node_has(at->up->node, "budgets")) {
        load_fail(l, at, "stands beside budgets: write one of the two");
        return;
    }
    set_limit(l, at, NULL, &d);
    if (!d.has_limit)
        return;
    rules->budgets = arena_zalloc(l->arena, sizeof(*rules->budgets));
    rules->budgets[0] = d.budget;
    rules->n_budgets = 1;
    load_default(l, at,
                 "%.*s dollars per 1M (30 days, rolling from when it was made), overshoot: auto",
                 STR_ARGS(at->node->text));
}

void load_set_budgets(struct load *l, const struct load_at *at, const struct load_key *key,
                      void *object)
{
    struct conf_rules *rules = rules_of(l, key, object);
    size_t index = 0;

    if (!load_is_type(l, at, NODE_SEQUENCE, "a list of mappings such as [{ limit: 100 }]"))
        return;
    if (at->node->n > CONF_BUDGETS_MAX) {
        load_fail(l, at, "must have at most %d items, has %u", CONF_BUDGETS_MAX, at->node->n);
        return;
    }
    rules->budgets = arena_zalloc(l->arena, (at->node->n + 1) * sizeof(*rules->budgets));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};
        struct draft d = new_draft();

        load_object(l, &down, &table_budget, &d);
        if (!d.has_limit)
            continue;
        finish_budget(l, &down, &d);
        rules->budgets[rules->n_budgets++] = d.budget;
    }
}

/* --- limits --- */

struct limit_draft {
    uint64_t amounts[4]; /* by enum conf_limit_kind; 0: not said */
    uint64_t length_ms;
};

static void set_per(struct load *l, const struct load_at *at, const struct load_key *key,
                    void *object)
{
    struct limit_draft *d = object;
    uint64_t length;
    struct str text;

    (void)key;
    if (!load_text(l, at, &text, NULL))
        return;
    if (!length_parse(text, &length) || length > LIMIT_LENGTH_MAX)
        load_must_be(l, at, "a length of time up to 31d such as 1m, 1h or 1d");
    else
        d->length_ms = length;
}

#define AMOUNT_OF(kind) offsetof(struct limit_draft, amounts) + (kind) * sizeof(uint64_t)
static const struct load_key rate_limit_keys[] = {
    {"requests", "whole number", load_set_u64, AMOUNT_OF(CONF_REQUESTS), 1, CONF_TOKENS_MAX, false},
    {"tokens", "whole number", load_set_u64, AMOUNT_OF(CONF_TOKENS), 1, CONF_TOKENS_MAX, false},
    {"tokens_in", "whole number", load_set_u64, AMOUNT_OF(CONF_TOKENS_IN), 1, CONF_TOKENS_MAX,
     false},
    {"tokens_out", "whole number", load_set_u64, AMOUNT_OF(CONF_TOKENS_OUT), 1, CONF_TOKENS_MAX,
     false},
    {"per", "length of time", set_per, 0, 0, 0, false},
};
const struct load_table table_rate_limit = {"rate_limits[]", rate_limit_keys,
                                            ARRAY_LEN(rate_limit_keys)};

void load_set_rate_limit(struct load *l, const struct load_at *at, const struct load_key *key,
                         void *object)
{
    struct conf_rules *rules = rules_of(l, key, object);
    const struct load_key bounds = {.name = key->name, .min = 1, .max = CONF_TOKENS_MAX};
    uint64_t amount = 0;

    if (node_has(at->up->node, "rate_limits")) {
        load_fail(l, at, "stands beside rate_limits: write one of the two");
        return;
    }
    load_set_u64(l, at, &bounds, &amount);
    if (amount == 0)
        return;
    rules->limits = arena_zalloc(l->arena, sizeof(*rules->limits));
    rules->limits[0] = (struct conf_limit){CONF_REQUESTS, amount, MINUTE_MS};
    rules->n_limits = 1;
    load_default(l, at, "%llu requests per 1m (sliding)", (unsigned long long)amount);
}

/* An item may limit several things at once, in the same length of time. */
static void add_limits(struct load *l, const struct load_at *at, struct conf_rules *rules)
{
    struct limit_draft d = {.length_ms = MINUTE_MS};
    bool any = false;

    load_object(l, at, &table_rate_limit, &d);
    for (uint32_t kind = 0; kind < ARRAY_LEN(d.amounts); kind++) {
        if (d.amounts[kind] == 0)
            continue;
        any = true;
        if (rules->n_limits < CONF_LIMITS_MAX)
            rules->limits[rules->n_limits] =
                (struct conf_limit){kind, d.amounts[kind], d.length_ms};
        rules->n_limits++;
    }
    if (!any && at->node->type == NODE_MAPPING)
        load_fail(l, at, "needs requests, tokens, tokens_in or tokens_out");
}

void load_set_rate_limits(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    struct conf_rules *rules = rules_of(l, key, object);
    size_t index = 0;

    if (!load_is_type(l, at, NODE_SEQUENCE,
                      "a list of mappings such as [{ requests: 100, per: 1m }]"))
        return;
    rules->limits = arena_zalloc(l->arena, CONF_LIMITS_MAX * sizeof(*rules->limits));
    for (const struct node *item = at->node->child; item != NULL; item = item->next) {
        struct load_at down = {at, item, STR_NONE, index++};

        if (index > CONF_LIMITS_MAX)
            break; /* told below: there are more than may be */
        add_limits(l, &down, rules);
    }
    if (at->node->n > CONF_LIMITS_MAX || rules->n_limits > CONF_LIMITS_MAX) {
        load_fail(l, at, "must have at most %d limits", CONF_LIMITS_MAX);
        rules->n_limits = 0;
    }
}

void load_set_concurrency(struct load *l, const struct load_at *at, const struct load_key *key,
                          void *object)
{
    const struct load_key bounds = {.name = key->name, .min = 1, .max = CONCURRENCY_MAX};

    load_set_u64(l, at, &bounds, &rules_of(l, key, object)->concurrency);
}

/* --- all of them --- */

static bool same_window(const struct conf_budget *a, const struct conf_budget *b)
{
    return a->window == b->window && a->length_ms == b->length_ms && a->calendar == b->calendar &&
           strcmp(a->time_zone, b->time_zone) == 0;
}

void load_rules_check(struct load *l, const struct load_at *at, const struct conf_rules *rules)
{
    size_t n = rules->n_budgets + rules->n_limits + (rules->concurrency > 0);

    for (size_t i = 0; i < rules->n_budgets; i++) {
        for (size_t j = 0; j < i; j++) {
            if (same_window(&rules->budgets[i], &rules->budgets[j]))
                load_fail(l, at, "has two budgets with the same window");
        }
    }
    for (size_t i = 0; i < rules->n_limits; i++) {
        for (size_t j = 0; j < i; j++) {
            if (rules->limits[i].kind == rules->limits[j].kind &&
                rules->limits[i].length_ms == rules->limits[j].length_ms)
                load_fail(l, at, "has two limits of the same thing in the same time");
        }
    }
    if (n > CONF_ACCOUNTS_MAX)
        load_fail(l, at, "has %zu budgets and limits, at most %d fit", n, CONF_ACCOUNTS_MAX);
}

void load_default(struct load *l, const struct load_at *at, const char *fmt, ...)
{
    char text[256];
    va_list args;

    if (l->defaults == NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut is fine */
    va_end(args);
    buf_printf(l->defaults, "%s%s%s\n", at->up != NULL ? load_path(l, at) : "",
               at->up != NULL ? ": " : "", text);
}
