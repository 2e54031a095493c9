/*
 * bedrock_text - formats, ids, names, stop reasons and usage of Bedrock: bedrock.h.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "providers/base64.h"
#include "providers/chat_text.h"
#include "providers/dialects/bedrock.h"
#include "providers/write.h"

#define ID_MAX 64
#define DOCUMENT_NAME_MAX 200

static bool contains(struct str s, const char *word)
{
    return s.len > 0 && memmem(s.p, s.len, word, strlen(word)) != NULL;
}

enum bedrock_family bedrock_family_of(struct str model)
{
    if (contains(model, "anthropic") || contains(model, "claude"))
        return FAMILY_CLAUDE;
    if (contains(model, "nova-2"))
        return FAMILY_NOVA2;
    if (contains(model, "nova"))
        return FAMILY_NOVA;
    return contains(model, "gpt-oss") ? FAMILY_GPT : FAMILY_OTHER;
}

/* --- formats --- */

/* The first of a kind is its word for the other side. */
static const struct {
    enum chat_block_kind kind;
    const char *format, *type;
} formats[] = {
    {BLOCK_IMAGE, "png", "image/png"},
    {BLOCK_IMAGE, "jpeg", "image/jpeg"},
    {BLOCK_IMAGE, "jpeg", "image/jpg"},
    {BLOCK_IMAGE, "gif", "image/gif"},
    {BLOCK_IMAGE, "webp", "image/webp"},
    {BLOCK_DOCUMENT, "pdf", "application/pdf"},
    {BLOCK_DOCUMENT, "csv", "text/csv"},
    {BLOCK_DOCUMENT, "doc", "application/msword"},
    {BLOCK_DOCUMENT, "docx",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {BLOCK_DOCUMENT, "xls", "application/vnd.ms-excel"},
    {BLOCK_DOCUMENT, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {BLOCK_DOCUMENT, "html", "text/html"},
    {BLOCK_DOCUMENT, "txt", "text/plain"},
    {BLOCK_DOCUMENT, "md", "text/markdown"},
    {BLOCK_DOCUMENT, "txt", "application/json"},
    {BLOCK_VIDEO, "mp4", "video/mp4"},
    {BLOCK_VIDEO, "mov", "video/quicktime"},
    {BLOCK_VIDEO, "mov", "video/mov"},
    {BLOCK_VIDEO, "mkv", "video/x-matroska"},
    {BLOCK_VIDEO, "webm", "video/webm"},
    {BLOCK_VIDEO, "flv", "video/x-flv"},
    {BLOCK_VIDEO, "mpeg", "video/mpeg"},
    {BLOCK_VIDEO, "mpg", "video/mpg"},
    {BLOCK_VIDEO, "wmv", "video/x-ms-wmv"},
    {BLOCK_VIDEO, "wmv", "video/wmv"},
    {BLOCK_VIDEO, "three_gp", "video/3gpp"},
    {BLOCK_AUDIO, "mp3", "audio/mpeg"},
    {BLOCK_AUDIO, "mp3", "audio/mp3"},
    {BLOCK_AUDIO, "wav", "audio/wav"},
    {BLOCK_AUDIO, "wav", "audio/x-wav"},
    {BLOCK_AUDIO, "opus", "audio/opus"},
    {BLOCK_AUDIO, "aac", "audio/aac"},
    {BLOCK_AUDIO, "x-aac", "audio/x-aac"},
    {BLOCK_AUDIO, "flac", "audio/flac"},
    {BLOCK_AUDIO, "ogg", "audio/ogg"},
    {BLOCK_AUDIO, "m4a", "audio/m4a"},
    {BLOCK_AUDIO, "m4a", "audio/x-m4a"},
    {BLOCK_AUDIO, "mp4", "audio/mp4"},
    {BLOCK_AUDIO, "mpga", "audio/mpga"},
    {BLOCK_AUDIO, "mpeg", "audio/x-mpeg"},
    {BLOCK_AUDIO, "mka", "audio/x-matroska"},
    {BLOCK_AUDIO, "mkv", "audio/matroska"},
    {BLOCK_AUDIO, "pcm", "audio/pcm"},
    {BLOCK_AUDIO, "pcm", "audio/L16"},
    {BLOCK_AUDIO, "webm", "audio/webm"},
};

struct str bedrock_type_of(enum chat_block_kind kind, struct str format)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (formats[i].kind == kind && text_is(format, formats[i].format))
            return str_of(formats[i].type);
    }
    return STR_NONE;
}

const char *bedrock_format_of(enum chat_block_kind kind, struct str type)
{
    ptrdiff_t parameters = str_index(type, ';');

    if (parameters >= 0)
        type = str_trim((struct str){type.p, (size_t)parameters});
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (formats[i].kind == kind && str_eq_nocase(type, str_of(formats[i].type)))
            return formats[i].format;
    }
    return NULL;
}

/* --- ids and names --- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '_' || c == '-';
}

bool bedrock_name_is_good(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_word(name.p[i]))
            return false;
    }
    return name.len > 0 && name.len <= ID_MAX;
}

/* FNV-1a: tells ids apart that differ only in what is not allowed; nobody attacks his own ids. */
static uint64_t hash_of(struct str s)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return h;
}

struct str bedrock_id(struct arena *a, struct str id)
{
    char text[ID_MAX + 1];
    size_t n = min_u64(id.len, ID_MAX - 17);

    if (bedrock_name_is_good(id))
        return id;
    for (size_t i = 0; i < n; i++)
        text[i] = is_word(id.p[i]) ? id.p[i] : '_';
    return arena_printf(a, "%.*s_%016llx", (int)n, text, (unsigned long long)hash_of(id));
}

