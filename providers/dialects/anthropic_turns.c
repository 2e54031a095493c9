#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"
#include "providers/write.h"

#define PAIRS_MAX 1000 /* calls without an id that are looked through for a result's */

enum turn { TURN_NONE, TURN_USER, TURN_ASSISTANT, TURN_SYSTEM };

/* --- calls and results --- */

static struct str made_up_id(const struct anthropic_out *o, uint64_t n)
{
    return arena_printf(o->c->arena, "toolu_bf_%llu", (unsigned long long)n);
}

/* Results without an id, of this name, in messages up to this block. */
static uint64_t results_before(const struct anthropic_out *o, const struct chat_block *result)
{
    uint64_t n = 0, seen = 0;

    for (const struct chat_message *m = o->calls_end; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b == result || ++seen > PAIRS_MAX)
                return n;
            if (b->kind == BLOCK_TOOL_RESULT && b->id.len == 0 && str_eq(b->name, result->name))
                n++;
        }
    }
    return n;
}

/* Gemini's calls may have no ids: the n-th result of a name answers its n-th call. */
static struct str result_id(const struct anthropic_out *o, const struct chat_block *result)
{
    uint64_t nth, number, seen = 0;

    if (result->id.len > 0)
        return anthropic_id(o->c, result->id);
    nth = results_before(o, result);
    number = o->calls_before;
    for (const struct chat_message *m = o->calls; m != o->calls_end; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind != BLOCK_TOOL_CALL || b->id.len > 0)
                continue;
            number++;
            if (str_eq(b->name, result->name) && nth-- == 0)
                return made_up_id(o, number);
            if (++seen > PAIRS_MAX)
                break;
        }
    }
    return made_up_id(o, number);
}

static void write_call(struct anthropic_out *o, const struct chat_block *b)
{
    struct str name = anthropic_name(o->c, b->name);
    struct str input;

    if (!str_eq(name, b->name))
        loss_change(o->loss, STR("tools.name"));
    if (b->signature.len > 0)
        loss_drop(o->loss, STR("thinking")); /* another provider's, and of no use to this one */
    anthropic_begin_block(o, "tool_use");
    write_member_text(o->b, "id",
                      b->id.len > 0 ? anthropic_id(o->c, b->id) : made_up_id(o, ++o->n_calls));
    write_member_text(o->b, "name", name);
    if (!text_arguments_object(o->c, b, &input))
        loss_change(o->loss, STR("tool_calls.arguments"));
    write_member_raw(o->b, "input", input);
    anthropic_write_cache(o->b, b->cache);
    write_close(o->b, '}');
}

static bool is_one_text(const struct chat_block *content)
{
    return content->next == NULL && content->kind == BLOCK_TEXT && content->cache == CACHE_NONE;
}

static struct str text_of(const struct anthropic_out *o, const struct chat_block *text)
{
    /* a JSON value that another dialect tells as such */
    return text->text.len == 0 && text->raw.len > 0 ? text_escape(o->c->arena, text->raw)
                                                    : text->text;
}

static void write_result(struct anthropic_out *o, const struct chat_block *b)
{
    anthropic_begin_block(o, "tool_result");
    write_member_text(o->b, "tool_use_id", result_id(o, b));
    if (b->content != NULL && is_one_text(b->content)) {
        write_member_text(o->b, "content", b->is_json ? text_of(o, b->content) : b->content->text);
    } else if (b->content != NULL) {
        write_key(o->b, "content");
        write_open(o->b, '[');
        for (const struct chat_block *x = b->content; x != NULL; x = x->next)
            anthropic_write_block(o, x, ROLE_TOOL);
        write_close(o->b, ']');
    }
    if (b->is_error)
        write_member_bool(o->b, "is_error", true);
    anthropic_write_cache(o->b, b->cache);
    write_close(o->b, '}');
}

/* --- other blocks --- */

static void begin_turn(struct anthropic_out *o)
{
    if (o->pending == NULL)
        return;
    write_open(o->b, '{');
    write_member_cstr(o->b, "role", o->pending);
    write_key(o->b, "content");
    write_open(o->b, '[');
    o->pending = NULL;
}

