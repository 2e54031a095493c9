/*
 * litellm_teams - /team/...: teams and their members.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/litellm_owners.h"
#include "server/admin/params.h"

#define MEMBERS_MAX 200 /* of a team; its metadata holds fewer when their names are long */

static const struct litellm_field fields[] = {
    {"team_id", LITELLM_TEXT},
    {"team_alias", LITELLM_TEXT},
    {"organization_id", LITELLM_TEXT},
    {"members_with_roles", LITELLM_LIST},
    {"metadata", LITELLM_OBJECT},
    {"tpm_limit", LITELLM_COUNT},
    {"rpm_limit", LITELLM_COUNT},
    {"max_parallel_requests", LITELLM_COUNT},
    {"max_budget", LITELLM_MONEY},
    {"budget_duration", LITELLM_TEXT},
    {"budget_limits", LITELLM_LIST},
    {"models", LITELLM_TEXTS},
    {"blocked", LITELLM_BOOL},
    {"tags", LITELLM_TEXTS},
    {"admins", LITELLM_IGNORED},
    {"members", LITELLM_IGNORED},
    {"team_member_permissions", LITELLM_IGNORED},
    {"team_member_budget", LITELLM_IGNORED},
    {"team_member_budget_duration", LITELLM_IGNORED},
    {"team_member_rpm_limit", LITELLM_IGNORED},
    {"team_member_tpm_limit", LITELLM_IGNORED},
    {"team_member_key_duration", LITELLM_IGNORED},
    {"soft_budget", LITELLM_IGNORED},
    {"model_aliases", LITELLM_IGNORED},
    {"model_max_budget", LITELLM_IGNORED},
    {"model_rpm_limit", LITELLM_IGNORED},
    {"model_tpm_limit", LITELLM_IGNORED},
    {"rpm_limit_type", LITELLM_IGNORED},
    {"tpm_limit_type", LITELLM_IGNORED},
    {"guardrails", LITELLM_IGNORED},
    {"policies", LITELLM_IGNORED},
    {"prompts", LITELLM_IGNORED},
    {"object_permission", LITELLM_IGNORED},
    {"router_settings", LITELLM_IGNORED},
    {"access_group_ids", LITELLM_IGNORED},
    {"allowed_passthrough_routes", LITELLM_IGNORED},
    {"allowed_vector_store_indexes", LITELLM_IGNORED},
    {"secret_manager_settings", LITELLM_IGNORED},
    {"default_team_member_models", LITELLM_IGNORED},
};
static const char *const kept[] = {"team_alias", "budget_duration", "models", "members_with_roles",
                                   NULL};
const struct owner_view litellm_team = {ENTITY_TEAM,
                                        "Team",
                                        "",
                                        "team_id",
                                        "team_ids",
                                        "team_id",
                                        {fields, ARRAY_LEN(fields)},
                                        kept,
                                        litellm_write_team};

static void answer(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    litellm_write_team(ex, &w, entity);
    litellm_write_ignored(&w, job->body, litellm_team.fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_team_new(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_new(ex, &litellm_team, answer);
}

static void answer_update(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_str(&w, "team_id", job->id);
    writer_object(&w, "data");
    litellm_write_team(ex, &w, entity);
    writer_object_end(&w);
    litellm_write_ignored(&w, job->body, litellm_team.fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_team_update(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, litellm_team.fields);

    (void)tail;
    if (body != NULL)
        owner_change(ex, &litellm_team, body, answer_update);
}

static void answer_deleted(struct exchange *ex, struct owner_job *job, const struct json *ids)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)job;
    writer_object(&w, NULL);
    writer_raw(&w, "deleted_teams", ids->raw);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_team_delete(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_delete(ex, &litellm_team, answer_deleted);
}

static void end_info(struct exchange *ex, struct writer *w, uint64_t n)
{
    (void)n;
    writer_array(w, "team_memberships");
    writer_array_end(w);
    writer_object_end(w);
    exchange_json(ex, 200);
}

static void answer_info(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    writer_str(&w, "team_id", job->id);
    writer_object(&w, "team_info");
    litellm_write_team(ex, &w, entity);
    writer_object_end(&w);
    owner_write_keys(ex, litellm_id_of(entity), STR_NONE, end_info);
}

void litellm_team_info(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_find(ex, owner_job_of(ex, &litellm_team, NULL), params_get(ex, "team_id"), answer_info);
}

static void end_list(struct exchange *ex, struct writer *w, uint64_t n)
{
    (void)w;
    (void)n;
    exchange_json(ex, 200);
}

void litellm_team_list(struct exchange *ex, struct str tail)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)tail;
    writer_array(&w, NULL);
    owner_list(ex, &litellm_team, end_list);
}

/* --- changes that are said in another way --- */

static const struct json *parse(struct exchange *ex, struct str text)
{
    struct json_error err;
    const struct json *body = json_parse(ex->admin->json, ex->arena, text, &err);

    must(body != NULL); /* we wrote it */
    return body;
}

static const struct litellm_field block_fields[] = {{"team_id", LITELLM_TEXT}};

static void set_blocked(struct exchange *ex, bool blocked)
{
    const struct json *asked =
        litellm_body(ex, (struct litellm_fields){block_fields, ARRAY_LEN(block_fields)});
    struct buf text = BUF_IN(ex->arena);
    struct writer w = WRITER_INIT(&text);

    if (asked == NULL)
        return;
    writer_object(&w, NULL);
    writer_str(&w, "team_id", json_str(litellm_get(asked, "team_id")));
    writer_bool(&w, "blocked", blocked);
    writer_object_end(&w);
    owner_change(ex, &litellm_team, parse(ex, buf_view(&text)), answer);
}

