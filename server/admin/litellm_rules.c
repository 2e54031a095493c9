/*
 * litellm_rules - budgets, limits and metadata of a LiteLLM body, as the master takes them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm.h"
#include "server/admin/litellm_text.h"

#define BUDGETS_MAX 4

/* --- budgets --- */

struct budget {
    uint64_t nanousd;
    struct litellm_window window;
};

/* A duration that is absent or null: the budget is there once and for all. */
static bool read_window(struct exchange *ex, const struct json *duration, const char *name,
                        struct litellm_window *out)
{
    if (duration == NULL || duration->type == JSON_NULL ||
        (duration->type == JSON_STRING && duration->text.len == 0)) {
        *out = (struct litellm_window){LITELLM_FOREVER, false};
        return true;
    }
    if (duration->type == JSON_STRING && litellm_window(duration->text, out))
        return true;
    litellm_bad(ex, name, "a duration like 30m, 24h, 7d or 1mo, from a minute to ten years");
    return false;
}

static void write_budget(struct writer *w, const struct budget *b)
{
    writer_object(w, NULL);
    litellm_write_dollars(w, "limit", b->nanousd);
    writer_cstr(w, "window", b->window.window);
    writer_bool(w, "calendar", b->window.calendar);
    writer_object_end(w);
}

/* One that is there already, as it was said. */
static void write_old_budget(struct writer *w, const struct json *old)
{
    static const char *const names[] = {"limit", "window", "calendar", "time_zone", "overshoot"};

    writer_object(w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct json *value = json_get(old, names[i]);

        if (value != NULL)
            writer_raw(w, names[i], value->raw);
    }
    writer_object_end(w);
}

static const struct json *first_of(const struct json *list)
{
    return list != NULL && list->type == JSON_ARRAY ? list->child : NULL;
}

static const struct json *new_or_old(const struct json *body, const struct json *old,
                                     const char *name)
{
    const struct json *value = json_get(body, name);

    return value != NULL ? value : json_get(litellm_meta(old), name);
}

/* The budget of max_budget and budget_duration; *out_any false: there is none. */
static bool read_main_budget(struct exchange *ex, const struct json *body, const struct json *old,
                             struct budget *out, bool *out_any)
{
    const struct json *money = json_get(body, "max_budget");
    const struct json *was = first_of(json_get(old, "budgets"));

    *out_any = false;
    if (money != NULL)
        *out_any = money->type == JSON_NUMBER && litellm_dollars(money->text, &out->nanousd);
    else if (was != NULL)
        *out_any = json_u64(json_get(was, "limit_nanousd"), &out->nanousd);
    return read_window(ex, new_or_old(body, old, "budget_duration"), "budget_duration",
                       &out->window);
}

/* The elements of budget_limits. False: answered. */
static bool write_more_budgets(struct exchange *ex, struct writer *w, const struct json *list)
{
    for (const struct json *item = list->child; item != NULL; item = item->next) {
        const struct json *money = json_get(item, "max_budget");
        struct budget b;

        if (list->n > BUDGETS_MAX || money == NULL || money->type != JSON_NUMBER ||
            !litellm_dollars(money->text, &b.nanousd)) {
            litellm_bad(ex, "budget_limits",
                        "a list of at most 4 of {\"max_budget\": dollars, \"budget_duration\"}");
            return false;
        }
        if (!read_window(ex, json_get(item, "budget_duration"), "budget_limits", &b.window))
            return false;
        write_budget(w, &b);
    }
    return true;
}

static bool write_budgets(struct exchange *ex, struct writer *w, const struct json *body,
                          const struct json *old)
{
    const struct json *more = litellm_get(body, "budget_limits");
    const struct json *was = first_of(json_get(old, "budgets"));
    struct budget b;
    bool any;

    if (json_get(body, "max_budget") == NULL && json_get(body, "budget_duration") == NULL &&
        json_get(body, "budget_limits") == NULL)
        return true;
    if (!read_main_budget(ex, body, old, &b, &any))
        return false;
    writer_array(w, "budgets");
    if (any)
        write_budget(w, &b);
    if (more != NULL && !write_more_budgets(ex, w, more))
        return false;
    /* The first one of before is max_budget; the others stay unless budget_limits replaces them. */
    for (was = was != NULL ? was->next : NULL;
         json_get(body, "budget_limits") == NULL && was != NULL; was = was->next)
        write_old_budget(w, was);
    writer_array_end(w);
    return true;
}

/* --- limits --- */

static const struct {
    const char *litellm, *ours;
} limits[] = {{"rpm_limit", "requests"}, {"tpm_limit", "tokens"}};

static bool is_per_minute(const struct json *limit, const char *what)
{
    return json_get(limit, what) != NULL && str_eq(json_str(json_get(limit, "per")), STR("1m"));
}

