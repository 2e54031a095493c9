/*
 * governance_in - what a client of Bifrost's shapes says, as the master takes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/governance.h"
#include "server/admin/params.h"
#include "server/base/when.h"

#define RULE_FIELDS                                                                                \
    {"budget", BODY_OBJECT, false}, {"budgets", BODY_LIST, false},                                 \
        {"rate_limit", BODY_OBJECT, false},                                                        \
    {                                                                                              \
        "calendar_aligned", BODY_BOOL, false                                                       \
    }

static const struct body_field key_fields[] = {{"name", BODY_STRING, true},
                                               {"description", BODY_STRING, false},
                                               {"value", BODY_STRING, false},
                                               {"is_active", BODY_BOOL, false},
                                               {"expires_at", BODY_STRING, false},
                                               {"allow_all_providers", BODY_BOOL, false},
                                               {"provider_configs", BODY_LIST, false},
                                               {"mcp_configs", BODY_LIST, false},
                                               {"team_id", BODY_STRING, false},
                                               {"customer_id", BODY_STRING, false},
                                               {"reset_budget_usage", BODY_BOOL, false},
                                               RULE_FIELDS};
static const struct body_field team_fields[] = {{"name", BODY_STRING, true},
                                                {"customer_id", BODY_STRING, false},
                                                {"reset_budget_usage", BODY_BOOL, false},
                                                RULE_FIELDS};
static const struct body_field customer_fields[] = {
    {"name", BODY_STRING, true}, {"reset_budget_usage", BODY_BOOL, false}, RULE_FIELDS};
static const struct body_field model_fields[] = {{"model_name", BODY_STRING, true},
                                                 {"provider", BODY_STRING, false},
                                                 {"scope", BODY_STRING, false},
                                                 {"scope_id", BODY_STRING, false},
                                                 {"reset_budget_usage", BODY_BOOL, false},
                                                 RULE_FIELDS};
static const struct body_field provider_fields[] = {{"reset_budget_usage", BODY_BOOL, false},
                                                    RULE_FIELDS};
static const struct body_field config_fields[] = {{"id", BODY_ANY, false},
                                                  {"provider", BODY_STRING, true},
                                                  {"weight", BODY_ANY, false},
                                                  {"allowed_models", BODY_STRINGS, false},
                                                  {"blacklisted_models", BODY_STRINGS, false},
                                                  {"allow_all_keys", BODY_BOOL, false},
                                                  {"key_ids", BODY_STRINGS, false},
                                                  RULE_FIELDS};
static const struct body_field mcp_fields[] = {{"id", BODY_ANY, false},
                                               {"mcp_client_name", BODY_STRING, true},
                                               {"tools_to_execute", BODY_STRINGS, false}};

static const struct {
    const struct body_field *fields;
    size_t n;
} bodies[GOVERNANCE_KINDS] = {
    [GOVERNANCE_KEY] = {key_fields, ARRAY_LEN(key_fields)},
    [GOVERNANCE_TEAM] = {team_fields, ARRAY_LEN(team_fields)},
    [GOVERNANCE_CUSTOMER] = {customer_fields, ARRAY_LEN(customer_fields)},
    [GOVERNANCE_MODEL] = {model_fields, ARRAY_LEN(model_fields)},
    [GOVERNANCE_PROVIDER] = {provider_fields, ARRAY_LEN(provider_fields)},
};

const struct json *governance_read(struct exchange *ex, enum governance_kind kind, bool is_patch)
{
    const struct body_field *fields = bodies[kind].fields;
    const struct json *body = is_patch ? params_patch(ex, fields, bodies[kind].n)
                                       : params_body(ex, fields, bodies[kind].n);

    if (body != NULL && json_str(json_get(body, "team_id")).len > 0 &&
        json_str(json_get(body, "customer_id")).len > 0) {
        exchange_error(ex, 400, "bad_field", "team_id",
                       "VirtualKey cannot be attached to both Team and Customer");
        return NULL;
    }
    return body;
}

static bool refuse(struct exchange *ex, const char *where, const char *field, const char *why)
{
    exchange_error(ex, 400, "bad_field", arena_printf(ex->arena, "%s%s", where, field).p, "%s%s %s",
                   where, field, why);
    return false;
}

static bool is_star(const struct json *list)
{
    return list->child != NULL && list->child->next == NULL && str_eq(list->child->text, STR("*"));
}

/* Patterns there may be regular expressions; here they are globs. */
static bool put_models(struct exchange *ex, struct writer *w, const char *name,
                       const struct json *list)
{
    writer_array(w, name);
    for (const struct json *m = list->child; m != NULL; m = m->next) {
        if (str_starts(m->text, STR("regex:")))
            return refuse(ex, "", name, "takes names and globs (gpt-4o*), no regular expressions");
        writer_str(w, NULL, m->text);
    }
    writer_array_end(w);
    return true;
}

