/*
 * Contents and parts into messages and blocks: gemini.h.
 */
#include <inttypes.h>
#include <stdio.h>

#include "providers/chat_text.h"
#include "providers/dialects/gemini.h"

#define PATH_MAX_BYTES 96

/* What one part says. */
struct part {
    const struct json *node, *text, *blob, *file, *call, *response;
    const struct json *other; /* of a kind with no equivalent */
    bool is_thought;
    struct str signature;
    enum chat_signer signer;
};

/* --- either spelling --- */

bool gemini_key(struct str key, const char *camel)
{
    size_t at = 0;

    for (const char *c = camel; *c != '\0'; c++, at++) {
        if (at >= key.len)
            return false;
        if (key.p[at] == *c)
            continue;
        /* "fileUri" as "file_uri" */
        if (key.p[at] != '_' || *c < 'A' || *c > 'Z' || at + 1 >= key.len ||
            key.p[at + 1] != (*c | 0x20))
            return false;
        at++;
    }
    return at == key.len;
}

const struct json *gemini_get(const struct json *object, const char *camel)
{
    const struct json *found = NULL;

    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json *m = object->child; m != NULL; m = m->next) {
        if (m->type != JSON_NULL && gemini_key(m->key, camel))
            found = m;
    }
    return found;
}

const struct json *gemini_first(const struct json *node)
{
    if (node == NULL)
        return NULL;
    if (node->type == JSON_ARRAY)
        return node->child;
    return node->type == JSON_OBJECT ? node : NULL;
}

const struct json *gemini_next(const struct json *list, const struct json *node)
{
    return list->type == JSON_ARRAY ? node->next : NULL;
}

bool gemini_number(const struct json *node, struct str *out)
{
    struct str inside;

    if (node->type == JSON_NUMBER) {
        *out = node->raw;
        return true;
    }
    inside = text_inside(node);
    if (inside.len == 0 || inside.len > 64 || !str_is_digit(inside.p[inside.len - 1]))
        return false;
    for (size_t i = 0; i < inside.len; i++) {
        char c = inside.p[i];

        if (!str_is_digit(c) && (c != '-' || i != 0) && (c != '.' || i == 0))
            return false;
    }
    if (inside.p[0] == '0' && inside.len > 1 && inside.p[1] != '.')
        return false;
    *out = inside;
    return memchr(inside.p, '.', inside.len) == memrchr(inside.p, '.', inside.len);
}

void gemini_extra(struct gemini_reading *r, struct str name, struct str raw)
{
    chat_add_extra(r->c, r->chat, name, raw);
}

/* --- errors --- */

static int invalid(struct gemini_reading *r, const char *field, const char *what)
{
    char path[PATH_MAX_BYTES];

    if (r->is_system)
        (void)snprintf(path, sizeof(path), "systemInstruction.parts[%u]%s", r->part, field);
    else
        (void)snprintf(path, sizeof(path), "contents[%u].parts[%u]%s", r->content, r->part, field);
    return chat_invalid(r->c, r->err, path, "%s %s", path, what);
}

/* --- ids of calls and results --- */

static struct str new_id(struct gemini_reading *r)
{
    return arena_printf(r->c->arena, "call_%u", ++r->n_ids);
}

static int remember_call(struct gemini_reading *r, const struct chat_block *b)
{
    struct gemini_call *call = arena_zalloc(r->c->arena, sizeof(*call));

    if (++r->n_calls > GEMINI_CALLS_MAX)
        return invalid(r, ".functionCall", "is one of too many parallel calls");
    call->block = b;
    if (r->last_call == NULL)
        r->calls = call;
    else
        r->last_call->next = call;
    r->last_call = call;
    return 0;
}

/* The call a result answers: by id, else the first of its name that has no answer yet. */
static struct str answered_id(struct gemini_reading *r, struct str id, struct str name)
{
    struct gemini_call *found = NULL;

    for (struct gemini_call *call = r->calls; call != NULL && found == NULL; call = call->next) {
        if (id.len > 0 ? str_eq(call->block->id, id)
                       : !call->is_answered && str_eq(call->block->name, name))
            found = call;
    }
    if (found != NULL)
        found->is_answered = true;
    if (id.len > 0)
        return id;
    return found != NULL ? found->block->id : new_id(r);
}

/* --- blocks --- */

