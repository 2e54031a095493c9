/*
 * The messages of a chat-completions request into the neutral form.
 */
#include "providers/dialects/openai_wire.h"

#include <stdio.h>

#include "providers/chat_text.h"

/* The members of a message that have a meaning, found in one walk. */
enum member {
    M_ROLE,
    M_CONTENT,
    M_NAME,
    M_TOOL_CALLS,
    M_TOOL_CALL_ID,
    M_REFUSAL,
    M_FUNCTION_CALL,
    M_ANNOTATIONS,
    M_CACHE,
    M_REASONING_CONTENT, /* from here on read by openai_thinking.c */
    M_REASONING,
    M_THINKING,
    MEMBERS
};

static const struct str names[MEMBERS] = {
    [M_ROLE] = {"role", 4},
    [M_CONTENT] = {"content", 7},
    [M_NAME] = {"name", 4},
    [M_TOOL_CALLS] = {"tool_calls", 10},
    [M_TOOL_CALL_ID] = {"tool_call_id", 12},
    [M_REFUSAL] = {"refusal", 7},
    [M_FUNCTION_CALL] = {"function_call", 13},
    [M_ANNOTATIONS] = {"annotations", 11},
    [M_CACHE] = {"cache_control", 13},
    [M_REASONING_CONTENT] = {"reasoning_content", 17},
    [M_REASONING] = {"reasoning", 9},
    [M_THINKING] = {"bf_thinking", 11},
};

struct message {
    const struct json *node;
    const struct json *m[MEMBERS]; /* NULL: absent or null */
};

static void find_members(struct openai_decode *d, const struct json *node, struct message *out)
{
    *out = (struct message){.node = node};
    for (const struct json *x = node->child; x != NULL; x = x->next) {
        size_t i = 0;

        while (i < MEMBERS && !str_eq(x->key, names[i]))
            i++;
        if (i < MEMBERS)
            out->m[i] = x->type == JSON_NULL ? NULL : x;
        else if (x->type != JSON_NULL)
            chat_add_extra(d->c, d->chat,
                           arena_concat(d->c->scratch, (struct str[]){STR("messages."), x->key}, 2),
                           STR_NONE);
    }
}

static void append(struct chat_message *m, struct chat_block *b)
{
    if (m->last == NULL)
        m->blocks = b;
    else
        m->last->next = b;
    m->last = b;
}

static struct chat_block *add_text(struct openai_decode *d, struct chat_message *m,
                                   enum chat_block_kind kind, struct str text)
{
    struct chat_block *b = chat_add_block(d->c, m, kind);

    b->text = text;
    return b;
}

/* A string, parts, or nothing. */
static bool take_content(struct openai_decode *d, const struct message *w, struct chat_message *m)
{
    const struct json *content = w->m[M_CONTENT];
    bool needs_one = m->role != ROLE_ASSISTANT && m->role != ROLE_TOOL;

    if (content == NULL)
        return !needs_one || openai_wrong_in(d, ".content", "a string", NULL);
    if (content->type == JSON_STRING) {
        if (content->raw.len > 2 || m->role == ROLE_USER)
            add_text(d, m, BLOCK_TEXT, text_inside(content));
    } else if (content->type == JSON_ARRAY && (content->n > 0 || !needs_one)) {
        for (const struct json *x = content->child; x != NULL; x = x->next) {
            struct chat_block *b = openai_take_part(d, x);

            if (b == NULL)
                return false;
            append(m, b);
        }
    } else {
        return openai_wrong_in(d, ".content", "a string or an array with parts", content);
    }
    if (m->last != NULL && w->m[M_CACHE] != NULL)
        m->last->cache = openai_cache(w->node);
    return true;
}

/* --- the assistant's --- */

static bool take_custom_call(struct openai_decode *d, const struct json *call, struct chat_block *b)
{
    const struct json *input = json_get(json_get(call, "custom"), "input");

    b->name = text_member(json_get(call, "custom"), "name");
    if (input == NULL || input->type != JSON_STRING || b->name.len == 0)
        return openai_wrong_in(d, ".tool_calls.custom", "an object with name and input", call);
    b->arguments =
        arena_concat(d->c->arena, (struct str[]){STR("{\"input\":"), input->raw, STR("}")}, 3);
    return true;
}

