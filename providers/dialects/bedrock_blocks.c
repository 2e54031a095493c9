/*
 * bedrock_blocks - messages, system and content blocks of a Converse request: bedrock.h.
 */
#include <stdio.h>
#include <string.h>

#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"

#define PATH_MAX_BYTES 96

/* One block: into `m`, or into a tool result's list by way of a message of its own. */
struct place {
    const struct bedrock_in *in;
    struct chat_message *m;
    struct str call_signature; /* said ahead of the tool call it is for */
    enum chat_signer call_signer;
    const char *path;
};

typedef int block_fn(struct place *at, const struct json *v);

static int wrong(const struct place *at, const char *what)
{
    return bedrock_wrong(at->in, at->path, what);
}

static void extra(const struct place *at, const char *name)
{
    chat_add_extra(at->in->c, at->in->chat, str_of(name), STR_NONE);
}

static struct chat_block *add(struct place *at, enum chat_block_kind kind)
{
    return chat_add_block(at->in->c, at->m, kind);
}

struct str bedrock_texts(const struct chat_codec *c, const struct json *list)
{
    struct chat_block *first = NULL;
    struct chat_block **end = &first;

    if (list == NULL || list->type != JSON_ARRAY)
        return STR_NONE;
    for (const struct json *part = list->child; part != NULL; part = part->next) {
        struct str text = text_member(part, "text");

        if (text.len == 0)
            continue;
        *end = arena_zalloc(c->arena, sizeof(**end));
        **end = (struct chat_block){.kind = BLOCK_TEXT, .text = text};
        end = &(*end)->next;
    }
    return text_of_blocks(c, first, STR_NONE);
}

/* --- texts --- */

static int read_text(struct place *at, const struct json *v)
{
    if (v->type != JSON_STRING)
        return wrong(at, "must have a text that is a string");
    add(at, BLOCK_TEXT)->text = text_inside(v);
    return 0;
}

static int read_cache_point(struct place *at, const struct json *v)
{
    if (at->m->last != NULL)
        at->m->last->cache = bedrock_cache_of(v);
    else
        extra(at, "messages.content.cachePoint");
    return 0;
}

/* What a guardrail should look at: to other providers it is text like any other. */
static int read_guard(struct place *at, const struct json *v)
{
    const struct json *text = json_get(json_get(v, "text"), "text");

    if (text == NULL || text->type != JSON_STRING) {
        struct chat_block *b = add(at, BLOCK_OTHER);

        b->raw = v->raw;
        b->name = STR("guardContent");
        return 0;
    }
    extra(at, "guardContent");
    add(at, BLOCK_TEXT)->text = text_inside(text);
    return 0;
}

/* Its locations are in the documents, not in the answer. */
struct chat_citation bedrock_citation(const struct json *citation)
{
    const struct json *location = json_get(citation, "location");
    struct chat_citation c = {
        .url = text_member(json_get(location, "web"), "url"),
        .title = text_member(citation, "title"),
        .start = -1,
        .end = -1,
        .raw = citation->raw,
    };
    const struct json *source = json_get(citation, "sourceContent");

    if (c.url.len == 0 && str_starts(text_member(citation, "source"), STR("http")))
        c.url = text_member(citation, "source");
    if (source != NULL && source->type == JSON_ARRAY)
        c.text = text_member(source->child, "text");
    return c;
}

static int read_citations(struct place *at, const struct json *v)
{
    const struct json *list = json_get(v, "citations");
    struct chat_block *b = add(at, BLOCK_TEXT);
    struct chat_citation **end = &b->citations;

    b->text = bedrock_texts(at->in->c, json_get(v, "content"));
    if (list == NULL || list->type != JSON_ARRAY)
        return 0;
    for (const struct json *x = list->child; x != NULL; x = x->next) {
        *end = arena_alloc(at->in->c->arena, sizeof(**end));
        **end = bedrock_citation(x);
        end = &(*end)->next;
    }
    return 0;
}

/* --- media --- */

static int read_s3(struct place *at, struct chat_media *m, const struct json *location)
{
    m->source = SOURCE_FILE; /* nobody but AWS can read it */
    m->data = text_member(location, "uri");
    if (m->data.len == 0)
        return wrong(at, "needs a source.s3Location.uri");
    if (json_get(location, "bucketOwner") != NULL)
        extra(at, "messages.content.source.s3Location.bucketOwner");
    return 0;
}

