#include "server/worker/translate.h"

#include "providers/chat_text.h"
#include "server/worker/catalogue.h"
#include "server/worker/controls.h"
#include "server/worker/fail.h"
#include "server/worker/relay.h"
#include "server/worker/translate_task.h"
#include "server/worker/translation.h"
#include "server/worker/worker.h"

/* Whose body does InvokeModel carry? Claude's says its version; Titan's has its own words. */
static const struct dialect *invoke_dialect(struct str body)
{
    static const char claude[] = "\"anthropic_version\"";
    static const char titan[] = "\"inputText\"";

    if (body.len > 0 && memmem(body.p, body.len, claude, sizeof(claude) - 1) != NULL)
        return &dialect_invoke_anthropic;
    if (body.len > 0 && memmem(body.p, body.len, titan, sizeof(titan) - 1) != NULL)
        return &dialect_invoke_titan;
    return NULL;
}

void translate_meet(struct request *r)
{
    if (r->path.op == OP_COMPLETIONS)
        r->client = &dialect_completions;
    else if (r->path.op == OP_INVOKE)
        r->client = invoke_dialect(r->ex->body);
    else
        r->client = dialect_get(r->path.dialect);
}

const struct dialect *translate_client(const struct request *r)
{
    return r->client != NULL ? r->client : dialect_get(r->path.dialect);
}

struct str translate_id_header(enum dialect_id dialect)
{
    static const struct str names[DIALECTS] = {
        [DIALECT_NONE] = {"x-request-id", 12}, /* who asks for an unknown path is answered as ... */
        [DIALECT_OPENAI] = {"x-request-id", 12}, /* ... a client of OpenAI */
        [DIALECT_RESPONSES] = {"x-request-id", 12},   [DIALECT_ANTHROPIC] = {"request-id", 10},
        [DIALECT_BEDROCK] = {"x-amzn-requestid", 16},
    };

    return names[dialect];
}

bool translate_is_needed(const struct request *r, const struct vendor *vendor,
                         const struct vendor_face *face)
{
    if (r->path.op == OP_COMPLETIONS && (vendor->quirks & QUIRK_NO_COMPLETIONS) != 0)
        return true;
    return face->dialect != r->path.dialect &&
           (r->path.op == OP_CHAT || r->path.op == OP_COMPLETIONS || r->path.op == OP_INVOKE ||
            task_of(r) != OP_NONE);
}

bool translate_can(const struct request *r, const struct vendor *vendor,
                   const struct vendor_face *face)
{
    if (!translate_is_needed(r, vendor, face) || dialect_get(face->dialect) == NULL)
        return false;
    return task_of(r) != OP_NONE ? task_can(r, face->dialect) : r->client != NULL;
}

static enum step_result wrong(struct request *r, const struct fail *f, const struct chat_error *err)
{
    struct chat_error *kept = arena_alloc(r->arena, sizeof(*kept));

    *kept = *err;
    kept->message = arena_str(r->arena, err->message);
    kept->type = arena_str(r->arena, err->type);
    kept->code = arena_str(r->arena, err->code);
    kept->param = arena_str(r->arena, err->param);
    worker_scratch_reset(r->worker); /* a request's tree is large, and the next one may be far */
    if (kept->kind == 0)
        kept->kind = ERROR_INVALID;
    if (kept->status == 0)
        kept->status = chat_error_status(kept->kind);
    r->fail_error = kept;
    return request_fail(r, f, STR_NONE, STR_NONE);
}

static struct translation *create(struct request *r)
{
    struct translation *t = arena_zalloc(r->arena, sizeof(*t));

    t->client = translate_client(r);
    t->task = task_of(r);
    t->codec = (struct chat_codec){r->arena, r->worker->scratch, r->worker->json};
    r->translation = t;
    return t;
}

