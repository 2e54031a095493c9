/*
 * cohere_messages - messages of a v2 chat request, and the documents beside them: cohere.h.
 */
#include <stdio.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/cohere.h"

#define PATH_MAX_BYTES 64

struct place {
    const struct cohere_in *in;
    struct chat_message *m;
    char path[PATH_MAX_BYTES]; /* "messages[3]" */
};

static int wrong(const struct place *at, const char *below, const char *what)
{
    char path[PATH_MAX_BYTES + 32];

    (void)snprintf(path, sizeof(path), "%s%s", at->path, below); /* fits */
    return cohere_wrong(at->in, path, what);
}

static struct chat_block *add(const struct place *at, enum chat_block_kind kind)
{
    return chat_add_block(at->in->c, at->m, kind);
}

/* --- documents --- */

/* An object with nothing but a text is that text; others are read as what they are, JSON. */
static struct str document_text(struct arena *a, const struct json *data)
{
    const struct json *text = json_get(data, "text");

    if (data->type == JSON_STRING)
        return text_inside(data);
    if (text != NULL && text->type == JSON_STRING &&
        (data->n == 1 || (data->n == 2 && text_member(data, "title").len > 0)))
        return text_inside(text);
    return text_of_raw(a, data->raw);
}

/* What the whole chat is about: text that stands ahead of the user's first words. */
static int read_documents(const struct place *at)
{
    const struct json *list = at->in->documents;

    if (cohere_want(at->in, list, JSON_ARRAY, "documents") != 0)
        return -1;
    if (list->n > COHERE_DOCUMENTS_MAX)
        return cohere_wrong(at->in, "documents", "has too many members");
    for (const struct json *d = list->child; d != NULL; d = d->next) {
        const struct json *data = d->type == JSON_STRING ? d : json_get(d, "data");
        struct chat_block *b;

        if (data == NULL || (data->type != JSON_STRING && data->type != JSON_OBJECT))
            return cohere_wrong(at->in, "documents", "must be strings or objects with data");
        b = add(at, BLOCK_DOCUMENT);
        b->raw = d->raw;
        b->name = STR(COHERE_DOCUMENT);
        b->media.source = SOURCE_TEXT;
        b->media.type = STR("text/plain");
        b->media.data = document_text(at->in->c->arena, data);
        b->media.name = text_member(data, "title");
        if (b->media.name.len == 0)
            b->media.name = text_member(d, "id");
    }
    return 0;
}

/* --- content --- */

static int read_image(const struct place *at, const struct json *part)
{
    const struct json *image = json_get(part, "image_url");
    struct chat_block *b = add(at, BLOCK_IMAGE);

    b->raw = part->raw;
    b->media.source = SOURCE_URL;
    b->media.data = image != NULL && image->type == JSON_STRING ? text_inside(image)
                                                                : text_member(image, "url");
    b->media.detail = text_member(image, "detail");
    if (b->media.data.len == 0)
        return wrong(at, ".content.image_url", "needs a url");
    if (text_data_url(b->media.data, &b->media.type, &b->media.data))
        b->media.source = SOURCE_BASE64;
    return 0;
}

static void read_thought(const struct place *at, const struct json *part)
{
    struct str redacted = text_member(part, "bf_redacted");
    struct str signature = text_member(part, "bf_signature");
    struct chat_block *b = add(at, redacted.len > 0 ? BLOCK_REDACTED : BLOCK_THINKING);

    b->text = text_member(part, "thinking");
    if (redacted.len > 0)
        signature = redacted;
    if (signature.len > 0)
        b->signature = text_unwrap(signature, SIGNER_OTHER, &b->signer);
}

/* What a tool found: text, or an object. */
static int read_tool_document(const struct place *at, const struct json *part)
{
    const struct json *document = json_get(part, "document");
    const struct json *data = json_get(document, "data");
    struct chat_block *b = add(at, BLOCK_TEXT);

    if (data == NULL || (data->type != JSON_STRING && data->type != JSON_OBJECT))
        return wrong(at, ".content.document", "needs data, a string or an object");
    if (data->type == JSON_STRING) {
        b->text = text_inside(data);
    } else {
        b->raw = data->raw;
        b->text = text_of_raw(at->in->c->arena, data->raw);
    }
    if (json_get(document, "id") != NULL)
        cohere_extra(at->in, "messages.content.document", STR("id"));
    return 0;
}