void anthropic_begin_block(struct anthropic_out *o, const char *type)
{
    begin_turn(o);
    write_open(o->b, '{');
    write_member_cstr(o->b, "type", type);
}

static void write_text_block(struct anthropic_out *o, const struct chat_block *b)
{
    if (b->text.len == 0) /* refused */
        return;
    if (b->citations != NULL)
        loss_drop(o->loss, STR("citations"));
    anthropic_begin_block(o, "text");
    write_member_text(o->b, "text", b->text);
    anthropic_write_cache(o->b, b->cache);
    write_close(o->b, '}');
}

/* Only what Claude signed can be sent back to it. */
static bool is_native_thinking(const struct chat_block *b)
{
    return (b->kind == BLOCK_THINKING || b->kind == BLOCK_REDACTED) &&
           b->signer == SIGNER_ANTHROPIC && b->signature.len > 0;
}

static void write_thinking_block(struct anthropic_out *o, const struct chat_block *b,
                                 enum chat_role role)
{
    if (!is_native_thinking(b) || role != ROLE_ASSISTANT) {
        loss_drop(o->loss, STR("thinking"));
        return;
    }
    if (b->kind == BLOCK_THINKING) {
        anthropic_begin_block(o, "thinking");
        write_member_text(o->b, "thinking", b->text);
        write_member_text(o->b, "signature", b->signature);
    } else {
        anthropic_begin_block(o, "redacted_thinking");
        write_member_text(o->b, "data", b->signature);
    }
    write_close(o->b, '}');
}

void anthropic_write_block(struct anthropic_out *o, const struct chat_block *b, enum chat_role role)
{
    bool is_thinking = b->kind == BLOCK_THINKING || b->kind == BLOCK_REDACTED;

    if (o->is_home && b->raw.len > 0 && !is_thinking &&
        !(b->kind == BLOCK_TEXT && b->text.len == 0)) {
        begin_turn(o);
        write_raw(o->b, b->raw);
        return;
    }
    switch (b->kind) {
    case BLOCK_TEXT:
        write_text_block(o, b);
        return;
    case BLOCK_REFUSAL:
        loss_change(o->loss, STR("refusal"));
        write_text_block(o, b);
        return;
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
        if (role != ROLE_ASSISTANT)
            anthropic_write_media(o, b);
        else
            loss_drop(o->loss, STR("messages.image")); /* the model writes texts only */
        return;
    case BLOCK_TOOL_CALL:
        write_call(o, b);
        return;
    case BLOCK_TOOL_RESULT:
        write_result(o, b);
        return;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        write_thinking_block(o, b, role);
        return;
    case BLOCK_AUDIO:
        loss_drop(o->loss, STR("messages.audio"));
        return;
    case BLOCK_VIDEO:
        loss_drop(o->loss, STR("messages.video"));
        return;
    case BLOCK_OTHER:
        loss_drop(o->loss, b->name.len > 0 ? b->name : STR("messages.content"));
    }
}

bool anthropic_turn_lacks_thinking(const struct chat *chat)
{
    const struct chat_block *first = NULL;
    enum chat_role before = ROLE_USER;
    bool calls = false;

    for (const struct chat_message *m = chat->messages; m != NULL; before = m->role, m = m->next) {
        if (m->role != ROLE_ASSISTANT)
            continue;
        if (before != ROLE_ASSISTANT) {
            first = m->blocks;
            calls = false;
        }
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next)
            calls = calls || b->kind == BLOCK_TOOL_CALL;
    }
    return calls && (first == NULL || !is_native_thinking(first));
}

/* --- turns --- */

static bool is_system(const struct chat_message *m)
{
    return m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
}

/* The first message that is none of `system`: the last one, when all are system messages, because
 * there must be something to answer. */
static const struct chat_message *first_turn(const struct chat *chat)
{
    const struct chat_message *m = chat->messages;

    while (m != NULL && m->next != NULL && is_system(m))
        m = m->next;
    return m;
}

