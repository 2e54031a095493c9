#include "server/worker/translate_task.h"

#include "providers/count.h"
#include "server/worker/answer.h"
#include "server/worker/fail.h"
#include "server/worker/relay.h"
#include "server/worker/settle.h"
#include "server/worker/translation.h"
#include "server/worker/worker.h"

enum path_op task_of(const struct request *r)
{
    static const char word[] = "embed"; /* InvokeModel's URL does not say more */

    switch (r->path.op) {
    case OP_EMBEDDINGS:
    case OP_EMBEDDINGS_BATCH:
        return OP_EMBEDDINGS;
    case OP_RERANK:
    case OP_COUNT_TOKENS:
        return r->path.op;
    case OP_INVOKE:
        return r->path.model.len > 0 &&
                       memmem(r->path.model.p, r->path.model.len, word, sizeof(word) - 1) != NULL
                   ? OP_EMBEDDINGS
                   : OP_NONE;
    default:
        return OP_NONE;
    }
}

bool task_can(const struct request *r, enum dialect_id upstream)
{
    enum dialect_id client = r->path.dialect;

    switch (task_of(r)) {
    case OP_EMBEDDINGS:
        return embed_dialect_get(client) != NULL && embed_dialect_get(upstream) != NULL;
    case OP_RERANK:
        return rerank_is_spoken(client) && rerank_is_spoken(upstream);
    default:
        return count_dialect_get(client) != NULL;
    }
}

int task_decode(struct request *r, struct translation *t, struct chat_error *err)
{
    const struct chat_url url = {r->path.model, false};
    enum dialect_id client = r->path.dialect;
    struct str body = r->ex->body;

    switch (t->task) {
    case OP_EMBEDDINGS:
        return embed_dialect_get(client)->decode_request(&t->codec, &url, body, &t->embed, err);
    case OP_RERANK:
        return rerank_decode_request(client, &t->codec, body, &t->rerank, err);
    default:
        return count_dialect_get(client)->decode_request(&t->codec, &url, body, &t->chat, err);
    }
}

int task_encode(struct request *r, struct translation *t, const struct chat_target *target,
                struct buf *out, struct chat_error *err)
{
    enum dialect_id upstream = r->attempt.face->dialect;

    switch (t->task) {
    case OP_EMBEDDINGS:
        return embed_dialect_get(upstream)->encode_request(&t->codec, &t->embed, target, &t->loss,
                                                           out, err);
    case OP_RERANK:
        rerank_encode_request(upstream, &t->rerank, target, &t->loss, out);
        return 0;
    default:
        return count_dialect_get(upstream)->encode_request(&t->codec, &t->chat, target, out, err);
    }
}

bool task_is_estimate(const struct request *r, const struct translation *t)
{
    return t->task == OP_COUNT_TOKENS && !count_can(r->attempt.face->dialect, &t->chat);
}

enum step_result task_estimate(struct request *r, const struct translation *t)
{
    static const struct http_header told[] = {
        {{"x-bf-estimated", 14}, {"true", 4}},
        {{"x-bf-fidelity", 13}, {"partial; changed=tokens", 23}},
    };
    struct buf b = BUF_IN(r->arena);
    struct str body;

    count_dialect_get(r->path.dialect)->write(count_estimate(&t->chat), &b);
    body = buf_view(&b);
    r->status = 200;
    r->bytes_out += body.len;
    settle(r); /* ahead of the last byte */
    answer_json(r, 200, body, told, ARRAY_LEN(told));
    return STEP_DONE;
}

static bool put_embeddings(struct request *r, struct translation *t, struct str held)
{
    struct embed_answer answer;

    if (embed_dialect_get(r->attempt.face->dialect)
            ->decode_answer(&t->codec, &t->embed, held, &answer) != 0)
        return false;
    r->usage = answer.usage;
    embed_dialect_get(r->path.dialect)
        ->encode_answer(&t->codec, &t->embed, &t->reply, &answer, &r->buffers->out);
    return true;
}

static bool put_ranks(struct request *r, struct translation *t, struct str held)
{
    struct rerank_answer answer;

    if (rerank_decode_answer(&t->codec, &t->rerank, held, &answer) != 0)
        return false;
    r->usage = answer.usage;
    rerank_encode_answer(r->path.dialect, &t->rerank, &t->reply, &answer, &r->buffers->out);
    return true;
}

static bool put_count(struct request *r, struct str held)
{
    uint64_t tokens;

    if (!count_dialect_get(r->attempt.face->dialect)->read(held, &tokens))
        return false;
    count_dialect_get(r->path.dialect)->write(tokens, &r->buffers->out);
    return true;
}

const struct fail *task_answer(struct request *r, struct translation *t)
{
    struct str held = buf_view(&r->buffers->held);
    bool is_good;

    buf_clear(&r->buffers->out);
    is_good = t->task == OP_EMBEDDINGS ? put_embeddings(r, t, held)
              : t->task == OP_RERANK   ? put_ranks(r, t, held)
                                       : put_count(r, held);
    worker_scratch_reset(r->worker);
    return is_good ? NULL : &FAIL_UPSTREAM_NONSENSE;
}
