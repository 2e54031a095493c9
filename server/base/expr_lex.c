/* Text to tokens, after cel-spec's grammar. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/expr_parse.h"

#define NUMBER_MAX 64 /* characters of a number */

int expr_fail(const struct expr_lexer *l, size_t at, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut is fine */
    va_end(args);
    return error_set(l->err, "column %zu: %s", at + 1, text);
}

static char peek(const struct expr_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.p[l->at + ahead] : '\0';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_blanks(struct expr_lexer *l)
{
    while (l->at < l->text.len) {
        char c = peek(l, 0);

        if (c == '/' && peek(l, 1) == '/') {
            while (l->at < l->text.len && peek(l, 0) != '\n')
                l->at++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            l->at++;
        } else {
            return;
        }
    }
}

/* --- numbers --- */

static int take_hex(struct expr_lexer *l)
{
    size_t digits = 0;

    l->integer = 0;
    for (l->at += 2; str_hex_digit(peek(l, 0)) >= 0; l->at++) {
        if (++digits > 16)
            return expr_fail(l, l->start, "a number has at most 64 bits");
        l->integer = l->integer << 4 | (uint64_t)str_hex_digit(peek(l, 0));
    }
    if (digits == 0)
        return expr_fail(l, l->start, "0x wants hexadecimal digits behind it");
    l->token = TOKEN_INTEGER;
    return 0;
}

static void skip_digits(struct expr_lexer *l)
{
    while (str_is_digit(peek(l, 0)))
        l->at++;
}

static int take_number(struct expr_lexer *l)
{
    char text[NUMBER_MAX];
    bool is_double = false;
    size_t len;

    if (peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X'))
        return take_hex(l);
    skip_digits(l);
    if (peek(l, 0) == '.' && str_is_digit(peek(l, 1))) {
        is_double = true;
        l->at++;
        skip_digits(l);
    }
    if ((peek(l, 0) | 0x20) == 'e') {
        size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-' ? 1 : 0;

        if (str_is_digit(peek(l, 1 + sign))) {
            is_double = true;
            l->at += 1 + sign;
            skip_digits(l);
        }
    }
    len = l->at - l->start;
    if ((peek(l, 0) | 0x20) == 'u')
        return expr_fail(l, l->start, "unsigned numbers are not known here: leave out the u");
    if (len >= sizeof(text))
        return expr_fail(l, l->start, "a number has at most %d digits", NUMBER_MAX - 1);
    memcpy(text, l->text.p + l->start, len);
    text[len] = '\0';
    if (is_double) {
        l->token = TOKEN_NUMBER;
        l->number = strtod(text, NULL);
        if (isinf(l->number))
            return expr_fail(l, l->start, "%s does not fit a double", text);
        return 0;
    }
    l->token = TOKEN_INTEGER;
    if (!str_parse_u64((struct str){text, len}, &l->integer))
        return expr_fail(l, l->start, "%s does not fit 64 bits", text);
    return 0;
}

/* --- strings --- */

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_char(out, (char)c);
    } else if (c < 0x800) {
        buf_char(out, (char)(0xc0 | c >> 6));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_char(out, (char)(0xe0 | c >> 12));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_char(out, (char)(0xf0 | c >> 18));
        buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

static int take_code(struct expr_lexer *l, size_t digits, int base)
{
    uint32_t c = 0;

    for (size_t i = 0; i < digits; i++, l->at++) {
        int digit = str_hex_digit(peek(l, 0));

        if (digit < 0 || digit >= base)
            return expr_fail(l, l->at, "an escape that wants %zu digits has too few", digits);
        c = c * (uint32_t)base + (uint32_t)digit;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return expr_fail(l, l->start, "an escape is no Unicode character");
    add_utf8(&l->string, c);
    return 0;
}

static int take_escape(struct expr_lexer *l)
{
    static const char names[] = "abfnrtv\\?\"'`";
    static const char values[] = "\a\b\f\n\r\t\v\\?\"'`";
    char c = peek(l, 1);
    const char *found = c != '\0' ? strchr(names, c) : NULL;

    if (found != NULL) {
        buf_char(&l->string, values[found - names]);
        l->at += 2;
        return 0;
    }
    if (c >= '0' && c <= '3') {
        l->at++;
        return take_code(l, 3, 8);
    }
    l->at += 2;
    if (c == 'x' || c == 'X')
        return take_code(l, 2, 16);
    if (c == 'u')
        return take_code(l, 4, 16);
    if (c == 'U')
        return take_code(l, 8, 16);
    return expr_fail(l, l->at - 2, "there is no escape \\%c", c == '\0' ? ' ' : c);
}

/* At its first quote. */
static int take_string(struct expr_lexer *l, bool is_raw)
{
    char quote = peek(l, 0);
    size_t n = peek(l, 1) == quote && peek(l, 2) == quote ? 3 : 1;

    buf_clear(&l->string);
    for (l->at += n; l->at < l->text.len;) {
        if (peek(l, 0) == quote && (n == 1 || (peek(l, 1) == quote && peek(l, 2) == quote))) {
            l->at += n;
            l->token = TOKEN_TEXT;
            return 0;
        }
        if (n == 1 && peek(l, 0) == '\n')
            break;
        if (peek(l, 0) == '\\' && !is_raw) {
            if (take_escape(l) != 0)
                return -1;
            continue;
        }
        buf_char(&l->string, peek(l, 0));
        l->at++;
    }
    return expr_fail(l, l->start, "a string has no end");
}

/* --- the rest --- */

static void take_name(struct expr_lexer *l)
{
    while (is_letter(peek(l, 0)) || str_is_digit(peek(l, 0)))
        l->at++;
    l->token = TOKEN_NAME;
    l->name = (struct str){l->text.p + l->start, l->at - l->start};
}

static int take_sign(struct expr_lexer *l)
{
    static const char *const two[] = {"==", "!=", "<=", ">=", "&&", "||"};
    static const char one[] = "<>!+-*/%?:.,()[]";
    char c = peek(l, 0);

    l->token = TOKEN_SIGN;
    for (size_t i = 0; i < ARRAY_LEN(two); i++) {
        if (c == two[i][0] && peek(l, 1) == two[i][1]) {
            memcpy(l->sign, two[i], 3);
            l->at += 2;
            return 0;
        }
    }
    if (c != '\0' && strchr(one, c) != NULL) {
        l->sign[0] = c;
        l->sign[1] = '\0';
        l->at++;
        return 0;
    }
    if (c == '=')
        return expr_fail(l, l->at, "= is no operator; to compare write ==");
    if (c == '&' || c == '|')
        return expr_fail(l, l->at, "%c is no operator; write %c%c", c, c, c);
    return expr_fail(l, l->at, "unexpected character");
}

int expr_next(struct expr_lexer *l)
{
    char c;
    char next;

    skip_blanks(l);
    l->start = l->at;
    l->sign[0] = '\0';
    if (l->at >= l->text.len) {
        l->token = TOKEN_END;
        return 0;
    }
    c = peek(l, 0);
    next = peek(l, 1);
    if (str_is_digit(c) || (c == '.' && str_is_digit(next)))
        return take_number(l);
    if (c == '"' || c == '\'')
        return take_string(l, false);
    if ((c == 'r' || c == 'R') && (next == '"' || next == '\'')) {
        l->at++;
        return take_string(l, true);
    }
    if ((c == 'b' || c == 'B') && (next == '"' || next == '\''))
        return expr_fail(l, l->at, "bytes are not known here; leave out the b");
    if (is_letter(c)) {
        take_name(l);
        return 0;
    }
    return take_sign(l);
}
