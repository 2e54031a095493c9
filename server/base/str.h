/*
 * str - a borrowed run of bytes, not NUL-terminated.
 *
 * Runs in:  every process and tool.   Reads: nothing.   Writes: nothing shared.
 * Does not: own or allocate anything; see arena.h and buf.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct str {
    const char *p; /* may be NULL when len is 0 */
    size_t len;
};

#define STR(literal) ((struct str){"" literal "", sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf's %.*s */
#define STR_ARGS(s) (int)(s).len, ((s).p != NULL ? (s).p : "")

static inline struct str str_of(const char *cstr)
{
    return (struct str){cstr, cstr != NULL ? strlen(cstr) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

/* The part of `s` after its first `n` bytes (none when it is shorter). */
static inline struct str str_skip(struct str s, size_t n)
{
    return n >= s.len ? (struct str){s.p + s.len, 0} : (struct str){s.p + n, s.len - n};
}

static inline bool str_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit, -1 when it is none. */
static inline int str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20); /* moves A..F, and nothing else, into a..f */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ASCII only, as HTTP header names are. */
bool str_eq_nocase(struct str a, struct str b);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* spaces and tabs at both ends */
/* Index of `c`, or -1. */
ptrdiff_t str_index(struct str s, char c);
/* Order by bytes, then by length: <0, 0, >0. */
int str_cmp(struct str a, struct str b);

/*
 * Take the next part of *rest up to `sep` (or its end) and move *rest past it. Returns false
 * when nothing is left. Empty parts are returned.
 */
bool str_next(struct str *rest, char sep, struct str *out);

/*
 * Does `name` match `pattern`? `*` stands for any run of bytes, also `/`; nothing else is special.
 * Linear in name times the number of stars; never recurses.
 */
bool glob_match(struct str pattern, struct str name);

/* Does any of the NUL-separated patterns in `list` match? An empty list matches nothing. */
bool glob_list_match(struct str list, struct str name);

/*
 * The same for a list of what is forbidden: blanks around the name and its case do not matter, because they
 * do not to some providers (Azure's deployments), who would be asked for what is denied under another spelling.
 */
bool glob_list_denies(struct str list, struct str name);

/*
 * Put `raw` with each "%41" as the byte it stands for into `out`, which has room for raw.len bytes.
 * False when there was a '%' without two digits; it stays as it is. '+' is no blank.
 */
bool str_unescape(struct str raw, char *out, size_t *out_len);

/* Unsigned decimal, all of `s`, no sign, no blanks. False when it is not one or overflows. */
bool str_parse_u64(struct str s, uint64_t *out);

/* The candidate nearest to `word`: within an edit distance worth suggesting, else one with the same
 * beginning; or NULL. */
const char *str_nearest(struct str word, const char *const *candidates, size_t n);

#ifdef __cplusplus
}
#endif

#endif