static int read_source(struct place *at, struct chat_block *b, const struct json *source)
{
    const struct json *kind = bedrock_union(source);
    bool is_text = kind != NULL && b->kind == BLOCK_DOCUMENT;

    if (kind != NULL && str_eq(kind->key, STR("s3Location")))
        return read_s3(at, &b->media, kind);
    if (kind != NULL && str_eq(kind->key, STR("bytes")) && kind->type == JSON_STRING) {
        b->media.source = SOURCE_BASE64;
        b->media.data = text_inside(kind);
    } else if (is_text && str_eq(kind->key, STR("text")) && kind->type == JSON_STRING) {
        b->media.source = SOURCE_TEXT;
        b->media.data = text_inside(kind);
    } else if (is_text && str_eq(kind->key, STR("content"))) {
        b->media.source = SOURCE_TEXT;
        b->media.data = bedrock_texts(at->in->c, kind);
    } else {
        return wrong(at, "needs a source with bytes or an s3Location");
    }
    return 0;
}

static int read_media(struct place *at, const struct json *v, enum chat_block_kind kind)
{
    struct chat_block *b = add(at, kind);
    struct str format = text_member(v, "format");

    b->raw = v->raw;
    b->media.type = bedrock_type_of(kind, format);
    if (b->media.type.len == 0 && (format.len > 0 || kind != BLOCK_DOCUMENT))
        return wrong(at, "needs a format that is known");
    return read_source(at, b, json_get(v, "source"));
}

static int read_image(struct place *at, const struct json *v)
{
    return read_media(at, v, BLOCK_IMAGE);
}

static int read_video(struct place *at, const struct json *v)
{
    return read_media(at, v, BLOCK_VIDEO);
}

static int read_audio(struct place *at, const struct json *v)
{
    return read_media(at, v, BLOCK_AUDIO);
}

static int read_document(struct place *at, const struct json *v)
{
    if (json_get(v, "context") != NULL)
        extra(at, "messages.content.document.context");
    if (json_get(v, "citations") != NULL)
        extra(at, "messages.content.document.citations");
    if (read_media(at, v, BLOCK_DOCUMENT) != 0)
        return -1;
    at->m->last->media.name = text_member(v, "name");
    return 0;
}

/* --- tools --- */

static int read_tool_use(struct place *at, const struct json *v)
{
    const struct json *input = json_get(v, "input");
    struct chat_block *b;

    if (text_member(v, "type").len > 0) { /* server_tool_use: the provider ran it */
        b = add(at, BLOCK_OTHER);
        b->raw = v->raw;
        b->name = STR("toolUse");
        return 0;
    }
    b = add(at, BLOCK_TOOL_CALL);
    b->id = text_member(v, "toolUseId");
    b->name = text_member(v, "name");
    if (b->id.len == 0 || b->name.len == 0)
        return wrong(at, "needs toolUse.toolUseId and toolUse.name");
    if (input == NULL || input->type != JSON_OBJECT)
        return wrong(at, "needs a toolUse.input that is an object");
    b->arguments = input->raw;
    b->signature = at->call_signature;
    b->signer = at->call_signer;
    at->call_signature = STR_NONE;
    at->call_signer = SIGNER_NONE;
    return 0;
}

static int read_json(struct place *at, const struct json *v)
{
    struct chat_block *b = add(at, BLOCK_TEXT);

    b->raw = v->raw;
    b->text = text_escape(at->in->c->arena, v->raw);
    return 0;
}

static int read_content(const struct bedrock_in *in, struct chat_message *m,
                        const struct json *list, const char *path, bool is_result);

static int read_tool_result(struct place *at, const struct json *v)
{
    struct chat_message inner = {.role = ROLE_TOOL};
    const struct json *content = json_get(v, "content");
    char path[PATH_MAX_BYTES];
    struct chat_block *b;

    if (text_member(v, "type").len > 0) {
        b = add(at, BLOCK_OTHER);
        b->raw = v->raw;
        b->name = STR("toolResult");
        return 0;
    }
    b = add(at, BLOCK_TOOL_RESULT);
    b->id = text_member(v, "toolUseId");
    b->is_error = text_is(text_member(v, "status"), "error");
    if (b->id.len == 0)
        return wrong(at, "needs a toolResult.toolUseId");
    (void)snprintf(path, sizeof(path), "%s.toolResult.content", at->path); /* may be cut off */
    if (read_content(at->in, &inner, content, path, true) != 0)
        return -1;
    b->content = inner.blocks;
    b->is_json = inner.blocks != NULL && inner.blocks->next == NULL && inner.blocks->raw.len > 0 &&
                 inner.blocks->kind == BLOCK_TEXT;
    return 0;
}

/* --- thinking --- */

