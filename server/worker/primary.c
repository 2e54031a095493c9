#include "server/worker/primary.h"

#include "server/worker/fail.h"
#include "server/worker/outcome.h"
#include "server/worker/relay.h"
#include "server/worker/settle.h"
#include "server/worker/translate.h"
#include "server/worker/worker.h"

static bool is_of_key(int status)
{
    return status == 401 || status == 402 || status == 403;
}

static bool is_callers_fault(int status)
{
    return status >= 400 && status < 500 && !outcome_may_improve(status);
}

static bool is_same_name(const struct request *r)
{
    return str_eq(r->primary->name, r->course.name);
}

/* Does what is kept (or nothing) give way to the attempt under way, of this status (0: no answer)? */
static bool gives_way(const struct request *r, int status)
{
    return r->primary == NULL || (r->primary->is_of_key && !is_of_key(status) && is_same_name(r));
}

static struct buf *buffer_of(struct request *r)
{
    return r->attempt.is_abroad ? &r->buffers->held : &r->buffers->out;
}

void primary_body(struct request *r, struct str bytes)
{
    struct buf *b = buffer_of(r);

    if (!gives_way(r, r->attempt.status) || b->len > PRIMARY_BODY_MAX)
        return;
    if (bytes.len > PRIMARY_BODY_MAX + 1 - b->len) /* one more, which tells that it is too long */
        bytes.len = PRIMARY_BODY_MAX + 1 - b->len;
    buf_str(b, bytes);
    relay_cover_key(r, b, bytes.len);
}

/* What is told of an answer that came in part: its status, in our words. */
static void keep_status(struct request *r, struct primary *p)
{
    int status = r->attempt.status;

    p->fail = &FAIL_UPSTREAM_ERROR;
    p->has_error = true;
    p->error = (struct chat_error){
        .kind = chat_error_kind_of(status),
        .status = status,
        .message = arena_printf(r->arena, "the provider answered with status %d", status),
    };
}

static void keep_answer(struct request *r, struct primary *p)
{
    bool is_whole = r->upstream_done && r->result == UPSTREAM_OK && r->buffers != NULL &&
                    buffer_of(r)->len <= PRIMARY_BODY_MAX;

    if (!is_whole) {
        keep_status(r, p);
        return;
    }
    if (r->attempt.is_abroad)
        (void)translate_end(r); /* an error's: it cannot fail */
    p->status = relay_status(r);
    p->headers = r->headers;
    p->n_headers = r->n_headers;
    p->body = arena_str(r->arena, buf_view(&r->buffers->out));
}

void primary_keep(struct request *r, const struct fail *why)
{
    const struct attempt *a = &r->attempt;
    const struct chat_error *error = content_error(r);
    struct primary *p;

    if (!gives_way(r, a->status))
        return;
    p = arena_zalloc(r->arena, sizeof(*p));
    p->name = r->content.is_diverted ? r->content.name : r->course.name;
    p->provider = a->provider;
    p->model = a->model;
    p->is_of_key = is_of_key(a->status);
    if (a->status >= 400) {
        keep_answer(r, p);
    } else {
        p->fail = why;
        p->detail = arena_printf(r->arena, "provider \"%.*s\"", STR_ARGS(a->provider));
        p->has_error = error != NULL;
        if (error != NULL)
            p->error = *error;
    }
    r->primary = p;
}

bool primary_outranks(const struct request *r, int status)
{
    if (status < 400 || r->answer_begun || gives_way(r, status))
        return false;
    return !is_callers_fault(status) || !is_same_name(r);
}

void primary_yield(struct request *r)
{
    if (r->primary != NULL && !r->primary->is_deciding && gives_way(r, r->attempt.status))
        r->primary = NULL;
}

/* As its provider said it. */
static void tell_answer(struct request *r, const struct primary *p)
{
    relay_take(r);
    buf_clear(&r->buffers->out);
    buf_str(&r->buffers->out, p->body);
    r->fail = NULL;
    r->fail_error = NULL;
    r->status = p->status;
    r->bytes_out += p->body.len;
    r->first_byte_us = loop_now_us(r->worker->loop) - r->begun_us;
    settle(r); /* of the last attempt: only then is the answer another one's */
    r->headers = p->headers;
    r->n_headers = p->n_headers;
    r->content_length = -1;
    r->is_stream = false;
    r->withhold_usage = false;
    r->attempt.provider = p->provider;
    r->attempt.model = p->model;
    r->attempt.status = p->status;
    r->attempt.is_abroad = false;
    relay_end(r);
}

bool primary_tell(struct request *r)
{
    struct primary *p = r->primary;

    if (p == NULL || r->ex == NULL || r->answer_begun)
        return false;
    p->is_told = true;
    if (p->status != 0) {
        tell_answer(r, p);
        return true;
    }
    r->fail = p->fail;
    r->fail_detail = p->detail;
    r->fail_param = STR_NONE;
    r->fail_error = p->has_error ? &p->error : NULL;
    fail_answer(r, r->fail, r->fail_detail, r->fail_param);
    return true;
}
