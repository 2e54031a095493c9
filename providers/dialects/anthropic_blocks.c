#include "providers/chat_text.h"
#include "providers/dialects/anthropic.h"

#define BLOCKS_MAX CHAT_MESSAGES_MAX /* in one request, those within tool results included */
#define LISTS_MAX 2                  /* a document's texts within a tool's result */

/* Members of content blocks, of whatever kind. */
enum field {
    F_TYPE,
    F_TEXT,
    F_CACHE,
    F_CITATIONS,
    F_SOURCE,
    F_ID,
    F_NAME,
    F_INPUT,
    F_TOOL_USE_ID,
    F_CONTENT,
    F_IS_ERROR,
    F_THINKING,
    F_SIGNATURE,
    F_DATA,
    F_TITLE,
    F_CONTEXT,
    F_CALLER,
    FIELDS
};

static const struct str names[FIELDS] = {
    [F_TYPE] = {"type", 4},
    [F_TEXT] = {"text", 4},
    [F_CACHE] = {"cache_control", 13},
    [F_CITATIONS] = {"citations", 9},
    [F_SOURCE] = {"source", 6},
    [F_ID] = {"id", 2},
    [F_NAME] = {"name", 4},
    [F_INPUT] = {"input", 5},
    [F_TOOL_USE_ID] = {"tool_use_id", 11},
    [F_CONTENT] = {"content", 7},
    [F_IS_ERROR] = {"is_error", 8},
    [F_THINKING] = {"thinking", 8},
    [F_SIGNATURE] = {"signature", 9},
    [F_DATA] = {"data", 4},
    [F_TITLE] = {"title", 5},
    [F_CONTEXT] = {"context", 7},
    [F_CALLER] = {"caller", 6},
};

/* Where a field that has no meaning elsewhere is told from. */
static void note(struct anthropic_in *in, struct str key)
{
    struct str parts[] = {STR("messages.content."), key};

    chat_add_extra(in->c, in->chat, arena_concat(in->c->scratch, parts, ARRAY_LEN(parts)),
                   STR_NONE);
}

static void sort_fields(const struct json *node, const struct json *f[FIELDS],
                        const struct json **unknown)
{
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        size_t i = 0;

        if (m->type == JSON_NULL)
            continue;
        while (i < FIELDS && !str_eq(m->key, names[i]))
            i++;
        if (i < FIELDS)
            f[i] = m;
        else
            *unknown = m;
    }
}

static int want_text(struct anthropic_in *in, const struct json *const f[FIELDS], enum field which,
                     struct str *out)
{
    if (f[which] == NULL)
        return anthropic_bad(in, names[which].p, "Field required");
    if (f[which]->type != JSON_STRING)
        return anthropic_bad(in, names[which].p, "Input should be a valid string");
    *out = text_inside(f[which]);
    return 0;
}

static int decode_list(struct anthropic_in *in, const struct json *node, struct chat_message *to);

/* --- text --- */

void anthropic_decode_citation(const struct json *node, struct chat_citation *out)
{
    *out = (struct chat_citation){
        .url = text_member(node, "url"),
        .title = text_member(node, "title"),
        .text = text_member(node, "cited_text"),
        .start = -1,
        .end = -1,
        .raw = node->raw,
    };
    if (out->title.len == 0)
        out->title = text_member(node, "document_title");
    if (out->url.len == 0 && text_is(text_member(node, "type"), "search_result_location"))
        out->url = text_member(node, "source");
}

static int decode_text(struct anthropic_in *in, const struct json *const f[FIELDS],
                       struct chat_block *b)
{
    struct chat_citation **end = &b->citations;

    if (want_text(in, f, F_TEXT, &b->text) != 0)
        return -1;
    if (f[F_CITATIONS] == NULL)
        return 0;
    if (f[F_CITATIONS]->type != JSON_ARRAY)
        return anthropic_bad(in, "citations", "Input should be a valid list");
    for (const struct json *n = f[F_CITATIONS]->child; n != NULL; n = n->next) {
        *end = arena_zalloc(in->c->arena, sizeof(**end));
        anthropic_decode_citation(n, *end);
        end = &(*end)->next;
    }
    return 0;
}

/* --- media --- */

