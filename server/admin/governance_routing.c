/*
 * governance_routing - routing rules in Bifrost's shape: cel_expression, targets, scope and scope_id.
 *
 * A rule that is not enabled is one that never holds: `false && (...)` is put before its condition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/admin.h"
#include "server/admin/api.h"
#include "server/admin/entity.h"
#include "server/admin/governance.h"
#include "server/admin/params.h"
#include "server/admin/rules.h"

#define OFFSET_MAX RULES_MAX
#define OFF_BEGIN "false && ("
#define OFF_END ")"

static const struct body_field rule_fields[] = {
    {"name", BODY_STRING, false},    {"description", BODY_ANY, false},
    {"enabled", BODY_BOOL, false},   {"cel_expression", BODY_STRING, false},
    {"targets", BODY_ANY, false},    {"provider", BODY_ANY, false},
    {"model", BODY_ANY, false},      {"fallbacks", BODY_ANY, false},
    {"scope", BODY_STRING, false},   {"scope_id", BODY_ANY, false},
    {"priority", BODY_U64, false},   {"query", BODY_ANY, false},
    {"chain_rule", BODY_BOOL, false}};
static const struct body_field target_fields[] = {{"provider", BODY_ANY, false},
                                                  {"model", BODY_ANY, false},
                                                  {"key_id", BODY_ANY, false},
                                                  {"weight", BODY_ANY, false}};

static const struct {
    const char *theirs, *ours;
    enum entity_kind kind;
} scopes[RULE_SCOPES] = {[RULE_OF_KEY] = {"virtual_key", "key", ENTITY_KEY},
                         [RULE_OF_TEAM] = {"team", "team", ENTITY_TEAM},
                         [RULE_OF_CUSTOMER] = {"customer", "customer", ENTITY_CUSTOMER},
                         [RULE_OF_ALL] = {"global", NULL, ENTITY_KINDS}};

/* --- to them --- */

/* What is told: rows of the image, one after the other, because whose id it is the master knows. */
struct rows {
    struct writer w;
    uint32_t *places; /* in the image */
    uint32_t n, at;
    uint64_t written, skip, limit, total;
    struct str scope_id; /* wanted; empty: any */
    bool is_one;
};

static bool is_off(struct str when)
{
    return str_starts(when, STR(OFF_BEGIN)) && str_ends(when, STR(OFF_END));
}

static struct str condition(struct exchange *ex, struct str when)
{
    if (is_off(when)) {
        when = str_skip(when, strlen(OFF_BEGIN));
        when.len -= strlen(OFF_END);
        if (str_eq(when, STR("true")))
            when = STR_NONE;
    }
    return governance_cel_out(ex->arena, when);
}

static void split(const struct pub_view *v, struct str use, struct str *provider, struct str *model)
{
    ptrdiff_t slash = str_index(use, '/');

    *provider = STR_NONE;
    *model = use;
    if (slash <= 0 || pub_find_provider(v, (struct str){use.p, (size_t)slash}) == NULL)
        return;
    *provider = (struct str){use.p, (size_t)slash};
    *model = str_skip(use, (size_t)slash + 1);
}

static void write_row(struct exchange *ex, const struct pub_view *v, uint32_t at, struct str owner)
{
    struct rows *rows = ex->state;
    const struct pub_rule *r = pub_rule(v, at);
    struct writer *w = &rows->w;
    struct str name = pub_text(v, r->name);
    struct str provider, model;

    if (rows->scope_id.len > 0 && !str_eq(rows->scope_id, owner))
        return;
    split(v, pub_text(v, r->use), &provider, &model);
    writer_object(w, rows->is_one ? "rule" : NULL);
    writer_str(w, "id",
               r->id != 0 ? arena_printf(ex->arena, "%016llx", (unsigned long long)r->id) : name);
    writer_str(w, "name", name);
    writer_bool(w, "enabled", !is_off(pub_text(v, r->when)));
    writer_str(w, "cel_expression", condition(ex, pub_text(v, r->when)));
    writer_array(w, "targets");
    writer_object(w, NULL);
    writer_str(w, "provider", provider);
    writer_str(w, "model", model);
    writer_u64(w, "weight", 1);
    writer_object_end(w);
    writer_array_end(w);
    writer_array(w, "fallbacks");
    writer_array_end(w);
    writer_cstr(w, "scope", scopes[r->scope].theirs);
    if (owner.len > 0)
        writer_str(w, "scope_id", owner);
    else
        writer_null(w, "scope_id");
    writer_u64(w, "priority", r->priority);
    writer_cstr(w, "origin", r->id != 0 ? "api" : "file");
    writer_object_end(w);
    rows->written++;
}

