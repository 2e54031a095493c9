/*
 * litellm_row - entities as LiteLLM shows its rows.
 *
 * Members that LiteLLM has and we do not are there with the value that an unused one has, so that
 * clients which read them find them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/entity_text.h"
#include "server/admin/litellm.h"
#include "server/admin/litellm_generate.h"
#include "server/admin/litellm_text.h"
#include "server/base/when.h"

static const struct json *first_budget(const struct json *entity)
{
    const struct json *budgets = json_get(entity, "budgets");

    return budgets != NULL && budgets->type == JSON_ARRAY ? budgets->child : NULL;
}

static void write_meta(struct writer *w, const struct json *entity, const char *name)
{
    const struct json *value = json_get(litellm_meta(entity), name);

    if (value != NULL)
        writer_raw(w, name, value->raw);
    else
        writer_null(w, name);
}

static struct str duration_of(const struct json *entity, const struct json *budget)
{
    struct str said = json_str(json_get(litellm_meta(entity), "budget_duration"));
    struct str window = json_str(json_get(budget, "window"));

    if (said.len > 0 || window.len == 0 || str_eq(window, STR(LITELLM_FOREVER)))
        return said;
    return litellm_duration_of(window);
}

/* max_budget, budget_duration, budget_reset_at and the limits. */
static void write_rules(struct exchange *ex, struct writer *w, const struct json *entity)
{
    const struct json *budget = first_budget(entity);
    const struct json *limits = json_get(entity, "rate_limits");
    const struct json *limit = limits != NULL ? limits->child : NULL;
    const char *const names[][2] = {{"rpm_limit", "requests"}, {"tpm_limit", "tokens"}};
    struct account_state state = {.resets_ms = 0};
    struct str duration = duration_of(entity, budget);
    uint64_t nanousd, n;

    if (json_u64(json_get(budget, "limit_nanousd"), &nanousd))
        litellm_write_dollars(w, "max_budget", nanousd);
    else
        writer_null(w, "max_budget");
    writer_cstr(w, "budget_duration", duration.len > 0 ? arena_cstr(ex->arena, duration) : NULL);
    if (duration.len == 0 || budget == NULL || !account_state_of(ex, budget, &state))
        state.resets_ms = 0;
    litellm_write_time(w, "budget_reset_at", state.resets_ms);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct json *l = limit;

        while (l != NULL && !(json_u64(json_get(l, names[i][1]), &n) &&
                              str_eq(json_str(json_get(l, "per")), STR("1m"))))
            l = l->next;
        if (l != NULL)
            writer_u64(w, names[i][0], n);
        else
            writer_null(w, names[i][0]);
    }
    if (json_u64(json_get(entity, "concurrency"), &n) && n > 0)
        writer_u64(w, "max_parallel_requests", n);
    else
        writer_null(w, "max_parallel_requests");
}

/* The client's own part. */
static void write_metadata(struct exchange *ex, struct writer *w, const struct json *entity)
{
    const struct json *metadata = json_get(entity, "metadata");

    writer_object(w, "metadata");
    for (const struct json *m = metadata != NULL ? metadata->child : NULL; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR(LITELLM_META)))
            writer_raw(w, arena_cstr(ex->arena, m->key), m->raw);
    }
    writer_object_end(w);
}

static void write_texts(struct writer *w, const char *name, const struct json *list)
{
    if (list != NULL && list->type == JSON_ARRAY) {
        writer_raw(w, name, list->raw);
        return;
    }
    writer_array(w, name);
    writer_array_end(w);
}

static void write_empty_objects(struct writer *w, const char *const *names)
{
    for (; *names != NULL; names++) {
        writer_object(w, *names);
        writer_object_end(w);
    }
}

/* One that was made without an alias has a name of ours. */
static void write_alias(struct writer *w, const struct json *entity)
{
    struct str name = json_str(json_get(entity, "name"));

    if (str_starts(name, STR(LITELLM_NO_ALIAS)))
        writer_null(w, "key_alias");
    else
        writer_str(w, "key_alias", name);
}

/* "sk-..." and the last four characters, which our own hint ends with, too. */
static void write_key_name(struct exchange *ex, struct writer *w, const struct json *entity)
{
    struct str hint = json_str(json_get(entity, "hint"));
    struct str last = str_skip(hint, hint.len > 4 ? hint.len - 4 : 0);

    writer_str(w, "key_name", arena_printf(ex->arena, "sk-...%.*s", STR_ARGS(last)));
}

static void write_created(struct writer *w, const struct json *entity)
{
    uint64_t created = 0;

    (void)json_u64(json_get(entity, "created_ms"), &created); /* 0: shown as null */
    litellm_write_time(w, "created_at", created);
    litellm_write_time(w, "updated_at", created);
}

static uint64_t expires_of(const struct json *entity)
{
    uint64_t ms = 0;

    if (!json_u64(json_get(entity, "expires_ms"), &ms) &&
        !when_parse(json_str(json_get(entity, "expires")), &ms))
        return 0; /* never */
    return ms;
}

static void write_parent(struct writer *w, const char *name, const struct json *entity,
                         const char *parent)
{
    struct str value = json_str(json_get(entity, parent));

    if (value.len > 0 && !str_starts(value, STR("user:")))
        writer_str(w, name, value);
    else
        writer_null(w, name);
}