static int read_reasoning(struct place *at, const struct json *v)
{
    const struct json *text = json_get(v, "reasoningText");
    const struct json *redacted = json_get(v, "redactedContent");
    struct arena *a = at->in->c->arena;
    enum chat_signer signer;
    struct str signature;
    struct chat_block *b;

    if (redacted != NULL && redacted->type == JSON_STRING) {
        b = add(at, BLOCK_REDACTED);
        b->signature = bedrock_redacted_in(a, text_inside(redacted), &b->signer);
        return 0;
    }
    if (text == NULL || text->type != JSON_OBJECT)
        return wrong(at, "needs a reasoningContent.reasoningText or .redactedContent");
    signature = text_unwrap(text_member(text, "signature"), SIGNER_ANTHROPIC, &signer);
    if (signer != SIGNER_ANTHROPIC && str_starts(signature, STR(BEDROCK_CALL))) {
        at->call_signature = str_skip(signature, sizeof(BEDROCK_CALL) - 1);
        at->call_signer = signer;
        return 0;
    }
    b = add(at, BLOCK_THINKING);
    b->text = text_member(text, "text");
    b->signature = signature;
    b->signer = signature.len > 0 ? signer : SIGNER_NONE;
    return 0;
}

/* --- lists --- */

static const struct {
    const char *key;
    block_fn *read;
    bool in_results; /* also in a tool result */
} kinds[] = {
    {"text", read_text, true},
    {"image", read_image, true},
    {"document", read_document, true},
    {"video", read_video, true},
    {"json", read_json, true},
    {"audio", read_audio, false},
    {"toolUse", read_tool_use, false},
    {"toolResult", read_tool_result, false},
    {"reasoningContent", read_reasoning, false},
    {"cachePoint", read_cache_point, false},
    {"guardContent", read_guard, false},
    {"citationsContent", read_citations, false},
};

static int read_block(struct place *at, const struct json *block, bool is_result)
{
    const struct json *v = bedrock_union(block);
    struct chat_block *other;

    if (v == NULL)
        return wrong(at, "must be an object with exactly one member");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eq(v->key, str_of(kinds[i].key)) || (is_result && !kinds[i].in_results) ||
            (!is_result && kinds[i].read == read_json))
            continue;
        return kinds[i].read(at, v);
    }
    other = add(at, BLOCK_OTHER);
    other->raw = block->raw;
    other->name = arena_str(at->in->c->arena, text_escape(at->in->c->scratch, v->key));
    return 0;
}

static int read_content(const struct bedrock_in *in, struct chat_message *m,
                        const struct json *list, const char *path, bool is_result)
{
    char text[PATH_MAX_BYTES];
    struct place at = {.in = in, .m = m, .path = text};
    uint32_t i = 0;

    if (bedrock_want(in, list, JSON_ARRAY, path) != 0)
        return -1;
    for (const struct json *block = list->child; block != NULL; block = block->next) {
        text_place(text, sizeof(text), path, i++, "");
        if (read_block(&at, block, is_result) != 0)
            return -1;
    }
    return 0;
}

int bedrock_read_system(const struct bedrock_in *in, const struct json *blocks, const char *path)
{
    if (in->chat->messages != NULL && in->chat->messages->role == ROLE_SYSTEM)
        return 0; /* it was read ahead of the messages */
    if (blocks->type == JSON_ARRAY && blocks->n == 0)
        return 0;
    return read_content(in, chat_add_message(in->c, in->chat, ROLE_SYSTEM), blocks, path, false);
}

int bedrock_read_messages(const struct bedrock_in *in, const struct json *messages,
                          const char *path)
{
    char at[PATH_MAX_BYTES];
    uint32_t i = 0;

    if (bedrock_want(in, messages, JSON_ARRAY, path) != 0)
        return -1;
    if (messages->n > CHAT_MESSAGES_MAX)
        return bedrock_wrong(in, path, "has too many members");
    for (const struct json *m = messages->child; m != NULL; m = m->next) {
        struct str role = text_member(m, "role");
        struct chat_message *to;

        text_place(at, sizeof(at), path, i, "");
        if (text_is(role, "user"))
            to = chat_add_message(in->c, in->chat, ROLE_USER);
        else if (text_is(role, "assistant"))
            to = chat_add_message(in->c, in->chat, ROLE_ASSISTANT);
        else if (text_is(role, "system"))
            to = chat_add_message(in->c, in->chat, ROLE_SYSTEM);
        else
            return bedrock_wrong(in, at, "needs a role: user, assistant or system");
        text_place(at, sizeof(at), path, i++, ".content");
        if (read_content(in, to, json_get(m, "content"), at, false) != 0)
            return -1;
        for (const struct json *x = m->child; x != NULL; x = x->next) {
            if (!str_eq(x->key, STR("role")) && !str_eq(x->key, STR("content")))
                chat_add_extra(
                    in->c, in->chat,
                    arena_concat(in->c->arena, (struct str[]){STR("messages."), x->key}, 2),
                    STR_NONE);
        }
    }
    return 0;
}