static void end_rows(struct exchange *ex)
{
    struct rows *rows = ex->state;

    if (!rows->is_one) {
        writer_array_end(&rows->w);
        writer_u64(&rows->w, "count", rows->written);
        writer_u64(&rows->w, "total_count", rows->total);
        writer_u64(&rows->w, "limit", rows->limit);
        writer_u64(&rows->w, "offset", rows->skip);
    }
    writer_object_end(&rows->w);
    exchange_json(ex, 200);
}

static void next_row(struct exchange *ex);

static void on_owner(struct exchange *ex, const struct json *reply)
{
    struct rows *rows = ex->state;
    const struct pub_view *v = admin_view(ex->admin);
    struct str id = json_str(json_get(json_get(reply, "entity"), "id"));
    uint32_t at = rows->places[rows->at++];

    /* A rule may go while it is told of; an owner may have gone before. */
    if (v != NULL && at < v->image->n_rules)
        write_row(ex, v, at, call_is_ok(reply) ? arena_str(ex->arena, id) : STR_NONE);
    next_row(ex);
}

static void next_row(struct exchange *ex)
{
    struct rows *rows = ex->state;
    const struct pub_view *v = admin_view(ex->admin);

    for (; v != NULL && rows->at < rows->n; rows->at++) {
        uint32_t at = rows->places[rows->at];
        const struct pub_rule *r;

        if (at >= v->image->n_rules)
            break;
        r = pub_rule(v, at);
        if (r->scope != RULE_OF_ALL) {
            entity_try_name(ex, scopes[r->scope].kind, arena_str(ex->arena, pub_text(v, r->whose)),
                            on_owner);
            return;
        }
        write_row(ex, v, at, STR_NONE);
    }
    end_rows(ex);
}

static void answer_one(struct exchange *ex, struct str wanted, const char *verb)
{
    const struct pub_view *v = rules_view(ex);
    struct rows *rows = arena_zalloc(ex->arena, sizeof(*rows));

    if (v == NULL)
        return;
    *rows = (struct rows){.w = WRITER_INIT(&ex->out), .n = 1, .is_one = true};
    rows->places = arena_zalloc(ex->arena, sizeof(*rows->places));
    if (!rules_find(v, wanted, rows->places)) {
        exchange_error(ex, 404, "not_found", "id", "Routing rule not found");
        return;
    }
    writer_object(&rows->w, NULL);
    if (verb != NULL)
        writer_str(&rows->w, "message",
                   arena_printf(ex->arena, "Routing rule %s successfully", verb));
    ex->state = rows;
    next_row(ex);
}

static bool is_wanted(const struct exchange *ex, const struct pub_view *v, const struct pub_rule *r)
{
    struct str search = params_get(ex, "search");
    struct str scope = params_get(ex, "scope");
    struct str glob = arena_concat(ex->arena, (struct str[]){STR("*"), search, STR("*")}, 3);

    return (search.len == 0 || glob_match(glob, pub_text(v, r->name))) &&
           (scope.len == 0 || str_eq(scope, str_of(scopes[r->scope].theirs)));
}

void api_governance_rules(struct exchange *ex, struct str tail)
{
    const struct pub_view *v = rules_view(ex);
    struct rows *rows = arena_zalloc(ex->arena, sizeof(*rows));

    (void)tail;
    if (v == NULL || !params_u64(ex, "limit", API_PAGE_MAX, API_PAGE_MAX, &rows->limit) ||
        !params_u64(ex, "offset", 0, OFFSET_MAX, &rows->skip))
        return;
    if (rows->limit == 0)
        rows->limit = API_PAGE_MAX; /* there, 0 is not told */
    rows->scope_id = params_get(ex, "scope_id");
    rows->places = arena_zalloc(ex->arena, (v->image->n_rules + 1) * sizeof(*rows->places));
    for (uint32_t i = 0; i < v->image->n_rules; i++) {
        if (!is_wanted(ex, v, pub_rule(v, i)))
            continue;
        if (rows->total++ >= rows->skip && rows->n < rows->limit)
            rows->places[rows->n++] = i;
    }
    rows->w = (struct writer)WRITER_INIT(&ex->out);
    writer_object(&rows->w, NULL);
    writer_array(&rows->w, "rules");
    ex->state = rows;
    next_row(ex);
}

