/*
 * Messages as `input` items of the Responses API.
 *
 * How a message is written depends on nothing behind it: a request with one more turn has the same
 * bytes in front.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"
#include "providers/write.h"

#define CALL_ID_MAX 64 /* OpenAI refuses longer ones */

static bool is_home(const struct responses_out *o)
{
    return o->chat->from == DIALECT_RESPONSES;
}

struct str responses_instructions(const struct chat *chat)
{
    const struct chat_message *m = chat->messages;

    if (m == NULL || m->role != ROLE_SYSTEM || m->blocks == NULL || m->blocks->next != NULL ||
        m->blocks->kind != BLOCK_TEXT || m->name.len > 0)
        return STR_NONE;
    if (chat->from == DIALECT_RESPONSES && m->blocks->cache != CACHE_NONE)
        return STR_NONE; /* a string has no place for it */
    return m->blocks->text;
}

bool responses_put_citation(struct buf *out, const struct chat_citation *c, bool is_own)
{
    if (is_own && c->raw.len > 0) {
        write_raw(out, c->raw);
        return true;
    }
    if (c->url.len == 0)
        return false;
    write_open(out, '{');
    write_member_cstr(out, "type", "url_citation");
    write_member_u64(out, "start_index", c->start > 0 ? (uint64_t)c->start : 0);
    write_member_u64(out, "end_index", c->end > 0 ? (uint64_t)c->end : 0);
    write_member_text(out, "url", c->url);
    write_member_text(out, "title", c->title);
    write_close(out, '}');
    return true;
}

/* --- content parts --- */

static void put_part(const struct responses_out *o, const char *type)
{
    write_open(o->out, '{');
    write_member_cstr(o->out, "type", type);
}

static void end_part(const struct responses_out *o, const struct chat_block *b)
{
    /* Others' cache points are left out: OpenAI caches by itself, and older models refuse these. */
    if (is_home(o) && b->cache != CACHE_NONE)
        write_member_raw(o->out, "prompt_cache_breakpoint",
                         b->cache == CACHE_1H ? STR("{\"mode\":\"explicit\",\"ttl\":\"12h\"}")
                                              : STR("{\"mode\":\"explicit\"}"));
    write_close(o->out, '}');
}

static void put_citations(const struct responses_out *o, const struct chat_block *b)
{
    write_key(o->out, "annotations");
    write_open(o->out, '[');
    for (const struct chat_citation *c = b->citations; c != NULL; c = c->next) {
        if (!responses_put_citation(o->out, c, is_home(o)))
            loss_drop(o->loss, STR("citations"));
    }
    write_close(o->out, ']');
}

static void put_data_url(const struct responses_out *o, const char *key, const struct chat_media *m,
                         struct str type)
{
    struct buf *out = o->out;

    write_key(out, key);
    buf_reserve(out, m->data.len + type.len + 32);
    buf_cstr(out, "\"data:");
    buf_str(out, m->type.len > 0 ? m->type : type);
    buf_cstr(out, ";base64,");
    buf_str(out, m->data);
    buf_char(out, '"');
}

/* A file's id means something at the provider that gave it only. */
static bool is_file_known(const struct responses_out *o)
{
    return is_home(o) || o->chat->from == DIALECT_OPENAI;
}

static int foreign_file(const struct responses_out *o)
{
    return chat_invalid(o->c, o->err, NULL,
                        "A file id of another provider cannot be read by this one: send the "
                        "file's data or a URL.");
}

static int put_image(const struct responses_out *o, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;

    if (m->source == SOURCE_FILE && !is_file_known(o))
        return foreign_file(o);
    put_part(o, "input_image");
    if (m->source == SOURCE_FILE)
        write_member_text(o->out, "file_id", m->data);
    else if (m->source == SOURCE_URL)
        write_member_text(o->out, "image_url", m->data);
    else
        put_data_url(o, "image_url", m, STR("image/png"));
    write_text_if(o->out, "detail", m->detail);
    end_part(o, b);
    return 0;
}

static int put_document(const struct responses_out *o, const struct chat_block *b)
{
    const struct chat_media *m = &b->media;

    if (m->source == SOURCE_FILE && !is_file_known(o))
        return foreign_file(o);
    if (m->source == SOURCE_TEXT) {
        loss_change(o->loss, STR("document"));
        put_part(o, "input_text");
        write_member_text(o->out, "text", m->data);
        end_part(o, b);
        return 0;
    }
    put_part(o, "input_file");
    if (m->source == SOURCE_FILE) {
        write_member_text(o->out, "file_id", m->data);
    } else if (m->source == SOURCE_URL) {
        write_member_text(o->out, "file_url", m->data);
    } else { /* the API wants a name beside data */
        write_member_text(o->out, "filename", m->name.len > 0 ? m->name : STR("document.pdf"));
        put_data_url(o, "file_data", m, STR("application/pdf"));
    }
    if (m->source != SOURCE_BASE64)
        write_text_if(o->out, "filename", is_home(o) ? m->name : STR_NONE);
    write_text_if(o->out, "detail", is_home(o) ? m->detail : STR_NONE);
    end_part(o, b);
    return 0;
}

