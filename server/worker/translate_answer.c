/*
 * translate_answer - the way back: translate.h's other half.
 */
#include "providers/chat_text.h"
#include "providers/eventstream.h"
#include "server/worker/fail.h"
#include "server/worker/relay.h"
#include "server/worker/translate.h"
#include "server/worker/translate_task.h"
#include "server/worker/translation.h"
#include "server/worker/worker.h"

#define ANSWER_MAX (32u << 20) /* of a whole one, at least: it may hold images */

#define STATES_MAX (160u << 20) /* of an answer under way: several times the longest whole one */

/* --- events --- */

/* Statuses that every SDK knows; others stay only where they come from. */
static int status_for(const struct dialect *client, const struct chat_error *e)
{
    static const int common[] = {400, 401, 402, 403, 404, 405, 408, 409,
                                 413, 422, 424, 429, 500, 502, 503, 504};

    if (client->id == DIALECT_ANTHROPIC && e->kind == ERROR_OVERLOADED)
        return 529; /* its SDKs have an exception of its own for it */
    for (size_t i = 0; i < ARRAY_LEN(common); i++) {
        if (e->status == common[i])
            return e->status;
    }
    return chat_error_status(e->kind);
}

static void keep_error(struct request *r, const struct chat_error *e)
{
    struct translation *t = r->translation;
    struct arena *a = r->arena;

    t->has_error = true;
    t->error = (struct chat_error){
        .kind = e->kind != 0 ? e->kind : ERROR_UPSTREAM,
        .status = e->status,
        .message = arena_str(a, e->message),
        .type = arena_str(a, e->type),
        .code = arena_str(a, e->code),
        .param = arena_str(a, e->param),
    };
    t->error.status = status_for(t->client, &t->error);
    if (t->error.status == 500)
        t->error.status = 502; /* not we have failed */
    r->stream_error = true;
    r->fail_error = &t->error;
}

/* Every event of the answer, whichever way it came. */
static void on_event(void *ctx, const struct chat_event *e)
{
    struct request *r = ctx;
    struct translation *t = r->translation;

    if (t->has_error || t->has_end)
        return;
    switch (e->kind) {
    case EVENT_ERROR:
        keep_error(r, e->error);
        return; /* fail.c has the last word */
    case EVENT_USAGE:
        r->usage = *e->usage;
        break;
    case EVENT_DELTA:
        r->content_bytes += e->text.len;
        r->content_events++;
        break;
    case EVENT_END:
        t->has_end = true;
        r->stream_finished = true;
        break;
    default:
        break;
    }
    content_event(r, e);
    if (t->fold != NULL)
        fold_event(t->fold, e);
    else
        t->client->encode_event(t->encoder, e, &r->buffers->out);
}

static struct chat_sink sink_of(struct request *r)
{
    return (struct chat_sink){on_event, r};
}

/* --- the head --- */

static uint64_t answer_max(const struct request *r)
{
    return max_u64(r->worker->view.image->body_max_bytes, ANSWER_MAX);
}

static enum answer_form form_of(const struct request *r)
{
    if (r->attempt.status < 200 || r->attempt.status >= 300)
        return ANSWER_ERROR;
    if (!r->is_stream || r->translation->task != OP_NONE)
        return ANSWER_WHOLE;
    return r->is_eventstream ? ANSWER_EVENTSTREAM : ANSWER_SSE;
}

/* What of the provider's head means the same to any client. */
static bool is_neutral(struct str name)
{
    return str_eq(name, STR("retry-after")) || str_eq(name, STR("retry-after-ms")) ||
           str_starts(name, STR("x-ratelimit-"));
}

static void replace_headers(struct request *r, const char *type)
{
    struct http_header *kept = arena_alloc(r->arena, (r->n_headers + 2) * sizeof(*kept));
    struct str id_name = translate_id_header(r->path.dialect);
    size_t n = 0;

    kept[n++] = (struct http_header){STR("content-type"), str_of(type)};
    if (id_name.len > 0)
        kept[n++] = (struct http_header){id_name, str_of(r->id_text)};
    for (size_t i = 0; i < r->n_headers; i++) {
        if (is_neutral(r->headers[i].name))
            kept[n++] = r->headers[i];
    }
    r->headers = kept;
    r->n_headers = n;
}