struct str bedrock_document_name(struct arena *a, struct str plain)
{
    char *out = arena_alloc(a, plain.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < plain.len && n < DOCUMENT_NAME_MAX; i++) {
        char c = plain.p[i];
        bool blank = c == ' ' || c == '\t';
        bool good = isalnum((unsigned char)c) || (c != '\0' && strchr("-()[]", c) != NULL);

        if (blank && (n == 0 || out[n - 1] == ' '))
            continue;
        out[n++] = blank ? ' ' : (char)(good ? c : '-');
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    return (struct str){out, n};
}

/* --- redacted thinking --- */

static bool is_base64(struct str s)
{
    if (s.len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && s.len > 0 && s.p[s.len - 1] == '='; i++)
        s.len--;
    for (size_t i = 0; i < s.len; i++) {
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
            return false;
    }
    return s.len > 0;
}

struct str bedrock_redacted_out(struct arena *a, struct str data, enum chat_signer signer)
{
    struct str wrapped;
    char *text;

    if (signer == SIGNER_ANTHROPIC && is_base64(data))
        return data;
    wrapped = text_wrap(a, text_plain(a, data), signer);
    text = arena_alloc(a, base64_len(wrapped.len));
    return (struct str){text, base64_write(text, wrapped)};
}

struct str bedrock_redacted_in(struct arena *a, struct str base64, enum chat_signer *signer)
{
    /* "bf1.", six characters of it being eight here */
    static const struct str head = {"YmYxL", 5};
    struct str plain;
    char *out;

    *signer = SIGNER_ANTHROPIC;
    if (!str_starts(base64, head))
        return base64;
    plain = text_plain(a, base64); /* '/' may be escaped */
    out = arena_alloc(a, base64_room(plain));
    if (!base64_read(plain, out, &plain.len))
        return base64;
    plain.p = out;
    return text_escape(a, text_unwrap(plain, SIGNER_ANTHROPIC, signer));
}

/* --- stop reasons --- */

static const struct {
    const char *name;
    enum chat_stop stop;
} stops[] = {
    /* the first name of a reason is what it is told with */
    {"end_turn", STOP_END},
    {"tool_use", STOP_TOOL},
    {"max_tokens", STOP_LENGTH},
    {"stop_sequence", STOP_SEQUENCE},
    {"content_filtered", STOP_FILTER},
    {"guardrail_intervened", STOP_FILTER},
    {"malformed_model_output", STOP_ERROR},
    {"malformed_tool_use", STOP_ERROR},
    {"model_context_window_exceeded", STOP_CONTEXT},
    /* Claude's own, in case they come through; as a client is told them there are other words */
    {"refusal", STOP_REFUSAL},
    {"pause_turn", STOP_PAUSE},
};

enum chat_stop bedrock_stop_of(struct str reason)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (text_is(reason, stops[i].name))
            return stops[i].stop;
    }
    return STOP_END;
}

const char *bedrock_stop_name(enum chat_stop stop)
{
    if (stop == STOP_REFUSAL)
        return "content_filtered";
    if (stop == STOP_PAUSE)
        return "end_turn";
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        if (stops[i].stop == stop)
            return stops[i].name;
    }
    return "end_turn";
}

/* --- usage --- */

static uint64_t count_of(const struct json *object, const char *key)
{
    uint64_t n = 0;

    return json_u64(json_get(object, key), &n) ? n : 0;
}

void bedrock_usage_in(const struct json *usage, struct chat_usage *out)
{
    const struct json *details = json_get(usage, "cacheDetails");
    uint64_t written = count_of(usage, "cacheWriteInputTokens");
    struct chat_usage u = {.known = true};

    if (usage == NULL || usage->type != JSON_OBJECT)
        return;
    u.cached = count_of(usage, "cacheReadInputTokens");
    if (details != NULL && details->type == JSON_ARRAY) {
        for (const struct json *d = details->child; d != NULL; d = d->next) {
            if (text_is(text_member(d, "ttl"), "1h"))
                u.written_1h += count_of(d, "inputTokens");
        }
    }
    u.written_1h = min_u64(u.written_1h, written);
    u.written_5m = written - u.written_1h;
    /* AWS tells what was neither read from nor written into the cache */
    u.input = count_of(usage, "inputTokens") + u.cached + written;
    u.output = count_of(usage, "outputTokens");
    *out = u;
}

void bedrock_usage_out(struct buf *b, const struct chat_usage *u)
{
    uint64_t written = u->written_5m + u->written_1h;
    uint64_t cached = u->cached + written;

    write_key(b, "usage");
    write_open(b, '{');
    write_member_u64(b, "inputTokens", u->input > cached ? u->input - cached : 0);
    write_member_u64(b, "outputTokens", u->output);
    write_member_u64(b, "totalTokens", u->input + u->output);
    if (u->cached > 0 || written > 0) {
        write_member_u64(b, "cacheReadInputTokens", u->cached);
        write_member_u64(b, "cacheWriteInputTokens", written);
    }
    if (written > 0) {
        write_key(b, "cacheDetails");
        write_open(b, '[');
        for (int hour = 1; hour >= 0; hour--) {
            uint64_t n = hour ? u->written_1h : u->written_5m;

            if (n == 0)
                continue;
            write_open(b, '{');
            write_member_cstr(b, "ttl", hour ? "1h" : "5m");
            write_member_u64(b, "inputTokens", n);
            write_close(b, '}');
        }
        write_close(b, ']');
    }
    write_close(b, '}');
}
