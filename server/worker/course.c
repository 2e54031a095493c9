#include "server/worker/course.h"

#include "server/worker/admit.h"
#include "server/worker/explain.h"
#include "server/worker/fail.h"
#include "server/worker/route.h"
#include "server/worker/rules.h"
#include "server/worker/worker.h"

#define SKIP_NAME_MAX 128 /* bytes of it in x-bf-skipped: a rule's whole name */

/* It is this name's turn. What a client wrote means what its key's aliases say. */
static void say(struct request *r, struct str name, bool is_clients)
{
    r->course.said = is_clients ? name : STR_NONE;
    r->course.name = is_clients ? scope_alias(r, name) : name;
    r->course.begun = r->n_attempts;
    r->resolved.generation = 0;
}

/* Resolve another name. False, and no failure is left behind: it is not there, or not for this key. */
static bool try_name(struct request *r, struct str name, enum explain_origin origin,
                     const struct fail **why)
{
    bool is_good;

    say(r, name,
        origin == EXPLAIN_FALLBACK && r->course.are_clients && r->course.list == CAUSE_OTHER);
    if (r->explain != NULL)
        explain_name_begins(r, origin);
    r->fail = NULL;
    is_good = route_resolve(r) == STEP_NEXT && admit_course(r);
    if (!is_good && r->explain != NULL)
        explain_name_fails(r);
    *why = r->fail != NULL ? r->fail : &FAIL_MODEL_NOT_ALLOWED;
    if (!is_good)
        r->fail = NULL;
    return is_good;
}

static void note_skip(struct request *r, struct str name, const struct fail *why, uint32_t room)
{
    struct course *c = &r->course;

    for (uint32_t i = 0; i < c->n_skips; i++) {
        if (str_eq(c->skips[i].name, name))
            return;
    }
    if (c->n_skips < room)
        c->skips[c->n_skips++] = (struct course_skip){name, why};
}

/* Why a rule whose model the key may use is passed over all the same: nothing there is as was wished for. */
static const struct fail *unwished(struct request *r)
{
    const struct fail *why =
        r->wishes.tags.len > 0 ? &FAIL_UNKNOWN_TAGS : &FAIL_UNKNOWN_PROVIDER_KEY;

    if (r->explain != NULL) {
        r->fail = why;
        explain_name_fails(r);
        r->fail = NULL;
    }
    return why;
}

/* Where a rule that holds leads to: is it there, for this key, and what was wished for? NULL: it is. */
static const struct fail *lead(struct request *r, struct str name)
{
    const struct fail *why = NULL;

    if (try_name(r, name, EXPLAIN_BY_RULE, &why))
        why = r->wishes.are_any && !route_has_untried(r) ? unwished(r) : NULL;
    if (r->explain != NULL)
        explain_rule_ends(r, why == NULL ? EXPLAIN_RULE_LEADS : EXPLAIN_RULE_NOWHERE);
    return why;
}

static struct str rule_name(const struct request *r, uint32_t index)
{
    const struct pub_view *v = &r->worker->view;
    struct str name = pub_text(v, pub_rule(v, index)->name);

    return name.len > 0 ? arena_str(r->arena, name) : arena_printf(r->arena, "%u", index + 1);
}

/* The first rule that holds and leads somewhere. One that holds and does not is named in the answer. */
static bool follow_rule(struct request *r)
{
    struct rule_walk walk;
    uint32_t i;

    rules_begin(r, &walk);
    while (rules_next(&walk, &i)) {
        const struct pub_view *v = &r->worker->view;
        const struct fail *why;

        if (!rules_hold(r, i))
            continue;
        why = lead(r, arena_str(r->arena, pub_text(v, pub_rule(v, i)->use)));
        if (why == NULL) {
            r->course.rule = rule_name(r, i);
            return true;
        }
        note_skip(r, arena_concat(r->arena, (struct str[]){STR("rule:"), rule_name(r, i)}, 2), why,
                  COURSE_RULE_SKIPS_MAX);
    }
    return false;
}

static enum step_result too_many(struct request *r, size_t n)
{
    return request_fail(r, &FAIL_BAD_FALLBACKS,
                        arena_printf(r->arena, "the header x-bf-fallbacks names %zu", n),
                        STR("x-bf-fallbacks"));
}

static void list_add(struct request *r, struct course_list *list, struct str name)
{
    struct str *names = (struct str *)(uintptr_t)list->names; /* our own, in the arena */

    name = str_trim(name);
    if (name.len == 0 || list->n == COURSE_FALLBACKS_MAX || str_eq(name, r->course.name))
        return;
    names[list->n++] = arena_str(r->arena, name);
}

static void list_fill(struct request *r, struct course_list *list, struct str names, char separator)
{
    struct str name;

    if (names.len > 0)
        list->names = arena_zalloc(r->arena, COURSE_FALLBACKS_MAX * sizeof(struct str));
    while (names.len > 0 && str_next(&names, separator, &name))
        list_add(r, list, name);
}

/* What the first name's model declares. */
static void list_declared(struct request *r, bool with_usual)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *m = pub_model(v, r->resolved.model);
    struct course_list *lists = r->course.lists;

    if (with_usual)
        list_fill(r, &lists[CAUSE_OTHER], pub_text(v, m->fallbacks), '\0');
    list_fill(r, &lists[CAUSE_CONTEXT], pub_text(v, m->context_fallbacks), '\0');
    list_fill(r, &lists[CAUSE_FILTER], pub_text(v, m->filter_fallbacks), '\0');
    lists[CAUSE_OTHER].are_ours = with_usual && r->course.allowed_by_name;
    lists[CAUSE_CONTEXT].are_ours = lists[CAUSE_FILTER].are_ours = r->course.allowed_by_name;
}