static int read_part(const struct place *at, const struct json *part)
{
    struct str type = text_member(part, "type");
    struct chat_block *b;

    if (part->type != JSON_OBJECT)
        return wrong(at, ".content", "must be an array of objects");
    if (text_is(type, "text")) {
        const struct json *text = json_get(part, "text");

        if (text == NULL || text->type != JSON_STRING)
            return wrong(at, ".content.text", "must be a string");
        add(at, BLOCK_TEXT)->text = text_inside(text);
        return 0;
    }
    if (text_is(type, "image_url"))
        return read_image(at, part);
    if (text_is(type, "document") && at->m->role == ROLE_TOOL)
        return read_tool_document(at, part);
    if (text_is(type, "thinking") && at->m->role == ROLE_ASSISTANT) {
        read_thought(at, part);
        return 0;
    }
    if (type.len == 0)
        return wrong(at, ".content.type", "is required");
    b = add(at, BLOCK_OTHER);
    b->raw = part->raw;
    b->name = type;
    return 0;
}

static int read_content(const struct place *at, const struct json *content)
{
    if (content == NULL || content->type == JSON_NULL)
        return at->m->role == ROLE_ASSISTANT ? 0 : wrong(at, ".content", "is required");
    if (content->type == JSON_STRING) {
        if (content->raw.len > 2 || at->m->role == ROLE_USER)
            add(at, BLOCK_TEXT)->text = text_inside(content);
        return 0;
    }
    if (content->type != JSON_ARRAY)
        return wrong(at, ".content", "must be a string or an array");
    for (const struct json *part = content->child; part != NULL; part = part->next) {
        if (read_part(at, part) != 0)
            return -1;
    }
    return 0;
}

/* --- the assistant's --- */

/* The plan is said ahead of all but thoughts: there it is once more when it is written again. */
static void read_plan(const struct place *at, struct str plan)
{
    struct chat_block *b, *before = NULL;
    struct chat_message *m = at->m;

    if (plan.len == 0)
        return;
    b = arena_zalloc(at->in->c->arena, sizeof(*b));
    b->kind = BLOCK_TEXT;
    b->text = plan;
    for (struct chat_block *x = m->blocks;
         x != NULL && (x->kind == BLOCK_THINKING || x->kind == BLOCK_REDACTED); x = x->next)
        before = x;
    b->next = before != NULL ? before->next : m->blocks;
    if (before != NULL)
        before->next = b;
    else
        m->blocks = b;
    if (b->next == NULL)
        m->last = b;
}

static int read_call(const struct place *at, const struct json *call)
{
    const struct json *function = json_get(call, "function");
    const struct json *arguments = json_get(function, "arguments");
    struct chat_block *b = add(at, BLOCK_TOOL_CALL);
    struct str signature = text_member(call, "bf_signature");

    b->raw = call->raw;
    b->id = text_member(call, "id");
    b->name = text_member(function, "name");
    if (b->id.len == 0 || b->name.len == 0)
        return wrong(at, ".tool_calls", "needs id and function.name");
    if (arguments != NULL && arguments->type == JSON_STRING)
        b->arguments_text = text_inside(arguments);
    else if (arguments != NULL && arguments->type == JSON_OBJECT)
        b->arguments = arguments->raw;
    else if (arguments != NULL && arguments->type != JSON_NULL)
        return wrong(at, ".tool_calls.function.arguments", "must be a string");
    if (signature.len > 0)
        b->signature = text_unwrap(signature, SIGNER_OTHER, &b->signer);
    return 0;
}

struct chat_citation cohere_citation(const struct json *citation)
{
    const struct json *sources = json_get(citation, "sources");
    const struct json *document = NULL;
    struct chat_citation c = {
        .text = text_member(citation, "text"), .start = -1, .end = -1, .raw = citation->raw};
    uint64_t n;

    if (sources != NULL && sources->type == JSON_ARRAY && sources->child != NULL) {
        document = json_get(sources->child, "document");
        if (document == NULL)
            document = json_get(sources->child, "tool_output");
        c.title = text_member(document, "title");
        c.url = text_member(document, "url");
        if (c.title.len == 0)
            c.title = text_member(sources->child, "id");
    }
    if (json_u64(json_get(citation, "start"), &n) && n < INT32_MAX)
        c.start = (int64_t)n;
    if (json_u64(json_get(citation, "end"), &n) && n < INT32_MAX)
        c.end = (int64_t)n;
    return c;
}