/* The texts of a list of blocks as one. */
static int decode_texts(struct anthropic_in *in, const struct json *node, struct str *out)
{
    struct chat_message list = {.role = ROLE_USER};

    if (node == NULL)
        return anthropic_bad(in, "content", "Field required");
    if (node->type == JSON_STRING) {
        *out = text_inside(node);
        return 0;
    }
    if (decode_list(in, node, &list) != 0)
        return -1;
    for (const struct chat_block *b = list.blocks; b != NULL; b = b->next) {
        if (b->kind != BLOCK_TEXT)
            note(in, STR("source.content"));
    }
    *out = text_of_blocks(in->c, list.blocks, STR("\\n\\n"));
    return 0;
}

static int decode_source(struct anthropic_in *in, const struct json *source,
                         struct chat_media *media)
{
    static const struct {
        const char *type, *member;
        enum chat_source source;
    } sources[] = {
        {"base64", "data", SOURCE_BASE64},
        {"url", "url", SOURCE_URL},
        {"file", "file_id", SOURCE_FILE},
        {"text", "data", SOURCE_TEXT},
    };
    struct str type = text_member(source, "type");
    const struct json *value;

    if (source == NULL || source->type != JSON_OBJECT)
        return anthropic_bad(in, "source", "Input should be a valid dictionary");
    media->type = text_member(source, "media_type");
    if (text_is(type, "content")) {
        media->source = SOURCE_TEXT;
        media->type = STR("text/plain");
        return decode_texts(in, anthropic_given(json_get(source, "content")), &media->data);
    }
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (!text_is(type, sources[i].type))
            continue;
        value = json_get(source, sources[i].member);
        if (value == NULL || value->type != JSON_STRING)
            return anthropic_bad(in, "source", "Input should be a valid string");
        media->source = sources[i].source;
        media->data = text_inside(value);
        return 0;
    }
    return anthropic_bad(in, "source.type",
                         "Input should be 'base64', 'url', 'file', 'text' or 'content'");
}

static int decode_image(struct anthropic_in *in, const struct json *const f[FIELDS],
                        struct chat_block *b)
{
    return decode_source(in, f[F_SOURCE], &b->media);
}

static int decode_document(struct anthropic_in *in, const struct json *const f[FIELDS],
                           struct chat_block *b)
{
    bool is_cited = false;

    b->media.name = text_inside(f[F_TITLE]);
    if (json_bool(json_get(f[F_CITATIONS], "enabled"), &is_cited) && is_cited)
        note(in, STR("citations"));
    if (f[F_CONTEXT] != NULL)
        note(in, STR("context"));
    return decode_source(in, f[F_SOURCE], &b->media);
}

/* Elsewhere it is a text document; `source` says where it is from. */
static int decode_search_result(struct anthropic_in *in, const struct json *const f[FIELDS],
                                struct chat_block *b)
{
    b->media = (struct chat_media){
        .source = SOURCE_TEXT, .type = STR("text/plain"), .name = text_inside(f[F_TITLE])};
    if (f[F_SOURCE] != NULL)
        note(in, STR("source"));
    return decode_texts(in, f[F_CONTENT], &b->media.data);
}

/* --- tools --- */

static int decode_tool_use(struct anthropic_in *in, const struct json *const f[FIELDS],
                           struct chat_block *b)
{
    struct str caller = text_member(f[F_CALLER], "type");

    if (want_text(in, f, F_ID, &b->id) != 0 || want_text(in, f, F_NAME, &b->name) != 0)
        return -1;
    if (f[F_INPUT] == NULL || f[F_INPUT]->type != JSON_OBJECT)
        return anthropic_bad(in, "input", "Input should be a valid dictionary");
    if (caller.len > 0 && !text_is(caller, "direct")) /* "direct" is the default */
        note(in, STR("caller"));
    b->arguments = f[F_INPUT]->raw;
    return 0;
}

static int decode_tool_result(struct anthropic_in *in, const struct json *const f[FIELDS],
                              struct chat_block *b)
{
    struct chat_message list = {.role = ROLE_TOOL};

    if (want_text(in, f, F_TOOL_USE_ID, &b->id) != 0)
        return -1;
    if (f[F_IS_ERROR] != NULL && !json_bool(f[F_IS_ERROR], &b->is_error))
        return anthropic_bad(in, "is_error", "Input should be a valid boolean");
    if (f[F_CONTENT] == NULL)
        return 0;
    if (f[F_CONTENT]->type == JSON_STRING)
        chat_add_block(in->c, &list, BLOCK_TEXT)->text = text_inside(f[F_CONTENT]);
    else if (decode_list(in, f[F_CONTENT], &list) != 0)
        return -1;
    b->content = list.blocks;
    return 0;
}