static enum chat_block_kind media_kind(struct str type)
{
    if (str_starts(type, STR("image/")))
        return BLOCK_IMAGE;
    if (str_starts(type, STR("audio/")))
        return BLOCK_AUDIO;
    return str_starts(type, STR("video/")) ? BLOCK_VIDEO : BLOCK_DOCUMENT;
}

static bool is_web(struct str uri)
{
    return (str_starts(uri, STR("https://")) || str_starts(uri, STR("http://"))) &&
           !str_starts(uri, STR("https://generativelanguage.googleapis.com/"));
}

/* False when what it needs is not there (*field). */
static bool read_media(const struct gemini_reading *r, const struct json *blob,
                       const struct json *file, struct chat_block *b, const char **field)
{
    const struct json *from = blob != NULL ? blob : file;
    struct chat_media *m = &b->media;

    m->type = text_plain(r->c->arena, text_inside(gemini_get(from, "mimeType")));
    m->name = text_inside(gemini_get(from, "displayName"));
    if (blob != NULL) {
        *field = ".inlineData.data";
        m->source = SOURCE_BASE64;
        m->data = gemini_base64(r->c->arena, text_inside(gemini_get(from, "data")));
    } else {
        *field = ".fileData.fileUri";
        m->data = text_inside(gemini_get(from, "fileUri"));
        m->source = is_web(m->data) ? SOURCE_URL : SOURCE_FILE;
        if (m->type.len == 0)
            m->type = text_media_type(m->data);
    }
    b->kind = media_kind(m->type);
    return m->data.len > 0;
}

static int add_media(struct gemini_reading *r, struct chat_message *m, const struct part *p)
{
    const struct json *from = p->blob != NULL ? p->blob : p->file;
    struct chat_block *b = chat_add_block(r->c, m, BLOCK_DOCUMENT);
    const char *field = NULL;

    b->raw = from->raw;
    if (!read_media(r, p->blob, p->file, b, &field))
        return invalid(r, field, "must be a text that is not empty");
    return 0;
}

/* More text for the block that is open. Doubling: histories of streams come in a thousand parts. */
static void continue_text(struct gemini_reading *r, struct str more)
{
    struct chat_block *b = r->open;
    size_t len = b->text.len + more.len;

    if (r->open_cap < len) {
        char *copy = arena_alloc(r->c->arena, 2 * len + 64);

        if (b->text.len > 0)
            memcpy(copy, b->text.p, b->text.len);
        r->open_cap = 2 * len + 64;
        b->text.p = copy;
    }
    if (more.len > 0)
        memcpy((char *)(uintptr_t)b->text.p + b->text.len, more.p, more.len); /* our own copy */
    b->text.len = len;
}

static void add_text(struct gemini_reading *r, struct chat_message *m, const struct part *p)
{
    enum chat_block_kind kind = p->is_thought ? BLOCK_THINKING : BLOCK_TEXT;
    struct str text = text_inside(p->text);
    bool is_model = m->role == ROLE_ASSISTANT;
    bool goes_on = is_model && r->open != NULL && r->open->kind == kind;

    if (goes_on) {
        continue_text(r, text);
    } else if (text.len > 0 || !is_model || (p->is_thought && p->signature.len > 0)) {
        r->open = chat_add_block(r->c, m, kind);
        r->open->text = text;
        r->open_cap = 0;
    }
    if (p->signature.len == 0)
        return;
    if (p->is_thought) {
        r->open->signature = p->signature;
        r->open->signer = p->signer;
    } else {
        struct chat_block *b = chat_add_block(r->c, m, BLOCK_REDACTED);

        b->signature = p->signature;
        b->signer = p->signer;
    }
    r->open = NULL;
}

static int add_call(struct gemini_reading *r, struct chat_message *m, const struct part *p)
{
    const struct json *args = gemini_get(p->call, "args");
    struct chat_block *b = chat_add_block(r->c, m, BLOCK_TOOL_CALL);

    b->raw = p->call->raw;
    b->name = text_inside(gemini_get(p->call, "name"));
    b->id = text_inside(gemini_get(p->call, "id"));
    if (b->name.len == 0)
        return invalid(r, ".functionCall.name", "must be a text that is not empty");
    if (args != NULL && args->type != JSON_OBJECT)
        return invalid(r, ".functionCall.args", "must be an object");
    b->arguments = args != NULL ? args->raw : STR("{}");
    if (b->id.len == 0)
        b->id = new_id(r);
    b->signature = p->signature;
    b->signer = p->signature.len > 0 ? p->signer : SIGNER_NONE;
    return remember_call(r, b);
}