/* All of a message's belong to its last text. */
static int read_citations(const struct place *at, const struct json *list)
{
    struct chat_citation **end;
    struct chat_block *text = NULL;

    if (list == NULL || list->type == JSON_NULL)
        return 0;
    if (list->type != JSON_ARRAY || list->n > COHERE_CITATIONS_MAX)
        return wrong(at, ".citations", "must be an array that is not too long");
    for (struct chat_block *b = at->m->blocks; b != NULL; b = b->next)
        text = b->kind == BLOCK_TEXT ? b : text;
    if (text == NULL)
        return 0;
    end = &text->citations;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        if (x->type != JSON_OBJECT)
            continue;
        *end = arena_alloc(at->in->c->arena, sizeof(**end));
        **end = cohere_citation(x);
        end = &(*end)->next;
    }
    return 0;
}

static int read_assistant(const struct place *at, const struct json *message)
{
    const struct json *calls = json_get(message, "tool_calls");

    if (read_content(at, json_get(message, "content")) != 0)
        return -1;
    if (read_citations(at, json_get(message, "citations")) != 0)
        return -1;
    read_plan(at, text_member(message, "tool_plan"));
    if (calls == NULL || calls->type == JSON_NULL)
        return 0;
    if (calls->type != JSON_ARRAY)
        return wrong(at, ".tool_calls", "must be an array");
    for (const struct json *call = calls->child; call != NULL; call = call->next) {
        if (read_call(at, call) != 0)
            return -1;
    }
    return 0;
}

/* --- results --- */

static int read_result(struct place *at, const struct json *message)
{
    struct chat_message inner = {.role = ROLE_TOOL};
    struct chat_message *outer = at->m;
    struct chat_block *b = add(at, BLOCK_TOOL_RESULT);
    int rc;

    b->id = text_member(message, "tool_call_id");
    if (b->id.len == 0)
        return wrong(at, ".tool_call_id", "is required");
    at->m = &inner;
    rc = read_content(at, json_get(message, "content"));
    at->m = outer;
    if (rc != 0)
        return -1;
    b->content = inner.blocks;
    b->is_json = inner.blocks != NULL && inner.blocks->next == NULL &&
                 inner.blocks->kind == BLOCK_TEXT && inner.blocks->raw.len > 0;
    return 0;
}

/* --- messages --- */

static void note_unknown(const struct place *at, const struct json *message)
{
    static const char *const known[] = {"role",      "content",   "tool_calls",
                                        "tool_plan", "citations", "tool_call_id"};

    for (const struct json *x = message->child; x != NULL; x = x->next) {
        size_t i = 0;

        while (i < ARRAY_LEN(known) && !str_eq(x->key, str_of(known[i])))
            i++;
        if (i == ARRAY_LEN(known) && x->type != JSON_NULL)
            cohere_extra(at->in, "messages", x->key);
    }
}

static int read_message(struct place *at, const struct json *message, bool *has_documents)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {{"user", ROLE_USER},
                 {"assistant", ROLE_ASSISTANT},
                 {"tool", ROLE_TOOL},
                 {"system", ROLE_SYSTEM}};
    struct str role = text_member(message, "role");
    size_t i = 0;

    if (message->type != JSON_OBJECT)
        return wrong(at, "", "must be an object");
    while (i < ARRAY_LEN(roles) && !text_is(role, roles[i].name))
        i++;
    if (i == ARRAY_LEN(roles))
        return wrong(at, ".role", "must be one of user, assistant, system and tool");
    note_unknown(at, message);
    at->m = chat_add_message(at->in->c, at->in->chat, roles[i].role);
    if (roles[i].role == ROLE_USER && !*has_documents) {
        *has_documents = true;
        if (read_documents(at) != 0)
            return -1;
    }
    if (roles[i].role == ROLE_TOOL)
        return read_result(at, message);
    return roles[i].role == ROLE_ASSISTANT ? read_assistant(at, message)
                                           : read_content(at, json_get(message, "content"));
}

int cohere_read_messages(const struct cohere_in *in, const struct json *messages)
{
    struct place at = {.in = in};
    bool has_documents = in->documents == NULL;
    unsigned i = 0;

    if (cohere_want(in, messages, JSON_ARRAY, "messages") != 0)
        return -1;
    if (messages->n == 0 || messages->n > CHAT_MESSAGES_MAX)
        return cohere_wrong(in, "messages", "must have at least one member, and not too many");
    for (const struct json *m = messages->child; m != NULL; m = m->next) {
        text_place(at.path, sizeof(at.path), "messages", i++, "");
        if (read_message(&at, m, &has_documents) != 0)
            return -1;
    }
    if (!has_documents) /* nobody of the user's is there to hold them */
        chat_add_extra(in->c, in->chat, STR(COHERE_DOCUMENT), in->documents->raw);
    return 0;
}