/* --- thinking --- */

static int decode_thinking(struct anthropic_in *in, const struct json *const f[FIELDS],
                           struct chat_block *b)
{
    if (want_text(in, f, F_THINKING, &b->text) != 0 ||
        want_text(in, f, F_SIGNATURE, &b->signature) != 0)
        return -1;
    b->signature = text_unwrap(b->signature, SIGNER_ANTHROPIC, &b->signer);
    if (b->signature.len == 0)
        b->signer = SIGNER_NONE;
    return 0;
}

static int decode_redacted(struct anthropic_in *in, const struct json *const f[FIELDS],
                           struct chat_block *b)
{
    if (want_text(in, f, F_DATA, &b->signature) != 0)
        return -1;
    b->signature = text_unwrap(b->signature, SIGNER_ANTHROPIC, &b->signer);
    return 0;
}

static const struct {
    const char *type;
    enum chat_block_kind kind;
    int (*fn)(struct anthropic_in *in, const struct json *const f[FIELDS], struct chat_block *b);
} kinds[] = {
    {"text", BLOCK_TEXT, decode_text},
    {"tool_use", BLOCK_TOOL_CALL, decode_tool_use},
    {"tool_result", BLOCK_TOOL_RESULT, decode_tool_result},
    {"image", BLOCK_IMAGE, decode_image},
    {"document", BLOCK_DOCUMENT, decode_document},
    {"thinking", BLOCK_THINKING, decode_thinking},
    {"redacted_thinking", BLOCK_REDACTED, decode_redacted},
    {"search_result", BLOCK_DOCUMENT, decode_search_result},
};

static int decode_block(struct anthropic_in *in, const struct json *node, struct chat_message *to)
{
    const struct json *f[FIELDS] = {NULL};
    const struct json *unknown = NULL;
    struct chat_block *b;
    struct str type;
    size_t i = 0;

    if (node->type != JSON_OBJECT)
        return anthropic_bad(in, NULL, "Input should be a valid dictionary");
    if (++in->n_blocks > BLOCKS_MAX)
        return anthropic_bad(in, NULL, "There are too many content blocks");
    sort_fields(node, f, &unknown);
    type = text_inside(f[F_TYPE]);
    if (type.len == 0)
        return anthropic_bad(in, "type", "Field required");
    while (i < ARRAY_LEN(kinds) && !text_is(type, kinds[i].type))
        i++;
    b = chat_add_block(in->c, to, i < ARRAY_LEN(kinds) ? kinds[i].kind : BLOCK_OTHER);
    b->raw = node->raw;
    if (anthropic_decode_cache(in, f[F_CACHE], &b->cache) != 0)
        return -1;
    if (i == ARRAY_LEN(kinds)) {
        b->name = type;
        return 0;
    }
    if (unknown != NULL)
        note(in, unknown->key);
    return kinds[i].fn(in, f, b);
}

/* Blocks within a block: of a tool's result or a document. */
static int decode_list(struct anthropic_in *in, const struct json *node, struct chat_message *to)
{
    int64_t outer = in->inner;
    int rc = 0;

    if (node->type != JSON_ARRAY)
        return anthropic_bad(in, "content", "Input should be a valid list");
    if (in->depth == LISTS_MAX)
        return anthropic_bad(in, "content", "Content is nested too deeply");
    in->depth++;
    in->inner = 0;
    for (const struct json *n = node->child; n != NULL && rc == 0; n = n->next) {
        rc = decode_block(in, n, to);
        if (rc == 0)
            in->inner++;
    }
    in->depth--;
    if (rc == 0)
        in->inner = outer;
    return rc;
}

/* --- messages --- */

/*
 * A user turn holds results of tools and system texts too: in the neutral form they are messages of
 * their own, in the same order.
 */
static int decode_in_turn(struct anthropic_in *in, const struct json *node, enum chat_role role,
                          struct chat_message **m)
{
    struct str type = text_member(node, "type");
    enum chat_role wanted = role;

    if (role == ROLE_USER && text_is(type, "tool_result"))
        wanted = ROLE_TOOL;
    if (text_is(type, "mid_conv_system"))
        wanted = ROLE_SYSTEM;
    if (*m == NULL || (*m)->role != wanted)
        *m = chat_add_message(in->c, in->chat, wanted);
    if (wanted == ROLE_SYSTEM && role != ROLE_SYSTEM) {
        const struct json *content = anthropic_given(json_get(node, "content"));

        if (content == NULL)
            return anthropic_bad(in, "content", "Field required");
        return decode_list(in, content, *m);
    }
    return decode_block(in, node, *m);
}

