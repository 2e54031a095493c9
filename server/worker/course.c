#include "server/worker/course.h"

#include "server/worker/admit.h"
#include "server/worker/explain.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/rules.h"
#include "server/worker/worker.h"

/* It is this name's turn. What a client wrote means what its key's aliases say. */
static void say(struct request *r, struct str name, bool is_clients)
{
    r->course.said = is_clients ? name : STR_NONE;
    r->course.name = is_clients ? scope_alias(r, name) : name;
    r->resolved.generation = 0;
}

/* Resolve another name. False, and no failure is left behind: it is not there, or not for this key. */
static bool try_name(struct request *r, struct str name, enum explain_origin origin)
{
    bool is_good;

    say(r, name, origin == EXPLAIN_FALLBACK && r->course.are_clients);
    if (r->explain != NULL)
        explain_name_begins(r, origin);
    is_good = route_resolve(r) == STEP_NEXT && admit_course(r);
    if (!is_good && r->explain != NULL)
        explain_name_fails(r);
    if (!is_good)
        r->fail = NULL;
    return is_good;
}

/* Where a rule that holds leads to: is it there, for this key, and what was wished for? */
static bool lead(struct request *r, struct str name)
{
    bool is_good =
        try_name(r, name, EXPLAIN_BY_RULE) && (!r->wishes.are_any || route_has_untried(r));

    if (r->explain != NULL)
        explain_rule_ends(r, is_good ? EXPLAIN_RULE_LEADS : EXPLAIN_RULE_NOWHERE);
    return is_good;
}

/* The first rule that holds and leads somewhere. */
static bool follow_rule(struct request *r)
{
    struct rule_walk walk;
    uint32_t i;

    rules_begin(r, &walk);
    while (rules_next(&walk, &i)) {
        const struct pub_view *v = &r->worker->view;
        const struct pub_rule *rule = pub_rule(v, i);

        if (!rules_hold(r, i) || !lead(r, arena_str(r->arena, pub_text(v, rule->use))))
            continue;
        r->course.rule = arena_str(r->arena, pub_text(v, rule->name));
        if (r->course.rule.len == 0)
            r->course.rule = arena_printf(r->arena, "%u", i + 1);
        return true;
    }
    return false;
}

static enum step_result too_many(struct request *r)
{
    return request_fail(
        r, &FAIL_BAD_MODEL,
        arena_printf(r->arena, "x-bf-fallbacks may name at most %d models", COURSE_CLIENT_MAX),
        STR("x-bf-fallbacks"));
}

static void add(struct request *r, struct str name)
{
    struct str *list = (struct str *)(uintptr_t)r->course.fallbacks; /* our own, in the arena */

    name = str_trim(name);
    if (name.len == 0 || r->course.n == COURSE_FALLBACKS_MAX || str_eq(name, r->course.name))
        return;
    list[r->course.n++] = arena_str(r->arena, name);
}

/* Those of the client come instead of those that the model declares. */
static void list_fallbacks(struct request *r)
{
    const struct pub_view *v = &r->worker->view;
    struct str rest = r->ex != NULL ? http_find(r->ex, STR("x-bf-fallbacks")) : STR_NONE;
    char separator = ',';
    struct str name;

    r->course.is_listed = true;
    r->course.are_clients = rest.len > 0;
    r->course.fallbacks = arena_zalloc(r->arena, COURSE_FALLBACKS_MAX * sizeof(struct str));
    if (rest.len == 0 && r->resolved.model != UINT32_MAX) {
        rest = pub_text(v, pub_model(v, r->resolved.model)->fallbacks);
        separator = '\0';
        r->course.are_ours = r->course.allowed_by_name;
    }
    while (rest.len > 0 && str_next(&rest, separator, &name))
        add(r, name);
}

enum step_result course_begin(struct request *r)
{
    struct str wishes = http_find(r->ex, STR("x-bf-fallbacks"));
    size_t commas = 0;
    enum step_result result;

    wishes_read(r);
    for (size_t i = 0; i < wishes.len; i++)
        commas += wishes.p[i] == ',';
    if (commas >= COURSE_CLIENT_MAX)
        return too_many(r);
    if (r->asked.len > 0 && r->worker->view.image->n_rules > 0 && follow_rule(r))
        return STEP_NEXT;
    say(r, r->asked, true);
    if (r->explain != NULL)
        explain_name_begins(r, EXPLAIN_ASKED);
    result = route_resolve(r);
    if (result == STEP_NEXT && !admit_course(r))
        result = admit_refuse(r);
    if (result != STEP_NEXT && r->explain != NULL)
        explain_name_fails(r);
    return result;
}

static bool try_fallback(struct request *r, struct str name)
{
    if (try_name(r, name, EXPLAIN_FALLBACK))
        return true;
    if (!r->course.are_ours || r->resolved.generation == 0 || scope_denies_name(r, name))
        return false;
    r->course.allowed_by_name = true; /* deny lists and the key's providers still hold */
    if (r->explain != NULL)
        explain_name_is_good(r);
    return true;
}

static bool advance(struct request *r)
{
    if (r->asked.len == 0)
        return false;
    /* The list is the first name's: resolved, when nothing else has been tried yet. */
    if (!r->course.is_listed) {
        if (route_resolve(r) != STEP_NEXT) {
            r->fail = NULL;
            return false;
        }
        list_fallbacks(r);
    }
    while (r->course.at < r->course.n) {
        if (try_fallback(r, r->course.fallbacks[r->course.at++]) && route_has_untried(r))
            return true;
    }
    return false;
}

bool course_has_next(struct request *r)
{
    struct course course;
    struct resolved resolved = r->resolved;
    const struct fail *fail = r->fail;
    bool has_next;

    if (r->asked.len == 0 || (r->course.is_listed && r->course.at >= r->course.n))
        return false;
    if (!r->course.is_listed) {
        if (route_resolve(r) != STEP_NEXT) {
            r->fail = fail;
            return false;
        }
        list_fallbacks(r);
        resolved = r->resolved;
    }
    course = r->course;
    has_next = advance(r);
    r->course = course;
    r->resolved = resolved;
    r->fail = fail;
    return has_next;
}

bool course_next(struct request *r)
{
    return advance(r);
}