void api_governance_rule(struct exchange *ex, struct str tail)
{
    struct str name;

    if (params_unescape(ex->arena, tail, &name))
        answer_one(ex, name, NULL);
    else
        exchange_error(ex, 404, "not_found", "id", "Routing rule not found");
}

/* --- from them --- */

struct change {
    const struct json *body;
    struct str id;                    /* empty: a new one */
    struct str when, provider, model; /* as they were */
    uint32_t scope;                   /* wanted; RULE_SCOPES: nothing is said */
    struct str owner;                 /* ... and its name */
};

static bool refuse(struct exchange *ex, const char *field, const char *why)
{
    exchange_error(ex, 400, "bad_field", field, "%s %s", field, why);
    return false;
}

static bool is_nothing(const struct json *j)
{
    return j == NULL || j->type == JSON_NULL || (j->type == JSON_STRING && json_str(j).len == 0) ||
           ((j->type == JSON_ARRAY || j->type == JSON_OBJECT) && j->n == 0);
}

/* What would change the meaning of a rule and cannot be said here. */
static bool has_equivalent(struct exchange *ex, const struct json *body)
{
    const struct json *targets = json_get(body, "targets");
    bool chains = false;

    if (!is_nothing(json_get(body, "fallbacks")))
        return refuse(ex, "fallbacks",
                      "of a rule have no equivalent: give them to a name in models:, and let the "
                      "rule lead to that name");
    (void)json_bool(json_get(body, "chain_rule"), &chains);
    if (chains)
        return refuse(ex, "chain_rule", "has no equivalent: the first rule that holds decides");
    if (is_nothing(targets))
        return true;
    if (targets->type != JSON_ARRAY)
        return refuse(ex, "targets", "must be a list of objects");
    if (targets->n > 1)
        return refuse(ex, "targets",
                      "of a rule are one: make a name in models: that has them with their weights, "
                      "and let the rule lead to that name");
    if (targets->child->type != JSON_OBJECT)
        return refuse(ex, "targets", "must be a list of objects");
    if (!params_members(ex, targets->child, "targets[0].", target_fields, ARRAY_LEN(target_fields)))
        return false;
    return is_nothing(json_get(targets->child, "key_id")) ||
           refuse(ex, "targets[0].key_id",
                  "has no equivalent: clients pin a provider's key with x-bf-provider-key, and "
                  "tags choose among keys");
}

/* provider/model of the first target, or of the rule itself; what is not said is as it was. */
static bool put_use(struct exchange *ex, struct writer *w, const struct change *c)
{
    const struct json *targets = json_get(c->body, "targets");
    const struct json *from = is_nothing(targets) ? c->body : targets->child;
    struct str provider = c->provider, model = c->model;

    if (json_get(from, "provider") == NULL && json_get(from, "model") == NULL && c->id.len > 0)
        return true;
    if (json_get(from, "provider") != NULL)
        provider = json_str(json_get(from, "provider"));
    if (json_get(from, "model") != NULL)
        model = json_str(json_get(from, "model"));
    if (model.len == 0)
        return refuse(ex, "model",
                      "must be told: a rule leads to one model, and that of the "
                      "request with another provider has no equivalent");
    writer_str(w, "use",
               provider.len > 0
                   ? arena_concat(ex->arena, (struct str[]){provider, STR("/"), model}, 3)
                   : model);
    return true;
}

static bool put_when(struct exchange *ex, struct writer *w, const struct change *c)
{
    const struct json *told = json_get(c->body, "cel_expression");
    bool enabled = !is_off(c->when);
    struct str cel = told != NULL ? str_trim(json_str(told)) : condition(ex, c->when);
    const char *instead = NULL;
    const char *unknown = governance_cel_unknown(cel, &instead);

    if (unknown != NULL) {
        exchange_error(ex, 400, "bad_field", "cel_expression",
                       "cel_expression: %s has no equivalent: %s", unknown, instead);
        return false;
    }
    (void)json_bool(json_get(c->body, "enabled"), &enabled);
    cel = governance_cel_in(ex->arena, cel);
    if (!enabled)
        cel = arena_concat(
            ex->arena,
            (struct str[]){STR(OFF_BEGIN), cel.len > 0 ? cel : STR("true"), STR(OFF_END)}, 3);
    if (cel.len > 0)
        writer_str(w, "when", cel);
    else if (c->id.len > 0)
        writer_null(w, "when");
    return true;
}

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    writer_object(&w, NULL);
    writer_cstr(&w, "message", "Routing rule deleted successfully");
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void on_changed(struct exchange *ex, const struct json *reply)
{
    const struct change *c = ex->state;

    answer_one(ex, json_str(json_get(reply, "id")), c->id.len > 0 ? "updated" : "created");
}