/* --- results --- */

static struct chat_block *add_content(const struct gemini_reading *r, struct chat_block *result,
                                      enum chat_block_kind kind)
{
    struct chat_block *b = arena_zalloc(r->c->arena, sizeof(*b));
    struct chat_block **end = &result->content;

    while (*end != NULL)
        end = &(*end)->next;
    *end = b;
    b->kind = kind;
    return b;
}

/* {"result": "text"} is how a text is said where an object must be. */
static void read_response(const struct gemini_reading *r, const struct json *response,
                          struct chat_block *result)
{
    const struct json *only = response->n == 1 ? response->child : NULL;
    struct chat_block *b = add_content(r, result, BLOCK_TEXT);
    bool is_error = only != NULL && str_eq(only->key, STR("error"));

    result->is_error = is_error;
    if (only != NULL && only->type == JSON_STRING &&
        (is_error || str_eq(only->key, STR("result")) || str_eq(only->key, STR("output")))) {
        b->text = text_inside(only);
        return;
    }
    result->is_json = true;
    b->raw = response->raw;
    b->text = text_of_raw(r->c->arena, response->raw);
}

static int add_result_parts(struct gemini_reading *r, const struct json *parts,
                            struct chat_block *result)
{
    uint32_t n = 0;

    for (const struct json *p = gemini_first(parts); p != NULL; p = gemini_next(parts, p)) {
        const struct json *blob = gemini_get(p, "inlineData");
        const struct json *file = gemini_get(p, "fileData");
        const char *field;

        if (blob == NULL && file == NULL)
            continue;
        if (++n > GEMINI_CALLS_MAX ||
            !read_media(r, blob, file, add_content(r, result, BLOCK_DOCUMENT), &field))
            return invalid(r, ".functionResponse.parts", "are not what they must be");
    }
    return 0;
}

static int add_response(struct gemini_reading *r, struct chat_message *m, const struct part *p)
{
    const struct json *response = gemini_get(p->response, "response");
    struct str name = text_inside(gemini_get(p->response, "name"));
    struct chat_block *b;

    if (name.len == 0)
        return invalid(r, ".functionResponse.name", "must be a text that is not empty");
    if (response == NULL || response->type != JSON_OBJECT)
        return invalid(r, ".functionResponse.response", "must be an object");
    b = chat_add_block(r->c, m, BLOCK_TOOL_RESULT);
    b->raw = p->response->raw;
    b->name = name;
    b->id = answered_id(r, text_inside(gemini_get(p->response, "id")), name);
    read_response(r, response, b);
    if (gemini_get(p->response, "willContinue") != NULL)
        gemini_extra(r, STR("contents.parts.functionResponse.willContinue"), STR_NONE);
    if (gemini_get(p->response, "scheduling") != NULL)
        gemini_extra(r, STR("contents.parts.functionResponse.scheduling"), STR_NONE);
    return add_result_parts(r, gemini_get(p->response, "parts"), b);
}

/* --- parts --- */

static bool part_member(struct gemini_reading *r, const struct json *m, struct part *p)
{
    static const struct {
        const char *name;
        size_t at;
        enum json_type type;
    } kinds[] = {
        {"text", offsetof(struct part, text), JSON_STRING},
        {"inlineData", offsetof(struct part, blob), JSON_OBJECT},
        {"fileData", offsetof(struct part, file), JSON_OBJECT},
        {"functionCall", offsetof(struct part, call), JSON_OBJECT},
        {"functionResponse", offsetof(struct part, response), JSON_OBJECT},
        {"executableCode", offsetof(struct part, other), JSON_OBJECT},
        {"codeExecutionResult", offsetof(struct part, other), JSON_OBJECT},
        {"toolCall", offsetof(struct part, other), JSON_OBJECT},
        {"toolResponse", offsetof(struct part, other), JSON_OBJECT},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!gemini_key(m->key, kinds[i].name))
            continue;
        *(const struct json **)(void *)((char *)p + kinds[i].at) = m;
        return m->type == kinds[i].type;
    }
    if (gemini_key(m->key, "thought"))
        return json_bool(m, &p->is_thought);
    if (gemini_key(m->key, "thoughtSignature")) {
        p->signature = gemini_signature_in(r->c->arena, text_inside(m), &p->signer);
        return m->type == JSON_STRING;
    }
    gemini_extra(r, arena_concat(r->c->scratch, (struct str[]){STR("contents.parts."), m->key}, 2),
                 STR_NONE);
    return true;
}