void translate_head(struct request *r)
{
    struct translation *t = r->translation;
    bool is_sse = t->client->id != DIALECT_GEMINI || t->reply.sse;

    t->form = form_of(r);
    sse_reset(&r->buffers->sse);
    eventstream_reset(&r->buffers->eventstream);
    buf_clear(&r->buffers->held);
    t->is_begun = true;
    t->arena_before = arena_bytes(r->arena);
    t->has_error = false;
    t->has_end = false;
    t->status = 0;
    t->fold = NULL;
    t->encoder = NULL;
    t->decoder = t->form != ANSWER_ERROR ? t->upstream->decoder(&t->codec) : NULL;
    r->is_stream = t->form != ANSWER_ERROR && t->reply.stream;
    r->is_eventstream = false;
    r->is_json = !r->is_stream;
    r->content_length = -1;
    if (t->form == ANSWER_ERROR) {
        replace_headers(r, "application/json");
        return;
    }
    replace_headers(r, r->is_stream && is_sse ? t->client->stream_type : "application/json");
    if (r->is_stream)
        t->encoder = t->client->encoder(&t->codec, &t->reply);
    else if (t->task == OP_NONE)
        t->fold = fold_create(&t->codec, answer_max(r));
}

bool translate_is_streamed(const struct request *r)
{
    const struct translation *t = r->translation;

    return r->is_stream && (t->form == ANSWER_SSE || t->form == ANSWER_EVENTSTREAM);
}

/* --- frames --- */

/*
 * JSON in one line. Strings have no line ends of their own, so these are blanks; but raw values are
 * copied into the client's events, where a line end is one.
 */
static struct str one_line(const struct request *r, struct str json)
{
    char *p;

    if (json.len == 0 || (str_index(json, '\n') < 0 && str_index(json, '\r') < 0))
        return json;
    p = arena_alloc(r->worker->scratch, json.len);
    for (size_t i = 0; i < json.len; i++)
        p[i] = (char)(json.p[i] == '\n' || json.p[i] == '\r' ? ' ' : json.p[i]);
    return (struct str){p, json.len};
}

static void take_frame(struct request *r, const struct chat_frame *frame)
{
    struct translation *t = r->translation;
    struct chat_sink sink = sink_of(r);
    bool was_known = r->usage.known;

    if (t->has_error || t->has_end || r->broken != NULL)
        return;
    if (t->upstream->decode_frame(t->decoder, frame, &sink) != 0 && !t->has_error)
        r->broken = &FAIL_UPSTREAM_NONSENSE;
    if (r->usage.known && !was_known)
        money_look_service(r, frame->data);
    /* every block leaves a little behind, and a provider may send blocks for ever */
    if (arena_bytes(r->arena) - t->arena_before > STATES_MAX)
        r->broken = &FAIL_UPSTREAM_NONSENSE;
    worker_scratch_reset(r->worker);
}

static void on_sse(void *ctx, const struct sse_event *event)
{
    struct chat_frame frame = {event->name, one_line(ctx, event->data), false};

    if (event->data.len > 0)
        take_frame(ctx, &frame);
}

static void on_message(void *ctx, const struct eventstream_message *m)
{
    struct chat_frame frame = {m->type, one_line(ctx, m->payload), m->is_exception};

    take_frame(ctx, &frame);
}

int translate_body(struct request *r, struct str bytes)
{
    struct translation *t = r->translation;
    struct relay_buffers *b = r->buffers;
    int rc = 0;

    switch (t->form) {
    case ANSWER_SSE:
        rc = sse_feed(&b->sse, bytes, on_sse, r);
        break;
    case ANSWER_EVENTSTREAM:
        rc = eventstream_feed(&b->eventstream, bytes, on_message, r);
        break;
    default:
        if (bytes.len > answer_max(r) || b->held.len > answer_max(r) - bytes.len)
            return -1;
        buf_str(&b->held, bytes);
    }
    return rc != 0 || r->broken != NULL || t->has_error ? -1 : 0;
}

