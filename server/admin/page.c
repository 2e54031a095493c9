/*
 * page - GET /: what this is, with links to it all. One file, put into the program as it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "server/admin/api.h"
#include "server/base/crypto.h"

/* The Makefile makes this object depend on the page. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "admin_page_begin:\n"
        ".incbin \"server/admin/web/index.html\"\n"
        "admin_page_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char admin_page_begin[], admin_page_end[];

#define HASH_TEXT 45 /* 32 bytes in base64, and a NUL */

static void base64(const uint8_t in[SHA256_BYTES], char out[HASH_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;

    for (size_t i = 0; i < SHA256_BYTES; i += 3) {
        uint32_t three = (uint32_t)in[i] << 16;

        if (i + 1 < SHA256_BYTES)
            three |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < SHA256_BYTES)
            three |= in[i + 2];
        out[n++] = digits[three >> 18];
        out[n++] = digits[three >> 12 & 63];
        out[n++] = i + 1 < SHA256_BYTES ? digits[three >> 6 & 63] : '=';
        out[n++] = i + 2 < SHA256_BYTES ? digits[three & 63] : '=';
    }
    out[n] = '\0';
}

/* What stands between the tags, as a policy's hash: nothing else in the page may run or style. */
static void hash_of(struct str page, const char *open, const char *close, char out[HASH_TEXT])
{
    uint8_t hash[SHA256_BYTES];
    const char *begin = memmem(page.p, page.len, open, strlen(open));

    must(begin != NULL);
    begin += strlen(open);
    const char *end = memmem(begin, (size_t)(page.p + page.len - begin), close, strlen(close));
    must(end != NULL);
    crypto_sha256((struct str){begin, (size_t)(end - begin)}, hash);
    base64(hash, out);
}

void api_page(struct exchange *ex, struct str tail)
{
    struct str page = {admin_page_begin, (size_t)(admin_page_end - admin_page_begin)};
    char style[HASH_TEXT], script[HASH_TEXT];

    (void)tail;
    hash_of(page, "<style>", "</style>", style);
    hash_of(page, "<script>", "</script>", script);
    ex->policy = arena_printf(ex->arena,
                              "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; "
                              "connect-src 'self'; img-src data:; base-uri 'none'; form-action "
                              "'none'; frame-ancestors 'none'",
                              style, script)
                     .p;
    buf_str(&ex->out, page);
    ex->status = 200;
    ex->content_type_out = "text/html; charset=utf-8";
    exchange_finish(ex);
}