static int put_audio(const struct responses_out *o, const struct chat_block *b)
{
    bool is_mp3 = text_is(b->media.type, "audio/mpeg") || text_is(b->media.type, "audio/mp3");
    bool is_wav = text_is(b->media.type, "audio/wav") || text_is(b->media.type, "audio/x-wav") ||
                  text_is(b->media.type, "audio/wave");

    if (b->media.source != SOURCE_BASE64 || (!is_mp3 && !is_wav))
        return chat_invalid(o->c, o->err, NULL,
                            "This provider takes audio as MP3 or WAV data only.");
    put_part(o, "input_audio");
    write_key(o->out, "input_audio");
    write_open(o->out, '{');
    write_member_text(o->out, "data", b->media.data);
    write_member_cstr(o->out, "format", is_mp3 ? "mp3" : "wav");
    write_close(o->out, '}');
    end_part(o, b);
    return 0;
}

/* One part of a message or a tool's result; nothing when it cannot be said. */
static int put_block(const struct responses_out *o, const struct chat_block *b, bool is_assistant)
{
    switch (b->kind) {
    case BLOCK_TEXT:
        put_part(o, is_assistant ? "output_text" : "input_text");
        write_member_text(o->out, "text", b->text);
        if (is_assistant)
            put_citations(o, b);
        end_part(o, b);
        return 0;
    case BLOCK_REFUSAL:
        put_part(o, is_assistant ? "refusal" : "input_text");
        write_member_text(o->out, is_assistant ? "refusal" : "text", b->text);
        end_part(o, b);
        return 0;
    case BLOCK_IMAGE:
        return put_image(o, b);
    case BLOCK_DOCUMENT:
        return put_document(o, b);
    case BLOCK_AUDIO:
        return put_audio(o, b);
    case BLOCK_VIDEO:
        return chat_invalid(o->c, o->err, NULL, "This provider takes no video.");
    case BLOCK_OTHER:
        if (is_home(o)) {
            write_raw(o->out, b->raw);
            return 0;
        }
        break;
    default:
        break;
    }
    responses_drop(o, STR("messages"), b->name.len > 0 ? b->name : STR("content"));
    return 0;
}

/* --- items --- */

static void begin_item(const struct responses_out *o, const char *type)
{
    write_open(o->out, '{');
    write_member_cstr(o->out, "type", type);
}

/* Call and result shorten an id alike. */
static void put_call_id(const struct responses_out *o, struct str id)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */

    if (id.len <= CALL_ID_MAX) {
        write_member_text(o->out, "call_id", id);
        return;
    }
    for (size_t i = 0; i < id.len; i++)
        sum = (sum ^ (unsigned char)id.p[i]) * 1099511628211u;
    loss_change(o->loss, STR("tool_call_id"));
    write_key(o->out, "call_id");
    buf_printf(o->out, "\"call_%016llx\"", (unsigned long long)sum);
}

static void put_call(const struct responses_out *o, const struct chat_block *b)
{
    struct str input;

    if (responses_freeform(o->chat, b->name) != NULL && responses_freeform_input(o->c, b, &input)) {
        begin_item(o, "custom_tool_call");
        put_call_id(o, b->id);
        write_member_text(o->out, "name", b->name);
        write_member_text(o->out, "input", input);
        write_close(o->out, '}');
        return;
    }
    begin_item(o, "function_call");
    put_call_id(o, b->id);
    write_member_text(o->out, "name", b->name);
    write_member_text(o->out, "arguments", text_arguments_string(o->c, b));
    write_close(o->out, '}');
}

static struct str result_text(const struct responses_out *o, const struct chat_block *b)
{
    if (b->text.len == 0 && b->raw.len > 0)
        return text_escape(o->c->arena, b->raw);
    return b->text;
}