/* --- the end --- */

static bool end_frames(struct request *r)
{
    struct translation *t = r->translation;
    struct chat_sink sink = sink_of(r);
    const struct str last = STR("\n\n");

    /* A last event whose blank line is missing counts, as other clients count it. */
    if (t->form == ANSWER_SSE && sse_rest(&r->buffers->sse).len > 0 &&
        sse_feed(&r->buffers->sse, last, on_sse, r) != 0)
        return false;
    if (t->form == ANSWER_EVENTSTREAM && eventstream_rest(&r->buffers->eventstream).len > 0)
        return false;
    if (!t->has_error && !t->has_end && r->broken == NULL)
        t->upstream->decode_end(t->decoder, &sink);
    worker_scratch_reset(r->worker);
    return t->has_end;
}

static const struct fail *fail_of(const struct request *r, const struct fail *otherwise)
{
    if (r->broken != NULL)
        return r->broken;
    return r->translation->has_error ? &FAIL_UPSTREAM_ERROR : otherwise;
}

static const struct fail *encode_whole(struct request *r)
{
    struct translation *t = r->translation;
    const struct chat_answer *answer = fold_answer(t->fold);

    if (answer->has_error) {
        keep_error(r, &answer->error);
        return &FAIL_UPSTREAM_ERROR;
    }
    buf_clear(&r->buffers->out);
    t->client->encode_answer(t->encoder != NULL ? t->encoder
                                                : t->client->encoder(&t->codec, &t->reply),
                             answer, &t->loss, &r->buffers->out);
    worker_scratch_reset(r->worker);
    return NULL;
}

static void encode_error(struct request *r)
{
    struct translation *t = r->translation;
    struct chat_error err = {.kind = chat_error_kind_of(r->attempt.status)};

    t->upstream->decode_error(&t->codec, r->attempt.status, buf_view(&r->buffers->held), &err);
    if (err.status < 400)
        err.status = r->attempt.status;
    t->status = err.status = status_for(t->client, &err); /* Gemini's objects repeat it */
    if (t->client->error_header != NULL) {
        struct http_header *all = arena_alloc(r->arena, (r->n_headers + 1) * sizeof(*all));

        memcpy(all, r->headers, r->n_headers * sizeof(*all));
        all[r->n_headers++] = (struct http_header){str_of(t->client->error_header),
                                                   str_of(t->client->error_type(&err))};
        r->headers = all;
    }
    buf_clear(&r->buffers->out);
    t->client->encode_error(&err, str_of(r->id_text), &r->buffers->out);
    worker_scratch_reset(r->worker);
}

const struct fail *translate_end(struct request *r)
{
    struct translation *t = r->translation;
    struct chat_sink sink = sink_of(r);

    switch (t->form) {
    case ANSWER_ERROR:
        if (t->status == 0) /* else it was */
            encode_error(r);
        return NULL;
    case ANSWER_WHOLE:
        money_look_service(r, buf_view(&r->buffers->held));
        if (t->task != OP_NONE)
            return task_answer(r, t);
        if (t->upstream->decode_answer(t->decoder, one_line(r, buf_view(&r->buffers->held)),
                                       &sink) != 0)
            return fail_of(r, &FAIL_UPSTREAM_NONSENSE);
        worker_scratch_reset(r->worker);
        if (!t->has_end)
            return fail_of(r, &FAIL_UPSTREAM_NONSENSE);
        break;
    default:
        if (!end_frames(r))
            return fail_of(r, &FAIL_UPSTREAM_CUT);
    }
    return t->fold != NULL ? encode_whole(r) : NULL;
}

bool translate_break(struct request *r, const struct chat_error *err, struct buf *out)
{
    const struct translation *t = r->translation;

    if (!r->attempt.is_abroad || !t->is_begun || t->encoder == NULL)
        return false;
    t->client->encode_event(t->encoder, &(struct chat_event){.kind = EVENT_ERROR, .error = err},
                            out);
    worker_scratch_reset(r->worker);
    return true;
}

int translate_status(const struct request *r)
{
    const struct translation *t = r->translation;

    return t->status != 0 ? t->status : r->attempt.status;
}