static int add_part(struct gemini_reading *r, struct chat_message *m, const struct json *node)
{
    struct part p = {.node = node};
    struct chat_block *b;

    if (node->type != JSON_OBJECT)
        return invalid(r, "", "must be an object");
    for (const struct json *x = node->child; x != NULL; x = x->next) {
        if (x->type != JSON_NULL && !part_member(r, x, &p)) {
            char field[PATH_MAX_BYTES / 2];

            (void)snprintf(field, sizeof(field), ".%.*s", (int)min_u64(x->key.len, 32), x->key.p);
            return invalid(r, field, "is of a wrong type");
        }
    }
    if (p.text == NULL)
        r->open = NULL;
    if (p.call != NULL)
        return add_call(r, m, &p);
    if (p.response != NULL)
        return add_response(r, m, &p);
    if (p.blob != NULL || p.file != NULL)
        return add_media(r, m, &p);
    if (p.other != NULL) {
        b = chat_add_block(r->c, m, BLOCK_OTHER);
        b->raw = node->raw;
        b->name = arena_str(r->c->arena, text_escape(r->c->scratch, p.other->key));
        return 0;
    }
    if (p.text == NULL && p.signature.len == 0)
        return invalid(r, "",
                       "has no data: one of text, inlineData, fileData, functionCall, "
                       "functionResponse must be there");
    add_text(r, m, &p);
    return 0;
}

static int add_parts(struct gemini_reading *r, struct chat_message *m, const struct json *parts)
{
    r->part = 0;
    if (parts != NULL && gemini_first(parts) == NULL && parts->type != JSON_ARRAY)
        return invalid(r, "", "must be an object");
    for (const struct json *p = gemini_first(parts); p != NULL; p = gemini_next(parts, p)) {
        if (add_part(r, m, p) != 0)
            return -1;
        r->part++;
    }
    return 0;
}

/* --- contents --- */

/* The message of this content: a model's streamed turn may be several contents. */
static struct chat_message *message_of(struct gemini_reading *r, bool is_model)
{
    struct chat_message *last = r->chat->last_message;

    if (is_model && last != NULL && last->role == ROLE_ASSISTANT)
        return last;
    r->open = NULL;
    if (is_model) {
        r->calls = r->last_call = NULL;
        r->n_calls = 0;
    }
    return chat_add_message(r->c, r->chat, is_model ? ROLE_ASSISTANT : ROLE_USER);
}

int gemini_read_contents(struct gemini_reading *r, const struct json *contents)
{
    const struct json *node = gemini_first(contents);

    if (node == NULL)
        return chat_invalid(r->c, r->err, "contents", "contents is not specified");
    for (; node != NULL; node = gemini_next(contents, node)) {
        struct str role = text_inside(gemini_get(node, "role"));
        bool is_model = text_is(role, "model");

        if (node->type != JSON_OBJECT || r->chat->n_messages >= CHAT_MESSAGES_MAX) {
            char path[PATH_MAX_BYTES];

            (void)snprintf(path, sizeof(path), "contents[%u]", r->content);
            return chat_invalid(r->c, r->err, path, "%s must be an object, one of %d at most", path,
                                CHAT_MESSAGES_MAX);
        }
        if (role.len > 0 && !is_model && !text_is(role, "user") && !text_is(role, "function"))
            return chat_invalid(r->c, r->err, "contents.role",
                                "Please use a valid role: user, model.");
        if (add_parts(r, message_of(r, is_model), gemini_get(node, "parts")) != 0)
            return -1;
        r->content++;
    }
    return 0;
}

int gemini_read_system(struct gemini_reading *r, const struct json *content)
{
    struct chat_message *m = chat_add_message(r->c, r->chat, ROLE_SYSTEM);
    int rc = 0;

    r->is_system = true;
    if (content->type == JSON_STRING)
        chat_add_block(r->c, m, BLOCK_TEXT)->text = text_inside(content);
    else if (content->type == JSON_OBJECT)
        rc = add_parts(r, m, gemini_get(content, "parts"));
    else
        rc = chat_invalid(r->c, r->err, "systemInstruction", "systemInstruction must be a Content");
    r->open = NULL;
    r->is_system = false;
    return rc;
}
