/*
 * `input` of the Responses API: items into messages.
 *
 * What the assistant said in one go stands there as several items (reasoning, message, calls); they
 * become one message, because that is what all other wires have.
 */
#include "providers/dialects/responses.h"

#include <stdio.h>

#include "providers/chat_text.h"

struct walk {
    const struct responses_in *in;
    uint32_t item;             /* index in `input` */
    struct chat_message *turn; /* the assistant's that is going on, or NULL */
};

/* A member's path for an error. */
static const char *path(const struct walk *w, const char *field, char out[96])
{
    (void)snprintf(out, 96, "input[%u]%s", w->item, field); /* fields are short and static */
    return out;
}

static int wrong(const struct walk *w, const char *field, const char *expected,
                 const struct json *got)
{
    char param[96];

    return got == NULL || got->type == JSON_NULL
               ? responses_missing(w->in, path(w, field, param))
               : responses_wrong_type(w->in, path(w, field, param), expected, got);
}

/* A string member that must be there. */
static int need_text(const struct walk *w, const struct json *object, const char *key,
                     struct str *out)
{
    const struct json *v = json_get(object, key);
    char field[40];

    if (v != NULL && v->type == JSON_STRING) {
        *out = text_inside(v);
        return 0;
    }
    (void)snprintf(field, sizeof(field), ".%s", key); /* keys are short */
    return wrong(w, field, "a string", v);
}

static void note(const struct walk *w, const struct json *object, const char *key, const char *name)
{
    const struct json *v = json_get(object, key);

    if (v != NULL && v->type != JSON_NULL)
        chat_add_extra(w->in->c, w->in->chat, str_of(name), STR_NONE);
}

/* --- content parts --- */

static int on_text_part(const struct walk *w, struct chat_block *b, const struct json *part)
{
    const struct json *annotations = json_get(part, "annotations");
    struct chat_citation **end = &b->citations;

    b->kind = BLOCK_TEXT;
    for (const struct json *x = annotations != NULL ? annotations->child : NULL; x != NULL;
         x = x->next) {
        struct chat_citation *c = arena_zalloc(w->in->c->arena, sizeof(*c));
        uint64_t n;

        c->url = text_member(x, "url");
        c->title = text_member(x, "title");
        c->start = json_u64(json_get(x, "start_index"), &n) ? (int64_t)n : -1;
        c->end = json_u64(json_get(x, "end_index"), &n) ? (int64_t)n : -1;
        c->raw = x->raw;
        *end = c;
        end = &c->next;
    }
    return need_text(w, part, "text", &b->text);
}

static int on_refusal_part(const struct walk *w, struct chat_block *b, const struct json *part)
{
    b->kind = BLOCK_REFUSAL;
    return need_text(w, part, "refusal", &b->text);
}

/* A URL, or the bytes in one. */
static void put_url(struct chat_media *m, struct str url)
{
    if (text_data_url(url, &m->type, &m->data)) {
        m->source = SOURCE_BASE64;
        return;
    }
    m->source = SOURCE_URL;
    m->data = url;
    m->type = text_media_type(url);
}

static int on_image_part(const struct walk *w, struct chat_block *b, const struct json *part)
{
    struct str id = text_member(part, "file_id");

    b->kind = BLOCK_IMAGE;
    b->media.detail = text_member(part, "detail");
    if (id.len > 0) {
        b->media.source = SOURCE_FILE;
        b->media.data = id;
        return 0;
    }
    if (need_text(w, part, "image_url", &id) != 0)
        return -1;
    put_url(&b->media, id);
    return 0;
}

