/*
 * explain_manners - what a model of `models:` says of its requests beside its targets, as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/admin/explain.h"
#include "server/worker/worker.h"

/* As the configuration writes it: "key", "header:x-user-id", "body:user". */
static void write_caller(struct writer *w, struct request *r, const char *name,
                         const struct pub_caller *c, bool is_told)
{
    struct str what = pub_text(&r->worker->view, c->name);

    writer_object(w, name);
    if (c->kind == PUB_CALLER_KEY)
        writer_cstr(w, "by", "key");
    else
        writer_str(w, "by",
                   arena_printf(r->arena, "%s:%.*s",
                                c->kind == PUB_CALLER_HEADER ? "header" : "body", STR_ARGS(what)));
    writer_bool(w, "is_told", is_told);
    writer_object_end(w);
}

static void write_hedge(struct writer *w, struct request *r, const struct pub_model *m)
{
    if (m->hedge_share == 0)
        return;
    writer_object(w, "hedge");
    writer_str(w, "after",
               m->hedge_percentile > 0 ? arena_printf(r->arena, "p%u", m->hedge_percentile)
                                       : arena_printf(r->arena, "%ums", m->hedge_ms));
    writer_milli(w, "at_most_percent", m->hedge_share);
    writer_object_end(w);
}

static void write_shadow(struct writer *w, const struct pub_view *v, const struct pub_model *m)
{
    if (m->shadow_share == 0)
        return;
    writer_object(w, "shadow");
    writer_str(w, "provider", pub_text(v, m->shadow_provider));
    writer_str(w, "model", pub_text(v, m->shadow_model));
    writer_milli(w, "share_percent", m->shadow_share);
    writer_u64(w, "timeout_ms", m->shadow_ms);
    writer_object_end(w);
}

static void write_throughput(struct writer *w, const struct pub_model *m)
{
    if (m->at_least == 0)
        return;
    writer_object(w, "throughput");
    writer_milli(w, "at_least", m->at_least);
    writer_u64(w, "over_ms", m->over_ms);
    writer_object_end(w);
}

static void write_queue(struct writer *w, uint32_t at_most, uint32_t wait_ms)
{
    writer_object(w, "queue");
    writer_u64(w, "at_most", at_most);
    writer_u64(w, "wait_ms", wait_ms);
    writer_object_end(w);
}

void explain_queue(struct writer *w, const struct pub_image *image)
{
    if (image->queue_at_most > 0)
        write_queue(w, image->queue_at_most, image->queue_wait_ms);
}

static void write_timeout(struct writer *w, const struct pub_model *m)
{
    if (m->first_byte_ms == 0 && m->between_bytes_ms == 0)
        return;
    writer_object(w, "timeout_ms"); /* 0: the provider's */
    writer_u64(w, "first_byte", m->first_byte_ms);
    writer_u64(w, "between_bytes", m->between_bytes_ms);
    writer_object_end(w);
}

void explain_manners(struct writer *w, struct request *r, const struct explain_name *n)
{
    const struct pub_view *v = &r->worker->view;
    const struct pub_model *m;

    if (n->resolved.generation == 0 || n->resolved.model == UINT32_MAX)
        return;
    m = pub_model(v, n->resolved.model);
    if (m->queue != 0)
        write_queue(w, m->queue_at_most, m->queue_wait_ms);
    write_hedge(w, r, m);
    if (m->affinity.kind != PUB_CALLER_NONE)
        write_caller(w, r, "affinity", &m->affinity, n->has_session);
    write_timeout(w, m);
    write_throughput(w, m);
    write_shadow(w, v, m);
    writer_list(w, "context_fallbacks", pub_text(v, m->context_fallbacks));
    writer_list(w, "content_filter_fallbacks", pub_text(v, m->filter_fallbacks));
    if ((m->flags & PUB_MODEL_SHARED) == 0)
        return;
    write_caller(w, r, "sticky", &m->sticky, n->is_dealt);
    writer_cstr(w, "dealt_out", n->is_dealt ? "by the caller" : "by chance");
}