static bool take_function(struct openai_decode *d, const struct json *function,
                          struct chat_block *b)
{
    const struct json *arguments = json_get(function, "arguments");

    b->name = text_member(function, "name");
    if (b->name.len == 0)
        return openai_wrong_in(d, ".tool_calls.function.name", "a string",
                               json_get(function, "name"));
    if (openai_is_null(arguments))
        return true;
    if (arguments->type == JSON_STRING)
        b->arguments_text = text_inside(arguments);
    else if (arguments->type == JSON_OBJECT) /* some clients write what they mean */
        b->arguments = arguments->raw;
    else
        return openai_wrong_in(d, ".tool_calls.function.arguments", "a string", arguments);
    return true;
}

static bool take_calls(struct openai_decode *d, const struct json *calls, struct chat_message *m)
{
    if (calls->type != JSON_ARRAY)
        return openai_wrong_in(d, ".tool_calls", "an array", calls);
    for (const struct json *x = calls->child; x != NULL; x = x->next) {
        struct chat_block *b;
        bool is_custom = text_is(text_member(x, "type"), "custom");

        if (x->type != JSON_OBJECT)
            return openai_wrong_in(d, ".tool_calls", "an array of objects", x);
        b = chat_add_block(d->c, m, BLOCK_TOOL_CALL);
        b->raw = x->raw;
        b->id = text_member(x, "id");
        if (b->id.len == 0)
            return openai_wrong_in(d, ".tool_calls.id", "a string", json_get(x, "id"));
        if (is_custom ? !take_custom_call(d, x, b) : !take_function(d, json_get(x, "function"), b))
            return false;
        b->signature = openai_call_signature(x, &b->signer);
        b->cache = openai_cache(x);
    }
    return true;
}

/* The old way has no ids: a number makes one, the same in the next turn's request. */
static struct str legacy_id(const struct openai_decode *d, uint32_t n)
{
    return arena_printf(d->c->arena, "call_function_%u", n);
}

static bool take_legacy_call(struct openai_decode *d, const struct json *call,
                             struct chat_message *m)
{
    struct chat_block *b;

    if (call->type != JSON_OBJECT)
        return openai_wrong_in(d, ".function_call", "an object", call);
    b = chat_add_block(d->c, m, BLOCK_TOOL_CALL);
    b->id = legacy_id(d, ++d->legacy_calls);
    b->signature = openai_call_signature(call, &b->signer);
    return take_function(d, call, b);
}

static void take_thoughts(struct openai_decode *d, const struct message *w, struct chat_message *m)
{
    struct openai_thought *thoughts;
    size_t n = openai_thoughts(d->c->arena, w->node, &thoughts);

    for (size_t i = 0; i < n; i++) {
        struct chat_block *b = add_text(d, m, thoughts[i].kind, thoughts[i].text);

        b->signature = thoughts[i].signature;
        b->signer = thoughts[i].signer;
    }
}

/* Of the last text, as it was given out. */
static void take_annotations(struct openai_decode *d, const struct json *list,
                             struct chat_message *m)
{
    struct chat_citation **end;

    if (m->last == NULL || m->last->kind != BLOCK_TEXT || list->type != JSON_ARRAY)
        return;
    end = &m->last->citations;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        struct chat_citation *c = arena_zalloc(d->c->arena, sizeof(*c));

        if (!openai_citation(x, c))
            continue;
        *end = c;
        end = &c->next;
    }
}

static bool take_assistant(struct openai_decode *d, const struct message *w, struct chat_message *m)
{
    const struct json *refusal = w->m[M_REFUSAL];

    if (w->m[M_REASONING_CONTENT] != NULL || w->m[M_REASONING] != NULL || w->m[M_THINKING] != NULL)
        take_thoughts(d, w, m);
    if (!take_content(d, w, m))
        return false;
    if (w->m[M_ANNOTATIONS] != NULL)
        take_annotations(d, w->m[M_ANNOTATIONS], m);
    if (refusal != NULL && refusal->type != JSON_STRING)
        return openai_wrong_in(d, ".refusal", "a string", refusal);
    if (refusal != NULL && refusal->raw.len > 2)
        add_text(d, m, BLOCK_REFUSAL, text_inside(refusal));
    if (w->m[M_TOOL_CALLS] != NULL && !take_calls(d, w->m[M_TOOL_CALLS], m))
        return false;
    return w->m[M_FUNCTION_CALL] == NULL || take_legacy_call(d, w->m[M_FUNCTION_CALL], m);
}