/* ["*"] allows every model, [] none; not told: every one. */
static bool put_config_models(struct exchange *ex, struct writer *w, const struct json *config)
{
    const struct json *allowed = json_get(config, "allowed_models");
    const struct json *denied = json_get(config, "blacklisted_models");

    if (allowed != NULL && allowed->type == JSON_ARRAY && allowed->child == NULL) {
        writer_array(w, "deny_models");
        writer_cstr(w, NULL, "*");
        writer_array_end(w);
        return true;
    }
    if (allowed != NULL && allowed->type == JSON_ARRAY && !is_star(allowed) &&
        !put_models(ex, w, "models", allowed))
        return false;
    return denied == NULL || denied->child == NULL || put_models(ex, w, "deny_models", denied);
}

static const struct json *config_now(const struct json *key, struct str provider)
{
    const struct json *list = json_get(key, "providers");
    const struct json *p = list != NULL ? list->child : NULL;

    while (p != NULL && !str_eq(json_str(json_get(p, "provider")), provider))
        p = p->next;
    return p;
}

static bool put_config(struct exchange *ex, struct writer *w, const struct json *config, size_t at,
                       const struct json *current)
{
    const char *where = arena_printf(ex->arena, "provider_configs[%zu].", at).p;
    const struct json *key_ids = json_get(config, "key_ids");
    const struct json *weight = json_get(config, "weight");
    struct str provider = json_str(json_get(config, "provider"));

    if (config->type != JSON_OBJECT)
        return refuse(ex, "", "provider_configs", "must be a list of objects");
    if (!params_members(ex, config, where, config_fields, ARRAY_LEN(config_fields)))
        return false;
    if (key_ids != NULL && key_ids->child != NULL && !is_star(key_ids))
        return refuse(ex, where, "key_ids",
                      "can only be [\"*\"]: a key may use every credential "
                      "of the provider");
    writer_object(w, NULL);
    writer_str(w, "provider", provider);
    if (weight != NULL && weight->type != JSON_NULL)
        writer_raw(w, "weight", weight->raw);
    if (!put_config_models(ex, w, config) ||
        !governance_rules_write(ex, w, where, config, config_now(current, provider)))
        return false;
    writer_object_end(w);
    return true;
}

/* A key without provider configs may use none, unless it may use all. */
static bool put_providers(struct exchange *ex, struct writer *w, const struct governance_input *in)
{
    const struct json *configs = json_get(in->body, "provider_configs");
    bool all = false, has_all = json_bool(json_get(in->body, "allow_all_providers"), &all);
    size_t at = 0;

    if (in->current != NULL && configs == NULL && !has_all)
        return true;
    bool any = configs != NULL && configs->child != NULL;
    if (configs == NULL && in->current != NULL && !all)
        any = json_get(in->current, "providers") != NULL;
    if (all || configs != NULL) {
        writer_array(w, "providers");
        for (const struct json *c = any && !all ? configs->child : NULL; c != NULL; c = c->next) {
            if (!put_config(ex, w, c, at++, in->current))
                return false;
        }
        writer_array_end(w);
    }
    writer_array(w, "deny_models");
    if (!all && !any)
        writer_cstr(w, NULL, "*");
    writer_array_end(w);
    return true;
}

/* client and tools become "client/tool". */
static bool put_mcp(struct exchange *ex, struct writer *w, const struct json *configs)
{
    size_t at = 0;

    writer_array(w, "mcp_tools");
    for (const struct json *c = configs->child; c != NULL; c = c->next) {
        const char *where = arena_printf(ex->arena, "mcp_configs[%zu].", at++).p;
        const struct json *tools = json_get(c, "tools_to_execute");
        struct str client = json_str(json_get(c, "mcp_client_name"));

        if (c->type != JSON_OBJECT)
            return refuse(ex, "", "mcp_configs", "must be a list of objects");
        if (!params_members(ex, c, where, mcp_fields, ARRAY_LEN(mcp_fields)))
            return false;
        for (const struct json *t = tools != NULL ? tools->child : NULL; t != NULL; t = t->next)
            writer_str(w, NULL,
                       arena_concat(ex->arena, (struct str[]){client, STR("/"), t->text}, 3));
    }
    writer_array_end(w);
    return true;
}

