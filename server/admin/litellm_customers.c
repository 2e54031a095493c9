/*
 * litellm_customers - /customer/..., /organization/... and /budget/...: customers, seen in three ways.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/admin.h"
#include "server/admin/litellm_owners.h"
#include "server/admin/params.h"

static const struct litellm_field customer_fields[] = {
    {"user_id", LITELLM_TEXT},
    {"alias", LITELLM_KEPT},
    {"blocked", LITELLM_BOOL},
    {"max_budget", LITELLM_MONEY},
    {"budget_duration", LITELLM_TEXT},
    {"max_parallel_requests", LITELLM_COUNT},
    {"tpm_limit", LITELLM_COUNT},
    {"rpm_limit", LITELLM_COUNT},
    {"metadata", LITELLM_OBJECT},
    {"budget_id", LITELLM_IGNORED},
    {"spend", LITELLM_IGNORED},
    {"soft_budget", LITELLM_IGNORED},
    {"budget_reset_at", LITELLM_IGNORED},
    {"allowed_model_region", LITELLM_IGNORED},
    {"default_model", LITELLM_IGNORED},
    {"object_permission", LITELLM_IGNORED},
    {"model_max_budget", LITELLM_IGNORED},
};
static const char *const customer_kept[] = {"alias", "budget_duration", NULL};
const struct owner_view litellm_customer = {ENTITY_CUSTOMER,
                                            "End User",
                                            "",
                                            "user_id",
                                            "user_ids",
                                            "end_user_id",
                                            {customer_fields, ARRAY_LEN(customer_fields)},
                                            customer_kept,
                                            litellm_write_customer};

static const struct litellm_field organization_fields[] = {
    {"organization_id", LITELLM_TEXT},
    {"organization_alias", LITELLM_KEPT},
    {"models", LITELLM_TEXTS},
    {"max_budget", LITELLM_MONEY},
    {"budget_duration", LITELLM_TEXT},
    {"max_parallel_requests", LITELLM_COUNT},
    {"tpm_limit", LITELLM_COUNT},
    {"rpm_limit", LITELLM_COUNT},
    {"metadata", LITELLM_OBJECT},
    {"tags", LITELLM_TEXTS},
    {"blocked", LITELLM_BOOL},
    {"budget_id", LITELLM_IGNORED},
    {"soft_budget", LITELLM_IGNORED},
    {"model_max_budget", LITELLM_IGNORED},
    {"model_rpm_limit", LITELLM_IGNORED},
    {"model_tpm_limit", LITELLM_IGNORED},
    {"object_permission", LITELLM_IGNORED},
};
static const char *const organization_kept[] = {"organization_alias", "budget_duration", "models",
                                                NULL};
const struct owner_view litellm_organization = {
    ENTITY_CUSTOMER,
    "Organization",
    "",
    "organization_id",
    "organization_ids",
    "organization_id",
    {organization_fields, ARRAY_LEN(organization_fields)},
    organization_kept,
    litellm_write_organization};

static const struct litellm_field budget_fields[] = {
    {"budget_id", LITELLM_TEXT},           {"max_budget", LITELLM_MONEY},
    {"budget_duration", LITELLM_TEXT},     {"max_parallel_requests", LITELLM_COUNT},
    {"tpm_limit", LITELLM_COUNT},          {"rpm_limit", LITELLM_COUNT},
    {"soft_budget", LITELLM_IGNORED},      {"budget_reset_at", LITELLM_IGNORED},
    {"model_max_budget", LITELLM_IGNORED},
};
static const char *const budget_kept[] = {"budget_duration", NULL};
const struct owner_view litellm_budget = {ENTITY_CUSTOMER,
                                          "Budget",
                                          "budget:",
                                          "budget_id",
                                          "ids",
                                          "budget_id",
                                          {budget_fields, ARRAY_LEN(budget_fields)},
                                          budget_kept,
                                          litellm_write_budget};

static void answer(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_object(&w, NULL);
    job->view->write(ex, &w, entity);
    litellm_write_ignored(&w, job->body, job->view->fields);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void end_list(struct exchange *ex, struct writer *w, uint64_t n)
{
    (void)w;
    (void)n;
    exchange_json(ex, 200);
}

static void make(struct exchange *ex, const struct owner_view *v)
{
    owner_new(ex, v, answer);
}

static void change(struct exchange *ex, const struct owner_view *v)
{
    const struct json *body = litellm_body(ex, v->fields);

    if (body != NULL)
        owner_change(ex, v, body, answer);
}

static void list(struct exchange *ex, const struct owner_view *v)
{
    struct writer w = WRITER_INIT(&ex->out);

    writer_array(&w, NULL);
    owner_list(ex, v, end_list);
}

static void info(struct exchange *ex, const struct owner_view *v)
{
    owner_find(ex, owner_job_of(ex, v, NULL), params_get(ex, v->param), answer);
}

/* --- customers --- */