/* A system message further down stands behind a user turn and before an assistant's, or it cannot. */
static bool stays_system(const struct anthropic_out *o, const struct chat_message *m,
                         enum turn before)
{
    if (before == TURN_SYSTEM)
        return true;
    if (before != TURN_USER)
        return false;
    return o->is_home || ((o->target->model_flags & MODEL_SYSTEM_TURNS) != 0 &&
                          (m->next == NULL || m->next->role == ROLE_ASSISTANT));
}

static enum turn turn_of(const struct anthropic_out *o, const struct chat_message *m,
                         enum turn before)
{
    if (m->role == ROLE_ASSISTANT)
        return TURN_ASSISTANT;
    return is_system(m) && stays_system(o, m, before) ? TURN_SYSTEM : TURN_USER;
}

/* Within a user turn a system text says that it is one. */
static void write_as_user(struct anthropic_out *o, const struct chat_message *m)
{
    loss_change(o->loss, STR("messages.role"));
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        struct chat_block copy = {.kind = BLOCK_TEXT, .cache = b->cache};
        struct str parts[] = {STR("<system>\\n"), b->text, STR("\\n</system>")};

        if (b->kind != BLOCK_TEXT || b->text.len == 0)
            continue;
        copy.text = arena_concat(o->c->arena, parts, ARRAY_LEN(parts));
        write_text_block(o, &copy);
    }
}

static void write_others(struct anthropic_out *o, const struct chat_message *m, enum turn turn)
{
    if (m->name.len > 0)
        loss_drop(o->loss, STR("messages.name"));
    if (turn == TURN_USER && is_system(m)) {
        if (m->next == NULL && m == first_turn(o->chat)) { /* the only one there is */
            loss_change(o->loss, STR("messages.role"));
        } else {
            write_as_user(o, m);
            return;
        }
    }
    for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
        if (b->kind != BLOCK_TOOL_RESULT || turn != TURN_USER)
            anthropic_write_block(o, b, turn == TURN_ASSISTANT ? ROLE_ASSISTANT : m->role);
    }
}

static void write_turn(struct anthropic_out *o, const struct chat_message *from,
                       const struct chat_message *end, enum turn turn)
{
    static const char *const roles[] = {
        [TURN_USER] = "user", [TURN_ASSISTANT] = "assistant", [TURN_SYSTEM] = "system"};

    o->pending = roles[turn];
    if (turn == TURN_ASSISTANT) {
        o->calls = from;
        o->calls_end = end;
        o->calls_before = o->n_calls;
    }
    /* results first, or they are refused */
    for (const struct chat_message *m = from; turn == TURN_USER && m != end; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind == BLOCK_TOOL_RESULT)
                anthropic_write_block(o, b, ROLE_TOOL);
        }
    }
    for (const struct chat_message *m = from; m != end; m = m->next)
        write_others(o, m, turn);
    if (o->pending == NULL) {
        write_close(o->b, ']');
        write_close(o->b, '}');
    }
    o->pending = NULL;
}

void anthropic_write_messages(struct anthropic_out *o)
{
    const struct chat_message *m = first_turn(o->chat);
    enum turn before = TURN_NONE;

    write_key(o->b, "messages");
    write_open(o->b, '[');
    while (m != NULL) {
        enum turn turn = turn_of(o, m, before);
        const struct chat_message *end = m->next;

        while (end != NULL && turn_of(o, end, turn) == turn)
            end = end->next;
        write_turn(o, m, end, turn);
        before = turn;
        m = end;
    }
    write_close(o->b, ']');
}

void anthropic_write_system(struct anthropic_out *o)
{
    const struct chat_message *end = first_turn(o->chat);
    bool any = false;

    for (const struct chat_message *m = o->chat->messages; m != end; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            if (b->kind == BLOCK_TEXT && b->text.len > 0 && !any) {
                any = true;
                write_key(o->b, "system");
                write_open(o->b, '[');
            }
            if (b->kind == BLOCK_TEXT)
                anthropic_write_block(o, b, ROLE_SYSTEM);
            else
                loss_drop(o->loss, STR("messages.content"));
        }
    }
    if (any)
        write_close(o->b, ']');
}
