/*
 * governance_out - an entity as Bifrost's clients expect it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/governance.h"
#include "server/base/when.h"

void governance_model_split(struct str pattern, struct str *out_provider, struct str *out_model)
{
    ptrdiff_t slash = str_index(pattern, '/');

    *out_provider = STR_NONE;
    *out_model = pattern;
    if (slash <= 0)
        return;
    *out_model = str_skip(pattern, (size_t)slash + 1);
    if (!str_eq((struct str){pattern.p, (size_t)slash}, STR("*")))
        *out_provider = (struct str){pattern.p, (size_t)slash};
}

bool governance_is_provider(const struct json *limit)
{
    struct str provider, model;

    governance_model_split(json_str(json_get(limit, "model")), &provider, &model);
    return provider.len > 0 && str_index(provider, '*') < 0 && str_eq(model, STR("*"));
}

static void put_or_null(struct writer *w, const char *key, struct str value)
{
    if (value.len > 0)
        writer_str(w, key, value);
    else
        writer_null(w, key);
}

static void put_time(struct writer *w, const char *key, uint64_t ms)
{
    struct buf text = BUF_INIT;

    when_format(&text, ms);
    writer_str(w, key, buf_view(&text));
    buf_fini(&text);
}

static void put_list(struct writer *w, const char *key, const struct json *list)
{
    if (list != NULL)
        writer_raw(w, key, list->raw);
    else
        writer_raw(w, key, STR("[]"));
}

static bool denies_all(const struct json *object)
{
    const struct json *denied = json_get(object, "deny_models");

    return denied != NULL && denied->child != NULL && str_eq(denied->child->text, STR("*"));
}

static void put_config(struct exchange *ex, struct writer *w, const struct json *key,
                       const struct json *provider, size_t number)
{
    const struct governance_owner owner = {
        "provider_config_id",
        arena_printf(ex->arena, "%.*s/%zu", STR_ARGS(json_str(json_get(key, "id"))), number)};
    const struct json *models = json_get(provider, "models");
    const struct json *weight = json_get(provider, "weight");
    bool none = denies_all(provider);

    writer_object(w, NULL);
    writer_u64(w, "id", number);
    writer_str(w, "virtual_key_id", json_str(json_get(key, "id")));
    writer_str(w, "provider", json_str(json_get(provider, "provider")));
    writer_raw(w, "weight", weight != NULL ? weight->raw : STR("null"));
    if (models != NULL && models->child != NULL)
        writer_raw(w, "allowed_models", models->raw);
    else
        writer_raw(w, "allowed_models", none ? STR("[]") : STR("[\"*\"]"));
    put_list(w, "blacklisted_models", none ? NULL : json_get(provider, "deny_models"));
    writer_bool(w, "allow_all_keys", true);
    writer_raw(w, "keys", STR("[]"));
    governance_rules_text(ex, w, provider, &owner);
    writer_object_end(w);
}

void governance_providers_text(struct exchange *ex, struct writer *w, const struct json *key)
{
    const struct json *providers = json_get(key, "providers");
    bool any = providers != NULL && providers->child != NULL;
    size_t number = 0;

    writer_bool(w, "allow_all_providers", !any && !denies_all(key));
    writer_array(w, "provider_configs");
    for (const struct json *p = any ? providers->child : NULL; p != NULL; p = p->next)
        put_config(ex, w, key, p, ++number);
    writer_array_end(w);
}

/* "client/tool" texts; those of one client behind one another. */
static void put_mcp(struct exchange *ex, struct writer *w, const struct json *tools)
{
    struct str last = STR_NONE;
    bool is_open = false;

    writer_array(w, "mcp_configs");
    for (const struct json *t = tools != NULL ? tools->child : NULL; t != NULL; t = t->next) {
        ptrdiff_t slash = str_index(t->text, '/');
        struct str client = {t->text.p, slash > 0 ? (size_t)slash : 0};

        if (is_open && !str_eq(client, last)) {
            writer_array_end(w);
            writer_object_end(w);
            is_open = false;
        }
        if (!is_open) {
            writer_object(w, NULL);
            writer_str(w, "mcp_client_name", arena_str(ex->arena, client));
            writer_array(w, "tools_to_execute");
            is_open = true;
        }
        writer_str(w, NULL, slash > 0 ? str_skip(t->text, (size_t)slash + 1) : t->text);
        last = client;
    }
    if (is_open) {
        writer_array_end(w);
        writer_object_end(w);
    }
    writer_array_end(w);
}

static void put_parent(struct writer *w, const struct json *entity, const char *kind,
                       const char *id_field)
{
    struct str name = json_str(json_get(entity, kind));
    struct str id = json_str(json_get(entity, id_field));

    put_or_null(w, id_field, id);
    if (name.len == 0)
        return;
    writer_object(w, kind);
    put_or_null(w, "id", id);
    writer_str(w, "name", name);
    writer_object_end(w);
}

static void put_key(struct exchange *ex, struct writer *w, const struct json *key, struct str value)
{
    struct str expires = json_str(json_get(key, "expires"));
    bool active = true;

    (void)json_bool(json_get(key, "active"), &active); /* not told: it is */
    writer_str(w, "name", json_str(json_get(key, "name")));
    writer_str(w, "value", value.len > 0 ? value : json_str(json_get(key, "hint")));
    writer_str(w, "description", json_str(json_get(json_get(key, "metadata"), "description")));
    writer_bool(w, "is_active", active);
    put_or_null(w, "expires_at", expires);
    governance_providers_text(ex, w, key);
    put_mcp(ex, w, json_get(key, "mcp_tools"));
    put_parent(w, key, "team", "team_id");
    put_parent(w, key, "customer", "customer_id");
}

static void put_model(struct writer *w, const struct json *limit)
{
    struct str provider, model;

    governance_model_split(json_str(json_get(limit, "model")), &provider, &model);
    writer_str(w, "model_name", model);
    put_or_null(w, "provider", provider);
    writer_cstr(w, "scope", "global");
    writer_null(w, "scope_id");
}

void governance_text(struct exchange *ex, struct writer *w, const char *member,
                     enum governance_kind kind, const struct json *entity, struct str value)
{
    static const char *const owner_fields[GOVERNANCE_KINDS] = {
        "virtual_key_id", "team_id", "customer_id", "model_config_id", "provider_name"};
    struct governance_owner owner = {owner_fields[kind], json_str(json_get(entity, "id"))};
    struct str provider, model;
    uint64_t ms = 0;

    writer_object(w, member);
    writer_str(w, "id", owner.id);
    switch (kind) {
    case GOVERNANCE_KEY:
        put_key(ex, w, entity, value);
        break;
    case GOVERNANCE_TEAM:
        writer_str(w, "name", json_str(json_get(entity, "name")));
        put_parent(w, entity, "customer", "customer_id");
        break;
    case GOVERNANCE_CUSTOMER:
        writer_str(w, "name", json_str(json_get(entity, "name")));
        break;
    case GOVERNANCE_MODEL:
        put_model(w, entity);
        break;
    default:
        governance_model_split(json_str(json_get(entity, "model")), &provider, &model);
        writer_str(w, "provider", provider);
        owner.id = provider;
        break;
    }
    governance_rules_text(ex, w, entity, &owner);
    if (json_u64(json_get(entity, "created_ms"), &ms))
        put_time(w, "created_at", ms);
    writer_object_end(w);
}