static int on_file_part(const struct walk *w, struct chat_block *b, const struct json *part)
{
    struct str id = text_member(part, "file_id");
    struct str url = text_member(part, "file_url");
    struct str data;

    b->kind = BLOCK_DOCUMENT;
    b->media.name = text_member(part, "filename");
    b->media.detail = text_member(part, "detail");
    if (id.len > 0) {
        b->media.source = SOURCE_FILE;
        b->media.data = id;
        return 0;
    }
    if (url.len > 0) {
        put_url(&b->media, url);
        return 0;
    }
    if (need_text(w, part, "file_data", &data) != 0)
        return -1;
    b->media.source = SOURCE_BASE64;
    if (!text_data_url(data, &b->media.type, &b->media.data)) {
        b->media.data = data;
        b->media.type = text_media_type(b->media.name);
    }
    return 0;
}

static int on_audio_part(const struct walk *w, struct chat_block *b, const struct json *part)
{
    const struct json *audio = json_get(part, "input_audio");
    struct str format = text_member(audio, "format");

    b->kind = BLOCK_AUDIO;
    b->media.source = SOURCE_BASE64;
    b->media.type = text_is(format, "mp3") ? STR("audio/mpeg") : STR("audio/wav");
    if (audio == NULL || audio->type != JSON_OBJECT)
        return wrong(w, ".content.input_audio", "an object", audio);
    if (!text_is(format, "mp3") && !text_is(format, "wav"))
        return wrong(w, ".content.input_audio.format", "'mp3' or 'wav'", json_get(audio, "format"));
    return need_text(w, audio, "data", &b->media.data);
}

static const struct {
    const char *type;
    int (*fn)(const struct walk *w, struct chat_block *b, const struct json *part);
} parts[] = {
    {"input_text", on_text_part},   {"output_text", on_text_part}, {"text", on_text_part},
    {"input_image", on_image_part}, {"input_file", on_file_part},  {"input_audio", on_audio_part},
    {"refusal", on_refusal_part},
};

static enum chat_cache cache_of(const struct json *part)
{
    const struct json *point = json_get(part, "prompt_cache_breakpoint");

    if (point == NULL || point->type != JSON_OBJECT)
        return CACHE_NONE;
    return text_is(text_member(point, "ttl"), "12h") ? CACHE_1H : CACHE_5M;
}

static int put_part(const struct walk *w, struct chat_message *m, const struct json *part)
{
    struct str type = text_member(part, "type");
    struct chat_block *b;

    if (part->type != JSON_OBJECT)
        return wrong(w, ".content", "an array of objects", part);
    if (type.len == 0)
        return wrong(w, ".content.type", "a string", json_get(part, "type"));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!text_is(type, parts[i].type))
            continue;
        b = chat_add_block(w->in->c, m, BLOCK_TEXT);
        b->raw = part->raw;
        b->cache = cache_of(part);
        return parts[i].fn(w, b, part);
    }
    if (m->role == ROLE_ASSISTANT) { /* an item of its own there would not be this part */
        chat_add_extra(w->in->c, w->in->chat, STR("input.content"), STR_NONE);
        return 0;
    }
    b = chat_add_block(w->in->c, m, BLOCK_OTHER);
    b->name = type;
    b->raw = part->raw;
    return 0;
}

/* A string, or a list of parts. */
static int put_content(const struct walk *w, struct chat_message *m, const struct json *content,
                       const char *field)
{
    if (content != NULL && content->type == JSON_STRING) {
        chat_add_block(w->in->c, m, BLOCK_TEXT)->text = text_inside(content);
        return 0;
    }
    if (content == NULL || content->type != JSON_ARRAY)
        return wrong(w, field, "a string or an array of objects", content);
    for (const struct json *x = content->child; x != NULL; x = x->next) {
        if (put_part(w, m, x) != 0)
            return -1;
    }
    return 0;
}

/* --- items --- */

static struct chat_message *turn(struct walk *w)
{
    if (w->turn == NULL)
        w->turn = chat_add_message(w->in->c, w->in->chat, ROLE_ASSISTANT);
    return w->turn;
}