static void put_parent(struct writer *w, const struct json *body, const char *id_field,
                       const char *field, struct str name)
{
    if (json_get(body, id_field) == NULL)
        return;
    if (name.len > 0)
        writer_str(w, field, name);
    else
        writer_null(w, field);
}

static bool put_expiry(struct exchange *ex, struct writer *w, const struct json *node)
{
    struct buf text = BUF_INIT;
    uint64_t ms;

    if (node == NULL)
        return true;
    if (node->type == JSON_NULL || node->text.len == 0) {
        writer_null(w, "expires");
        return true;
    }
    if (!params_expiry(node->text, &ms))
        return refuse(ex, "", "expires_at", "must be a time like 2027-01-31T18:00:00Z");
    when_format(&text, ms);
    writer_str(w, "expires", buf_view(&text));
    buf_fini(&text);
    return true;
}

static void put_as(struct writer *w, const struct json *body, const char *field, const char *as)
{
    const struct json *node = json_get(body, field);

    if (node != NULL && node->type != JSON_NULL)
        writer_raw(w, as, node->raw);
}

static bool put_key(struct exchange *ex, struct writer *w, const struct governance_input *in)
{
    const struct json *description = json_get(in->body, "description");
    const struct json *mcp = json_get(in->body, "mcp_configs");

    put_as(w, in->body, "name", "name");
    put_as(w, in->body, "value", "value");
    put_as(w, in->body, "is_active", "active");
    if (description != NULL) {
        writer_object(w, "metadata");
        writer_raw(w, "description", description->raw);
        writer_object_end(w);
    }
    put_parent(w, in->body, "team_id", "team", in->parents.team);
    put_parent(w, in->body, "customer_id", "customer", in->parents.customer);
    return put_expiry(ex, w, json_get(in->body, "expires_at")) && put_providers(ex, w, in) &&
           (mcp == NULL || mcp->type == JSON_NULL || put_mcp(ex, w, mcp));
}

static bool put_model(struct exchange *ex, struct writer *w, const struct governance_input *in)
{
    struct str scope = json_str(json_get(in->body, "scope"));
    struct str model = json_str(json_get(in->body, "model_name"));
    struct str provider = json_str(json_get(in->body, "provider"));
    struct str old_provider = STR_NONE, old_model = STR_NONE;

    if (scope.len > 0 && !str_eq(scope, STR("global")))
        return refuse(ex, "", "scope",
                      "can only be global; a key's own limits stand in its provider_configs");
    governance_model_split(json_str(json_get(in->current, "model")), &old_provider, &old_model);
    if (model.len == 0)
        model = old_model;
    if (json_get(in->body, "provider") == NULL)
        provider = old_provider;
    if (model.len == 0)
        return refuse(ex, "", "model_name", "must not be empty; \"*\" means every model");
    writer_str(w, "model",
               arena_concat(ex->arena,
                            (struct str[]){provider.len > 0 ? provider : STR("*"), STR("/"), model},
                            3));
    return true;
}

bool governance_write(struct exchange *ex, struct writer *w, const struct governance_input *in)
{
    bool good = true;

    writer_object(w, "body");
    switch (in->kind) {
    case GOVERNANCE_KEY:
        good = put_key(ex, w, in);
        break;
    case GOVERNANCE_TEAM:
    case GOVERNANCE_CUSTOMER:
        put_as(w, in->body, "name", "name");
        put_parent(w, in->body, "customer_id", "customer", in->parents.customer);
        break;
    case GOVERNANCE_MODEL:
        good = put_model(ex, w, in);
        break;
    default:
        if (in->current == NULL)
            writer_str(w, "model",
                       arena_concat(ex->arena, (struct str[]){in->provider, STR("/*")}, 2));
        break;
    }
    if (!good || !governance_rules_write(ex, w, "", in->body, in->current))
        return false;
    writer_object_end(w);
    return true;
}
