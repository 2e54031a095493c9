#include "tools/mock/text.h"

#include "server/base/base.h"
#include "server/base/buf.h"
#include "tools/mock/model.h"

/* None longer than TEXT_TOKEN_BYTES, so each is one token. */
static const char *const WORDS[] = {
    "lorem", "ipsum",  "dolor",   "sit",     "amet",    "sed",     "eiusmod", "tempor",
    "ut",    "labore", "et",      "dolore",  "magna",   "aliqua",  "enim",    "ad",
    "minim", "veniam", "quis",    "nostrud", "ullamco", "laboris", "nisi",    "aliquip",
    "ex",    "ea",     "commodo", "duis",    "aute",    "irure",   "in",      "velit",
};

/* Asked for each byte of prompts and answers: letters are told by one comparison. */
static inline bool is_blank(char c)
{
    return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
}

size_t text_token(struct str s)
{
    size_t at = 0;
    size_t end;

    while (at < s.len && is_blank(s.p[at]))
        at++;
    end = at + TEXT_TOKEN_BYTES < s.len ? at + TEXT_TOKEN_BYTES : s.len;
    while (at < end && !is_blank(s.p[at]))
        at++;
    /* Not between the bytes of one character; the text is valid UTF-8. */
    while (at < s.len && ((unsigned char)s.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

uint64_t text_count(struct str s)
{
    uint64_t n = 0;

    while (s.len > 0) {
        s = str_skip(s, text_token(s));
        n++;
    }
    return n;
}

struct str text_head(struct str s, uint64_t n)
{
    struct str rest = s;

    if (n >= s.len) /* a token has at least a byte */
        return s;
    for (; n > 0 && rest.len > 0; n--)
        rest = str_skip(rest, text_token(rest));
    return (struct str){s.p, s.len - rest.len};
}

struct str text_lorem(uint32_t n)
{
    static struct buf all = BUF_INIT; /* grows to what was asked for; never shrinks or moves under
                                         an answer, because it is built whole the first time */
    static size_t ends[ARRAY_LEN(WORDS) + 1];
    size_t round;

    if (all.len == 0) {
        for (size_t i = 0; i < MODEL_TOKENS_MAX; i++) {
            if (i <= ARRAY_LEN(WORDS))
                ends[i] = all.len;
            if (i > 0)
                buf_char(&all, ' ');
            buf_cstr(&all, WORDS[i % ARRAY_LEN(WORDS)]);
        }
    }
    if (n == 0)
        return (struct str){all.data, 0};
    /* The first round lacks the blank in front of its first word. */
    round = ends[ARRAY_LEN(WORDS)] + 1;
    if (n % ARRAY_LEN(WORDS) == 0)
        return (struct str){all.data, n / ARRAY_LEN(WORDS) * round - 1};
    return (struct str){all.data, n / ARRAY_LEN(WORDS) * round + ends[n % ARRAY_LEN(WORDS)]};
}