static int on_message(struct walk *w, const struct json *item)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {
        {"user", ROLE_USER},
        {"assistant", ROLE_ASSISTANT},
        {"system", ROLE_SYSTEM},
        {"developer", ROLE_DEVELOPER},
    };
    struct str role = text_member(item, "role");
    struct chat_message *m;

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!text_is(role, roles[i].name))
            continue;
        note(w, item, "phase", "input.phase");
        if (roles[i].role == ROLE_ASSISTANT) {
            m = turn(w);
        } else {
            w->turn = NULL;
            m = chat_add_message(w->in->c, w->in->chat, roles[i].role);
        }
        return put_content(w, m, json_get(item, "content"), ".content");
    }
    return wrong(w, ".role", "'user', 'assistant', 'system' or 'developer'",
                 json_get(item, "role"));
}

static int on_call(struct walk *w, const struct json *item)
{
    struct chat_block *b = chat_add_block(w->in->c, turn(w), BLOCK_TOOL_CALL);

    note(w, item, "namespace", "input.namespace");
    b->raw = item->raw;
    if (need_text(w, item, "call_id", &b->id) != 0 || need_text(w, item, "name", &b->name) != 0)
        return -1;
    return need_text(w, item, "arguments", &b->arguments_text);
}

static int on_freeform_call(struct walk *w, const struct json *item)
{
    struct chat_block *b = chat_add_block(w->in->c, turn(w), BLOCK_TOOL_CALL);
    struct str input;

    note(w, item, "namespace", "input.namespace");
    b->raw = item->raw;
    if (need_text(w, item, "call_id", &b->id) != 0 || need_text(w, item, "name", &b->name) != 0 ||
        need_text(w, item, "input", &input) != 0)
        return -1;
    b->arguments = responses_freeform_arguments(w->in->c->arena, input);
    return 0;
}

static int on_result(struct walk *w, const struct json *item)
{
    struct chat_message content = {.role = ROLE_TOOL};
    struct chat_message *m = chat_add_message(w->in->c, w->in->chat, ROLE_TOOL);
    struct chat_block *b = chat_add_block(w->in->c, m, BLOCK_TOOL_RESULT);

    w->turn = NULL;
    b->raw = item->raw;
    if (need_text(w, item, "call_id", &b->id) != 0 ||
        put_content(w, &content, json_get(item, "output"), ".output") != 0)
        return -1;
    b->content = content.blocks;
    return 0;
}

/* --- reasoning --- */

/* The texts of summary and content, joined by blank lines. */
static struct str reasoning_text(struct arena *a, const struct json *item)
{
    static const char *const lists[] = {"summary", "content"};
    struct str all = STR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct json *list = json_get(item, lists[i]);

        for (const struct json *x = list != NULL ? list->child : NULL; x != NULL; x = x->next) {
            struct str text = text_member(x, "text");

            if (text.len == 0)
                continue;
            all =
                all.len == 0 ? text : arena_concat(a, (struct str[]){all, STR("\\n\\n"), text}, 3);
        }
    }
    return all;
}

/* "call:<id>:<signature>": of a tool call in this turn. */
static void sign_call(const struct walk *w, struct str text, enum chat_signer signer)
{
    size_t colon = text.len;

    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || w->turn == NULL)
        return;
    for (struct chat_block *b = w->turn->blocks; b != NULL; b = b->next) {
        if (b->kind == BLOCK_TOOL_CALL && str_eq(b->id, (struct str){text.p, colon - 1})) {
            b->signature = str_skip(text, colon);
            b->signer = signer;
        }
    }
}