static int put_result(const struct responses_out *o, const struct chat_block *b)
{
    const struct chat_block *x = b->content;
    bool is_freeform = responses_freeform(o->chat, b->name) != NULL;

    if (b->is_error)
        loss_drop(o->loss, STR("is_error"));
    begin_item(o, is_freeform ? "custom_tool_call_output" : "function_call_output");
    put_call_id(o, b->id);
    if (x == NULL || (x->next == NULL && x->kind == BLOCK_TEXT && x->cache == CACHE_NONE)) {
        struct str text = STR_NONE;

        if (x != NULL)
            text = b->is_json ? result_text(o, x) : x->text;
        write_member_text(o->out, "output", text);
        write_close(o->out, '}');
        return 0;
    }
    write_key(o->out, "output");
    write_open(o->out, '[');
    for (; x != NULL; x = x->next) {
        if (put_block(o, x, false) != 0)
            return -1;
    }
    write_close(o->out, ']');
    write_close(o->out, '}');
    return 0;
}

/*
 * Encrypted reasoning goes back without the id that it came with: nothing is stored there (`store`
 * is false), and an id that is not found is refused, while the encrypted text alone is enough.
 */
static void put_reasoning(const struct responses_out *o, const struct chat_block *b)
{
    if (b->signer != SIGNER_OPENAI || b->signature.len == 0) {
        loss_drop(o->loss, STR("thinking"));
        return;
    }
    begin_item(o, "reasoning");
    write_key(o->out, "summary");
    write_open(o->out, '[');
    if (b->text.len > 0) {
        put_part(o, "summary_text");
        write_member_text(o->out, "text", b->text);
        write_close(o->out, '}');
    }
    write_close(o->out, ']');
    write_member_text(o->out, "encrypted_content", b->signature);
    write_close(o->out, '}');
}

static bool is_part(const struct chat_message *m, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        return true;
    case BLOCK_IMAGE:
    case BLOCK_AUDIO:
    case BLOCK_VIDEO:
    case BLOCK_DOCUMENT:
        return m->role != ROLE_ASSISTANT;
    case BLOCK_OTHER:
        return m->role != ROLE_ASSISTANT && m->role != ROLE_TOOL;
    default:
        return false;
    }
}

static const char *role_name(const struct responses_out *o, enum chat_role role)
{
    switch (role) {
    case ROLE_SYSTEM:
        return "system";
    case ROLE_DEVELOPER:
        return (o->target->quirks & QUIRK_NO_DEVELOPER) != 0 ? "system" : "developer";
    case ROLE_ASSISTANT:
        return "assistant";
    default:
        return "user";
    }
}

static bool can_be_part(const struct responses_out *o, const struct chat_block *b)
{
    return b->kind != BLOCK_OTHER || is_home(o);
}

/* A run of parts as one message item. *b is moved to what comes behind it. */
static int put_message(const struct responses_out *o, const struct chat_message *m,
                       const struct chat_block **b)
{
    bool has_begun = false;

    for (; *b != NULL && is_part(m, *b); *b = (*b)->next) {
        if (!can_be_part(o, *b)) {
            responses_drop(o, STR("messages"), (*b)->name);
            continue;
        }
        if (!has_begun) {
            begin_item(o, "message");
            write_member_cstr(o->out, "role", role_name(o, m->role));
            write_key(o->out, "content");
            write_open(o->out, '[');
            has_begun = true;
        }
        if (put_block(o, *b, m->role == ROLE_ASSISTANT) != 0)
            return -1;
    }
    if (has_begun) {
        write_close(o->out, ']');
        write_close(o->out, '}');
    }
    return 0;
}

static int put_item(const struct responses_out *o, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TOOL_CALL:
        if (b->signature.len > 0)
            loss_drop(o->loss, STR("thinking"));
        put_call(o, b);
        return 0;
    case BLOCK_TOOL_RESULT:
        return put_result(o, b);
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
        put_reasoning(o, b);
        return 0;
    case BLOCK_OTHER:
        if (is_home(o))
            write_raw(o->out, b->raw);
        else
            responses_drop(o, STR("messages"), b->name);
        return 0;
    default: /* an image that the assistant made */
        loss_drop(o->loss, STR("messages.content"));
        return 0;
    }
}

int responses_encode_input(const struct responses_out *o)
{
    const struct chat_message *m = o->chat->messages;

    if (m != NULL && responses_instructions(o->chat).p != NULL)
        m = m->next;
    write_open(o->out, '[');
    for (; m != NULL; m = m->next) {
        const struct chat_block *b = m->blocks;

        if (m->name.len > 0)
            loss_drop(o->loss, STR("messages.name"));
        while (b != NULL) {
            if (is_part(m, b)) {
                if (put_message(o, m, &b) != 0)
                    return -1;
                continue;
            }
            if (put_item(o, b) != 0)
                return -1;
            b = b->next;
        }
    }
    write_close(o->out, ']');
    return 0;
}