/* Those of the client come instead of those that the model declares. */
static void list_fallbacks(struct request *r)
{
    struct course_list *usual = &r->course.lists[CAUSE_OTHER];
    struct str header = r->ex != NULL ? http_find(r->ex, STR("x-bf-fallbacks")) : STR_NONE;

    r->course.is_listed = true;
    r->course.are_clients = header.len > 0 || r->course.has_wishes;
    list_fill(r, usual, header, ',');
    if (header.len == 0 && r->course.has_wishes)
        *usual = (struct course_list){.names = r->course.wished, .n = r->course.n_wished};
    if (r->resolved.model != UINT32_MAX)
        list_declared(r, header.len == 0 && !r->course.has_wishes);
}

/* The lists are the first name's: resolved, when nothing else has been tried yet. */
static bool is_listed(struct request *r)
{
    if (r->asked.len == 0)
        return false;
    if (r->course.is_listed)
        return true;
    if (route_resolve(r) != STEP_NEXT) {
        r->fail = NULL;
        return false;
    }
    list_fallbacks(r);
    return true;
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
        return too_many(r, commas + 1);
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

static bool try_fallback(struct request *r, struct str name, bool are_ours)
{
    const struct fail *why;

    if (try_name(r, name, EXPLAIN_FALLBACK, &why))
        return true;
    if (are_ours && r->resolved.generation != 0 && !scope_denies_name(r, name)) {
        r->course.allowed_by_name = true; /* deny lists and the key's providers still hold */
        if (r->explain != NULL)
            explain_name_is_good(r);
        return true;
    }
    note_skip(r, name, why, COURSE_SKIPS_MAX);
    return false;
}

static bool advance(struct request *r)
{
    struct course_list *list;

    if (!is_listed(r))
        return false;
    list = &r->course.lists[r->course.list];
    while (list->at < list->n) {
        if (try_fallback(r, list->names[list->at++], list->are_ours) && route_has_untried(r))
            return true;
    }
    return false;
}

void course_go_back(struct request *r, const struct course *was, const struct resolved *resolved)
{
    struct course now = r->course;

    r->course = *was;
    memcpy(r->course.skips, now.skips, sizeof(now.skips));
    r->course.n_skips = now.n_skips;
    r->resolved = *resolved;
}

/* Up to `most` of the names that are left. */
static uint32_t look_ahead(struct request *r, course_fn *holds, uint32_t most)
{
    const struct fail *fail = r->fail;
    const struct course_list *list = &r->course.lists[r->course.list];
    struct course course;
    struct resolved resolved;
    uint32_t n = 0;

    if (r->asked.len == 0 || (r->course.is_listed && list->at >= list->n))
        return 0;
    if (is_listed(r)) {
        course = r->course;
        resolved = r->resolved;
        while (n < most && advance(r))
            n += holds == NULL || holds(r);
        course_go_back(r, &course, &resolved);
    }
    r->fail = fail;
    return n;
}

bool course_has_next(struct request *r)
{
    return look_ahead(r, NULL, 1) > 0;
}

uint32_t course_count(struct request *r, course_fn *holds)
{
    return look_ahead(r, holds, COURSE_FALLBACKS_MAX);
}

bool course_next(struct request *r)
{
    return advance(r);
}

bool course_has_list(struct request *r, enum error_cause cause)
{
    const struct fail *fail = r->fail;
    bool has_list = cause != CAUSE_OTHER && is_listed(r);

    r->fail = fail;
    return has_list && r->course.lists[cause].at < r->course.lists[cause].n;
}

bool course_is_filtered(const struct request *r)
{
    const struct course_list *list = &r->course.lists[CAUSE_FILTER];

    if (r->course.is_listed)
        return list->at < list->n;
    return r->resolved.generation == r->worker->view.generation && r->asked.len > 0 &&
           r->resolved.model != UINT32_MAX &&
           pub_model(&r->worker->view, r->resolved.model)->filter_fallbacks.len > 0;
}

bool course_divert(struct request *r, enum error_cause cause)
{
    const struct course course = r->course;
    const struct resolved resolved = r->resolved;

    if (!route_may_go_on(r) || !course_has_list(r, cause))
        return false;
    r->course.list = cause;
    if (advance(r))
        return true;
    course_go_back(r, &course, &resolved);
    return false;
}

/* A header's value must be printable, and no longer than proxies take it, whatever a client calls its models. */
static struct str printable(struct str name)
{
    name.len = min_u64(name.len, SKIP_NAME_MAX);
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.p[i] < 0x20 || (unsigned char)name.p[i] >= 0x7f)
            return STR("?");
    }
    return name;
}

struct str course_skipped(struct request *r)
{
    struct str text = STR_NONE;

    for (uint32_t i = 0; i < r->course.n_skips; i++) {
        const struct course_skip *s = &r->course.skips[i];
        struct str parts[] = {text, i > 0 ? STR(", ") : STR_NONE, printable(s->name), STR("="),
                              str_of(s->why->name)};

        text = arena_concat(r->arena, parts, ARRAY_LEN(parts));
    }
    return text;
}
