#include "providers/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_write(char *out, struct str bytes)
{
    const unsigned char *in = (const unsigned char *)bytes.p;
    size_t left = bytes.len;
    char *start = out;

    for (; left >= 3; left -= 3, in += 3) {
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        *out++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        *out++ = alphabet[in[2] & 63];
    }
    if (left > 0) {
        unsigned second = left == 2 ? in[1] : 0;

        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 3) << 4 | second >> 4];
        *out++ = left == 2 ? alphabet[(second & 15) << 2] : '=';
        *out++ = '=';
    }
    return (size_t)(out - start);
}

void base64_put(struct buf *b, struct str bytes)
{
    buf_reserve(b, base64_len(bytes.len) + 1);
    b->len += base64_write(b->data + b->len, bytes);
    b->data[b->len] = '\0';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_read(struct str text, char *out, size_t *out_len)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t len = 0;

    for (int i = 0; i < 2 && text.len > 0 && text.p[text.len - 1] == '='; i++)
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        int v = value_of(text.p[i]);

        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (char)(bits >> n_bits);
        }
    }
    *out_len = len;
    return n_bits < 6; /* one character alone stands for nothing */
}
