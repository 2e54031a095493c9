/*
 * litellm_owners - making, changing, finding and deleting teams and customers of all sorts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/litellm_owners.h"

#include "server/admin/litellm_generate.h"
#include "server/base/clock.h"

#define DELETE_MAX 1000

struct str owner_name(struct exchange *ex, const struct owner_view *v, struct str id)
{
    return arena_printf(ex->arena, "%s%.*s", v->prefix, STR_ARGS(id));
}

struct owner_job *owner_job_of(struct exchange *ex, const struct owner_view *v,
                               const struct json *body)
{
    struct owner_job *job = arena_zalloc(ex->arena, sizeof(*job));

    job->view = v;
    job->body = body;
    ex->state = job;
    return job;
}

/* --- making --- */

/* A team's organization; null takes it out of the one it is in. */
static void write_parent(struct writer *w, const struct owner_job *job)
{
    const struct json *organization = json_get(job->body, "organization_id");

    if (job->view->kind == ENTITY_TEAM && organization != NULL)
        writer_raw(w, "customer", organization->raw);
}

static bool write_body(struct exchange *ex, struct writer *w, const struct owner_job *job)
{
    const struct json *tags = litellm_get(job->body, "tags");
    bool blocked;

    writer_object(w, "body");
    if (job->entity == NULL)
        writer_str(w, "name", owner_name(ex, job->view, job->id));
    write_parent(w, job);
    if (json_bool(litellm_get(job->body, "blocked"), &blocked))
        writer_bool(w, "blocked", blocked);
    if (tags != NULL)
        litellm_write_tags(ex, w, tags, STR_NONE);
    if (!litellm_write_rules(ex, w, job->body, job->entity))
        return false;
    litellm_write_metadata(ex, w, job->body, job->entity, job->view->kept);
    writer_object_end(w);
    return true;
}

static void on_done(struct exchange *ex, const struct json *reply)
{
    struct owner_job *job = ex->state;

    job->fn(ex, job, json_get(reply, "entity"));
}

static void send_body(struct exchange *ex, struct owner_job *job)
{
    struct buf text = BUF_INIT;
    struct writer w = WRITER_INIT(&text);

    entity_call_begin(ex, &w, job->entity == NULL ? "entity_create" : "entity_update",
                      job->view->kind, job->entity == NULL ? STR_NONE : litellm_id_of(job->entity));
    if (!write_body(ex, &w, job)) {
        buf_fini(&text);
        return;
    }
    writer_object_end(&w);
    call_master(ex, &text, CALL_TIMEOUT_MS, on_done);
}

static struct str new_id(struct exchange *ex)
{
    uint8_t uuid[16];
    char text[UUID_TEXT_LEN + 1];

    crypto_uuid(clock_real_ms(), uuid);
    crypto_uuid_format(uuid, text);
    return arena_str(ex->arena, str_of(text));
}

void owner_new(struct exchange *ex, const struct owner_view *v, owner_fn *fn)
{
    const struct json *body = litellm_body(ex, v->fields);

    if (body == NULL)
        return;
    struct owner_job *job = owner_job_of(ex, v, body);
    job->fn = fn;
    if (!litellm_text(ex, body, v->id_field, LITELLM_ID_MAX, &job->id))
        return;
    if (job->id.len == 0)
        job->id = new_id(ex);
    send_body(ex, job);
}

/* --- finding and changing --- */

static void on_found(struct exchange *ex, const struct json *reply)
{
    struct owner_job *job = ex->state;
    const struct json *entity = litellm_keep_entity(ex, reply);

    if (litellm_refused(ex, reply))
        return;
    if (entity == NULL)
        exchange_error(ex, 404, "not_found", job->view->id_field, "%s not found, passed id=%.*s",
                       job->view->noun, STR_ARGS(job->id));
    else
        job->fn(ex, job, entity);
}

void owner_find(struct exchange *ex, struct owner_job *job, struct str id, owner_fn *fn)
{
    job->id = id;
    job->fn = fn;
    if (id.len == 0)
        litellm_missing(ex, job->view->id_field);
    else
        litellm_ask_name(ex, job->view->kind, owner_name(ex, job->view, id), on_found);
}

static void on_to_change(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    job->entity = entity;
    job->fn = job->ctx;
    send_body(ex, job);
}

void owner_change(struct exchange *ex, const struct owner_view *v, const struct json *body,
                  owner_fn *fn)
{
    struct owner_job *job = owner_job_of(ex, v, body);

    job->ctx = fn;
    owner_find(ex, job, json_str(litellm_get(body, v->id_field)), on_to_change);
}

/* --- deleting --- */

struct deletion {
    struct owner_job job; /* first */
    owner_fn *fn;
    const struct json *ids, *at;
    struct str *found;
    size_t n, done;
};

static void on_deleted(struct exchange *ex, const struct json *reply)
{
    struct deletion *d = ex->state;

    (void)reply;
    if (++d->done < d->n)
        litellm_ask_delete(ex, d->job.view->kind, d->found[d->done], on_deleted);
    else
        d->fn(ex, &d->job, d->ids);
}

static void on_to_delete(struct exchange *ex, struct owner_job *job, const struct json *entity)
{
    struct deletion *d = (struct deletion *)job;

    d->found[d->n++] = litellm_id_of(entity);
    d->at = d->at->next;
    if (d->at != NULL)
        owner_find(ex, job, d->at->text, on_to_delete);
    else
        litellm_ask_delete(ex, job->view->kind, d->found[0], on_deleted);
}

void owner_delete(struct exchange *ex, const struct owner_view *v, owner_fn *fn)
{
    const struct litellm_field rows[] = {{v->ids_field, LITELLM_TEXTS}};
    const struct json *body = litellm_body(ex, (struct litellm_fields){rows, 1});
    struct deletion *d = arena_zalloc(ex->arena, sizeof(*d));

    if (body == NULL)
        return;
    d->ids = litellm_get(body, v->ids_field);
    if (d->ids == NULL || d->ids->n == 0 || d->ids->n > DELETE_MAX) {
        litellm_bad(ex, v->ids_field, "a list of 1 to 1000 ids");
        return;
    }
    d->job.view = v;
    d->job.body = body;
    d->fn = fn;
    d->at = d->ids->child;
    d->found = arena_alloc(ex->arena, d->ids->n * sizeof(*d->found));
    ex->state = &d->job;
    owner_find(ex, &d->job, d->at->text, on_to_delete);
}
