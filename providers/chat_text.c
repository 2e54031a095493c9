#include "providers/chat_text.h"

struct str text_inside(const struct json *node)
{
    if (node == NULL || node->type != JSON_STRING)
        return STR_NONE;
    return (struct str){node->raw.p + 1, node->raw.len - 2};
}

struct str text_member(const struct json *object, const char *key)
{
    return text_inside(json_get(object, key));
}

bool text_is(struct str escaped, const char *plain)
{
    return str_eq(escaped, str_of(plain));
}

struct str text_plain(struct arena *a, struct str escaped)
{
    if (escaped.len == 0 || memchr(escaped.p, '\\', escaped.len) == NULL)
        return escaped;
    return json_unescape_inside(a, escaped);
}

static bool needs_escape(struct str plain)
{
    for (size_t i = 0; i < plain.len; i++) {
        unsigned char c = (unsigned char)plain.p[i];

        if (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
            return true;
    }
    return false;
}

struct str text_escape(struct arena *a, struct str plain)
{
    struct buf b = BUF_IN(a);

    if (!needs_escape(plain))
        return plain;
    buf_reserve(&b, plain.len + plain.len / 8 + 2);
    buf_json(&b, plain);
    return (struct str){b.data + 1, b.len - 2};
}

/* How many bytes more a byte takes when it is escaped. */
static size_t more_of(unsigned char c)
{
    if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t')
        return 1;
    return c < 0x20 || c == 0x7f ? 5 : 0;
}

struct str text_of_raw(struct arena *a, struct str raw)
{
    static const char digits[] = "0123456789abcdef";
    size_t more = 0;
    char *out, *at;

    for (size_t i = 0; i < raw.len; i++)
        more += more_of((unsigned char)raw.p[i]);
    if (more == 0)
        return raw;
    out = at = arena_alloc(a, raw.len + more);
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        size_t n = more_of(c);

        if (n > 0)
            *at++ = '\\';
        if (n < 2) {
            *at++ = (char)(c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c);
            continue;
        }
        memcpy(at, "u00", 3);
        at[3] = digits[c >> 4];
        at[4] = digits[c & 15];
        at += 5;
    }
    return (struct str){out, (size_t)(at - out)};
}

/* --- arguments --- */

static bool is_object(const struct chat_codec *c, struct str text)
{
    struct json_error err;
    struct json *root = json_parse_raw(c->json, c->scratch, text, &err);

    return root != NULL && root->type == JSON_OBJECT;
}

bool text_arguments_object(const struct chat_codec *c, const struct chat_block *call,
                           struct str *out)
{
    struct str plain;

    if (call->arguments.len > 0) {
        *out = call->arguments;
        return true;
    }
    plain = str_trim(text_plain(c->arena, call->arguments_text));
    if (plain.len == 0) {
        *out = STR("{}");
        return true;
    }
    if (is_object(c, plain)) {
        *out = plain;
        return true;
    }
    *out = arena_concat(
        c->arena, (struct str[]){STR("{\"_arguments\":\""), call->arguments_text, STR("\"}")}, 3);
    return false;
}

struct str text_arguments_string(const struct chat_codec *c, const struct chat_block *call)
{
    if (call->arguments.len > 0)
        return text_of_raw(c->arena, call->arguments);
    return call->arguments_text.len > 0 ? call->arguments_text : STR("{}");
}

/* --- media --- */

bool text_data_url(struct str escaped, struct str *type, struct str *data)
{
    static const struct str scheme = {"data:", 5}, marker = {";base64", 7};
    struct str head;
    ptrdiff_t comma;

    if (escaped.len < scheme.len || !str_eq_nocase((struct str){escaped.p, scheme.len}, scheme))
        return false;
    comma = str_index(escaped, ',');
    if (comma < 0)
        return false;
    head = (struct str){escaped.p + scheme.len, (size_t)comma - scheme.len};
    if (!str_ends(head, marker))
        return false;
    head.len -= marker.len;
    /* parameters such as ";charset=utf-8" are not part of the type */
    comma = str_index(head, ';');
    if (comma >= 0)
        head.len = (size_t)comma;
    *type = head;
    *data = str_skip(escaped, (size_t)(head.p - escaped.p) + head.len);
    *data = str_skip(*data, (size_t)str_index(*data, ',') + 1);
    return true;
}

