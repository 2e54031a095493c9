/*
 * Tool calls of a stream: deltas by index into blocks that do not overlap. OpenAI finishes one call
 * before it begins the next; where a vendor interleaves them, the later one is held back until the
 * earlier one's arguments are a whole JSON value, or the choice is over.
 */
#include "providers/dialects/openai_wire.h"

#include "providers/chat_text.h"

/* --- is the arguments' text complete? --- */

/* One character of the JSON text itself, its outer escape undone. */
static void step(struct openai_call *call, char c)
{
    if (call->is_escaped) {
        call->is_escaped = false;
    } else if (call->in_string) {
        call->is_escaped = c == '\\';
        call->in_string = c != '"';
    } else if (c == '"') {
        call->in_string = true;
    } else if (c == '{' || c == '[') {
        call->depth++;
    } else if (c == '}' || c == ']') {
        if (call->depth > 0)
            call->depth--;
        call->is_complete = call->depth == 0;
    }
}

static void follow(struct openai_call *call, struct str escaped)
{
    for (size_t i = 0; i < escaped.len; i++) {
        char c = escaped.p[i];

        if (c == '\\' && i + 1 < escaped.len) {
            c = escaped.p[++i];
            if (c == 'u') { /* one that needs no escape, or one that means nothing here */
                int value = i + 4 < escaped.len ? str_hex_digit(escaped.p[i + 3]) * 16 +
                                                      str_hex_digit(escaped.p[i + 4])
                                                : 0;
                bool is_ascii = i + 4 < escaped.len && escaped.p[i + 1] == '0' &&
                                escaped.p[i + 2] == '0' && value < 0x80;

                c = is_ascii ? (char)value : '?';
                i += 4;
            } else if (c != '"' && c != '\\' && c != '/') {
                c = ' ';
            }
        }
        step(call, c);
    }
}

/* --- the calls of a choice --- */

static struct openai_call *find(struct openai_choice *ch, uint64_t index)
{
    struct openai_call *found = NULL;

    /* the last of them: an index may come back with another id */
    for (struct openai_call *x = ch->calls; x != NULL; x = x->next) {
        if (x->index == index)
            found = x;
    }
    return found;
}

static struct openai_call *last_call(const struct openai_choice *ch)
{
    struct openai_call *x = ch->calls;

    while (x != NULL && x->next != NULL)
        x = x->next;
    return x;
}

static struct openai_call *add_call(struct openai_decoder *d, struct openai_choice *ch,
                                    uint64_t index)
{
    struct openai_call *call;
    struct openai_call *last = last_call(ch);

    if (ch->n_calls == OPENAI_CALLS_MAX)
        return NULL;
    ch->n_calls++;
    call = arena_zalloc(d->c.arena, sizeof(*call));
    call->index = index;
    if (last == NULL)
        ch->calls = call;
    else
        last->next = call;
    return call;
}

/*
 * The call a delta is of. Vendors leave `index` out, or say 0 for every call and tell them apart by
 * their ids.
 */
static struct openai_call *call_of(struct openai_decoder *d, struct openai_choice *ch,
                                   const struct json *delta)
{
    struct str id = text_member(delta, "id");
    bool has_name = text_member(json_get(delta, "function"), "name").len > 0;
    struct openai_call *call = last_call(ch);
    uint64_t index;
    bool has_index = json_u64(json_get(delta, "index"), &index);

    if (has_index)
        call = find(ch, index);
    else
        index = ch->n_calls;
    if (call != NULL && id.len == 0 && !has_index && has_name && call->name.len > 0)
        call = NULL; /* neither an index nor ids: each name is a call */
    if (call != NULL && (id.len == 0 || call->id.len == 0 || str_eq(call->id, id) || !has_name))
        return call;
    return add_call(d, ch, index);
}

static bool spend(struct openai_decoder *d, size_t bytes)
{
    d->held += bytes;
    return d->held <= OPENAI_HELD_MAX;
}

static int hold(struct openai_decoder *d, struct openai_call *call, struct str text)
{
    struct openai_piece *p;

    if (text.len == 0)
        return 0;
    if (!spend(d, sizeof(*p) + text.len))
        return -1;
    p = arena_zalloc(d->c.arena, sizeof(*p));
    p->text = arena_str(d->c.arena, text);
    if (call->held_last == NULL)
        call->held = p;
    else
        call->held_last->next = p;
    call->held_last = p;
    return 0;
}

static int keep_head(struct openai_decoder *d, struct openai_call *call, const struct json *delta,
                     struct str name)
{
    struct str id = text_member(delta, "id");
    enum chat_signer signer;
    struct str signature = openai_call_signature(delta, &signer);