/*
 * Gemini's signature of a tool call came to this client in a thinking block of its own ahead of the
 * call (anthropic_reply.c): back it goes.
 */
static void restore_signatures(struct chat_message *m)
{
    for (struct chat_block **at = &m->blocks; *at != NULL;) {
        struct chat_block *b = *at, *next = b->next;

        if (b->kind != BLOCK_THINKING || b->signer != SIGNER_GEMINI || b->text.len > 0 ||
            next == NULL || next->kind != BLOCK_TOOL_CALL) {
            at = &b->next;
            continue;
        }
        next->signature = b->signature;
        next->signer = b->signer;
        *at = next;
    }
}

static int decode_content(struct anthropic_in *in, const struct json *content, enum chat_role role)
{
    struct chat_message *m = NULL;

    if (content == NULL)
        return anthropic_bad(in, "content", "Field required");
    if (content->type == JSON_STRING) {
        m = chat_add_message(in->c, in->chat, role);
        chat_add_block(in->c, m, BLOCK_TEXT)->text = text_inside(content);
        return 0;
    }
    if (content->type != JSON_ARRAY)
        return anthropic_bad(in, "content", "Input should be a valid string or list");
    in->block = 0;
    for (const struct json *n = content->child; n != NULL; n = n->next, in->block++) {
        if (decode_in_turn(in, n, role, &m) != 0)
            return -1;
    }
    in->block = -1;
    if (m != NULL && role == ROLE_ASSISTANT)
        restore_signatures(m);
    return 0;
}

static int decode_message(struct anthropic_in *in, const struct json *node)
{
    struct str role = text_member(node, "role");

    if (node->type != JSON_OBJECT)
        return anthropic_bad(in, NULL, "Input should be a valid dictionary");
    for (const struct json *m = node->child; m != NULL; m = m->next) {
        if (!str_eq(m->key, STR("role")) && !str_eq(m->key, STR("content"))) {
            struct str parts[] = {STR("messages."), m->key};

            chat_add_extra(in->c, in->chat, arena_concat(in->c->scratch, parts, 2), STR_NONE);
        }
    }
    if (text_is(role, "user"))
        return decode_content(in, anthropic_given(json_get(node, "content")), ROLE_USER);
    if (text_is(role, "assistant"))
        return decode_content(in, anthropic_given(json_get(node, "content")), ROLE_ASSISTANT);
    if (text_is(role, "system"))
        return decode_content(in, anthropic_given(json_get(node, "content")), ROLE_SYSTEM);
    return anthropic_bad(in, "role", "Input should be 'user' or 'assistant'");
}

int anthropic_decode_messages(struct anthropic_in *in, const struct json *node)
{
    in->list = "messages";
    in->item = in->block = in->inner = -1;
    if (node->type != JSON_ARRAY)
        return anthropic_bad(in, NULL, "Input should be a valid list");
    if (node->n == 0)
        return anthropic_bad(in, NULL, "at least one message is required");
    if (node->n > CHAT_MESSAGES_MAX)
        return anthropic_bad(in, NULL, "There are too many messages");
    in->item = 0;
    for (const struct json *n = node->child; n != NULL; n = n->next, in->item++) {
        if (decode_message(in, n) != 0)
            return -1;
    }
    if (in->chat->last_message == NULL)
        return anthropic_bad(in, NULL, "at least one message with content is required");
    in->list = NULL;
    return 0;
}

int anthropic_decode_system(struct anthropic_in *in, const struct json *node)
{
    struct chat_message *m;

    if (node == NULL)
        return 0;
    in->list = "system";
    if (node->type != JSON_STRING && node->type != JSON_ARRAY)
        return anthropic_bad(in, NULL, "Input should be a valid string or list");
    if (node->type == JSON_ARRAY && node->n == 0)
        return 0;
    m = chat_add_message(in->c, in->chat, ROLE_SYSTEM);
    if (node->type == JSON_STRING) {
        chat_add_block(in->c, m, BLOCK_TEXT)->text = text_inside(node);
        return 0;
    }
    in->item = 0;
    for (const struct json *n = node->child; n != NULL; n = n->next, in->item++) {
        if (decode_block(in, n, m) != 0)
            return -1;
    }
    return 0;
}