struct str text_media_type(struct str name)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},
        {".webp", "image/webp"},
        {".heic", "image/heic"},
        {".pdf", "application/pdf"},
        {".txt", "text/plain"},
        {".md", "text/markdown"},
        {".csv", "text/csv"},
        {".html", "text/html"},
        {".json", "application/json"},
        {".mp3", "audio/mpeg"},
        {".wav", "audio/wav"},
        {".mp4", "video/mp4"},
        {".mov", "video/quicktime"},
        {".webm", "video/webm"},
        {".doc", "application/msword"},
        {".xls", "application/vnd.ms-excel"},
        {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    };
    ptrdiff_t query = str_index(name, '?');

    if (query >= 0)
        name.len = (size_t)query;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct str end = str_of(types[i].end);

        if (name.len > end.len &&
            str_eq_nocase((struct str){name.p + name.len - end.len, end.len}, end))
            return str_of(types[i].type);
    }
    return STR_NONE;
}

/* --- places --- */

static size_t put_cut(char *out, size_t room, size_t at, const char *text, size_t len)
{
    size_t n = min_u64(len, room - 1 - at);

    memcpy(out + at, text, n);
    return at + n;
}

void text_place(char *out, size_t room, const char *path, uint32_t i, const char *tail)
{
    char digits[12];
    size_t from = sizeof(digits);
    size_t at = 0;

    must(room > 0);
    digits[--from] = ']';
    do {
        digits[--from] = (char)('0' + i % 10);
        i /= 10;
    } while (i > 0);
    digits[--from] = '[';
    at = put_cut(out, room, at, path, strlen(path));
    at = put_cut(out, room, at, digits + from, sizeof(digits) - from);
    at = put_cut(out, room, at, tail, strlen(tail));
    out[at] = '\0';
}

/* --- signatures in foreign hands --- */

#define WRAP "bf1."

static const char signer_letters[] = {
    [SIGNER_NONE] = 'n',   [SIGNER_ANTHROPIC] = 'a', [SIGNER_GEMINI] = 'g',
    [SIGNER_OPENAI] = 'o', [SIGNER_OTHER] = 'x',
};

struct str text_wrap(struct arena *a, struct str signature, enum chat_signer signer)
{
    char head[] = WRAP "?.";

    head[sizeof(WRAP) - 1] = signer_letters[signer];
    return arena_concat(a, (struct str[]){{head, sizeof(head) - 1}, signature}, 2);
}

struct str text_unwrap(struct str wrapped, enum chat_signer own, enum chat_signer *signer)
{
    size_t head = sizeof(WRAP) + 1;

    *signer = own;
    if (wrapped.len < head || !str_starts(wrapped, STR(WRAP)) || wrapped.p[head - 1] != '.')
        return wrapped;
    for (size_t i = 0; i < ARRAY_LEN(signer_letters); i++) {
        if (signer_letters[i] == wrapped.p[sizeof(WRAP) - 1]) {
            *signer = (enum chat_signer)i;
            return str_skip(wrapped, head);
        }
    }
    return wrapped;
}

void text_grow(struct arena *a, struct str *text, size_t *cap, struct str more, size_t max)
{
    char *data = (char *)(uintptr_t)text->p; /* ours, from the call before */

    if (text->len == 0)
        *cap = 0;
    if (more.len == 0 || more.len > max || text->len > max - more.len)
        return;
    if (more.len > *cap - text->len) {
        *cap = 2 * (text->len + more.len);
        data = arena_alloc(a, *cap);
        if (text->len > 0)
            memcpy(data, text->p, text->len);
    }
    memcpy(data + text->len, more.p, more.len);
    *text = (struct str){data, text->len + more.len};
}

struct str text_of_blocks(const struct chat_codec *c, const struct chat_block *blocks,
                          struct str between)
{
    struct str all = STR_NONE;
    struct buf b = BUF_IN(c->arena);
    size_t n = 0;

    for (const struct chat_block *x = blocks; x != NULL; x = x->next) {
        if (x->kind == BLOCK_TEXT && n++ == 0)
            all = x->text;
    }
    if (n <= 1)
        return all;
    n = 0;
    for (const struct chat_block *x = blocks; x != NULL; x = x->next) {
        if (x->kind != BLOCK_TEXT)
            continue;
        if (n++ > 0)
            buf_str(&b, between);
        buf_str(&b, x->text);
    }
    return buf_view(&b);
}