/* --- results --- */

static bool take_result(struct openai_decode *d, const struct message *w, struct chat_message *m,
                        bool is_function)
{
    struct chat_message inside = {.role = ROLE_TOOL};
    struct chat_block *b;

    if (!take_content(d, w, &inside))
        return false;
    b = chat_add_block(d->c, m, BLOCK_TOOL_RESULT);
    b->content = inside.blocks;
    if (inside.last != NULL) { /* the point is behind the result */
        b->cache = inside.last->cache;
        inside.last->cache = CACHE_NONE;
    }
    if (is_function) {
        b->name = text_inside(w->m[M_NAME]);
        b->id = legacy_id(d, d->legacy_calls);
        return b->name.len > 0 || openai_wrong_in(d, ".name", "a string", w->m[M_NAME]);
    }
    b->id = text_inside(w->m[M_TOOL_CALL_ID]);
    return b->id.len > 0 || openai_wrong_in(d, ".tool_call_id", "a string", w->m[M_TOOL_CALL_ID]);
}

static const struct {
    const char *name;
    enum chat_role role;
} roles[] = {
    {"user", ROLE_USER},     {"assistant", ROLE_ASSISTANT}, {"tool", ROLE_TOOL},
    {"system", ROLE_SYSTEM}, {"developer", ROLE_DEVELOPER}, {"function", ROLE_TOOL},
};

static bool take_message(struct openai_decode *d, const struct json *node)
{
    struct message w;
    struct chat_message *m;
    struct str role;
    size_t i = 0;

    if (node->type != JSON_OBJECT)
        return openai_wrong_in(d, "", "an object", node);
    find_members(d, node, &w);
    role = text_inside(w.m[M_ROLE]);
    if (role.len == 0)
        return openai_wrong_in(d, ".role", "a string", w.m[M_ROLE]);
    while (i < ARRAY_LEN(roles) && !text_is(role, roles[i].name))
        i++;
    if (i == ARRAY_LEN(roles)) {
        char param[48];

        (void)snprintf(param, sizeof(param), "messages[%u].role", d->message); /* fits */
        return chat_invalid(d->c, d->err, param,
                            "Invalid value: '%.*s'. Supported values are: 'system', 'developer', "
                            "'user', 'assistant', 'tool' and 'function'.",
                            (int)min_u64(role.len, 64), role.p) == 0;
    }
    if ((roles[i].role == ROLE_SYSTEM || roles[i].role == ROLE_DEVELOPER) &&
        w.m[M_CONTENT] != NULL && str_eq(w.m[M_CONTENT]->raw, STR("\"\"")))
        return true; /* it says nothing, and other wires refuse an empty one */
    m = chat_add_message(d->c, d->chat, roles[i].role);
    if (m->role == ROLE_TOOL)
        return take_result(d, &w, m, role.p[0] == 'f');
    m->name = text_inside(w.m[M_NAME]);
    return m->role == ROLE_ASSISTANT ? take_assistant(d, &w, m) : take_content(d, &w, m);
}

bool openai_take_messages(struct openai_decode *d, const struct json *v)
{
    if (v->type != JSON_ARRAY)
        return openai_wrong(d, "messages", "an array of objects", v);
    if (v->n == 0 || v->n > CHAT_MESSAGES_MAX)
        return chat_invalid(d->c, d->err, "messages",
                            "'messages' must have between 1 and %d messages.",
                            CHAT_MESSAGES_MAX) == 0;
    if (d->chat->messages != NULL)
        return chat_invalid(d->c, d->err, "messages", "The key \"messages\" is there twice.") == 0;
    for (const struct json *x = v->child; x != NULL; x = x->next) {
        if (!take_message(d, x))
            return false;
        d->message++;
    }
    return true;
}