static void send(struct exchange *ex)
{
    const struct change *c = ex->state;
    bool is_new = c->id.len == 0;
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    if (json_get(c->body, "name") != NULL)
        writer_raw(&w, "name", json_get(c->body, "name")->raw);
    if (json_get(c->body, "priority") != NULL)
        writer_raw(&w, "priority", json_get(c->body, "priority")->raw);
    else if (is_new)
        writer_u64(&w, "priority", 0); /* theirs when it is not told */
    if (c->scope == RULE_OF_ALL && !is_new)
        writer_null(&w, "key"); /* whosever it was */
    else if (c->scope < RULE_OF_ALL)
        writer_str(&w, scopes[c->scope].ours, c->owner);
    if (put_use(ex, &w, c) && put_when(ex, &w, c)) {
        writer_object_end(&w);
        rules_call(ex, is_new ? "rule_create" : "rule_update", c->id, is_new ? "rule" : "patch",
                   buf_view(&text), on_changed);
    }
    buf_fini(&text);
}

static void on_scope(struct exchange *ex, const struct json *reply)
{
    struct change *c = ex->state;

    if (!call_is_ok(reply)) {
        exchange_error(ex, 400, "bad_field", "scope_id", "scope_id: there is no such %s",
                       scopes[c->scope].theirs);
        return;
    }
    c->owner = arena_str(ex->arena, json_str(json_get(json_get(reply, "entity"), "name")));
    send(ex);
}

/* Whose it is is told by an id there and by a name here. */
static void begin(struct exchange *ex, struct change *c)
{
    struct str scope = json_str(json_get(c->body, "scope"));
    struct str id = json_str(json_get(c->body, "scope_id"));

    if (!has_equivalent(ex, c->body))
        return;
    c->scope = scope.len > 0 ? 0 : c->id.len > 0 ? RULE_SCOPES : RULE_OF_ALL;
    while (scope.len > 0 && c->scope < RULE_SCOPES &&
           !str_eq(scope, str_of(scopes[c->scope].theirs)))
        c->scope++;
    if (scope.len > 0 && c->scope == RULE_SCOPES) {
        (void)refuse(ex, "scope", "must be global, virtual_key, team or customer");
        return;
    }
    if (c->scope < RULE_OF_ALL && id.len == 0) {
        (void)refuse(ex, "scope_id", "must be told for this scope");
        return;
    }
    ex->state = c;
    if (c->scope < RULE_OF_ALL)
        entity_try(ex, scopes[c->scope].kind, arena_str(ex->arena, id), on_scope);
    else
        send(ex);
}

void api_governance_rule_create(struct exchange *ex, struct str tail)
{
    struct change *c = arena_zalloc(ex->arena, sizeof(*c));

    (void)tail;
    c->body = params_body(ex, rule_fields, ARRAY_LEN(rule_fields));
    if (c->body == NULL || rules_view(ex) == NULL)
        return;
    if (json_str(json_get(c->body, "name")).len == 0)
        (void)refuse(ex, "name", "must be told");
    else
        begin(ex, c);
}

void api_governance_rule_update(struct exchange *ex, struct str tail)
{
    struct change *c = arena_zalloc(ex->arena, sizeof(*c));
    const struct pub_view *v = rules_view(ex);
    uint32_t at;

    if (v == NULL)
        return;
    c->body = params_patch(ex, rule_fields, ARRAY_LEN(rule_fields));
    if (c->body == NULL)
        return;
    if (!params_unescape(ex->arena, tail, &c->id) || !rules_find(v, c->id, &at)) {
        exchange_error(ex, 404, "not_found", "id", "Routing rule not found");
        return;
    }
    c->when = arena_str(ex->arena, pub_text(v, pub_rule(v, at)->when));
    split(v, arena_str(ex->arena, pub_text(v, pub_rule(v, at)->use)), &c->provider, &c->model);
    begin(ex, c);
}

void api_governance_rule_delete(struct exchange *ex, struct str tail)
{
    struct str name;

    if (!params_unescape(ex->arena, tail, &name) || name.len == 0)
        exchange_error(ex, 404, "not_found", "id", "Routing rule not found");
    else
        rules_call(ex, "rule_delete", name, NULL, STR_NONE, on_deleted);
}