/* But for the one that stands for its user. */
static void write_tags(struct exchange *ex, struct writer *w, const struct json *entity)
{
    const struct json *tags = json_get(entity, "tags");
    struct str own = litellm_user_tag(ex, json_str(json_get(litellm_meta(entity), "user_id")));

    writer_array(w, "tags");
    for (const struct json *t = tags != NULL ? tags->child : NULL; t != NULL; t = t->next) {
        if (!str_eq(t->text, own))
            writer_str(w, NULL, t->text);
    }
    writer_array_end(w);
}

void litellm_write_key(struct exchange *ex, struct writer *w, const struct litellm_key_row *row)
{
    const struct json *e = row->entity;
    char token[LITELLM_TOKEN_TEXT];
    bool active = true;

    if (row->with_token) {
        crypto_hex(row->hash, SHA256_BYTES, token);
        writer_cstr(w, "token", token);
    }
    write_key_name(ex, w, e);
    write_alias(w, e);
    litellm_write_spend(ex, w, ENTITY_KEY, e);
    litellm_write_time(w, "expires", expires_of(e));
    write_texts(w, "models", json_get(e, "models"));
    write_meta(w, e, "user_id");
    write_parent(w, "team_id", e, "team");
    write_parent(w, "organization_id", e, "customer");
    write_meta(w, e, "agent_id");
    write_meta(w, e, "project_id");
    write_rules(ex, w, e);
    write_metadata(ex, w, e);
    write_tags(ex, w, e);
    (void)json_bool(json_get(e, "active"), &active); /* absent: it is */
    writer_bool(w, "blocked", !active);
    write_texts(w, "allowed_routes", json_get(litellm_meta(e), "allowed_routes"));
    write_texts(w, "allowed_cache_controls", NULL);
    write_empty_objects(w, (const char *const[]){"aliases", "config", "permissions", "model_spend",
                                                 "model_max_budget", NULL});
    write_meta(w, e, "budget_id");
    writer_null(w, "litellm_budget_table");
    write_created(w, e);
}

void litellm_write_team(struct exchange *ex, struct writer *w, const struct json *entity)
{
    bool blocked = false;

    writer_str(w, "team_id", json_str(json_get(entity, "name")));
    write_meta(w, entity, "team_alias");
    write_parent(w, "organization_id", entity, "customer");
    write_texts(w, "admins", NULL);
    write_texts(w, "members", NULL);
    write_texts(w, "members_with_roles", json_get(litellm_meta(entity), "members_with_roles"));
    write_texts(w, "models", json_get(litellm_meta(entity), "models"));
    litellm_write_spend(ex, w, ENTITY_TEAM, entity);
    write_rules(ex, w, entity);
    write_metadata(ex, w, entity);
    write_texts(w, "tags", json_get(entity, "tags"));
    (void)json_bool(json_get(entity, "blocked"), &blocked); /* absent: it is not */
    writer_bool(w, "blocked", blocked);
    write_empty_objects(w, (const char *const[]){"model_spend", "model_max_budget", NULL});
    write_created(w, entity);
}

static struct str name_behind(const struct json *entity, struct str prefix)
{
    struct str name = json_str(json_get(entity, "name"));

    return str_starts(name, prefix) ? str_skip(name, prefix.len) : name;
}

void litellm_write_user(struct exchange *ex, struct writer *w, const struct json *entity)
{
    writer_str(w, "user_id", name_behind(entity, STR("user:")));
    write_meta(w, entity, "user_alias");
    write_meta(w, entity, "user_email");
    write_meta(w, entity, "user_role");
    write_texts(w, "teams", json_get(litellm_meta(entity), "teams"));
    write_texts(w, "models", json_get(litellm_meta(entity), "models"));
    litellm_write_spend(ex, w, ENTITY_CUSTOMER, entity);
    write_rules(ex, w, entity);
    write_metadata(ex, w, entity);
    write_empty_objects(w, (const char *const[]){"model_spend", "model_max_budget", NULL});
    write_created(w, entity);
}

void litellm_write_budget(struct exchange *ex, struct writer *w, const struct json *entity)
{
    writer_str(w, "budget_id", name_behind(entity, STR("budget:")));
    write_rules(ex, w, entity);
    write_empty_objects(w, (const char *const[]){"model_max_budget", NULL});
    write_created(w, entity);
}

void litellm_write_customer(struct exchange *ex, struct writer *w, const struct json *entity)
{
    bool blocked = false;

    writer_str(w, "user_id", json_str(json_get(entity, "name")));
    write_meta(w, entity, "alias");
    (void)json_bool(json_get(entity, "blocked"), &blocked); /* absent: it is not */
    writer_bool(w, "blocked", blocked);
    litellm_write_spend(ex, w, ENTITY_CUSTOMER, entity);
    writer_null(w, "allowed_model_region");
    writer_null(w, "default_model");
    if (first_budget(entity) == NULL && json_get(entity, "rate_limits") == NULL) {
        writer_null(w, "litellm_budget_table");
        return;
    }
    writer_object(w, "litellm_budget_table");
    writer_null(w, "budget_id");
    write_rules(ex, w, entity);
    writer_object_end(w);
}

void litellm_write_organization(struct exchange *ex, struct writer *w, const struct json *entity)
{
    writer_str(w, "organization_id", json_str(json_get(entity, "name")));
    write_meta(w, entity, "organization_alias");
    write_texts(w, "models", json_get(litellm_meta(entity), "models"));
    litellm_write_spend(ex, w, ENTITY_CUSTOMER, entity);
    write_metadata(ex, w, entity);
    writer_object(w, "litellm_budget_table");
    write_rules(ex, w, entity);
    writer_object_end(w);
    write_created(w, entity);
}