static int on_reasoning(struct walk *w, const struct json *item)
{
    struct arena *a = w->in->c->arena;
    const struct json *summary = json_get(item, "summary");
    struct str sealed = text_member(item, "encrypted_content");
    enum chat_signer signer;
    struct chat_block *b;
    struct str text;

    if (summary != NULL && summary->type != JSON_ARRAY)
        return wrong(w, ".summary", "an array of objects", summary);
    if (summary != NULL && summary->n > 1000)
        return wrong(w, ".summary", "an array of 1000 objects at most", summary);
    sealed = text_unwrap(sealed, SIGNER_OPENAI, &signer);
    if (signer != SIGNER_OPENAI && str_starts(sealed, STR(RESPONSES_CALL))) {
        sign_call(w, str_skip(sealed, strlen(RESPONSES_CALL)), signer);
        return 0;
    }
    text = reasoning_text(a, item);
    if (sealed.len == 0 && text.len == 0) { /* a mere id: its text is stored at OpenAI */
        chat_add_extra(w->in->c, w->in->chat, STR("input.reasoning"), STR_NONE);
        return 0;
    }
    b = chat_add_block(w->in->c, turn(w), BLOCK_THINKING);
    b->raw = item->raw;
    b->text = text;
    if (sealed.len == 0)
        return 0;
    b->signer = signer;
    b->signature = sealed;
    if (signer != SIGNER_OPENAI && str_starts(sealed, STR(RESPONSES_REDACTED))) {
        b->kind = BLOCK_REDACTED;
        b->signature = str_skip(sealed, strlen(RESPONSES_REDACTED));
    }
    return 0;
}

static int on_reference(struct walk *w, const struct json *item)
{
    char param[96];

    (void)item;
    return chat_invalid(w->in->c, w->in->err, path(w, "", param),
                        "'%s' is a reference to an item that OpenAI stores, and this model is "
                        "served by another provider: send the item itself.",
                        path(w, "", param));
}

/* Built-in tools' calls and what else only OpenAI knows. */
static int on_other(struct walk *w, const struct json *item, struct str type)
{
    struct chat_block *b;

    if (str_ends(type, STR("_output")) || text_is(type, "mcp_approval_response")) {
        w->turn = NULL;
        b = chat_add_block(w->in->c, chat_add_message(w->in->c, w->in->chat, ROLE_TOOL),
                           BLOCK_OTHER);
    } else {
        b = chat_add_block(w->in->c, turn(w), BLOCK_OTHER);
    }
    b->name = type;
    b->raw = item->raw;
    return 0;
}

static const struct {
    const char *type;
    int (*fn)(struct walk *w, const struct json *item);
} items[] = {
    {"message", on_message},
    {"function_call", on_call},
    {"function_call_output", on_result},
    {"reasoning", on_reasoning},
    {"custom_tool_call", on_freeform_call},
    {"custom_tool_call_output", on_result},
    {"item_reference", on_reference},
};

static int on_item(struct walk *w, const struct json *item)
{
    struct str type = text_member(item, "type");

    if (item->type != JSON_OBJECT)
        return wrong(w, "", "an object", item);
    if (type.len == 0) { /* easy messages and references may leave it out */
        if (json_get(item, "role") != NULL)
            return on_message(w, item);
        return json_get(item, "id") != NULL ? on_reference(w, item)
                                            : wrong(w, ".type", "a string", NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        if (text_is(type, items[i].type))
            return items[i].fn(w, item);
    }
    return on_other(w, item, type);
}

int responses_decode_input(const struct responses_in *in, const struct json *input)
{
    struct walk w = {.in = in};

    if (input->type == JSON_STRING) {
        struct chat_message *m = chat_add_message(in->c, in->chat, ROLE_USER);

        chat_add_block(in->c, m, BLOCK_TEXT)->text = text_inside(input);
        return 0;
    }
    if (input->type != JSON_ARRAY)
        return responses_wrong_type(in, "input", "a string or an array of objects", input);
    if (input->n > CHAT_MESSAGES_MAX)
        return chat_invalid(in->c, in->err, "input", "Invalid 'input': more than %d items.",
                            CHAT_MESSAGES_MAX);
    for (const struct json *x = input->child; x != NULL; x = x->next, w.item++) {
        if (on_item(&w, x) != 0)
            return -1;
    }
    if (chat_link_results(in->c, in->chat, in->err) != 0) {
        in->err->param = STR("input"); /* the client's word for it */
        return -1;
    }
    return 0;
}