void litellm_customer_new(struct exchange *ex, struct str tail)
{
    (void)tail;
    make(ex, &litellm_customer);
}

void litellm_customer_update(struct exchange *ex, struct str tail)
{
    (void)tail;
    change(ex, &litellm_customer);
}

void litellm_customer_info(struct exchange *ex, struct str tail)
{
    (void)tail;
    info(ex, &litellm_customer);
}

void litellm_customer_list(struct exchange *ex, struct str tail)
{
    (void)tail;
    list(ex, &litellm_customer);
}

static void answer_customers_deleted(struct exchange *ex, struct owner_job *job,
                                     const struct json *ids)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)job;
    writer_object(&w, NULL);
    writer_u64(&w, "deleted_customers", ids->n);
    writer_str(&w, "message", STR("Successfully deleted customers"));
    writer_object_end(&w);
    exchange_json(ex, 200);
}

void litellm_customer_delete(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_delete(ex, &litellm_customer, answer_customers_deleted);
}

/* --- organizations --- */

void litellm_organization_new(struct exchange *ex, struct str tail)
{
    (void)tail;
    make(ex, &litellm_organization);
}

void litellm_organization_update(struct exchange *ex, struct str tail)
{
    (void)tail;
    change(ex, &litellm_organization);
}

void litellm_organization_info(struct exchange *ex, struct str tail)
{
    (void)tail;
    info(ex, &litellm_organization);
}

void litellm_organization_list(struct exchange *ex, struct str tail)
{
    (void)tail;
    list(ex, &litellm_organization);
}

static void answer_organizations_deleted(struct exchange *ex, struct owner_job *job,
                                         const struct json *ids)
{
    struct writer w = WRITER_INIT(&ex->out);

    (void)job;
    writer_array(&w, NULL);
    for (const struct json *id = ids->child; id != NULL; id = id->next) {
        writer_object(&w, NULL);
        writer_str(&w, "organization_id", id->text);
        writer_object_end(&w);
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}

void litellm_organization_delete(struct exchange *ex, struct str tail)
{
    (void)tail;
    owner_delete(ex, &litellm_organization, answer_organizations_deleted);
}

/* --- budgets --- */

void litellm_budget_new(struct exchange *ex, struct str tail)
{
    (void)tail;
    make(ex, &litellm_budget);
}

/* Keys that have its rules already keep theirs. */
void litellm_budget_update(struct exchange *ex, struct str tail)
{
    (void)tail;
    change(ex, &litellm_budget);
}

void litellm_budget_list(struct exchange *ex, struct str tail)
{
    (void)tail;
    list(ex, &litellm_budget);
}

static const struct litellm_field budgets_fields[] = {{"budgets", LITELLM_TEXTS}};

static void on_budget(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    const struct json *at = job->ctx;
    struct writer w = {&ex->out, at != litellm_get(job->body, "budgets")->child};

    writer_object(&w, NULL);
    litellm_write_budget(ex, &w, entity);
    writer_object_end(&w);
    job->ctx = at->next;
    if (at->next != NULL) {
        owner_find(ex, job, at->next->text, on_budget);
        return;
    }
    writer_array_end(&w);
    exchange_json(ex, 200);
}

void litellm_budget_info(struct exchange *ex, struct str tail)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){budgets_fields, ARRAY_LEN(budgets_fields)});
    const struct json *ids = litellm_get(body, "budgets");
    struct writer w = WRITER_INIT(&ex->out);

    (void)tail;
    if (body == NULL)
        return;
    if (ids == NULL || ids->n == 0 || ids->n > 100) {
        litellm_bad(ex, "budgets", "a list of 1 to 100 ids");
        return;
    }
    struct owner_job *job = owner_job_of(ex, &litellm_budget, body);
    job->ctx = ids->child;
    writer_array(&w, NULL);
    owner_find(ex, job, ids->child->text, on_budget);
}

static const struct litellm_field budget_id_fields[] = {{"id", LITELLM_TEXT}};

static void on_budget_deleted(struct exchange *ex, const struct json *reply)
{
    const struct owner_job *job = ex->state;
    struct writer w = WRITER_INIT(&ex->out);

    (void)reply;
    writer_object(&w, NULL);
    writer_str(&w, "budget_id", job->id);
    writer_object_end(&w);
    exchange_json(ex, 200);
}

static void on_budget_to_delete(struct exchange *ex, struct owner_job *job,
                                const struct json *entity)
{
    (void)job;
    litellm_ask_delete(ex, ENTITY_CUSTOMER, litellm_id_of(entity), on_budget_deleted);
}

void litellm_budget_delete(struct exchange *ex, struct str tail)
{
    const struct json *body =
        litellm_body(ex, (struct litellm_fields){budget_id_fields, ARRAY_LEN(budget_id_fields)});

    (void)tail;
    if (body != NULL)
        owner_find(ex, owner_job_of(ex, &litellm_budget, body), json_str(litellm_get(body, "id")),
                   on_budget_to_delete);
}