    if (!spend(d, id.len + name.len + signature.len))
        return -1;
    if (call->id.len == 0 && id.len > 0)
        call->id = arena_str(d->c.arena, id);
    if (call->name.len == 0 && name.len > 0)
        call->name = arena_str(d->c.arena, name);
    if (signature.len > 0) {
        call->signature = arena_str(d->c.arena, signature);
        call->signer = signer;
    }
    return 0;
}

static void close_call(struct openai_choice *ch, const struct chat_sink *sink)
{
    if (ch->open == NULL)
        return;
    if (ch->blocks.is_open && ch->blocks.kind == BLOCK_TOOL_CALL)
        blocks_close(&ch->blocks, sink);
    ch->open->state = CALL_CLOSED;
    ch->open = NULL;
}

static void open_call(struct openai_decoder *d, struct openai_choice *ch, struct openai_call *call,
                      const struct chat_sink *sink)
{
    close_call(ch, sink);
    if (call->id.len == 0)
        call->id = arena_printf(d->c.arena, "call_%.*s_%u", (int)min_u64(d->id.len, 24),
                                d->id.p != NULL ? d->id.p : "", ch->blocks.n);
    blocks_open(&ch->blocks, sink, BLOCK_TOOL_CALL, (uint64_t)(uintptr_t)call, call->id,
                call->name);
    blocks_signature(&ch->blocks, sink, call->signature, call->signer);
    for (const struct openai_piece *p = call->held; p != NULL; p = p->next)
        blocks_delta(&ch->blocks, sink, p->text);
    call->has_text = call->held != NULL;
    call->state = CALL_OPEN;
    ch->open = call;
}

/* Those that wait, as far as nothing is in their way. */
static void open_waiting(struct openai_decoder *d, struct openai_choice *ch, bool is_over,
                         const struct chat_sink *sink)
{
    for (struct openai_call *x = ch->calls; x != NULL; x = x->next) {
        if (x->state != CALL_HELD || x->name.len == 0)
            continue;
        if (ch->open != NULL && !ch->open->is_complete && !is_over)
            return;
        open_call(d, ch, x, sink);
    }
}

/* In a chunk of its own between the call's name and its arguments. */
static void late_signature(struct openai_choice *ch, const struct json *delta,
                           const struct chat_sink *sink)
{
    enum chat_signer signer;
    struct str signature = openai_call_signature(delta, &signer);

    blocks_signature(&ch->blocks, sink, signature, signer);
}

static int take_delta(struct openai_decoder *d, struct openai_choice *ch, const struct json *delta,
                      const struct chat_sink *sink)
{
    const struct json *function = json_get(delta, "function");
    struct openai_call *call = call_of(d, ch, delta);
    struct str text = text_member(function, "arguments");

    if (call == NULL)
        return -1;
    if (call->state == CALL_CLOSED)
        return str_trim(text).len == 0 ? 0 : -1;
    if (call->state == CALL_HELD && keep_head(d, call, delta, text_member(function, "name")) != 0)
        return -1;
    if (json_get(function, "arguments") != NULL &&
        json_get(function, "arguments")->type == JSON_OBJECT)
        text = text_escape(d->c.scratch, json_get(function, "arguments")->raw);
    follow(call, text);
    if (call->state == CALL_OPEN) {
        if (!call->has_text)
            late_signature(ch, delta, sink);
        call->has_text = call->has_text || text.len > 0;
        blocks_delta(&ch->blocks, sink, text);
        return 0;
    }
    if (ch->open == NULL && call->name.len > 0 && call->held == NULL) {
        open_call(d, ch, call, sink);
        call->has_text = text.len > 0;
        blocks_delta(&ch->blocks, sink, text);
        return 0;
    }
    return hold(d, call, text);
}

int openai_calls_delta(struct openai_decoder *d, struct openai_choice *ch, const struct json *calls,
                       const struct chat_sink *sink)
{
    if (calls->type != JSON_ARRAY)
        return -1;
    for (const struct json *x = calls->child; x != NULL; x = x->next) {
        if (x->type != JSON_OBJECT || take_delta(d, ch, x, sink) != 0)
            return -1;
        open_waiting(d, ch, false, sink);
    }
    return 0;
}

int openai_calls_finish(struct openai_decoder *d, struct openai_choice *ch,
                        const struct chat_sink *sink)
{
    open_waiting(d, ch, true, sink);
    close_call(ch, sink);
    for (const struct openai_call *x = ch->calls; x != NULL; x = x->next) {
        if (x->state == CALL_HELD) /* it never said its name */
            return -1;
    }
    return 0;
}

void openai_calls_interrupt(struct openai_choice *ch, const struct chat_sink *sink)
{
    close_call(ch, sink);
}