static void write_old_limit(struct exchange *ex, struct writer *w, const struct json *limit)
{
    writer_object(w, NULL);
    for (const struct json *m = limit->child; m != NULL; m = m->next) {
        if (!str_starts(m->key, STR("account")))
            writer_raw(w, arena_cstr(ex->arena, m->key), m->raw);
    }
    writer_object_end(w);
}

/* Those that LiteLLM has no name for stay as they are. */
static void write_other_limits(struct exchange *ex, struct writer *w, const struct json *old)
{
    const struct json *l = first_of(json_get(old, "rate_limits"));

    for (; l != NULL; l = l->next) {
        if (!is_per_minute(l, "requests") && !is_per_minute(l, "tokens"))
            write_old_limit(ex, w, l);
    }
}

static const struct json *old_limit(const struct json *old, const char *what)
{
    const struct json *l = first_of(json_get(old, "rate_limits"));

    while (l != NULL && !is_per_minute(l, what))
        l = l->next;
    return json_get(l, what);
}

static void write_limits(struct exchange *ex, struct writer *w, const struct json *body,
                         const struct json *old)
{
    const struct json *concurrency = json_get(body, "max_parallel_requests");

    if (concurrency != NULL)
        writer_raw(w, "concurrency", concurrency->raw);
    if (json_get(body, "rpm_limit") == NULL && json_get(body, "tpm_limit") == NULL)
        return;
    writer_array(w, "rate_limits");
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const struct json *value = json_get(body, limits[i].litellm);
        uint64_t n;

        if (!json_u64(value != NULL ? value : old_limit(old, limits[i].ours), &n))
            continue; /* null: no limit */
        writer_object(w, NULL);
        writer_u64(w, limits[i].ours, n);
        writer_cstr(w, "per", "1m");
        writer_object_end(w);
    }
    write_other_limits(ex, w, old);
    writer_array_end(w);
}

void litellm_copy_rules(struct exchange *ex, struct writer *w, const struct json *from)
{
    const struct json *b = first_of(json_get(from, "budgets"));
    uint64_t n;

    writer_array(w, "budgets");
    for (; b != NULL; b = b->next)
        write_old_budget(w, b);
    writer_array_end(w);
    writer_array(w, "rate_limits");
    for (const struct json *l = first_of(json_get(from, "rate_limits")); l != NULL; l = l->next)
        write_old_limit(ex, w, l);
    writer_array_end(w);
    if (json_u64(json_get(from, "concurrency"), &n) && n > 0)
        writer_u64(w, "concurrency", n);
}

bool litellm_write_rules(struct exchange *ex, struct writer *w, const struct json *body,
                         const struct json *old)
{
    if (!write_budgets(ex, w, body, old))
        return false;
    write_limits(ex, w, body, old);
    return true;
}

/* --- metadata --- */

static bool is_ours(const struct json *member)
{
    return str_eq(member->key, STR(LITELLM_META));
}

/*
 * The master merges objects (RFC 7396), LiteLLM replaces them: what is gone must be said. Not deeper
 * than JSON_DEPTH_MAX, as what was parsed is not.
 */
static void write_instead(struct exchange *ex, struct writer *w, const char *name,
                          const struct json *old, const struct json *value)
{
    if (old == NULL || old->type != JSON_OBJECT || value->type != JSON_OBJECT) {
        writer_raw(w, name, value->raw);
        return;
    }
    writer_object(w, name);
    for (const struct json *m = value->child; m != NULL; m = m->next)
        write_instead(ex, w, arena_cstr(ex->arena, m->key), json_find(old, m->key), m);
    for (const struct json *m = old->child; m != NULL; m = m->next) {
        if (json_find(value, m->key) == NULL)
            writer_null(w, arena_cstr(ex->arena, m->key));
    }
    writer_object_end(w);
}

/* The client's own, but for the member that is ours. */
static void write_own(struct exchange *ex, struct writer *w, const struct json *value,
                      const struct json *old)
{
    for (const struct json *m = value->child; m != NULL; m = m->next) {
        if (!is_ours(m))
            write_instead(ex, w, arena_cstr(ex->arena, m->key), json_find(old, m->key), m);
    }
    for (const struct json *m = old != NULL ? old->child : NULL; m != NULL; m = m->next) {
        if (!is_ours(m) && json_find(value, m->key) == NULL)
            writer_null(w, arena_cstr(ex->arena, m->key));
    }
}

void litellm_write_metadata(struct exchange *ex, struct writer *w, const struct json *body,
                            const struct json *old, const char *const *kept)
{
    const struct json *own = json_get(body, "metadata");

    writer_object(w, "metadata");
    if (own != NULL)
        write_own(ex, w, own, json_get(old, "metadata"));
    writer_object(w, LITELLM_META);
    for (; *kept != NULL; kept++) {
        const struct json *value = json_get(body, *kept);

        if (value != NULL && (old != NULL || value->type != JSON_NULL))
            write_instead(ex, w, *kept, json_get(litellm_meta(old), *kept), value);
    }
    writer_object_end(w);
    writer_object_end(w);
}
