/*
 * The text of a free-form call out of the arguments that a model wrote for it as a function,
 * {"input":"..."}, while they come.
 *
 * Arguments are JSON within JSON: with the outer escapes taken off, the text's own escapes are
 * those that an event needs. But they are a model's, so what would not be sound is made so here.
 */
#include "providers/dialects/responses.h"

#include "providers/chat_text.h"

static const char before[] = "{\"input\":\"";

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Blanks may stand between tokens, not in the key. */
static bool may_skip(uint32_t at)
{
    return at <= 1 || at >= sizeof(before) - 3;
}

/* Step over what stands before the text; the bytes taken. */
static size_t match(struct responses_unwrap *u, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == before[u->at]) {
            u->at++;
            if (u->at == sizeof(before) - 1) {
                u->state = UNWRAP_INSIDE;
                return i + 1;
            }
        } else if (!is_blank(s.p[i]) || !may_skip(u->at)) {
            u->state = UNWRAP_LOST;
            return s.len;
        }
    }
    return s.len;
}

static int hex4(const char *p)
{
    int n = 0;

    for (int i = 0; i < 4; i++) {
        int digit = str_hex_digit(p[i]);

        if (digit < 0)
            return -1;
        n = n << 4 | digit;
    }
    return n;
}

/* Bytes of the escape at s: 0: they are not all there; -1: it is none. */
static int escape_bytes(struct str s)
{
    int high, low;

    if (s.len < 2)
        return 0;
    if (s.p[1] != 'u')
        return memchr("\"\\/bfnrt", s.p[1], 8) != NULL ? 2 : -1;
    if (s.len < 6)
        return 0;
    high = hex4(s.p + 2);
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return -1;
    if (high < 0xd800 || high > 0xdfff)
        return 6;
    if (s.len < 12)
        return s.len > 6 && (s.p[6] != '\\' || (s.len > 7 && s.p[7] != 'u')) ? -1 : 0;
    low = s.p[6] == '\\' && s.p[7] == 'u' ? hex4(s.p + 8) : -1;
    return low >= 0xdc00 && low <= 0xdfff ? 12 : -1;
}

static size_t put(char *out, size_t n, const char *bytes, size_t len)
{
    memcpy(out + n, bytes, len);
    return n + len;
}

/* One byte that no escape begins with; a control character is escaped. */
static size_t put_byte(char *out, size_t n, char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[(unsigned char)c >> 4 & 15], hex[c & 15]};

    if ((unsigned char)c >= 0x20)
        return put(out, n, &c, 1);
    return put(out, n, text, sizeof(text));
}

/* Copy the text up to its end, or to an escape that is not complete. */
static struct str copy_text(struct responses_unwrap *u, struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.len * 6 + 1);
    size_t n = 0, i = 0;

    while (i < s.len && s.p[i] != '"') {
        int len = s.p[i] == '\\' ? escape_bytes((struct str){s.p + i, s.len - i}) : 1;

        if (len == 0) {
            u->n_held = s.len - i;
            memcpy(u->held, s.p + i, u->n_held);
            return (struct str){out, n};
        }
        if (len < 0) { /* a backslash that escapes nothing is one */
            n = put(out, n, "\\\\", 2);
            i++;
        } else if (len == 1) {
            n = put_byte(out, n, s.p[i++]);
        } else {
            n = put(out, n, s.p + i, (size_t)len);
            i += (size_t)len;
        }
    }
    if (i < s.len)
        u->state = UNWRAP_BEHIND;
    return (struct str){out, n};
}

struct str responses_unwrap_delta(struct responses_unwrap *u, const struct chat_codec *c,
                                  struct str escaped)
{
    struct str s = text_plain(c->scratch, escaped);

    if (u->state == UNWRAP_BEFORE)
        s = str_skip(s, match(u, s));
    if (u->state != UNWRAP_INSIDE || s.len == 0)
        return STR_NONE;
    if (u->n_held > 0) {
        s = arena_concat(c->scratch, (struct str[]){{u->held, u->n_held}, s}, 2);
        u->n_held = 0;
    }
    return copy_text(u, c->scratch, s);
}
