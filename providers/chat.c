#include "providers/chat.h"

#include <stdarg.h>
#include <stdio.h>

#include "providers/chat_text.h"

#define MESSAGE_MAX 512 /* bytes of a refusal's text */

struct chat_message *chat_add_message(const struct chat_codec *c, struct chat *chat,
                                      enum chat_role role)
{
    struct chat_message *m = arena_zalloc(c->arena, sizeof(*m));

    m->role = role;
    if (chat->last_message == NULL)
        chat->messages = m;
    else
        chat->last_message->next = m;
    chat->last_message = m;
    chat->n_messages++;
    return m;
}

struct chat_block *chat_add_block(const struct chat_codec *c, struct chat_message *m,
                                  enum chat_block_kind kind)
{
    struct chat_block *b = arena_zalloc(c->arena, sizeof(*b));

    b->kind = kind;
    if (m->last == NULL)
        m->blocks = b;
    else
        m->last->next = b;
    m->last = b;
    return b;
}

/* A client may send a hundred thousand of them: no walking to the end. */
#define APPEND(list, last, item)                                                                   \
    do {                                                                                           \
        if ((last) == NULL)                                                                        \
            (list) = (item);                                                                       \
        else                                                                                       \
            (last)->next = (item);                                                                 \
        (last) = (item);                                                                           \
    } while (0)

struct chat_tool *chat_add_tool(const struct chat_codec *c, struct chat *chat)
{
    struct chat_tool *t = arena_zalloc(c->arena, sizeof(*t));

    APPEND(chat->tools, chat->last_tool, t);
    chat->n_tools++;
    return t;
}

static bool has_extra(const struct chat *chat, struct str name)
{
    for (const struct chat_extra *x = chat->extras; x != NULL; x = x->next) {
        if (str_eq(x->name, name))
            return true;
    }
    return false;
}

void chat_add_extra(const struct chat_codec *c, struct chat *chat, struct str name, struct str raw)
{
    struct chat_extra *x;

    if (chat->n_extras == CHAT_EXTRAS_MAX || (raw.len == 0 && has_extra(chat, name)))
        return;
    x = arena_zalloc(c->arena, sizeof(*x));
    x->name = arena_str(c->arena, name);
    x->raw = raw;
    APPEND(chat->extras, chat->last_extra, x);
    chat->n_extras++;
}

void chat_add_stop(const struct chat_codec *c, struct chat *chat, struct str escaped)
{
    struct chat_text_list *t = arena_zalloc(c->arena, sizeof(*t));

    t->text = escaped;
    APPEND(chat->stops, chat->last_stop, t);
}

/* --- which call a result answers --- */

struct slot {
    const struct chat_block *call; /* NULL: free */
};

/*
 * The calls so far by their ids, the latest of equal ones. A hostile request has a hundred thousand
 * calls and as many results: looking through all calls for each would take minutes.
 */
struct calls {
    struct slot *slots; /* a power of two, at most half of them taken */
    size_t mask;
    uint64_t seed; /* an address, which nobody outside knows: ids cannot be chosen to collide */
};

static void calls_init(struct calls *calls, struct arena *a, const struct chat *chat)
{
    size_t n = 0, size = 4;

    for (const struct chat_message *m = chat->messages; m != NULL; m = m->next) {
        for (const struct chat_block *b = m->blocks; b != NULL; b = b->next)
            n += b->kind == BLOCK_TOOL_CALL;
    }
    while (size < 2 * n)
        size *= 2;
    calls->slots = arena_zalloc(a, size * sizeof(*calls->slots));
    calls->mask = size - 1;
    calls->seed = (uint64_t)(uintptr_t)calls->slots;
}

/* Where the call with this id is, or would be. */
static struct slot *call_slot(const struct calls *calls, struct str id)
{
    uint64_t sum = 14695981039346656037u ^ calls->seed; /* FNV-1a */
    size_t at;

    for (size_t i = 0; i < id.len; i++)
        sum = (sum ^ (unsigned char)id.p[i]) * 1099511628211u;
    at = (size_t)(sum ^ sum >> 32) & calls->mask;
    while (calls->slots[at].call != NULL && !str_eq(calls->slots[at].call->id, id))
        at = (at + 1) & calls->mask;
    return &calls->slots[at];
}

int chat_link_results(const struct chat_codec *c, struct chat *chat, struct chat_error *err)
{
    struct calls calls;
    uint32_t at = 0;

    calls_init(&calls, c->arena, chat);
    for (struct chat_message *m = chat->messages; m != NULL; m = m->next, at++) {
        for (struct chat_block *b = m->blocks; b != NULL; b = b->next) {
            const struct chat_block *call;
            char param[48];

            if (b->kind == BLOCK_TOOL_CALL)
                call_slot(&calls, b->id)->call = b;
            if (b->kind != BLOCK_TOOL_RESULT || (b->name.len > 0 && b->id.len == 0))
                continue;
            call = call_slot(&calls, b->id)->call;
            if (call != NULL) {
                b->name = call->name;
                continue;
            }
            (void)snprintf(param, sizeof(param), "messages[%u]", at); /* fits */
            return chat_invalid(c, err, param,
                                "the tool result \"%.*s\" answers no tool call before it",
                                (int)min_u64(b->id.len, 100), b->id.p != NULL ? b->id.p : "");
        }
    }
    return 0;
}

/* --- errors --- */

int chat_invalid(const struct chat_codec *c, struct chat_error *err, const char *param,
                 const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    must(n >= 0);
    *err = (struct chat_error){
        .kind = ERROR_INVALID,
        .status = 400,
        .message = text_escape(c->arena, arena_str(c->arena, str_of(text))),
        .param =
            param != NULL ? text_escape(c->arena, arena_str(c->arena, str_of(param))) : STR_NONE,
    };
    return -1;
}

const char *chat_must_be(enum json_type type)
{
    static const char *const texts[] = {
        [JSON_NULL] = "must be null",       [JSON_BOOL] = "must be a boolean",
        [JSON_NUMBER] = "must be a number", [JSON_STRING] = "must be a string",
        [JSON_ARRAY] = "must be an array",  [JSON_OBJECT] = "must be an object",
    };

    return texts[type];
}

static const struct {
    int status;
    enum chat_error_kind kind;
} kinds[] = {
    /* the first status of a kind is what it is told with */
    {400, ERROR_INVALID},    {422, ERROR_INVALID},    {401, ERROR_AUTH},    {402, ERROR_BILLING},
    {403, ERROR_PERMISSION}, {404, ERROR_NOT_FOUND},  {405, ERROR_METHOD},  {409, ERROR_CONFLICT},
    {413, ERROR_TOO_LARGE},  {429, ERROR_RATE},       {500, ERROR_SERVER},  {502, ERROR_UPSTREAM},
    {503, ERROR_OVERLOADED}, {529, ERROR_OVERLOADED}, {504, ERROR_TIMEOUT}, {408, ERROR_TIMEOUT},
};

enum chat_error_kind chat_error_kind_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].status == status)
            return kinds[i].kind;
    }
    return status >= 500 ? ERROR_SERVER : ERROR_INVALID;
}

int chat_error_status(enum chat_error_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].kind == kind)
            return kinds[i].status;
    }
    return 500;
}
