#include "tools/mock/talk.h"

#include "providers/chat_text.h"
#include "server/base/clock.h"
#include "tools/mock/check.h"
#include "tools/mock/play.h"
#include "tools/mock/speech.h"
#include "tools/mock/totals.h"

/* One answer under way; in its arena. */
struct talk {
    struct chat_codec codec;
    const struct dialect *dialect;
    void *encoder;
    struct chat chat;
    struct chat_reply reply;
    struct speech speech;
    struct play play;
};

static bool next_bytes(struct answer *a, struct buf *out)
{
    struct talk *t = a->state;
    struct chat_event e;

    /* Some events are nothing on some wires. */
    while (out->len == 0 && play_next(&t->play, t->codec.scratch, &e)) {
        t->dialect->encode_event(t->encoder, &e, out);
        arena_reset(t->codec.scratch);
    }
    return out->len > 0;
}

static void stream(struct mock_call *call, struct talk *t)
{
    struct answer *a = call->answer;

    a->content_type = t->dialect->stream_type;
    if (call->dialect == DIALECT_GEMINI && !call->path.sse)
        a->content_type = "application/json";
    a->cut_inside = call->dialect == DIALECT_BEDROCK;
    a->next = next_bytes;
    a->state = t;
    a->gap_ms = call->model.gap_ms;
    t->play.step = call->dialect == DIALECT_ANTHROPIC || t->dialect == &dialect_invoke_anthropic
                       ? PLAY_PROMPT_USAGE
                       : PLAY_START;
}

static void whole(struct mock_call *call, struct talk *t)
{
    struct chat_loss loss = {.n_dropped = 0};
    struct chat_answer answer;

    play_whole(&t->codec, &t->play, &answer);
    t->dialect->encode_answer(t->encoder, &answer, &loss, call->answer->body);
    arena_reset(t->codec.scratch);
}

/* InvokeModel's bodies are those of the model's vendor. */
static bool is_titan(const struct mock_call *call)
{
    return json_get(call->body, "inputText") != NULL;
}

static int check(struct mock_call *call, struct chat_error *err)
{
    const struct check k = {&call->codec, call->body, call->model.kind,
                            .is_invoke = call->path.op == OP_INVOKE, .err = err};

    if (call->path.op == OP_COMPLETIONS || (call->path.op == OP_INVOKE && is_titan(call)))
        return 0;
    return check_request(&k, call->path.op == OP_INVOKE ? DIALECT_ANTHROPIC : call->dialect);
}

static const struct dialect *dialect_of(const struct mock_call *call)
{
    if (call->path.op == OP_COMPLETIONS)
        return &dialect_completions;
    if (call->path.op == OP_INVOKE)
        return is_titan(call) ? &dialect_invoke_titan : &dialect_invoke_anthropic;
    return dialect_get(call->dialect);
}

static bool calls_something(const struct talk *t)
{
    for (const struct chat_tool *one = t->chat.tools; one != NULL; one = one->next) {
        if (one->builtin == BUILTIN_NONE)
            return true;
    }
    return false;
}

/* "mock12": without printf, which costs more than all the rest of it. */
static struct str reply_id(const struct mock_call *call)
{
    char text[24];
    char *p = text + sizeof(text);
    uint64_t n = call->number;

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return arena_concat(call->arena,
                        (struct str[]){STR("mock"), {p, (size_t)(text + sizeof(text) - p)}}, 2);
}

void talk_answer(struct mock_call *call)
{
    struct talk *t = arena_zalloc(call->arena, sizeof(*t));
    struct chat_url url = {call->model_name, call->path.stream};
    struct chat_error err = {.kind = ERROR_INVALID, .status = 400};

    t->codec = call->codec;
    t->dialect = dialect_of(call);
    if (check(call, &err) != 0 ||
        t->dialect->decode_request(&t->codec, &url, call->req->body, &t->chat, &err) != 0) {
        answer_refuse(call, &err);
        return;
    }
    if (call->model.kind == MODEL_TOOL && !calls_something(t)) {
        (void)chat_invalid(&t->codec, &err, "tools",
                           "The model %.*s calls the declared tools, and there are none.",
                           STR_ARGS(call->model_name));
        answer_refuse(call, &err);
        return;
    }
    t->chat.stream = t->chat.stream || call->path.stream;
    speech_make(&t->codec,
                &(struct speech_input){&t->chat, call->model, call->dialect, call->number},
                &t->speech);
    t->reply = (struct chat_reply){.chat = &t->chat,
                                   .id = reply_id(call),
                                   .model = call->model_name,
                                   .created_s = clock_real_ms() / 1000,
                                   .stream = t->chat.stream,
                                   .sse = call->path.sse};
    t->encoder = t->dialect->encoder(&t->codec, &t->reply);
    call->answer->total = totals_begin(call->model_name);
    play_begin(&t->play, &t->speech, t->chat.n > 0 ? t->chat.n : 1);
    call->answer->usage = t->play.usage;
    t->play.id = t->reply.id;
    t->play.model = text_escape(call->arena, call->model_name);
    if (t->chat.stream)
        stream(call, t);
    else
        whole(call, t);
}