static int decode(struct request *r, struct translation *t, struct chat_error *err)
{
    struct chat_url url = {r->path.model, r->path.stream};
    size_t before = arena_bytes(r->arena);

    if (t->task != OP_NONE
            ? task_decode(r, t, err) != 0
            : t->client->decode_request(&t->codec, &url, r->ex->body, &t->chat, err) != 0)
        return -1;
    /* a body of many small parts takes several times its size */
    if (!http_hold(r->ex, arena_bytes(r->arena) - before)) {
        *err = (struct chat_error){.kind = ERROR_OVERLOADED,
                                   .status = FAIL_OVERLOADED.status,
                                   .message = str_of(FAIL_OVERLOADED.text)};
        return -1;
    }
    t->reply = (struct chat_reply){
        .chat = &t->chat,
        .id = str_of(r->id_text),
        .model = r->asked,
        .created_s = r->begun_ms / 1000,
        .stream = t->task == OP_NONE && t->chat.stream,
        .sse = r->path.sse,
    };
    t->is_decoded = true;
    return 0;
}

/*
 * A key's owner decides for its users: no header makes a strict key lax. Whoever sends the header means
 * something by it, so only what plainly says no does not ask for it: "1" unheeded would lose in silence.
 */
bool translate_is_strict(const struct request *r)
{
    static const struct str noes[] = {{"", 0}, {"false", 5}, {"0", 1}, {"no", 2}, {"off", 3}};
    struct str value = str_trim(http_find(r->ex, STR("x-bf-strict")));

    for (size_t i = 0; i < ARRAY_LEN(noes); i++) {
        if (str_eq_nocase(value, noes[i]))
            return (r->key.flags & KEY_STRICT) != 0;
    }
    return true;
}

static enum step_result refuse_losses(struct request *r, const struct translation *t)
{
    const struct chat_loss *l = &t->loss;
    struct str first = l->n_dropped > 0 ? l->dropped[0] : l->changed[0];

    return request_fail(r, &FAIL_NOT_FAITHFUL, loss_header(l, r->arena), first);
}

enum step_result translate_request(struct request *r, struct buf *out)
{
    struct translation *t = r->translation != NULL ? r->translation : create(r);
    const struct attempt *a = &r->attempt;
    struct chat_target target = {
        .model = a->model,
        .quirks = a->vendor->quirks,
        .wants_usage = true,
    };
    struct chat_error err = {.kind = ERROR_INVALID};

    t->upstream = dialect_get(a->face->dialect);
    t->loss = (struct chat_loss){.n_dropped = 0};
    controls_tell(r, &t->loss);
    t->is_begun = false;
    worker_scratch_reset(r->worker);
    if (!t->is_decoded && decode(r, t, &err) != 0)
        return wrong(r, err.kind == ERROR_OVERLOADED ? &FAIL_OVERLOADED : &FAIL_UNTRANSLATABLE,
                     &err);
    catalogue_target(r, &target);
    if (catalogue_check_images(r, &t->chat, &target) != STEP_NEXT)
        return STEP_FAIL;
    buf_clear(out);
    if (task_is_estimate(r, t))
        return task_estimate(r, t);
    if (t->task != OP_NONE
            ? task_encode(r, t, &target, out, &err) != 0
            : t->upstream->encode_request(&t->codec, &t->chat, &target, &t->loss, out, &err) != 0)
        return wrong(r, &FAIL_UNTRANSLATABLE, &err);
    worker_scratch_reset(r->worker);
    if (translate_is_strict(r) && !loss_is_full(&t->loss))
        return refuse_losses(r, t);
    return STEP_NEXT;
}

void translate_fork(struct request *r)
{
    struct translation *copy;

    if (r->translation == NULL)
        return;
    copy = arena_alloc(r->arena, sizeof(*copy));
    *copy = *r->translation;
    r->translation = copy;
}

struct str translate_fidelity(struct request *r)
{
    if (r->attempt.is_abroad)
        return loss_header(&r->translation->loss, r->arena);
    return r->controls != NULL ? loss_header(&r->controls->ignored, r->arena) : STR("full");
}

struct str translate_path(const struct request *r)
{
    const struct translation *t = r->translation;

    return path_for(r->arena, r->attempt.face->dialect, t->task != OP_NONE ? t->task : OP_CHAT,
                    r->attempt.model, t->reply.stream);
}

bool translate_streams(const struct request *r)
{
    return r->translation->reply.stream;
}
