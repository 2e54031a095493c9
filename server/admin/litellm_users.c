/*
 * litellm_users - /user/...: a user is a customer whom its keys without a team belong to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/litellm_generate.h"
#include "server/admin/litellm_owners.h"
#include "server/admin/params.h"

static const struct litellm_field fields[] = {
    {"user_id", LITELLM_TEXT},
    {"user_alias", LITELLM_KEPT},
    {"user_email", LITELLM_KEPT},
    {"user_role", LITELLM_KEPT},
    {"teams", LITELLM_LIST},
    {"team_id", LITELLM_TEXT},
    {"models", LITELLM_TEXTS},
    {"max_budget", LITELLM_MONEY},
    {"budget_duration", LITELLM_TEXT},
    {"budget_limits", LITELLM_LIST},
    {"max_parallel_requests", LITELLM_COUNT},
    {"tpm_limit", LITELLM_COUNT},
    {"rpm_limit", LITELLM_COUNT},
    {"metadata", LITELLM_OBJECT},
    {"blocked", LITELLM_BOOL},
    {"tags", LITELLM_TEXTS},
    {"key_alias", LITELLM_TEXT},
    {"duration", LITELLM_TEXT},
    {"auto_create_key", LITELLM_BOOL},
    {"spend", LITELLM_IGNORED},
    {"organizations", LITELLM_IGNORED},
    {"agent_id", LITELLM_IGNORED},
    {"aliases", LITELLM_IGNORED},
    {"config", LITELLM_IGNORED},
    {"permissions", LITELLM_IGNORED},
    {"allowed_cache_controls", LITELLM_IGNORED},
    {"model_max_budget", LITELLM_IGNORED},
    {"model_rpm_limit", LITELLM_IGNORED},
    {"model_tpm_limit", LITELLM_IGNORED},
    {"guardrails", LITELLM_IGNORED},
    {"policies", LITELLM_IGNORED},
    {"prompts", LITELLM_IGNORED},
    {"object_permission", LITELLM_IGNORED},
    {"password", LITELLM_IGNORED},
    {"send_invite_email", LITELLM_IGNORED},
    {"sso_user_id", LITELLM_IGNORED},
    {"soft_budget", LITELLM_IGNORED},
};
static const char *const kept[] = {"user_alias", "user_email",      "user_role", "teams",
                                   "models",     "budget_duration", NULL};
const struct owner_view litellm_user = {ENTITY_CUSTOMER,
                                        "User",
                                        "user:",
                                        "user_id",
                                        "user_ids",
                                        "user_id",
                                        {fields, ARRAY_LEN(fields)},
                                        kept,
                                        litellm_write_user};

/* --- /user/new: the user, and unless auto_create_key is false a key for it --- */

/* What was made first, written already: the key comes behind it. */
struct made_user {
    const struct json *body, *entity;
};

static void write_answer(struct exchange *ex, const struct made_user *user,
                         const struct generated *key)
{
    struct writer w = WRITER_INIT(&ex->out);
    char token[2 * SHA256_BYTES + 1];

    writer_object(&w, NULL);
    if (key != NULL) {
        crypto_hex(key->hash, SHA256_BYTES, token);
        writer_str(&w, "key", key->key);
        writer_cstr(&w, "token", token);
        writer_str(&w, "key_alias", json_str(json_get(key->entity, "name")));
    } else {
        writer_null(&w, "key");
    }
    litellm_write_user(ex, &w, user->entity);
    litellm_write_ignored(&w, user->body, litellm_user.fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void on_key(struct exchange *ex, const struct generated *key)
{
    write_answer(ex, key->ctx, key);
}

/* The body of the key: what LiteLLM gives to it of the user's. */
static const struct json *key_body(struct exchange *ex, const struct json *body, struct str user_id)
{
    static const char *const names[] = {"key_alias", "duration", "models", "team_id"};
    struct buf text = BUF_IN(ex->arena);
    struct writer w = WRITER_INIT(&text);
    struct json_error err;

    writer_object(&w, NULL);
    writer_str(&w, "user_id", user_id);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (litellm_get(body, names[i]) != NULL)
            writer_raw(&w, names[i], litellm_get(body, names[i])->raw);
    }
    writer_object_end(&w);
    return json_parse(ex->admin->json, ex->arena, buf_view(&text), &err);
}

static void on_user(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct made_user *user = arena_alloc(ex->arena, sizeof(*user));
    bool with_key = true;

    (void)json_bool(litellm_get(job->body, "auto_create_key"), &with_key); /* absent: true */
    *user = (struct made_user){job->body, entity};
    if (!with_key) {
        write_answer(ex, user, NULL);
        return;
    }
    struct json_error err;
    user->entity = json_parse(ex->admin->json, ex->arena, arena_str(ex->arena, entity->raw), &err);
    litellm_next_call(ex);
    litellm_generate(ex, key_body(ex, job->body, job->id), on_key, user);
}

void litellm_user_new(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_new(ex, &litellm_user, on_user);
}

/* --- the rest --- */

static void answer_update(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_str(&w, "user_id", job->id);
    writer_object(&w, "data");
    litellm_write_user(ex, &w, entity);
    writer_object_end(&w);
    litellm_write_ignored(&w, job->body, litellm_user.fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_user_update(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, litellm_user.fields);

    (void)tail;
    if (body != NULL)
        owner_change(ex, &litellm_user, body, answer_update);
}

/* LiteLLM answers how many there were. */
static void answer_deleted(struct exchange *ex, struct owner_job *job, const struct json *ids)
{
    (void)job;
    buf_u64(&ex->out, ids->n);
    exchange_json(ex, 200);
}

void litellm_user_delete(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_delete(ex, &litellm_user, answer_deleted);
}

static void end_info(struct exchange *ex, struct writer *w, uint64_t n)
{
    (void)n;
    writer_array(w, "teams");
    writer_array_end(w);
    writer_object_end(w);
    exchange_json(ex, 200);
}

static void answer_info(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_str(&w, "user_id", job->id);
    writer_object(&w, "user_info");
    litellm_write_user(ex, &w, entity);
    writer_object_end(&w);
    owner_write_keys(ex, STR_NONE, litellm_user_tag(ex, job->id), end_info);
}

void litellm_user_info(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_find(ex, owner_job_of(ex, &litellm_user, NULL), params_get(ex, "user_id"), answer_info);
}

static void end_list(struct exchange *ex, struct writer *w, uint64_t n)
{
    writer_u64(w, "total", n);
    writer_u64(w, "page", 1);
    writer_u64(w, "page_size", n);
    writer_u64(w, "total_pages", 1);
    writer_object_end(w);
    exchange_json(ex, 200);
}

void litellm_user_list(struct exchange *ex, struct str tail)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)tail;
    writer_object(&w, NULL);
    writer_array(&w, "users");
    owner_list(ex, &litellm_user, end_list);
}