void litellm_team_block(struct exchange *ex, struct str tail)
{
    (void)tail;
    set_blocked(ex, true);
}

void litellm_team_unblock(struct exchange *ex, struct str tail)
{
    (void)tail;
    set_blocked(ex, false);
}

/* --- members --- */

static const struct litellm_field member_fields[] = {
    {"team_id", LITELLM_TEXT},      {"member", LITELLM_KEPT},
    {"user_id", LITELLM_TEXT},      {"user_email", LITELLM_TEXT},
    {"role", LITELLM_TEXT},         {"max_budget_in_team", LITELLM_IGNORED},
    {"tpm_limit", LITELLM_IGNORED}, {"rpm_limit", LITELLM_IGNORED},
};
static const struct litellm_fields member_table = {member_fields, ARRAY_LEN(member_fields)};

static bool is_same_member(const struct json *a, const struct json *b)
{
    struct str id = json_str(litellm_get(a, "user_id"));
    struct str email = json_str(litellm_get(a, "user_email"));

    return (id.len > 0 && str_eq(id, json_str(litellm_get(b, "user_id")))) ||
           (email.len > 0 && str_eq(email, json_str(litellm_get(b, "user_email"))));
}

static bool is_among(const struct json *member, const struct json *list)
{
    for (; list != NULL; list = list->next) {
        if (is_same_member(member, list))
            return true;
    }
    return false;
}

static bool member_is_good(const struct json *m)
{
    struct str role = json_str(litellm_get(m, "role"));

    return m->type == JSON_OBJECT && (str_eq(role, STR("admin")) || str_eq(role, STR("user"))) &&
           (json_str(litellm_get(m, "user_id")).len > 0 ||
            json_str(litellm_get(m, "user_email")).len > 0);
}

static void write_member(struct writer *w, const struct json *m)
{
    static const char *const names[] = {"user_id", "user_email", "role"};

    writer_object(w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (litellm_get(m, names[i]) != NULL)
            writer_raw(w, names[i], litellm_get(m, names[i])->raw);
    }
    writer_object_end(w);
}

/* The team as it is but for `names`, and `added` behind them; written as an update. */
static void change_members(struct exchange *ex, struct owner_job *job, const struct json *team,
                           const struct json *names, const struct json *added)
{
    const struct json *old = json_get(litellm_meta(team), "members_with_roles");
    struct buf text = BUF_IN(ex->arena);
    struct writer w = WRITER_INIT(&text);

    writer_object(&w, NULL);
    writer_str(&w, "team_id", job->id);
    writer_array(&w, "members_with_roles");
    for (const struct json *m = old != NULL ? old->child : NULL; m != NULL; m = m->next) {
        if (!is_among(m, names))
            write_member(&w, m);
    }
    for (; added != NULL; added = added->next)
        write_member(&w, added);
    writer_array_end(&w);
    writer_object_end(&w);
    owner_change(ex, &litellm_team, parse(ex, buf_view(&text)), answer);
}

/* A member alone, without what stands behind it in the body. */
static const struct json *alone(struct exchange *ex, const struct json *member)
{
    struct json *copy = arena_alloc(ex->arena, sizeof(*copy));

    *copy = *member;
    copy->next = NULL;
    return copy;
}

/* The members of the body, a list of them; NULL: answered. */
static const struct json *read_members(struct exchange *ex, const struct json *body)
{
    const struct json *member = litellm_get(body, "member");
    bool is_list = member != NULL && member->type == JSON_ARRAY;
    const struct json *first = NULL;

    if (member != NULL)
        first = is_list ? member->child : alone(ex, member);
    for (const struct json *m = first; m != NULL; m = m->next) {
        if (!member_is_good(m)) {
            first = NULL;
            break;
        }
    }
    if (first == NULL || (is_list && member->n > MEMBERS_MAX)) {
        litellm_bad(ex, "member",
                    "one or a list of {\"role\": \"admin\" or \"user\", \"user_id\" or "
                    "\"user_email\"}, at most 200");
        return NULL;
    }
    return first;
}

static void on_team_to_add(struct exchange *ex, struct owner_job *job, const struct json *team)
{
    const struct json *members = read_members(ex, job->body);

    if (members != NULL)
        change_members(ex, job, team, members, members);
}

void litellm_member_add(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, member_table);

    (void)tail;
    if (body != NULL)
        owner_find(ex, owner_job_of(ex, &litellm_team, body),
                   json_str(litellm_get(body, "team_id")), on_team_to_add);
}

static void on_team_to_leave(struct exchange *ex, struct owner_job *job, const struct json *team)
{
    const struct json *old = json_get(litellm_meta(team), "members_with_roles");

    if (!is_among(job->body, old != NULL ? old->child : NULL))
        exchange_error(ex, 400, "bad_field", "user_id", "this user is not a member of the team");
    else
        change_members(ex, job, team, alone(ex, job->body), NULL);
}

void litellm_member_delete(struct exchange *ex, struct str tail)
{
    const struct json *body = litellm_body(ex, member_table);

    (void)tail;
    if (body != NULL)
        owner_find(ex, owner_job_of(ex, &litellm_team, body),
                   json_str(litellm_get(body, "team_id")), on_team_to_leave);
}
